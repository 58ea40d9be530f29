//! The worked cases of other engines, read when they are at hand: where we agree, and where not and why.

use super::*;
use crm_core::pricing::{AtLeast, Counted, Discount, Extra, Least, Off, Per};
use serde_json::Value;

/// Where we differ, what we give instead, and why.
const DIFFER: [(&str, &[i64], &str); 3] = [
    ("oscar-004", &[134, 133, 133], "S-13: the cent that is left over goes to the first line, not the last"),
    ("saleor-001", &[11, 21, 30, 40], "S-13: a percentage is rounded once for all lines, not for each"),
    ("saleor-002", &[11, 20, 30, 40], "S-13: a percentage is rounded once for all lines, not for each"),
];

/// What no rule of ours says.
const UNSAID: [(&str, &str); 9] = [
    ("oscar-005", "S-24: a rule is on whole lines, not on the cheapest pieces"),
    ("oscar-008", "S-24: a rule is on whole lines, not on the cheapest pieces"),
    ("oscar-012", "S-24: a rule is on whole lines, not on the cheapest pieces"),
    ("oscar-017", "S-24: there is no cheapest piece for free"),
    ("oscar-018", "S-24: there is no cheapest piece for free"),
    ("oscar-019", "S-24: there is no cheapest piece for free"),
    ("oscar-020", "S-24: a fixed price is that of a piece, not of a bundle"),
    ("oscar-021", "S-24: a fixed price is that of a piece, not of a bundle"),
    ("oscar-022", "S-24: a fixed price is that of a piece, not of a bundle"),
];

fn cases() -> Option<Value> {
    let folder = std::env::var("CRM_CASES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned());
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}/loyalty/peer_cases.json")).ok()?).unwrap()
}

fn cents(value: &Value) -> i64 {
    Money::parse(value.as_str().unwrap(), Currency::PLN, &crm_core::kernel::currency::Currencies::iso4217())
        .unwrap()
        .minor()
}

fn percentage(value: &Value) -> Rate {
    format!("{}%", value.as_str().unwrap()).parse().unwrap()
}

/// The rules an offer means.
fn rules(setup: &Value) -> Vec<RuleTerms> {
    let offer = if setup["offer"].is_null() { &setup["promotions"][0] } else { &setup["offer"] };
    let twice = offer["type"] == "two fixed offers";
    let adjustment = match offer["type"].as_str().unwrap() {
        "percent" => Adjustment::Percent(percentage(&offer["value"])),
        "fixed" => Adjustment::Amount { off: pln(cents(&offer["value"])), per: Per::Order },
        "two fixed offers" => Adjustment::Amount { off: pln(10_000), per: Per::Order },
        other => panic!("{other} is said by no rule"),
    };
    let condition = &offer["condition"];
    let least = match (&condition["min_items"], &condition["min_value"]) {
        (Value::Null, Value::Null) => None,
        (Value::Null, value) => Some(Least::Amount(pln(cents(value)))),
        (items, _) => Some(Least::Pieces(items.as_i64().unwrap())),
    };
    let campaign = RuleTerms {
        at_least: least.map(|least| AtLeast { least, of: Counted::Cart }),
        // All offers of this peer apply one after the other.
        combine: twice.then(|| "both".to_owned()),
        ..terms(Stage::Campaign, Assortment::Everything, adjustment)
    };
    let mut rules = vec![campaign; 1 + usize::from(twice)];
    if offer["product_discountable"] == false {
        rules.push(RuleTerms { ends: true, ..terms(Stage::Terms, Assortment::Everything, percent(0)) });
    }
    rules
}

fn priced(case: &Value) -> Quote {
    let lines = case["input"]["lines"].as_array().unwrap();
    let goods = (1..).zip(lines).map(|(number, line)| product(number, cents(&line["price"]), None));
    let cart = Cart::of((1_u128..).zip(lines).map(|(number, line)| (id(number), line["qty"].as_i64().unwrap())));
    Shop::new(rules(&case["setup"]), goods).quote(&cart, &context()).unwrap()
}

fn offs(quote: &Quote) -> Vec<i64> {
    quote.lines.iter().map(|line| line.list_minor - line.net_minor).collect()
}

/// Whether everything that is expected of a cart holds.
fn agrees(case: &Value, quote: &Quote) -> bool {
    case["expected"].as_object().unwrap().iter().all(|(what, expected)| match what.as_str() {
        "discount" | "sum_of_line_discounts" => quote.discount_minor == cents(expected),
        "total" => quote.total_minor == cents(expected),
        "line_discounts" => offs(quote) == expected.as_array().unwrap().iter().map(cents).collect::<Vec<_>>(),
        "unit_price_after" => quote.lines[0].net_minor == cents(expected) * quote.lines[0].quantity,
        "offers_applied" => applied(quote, 0).len() as u64 == expected.as_u64().unwrap(),
        "items_with_discount" => {
            let items = quote.lines.iter().filter(|line| line.net_minor < line.list_minor).map(|line| line.quantity);
            items.sum::<i64>() == expected.as_i64().unwrap()
        }
        other => panic!("{other} is not looked at"),
    })
}

/// A discount by hand over goods and shipping.
fn allocation(case: &Value) -> bool {
    let discount = &case["setup"]["discount"];
    let off = match discount["type"].as_str().unwrap() {
        "percent" => Off::Percent(percentage(&discount["value"])),
        _ => Off::Amount(pln(cents(&discount["value"]))),
    };
    let goods =
        [product(1, cents(&case["input"]["subtotal"]), None), product(2, cents(&case["input"]["shipping"]), None)];
    let extra = vec![Extra { line: None, discount: Discount { off, reason: "by hand".into() } }];
    let cart = Cart { extra, ..Cart::of([(id(1), 1), (id(2), 1)]) };
    let quote = Shop::new([], goods).quote(&cart, &context()).unwrap();
    let expected = &case["expected"];
    offs(&quote) == [cents(&expected["subtotal_portion"]), cents(&expected["shipping_portion"])]
}

/// In which order offers come: here, in which rules that combine take their part.
fn ordering(case: &Value) -> bool {
    let offers = case["setup"]["offers"].as_array().unwrap();
    let rules = offers.iter().map(|offer| RuleTerms {
        name: offer["name"].as_str().unwrap().to_owned(),
        priority: offer["priority"].as_i64().unwrap().try_into().unwrap(),
        combine: Some("all".into()),
        ..terms(Stage::Campaign, Assortment::Everything, percent(1))
    });
    let shop = Shop::new(rules, [product(1, 10_000, None)]);
    let policy = shop.policy();
    let order: Vec<_> =
        applied(&shop.quote_all(), 0).into_iter().map(|id| policy.rule_name(id).unwrap().to_owned()).collect();
    let expected: Vec<_> =
        case["expected"]["order"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    order == expected
}

#[test]
fn of_other_engines_when_they_are_at_hand() {
    let Some(cases) = cases() else { return };
    let (mut agree, mut differ, mut unsaid) = (0, 0, 0);
    for case in cases["cases"].as_array().unwrap() {
        let name = case["id"].as_str().unwrap();
        let agreed = match case["kind"].as_str().unwrap() {
            "cart" if UNSAID.iter().any(|(unsaid, _)| *unsaid == name) => {
                unsaid += 1;
                continue;
            }
            "cart" => {
                let quote = priced(case);
                if let Some((_, ours, why)) = DIFFER.iter().find(|(differs, ..)| *differs == name) {
                    assert!(!agrees(case, &quote), "{name} agrees by now: {why}");
                    assert_eq!(offs(&quote), *ours, "{name}");
                    differ += 1;
                    continue;
                }
                agrees(case, &quote)
            }
            "allocation" => allocation(case),
            "ordering" => ordering(case),
            _ => continue,
        };
        assert!(agreed, "{name}: {}", case["expected"]);
        agree += 1;
    }
    assert_eq!((agree, differ, unsaid), (27, DIFFER.len(), UNSAID.len()));
}
