//! Returns: pieces of a purchase taken back, any number of times, from the shares that were stored with it (N-6).
//!
//! Nothing is computed from today's rules or prices. What a purchase of q pieces was worth is stored once; r of them take
//! back the floor of each share × r / q in all, so that any number of partial returns comes to the same as one, and none
//! takes an earlier refund back (S-28, S-29; ADR 11).

pub mod event;
mod invariants;
mod model;
mod rules;
mod service;

pub use invariants::returns_agree;
pub use model::{Refund, Return, ReturnId, ReturnKind, ReturnLine, refund, return_, return_line};
pub use rules::{Sold, TakenBack, take_back, taken_back};
pub use service::{NewReturn, NewReturnLine, READ, RECORD, Returned, Returns, VOID};
