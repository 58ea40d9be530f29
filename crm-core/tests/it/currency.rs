//! Codes and the registry, with another crate's list of ISO 4217 as the oracle.

use crm_core::kernel::currency::{Currencies, Currency, CurrencyInfo, DisplayUnit};
use crm_core::{Error, ErrorKind};
use iso_currency::{Flag, IntoEnumIterator};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn token(exponent: u8) -> CurrencyInfo {
    CurrencyInfo { currency: Currency::new("TOKEN").unwrap(), exponent, name: "Token".into(), display: None }
}

#[test]
fn a_code_is_three_to_eight_upper_case_letters() {
    for code in ["PLN", "USDT", "ABCDEFGH"] {
        let currency = Currency::new(code).unwrap();
        assert_eq!(currency.as_str(), code);
        assert_eq!(code.parse::<Currency>().unwrap(), currency);
        let json = serde_json::to_string(&currency).unwrap();
        assert_eq!(json, format!("\"{code}\""));
        assert_eq!(serde_json::from_str::<Currency>(&json).unwrap(), currency);
    }
    for code in ["", "PL", "pln", "PLn", "PLN ", "P N", "zł", "PŁN", "ABCDEFGHI", "PL1", "PLN\0", "\0\0\0"] {
        let error = Currency::new(code).unwrap_err();
        assert!(matches!(error, Error::Invalid { rule: "currency.code", .. }), "{code:?}");
        assert!(serde_json::from_value::<Currency>(code.into()).is_err(), "{code:?}");
    }
    assert_eq!(format!("{:?} {:>5}", Currency::EUR, Currency::EUR), "Currency(EUR)   EUR");
}

/// Every difference to the oracle has its reason here; a new one fails the test.
#[test]
fn the_seed_is_iso_4217() {
    let ours: BTreeMap<String, u8> =
        Currencies::iso4217().iter().map(|info| (info.currency.to_string(), info.exponent)).collect();
    let mut expected: BTreeMap<String, u8> = iso_currency::Currency::iter()
        .filter(|theirs| theirs.flags().iter().all(|flag| !matches!(flag, Flag::Superseded(_))))
        // No minor unit, so no amounts: metals, bond units, XDR, XTS, XXX and the like.
        .filter_map(|theirs| Some((theirs.code().to_owned(), u8::try_from(theirs.exponent()?).ok()?)))
        .collect();
    // The oracle calls it superseded by VED, but ISO lists both: amendment 170 keeps VES valid beside VED.
    expected.insert("VES".into(), 2);
    // ISO says two decimals; we count whole rials (S-21).
    expected.insert("IRR".into(), 0);
    assert_eq!(ours, expected);
}

#[test]
fn the_seed_is_well_formed() {
    let currencies = Currencies::iso4217();
    for info in currencies.iter() {
        assert_eq!(Currency::new(info.currency.as_str()).unwrap(), info.currency);
        assert!(!info.name.is_empty());
    }
    // A table of our own, should the oracle ever be wrong.
    for (code, exponent) in
        [("PLN", 2), ("ILS", 2), ("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("HUF", 2), ("IRR", 0)]
    {
        assert_eq!(currencies.get(Currency::new(code).unwrap()).unwrap().exponent, exponent, "{code}");
    }
    for gone in ["BGN", "HRK", "ANG", "SLL", "ZWL", "XAU", "XXX", "DEM"] {
        assert_eq!(currencies.get(Currency::new(gone).unwrap()).unwrap_err().kind(), ErrorKind::NotFound, "{gone}");
    }
    let rial = currencies.get(Currency::IRR).unwrap();
    assert_eq!(rial.display, Some(DisplayUnit { name: "toman".into(), factor: 10 }));
    assert_eq!((rial.unit_name(), currencies.get(Currency::PLN).unwrap().unit_name()), ("toman", "PLN"));
}

#[test]
fn registering_twice_needs_the_same_entry() {
    let mut currencies = Currencies::default();
    currencies.register(token(3)).unwrap();
    currencies.register(token(3)).unwrap();
    assert_eq!(currencies.register(token(2)).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(currencies.get(token(3).currency).unwrap(), &token(3));
    assert_eq!(currencies.iter().count(), 1);
}

#[test]
fn replacing_is_explicit() {
    let mut currencies = Currencies::iso4217();
    let new_rial =
        CurrencyInfo { currency: Currency::IRR, exponent: 2, name: "Iranian Rial (new)".into(), display: None };
    assert_eq!(currencies.register(new_rial.clone()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let old = currencies.replace(new_rial.clone()).unwrap();
    assert_eq!(old.unit_name(), "toman");
    assert_eq!(currencies.get(Currency::IRR).unwrap(), &new_rial);
    assert_eq!(currencies.replace(token(2)).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn entries_that_can_not_be_shown_exactly_are_refused() {
    let with_factor = |exponent, factor| CurrencyInfo {
        display: Some(DisplayUnit { name: "bag".into(), factor }),
        ..token(exponent)
    };
    let mut currencies = Currencies::default();
    for bad in [
        with_factor(0, 0),
        with_factor(0, -10),
        with_factor(0, 12),
        with_factor(0, i64::MAX),
        with_factor(18, 10),
        token(19),
        token(255),
    ] {
        assert_eq!(currencies.register(bad.clone()).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
    }
    assert_eq!(currencies.iter().count(), 0);
    currencies.register(with_factor(0, 10_i64.pow(18))).unwrap();
    assert_eq!(currencies.replace(with_factor(0, 11)).unwrap_err().kind(), ErrorKind::Invalid);
    currencies.replace(token(18)).unwrap();
    let json = serde_json::to_string(&with_factor(2, 10)).unwrap();
    assert_eq!(serde_json::from_str::<CurrencyInfo>(&json).unwrap(), with_factor(2, 10));
}

proptest! {
    #[test]
    fn codes_sort_and_compare_as_text(a in "[A-Z]{3,8}", b in "[A-Z]{3,8}") {
        let (left, right) = (Currency::new(&a).unwrap(), Currency::new(&b).unwrap());
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        prop_assert_eq!(left.to_string(), a);
    }

    #[test]
    fn any_text_is_a_code_or_refused(text in "\\PC{0,12}") {
        if let Ok(currency) = Currency::new(&text) {
            prop_assert_eq!(currency.as_str(), text);
        }
    }
}
