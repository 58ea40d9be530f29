//! What `verify` checks of tiers.

use crm_core::Result;
use crm_core::loyalty::tiers::{QualifyingDay, Standing, Sums, qualifying_day, standing, tier_change};
use crm_core::module::Violation;
use crm_core::work::{Entity, Filter, Permit};

use super::post::{of, total};

/// The invariant `tiers.counts`: what a standing holds of windows, and in all, is the sum of the qualifying days.
pub(crate) fn counts_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    each(work, "tiers.counts", |work, standing| {
        let mut summed = standing.clone();
        total(work, &mut summed)?;
        let totals = |standing: &Standing| (standing.amount_minor, standing.purchases);
        if totals(&summed) != totals(standing) || summed.last_on > standing.last_on {
            return Ok(Some("its totals are not the sums of its days"));
        }
        for counted in &standing.windows.0 {
            let days = counted.days;
            let within =
                qualifying_day::business_date.ge(days.from).and(qualifying_day::business_date.le(days.through));
            let mut sums = Sums::ZERO;
            work.select(qualifying_day::account_id.eq(standing.account_id).and(within)).for_each(
                |day: QualifyingDay| {
                    sums = sums.plus(day.sums());
                    Ok(())
                },
            )?;
            if sums != counted.sums {
                return Ok(Some("a window is not the sum of its days"));
            }
        }
        Ok(None)
    })
}

/// The invariant `tiers.history`: the tier that a member has is the one of the last change.
pub(crate) fn standings_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    each(work, "tiers.history", |work, standing| {
        let changes = of(standing.account_id, standing.ladder_id);
        let last = work.select(changes).order_by(tier_change::from_at).descending().first()?;
        let agrees = last.is_none_or(|last| (last.tier_id, last.from_at) == (standing.tier_id, standing.since));
        Ok((!agrees).then_some("its tier is not the one of the last change"))
    })
}

/// Looks at every standing, page by page.
fn each(
    work: &mut Permit<'_, '_>,
    invariant: &'static str,
    check: impl Fn(&mut Permit<'_, '_>, &Standing) -> Result<Option<&'static str>>,
) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let standings = work.select(Filter::<Standing>::all()).order_by(standing::account_id);
        let page = standings.page(crm_core::kernel::page::Limit::default(), after.as_ref())?;
        for standing in &page.items {
            if let Some(wrong) = check(work, standing)? {
                let (kind, account, ladder) = (Standing::SCHEMA.kind, standing.account_id, standing.ladder_id);
                found.push(Violation { invariant, what: format!("{kind} {account}/{ladder}: {wrong}") });
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}
