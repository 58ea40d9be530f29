//! What is told of accounts and of the club (S-41, S-42, N-24).

mod account;
mod expiry;
mod report;

pub use account::{AccountStatement, StatementLine};
pub use expiry::{REMIND, RemindProgress};
pub use report::{LiabilityQuery, REPORT, SettlementQuery};

/// Permission to see statements of accounts, and what expires.
pub const READ: &str = "loyalty.statements.read";
