//! Values every other part speaks: ids, money, time, calendars, text, pages and the one error.

pub mod error;
