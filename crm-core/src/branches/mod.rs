//! Branches: places of business, each with its zone, calendar, currency and business-day cut-off (C46).

pub mod event;
mod model;
mod service;

pub(crate) use model::business_day;
pub use model::{Branch, BranchId, branch};
pub use service::{Branches, NewBranch, READ, WRITE};
