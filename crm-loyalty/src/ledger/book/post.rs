//! Booking postings on the balances, and making entries of them.

use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::{Amounts, Step};
use crm_core::loyalty::ledger::{Balance, Entry, EntryId, EntryKind, LotId, Posting, PostingAccount};
use crm_core::work::{Json, Permit};
use crm_core::{Error, Result};

use super::{Book, Cause};

impl Book {
    /// Writes steps down as entries.
    pub(super) fn post_steps(&mut self, work: &mut Permit<'_, '_>, steps: Vec<Step>, cause: &Cause) -> Result<()> {
        for step in steps {
            self.post(work, step.kind, step.at, cause, step.postings)?;
        }
        Ok(())
    }

    /// Books postings on the balances, and makes an entry of them. What has the same cause at the same instant as the entry
    /// before is in one entry with it.
    pub(super) fn post(
        &mut self,
        work: &mut Permit<'_, '_>,
        kind: EntryKind,
        occurred_at: Timestamp,
        cause: &Cause,
        postings: Vec<Posting>,
    ) -> Result<EntryId> {
        for posting in &postings {
            self.balance(work, posting.asset)?;
            if let Some(balance) = self.balances.get_mut(&posting.asset) {
                book(balance.change(), posting)?;
            }
        }
        // Entries are read in the order of their ids, and what has made a lot comes first, whoever's clock was ahead.
        let lots = postings.iter().filter_map(|posting| self.lots.get(&posting.lot?));
        let made = lots.map(|lot| lot.row.origin_id).max();
        if let Some(last) = self.entries.last_mut()
            && made.is_none_or(|made| made <= last.id)
            && (last.kind, last.occurred_at) == (kind, occurred_at)
            && (last.purchase_id, last.branch_id) == (cause.purchase, cause.branch)
            && (last.reverses_id, &last.reason) == (cause.reverses, &cause.reason)
        {
            last.postings.0.extend(postings);
            return Ok(last.id);
        }
        let id: EntryId = made.map_or_else(|| work.new_id(), |made| work.new_id_after(made));
        self.entries.push(Entry {
            account_id: self.account.id,
            id,
            kind,
            occurred_at,
            recorded_at: work.now(),
            branch_id: cause.branch,
            purchase_id: cause.purchase,
            reverses_id: cause.reverses,
            actor: work.actor().principal().to_string(),
            reason: cause.reason.clone(),
            postings: Json(postings),
        });
        Ok(id)
    }
}

pub(super) fn posting(asset: Asset, account: PostingAccount, lot: Option<LotId>, amount: i64) -> Posting {
    Posting { asset, account, lot, amount }
}

pub(super) fn check_amount(amount: i64) -> Result<()> {
    if amount > 0 { Ok(()) } else { Err(Error::invalid("amount", "loyalty.amount")) }
}

fn book(balance: &mut Balance, posting: &Posting) -> Result<()> {
    let Balance { available, pending, held, debt, .. } = *balance;
    let mut amounts = Amounts { available, pending, held, debt };
    amounts.book(posting)?;
    let Amounts { available, pending, held, debt } = amounts;
    (balance.available, balance.pending, balance.held, balance.debt) = (available, pending, held, debt);
    Ok(())
}
