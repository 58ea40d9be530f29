//! What goes from one account to another (S-44).

use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{AccountState, EntryKind, Lot, LotId, PostingAccount, rules};
use crm_core::work::{Permit, Version};
use crm_core::{Error, Result};

use super::post::{check_amount, posting};
use super::rows::Kept;
use super::{Book, Cause};

impl Book {
    /// Takes over what is left, free, of a lot of another account, with its dates and under its id: the purchase that earned
    /// it still knows its own. A lot that was here before, from an earlier merge, and was smaller stays as it is: then it is
    /// another lot. Returns its id here.
    ///
    /// # Errors
    /// `loyalty.amount` unless it is more than nothing, `loyalty.closed` when the account is closed.
    pub(crate) fn take_over(
        &mut self,
        work: &mut Permit<'_, '_>,
        lot: &Lot,
        amount: i64,
        cause: &Cause,
    ) -> Result<LotId> {
        check_amount(amount)?;
        if self.account().state == AccountState::Closed {
            return Err(Error::invalid("account", "loyalty.closed"));
        }
        self.load(work, &[lot.id])?;
        let here = self.lots.get(&lot.id).map(|here| &here.row);
        let has_room = here.is_none_or(|row| row.remaining + row.held + row.expired + amount <= row.amount);
        let (id, is_new) = if has_room { (lot.id, here.is_none()) } else { (work.new_id(), true) };
        if is_new {
            let (account_id, version) = (self.account().id, Version::FIRST);
            let (remaining, held, expired, open) = (0, 0, 0, false);
            let new = Lot { account_id, id, version, amount, remaining, held, expired, open, ..lot.clone() };
            self.lots.insert(id, Kept::new(new));
        }
        let row = self.lot(id)?;
        row.matured = lot.matured;
        row.remaining = row.remaining.saturating_add(amount);
        row.open = true;
        let (side, due) = (rules::free_side(row), rules::due_of(row));
        self.due_by(due);
        let postings = vec![
            posting(lot.asset, PostingAccount::Transferred, None, -amount),
            posting(lot.asset, side, Some(id), amount),
        ];
        let now = work.now();
        let entry = self.post(work, EntryKind::Transfer, now, cause, postings)?;
        if is_new {
            self.lot(id)?.origin_id = entry;
        }
        Ok(id)
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
