//! Dates of a history: ISO, digits alone, day first or month first where that is stated, Jalali.

use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::text::fold_digits;
use crm_core::kernel::time::{CivilDate, TimeOfDay, Timestamp};

use super::reject::Reason;

/// What stands first in a date whose year stands last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `31/12/2024`
    DayFirst,
    /// `12/31/2024`
    MonthFirst,
}

/// When something was bought, as far as a row says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// To the instant.
    At(Timestamp),
    /// By the calendar and the clock on the wall of the shop.
    On(CivilDate, Option<TimeOfDay>),
}

/// How dates are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Dates {
    pub(crate) calendar: Calendar,
    /// Without it, a date whose year stands last is refused.
    pub(crate) order: Option<Order>,
}

impl Dates {
    pub(crate) fn read(self, text: &str) -> Result<When, Reason> {
        let text = fold_digits(text);
        let text = text.trim();
        if text.is_empty() {
            return Err(Reason::NoDate);
        }
        if self.calendar == Calendar::Gregorian
            && text.contains(['T', 't'])
            && let Ok(instant) = text.parse::<Timestamp>()
        {
            return Ok(When::At(instant));
        }
        let (date, time) = text.split_once(['T', ' ']).map_or((text, None), |(date, time)| (date, Some(time.trim())));
        let date = self.date(date)?;
        if !(1900..=2100).contains(&date.year()) {
            return Err(Reason::YearOutOfRange);
        }
        let time = time.filter(|time| !time.is_empty()).map(time_of_day).transpose()?;
        Ok(When::On(date, time))
    }

    fn date(self, text: &str) -> Result<CivilDate, Reason> {
        let (year, month, day) = if text.len() == 8 && text.chars().all(|c| c.is_ascii_digit()) {
            (number(&text[..4], 4)?, number(&text[4..6], 2)?, number(&text[6..], 2)?)
        } else {
            let mark = text.chars().find(|c| matches!(c, '-' | '/' | '.')).ok_or(Reason::DateFormat)?;
            let parts: Vec<&str> = text.split(mark).collect();
            let [first, second, third] = parts.as_slice() else { return Err(Reason::DateFormat) };
            if first.len() == 4 {
                (number(first, 4)?, number(second, 2)?, number(third, 2)?)
            } else if third.len() == 4 {
                let (a, b) = (number(first, 2)?, number(second, 2)?);
                match self.order.ok_or(Reason::DateOrder)? {
                    Order::DayFirst => (number(third, 4)?, b, a),
                    Order::MonthFirst => (number(third, 4)?, a, b),
                }
            } else {
                return Err(Reason::DateFormat);
            }
        };
        let part = |number: i32| u8::try_from(number).map_err(|_| Reason::NoSuchDay);
        self.calendar.date(year, part(month)?, part(day)?).map_err(|_| Reason::NoSuchDay)
    }
}

/// A number of one to so many digits.
fn number(text: &str, most: usize) -> Result<i32, Reason> {
    let digits = (1..=most).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(Reason::DateFormat)
}

/// `8:26`, `08:26:05`, `08:26:05.5`.
fn time_of_day(text: &str) -> Result<TimeOfDay, Reason> {
    let (text, _fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<&str> = text.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (number(hour, 2)?, number(minute, 2)?, 0),
        [hour, minute, second] => (number(hour, 2)?, number(minute, 2)?, number(second, 2)?),
        _ => return Err(Reason::DateFormat),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Reason::DateFormat);
    }
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    TimeOfDay::from_micros(seconds * 1_000_000).map_err(|_| Reason::DateFormat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ISO: Dates = Dates { calendar: Calendar::Gregorian, order: None };

    fn on(text: &str) -> When {
        When::On(text.parse().unwrap(), None)
    }

    #[test]
    fn every_stated_way_is_read() {
        let day_first = Dates { order: Some(Order::DayFirst), ..ISO };
        let month_first = Dates { order: Some(Order::MonthFirst), ..ISO };
        let jalali = Dates { calendar: Calendar::Jalali, order: None };
        for (dates, text, date) in [
            (ISO, "1997-01-31", "1997-01-31"),
            (ISO, "2011/9/1", "2011-09-01"),
            (ISO, "19970131", "1997-01-31"),
            (day_first, "31/12/2024", "2024-12-31"),
            (day_first, "1.2.2024", "2024-02-01"),
            (month_first, "12/31/2024", "2024-12-31"),
            (jalali, "1403/12/30", "2025-03-20"),
            (jalali, "۱۴۰۴/۰۱/۰۱", "2025-03-21"),
            (jalali, "14040101", "2025-03-21"),
        ] {
            assert_eq!(dates.read(text), Ok(on(date)), "{text}");
        }
        let morning = TimeOfDay::new(8, 26).unwrap();
        assert_eq!(ISO.read("2011-09-01 08:26:00"), Ok(When::On("2011-09-01".parse().unwrap(), Some(morning))));
        assert_eq!(month_first.read("9/1/2011 8:26"), ISO.read("2011-09-01T08:26"));
        assert_eq!(ISO.read("2011-09-01T08:26:00Z"), Ok(When::At("2011-09-01T08:26:00Z".parse().unwrap())));
    }

    #[test]
    fn what_is_not_stated_or_no_date_is_refused_with_a_reason() {
        let jalali = Dates { calendar: Calendar::Jalali, order: None };
        for (dates, text, reason) in [
            (ISO, "", Reason::NoDate),
            (ISO, "31/12/2024", Reason::DateOrder),
            (ISO, "01/02/2024", Reason::DateOrder),
            (ISO, "01/02/24", Reason::DateFormat),
            (ISO, "2024-02-30", Reason::NoSuchDay),
            (ISO, "2024-13-01", Reason::NoSuchDay),
            (ISO, "yesterday", Reason::DateFormat),
            (ISO, "2024-01-01 25:00", Reason::DateFormat),
            (ISO, "45291", Reason::DateFormat),
            (ISO, "1403-01-01", Reason::YearOutOfRange),
            (jalali, "2024-01-01", Reason::YearOutOfRange),
            (jalali, "1404/12/30", Reason::NoSuchDay),
        ] {
            assert_eq!(dates.read(text), Err(reason), "{text}");
        }
    }

    proptest! {
        /// T-17: a date in either calendar, in either digits, comes back.
        #[test]
        fn dates_come_back(days in -25_000_i32..47_000, persian: bool) {
            let date = CivilDate::from_days(days).unwrap();
            for calendar in [Calendar::Gregorian, Calendar::Jalali] {
                let text = calendar.of(date).to_string();
                let text = if persian { crm_core::kernel::language::Language::Fa.digits(&text) } else { text };
                prop_assert_eq!(Dates { calendar, order: None }.read(&text), Ok(When::On(date, None)));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-/.:T 0-9۰-۹a-z]{0,24}") {
            for order in [None, Some(Order::DayFirst), Some(Order::MonthFirst)] {
                for calendar in [Calendar::Gregorian, Calendar::Jalali] {
                    let _ = Dates { calendar, order }.read(&text);
                }
            }
        }
    }
}
