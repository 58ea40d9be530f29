//! What purchases earn, and what becomes of it when they are paid or come back.

mod counters;
mod hooks;
mod posting;
mod service;

pub(crate) use hooks::{on_cleared, on_purchase, on_return};
pub use service::{EARN, READ};
