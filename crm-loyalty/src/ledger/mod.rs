//! Accounts and what is on them: the one place where lots and balances are changed.

mod book;
pub mod event;
mod invariants;
mod rebuild;
mod service;
mod standing;

pub use book::Policy;
pub(crate) use book::{Book, Cause, ClawBack, Give, NewHold, Take};
pub(crate) use invariants::accounts_agree;
pub use service::{ADJUST, ENROL, MAINTAIN, MANAGE, READ};
pub(crate) use service::{NewAccount, account_of, enrol, on_customer, open_account};
pub(crate) use standing::{lapsing, open_lots, standing};
