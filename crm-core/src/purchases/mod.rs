//! Purchases: what was bought, at which price, and how it was paid (C13).
//!
//! The host owns the cart; a purchase is recorded once it is complete, with everything a return or an invoice needs later.

mod discounts;
pub mod event;
mod invariants;
mod model;
mod new;
mod quoted;
mod record;
mod rules;
mod service;
mod tenders;

pub(crate) use discounts::{Agreed, release};
pub use discounts::{PurchaseDiscounts, discounts_agree, limits_agree, purchase_discounts};
pub use invariants::{lines_name_products, stand_in_the_history, sums_agree};
pub use model::{
    CARD, CASH, CHEQUE, INSTALMENTS, OpenPurchase, Purchase, PurchaseId, PurchaseLine, TRANSFER, Tender, open_purchase,
    purchase, purchase_line, tender,
};
pub use new::{NewLine, NewPurchase, NewTender};
pub use quoted::{ByQuote, Recorded};
pub(crate) use record::record;
pub use rules::{Figures, PricedLine, price_lines, share_tenders, split_tenders};
pub(crate) use service::what_is_left;
pub use service::{BACKDATE, IMPORT, Purchases, READ, RECORD, Receipt, SET_PRICE};
pub(crate) use tenders::{AtTheTill, InstalledMethod, Methods, give_back};
pub use tenders::{GiveBack, Paid, Payment, TenderMethod};
