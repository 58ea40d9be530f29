//! Reading and moving what is counted (S-38, S-40).

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::earning::{CounterKey, Counters, EarnCounter, earn_counter, everybody};
use crm_core::loyalty::ledger::AccountId;
use crm_core::loyalty::merge::JoinedCount;
use crm_core::work::Permit;

/// How far counters are. Those of the member stand under the lock of the account; everybody's are locked, so that nobody
/// counts at the same time.
pub(super) fn read(work: &mut Permit<'_, '_>, account: AccountId, keys: &[CounterKey]) -> Result<Counters> {
    if keys.is_empty() {
        return Ok(Counters::new());
    }
    let ids: Vec<_> = keys.iter().map(|key| id(account, key)).collect();
    let found = work.get_many::<EarnCounter>(&ids)?;
    let mut counters = Counters::new();
    for ((key, id), counter) in keys.iter().zip(ids).zip(found) {
        let Some(counter) = counter else { continue };
        let counter = if key.own { counter } else { work.lock::<EarnCounter>(id)? };
        counters.insert(key.clone(), counter.balance);
    }
    Ok(counters)
}

/// Moves counters. Of two who count something for the first time the database refuses one, who runs again.
pub(super) fn move_by(
    work: &mut Permit<'_, '_>,
    account: AccountId,
    moves: impl IntoIterator<Item = (CounterKey, i64)>,
) -> Result<()> {
    let moves: BTreeMap<_, _> = moves.into_iter().filter(|(_, amount)| *amount != 0).collect();
    if moves.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = moves.keys().map(|key| id(account, key)).collect();
    let known = work.get_many::<EarnCounter>(&ids)?;
    for ((id, amount), known) in ids.into_iter().zip(moves.into_values()).zip(known) {
        if known.is_none() {
            let (account_id, counts, period) = id.clone();
            work.insert(&EarnCounter { account_id, counts, period, balance: 0 })?;
        }
        work.add(&id, earn_counter::balance, amount, None)?;
    }
    Ok(())
}

/// Counts for one member what was counted for another who has become one with them (S-44). The other's counters stay as they
/// are: nobody reads them while the two are one. Both accounts are locked by the caller.
pub(crate) fn join(work: &mut Permit<'_, '_>, from: AccountId, to: AccountId) -> Result<Vec<JoinedCount>> {
    let counters = work.select(earn_counter::account_id.eq(from)).all()?;
    let counted = counters.into_iter().filter(|one| one.balance != 0).map(|one| {
        let counter = CounterKey { own: true, counts: one.counts, period: one.period };
        JoinedCount { counter, amount: one.balance }
    });
    let joined: Vec<_> = counted.collect();
    move_by(work, to, joined.iter().map(|one| (one.counter.clone(), one.amount)))?;
    Ok(joined)
}

/// Takes a [`join`] back. What returns have taken away meanwhile was the survivor's, whoever had bought it.
pub(crate) fn part(work: &mut Permit<'_, '_>, survivor: AccountId, joined: &[JoinedCount]) -> Result<()> {
    move_by(work, survivor, joined.iter().map(|one| (one.counter.clone(), one.amount.saturating_neg())))
}

fn id(account: AccountId, key: &CounterKey) -> (AccountId, String, CivilDate) {
    (if key.own { account } else { everybody() }, key.counts.clone(), key.period)
}
