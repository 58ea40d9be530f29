//! Numbers and fiscal years of invoices: pure functions.

use crate::kernel::calendar::Calendar;
use crate::kernel::time::CivilDate;

/// The fiscal year a date is in: the year of the calendar in which it began.
///
/// ```
/// use crm_core::invoices::fiscal_year;
/// use crm_core::kernel::calendar::Calendar;
/// let nowruz = Calendar::Jalali.date(1404, 1, 1)?;
/// assert_eq!(fiscal_year(Calendar::Jalali, nowruz, 1), 1404);
/// // A year that begins in April.
/// assert_eq!(fiscal_year(Calendar::Gregorian, "2025-03-31".parse()?, 4), 2024);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn fiscal_year(calendar: Calendar, date: CivilDate, first_month: u8) -> i32 {
    let date = calendar.of(date);
    if date.month() < first_month { date.year().saturating_sub(1) } else { date.year() }
}

/// A number as it is printed: the prefix, the fiscal year if the series has them, the number.
///
/// ```
/// use crm_core::invoices::number_text;
/// assert_eq!(number_text("FV/", Some(2026), 17), "FV/2026/17");
/// assert_eq!(number_text("", None, 17), "17");
/// ```
pub fn number_text(prefix: &str, year: Option<i32>, number: i64) -> String {
    match year {
        Some(year) => format!("{prefix}{year}/{number}"),
        None => format!("{prefix}{number}"),
    }
}
