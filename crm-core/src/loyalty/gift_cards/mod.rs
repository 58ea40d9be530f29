//! Gift cards: money that whoever knows a code can spend (S-35, C77).

mod attempts;
mod code;
mod model;
mod rules;

pub use attempts::{Attempt, AttemptLimits};
pub use code::{CODE_SYMBOLS, CodeDigest, GiftCode};
pub use model::{
    GiftBatch, GiftBatchId, GiftCard, GiftCardId, GiftCardState, GiftSale, GiftTicket, GiftTicketId, SoldGift,
    gift_batch, gift_card, gift_sale, gift_ticket,
};
pub use rules::{ExpiredGifts, GiftCardTerms, GiftStep, gift_step};
