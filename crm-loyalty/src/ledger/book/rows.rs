//! The rows of an account that are here: read once, kept back, written when the book is closed.

use std::collections::btree_map::Entry as Slot;

use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{Balance, Hold, Lot, LotId, lot};
use crm_core::work::{Entity, Permit, Version};
use crm_core::{Error, Result};

use super::Book;

/// A row that is kept back.
pub(super) struct Kept<E> {
    pub(super) row: E,
    /// Whether the store has it.
    pub(super) stored: bool,
    pub(super) changed: bool,
}

impl<E> Kept<E> {
    pub(super) fn stored(row: E) -> Self {
        Self { row, stored: true, changed: false }
    }

    pub(super) fn new(row: E) -> Self {
        Self { row, stored: false, changed: true }
    }

    /// A new row that is written only if it changes.
    pub(super) fn unchanged(row: E) -> Self {
        Self { row, stored: false, changed: false }
    }

    pub(super) fn change(&mut self) -> &mut E {
        self.changed = true;
        &mut self.row
    }
}

impl<E: Entity> Kept<E> {
    pub(super) fn write(mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        match (self.changed, self.stored) {
            (false, _) => Ok(()),
            (true, true) => work.update(&mut self.row),
            (true, false) => work.insert(&self.row),
        }
    }
}

impl Book {
    /// A lot that is here, to be changed.
    pub(super) fn lot(&mut self, id: LotId) -> Result<&mut Lot> {
        self.lots.get_mut(&id).map(Kept::change).ok_or_else(|| Error::not_found("loyalty_lot", id))
    }

    /// Reads the open lots, once. Those that are here already are as they are here.
    pub(super) fn load_open(&mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        if !self.complete {
            let open = lot::account_id.eq(self.account.id).and(lot::open.eq(true));
            for row in work.select(open).all()? {
                self.lots.entry(row.id).or_insert_with(|| Kept::stored(row));
            }
            self.load_holds(work)?;
            self.complete = true;
        }
        Ok(())
    }

    /// Reads lots by their ids, open or not.
    pub(super) fn load(&mut self, work: &mut Permit<'_, '_>, ids: &[LotId]) -> Result<()> {
        let account = self.account.id;
        let missing: Vec<_> = ids.iter().filter(|id| !self.lots.contains_key(id)).map(|id| (account, *id)).collect();
        for row in work.get_many::<Lot>(&missing)?.into_iter().flatten() {
            self.lots.insert(row.id, Kept::stored(row));
        }
        Ok(())
    }

    /// Reads the holds that are open.
    pub(super) fn load_holds(&mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        let ids = self.account.open_holds.0.clone();
        let missing: Vec<_> =
            ids.into_iter().filter(|id| !self.holds.contains_key(id)).map(|id| (self.account.id, id)).collect();
        for row in work.get_many::<Hold>(&missing)?.into_iter().flatten() {
            self.holds.insert(row.id, Kept::stored(row));
        }
        Ok(())
    }

    pub(super) fn balance(&mut self, work: &mut Permit<'_, '_>, asset: Asset) -> Result<&Kept<Balance>> {
        let account_id = self.account.id;
        match self.balances.entry(asset) {
            Slot::Occupied(here) => Ok(here.into_mut()),
            Slot::Vacant(slot) => {
                let new =
                    Balance { account_id, asset, version: Version::FIRST, available: 0, pending: 0, held: 0, debt: 0 };
                let stored = work.find::<Balance>(&(account_id, asset))?;
                Ok(slot.insert(stored.map_or_else(|| Kept::unchanged(new), Kept::stored)))
            }
        }
    }
}
