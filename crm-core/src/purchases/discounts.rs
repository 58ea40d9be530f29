//! What was taken off a purchase, by which rules, and what that has used of their limits.

use std::collections::BTreeMap;

use super::model::{PurchaseId, PurchaseLine, purchase_line};
use crate::Result;
use crate::kernel::allocate::cumulative_floor;
use crate::module::Violation;
use crate::offers::{Offer, OfferState, offer};
use crate::pricing::{self, By, LimitCounter, LimitUse, Quote, Taken};
use crate::returns::return_line;
use crate::work::{Filter, Json, Permit};

crate::entity! {
    /// Why the lines of a purchase cost what they cost: what was taken off each, by which version of which rule or by
    /// whom, and what of the limits of rules that has used. A purchase of which nothing was taken off, or whose price
    /// came from the host, has none. Never changed: what a return gives back of a use follows from the pieces returned.
    pub struct PurchaseDiscounts {
        kind: "purchase_discounts", table: "crm_purchase_discounts", key: (purchase_id: PurchaseId), columns: purchase_discounts,
    } {
        /// The purchase.
        purchase_id: PurchaseId,
        /// What was taken off each of its lines, in order.
        taken: Json<Vec<Vec<Taken>>>,
        /// What was used of limits (S-40).
        uses: Json<Vec<LimitUse>>,
    }
}

/// A price that was agreed upon, with what it has used of limits.
pub(crate) struct Agreed {
    pub(crate) quote: Quote,
    pub(crate) uses: Vec<LimitUse>,
}

/// Stores what was taken off, if anything was.
pub(super) fn store(work: &mut Permit<'_, '_>, purchase_id: PurchaseId, agreed: &Agreed) -> Result<()> {
    let taken: Vec<_> = agreed.quote.lines.iter().map(|line| line.taken.clone()).collect();
    if taken.iter().all(Vec::is_empty) && agreed.uses.is_empty() {
        return Ok(());
    }
    work.insert(&PurchaseDiscounts { purchase_id, taken: Json(taken), uses: Json(agreed.uses.clone()) })
}

/// Gives back what returned pieces had used of limits. `before` and `after` are the pieces of each line that have come
/// back.
pub(crate) fn release(
    work: &mut Permit<'_, '_>,
    purchase: PurchaseId,
    lines: &[PurchaseLine],
    before: &BTreeMap<u16, i64>,
    after: &BTreeMap<u16, i64>,
) -> Result<()> {
    let Some(stored) = work.find::<PurchaseDiscounts>(&purchase)? else { return Ok(()) };
    let mut back = Vec::with_capacity(stored.uses.0.len());
    for used in &stored.uses.0 {
        let more = released(used, &stored.taken.0, lines, after)?;
        back.push((used, more.saturating_sub(released(used, &stored.taken.0, lines, before)?)));
    }
    pricing::give_back(work, back)
}

/// How much of a use is given back in all when so many pieces of each line have come back: of money, the floor of what
/// was taken off these pieces (S-29); of uses, the whole once nothing is left that the rule was on.
fn released(
    used: &LimitUse,
    taken: &[Vec<Taken>],
    lines: &[PurchaseLine],
    returned: &BTreeMap<u16, i64>,
) -> Result<i64> {
    let (mut money, mut everything) = (0_i64, true);
    for (line, taken) in lines.iter().zip(taken) {
        let by_rule = |taken: &&Taken| matches!(taken.by, By::Rule { id, .. } if id == used.rule);
        let mut off = taken.iter().filter(by_rule).peekable();
        if off.peek().is_none() {
            continue;
        }
        let off = off.fold(0_i64, |sum, taken| sum.saturating_add(taken.off_minor));
        let returned = returned.get(&line.line_no).copied().unwrap_or(0);
        money = money.saturating_add(cumulative_floor(off, returned, line.quantity)?);
        everything &= returned == line.quantity;
    }
    Ok(match (used.money, everything) {
        (true, _) => money.min(used.amount),
        (false, true) => used.amount,
        (false, false) => 0,
    })
}

/// What was taken off each line, rule by rule, is the discount of the line.
pub fn discounts_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut stored = Vec::new();
    work.select(Filter::<PurchaseDiscounts>::all()).for_each(|one| {
        stored.push(one);
        Ok(())
    })?;
    let mut violations = Vec::new();
    for one in stored {
        let lines = work.select(purchase_line::purchase_id.eq(one.purchase_id)).all()?;
        let off = |taken: &Vec<Taken>| taken.iter().fold(0_i64, |sum, taken| sum.saturating_add(taken.off_minor));
        let told: Vec<i64> = one.taken.0.iter().map(off).collect();
        let had: Vec<i64> =
            lines.iter().map(|line| line.discount_minor.saturating_add(line.order_discount_minor)).collect();
        if told != had {
            let what = format!("{}: what was taken off is not the discount of its lines", one.purchase_id);
            violations.push(Violation { invariant: "purchases.discounts", what });
        }
    }
    Ok(violations)
}

/// Every counter of a limit is what purchases have used and not given back, and what offers hold.
pub fn limits_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut stored = Vec::new();
    work.select(Filter::<PurchaseDiscounts>::all()).for_each(|one| {
        if !one.uses.0.is_empty() {
            stored.push(one);
        }
        Ok(())
    })?;
    let mut sums = BTreeMap::new();
    let mut count = |used: &LimitUse, amount: i64| {
        let sum = sums.entry(used.counter()).or_insert(0_i64);
        *sum = sum.saturating_sub(amount);
    };
    for one in stored {
        let lines = work.select(purchase_line::purchase_id.eq(one.purchase_id)).all()?;
        let mut returned = BTreeMap::<u16, i64>::new();
        for line in work.select(return_line::purchase_id.eq(one.purchase_id)).all()? {
            let sum = returned.entry(line.line_no).or_default();
            *sum = sum.saturating_add(line.quantity);
        }
        for used in &one.uses.0 {
            count(used, used.amount.saturating_sub(released(used, &one.taken.0, &lines, &returned)?));
        }
    }
    work.select::<Offer>(offer::state.eq(OfferState::Sent)).for_each(|offer| {
        offer.uses.0.iter().for_each(|used| count(used, used.amount));
        Ok(())
    })?;
    let mut violations = Vec::new();
    let mut report = |rule: pricing::PriceRuleId, what: String| {
        violations.push(Violation { invariant: "pricing.limits", what: format!("{rule}: {what}") });
    };
    work.select(Filter::<LimitCounter>::all()).for_each(|counter| {
        let key = (counter.rule_id, counter.counts.clone(), counter.customer_id, counter.period);
        let sum = sums.remove(&key).unwrap_or(0);
        if sum != counter.balance {
            report(counter.rule_id, format!("{} {} is counted, {sum} was used", counter.counts, counter.balance));
        }
        Ok(())
    })?;
    for ((rule, counts, ..), sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
        report(rule, format!("{counts} {sum} was used and is not counted"));
    }
    Ok(violations)
}
