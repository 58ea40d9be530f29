//! Two members become one, and two again (S-44, C12, ADR 21): what the club moves when the core merges two customers.

mod invariants;
mod service;

pub(crate) use invariants::merges_agree;
pub use service::MERGE;
pub(crate) use service::{on_merged, on_unmerged, went_to};
