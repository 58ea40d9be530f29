//! Gift cards and credit: the worked cases of another engine, read when they are at hand, and their essentials in our own
//! figures (S-04, S-08, S-22, S-35).

mod shop;

use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::loyalty::gift_cards::GiftCardState::{self, Active, Exhausted, Refunded};
use crm_core::purchases::NewTender;
use crm_core::{Error, Result};
use crm_loyalty::redemption::credit;
use serde_json::Value;

use shop::{DAY, Shop, by_card};

/// Where we differ, and why.
const DIFFER: [(&str, &str); 2] = [
    ("spree-011", "S-24, S-27: a purchase is paid with credit and a gift card, one after the other"),
    ("spree-019", "S-05: what is valid through a day is good until that day is over"),
];

/// What a card is, in the words of the peer. Who has spent a part of it sees so by what is left, not by its state (S-35).
fn state(word: &str) -> GiftCardState {
    match word {
        "active" | "partially_redeemed" => Active,
        "redeemed" => Exhausted,
        other => panic!("{other}"),
    }
}

fn minor(value: &Value) -> i64 {
    let currencies = crm_core::kernel::currency::Currencies::iso4217();
    Money::parse(value.as_str().unwrap(), Currency::PLN, &currencies).unwrap().minor()
}

/// The rule that was broken.
fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// A card of 50 of which the peer says that it cannot be applied: why is told to nobody (S-35, T-18).
fn refused_card(shop: &Shop, word: &str) -> &'static str {
    let card = match word {
        "other currency" => shop.sold_elsewhere(5_000),
        _ => shop.sold(5_000, word.starts_with("owned").then_some(shop.member)),
    };
    let mut by = None;
    match word {
        "expired" => shop.bench.clock.advance(DAY * 367),
        "canceled" => assert_eq!(shop.pay_out(&card, "cancel").unwrap(), 5_000),
        "redeemed" | "amount_used = amount" => {
            shop.pay(5_000, vec![by_card(&shop.show(&card, None).unwrap(), 5_000)]).unwrap();
        }
        "owned by another customer" => by = Some(shop.other),
        "owned, guest order" | "other currency" => {}
        unknown => panic!("{unknown}"),
    }
    rule(shop.show(&card, by))
}

/// Whether a case of gift cards ends as the peer says.
fn gift_card_agrees(shop: &Shop, case: &Value) {
    let (setup, expected) = (&case["setup"], &case["expected"]);
    let name = case["id"].as_str().unwrap();
    let face = setup["gift_cards"].get(0).or(setup.get("amount")).map_or(5_000, minor);
    let card = shop.sold(face, None);
    if let Some(used) = setup.get("used").map(minor).filter(|used| *used > 0) {
        shop.pay(used, vec![by_card(&shop.show(&card, None).unwrap(), used)]).unwrap();
    }
    if let Some(held) = setup.get("authorized").map(minor).filter(|held| *held > 0) {
        shop.set_aside(&card, held);
    }
    if let Some(due) = case["input"].get("order_total").map(minor) {
        let shown = shop.show(&card, None).unwrap();
        shop.pay(due, vec![by_card(&shown, due.min(shown.balance.minor()))]).unwrap();
        assert_eq!(minor(&expected["paid_by_card"]), due, "{name}");
    }
    for step in case["steps"].as_array().into_iter().flatten() {
        match step["op"].as_str().unwrap() {
            "apply" => {
                let due = minor(&step["order_total"]);
                shop.open(due, by_card(&shop.show(&card, None).unwrap(), due));
            }
            "complete_order" => shop.finalise(),
            "remove" if expected["remove"] == "refused" => assert_eq!(rule(shop.void()), "void.final", "{name}"),
            "remove" => shop.void().unwrap(),
            unknown => panic!("{unknown}"),
        }
    }
    if expected["cancel"] == "refused" {
        assert_eq!(rule(shop.bring_back(&card)), "gift_card.spent", "{name}");
    }
    let (now, left) = shop.left(&card);
    for word in ["card_status", "status"].into_iter().filter_map(|key| expected[key].as_str()) {
        assert_eq!(now, state(word), "{name}");
    }
    for expected in [&expected["cards_after"][0], &expected["remaining"]].into_iter().filter(|value| value.is_string())
    {
        assert_eq!(left, minor(expected), "{name}");
    }
}

/// What is paid with credit, lot by lot, in a case of the peer.
fn paid_with_credit(shop: &Shop, case: &Value) -> Vec<i64> {
    let input = &case["input"];
    for lot in case["setup"]["store_credits"].as_array().unwrap() {
        let (amount, age) = (lot.get("amount").unwrap_or(lot), lot["age_days"].as_u64().unwrap_or(0));
        shop.give_credit(minor(amount), lot["currency"] == "other");
        // The next one is a day younger.
        shop.bench.clock.advance(DAY * u32::from(age > 1));
    }
    let paid = input.get("already_paid").map_or(0, minor);
    let due = minor(&input["order_total"]) - paid;
    let usable = shop.usable(due, input.get("requested").map(minor));
    if usable == 0 {
        if due > 0 {
            let tenders = vec![credit(shop::zloty(1)), NewTender::cash_rest()];
            assert_eq!(rule(shop.pay(due, tenders)), "redeem.not_enough");
        }
        return Vec::new();
    }
    // What is due may be less by the time it is paid: the rest of what was set aside is free again (S-08).
    let held = shop.hold_credit(due, usable);
    let paid = input.get("order_total_later").map_or(usable, |later| minor(later).min(usable));
    shop.pay_with(due, credit(shop::zloty(paid)), held)
}

#[test]
fn of_other_engines_when_they_are_at_hand() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned();
    let folder = std::env::var("CRM_CASES").unwrap_or(beside);
    let Ok(text) = std::fs::read_to_string(format!("{folder}/loyalty/peer_cases.json")) else { return };
    let cases: Value = serde_json::from_str(&text).unwrap();
    let (mut agree, mut differ) = (0, 0);
    for case in cases["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "stored_value") {
        let (name, expected) = (case["id"].as_str().unwrap(), &case["expected"]);
        let shop = Shop::new();
        match name {
            "spree-011" => {
                assert_eq!(expected["apply"], "refused");
                two_tenders(&shop);
            }
            "spree-019" => {
                assert_eq!(expected["active"], false);
                the_last_day(&shop);
            }
            _ if !case["setup"]["store_credits"].is_null() => {
                let paid = paid_with_credit(&shop, case);
                let theirs = expected["payments"].as_array().into_iter().flatten();
                assert_eq!(paid, theirs.map(minor).collect::<Vec<_>>(), "{name}");
                if let Some(left) = expected.get("left_to_pay").map(minor) {
                    assert_eq!(minor(&case["input"]["order_total"]) - paid.iter().sum::<i64>(), left, "{name}");
                }
            }
            _ if case["setup"]["card_state"].is_string() => {
                assert_eq!(expected["apply"], "refused");
                let refusal = refused_card(&shop, case["setup"]["card_state"].as_str().unwrap());
                assert_eq!(refusal, "gift_card.refused", "{name}");
            }
            _ => gift_card_agrees(&shop, case),
        }
        shop.bench.verify();
        if DIFFER.iter().any(|(other, _)| *other == name) {
            differ += 1;
        } else {
            agree += 1;
        }
    }
    assert_eq!((agree, differ), (24, DIFFER.len()));
}

/// What is left to pay with credit is paid by card, in one purchase.
fn two_tenders(shop: &Shop) {
    let card = shop.sold(5_000, None);
    shop.give_credit(1_000, false);
    let by_card = by_card(&shop.show(&card, None).unwrap(), 2_000);
    shop.pay(3_000, vec![credit(shop::zloty(1_000)), by_card]).unwrap();
    assert_eq!((shop.left(&card), shop.usable(9_000, None)), ((Active, 3_000), 0));
}

/// A card that is good for 365 days is good on the 365th day after the one it was sold on, and no longer.
fn the_last_day(shop: &Shop) {
    let card = shop.sold(5_000, None);
    shop.bench.clock.advance(DAY * 365);
    assert_eq!(shop.show(&card, None).unwrap().balance.minor(), 5_000);
    // It was noon in UTC.
    shop.bench.clock.advance((DAY / 2).checked_sub(std::time::Duration::from_micros(1)).unwrap());
    assert_eq!(shop.show(&card, None).unwrap().balance.minor(), 5_000);
    shop.bench.clock.advance(std::time::Duration::from_micros(1));
    assert_eq!(rule(shop.show(&card, None)), "gift_card.refused");
}

/// The essentials of them in our own figures.
#[test]
fn in_our_own_figures() {
    let shop = Shop::new();
    // A part of a card; struck out before the purchase is final it is back, and after that it is not.
    let card = shop.sold(7_300, None);
    let pay = |due| by_card(&shop.show(&card, None).unwrap(), due);
    shop.pay(1_900, vec![pay(1_900)]).unwrap();
    assert_eq!(shop.left(&card), (Active, 5_400));
    shop.open(2_200, pay(2_200));
    assert_eq!(shop.left(&card), (Active, 3_200));
    shop.void().unwrap();
    assert_eq!(shop.left(&card), (Active, 5_400));
    shop.open(2_200, pay(2_200));
    shop.finalise();
    assert_eq!(rule(shop.void()), "void.final");
    assert_eq!(rule(shop.bring_back(&card)), "gift_card.spent");
    // What is set aside is not there, and what is left is spent to the last.
    shop.set_aside(&card, 1_000);
    assert_eq!((shop.left(&card), rule(shop.pay(2_201, vec![pay(2_201)]))), ((Active, 2_200), "loyalty.not_enough"));
    let whole = shop.sold(4_100, None);
    shop.pay(4_100, vec![by_card(&shop.show(&whole, None).unwrap(), 4_100)]).unwrap();
    assert_eq!((shop.left(&whole), rule(shop.show(&whole, None))), ((Exhausted, 0), "gift_card.refused"));
    let paid_out = shop.sold(4_100, None);
    assert_eq!((shop.pay_out(&paid_out, "asked").unwrap(), shop.left(&paid_out)), (4_100, (Refunded, 0)));
    for word in ["expired", "canceled", "redeemed", "other currency", "owned by another customer", "owned, guest order"]
    {
        let shop = Shop::new();
        assert_eq!(refused_card(&shop, word), "gift_card.refused", "{word}");
        shop.bench.verify();
    }
    two_tenders(&Shop::new());
    the_last_day(&Shop::new());

    // Credit: the older first, nothing of another currency, and never more than is due.
    shop.give_credit(900, true);
    shop.give_credit(310, false);
    shop.bench.clock.advance(DAY);
    shop.give_credit(520, false);
    assert_eq!(
        [(700, None), (900, None), (700, Some(80)), (-30, None)].map(|(due, asked)| shop.usable(due, asked)),
        [700, 830, 80, 0]
    );
    let held = shop.hold_credit(700, 700);
    assert_eq!(shop.pay_with(700, credit(shop::zloty(400)), held), [310, 90]);
    assert_eq!(shop.usable(900, None), 430, "the rest is free again");
    shop.bench.verify();
}
