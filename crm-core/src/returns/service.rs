//! Taking back what was sold.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{PurchaseReturned, RefundedTender, ReturnedLine};
use super::model::{Refund, Return, ReturnId, ReturnKind, ReturnLine, refund, return_, return_line};
use super::rules::{TakenBack, take_back};
use crate::access::Target;
use crate::branches::{Branch, BranchId};
use crate::catalog::Product;
use crate::invoices::{self, InvoiceId, Item};
use crate::kernel::input::required_text;
use crate::kernel::money::Money;
use crate::kernel::page::{Cursor, Limit, Page};
use crate::purchases::{OpenPurchase, Purchase, PurchaseId, PurchaseLine, Tender, purchase_line, tender};
use crate::work::{Json, Permit, UnitOfWork};
use crate::{Error, Result, instalments, purchases, shipping};

/// Permission to take goods back.
pub const RECORD: &str = "returns.record";
/// Permission to see returns.
pub const READ: &str = "returns.read";
/// Permission to strike out a line of a purchase that is not final.
pub const VOID: &str = "purchases.void";

/// Something that comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReturn {
    /// The purchase.
    pub purchase: PurchaseId,
    /// Where it comes back, if not where it was bought.
    #[serde(default)]
    pub branch: Option<BranchId>,
    /// Why, 1 to 500 characters.
    #[serde(default)]
    pub reason: Option<String>,
    /// What comes back, each line once.
    pub lines: Vec<NewReturnLine>,
}

impl NewReturn {
    /// These lines of a purchase, where it was bought.
    pub fn of(purchase: PurchaseId, lines: impl Into<Vec<NewReturnLine>>) -> Self {
        Self { purchase, branch: None, reason: None, lines: lines.into() }
    }
}

/// Pieces of a line that come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReturnLine {
    /// The line of the purchase.
    pub line_no: u16,
    /// Pieces, from 1 to what has not come back yet.
    pub quantity: i64,
    /// Whether they go back to stock: the host knows whether they can be sold again.
    pub restock: bool,
}

impl NewReturnLine {
    /// So many pieces, which go back to stock.
    pub fn of(line_no: u16, quantity: i64) -> Self {
        Self { line_no, quantity, restock: true }
    }
}

/// What a return answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    /// The return.
    #[serde(rename = "return")]
    pub return_id: ReturnId,
    /// What is given back.
    pub total: Money,
    /// By which tender; those that give nothing are left out.
    pub refunds: Vec<RefundedTender>,
    /// How much of it only makes what is still owed less, and is not handed out: the rest is.
    pub forgiven: Money,
    /// The credit note, if the purchase has an invoice.
    pub credit_note: Option<InvoiceId>,
}

/// Returns, seen from a unit of work: `work.returns()`.
pub struct Returns<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Returns.
    pub fn returns(&mut self) -> Returns<'_, 't> {
        Returns(self)
    }
}

impl Returns<'_, '_> {
    /// Takes pieces of a purchase back: gives back what was stored for them, moves stock, makes what is owed less, issues
    /// a credit note where there is an invoice, and tells modules, in one transaction. Done once for each
    /// `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such purchase within reach; [`Error::Invalid`] with `return.more_than_sold`
    /// when so many are not left, and for other input that breaks a rule; [`Error::IdempotencyMismatch`].
    pub fn record(&mut self, new: &NewReturn, idempotency_key: &str) -> Result<Returned> {
        let (mut work, purchase) = self.0.permit_on::<Purchase>(RECORD, new.purchase)?;
        let branch = new.branch.unwrap_or(purchase.branch_id);
        if branch != purchase.branch_id {
            work.actor().require(RECORD, &Target { customer: purchase.customer_id, ..Target::branch(branch) })?;
        }
        work.once("returns.record", idempotency_key, new, |work| {
            let reason = new.reason.as_deref().map(|reason| required_text("reason", reason, 500)).transpose()?;
            Taking::begin(work, new.purchase)?.take(work, ReturnKind::Return, branch, reason, &new.lines)
        })
    }

    /// Strikes out what is left of a line of a purchase that is not final. What it took from stock is back there.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such purchase within reach; [`Error::Invalid`] with `void.final` when the
    /// purchase is final, `return.line` for a line it does not have, `return.quantity_not_positive` when nothing is left
    /// of it; [`Error::IdempotencyMismatch`].
    pub fn void(
        &mut self,
        purchase: PurchaseId,
        line_no: u16,
        reason: &str,
        idempotency_key: &str,
    ) -> Result<Returned> {
        let (mut work, _) = self.0.permit_on::<Purchase>(VOID, purchase)?;
        work.once("purchases.void", idempotency_key, &(purchase, line_no, reason), |work| {
            let reason = required_text("reason", reason, 500)?;
            let taking = Taking::begin(work, purchase)?;
            // Locked, so that it is known whether it is final now.
            work.lock::<OpenPurchase>((taking.purchase.branch_id, purchase)).map_err(|error| match error {
                Error::NotFound { .. } => Error::invalid("purchase", "void.final"),
                other => other,
            })?;
            let (line, before) = taking.line(line_no)?;
            let rest = NewReturnLine::of(line_no, line.quantity.saturating_sub(before));
            let branch = taking.purchase.branch_id;
            taking.take(work, ReturnKind::Void, branch, Some(reason), &[rest])
        })
    }

    /// A return with its lines and refunds.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn get(&mut self, id: ReturnId) -> Result<(Return, Vec<ReturnLine>, Vec<Refund>)> {
        let (mut work, found) = self.0.permit_on::<Return>(READ, id)?;
        let of_purchase = return_line::purchase_id.eq(found.purchase_id);
        let lines = work.select(of_purchase.and(return_line::return_id.eq(id))).all()?;
        let refunds = work.select(refund::return_id.eq(id)).all()?;
        Ok((found, lines, refunds))
    }

    /// One page of the returns of a purchase, the latest first, narrowed to what the actor may see.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn of_purchase(&mut self, purchase: PurchaseId, limit: Limit, after: Option<&Cursor>) -> Result<Page<Return>> {
        self.0.within(READ)?.select(return_::purchase_id.eq(purchase)).descending().page(limit, after)
    }
}

/// A purchase of which something is taken back. Its row is locked, so that one return knows what the others took.
struct Taking {
    purchase: Purchase,
    lines: Vec<PurchaseLine>,
    tenders: Vec<Tender>,
    /// Pieces that have come back, by line.
    returned: BTreeMap<u16, i64>,
}

impl Taking {
    fn begin(work: &mut Permit<'_, '_>, id: PurchaseId) -> Result<Self> {
        let purchase: Purchase = work.lock(id)?;
        let lines = work.select(purchase_line::purchase_id.eq(id)).all()?;
        let tenders = work.select(tender::purchase_id.eq(id)).all()?;
        let mut returned = BTreeMap::new();
        for earlier in work.select(return_line::purchase_id.eq(id)).all()? {
            let sum: &mut i64 = returned.entry(earlier.line_no).or_default();
            *sum = sum.saturating_add(earlier.quantity);
        }
        Ok(Self { purchase, lines, tenders, returned })
    }

    /// A line, and how many pieces of it have come back.
    fn line(&self, line_no: u16) -> Result<(&PurchaseLine, i64)> {
        let line = self.lines.iter().find(|line| line.line_no == line_no);
        let line = line.ok_or_else(|| Error::invalid("line_no", "return.line"))?;
        Ok((line, self.returned.get(&line_no).copied().unwrap_or(0)))
    }

    fn take(
        mut self,
        work: &mut Permit<'_, '_>,
        kind: ReturnKind,
        branch: BranchId,
        reason: Option<String>,
        wanted: &[NewReturnLine],
    ) -> Result<Returned> {
        if wanted.is_empty() {
            return Err(Error::invalid("lines", "return.no_lines"));
        }
        let branch: Branch = work.get(branch)?;
        let return_id: ReturnId = work.new_id();
        let mut taken: Vec<(PurchaseLine, NewReturnLine, TakenBack)> = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            if taken.iter().any(|(line, ..)| line.line_no == wanted.line_no) {
                return Err(Error::invalid("lines", "return.line_twice"));
            }
            let (line, before) = self.line(wanted.line_no)?;
            taken.push((line.clone(), *wanted, take_back(&line.sold(), before, wanted.quantity)?));
        }
        let currency = self.purchase.currency;
        let money = |minor| Money::new(minor, currency);
        let total = Money::sum(currency, taken.iter().map(|(.., back)| money(back.total_minor)))?;
        let refunds = self.refunds(&taken)?;

        work.insert(&Return {
            id: return_id,
            purchase_id: self.purchase.id,
            branch_id: branch.id,
            customer_id: self.purchase.customer_id,
            kind,
            reason,
            recorded_at: work.now(),
            business_date: branch.business_day().date_of(work.now()),
            currency,
            total_minor: total.minor(),
        })?;
        let lines = restock(work, &taken, branch.id, return_id)?;
        work.insert_all(&lines)?;
        let refund_of = |one: &RefundedTender| Refund {
            return_id,
            tender_no: one.tender_no,
            method: one.method.clone(),
            amount_minor: one.amount.minor(),
        };
        work.insert_all(&refunds.iter().map(refund_of).collect::<Vec<_>>())?;
        let pieces: Vec<_> = taken.iter().map(|(line, wanted, _)| (line.line_no, wanted.quantity)).collect();
        shipping::withdraw(work, self.purchase.id, &pieces)?;
        let forgiven = self.give_back(work, return_id, total, &refunds)?;
        let credit_note = match kind {
            ReturnKind::Return => invoices::credit(work, &self.purchase, return_id, items_of(&taken), &refunds)?,
            // Before a purchase is final there is no invoice.
            ReturnKind::Void => None,
        };

        let mut told = Vec::with_capacity(taken.len());
        let before_all = self.returned.clone();
        for (line, wanted, back) in &taken {
            let returned = self.returned.entry(line.line_no).or_default();
            let before = *returned;
            *returned = before.saturating_add(wanted.quantity);
            told.push(ReturnedLine {
                line_no: line.line_no,
                product: line.product_id,
                quantity: line.quantity,
                before,
                after: *returned,
                total: money(back.total_minor),
                tax: money(back.tax_minor),
            });
        }
        purchases::release(work, self.purchase.id, &self.lines, &before_all, &self.returned)?;
        work.emit(&PurchaseReturned {
            return_id,
            kind,
            purchase: self.purchase.id,
            purchased_at: self.purchase.occurred_at,
            history_only: self.purchase.history_only,
            branch: branch.id,
            customer: self.purchase.customer_id,
            total,
            lines: told,
            refunds: refunds.clone(),
            everything: self.lines.iter().all(|line| self.returned.get(&line.line_no) == Some(&line.quantity)),
        })?;
        Ok(Returned { return_id, total, refunds, forgiven, credit_note })
    }

    /// What each tender gives back, if anything.
    fn refunds(&self, taken: &[(PurchaseLine, NewReturnLine, TakenBack)]) -> Result<Vec<RefundedTender>> {
        let mut refunds = Vec::new();
        for (at, tender) in self.tenders.iter().enumerate() {
            let of_lines = taken.iter().map(|(.., back)| back.refunds.get(at).copied().unwrap_or(0));
            let currency = self.purchase.currency;
            let amount = Money::sum(currency, of_lines.map(|minor| Money::new(minor, currency)))?;
            if !amount.is_zero() {
                refunds.push(RefundedTender { tender_no: tender.tender_no, method: tender.method.clone(), amount });
            }
        }
        Ok(refunds)
    }

    /// Lets each tender undo what it did, and makes what is owed less. Returns by how much.
    fn give_back(
        &self,
        work: &mut Permit<'_, '_>,
        return_id: ReturnId,
        total: Money,
        refunds: &[RefundedTender],
    ) -> Result<Money> {
        let mut deferred = Money::zero(self.purchase.currency);
        for one in refunds {
            let Some(tender) = self.tenders.iter().find(|tender| tender.tender_no == one.tender_no) else { continue };
            if tender.paid_later {
                deferred = deferred.checked_add(one.amount)?;
            }
            // Nothing was done for what was only imported.
            if !self.purchase.history_only {
                purchases::give_back(work, &self.purchase, tender, return_id, one.amount)?;
            }
        }
        if self.tenders.iter().any(|tender| tender.paid_later) {
            instalments::after_return(work, self.purchase.id, total, deferred)
        } else {
            Ok(deferred)
        }
    }
}

/// Books goods in that can be sold again, and returns the lines of the return: they are the movements (ADR 13).
fn restock(
    work: &mut Permit<'_, '_>,
    taken: &[(PurchaseLine, NewReturnLine, TakenBack)],
    branch: BranchId,
    return_id: ReturnId,
) -> Result<Vec<ReturnLine>> {
    let ids: Vec<_> = taken.iter().map(|(line, ..)| line.product_id).collect();
    let mut products = Vec::with_capacity(ids.len());
    for (product, id) in work.get_many::<Product>(&ids)?.into_iter().zip(&ids) {
        products.push(product.ok_or_else(|| Error::not_found("product", id))?);
    }
    let (mut moves, mut lines) = (Vec::with_capacity(taken.len()), Vec::with_capacity(taken.len()));
    for ((line, wanted, back), product) in taken.iter().zip(&products) {
        let restocked = wanted.restock && product.stocked;
        if restocked {
            moves.push((product, wanted.quantity));
        }
        lines.push(ReturnLine {
            purchase_id: line.purchase_id,
            line_no: line.line_no,
            return_id,
            product_id: line.product_id,
            quantity: wanted.quantity,
            total_minor: back.total_minor,
            tax_minor: back.tax_minor,
            refunds: Json(back.refunds.clone()),
            restocked,
        });
    }
    work.move_stock(&moves, branch)?;
    Ok(lines)
}

fn items_of(taken: &[(PurchaseLine, NewReturnLine, TakenBack)]) -> Vec<Item> {
    let item_of = |(line, wanted, back): &(PurchaseLine, NewReturnLine, TakenBack)| Item {
        line: line.clone(),
        quantity: wanted.quantity,
        total_minor: back.total_minor,
        tax_minor: back.tax_minor,
    };
    taken.iter().map(item_of).collect()
}
