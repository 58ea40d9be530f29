use super::*;
use crate::catalog::Product;
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::pricing::{
    Assortment, Cart, CategoryTree, Context, Detail, Discount, Off, Policy, PolicySettings, PriceRule, RuleTerms, quote,
};
use crate::work::{Json, Version};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A line of two pieces with a discount, one that lost, and a cash discount.
fn explained(language: Language, currency: Currency, price: i64, rule_name: &str) -> String {
    let product = Product {
        id: Uuid::from_u128(1).into(),
        version: Version::FIRST,
        sku: "tea".into(),
        name: "چای".into(),
        category_id: None,
        price_minor: price,
        currency,
        stocked: true,
        oversell: false,
        active: true,
        floor_minor: None,
        tax_class: None,
        attributes: Json::default(),
    };
    let rules = [(1, rule_name, 15), (2, "Summer", 5)].map(|(id, name, percent)| PriceRule {
        id: Uuid::from_u128(id).into(),
        number: 1,
        effective_from: Timestamp::UNIX_EPOCH,
        effective_until: None,
        terms: Some(Json(RuleTerms::new(
            name,
            Stage::Campaign,
            Assortment::Everything,
            Adjustment::Percent(Rate::percent(percent)),
        ))),
    });
    let policy = Policy::compile(&rules, CategoryTree::default(), Vec::new(), PolicySettings::default()).unwrap();
    let now = Timestamp::from_micros(1).unwrap();
    let context = Context::new(Uuid::nil().into(), currency, "2025-03-21".parse().unwrap(), now);
    let cash = Discount { off: Off::Amount(Money::new(10, currency)), reason: "rounding".into() };
    let cart = Cart { cash: Some(cash), ..Cart::of([(product.id, 2)]) };
    let names = Names { product: &|_| Some(product.name.clone()), rule: &|id| policy.rule_name(id).map(str::to_owned) };
    let products = BTreeMap::from([(product.id, product.clone())]);
    let quote = quote(&policy, &products, &cart, &context, Detail::Explained).unwrap();
    explain(&quote, language, &Currencies::iso4217(), &names).unwrap()
}

#[test]
fn in_english() {
    let expected = "\
1. \u{2068}چای\u{2069}: 2 × 1,000.00\u{a0}PLN = 2,000.00\u{a0}PLN
   −300.00\u{a0}PLN: campaign, \u{2068}Autumn\u{2069}: 15% of 2,000.00\u{a0}PLN
   −0.10\u{a0}PLN: cash discount, by hand (\u{2068}rounding\u{2069}): share of 0.10\u{a0}PLN off the order, of 1,700.00\u{a0}PLN
   not applied: campaign, \u{2068}Summer\u{2069}: \u{2068}Autumn\u{2069} takes off more
   after discounts: 1,699.90\u{a0}PLN
List prices: 2,000.00\u{a0}PLN
Discounts: −300.10\u{a0}PLN
To pay: 1,699.90\u{a0}PLN";
    assert_eq!(explained(Language::En, Currency::PLN, 100_000, "Autumn"), expected);
}

#[test]
fn in_polish() {
    let text = explained(Language::Pl, Currency::PLN, 100_000, "Jesień");
    assert!(text.contains("15% od kwoty 2\u{a0}000,00\u{a0}zł"), "{text}");
    assert!(text.contains("reguła \u{2068}Jesień\u{2069} obniża cenę bardziej"), "{text}");
    // 2 × 12 tomans, 3.6 off, 1 off: every form of the noun.
    let text = explained(Language::Pl, Currency::IRR, 120, "Jesień");
    for part in ["12\u{a0}tomanów", "24\u{a0}tomany", "3,6\u{a0}tomana", "1\u{a0}toman "] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn in_hebrew() {
    let text = explained(Language::He, Currency::ILS, 100_000, "סתיו");
    assert!(text.contains("\u{2066}15%\u{2069} מתוך \u{2066}2,000.00\u{2069}\u{a0}₪"), "{text}");
    assert!(text.contains("הכלל \u{2068}סתיו\u{2069} נותן הנחה גדולה יותר"), "{text}");
}

#[test]
fn in_persian() {
    let text = explained(Language::Fa, Currency::IRR, 100_000, "پاییز");
    assert!(text.contains("\u{2066}۱۵٪\u{2069} از \u{2066}۲۰٬۰۰۰\u{2069}\u{a0}تومان"), "{text}");
    assert!(text.ends_with("قابل پرداخت: \u{2066}۱۶٬۹۹۹\u{2069}\u{a0}تومان"), "{text}");
}

#[test]
fn every_sentence_names_all_it_is_given() {
    for texts in [&en::TEXTS, &pl::TEXTS, &he::TEXTS, &fa::TEXTS] {
        let why = &texts.why;
        let sentences: &[(&str, &[&str])] = &[
            (texts.line, &["number", "product", "quantity", "unit", "list"]),
            (texts.taken, &["stage", "by", "how", "off"]),
            (texts.percent, &["rate", "of"]),
            (texts.per_piece, &["amount", "of"]),
            (texts.per_line, &["amount", "of"]),
            (texts.per_order, &["amount", "of"]),
            (texts.fixed, &["amount", "of"]),
            (texts.by_hand, &["reason"]),
            (texts.net, &["net"]),
            (texts.tax_included, &["rate", "tax"]),
            (texts.tax_on_top, &["rate", "tax"]),
            (texts.lost, &["stage", "rule", "why"]),
            (texts.list, &["list"]),
            (texts.discount, &["discount"]),
            (texts.tax, &["tax"]),
            (texts.total, &["total"]),
            (why.more_specific, &["rule"]),
            (why.more_personal, &["rule"]),
            (why.group_before, &["rule"]),
            (why.priority, &["rule"]),
            (why.smaller, &["rule"]),
            (why.equal, &["rule"]),
            (why.exclusive, &["rule"]),
            (why.last, &["rule"]),
            (why.at_least_pieces, &["least"]),
            (why.at_least_amount, &["least"]),
        ];
        for (sentence, names) in sentences {
            assert_eq!(sentence.matches('{').count(), names.len(), "{sentence}");
            assert!(names.iter().all(|name| sentence.contains(&format!("{{{name}}}"))), "{sentence}");
        }
    }
}

#[test]
fn a_name_cannot_break_out_nor_be_taken_for_a_sentence() {
    let text = explained(Language::En, Currency::PLN, 1_000, "{off}\u{2069}\u{202e}evil");
    assert!(text.contains("\u{2068}{off}evil\u{2069}"), "{text}");
}
