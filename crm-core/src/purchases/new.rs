//! What a host hands over to record a purchase.

use serde::{Deserialize, Serialize};

use super::model::{CASH, CHEQUE, INSTALMENTS};
use super::rules::Figures;
use crate::branches::BranchId;
use crate::catalog::ProductId;
use crate::customers::CustomerId;
use crate::instalments::{ChequeTerms, Terms};
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::{Error, Result};

/// A purchase to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPurchase {
    /// Where.
    pub branch: BranchId,
    /// The number on the receipt, 1 to 64 characters, unique in the branch.
    pub receipt_no: String,
    /// Who bought, if known.
    #[serde(default)]
    pub customer: Option<CustomerId>,
    /// When it happened, if not now. Not in the future; an earlier business day needs [`BACKDATE`](super::BACKDATE), and
    /// is not longer ago than [`back_dating_days`](crate::CrmBuilder::back_dating_days) (S-31).
    #[serde(default)]
    pub occurred_at: Option<Timestamp>,
    /// What was bought, 1 to 1000 lines.
    pub lines: Vec<NewLine>,
    /// How it was paid.
    pub tenders: Vec<NewTender>,
    /// What the host thinks it costs; compared, never trusted.
    #[serde(default)]
    pub expected_total: Option<Money>,
    /// Whether its lines are to be shipped: they go on the pick list.
    #[serde(default)]
    pub to_ship: bool,
    /// Whether lines may still be struck out, until [`finalise`](super::Purchases::finalise).
    #[serde(default)]
    pub open: bool,
    /// The series of numbers in which its invoice is issued at once: needs [`ISSUE`](crate::invoices::ISSUE).
    #[serde(default)]
    pub invoice: Option<String>,
    /// Only for the record, of any age: an import. Moves no stock, and modules add nothing. Needs
    /// [`IMPORT`](super::IMPORT).
    #[serde(default)]
    pub history_only: bool,
}

impl NewPurchase {
    /// A purchase that happens now, by nobody who is known.
    pub fn of(
        branch: BranchId,
        receipt_no: impl Into<String>,
        lines: impl Into<Vec<NewLine>>,
        tenders: impl Into<Vec<NewTender>>,
    ) -> Self {
        Self {
            branch,
            receipt_no: receipt_no.into(),
            customer: None,
            occurred_at: None,
            lines: lines.into(),
            tenders: tenders.into(),
            expected_total: None,
            to_ship: false,
            open: false,
            invoice: None,
            history_only: false,
        }
    }

    /// The same, by this customer.
    #[must_use]
    pub fn by(self, customer: CustomerId) -> Self {
        Self { customer: Some(customer), ..self }
    }
}

/// A line of a purchase to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// What was bought.
    pub product: ProductId,
    /// Pieces.
    pub quantity: i64,
    /// The price of one, if not the list price: needs [`SET_PRICE`](super::SET_PRICE).
    #[serde(default)]
    pub unit_price: Option<Money>,
    /// Discounts and tax, if there are any: needs [`SET_PRICE`](super::SET_PRICE).
    #[serde(default)]
    pub figures: Option<Figures>,
}

impl NewLine {
    /// So many pieces at the list price.
    pub fn of(product: ProductId, quantity: i64) -> Self {
        Self { product, quantity, unit_price: None, figures: None }
    }
}

/// A tender of a purchase to record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTender {
    /// How: [`CASH`] and its sisters, or a name of a module's own.
    pub method: String,
    /// How much; the rest, if left out.
    #[serde(default)]
    pub amount: Option<Money>,
    /// What its method wants to know: the terms of instalments, a card to charge. Not stored, not logged.
    #[serde(default)]
    pub details: Option<serde_json::Value>,
}

impl std::fmt::Debug for NewTender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("NewTender");
        shown.field("method", &self.method).field("amount", &self.amount).finish_non_exhaustive()
    }
}

impl NewTender {
    /// So much by this method.
    pub fn of(method: impl Into<String>, amount: Money) -> Self {
        Self { method: method.into(), amount: Some(amount), details: None }
    }

    /// Whatever is left, in cash.
    pub fn cash_rest() -> Self {
        Self { method: CASH.to_owned(), amount: None, details: None }
    }

    /// The same, with what its method wants to know.
    ///
    /// # Errors
    /// `tender.details` when it cannot be written as JSON.
    pub fn with_details(self, details: &impl Serialize) -> Result<Self> {
        let details = serde_json::to_value(details).map_err(|_| Error::invalid("details", "tender.details"))?;
        Ok(Self { details: Some(details), ..self })
    }

    /// So much in instalments.
    ///
    /// # Errors
    /// As [`with_details`](Self::with_details).
    pub fn instalments(amount: Money, terms: &Terms) -> Result<Self> {
        Self::of(INSTALMENTS, amount).with_details(terms)
    }

    /// So much by a cheque that is kept here until it is cleared.
    ///
    /// # Errors
    /// As [`with_details`](Self::with_details).
    pub fn cheque(amount: Money, terms: &ChequeTerms) -> Result<Self> {
        Self::of(CHEQUE, amount).with_details(terms)
    }
}
