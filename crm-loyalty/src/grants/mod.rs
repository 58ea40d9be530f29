//! Gifts to groups (S-37, C70, C71).

mod audience;
mod chunks;
mod service;

pub use chunks::GrantProgress;
pub use service::{APPROVE, GrantPreview, NewGrant, PLAN, READ, RUN};
