//! What happens to purchases.

use serde::{Deserialize, Serialize};

use super::model::{Purchase, PurchaseId};
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`PurchaseRecorded`].
pub const PURCHASE_RECORDED: &str = "purchases.recorded";

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
    /// When it happened.
    pub occurred_at: Timestamp,
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
