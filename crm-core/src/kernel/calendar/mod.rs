//! Gregorian, Jalali and Hijri dates as views of one [`CivilDate`], and the arithmetic of periods in each.
//!
//! Nothing is stored in a calendar: a date is stored as a [`CivilDate`] and a rule says in which calendar it counts
//! ("6 Jalali months", "to the end of the Hijri year"). So changing the calendar of a programme moves no data.

mod arithmetic;
mod convert;
mod date;
mod period;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use date::CalendarDate;
pub use period::{Span, Unit};

use crate::{Error, Result, kernel::time::CivilDate};

/// A calendar. All four have twelve months in every year. As text, and in serde, it is the name in `snake_case`.
///
/// Years count on through zero to negative ones before the epoch of a calendar, down to what 0001-01-01 is in it.
///
/// ```
/// use crm_core::kernel::calendar::Calendar;
///
/// let nowruz = Calendar::Jalali.date(1404, 1, 1)?;
/// assert_eq!(nowruz.to_string(), "2025-03-21");
/// assert_eq!(Calendar::HijriUmmAlQura.of(nowruz).to_string(), "1446-09-21");
/// assert_eq!(Calendar::Jalali.parse("۱۴۰۴/۱/۱")?, nowruz);
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calendar {
    /// The proleptic Gregorian calendar of ISO 8601.
    #[default]
    Gregorian,
    /// The solar calendar of Iran, by the equinox. Exact from 1178 to 1501 (1799 to 2123); before and after it follows
    /// the cycle of 33 years and may be a day off.
    Jalali,
    /// The official lunar calendar of Saudi Arabia, by the table of its authority (KACST) for 1300 to 1600 (1882 to
    /// 2174). It is what was printed from 1420 (1999) on; before that the print followed other rules and is often a day
    /// off, and the years after 1450 (2029) are a forecast. Outside the table it continues as [`Self::HijriTabular`].
    HijriUmmAlQura,
    /// The arithmetic lunar calendar: civil epoch (Friday 16 July 622 Julian), leap years 2, 5, 7, 10, 13, 16, 18, 21,
    /// 24, 26 and 29 of each 30.
    HijriTabular,
}

impl Calendar {
    /// All calendars.
    pub const ALL: [Self; 4] = [Self::Gregorian, Self::Jalali, Self::HijriUmmAlQura, Self::HijriTabular];

    /// The name, as in serde.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gregorian => "gregorian",
            Self::Jalali => "jalali",
            Self::HijriUmmAlQura => "hijri_umm_al_qura",
            Self::HijriTabular => "hijri_tabular",
        }
    }

    /// The date with this year, month (1 to 12) and day of the month in this calendar.
    /// Errors: `date.range` outside of [`CivilDate`], `date.no_such_day` for the month or the day.
    pub fn date(self, year: i32, month: u8, day: u8) -> Result<CivilDate> {
        if day == 0 || day > self.days_in_month(year, month)? {
            return Err(Error::invalid("date", "date.no_such_day"));
        }
        convert::to_civil(self, year, month, day).ok_or_else(out_of_range)
    }

    /// What this calendar calls the date.
    pub fn of(self, date: CivilDate) -> CalendarDate {
        CalendarDate::new(self, date)
    }

    /// How many months the year has: twelve, in each of these calendars.
    pub const fn months_in_year(self) -> u8 {
        12
    }

    /// How many days the month has. Errors: `date.range` for the year, `date.no_such_day` for the month.
    pub fn days_in_month(self, year: i32, month: u8) -> Result<u8> {
        if !(1..=12).contains(&month) {
            return Err(Error::invalid("date", "date.no_such_day"));
        }
        convert::days_in_month(self, year, month).ok_or_else(out_of_range)
    }

    /// How many days the year has. Error: `date.range`.
    pub fn days_in_year(self, year: i32) -> Result<u16> {
        (1..=12).map(|month| self.days_in_month(year, month).map(u16::from)).sum()
    }

    /// Whether the year has the extra day: 366 days in the Gregorian and Jalali calendar, 355 in the Hijri ones.
    /// Error: `date.range`.
    pub fn is_leap_year(self, year: i32) -> Result<bool> {
        let ordinary = match self {
            Self::Gregorian | Self::Jalali => 365,
            Self::HijriUmmAlQura | Self::HijriTabular => 354,
        };
        Ok(self.days_in_year(year)? > ordinary)
    }
}

fn out_of_range() -> Error {
    Error::invalid("date", "date.range")
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads the name. Error: `calendar.unknown`.
impl FromStr for Calendar {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|calendar| calendar.name() == name);
        known.ok_or_else(|| Error::invalid("calendar", "calendar.unknown"))
    }
}
