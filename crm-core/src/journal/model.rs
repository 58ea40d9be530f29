//! Journal entries.

use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::time::Timestamp;
use crate::work::{CommandKey, Json};
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
        /// Where they did it: the till, the site, the program, as the host named it (S-52).
        channel: Option<String>,
        /// The permission under which it was done (S-52).
        permission: String,
        /// The command it was a part of, if that had an idempotency key (S-52).
        command_id: Option<CommandKey>,
        /// The entry a module answered with this one: what caused an automatic action (S-52).
        cause_id: Option<JournalEntryId>,
        /// The rule that decided, with its version, if one did (S-46, S-52).
        rule: Option<String>,
        /// The event as it was emitted.
        payload: Json<serde_json::Value>,
    }
}
