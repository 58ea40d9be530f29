//! Amounts as people and programs write them, read exactly or refused with a reason.

use crm_core::kernel::text::fold_digits;

use super::reject::Reason;

/// Which mark stands before the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Mark {
    /// Whichever it can only be; what could be read in two ways is refused.
    #[default]
    Unstated,
    /// `1,250.00`
    Point,
    /// `1.250,00`
    Comma,
}

/// The number `mantissa / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: i128,
    pub(crate) scale: u32,
}

/// More digits than an amount of money has; what has more is something else.
const MAX_DIGITS: usize = 24;
/// Marks that travel along when text is copied from a page.
const INVISIBLE: [char; 10] = [
    '\u{feff}', '\u{200b}', '\u{200e}', '\u{200f}', '\u{61c}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
    '\u{202c}',
];

/// Reads `3.00E+05`, `۱۲۵٬۰۰۰٫۵`, `1 250,00`, `1'250.00`, `(12.50)`.
pub(crate) fn read(text: &str, mark: Mark) -> Result<Decimal, Reason> {
    let text = fold_digits(text).replace(INVISIBLE, "");
    let (negative, number) = sign(text.trim()).ok_or(Reason::AmountFormat)?;
    let (digits, exponent) = match number.split_once(['e', 'E']) {
        Some((digits, power)) => (digits, Some(power.parse::<i32>().map_err(|_| Reason::AmountFormat)?)),
        None => (number, None),
    };
    let (whole, fraction) = parts(digits, mark, exponent.is_some())?;
    let mut scale = i32::try_from(fraction.len()).map_err(|_| Reason::AmountTooLarge)?;
    let mut mantissa = 0_i128;
    if whole.len() + fraction.len() > MAX_DIGITS {
        return Err(Reason::AmountTooLarge);
    }
    for digit in whole.chars().chain(fraction.chars()) {
        mantissa = mantissa * 10 + i128::from(digit.to_digit(10).ok_or(Reason::AmountFormat)?);
    }
    scale = scale.checked_sub(exponent.unwrap_or(0)).filter(|scale| scale.abs() <= 30).ok_or(Reason::AmountTooLarge)?;
    if scale < 0 {
        let power = 10_i128.checked_pow(scale.unsigned_abs());
        mantissa = power.and_then(|power| mantissa.checked_mul(power)).ok_or(Reason::AmountTooLarge)?;
    }
    Ok(Decimal { mantissa: if negative { -mantissa } else { mantissa }, scale: scale.max(0).unsigned_abs() })
}

impl Decimal {
    /// In units of which one has so many decimals. More decimals are refused, unless they are zeros.
    pub(crate) fn to_minor(self, exponent: u8) -> Result<i64, Reason> {
        let (quotient, rest) = self.scaled(1, exponent)?;
        if rest == 0 { Ok(quotient) } else { Err(Reason::TooManyDecimals) }
    }

    /// So many times this, in such units, rounded once: half up (S-13).
    pub(crate) fn times(self, pieces: i64, exponent: u8) -> Result<i64, Reason> {
        let twice = Self { mantissa: self.mantissa.checked_mul(2).ok_or(Reason::AmountTooLarge)?, ..self };
        let (halves, _) = twice.scaled(pieces, exponent)?;
        Ok(halves.checked_add(1).ok_or(Reason::AmountTooLarge)?.div_euclid(2))
    }

    /// The smallest amount in such units that is not below this.
    pub(crate) fn rounded_up(self, exponent: u8) -> Result<i64, Reason> {
        let (quotient, rest) = self.scaled(1, exponent)?;
        quotient.checked_add(i64::from(rest != 0)).ok_or(Reason::AmountTooLarge)
    }

    /// Quotient and rest of so many times this, in such units.
    fn scaled(self, pieces: i64, exponent: u8) -> Result<(i64, i128), Reason> {
        let too_large = || Reason::AmountTooLarge;
        let up = 10_i128.checked_pow(exponent.into()).ok_or_else(too_large)?;
        let down = 10_i128.checked_pow(self.scale).ok_or_else(too_large)?;
        let exact = self.mantissa.checked_mul(pieces.into()).and_then(|many| many.checked_mul(up));
        let exact = exact.ok_or_else(too_large)?;
        let quotient = i64::try_from(exact.div_euclid(down)).map_err(|_| too_large())?;
        Ok((quotient, exact.rem_euclid(down)))
    }
}

/// Takes off the sign: before the number, behind it, or brackets, as in books.
fn sign(text: &str) -> Option<(bool, &str)> {
    if let Some(inner) = text.strip_prefix('(') {
        return inner.strip_suffix(')').map(|inner| (true, inner.trim()));
    }
    let minus = ['-', '\u{2212}'];
    if let Some(rest) = text.strip_prefix(minus).or_else(|| text.strip_suffix(minus)) {
        return Some((true, rest.trim()));
    }
    Some((false, text.strip_prefix('+').unwrap_or(text)))
}

/// The digits before and behind the decimal mark.
fn parts(text: &str, mark: Mark, scientific: bool) -> Result<(String, String), Reason> {
    let decimal = decimal_mark(text, mark, scientific)?;
    let (whole, fraction) = match decimal.and_then(|mark| text.rsplit_once(mark)) {
        Some((_, "")) => return Err(Reason::AmountFormat),
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    if whole.is_empty() && fraction.is_empty() || !fraction.chars().all(|c| c.is_ascii_digit()) {
        return Err(Reason::AmountFormat);
    }
    Ok((ungrouped(whole).ok_or(Reason::AmountFormat)?, fraction.to_owned()))
}

/// The mark before the decimals, if there are any.
fn decimal_mark(text: &str, mark: Mark, scientific: bool) -> Result<Option<char>, Reason> {
    let marks: Vec<char> = text.chars().filter(|c| matches!(c, '.' | ',' | '٫')).collect();
    let other_groups = text.chars().any(is_group_mark);
    let Some(&last) = marks.last() else { return Ok(None) };
    let times = marks.iter().filter(|mark| **mark == last).count();
    let stated = match mark {
        Mark::Unstated => None,
        Mark::Point => Some('.'),
        Mark::Comma => Some(','),
    };
    if last == '٫' || times < marks.len() || other_groups {
        // Only one reading: the last kind is the decimal mark, the other kind stands between thousands.
        let contradicts = stated.is_some_and(|stated| last != '٫' && stated != last);
        return if times == 1 && !contradicts { Ok(Some(last)) } else { Err(Reason::AmountFormat) };
    }
    if let Some(stated) = stated {
        return match (stated == last, times) {
            (true, 1) => Ok(Some(last)),
            (true, _) => Err(Reason::AmountFormat),
            (false, _) => Ok(None),
        };
    }
    if times > 1 {
        return Ok(None);
    }
    let (whole, fraction) = text.split_once(last).unwrap_or((text, ""));
    let could_be_group = fraction.len() == 3 && (1..=3).contains(&whole.len()) && !whole.starts_with('0');
    if could_be_group && !scientific { Err(Reason::AmountAmbiguous) } else { Ok(Some(last)) }
}

/// Marks that can only stand between thousands.
fn is_group_mark(c: char) -> bool {
    matches!(c, '٬' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')
}

/// The digits without marks, if the marks stand between whole thousands.
fn ungrouped(whole: &str) -> Option<String> {
    let Some(mark) = whole.chars().find(|c| !c.is_ascii_digit()) else { return Some(whole.to_owned()) };
    if !is_group_mark(mark) && !matches!(mark, '.' | ',') {
        return None;
    }
    let mut groups = whole.split(mark);
    let first = groups.next().is_some_and(|first| (1..=3).contains(&first.len()));
    let rest = groups.all(|group| group.len() == 3);
    let digits = whole.replace(mark, "");
    (first && rest && digits.chars().all(|c| c.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn minor(text: &str, mark: Mark) -> Result<i64, Reason> {
        read(text, mark)?.to_minor(2)
    }

    #[test]
    fn what_can_only_mean_one_amount_is_read() {
        for (text, cents) in [
            ("3.00E+05", 30_000_000),
            ("1.5e3", 150_000),
            ("1.250E+03", 125_000),
            ("25E-2", 25),
            ("12.50", 1_250),
            ("12,50", 1_250),
            ("12,5", 1_250),
            ("1,250.00", 125_000),
            ("1.250,00", 125_000),
            ("1.250.000", 125_000_000),
            ("1,250,000", 125_000_000),
            ("1 250,5", 125_050),
            ("1'250.50", 125_050),
            ("۱۲۵۰", 125_000),
            ("۱۲٬۵۰۰٫۵", 1_250_050),
            ("١٢٫٥", 1_250),
            ("\u{200f}۱۰۰\u{200e} ", 10_000),
            ("(12.50)", -1_250),
            ("12.50-", -1_250),
            ("\u{2212}7", -700),
            ("+7", 700),
            ("0.125E1", 125),
            ("1250.000", 125_000),
            ("0,500", 50),
            (".5", 50),
            ("12.5000", 1_250),
        ] {
            assert_eq!(minor(text, Mark::Unstated), Ok(cents), "{text:?}");
        }
    }

    #[test]
    fn what_could_mean_two_is_refused_unless_the_mark_is_stated() {
        for text in ["1,250", "1.250", "999.999", "۱,۲۵۰"] {
            assert_eq!(minor(text, Mark::Unstated), Err(Reason::AmountAmbiguous), "{text:?}");
        }
        assert_eq!(minor("1,250", Mark::Point), Ok(125_000));
        assert_eq!(minor("1,250", Mark::Comma), Ok(125));
        assert_eq!(minor("1.250", Mark::Comma), Ok(125_000));
        assert_eq!(minor("1.250", Mark::Point), Ok(125));
        assert_eq!(minor("1.250,00", Mark::Point), Err(Reason::AmountFormat));
        assert_eq!(
            minor("12,50", Mark::Point),
            Err(Reason::AmountFormat),
            "a comma between thousands, and fifty of them"
        );
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "5.",
            "1.2.3",
            "1,25,000.00",
            "--1",
            "1e",
            "e5",
            "NaN",
            "inf",
            "0x1",
            "½",
            "12 zł",
            "1 2",
            "(1",
            "1-2",
        ] {
            assert_eq!(minor(text, Mark::Unstated), Err(Reason::AmountFormat), "{text:?}");
        }
        assert_eq!(minor("12.345", Mark::Point), Err(Reason::TooManyDecimals));
        for text in ["1E+40", &"9".repeat(25), "99999999999999999999"] {
            assert_eq!(minor(text, Mark::Unstated), Err(Reason::AmountTooLarge), "{text:?}");
        }
    }

    #[test]
    fn a_line_is_rounded_once_half_up() {
        let price = |text| read(text, Mark::Point).unwrap();
        assert_eq!(price("0.333").times(3, 2), Ok(100));
        assert_eq!(price("1.255").times(1, 2), Ok(126));
        assert_eq!(price("0.001").times(4, 2), Ok(0));
        assert_eq!(price("0.001").rounded_up(2), Ok(1));
        assert_eq!(price("1.25").rounded_up(2), Ok(125));
    }

    proptest! {
        /// S-01: an amount comes back to the last unit, however its thousands and decimals are marked.
        #[test]
        fn every_way_of_writing_reads_the_same(cents in 0_i64..=i64::MAX / 10, persian: bool) {
            let grouped = |mark: &str| {
                let digits = (cents / 100).to_string();
                let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev()
                    .map(|group| std::str::from_utf8(group).unwrap()).collect();
                groups.join(mark)
            };
            for (group, decimal) in [("", "."), ("", ","), (",", "."), (".", ","), (" ", ","), ("’", "."), ("٬", "٫")] {
                let text = format!("{}{decimal}{:02}", grouped(group), cents % 100);
                let text = if persian { crm_core::kernel::language::Language::Fa.digits(&text) } else { text };
                prop_assert_eq!(minor(&text, Mark::Unstated), Ok(cents), "{}", text);
                prop_assert_eq!(minor(&format!("-{text}"), Mark::Unstated), Ok(-cents), "{}", text);
            }
        }

        /// Whatever is in a cell, it is read or refused.
        #[test]
        fn any_text_is_read_or_refused(text in "[-+0-9۰-۹٠-٩.,٫٬'’ \u{a0}eE()%/]{0,40}") {
            for mark in [Mark::Unstated, Mark::Point, Mark::Comma] {
                let _ = minor(&text, mark);
            }
        }

        /// An amount that is read without a stated mark is read the same with one of the two.
        #[test]
        fn nothing_is_read_in_a_third_way(text in "[0-9]{1,4}([.,' ][0-9]{1,4}){0,3}") {
            if let Ok(amount) = read(&text, Mark::Unstated) {
                let stated = [Mark::Point, Mark::Comma].map(|mark| read(&text, mark));
                prop_assert!(stated.contains(&Ok(amount)), "{} {:?} {:?}", text, amount, stated);
            }
        }
    }
}
