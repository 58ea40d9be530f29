//! What is true of pick lists at all times.

use std::collections::BTreeMap;

use super::model::PickLine;
use crate::Result;
use crate::module::Violation;
use crate::purchases::{PurchaseId, PurchaseLine};
use crate::returns::ReturnLine;
use crate::work::{Filter, Permit};

/// Every pick line knows what was sold and returned of its line, has shipped no more than that, and is on the list as
/// long as something is to be packed.
pub fn pick_lines_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut lines = Vec::new();
    work.select(Filter::<PickLine>::all()).for_each(|line| {
        lines.push(line);
        Ok(())
    })?;
    let mut returned = BTreeMap::<(PurchaseId, u16), i64>::new();
    if !lines.is_empty() {
        work.select(Filter::<ReturnLine>::all()).for_each(|line| {
            let sum = returned.entry((line.purchase_id, line.line_no)).or_default();
            *sum = sum.saturating_add(line.quantity);
            Ok(())
        })?;
    }
    let mut violations = Vec::new();
    for line in lines {
        let key = (line.purchase_id, line.line_no);
        let sold = work.find::<PurchaseLine>(&key)?.map(|sold| sold.quantity);
        let agrees = sold == Some(line.quantity)
            && returned.get(&key).copied().unwrap_or(0) == line.returned
            && (0..=line.quantity).contains(&line.shipped)
            && line.open == (line.to_pack() > 0);
        if !agrees {
            let what = format!("{}, line {}: does not agree with what was sold and returned", key.0, key.1);
            violations.push(Violation { invariant: "shipping.pick_lines", what });
        }
    }
    Ok(violations)
}
