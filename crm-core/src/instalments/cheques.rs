//! Taking cheques, and what becomes of them.

use serde::{Deserialize, Serialize};

use super::event::{Cause, ChequeMoved};
use super::model::{Cheque, ChequeId, InstalmentPlan, instalment_payment};
use super::rules::{ChequeAction, ChequeState, sayad_id};
use super::service::{Instalments, PAY, Paid, pay};
use crate::kernel::input::{fold_code, required_text};
use crate::kernel::money::Money;
use crate::kernel::time::CivilDate;
use crate::purchases::{CHEQUE, PurchaseId};
use crate::work::{Permit, Version};
use crate::{Error, Result};

/// What stands on a cheque, beside its amount.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChequeTerms {
    /// The number on it, letters and digits, at most 32.
    pub number: String,
    /// The day on which it can be cashed.
    pub due_on: CivilDate,
    /// The bank it is drawn on, at most 100 characters.
    #[serde(default)]
    pub bank: Option<String>,
    /// The number under which Iran's central bank registers it, 16 digits.
    #[serde(default)]
    pub sayad_id: Option<String>,
}

impl std::fmt::Debug for ChequeTerms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChequeTerms").field("due_on", &self.due_on).finish_non_exhaustive()
    }
}

/// A cheque to take, for instalments of a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCheque {
    /// The purchase.
    pub purchase: PurchaseId,
    /// How much.
    pub amount: Money,
    /// What else stands on it.
    pub terms: ChequeTerms,
    /// The cheque in whose place it is given.
    #[serde(default)]
    pub replaces: Option<ChequeId>,
}

impl Instalments<'_, '_> {
    /// Takes a cheque that will pay instalments once it is cleared. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing of such a purchase is paid later, or it is out of reach;
    /// [`Error::AlreadyExists`] when a cheque with this Sayad id was taken; [`Error::Invalid`] for input that breaks a
    /// rule, `cheque.step` when the cheque to be replaced cannot be.
    pub fn take_cheque(&mut self, new: &NewCheque, idempotency_key: &str) -> Result<ChequeId> {
        let (mut work, plan) = self.0.permit_on::<InstalmentPlan>(PAY, new.purchase)?;
        work.once("instalments.take_cheque", idempotency_key, new, |work| {
            let cheque = take(work, &plan, new.amount, &new.terms)?;
            if let Some(replaced) = new.replaces {
                let mut replaced: Cheque = work.lock(replaced)?;
                if replaced.purchase_id != new.purchase {
                    return Err(Error::invalid("replaces", "cheque.of_another_purchase"));
                }
                let from = replaced.state;
                replaced.state = from.after(ChequeAction::Replace)?;
                replaced.replaced_by_id = Some(cheque);
                work.update(&mut replaced)?;
                work.emit(&ChequeMoved::of(&replaced, Some(from)))?;
            }
            Ok(cheque)
        })
    }

    /// Says what became of a cheque. One that is cleared pays instalments, as far as something is owed; one that bounces
    /// after that takes back what it paid. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such cheque within reach; [`Error::Invalid`] with `cheque.step` when that
    /// cannot happen to it now, `cheque.replace` for a replacement: that comes with
    /// [another cheque](Self::take_cheque).
    pub fn move_cheque(&mut self, id: ChequeId, action: ChequeAction, idempotency_key: &str) -> Result<ChequeState> {
        let (mut work, cheque) = self.0.permit_on::<Cheque>(PAY, id)?;
        work.once("instalments.move_cheque", idempotency_key, &(id, action), |work| {
            if action == ChequeAction::Replace {
                return Err(Error::invalid("action", "cheque.replace"));
            }
            // The plan before the cheque, in the order of their kinds (S-33).
            let mut plan: InstalmentPlan = work.lock(cheque.purchase_id)?;
            let mut cheque: Cheque = work.lock(id)?;
            let from = cheque.state;
            cheque.state = from.after(action)?;
            work.update(&mut cheque)?;
            work.emit(&ChequeMoved::of(&cheque, Some(from)))?;
            let (amount_minor, cause) = match (from, cheque.state) {
                (_, ChequeState::Cleared) => (cheque.amount_minor.min(plan.owed_minor().max(0)), Cause::ChequeCleared),
                (ChequeState::Cleared, _) => (-paid_by(work, &cheque)?, Cause::ChequeBounced),
                _ => return Ok(cheque.state),
            };
            if amount_minor != 0 {
                let paid = Paid { amount_minor, method: CHEQUE, cheque: Some(id), occurred_at: work.now() };
                pay(work, &mut plan, &paid, cause)?;
            }
            Ok(cheque.state)
        })
    }

    /// A cheque.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn cheque(&mut self, id: ChequeId) -> Result<Cheque> {
        self.0.within(super::READ)?.get(id)
    }
}

/// What a cheque has paid until now.
fn paid_by(work: &mut Permit<'_, '_>, cheque: &Cheque) -> Result<i64> {
    let payments = work.select(instalment_payment::purchase_id.eq(cheque.purchase_id)).all()?;
    let of_cheque = payments.iter().filter(|payment| payment.cheque_id == Some(cheque.id));
    Ok(of_cheque.fold(0, |sum: i64, payment| sum.saturating_add(payment.amount_minor)))
}

/// Writes a cheque that has come.
pub(super) fn take(
    work: &mut Permit<'_, '_>,
    plan: &InstalmentPlan,
    amount: Money,
    terms: &ChequeTerms,
) -> Result<ChequeId> {
    if amount.currency() != plan.currency {
        return Err(Error::invalid("amount", "cheque.currency"));
    }
    if amount.minor() <= 0 {
        return Err(Error::invalid("amount", "cheque.not_positive"));
    }
    let cheque = Cheque {
        id: work.new_id(),
        version: Version::FIRST,
        branch_id: plan.branch_id,
        customer_id: plan.customer_id,
        purchase_id: plan.purchase_id,
        state: ChequeState::Received,
        number: fold_code("number", &terms.number, 32)?,
        bank: terms.bank.as_deref().map(|bank| required_text("bank", bank, 100)).transpose()?,
        sayad_id: terms.sayad_id.as_deref().map(sayad_id).transpose()?,
        due_on: terms.due_on,
        amount_minor: amount.minor(),
        currency: amount.currency(),
        replaced_by_id: None,
        received_at: work.now(),
    };
    work.insert(&cheque)?;
    work.emit(&ChequeMoved::of(&cheque, None))?;
    Ok(cheque.id)
}
