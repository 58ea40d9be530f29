//! Accounts and what is on them: the one place where lots and balances are changed.

mod book;
mod corrections;
pub mod event;
mod holds;
mod invariants;
mod rebuild;
mod service;
mod standing;
mod transfer;

pub(crate) use book::{Book, Cause, Give, Take};
pub(crate) use corrections::ClawBack;
pub use corrections::Policy;
pub(crate) use holds::NewHold;
pub(crate) use invariants::accounts_agree;
pub use service::{ADJUST, ENROL, MAINTAIN, MANAGE, READ};
pub(crate) use service::{NewAccount, enrol, on_customer, open_account};
pub(crate) use standing::standing;
