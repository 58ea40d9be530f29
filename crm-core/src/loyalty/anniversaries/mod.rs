//! Birthdays, weddings and other days that come back, each in its own calendar (S-39, N-20).

pub mod event;
mod model;
mod rules;

pub use model::{
    AnniversaryGift, AnniversaryTerms, BIRTH, Celebration, ShortYear, SpecialDay, celebration, special_day,
};
pub use rules::{Anniversary, Celebrated, Day, due};
