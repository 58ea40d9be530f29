//! What a price is asked for: the cart, and the circumstances.

use serde::{Deserialize, Serialize};

use super::model::{PriceRuleId, TierId};
use crate::branches::BranchId;
use crate::catalog::ProductId;
use crate::customers::CustomerId;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::partners::{CustomerGroupId, PartnerGroupId};

/// What somebody wants to buy. Products and quantities only: prices are computed, never taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cart {
    /// 1 to 1000 lines.
    pub lines: Vec<CartLine>,
    /// What the seller takes off by hand (⑥), in this order. Whether the seller may is asked when it is recorded or offered.
    pub extra: Vec<Extra>,
    /// The cash discount on the bill (⑦).
    pub cash: Option<Discount>,
}

impl Cart {
    /// So many pieces of each product.
    pub fn of(lines: impl IntoIterator<Item = (ProductId, i64)>) -> Self {
        let lines = lines.into_iter().map(|(product, quantity)| CartLine { product, quantity }).collect();
        Self { lines, ..Self::default() }
    }
}

/// A line of a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartLine {
    /// What.
    pub product: ProductId,
    /// Pieces, from 1.
    pub quantity: i64,
}

/// What a seller takes off by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// Off which line, from 0; off the whole order without one.
    #[serde(default)]
    pub line: Option<usize>,
    /// How much, and why.
    pub discount: Discount,
}

/// A discount that a person decides on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// How much.
    pub off: Off,
    /// Why, 1 to 200 characters.
    pub reason: String,
}

/// How much a person takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// This part of what is left, from nothing to the whole.
    Percent(Rate),
    /// An amount; as much of it as there is room for.
    Amount(Money),
}

/// The circumstances of a price. What says who the customer is comes from the store, never from the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Who buys, if known.
    pub customer: Option<CustomerId>,
    /// The groups of partners whose terms are valid now, the first having priority.
    pub partner_groups: Vec<PartnerGroupId>,
    /// The groups of customers, the first having priority.
    pub customer_groups: Vec<CustomerGroupId>,
    /// The tiers, one of each ladder.
    pub tiers: Vec<TierId>,
    /// Where.
    pub branch: BranchId,
    /// The currency of the branch.
    pub currency: Currency,
    /// The business day of the branch (S-15).
    pub business_date: CivilDate,
    /// When: the versions of the rules that are in force then are used (S-46).
    pub at: Timestamp,
    /// How far limits are used up in their present periods (S-40). What is missing counts as unused.
    pub used: Vec<Used>,
}

impl Context {
    /// Somebody unknown buys here and now.
    pub fn new(branch: BranchId, currency: Currency, business_date: CivilDate, at: Timestamp) -> Self {
        Self {
            customer: None,
            partner_groups: Vec::new(),
            customer_groups: Vec::new(),
            tiers: Vec::new(),
            branch,
            currency,
            business_date,
            at,
            used: Vec::new(),
        }
    }
}

/// How far a limit is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The rule.
    pub rule: PriceRuleId,
    /// Which of its limits, from 0.
    pub limit: usize,
    /// Uses, or minor units of money.
    pub used: i64,
}
