//! Members who bring others, and what they get for it (S-34, C78, N-8).

pub mod event;
mod guard;
mod model;
mod rules;

pub use guard::{MAX_CHAIN, Person, closes_a_circle};
pub use model::{
    Barred, Fingerprint, PeriodCap, Referral, ReferralReward, ReferralTerm, ReferralTerms, ReferredLine, Referrer,
    fingerprint, referral, referral_reward, referrer,
};
pub use rules::{Bought, Entitlement, Kept};
