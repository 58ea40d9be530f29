//! What is true of plans at all times.

use std::collections::BTreeMap;

use super::model::{Instalment, InstalmentPayment, InstalmentPlan};
use super::rules::cover;
use crate::Result;
use crate::module::Violation;
use crate::purchases::{PurchaseId, Tender};
use crate::work::{Filter, Permit};

/// The instalments of every plan sum to what is paid later, as do the tenders; its payments sum to what is paid; and each
/// instalment is covered as far as that goes.
pub fn plans_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut instalments = BTreeMap::<PurchaseId, Vec<Instalment>>::new();
    work.select(Filter::<Instalment>::all()).for_each(|one| {
        instalments.entry(one.purchase_id).or_default().push(one);
        Ok(())
    })?;
    let mut payments = BTreeMap::<PurchaseId, i64>::new();
    work.select(Filter::<InstalmentPayment>::all()).for_each(|payment| {
        let sum = payments.entry(payment.purchase_id).or_default();
        *sum = sum.saturating_add(payment.amount_minor);
        Ok(())
    })?;
    let mut tenders = BTreeMap::<PurchaseId, i64>::new();
    work.select(crate::purchases::tender::paid_later.eq(true)).for_each(|tender: Tender| {
        let sum = tenders.entry(tender.purchase_id).or_default();
        *sum = sum.saturating_add(tender.amount_minor);
        Ok(())
    })?;
    let mut violations = Vec::new();
    let mut report = |id: PurchaseId, what: &str| {
        violations.push(Violation { invariant: "instalments.sums", what: format!("{id}: {what}") });
    };
    work.select(Filter::<InstalmentPlan>::all()).for_each(|plan| {
        let id = plan.purchase_id;
        let mut parts = instalments.remove(&id).unwrap_or_default();
        parts.sort_by_key(|one| (one.due_on, one.number));
        let amounts: Vec<_> = parts.iter().map(|one| one.amount_minor).collect();
        if amounts.iter().fold(0_i64, |sum, amount| sum.saturating_add(*amount)) != plan.financed_minor {
            report(id, "its instalments do not sum to what is paid later");
        }
        if tenders.remove(&id) != Some(plan.financed_minor) {
            report(id, "its tenders do not sum to what is paid later");
        }
        if payments.remove(&id).unwrap_or(0) != plan.paid_minor || plan.owed_minor() < 0 {
            report(id, "its payments do not sum to what is paid");
        }
        let covered = cover(&amounts, plan.paid_minor, plan.returned_minor);
        let right = parts.iter().zip(covered).all(|(one, covered)| {
            (one.paid_minor, one.returned_minor) == (covered.paid, covered.returned)
                && one.open == (covered.paid + covered.returned < one.amount_minor)
        });
        if !right {
            report(id, "its instalments are not covered as far as what is paid");
        }
        Ok(())
    })?;
    for id in instalments.keys().chain(payments.keys()).chain(tenders.keys()) {
        report(*id, "instalments, payments or tenders of no plan");
    }
    Ok(violations)
}
