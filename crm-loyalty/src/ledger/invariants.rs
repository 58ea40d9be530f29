//! What is true of all accounts at any time.

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::kernel::page::Limit;
use crm_core::loyalty::ledger::audit::{Stored, faults};
use crm_core::loyalty::ledger::{
    Account, AccountId, Balance, DayUse, Entry, Hold, Lot, balance, day_use, entry, hold, lot,
};
use crm_core::module::Violation;
use crm_core::work::{Col, Entity, Filter, Permit};

/// So many accounts are looked at together, with all they have.
const CHUNK: u32 = 100;

/// Every entry sums to nothing; balances, lots, holds and the use of days are what the entries say; nothing is due that the
/// account does not know of.
pub(crate) fn accounts_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let (mut found, mut after, mut cursor) = (Vec::new(), None, None);
    loop {
        let page = work.select(Filter::<Account>::all()).page(Limit::new(CHUNK)?, cursor.as_ref())?;
        // Also what lies between accounts, and after the last: it is of none.
        let last = page.next.as_ref().and_then(|_| page.items.last()).map(|account| account.id);
        let mut chunk: BTreeMap<AccountId, Stored> = BTreeMap::new();
        for account in page.items {
            let id = account.id;
            at(&mut chunk, id).account = Some(account);
        }
        let range = (after, last);
        each(work, balance::account_id, range, |row: Balance| at(&mut chunk, row.account_id).balances.push(row))?;
        each(work, lot::account_id, range, |row: Lot| at(&mut chunk, row.account_id).lots.push(row))?;
        each(work, hold::account_id, range, |row: Hold| at(&mut chunk, row.account_id).holds.push(row))?;
        each(work, day_use::account_id, range, |row: DayUse| at(&mut chunk, row.account_id).days.push(row))?;
        each(work, entry::account_id, range, |row: Entry| at(&mut chunk, row.account_id).entries.push(row))?;
        for (account, stored) in chunk {
            found.extend(
                faults(&stored)?.into_iter().map(|fault| Violation {
                    invariant: "loyalty.accounts",
                    what: format!("account {account}: {fault}"),
                }),
            );
        }
        if last.is_none() {
            return Ok(found);
        }
        (after, cursor) = (last, page.next);
    }
}

fn at(chunk: &mut BTreeMap<AccountId, Stored>, account: AccountId) -> &mut Stored {
    chunk.entry(account).or_default()
}

/// The rows of the accounts after the one up to the other.
fn each<E: Entity>(
    work: &mut Permit<'_, '_>,
    account: Col<E, AccountId>,
    (after, last): (Option<AccountId>, Option<AccountId>),
    mut each: impl FnMut(E),
) -> Result<()> {
    let mut range = Filter::all();
    if let Some(after) = after {
        range = range.and(account.gt(after));
    }
    if let Some(last) = last {
        range = range.and(account.le(last));
    }
    work.select(range).for_each(|row| {
        each(row);
        Ok(())
    })
}
