//! Values every other part speaks: ids, money, time, calendars, text, pages and the one error.

pub mod allocate;
pub mod currency;
mod decimal;
pub mod error;
mod iso4217;
pub mod money;
pub mod points;
pub mod rate;
