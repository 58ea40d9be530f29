//! How much somebody may give: by their roles, and how much of it is left for the day.

use std::collections::BTreeSet;

use crm_core::access::{Principal, roles_of};
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::Asset;
use crm_core::loyalty::bonus::{BonusDay, BonusTerms, bonus_day};
use crm_core::work::Permit;
use crm_core::{Error, Result};

/// Refuses more than the actor may give at once, and counts it on their day.
///
/// # Errors
/// `bonus.over_limit`, `bonus.over_day`
pub(super) fn take(
    work: &mut Permit<'_, '_>,
    terms: &BonusTerms,
    asset: Asset,
    amount: i64,
    more: i64,
    on: CivilDate,
) -> Result<()> {
    let giver = work.actor().principal().clone();
    if giver == Principal::System {
        return count(work, &giver.to_string(), asset, more, on, None);
    }
    let roles = if terms.roles.is_empty() { BTreeSet::new() } else { roles_of(work, &giver)? };
    let limit = terms.limit(&roles, asset).filter(|limit| amount <= limit.each);
    let limit = limit.ok_or_else(|| Error::invalid("amount", "bonus.over_limit"))?;
    count(work, &giver.to_string(), asset, more, on, limit.per_day)
}

/// Counts on somebody's day: less, when something does not take place after all.
pub(super) fn count(
    work: &mut Permit<'_, '_>,
    giver: &str,
    asset: Asset,
    more: i64,
    on: CivilDate,
    per_day: Option<i64>,
) -> Result<()> {
    let key = (giver.to_owned(), asset, on);
    let first = BonusDay { giver: giver.to_owned(), asset, business_date: on, balance: 0 };
    work.find_or_first(key.clone(), |_| first)?;
    let floor = per_day.filter(|_| more > 0).map(i64::saturating_neg);
    work.add(&key, bonus_day::balance, more.saturating_neg(), floor).map_err(|error| match error {
        Error::Invalid { rule: "counter.floor", .. } => Error::invalid("amount", "bonus.over_day"),
        other => other,
    })
}
