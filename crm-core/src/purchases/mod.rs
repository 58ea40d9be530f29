//! Purchases: what was bought, at which price, and how it was paid (C13).
//!
//! The host owns the cart; a purchase is recorded once it is complete. Discounts, returns and invoices join here.

pub mod event;
mod model;
mod rules;
mod service;

pub use model::{
    CARD, CASH, CHEQUE, Purchase, PurchaseId, PurchaseLine, TRANSFER, Tender, purchase, purchase_line, tender,
};
pub use rules::{PricedLine, price_lines, split_tenders};
pub use service::{
    NewLine, NewPurchase, NewTender, Purchases, READ, RECORD, Receipt, SET_PRICE, stand_in_the_history, sums_agree,
};
