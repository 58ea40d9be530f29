//! What happens to offers.

use serde::{Deserialize, Serialize};

use super::model::{Offer, OfferId};
use super::rules::OfferState;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::module::{About, Event, Reference};
use crate::purchases::PurchaseId;
use crate::work::Entity;

/// The kind of [`OfferMoved`].
pub const OFFER_MOVED: &str = "offers.moved";

/// An offer was made, was given a price, or went from one state to another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OfferMoved {
    /// The offer.
    pub offer: OfferId,
    /// Where.
    pub branch: BranchId,
    /// To whom, if known.
    pub customer: Option<CustomerId>,
    /// Where it stood; nothing when it was just made.
    pub from: Option<OfferState>,
    /// Where it stands.
    pub to: OfferState,
    /// Its price, once it has one.
    pub total: Option<Money>,
    /// The first instant at which it does not hold any more.
    pub expires_at: Timestamp,
    /// What it has become.
    pub purchase: Option<PurchaseId>,
}

impl OfferMoved {
    pub(super) fn of(offer: &Offer, from: Option<OfferState>) -> Self {
        Self {
            offer: offer.id,
            branch: offer.branch_id,
            customer: offer.customer_id,
            from,
            to: offer.state,
            total: offer.total(),
            expires_at: offer.expires_at,
            purchase: offer.purchase_id,
        }
    }
}

impl Event for OfferMoved {
    const KIND: &'static str = OFFER_MOVED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: Some(self.branch),
            reference: Some(Reference { kind: Offer::SCHEMA.kind, id: self.offer.into() }),
            ..About::default()
        }
    }
}
