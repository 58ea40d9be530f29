//! Every number that is handed in, at its limits: refused or priced, never wrong, never a panic.

use super::*;
use crm_core::pricing::{Discount, Extra, Off, Per, Used};

const LIMITS: [i64; 12] =
    [0, 1, -1, 2, -2, 100, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1, i64::MAX / 2, 1_000_000_007];

fn shop(price: i64, floor: Option<i64>) -> Shop {
    let rules = [
        terms(Stage::Terms, Assortment::Everything, percent(10)),
        terms(Stage::Product, Assortment::Everything, Adjustment::Amount { off: pln(3), per: Per::Piece }),
        terms(Stage::Group, Assortment::Everything, Adjustment::FixedPrice(pln(7))),
        terms(Stage::Campaign, Assortment::Everything, Adjustment::Amount { off: pln(5), per: Per::Order }),
    ];
    Shop::new(rules, [Product { floor_minor: floor, ..product(1, price, None) }, product(2, 50, None)])
}

#[test]
fn of_a_cart() {
    for number in LIMITS {
        for other in LIMITS {
            let priced = shop(number, Some(other)).quote(&Cart::of([(id(1), 1), (id(2), 1)]), &context());
            assert_eq!(priced.is_ok(), (0..=i64::MAX - 50).contains(&number), "price {number}, floor {other}");
            let priced = shop(other, None).quote(&Cart::of([(id(1), number), (id(2), 1)]), &context());
            let sum = i128::from(number) * i128::from(other) + 50;
            assert_eq!(
                priced.is_ok(),
                number > 0 && other >= 0 && sum <= i64::MAX.into(),
                "{number} pieces at {other}"
            );
        }
    }
}

#[test]
fn of_a_discount_by_hand() {
    for number in LIMITS {
        for line in [None, Some(0)] {
            let amount = Discount { off: Off::Amount(pln(number)), reason: "x".into() };
            let extra = vec![Extra { line, discount: amount.clone() }];
            let cart = Cart { extra, cash: Some(amount), ..Cart::of([(id(1), 2), (id(2), 1)]) };
            assert_eq!(shop(100, Some(20)).quote(&cart, &context()).is_ok(), number >= 0, "{number}");
            for den in LIMITS {
                let Ok(rate) = Rate::new(number, den) else { continue };
                let part = Discount { off: Off::Percent(rate), reason: "x".into() };
                let cart = Cart { cash: Some(part), ..Cart::of([(id(1), 2), (id(2), 1)]) };
                let within = (Rate::ZERO..=Rate::ONE).contains(&rate);
                assert_eq!(shop(100, Some(20)).quote(&cart, &context()).is_ok(), within, "{rate}");
            }
        }
    }
}

#[test]
fn of_rules_and_their_counters() {
    use crm_core::pricing::{Cap, LimitPer, UsageLimit};
    for number in LIMITS {
        for how in [
            Adjustment::FixedPrice(pln(number)),
            Adjustment::Amount { off: pln(number), per: Per::Piece },
            Adjustment::Amount { off: pln(number), per: Per::Line },
            Adjustment::Amount { off: pln(number), per: Per::Order },
        ] {
            for used in LIMITS {
                let limits =
                    vec![UsageLimit { cap: Cap::Money(pln(5)), per: LimitPer::Rule, every: None, soft: used == 1 }];
                let terms = RuleTerms { limits, ..terms(Stage::Campaign, Assortment::Everything, how) };
                let compiled = Policy::compile(
                    &[rule(1, terms.clone())],
                    CategoryTree::default(),
                    Vec::new(),
                    PolicySettings::default(),
                );
                assert_eq!(compiled.is_ok(), number >= 0, "{number}");
                if number >= 0 {
                    let context = Context { used: vec![Used { rule: id(1), limit: 0, used }], ..context() };
                    let shop = Shop::new([terms], [product(1, i64::MAX - 50, None), product(2, 50, None)]);
                    shop.quote(&Cart::of([(id(1), 1), (id(2), 1)]), &context).unwrap();
                }
            }
        }
    }
}

#[test]
fn carts_of_no_lines_and_too_many() {
    let lines = |count| shop(1, None).quote(&Cart::of(vec![(id(1), 1); count]), &context()).is_ok();
    assert_eq!([0, 1, 1_000, 1_001].map(lines), [false, true, true, false]);
    assert!(shop(1, None).quote(&Cart::of([(id(9), 1)]), &context()).is_err());
}
