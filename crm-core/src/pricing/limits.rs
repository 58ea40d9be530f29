//! How far the limits of price rules are used up (S-40): counters that move in the transaction of the purchase, and what of
//! them a purchase or an offer has used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::cart::{Context, Used};
use super::model::{Cap, LimitPer, PriceRuleId, UsageLimit};
use super::policy::Policy;
use super::quote::Quote;
use crate::catalog::{Product, ProductId};
use crate::customers::CustomerId;
use crate::kernel::time::CivilDate;
use crate::work::Permit;
use crate::{Error, Result};

crate::entity! {
    /// How far a limit of a rule is used up in one period, by everybody or by one customer.
    ///
    /// What was used is counted below zero, so that the limit is the floor of the counter. It belongs to what the limit
    /// counts and not to a version: a version that only raises the limit goes on with what was used.
    pub struct LimitCounter {
        kind: "price_limit", table: "crm_price_limits",
        key: (rule_id: PriceRuleId, counts: String, customer_id: Uuid, period: CivilDate), columns: price_limit,
        counters: [balance],
    } {
        /// The rule.
        rule_id: PriceRuleId,
        /// What is counted, and in which periods.
        counts: String,
        /// Whose uses; nil for everybody's.
        customer_id: Uuid,
        /// The first day of the period; the first day there is for a limit without periods.
        period: CivilDate,
        /// Uses, or minor units of money, below zero.
        balance: i64,
    }
}

/// The key of a [`LimitCounter`].
type CounterId = (PriceRuleId, String, Uuid, CivilDate);

/// What was used of one limit. Stored with whatever used it, so that it is given back to the same counter whatever the
/// rule says by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitUse {
    /// The rule.
    pub rule: PriceRuleId,
    /// Its version.
    pub version: u32,
    /// What is counted, and in which periods: see [`LimitCounter`].
    pub counts: String,
    /// Whose use it is, where the limit is for each customer.
    pub customer: Option<CustomerId>,
    /// The first day of the period.
    pub period: CivilDate,
    /// How much.
    pub amount: i64,
    /// Whether that is money that was taken off, in minor units; otherwise it is uses.
    pub money: bool,
    /// Whether this has passed a soft limit.
    pub passed: bool,
}

impl LimitUse {
    pub(crate) fn counter(&self) -> CounterId {
        (self.rule, self.counts.clone(), self.customer.map(Uuid::from).unwrap_or_default(), self.period)
    }
}

/// Whose counter of a limit moves on a day; none for a limit of each customer when nobody is known.
fn use_of(
    rule: PriceRuleId,
    limit: &UsageLimit,
    customer: Option<CustomerId>,
    date: CivilDate,
) -> Result<Option<LimitUse>> {
    let customer = match (limit.per, customer) {
        (LimitPer::Rule, _) => None,
        (LimitPer::Customer, None) => return Ok(None),
        (LimitPer::Customer, Some(customer)) => Some(customer),
    };
    let (what, money) = match limit.cap {
        Cap::Uses(_) => ("uses".to_owned(), false),
        Cap::Money(cap) => (cap.currency().as_str().to_owned(), true),
    };
    let (counts, period) = match &limit.every {
        None => (what, CivilDate::MIN),
        Some(every) => {
            let periods = serde_json::to_string(every).map_err(|error| Error::backend("a period", error))?;
            (format!("{what} {periods}"), every.calendar.start_of(date, every.unit))
        }
    };
    Ok(Some(LimitUse { rule, version: 0, counts, customer, period, amount: 0, money, passed: false }))
}

fn cap(limit: &UsageLimit) -> i64 {
    match &limit.cap {
        Cap::Uses(uses) => *uses,
        Cap::Money(money) => money.minor(),
    }
}

/// How far the limits are used up of all rules that may apply to these products.
pub(super) fn used(
    work: &mut Permit<'_, '_>,
    policy: &Policy,
    products: &BTreeMap<ProductId, Product>,
    context: &Context,
) -> Result<Vec<Used>> {
    let (mut places, mut keys) = (Vec::new(), Vec::new());
    for (rule, limits) in policy.limited(products.values(), context) {
        for (at, limit) in limits.iter().enumerate() {
            if let Some(counted) = use_of(rule, limit, context.customer, context.business_date)? {
                places.push((rule, at));
                keys.push(counted.counter());
            }
        }
    }
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = work.get_many::<LimitCounter>(&keys)?;
    let counted = |((rule, limit), counter): ((PriceRuleId, usize), Option<LimitCounter>)| {
        Some(Used { rule, limit, used: counter?.balance.saturating_neg() })
    };
    Ok(places.into_iter().zip(found).filter_map(counted).collect())
}

/// Counts what a quote uses: all of it, or nothing. A strict limit that somebody else has used up meanwhile refuses.
///
/// # Errors
/// `limit.used_up`
pub(crate) fn take(work: &mut Permit<'_, '_>, policy: &Policy, quote: &Quote) -> Result<Vec<LimitUse>> {
    // One limit of a rule may count the same as another: the counter moves once, and the stricter decides.
    let mut uses = BTreeMap::<CounterId, (LimitUse, Option<i64>)>::new();
    for used in &quote.uses {
        for (at, limit) in policy.limits(used.rule, used.version).iter().enumerate() {
            let Some(counted) = use_of(used.rule, limit, quote.customer, quote.business_date)? else { continue };
            let amount = if counted.money { used.off_minor } else { 1 };
            let passed = used.passes.contains(&at);
            let (sum, floor) =
                uses.entry(counted.counter()).or_insert((LimitUse { version: used.version, amount, ..counted }, None));
            sum.passed |= passed;
            if !limit.soft {
                let strict = cap(limit).saturating_neg();
                *floor = Some(floor.map_or(strict, |floor| floor.max(strict)));
            }
        }
    }
    uses.retain(|_, (used, _)| used.amount > 0);
    let keys: Vec<CounterId> = uses.keys().cloned().collect();
    let known = work.get_many::<LimitCounter>(&keys)?;
    for ((key, (used, floor)), known) in uses.iter().zip(known) {
        if known.is_none() {
            let (rule_id, counts, customer_id, period) = key.clone();
            // Of two who count the first use, the database refuses one, who runs again.
            work.insert(&LimitCounter { rule_id, counts, customer_id, period, balance: 0 })?;
        }
        work.add(key, price_limit::balance, used.amount.saturating_neg(), *floor).map_err(|error| match error {
            Error::Invalid { rule: "counter.floor", .. } => Error::invalid("limit", "limit.used_up"),
            other => other,
        })?;
    }
    Ok(uses.into_values().map(|(used, _)| used).collect())
}

/// Gives so much of each use back.
pub(crate) fn give_back<'u>(
    work: &mut Permit<'_, '_>,
    uses: impl IntoIterator<Item = (&'u LimitUse, i64)>,
) -> Result<()> {
    for (used, amount) in uses.into_iter().filter(|(_, amount)| *amount != 0) {
        work.add(&used.counter(), price_limit::balance, amount, None)?;
    }
    Ok(())
}
