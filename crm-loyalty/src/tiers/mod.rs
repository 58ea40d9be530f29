//! Tiers in the store: counting, reviewing, pinning, telling (S-16 to S-19, S-51).

mod invariants;
mod join;
mod post;
mod service;

pub(crate) use invariants::{counts_agree, standings_agree};
pub(crate) use join::{Joined, join, part};
pub(crate) use post::{Posting, expect, post, raised, tiers_at};
pub use service::{Interval, PIN, READ, REVIEW, TierView};
pub(crate) use service::{complete, due, review_due};
