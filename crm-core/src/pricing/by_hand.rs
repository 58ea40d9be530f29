//! What a person may take off by hand: an extra discount (⑥) and a cash discount on the bill (⑦), each up to a limit (C62).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::DiscountLimitsSet;
use super::model::Stage;
use super::quote::{By, Quote, QuotedLine};
use super::service::{Pricing, READ, WRITE};
use crate::access::{self, Principal, Role, RoleId, Target, UserId};
use crate::kernel::rate::{Rate, Rounding};
use crate::work::{Entity, Json, Permit, Version};
use crate::{Error, Result};

/// Permission to take something off by hand, up to one's limit.
pub const DISCOUNT: &str = "pricing.discount";

crate::id! {
    /// Names the limits of discounts by hand: they are one document.
    pub struct DiscountLimitsId;
}

crate::entity! {
    /// How much may be taken off by hand.
    pub struct StoredDiscountLimits {
        kind: "discount_limits", records: [], key: (id: DiscountLimitsId), columns: stored_discount_limits, version: version,
    } {
        /// The nil id.
        id: DiscountLimitsId,
        /// The optimistic lock.
        version: Version,
        /// The limits.
        limits: Json<DiscountLimits>,
    }
}

/// How much may be taken off by hand, by whom. A document. Nothing, unless somebody says otherwise.
///
/// Whoever has a limit of their own has that one. Otherwise it is the larger of what their roles allow, of each kind, and
/// without any the standard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiscountLimits {
    /// By whoever has [`DISCOUNT`], and no limit of their own or of a role.
    pub standard: DiscountLimit,
    /// By whoever holds these roles, directly or through groups.
    pub roles: BTreeMap<RoleId, DiscountLimit>,
    /// By these users.
    pub users: BTreeMap<UserId, DiscountLimit>,
}

/// How much one person may take off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscountLimit {
    /// Extra (⑥): this part of what rules have left of each line, and of the order.
    pub extra: Rate,
    /// In cash (⑦): this part of what was left before it.
    pub cash: Rate,
}

impl DiscountLimits {
    /// The limit of somebody who holds these roles.
    pub fn of(&self, user: Option<UserId>, roles: &BTreeSet<RoleId>) -> DiscountLimit {
        if let Some(own) = user.and_then(|user| self.users.get(&user)) {
            return *own;
        }
        let held = self.roles.iter().filter(|(role, _)| roles.contains(role)).map(|(_, limit)| *limit);
        let larger = |a: DiscountLimit, b: DiscountLimit| DiscountLimit {
            extra: a.extra.max(b.extra),
            cash: a.cash.max(b.cash),
        };
        held.reduce(larger).unwrap_or(self.standard)
    }
}

impl Default for DiscountLimit {
    /// Nothing.
    fn default() -> Self {
        Self { extra: Rate::ZERO, cash: Rate::ZERO }
    }
}

impl Pricing<'_, '_> {
    /// Says how much may be taken off by hand.
    ///
    /// # Errors
    /// [`Error::Invalid`] with `discount.range` for a part below nothing or above the whole; [`Error::NotFound`] for a
    /// role that is not there.
    pub fn set_discount_limits(&mut self, limits: DiscountLimits) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let roles: Vec<RoleId> = limits.roles.keys().copied().collect();
        let known = work.get_many::<Role>(&roles)?;
        if let Some((_, role)) = known.iter().zip(&roles).find(|(known, _)| known.is_none()) {
            return Err(Error::not_found(Role::SCHEMA.kind, role));
        }
        let all = limits.users.values().chain(limits.roles.values()).chain([&limits.standard]);
        for rate in all.flat_map(|limit| [limit.extra, limit.cash]) {
            if !(Rate::ZERO..=Rate::ONE).contains(&rate) {
                return Err(Error::invalid("limits", "discount.range"));
            }
        }
        let id = DiscountLimitsId::from(Uuid::nil());
        let first = StoredDiscountLimits { id, version: Version::FIRST, limits: Json(limits.clone()) };
        let mut stored = work.find_or_first(id, |_| first)?;
        stored.limits = Json(limits.clone());
        work.update(&mut stored)?;
        work.emit(&DiscountLimitsSet { limits }).map(drop)
    }

    /// How much may be taken off by hand.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn discount_limits(&mut self) -> Result<DiscountLimits> {
        limits(&mut self.0.permit(READ, &Target::ANY)?)
    }
}

fn limits(work: &mut Permit<'_, '_>) -> Result<DiscountLimits> {
    let stored = work.find::<StoredDiscountLimits>(&Uuid::nil().into())?;
    Ok(stored.map(|stored| stored.limits.0).unwrap_or_default())
}

/// Refuses a quote with more taken off by hand than the actor may. Nothing is read when nothing was.
///
/// # Errors
/// `discount.over_limit`
pub(crate) fn within_limits(work: &mut Permit<'_, '_>, quote: &Quote) -> Result<()> {
    let by_hand = |line: &QuotedLine| line.taken.iter().any(|taken| matches!(taken.by, By::Hand(_)));
    if work.actor().is_system() || !quote.lines.iter().any(by_hand) {
        return Ok(());
    }
    let limits = limits(work)?;
    let principal = work.actor().principal().clone();
    let user = if let Principal::User(id) = &principal { Some(*id) } else { None };
    // Roles are looked up only where there is something for them.
    let roles = if limits.roles.is_empty() { BTreeSet::new() } else { access::roles_of(work, &principal)? };
    check(quote, &limits.of(user, &roles))
}

/// Whether what was taken off by hand is within a limit: of each line and of all of them. Shares of one discount are
/// whole units, so a limit between two of them is that above.
fn check(quote: &Quote, limit: &DiscountLimit) -> Result<()> {
    for (stage, rate) in [(Stage::Manual, limit.extra), (Stage::Cash, limit.cash)] {
        let within = |off: i64, of: i64| Ok::<_, Error>(off <= rate.apply(of, Rounding::Ceil)?);
        let (mut all_off, mut all_of) = (0_i64, 0_i64);
        for line in &quote.lines {
            let (mut off, mut before) = (0_i64, line.list_minor);
            for taken in &line.taken {
                match &taken.by {
                    By::Hand(_) if taken.stage == stage => off = off.saturating_add(taken.off_minor),
                    _ if taken.stage <= stage => before = before.saturating_sub(taken.off_minor),
                    _ => {}
                }
            }
            if !within(off, before)? {
                return Err(Error::invalid("discount", "discount.over_limit"));
            }
            (all_off, all_of) = (all_off.saturating_add(off), all_of.saturating_add(before));
        }
        if !within(all_off, all_of)? {
            return Err(Error::invalid("discount", "discount.over_limit"));
        }
    }
    Ok(())
}
