//! Values every other part speaks: ids, money, time, calendars, text, pages and the one error.

pub mod calendar;
pub mod error;
pub mod time;
