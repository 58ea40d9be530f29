//! How many points may pay: the worked cases of another engine, read when they are at hand, and their essentials (S-20,
//! S-22).

use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::{Rate, Rounding};
use crm_core::loyalty::redemption::{Asked, Bound, Limits, Usable, usable};
use serde_json::Value;

/// Where we differ, how many points we let pay instead, and why.
const DIFFER: [(&str, i64, &str); 1] =
    [("setono-053", 1_050, "S-20: a point has a value; a programme sells no steps of a hundred")];

/// What the peer lets redeem nothing, and we refuse: no programme with it can be saved.
const REFUSED: [(&str, &str); 1] = [("setono-055", "S-20: points by none of which anything is paid have no value")];

fn pln(minor: i64) -> Money {
    Money::new(minor, Currency::PLN)
}

/// What so many points pay of an order. The peer is asked for points, we are asked for money: what they are worth.
fn redeemed(case: &Value) -> crm_core::Result<Usable> {
    let (setup, input) = (&case["setup"], &case["input"]);
    let number = |from: &Value, key: &str| from[key].as_i64().unwrap();
    let worth = Rate::new(number(setup, "amount_minor_per_step"), number(setup, "points_per_step"))?;
    let limits = Limits {
        minimum: Some(number(setup, "min_points")),
        per_invoice_rate: Some(Rate::percent(number(setup, "max_percent_of_order"))),
        ..Limits::default()
    };
    let asked = Asked {
        requested: Some(worth.apply(number(input, "requested_points"), Rounding::Floor)?),
        due: pln(number(input, "order_total_minor")),
        paid_otherwise: 0,
        available: number(input, "balance"),
        used_today: 0,
        used_here: 0,
        point_value: Some(worth),
    };
    usable(&limits, &asked)
}

#[test]
fn of_other_engines_when_they_are_at_hand() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned();
    let folder = std::env::var("CRM_CASES").unwrap_or(beside);
    let Ok(text) = std::fs::read_to_string(format!("{folder}/loyalty/peer_cases.json")) else { return };
    let cases: Value = serde_json::from_str(&text).unwrap();
    let (mut agree, mut differ, mut refused) = (0, 0, 0);
    for case in cases["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "redeem_limit") {
        let (name, expected) = (case["id"].as_str().unwrap(), &case["expected"]);
        let found = redeemed(case);
        if let Some((_, why)) = REFUSED.iter().find(|(other, _)| *other == name) {
            assert!(found.is_err(), "{name}: {why}");
            refused += 1;
        } else if let Some((_, ours, why)) = DIFFER.iter().find(|(other, ..)| *other == name) {
            let found = found.unwrap();
            assert_eq!(found.amount, *ours, "{name}: {why}");
            assert_ne!(Some(found.amount), expected["applied_points"].as_i64(), "{name} agrees by now");
            differ += 1;
        } else {
            let found = found.unwrap();
            assert_eq!(Some(found.amount), expected["applied_points"].as_i64(), "{name}");
            if let Some(minor) = expected["amount_minor"].as_i64() {
                assert_eq!(found.worth.minor(), minor, "{name}");
            }
            agree += 1;
        }
    }
    assert_eq!((agree, differ, refused), (4, DIFFER.len(), REFUSED.len()));
}

/// The essentials of them in our own figures: two points are worth three grosz, at least 30 points, at most 40 %.
#[test]
fn in_our_own_figures() {
    let worth = Rate::new(3, 2).unwrap();
    let limits = Limits { minimum: Some(30), per_invoice_rate: Some(Rate::percent(40)), ..Limits::default() };
    let pays = |requested, available, due| {
        let asked = Asked {
            requested: Some(requested),
            due: pln(due),
            paid_otherwise: 0,
            available,
            used_today: 0,
            used_here: 0,
            point_value: Some(worth),
        };
        let found = usable(&limits, &asked).unwrap();
        (found.amount, found.worth.minor(), found.bound)
    };
    // Within every limit: 60 grosz take 40 points.
    assert_eq!(pays(60, 700, 1_000), (40, 60, Bound::Requested));
    // 71 points are worth 106 grosz, and those take 71: 70.67 rounded up.
    assert_eq!(pays(500, 71, 10_000), (71, 106, Bound::Available));
    // 40 % of 999 is 399, rounded down.
    assert_eq!(pays(5_000, 5_000, 999), (266, 399, Bound::PerInvoiceRate));
    // 43 grosz take 29 points: too few. 44 take 30.
    assert_eq!(pays(43, 5_000, 10_000), (0, 0, Bound::Minimum));
    assert_eq!(pays(44, 5_000, 10_000), (30, 44, Bound::Requested));
}
