//! Phone numbers as E.164 (C04): one spelling for storage, uniqueness and sending.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text;
use crate::{Error, Result};

/// Longer input is no phone number; no field asks for more.
const MAX_INPUT: usize = 250;

/// A phone number in E.164: `+`, the country calling code and the national number, 7 to 15 digits together.
///
/// `Debug` shows the last two digits only, so that numbers do not reach logs; `Display` and serde give the whole number.
///
/// ```
/// use crm_core::kernel::phone::Phone;
/// # fn main() -> crm_core::Result<()> {
/// let phone = Phone::parse("+98 (912) 345-6789", None)?;
/// assert_eq!(phone.as_str(), "+989123456789");
/// assert_eq!(format!("{phone:?}"), "Phone(…89)");
/// # #[cfg(feature = "phone")]
/// assert_eq!(Phone::parse("۰۹۱۲ ۳۴۵ ۶۷۸۹", Some("IR"))?, phone);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// Reads a number as people type it. Persian and Arabic-Indic digits are folded and invisible characters dropped
    /// first. A number in national form is read as one of `default_region`, an ISO 3166 code such as `IR`; without a
    /// region only international numbers (`+…` or `00…`) are read.
    ///
    /// With the feature `phone` (on by default) the number must exist in the numbering plan of its country. Plans grow:
    /// when a new range is refused, update `rlibphonenumber`. A number that is stored already is read by
    /// [`Phone::from_e164`], which knows no plans.
    ///
    /// # Errors
    ///
    /// Field `phone`, with the rule
    /// - `phone.format`: this is no phone number, or none of that country;
    /// - `phone.region`: the region is unknown, or none was given and the number is in national form;
    /// - `phone.extension`: the number has an extension, which E.164 has no place for and which must not get lost;
    /// - `phone.national_form`: the crate was built without the feature `phone`, so that only international numbers can
    ///   be read. Switch the feature on for national forms.
    pub fn parse(input: &str, default_region: Option<&str>) -> Result<Self> {
        if input.len() > MAX_INPUT {
            return Err(invalid("phone.format"));
        }
        let plain: String = text::fold_digits(input).chars().filter(|c| !text::is_invisible(*c)).collect();
        let plain = plain.trim();
        match plain.strip_prefix("00") {
            Some(rest) if default_region.is_none() => plan::parse(&format!("+{rest}"), None),
            _ => plan::parse(plain, default_region),
        }
    }

    /// A number that is in E.164 already, for example from the storage. Only the shape is checked, so that what was
    /// stored can always be read again.
    ///
    /// # Errors
    ///
    /// `phone.format` when it is not `+` and 7 to 15 ASCII digits, the first not zero.
    pub fn from_e164(number: impl Into<String>) -> Result<Self> {
        let number = number.into();
        let digits = number.strip_prefix('+').unwrap_or("");
        let is_e164 =
            (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if is_e164 { Ok(Self(number)) } else { Err(invalid("phone.format")) }
    }

    /// The number in E.164, for example `+989123456789`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits without the plus: the calling code and the national number. A search for the end of a number
    /// compares with the end of this.
    pub fn digits(&self) -> &str {
        self.0.strip_prefix('+').unwrap_or(&self.0)
    }

    /// Whether a text message can be expected to arrive. `None` when the plan does not tell mobile from fixed (as in
    /// North America), does not know the number, or the crate was built without the feature `phone`.
    pub fn is_mobile(&self) -> Option<bool> {
        plan::is_mobile(&self.0)
    }
}

fn invalid(rule: &'static str) -> Error {
    Error::invalid("phone", rule)
}

/// The numbering plans of the world.
#[cfg(feature = "phone")]
mod plan {
    use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType, Region};

    use super::{Phone, Result, invalid};

    pub(super) fn parse(plain: &str, region: Option<&str>) -> Result<Phone> {
        let known = region.map(self::region).transpose()?;
        let number = PHONE_NUMBER_UTIL.parse(plain, known).map_err(|_| {
            let is_national =
                known.is_none() && !plain.contains(['+', '＋']) && plain.contains(|c: char| c.is_ascii_digit());
            invalid(if is_national { "phone.region" } else { "phone.format" })
        })?;
        if !PHONE_NUMBER_UTIL.is_valid_number(&number) {
            return Err(invalid("phone.format"));
        }
        if number.extension.as_deref().is_some_and(|extension| !extension.is_empty()) {
            return Err(invalid("phone.extension"));
        }
        Phone::from_e164(number.to_string())
    }

    fn region(code: &str) -> Result<Region> {
        let region = Region::from_code(&code.to_ascii_uppercase()).ok();
        region
            .filter(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(*region).is_some())
            .ok_or_else(|| invalid("phone.region"))
    }

    pub(super) fn is_mobile(number: &str) -> Option<bool> {
        let number = PHONE_NUMBER_UTIL.parse(number, None).ok()?;
        match PHONE_NUMBER_UTIL.get_number_type(&number) {
            PhoneNumberType::Mobile => Some(true),
            PhoneNumberType::Unknown | PhoneNumberType::FixedLineOrMobile | PhoneNumberType::PersonalNumber => None,
            _ => Some(false),
        }
    }
}

/// Without the plans: international numbers by their shape.
#[cfg(not(feature = "phone"))]
mod plan {
    use super::{Phone, Result, invalid};

    pub(super) fn parse(plain: &str, _region: Option<&str>) -> Result<Phone> {
        let plain = plain.strip_prefix("tel:").unwrap_or(plain);
        let Some(rest) = plain.strip_prefix('+').or_else(|| plain.strip_prefix("00")) else {
            return Err(invalid("phone.national_form"));
        };
        // "+44 (0) 20 …" holds a digit that is not dialled.
        let is_plain = rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '\u{a0}' | '-' | '.' | '(' | ')'));
        if !is_plain || rest.contains("(0") {
            return Err(invalid("phone.format"));
        }
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        Phone::from_e164(format!("+{digits}"))
    }

    pub(super) fn is_mobile(_number: &str) -> Option<bool> {
        None
    }
}

impl TryFrom<String> for Phone {
    type Error = Error;

    fn try_from(number: String) -> Result<Self> {
        Self::from_e164(number)
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone(…{})", self.0.get(self.0.len().saturating_sub(2)..).unwrap_or(""))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(result: Result<Phone>) -> &'static str {
        match result {
            Err(Error::Invalid { field, rule }) if field == "phone" => rule,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn international_numbers_with_and_without_plans() {
        for input in [
            "+989123456789",
            "00989123456789",
            "+98 912 345 6789",
            "tel:+98-912-345-6789",
            "+۹۸ ۹۱۲ ۳۴۵ ۶۷۸۹",
            "٠٠٩٨٩١٢٣٤٥٦٧٨٩",
            "\u{202a}+98\u{200e}9123456789\u{202c} ",
            "+98.(912).3456789",
        ] {
            assert_eq!(Phone::parse(input, None).unwrap().as_str(), "+989123456789", "{input}");
        }
        for input in ["", "+", "abc", "+98", "+1", &"9".repeat(251), "+9891234567891234", "+\u{fdfa}"] {
            assert!(Phone::parse(input, None).is_err(), "{input}");
        }
    }

    #[cfg(feature = "phone")]
    #[test]
    fn national_numbers() {
        for (region, input, e164) in [
            ("IR", "09123456789", "+989123456789"),
            ("ir", "۰۹۱۲۳۴۵۶۷۸۹", "+989123456789"),
            ("IR", "9123456789", "+989123456789"),
            ("IR", "989123456789", "+989123456789"),
            ("IR", "+98 0912 345 6789", "+989123456789"),
            ("IR", "021-88776655", "+982188776655"),
            ("PL", "512 345 678", "+48512345678"),
            ("PL", "22 123 45 67", "+48221234567"),
            ("IL", "050-234-5678", "+972502345678"),
            ("GB", "020 7946 0958", "+442079460958"),
            ("GB", "+44 (0) 20 7946 0958", "+442079460958"),
            ("DE", "030/123456", "+4930123456"),
            ("IT", "06 6982", "+39066982"),
            ("IR", "+48 512 345 678", "+48512345678"),
        ] {
            assert_eq!(Phone::parse(input, Some(region)).unwrap().as_str(), e164, "{region} {input}");
        }
        for (region, input, expected) in [
            (Some("IR"), "88776655", "phone.format"), // no area code
            (Some("IR"), "0912345678", "phone.format"),
            (Some("IR"), "0912 345 6789 / 0935 111 2222", "phone.format"),
            (Some("IR"), "110", "phone.format"),
            (None, "09123456789", "phone.region"),
            (Some("XX"), "09123456789", "phone.region"),
            (Some("Iran"), "+989123456789", "phone.region"),
            (Some(""), "09123456789", "phone.region"),
            (None, "hello", "phone.format"),
            (Some("US"), "(800) 901-3355 ext. 12", "phone.extension"),
        ] {
            assert_eq!(rule(Phone::parse(input, region)), expected, "{region:?} {input}");
        }
    }

    #[cfg(feature = "phone")]
    #[test]
    fn mobile_or_not() {
        let is_mobile = |number: &str| Phone::from_e164(number).unwrap().is_mobile();
        assert_eq!(is_mobile("+989123456789"), Some(true));
        assert_eq!(is_mobile("+982188776655"), Some(false));
        assert_eq!(is_mobile("+12015550123"), None);
        assert_eq!(is_mobile("+9990000000"), None);
    }

    #[cfg(not(feature = "phone"))]
    #[test]
    fn national_form_asks_for_the_feature() {
        assert_eq!(rule(Phone::parse("0912 345 6789", Some("IR"))), "phone.national_form");
        assert_eq!(rule(Phone::parse("+44 (0) 20 7946 0958", None)), "phone.format");
    }

    /// Answers of libphonenumber to inputs of many regions.
    #[cfg(feature = "phone")]
    #[test]
    fn outside_cases() {
        let Some(cases) = crate::kernel::cases("forms/phone_numbers.json") else { return };
        let mut wrong = Vec::new();
        let all = ["example_numbers", "parser_edge_cases"].into_iter().flat_map(|key| cases[key].as_array().unwrap());
        for case in all {
            let (region, input) = (case["region"].as_str().unwrap(), case["input"].as_str().unwrap());
            let got = Phone::parse(input, Some(region).filter(|region| *region != "ZZ"));
            let valid = case["valid"] == true;
            let right = match &got {
                Ok(phone) => {
                    let mobile = match case["type"].as_str().unwrap() {
                        "MOBILE" => Some(true),
                        "FIXED_LINE_OR_MOBILE" => None,
                        _ => Some(false),
                    };
                    valid
                        && case["extension"].is_null()
                        && phone.as_str() == case["e164"]
                        && phone.is_mobile() == mobile
                }
                // An extension is refused on purpose; what is possible but not in the plan is refused too.
                Err(Error::Invalid { rule: "phone.extension", .. }) => valid && case["extension"].is_string(),
                Err(_) => !valid,
            };
            if !right {
                wrong.push(format!("{region} {input:?}: {:?}, expected {case}", got.map(String::from)));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn stored_numbers_are_checked_by_shape_only() {
        let phone: Phone = serde_json::from_str("\"+9990000000\"").unwrap();
        assert_eq!(serde_json::to_string(&phone).unwrap(), "\"+9990000000\"");
        assert_eq!((phone.digits(), phone.to_string().as_str()), ("9990000000", "+9990000000"));
        assert_eq!(format!("{phone:?}"), "Phone(…00)");
        for bad in
            ["9990000000", "+0990000000", "+123456", "+1234567890123456", "+98 912", "+۹۸۹۱۲۳۴۵۶۷۸۹", "", "++123456789"]
        {
            assert!(Phone::from_e164(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(chars in prop::collection::vec(any::<char>(), 0..40), region in "[A-Z]{2}") {
            let text: String = chars.into_iter().collect();
            let _ = Phone::parse(&text, Some(&region));
            let _ = Phone::parse(&text, None);
        }

        #[test]
        fn what_is_parsed_parses_to_itself(text in "[+0-9 ()./x-]{3,20}", region in prop::sample::select(vec!["IR", "PL", "IL", "US", "IT"])) {
            if let Ok(phone) = Phone::parse(&text, Some(region)) {
                prop_assert_eq!(&Phone::parse(phone.as_str(), None).unwrap(), &phone);
                prop_assert_eq!(Phone::from_e164(phone.as_str()).unwrap(), phone);
            }
        }
    }
}
