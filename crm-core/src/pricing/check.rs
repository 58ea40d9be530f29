//! What is wrong with price rules: found when they are saved, reported in full.

use serde::{Deserialize, Serialize};

use super::model::{
    Adjustment, Assortment, Audience, Cap, Days, Least, NamedDay, PriceRule, PriceRuleId, RuleTerms, Stage,
};
use super::rules::currencies;
use super::tree::CategoryTree;
use crate::kernel::input::required_text;
use crate::kernel::rate::Rate;

/// Something about a rule that whoever saves it should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    pub rule: PriceRuleId,
    /// Its version.
    pub version: u32,
    /// What.
    pub fault: Fault,
    /// The other rule it has to do with.
    pub other: Option<PriceRuleId>,
}

impl Finding {
    /// Whether the rule cannot be saved like this. Otherwise it can, but hardly means what it says.
    pub fn is_error(&self) -> bool {
        self.fault.is_error()
    }
}

macro_rules! faults {
    ($($(#[$meta:meta])* $variant:ident = $code:literal),+ $(,)?) => {
        /// What is wrong with a rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Fault { $($(#[$meta])* #[serde(rename = $code)] $variant),+ }

        impl Fault {
            /// Its stable code. Translate it for people.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

faults! {
    /// The name, a reason of combining or of a named day is empty, too long or unprintable.
    Text = "rule.text",
    /// The stage is not one for rules.
    Stage = "rule.stage",
    /// A percentage below nothing or above the whole.
    Percent = "rule.percent_range",
    /// An amount, a fixed price or a limit below zero.
    Negative = "rule.negative",
    /// A quantity, a limit or a number of days of which nothing is left.
    Nothing = "rule.nothing",
    /// Amounts of several currencies.
    Currencies = "rule.currencies",
    /// A category that is not in the tree.
    Category = "rule.category_unknown",
    /// A period that ends before it begins.
    Period = "rule.period",
    /// A named day that no year has.
    NamedDay = "rule.named_day",
    /// Exclusive, and combined with others.
    ExclusiveCombined = "rule.exclusive_combined",
    /// A fixed price, and combined with others.
    FixedCombined = "rule.fixed_combined",
    /// Additive with the rule above it, but not in ②.
    AdditiveStage = "rule.additive_stage",
    /// More than 100 groups, tiers, customers or branches in one list, or more than 100 days or limits.
    TooMany = "rule.too_many",
    /// Warning: takes nothing off, and stands in no one's way.
    NoEffect = "rule.no_effect",
    /// Warning: the other rule always goes before it, so it never applies.
    Shadowed = "rule.shadowed",
    /// Warning: the other rule sets another price for the same, and nothing says which goes first.
    Contradicts = "rule.contradicts",
    /// Warning: the rules of one combination are in several stages, and combine only within each.
    CombinedAcrossStages = "rule.combined_across_stages",
}

impl Fault {
    /// Whether a rule cannot be saved with it.
    pub const fn is_error(self) -> bool {
        !matches!(self, Self::NoEffect | Self::Shadowed | Self::Contradicts | Self::CombinedAcrossStages)
    }
}

/// The longest list in a rule.
const MAX_LIST: usize = 100;

/// Everything that is wrong with these rules, each by itself and with each other. Of every rule the highest version
/// counts. Cycles cannot be written: rules do not name each other, and a tree with a circle is no [`CategoryTree`].
///
/// ```
/// use crm_core::pricing::{Adjustment, Assortment, CategoryTree, Fault, PriceRule, RuleTerms, Stage, check};
/// use crm_core::kernel::{rate::Rate, time::Timestamp};
/// use crm_core::work::Json;
/// let terms = RuleTerms::new("Too good", Stage::Campaign, Assortment::Everything, Adjustment::Percent(Rate::percent(101)));
/// let rule = PriceRule {
///     id: uuid::Uuid::from_u128(1).into(),
///     number: 1,
///     effective_from: Timestamp::UNIX_EPOCH,
///     effective_until: None,
///     terms: Some(Json(terms)),
/// };
/// assert_eq!(check(&[rule], &CategoryTree::default())[0].fault, Fault::Percent);
/// ```
pub fn check(rules: &[PriceRule], tree: &CategoryTree) -> Vec<Finding> {
    let mut latest: Vec<(&PriceRule, &RuleTerms)> = Vec::with_capacity(rules.len());
    let mut sorted: Vec<&PriceRule> = rules.iter().collect();
    sorted.sort_unstable_by_key(|rule| (rule.id, std::cmp::Reverse(rule.number)));
    sorted.dedup_by_key(|rule| rule.id);
    latest.extend(sorted.into_iter().filter_map(|rule| Some((rule, &rule.terms.as_ref()?.0))));
    let mut findings = Vec::new();
    for (at, (rule, terms)) in latest.iter().enumerate() {
        let mut report = |fault, other| {
            findings.push(Finding { rule: rule.id, version: rule.number, fault, other });
        };
        for fault in faults(terms, tree) {
            report(fault, None);
        }
        if terms.stage != Stage::Terms && !terms.exclusive && !terms.ends && takes_nothing(terms) {
            report(Fault::NoEffect, None);
        }
        let others = || latest.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other);
        if let Some((other, _)) = others().find(|other| shadows(other, &(rule, terms), tree)) {
            report(Fault::Shadowed, Some(other.id));
        }
        if let Some((other, _)) = others().find(|(_, other)| contradicts(terms, other)) {
            report(Fault::Contradicts, Some(other.id));
        }
        let across =
            |other: &RuleTerms| terms.combine.is_some() && terms.combine == other.combine && terms.stage != other.stage;
        if let Some((other, _)) = others().find(|(_, other)| across(other)) {
            report(Fault::CombinedAcrossStages, Some(other.id));
        }
    }
    findings
}

/// What is wrong with one rule in itself.
pub(super) fn faults(terms: &RuleTerms, tree: &CategoryTree) -> Vec<Fault> {
    let days = terms.days.as_ref();
    let named = || days.into_iter().flat_map(|days| &days.named);
    let texts = std::iter::once(&terms.name).chain(&terms.combine).chain(named().map(|day| &day.name));
    let audience = &terms.audience;
    let longest = [
        audience.partner_groups.len(),
        audience.customer_groups.len(),
        audience.tiers.len(),
        audience.customers.len(),
        audience.branches.len(),
        terms.limits.len(),
        named().count(),
        days.map_or(0, |days| days.weekdays.len()),
    ];
    let mut spoken = currencies(&terms.adjustment, terms.at_least.as_ref(), &terms.limits);
    let first = spoken.next();
    let category = match terms.on {
        Assortment::Category(category) => tree.depth(category).is_none(),
        _ => false,
    };
    let period = days.is_some_and(|days| days.from.zip(days.through).is_some_and(|(from, through)| from > through));
    let amount = match terms.adjustment {
        Adjustment::Amount { off: amount, .. } | Adjustment::FixedPrice(amount) => amount.is_negative(),
        Adjustment::Percent(_) => false,
    };
    let least = match terms.at_least.map(|at_least| at_least.least) {
        Some(Least::Pieces(pieces)) => pieces <= 0,
        Some(Least::Amount(amount)) => amount.minor() <= 0,
        None => false,
    };
    let no_cap = terms.limits.iter().any(|limit| match limit.cap {
        Cap::Uses(uses) => uses <= 0,
        Cap::Money(amount) => amount.minor() <= 0,
    });
    let percent = match terms.adjustment {
        Adjustment::Percent(rate) => !(Rate::ZERO..=Rate::ONE).contains(&rate),
        _ => false,
    };
    let fixed = matches!(terms.adjustment, Adjustment::FixedPrice(_));
    [
        (Fault::Text, texts.into_iter().any(|text| required_text("name", text, 100).is_err())),
        (Fault::Stage, matches!(terms.stage, Stage::List | Stage::Manual | Stage::Tax)),
        (Fault::Percent, percent),
        (Fault::Negative, amount),
        (Fault::Nothing, least || no_cap),
        (Fault::Currencies, spoken.any(|other| Some(other) != first)),
        (Fault::Category, category),
        (Fault::Period, period),
        (Fault::NamedDay, named().any(|day| !exists(day))),
        (Fault::ExclusiveCombined, terms.exclusive && terms.combine.is_some()),
        (Fault::FixedCombined, fixed && (terms.combine.is_some() || terms.additive_with_parent)),
        (Fault::AdditiveStage, terms.additive_with_parent && terms.stage != Stage::Terms),
        (Fault::TooMany, longest.into_iter().any(|length| length > MAX_LIST)),
    ]
    .into_iter()
    .filter_map(|(fault, is)| is.then_some(fault))
    .collect()
}

pub(crate) fn exists(day: &NamedDay) -> bool {
    // No month of these calendars has more than 31 days, and each has a first.
    (1..=12).contains(&day.month) && (1..=31).contains(&day.day) && (1..=31).contains(&day.days)
}

fn takes_nothing(terms: &RuleTerms) -> bool {
    match terms.adjustment {
        Adjustment::Percent(rate) => rate == Rate::ZERO,
        Adjustment::Amount { off, .. } => off.is_zero(),
        Adjustment::FixedPrice(_) => false,
    }
}

/// Whether wherever the second rule matches the first does, and goes before it. Finds the plain cases.
fn shadows(
    (by, first): &(&PriceRule, &RuleTerms),
    (rule, second): &(&PriceRule, &RuleTerms),
    tree: &CategoryTree,
) -> bool {
    let lasts = by.effective_from <= rule.effective_from
        && match (by.effective_until, rule.effective_until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(by), Some(rule)) => rule <= by,
        };
    let matches = lasts
        && first.limits.is_empty()
        && first.at_least.is_none_or(|at_least| second.at_least == Some(at_least))
        && first.days.as_ref().is_none_or(|days| within(second.days.as_ref(), days))
        && for_all_of(&first.audience, &second.audience)
        && covers(&first.on, &second.on, tree);
    if !matches || second.stage == Stage::Cash && first.stage != Stage::Cash {
        return false;
    }
    if first.ends && first.stage < second.stage && applies_always(first) {
        return true;
    }
    if first.stage != second.stage || (first.combine.is_some() && first.combine == second.combine) {
        return false;
    }
    if first.exclusive != second.exclusive {
        return first.exclusive;
    }
    if second.combine.is_some() || first.audience != second.audience {
        return false;
    }
    let gives_more = match (first.adjustment, second.adjustment) {
        (Adjustment::Percent(a), Adjustment::Percent(b)) => first.base == second.base && a >= b,
        (Adjustment::Amount { off: a, per: p }, Adjustment::Amount { off: b, per: q }) => {
            p == q && a.minor() >= b.minor()
        }
        (Adjustment::FixedPrice(a), Adjustment::FixedPrice(b)) => a.minor() <= b.minor(),
        _ => false,
    };
    let lower = by.id < rule.id;
    let equal = first.adjustment == second.adjustment;
    if second.stage == Stage::Terms {
        // Only a rule on the same thing competes; a more general one gives way (S-25).
        let same = first.on == second.on && !first.additive_with_parent;
        same && (first.priority > second.priority
            || first.priority == second.priority && gives_more && (!equal || lower))
    } else {
        let before =
            first.priority > second.priority || first.priority == second.priority && first.on == second.on && lower;
        gives_more && (!equal || before)
    }
}

/// Whether a rule that matches also applies: nothing in its stage can go before it.
fn applies_always(terms: &RuleTerms) -> bool {
    terms.exclusive && terms.at_least.is_none()
}

fn covers(wide: &Assortment, narrow: &Assortment, tree: &CategoryTree) -> bool {
    match (wide, narrow) {
        (Assortment::Everything, _) => true,
        (Assortment::Category(wide), Assortment::Category(narrow)) => tree.is_within(*narrow, *wide),
        _ => wide == narrow,
    }
}

pub(crate) fn for_all_of(wide: &Audience, narrow: &Audience) -> bool {
    fn wider<T: PartialEq>(wide: &[T], narrow: &[T]) -> bool {
        wide.is_empty() || !narrow.is_empty() && narrow.iter().all(|one| wide.contains(one))
    }
    wider(&wide.partner_groups, &narrow.partner_groups)
        && wider(&wide.customer_groups, &narrow.customer_groups)
        && wider(&wide.tiers, &narrow.tiers)
        && wider(&wide.customers, &narrow.customers)
        && wider(&wide.branches, &narrow.branches)
}

fn within(narrow: Option<&Days>, wide: &Days) -> bool {
    let Some(narrow) = narrow else { return false };
    let period = wide.from.is_none_or(|wide| narrow.from.is_some_and(|from| wide <= from))
        && wide.through.is_none_or(|wide| narrow.through.is_some_and(|through| through <= wide));
    let same = narrow.weekdays == wide.weekdays && narrow.named == wide.named;
    period && (same || wide.weekdays.is_empty() && wide.named.is_empty())
}

fn contradicts(first: &RuleTerms, second: &RuleTerms) -> bool {
    let fixed = |terms: &RuleTerms| match terms.adjustment {
        Adjustment::FixedPrice(price) => Some(price),
        _ => None,
    };
    fixed(first).zip(fixed(second)).is_some_and(|(a, b)| a != b && a.currency() == b.currency())
        && (first.stage, &first.on, &first.audience) == (second.stage, &second.on, &second.audience)
        && (first.priority, &first.at_least, &first.days) == (second.priority, &second.at_least, &second.days)
        && (first.base, first.exclusive) == (second.base, second.exclusive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::currency::Currency;
    use crate::kernel::money::Money;
    use crate::kernel::time::Timestamp;
    use crate::pricing::model::{AtLeast, Counted, LimitPer, Per, UsageLimit};
    use crate::work::Json;
    use uuid::Uuid;

    fn percent(percent: i64) -> RuleTerms {
        RuleTerms::new("x", Stage::Campaign, Assortment::Everything, Adjustment::Percent(Rate::percent(percent)))
    }

    fn fixed(minor: i64, stage: Stage) -> RuleTerms {
        RuleTerms { stage, adjustment: Adjustment::FixedPrice(Money::new(minor, Currency::PLN)), ..percent(0) }
    }

    fn found(terms: impl IntoIterator<Item = RuleTerms>) -> Vec<(u128, Fault)> {
        let rules: Vec<_> = (1..)
            .zip(terms)
            .map(|(id, terms)| PriceRule {
                id: Uuid::from_u128(id).into(),
                number: 1,
                effective_from: Timestamp::UNIX_EPOCH,
                effective_until: None,
                terms: Some(Json(terms)),
            })
            .collect();
        let findings = check(&rules, &CategoryTree::default());
        findings.iter().map(|finding| (Uuid::from(finding.rule).as_u128(), finding.fault)).collect()
    }

    /// Every number a rule holds, at its limits.
    #[test]
    fn numbers_at_their_limits() {
        let pln = |minor| Money::new(minor, Currency::PLN);
        for n in [0, 1, -1, 99, 100, 101, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1] {
            let rate = Rate::new(n, 100).map(Adjustment::Percent);
            let fault = |terms: RuleTerms| faults(&terms, &CategoryTree::default());
            match rate {
                Ok(rate) => {
                    let refused = fault(RuleTerms { adjustment: rate, ..percent(1) });
                    assert_eq!(refused == [Fault::Percent], !(0..=100).contains(&n), "{n} %");
                }
                Err(_) => assert_eq!(n, i64::MIN, "only this rate cannot be written"),
            }
            for how in [Adjustment::FixedPrice(pln(n)), Adjustment::Amount { off: pln(n), per: Per::Piece }] {
                assert_eq!(fault(RuleTerms { adjustment: how, ..percent(1) }) == [Fault::Negative], n < 0, "{n}");
            }
            for least in [Least::Pieces(n), Least::Amount(pln(n))] {
                let at_least = Some(AtLeast { least, of: Counted::Line });
                assert_eq!(fault(RuleTerms { at_least, ..percent(1) }) == [Fault::Nothing], n <= 0, "from {n}");
            }
            for cap in [Cap::Uses(n), Cap::Money(pln(n))] {
                let limits = vec![UsageLimit { cap, per: LimitPer::Rule, every: None, soft: false }];
                assert_eq!(fault(RuleTerms { limits, ..percent(1) }) == [Fault::Nothing], n <= 0, "at most {n}");
            }
        }
    }

    #[test]
    fn what_contradicts_itself() {
        let combine = Some("spring".to_owned());
        assert_eq!(
            found([RuleTerms { exclusive: true, combine: combine.clone(), ..percent(1) }]),
            [(1, Fault::ExclusiveCombined)]
        );
        assert_eq!(found([RuleTerms { combine, ..fixed(1, Stage::Campaign) }]), [(1, Fault::FixedCombined)]);
        assert_eq!(found([RuleTerms { additive_with_parent: true, ..percent(1) }]), [(1, Fault::AdditiveStage)]);
        assert_eq!(found([RuleTerms { stage: Stage::Manual, ..percent(1) }]), [(1, Fault::Stage)]);
        assert_eq!(found([RuleTerms { name: " ".into(), ..percent(1) }]), [(1, Fault::Text)]);
        let unknown = Assortment::Category(Uuid::from_u128(9).into());
        assert_eq!(found([RuleTerms { on: unknown, ..percent(1) }]), [(1, Fault::Category)]);
    }

    #[test]
    fn what_is_never_reached() {
        assert_eq!(found([percent(10), percent(5)]), [(2, Fault::Shadowed)]);
        assert_eq!(found([percent(10), percent(10)]), [(2, Fault::Shadowed)]);
        assert_eq!(found([percent(5), RuleTerms { exclusive: true, ..percent(1) }]), [(1, Fault::Shadowed)]);
        let combined = |n| RuleTerms { combine: Some("both".into()), ..percent(n) };
        assert_eq!(found([combined(10), combined(5)]), []);
        let product = |n| RuleTerms { on: Assortment::Product(Uuid::from_u128(7).into()), ..percent(n) };
        assert_eq!(found([percent(10), product(5)]), [(2, Fault::Shadowed)]);
        assert_eq!(found([percent(5), product(10)]), []);
        // In ② the more specific one goes first, however little it gives.
        let terms = |rule: RuleTerms| RuleTerms { stage: Stage::Terms, ..rule };
        assert_eq!(found([terms(percent(10)), terms(product(5))]), []);
        let weekend = Days { weekdays: vec![crate::kernel::time::Weekday::Saturday], ..Days::default() };
        assert_eq!(found([RuleTerms { days: Some(weekend), ..percent(10) }, percent(5)]), []);
        assert_eq!(found([percent(0)]), [(1, Fault::NoEffect)]);
        let last = RuleTerms { stage: Stage::Product, exclusive: true, ends: true, ..percent(1) };
        assert_eq!(found([last, percent(5)]), [(2, Fault::Shadowed)]);
    }

    #[test]
    fn two_prices_for_the_same() {
        let both = found([fixed(100, Stage::Terms), fixed(200, Stage::Terms)]);
        assert_eq!(both, [(1, Fault::Contradicts), (2, Fault::Shadowed), (2, Fault::Contradicts)]);
        assert_eq!(
            found([
                RuleTerms { combine: Some("c".into()), ..percent(1) },
                RuleTerms { stage: Stage::Group, combine: Some("c".into()), ..percent(1) }
            ])
            .len(),
            2
        );
    }
}
