//! Journal entries.

use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::time::Timestamp;
use crate::work::Json;
use uuid::Uuid;

crate::id! {
    /// Names a journal entry.
    pub struct JournalEntryId;
}

crate::entity! {
    /// Something that happened. Written by [`Permit::emit`](crate::work::Permit::emit), never changed.
    pub struct JournalEntry {
        kind: "journal", table: "crm_journal", key: (occurred_at: Timestamp, id: JournalEntryId), columns: journal_entry,
        scoped: { branch: branch_id, customer: customer_id },
    } {
        /// When it happened (S-48).
        occurred_at: Timestamp,
        /// Its id.
        id: JournalEntryId,
        /// When it was written down (S-48).
        recorded_at: Timestamp,
        /// What happened: the kind of the event.
        kind: String,
        /// The customer in whose history it stands.
        customer_id: Option<CustomerId>,
        /// The place of business where it happened.
        branch_id: Option<BranchId>,
        /// The kind of the record it is about.
        reference_kind: Option<String>,
        /// The id of the record it is about.
        reference_id: Option<Uuid>,
        /// Who did it (S-52).
        actor: String,
        /// The event as it was emitted.
        payload: Json<serde_json::Value>,
    }
}
