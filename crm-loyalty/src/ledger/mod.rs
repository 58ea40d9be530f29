//! Accounts and what is on them: the one place where lots and balances are changed.
#![allow(dead_code, unused_imports, reason = "the rooms that use all of it come one by one")]

mod book;
mod corrections;
pub mod event;
mod holds;
mod invariants;
mod rebuild;
mod service;
mod standing;
mod transfer;

pub(crate) use book::{Book, Cause, Give, Given, Take, Taken};
pub use corrections::Policy;
pub(crate) use corrections::{ClawBack, ClawedBack, Restored};
pub(crate) use holds::NewHold;
pub(crate) use invariants::accounts_agree;
pub use service::{ADJUST, ENROL, MAINTAIN, MANAGE, READ};
pub(crate) use service::{NewAccount, enrol, on_customer, open_account};
pub(crate) use standing::{Standing, held_at, open_lots, standing};
