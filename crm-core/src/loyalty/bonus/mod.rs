//! What members of staff give by hand: limits, reasons, and a second pair of eyes (C74).

pub mod event;
mod model;
mod rules;

pub use model::{BonusDay, BonusLimit, BonusRequest, BonusRequestId, BonusState, BonusTerms, bonus_day, bonus_request};
