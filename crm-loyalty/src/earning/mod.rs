//! What purchases earn, and what becomes of it when they are paid or come back.

mod counters;
mod hooks;
mod invariants;
mod posting;
mod service;
mod what_if;

pub(crate) use counters::{join, part};
pub(crate) use hooks::{on_cleared, on_purchase, on_return, on_shipped, on_unshipped};
pub(crate) use invariants::sheets_agree;
pub use service::{EARN, READ};
pub use what_if::{Difference, MemberDifference, Report, WHAT_IF, WhatIf};
