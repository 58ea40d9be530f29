//! Rules of earning as documents: what, on what, for whom, when, how much, from when and until when.

use serde::{Deserialize, Serialize};

use crate::catalog::{CategoryId, ProductId};
use crate::kernel::calendar::Span;
use crate::kernel::money::Money;
use crate::kernel::rate::{Rate, Rounding};
use crate::kernel::time::{BusinessDay, TimeOfDay, Timestamp};
use crate::loyalty::Asset;
use crate::loyalty::programme::{Dates, Validity};
use crate::pricing::{Audience, Days, Least, LimitPer, LimitPeriod};

/// What purchases earn.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EarningTerms {
    /// Of what it is earned.
    pub base: BaseTerms,
    /// How an exact amount becomes whole units (S-13).
    pub rounding: EarnRounding,
    /// Whether goods that earn points by the piece earn points by amount too (C66).
    pub piece_points_and_general: bool,
    /// The stack groups of which only the rule that gives most applies (S-14).
    pub exclusive: Vec<String>,
    /// The rules, in the order in which equals go first.
    pub rules: Vec<EarnRule>,
    /// The most of an asset that all rules together give.
    pub caps: Vec<AssetCap>,
    /// What becomes of what a return cannot take back.
    pub shortfall: Shortfall,
    /// When it is earned (S-12).
    pub when: EarnWhen,
    /// What a purchase earns that reaches a tier (S-16).
    pub at_threshold: AtThreshold,
}

crate::text_enum! {
    /// What a purchase earns that reaches a tier by what it counts (S-16).
    #[derive(Default)]
    pub enum AtThreshold {
        /// All of it as before it.
        #[default]
        Before = "before",
        /// Of what was still missing as before it, and of the rest as in the tier it reaches: rules in proportion to the
        /// base alone, and boosts. What is given for pieces, steps and purchases is given as before.
        Split = "split",
    }
}

crate::text_enum! {
    /// When a purchase earns (S-12). What is paid later is earned as it is paid in either case.
    #[derive(Default)]
    pub enum EarnWhen {
        /// As it is paid, wherever the goods are.
        #[default]
        Paid = "paid",
        /// Of what is shipped as it leaves; what is handed over at the till at once.
        Fulfilled = "fulfilled",
    }
}

crate::text_enum! {
    /// What becomes of what a return is to take back when less is left (S-28).
    #[derive(Default)]
    pub enum Shortfall {
        /// It is owed (S-30).
        #[default]
        Debt = "debt",
        /// It is let go, and reported as an adjustment.
        ClampAtZero = "clamp_at_zero",
    }
}

/// Of what is earned (S-11): of each line what is paid for it after all discounts, less tax, less what is paid of it with
/// credit or points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BaseTerms {
    /// Whether nothing is earned with tax.
    pub excludes_tax: bool,
    /// Categories that earn nothing, with their subtrees: fees, stored value.
    pub excluded_categories: Vec<CategoryId>,
    /// Products that earn nothing: shipping, a top-up.
    pub excluded_products: Vec<ProductId>,
}

impl Default for BaseTerms {
    /// Without tax, nothing left out.
    fn default() -> Self {
        Self { excludes_tax: true, excluded_categories: Vec::new(), excluded_products: Vec::new() }
    }
}

/// How an exact amount becomes whole units, once for each rule and purchase (S-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EarnRounding {
    /// Of points.
    pub points: Rounding,
    /// Of credit.
    pub credit: Rounding,
}

impl Default for EarnRounding {
    /// Down.
    fn default() -> Self {
        Self { points: Rounding::Floor, credit: Rounding::Floor }
    }
}

/// A rule of earning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarnRule {
    /// What it is known by in every version: 1 to 40 small letters, digits, `-` and `_`. What is counted for it goes on as
    /// long as the key is the same.
    pub key: String,
    /// Its name for people, 1 to 100 characters.
    pub name: String,
    /// What it gives.
    pub asset: Asset,
    /// How much.
    pub earn: Earn,
    /// With what; with everything, if left out.
    #[serde(default)]
    pub on: Goods,
    /// For whom; for all members, if left out.
    #[serde(default)]
    pub audience: Audience,
    /// From how much on: pieces and base of the lines it is on. All of it must be met.
    #[serde(default)]
    pub at_least: Vec<Least>,
    /// On which business days of the branch (S-15); on all, if left out.
    #[serde(default)]
    pub days: Option<Days>,
    /// At which time of the branch's wall clock.
    #[serde(default)]
    pub hours: Option<Hours>,
    /// Rules with the same word here are a stack group: its boosts raise its rates (S-14).
    #[serde(default)]
    pub stack: String,
    /// The most it gives for one purchase.
    #[serde(default)]
    pub at_most: Option<i64>,
    /// How often, or how much in all (S-40).
    #[serde(default)]
    pub limits: Vec<EarnLimit>,
    /// From when on what it gives can be spent.
    #[serde(default)]
    pub available: Available,
    /// How long.
    #[serde(default)]
    pub valid: Validity,
    /// What a return of a part takes back.
    #[serde(default)]
    pub on_return: OnReturn,
}

impl EarnRule {
    /// A rule for everybody, with everything, always, without an end. Its key is its name.
    pub fn new(key: impl Into<String>, asset: Asset, earn: Earn) -> Self {
        let key = key.into();
        Self {
            name: key.clone(),
            key,
            asset,
            earn,
            on: Goods::default(),
            audience: Audience::default(),
            at_least: Vec::new(),
            days: None,
            hours: None,
            stack: String::new(),
            at_most: None,
            limits: Vec::new(),
            available: Available::default(),
            valid: Validity::default(),
            on_return: OnReturn::default(),
        }
    }
}

/// How much a rule gives, in smallest units of its asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Earn {
    /// Credit: this part of the base.
    Percent(Rate),
    /// So much for each so much of the base, and of less in proportion.
    Rate {
        /// How much.
        give: i64,
        /// For how much.
        per: Money,
    },
    /// So much for every full step of the base (S-38).
    Step {
        /// How much.
        give: i64,
        /// For each.
        step: Money,
        /// Whether what is left over counts towards the next step, with the next purchase.
        #[serde(default)]
        carry: bool,
    },
    /// So much for every n-th purchase of a member (S-38).
    Every {
        /// How much.
        give: i64,
        /// Which.
        nth: u32,
        /// How many purchases count of one day at one branch; all, if left out.
        #[serde(default)]
        per_day: Option<u32>,
    },
    /// So much for each piece (C66).
    Piece(i64),
    /// So much for a purchase.
    Fixed(i64),
    /// Raises the rates of its stack group by this part of them: 1 doubles them (S-14). Below nothing it lowers them.
    Boost(Rate),
}

/// With what is earned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goods {
    /// With everything that earns.
    #[default]
    Everything,
    /// With these categories and their subtrees.
    Categories(Vec<CategoryId>),
    /// With these products.
    Products(Vec<ProductId>),
}

/// Hours of the branch's wall clock. From 22:00 until 02:00 crosses midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The first moment.
    pub from: TimeOfDay,
    /// The first moment no longer.
    pub until: TimeOfDay,
}

impl Hours {
    /// Whether a time of day lies in them.
    pub fn contain(&self, time: TimeOfDay) -> bool {
        if self.from <= self.until {
            self.from <= time && time < self.until
        } else {
            self.from <= time || time < self.until
        }
    }
}

/// How often a rule may give something, or how much in all (S-40).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarnLimit {
    /// The most.
    pub cap: LimitCap,
    /// For everybody together, or for each member.
    pub per: LimitPer,
    /// In each of these periods; ever, if left out.
    #[serde(default)]
    pub every: Option<LimitPeriod>,
    /// Whether it may be passed, which is reported.
    #[serde(default)]
    pub soft: bool,
}

/// The most of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitCap {
    /// So many purchases.
    Uses(i64),
    /// So much of the asset.
    Amount(i64),
}

/// The most of an asset that all rules together give. Not of an asset with rules that count over purchases: what was cut off
/// of them could not be told from what a return takes back (S-38).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetCap {
    /// Of what.
    pub asset: Asset,
    /// The most for one purchase.
    #[serde(default)]
    pub at_most: Option<i64>,
    /// The most in periods.
    #[serde(default)]
    pub limits: Vec<EarnLimit>,
}

/// From when on what was earned can be spent. Never before it is recorded (S-31), and never for the purchase that earned it
/// (S-23).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Available {
    /// At once: for the next purchase.
    #[default]
    AtOnce,
    /// From the next business day of the branch on.
    NextBusinessDay,
    /// After so much time in the programme's calendar, at the beginning of its day: when the goods can no longer be
    /// returned (S-10).
    After(Span),
}

impl Available {
    /// From when on something can be spent that was earned at an instant at a branch with these business days.
    ///
    /// ```
    /// use crm_core::kernel::calendar::Span;
    /// use crm_core::kernel::time::{BusinessDay, TimeOfDay, Zone};
    /// use crm_core::loyalty::earning::Available;
    /// use crm_core::loyalty::programme::Programme;
    /// let branch = BusinessDay::new(Zone::new("Asia/Tehran")?, TimeOfDay::new(4, 0)?);
    /// let dates = Programme::new("Club", Zone::new("Asia/Tehran")?).dates();
    /// let earned = "2025-03-21T02:00:00+03:30".parse()?;
    /// let next_day = Available::NextBusinessDay.from(earned, &branch, &dates);
    /// assert_eq!(next_day, "2025-03-21T04:00:00+03:30".parse()?);
    /// let later = Available::After(Span::Days(14)).from(earned, &branch, &dates);
    /// assert_eq!(later, "2025-04-04T00:00:00+03:30".parse()?);
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn from(self, at: Timestamp, branch: &BusinessDay, dates: &Dates) -> Timestamp {
        match self {
            Self::AtOnce => at,
            Self::NextBusinessDay => branch.end(branch.date_of(at)),
            Self::After(span) => {
                let date = dates.calendar.add(dates.day.date_of(at), span);
                date.map_or(Timestamp::MAX, |date| dates.day.start(date))
            }
        }
    }
}

crate::text_enum! {
    /// What the return of a part takes back of what a rule gave (S-28).
    #[derive(Default)]
    pub enum OnReturn {
        /// The share of what came back.
        #[default]
        Share = "share",
        /// Everything that what is kept would not have earned.
        ReEvaluate = "re_evaluate",
    }
}
