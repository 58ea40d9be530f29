//! The journal: one chronological, append-only history of everything (C20), and its seals (C28).

mod model;
mod references;
mod seal;
mod service;

pub use model::{JournalEntry, JournalEntryId, journal_entry};
pub use references::entries_refer;
pub use seal::{JOURNAL_SEALED, JournalSeal, JournalSealed, SEAL, journal_seal, seals_hold};
pub use service::{Journal, JournalQuery, READ};
