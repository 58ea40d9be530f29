//! What is due on an account, and when something is due next.

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::ledger::rules;
use crm_core::loyalty::ledger::{Hold, HoldId, HoldState, Lot, LotId};
use crm_core::work::Permit;

use super::{Book, Cause};

impl Book {
    /// Does what is due.
    pub(super) fn settle(&mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        let now = work.now();
        if self.account.due_at > now {
            return Ok(());
        }
        self.load_open(work)?;
        self.load_holds(work)?;
        let mut lots: BTreeMap<LotId, Lot> = self.lots.iter().map(|(id, lot)| (*id, lot.row.clone())).collect();
        let mut holds: BTreeMap<HoldId, Hold> = self.holds.iter().map(|(id, hold)| (*id, hold.row.clone())).collect();
        let steps = rules::settle(&mut lots, &mut holds, now)?;
        for (id, lot) in lots {
            if let Some(held) = self.lots.get_mut(&id)
                && held.row != lot
            {
                *held.change() = lot;
            }
        }
        for (_, hold) in holds.into_iter().filter(|(_, hold)| hold.state != HoldState::Open) {
            self.count_use(work, (hold.account_id, hold.asset, hold.business_date), -hold.amount)?;
            self.end_hold(hold);
        }
        self.post_steps(work, steps, &Cause::default())
    }

    /// Something is set aside from now on.
    pub(super) fn begin_hold(&mut self, id: HoldId, lapses_at: Timestamp) {
        self.account.open_holds.0.push(id);
        self.due_by(lapses_at);
    }

    /// Keeps a hold that is no longer open.
    pub(super) fn end_hold(&mut self, hold: Hold) {
        self.account.open_holds.0.retain(|open| *open != hold.id);
        if let Some(kept) = self.holds.get_mut(&hold.id) {
            *kept.change() = hold;
        }
    }

    /// Something is due then at the latest.
    pub(super) fn due_by(&mut self, due: Timestamp) {
        self.account.due_at = self.account.due_at.min(due);
    }
}
