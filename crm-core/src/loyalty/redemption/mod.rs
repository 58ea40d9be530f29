//! Paying with credit and points: how much of it can be used, and what says so (S-20, S-22, S-23).

mod check;
mod rules;
mod terms;

pub use check::check;
pub use rules::{Asked, Bound, Usable, cost, restored_by, usable};
pub use terms::{Limits, LimitsFor, Redeemer, RedemptionTerms};
