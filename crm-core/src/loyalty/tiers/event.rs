//! What happens to tiers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::ledger::{Account, AccountId};
use super::model::{Cause, PinKind};
use super::terms::LadderId;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::module::{About, Event, Reference};
use crate::pricing::TierId;
use crate::work::Entity;

/// The kind of [`TierReached`].
pub const TIER_REACHED: &str = "loyalty.tier_reached";
/// The kind of [`TierLowered`].
pub const TIER_LOWERED: &str = "loyalty.tier_lowered";
/// The kind of [`TierEnding`].
pub const TIER_ENDING: &str = "loyalty.tier_ending";
/// The kind of [`TierPinned`].
pub const TIER_PINNED: &str = "loyalty.tier_pinned";

/// What all events of tiers say.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TierOf {
    /// The account.
    pub account: AccountId,
    /// The member.
    pub customer: Option<CustomerId>,
    /// The branch that looks after the account.
    pub branch: Option<BranchId>,
    /// The ladder.
    pub ladder: LadderId,
}

/// A member has a higher tier: told once, however many were jumped (S-51).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TierReached {
    /// Whose, and on which ladder.
    #[serde(flatten)]
    pub of: TierOf,
    /// The tier before.
    pub from: Option<TierId>,
    /// The tier now.
    pub to: Option<TierId>,
    /// From when on.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
    /// The purchase or entry that has brought it about.
    pub cause_ref: Option<Uuid>,
}

/// A member has a lower tier.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TierLowered {
    /// Whose, and on which ladder.
    #[serde(flatten)]
    pub of: TierOf,
    /// The tier before.
    pub from: Option<TierId>,
    /// The tier now.
    pub to: Option<TierId>,
    /// From when on.
    pub at: Timestamp,
    /// Why.
    pub cause: Cause,
    /// The return or entry that has brought it about.
    pub cause_ref: Option<Uuid>,
}

/// A tier ends soon, unless it is earned again (S-19). Told once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TierEnding {
    /// Whose, and on which ladder.
    #[serde(flatten)]
    pub of: TierOf,
    /// The tier.
    pub tier: Option<TierId>,
    /// The last day on which it is kept, grace counted.
    pub kept_through: CivilDate,
}

/// A tier was set by hand, or is no longer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TierPinned {
    /// Whose, and on which ladder.
    #[serde(flatten)]
    pub of: TierOf,
    /// The tier, and how it holds; nothing when a pin was taken off.
    pub pin: Option<(Option<TierId>, PinKind)>,
    /// The first instant it no longer holds.
    pub until: Option<Timestamp>,
}

impl TierOf {
    fn about(&self, at: Option<Timestamp>) -> About {
        About {
            customer: self.customer,
            branch: self.branch,
            reference: Some(Reference { kind: Account::SCHEMA.kind, id: self.account.into() }),
            occurred_at: at,
        }
    }
}

impl Event for TierReached {
    const KIND: &'static str = TIER_REACHED;

    fn about(&self) -> About {
        self.of.about(Some(self.at))
    }
}

impl Event for TierLowered {
    const KIND: &'static str = TIER_LOWERED;

    fn about(&self) -> About {
        self.of.about(Some(self.at))
    }
}

impl Event for TierEnding {
    const KIND: &'static str = TIER_ENDING;

    fn about(&self) -> About {
        self.of.about(None)
    }
}

impl Event for TierPinned {
    const KIND: &'static str = TIER_PINNED;

    fn about(&self) -> About {
        self.of.about(None)
    }
}
