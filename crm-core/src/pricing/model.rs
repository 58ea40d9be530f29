//! Price rules as documents: what, for whom, when, how much, and how rules get along.

use serde::{Deserialize, Serialize};

use crate::branches::BranchId;
use crate::catalog::{CategoryId, ProductId};
use crate::customers::CustomerId;
use crate::kernel::calendar::{Calendar, Unit};
use crate::kernel::money::Money;
use crate::kernel::rate::{Rate, Rounding};
use crate::kernel::time::{CivilDate, Timestamp, Weekday};
use crate::partners::{CustomerGroupId, PartnerGroupId};
use crate::work::Json;

crate::id! {
    /// Names a price rule, whatever its version.
    pub struct PriceRuleId;
    /// Names a tier of a loyalty ladder.
    pub struct TierId;
}

crate::entity! {
    /// One version of a price rule (S-46). Never changed: a change is another version, and so is retirement.
    ///
    /// Of the versions that have begun at an instant the highest is the one in force.
    pub struct PriceRule {
        kind: "price_rule", table: "crm_price_rules", key: (id: PriceRuleId, number: u32), columns: price_rule,
    } {
        /// The rule.
        id: PriceRuleId,
        /// The number of the version, from 1.
        number: u32,
        /// The first instant it is in force.
        effective_from: Timestamp,
        /// The first instant it is no longer in force; no end without one.
        effective_until: Option<Timestamp>,
        /// What it says; nothing for a rule that was retired.
        terms: Option<Json<RuleTerms>>,
    }
}

crate::text_enum! {
    /// The stages of a price, in their order (S-24). Each begins with what the one before has left.
    pub enum Stage {
        /// ① The list price.
        List = "list",
        /// ② The price of a partner, or of a category.
        Terms = "terms",
        /// ③ A discount of goods and services.
        Product = "product",
        /// ④ A discount of a group or tier of customers.
        Group = "group",
        /// ⑤ A campaign.
        Campaign = "campaign",
        /// ⑥ What the seller takes off by hand. Not for rules.
        Manual = "manual",
        /// ⑦ The cash discount on the bill.
        Cash = "cash",
        /// ⑧ Tax. Not for rules.
        Tax = "tax",
    }
}

/// What a price rule says. A document, kept as JSON.
///
/// ```
/// use crm_core::pricing::{Adjustment, Assortment, RuleTerms, Stage};
/// use crm_core::kernel::rate::Rate;
/// let terms: RuleTerms = serde_json::from_value(serde_json::json!({
///     "name": "Autumn", "stage": "campaign", "on": "everything", "adjustment": { "percent": "15%" },
/// })).unwrap();
/// assert_eq!(terms, RuleTerms::new("Autumn", Stage::Campaign, Assortment::Everything, Adjustment::Percent(Rate::percent(15))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTerms {
    /// Its name, 1 to 100 characters; explanations show it.
    pub name: String,
    /// Its stage: ② to ⑤ or ⑦.
    pub stage: Stage,
    /// On what.
    pub on: Assortment,
    /// For whom; for everybody, if left out.
    #[serde(default)]
    pub audience: Audience,
    /// How much.
    pub adjustment: Adjustment,
    /// What a percentage is taken of.
    #[serde(default)]
    pub base: Base,
    /// From how much on.
    #[serde(default)]
    pub at_least: Option<AtLeast>,
    /// On which business days of the branch (S-15); on all, if left out.
    #[serde(default)]
    pub days: Option<Days>,
    /// Rules of one stage with the same word here apply together.
    #[serde(default)]
    pub combine: Option<String>,
    /// Where it matches, no rule of its stage that is not exclusive applies.
    #[serde(default)]
    pub exclusive: bool,
    /// Where it has applied, the stages between its own and ⑦ are skipped.
    #[serde(default, rename = "final")]
    pub ends: bool,
    /// In ②: the next rule up the tree applies too (S-25).
    #[serde(default)]
    pub additive_with_parent: bool,
    /// Which rule goes first among equals: the higher number.
    #[serde(default)]
    pub priority: i32,
    /// How often, or how much in all (S-40).
    #[serde(default)]
    pub limits: Vec<UsageLimit>,
}

impl RuleTerms {
    /// A rule for everybody, always, without limits, that neither combines nor excludes.
    pub fn new(name: impl Into<String>, stage: Stage, on: Assortment, adjustment: Adjustment) -> Self {
        Self {
            name: name.into(),
            stage,
            on,
            audience: Audience::default(),
            adjustment,
            base: Base::default(),
            at_least: None,
            days: None,
            combine: None,
            exclusive: false,
            ends: false,
            additive_with_parent: false,
            priority: 0,
            limits: Vec::new(),
        }
    }

    /// The same for this audience.
    #[must_use]
    pub fn for_whom(self, audience: Audience) -> Self {
        Self { audience, ..self }
    }
}

/// On what a rule is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Assortment {
    /// Everything that is sold.
    Everything,
    /// A category with its whole subtree.
    Category(CategoryId),
    /// Products with this attribute.
    Attribute {
        /// The name of the attribute.
        key: String,
        /// Its value.
        value: String,
    },
    /// One product.
    Product(ProductId),
}

/// For whom a rule is: each list that is not empty must be met by one of its members. All empty: for everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audience {
    /// Partners of one of these groups.
    pub partner_groups: Vec<PartnerGroupId>,
    /// Customers of one of these groups.
    pub customer_groups: Vec<CustomerGroupId>,
    /// Members of one of these tiers.
    pub tiers: Vec<TierId>,
    /// These customers alone.
    pub customers: Vec<CustomerId>,
    /// Buyers at one of these branches.
    pub branches: Vec<BranchId>,
}

impl Audience {
    /// Partners of this group.
    pub fn partners(group: PartnerGroupId) -> Self {
        Self { partner_groups: vec![group], ..Self::default() }
    }
}

/// How much a rule takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Adjustment {
    /// This part, from nothing to the whole.
    Percent(Rate),
    /// An amount.
    Amount {
        /// How much.
        off: Money,
        /// Off what.
        per: Per,
    },
    /// One piece costs this. Never raises a price.
    FixedPrice(Money),
}

crate::text_enum! {
    /// What an amount is taken off.
    pub enum Per {
        /// Every piece.
        Piece = "piece",
        /// Every line.
        Line = "line",
        /// All lines the rule applies to together: spread over them once (S-27).
        Order = "order",
    }
}

crate::text_enum! {
    /// What a percentage is taken of.
    #[derive(Default)]
    pub enum Base {
        /// What its stage begins with.
        #[default]
        OnPrevious = "on_previous",
        /// The list price.
        OnList = "on_list",
    }
}

/// From how much on a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtLeast {
    /// How much.
    pub least: Least,
    /// Counted over what.
    pub of: Counted,
}

/// A quantity, or an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Least {
    /// Pieces.
    Pieces(i64),
    /// Money, at list prices.
    Amount(Money),
}

crate::text_enum! {
    /// Over what a quantity is counted.
    pub enum Counted {
        /// The line.
        Line = "line",
        /// All lines of the cart that the rule is on.
        Cart = "cart",
    }
}

/// Business days. A day must lie in the period, and be one of the weekdays or named days if there are any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Days {
    /// The first day.
    pub from: Option<CivilDate>,
    /// The last day.
    pub through: Option<CivilDate>,
    /// Days of the week.
    pub weekdays: Vec<Weekday>,
    /// Days that come back every year.
    pub named: Vec<NamedDay>,
}

/// A day, or several from that day on, that comes back every year of its calendar: Nowruz, 13 days from 1 Farvardin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedDay {
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// The calendar it is counted in.
    pub calendar: Calendar,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month; in a month that is too short, its last day (S-39).
    pub day: u8,
    /// How many days, 1 to 31.
    #[serde(default = "one")]
    pub days: u8,
}

fn one() -> u8 {
    1
}

/// How often a rule may apply, or how much it may take off, in all (S-40). See [`LimitCounter`](super::LimitCounter).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageLimit {
    /// The most.
    pub cap: Cap,
    /// For everybody together, or for each customer.
    pub per: LimitPer,
    /// In each of these periods; ever, if left out.
    #[serde(default)]
    pub every: Option<LimitPeriod>,
    /// Whether it may be passed, which is reported.
    #[serde(default)]
    pub soft: bool,
}

/// The most of a [`UsageLimit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    /// So many purchases.
    Uses(i64),
    /// So much taken off.
    Money(Money),
}

crate::text_enum! {
    /// Whose uses count together.
    pub enum LimitPer {
        /// Everybody's.
        Rule = "rule",
        /// Each customer's: nobody who is unknown gets the rule.
        Customer = "customer",
    }
}

/// The period in which uses count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitPeriod {
    /// How long.
    pub unit: Unit,
    /// In which calendar.
    pub calendar: Calendar,
}

/// What holds for all rules of a policy. A document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// How a discount becomes whole units: once for each rule and cart (S-13).
    pub rounding: Rounding,
    /// Which group's terms a customer of several groups gets (S-26).
    pub several_groups: SeveralGroups,
    /// How tax becomes whole units.
    pub tax_rounding: TaxRounding,
}

impl Default for PolicySettings {
    /// Discounts down, the best group, tax half up line by line.
    fn default() -> Self {
        Self {
            rounding: Rounding::Floor,
            several_groups: SeveralGroups::Best,
            tax_rounding: TaxRounding::Line(Rounding::HalfUp),
        }
    }
}

crate::text_enum! {
    /// Which group's terms a customer of several groups gets (S-26).
    pub enum SeveralGroups {
        /// The better ones.
        Best = "best",
        /// Those of the group that stands first.
        Priority = "priority",
    }
}

/// Where tax is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxRounding {
    /// Line by line.
    Line(Rounding),
    /// Once for each rate, and spread to the lines by largest remainder.
    Rate(Rounding),
}
