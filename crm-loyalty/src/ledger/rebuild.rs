//! Making anew, of the entries alone, what is kept for speed (S-02).

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::loyalty::ledger::audit::fold_lots;
use crm_core::loyalty::ledger::rules::{self, Amounts};
use crm_core::loyalty::ledger::{Account, AccountId, Balance, Entry, Hold, HoldState, Lot, balance, entry, hold, lot};
use crm_core::work::{Entity, Json, Permit, Version};

/// Puts balances, lots and the account right, and returns how many rows were wrong.
pub(super) fn rebuild(work: &mut Permit<'_, '_>, account: AccountId) -> Result<usize> {
    let mut account: Account = work.lock(account)?;
    let entries: Vec<Entry> = work.select(entry::account_id.eq(account.id)).all()?;
    let mut wrong = 0;

    let mut booked = rules::fold(entries.iter().flat_map(|entry| &entry.postings.0))?;
    for row in work.select(balance::account_id.eq(account.id)).all()? {
        let amounts = booked.remove(&row.asset).unwrap_or_default();
        wrong += put(work, &row, with(&row, amounts))?;
    }
    for (asset, amounts) in booked {
        let nothing = Balance {
            account_id: account.id,
            asset,
            version: Version::FIRST,
            available: 0,
            pending: 0,
            held: 0,
            debt: 0,
        };
        work.insert(&with(&nothing, amounts))?;
        wrong += 1;
    }

    let sums = fold_lots(&entries);
    let mut lots: BTreeMap<_, Lot> = BTreeMap::new();
    for row in work.select(lot::account_id.eq(account.id)).all()? {
        let mut right = row.clone();
        if let Some((origin, sums)) = sums.get(&row.id) {
            right.remaining = sums.pending.saturating_add(sums.available);
            (right.amount, right.held, right.expired) = (sums.amount, sums.held, sums.expired);
            right.open = right.remaining.saturating_add(right.held) > 0;
            right.matured = if right.remaining > 0 { sums.pending == 0 } else { row.matured };
            right.origin_id = *origin;
        }
        wrong += put(work, &row, right.clone())?;
        lots.insert(right.id, right);
    }

    let stored = account.clone();
    let holds: Vec<Hold> = work.select(hold::account_id.eq(account.id)).all()?;
    let open = holds.iter().filter(|hold| hold.state == HoldState::Open).map(|hold| hold.id);
    account.open_holds = Json(open.collect());
    account.due_at = account.due_at.min(rules::next_due(lots.values(), &holds));
    Ok(wrong + put(work, &stored, account)?)
}

fn with(row: &Balance, amounts: Amounts) -> Balance {
    let Amounts { available, pending, held, debt } = amounts;
    Balance { available, pending, held, debt, ..row.clone() }
}

fn put<E: Entity + PartialEq>(work: &mut Permit<'_, '_>, stored: &E, mut right: E) -> Result<usize> {
    if *stored == right {
        return Ok(0);
    }
    work.update(&mut right)?;
    Ok(1)
}
