//! Accounts, lots and entries: who holds what, since when, until when, and why (S-01 to S-10, S-30, S-48).

mod model;
pub mod rules;

pub use model::{
    Account, AccountId, AccountKind, AccountState, Balance, Entry, EntryId, EntryKind, Hold, HoldId, HoldState, Lot,
    LotId, LotSource, NEVER, Posting, PostingAccount, account, balance, entry, hold, lot,
};
