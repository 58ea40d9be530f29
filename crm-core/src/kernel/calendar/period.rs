//! Lengths of time and the periods of a calendar.

use serde::{Deserialize, Serialize};

use crate::kernel::time::Weekday;

/// A length of time in a calendar, forwards or, when negative, backwards. See [`Calendar::add`].
///
/// In serde it is `{"months":6}`.
///
/// [`Calendar::add`]: super::Calendar::add
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// Days.
    Days(i32),
    /// Weeks of seven days.
    Weeks(i32),
    /// Months of the calendar.
    Months(i32),
    /// Three months of the calendar each.
    Quarters(i32),
    /// Years of the calendar.
    Years(i32),
}

impl Span {
    /// Whether it goes backwards.
    pub const fn is_negative(self) -> bool {
        let (Self::Days(n) | Self::Weeks(n) | Self::Months(n) | Self::Quarters(n) | Self::Years(n)) = self;
        n < 0
    }

    /// As far the other way.
    #[must_use]
    pub const fn negated(self) -> Self {
        match self {
            Self::Days(n) => Self::Days(n.saturating_neg()),
            Self::Weeks(n) => Self::Weeks(n.saturating_neg()),
            Self::Months(n) => Self::Months(n.saturating_neg()),
            Self::Quarters(n) => Self::Quarters(n.saturating_neg()),
            Self::Years(n) => Self::Years(n.saturating_neg()),
        }
    }
}

/// A period that a calendar divides time into. See [`Calendar::start_of`] and [`Calendar::end_of`].
///
/// In serde it is `"month"` or `{"week":"saturday"}`.
///
/// [`Calendar::start_of`]: super::Calendar::start_of
/// [`Calendar::end_of`]: super::Calendar::end_of
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The day itself.
    Day,
    /// Seven days from this weekday on: Saturday in Iran, Sunday in Israel, Monday in Poland (S-15).
    Week(Weekday),
    /// The month.
    Month,
    /// Months 1 to 3, 4 to 6, 7 to 9 or 10 to 12.
    Quarter,
    /// The year.
    Year,
}
