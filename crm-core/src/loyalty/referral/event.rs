//! What happens to referrals.

use serde::{Deserialize, Serialize};

use super::model::{Barred, Referral};
use crate::customers::CustomerId;
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`ReferralNoted`].
pub const REFERRAL_NOTED: &str = "loyalty.referral_noted";
/// The kind of [`ReferralBarred`].
pub const REFERRAL_BARRED: &str = "loyalty.referral_barred";

/// Somebody was brought by a member, or by another than before. What was given until then stays given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReferralNoted {
    /// Who was brought.
    pub referee: CustomerId,
    /// By whom; by nobody any more, if none.
    pub referrer: Option<CustomerId>,
    /// By whom it was before.
    pub before: Option<CustomerId>,
}

/// Nothing more is given for somebody.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReferralBarred {
    /// Who was brought.
    pub referee: CustomerId,
    /// By whom.
    pub referrer: CustomerId,
    /// Why.
    pub why: Barred,
}

fn about(referee: CustomerId) -> About {
    About {
        customer: Some(referee),
        reference: Some(Reference { kind: Referral::SCHEMA.kind, id: referee.into() }),
        ..About::default()
    }
}

impl Event for ReferralNoted {
    const KIND: &'static str = REFERRAL_NOTED;

    fn about(&self) -> About {
        about(self.referee)
    }
}

impl Event for ReferralBarred {
    const KIND: &'static str = REFERRAL_BARRED;

    fn about(&self) -> About {
        about(self.referee)
    }
}
