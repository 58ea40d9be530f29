//! What stands on an invoice, as data.

use serde::{Deserialize, Serialize};

use super::model::InvoiceKind;
use crate::Result;
use crate::kernel::calendar::Calendar;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use crate::kernel::time::CivilDate;

/// Everything that stands on an invoice or a credit note. Amounts are in minor units of its currency, and positive on a
/// credit note too.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceDocument {
    /// Which document it is.
    pub kind: InvoiceKind,
    /// Its number, as it is printed.
    pub number: String,
    /// The number of the invoice that a credit note corrects.
    pub corrects: Option<String>,
    /// The business day on which it was issued.
    pub issued_on: CivilDate,
    /// The business day on which it was sold.
    pub sold_on: CivilDate,
    /// The calendar of the branch, in which dates are printed.
    pub calendar: Calendar,
    /// The currency.
    pub currency: Currency,
    /// The name of the branch.
    pub seller: String,
    /// Who bought, if known.
    pub buyer: Option<Buyer>,
    /// The number on the receipt.
    pub receipt_no: String,
    /// The lines.
    pub lines: Vec<DocumentLine>,
    /// The tax by rate, the lowest first.
    pub taxes: Vec<TaxSum>,
    /// How it was paid or, on a credit note, is given back.
    pub payments: Vec<Payment>,
    /// The sum of the lines, with tax.
    pub total_minor: i64,
    /// The tax that is in it.
    pub tax_minor: i64,
}

impl std::fmt::Debug for InvoiceDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InvoiceDocument").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Who bought.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    /// The name.
    pub name: String,
    /// The number under which an organisation is registered; never that of a person.
    pub registered_as: Option<String>,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentLine {
    /// The line of the purchase.
    pub line_no: u16,
    /// The article number.
    pub sku: String,
    /// The name of the product.
    pub name: String,
    /// Pieces.
    pub quantity: i64,
    /// The price of one, before discounts.
    pub unit_price_minor: i64,
    /// What is to pay without tax.
    pub net_minor: i64,
    /// The rate of the tax.
    pub tax_rate: Rate,
    /// The tax.
    pub tax_minor: i64,
    /// What is to pay, with tax.
    pub total_minor: i64,
}

/// The sum of what is taxed at one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxSum {
    /// The rate.
    pub rate: Rate,
    /// What is taxed, without the tax.
    pub net_minor: i64,
    /// The tax.
    pub tax_minor: i64,
}

/// A part of how it was paid, or is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The method of the tender.
    pub method: String,
    /// How much.
    pub amount_minor: i64,
}

impl InvoiceDocument {
    /// Adds the lines, and what they sum to.
    ///
    /// # Errors
    /// `money.overflow` when a sum does not fit.
    pub(super) fn with_lines(mut self, lines: Vec<DocumentLine>) -> Result<Self> {
        let sum = |numbers: &mut dyn Iterator<Item = i64>| {
            Money::sum(self.currency, numbers.map(|minor| Money::new(minor, self.currency))).map(|sum| sum.minor())
        };
        let mut rates: Vec<Rate> = lines.iter().map(|line| line.tax_rate).collect();
        rates.sort_unstable();
        rates.dedup();
        let taxes = rates.into_iter().map(|rate| {
            let at_rate = || lines.iter().filter(|line| line.tax_rate == rate);
            let net_minor = sum(&mut at_rate().map(|line| line.net_minor))?;
            Ok(TaxSum { rate, net_minor, tax_minor: sum(&mut at_rate().map(|line| line.tax_minor))? })
        });
        let taxes = taxes.collect::<Result<_>>()?;
        let total_minor = sum(&mut lines.iter().map(|line| line.total_minor))?;
        let tax_minor = sum(&mut lines.iter().map(|line| line.tax_minor))?;
        self.taxes = taxes;
        self.total_minor = total_minor;
        self.tax_minor = tax_minor;
        self.lines = lines;
        Ok(self)
    }
}
