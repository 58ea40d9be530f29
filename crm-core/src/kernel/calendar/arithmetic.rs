//! Adding spans, the limits of periods, and anniversaries.

use super::{Calendar, Span, Unit, convert, out_of_range};
use crate::{Result, kernel::time::CivilDate};

impl Calendar {
    /// The date a span later, or earlier when it is negative.
    ///
    /// Months, quarters and years keep the day of the month; where the month is too short it becomes its last day
    /// (S-05). So adding one month twice may differ from adding two: compute from the first date. Error: `date.range`.
    ///
    /// ```
    /// use crm_core::kernel::calendar::{Calendar, Span};
    ///
    /// let date = Calendar::Jalali.date(1404, 6, 31)?;
    /// assert_eq!(Calendar::Jalali.add(date, Span::Months(6))?, Calendar::Jalali.date(1404, 12, 29)?);
    /// assert_eq!(Calendar::Gregorian.add("2024-02-29".parse()?, Span::Years(-1))?, "2023-02-28".parse()?);
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn add(self, date: CivilDate, span: Span) -> Result<CivilDate> {
        let months = match span {
            Span::Days(days) => return date.add_days(days),
            Span::Weeks(weeks) => return date.add_days(weeks.checked_mul(7).ok_or_else(out_of_range)?),
            Span::Months(months) => i64::from(months),
            Span::Quarters(quarters) => i64::from(quarters) * 3,
            Span::Years(years) => i64::from(years) * 12,
        };
        let (year, month, day) = convert::parts(self, date);
        let (year, month) = shift(year, month, months).ok_or_else(out_of_range)?;
        self.date(year, month, day.min(self.days_in_month(year, month)?))
    }

    /// The first day of the period the date is in, or [`CivilDate::MIN`] when that period began earlier.
    ///
    /// ```
    /// use crm_core::kernel::{calendar::{Calendar, Unit}, time::Weekday};
    ///
    /// let date = "2025-03-21".parse()?; // a Friday
    /// assert_eq!(Calendar::Jalali.start_of(date, Unit::Week(Weekday::Saturday)).to_string(), "2025-03-15");
    /// assert_eq!(Calendar::Jalali.end_of(date, Unit::Quarter).to_string(), "2025-06-21");
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn start_of(self, date: CivilDate, unit: Unit) -> CivilDate {
        let (year, month, _) = convert::parts(self, date);
        let start = match unit {
            Unit::Day => Ok(date),
            Unit::Week(first) => date.add_days(-i32::from(date.weekday().days_after(first))),
            Unit::Month => self.date(year, month, 1),
            Unit::Quarter => self.date(year, first_month_of_quarter(month), 1),
            Unit::Year => self.date(year, 1, 1),
        };
        start.unwrap_or(CivilDate::MIN)
    }

    /// The last day of the period the date is in, or [`CivilDate::MAX`] when that period ends later.
    pub fn end_of(self, date: CivilDate, unit: Unit) -> CivilDate {
        let (year, month, _) = convert::parts(self, date);
        let last = |month| self.days_in_month(year, month).and_then(|day| self.date(year, month, day));
        let end = match unit {
            Unit::Day => Ok(date),
            Unit::Week(first) => date.add_days(6 - i32::from(date.weekday().days_after(first))),
            Unit::Month => last(month),
            Unit::Quarter => last(first_month_of_quarter(month) + 2),
            Unit::Year => last(12),
        };
        end.unwrap_or(CivilDate::MAX)
    }

    /// The anniversary of the date in a year of this calendar: the same month and day, or the last day of the month
    /// where that year's is too short, as for 29 February, 30 Esfand and the 30th of a Hijri month (S-39).
    /// Error: `date.range`.
    ///
    /// ```
    /// use crm_core::kernel::calendar::Calendar;
    ///
    /// let born = Calendar::Jalali.date(1403, 12, 30)?;
    /// assert_eq!(Calendar::Jalali.anniversary(born, 1404)?, Calendar::Jalali.date(1404, 12, 29)?);
    /// assert_eq!(Calendar::Jalali.anniversary(born, 1408)?, Calendar::Jalali.date(1408, 12, 30)?);
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn anniversary(self, date: CivilDate, year: i32) -> Result<CivilDate> {
        let (_, month, day) = convert::parts(self, date);
        self.date(year, month, day.min(self.days_in_month(year, month)?))
    }
}

/// The year and month so many months away; nothing when the year does not fit.
fn shift(year: i32, month: u8, months: i64) -> Option<(i32, u8)> {
    let count = i64::from(year) * 12 + i64::from(month) - 1 + months;
    let year = i32::try_from(count.div_euclid(12)).ok()?;
    let month = u8::try_from(count.rem_euclid(12)).ok()?;
    Some((year, month + 1))
}

fn first_month_of_quarter(month: u8) -> u8 {
    (month - 1) / 3 * 3 + 1 // months start at 1
}
