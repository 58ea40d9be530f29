//! What is true of returns at all times.

use std::collections::BTreeMap;

use super::model::{Refund, Return, ReturnId, ReturnLine};
use super::rules::{TakenBack, taken_back};
use crate::Result;
use crate::module::Violation;
use crate::purchases::{PurchaseId, PurchaseLine};
use crate::work::{Filter, Permit};

/// What came back of every line is no more than was sold, and gave back exactly what the stored shares say; the lines and
/// the refunds of every return sum to its total.
pub fn returns_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut of_lines = BTreeMap::<(PurchaseId, u16), (i64, TakenBack)>::new();
    let mut sums = BTreeMap::<ReturnId, (i64, i64)>::new();
    work.select(Filter::<ReturnLine>::all()).for_each(|line| {
        let (quantity, back) = of_lines
            .entry((line.purchase_id, line.line_no))
            .or_insert_with(|| (0, TakenBack { total_minor: 0, tax_minor: 0, refunds: vec![0; line.refunds.0.len()] }));
        *quantity = quantity.saturating_add(line.quantity);
        back.total_minor = back.total_minor.saturating_add(line.total_minor);
        back.tax_minor = back.tax_minor.saturating_add(line.tax_minor);
        for (sum, refund) in back.refunds.iter_mut().zip(&line.refunds.0) {
            *sum = sum.saturating_add(*refund);
        }
        let sum = &mut sums.entry(line.return_id).or_default().0;
        *sum = sum.saturating_add(line.total_minor);
        Ok(())
    })?;
    work.select(Filter::<Refund>::all()).for_each(|refund| {
        let sum = &mut sums.entry(refund.return_id).or_default().1;
        *sum = sum.saturating_add(refund.amount_minor);
        Ok(())
    })?;
    let mut violations = Vec::new();
    let mut report = |what: String| violations.push(Violation { invariant: "returns.shares", what });
    for ((purchase, line_no), (quantity, back)) in &of_lines {
        let line = work.find::<PurchaseLine>(&(*purchase, *line_no))?;
        let right = line.and_then(|line| taken_back(&line.sold(), *quantity).ok());
        if right.as_ref() != Some(back) {
            report(format!("{purchase}, line {line_no}: {quantity} came back, and gave back something else"));
        }
    }
    work.select(Filter::<Return>::all()).for_each(|one| {
        if sums.remove(&one.id) != Some((one.total_minor, one.total_minor)) {
            report(format!("{}: its lines or its refunds do not sum to its total", one.id));
        }
        Ok(())
    })?;
    for id in sums.keys() {
        report(format!("{id}: lines or refunds of no return"));
    }
    Ok(violations)
}
