//! The one place that knows `icu_calendar`: a date to year, month and day of a calendar, and back.

use icu_calendar::{
    AsCalendar, Date,
    cal::{
        Gregorian, Hijri, Persian,
        hijri::{TabularAlgorithm, TabularAlgorithmEpoch, TabularAlgorithmLeapYears, UmmAlQura},
    },
    types::{Month, RataDie},
};

use super::Calendar;
use crate::kernel::time::CivilDate;

/// 1970-01-01 as a fixed day number, where 0001-01-01 is 1.
const UNIX_EPOCH: i64 = 719_163;

const UMM_AL_QURA: Hijri<UmmAlQura> = Hijri::new_umm_al_qura();
const TABULAR: Hijri<TabularAlgorithm> =
    Hijri::new_tabular(TabularAlgorithmLeapYears::TypeII, TabularAlgorithmEpoch::Friday);

/// The year, the month and the day of the month.
pub(super) fn parts(calendar: Calendar, date: CivilDate) -> (i32, u8, u8) {
    fn read<C: AsCalendar>(day: RataDie, calendar: C) -> (i32, u8, u8) {
        let date = Date::from_rata_die(day, calendar);
        (date.year().extended_year(), date.month().ordinal, date.day_of_month().0)
    }
    let day = RataDie::new(i64::from(date.days()) + UNIX_EPOCH);
    match calendar {
        Calendar::Gregorian => read(day, Gregorian),
        Calendar::Jalali => read(day, Persian),
        Calendar::HijriUmmAlQura => read(day, UMM_AL_QURA),
        Calendar::HijriTabular => read(day, TABULAR),
    }
}

/// The date, or nothing when there is no such day or it is out of range.
pub(super) fn to_civil(calendar: Calendar, year: i32, month: u8, day: u8) -> Option<CivilDate> {
    let days = with_date(calendar, year, month, day)?.0.to_i64_date() - UNIX_EPOCH;
    CivilDate::from_days(i32::try_from(days).ok()?).ok()
}

/// The length of the month, or nothing when there is no such month or the year is far out of range.
pub(super) fn days_in_month(calendar: Calendar, year: i32, month: u8) -> Option<u8> {
    Some(with_date(calendar, year, month, 1)?.1)
}

/// The fixed day number and the length of its month.
fn with_date(calendar: Calendar, year: i32, month: u8, day: u8) -> Option<(RataDie, u8)> {
    fn read<C: AsCalendar>(year: i32, month: u8, day: u8, calendar: C) -> Option<(RataDie, u8)> {
        let date = Date::try_new(year.into(), Month::new(month), day, calendar).ok()?;
        Some((date.to_rata_die(), date.days_in_month()))
    }
    match calendar {
        Calendar::Gregorian => read(year, month, day, Gregorian),
        Calendar::Jalali => read(year, month, day, Persian),
        Calendar::HijriUmmAlQura => read(year, month, day, UMM_AL_QURA),
        Calendar::HijriTabular => read(year, month, day, TABULAR),
    }
}
