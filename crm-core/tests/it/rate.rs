//! Exact rates: rounding against a table, and laws against the widest integers.

use crate::support::rule;
use crm_core::kernel::rate::{Rate, Rounding};
use proptest::prelude::*;
use rust_decimal::Decimal;

const ROUNDINGS: [Rounding; 5] =
    [Rounding::Floor, Rounding::Ceil, Rounding::Trunc, Rounding::HalfUp, Rounding::HalfEven];

fn rate(num: i64, den: i64) -> Rate {
    Rate::new(num, den).unwrap()
}

#[test]
fn rounds_by_the_table() {
    //  tenths, floor, ceil, trunc, half up, half even
    for (tenths, expected) in [
        (20, [2, 2, 2, 2, 2]),
        (24, [2, 3, 2, 2, 2]),
        (25, [2, 3, 2, 3, 2]),
        (26, [2, 3, 2, 3, 3]),
        (35, [3, 4, 3, 4, 4]),
        (5, [0, 1, 0, 1, 0]),
        (0, [0, 0, 0, 0, 0]),
        (-5, [-1, 0, 0, -1, 0]),
        (-24, [-3, -2, -2, -2, -2]),
        (-25, [-3, -2, -2, -3, -2]),
        (-26, [-3, -2, -2, -3, -3]),
        (-35, [-4, -3, -3, -4, -4]),
    ] {
        let rounded = ROUNDINGS.map(|rounding| rate(1, 10).apply(tenths, rounding).unwrap());
        assert_eq!(rounded, expected, "{tenths} tenths");
    }
}

#[test]
fn is_kept_in_lowest_terms() {
    assert_eq!(rate(15, 200), rate(3, 40));
    assert_eq!((rate(6, -8).num(), rate(6, -8).den()), (-3, 4));
    assert_eq!(rate(0, -7), Rate::ZERO);
    assert_eq!(Rate::percent(100), Rate::ONE);
    assert_eq!(Rate::percent(-5), rate(-1, 20));
    assert_eq!(Rate::basis_points(750), rate(3, 40));
    assert_eq!(Rate::percent(i64::MIN), rate(i64::MIN, 100));
    assert_eq!(rate(i64::MIN, i64::MIN), Rate::ONE);
    assert_eq!(rule(Rate::new(1, 0)), "rate.zero_denominator");
    assert_eq!(rule(Rate::new(0, 0)), "rate.zero_denominator");
    assert_eq!(rule(Rate::new(1, i64::MIN)), "rate.overflow");
    assert_eq!(rule(Rate::new(i64::MIN, -1)), "rate.overflow");
    assert_eq!(rule(Rate::ZERO.inverse()), "rate.zero_denominator");
}

#[test]
fn reads_what_people_type_and_writes_one_form() {
    for (text, expected) in [
        ("3/40", rate(3, 40)),
        ("-6 / 8", rate(-3, 4)),
        ("7.5%", rate(3, 40)),
        ("۷٫۵٪", rate(3, 40)),
        (" 7.5 % ", rate(3, 40)),
        ("0.075", rate(3, 40)),
        ("-12%", rate(-3, 25)),
        ("2", rate(2, 1)),
    ] {
        assert_eq!(text.parse::<Rate>().unwrap(), expected, "{text:?}");
    }
    assert_eq!(serde_json::to_string(&rate(3, 40)).unwrap(), "\"3/40\"");
    assert_eq!(serde_json::from_str::<Rate>("\"7.5%\"").unwrap(), rate(3, 40));
    assert!(serde_json::from_str::<Rate>("0.075").is_err(), "a JSON number may be a float");
    for (text, expected) in [
        ("1/0", "rate.zero_denominator"),
        ("1/", "rate.format"),
        ("1/2/3", "rate.format"),
        ("9223372036854775808/1", "rate.format"),
        ("7,5%", "number.ambiguous"),
        ("%", "number.format"),
        ("7%%", "number.format"),
        ("0.0000000000000000001", "rate.overflow"),
        ("0.00000000000000000000000000000000000001", "number.too_long"),
        ("0.0000000000000000000000000000000000001%", "rate.overflow"),
        ("99999999999999999999", "rate.overflow"),
    ] {
        assert_eq!(rule(text.parse::<Rate>()), expected, "{text:?}");
    }
    assert_eq!(serde_json::to_string(&Rounding::HalfEven).unwrap(), "\"half_even\"");
}

#[test]
fn decimals_are_exact_or_refused() {
    assert_eq!(Rate::try_from(Decimal::new(75, 3)).unwrap(), rate(3, 40));
    assert_eq!(rate(3, 40).to_decimal().unwrap(), Decimal::new(75, 3));
    assert_eq!(rule(rate(1, 3).to_decimal()), "rate.not_decimal");
    assert_eq!(rule(rate(1, 1 << 40).to_decimal()), "rate.not_decimal", "exact only with 40 decimals");
    assert_eq!(rule(rate(i64::MAX, 1 << 28).to_decimal()), "rate.not_decimal", "exact only with 47 digits");
    assert_eq!(rule(Rate::try_from(Decimal::MAX)), "rate.overflow");
}

#[test]
fn adds_and_multiplies_exactly() {
    // S-14: base × (1 + Σ bonus).
    let bonus = rate(1, 10).checked_add(&rate(1, 15)).unwrap();
    assert_eq!(bonus, rate(1, 6));
    assert_eq!(Rate::percent(3).checked_mul(&Rate::ONE.checked_add(&bonus).unwrap()).unwrap(), rate(7, 200));
    assert_eq!(rule(rate(i64::MAX, 1).checked_add(&Rate::ONE)), "rate.overflow");
    assert_eq!(rule(rate(1, i64::MAX).checked_mul(&rate(1, 2))), "rate.overflow");
}

fn any_rate() -> impl Strategy<Value = Rate> {
    let small = (-1_000_i64..1_000, 1_i64..1_000).prop_map(|(num, den)| rate(num, den));
    let wide = (any::<i64>(), 1..=i64::MAX).prop_map(|(num, den)| rate(num, den));
    prop_oneof![small, wide]
}

proptest! {
    #[test]
    fn text_and_serde_round_trip(rate in any_rate()) {
        prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
        let json = serde_json::to_string(&rate).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rate>(&json).unwrap(), rate);
    }

    #[test]
    fn decimals_round_trip(mantissa: i64, scale in 0_u32..=18) {
        let decimal = Decimal::new(mantissa, scale);
        prop_assert_eq!(Rate::try_from(decimal).unwrap().to_decimal().unwrap(), decimal);
    }

    #[test]
    fn rounded_results_enclose_the_exact_one(rate in any_rate(), amount: i64) {
        let exact_times_den = i128::from(amount) * i128::from(rate.num());
        let den = i128::from(rate.den());
        let rounded = ROUNDINGS.map(|rounding| rate.apply(amount, rounding));
        for (rounding, result) in ROUNDINGS.iter().zip(rounded) {
            let Ok(whole) = result else {
                prop_assert!((exact_times_den / den).unsigned_abs() >= i64::MAX.unsigned_abs().into());
                continue;
            };
            let off = i128::from(whole) * den - exact_times_den;
            let allowed = match rounding {
                Rounding::Floor => (1 - den)..=0,
                Rounding::Trunc if exact_times_den >= 0 => (1 - den)..=0,
                Rounding::Ceil | Rounding::Trunc => 0..=(den - 1),
                Rounding::HalfUp | Rounding::HalfEven => (-den / 2)..=(den / 2),
            };
            prop_assert!(allowed.contains(&off), "{:?} of {}: off by {}/{}", rounding, rate, off, den);
        }
    }

    #[test]
    fn changing_there_and_back_never_gains(amount: i64, num in 1..=i64::MAX, den in 1..=i64::MAX) {
        let there = rate(num, den);
        let back = there.inverse().unwrap();
        if let Ok(changed) = there.apply(amount, Rounding::Floor) {
            prop_assert!(back.apply(changed, Rounding::Floor).unwrap() <= amount);
        }
    }

    /// S-20: the points asked for an amount (ceil) always buy that amount (floor).
    #[test]
    fn points_asked_for_cover_the_amount(amount in 0..i64::MAX / 2_000, num in 1_i64..1_000, den in 1_i64..1_000) {
        let points_to_money = rate(num, den);
        let points = points_to_money.inverse().unwrap().apply(amount, Rounding::Ceil).unwrap();
        prop_assert!(points_to_money.apply(points, Rounding::Floor).unwrap() >= amount);
        prop_assert!(points == 0 || points_to_money.apply(points - 1, Rounding::Floor).unwrap() < amount);
    }

    #[test]
    fn order_agrees_with_application(a in any_rate(), b in any_rate(), amount in 0_i64..1_000_000) {
        if let (Ok(left), Ok(right)) = (a.apply(amount, Rounding::Floor), b.apply(amount, Rounding::Floor)) {
            let in_order = if a <= b { left <= right } else { left >= right };
            prop_assert!(in_order);
        }
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
    }

    #[test]
    fn sums_and_products_obey_the_laws(a in any_rate(), b in any_rate()) {
        prop_assert_eq!(a.checked_add(&b).ok(), b.checked_add(&a).ok());
        prop_assert_eq!(a.checked_mul(&b).ok(), b.checked_mul(&a).ok());
        prop_assert_eq!(a.checked_add(&Rate::ZERO).unwrap(), a);
        prop_assert_eq!(a.checked_mul(&Rate::ONE).unwrap(), a);
        if let Ok(inverse) = a.inverse() {
            prop_assert_eq!(a.checked_mul(&inverse).unwrap(), Rate::ONE);
        }
    }

    #[test]
    fn any_text_is_a_rate_or_refused(text in "[-+0-9./%٪ ]{0,50}") {
        let _ = text.parse::<Rate>();
    }
}
