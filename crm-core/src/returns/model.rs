//! Returns, their lines and their refunds.

use crate::branches::BranchId;
use crate::catalog::ProductId;
use crate::customers::CustomerId;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::purchases::PurchaseId;
use crate::work::Json;

crate::id! {
    /// Names a return.
    pub struct ReturnId;
}

crate::text_enum! {
    /// Why a return is in the books.
    pub enum ReturnKind {
        /// The customer brought something back.
        Return = "return",
        /// A line was struck out before the purchase was final.
        Void = "void",
    }
}

crate::entity! {
    /// Pieces of a purchase were taken back, at one time. Never changed.
    pub struct Return {
        kind: "return", table: "crm_returns", key: (id: ReturnId), columns: return_,
        personal: [reason], scoped: { branch: branch_id, customer: customer_id },
    } {
        /// Its id.
        id: ReturnId,
        /// The purchase.
        purchase_id: PurchaseId,
        /// Where the goods came back; not always where they were bought.
        branch_id: BranchId,
        /// Who had bought, if known.
        customer_id: Option<CustomerId>,
        /// A return, or a line struck out.
        kind: ReturnKind,
        /// Why, in the words of whoever took it back.
        reason: Option<String>,
        /// When it happened and was recorded (S-48): a return is recorded at once.
        recorded_at: Timestamp,
        /// The business day of the branch.
        business_date: CivilDate,
        /// The currency of the purchase.
        currency: Currency,
        /// What is given back, in minor units: the sum of its lines, and of its refunds.
        total_minor: i64,
    }
}

impl Return {
    /// What is given back.
    pub fn total(&self) -> Money {
        Money::new(self.total_minor, self.currency)
    }
}

crate::entity! {
    /// How many pieces of a line came back with one return, and what that gives back.
    pub struct ReturnLine {
        kind: "return_line", table: "crm_return_lines",
        key: (purchase_id: PurchaseId, line_no: u16, return_id: ReturnId), columns: return_line,
    } {
        /// The purchase: all returns of it stand together.
        purchase_id: PurchaseId,
        /// The line of the purchase.
        line_no: u16,
        /// The return.
        return_id: ReturnId,
        /// What came back.
        product_id: ProductId,
        /// Pieces.
        quantity: i64,
        /// What is given back for them, in minor units: the sum of its refunds.
        total_minor: i64,
        /// The tax that is in it, in minor units.
        tax_minor: i64,
        /// What each tender of the purchase gives back, by its number, in minor units.
        refunds: Json<Vec<i64>>,
        /// Whether the pieces went to the stock of the branch where they came back: the line is the movement.
        restocked: bool,
    }
}

crate::entity! {
    /// What one tender of the purchase gives back with one return.
    pub struct Refund {
        kind: "refund", table: "crm_refunds", key: (return_id: ReturnId, tender_no: u16), columns: refund,
    } {
        /// The return.
        return_id: ReturnId,
        /// The tender of the purchase.
        tender_no: u16,
        /// How it was paid.
        method: String,
        /// How much, in minor units.
        amount_minor: i64,
    }
}
