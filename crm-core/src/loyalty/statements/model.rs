//! Which reminders were sent.

use super::super::ledger::{AccountId, LotId};
use crate::kernel::time::Timestamp;

crate::entity! {
    /// A member was reminded that a lot expires: once for each lot and threshold (S-41).
    pub struct Reminded {
        kind: "loyalty_reminded", table: "crm_loyalty_reminded",
        key: (account_id: AccountId, lot_id: LotId, days_before: u16), columns: reminded,
    } {
        /// Whose.
        account_id: AccountId,
        /// What expires.
        lot_id: LotId,
        /// How many days before the last day.
        days_before: u16,
        /// When.
        sent_at: Timestamp,
    }
}
