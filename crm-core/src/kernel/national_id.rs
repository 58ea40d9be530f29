//! Numbers that states and banks give to people and firms, checked by their check digit.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::text;
use crate::{Error, Result};

/// Which number it is, and so which rule checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NationalIdKind {
    /// Iran, a person: `کد ملی`, 10 digits. Leading zeros that a spreadsheet ate (8 or 9 digits) are put back.
    IranPerson,
    /// Iran, a legal entity: `شناسه ملی`, 11 digits.
    IranEntity,
    /// Poland, a person: PESEL, 11 digits that begin with the date of birth.
    Pesel,
    /// Poland, a tax payer: NIP, 10 digits.
    Nip,
    /// Poland, a firm: REGON of 9 digits.
    Regon,
    /// Israel, a person: `מספר זהות`, 9 digits. Leading zeros may be left out, down to 5 digits.
    Israel,
    /// A payment card: 12 to 19 digits with the Luhn check digit (ISO/IEC 7812).
    Card,
}

impl NationalIdKind {
    /// All kinds.
    pub const ALL: [Self; 7] =
        [Self::IranPerson, Self::IranEntity, Self::Pesel, Self::Nip, Self::Regon, Self::Israel, Self::Card];

    /// The allowed numbers of digits as typed, and the number of digits that is stored (zeros are put before).
    fn lengths(self) -> (std::ops::RangeInclusive<usize>, usize) {
        match self {
            Self::IranPerson => (8..=10, 10),
            Self::IranEntity | Self::Pesel => (11..=11, 11),
            Self::Nip => (10..=10, 10),
            Self::Regon => (9..=9, 9),
            Self::Israel => (5..=9, 9),
            Self::Card => (12..=19, 0),
        }
    }

    fn is_valid(self, digits: &[u32]) -> bool {
        let Some((check, body)) = digits.split_last() else { return false };
        // One digit over and over passes some of the checks and is what people type to get past a form.
        if body.iter().all(|d| d == check) {
            return false;
        }
        match self {
            Self::IranPerson => {
                let rest = weighted(body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
                *check == if rest < 2 { rest } else { 11 - rest }
            }
            Self::IranEntity => {
                let shift = body.last().copied().unwrap_or(0) + 2;
                let shifted: Vec<u32> = body.iter().map(|d| d + shift).collect();
                *check == weighted(&shifted, &[29, 27, 23, 19, 17, 29, 27, 23, 19, 17]) % 11 % 10
            }
            Self::Pesel => {
                (weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1])).is_multiple_of(10) && pesel_date(digits)
            }
            Self::Nip => *check == weighted(body, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11,
            Self::Regon => *check == weighted(body, &[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10,
            Self::Israel | Self::Card => luhn(digits),
        }
    }
}

/// A number with the check digit in order: digits only, in their full length.
///
/// That the number belongs to somebody, or to this customer, only the state knows. `Debug` shows the last two digits
/// only; `Display` and serde give the whole number.
///
/// ```
/// use crm_core::kernel::national_id::{NationalId, NationalIdKind};
/// # fn main() -> crm_core::Result<()> {
/// let id = NationalId::parse(NationalIdKind::Nip, "526-025-02-74")?;
/// assert_eq!(id.as_str(), "5260250274");
/// assert_eq!(format!("{id:?}"), "NationalId(Nip, …74)");
/// assert!(NationalId::parse(NationalIdKind::Nip, "526-025-02-75").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct NationalId {
    kind: NationalIdKind,
    number: String,
}

#[derive(Deserialize)]
struct Unchecked {
    kind: NationalIdKind,
    number: String,
}

impl NationalId {
    /// Reads a number as people type it: Persian and Arabic-Indic digits are folded; spaces, hyphens, dots, slashes and
    /// invisible characters are dropped.
    ///
    /// # Errors
    ///
    /// Field `national_id`, rule `national_id.format` for a wrong number of digits or other characters,
    /// `national_id.checksum` for a check digit (or the date within a PESEL) that is wrong.
    pub fn parse(kind: NationalIdKind, input: &str) -> Result<Self> {
        let format = || Error::invalid("national_id", "national_id.format");
        let is_separator = |c: char| c.is_whitespace() || "-./–".contains(c) || text::is_invisible(c);
        let (typed, stored) = kind.lengths();
        // One character more than any number has is enough to see that it is too long.
        let number: String = text::fold_digits(input).chars().filter(|c| !is_separator(*c)).take(20).collect();
        let digits: Option<Vec<u32>> = number.chars().map(|c| c.to_digit(10)).collect();
        let mut digits = digits.filter(|digits| typed.contains(&digits.len())).ok_or_else(format)?;
        let missing = stored.saturating_sub(digits.len());
        digits.splice(0..0, std::iter::repeat_n(0, missing));
        if !kind.is_valid(&digits) {
            return Err(Error::invalid("national_id", "national_id.checksum"));
        }
        Ok(Self { kind, number: "0".repeat(missing) + &number })
    }

    /// Which number it is.
    pub fn kind(&self) -> NationalIdKind {
        self.kind
    }

    /// The digits, in full length.
    pub fn as_str(&self) -> &str {
        &self.number
    }
}

fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// Every second digit from the right is doubled and its digits are added; the sum ends in zero (ISO/IEC 7812-1, annex B).
fn luhn(digits: &[u32]) -> bool {
    let doubled = |d: &u32| if *d < 5 { d * 2 } else { d * 2 - 9 };
    let sum: u32 = digits.iter().rev().enumerate().map(|(i, d)| if i % 2 == 1 { doubled(d) } else { *d }).sum();
    sum.is_multiple_of(10)
}

/// The date of birth in a PESEL: yymmdd, with the century added to the month.
fn pesel_date(digits: &[u32]) -> bool {
    let [y1, y2, m1, m2, d1, d2, ..] = digits else { return false };
    let (month, day) = (m1 * 10 + m2, d1 * 10 + d2);
    let century = [1900, 2000, 2100, 2200, 1800].get((month / 20) as usize).copied().unwrap_or_default();
    let year = century + y1 * 10 + y2;
    i32::try_from(year).is_ok_and(|year| NaiveDate::from_ymd_opt(year, month % 20, day).is_some())
}

impl TryFrom<Unchecked> for NationalId {
    type Error = Error;

    fn try_from(unchecked: Unchecked) -> Result<Self> {
        Self::parse(unchecked.kind, &unchecked.number)
    }
}

impl fmt::Display for NationalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)
    }
}

impl fmt::Debug for NationalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = self.number.get(self.number.len().saturating_sub(2)..).unwrap_or("");
        write!(f, "NationalId({:?}, …{tail})", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use NationalIdKind::*;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_numbers() {
        for (kind, input, number) in [
            // Public examples, and numbers worked by hand from the published rules.
            (IranPerson, "0499370899", "0499370899"),
            (IranPerson, "۰۰۸۴۵۷۵۹۴۸", "0084575948"),
            (IranPerson, "84575948", "0084575948"),
            (IranPerson, "790419904", "0790419904"),
            (IranPerson, "123-456789-1", "1234567891"),
            (IranEntity, "10380284790", "10380284790"),
            (IranEntity, "١٠٣٨٠٢٨٤٧٩٠", "10380284790"),
            (Pesel, "02070803628", "02070803628"), // the specimen of the Polish government
            (Pesel, "44051401359", "44051401359"),
            (Nip, "526-025-02-74", "5260250274"), // the Polish Ministry of Finance
            (Regon, "000002217", "000002217"),    // the same
            (Regon, "123456785", "123456785"),
            (Israel, "123456782", "123456782"),
            (Israel, "00000-0018", "000000018"),
            (Israel, "12344", "000012344"),
            (Card, "4111 1111 1111 1111", "4111111111111111"),
            (Card, "378282246310005", "378282246310005"),
        ] {
            let id = NationalId::parse(kind, input).unwrap();
            assert_eq!((id.as_str(), id.kind(), id.to_string().as_str()), (number, kind, number));
        }
    }

    #[test]
    fn refused_numbers() {
        for (kind, input, rule) in [
            (IranPerson, "1234567890", "national_id.checksum"),
            (IranPerson, "1111111111", "national_id.checksum"),
            (IranPerson, "0000000000", "national_id.checksum"),
            (IranPerson, "1234567", "national_id.format"),
            (IranPerson, "12345678901", "national_id.format"),
            (IranPerson, "12345x7891", "national_id.format"),
            (IranEntity, "10380284791", "national_id.checksum"),
            (Pesel, "44051401358", "national_id.checksum"),
            (Pesel, "44133101354", "national_id.checksum"), // no such date
            (Nip, "1234567890", "national_id.checksum"),    // remainder 10 has no check digit
            (Regon, "123456786", "national_id.checksum"),
            (Israel, "123456789", "national_id.checksum"),
            (Israel, "0000", "national_id.format"),
            (Israel, "000000000", "national_id.checksum"),
            (Card, "4111111111111112", "national_id.checksum"),
            (Card, "41111111111", "national_id.format"),
            (Card, "41111111111111111111", "national_id.format"),
            (Card, "", "national_id.format"),
            (Card, "4111111111111111²", "national_id.format"),
        ] {
            match NationalId::parse(kind, input) {
                Err(Error::Invalid { rule: got, .. }) => assert_eq!(got, rule, "{kind:?} {input}"),
                other => panic!("{kind:?} {input}: {other:?}"),
            }
        }
    }

    #[test]
    fn serde_checks_and_debug_hides() {
        let json = r#"{"kind":"iran_person","number":"0084575948"}"#;
        let id: NationalId = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), json);
        assert_eq!(format!("{id:?}"), "NationalId(IranPerson, …48)");
        assert!(serde_json::from_str::<NationalId>(&json.replace('8', "7")).is_err());
    }

    proptest! {
        /// These rules find every single wrong digit. The others fold two remainders into one check digit and cannot.
        #[test]
        fn one_wrong_digit_is_found(kind in prop::sample::select(vec![Pesel, Nip, Israel, Card]), seed in 0_u64..10_000_000_000, at in 0_usize..9, by in 1_u32..10) {
            let length = if kind == Card { 16 } else { kind.lengths().1 };
            let start = format!("{seed:0length$}");
            // Walk to the next number that is right.
            let valid = (0..5_000_u64).find_map(|i| {
                let text = format!("{:0length$}", start.parse::<u64>().unwrap() + i);
                NationalId::parse(kind, &text).ok()
            });
            if let Some(id) = valid {
                let wrong: String = id.as_str().chars().enumerate().map(|(i, c)| {
                    let d = c.to_digit(10).unwrap();
                    char::from_digit(if i == at { (d + by) % 10 } else { d }, 10).unwrap()
                }).collect();
                prop_assert!(NationalId::parse(kind, &wrong).is_err(), "{} {}", id, wrong);
            }
        }

        #[test]
        fn parsing_never_panics(chars in prop::collection::vec(any::<char>(), 0..30), number in "[0-9۰-۹]{0,24}") {
            for text in [chars.into_iter().collect::<String>(), number] {
                for kind in NationalIdKind::ALL {
                    if let Ok(id) = NationalId::parse(kind, &text) {
                        prop_assert_eq!(NationalId::parse(kind, id.as_str()).unwrap(), id);
                    }
                }
            }
        }
    }
}
