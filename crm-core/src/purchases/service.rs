//! Recording and reading purchases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::discounts::PurchaseDiscounts;
use super::event::{PURCHASE_RECORDED, PurchaseFinalised};
use super::model::{OpenPurchase, Purchase, PurchaseId, PurchaseLine, Tender, open_purchase, purchase_line, tender};
use super::new::NewPurchase;
use super::record::record;
use crate::Result;
use crate::access::{Scoped as _, Target};
use crate::branches::{Branch, BranchId};
use crate::catalog::{Product, ProductId, Stock};
use crate::customers::{self, Customer, CustomerId};
use crate::invoices::{self, InvoiceId, Item};
use crate::journal::journal_entry;
use crate::kernel::money::Money;
use crate::kernel::page::{Cursor, Limit, Page};
use crate::returns::{ReturnLine, return_line, taken_back};
use crate::work::{CommandRecord, Permit, UnitOfWork, one_of};

/// Permission to record purchases.
pub const RECORD: &str = "purchases.record";
/// Permission to record purchases at other than list prices.
pub const SET_PRICE: &str = "purchases.set_price";
/// Permission to record purchases of an earlier business day.
pub const BACKDATE: &str = "purchases.backdate";
/// Permission to record purchases for the record only.
pub const IMPORT: &str = "purchases.import";
/// Permission to see purchases.
pub const READ: &str = "purchases.read";

/// What recording a purchase answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The purchase.
    pub purchase: PurchaseId,
    /// What it cost.
    pub total: Money,
    /// Its invoice, if one was issued with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceId>,
}

/// Purchases, seen from a unit of work: `work.purchases()`.
pub struct Purchases<'w, 't>(pub(super) &'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Purchases.
    pub fn purchases(&mut self) -> Purchases<'_, 't> {
        Purchases(self)
    }
}

impl Purchases<'_, '_> {
    /// Records a purchase: its lines and tenders, what it takes from stock, the journal entry, its invoice if asked for, and what
    /// modules add, in one transaction. Recorded once for each `idempotency_key`: a repetition returns the same receipt.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for input that breaks a rule, with `stock.insufficient` when there is not enough and
    /// `tender.unknown` for a method that no module knows; [`Error::AlreadyExists`](crate::Error::AlreadyExists) when the branch has this receipt
    /// number; [`Error::IdempotencyMismatch`](crate::Error::IdempotencyMismatch).
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
        work.once("purchases.record", idempotency_key, new, |work| record(work, new, &products, None))
    }

    /// Makes a purchase final: its lines can no longer be struck out. With a series, its invoice is issued, unless nothing
    /// of it is left. Does nothing to a purchase that is final, so it may be repeated.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when there is no such purchase within reach, or no such series.
    pub fn finalise(&mut self, id: PurchaseId, invoice: Option<&str>) -> Result<Option<InvoiceId>> {
        let (mut work, purchase) = self.0.permit_on::<Purchase>(RECORD, id)?;
        if invoice.is_some() {
            work.actor().require(invoices::ISSUE, &purchase.target())?;
        }
        let purchase: Purchase = work.lock(id)?;
        let Some(open) = work.find::<OpenPurchase>(&(purchase.branch_id, id))? else { return Ok(None) };
        work.whole(|work| {
            work.delete(&open)?;
            let (branch, customer) = (purchase.branch_id, purchase.customer_id);
            work.emit(&PurchaseFinalised { purchase: id, branch, customer })?;
            let Some(series) = invoice else { return Ok(None) };
            let (items, payments) = what_is_left(work, &purchase)?;
            if items.is_empty() {
                return Ok(None);
            }
            invoices::issue(work, &purchase, series, items, payments).map(Some)
        })
    }

    /// A purchase with its lines and tenders.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound), also where the actor may not see it.
    pub fn get(&mut self, id: PurchaseId) -> Result<(Purchase, Vec<PurchaseLine>, Vec<Tender>)> {
        let (mut work, purchase) = self.0.permit_on::<Purchase>(READ, id)?;
        let lines = work.select(purchase_line::purchase_id.eq(id)).all()?;
        let tenders = work.select(tender::purchase_id.eq(id)).all()?;
        Ok((purchase, lines, tenders))
    }

    /// What was taken off the lines of a purchase, by which rules and by whom; nothing for one that was not recorded
    /// [by quote](Self::record_quoted), or at list prices.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn discounts(&mut self, id: PurchaseId) -> Result<Option<PurchaseDiscounts>> {
        self.0.permit_on::<Purchase>(READ, id)?.0.find(&id)
    }

    /// One page of a customer's purchases, the latest first, narrowed to what the actor may see. They are found in the
    /// customer's history, the journal: no index of purchases by customer has to be kept for it.
    ///
    /// # Errors
    /// [`Error::Denied`](crate::Error::Denied) without [`READ`].
    pub fn of_customer(
        &mut self,
        customer: CustomerId,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Purchase>> {
        let mut visible = self.0.within(READ)?;
        let ids = customers::ids_of(&mut visible, customer)?;
        let filter = one_of(journal_entry::customer_id, &ids).and(journal_entry::kind.eq(PURCHASE_RECORDED));
        let told = visible.select(filter).order_by(journal_entry::occurred_at).descending().page(limit, after)?;
        let ids: Vec<PurchaseId> = told.items.iter().filter_map(|entry| entry.reference_id).map(Into::into).collect();
        let items = visible.get_many::<Purchase>(&ids)?.into_iter().flatten().collect();
        Ok(Page { items, next: told.next })
    }

    /// One page of the purchases of a branch that are not final, the oldest first: what is to be closed at the end of the
    /// day.
    ///
    /// # Errors
    /// [`Error::Denied`](crate::Error::Denied) without [`READ`].
    pub fn open(&mut self, branch: BranchId, limit: Limit, after: Option<&Cursor>) -> Result<Page<OpenPurchase>> {
        self.0.within(READ)?.select(open_purchase::branch_id.eq(branch)).page(limit, after)
    }
}

/// What of a purchase was neither struck out nor returned, and how that was paid: what stands on its invoice.
pub(crate) fn what_is_left(
    work: &mut Permit<'_, '_>,
    purchase: &Purchase,
) -> Result<(Vec<Item>, Vec<invoices::Payment>)> {
    let mut returned = BTreeMap::<u16, i64>::new();
    for line in work.select::<ReturnLine>(return_line::purchase_id.eq(purchase.id)).all()? {
        let sum = returned.entry(line.line_no).or_default();
        *sum = sum.saturating_add(line.quantity);
    }
    let lines = work.select(purchase_line::purchase_id.eq(purchase.id)).all()?;
    let tenders = work.select(tender::purchase_id.eq(purchase.id)).all()?;
    let mut amounts: Vec<i64> = tenders.iter().map(|tender| tender.amount_minor).collect();
    let mut items = Vec::with_capacity(lines.len());
    for line in lines {
        let before = returned.get(&line.line_no).copied().unwrap_or(0);
        let back = taken_back(&line.sold(), before)?;
        for (amount, back) in amounts.iter_mut().zip(&back.refunds) {
            *amount = amount.saturating_sub(*back);
        }
        if before < line.quantity {
            items.push(Item {
                quantity: line.quantity.saturating_sub(before),
                total_minor: line.total_minor.saturating_sub(back.total_minor),
                tax_minor: line.tax_minor.saturating_sub(back.tax_minor),
                line,
            });
        }
    }
    Ok((items, payments(&tenders, &amounts)))
}

/// How a purchase was paid, as it stands on its invoice.
pub(super) fn payments(tenders: &[Tender], amounts: &[i64]) -> Vec<invoices::Payment> {
    let payment =
        |(tender, amount): (&Tender, &i64)| invoices::Payment { method: tender.method.clone(), amount_minor: *amount };
    tenders.iter().zip(amounts).filter(|(_, amount)| **amount != 0).map(payment).collect()
}
