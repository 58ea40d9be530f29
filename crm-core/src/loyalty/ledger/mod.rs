//! Accounts, lots and entries: who holds what, since when, until when, and why (S-01 to S-10, S-30, S-48).

pub mod audit;
mod model;
pub mod rules;

pub use model::{
    Account, AccountId, AccountKind, AccountState, Balance, DayUse, Entry, EntryId, EntryKind, Hold, HoldId, HoldState,
    Lot, LotId, LotSource, NEVER, Posting, PostingAccount, account, balance, day_use, entry, hold, lot,
};
