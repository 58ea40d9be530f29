//! Decimal text, read and written exactly: the digits a person types, never a float.

use super::error::{Error, Result};

/// Marks that can only mean "thousands": the Arabic thousands separator and the two no-break spaces.
const GROUP_MARKS: [char; 3] = ['\u{66c}', '\u{a0}', '\u{202f}'];
/// Direction marks that come along when text is copied from a right-to-left page.
const DIRECTION_MARKS: [char; 3] = ['\u{200e}', '\u{200f}', '\u{61c}'];
/// So many decimal digits always fit an `i128`.
const MAX_DIGITS: usize = 38;

/// The number `mantissa / 10^scale`; `scale` is how many decimals were written, at most [`MAX_DIGITS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scaled {
    pub(crate) mantissa: i128,
    pub(crate) scale: u32,
}

/// Reads `-1250.5`, `۱۲۵۰٫۵` or `١٬٢٥٠٫٥`.
///
/// The decimal mark is `.` or `٫`. A comma (and any other mark that is a decimal in one country and a group in the
/// next) is refused as `number.ambiguous`, everything else that is no number as `number.format`.
pub(crate) fn read(text: &str, field: &'static str) -> Result<Scaled> {
    let format = || Error::invalid(field, "number.format");
    let text = text.trim_matches(|c: char| c.is_whitespace() || DIRECTION_MARKS.contains(&c));
    if text.contains([',', '،', '\'', '’']) {
        return Err(Error::invalid(field, "number.ambiguous"));
    }
    let (negative, number) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match number.split_once(['.', '٫']) {
        Some((_, "")) => return Err(format()),
        Some((whole, fraction)) => (whole, fraction),
        None => (number, ""),
    };
    let whole = ungrouped(whole).filter(|digits| !digits.is_empty()).ok_or_else(format)?;
    if whole.chars().count() + fraction.chars().count() > MAX_DIGITS {
        return Err(Error::invalid(field, "number.too_long"));
    }
    let mut mantissa = 0_i128;
    for c in whole.chars().chain(fraction.chars()) {
        mantissa = mantissa * 10 + i128::from(digit(c).ok_or_else(format)?);
    }
    let scale = u32::try_from(fraction.chars().count()).map_err(|_| format())?;
    Ok(Scaled { mantissa: if negative { -mantissa } else { mantissa }, scale })
}

/// Writes `value / 10^scale` with exactly `scale` decimals.
pub(crate) fn write(value: i64, scale: u32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let magnitude = u128::from(value.unsigned_abs());
    let unit = 10_u128.saturating_pow(scale);
    match scale {
        0 => format!("{sign}{magnitude}"),
        _ => format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = scale as usize),
    }
}

/// The digit's value: ASCII, Arabic-Indic and extended (Persian) digits.
fn digit(c: char) -> Option<u32> {
    let zero = match c {
        '0'..='9' => '0',
        '٠'..='٩' => '٠',
        '۰'..='۹' => '۰',
        _ => return None,
    };
    u32::from(c).checked_sub(u32::from(zero))
}

/// The digits without group marks, if the groups are whole thousands.
fn ungrouped(whole: &str) -> Option<String> {
    let Some(mark) = whole.chars().find(|c| GROUP_MARKS.contains(c)) else { return Some(whole.to_owned()) };
    let mut sizes = whole.split(mark).map(|group| group.chars().count());
    let well_formed = sizes.next().is_some_and(|first| (1..=3).contains(&first)) && sizes.all(|size| size == 3);
    well_formed.then(|| whole.replace(mark, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(text: &str) -> &'static str {
        match read(text, "amount") {
            Err(Error::Invalid { rule, .. }) => rule,
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[test]
    fn reads_the_digits_people_type() {
        for (text, mantissa, scale) in [
            ("12.50", 1250, 2),
            ("-0.5", -5, 1),
            ("\u{2212}7", -7, 0),
            ("+7", 7, 0),
            (" 007 ", 7, 0),
            ("۱۲٫۵۰", 1250, 2),
            ("١٢٫٥", 125, 1),
            ("۱٬۲۵۰٬۰۰۰", 1_250_000, 0),
            ("1\u{a0}250.5", 12_505, 1),
            ("12\u{202f}250", 12_250, 0),
            ("\u{200f}۱۰۰\u{200e}", 100, 0),
        ] {
            assert_eq!(read(text, "amount").unwrap(), Scaled { mantissa, scale }, "{text:?}");
        }
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        for text in ["1,250", "12,50", "1,250.00", "1'250", "۱۲،۵"] {
            assert_eq!(rule(text), "number.ambiguous", "{text:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "-", ".", "5.", ".5", "1.2.3", "--1", "1e3", "NaN", "inf", "0x1", "½", "²", "1 250", "12-"] {
            assert_eq!(rule(text), "number.format", "{text:?}");
        }
        for grouped in ["1٬25", "1250٬000", "٬250", "1٬250٬00", "1٬250\u{a0}000", "1.250٬000"] {
            assert_eq!(rule(grouped), "number.format", "{grouped:?}");
        }
        assert_eq!(rule(&"9".repeat(39)), "number.too_long");
        assert_eq!(read(&"9".repeat(38), "amount").unwrap().mantissa, 10_i128.pow(38) - 1);
    }

    proptest! {
        #[test]
        fn written_text_reads_back(value: i64, scale in 0_u32..=18) {
            let text = write(value, scale);
            prop_assert_eq!(read(&text, "amount").unwrap(), Scaled { mantissa: value.into(), scale });
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = read(&text, "amount");
        }

        #[test]
        fn any_marks_and_digits_are_read_or_refused(text in "[-+0-9۰-۹٠-٩.٫٬,' \u{a0}%/]{0,60}") {
            let _ = read(&text, "amount");
        }
    }
}
