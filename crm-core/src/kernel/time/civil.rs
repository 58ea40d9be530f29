//! A date on the wall, and the day of the week.

use std::{fmt, str::FromStr};

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{part, text};
use crate::{Error, Result};

/// A date of the ISO calendar (proleptic Gregorian, ISO 8601), without a time and without a zone.
///
/// Stored as days since 1970-01-01; the range is 0001-01-01 to 9999-12-31. As text, and in serde, it is `2025-03-21`.
/// Dates of other calendars are views of this one: see [`Calendar`](crate::kernel::calendar::Calendar).
///
/// ```
/// use crm_core::kernel::time::{CivilDate, Weekday};
///
/// let nowruz = CivilDate::new(2025, 3, 21)?;
/// assert_eq!(nowruz.weekday(), Weekday::Friday);
/// assert_eq!(nowruz.add_days(11)?.to_string(), "2025-04-01");
/// assert!(CivilDate::new(2025, 2, 29).is_err());
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilDate(i32);

impl CivilDate {
    /// The first date of the range, 0001-01-01.
    pub const MIN: Self = Self(-719_162);
    /// The last date of the range, 9999-12-31.
    pub const MAX: Self = Self(2_932_896);

    /// The date of this year (1 to 9999), month (1 to 12) and day of the month.
    /// Errors: `date.range` for the year, `date.no_such_day` for the month or the day.
    pub fn new(year: i32, month: u8, day: u8) -> Result<Self> {
        if !(1..=9999).contains(&year) {
            return Err(out_of_range());
        }
        NaiveDate::from_ymd_opt(year, month.into(), day.into())
            .map(|date| Self(date.to_epoch_days()))
            .ok_or_else(|| Error::invalid("date", "date.no_such_day"))
    }

    /// The date this many days after 1970-01-01. Error: `date.range`.
    pub fn from_days(days: i32) -> Result<Self> {
        if (Self::MIN.0..=Self::MAX.0).contains(&days) { Ok(Self(days)) } else { Err(out_of_range()) }
    }

    /// The date this many days after 1970-01-01, or the nearest one within the range.
    pub(crate) fn clamped(days: i64) -> Self {
        let limit = if days < 0 { Self::MIN } else { Self::MAX };
        i32::try_from(days).ok().and_then(|days| Self::from_days(days).ok()).unwrap_or(limit)
    }

    /// Days since 1970-01-01, negative before it.
    pub const fn days(self) -> i32 {
        self.0
    }

    /// The year, 1 to 9999.
    pub fn year(self) -> i32 {
        NaiveDate::from(self).year()
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        part(NaiveDate::from(self).month())
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        part(NaiveDate::from(self).day())
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        match self.0.rem_euclid(7) {
            0 => Weekday::Thursday, // 1970-01-01
            1 => Weekday::Friday,
            2 => Weekday::Saturday,
            3 => Weekday::Sunday,
            4 => Weekday::Monday,
            5 => Weekday::Tuesday,
            _ => Weekday::Wednesday,
        }
    }

    /// The date `days` later, or earlier when negative. Error: `date.range`.
    pub fn add_days(self, days: i32) -> Result<Self> {
        self.0.checked_add(days).ok_or_else(out_of_range).and_then(Self::from_days)
    }

    /// How many days this date is after `earlier`; negative when it is before it.
    pub fn days_since(self, earlier: Self) -> i32 {
        self.0 - earlier.0 // the whole range is under four million days
    }
}

fn out_of_range() -> Error {
    Error::invalid("date", "date.range")
}

impl From<CivilDate> for NaiveDate {
    fn from(date: CivilDate) -> Self {
        // chrono holds 26 times our range, so the default is never taken.
        Self::from_epoch_days(date.0).unwrap_or_default()
    }
}

/// Error: `date.range` outside the years 0001 to 9999.
impl TryFrom<NaiveDate> for CivilDate {
    type Error = Error;

    fn try_from(date: NaiveDate) -> Result<Self> {
        Self::from_days(date.to_epoch_days())
    }
}

impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = NaiveDate::from(*self);
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
    }
}

impl fmt::Debug for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads `YYYY-MM-DD` in ASCII digits and nothing else. What people type goes through
/// [`Calendar::parse`](crate::kernel::calendar::Calendar::parse). Errors: `date.format`, and those of [`CivilDate::new`].
impl FromStr for CivilDate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (year, month, day) = iso_parts(text).ok_or_else(|| Error::invalid("date", "date.format"))?;
        Self::new(year, month, day)
    }
}

fn iso_parts(text: &str) -> Option<(i32, u8, u8)> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let year = i32::try_from(text::digits(year)?).ok()?;
    Some((year, part(text::digits(month)?), part(text::digits(day)?)))
}

/// A day of the week. In serde it is the English name in small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the seven names need no words")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// How many days after the nearest `start` on or before it this weekday is: 0 to 6.
    ///
    /// ```
    /// use crm_core::kernel::time::Weekday;
    /// assert_eq!(Weekday::Friday.days_after(Weekday::Saturday), 6);
    /// assert_eq!(Weekday::Friday.days_after(Weekday::Monday), 4);
    /// ```
    pub fn days_after(self, start: Self) -> u8 {
        (self as u8 + 7 - start as u8) % 7
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_range_is_the_years_1_to_9999() {
        assert_eq!(CivilDate::new(1, 1, 1).unwrap(), CivilDate::MIN);
        assert_eq!(CivilDate::new(9999, 12, 31).unwrap(), CivilDate::MAX);
        assert_eq!(CivilDate::new(1970, 1, 1).unwrap().days(), 0);
        assert!(CivilDate::MAX.add_days(1).is_err());
        assert!(CivilDate::MAX.add_days(i32::MAX).is_err());
        assert!(CivilDate::MIN.add_days(-1).is_err());
        assert!(CivilDate::new(0, 12, 31).is_err());
        assert!(CivilDate::new(10_000, 1, 1).is_err());
        assert!(CivilDate::try_from(NaiveDate::MAX).is_err());
        assert_eq!(CivilDate::clamped(i64::MIN), CivilDate::MIN);
        assert_eq!(CivilDate::clamped(i64::MAX), CivilDate::MAX);
    }

    #[test]
    fn weekdays_of_known_dates() {
        // The day Neil Armstrong stepped on the moon, D-Day, the first day of the euro, Nowruz 1404.
        let known = [
            ("1969-07-20", Weekday::Sunday),
            ("1944-06-06", Weekday::Tuesday),
            ("2002-01-01", Weekday::Tuesday),
            ("2025-03-21", Weekday::Friday),
            ("0001-01-01", Weekday::Monday),
        ];
        for (date, weekday) in known {
            assert_eq!(date.parse::<CivilDate>().unwrap().weekday(), weekday, "{date}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in
            ["", "2025-3-21", "2025/03/21", "+025-03-21", "2025-02-29", "2025-13-01", "0000-01-01", "2025-03-21 "]
        {
            assert!(text.parse::<CivilDate>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_form_comes_back(days in CivilDate::MIN.0..=CivilDate::MAX.0) {
            let date = CivilDate::from_days(days).unwrap();
            prop_assert_eq!(CivilDate::new(date.year(), date.month(), date.day()).unwrap(), date);
            prop_assert_eq!(CivilDate::try_from(NaiveDate::from(date)).unwrap(), date);
            prop_assert_eq!(date.to_string().parse::<CivilDate>().unwrap(), date);
            prop_assert_eq!(serde_json::from_str::<CivilDate>(&serde_json::to_string(&date).unwrap()).unwrap(), date);
            prop_assert_eq!(
                u32::from(date.weekday().days_after(Weekday::Monday)),
                NaiveDate::from(date).weekday().num_days_from_monday()
            );
        }
    }
}
