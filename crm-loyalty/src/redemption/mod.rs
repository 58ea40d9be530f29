//! Paying with credit and points: how much can be used, setting it aside, and the tenders.

mod service;
mod tender;
mod terms;

pub use service::{Holding, NewHolding, Query, REDEEM};
pub(crate) use tender::Redeeming;
pub use tender::{CREDIT, POINTS, credit, points, with_hold};
