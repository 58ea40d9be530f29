//! What always holds of merged members.

use crm_core::Result;
use crm_core::loyalty::ledger::{Account, Balance, Lot, balance, lot};
use crm_core::loyalty::merge::MemberMerge;
use crm_core::module::Violation;
use crm_core::work::{Filter, Permit};

/// An account that leads to another does so by a merge that is kept, and nothing is left on it.
pub(crate) fn merges_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut merges: Vec<MemberMerge> = Vec::new();
    work.select(Filter::<MemberMerge>::all()).for_each(|merge| {
        merges.push(merge);
        Ok(())
    })?;
    for merge in &merges {
        let mut report = |what: &str| {
            violations.push(Violation { invariant: "loyalty.merges", what: format!("{}: {what}", merge.loser_id) });
        };
        let account = work.find::<Account>(&merge.loser_id)?;
        if account.and_then(|account| account.merged_into) != Some(merge.survivor_id) {
            report("its account leads somewhere else");
        }
        let is_something = |balance: &Balance| balance.available + balance.pending + balance.held + balance.debt != 0;
        if work.select(balance::account_id.eq(merge.loser_id)).all()?.iter().any(is_something) {
            report("something is left on its account");
        }
        if work.count::<Lot>(lot::account_id.eq(merge.loser_id).and(lot::open.eq(true)))? > 0 {
            report("a lot of it is open");
        }
    }
    Ok(violations)
}
