//! Invoices and credit notes: numbered without a gap, never changed, printable (C16).
//!
//! A number is taken in the transaction that writes the invoice, from a counter that stays locked until then: what is
//! rolled back gives its number back (ADR 12).

mod document;
pub mod event;
mod invariants;
mod model;
mod print;
mod rules;
mod service;

pub use document::{Buyer, DocumentLine, InvoiceDocument, Payment, TaxSum};
pub use invariants::numbers_have_no_gaps;
pub use model::{
    Invoice, InvoiceCounter, InvoiceId, InvoiceKind, InvoiceSeries, invoice, invoice_counter, invoice_series,
};
pub use print::to_html;
pub use rules::{fiscal_year, number_text};
pub use service::{ISSUE, Invoices, NewSeries, READ, SERIES};
pub(crate) use service::{Item, credit, issue};
