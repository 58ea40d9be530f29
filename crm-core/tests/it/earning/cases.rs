//! The worked cases of other engines, read when they are at hand: where we agree, and where not and why.

use super::*;
use crm_core::kernel::rate::Rounding;
use crm_core::kernel::time::Weekday;
use crm_core::loyalty::earning::{EarnLimit, EarnRounding, Goods, LimitCap, check};
use crm_core::pricing::{Days, Least, LimitPer};
use serde_json::Value;

/// Where we differ, what we give instead, and why.
const DIFFER: [(&str, i64, &str); 4] = [
    ("setono-004", 39, "S-13, S-14: a rate with its boost is one exact amount, rounded once: 19.99 × 2"),
    ("setono-005", 29, "S-13, S-14: 19.99 × 1.5 is 29.985, not floor(19) × 1.5"),
    ("setono-006", 30, "S-13, S-14: 29.985 half up"),
    ("setono-007", 30, "S-13, S-14: 29.985 up"),
];

/// What we refuse to save, where the peer lets it earn nothing.
const REFUSED: [(&str, &str); 2] = [("setono-011", "earn.amount"), ("setono-014", "earn.amount")];

fn cases() -> Option<Value> {
    let folder = std::env::var("CRM_CASES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned());
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}/loyalty/peer_cases.json")).ok()?).unwrap()
}

/// The date and the time of day of a peer.
fn moment(value: &Value) -> (CivilDate, TimeOfDay) {
    let text = value.as_str().unwrap();
    let (date, time) = text.split_once(' ').unwrap_or((text, "00:00"));
    (date.parse().unwrap(), time.parse().unwrap())
}

/// The rules of a programme, in the order of its priorities: one that does not stack is alone in an exclusive group.
fn rules(setup: &Value) -> EarningTerms {
    let rounding = match setup["program"]["rounding"].as_str().unwrap() {
        "ceil" => Rounding::Ceil,
        "half_up" => Rounding::HalfUp,
        _ => Rounding::Floor,
    };
    let mut sorted: Vec<&Value> = setup["rules"].as_array().unwrap().iter().collect();
    sorted.sort_by_key(|rule| std::cmp::Reverse(rule["priority"].as_i64()));
    let alone = sorted.iter().any(|rule| rule["stackable"] == false);
    let rule = |(number, rule): (usize, &&Value)| {
        let points = rule["points"].as_i64();
        let earn = match rule["type"].as_str().unwrap() {
            "per_amount" => Earn::Rate { give: points.unwrap(), per: pln(rule["per_minor"].as_i64().unwrap()) },
            "fixed" => Earn::Piece(points.unwrap()),
            "multiplier" => {
                let times: Rate = rule["multiplier"].as_str().unwrap().parse().unwrap();
                Earn::Boost(times.checked_add(&Rate::percent(-100)).unwrap())
            }
            other => panic!("{other} is said by no rule"),
        };
        let from = rule["starts_at"].as_str().map(|from| from.parse().unwrap());
        let days = from.map(|from| Days { from: Some(from), ..Days::default() });
        let stack = if alone { "alone".to_owned() } else { String::new() };
        EarnRule {
            days,
            stack,
            ..EarnRule::new(
                format!("r{}", rule["id"].as_i64().unwrap_or(100 + i64::try_from(number).unwrap())),
                POINTS,
                earn,
            )
        }
    };
    EarningTerms {
        rounding: EarnRounding { points: rounding, credit: rounding },
        exclusive: if alone { vec!["alone".into()] } else { Vec::new() },
        // Points by the piece and by amount of one purchase add up with this peer.
        piece_points_and_general: true,
        ..terms(sorted.iter().filter(|rule| rule["enabled"] != false).enumerate().map(rule))
    }
}

fn earned(case: &Value) -> Earned {
    let units = case["input"]["matching_units"].as_i64().unwrap_or(1);
    let date = case["input"]["at"].as_str().map_or(snapshot().date, |date| date.parse().unwrap());
    let line = line(1, case["input"]["basis_minor"].as_i64().unwrap(), units);
    earn_as(&Snapshot { date, ..snapshot() }, &rules(&case["setup"]), &[line], &Counters::new())
}

fn cents(value: &Value) -> Option<i64> {
    let currencies = crm_core::kernel::currency::Currencies::iso4217();
    Some(Money::parse(value.as_str()?, Currency::PLN, &currencies).unwrap().minor())
}

/// Whether a rule with this condition is met.
fn satisfied(case: &Value) -> bool {
    let (condition, input) = (&case["setup"]["condition"], &case["input"]);
    let mut rule = EarnRule::new("a", POINTS, Earn::Fixed(1));
    let (mut snapshot, mut counters) = (snapshot(), Counters::new());
    let total = input["order_total_minor"].as_i64().or(cents(&input["order_total"])).unwrap_or(0);
    let lines = [line(1, total, input["quantity"].as_i64().unwrap_or(1))];
    if !input["at"].is_null() {
        (snapshot.date, snapshot.time) = moment(&input["at"]);
    }
    match condition["type"].as_str() {
        Some("date_window") => {
            // Their window ends with an instant, ours with a day.
            let last = moment(&condition["to"]).0.add_days(-1).unwrap();
            rule.days = Some(Days { from: Some(moment(&condition["from"]).0), through: Some(last), ..Days::default() });
        }
        Some("day_of_week") => {
            let days = condition["iso_days"].as_array().unwrap().iter();
            let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
            let day = |day: &Value| names[usize::try_from(day.as_u64().unwrap()).unwrap() - 1];
            let weekdays: Vec<Weekday> = days.map(|one| serde_json::from_value(day(one).into()).unwrap()).collect();
            rule.days = Some(Days { weekdays, ..Days::default() });
        }
        _ => {
            let amount = condition["amount_minor"].as_i64().or(cents(&condition["min_amount"]));
            rule.at_least.extend(amount.map(|amount| Least::Amount(pln(amount))));
            rule.at_least.extend(condition["min_qty"].as_i64().map(Least::Pieces));
        }
    }
    if condition["once_per_customer"] == true {
        rule.limits = vec![EarnLimit { cap: LimitCap::Uses(1), per: LimitPer::Customer, every: None, soft: false }];
        counters.extend(earn_as(&snapshot, &terms([rule.clone()]), &lines, &counters).moves);
    }
    earn_as(&snapshot, &terms([rule]), &lines, &counters).of(POINTS) > 0
}

#[test]
fn of_other_engines_when_they_are_at_hand() {
    let Some(cases) = cases() else { return };
    let (mut agree, mut differ, mut refused) = (0, 0, 0);
    for case in cases["cases"].as_array().unwrap() {
        let (name, expected) = (case["id"].as_str().unwrap(), &case["expected"]);
        match case["kind"].as_str().unwrap() {
            "earn" if REFUSED.iter().any(|(other, _)| *other == name) => {
                let programme = Programme { earning: rules(&case["setup"]), ..Programme::new("Club", Zone::UTC) };
                let code = REFUSED.iter().find(|(other, _)| *other == name).unwrap().1;
                assert!(
                    check(&programme, &CategoryTree::default()).iter().any(|found| found.error && found.code == code)
                );
                refused += 1;
            }
            "earn" => {
                let earned = earned(case);
                if let Some((_, ours, why)) = DIFFER.iter().find(|(other, ..)| *other == name) {
                    assert_ne!(earned.of(POINTS), expected["points"].as_i64().unwrap(), "{name} agrees by now: {why}");
                    assert_eq!(earned.of(POINTS), *ours, "{name}");
                    differ += 1;
                    continue;
                }
                assert_eq!(earned.of(POINTS), expected["points"].as_i64().unwrap(), "{name}");
                for (rule, points) in expected["breakdown"].as_object().into_iter().flatten() {
                    let one = earned.contributions.iter().find(|one| one.rule == format!("r{rule}")).unwrap();
                    assert_eq!(one.amount, points.as_i64().unwrap(), "{name}");
                }
                agree += 1;
            }
            // A list of days without a day is no condition with us: nobody means a rule for never.
            "condition" if name == "setono-028" => {
                assert!(satisfied(case), "{name} agrees by now");
                differ += 1;
            }
            "condition" => {
                assert_eq!(satisfied(case), expected["satisfied"].as_bool().unwrap(), "{name}");
                agree += 1;
            }
            _ => {}
        }
    }
    assert_eq!((agree, differ, refused), (24, DIFFER.len() + 1, REFUSED.len()));
}

/// The essentials of them in our own figures.
#[test]
fn in_our_own_figures() {
    let per = |key: &str, per: i64| EarnRule::new(key, POINTS, Earn::Rate { give: 1, per: pln(per) });
    let both = terms([per("a", 70), per("b", 130)]);
    // 999 / 70 = 14.27, 999 / 130 = 7.68: each rule is rounded by itself.
    assert_eq!(earn(&both, &[line(1, 999, 1)]).of(POINTS), 21);
    let fixed = EarnRule { stack: "x".into(), ..EarnRule::new("c", POINTS, Earn::Fixed(50)) };
    let of_group = EarnRule { stack: "x".into(), ..per("a", 70) };
    let alone = EarningTerms { exclusive: vec!["x".into()], ..terms([of_group, fixed]) };
    assert_eq!(earn(&alone, &[line(1, 999, 1)]).of(POINTS), 50);
    let piece = EarnRule { on: Goods::Products(vec![id(1)]), ..EarnRule::new("p", POINTS, Earn::Piece(4)) };
    assert_eq!(earn(&terms([piece]), &[line(1, 0, 3), line(2, 70, 1)]).of(POINTS), 12);
}
