//! What a purchase earns: rules as data, a pure engine, and what of it is taken back (S-11 to S-16, S-28, S-38, S-40).
//!
//! [`base_lines`] say of what is earned, a [`Plan`] which rules are met and what they count, [`Plan::earn`] how much each
//! gives, and the [`Sheet`] keeps all of it with the purchase: returns and payments are computed from it alone.

mod amounts;
mod base;
mod check;
mod counted;
mod counters;
mod engine;
mod model;
mod paid;
mod plan;
mod sheet;

pub use base::{BaseLine, REDEEMED, base_lines};
pub use check::check;
pub use counted::Counted;
pub use counters::{CounterKey, Counters, EarnCounter, LimitUse, earn_counter};
pub use engine::{Basis, Bound, Contribution, Earned};
pub use model::{
    AssetCap, AtThreshold, Available, BaseTerms, Earn, EarnLimit, EarnRounding, EarnRule, EarnWhen, EarningTerms,
    Goods, Hours, LimitCap, OnReturn, Shortfall,
};
pub use paid::Paid;
pub(in crate::loyalty) use plan::currencies;
pub use plan::{CountedKeys, Lost, Occasion, Plan, Raised, Snapshot, Why};
pub use sheet::{Portion, PurchaseSheet, Qualifying, Sheet, SheetLine, everybody, purchase_sheet};
