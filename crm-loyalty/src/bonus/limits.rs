//! How much somebody may give: by their roles, and how much of it is left for the day.

use std::collections::BTreeSet;

use crm_core::access::{
    GroupMember, HolderKind, Principal, RoleAssignment, RoleId, StaffGroup, StaffGroupId, group_member,
    role_assignment,
};
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::Asset;
use crm_core::loyalty::bonus::{BonusDay, BonusTerms, bonus_day};
use crm_core::reexport::Uuid;
use crm_core::work::{Filter, Permit};
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
    let roles = if terms.roles.is_empty() { Vec::new() } else { roles_of(work, &giver)? };
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
    if work.find::<BonusDay>(&key)?.is_none() {
        // Of two who count the first one, the database refuses one, who runs again.
        work.insert(&BonusDay { giver: giver.to_owned(), asset, business_date: on, balance: 0 })?;
    }
    let floor = per_day.filter(|_| more > 0).map(i64::saturating_neg);
    work.add(&key, bonus_day::balance, more.saturating_neg(), floor).map_err(|error| match error {
        Error::Invalid { rule: "counter.floor", .. } => Error::invalid("amount", "bonus.over_day"),
        other => other,
    })
}

/// The roles somebody holds, by themselves or through the groups of staff they are in. Staff are few.
fn roles_of(work: &mut Permit<'_, '_>, principal: &Principal) -> Result<Vec<RoleId>> {
    let Principal::User(user) = principal else { return Ok(Vec::new()) };
    let mut groups: BTreeSet<StaffGroupId> = BTreeSet::new();
    let direct = work.select::<GroupMember>(group_member::user_id.eq(*user)).all()?;
    let mut above: Vec<StaffGroupId> = direct.into_iter().map(|member| member.group_id).collect();
    while let Some(id) = above.pop() {
        if groups.insert(id) {
            above.extend(work.find::<StaffGroup>(&id)?.and_then(|group| group.parent_id));
        }
    }
    let by = |kind, holder: Uuid| -> Filter<RoleAssignment> {
        role_assignment::holder.eq(holder).and(role_assignment::holder_kind.eq(kind))
    };
    let filters = groups
        .into_iter()
        .map(|group| by(HolderKind::Group, group.into()))
        .fold(by(HolderKind::User, (*user).into()), Filter::or);
    Ok(work.select(filters).all()?.into_iter().map(|held| held.role_id).collect())
}
