//! Invoices, their series and counters.

use super::document::InvoiceDocument;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::currency::Currency;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::purchases::PurchaseId;
use crate::returns::ReturnId;
use crate::work::{Json, Version};

crate::id! {
    /// Names an invoice or a credit note.
    pub struct InvoiceId;
}

crate::text_enum! {
    /// Which document it is.
    pub enum InvoiceKind {
        /// What was sold.
        Invoice = "invoice",
        /// What was returned of an invoice.
        CreditNote = "credit_note",
    }
}

crate::entity! {
    /// A series of numbers of a branch: how they look, and when they begin anew.
    pub struct InvoiceSeries {
        kind: "invoice_series", table: "crm_invoice_series", key: (branch_id: BranchId, name: String),
        columns: invoice_series, version: version, scoped: { branch: branch_id },
    } {
        /// Whose.
        branch_id: BranchId,
        /// Its name.
        name: String,
        /// The optimistic lock.
        version: Version,
        /// What stands before the number.
        prefix: String,
        /// Whether numbers begin anew with each fiscal year.
        yearly: bool,
        /// The month of the branch's calendar in which the fiscal year begins, 1 to 12.
        first_month: u8,
        /// The series that credit notes for invoices of this one are in.
        credit_notes: String,
    }
}

crate::entity! {
    /// The last number of a series in a fiscal year.
    pub struct InvoiceCounter {
        kind: "invoice_counter", table: "crm_invoice_counters",
        key: (branch_id: BranchId, series: String, period: i32), columns: invoice_counter, version: version,
    } {
        /// The branch.
        branch_id: BranchId,
        /// The series.
        series: String,
        /// The fiscal year; 0 for a series without.
        period: i32,
        /// The optimistic lock.
        version: Version,
        /// The last number that was given.
        last: i64,
    }
}

crate::entity! {
    /// An invoice or a credit note. Never changed.
    pub struct Invoice {
        kind: "invoice", table: "crm_invoices", key: (id: InvoiceId), columns: invoice,
        unique: { number: [branch_id, series, period, number] }, personal: [document],
        scoped: { branch: branch_id, customer: customer_id },
    } {
        /// Its id.
        id: InvoiceId,
        /// Which document it is.
        kind: InvoiceKind,
        /// Whose.
        branch_id: BranchId,
        /// The series.
        series: String,
        /// The fiscal year; 0 for a series without.
        period: i32,
        /// Its number in the series and year: 1, 2, 3 …
        number: i64,
        /// The purchase.
        purchase_id: PurchaseId,
        /// The return, for a credit note.
        return_id: Option<ReturnId>,
        /// The invoice that a credit note corrects.
        corrects_id: Option<InvoiceId>,
        /// For whom, if known.
        customer_id: Option<CustomerId>,
        /// When it was issued.
        issued_at: Timestamp,
        /// The business day of the branch on which it was issued.
        issued_on: CivilDate,
        /// The currency of every amount in it.
        currency: Currency,
        /// What it comes to, in minor units; never negative, also for a credit note.
        total_minor: i64,
        /// The tax that is in it, in minor units.
        tax_minor: i64,
        /// Everything that stands on it, as it was when it was issued.
        document: Json<InvoiceDocument>,
    }
}
