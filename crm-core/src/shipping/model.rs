//! Lines to be shipped.

use crate::branches::BranchId;
use crate::catalog::ProductId;
use crate::customers::CustomerId;
use crate::kernel::time::Timestamp;
use crate::purchases::PurchaseId;
use crate::work::Version;

crate::entity! {
    /// A line of a purchase that is shipped, not handed over at the till.
    pub struct PickLine {
        kind: "pick_line", table: "crm_pick_lines", key: (purchase_id: PurchaseId, line_no: u16), columns: pick_line,
        version: version, scoped: { branch: branch_id, customer: customer_id },
    } {
        /// The purchase.
        purchase_id: PurchaseId,
        /// The line.
        line_no: u16,
        /// The optimistic lock.
        version: Version,
        /// From where it is shipped.
        branch_id: BranchId,
        /// For whom, if known.
        customer_id: Option<CustomerId>,
        /// What.
        product_id: ProductId,
        /// Pieces sold.
        quantity: i64,
        /// Pieces that have left.
        shipped: i64,
        /// Pieces that were returned, shipped or not.
        returned: i64,
        /// Whether pieces are still to be packed.
        open: bool,
        /// Since when it is on the list.
        since: Timestamp,
    }
}

impl PickLine {
    /// Pieces still to be packed: those that the customer keeps, and that have not left.
    pub fn to_pack(&self) -> i64 {
        self.quantity.saturating_sub(self.returned).saturating_sub(self.shipped).max(0)
    }
}
