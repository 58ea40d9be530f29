//! Days that come back: telling them, and celebrating them (S-39, N-20).

mod job;
mod merge;
mod service;

pub use job::{CELEBRATE, Celebrated};
pub(crate) use merge::{on_merged, on_unmerged};
pub use service::{READ, WRITE};
pub(crate) use service::{on_changed, on_customer};
