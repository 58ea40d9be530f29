//! Paying what was to be paid later.

use serde::{Deserialize, Serialize};

use super::event::{Cause, InstalmentsCleared};
use super::model::{
    Cheque, ChequeId, Instalment, InstalmentPayment, InstalmentPlan, PaymentId, cheque, instalment, instalment_payment,
};
use super::rules::{ChequeState, Due, MAX_INSTALMENTS, cover};
use crate::branches::BranchId;
use crate::customers::{self, CustomerId};
use crate::kernel::money::Money;
use crate::kernel::page::{Cursor, Limit, Page};
use crate::kernel::time::{CivilDate, Timestamp};
use crate::purchases::{CARD, CASH, Payment, PurchaseId, TRANSFER};
use crate::work::{Permit, UnitOfWork, Version, one_of};
use crate::{Error, Result};

/// Permission to sell what is paid later.
pub const GRANT: &str = "instalments.grant";
/// Permission to take payments, and to take cheques and say what became of them.
pub const PAY: &str = "instalments.pay";
/// Permission to see instalments and cheques.
pub const READ: &str = "instalments.read";

/// A payment of instalments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    /// The purchase.
    pub purchase: PurchaseId,
    /// How much: at most what is owed.
    pub amount: Money,
    /// How: [`CASH`], [`CARD`] or [`TRANSFER`]. A cheque [is taken](Instalments::take_cheque).
    pub method: String,
    /// When it happened, if not now. Not in the future.
    #[serde(default)]
    pub occurred_at: Option<Timestamp>,
}

/// What a payment answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalmentReceipt {
    /// The payment.
    pub payment: PaymentId,
    /// What is still owed for the purchase.
    pub owed: Money,
}

/// Instalments and cheques, seen from a unit of work: `work.instalments()`.
pub struct Instalments<'w, 't>(pub(super) &'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Instalments and cheques.
    pub fn instalments(&mut self) -> Instalments<'_, 't> {
        Instalments(self)
    }
}

impl Instalments<'_, '_> {
    /// Takes a payment: it covers the earliest instalments. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing of such a purchase is paid later, or it is out of reach; [`Error::Invalid`] with
    /// `instalments.more_than_owed`, `instalments.not_positive`, `instalments.method` and others.
    pub fn pay(&mut self, new: &NewPayment, idempotency_key: &str) -> Result<InstalmentReceipt> {
        let (mut work, _) = self.0.permit_on::<InstalmentPlan>(PAY, new.purchase)?;
        work.once("instalments.pay", idempotency_key, new, |work| {
            if ![CASH, CARD, TRANSFER].contains(&new.method.as_str()) {
                return Err(Error::invalid("method", "instalments.method"));
            }
            let occurred_at = new.occurred_at.unwrap_or(work.now());
            if occurred_at > work.now() {
                return Err(Error::invalid("occurred_at", "instalments.in_the_future"));
            }
            let mut plan: InstalmentPlan = work.lock(new.purchase)?;
            if new.amount.currency() != plan.currency {
                return Err(Error::invalid("amount", "instalments.currency"));
            }
            if new.amount.minor() <= 0 {
                return Err(Error::invalid("amount", "instalments.not_positive"));
            }
            if new.amount.minor() > plan.owed_minor() {
                return Err(Error::invalid("amount", "instalments.more_than_owed"));
            }
            let paid = Paid { amount_minor: new.amount.minor(), method: &new.method, cheque: None, occurred_at };
            let payment = pay(work, &mut plan, &paid, Cause::Payment)?;
            Ok(InstalmentReceipt { payment, owed: plan.owed() })
        })
    }

    /// What is paid later of a purchase, with its instalments and payments.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing is, also where the actor may not see it.
    pub fn of_purchase(
        &mut self,
        purchase: PurchaseId,
    ) -> Result<(InstalmentPlan, Vec<Instalment>, Vec<InstalmentPayment>)> {
        let (mut work, plan) = self.0.permit_on::<InstalmentPlan>(READ, purchase)?;
        let instalments = work.select(instalment::purchase_id.eq(purchase)).all()?;
        let payments = work.select(instalment_payment::purchase_id.eq(purchase)).all()?;
        Ok((plan, instalments, payments))
    }

    /// One page of the instalments of a branch that are not paid and due until a day, the earliest first. What is overdue
    /// is what was due until yesterday.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn due(
        &mut self,
        branch: BranchId,
        until: CivilDate,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Instalment>> {
        let open = instalment::branch_id.eq(branch).and(instalment::open.eq(true));
        let filter = open.and(instalment::due_on.le(until));
        self.0.within(READ)?.select(filter).order_by(instalment::due_on).page(limit, after)
    }

    /// One page of the instalments of a customer that are not paid, the earliest first.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn of_customer(
        &mut self,
        customer: CustomerId,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Instalment>> {
        let mut visible = self.0.within(READ)?;
        let ids = customers::ids_of(&mut visible, customer)?;
        let filter = one_of(instalment::customer_id, &ids).and(instalment::open.eq(true));
        visible.select(filter).order_by(instalment::due_on).page(limit, after)
    }

    /// One page of the cheques of a branch in a state that can be cashed until a day, the earliest first: those
    /// [received](ChequeState::Received) are to be taken to the bank.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn cheques(
        &mut self,
        branch: BranchId,
        state: ChequeState,
        until: CivilDate,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Cheque>> {
        let filter = cheque::branch_id.eq(branch).and(cheque::state.eq(state)).and(cheque::due_on.le(until));
        self.0.within(READ)?.select(filter).order_by(cheque::due_on).page(limit, after)
    }
}

/// Money that came, or went back when it is negative.
pub(super) struct Paid<'p> {
    pub(super) amount_minor: i64,
    pub(super) method: &'p str,
    pub(super) cheque: Option<ChequeId>,
    pub(super) occurred_at: Timestamp,
}

/// Writes a payment, covers instalments by it, and tells what is cleared. The plan is locked.
pub(super) fn pay(
    work: &mut Permit<'_, '_>,
    plan: &mut InstalmentPlan,
    paid: &Paid<'_>,
    cause: Cause,
) -> Result<PaymentId> {
    let before = plan.clone();
    let id = write_payment(work, plan, paid)?;
    work.update(plan)?;
    cover_instalments(work, plan)?;
    work.emit(&InstalmentsCleared::between(&before, plan, cause, paid.occurred_at))?;
    Ok(id)
}

fn write_payment(work: &mut Permit<'_, '_>, plan: &mut InstalmentPlan, paid: &Paid<'_>) -> Result<PaymentId> {
    let overflow = || Error::invalid("amount", "money.overflow");
    plan.paid_minor = plan.paid_minor.checked_add(paid.amount_minor).ok_or_else(overflow)?;
    let id = work.new_id();
    work.insert(&InstalmentPayment {
        purchase_id: plan.purchase_id,
        id,
        amount_minor: paid.amount_minor,
        method: paid.method.to_owned(),
        cheque_id: paid.cheque,
        occurred_at: paid.occurred_at,
        recorded_at: work.now(),
    })?;
    Ok(id)
}

/// Writes what of each instalment is covered now, where it has changed.
fn cover_instalments(work: &mut Permit<'_, '_>, plan: &InstalmentPlan) -> Result<()> {
    let mut instalments = work.select(instalment::purchase_id.eq(plan.purchase_id)).all()?;
    instalments.sort_by_key(|one| (one.due_on, one.number));
    let amounts: Vec<_> = instalments.iter().map(|one| one.amount_minor).collect();
    for (one, covered) in instalments.iter_mut().zip(cover(&amounts, plan.paid_minor, plan.returned_minor)) {
        if (one.paid_minor, one.returned_minor) != (covered.paid, covered.returned) {
            (one.paid_minor, one.returned_minor) = (covered.paid, covered.returned);
            one.open = covered.paid + covered.returned < one.amount_minor;
            work.update(one)?;
        }
    }
    Ok(())
}

/// Adds what is paid later to the plan of a purchase that is being recorded.
pub(super) fn finance(work: &mut Permit<'_, '_>, payment: &Payment<'_>, dues: &[Due]) -> Result<()> {
    let purchase = payment.purchase;
    let amount_minor = payment.amount.minor();
    let mut number = 0;
    if let Some(mut plan) = work.find::<InstalmentPlan>(&purchase.id)? {
        let sum = plan.financed_minor.checked_add(amount_minor);
        plan.financed_minor = sum.ok_or_else(|| Error::invalid("amount", "money.overflow"))?;
        work.update(&mut plan)?;
        number = work.select(instalment::purchase_id.eq(purchase.id)).all()?.len();
    } else {
        work.insert(&InstalmentPlan {
            purchase_id: purchase.id,
            version: Version::FIRST,
            branch_id: purchase.branch_id,
            customer_id: purchase.customer_id,
            currency: purchase.currency,
            total_minor: purchase.total_minor,
            financed_minor: amount_minor,
            paid_minor: 0,
            returned_minor: 0,
            refunded_minor: 0,
        })?;
    }
    if number + dues.len() > usize::from(MAX_INSTALMENTS) {
        return Err(Error::invalid("count", "instalments.count"));
    }
    let instalment = |(number, due): (u16, &Due)| Instalment {
        purchase_id: purchase.id,
        number,
        version: Version::FIRST,
        branch_id: purchase.branch_id,
        customer_id: purchase.customer_id,
        due_on: due.due_on,
        amount_minor: due.amount_minor,
        paid_minor: 0,
        returned_minor: 0,
        open: due.amount_minor > 0,
    };
    let numbers = (1_u16..).skip(number);
    work.insert_all(&numbers.zip(dues).map(instalment).collect::<Vec<_>>())
}

/// Takes a return off what is owed: all of it has given back `total`, of which `deferred` is of tenders that are paid
/// later. Returns how much of that made the debt less; the rest was paid already, and is handed out.
pub(crate) fn after_return(
    work: &mut Permit<'_, '_>,
    purchase: PurchaseId,
    total: Money,
    deferred: Money,
) -> Result<Money> {
    let mut plan: InstalmentPlan = work.lock(purchase)?;
    let before = plan.clone();
    let forgiven = deferred.minor().min(plan.owed_minor().max(0));
    let handed_out = deferred.minor().saturating_sub(forgiven);
    plan.returned_minor = plan.returned_minor.saturating_add(deferred.minor());
    plan.refunded_minor = plan.refunded_minor.saturating_add(total.minor());
    if handed_out > 0 {
        let paid = Paid { amount_minor: -handed_out, method: "return", cheque: None, occurred_at: work.now() };
        write_payment(work, &mut plan, &paid)?;
    }
    work.update(&mut plan)?;
    cover_instalments(work, &plan)?;
    let now = work.now();
    work.emit(&InstalmentsCleared::between(&before, &plan, Cause::Return, now))?;
    Ok(Money::new(forgiven, plan.currency))
}
