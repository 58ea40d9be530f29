//! What happens to gift cards.

use crm_core::branches::BranchId;
use crm_core::customers::CustomerId;
use crm_core::kernel::money::Money;
use crm_core::loyalty::gift_cards::{GiftBatch, GiftBatchId, GiftCard, GiftCardId, GiftCardState};
use crm_core::module::{About, Event, Reference};
use crm_core::purchases::PurchaseId;
use crm_core::work::Entity;
use serde::{Deserialize, Serialize};

/// The kind of [`GiftBatchMade`].
pub const GIFT_BATCH_MADE: &str = "loyalty.gift_batch_made";
/// The kind of [`GiftCardChanged`].
pub const GIFT_CARD_CHANGED: &str = "loyalty.gift_card_changed";
/// The kind of [`GiftCardShown`].
pub const GIFT_CARD_SHOWN: &str = "loyalty.gift_card_shown";
/// The kind of [`GiftCodeTried`].
pub const GIFT_CODE_TRIED: &str = "loyalty.gift_code_tried";

/// A batch of gift cards was made, or handed out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GiftBatchMade {
    /// The batch.
    pub batch: GiftBatchId,
    /// The branch whose cards they are.
    pub branch: Option<BranchId>,
    /// How many cards.
    pub size: u32,
    /// What each is worth.
    pub face: Money,
    /// Whether they can be sold now.
    pub released: bool,
}

/// A gift card came to life, was blocked, freed, used up, filled, or paid back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GiftCardChanged {
    /// The card.
    pub card: GiftCardId,
    /// Who alone can spend it.
    pub owner: Option<CustomerId>,
    /// The branch whose card it is.
    pub branch: Option<BranchId>,
    /// The state now.
    pub state: GiftCardState,
    /// The purchase that sold it.
    pub purchase: Option<PurchaseId>,
    /// What was paid back for it.
    pub paid_out: Option<Money>,
    /// Why, where somebody has said so.
    pub reason: Option<String>,
}

impl GiftCardChanged {
    pub(crate) fn of(card: &GiftCard) -> Self {
        Self {
            card: card.id,
            owner: card.owner_id,
            branch: card.branch_id,
            state: card.state,
            purchase: card.purchase_id,
            paid_out: None,
            reason: None,
        }
    }
}

/// The code of a good card was shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GiftCardShown {
    /// The card.
    pub card: GiftCardId,
    /// Where.
    pub branch: BranchId,
    /// By whom, if known.
    pub customer: Option<CustomerId>,
}

/// So many codes were tried in vain that there is a delay from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GiftCodeTried {
    /// Where.
    pub branch: BranchId,
}

fn card(id: GiftCardId) -> Reference {
    Reference { kind: GiftCard::SCHEMA.kind, id: id.into() }
}

impl Event for GiftBatchMade {
    const KIND: &'static str = GIFT_BATCH_MADE;

    fn about(&self) -> About {
        let reference = Some(Reference { kind: GiftBatch::SCHEMA.kind, id: self.batch.into() });
        About { branch: self.branch, reference, ..About::default() }
    }
}

impl Event for GiftCardChanged {
    const KIND: &'static str = GIFT_CARD_CHANGED;

    fn about(&self) -> About {
        About { customer: self.owner, branch: self.branch, reference: Some(card(self.card)), ..About::default() }
    }
}

impl Event for GiftCardShown {
    const KIND: &'static str = GIFT_CARD_SHOWN;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: Some(self.branch),
            reference: Some(card(self.card)),
            ..About::default()
        }
    }
}

impl Event for GiftCodeTried {
    const KIND: &'static str = GIFT_CODE_TRIED;

    fn about(&self) -> About {
        About { branch: Some(self.branch), ..About::default() }
    }
}
