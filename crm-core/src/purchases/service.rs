//! Recording and reading purchases.

use serde::{Deserialize, Serialize};

use super::event::{PURCHASE_RECORDED, PurchaseRecorded};
use super::model::{CASH, Purchase, PurchaseId, PurchaseLine, Tender, purchase_line, tender};
use super::rules::{price_lines, split_tenders};
use crate::access::Target;
use crate::branches::{Branch, BranchId};
use crate::catalog::{Product, ProductId, Stock};
use crate::customers::event::StageReached;
use crate::customers::{Customer, CustomerId, Stage};
use crate::journal::journal_entry;
use crate::kernel::input::required_text;
use crate::kernel::money::Money;
use crate::kernel::page::{Cursor, Limit, Page};
use crate::kernel::text::fold_digits;
use crate::kernel::time::Timestamp;
use crate::module::Violation;
use crate::work::{CommandRecord, Filter, Permit, UnitOfWork};
use crate::{Error, Result};

/// Permission to record purchases.
pub const RECORD: &str = "purchases.record";
/// Permission to record purchases at other than list prices.
pub const SET_PRICE: &str = "purchases.set_price";
/// Permission to see purchases.
pub const READ: &str = "purchases.read";

/// The most lines of a purchase.
const MAX_LINES: usize = 1000;

/// A purchase to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPurchase {
    /// Where.
    pub branch: BranchId,
    /// The number on the receipt, 1 to 64 characters, unique in the branch.
    pub receipt_no: String,
    /// Who bought, if known.
    pub customer: Option<CustomerId>,
    /// When it happened, if not now. Not in the future.
    pub occurred_at: Option<Timestamp>,
    /// What was bought, 1 to 1000 lines.
    pub lines: Vec<NewLine>,
    /// How it was paid.
    pub tenders: Vec<NewTender>,
    /// What the host thinks it costs; compared, never trusted.
    pub expected_total: Option<Money>,
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
    /// The price of one, if not the list price: needs [`SET_PRICE`].
    pub unit_price: Option<Money>,
}

impl NewLine {
    /// So many pieces at the list price.
    pub fn of(product: ProductId, quantity: i64) -> Self {
        Self { product, quantity, unit_price: None }
    }
}

/// A tender of a purchase to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTender {
    /// How: [`CASH`] and its sisters, or a name of a module's own.
    pub method: String,
    /// How much; the rest, if left out.
    pub amount: Option<Money>,
}

impl NewTender {
    /// So much by this method.
    pub fn of(method: impl Into<String>, amount: Money) -> Self {
        Self { method: method.into(), amount: Some(amount) }
    }

    /// Whatever is left, in cash.
    pub fn cash_rest() -> Self {
        Self { method: CASH.to_owned(), amount: None }
    }
}

/// What recording a purchase answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The purchase.
    pub purchase: PurchaseId,
    /// What it cost.
    pub total: Money,
}

/// Purchases, seen from a unit of work: `work.purchases()`.
pub struct Purchases<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Purchases.
    pub fn purchases(&mut self) -> Purchases<'_, 't> {
        Purchases(self)
    }
}

impl Purchases<'_, '_> {
    /// Records a purchase: its lines and tenders, what it takes from stock, the journal entry, and what modules add, in one
    /// transaction. Recorded once for each `idempotency_key`: a repetition returns the same receipt.
    ///
    /// # Errors
    /// [`Error::Invalid`] for input that breaks a rule, with `stock.insufficient` when there is not enough;
    /// [`Error::AlreadyExists`] when the branch has this receipt number; [`Error::IdempotencyMismatch`].
    pub fn record(&mut self, new: &NewPurchase, idempotency_key: &str) -> Result<Receipt> {
        let target = Target { branch: Some(new.branch), customer: new.customer, owner: None };
        let mut work = self.0.permit(RECORD, &target)?;
        let products: Vec<ProductId> = new.lines.iter().map(|line| line.product).collect();
        let stock: Vec<_> = products.iter().map(|product| (*product, new.branch)).collect();
        let command = work.command_key("purchases.record", idempotency_key);
        work.expect::<CommandRecord>(&[command]);
        work.expect::<Branch>(&[new.branch]);
        work.expect::<Customer>(new.customer.as_slice());
        work.expect::<Product>(&products);
        work.expect::<Stock>(&stock);
        work.once("purchases.record", idempotency_key, new, |work| record(work, new, &products))
    }

    /// A purchase with its lines and tenders.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn get(&mut self, id: PurchaseId) -> Result<(Purchase, Vec<PurchaseLine>, Vec<Tender>)> {
        let (mut work, purchase) = self.0.permit_on::<Purchase>(READ, id)?;
        let lines = work.select(purchase_line::purchase_id.eq(id)).all()?;
        let tenders = work.select(tender::purchase_id.eq(id)).all()?;
        Ok((purchase, lines, tenders))
    }

    /// One page of a customer's purchases, the latest first, narrowed to what the actor may see. They are found in the
    /// customer's history, the journal: no index of purchases by customer has to be kept for it.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn of_customer(
        &mut self,
        customer: CustomerId,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Purchase>> {
        let filter = journal_entry::customer_id.eq(customer).and(journal_entry::kind.eq(PURCHASE_RECORDED));
        let mut visible = self.0.within(READ)?;
        let told = visible.select(filter).order_by(journal_entry::occurred_at).descending().page(limit, after)?;
        let ids: Vec<PurchaseId> = told.items.iter().filter_map(|entry| entry.reference_id).map(Into::into).collect();
        let items = visible.get_many::<Purchase>(&ids)?.into_iter().flatten().collect();
        Ok(Page { items, next: told.next })
    }
}

fn record(work: &mut Permit<'_, '_>, new: &NewPurchase, product_ids: &[ProductId]) -> Result<Receipt> {
    if new.lines.is_empty() || new.lines.len() > MAX_LINES {
        return Err(Error::invalid("lines", "purchase.line_count"));
    }
    if new.tenders.is_empty() || new.tenders.len() > MAX_LINES {
        return Err(Error::invalid("tenders", "purchase.tender_count"));
    }
    if new.lines.iter().any(|line| line.unit_price.is_some()) {
        work.actor().require(SET_PRICE, &Target::branch(new.branch))?;
    }
    let branch: Branch = work.get(new.branch)?;
    if !branch.active {
        return Err(Error::invalid("branch", "purchase.branch_closed"));
    }
    let occurred_at = new.occurred_at.unwrap_or(work.now());
    if occurred_at > work.now() {
        return Err(Error::invalid("occurred_at", "purchase.in_the_future"));
    }
    let customer = new.customer.map(|customer| work.get::<Customer>(customer)).transpose()?;
    let mut products = Vec::with_capacity(product_ids.len());
    for (product, id) in work.get_many::<Product>(product_ids)?.into_iter().zip(product_ids) {
        products.push(product.ok_or_else(|| Error::not_found("product", id))?);
    }
    let lines = products.iter().zip(&new.lines).map(|(product, line)| (product, line.quantity, line.unit_price));
    let (priced, total) = price_lines(branch.currency, lines)?;
    if new.expected_total.is_some_and(|expected| expected != total) {
        return Err(Error::invalid("expected_total", "purchase.total_differs"));
    }
    let amounts: Vec<_> = new.tenders.iter().map(|tender| tender.amount).collect();
    let amounts = split_tenders(total, &amounts)?;

    let id: PurchaseId = work.new_id();
    work.insert(&Purchase {
        id,
        branch_id: branch.id,
        receipt_no: fold_digits(&required_text("receipt_no", &new.receipt_no, 64)?),
        customer_id: new.customer,
        occurred_at,
        recorded_at: work.now(),
        business_date: branch.business_day().date_of(occurred_at),
        currency: branch.currency,
        total_minor: total.minor(),
    })?;
    let lines: Vec<_> = (1_u16..)
        .zip(products.iter().zip(&priced))
        .map(|(line_no, (product, line))| PurchaseLine {
            purchase_id: id,
            line_no,
            product_id: product.id,
            category_id: product.category_id,
            quantity: line.quantity,
            stocked: product.stocked,
            unit_price_minor: line.unit_price.minor(),
            total_minor: line.total.minor(),
        })
        .collect();
    work.insert_all(&lines)?;
    let mut tenders = Vec::with_capacity(amounts.len());
    for (tender_no, (tender, amount)) in (1_u16..).zip(new.tenders.iter().zip(amounts)) {
        let method = required_text("method", &tender.method, 32)?;
        tenders.push(Tender { purchase_id: id, tender_no, method, amount_minor: amount.minor() });
    }
    work.insert_all(&tenders)?;

    let mut sold = Vec::with_capacity(lines.len());
    for (product, line) in products.iter().zip(&lines) {
        sold.push((product, line.quantity.checked_neg().ok_or_else(|| Error::invalid("quantity", "line.quantity"))?));
    }
    work.move_stock(&sold, branch.id)?;
    if let Some(customer) = customer {
        first_purchase(work, customer)?;
    }
    work.emit(&PurchaseRecorded { purchase: id, branch: branch.id, customer: new.customer, total, occurred_at })?;
    Ok(Receipt { purchase: id, total })
}

/// Who buys is a customer (C01).
fn first_purchase(work: &mut Permit<'_, '_>, mut customer: Customer) -> Result<()> {
    let from = customer.stage;
    if from == Stage::Customer {
        return Ok(());
    }
    customer.stage = Stage::Customer;
    work.update(&mut customer)?;
    work.emit(&StageReached { customer: customer.id, from, to: Stage::Customer })?;
    Ok(())
}

/// Every purchase of a customer stands in their history, where [`Purchases::of_customer`] finds it.
pub fn stand_in_the_history(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut told = std::collections::BTreeSet::new();
    work.select(journal_entry::kind.eq(PURCHASE_RECORDED)).for_each(|entry| {
        told.extend(entry.customer_id.zip(entry.reference_id));
        Ok(())
    })?;
    let mut violations = Vec::new();
    work.select(Filter::<Purchase>::all()).for_each(|purchase| {
        if purchase.customer_id.is_some_and(|customer| !told.contains(&(customer, purchase.id.into()))) {
            let what = format!("{}: does not stand in its customer's history", purchase.id);
            violations.push(Violation { invariant: "purchases.history", what });
        }
        Ok(())
    })?;
    Ok(violations)
}

/// The lines and the tenders of every purchase sum to its total.
pub fn sums_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut lines = std::collections::BTreeMap::<PurchaseId, i64>::new();
    let mut tenders = lines.clone();
    work.select(Filter::<PurchaseLine>::all()).for_each(|line| {
        let sum = lines.entry(line.purchase_id).or_default();
        *sum = sum.saturating_add(line.total_minor);
        Ok(())
    })?;
    work.select(Filter::<Tender>::all()).for_each(|tender| {
        let sum = tenders.entry(tender.purchase_id).or_default();
        *sum = sum.saturating_add(tender.amount_minor);
        Ok(())
    })?;
    let mut violations = Vec::new();
    let mut report = |id: PurchaseId, what: &str| {
        violations.push(Violation { invariant: "purchases.sums", what: format!("{id}: {what}") });
    };
    work.select(Filter::<Purchase>::all()).for_each(|purchase| {
        if lines.remove(&purchase.id) != Some(purchase.total_minor) {
            report(purchase.id, "its lines do not sum to its total");
        }
        if tenders.remove(&purchase.id) != Some(purchase.total_minor) {
            report(purchase.id, "its tenders do not sum to its total");
        }
        Ok(())
    })?;
    for id in lines.keys().chain(tenders.keys()) {
        report(*id, "lines or tenders of no purchase");
    }
    Ok(violations)
}
