//! What happens to cards.

use crm_core::branches::BranchId;
use crm_core::customers::CustomerId;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::cards::{BlockReason, Card, CardId, CardState};
use crm_core::module::{About, Event, Reference};
use crm_core::work::Entity;
use serde::{Deserialize, Serialize};

/// The kind of [`CardChanged`].
pub const CARD_CHANGED: &str = "loyalty.card_changed";
/// The kind of [`CardRefused`].
pub const CARD_REFUSED: &str = "loyalty.card_refused";

/// A card was issued, activated, blocked, unblocked or replaced.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CardChanged {
    /// The card.
    pub card: CardId,
    /// The member.
    pub customer: CustomerId,
    /// The branch that looks after the member.
    pub branch: Option<BranchId>,
    /// The state now.
    pub state: CardState,
    /// Why it is blocked.
    pub blocked_for: Option<BlockReason>,
    /// Since when it was out of its owner's hands.
    pub lost_at: Option<Timestamp>,
    /// The card in whose place it came.
    pub replaces: Option<CardId>,
}

impl CardChanged {
    pub(crate) fn of(card: &Card) -> Self {
        Self {
            card: card.id,
            customer: card.customer_id,
            branch: card.branch_id,
            state: card.state,
            blocked_for: card.blocked_for,
            lost_at: card.lost_at,
            replaces: card.replaces_id,
        }
    }
}

/// A card was shown that is no longer good.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CardRefused {
    /// The card.
    pub card: CardId,
    /// The member.
    pub customer: CustomerId,
    /// Where it was shown.
    pub branch: BranchId,
    /// Its state.
    pub state: CardState,
}

fn card(id: CardId) -> Reference {
    Reference { kind: Card::SCHEMA.kind, id: id.into() }
}

impl Event for CardChanged {
    const KIND: &'static str = CARD_CHANGED;

    fn about(&self) -> About {
        About {
            customer: Some(self.customer),
            branch: self.branch,
            reference: Some(card(self.card)),
            ..About::default()
        }
    }
}

impl Event for CardRefused {
    const KIND: &'static str = CARD_REFUSED;

    fn about(&self) -> About {
        About {
            customer: Some(self.customer),
            branch: Some(self.branch),
            reference: Some(card(self.card)),
            ..About::default()
        }
    }
}
