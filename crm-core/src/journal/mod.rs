//! The journal: one chronological, append-only history of everything (C20).

mod model;
mod service;

pub use model::{JournalEntry, JournalEntryId, journal_entry};
pub use service::{Journal, JournalQuery, READ};
