//! Celebrating: the job that gives what the programme gives on days that come back.

use crm_core::Result;
use crm_core::access::Target;
use crm_core::customers::CustomerId;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::anniversaries::event::DayCelebrated;
use crm_core::loyalty::anniversaries::{
    Anniversary, AnniversaryGift, AnniversaryTerms, Celebration, SpecialDay, due, special_day,
};
use crm_core::loyalty::ledger::{Account, AccountState, EntryKind, LotId, LotSource};
use crm_core::loyalty::programme::Dates;
use crm_core::work::Permit;
use serde::{Deserialize, Serialize};

use super::service::terms;
use crate::Club;
use crate::ledger::{Book, Give};
use crate::members::{Member, dates, members};
use crate::notice::{Notice, notify};

/// Permission to celebrate days that come back: for jobs.
pub const CELEBRATE: &str = "loyalty.days.celebrate";

/// What a run has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Celebrated {
    /// How many days it was about.
    pub days: usize,
    /// How many anniversaries were celebrated.
    pub celebrated: usize,
    /// Whether there may be more to celebrate now.
    pub more: bool,
}

impl Club<'_, '_> {
    /// Celebrates the next days whose anniversary has come: every one since the last time, up to the lateness that the
    /// programme allows, so that down time loses none; each year once (S-39). Run it until there is no more, as often and
    /// as late as you like.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::calendar::Calendar;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::anniversaries::AnniversaryGift;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::loyalty::programme::Validity;
    /// # use crm_core::pricing::Audience;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.anniversaries.gifts = vec![AnniversaryGift {
    /// #     kind: "wedding".into(),
    /// #     audience: Audience::default(),
    /// #     asset: Asset::Points,
    /// #     amount: 200,
    /// #     validity: Validity::Forever,
    /// # }];
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// use crm_core::kernel::page::Limit;
    /// // It is a year ago today.
    /// let (today, _) = Zone::new("Europe/Warsaw")?.local(work.now());
    /// work.loyalty().tell_day(ala, "wedding", Some(today.add_days(-365)?), Calendar::Gregorian)?;
    /// while work.loyalty().celebrate(Limit::new(100)?)?.more {}
    /// assert_eq!(work.loyalty().balances(ala.into())?[&Asset::Points].available, 200);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Denied`](crm_core::Error::Denied) without [`CELEBRATE`].
    pub fn celebrate(&mut self, limit: Limit) -> Result<Celebrated> {
        let mut work = self.0.permit(CELEBRATE, &Target::ANY)?;
        let (terms, dates) = (terms(&mut work)?, dates(&mut work)?);
        let today = dates.day.date_of(work.now());
        let come = special_day::next_on.le(today);
        let mut page: Vec<SpecialDay> = work.select(come).order_by(special_day::next_on).page(limit, None)?.items;
        // Accounts are locked in the order of their ids (S-33).
        page.sort_unstable_by(|a, b| (a.customer_id, &a.kind).cmp(&(b.customer_id, &b.kind)));
        let mut customers: Vec<CustomerId> = page.iter().map(|day| day.customer_id).collect();
        customers.dedup();
        let audiences: Vec<_> = terms.gifts.iter().map(|gift| &gift.audience).collect();
        let now = work.now();
        let members = members(&mut work, &customers, &audiences, now, today)?;
        let mut done = Celebrated { days: page.len(), celebrated: 0, more: page.len() == limit.get() };
        for mut day in page {
            let member = members.iter().find(|member| member.customer.id == day.customer_id);
            done.celebrated += celebrate(&mut work, &mut day, member, &terms, &dates, today)?;
        }
        Ok(done)
    }
}

/// Celebrates what has come of one day, and says when it comes next.
fn celebrate(
    work: &mut Permit<'_, '_>,
    day: &mut SpecialDay,
    member: Option<&Member>,
    terms: &AnniversaryTerms,
    dates: &Dates,
    today: CivilDate,
) -> Result<usize> {
    let Some(of) = day.day(terms.short_year) else {
        day.next_on = CivilDate::MAX;
        work.update(day)?;
        return Ok(0);
    };
    let found = due(of, day.next_on, day.celebrated_year, today, terms.max_lateness_days)?;
    if member.is_some_and(|member| member.customer.merged_into_id.is_some()) {
        // The survivor has such a day of their own (S-44).
        day.next_on = found.next.on;
        work.update(day)?;
        return Ok(0);
    }
    let of_kind =
        |gift: &&AnniversaryGift| gift.kind == day.kind && member.is_some_and(|member| member.is_of(&gift.audience));
    let gift = terms.gifts.iter().find(of_kind);
    for anniversary in &found.now {
        let lot = match gift {
            Some(gift) => give(work, day, *anniversary, gift, dates)?,
            None => None,
        };
        work.insert(&Celebration {
            customer_id: day.customer_id,
            kind: day.kind.clone(),
            calendar: day.calendar,
            year: anniversary.year,
            fell_on: anniversary.on,
            done_at: work.now(),
            lot_id: lot,
        })?;
        (day.celebrated_on, day.celebrated_year) = (Some(anniversary.on), Some(anniversary.year));
        let (customer, kind, calendar) = (day.customer_id, day.kind.clone(), day.calendar);
        let year = anniversary.year;
        work.emit(&DayCelebrated { customer, kind: kind.clone(), calendar, year, given: lot.is_some() })?;
        if let Some(gift) = gift {
            let given = lot.map(|_| (gift.asset, gift.amount));
            notify(work, &Notice::Celebrated { customer, kind, calendar, year, gift: given })?;
        }
    }
    day.next_on = found.next.on;
    work.update(day)?;
    Ok(found.now.len())
}

/// Gives it to the member, if they are one whose account is open.
fn give(
    work: &mut Permit<'_, '_>,
    day: &SpecialDay,
    anniversary: Anniversary,
    gift: &AnniversaryGift,
    dates: &Dates,
) -> Result<Option<LotId>> {
    let account = day.customer_id.into();
    if work.find::<Account>(&account)?.is_none() {
        return Ok(None);
    }
    let now = work.now();
    let mut book = Book::open(work, account)?;
    if book.account().state == AccountState::Closed || book.account().id != account {
        // Closed; or merged just now.
        book.close(work)?;
        return Ok(None);
    }
    let branch = book.account().branch_id;
    let given = book.give(
        work,
        &Give {
            asset: gift.asset,
            amount: gift.amount,
            kind: EntryKind::Give,
            source: LotSource::Grant,
            occurred_at: now,
            available_at: now,
            expires_at: gift.validity.ends(now, dates),
            purchase: None,
            branch,
            campaign: None,
            reason: Some(format!("{} {}", day.kind, anniversary.year)),
            repays_debt: false,
        },
    )?;
    book.close(work)?;
    Ok(given.lot)
}
