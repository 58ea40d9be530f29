//! An account that is open for writing: opening and closing it here, what is done with it in the rooms below.

mod corrections;
mod give;
mod holds;
mod post;
mod rows;
mod settle;
mod transfer;

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::branches::BranchId;
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::{self, Amounts};
use crm_core::loyalty::ledger::{
    Account, AccountId, AccountState, Balance, DayUse, Entry, EntryId, Hold, HoldId, Lot, LotId, balance,
};
use crm_core::purchases::PurchaseId;
use crm_core::work::Permit;

use self::rows::Kept;
use super::event::LedgerPosted;

pub(crate) use corrections::ClawBack;
pub use corrections::Policy;
pub(crate) use give::{Give, Take};
pub(crate) use holds::NewHold;

/// An account that is locked, on which everything has happened that was due (S-06, S-10, S-33). What is done is kept here
/// and written by [`close`](Self::close), each row once; a book that is not closed has done nothing.
///
/// A purchase that only earns reads rows by their keys: lots are looked for when something is taken or due.
#[must_use = "what is done is written by close()"]
pub(crate) struct Book {
    account: Account,
    was_closed: bool,
    /// The account as it is stored.
    stored: Account,
    balances: BTreeMap<Asset, Kept<Balance>>,
    lots: BTreeMap<LotId, Kept<Lot>>,
    /// Whether all open lots are here.
    complete: bool,
    holds: BTreeMap<HoldId, Kept<Hold>>,
    days: BTreeMap<(AccountId, Asset, CivilDate), Kept<DayUse>>,
    entries: Vec<Entry>,
}

/// What is common to all entries of one doing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause {
    /// The purchase it belongs to.
    pub(crate) purchase: Option<PurchaseId>,
    /// Where.
    pub(crate) branch: Option<BranchId>,
    /// The entry that is undone.
    pub(crate) reverses: Option<EntryId>,
    /// The rule, campaign or reason.
    pub(crate) reason: Option<String>,
}

impl Book {
    /// Locks an account, or the one it was merged into, and does what is due on it. Open several in the order of their
    /// ids (S-33).
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub(crate) fn open(work: &mut Permit<'_, '_>, account: AccountId) -> Result<Self> {
        let mut account: Account = work.lock(account)?;
        let mut was_closed = account.state == AccountState::Closed;
        while let Some(survivor) = account.merged_into {
            account = work.lock(survivor)?;
            was_closed |= account.state == AccountState::Closed;
        }
        let mut book = Self {
            was_closed,
            stored: account.clone(),
            account,
            balances: BTreeMap::new(),
            lots: BTreeMap::new(),
            complete: false,
            holds: BTreeMap::new(),
            days: BTreeMap::new(),
            entries: Vec::new(),
        };
        book.settle(work)?;
        Ok(book)
    }

    /// The account.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Whether the account was closed, or one that has led here: what was earned there is let be (S-49).
    pub(crate) fn was_closed(&self) -> bool {
        self.was_closed
    }

    /// Puts the account into another state; what follows from that is the caller's.
    pub(crate) fn set_state(&mut self, state: AccountState) {
        self.account.state = state;
    }

    /// Says into which account this one goes (S-44).
    pub(crate) fn set_merged_into(&mut self, survivor: Option<AccountId>) {
        self.account.merged_into = survivor;
    }

    /// What the account holds of an asset.
    pub(crate) fn amounts(&mut self, work: &mut Permit<'_, '_>, asset: Asset) -> Result<Amounts> {
        let balance = &self.balance(work, asset)?.row;
        let Balance { available, pending, held, debt, .. } = *balance;
        Ok(Amounts { available, pending, held, debt })
    }

    /// What can be redeemed of an asset.
    pub(crate) fn available(&mut self, work: &mut Permit<'_, '_>, asset: Asset) -> Result<i64> {
        Ok(self.amounts(work, asset)?.available)
    }

    /// Whether nothing is on the account, and nothing is owed.
    pub(crate) fn is_empty(&mut self, work: &mut Permit<'_, '_>) -> Result<bool> {
        for Balance { asset, .. } in work.select(balance::account_id.eq(self.account.id)).all()? {
            self.balance(work, asset)?;
        }
        let mut rows = self.balances.values().map(|balance| &balance.row);
        Ok(rows.all(|row| (row.available, row.pending, row.held, row.debt) == (0, 0, 0, 0)))
    }

    /// The open lots.
    pub(crate) fn open_lots(&mut self, work: &mut Permit<'_, '_>) -> Result<impl Iterator<Item = &Lot>> {
        self.load_open(work)?;
        Ok(self.lots.values().map(|lot| &lot.row).filter(|lot| lot.open))
    }

    /// Writes what was done, each row once, and tells it.
    pub(crate) fn close(mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        if self.complete {
            // Everything that is open is here, so it is known when something is due next.
            let lots = self.lots.values().map(|lot| &lot.row);
            self.account.due_at = rules::next_due(lots, self.holds.values().map(|hold| &hold.row));
        }
        self.lots.into_values().try_for_each(|lot| lot.write(work))?;
        self.balances.into_values().try_for_each(|balance| balance.write(work))?;
        self.holds.into_values().try_for_each(|hold| hold.write(work))?;
        self.days.into_values().try_for_each(|day| day.write(work))?;
        work.insert_all(&self.entries)?;
        if self.account != self.stored {
            work.update(&mut self.account)?;
        }
        for entry in &self.entries {
            let changes = rules::fold(&entry.postings.0)?.into_iter().filter(|(_, amounts)| !amounts.is_empty());
            work.emit(&LedgerPosted {
                account: self.account.id,
                customer: self.account.customer_id,
                branch: entry.branch_id.or(self.account.branch_id),
                entry: entry.id,
                kind: entry.kind,
                purchase: entry.purchase_id,
                occurred_at: entry.occurred_at,
                reason: entry.reason.clone(),
                changes: changes.collect(),
            })?;
        }
        Ok(())
    }
}
