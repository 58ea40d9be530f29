//! Values every other part speaks: ids, money, time, calendars, text, pages and the one error.

pub mod allocate;
pub mod calendar;
pub mod currency;
mod decimal;
pub mod error;
pub mod id;
mod iso4217;
pub mod money;
pub mod points;
pub mod rate;
pub mod time;
