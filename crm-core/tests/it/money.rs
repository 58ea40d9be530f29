//! Money and points: checked arithmetic, and text that loses nothing.

use crate::support::rule;
use crm_core::ErrorKind;
use crm_core::kernel::currency::{Currencies, Currency, CurrencyInfo, DisplayUnit};
use crm_core::kernel::money::Money;
use crm_core::kernel::points::Points;
use crm_core::kernel::rate::{Rate, Rounding};
use proptest::prelude::*;

fn pln(minor: i64) -> Money {
    Money::new(minor, Currency::PLN)
}

#[test]
fn currencies_never_mix() {
    let euro = Money::new(1, Currency::EUR);
    assert_eq!(rule(pln(1).checked_add(euro)), "money.currency");
    assert_eq!(rule(pln(1).checked_sub(euro)), "money.currency");
    assert_eq!(rule(pln(1).try_cmp(&euro)), "money.currency");
    assert_eq!(rule(Money::sum(Currency::PLN, [pln(1), euro])), "money.currency");
    assert_ne!(pln(1), euro);
    assert_ne!(Money::zero(Currency::PLN), Money::zero(Currency::EUR));
}

#[test]
fn overflow_is_an_error() {
    assert_eq!(rule(pln(i64::MAX).checked_add(pln(1))), "money.overflow");
    assert_eq!(rule(pln(i64::MIN).checked_sub(pln(1))), "money.overflow");
    assert_eq!(rule(pln(i64::MIN).checked_neg()), "money.overflow");
    assert_eq!(rule(pln(i64::MAX).checked_mul(2)), "money.overflow");
    assert_eq!(rule(pln(i64::MAX).times(&Rate::percent(101), Rounding::Floor)), "money.overflow");
    assert_eq!(rule(Money::sum(Currency::PLN, [pln(i64::MAX), pln(1)])), "money.overflow");
    assert_eq!(Money::sum(Currency::PLN, [pln(i64::MAX), pln(1), pln(-1)]).unwrap(), pln(i64::MAX));
    assert_eq!(Money::sum(Currency::PLN, []).unwrap(), Money::zero(Currency::PLN));

    assert_eq!(rule(Points::new(i64::MAX).checked_add(Points::new(1))), "points.overflow");
    assert_eq!(rule(Points::new(i64::MIN).checked_sub(Points::new(1))), "points.overflow");
    assert_eq!(rule(Points::new(i64::MIN).checked_neg()), "points.overflow");
    assert_eq!(rule(Points::new(i64::MIN).checked_mul(-1)), "points.overflow");
    assert_eq!(rule(Points::new(i64::MIN).times(&Rate::percent(-100), Rounding::Floor)), "points.overflow");
    assert_eq!(rule(Points::sum([Points::new(i64::MIN), Points::new(-1)])), "points.overflow");
}

#[test]
fn signs_and_parts() {
    assert!(pln(0).is_zero() && !pln(0).is_negative() && pln(-1).is_negative() && !pln(1).is_zero());
    assert!(Points::ZERO.is_zero() && Points::new(-1).is_negative() && Points::default() == Points::ZERO);
    assert_eq!(pln(1_999).times(&Rate::percent(5), Rounding::HalfUp).unwrap(), pln(100));
    assert_eq!(pln(1_999).times(&Rate::percent(5), Rounding::Floor).unwrap(), pln(99));
    assert_eq!(Points::sum([Points::new(3), Points::new(4)]).unwrap().get(), 7);
}

#[test]
fn json_names_the_minor_unit() {
    let json = serde_json::to_string(&pln(1250)).unwrap();
    assert_eq!(json, r#"{"minor":1250,"currency":"PLN"}"#);
    assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), pln(1250));
    assert!(serde_json::from_str::<Money>(r#"{"minor":12.5,"currency":"PLN"}"#).is_err());
    assert!(serde_json::from_str::<Money>(r#"{"minor":12,"currency":"pln"}"#).is_err());
    assert_eq!(serde_json::to_string(&Points::new(7)).unwrap(), "7");
}

#[test]
fn reads_major_units_exactly() {
    let currencies = Currencies::iso4217();
    let parse = |text: &str, code: &str| Money::parse(text, Currency::new(code).unwrap(), &currencies);
    for (text, code, minor) in [
        ("12.50", "PLN", 1250),
        ("12.5", "PLN", 1250),
        ("12", "PLN", 1200),
        ("-0.01", "PLN", -1),
        ("1.250", "KWD", 1250),
        ("1250", "JPY", 1250),
        ("۱۲٫۵۰", "EUR", 1250),
        ("١٢٫٥", "EUR", 1250),
        ("۱٬۲۵۰٬۰۰۰", "IRR", 1_250_000),
        ("92233720368547758.07", "PLN", i64::MAX),
        ("-92233720368547758.08", "PLN", i64::MIN),
    ] {
        assert_eq!(parse(text, code).unwrap().minor(), minor, "{text} {code}");
    }
    for (text, code, expected) in [
        ("12.505", "PLN", "money.decimals"),
        ("12.500", "PLN", "money.decimals"),
        ("1.250", "JPY", "money.decimals"),
        ("1,250", "PLN", "number.ambiguous"),
        ("12,50", "PLN", "number.ambiguous"),
        ("twelve", "PLN", "number.format"),
        ("", "PLN", "number.format"),
        ("92233720368547758.08", "PLN", "money.overflow"),
        ("99999999999999999999999999999999999999", "PLN", "money.overflow"),
        ("999999999999999999999999999999999999999", "PLN", "number.too_long"),
    ] {
        assert_eq!(rule(parse(text, code)), expected, "{text:?} {code}");
    }
    assert_eq!(parse("1", "XXX").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn toman_is_ten_rials() {
    let currencies = Currencies::iso4217();
    for (rials, toman, major) in [
        (1_250_000, "125000", "1250000"),
        (125, "12.5", "125"),
        (-5, "-0.5", "-5"),
        (0, "0", "0"),
        (100, "10", "100"),
        (i64::MIN, "-922337203685477580.8", "-9223372036854775808"),
    ] {
        let money = Money::new(rials, Currency::IRR);
        assert_eq!(money.format_display(&currencies).unwrap(), toman);
        assert_eq!(money.format_major(&currencies).unwrap(), major);
        assert_eq!(Money::parse_display(toman, Currency::IRR, &currencies).unwrap(), money);
    }
    assert_eq!(pln(1200).format_display(&currencies).unwrap(), "12.00");
    assert_eq!(rule(Money::parse_display("1.25", Currency::IRR, &currencies)), "money.decimals");
}

proptest! {
    #[test]
    fn text_loses_nothing(minor: i64, exponent in 0_u8..=9, zeros in 0_u32..=9) {
        let currency = Currency::new("TEST").unwrap();
        let display = DisplayUnit { name: "bag".into(), factor: 10_i64.pow(zeros) };
        let mut currencies = Currencies::default();
        currencies
            .register(CurrencyInfo { currency, exponent, name: "Test".into(), display: Some(display) })
            .unwrap();
        let money = Money::new(minor, currency);
        let major = money.format_major(&currencies).unwrap();
        prop_assert_eq!(Money::parse(&major, currency, &currencies).unwrap(), money);
        let shown = money.format_display(&currencies).unwrap();
        prop_assert_eq!(Money::parse_display(&shown, currency, &currencies).unwrap(), money);
    }

    #[test]
    fn arithmetic_agrees_with_wide_integers(a: i64, b: i64) {
        let fits = |wide: i128| i64::try_from(wide).ok().map(pln);
        let (x, y) = (i128::from(a), i128::from(b));
        prop_assert_eq!(pln(a).checked_add(pln(b)).ok(), fits(x + y));
        prop_assert_eq!(pln(a).checked_sub(pln(b)).ok(), fits(x - y));
        prop_assert_eq!(pln(a).checked_mul(b).ok(), fits(x * y));
        prop_assert_eq!(pln(a).checked_neg().ok(), fits(-x));
        prop_assert_eq!(pln(a).try_cmp(&pln(b)).unwrap(), a.cmp(&b));
        prop_assert_eq!(Points::new(a).checked_add(Points::new(b)).ok().map(Points::get), a.checked_add(b));
        prop_assert_eq!(Points::new(a).checked_sub(Points::new(b)).ok().map(Points::get), a.checked_sub(b));
    }

    #[test]
    fn sums_do_not_depend_on_order(mut minors in prop::collection::vec(any::<i64>(), 0..8)) {
        let sum = |minors: &[i64]| Money::sum(Currency::PLN, minors.iter().copied().map(pln)).ok();
        let forward = sum(&minors);
        minors.reverse();
        prop_assert_eq!(forward, sum(&minors));
    }
}
