//! Purchases, their lines and their tenders.

use crate::branches::BranchId;
use crate::catalog::{CategoryId, ProductId};
use crate::customers::CustomerId;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::returns::Sold;
use crate::work::Json;
use uuid::Uuid;

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
/// Paid in instalments.
pub const INSTALMENTS: &str = "instalments";

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
        /// Whether it is only here for the record: imported, without stock, earnings or anything else that a purchase
        /// brings about (S-31).
        history_only: bool,
    }
}

impl Purchase {
    /// The sum of its lines.
    pub fn total(&self) -> Money {
        Money::new(self.total_minor, self.currency)
    }
}

crate::entity! {
    /// A line of a purchase: one product at one price, and everything that a return or an invoice will need of it. All of
    /// it is stored when the purchase is recorded, and never computed again (ADR 11).
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
        /// The price of one before discounts, in minor units.
        unit_price_minor: i64,
        /// The discounts on the line itself, in minor units.
        discount_minor: i64,
        /// Its share of the discounts on the whole order, in minor units (S-27).
        order_discount_minor: i64,
        /// The tax, in minor units.
        tax_minor: i64,
        /// The rate of the tax.
        tax_rate: Rate,
        /// Whether the prices contain the tax; otherwise it comes on top.
        tax_included: bool,
        /// What is paid for it, with tax, in minor units.
        total_minor: i64,
        /// How much of that each tender pays, by its number, in minor units (S-27).
        tender_shares: Json<Vec<i64>>,
    }
}

impl PurchaseLine {
    /// The price of all pieces before discounts, in minor units.
    pub fn list_minor(&self) -> i64 {
        self.unit_price_minor.saturating_mul(self.quantity)
    }

    /// What is paid for it without tax, in minor units.
    pub fn net_minor(&self) -> i64 {
        self.total_minor.saturating_sub(self.tax_minor)
    }

    /// The line as a return sees it.
    pub fn sold(&self) -> Sold<'_> {
        Sold {
            quantity: self.quantity,
            total_minor: self.total_minor,
            tax_minor: self.tax_minor,
            tender_shares: &self.tender_shares.0,
        }
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
        /// How: [`CASH`], [`CARD`], or a name that a module has given its own.
        method: String,
        /// How much, in minor units.
        amount_minor: i64,
        /// Whether it is paid later.
        paid_later: bool,
        /// The record that stands behind it, as its method has named it: a cheque, a captured hold.
        reference: Option<Uuid>,
    }
}

crate::entity! {
    /// A purchase that is not final: its lines can still be struck out. When it is final there is none.
    pub struct OpenPurchase {
        kind: "open_purchase", table: "crm_open_purchases", key: (branch_id: BranchId, purchase_id: PurchaseId), columns: open_purchase,
        scoped: { branch: branch_id, customer: customer_id },
    } {
        /// Where.
        branch_id: BranchId,
        /// The purchase.
        purchase_id: PurchaseId,
        /// Who bought, if known.
        customer_id: Option<CustomerId>,
    }
}
