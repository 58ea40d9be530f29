//! The conditions of price rules: days, quantities, limits, currencies. Pure.

use super::amounts::Standing;
use super::cart::Context;
use super::model::{Adjustment, AtLeast, Cap, Counted, Days, Least, LimitPer, NamedDay, RuleTerms, UsageLimit};
use super::policy::Rule;
use super::quote::Why;
use crate::Result;
use crate::kernel::currency::Currency;
use crate::kernel::time::CivilDate;

/// How much of the cart a rule is on.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Totals {
    pieces: i128,
    amount: i128,
}

impl Totals {
    pub(super) fn add(&mut self, line: &Standing) {
        self.pieces += i128::from(line.quantity);
        self.amount += i128::from(line.list);
    }
}

/// Whether a rule needs the totals of the cart.
pub(super) fn counts_over_cart(rule: &Rule) -> bool {
    rule.terms.at_least.is_some_and(|at_least| at_least.of == Counted::Cart)
}

/// Whether a rule asks for more than its audience: without that [`unmet`] finds nothing.
pub(super) fn is_conditional(terms: &RuleTerms) -> bool {
    terms.days.is_some()
        || terms.at_least.is_some()
        || !terms.limits.is_empty()
        || !matches!(terms.adjustment, Adjustment::Percent(_))
}

/// Which condition of a rule a line does not meet, if any.
pub(super) fn unmet(rule: &Rule, context: &Context, line: &Standing, cart: Option<&Totals>) -> Option<Why> {
    let terms = &rule.terms;
    if currencies(&terms.adjustment, terms.at_least.as_ref(), &terms.limits).any(|used| used != context.currency) {
        return Some(Why::Currency);
    }
    if terms.days.as_ref().is_some_and(|days| !contains(days, context.business_date)) {
        return Some(Why::Day);
    }
    if let Some(at_least) = &terms.at_least {
        let mut had = Totals::default();
        match (at_least.of, cart) {
            (Counted::Cart, Some(cart)) => had = *cart,
            _ => had.add(line),
        }
        let enough = match at_least.least {
            Least::Pieces(pieces) => had.pieces >= i128::from(pieces),
            Least::Amount(amount) => had.amount >= i128::from(amount.minor()),
        };
        if !enough {
            return Some(Why::AtLeast(at_least.least));
        }
    }
    if context.customer.is_none() && terms.limits.iter().any(|limit| limit.per == LimitPer::Customer) {
        return Some(Why::CustomerUnknown);
    }
    let used_up = |(at, limit): (usize, &UsageLimit)| {
        !limit.soft
            && match limit.cap {
                Cap::Uses(cap) => used(rule, at, context) >= cap,
                Cap::Money(cap) => used(rule, at, context) >= cap.minor(),
            }
    };
    terms.limits.iter().enumerate().any(used_up).then_some(Why::UsedUp)
}

fn used(rule: &Rule, limit: usize, context: &Context) -> i64 {
    let counted = context.used.iter().find(|used| used.rule == rule.id && used.limit == limit);
    counted.map_or(0, |counted| counted.used)
}

/// How much the strict limits of a rule let it take off (S-40).
pub(super) fn budget(rule: &Rule, context: &Context) -> Option<i64> {
    let left = rule.terms.limits.iter().enumerate().filter(|(_, limit)| !limit.soft);
    let left = left.filter_map(|(at, limit)| match limit.cap {
        Cap::Money(cap) => Some(cap.minor().saturating_sub(used(rule, at, context))),
        Cap::Uses(_) => None,
    });
    left.min()
}

/// The soft limits that a use of a rule passes.
pub(super) fn passes(rule: &Rule, context: &Context, off: i64) -> Vec<usize> {
    let passed = |(at, limit): &(usize, &UsageLimit)| {
        limit.soft
            && match limit.cap {
                Cap::Uses(cap) => used(rule, *at, context) >= cap,
                Cap::Money(cap) => used(rule, *at, context).saturating_add(off) > cap.minor(),
            }
    };
    rule.terms.limits.iter().enumerate().filter(passed).map(|(at, _)| at).collect()
}

/// The currencies a rule speaks of.
pub(super) fn currencies<'r>(
    adjustment: &'r Adjustment,
    at_least: Option<&'r AtLeast>,
    limits: &'r [UsageLimit],
) -> impl Iterator<Item = Currency> + use<'r> {
    let adjusted = match adjustment {
        Adjustment::Amount { off: amount, .. } | Adjustment::FixedPrice(amount) => Some(amount.currency()),
        Adjustment::Percent(_) => None,
    };
    let least = at_least.and_then(|at_least| match at_least.least {
        Least::Amount(amount) => Some(amount.currency()),
        Least::Pieces(_) => None,
    });
    let limited = limits.iter().filter_map(|limit| match limit.cap {
        Cap::Money(amount) => Some(amount.currency()),
        Cap::Uses(_) => None,
    });
    adjusted.into_iter().chain(least).chain(limited)
}

impl Days {
    /// Whether a business day is one of these.
    pub fn contain(&self, date: CivilDate) -> bool {
        contains(self, date)
    }
}

/// Whether a business day is one of these.
pub(super) fn contains(days: &Days, date: CivilDate) -> bool {
    let in_period = days.from.is_none_or(|from| from <= date) && days.through.is_none_or(|through| date <= through);
    in_period
        && (days.weekdays.is_empty() && days.named.is_empty()
            || days.weekdays.contains(&date.weekday())
            || days.named.iter().any(|named| is_named(named, date)))
}

/// Whether a date is a named day of its year, or of the year before and still lasting.
fn is_named(named: &NamedDay, date: CivilDate) -> bool {
    let year = named.calendar.of(date).year();
    [Some(year), year.checked_sub(1)].into_iter().flatten().any(|year| {
        let start: Result<CivilDate> = named
            .calendar
            .days_in_month(year, named.month)
            .and_then(|last| named.calendar.date(year, named.month, named.day.min(last)));
        start.is_ok_and(|start| (0..i32::from(named.days)).contains(&date.days_since(start)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::calendar::Calendar;
    use crate::kernel::time::Weekday;

    fn date(text: &str) -> CivilDate {
        text.parse().unwrap()
    }

    #[test]
    fn nowruz_lasts_thirteen_days_and_yalda_crosses_no_year() {
        let nowruz = NamedDay { name: "Nowruz".into(), calendar: Calendar::Jalali, month: 1, day: 1, days: 13 };
        let days = Days { named: vec![nowruz], ..Days::default() };
        for (day, is) in [
            ("2025-03-20", false),
            ("2025-03-21", true),
            ("2025-04-02", true),
            ("2025-04-03", false),
            // 1403 began on 20 March 2024.
            ("2024-03-20", true),
        ] {
            assert_eq!(contains(&days, date(day)), is, "{day}");
        }
    }

    #[test]
    fn the_last_day_of_a_short_month_stands_for_a_missing_one_and_days_cross_the_year() {
        let year_end = NamedDay { name: "x".into(), calendar: Calendar::Jalali, month: 12, day: 30, days: 3 };
        let days = Days { named: vec![year_end], ..Days::default() };
        // 1403 is a leap year, 1404 is not: its Esfand ends on 20 March 2026.
        let found: Vec<_> = ["2025-03-19", "2025-03-20", "2025-03-22", "2025-03-23", "2026-03-20", "2026-03-22"]
            .map(|day| contains(&days, date(day)))
            .into();
        assert_eq!(found, [false, true, true, false, true, true]);
    }

    #[test]
    fn a_period_narrows_weekdays() {
        let days = Days {
            from: Some(date("2025-03-21")),
            through: Some(date("2025-03-31")),
            weekdays: vec![Weekday::Friday],
            named: Vec::new(),
        };
        let found: Vec<_> = ["2025-03-14", "2025-03-21", "2025-03-22", "2025-03-28", "2025-04-04"]
            .map(|day| contains(&days, date(day)))
            .into();
        assert_eq!(found, [false, true, false, true, false]);
    }
}
