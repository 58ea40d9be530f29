//! Setting quotas, and using them up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::{Quota, Reservation, ReservationId, quota, quota_reservation};
use crate::access::Target;
use crate::customers::Customer;
use crate::kernel::input::required_text;
use crate::kernel::page::Limit;
use crate::module::{About, Event, Violation};
use crate::work::{Entity, Filter, Permit, UnitOfWork, Version};
use crate::{Error, Result};

/// The quota of customers: once it is set, each customer who is created takes one.
pub const CUSTOMERS: &str = "customers";

/// Permission to set quotas.
pub const MANAGE: &str = "quotas.manage";
/// Permission to see quotas.
pub const READ: &str = "quotas.read";
/// Permission to use quotas up: for modules that do what is counted.
pub const RESERVE: &str = "quotas.reserve";

/// The kind of [`QuotaSet`].
pub const QUOTA_SET: &str = "quotas.set";

/// The limit of a quota was set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuotaSet {
    /// Its name.
    pub name: String,
    /// The limit.
    pub limit: i64,
}

impl Event for QuotaSet {
    const KIND: &'static str = QUOTA_SET;

    fn about(&self) -> About {
        About::default()
    }
}

/// Quotas, seen from a unit of work: `work.quotas()`.
///
/// ```
/// use std::time::Duration;
/// use crm_core::access::Actor;
/// use crm_core::{Crm, MemoryStorage};
/// # fn main() -> crm_core::Result<()> {
/// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// crm.blocking().run(&Actor::system(), "text messages", |work| {
///     work.quotas().set("sms.segments", 100, 0)?;
///     let kept = work.quotas().reserve("sms.segments", 3, Duration::from_secs(3600))?;
///     work.quotas().commit(kept.id, 2)?;
///     let quota = work.quotas().get("sms.segments")?;
///     assert_eq!((quota.free, quota.reserved, quota.used), (98, 0, 2));
///     assert!(work.quotas().reserve("sms.segments", 99, Duration::from_secs(3600)).is_err());
///     Ok::<_, crm_core::Error>(())
/// })
/// # }
/// ```
pub struct Quotas<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// How much of something may be used.
    pub fn quotas(&mut self) -> Quotas<'_, 't> {
        Quotas(self)
    }
}

impl Quotas<'_, '_> {
    /// Sets the limit of a quota, and makes the quota if it is new: then `used` is what was in use before anybody
    /// counted. Of [`CUSTOMERS`] that is counted here. A limit below what is in use takes nothing away.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is empty or longer than 60 characters, and for a negative limit or use.
    pub fn set(&mut self, name: &str, limit: i64, used: i64) -> Result<Quota> {
        let mut work = self.0.permit(MANAGE, &Target::ANY)?;
        let name = required_text("name", name, 60)?;
        for (field, figure) in [("limit", limit), ("used", used)] {
            if figure < 0 {
                return Err(Error::invalid(field, "quota.negative"));
            }
        }
        work.emit(&QuotaSet { name: name.clone(), limit })?;
        if let Some(mut quota) = work.find::<Quota>(&name)? {
            let more = limit.checked_sub(quota.capacity).ok_or_else(|| Error::invalid("limit", "counter.overflow"))?;
            quota.capacity = limit;
            work.update(&mut quota)?;
            work.add(&name, quota::free, more, None)?;
            return work.get(name);
        }
        let used = if name == CUSTOMERS {
            i64::try_from(work.count(Filter::<Customer>::all())?).unwrap_or(i64::MAX)
        } else {
            used
        };
        let quota = Quota { name, version: Version::FIRST, capacity: limit, free: limit - used, reserved: 0, used };
        work.insert(&quota)?;
        Ok(quota)
    }

    /// A quota.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn get(&mut self, name: &str) -> Result<Quota> {
        self.0.permit(READ, &Target::ANY)?.get(name.to_owned())
    }

    /// All quotas, by name.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn all(&mut self) -> Result<Vec<Quota>> {
        self.0.permit(READ, &Target::ANY)?.select(Filter::<Quota>::all()).all()
    }

    /// Keeps so much of a quota for as long as `lease`. Commit or release it: what is forgotten comes back with
    /// [`release_expired`](Self::release_expired).
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `quota.exhausted` when not so much is left; [`Error::NotFound`] for no such quota.
    pub fn reserve(&mut self, name: &str, amount: i64, lease: Duration) -> Result<Reservation> {
        let mut work = self.0.permit(RESERVE, &Target::ANY)?;
        if amount <= 0 {
            return Err(Error::invalid("amount", "quota.not_positive"));
        }
        let reservation = Reservation {
            id: work.new_id(),
            version: Version::FIRST,
            quota: name.to_owned(),
            amount,
            expires_at: work.now().checked_add(lease)?,
        };
        move_units(&mut work, name, &[(quota::free, -amount), (quota::reserved, amount)])?;
        work.insert(&reservation)?;
        Ok(reservation)
    }

    /// Uses what was kept, up to all of it: what is not used is free again. Once only.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was committed or released before; [`Error::Invalid`] for more than was kept.
    pub fn commit(&mut self, id: ReservationId, used: i64) -> Result<()> {
        let mut work = self.0.permit(RESERVE, &Target::ANY)?;
        let reservation: Reservation = work.get(id)?;
        if !(0..=reservation.amount).contains(&used) {
            return Err(Error::invalid("used", "quota.more_than_kept"));
        }
        settle(&mut work, &reservation, used)
    }

    /// Gives back what was kept. Once only.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was committed or released before.
    pub fn release(&mut self, id: ReservationId) -> Result<()> {
        let mut work = self.0.permit(RESERVE, &Target::ANY)?;
        let reservation: Reservation = work.get(id)?;
        settle(&mut work, &reservation, 0)
    }

    /// Gives back at most `limit` reservations of this quota that are over, and says how many.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`RESERVE`].
    pub fn release_expired(&mut self, name: &str, limit: Limit) -> Result<u64> {
        let mut work = self.0.permit(RESERVE, &Target::ANY)?;
        let over = quota_reservation::quota.eq(name).and(quota_reservation::expires_at.le(work.now()));
        let page = work.select(over).page(limit, None)?;
        let mut released = 0;
        for reservation in &page.items {
            settle(&mut work, reservation, 0)?;
            released += 1;
        }
        Ok(released)
    }
}

/// Takes so much of a quota at once, if it is set: what is not limited is free.
///
/// # Errors
/// [`Error::Invalid`] with rule `quota.exhausted` when not so much is left.
pub(crate) fn take(work: &mut Permit<'_, '_>, name: &str, amount: i64) -> Result<()> {
    match work.find::<Quota>(&name.to_owned())? {
        Some(_) => move_units(work, name, &[(quota::free, -amount), (quota::used, amount)]),
        None => Ok(()),
    }
}

fn settle(work: &mut Permit<'_, '_>, reservation: &Reservation, used: i64) -> Result<()> {
    work.delete(reservation)?;
    let back = reservation.amount - used;
    let moves = [(quota::reserved, -reservation.amount), (quota::used, used), (quota::free, back)];
    move_units(work, &reservation.quota, &moves)
}

/// Moves units between counters. Only what is taken away has a floor: a quota that was lowered takes back what it gets.
fn move_units(work: &mut Permit<'_, '_>, name: &str, moves: &[(crate::work::Col<Quota, i64>, i64)]) -> Result<()> {
    let id = name.to_owned();
    for (counter, amount) in moves.iter().filter(|(_, amount)| *amount != 0) {
        work.add(&id, *counter, *amount, (*amount < 0).then_some(0)).map_err(|error| match error {
            Error::Invalid { rule: "counter.floor", .. } => Error::invalid("quota", "quota.exhausted"),
            other => other,
        })?;
    }
    Ok(())
}

/// The invariant `quotas.balances`: the parts of every quota are its limit, what is reserved is the sum of the
/// reservations.
pub fn balances_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for quota in work.select(Filter::<Quota>::all()).all()? {
        let mut kept: i64 = 0;
        work.select(quota_reservation::quota.eq(quota.name.as_str())).for_each(|reservation: Reservation| {
            kept = kept.saturating_add(reservation.amount);
            Ok(())
        })?;
        let parts = quota.free.checked_add(quota.reserved).and_then(|sum| sum.checked_add(quota.used));
        let mut tell = |what: &str| {
            let what = format!("{} {}: {what}", Quota::SCHEMA.kind, quota.name);
            found.push(Violation { invariant: "quotas.balances", what });
        };
        if parts != Some(quota.capacity) {
            tell("its parts are not its limit");
        }
        if kept != quota.reserved {
            tell("what is reserved is not the sum of the reservations");
        }
    }
    Ok(found)
}
