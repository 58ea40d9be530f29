//! Tiers: ladders, what is counted for them, and who stands where (S-16 to S-19, S-51).
//!
//! What qualifies is counted by account and business day, apart from what can be spent: redemption and expiry change no tier.
//! A tier is reached at once, whatever the day of the purchase; it is lost only when it is reviewed. A review is due on a
//! fixed day and decides by what was counted, so it may be done late, twice or by the next purchase, and comes to the same.

mod check;
mod counts;
pub mod event;
mod model;
mod moves;
mod rules;
mod terms;
mod window;

pub use check::TierFault;
pub(super) use check::check;
pub use counts::{Day, DaysOf};
pub use model::{
    Cause, Counted, Pin, PinKind, Promotion, QualifyingDay, Standing, TierChange, TierChangeId, qualifying_day,
    standing, tier_change,
};
pub use rules::{Change, Progress, Rules};
pub use terms::{Downgrade, LadderId, Missing, Need, Sums, TierLadder, TierTerms, Validity};
pub use window::{Anchors, Anniversary, Days, Window};
