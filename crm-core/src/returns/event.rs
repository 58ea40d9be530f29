//! What happens to returns.

use serde::{Deserialize, Serialize};

use super::model::{Return, ReturnId, ReturnKind};
use crate::branches::BranchId;
use crate::catalog::ProductId;
use crate::customers::CustomerId;
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::module::{About, Event, Reference};
use crate::purchases::PurchaseId;
use crate::work::Entity;

/// The kind of [`PurchaseReturned`].
pub const PURCHASE_RETURNED: &str = "returns.recorded";

/// Pieces of a purchase were taken back. What a module has added to the purchase it undoes when it is told this, in the
/// same transaction: of a share `e` of a line the part `floor(e × after / quantity)` less the same for `before` (S-28).
///
/// ```
/// # use crm_core::kernel::allocate::cumulative_floor;
/// # use crm_core::returns::event::ReturnedLine;
/// # fn reversal(earned: i64, line: &ReturnedLine) -> crm_core::Result<i64> {
/// Ok(cumulative_floor(earned, line.after, line.quantity)? - cumulative_floor(earned, line.before, line.quantity)?)
/// # }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PurchaseReturned {
    /// The return.
    #[serde(rename = "return")]
    pub return_id: ReturnId,
    /// A return, or a line struck out.
    pub kind: ReturnKind,
    /// The purchase.
    pub purchase: PurchaseId,
    /// When the purchase happened: what is undone depends on it, for example on the same business day.
    pub purchased_at: Timestamp,
    /// Whether the purchase was imported, so that nothing was added to it that could be undone.
    pub history_only: bool,
    /// Where the goods came back.
    pub branch: BranchId,
    /// Who had bought, if known.
    pub customer: Option<CustomerId>,
    /// What is given back.
    pub total: Money,
    /// What is given back of each line.
    pub lines: Vec<ReturnedLine>,
    /// What each tender gives back; those that give nothing are left out.
    pub refunds: Vec<RefundedTender>,
    /// Whether with this return everything of the purchase has come back.
    pub everything: bool,
}

/// What came back of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedLine {
    /// The line of the purchase.
    pub line_no: u16,
    /// The product.
    pub product: ProductId,
    /// Pieces sold.
    pub quantity: i64,
    /// Pieces that had come back before.
    pub before: i64,
    /// Pieces that have come back now, with those before.
    pub after: i64,
    /// What is given back for them.
    pub total: Money,
    /// The tax that is in it.
    pub tax: Money,
}

/// What one tender gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundedTender {
    /// The tender of the purchase.
    pub tender_no: u16,
    /// How it was paid.
    pub method: String,
    /// How much.
    pub amount: Money,
}

impl Event for PurchaseReturned {
    const KIND: &'static str = PURCHASE_RETURNED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: Some(self.branch),
            reference: Some(Reference { kind: Return::SCHEMA.kind, id: self.return_id.into() }),
            ..About::default()
        }
    }
}
