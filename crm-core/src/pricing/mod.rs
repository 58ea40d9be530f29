//! Prices: rules as data, compiled into a policy, and quotes that explain themselves (C58 to C62, N-3, N-10).
//!
//! [`RuleTerms`] say what a rule is, [`check`](fn@check) what is wrong with rules, [`Policy`] finds those that apply,
//! [`quote`](fn@quote) prices a cart, [`explain`] says it in words, [`preview`] shows whole catalogues.

mod amounts;
mod by_hand;
mod cart;
mod check;
mod choose;
mod engine;
pub mod event;
pub mod explain;
mod limits;
mod model;
mod policy;
pub mod preview;
mod quote;
mod rules;
mod service;
mod tax;
mod tree;

pub(crate) use by_hand::within_limits;
pub use by_hand::{DISCOUNT, DiscountLimit, DiscountLimits, StoredDiscountLimits, stored_discount_limits};
pub use cart::{Cart, CartLine, Context, Discount, Extra, Off, Used};
pub use check::{Fault, Finding, check};
pub(crate) use check::{exists, for_all_of};
pub use engine::{Detail, MAX_LINES, quote};
pub use limits::{LimitCounter, LimitUse, price_limit};
pub(crate) use limits::{give_back, take};
pub use model::{
    Adjustment, Assortment, AtLeast, Audience, Base, Cap, Counted, Days, Least, LimitPer, LimitPeriod, NamedDay, Per,
    PolicySettings, PriceRule, PriceRuleId, RuleTerms, SeveralGroups, Stage, TaxRounding, TierId, UsageLimit,
    price_rule,
};
pub use policy::Policy;
pub use quote::{Bound, By, Lost, Quote, QuotedLine, RuleUse, Taken, Why};
pub(crate) use service::{Compiled, policy, price};
pub use service::{Confirmed, NewRule, PricePolicy, PricePolicyId, Pricing, QuoteRequest, READ, WRITE, price_policy};
pub use tax::{LineTax, TaxMode, TaxRate, TaxRateId, TaxSum, tax_rate};
pub use tree::CategoryTree;
