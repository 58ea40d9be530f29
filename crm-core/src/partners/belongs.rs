//! Whether a rule means somebody, and why: pure functions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::group_rule::GroupRule;
use crate::branches::BranchId;
use crate::customers::{Customer, Stage};
use crate::kernel::calendar::{Calendar, Span};
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::time::{BusinessDay, CivilDate, Timestamp};

/// What a rule asks of a customer, as of one instant.
///
/// ```
/// # use crm_core::access::Actor;
/// # use crm_core::customers::NewCustomer;
/// # use crm_core::kernel::{currency::Currency, money::Money};
/// # use crm_core::kernel::time::{BusinessDay, TimeOfDay, Zone};
/// # use crm_core::{Crm, MemoryStorage};
/// # fn main() -> crm_core::Result<()> {
/// # let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// # let ada = crm.blocking().run(&Actor::system(), "ada", |work| work.customers().create(NewCustomer::person("Ada")))?;
/// use crm_core::kernel::calendar::Span;
/// use crm_core::partners::{Facts, GroupRule, belongs};
/// let rule = GroupRule::Bought { purchases: Some(1), amount: None, within: Some(Span::Days(30)) };
/// let day = BusinessDay::new(Zone::UTC, TimeOfDay::MIDNIGHT);
/// let mut facts = Facts::new(&rule, &ada, day, "2025-03-21T09:00:00Z".parse()?);
/// facts.bought("2025-02-19T12:00:00Z".parse()?, Money::new(100, Currency::PLN));
/// assert!(!belongs(&rule, &facts), "the last 30 days begin with 20 February");
/// facts.bought("2025-02-20T12:00:00Z".parse()?, Money::new(100, Currency::PLN));
/// assert!(belongs(&rule, &facts));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// How far the acquaintance has come.
    pub stage: Stage,
    /// The branch that looks after the customer.
    pub branch: Option<BranchId>,
    /// Since when the customer is known.
    pub known_since: Timestamp,
    /// What counts of their preferences, by key: of those that the rule asks for.
    pub preferences: BTreeMap<String, String>,
    /// Whether a contract is valid today.
    pub partner: bool,
    day: BusinessDay,
    today: CivilDate,
    /// What was bought within the spans that the rule asks for.
    counted: Vec<Counted>,
}

/// What was bought from an instant on, less what was brought back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counted {
    within: Option<Span>,
    since: Timestamp,
    purchases: i64,
    amounts: BTreeMap<Currency, i64>,
}

impl Facts {
    /// A customer who has no preferences and no contract and has not bought, by what this rule asks.
    pub fn new(rule: &GroupRule, customer: &Customer, day: BusinessDay, now: Timestamp) -> Self {
        let mut facts = Self {
            stage: customer.stage,
            branch: customer.branch_id,
            known_since: customer.created_at,
            preferences: BTreeMap::new(),
            partner: false,
            today: day.date_of(now),
            day,
            counted: Vec::new(),
        };
        let since = |within: Option<Span>| within.map_or(Timestamp::MIN, |span| facts.since(span));
        let counted = rule.counted().into_iter();
        facts.counted = counted
            .map(|within| Counted { within, since: since(within), purchases: 0, amounts: BTreeMap::new() })
            .collect();
        facts
    }

    /// The present business day.
    pub fn today(&self) -> CivilDate {
        self.today
    }

    /// The first instant of the last span of days: that after the day which lies the span back.
    pub fn since(&self, span: Span) -> Timestamp {
        Calendar::Gregorian.add(self.today, span.negated()).map_or(Timestamp::MIN, |day| self.day.end(day))
    }

    /// Adds a purchase.
    pub fn bought(&mut self, at: Timestamp, total: Money) {
        self.count(at, 1, total.currency(), total.minor());
    }

    /// Takes off what was brought back of a purchase, and the purchase itself when nothing of it is left.
    pub fn brought_back(&mut self, purchased_at: Timestamp, total: Money, everything: bool) {
        self.count(purchased_at, -i64::from(everything), total.currency(), total.minor().saturating_neg());
    }

    fn count(&mut self, at: Timestamp, purchases: i64, currency: Currency, minor: i64) {
        for counted in self.counted.iter_mut().filter(|counted| counted.since <= at) {
            counted.purchases = counted.purchases.saturating_add(purchases);
            let amount = counted.amounts.entry(currency).or_default();
            *amount = amount.saturating_add(minor);
        }
    }

    fn purchases(&self, within: Option<Span>) -> i64 {
        self.counted(within).map_or(0, |counted| counted.purchases)
    }

    fn amount(&self, within: Option<Span>, currency: Currency) -> i64 {
        self.counted(within).and_then(|counted| counted.amounts.get(&currency)).copied().unwrap_or_default()
    }

    /// Nothing for a span that the rule they were made for does not ask for.
    fn counted(&self, within: Option<Span>) -> Option<&Counted> {
        self.counted.iter().find(|counted| counted.within == within)
    }
}

/// Whether a rule means a customer. There is an example at [`Facts`], which have to be those of the same rule.
pub fn belongs(rule: &GroupRule, facts: &Facts) -> bool {
    match rule {
        GroupRule::All(parts) => parts.iter().all(|part| belongs(part, facts)),
        GroupRule::Any(parts) => parts.iter().any(|part| belongs(part, facts)),
        GroupRule::Not(part) => !belongs(part, facts),
        GroupRule::Stage(stages) => stages.contains(&facts.stage),
        GroupRule::Branch(branches) => facts.branch.is_some_and(|branch| branches.contains(&branch)),
        GroupRule::Prefers { key, value } => facts.preferences.get(key) == Some(value),
        GroupRule::Partner => facts.partner,
        GroupRule::Bought { purchases, amount, within } => {
            purchases.is_none_or(|least| facts.purchases(*within) >= i64::from(least))
                && amount.is_none_or(|least| facts.amount(*within, least.currency()) >= least.minor())
        }
        GroupRule::NotBoughtFor(span) => facts.purchases(None) > 0 && facts.purchases(Some(*span)) <= 0,
        GroupRule::KnownFor(span) => facts.known_since < facts.since(*span),
    }
}

/// Why somebody belongs to a group or not: a rule, and each of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// The rule, or a part of it.
    pub rule: GroupRule,
    /// Whether it holds.
    pub holds: bool,
    /// The same of each part of an `All`, an `Any` or a `Not`; a condition has none.
    pub parts: Vec<Explained>,
}

/// Which conditions of a rule hold for a customer.
pub fn explain(rule: &GroupRule, facts: &Facts) -> Explained {
    let parts = match rule {
        GroupRule::All(parts) | GroupRule::Any(parts) => parts.as_slice(),
        GroupRule::Not(part) => std::slice::from_ref(&**part),
        _ => &[],
    };
    let parts = parts.iter().map(|part| explain(part, facts)).collect();
    Explained { rule: rule.clone(), holds: belongs(rule, facts), parts }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::customers::CustomerKind;
    use crate::kernel::time::{TimeOfDay, Zone};
    use crate::work::Version;

    const DAY: Duration = Duration::from_secs(86_400);

    fn now() -> Timestamp {
        "2025-03-21T09:00:00Z".parse().unwrap()
    }

    fn ago(days: u32) -> Timestamp {
        now().checked_sub(DAY * days).unwrap()
    }

    fn zloty(zloty: i64) -> Money {
        Money::new(zloty, Currency::PLN)
    }

    fn conditions() -> impl Strategy<Value = GroupRule> {
        let span = || (1..60_i32).prop_map(Span::Days);
        let value = prop::sample::select(vec!["green", "black"]);
        prop_oneof![
            prop::sample::subsequence(Stage::ALL.to_vec(), 1..3).prop_map(GroupRule::Stage),
            (1..3_u128).prop_map(|n| GroupRule::Branch(vec![Uuid::from_u128(n).into()])),
            value.prop_map(|value| GroupRule::Prefers { key: "tea".into(), value: value.into() }),
            Just(GroupRule::Partner),
            bought(),
            span().prop_map(GroupRule::NotBoughtFor),
            span().prop_map(GroupRule::KnownFor),
        ]
    }

    fn bought() -> impl Strategy<Value = GroupRule> {
        let span = prop::option::of((1..60_i32).prop_map(Span::Days));
        (prop::option::of(1..4_u32), prop::option::of(1..200_i64), span)
            .prop_map(|(purchases, amount, within)| GroupRule::Bought { purchases, amount: amount.map(zloty), within })
    }

    fn rules(conditions: impl Strategy<Value = GroupRule> + 'static) -> impl Strategy<Value = GroupRule> {
        conditions.prop_recursive(3, 20, 4, |inner| {
            let parts = || prop::collection::vec(inner.clone(), 1..4);
            prop_oneof![parts().prop_map(GroupRule::All), parts().prop_map(GroupRule::Any)]
        })
    }

    /// A purchase so many days ago, for so much, of which all came back or only something.
    type Bought = (u32, i64, Option<bool>);

    fn purchases() -> impl Strategy<Value = Vec<Bought>> {
        prop::collection::vec((0..70_u32, 2..100_i64, prop::option::of(any::<bool>())), 0..6)
    }

    prop_compose! {
        fn people()(stage in prop::sample::select(Stage::ALL.to_vec()), branch in prop::option::of(1..3_u128),
            tea in prop::option::of(prop::sample::select(vec!["green", "black"])), partner in any::<bool>(),
            known in 0..70_u32, purchases in purchases(),
        ) -> (Customer, Option<&'static str>, bool, Vec<Bought>) {
            let customer = Customer {
                id: Uuid::nil().into(),
                version: Version::FIRST,
                kind: CustomerKind::Person,
                stage,
                name: "Ala".into(),
                folded_name: "ala".into(),
                phone: None,
                email: None,
                card_no: None,
                national_id: None,
                birth_date: None,
                branch_id: branch.map(|n| Uuid::from_u128(n).into()),
                owner_id: None,
                referrer_id: None,
                locale: None,
                created_at: ago(known),
                merged_into_id: None,
            };
            (customer, tea, partner, purchases)
        }
    }

    fn facts(rule: &GroupRule, of: &(Customer, Option<&'static str>, bool, Vec<Bought>)) -> Facts {
        let (customer, tea, partner, purchases) = of;
        let mut facts = Facts::new(rule, customer, BusinessDay::new(Zone::UTC, TimeOfDay::MIDNIGHT), now());
        facts.partner = *partner;
        facts.preferences.extend(tea.map(|tea| ("tea".to_owned(), tea.to_owned())));
        for (days, total, back) in purchases {
            facts.bought(ago(*days), zloty(*total));
            if let Some(everything) = back {
                facts.brought_back(ago(*days), zloty(if *everything { *total } else { 1 }), *everything);
            }
        }
        facts
    }

    /// The same, read off the list of what was bought.
    fn plainly(rule: &GroupRule, of: &(Customer, Option<&'static str>, bool, Vec<Bought>)) -> bool {
        let (customer, tea, partner, purchases) = of;
        let days =
            |span: Span| if let Span::Days(days) = span { u32::try_from(days).unwrap() } else { panic!("{span:?}") };
        // Of the last n days today is one.
        let within =
            |span: Option<Span>| purchases.iter().filter(move |(ago, ..)| span.is_none_or(|span| *ago < days(span)));
        let left = |span| within(span).filter(|(.., back)| *back != Some(true)).count();
        let money = |span: Option<Span>| -> i64 {
            within(span).map(|(_, total, back)| back.map_or(*total, |all| if all { 0 } else { total - 1 })).sum()
        };
        match rule {
            GroupRule::All(parts) => parts.iter().filter(|part| plainly(part, of)).count() == parts.len(),
            GroupRule::Any(parts) => parts.iter().filter(|part| plainly(part, of)).count() > 0,
            GroupRule::Not(part) => !plainly(part, of),
            GroupRule::Stage(stages) => stages.contains(&customer.stage),
            GroupRule::Branch(branches) => branches.iter().any(|branch| Some(*branch) == customer.branch_id),
            GroupRule::Prefers { value, .. } => tea.is_some_and(|tea| tea == value),
            GroupRule::Partner => *partner,
            GroupRule::Bought { purchases, amount, within } => {
                purchases.is_none_or(|least| left(*within) >= usize::try_from(least).unwrap())
                    && amount.is_none_or(|least| money(*within) >= least.minor())
            }
            GroupRule::NotBoughtFor(span) => left(None) > 0 && left(Some(*span)) == 0,
            GroupRule::KnownFor(span) => customer.created_at <= ago(days(*span)),
        }
    }

    proptest! {
        /// The same as read off plainly; not is the opposite; an explanation says the same, part by part.
        #[test]
        fn a_rule_is_what_it_says(rule in rules(conditions()), of in people()) {
            let known = facts(&rule, &of);
            let holds = belongs(&rule, &known);
            prop_assert_eq!(holds, plainly(&rule, &of));
            let not = GroupRule::Not(Box::new(rule.clone()));
            prop_assert_eq!(belongs(&not, &facts(&not, &of)), !holds);
            let why = explain(&not, &known);
            prop_assert!(why.holds != holds && why.parts.len() == 1 && why.parts[0].holds == holds);
            let inner = &why.parts[0];
            match &rule {
                GroupRule::All(_) => prop_assert_eq!(holds, inner.parts.iter().all(|part| part.holds)),
                GroupRule::Any(_) => prop_assert_eq!(holds, inner.parts.iter().any(|part| part.holds)),
                _ => prop_assert!(inner.parts.is_empty()),
            }
            // What is stored comes back.
            let stored = serde_json::to_string(&rule).unwrap();
            prop_assert_eq!(serde_json::from_str::<GroupRule>(&stored).unwrap(), rule);
        }

        /// Whoever buys more loses nothing that buying brings, and whoever brings all of it back is as before.
        #[test]
        fn buying_more_never_takes_away(rule in rules(bought()), of in people(), days in 0..70_u32, total in 1..100_i64) {
            let before = facts(&rule, &of);
            let mut more = before.clone();
            more.bought(ago(days), zloty(total));
            prop_assert!(belongs(&rule, &more) || !belongs(&rule, &before));
            more.brought_back(ago(days), zloty(total), true);
            prop_assert_eq!(belongs(&rule, &more), belongs(&rule, &before));
            // Another currency is another matter.
            let mut other = before.clone();
            other.bought(ago(days), Money::new(1_000, Currency::new("EUR").unwrap()));
            other.brought_back(ago(days), Money::new(0, Currency::new("EUR").unwrap()), true);
            prop_assert_eq!(belongs(&rule, &other), belongs(&rule, &before));
        }
    }
}
