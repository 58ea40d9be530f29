//! In which days a programme counts, and how long what it gives is valid.

use serde::{Deserialize, Serialize};

use crate::kernel::calendar::{Calendar, Span, Unit};
use crate::kernel::time::{BusinessDay, CivilDate, Timestamp};
use crate::loyalty::ledger::NEVER;

/// The days of a programme, and its calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dates {
    /// The business days of the programme.
    pub day: BusinessDay,
    /// The calendar in which lengths of time are counted.
    pub calendar: Calendar,
}

/// How long something is valid, counted from when it is available (S-05, S-10).
///
/// ```
/// use crm_core::kernel::calendar::{Calendar, Span};
/// use crm_core::kernel::time::Zone;
/// use crm_core::loyalty::programme::{Programme, Validity};
/// let programme = Programme { calendar: Calendar::Jalali, ..Programme::new("Club", Zone::new("Asia/Tehran")?) };
/// // Six months from 31 Shahrivar 1404 on: through 29 Esfand, the last day of the year.
/// let ends = Validity::For(Span::Months(6)).ends("2025-09-22T12:00:00+03:30".parse()?, &programme.dates());
/// assert_eq!(ends, "2026-03-21T00:00:00+03:30".parse()?);
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// Without an end.
    #[default]
    Forever,
    /// Through the day that is so much later.
    For(Span),
    /// Through the last day of the period in which it becomes available.
    ToEndOf(Unit),
    /// Through this day.
    Through(CivilDate),
}

impl Validity {
    /// Whether it ends before it begins, whenever that is: nothing is given that way.
    ///
    /// ```
    /// use crm_core::kernel::calendar::Span;
    /// use crm_core::loyalty::programme::Validity;
    /// assert!(Validity::For(Span::Days(-1)).is_backwards());
    /// assert!(!Validity::For(Span::Days(0)).is_backwards(), "through the day itself");
    /// ```
    pub fn is_backwards(self) -> bool {
        matches!(self, Self::For(span) if span.is_negative())
    }

    /// The first instant at which something that is available from an instant on is no longer valid; [`NEVER`] without an
    /// end, and where the end lies beyond all calendars.
    pub fn ends(self, from: Timestamp, dates: &Dates) -> Timestamp {
        let first = dates.day.date_of(from);
        let last = match self {
            Self::Forever => None,
            Self::For(span) => dates.calendar.add(first, span).ok(),
            Self::ToEndOf(unit) => Some(dates.calendar.end_of(first, unit)),
            Self::Through(last) => Some(last),
        };
        last.map_or(NEVER, |last| dates.day.end(last))
    }
}
