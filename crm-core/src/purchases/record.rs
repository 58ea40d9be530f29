//! What recording a purchase does, step by step.

use std::sync::Arc;

use super::discounts::{self, Agreed};
use super::event::PurchaseRecorded;
use super::model::{OpenPurchase, Purchase, PurchaseLine, Tender};
use super::new::NewPurchase;
use super::rules::{PricedLine, price_lines, share_tenders, split_tenders};
use super::service::{BACKDATE, IMPORT, Receipt, SET_PRICE, payments};
use super::{quoted, tenders};
use crate::access::Target;
use crate::branches::Branch;
use crate::catalog::{Product, ProductId};
use crate::customers::event::StageReached;
use crate::customers::{Customer, CustomerId, Stage};
use crate::invoices::{self, InvoiceId, Item};
use crate::kernel::input::required_text;
use crate::kernel::money::Money;
use crate::kernel::text::fold_digits;
use crate::kernel::time::Timestamp;
use crate::work::{Json, Permit};
use crate::{Error, Result, customers, instalments, shipping};

/// The most lines of a purchase, and the most tenders.
const MAX_LINES: usize = 1000;

/// At list prices, at those the seller has set, or at the price that was agreed upon.
pub(crate) fn record(
    work: &mut Permit<'_, '_>,
    new: &NewPurchase,
    product_ids: &[ProductId],
    price: Option<&Agreed>,
) -> Result<Receipt> {
    check(work, new)?;
    let branch: Branch = work.get(new.branch)?;
    if !branch.active {
        return Err(Error::invalid("branch", "purchase.branch_closed"));
    }
    let occurred_at = when(work, &branch, new)?;
    let customer = new.customer.map(|customer| buyer(work, new, customer)).transpose()?;
    let customer_id = customer.as_ref().map(|customer| customer.id);
    let mut products = Vec::with_capacity(product_ids.len());
    for (product, id) in work.get_many::<Product>(product_ids)?.into_iter().zip(product_ids) {
        products.push(product.ok_or_else(|| Error::not_found("product", id))?);
    }
    let agreed = price.map(|agreed| quoted::lines(&agreed.quote)).transpose()?;
    let lines_at = agreed.as_deref().unwrap_or(&new.lines);
    let (priced, total) = price_lines(branch.currency, products.iter().zip(lines_at))?;
    if new.expected_total.is_some_and(|expected| expected != total) {
        return Err(Error::invalid("expected_total", "purchase.total_differs"));
    }
    let amounts: Vec<_> = new.tenders.iter().map(|tender| tender.amount).collect();
    let amounts = split_tenders(total, &amounts)?;

    let purchase = Purchase {
        id: work.new_id(),
        branch_id: branch.id,
        receipt_no: fold_digits(&required_text("receipt_no", &new.receipt_no, 64)?),
        customer_id,
        occurred_at,
        recorded_at: work.now(),
        business_date: branch.business_day().date_of(occurred_at),
        currency: branch.currency,
        total_minor: total.minor(),
        history_only: new.history_only,
    };
    work.insert(&purchase)?;
    let lines: Arc<[_]> = lines(&purchase, &products, &priced, &amounts)?.into();
    work.insert_all(&lines)?;
    if let Some(agreed) = price {
        discounts::store(work, purchase.id, agreed)?;
    }
    let tenders: Arc<[_]> = take_money(work, &purchase, &lines, new, &amounts)?.into();
    if !new.history_only {
        take_stock(work, &purchase, &products, &lines)?;
    }
    if new.open {
        work.insert(&OpenPurchase { branch_id: branch.id, purchase_id: purchase.id, customer_id })?;
    }
    if new.to_ship {
        shipping::prepare(work, &purchase, &lines)?;
    }
    if let Some(customer) = customer {
        first_purchase(work, customer)?;
    }
    let deferred = tenders.iter().filter(|tender| tender.paid_later).map(|tender| tender.amount_minor);
    work.emit(&PurchaseRecorded {
        purchase: purchase.id,
        branch: branch.id,
        customer: customer_id,
        total,
        deferred: Money::sum(branch.currency, deferred.map(|minor| Money::new(minor, branch.currency)))?,
        history_only: new.history_only,
        to_ship: new.to_ship,
        occurred_at,
        lines: lines.clone(),
        tenders: tenders.clone(),
    })?;
    let invoice = invoice(work, new, &purchase, &lines, &tenders)?;
    Ok(Receipt { purchase: purchase.id, total, invoice })
}

/// Who buys: of a record that leads to another, that one.
fn buyer(work: &mut Permit<'_, '_>, new: &NewPurchase, id: CustomerId) -> Result<Customer> {
    let customer = customers::current(work, id)?;
    if customer.id != id {
        let permission = if new.history_only { IMPORT } else { work.permission() };
        let target = Target { branch: Some(new.branch), customer: Some(customer.id), owner: None };
        work.actor().require(permission, &target)?;
    }
    Ok(customer)
}

/// What can be refused before anything is read.
fn check(work: &Permit<'_, '_>, new: &NewPurchase) -> Result<()> {
    if new.lines.is_empty() || new.lines.len() > MAX_LINES {
        return Err(Error::invalid("lines", "purchase.line_count"));
    }
    if new.tenders.is_empty() || new.tenders.len() > MAX_LINES {
        return Err(Error::invalid("tenders", "purchase.tender_count"));
    }
    new.tenders.iter().try_for_each(|tender| tenders::check(work, tender))?;
    let target = Target { branch: Some(new.branch), customer: new.customer, owner: None };
    if new.history_only {
        work.actor().require(IMPORT, &target)?;
        if new.open || new.to_ship || new.invoice.is_some() {
            return Err(Error::invalid("history_only", "purchase.history_only"));
        }
    } else {
        if new.lines.iter().any(|line| line.unit_price.is_some() || line.figures.is_some()) {
            work.actor().require(SET_PRICE, &Target::branch(new.branch))?;
        }
        if new.tenders.iter().any(|tender| tender.details.is_some() && is_credit(&tender.method)) {
            work.actor().require(instalments::GRANT, &target)?;
        }
    }
    if new.invoice.is_some() {
        work.actor().require(invoices::ISSUE, &target)?;
        if new.open {
            return Err(Error::invalid("invoice", "invoice.purchase_open"));
        }
    }
    Ok(())
}

fn is_credit(method: &str) -> bool {
    [super::INSTALMENTS, super::CHEQUE].contains(&method)
}

/// When it happened: an earlier business day takes a permission, and has a limit (S-31).
fn when(work: &Permit<'_, '_>, branch: &Branch, new: &NewPurchase) -> Result<Timestamp> {
    let now = work.now();
    let Some(occurred_at) = new.occurred_at else { return Ok(now) };
    if occurred_at > now {
        return Err(Error::invalid("occurred_at", "purchase.in_the_future"));
    }
    let days = branch.business_day();
    let age = days.date_of(now).days_since(days.date_of(occurred_at));
    if age > 0 && !new.history_only {
        work.actor().require(BACKDATE, &Target::branch(branch.id))?;
        if age > i32::from(work.shared.back_dating_days) {
            return Err(Error::invalid("occurred_at", "purchase.too_old"));
        }
    }
    Ok(occurred_at)
}

fn lines(
    purchase: &Purchase,
    products: &[Product],
    priced: &[PricedLine],
    tenders: &[Money],
) -> Result<Vec<PurchaseLine>> {
    let (id, history_only) = (purchase.id, purchase.history_only);
    let tenders: Vec<_> = tenders.iter().map(Money::minor).collect();
    let totals: Vec<_> = priced.iter().map(|line| line.total.minor()).collect();
    let shares = share_tenders(&tenders, &totals)?;
    let line = |(line_no, ((product, line), shares)): (u16, ((&Product, &PricedLine), Vec<i64>))| PurchaseLine {
        purchase_id: id,
        line_no,
        product_id: product.id,
        category_id: product.category_id,
        quantity: line.quantity,
        stocked: product.stocked && !history_only,
        unit_price_minor: line.unit_price.minor(),
        discount_minor: line.figures.discount.minor(),
        order_discount_minor: line.figures.order_discount.minor(),
        tax_minor: line.figures.tax.minor(),
        tax_rate: line.figures.tax_rate,
        tax_included: line.figures.tax_included,
        total_minor: line.total.minor(),
        tender_shares: Json(shares),
    };
    Ok((1_u16..).zip(products.iter().zip(priced).zip(shares)).map(line).collect())
}

fn take_money(
    work: &mut Permit<'_, '_>,
    purchase: &Purchase,
    lines: &[PurchaseLine],
    new: &NewPurchase,
    amounts: &[Money],
) -> Result<Vec<Tender>> {
    let mut tenders = Vec::with_capacity(amounts.len());
    let parts: Vec<_> = new.tenders.iter().map(|tender| tender.method.as_str()).zip(amounts.iter().copied()).collect();
    for (tender_no, tender) in (1_u16..).zip(&new.tenders) {
        tenders.push(tenders::pay(work, purchase, lines, &parts, tender_no, tender)?);
    }
    work.insert_all(&tenders)?;
    Ok(tenders)
}

fn take_stock(
    work: &mut Permit<'_, '_>,
    purchase: &Purchase,
    products: &[Product],
    lines: &[PurchaseLine],
) -> Result<()> {
    let mut sold = Vec::with_capacity(lines.len());
    for (product, line) in products.iter().zip(lines) {
        sold.push((product, line.quantity.checked_neg().ok_or_else(|| Error::invalid("quantity", "line.quantity"))?));
    }
    work.move_stock(&sold, purchase.branch_id)
}

fn invoice(
    work: &mut Permit<'_, '_>,
    new: &NewPurchase,
    purchase: &Purchase,
    lines: &[PurchaseLine],
    tenders: &[Tender],
) -> Result<Option<InvoiceId>> {
    let Some(series) = &new.invoice else { return Ok(None) };
    let item = |line: &PurchaseLine| Item {
        quantity: line.quantity,
        total_minor: line.total_minor,
        tax_minor: line.tax_minor,
        line: line.clone(),
    };
    let items = lines.iter().map(item).collect();
    let amounts: Vec<_> = tenders.iter().map(|tender| tender.amount_minor).collect();
    invoices::issue(work, purchase, series, items, payments(tenders, &amounts)).map(Some)
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
