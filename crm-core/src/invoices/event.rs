//! What happens to invoices.

use serde::{Deserialize, Serialize};

use super::model::{Invoice, InvoiceId, InvoiceKind};
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::money::Money;
use crate::module::{About, Event, Reference};
use crate::purchases::PurchaseId;
use crate::work::Entity;

/// The kind of [`InvoiceIssued`].
pub const INVOICE_ISSUED: &str = "invoices.issued";

/// The kind of [`SeriesCreated`].
pub const SERIES_CREATED: &str = "invoices.series.created";

/// A series of numbers was set up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeriesCreated {
    /// Whose.
    pub branch: BranchId,
    /// Its name.
    pub name: String,
    /// What its numbers begin with.
    pub prefix: String,
}

impl Event for SeriesCreated {
    const KIND: &'static str = SERIES_CREATED;

    fn about(&self) -> About {
        About { branch: Some(self.branch), ..About::default() }
    }
}

/// An invoice or a credit note was issued.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InvoiceIssued {
    /// The invoice.
    pub invoice: InvoiceId,
    /// Which document it is.
    pub kind: InvoiceKind,
    /// Its number, as it is printed.
    pub number: String,
    /// The purchase.
    pub purchase: PurchaseId,
    /// Whose.
    pub branch: BranchId,
    /// For whom, if known.
    pub customer: Option<CustomerId>,
    /// What it comes to.
    pub total: Money,
}

impl Event for InvoiceIssued {
    const KIND: &'static str = INVOICE_ISSUED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: Some(self.branch),
            reference: Some(Reference { kind: Invoice::SCHEMA.kind, id: self.invoice.into() }),
            ..About::default()
        }
    }
}
