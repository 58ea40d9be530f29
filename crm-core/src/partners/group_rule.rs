//! Who belongs to a group by rule: the document, and what is wrong with it (C09).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::branches::BranchId;
use crate::customers::Stage;
use crate::kernel::calendar::Span;
use crate::kernel::money::Money;
use crate::preferences::{check_key, checked_value};
use crate::{Error, Result};

/// The most levels of a rule: a condition alone is one.
pub const MAX_LEVELS: usize = 4;
/// The most conditions of a rule.
pub const MAX_CONDITIONS: usize = 50;
/// The most stages or branches that one condition names.
const MAX_NAMED: usize = 1000;
/// The longest span, in years.
const MAX_YEARS: i32 = 100;

/// Who belongs to a group of customers. Days are business days of the customer's home branch, and of UTC without one; spans
/// are counted back from the present day in the Gregorian calendar, and the last span of days ends with that day.
///
/// ```
/// use crm_core::kernel::calendar::Span;
/// use crm_core::partners::GroupRule;
/// let fans = GroupRule::Prefers { key: "tea".into(), value: "green".into() };
/// let often = GroupRule::Bought { purchases: Some(3), amount: None, within: Some(Span::Months(6)) };
/// let rule = GroupRule::All(vec![often, GroupRule::Any(vec![fans, GroupRule::Partner])]);
/// rule.check()?;
/// let text = serde_json::to_string(&rule).unwrap();
/// assert!(text.starts_with(r#"{"all":[{"bought":{"purchases":3,"within":{"months":6}}},{"any":"#), "{text}");
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum GroupRule {
    /// All of these hold. One at least.
    All(Vec<GroupRule>),
    /// Any of these holds. One at least.
    Any(Vec<GroupRule>),
    /// This does not hold.
    Not(Box<GroupRule>),
    /// The acquaintance has come to one of these stages.
    Stage(Vec<Stage>),
    /// One of these branches looks after the customer.
    Branch(Vec<BranchId>),
    /// This is what [counts](crate::preferences::Resolved) of a preference, as it is written.
    Prefers {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// The customer is a partner with a contract that is valid today.
    Partner,
    /// So much was bought and not brought back. Where both are said, both hold; purchases that were imported count.
    Bought {
        /// So many purchases at least of which something is left. Positive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purchases: Option<u32>,
        /// So much money at least, of purchases in its currency. Positive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Money>,
        /// Of purchases within this span; of all, if left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<Span>,
    },
    /// Something was bought and not brought back, but nothing within this span.
    NotBoughtFor(Span),
    /// The customer has been known at least so long: the record was made, or one that leads to it.
    KnownFor(Span),
}

impl GroupRule {
    /// Refuses what nobody could oversee, and conditions that say nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] with `group.rule_depth` for more than [`MAX_LEVELS`], `group.rule_size` for more than
    /// [`MAX_CONDITIONS`], `group.rule_empty` for a list of nothing, `group.rule_amount` for what is bought without a number
    /// or with one that is not positive, `group.rule_span` for a span that is not positive or longer than a hundred years;
    /// `group.rule_value` for a value with space around it; otherwise for a preference as
    /// [`set`](crate::preferences::Preferences::set).
    pub fn check(&self) -> Result<()> {
        self.check_level(1)?;
        let mut conditions = 0;
        self.each_condition(&mut |_| conditions += 1);
        if conditions > MAX_CONDITIONS { Err(invalid("group.rule_size")) } else { Ok(()) }
    }

    fn check_level(&self, level: usize) -> Result<()> {
        if level > MAX_LEVELS {
            return Err(invalid("group.rule_depth"));
        }
        let named = |count: usize| match count {
            0 => Err(invalid("group.rule_empty")),
            1..=MAX_NAMED => Ok(()),
            _ => Err(invalid("group.rule_size")),
        };
        match self {
            Self::All(parts) | Self::Any(parts) => {
                named(parts.len())?;
                parts.iter().try_for_each(|part| part.check_level(level + 1))
            }
            Self::Not(part) => part.check_level(level + 1),
            Self::Stage(stages) => named(stages.len()),
            Self::Branch(branches) => named(branches.len()),
            Self::Prefers { key, value } => {
                check_key(key)?;
                if checked_value(value)? == *value { Ok(()) } else { Err(invalid("group.rule_value")) }
            }
            Self::Partner => Ok(()),
            Self::Bought { purchases, amount, within } => {
                let good = purchases.is_none_or(|least| least > 0) && amount.is_none_or(|least| least.minor() > 0);
                if !good || purchases.is_none() && amount.is_none() {
                    return Err(invalid("group.rule_amount"));
                }
                within.map_or(Ok(()), check_span)
            }
            Self::NotBoughtFor(span) | Self::KnownFor(span) => check_span(*span),
        }
    }

    /// Hands over each condition, in order.
    pub(super) fn each_condition<'r>(&'r self, each: &mut impl FnMut(&'r Self)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each_condition(each)),
            Self::Not(part) => part.each_condition(each),
            condition => each(condition),
        }
    }

    /// The branches it names.
    pub(super) fn branches(&self) -> BTreeSet<BranchId> {
        let mut named = BTreeSet::new();
        self.each_condition(&mut |condition| {
            if let Self::Branch(branches) = condition {
                named.extend(branches);
            }
        });
        named
    }

    /// Of which spans purchases have to be counted; without one, all of them.
    pub(super) fn counted(&self) -> Vec<Option<Span>> {
        let mut counted = Vec::new();
        self.each_condition(&mut |condition| match condition {
            Self::Bought { within, .. } => counted.push(*within),
            Self::NotBoughtFor(span) => counted.extend([None, Some(*span)]),
            _ => {}
        });
        let mut once = Vec::new();
        for span in counted {
            if !once.contains(&span) {
                once.push(span);
            }
        }
        once
    }
}

fn check_span(span: Span) -> Result<()> {
    let (length, most) = match span {
        Span::Days(days) => (days, 366 * MAX_YEARS),
        Span::Weeks(weeks) => (weeks, 53 * MAX_YEARS),
        Span::Months(months) => (months, 12 * MAX_YEARS),
        Span::Quarters(quarters) => (quarters, 4 * MAX_YEARS),
        Span::Years(years) => (years, MAX_YEARS),
    };
    if (1..=most).contains(&length) { Ok(()) } else { Err(invalid("group.rule_span")) }
}

fn invalid(rule: &'static str) -> Error {
    Error::invalid("rule", rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::currency::Currency;

    fn bought(purchases: Option<u32>, amount: Option<i64>) -> GroupRule {
        let amount = amount.map(|minor| Money::new(minor, Currency::PLN));
        GroupRule::Bought { purchases, amount, within: None }
    }

    #[test]
    fn what_says_nothing_is_refused() {
        let not = |rule| GroupRule::Not(Box::new(rule));
        let many = |count| GroupRule::Any(vec![GroupRule::Partner; count]);
        let nested = not(not(not(GroupRule::Partner)));
        assert!(
            nested.check().is_ok() && many(MAX_CONDITIONS).check().is_ok() && bought(Some(1), Some(1)).check().is_ok()
        );
        let prefers = |key: &str, value: &str| GroupRule::Prefers { key: key.into(), value: value.into() };
        for (rule, code) in [
            (not(nested), "group.rule_depth"),
            (many(MAX_CONDITIONS + 1), "group.rule_size"),
            (many(0), "group.rule_empty"),
            (GroupRule::Stage(Vec::new()), "group.rule_empty"),
            (GroupRule::All(vec![GroupRule::Branch(Vec::new())]), "group.rule_empty"),
            (bought(None, None), "group.rule_amount"),
            (bought(Some(0), None), "group.rule_amount"),
            (bought(Some(1), Some(0)), "group.rule_amount"),
            (GroupRule::KnownFor(Span::Days(0)), "group.rule_span"),
            (GroupRule::NotBoughtFor(Span::Years(101)), "group.rule_span"),
            (prefers("Tea", "green"), "preference.key"),
            (prefers("tea", " "), "text.required"),
            (prefers("tea", " green"), "group.rule_value"),
        ] {
            assert!(matches!(rule.check(), Err(Error::Invalid { rule, .. }) if rule == code), "{rule:?}");
        }
    }

    #[test]
    fn spans_are_counted_once() {
        let rule = GroupRule::Any(vec![
            GroupRule::NotBoughtFor(Span::Days(3)),
            GroupRule::Bought { purchases: Some(1), amount: None, within: Some(Span::Days(3)) },
            bought(Some(1), None),
        ]);
        assert_eq!(rule.counted(), [None, Some(Span::Days(3))]);
    }
}
