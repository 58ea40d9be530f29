//! How much can be used, and which term said so. Pure.

use serde::{Deserialize, Serialize};

use super::terms::Limits;
use crate::Result;
use crate::kernel::allocate::cumulative_floor;
use crate::kernel::money::Money;
use crate::kernel::rate::{Rate, Rounding};

/// What is to be paid, and what is there to pay it with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// How much is asked for; everything that can be used, if left out.
    pub requested: Option<i64>,
    /// What is due: the purchase without what cannot be paid so. The unit of everything but `available`, `used_today` and
    /// `used_here` is the minor unit of its currency.
    pub due: Money,
    /// What is paid of it with credit or points otherwise.
    pub paid_otherwise: i64,
    /// What can be redeemed, in units of the asset.
    pub available: i64,
    /// What was used today, with what is set aside (S-22), in units of the asset.
    pub used_today: i64,
    /// What is used of the asset for the same purchase already, in units of the asset.
    pub used_here: i64,
    /// Minor units for one point; nothing for what is money itself.
    pub point_value: Option<Rate>,
}

crate::text_enum! {
    /// A term of S-22, by what it is limited.
    pub enum Bound {
        /// What was asked for.
        Requested = "requested",
        /// What can be redeemed.
        Available = "available",
        /// So much of one purchase.
        PerInvoice = "per_invoice",
        /// This part of one purchase.
        PerInvoiceRate = "per_invoice_rate",
        /// So much on one day.
        PerDay = "per_day",
        /// What is due, less what is paid with money.
        CashPart = "cash_part",
        /// Less than the least that can be redeemed: nothing.
        Minimum = "minimum",
    }
}

impl Bound {
    /// The rule that is broken by asking for more.
    pub const fn refusal(self) -> &'static str {
        match self {
            Self::Requested | Self::Available => "redeem.not_enough",
            Self::PerInvoice | Self::PerInvoiceRate => "redeem.invoice_cap",
            Self::PerDay => "redeem.daily_cap",
            Self::CashPart => "redeem.cash_part",
            Self::Minimum => "redeem.minimum",
        }
    }
}

/// How much can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usable {
    /// Of the asset.
    pub amount: i64,
    /// What that pays.
    pub worth: Money,
    /// The term that said so.
    pub bound: Bound,
    /// Every term that applies, in minor units of the currency.
    pub terms: Vec<(Bound, i64)>,
}

/// How much can be used (S-22): the least of the terms, and nothing below the minimum. Points are worth what they are worth
/// rounded down, and pay a sum with as many as it takes, rounded up (S-20).
///
/// ```
/// use crm_core::kernel::currency::Currency;
/// use crm_core::kernel::money::Money;
/// use crm_core::loyalty::redemption::{Asked, Bound, Limits, usable};
/// let due = Money::new(10_000, Currency::PLN);
/// let asked = Asked { requested: Some(4_000), due, paid_otherwise: 0, available: 9_000, used_today: 1_500, used_here: 0, point_value: None };
/// let limits = Limits { per_day: Some(5_000), ..Limits::default() };
/// let usable = usable(&limits, &asked)?;
/// assert_eq!((usable.amount, usable.bound), (3_500, Bound::PerDay));
/// # Ok::<(), crm_core::Error>(())
/// ```
///
/// # Errors
/// `rate.overflow`
pub fn usable(limits: &Limits, asked: &Asked) -> Result<Usable> {
    let worth = |amount: i64| match &asked.point_value {
        Some(value) => value.apply(amount.max(0), Rounding::Floor),
        None => Ok(amount.max(0)),
    };
    let left = |limit: i64, used: i64| worth(limit.saturating_sub(used));
    let due = asked.due.minor();
    let mut terms = Vec::with_capacity(6);
    if let Some(requested) = asked.requested {
        terms.push((Bound::Requested, requested.max(0)));
    }
    terms.push((Bound::Available, worth(asked.available)?));
    if let Some(limit) = limits.per_invoice {
        terms.push((Bound::PerInvoice, left(limit, asked.used_here)?));
    }
    if let Some(rate) = &limits.per_invoice_rate {
        let part = rate.apply(due.max(0), Rounding::Floor)?;
        terms.push((Bound::PerInvoiceRate, part.saturating_sub(worth(asked.used_here)?).max(0)));
    }
    if let Some(limit) = limits.per_day {
        terms.push((Bound::PerDay, left(limit, asked.used_today)?));
    }
    let cash = due.saturating_sub(limits.cash_part(asked.due.currency())).saturating_sub(asked.paid_otherwise);
    terms.push((Bound::CashPart, cash.max(0)));
    // Of equal terms the first one is told.
    let least = terms.iter().min_by_key(|(_, minor)| *minor).copied();
    let (mut bound, mut minor) = least.unwrap_or((Bound::CashPart, 0));
    let mut amount = cost(asked.point_value.as_ref(), minor)?;
    if amount > 0 && limits.minimum.is_some_and(|minimum| amount < minimum) {
        (bound, minor, amount) = (Bound::Minimum, 0, 0);
    }
    Ok(Usable { amount, worth: Money::new(minor, asked.due.currency()), bound, terms })
}

/// How much of the asset pays so much, rounded up (S-20).
///
/// # Errors
/// `rate.overflow`, `rate.zero_denominator` when a point is worth nothing.
pub fn cost(point_value: Option<&Rate>, minor: i64) -> Result<i64> {
    match point_value {
        Some(value) => value.inverse()?.apply(minor, Rounding::Ceil),
        None => Ok(minor),
    }
}

/// How much of the asset comes back with `refund` of what it has paid, after `before`: of `amount`, that paid `worth`. The
/// running total is rounded down, and everything comes back at the end (S-29).
///
/// # Errors
/// `allocate.returned` when more is given back than was paid.
pub fn restored_by(amount: i64, worth: i64, before: i64, refund: i64) -> Result<i64> {
    let after = before.saturating_add(refund);
    Ok(cumulative_floor(amount, after, worth)? - cumulative_floor(amount, before, worth)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::currency::Currency;

    prop_compose! {
        fn any_limits()(
            per_invoice in proptest::option::of(0_i64..500),
            percent in proptest::option::of(0_i64..=100),
            per_day in proptest::option::of(0_i64..500),
            minimum in proptest::option::of(0_i64..100),
            cash in proptest::option::of(0_i64..300),
        ) -> Limits {
            let cash_part = cash.map(|minor| Money::new(minor, Currency::PLN)).into_iter().collect();
            Limits { per_invoice, per_invoice_rate: percent.map(Rate::percent), per_day, minimum, cash_part }
        }
    }

    prop_compose! {
        fn any_asked()(
            requested in proptest::option::of(0_i64..600),
            (due, paid_otherwise) in (0_i64..600, 0_i64..100),
            (available, used_today, used_here) in (0_i64..600, 0_i64..600, 0_i64..100),
            value in proptest::option::of((1_i64..20, 1_i64..20)),
        ) -> Asked {
            let point_value = value.map(|(num, den)| Rate::new(num, den).unwrap());
            let due = Money::new(due, Currency::PLN);
            Asked { requested, due, paid_otherwise, available, used_today, used_here, point_value }
        }
    }

    proptest! {
        /// S-22: what can be used breaks no limit, and a unit of money more breaks the one that is told.
        #[test]
        fn no_limit_is_passed_and_the_one_told_binds(limits in any_limits(), asked in any_asked()) {
            let found = usable(&limits, &asked).unwrap();
            let fits = |minor: i64| {
                let amount = cost(asked.point_value.as_ref(), minor).unwrap();
                let due = asked.due.minor();
                let here = asked.point_value.map_or(asked.used_here, |value| value.apply(asked.used_here, Rounding::Floor).unwrap());
                [
                    (Bound::Requested, asked.requested.is_none_or(|requested| minor <= requested)),
                    (Bound::Available, amount <= asked.available),
                    (Bound::PerInvoice, limits.per_invoice.is_none_or(|limit| minor == 0 || asked.used_here + amount <= limit)),
                    (Bound::PerInvoiceRate, limits.per_invoice_rate.is_none_or(|rate| minor == 0 || here + minor <= rate.apply(due, Rounding::Floor).unwrap())),
                    (Bound::PerDay, limits.per_day.is_none_or(|limit| minor == 0 || asked.used_today + amount <= limit)),
                    (Bound::CashPart, minor == 0 || minor + asked.paid_otherwise + limits.cash_part(Currency::PLN) <= due),
                ]
            };
            let minor = found.worth.minor();
            prop_assert_eq!(found.amount, cost(asked.point_value.as_ref(), minor).unwrap());
            prop_assert!(fits(minor).iter().all(|(_, fits)| *fits), "{:?}", found);
            if found.bound == Bound::Minimum {
                prop_assert_eq!(minor, 0);
                let without = usable(&Limits { minimum: None, ..limits.clone() }, &asked).unwrap();
                prop_assert!(without.amount < limits.minimum.unwrap());
            } else {
                prop_assert!(found.amount == 0 || limits.minimum.is_none_or(|minimum| found.amount >= minimum));
                let more = fits(minor + 1);
                prop_assert!(more.iter().any(|(bound, fits)| *bound == found.bound && !fits), "{:?} {:?}", found, more);
            }
        }

        /// T-6, S-29: what comes back never falls as more is refunded, and is everything at the end.
        #[test]
        fn refunds_only_grow(amount in 0_i64..1_000, parts in proptest::collection::vec(0_i64..50, 1..8)) {
            let worth: i64 = parts.iter().sum();
            prop_assume!(worth > 0);
            let (mut before, mut back) = (0, 0);
            for part in parts {
                let restored = restored_by(amount, worth, before, part).unwrap();
                prop_assert!(restored >= 0);
                before += part;
                back += restored;
            }
            prop_assert_eq!(back, amount);
        }
    }
}
