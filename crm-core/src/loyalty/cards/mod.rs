//! Cards: what a member shows. A card is not the account, so a lost one takes nothing with it (S-36, C76).

mod model;
mod number;
mod rules;

pub use model::{BlockReason, Card, CardId, CardState, card};
pub use number::{MAX_DIGITS, check_digit, draw_number, is_card_number};
pub(super) use rules::is_time;
pub use rules::{CardTerms, Step, step};
