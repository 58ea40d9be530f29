//! Instants, dates, zones, business days and the clock.
//!
//! Three kinds of time never mix by accident: a [`Timestamp`] is an instant, a [`CivilDate`] is a square on a wall
//! calendar, a [`TimeOfDay`] is a reading of a wall clock. Only a [`Zone`] or a [`BusinessDay`] turns one into another.
//! Other calendars are views of a [`CivilDate`]: see [`crate::kernel::calendar`].

mod business_day;
mod civil;
mod clock;
mod text;
mod time_of_day;
mod timestamp;
mod zone;

pub use business_day::BusinessDay;
pub use civil::{CivilDate, Weekday};
pub use clock::{Clock, ManualClock, SystemClock};
pub use time_of_day::TimeOfDay;
pub use timestamp::Timestamp;
pub use zone::Zone;

text::serde_as_text!(CivilDate, TimeOfDay, Timestamp, Zone);

/// Microseconds of a day of 24 hours.
const DAY: i64 = 86_400 * SECOND;
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// A part of a date or a time, which always fits; what does not fit becomes a value no part can have.
fn part(number: impl TryInto<u8>) -> u8 {
    number.try_into().unwrap_or(u8::MAX)
}
