//! Members who bring others (S-34, C78, N-8).

mod caps;
mod hooks;
mod invariants;
mod link;
mod reward;
mod service;

pub(crate) use hooks::{on_changed, on_cleared, on_customer, on_merged, on_purchase, on_return, on_unmerged};
pub(crate) use invariants::rewards_agree;
pub(crate) use reward::lock_before;
pub use service::{READ, REWARD, WRITE};
