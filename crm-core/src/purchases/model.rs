//! Purchases, their lines and their tenders.

use crate::branches::BranchId;
use crate::catalog::{CategoryId, ProductId};
use crate::customers::CustomerId;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::time::{CivilDate, Timestamp};

crate::id! {
    /// Names a purchase.
    pub struct PurchaseId;
}

/// Paid in cash.
pub const CASH: &str = "cash";
/// Paid by card.
pub const CARD: &str = "card";
/// Paid by bank transfer.
pub const TRANSFER: &str = "transfer";
/// Paid by cheque.
pub const CHEQUE: &str = "cheque";

crate::entity! {
    /// A purchase. Never changed once recorded.
    pub struct Purchase {
        kind: "purchase", table: "crm_purchases", key: (id: PurchaseId), columns: purchase,
        unique: { receipt: [receipt_no, branch_id] }, scoped: { branch: branch_id, customer: customer_id },
    } {
        /// Its id.
        id: PurchaseId,
        /// Where.
        branch_id: BranchId,
        /// The number on the receipt, unique in its branch.
        receipt_no: String,
        /// Who bought, if known.
        customer_id: Option<CustomerId>,
        /// When it happened (S-48).
        occurred_at: Timestamp,
        /// When it was recorded (S-48).
        recorded_at: Timestamp,
        /// The business day of the branch on which it happened (S-15).
        business_date: CivilDate,
        /// The currency of every amount in it.
        currency: Currency,
        /// The sum of its lines, in minor units.
        total_minor: i64,
    }
}

impl Purchase {
    /// The sum of its lines.
    pub fn total(&self) -> Money {
        Money::new(self.total_minor, self.currency)
    }
}

crate::entity! {
    /// A line of a purchase: one product at one price.
    pub struct PurchaseLine {
        kind: "purchase_line", table: "crm_purchase_lines", key: (purchase_id: PurchaseId, line_no: u16), columns: purchase_line,
    } {
        /// The purchase.
        purchase_id: PurchaseId,
        /// Its number, from 1.
        line_no: u16,
        /// What was bought.
        product_id: ProductId,
        /// The category of the product at that time.
        category_id: Option<CategoryId>,
        /// Pieces.
        quantity: i64,
        /// Whether these pieces left the stock of the branch: the line is the movement.
        stocked: bool,
        /// The price of one, in minor units.
        unit_price_minor: i64,
        /// The price of all, in minor units.
        total_minor: i64,
    }
}

crate::entity! {
    /// A part of how a purchase was paid.
    pub struct Tender {
        kind: "tender", table: "crm_tenders", key: (purchase_id: PurchaseId, tender_no: u16), columns: tender,
    } {
        /// The purchase.
        purchase_id: PurchaseId,
        /// Its number, from 1.
        tender_no: u16,
        /// How: [`CASH`], [`CARD`], or a name of a module's own.
        method: String,
        /// How much, in minor units.
        amount_minor: i64,
    }
}
