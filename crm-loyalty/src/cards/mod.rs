//! Members' cards: issued, activated, reported lost, replaced, looked up (S-36, C76).

pub mod event;
mod invariants;
mod service;

pub(crate) use invariants::cards_agree;
pub use service::{BLOCK, Blocked, ISSUE, NewCard, READ, Shown};
pub(crate) use service::{may_spend, on_card_no, re_key};
