//! What happens to lines on their way.

use serde::{Deserialize, Serialize};

use super::service::ShipLine;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::module::{About, Event, Reference};
use crate::purchases::{Purchase, PurchaseId};
use crate::work::Entity;

/// The kind of [`Shipped`].
pub const SHIPPED: &str = "shipping.shipped";
/// The kind of [`Unshipped`].
pub const UNSHIPPED: &str = "shipping.unshipped";

/// Pieces have left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shipped {
    /// The purchase.
    pub purchase: PurchaseId,
    /// From where.
    pub branch: BranchId,
    /// For whom, if known.
    pub customer: Option<CustomerId>,
    /// What has left now.
    pub lines: Vec<ShipLine>,
    /// Whether nothing of these lines is left to pack.
    pub complete: bool,
}

impl Event for Shipped {
    const KIND: &'static str = SHIPPED;

    fn about(&self) -> About {
        about(self.purchase, self.branch, self.customer)
    }
}

/// Pieces that were said to have left have not, or have come back unopened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unshipped {
    /// The purchase.
    pub purchase: PurchaseId,
    /// From where.
    pub branch: BranchId,
    /// For whom, if known.
    pub customer: Option<CustomerId>,
    /// What has not left.
    pub lines: Vec<ShipLine>,
    /// Why.
    pub reason: String,
}

impl Event for Unshipped {
    const KIND: &'static str = UNSHIPPED;

    fn about(&self) -> About {
        about(self.purchase, self.branch, self.customer)
    }
}

fn about(purchase: PurchaseId, branch: BranchId, customer: Option<CustomerId>) -> About {
    About {
        customer,
        branch: Some(branch),
        reference: Some(Reference { kind: Purchase::SCHEMA.kind, id: purchase.into() }),
        ..About::default()
    }
}
