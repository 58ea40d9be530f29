//! Gifts to groups (S-37, C70, C71).

mod audience;
mod chunks;
mod invariants;
mod service;

pub use chunks::GrantProgress;
pub(crate) use invariants::lists_agree;
pub use service::{APPROVE, GrantPreview, NewGrant, PLAN, READ, RUN};
