//! What goes from one account to another (S-44).

use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{AccountState, EntryKind, Lot, LotId, PostingAccount, rules};
use crm_core::work::{Permit, Version};
use crm_core::{Error, Result};

use super::book::{Book, Cause, Held, check_amount, posting};

impl Book {
    /// Takes over what is left, free, of a lot of another account, under the same id and with the same dates. What was there
    /// of it before, from an earlier merge, is there again.
    ///
    /// # Errors
    /// `loyalty.amount` unless it is more than nothing, `loyalty.closed` when the account is closed.
    pub(crate) fn take_over(&mut self, work: &mut Permit<'_, '_>, lot: &Lot, amount: i64, cause: &Cause) -> Result<()> {
        check_amount(amount)?;
        if self.account().state == AccountState::Closed {
            return Err(Error::invalid("account", "loyalty.closed"));
        }
        self.load(work, &[lot.id])?;
        let account_id = self.account().id;
        if !self.lots.contains_key(&lot.id) {
            let (version, origin_id) = (Version::FIRST, lot.origin_id);
            let (remaining, held, expired, open) = (0, 0, 0, false);
            let new = Lot { account_id, version, amount, remaining, held, expired, open, origin_id, ..lot.clone() };
            self.lots.insert(lot.id, Held::new(new));
        }
        let row = self.lot(lot.id)?;
        row.matured = lot.matured;
        row.remaining = row.remaining.saturating_add(amount);
        row.amount = row.amount.max(row.remaining + row.held + row.expired);
        row.open = true;
        let (side, due) = (rules::free_side(row), rules::due_of(row));
        self.due_by(due);
        let postings = vec![
            posting(lot.asset, PostingAccount::Transferred, None, -amount),
            posting(lot.asset, side, Some(lot.id), amount),
        ];
        let now = work.now();
        self.post(work, EntryKind::Transfer, now, cause, postings).map(|_| ())
    }

    /// Takes over a debt; less than nothing gives it away.
    ///
    /// # Errors
    /// `merge.debt_repaid` when less is owed than is given away.
    pub(crate) fn take_over_debt(
        &mut self,
        work: &mut Permit<'_, '_>,
        asset: Asset,
        amount: i64,
        cause: &Cause,
    ) -> Result<()> {
        if self.amounts(work, asset)?.debt.saturating_add(amount) < 0 {
            return Err(Error::invalid("loser", "merge.debt_repaid"));
        }
        let postings = vec![
            posting(asset, PostingAccount::Debt, None, -amount),
            posting(asset, PostingAccount::Transferred, None, amount),
        ];
        let now = work.now();
        self.post(work, EntryKind::Transfer, now, cause, postings).map(|_| ())
    }

    /// The lots with these ids, open or not, as they are now.
    pub(crate) fn lots_by_id(&mut self, work: &mut Permit<'_, '_>, ids: &[LotId]) -> Result<Vec<Lot>> {
        self.load(work, ids)?;
        Ok(ids.iter().filter_map(|id| self.lots.get(id)).map(|lot| lot.row.clone()).collect())
    }
}
