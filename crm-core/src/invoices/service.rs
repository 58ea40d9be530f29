//! Issuing and reading invoices.

use serde::{Deserialize, Serialize};

use super::document::{Buyer, DocumentLine, InvoiceDocument, Payment};
use super::event::{InvoiceIssued, SeriesCreated};
use super::model::{Invoice, InvoiceCounter, InvoiceId, InvoiceKind, InvoiceSeries, invoice, invoice_series};
use super::rules::{fiscal_year, number_text};
use crate::access::Target;
use crate::branches::{Branch, BranchId};
use crate::catalog::Product;
use crate::customers::{self, Customer, CustomerId, CustomerKind};
use crate::kernel::input::required_text;
use crate::kernel::money::Money;
use crate::kernel::page::{Cursor, Limit, Page};
use crate::purchases::{OpenPurchase, Purchase, PurchaseId, PurchaseLine};
use crate::returns::ReturnId;
use crate::returns::event::RefundedTender;
use crate::work::{Json, Permit, UnitOfWork, Version, one_of};
use crate::{Error, Result, purchases};

/// Permission to set up series of numbers.
pub const SERIES: &str = "invoices.series";
/// Permission to issue invoices.
pub const ISSUE: &str = "invoices.issue";
/// Permission to see invoices.
pub const READ: &str = "invoices.read";

/// A series of numbers to set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSeries {
    /// Whose.
    pub branch: BranchId,
    /// Its name, 1 to 32 characters, unique in the branch.
    pub name: String,
    /// What stands before the number, at most 16 characters, for example `FV/`.
    pub prefix: String,
    /// The month of the branch's calendar in which numbers begin anew, 1 to 12; none if they never do.
    pub fiscal_year_from: Option<u8>,
    /// The series that credit notes for its invoices are in; none for the series itself.
    pub credit_notes: Option<String>,
}

impl NewSeries {
    /// A series whose numbers begin anew with each year of the branch's calendar.
    pub fn yearly(branch: BranchId, name: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self { branch, name: name.into(), prefix: prefix.into(), fiscal_year_from: Some(1), credit_notes: None }
    }
}

/// Invoices, seen from a unit of work: `work.invoices()`.
pub struct Invoices<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Invoices.
    pub fn invoices(&mut self) -> Invoices<'_, 't> {
        Invoices(self)
    }
}

impl Invoices<'_, '_> {
    /// Sets up a series of numbers.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the branch has one of this name; [`Error::Invalid`] for input that breaks a rule;
    /// [`Error::NotFound`] when there is no such branch, or no such series for credit notes.
    pub fn create_series(&mut self, new: &NewSeries) -> Result<InvoiceSeries> {
        let mut work = self.0.permit(SERIES, &Target::branch(new.branch))?;
        work.get::<Branch>(new.branch)?;
        let name = required_text("name", &new.name, 32)?;
        let prefix = if new.prefix.is_empty() { String::new() } else { required_text("prefix", &new.prefix, 16)? };
        if new.fiscal_year_from.is_some_and(|month| !(1..=12).contains(&month)) {
            return Err(Error::invalid("fiscal_year_from", "series.month"));
        }
        let credit_notes = match &new.credit_notes {
            Some(other) if *other != name => work.get::<InvoiceSeries>((new.branch, other.clone()))?.name,
            _ => name.clone(),
        };
        if work.find::<InvoiceSeries>(&(new.branch, name.clone()))?.is_some() {
            return Err(Error::AlreadyExists { kind: "invoice_series", unique: "name".into() });
        }
        let series = InvoiceSeries {
            branch_id: new.branch,
            name,
            version: Version::FIRST,
            prefix,
            yearly: new.fiscal_year_from.is_some(),
            first_month: new.fiscal_year_from.unwrap_or(1),
            credit_notes,
        };
        work.insert(&series)?;
        let (name, prefix) = (series.name.clone(), series.prefix.clone());
        work.emit(&SeriesCreated { branch: series.branch_id, name, prefix })?;
        Ok(series)
    }

    /// The series of a branch, by name.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn series(&mut self, branch: BranchId) -> Result<Vec<InvoiceSeries>> {
        self.0.within(READ)?.select(invoice_series::branch_id.eq(branch)).all()
    }

    /// Issues the invoice of a purchase that has none yet: of what was not struck out or returned of it. Done once for
    /// each `idempotency_key`. A purchase can also get it [when it is recorded](purchases::NewPurchase::invoice).
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such purchase within reach, or no such series;
    /// [`Error::AlreadyExists`] when it has an invoice; [`Error::Invalid`] with `invoice.purchase_open` before it is
    /// final, `invoice.history` for an imported one, `invoice.nothing` when nothing is left of it.
    pub fn issue(&mut self, purchase: PurchaseId, series: &str, idempotency_key: &str) -> Result<InvoiceId> {
        let (mut work, _) = self.0.permit_on::<Purchase>(ISSUE, purchase)?;
        work.once("invoices.issue", idempotency_key, &(purchase, series), |work| {
            // One invoice for one purchase, and no return meanwhile.
            let purchase: Purchase = work.lock(purchase)?;
            if purchase.history_only {
                return Err(Error::invalid("purchase", "invoice.history"));
            }
            if work.find::<OpenPurchase>(&(purchase.branch_id, purchase.id))?.is_some() {
                return Err(Error::invalid("purchase", "invoice.purchase_open"));
            }
            if invoice_of(work, purchase.id)?.is_some() {
                return Err(Error::AlreadyExists { kind: "invoice", unique: "purchase".into() });
            }
            let (items, payments) = purchases::what_is_left(work, &purchase)?;
            issue(work, &purchase, series, items, payments)
        })
    }

    /// An invoice.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn get(&mut self, id: InvoiceId) -> Result<Invoice> {
        self.0.within(READ)?.get(id)
    }

    /// The invoice of a purchase and its credit notes, in the order they were issued, as far as the actor may see them.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn of_purchase(&mut self, purchase: PurchaseId) -> Result<Vec<Invoice>> {
        self.0.within(READ)?.select(invoice::purchase_id.eq(purchase)).all()
    }

    /// One page of a customer's invoices, the latest first.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn of_customer(&mut self, customer: CustomerId, limit: Limit, after: Option<&Cursor>) -> Result<Page<Invoice>> {
        let mut visible = self.0.within(READ)?;
        let ids = customers::ids_of(&mut visible, customer)?;
        visible.select(one_of(invoice::customer_id, &ids)).descending().page(limit, after)
    }

    /// One page of a series in a fiscal year, by number.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn in_series(
        &mut self,
        branch: BranchId,
        series: &str,
        period: i32,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Invoice>> {
        let filter = invoice::branch_id.eq(branch).and(invoice::series.eq(series)).and(invoice::period.eq(period));
        self.0.within(READ)?.select(filter).order_by(invoice::number).page(limit, after)
    }
}

/// Pieces of a line that stand on an invoice, with what they come to.
pub(crate) struct Item {
    /// The line of the purchase.
    pub(crate) line: PurchaseLine,
    /// Pieces.
    pub(crate) quantity: i64,
    /// What they come to, in minor units.
    pub(crate) total_minor: i64,
    /// The tax that is in it, in minor units.
    pub(crate) tax_minor: i64,
}

/// Issues the invoice of a purchase that has none.
pub(crate) fn issue(
    work: &mut Permit<'_, '_>,
    purchase: &Purchase,
    series: &str,
    items: Vec<Item>,
    payments: Vec<Payment>,
) -> Result<InvoiceId> {
    if items.is_empty() {
        return Err(Error::invalid("purchase", "invoice.nothing"));
    }
    let series: InvoiceSeries = work.get((purchase.branch_id, series.to_owned()))?;
    write(work, purchase, &series, None, items, payments)
}

/// Issues the credit note for a return, if the purchase has an invoice.
pub(crate) fn credit(
    work: &mut Permit<'_, '_>,
    purchase: &Purchase,
    return_id: ReturnId,
    items: Vec<Item>,
    refunds: &[RefundedTender],
) -> Result<Option<InvoiceId>> {
    let Some(corrected) = invoice_of(work, purchase.id)? else { return Ok(None) };
    let series: InvoiceSeries = work.get((purchase.branch_id, corrected.series.clone()))?;
    let series = match series.credit_notes.as_str() {
        same if same == series.name => series,
        other => work.get((purchase.branch_id, other.to_owned()))?,
    };
    let payment = |one: &RefundedTender| Payment { method: one.method.clone(), amount_minor: one.amount.minor() };
    let payments = refunds.iter().map(payment).collect();
    write(work, purchase, &series, Some((return_id, &corrected)), items, payments).map(Some)
}

fn invoice_of(work: &mut Permit<'_, '_>, purchase: PurchaseId) -> Result<Option<Invoice>> {
    work.select(invoice::purchase_id.eq(purchase).and(invoice::kind.eq(InvoiceKind::Invoice))).first()
}

fn write(
    work: &mut Permit<'_, '_>,
    purchase: &Purchase,
    series: &InvoiceSeries,
    credit: Option<(ReturnId, &Invoice)>,
    items: Vec<Item>,
    payments: Vec<Payment>,
) -> Result<InvoiceId> {
    let branch: Branch = work.get(purchase.branch_id)?;
    let buyer = purchase.customer_id.map(|customer| work.get::<Customer>(customer)).transpose()?.map(buyer);
    let lines = document_lines(work, items)?;
    let issued_on = branch.business_day().date_of(work.now());
    // A number belongs to the day it is given, not to the day of the sale, so that numbers follow each other in time.
    let year = series.yearly.then(|| fiscal_year(branch.calendar, issued_on, series.first_month));
    let period = year.unwrap_or(0);
    let number = next_number(work, branch.id, &series.name, period)?;
    let kind = if credit.is_some() { InvoiceKind::CreditNote } else { InvoiceKind::Invoice };
    let document = InvoiceDocument {
        kind,
        number: number_text(&series.prefix, year, number),
        corrects: credit.map(|(_, corrected)| corrected.document.0.number.clone()),
        issued_on,
        sold_on: purchase.business_date,
        calendar: branch.calendar,
        currency: purchase.currency,
        seller: branch.name,
        buyer,
        receipt_no: purchase.receipt_no.clone(),
        lines: Vec::new(),
        taxes: Vec::new(),
        payments,
        total_minor: 0,
        tax_minor: 0,
    };
    let document = document.with_lines(lines)?;
    let id: InvoiceId = work.new_id();
    let total = Money::new(document.total_minor, purchase.currency);
    let event = InvoiceIssued {
        invoice: id,
        kind,
        number: document.number.clone(),
        purchase: purchase.id,
        branch: branch.id,
        customer: purchase.customer_id,
        total,
    };
    work.insert(&Invoice {
        id,
        kind,
        branch_id: branch.id,
        series: series.name.clone(),
        period,
        number,
        purchase_id: purchase.id,
        return_id: credit.map(|(return_id, _)| return_id),
        corrects_id: credit.map(|(_, corrected)| corrected.id),
        customer_id: purchase.customer_id,
        issued_at: work.now(),
        issued_on,
        currency: purchase.currency,
        total_minor: document.total_minor,
        tax_minor: document.tax_minor,
        document: Json(document),
    })?;
    work.emit(&event)?;
    Ok(id)
}

/// Takes the next number. The counter stays locked until the transaction ends, and a transaction that does not commit
/// leaves it as it was: so no number is lost, and none is given twice (ADR 12).
fn next_number(work: &mut Permit<'_, '_>, branch: BranchId, series: &str, period: i32) -> Result<i64> {
    match work.lock::<InvoiceCounter>((branch, series.to_owned(), period)) {
        Ok(mut counter) => {
            counter.last = counter.last.checked_add(1).ok_or_else(|| Error::invalid("number", "counter.overflow"))?;
            work.update(&mut counter)?;
            Ok(counter.last)
        }
        // Of two who give the first number, the database refuses one, who runs again.
        Err(Error::NotFound { .. }) => {
            let series = series.to_owned();
            work.insert(&InvoiceCounter { branch_id: branch, series, period, version: Version::FIRST, last: 1 })?;
            Ok(1)
        }
        Err(error) => Err(error),
    }
}

fn buyer(customer: Customer) -> Buyer {
    let organisation = customer.kind == CustomerKind::Organisation;
    Buyer { name: customer.name, registered_as: customer.national_id.filter(|_| organisation) }
}

fn document_lines(work: &mut Permit<'_, '_>, items: Vec<Item>) -> Result<Vec<DocumentLine>> {
    let ids: Vec<_> = items.iter().map(|item| item.line.product_id).collect();
    let products = work.get_many::<Product>(&ids)?;
    let lines = items.into_iter().zip(products).map(|(item, product)| {
        let product = product.ok_or_else(|| Error::not_found("product", item.line.product_id))?;
        Ok(DocumentLine {
            line_no: item.line.line_no,
            sku: product.sku,
            name: product.name,
            quantity: item.quantity,
            unit_price_minor: item.line.unit_price_minor,
            net_minor: item.total_minor.saturating_sub(item.tax_minor),
            tax_rate: item.line.tax_rate,
            tax_minor: item.tax_minor,
            total_minor: item.total_minor,
        })
    });
    lines.collect()
}
