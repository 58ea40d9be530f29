//! What happens to purchases.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::model::{Purchase, PurchaseId, PurchaseLine, Tender};
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`PurchaseRecorded`].
pub const PURCHASE_RECORDED: &str = "purchases.recorded";
/// The kind of [`PurchaseFinalised`].
pub const PURCHASE_FINALISED: &str = "purchases.finalised";

/// A purchase was recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PurchaseRecorded {
    /// The purchase.
    pub purchase: PurchaseId,
    /// Where.
    pub branch: BranchId,
    /// Who bought, if known.
    pub customer: Option<CustomerId>,
    /// What it cost.
    pub total: Money,
    /// What of that is paid later: it counts as it is cleared (S-12).
    pub deferred: Money,
    /// Whether it is only here for the record, so that nothing is to be added to it (S-31).
    pub history_only: bool,
    /// Whether its goods are shipped, and not handed over at the till.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_ship: bool,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What was bought, for handlers; not in the journal, for it is stored with the purchase.
    #[serde(skip)]
    pub lines: Arc<[PurchaseLine]>,
    /// How it was paid, for handlers.
    #[serde(skip)]
    pub tenders: Arc<[Tender]>,
}

impl Event for PurchaseRecorded {
    const KIND: &'static str = PURCHASE_RECORDED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: Some(self.branch),
            reference: Some(Reference { kind: Purchase::SCHEMA.kind, id: self.purchase.into() }),
            occurred_at: Some(self.occurred_at),
        }
    }
}

/// The lines of a purchase can no longer be struck out. Not told of purchases that were final from the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PurchaseFinalised {
    /// The purchase.
    pub purchase: PurchaseId,
    /// Where.
    pub branch: BranchId,
    /// Who bought, if known.
    pub customer: Option<CustomerId>,
}

impl Event for PurchaseFinalised {
    const KIND: &'static str = PURCHASE_FINALISED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: Some(self.branch),
            reference: Some(Reference { kind: Purchase::SCHEMA.kind, id: self.purchase.into() }),
            ..About::default()
        }
    }
}
