//! What is wrong with rules of earning, each by itself and with each other.

use super::amounts::rate;
use super::model::{AtThreshold, Available, Earn, EarnLimit, EarnRule, EarningTerms, Goods, LimitCap, OnReturn};
use super::plan::currencies;
use crate::kernel::input::required_text;
use crate::kernel::rate::Rate;
use crate::loyalty::Asset;
use crate::loyalty::programme::{Finding, Programme, Validity};
use crate::pricing::{CategoryTree, Least, exists, for_all_of};

/// The most rules, and the most members of a list.
const MAX_LIST: usize = 200;
/// The most that a rule gives for one thing.
const MAX_AMOUNT: i64 = 1_000_000_000;
/// The finest denominator of a rate: six decimals.
const MAX_DENOMINATOR: i64 = 1_000_000;
/// Boosts are whole hundredths of a percent.
const BOOST_DENOMINATOR: i64 = 10_000;

/// What is wrong with the earning terms of a programme.
///
/// ```
/// use crm_core::kernel::{rate::Rate, time::Zone};
/// use crm_core::loyalty::Asset;
/// use crm_core::loyalty::earning::{Earn, EarnRule, check};
/// use crm_core::loyalty::programme::Programme;
/// let mut programme = Programme::new("Club", Zone::UTC);
/// programme.earning.rules = vec![EarnRule::new("all", Asset::Points, Earn::Percent(Rate::percent(5)))];
/// let found = check(&programme, &Default::default());
/// assert!(found.iter().any(|finding| finding.error && finding.code == "earn.percent_of_points"));
/// ```
pub fn check(programme: &Programme, tree: &CategoryTree) -> Vec<Finding> {
    let terms = &programme.earning;
    let mut findings: Vec<_> = of_terms(programme, tree);
    for (at, rule) in terms.rules.iter().enumerate() {
        let place = format!("earning.{}", rule.key);
        findings.extend(faults(rule, terms, tree).into_iter().map(|code| Finding::fault(&place, code)));
        if terms.rules.iter().take(at).any(|other| other.key == rule.key) {
            findings.push(Finding::fault(&place, "earn.key_twice"));
        }
        findings.extend(doubts(rule, terms).into_iter().map(|code| Finding::warning(&place, code, None)));
        let mut others = terms.rules.iter().enumerate().filter(|(other, _)| *other != at);
        if let Some((_, other)) = others.clone().find(|(other, by)| shadows(by, rule, *other < at, terms, tree)) {
            findings.push(Finding::warning(&place, "earn.unreachable", Some(other.key.clone())));
        } else if let Some((_, other)) = others.find(|(_, other)| twice(rule, other, terms)) {
            findings.push(Finding::warning(&place, "earn.contradicts", Some(other.key.clone())));
        }
    }
    findings
}

fn of_terms(programme: &Programme, tree: &CategoryTree) -> Vec<Finding> {
    let terms = &programme.earning;
    let unknown = |goods: &[_]| goods.iter().any(|category| tree.depth(*category).is_none());
    let mixed = |stack: &String| {
        let mut assets = terms.rules.iter().filter(|rule| rule.stack == *stack).map(|rule| rule.asset);
        let first = assets.next();
        assets.any(|asset| Some(asset) != first)
    };
    let unused = |stack: &&String| terms.rules.iter().all(|rule| rule.stack != **stack);
    let caps_wrong = terms.caps.iter().any(|cap| {
        matches!(cap.asset, Asset::Gift(_)) || cap.at_most.is_some_and(|most| most <= 0) || no_cap(&cap.limits)
    });
    let points = terms.rules.iter().any(|rule| rule.asset == Asset::Points);
    let split = terms.at_threshold == AtThreshold::Split;
    let by_tier = |rule: &&EarnRule| {
        let in_proportion = matches!(rule.earn, Earn::Percent(_) | Earn::Rate { .. } | Earn::Boost(_));
        in_proportion && !rule.audience.tiers.is_empty()
    };
    // Of such a group one rule applies to all of a purchase.
    let split_group = split && terms.rules.iter().filter(by_tier).any(|rule| terms.exclusive.contains(&rule.stack));
    let long = [
        terms.rules.len(),
        terms.caps.len(),
        terms.exclusive.len(),
        terms.base.excluded_categories.len(),
        terms.base.excluded_products.len(),
    ];
    let mut findings: Vec<_> = [
        ("earning.base", "earn.category", unknown(&terms.base.excluded_categories)),
        ("earning.exclusive", "earn.stack_assets", terms.exclusive.iter().any(mixed)),
        ("earning.exclusive", "earn.split_exclusive", split_group),
        ("earning.caps", "earn.nothing", caps_wrong),
        ("earning", "earn.too_many", long.into_iter().any(|length| length > MAX_LIST)),
    ]
    .into_iter()
    .filter(|(_, _, wrong)| *wrong)
    .map(|(place, code, _)| Finding::fault(place, code))
    .collect();
    if let Some(stack) = terms.exclusive.iter().find(unused) {
        findings.push(Finding::warning(format!("earning.exclusive.{stack}"), "earn.exclusive_unused", None));
    }
    if split && (programme.tiers.is_empty() || !terms.rules.iter().any(|rule| by_tier(&rule))) {
        findings.push(Finding::warning("earning.at_threshold", "earn.split_unused", None));
    }
    if points && programme.point_values.is_empty() {
        findings.push(Finding::warning("point_values", "programme.no_point_value", None));
    }
    findings
}

/// What forbids to save a rule.
fn faults(rule: &EarnRule, terms: &EarningTerms, tree: &CategoryTree) -> Vec<&'static str> {
    let named = || rule.days.iter().flat_map(|days| &days.named);
    let mut texts = std::iter::once(&rule.name).chain(named().map(|day| &day.name));
    let mut spoken = currencies(rule);
    let first = spoken.next();
    let goods = match &rule.on {
        Goods::Everything => 1,
        Goods::Categories(list) => list.len(),
        Goods::Products(list) => list.len(),
    };
    let unknown = matches!(&rule.on, Goods::Categories(list) if list.iter().any(|one| tree.depth(*one).is_none()));
    let audience = &rule.audience;
    let lists = [
        goods,
        audience.partner_groups.len(),
        audience.customer_groups.len(),
        audience.tiers.len(),
        audience.customers.len(),
        audience.branches.len(),
        rule.limits.len(),
        rule.at_least.len(),
        named().count(),
    ];
    let days = rule.days.as_ref();
    let period = days.is_some_and(|days| days.from.zip(days.through).is_some_and(|(from, through)| from > through));
    let least = rule.at_least.iter().any(|least| match least {
        Least::Pieces(pieces) => *pieces <= 0,
        Least::Amount(amount) => amount.minor() <= 0,
    });
    let counted = matches!(rule.earn, Earn::Every { .. } | Earn::Step { carry: true, .. });
    let capped = terms.caps.iter().any(|cap| cap.asset == rule.asset);
    let boost = matches!(rule.earn, Earn::Boost(_));
    let again = matches!(rule.earn, Earn::Step { carry: false, .. } | Earn::Fixed(_));
    [
        ("earn.key", !is_key(&rule.key) || !(rule.stack.is_empty() || is_key(&rule.stack))),
        ("earn.text", texts.any(|text| required_text("name", text, 100).is_err())),
        ("earn.asset", matches!(rule.asset, Asset::Gift(_))),
        ("earn.percent_of_points", matches!(rule.earn, Earn::Percent(_)) && rule.asset == Asset::Points),
        ("earn.amount", amount_wrong(&rule.earn)),
        ("earn.currencies", spoken.any(|other| Some(other) != first)),
        ("earn.category", unknown),
        ("earn.too_many", goods == 0 || lists.into_iter().any(|length| length > MAX_LIST)),
        ("earn.period", period),
        ("earn.named_day", named().any(|day| !exists(day))),
        ("earn.hours", rule.hours.is_some_and(|hours| hours.from == hours.until)),
        ("earn.nothing", least || rule.at_most.is_some_and(|most| most <= 0) || no_cap(&rule.limits)),
        ("earn.counted_cap", counted && (rule.at_most.is_some() || !rule.limits.is_empty() || capped)),
        ("earn.counted_exclusive", counted && terms.exclusive.contains(&rule.stack)),
        ("earn.boost_limit", boost && (rule.at_most.is_some() || !rule.limits.is_empty())),
        ("earn.re_evaluate", rule.on_return == OnReturn::ReEvaluate && !again),
        ("earn.backwards", backwards(rule)),
    ]
    .into_iter()
    .filter_map(|(code, wrong)| wrong.then_some(code))
    .collect()
}

fn is_key(key: &str) -> bool {
    (1..=40).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
}

fn amount_wrong(earn: &Earn) -> bool {
    let amount = |give: i64| !(1..=MAX_AMOUNT).contains(&give);
    let most = Rate::percent(100_000);
    match *earn {
        Earn::Percent(rate) => rate <= Rate::ZERO || rate > most || rate.den() > MAX_DENOMINATOR,
        Earn::Rate { give, per } => amount(give) || per.minor() <= 0,
        Earn::Step { give, step, .. } => amount(give) || step.minor() <= 0,
        Earn::Every { give, nth, per_day } => amount(give) || nth == 0 || per_day == Some(0),
        Earn::Piece(give) | Earn::Fixed(give) => amount(give),
        Earn::Boost(by) => by < Rate::percent(-100) || by > most || BOOST_DENOMINATOR % by.den() != 0,
    }
}

fn no_cap(limits: &[EarnLimit]) -> bool {
    limits.iter().any(|limit| match limit.cap {
        LimitCap::Uses(most) | LimitCap::Amount(most) => most <= 0,
    })
}

fn backwards(rule: &EarnRule) -> bool {
    matches!(rule.available, Available::After(span) if span.is_negative()) || rule.valid.is_backwards()
}

/// What is worth a second look.
fn doubts(rule: &EarnRule, terms: &EarningTerms) -> Vec<&'static str> {
    let give = match rule.earn {
        Earn::Step { give, .. } | Earn::Every { give, .. } | Earn::Piece(give) | Earn::Fixed(give) => Some(give),
        _ => None,
    };
    let mut caps = rule.limits.iter().filter_map(|limit| match limit.cap {
        LimitCap::Amount(most) if !limit.soft => Some(most),
        _ => None,
    });
    let below = give.is_some_and(|give| rule.at_most.is_some_and(|most| most < give) || caps.any(|most| most < give));
    let boosts = |other: &EarnRule| rate(other).is_some() && (other.asset, &other.stack) == (rule.asset, &rule.stack);
    let alone = matches!(rule.earn, Earn::Boost(_)) && !terms.rules.iter().any(boosts);
    let over = match (rule.valid, rule.days.as_ref().and_then(|days| days.from)) {
        (Validity::Through(last), Some(from)) => last < from,
        _ => false,
    };
    [
        ("earn.cap_below_step", below),
        ("earn.boost_alone", alone),
        ("earn.no_effect", matches!(rule.earn, Earn::Boost(by) if by == Rate::ZERO)),
        ("earn.over_before", over),
    ]
    .into_iter()
    .filter_map(|(code, is)| is.then_some(code))
    .collect()
}

/// Whether wherever the second rule is met the first is, in the same exclusive group, and gives at least as much. Finds the
/// plain cases.
fn shadows(by: &EarnRule, rule: &EarnRule, goes_first: bool, terms: &EarningTerms, tree: &CategoryTree) -> bool {
    if by.stack != rule.stack || by.asset != rule.asset || !terms.exclusive.contains(&rule.stack) {
        return false;
    }
    let as_often = by.limits.is_empty()
        && by.at_most.is_none()
        && (by.at_least.is_empty() || by.at_least == rule.at_least)
        && (by.days.is_none() || by.days == rule.days)
        && (by.hours.is_none() || by.hours == rule.hours)
        && for_all_of(&by.audience, &rule.audience)
        && covers(&by.on, &rule.on, tree);
    let more = match (&by.earn, &rule.earn) {
        (Earn::Fixed(first), Earn::Fixed(second)) | (Earn::Piece(first), Earn::Piece(second)) => {
            first.checked_sub(*second)
        }
        _ => match (rate(by), rate(rule)) {
            (Some(Ok(first)), Some(Ok(second))) => Some(match first.cmp(&second) {
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => 1,
            }),
            _ => None,
        },
    };
    as_often && more.is_some_and(|more| more > 0 || more == 0 && goes_first)
}

fn covers(wide: &Goods, narrow: &Goods, tree: &CategoryTree) -> bool {
    match (wide, narrow) {
        (Goods::Everything, _) => true,
        (Goods::Categories(wide), Goods::Categories(narrow)) => {
            narrow.iter().all(|one| wide.iter().any(|above| tree.is_within(*one, *above)))
        }
        (Goods::Products(wide), Goods::Products(narrow)) => narrow.iter().all(|one| wide.contains(one)),
        _ => false,
    }
}

/// Whether two rules that both apply say a different amount for exactly the same.
fn twice(rule: &EarnRule, other: &EarnRule, terms: &EarningTerms) -> bool {
    let same_kind = std::mem::discriminant(&rule.earn) == std::mem::discriminant(&other.earn);
    same_kind
        && !terms.exclusive.contains(&rule.stack)
        && (rule.asset, &rule.stack, &rule.on, &rule.audience)
            == (other.asset, &other.stack, &other.on, &other.audience)
        && (&rule.at_least, &rule.days, rule.hours) == (&other.at_least, &other.days, other.hours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::calendar::Span;
    use crate::kernel::currency::Currency;
    use crate::kernel::money::Money;
    use crate::kernel::time::Zone;
    use crate::loyalty::programme::PointValue;
    use crate::pricing::{Audience, LimitPer};
    use uuid::Uuid;

    const CREDIT: Asset = Asset::Credit(Currency::PLN);

    fn pln(minor: i64) -> Money {
        Money::new(minor, Currency::PLN)
    }

    fn percent(key: &str, percent: i64) -> EarnRule {
        EarnRule::new(key, CREDIT, Earn::Percent(Rate::percent(percent)))
    }

    fn found(exclusive: bool, rules: impl IntoIterator<Item = EarnRule>) -> Vec<&'static str> {
        let mut programme = Programme::new("x", Zone::UTC);
        programme.point_values = vec![PointValue { currency: Currency::PLN, worth: Rate::ONE }];
        programme.earning.rules = rules.into_iter().map(|rule| EarnRule { stack: "s".into(), ..rule }).collect();
        programme.earning.exclusive = if exclusive { vec!["s".into()] } else { Vec::new() };
        check(&programme, &CategoryTree::default()).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn what_a_rule_must_not_say() {
        let limit = |most| EarnLimit { cap: LimitCap::Amount(most), per: LimitPer::Rule, every: None, soft: false };
        let every = Earn::Every { give: 1, nth: 3, per_day: None };
        let ruled = |earn| EarnRule::new("a", CREDIT, earn);
        for (code, rule) in [
            ("earn.key", EarnRule { key: "A b".into(), ..percent("a", 1) }),
            ("earn.text", EarnRule { name: " ".into(), ..percent("a", 1) }),
            ("earn.asset", EarnRule { asset: Asset::Gift(Currency::PLN), ..percent("a", 1) }),
            ("earn.percent_of_points", EarnRule { asset: Asset::Points, ..percent("a", 1) }),
            ("earn.amount", percent("a", 0)),
            ("earn.amount", ruled(Earn::Rate { give: 1, per: pln(0) })),
            ("earn.amount", ruled(Earn::Step { give: 0, step: pln(1), carry: false })),
            ("earn.amount", ruled(Earn::Every { give: 1, nth: 0, per_day: None })),
            ("earn.amount", ruled(Earn::Fixed(-1))),
            ("earn.currencies", ruled(Earn::Rate { give: 1, per: Money::new(1, Currency::EUR) })),
            ("earn.category", EarnRule { on: Goods::Categories(vec![Uuid::from_u128(1).into()]), ..percent("a", 1) }),
            ("earn.too_many", EarnRule { on: Goods::Products(Vec::new()), ..percent("a", 1) }),
            ("earn.nothing", EarnRule { at_most: Some(0), ..percent("a", 1) }),
            ("earn.nothing", EarnRule { at_least: vec![Least::Pieces(0)], ..percent("a", 1) }),
            ("earn.counted_cap", EarnRule { limits: vec![limit(5)], ..ruled(every) }),
            (
                "earn.counted_cap",
                EarnRule { limits: vec![EarnLimit { cap: LimitCap::Uses(1), ..limit(5) }], ..ruled(every) },
            ),
            ("earn.re_evaluate", EarnRule { on_return: OnReturn::ReEvaluate, ..percent("a", 1) }),
            ("earn.backwards", EarnRule { valid: Validity::For(Span::Days(-1)), ..percent("a", 1) }),
        ] {
            assert!(found(false, [rule]).contains(&code), "{code}");
        }
        assert_eq!(found(true, [ruled(every)]), ["earn.counted_exclusive"]);
        assert_eq!(
            found(false, [percent("a", 1), percent("a", 2)]),
            ["earn.contradicts", "earn.key_twice", "earn.contradicts"]
        );
        assert_eq!(found(false, [percent("a", 1)]), [] as [&str; 0]);
    }

    #[test]
    fn what_is_worth_a_second_look() {
        assert_eq!(found(true, [percent("a", 7), percent("b", 5)]), ["earn.unreachable"]);
        assert_eq!(found(true, [percent("a", 5), percent("b", 5)]), ["earn.unreachable"]);
        let vip = Audience { customers: vec![Uuid::from_u128(1).into()], ..Audience::default() };
        assert_eq!(found(true, [EarnRule { audience: vip, ..percent("a", 7) }, percent("b", 5)]), [] as [&str; 0]);
        let boost = |by| EarnRule::new("b", CREDIT, Earn::Boost(Rate::percent(by)));
        assert_eq!(found(false, [boost(100)]), ["earn.boost_alone"]);
        assert_eq!(found(false, [percent("a", 5), boost(0)]), ["earn.no_effect"]);
        let step = EarnRule::new("a", CREDIT, Earn::Step { give: 500, step: pln(10_000), carry: false });
        assert_eq!(found(false, [EarnRule { at_most: Some(499), ..step }]), ["earn.cap_below_step"]);
    }
}
