//! What is true of invoices at all times.

use std::collections::BTreeMap;

use super::model::{Invoice, InvoiceCounter};
use crate::Result;
use crate::branches::BranchId;
use crate::module::Violation;
use crate::work::{Filter, Permit};

/// The numbers of every series and year are 1 to the last that was given, each once.
pub fn numbers_have_no_gaps(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    /// How many numbers there are, the lowest and the highest. No number is there twice: the key is unique.
    #[derive(Default)]
    struct Numbers(i64, i64, i64);
    let mut series = BTreeMap::<(BranchId, String, i32), Numbers>::new();
    work.select(Filter::<Invoice>::all()).for_each(|invoice| {
        let key = (invoice.branch_id, invoice.series, invoice.period);
        let Numbers(count, lowest, highest) = series.entry(key).or_insert(Numbers(0, i64::MAX, 0));
        *count = count.saturating_add(1);
        *lowest = invoice.number.min(*lowest);
        *highest = invoice.number.max(*highest);
        Ok(())
    })?;
    let mut violations = Vec::new();
    let mut report = |(branch, series, period): &(BranchId, String, i32), what: &str| {
        let what = format!("{branch}, series {series}, year {period}: {what}");
        violations.push(Violation { invariant: "invoices.numbers", what });
    };
    work.select(Filter::<InvoiceCounter>::all()).for_each(|counter| {
        let key = (counter.branch_id, counter.series, counter.period);
        match series.remove(&key) {
            Some(Numbers(count, 1, highest)) if count == highest && highest == counter.last => {}
            _ => report(&key, "the numbers are not 1 to the last that was given"),
        }
        Ok(())
    })?;
    for key in series.keys() {
        report(key, "numbers that nobody gave");
    }
    Ok(violations)
}
