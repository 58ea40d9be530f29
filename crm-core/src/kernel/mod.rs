//! Values every other part speaks: ids, money, time, calendars, text, pages and the one error.

pub mod allocate;
pub mod calendar;
pub mod currency;
mod decimal;
pub mod email;
pub mod error;
pub(crate) mod hex;
pub mod id;
pub mod input;
mod iso4217;
pub mod language;
pub mod money;
pub mod national_id;
pub mod page;
pub mod phone;
pub mod points;
pub mod random;
pub mod rate;
pub mod text;
pub mod time;

/// Outside cases for tests, when their folder is at hand: beside the project, or where `CRM_CASES` points.
#[cfg(test)]
pub(crate) fn cases(path: &str) -> Option<serde_json::Value> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned();
    let folder = std::env::var("CRM_CASES").unwrap_or(beside);
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}/{path}")).ok()?).ok()
}
