//! A date as a calendar writes it, and reading what people type.

use std::fmt;

use super::{Calendar, convert};
use crate::{Error, Result, kernel::time::CivilDate};

/// A [`CivilDate`] as one calendar names it. Made with [`Calendar::of`]; shown as `1404-01-01`.
///
/// ```
/// use crm_core::kernel::calendar::Calendar;
///
/// let date = Calendar::Jalali.of("2025-03-20".parse()?);
/// assert_eq!((date.year(), date.month(), date.day()), (1403, 12, 30));
/// assert_eq!(date.civil().to_string(), "2025-03-20");
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CalendarDate {
    calendar: Calendar,
    civil: CivilDate,
    year: i32,
    month: u8,
    day: u8,
}

impl CalendarDate {
    pub(super) fn new(calendar: Calendar, civil: CivilDate) -> Self {
        let (year, month, day) = convert::parts(calendar, civil);
        Self { calendar, civil, year, month, day }
    }

    /// The calendar.
    pub const fn calendar(self) -> Calendar {
        self.calendar
    }

    /// The date itself.
    pub const fn civil(self) -> CivilDate {
        self.civil
    }

    /// The year in the calendar.
    pub const fn year(self) -> i32 {
        self.year
    }

    /// The month of the year, 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    pub const fn day(self) -> u8 {
        self.day
    }

    /// The quarter of the year, 1 to 4: months 1 to 3, 4 to 6, 7 to 9 and 10 to 12.
    pub const fn quarter(self) -> u8 {
        self.month.div_ceil(3)
    }
}

impl From<CalendarDate> for CivilDate {
    fn from(date: CalendarDate) -> Self {
        date.civil
    }
}

impl fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.year < 0 { "-" } else { "" };
        write!(f, "{sign}{:04}-{:02}-{:02}", self.year.unsigned_abs(), self.month, self.day)
    }
}

impl Calendar {
    /// Reads a date as people type it in this calendar: year of four digits, month, day, with `-` or `/` between them,
    /// in ASCII, Persian or Arabic digits, spaces around it ignored.
    /// Errors: `date.format`, and those of [`Calendar::date`].
    ///
    /// ```
    /// use crm_core::kernel::calendar::Calendar;
    ///
    /// let date = Calendar::HijriUmmAlQura.parse("١٤٤٦/٠٩/٠١")?;
    /// assert_eq!(date.to_string(), "2025-03-01");
    /// // The year stands first and in full: 04/01/01 could mean anything.
    /// assert!(Calendar::Jalali.parse("04/01/01").is_err());
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn parse(self, text: &str) -> Result<CivilDate> {
        let (year, month, day) = typed_parts(text.trim()).ok_or_else(|| Error::invalid("date", "date.format"))?;
        self.date(year, month, day)
    }
}

fn typed_parts(text: &str) -> Option<(i32, u8, u8)> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let separator = rest.chars().find(|c| matches!(c, '-' | '/'))?;
    let (year, rest) = rest.split_once(separator)?;
    let (month, day) = rest.split_once(separator)?;
    let year = number(year, 4, 4)?;
    Some((sign * year, u8::try_from(number(month, 1, 2)?).ok()?, u8::try_from(number(day, 1, 2)?).ok()?))
}

/// A number of `min` to `max` digits, of any of the three digit sets.
fn number(text: &str, min: usize, max: usize) -> Option<i32> {
    if !(min..=max).contains(&text.chars().count()) {
        return None;
    }
    text.chars().try_fold(0, |number, c| Some(number * 10 + digit(c)?))
}

fn digit(c: char) -> Option<i32> {
    let zero = match c {
        '0'..='9' => '0',
        '۰'..='۹' => '۰', // Persian
        '٠'..='٩' => '٠', // Arabic
        _ => return None,
    };
    i32::try_from(u32::from(c) - u32::from(zero)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_digits_and_both_separators_are_read() {
        let nowruz = Calendar::Jalali.date(1404, 1, 1).unwrap();
        for text in ["1404-01-01", "1404/1/1", "۱۴۰۴/۰۱/۰۱", "١٤٠٤-١-١", " ۱۴۰۴/1/١ "] {
            assert_eq!(Calendar::Jalali.parse(text).unwrap(), nowruz, "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        let refused = [
            "",
            "1404",
            "1404-01",
            "1404/01-01",
            "04/01/01",
            "01/01/1404",
            "1404/01/001",
            "1404//01",
            "1404/1/1/1",
            "1404/12/30 ۱",
            "1403/13/01",
            "1404/12/30",
            "1404/00/01",
            "1404/01/00",
            "१४०४/०१/०१",
            "+404/01/01",
            "--404-01-01",
        ];
        for text in refused {
            assert!(Calendar::Jalali.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_year_before_the_epoch_comes_back() {
        let text = Calendar::Jalali.of(CivilDate::MIN).to_string();
        assert_eq!(text, "-0621-10-11");
        assert_eq!(Calendar::Jalali.parse(&text).unwrap(), CivilDate::MIN);
    }
}
