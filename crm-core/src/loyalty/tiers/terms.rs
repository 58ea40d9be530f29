//! What a ladder of tiers says.

use serde::{Deserialize, Serialize};

use super::window::Window;
use crate::pricing::TierId;

crate::id! {
    /// Names a ladder of tiers.
    pub struct LadderId;
}

/// A ladder: tiers from the lowest to the highest, and when one is reached, kept and lost (S-17 to S-19). Whoever has
/// reached none of them has no tier.
///
/// ```
/// use crm_core::kernel::calendar::{Calendar, Unit};
/// use crm_core::loyalty::tiers::{Need, TierLadder, TierTerms, Window};
/// # let id = |n| uuid::Uuid::from_u128(n);
/// let year = Window::Period { unit: Unit::Year, calendar: Calendar::Jalali };
/// let ladder = TierLadder::new(id(1).into(), "club", year, [
///     TierTerms::new(id(2).into(), "member", Need::nothing()),
///     TierTerms::new(id(3).into(), "silver", Need::amount(1_000_000)),
///     TierTerms::new(id(4).into(), "gold", Need { count: Some(20), any: true, ..Need::amount(10_000_000) }),
/// ]);
/// assert!(ladder.faults().is_empty());
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierLadder {
    /// Its id, which stays when its terms change.
    pub id: LadderId,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// Over which days is counted.
    pub window: Window,
    /// The tiers, from the lowest to the highest: 1 to 20.
    pub tiers: Vec<TierTerms>,
    /// What a review does with somebody who no longer qualifies.
    #[serde(default)]
    pub downgrade: Downgrade,
    /// How many days after the end of its time a tier is kept before it is reviewed.
    #[serde(default)]
    pub grace_days: u16,
    /// How many days before the review the member is told that the tier ends; not at all for 0.
    #[serde(default)]
    pub notice_days: u16,
    /// How long a tier is valid that was earned in a period.
    #[serde(default)]
    pub valid: Validity,
    /// A return within so many days of the promotion takes the tier back at once when it is no longer reached; for 0, and
    /// later, the next review does.
    #[serde(default)]
    pub take_back_days: u16,
}

/// A tier of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierTerms {
    /// Its id: price rules and grants name it.
    pub id: TierId,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// What it takes.
    pub need: Need,
}

/// What must be counted in the window to reach a tier: all of what is said here, or with `any` one of it (S-18).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Need {
    /// Qualifying money, in minor units of the programme's currency.
    pub amount: Option<i64>,
    /// Qualifying purchases.
    pub count: Option<i64>,
    /// Qualifying points.
    pub points: Option<i64>,
    /// Whether one of these is enough.
    pub any: bool,
}

/// What was counted, in whole units (S-17).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sums {
    /// Money, in minor units of the programme's currency.
    pub amount: i64,
    /// Purchases.
    pub count: i64,
    /// Points.
    pub points: i64,
}

crate::text_enum! {
    /// What a review does with somebody who no longer qualifies for their tier (S-19).
    #[derive(Default)]
    pub enum Downgrade {
        /// Nothing: what was reached is kept for good.
        Never = "never",
        /// One tier down, and the next one after another window.
        OneStep = "one_step",
        /// Down to the tier they qualify for.
        #[default]
        ToQualified = "to_qualified",
    }
}

crate::text_enum! {
    /// How long a tier is valid that was earned in a period (S-19).
    #[derive(Default)]
    pub enum Validity {
        /// To the end of that period.
        Period = "period",
        /// To the end of the one after it.
        #[default]
        NextPeriod = "next_period",
    }
}

impl TierLadder {
    /// A ladder with standard settings.
    pub fn new(id: LadderId, name: impl Into<String>, window: Window, tiers: impl Into<Vec<TierTerms>>) -> Self {
        Self {
            id,
            name: name.into(),
            window,
            tiers: tiers.into(),
            downgrade: Downgrade::default(),
            grace_days: 0,
            notice_days: 0,
            valid: Validity::default(),
            take_back_days: 0,
        }
    }

    /// How many tiers up it is: 1 for the lowest, 0 for none and for one that is not of this ladder.
    pub fn step_of(&self, tier: Option<TierId>) -> usize {
        tier.and_then(|tier| self.tiers.iter().position(|one| one.id == tier)).map_or(0, |at| at + 1)
    }

    /// The tier so many up; none for 0.
    pub fn tier(&self, step: usize) -> Option<&TierTerms> {
        self.tiers.get(step.checked_sub(1)?)
    }

    /// How many tiers up somebody is who has this: the highest tier whose need is met.
    pub fn reached(&self, sums: Sums) -> usize {
        self.tiers.iter().rposition(|tier| tier.need.is_met(sums)).map_or(0, |at| at + 1)
    }

    /// The tier everybody has from the start: the lowest, if it takes nothing.
    pub fn base(&self) -> Option<TierId> {
        self.tiers.first().filter(|tier| tier.need.is_nothing()).map(|tier| tier.id)
    }

    /// What is missing to a tier.
    pub fn missing(&self, step: usize, sums: Sums) -> Option<Missing> {
        let tier = self.tier(step)?;
        let gap = |need: Option<i64>, has: i64| need.map(|need| need.saturating_sub(has).max(0));
        Some(Missing {
            tier: tier.id,
            amount: gap(tier.need.amount, sums.amount),
            count: gap(tier.need.count, sums.count),
            points: gap(tier.need.points, sums.points),
            any: tier.need.any,
        })
    }
}

impl TierTerms {
    /// A tier.
    pub fn new(id: TierId, name: impl Into<String>, need: Need) -> Self {
        Self { id, name: name.into(), need }
    }
}

/// What is missing to a tier, condition by condition; `None` for what it does not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The tier.
    pub tier: TierId,
    /// Money, in minor units.
    pub amount: Option<i64>,
    /// Purchases.
    pub count: Option<i64>,
    /// Points.
    pub points: Option<i64>,
    /// Whether one of these is enough.
    pub any: bool,
}

impl Need {
    /// Nothing at all: everybody has it. For the lowest tier alone.
    pub const fn nothing() -> Self {
        Self { amount: None, count: None, points: None, any: false }
    }

    /// So much money.
    pub const fn amount(amount: i64) -> Self {
        Self { amount: Some(amount), ..Self::nothing() }
    }

    /// So many purchases.
    pub const fn count(count: i64) -> Self {
        Self { count: Some(count), ..Self::nothing() }
    }

    /// Whether it takes nothing.
    pub const fn is_nothing(&self) -> bool {
        self.amount.is_none() && self.count.is_none() && self.points.is_none()
    }

    /// Whether this is enough.
    pub fn is_met(&self, sums: Sums) -> bool {
        let mut asked = self.pairs(sums).into_iter().filter_map(|(need, has)| need.map(|need| has >= need)).peekable();
        if self.any && asked.peek().is_some() { asked.any(|met| met) } else { asked.all(|met| met) }
    }

    fn pairs(&self, sums: Sums) -> [(Option<i64>, i64); 3] {
        [(self.amount, sums.amount), (self.count, sums.count), (self.points, sums.points)]
    }

    /// Whether everybody who meets this meets the other too.
    pub(super) fn implies(&self, other: &Self) -> bool {
        // As alternatives, each a list of thresholds that are met together.
        fn alternatives(need: &Need) -> Vec<[Option<i64>; 3]> {
            let all = [need.amount, need.count, need.points];
            if !need.any || need.is_nothing() {
                return vec![all];
            }
            let only = |keep: usize| std::array::from_fn(|at| all.get(at).copied().flatten().filter(|_| at == keep));
            (0..3).map(only).filter(|one: &[Option<i64>; 3]| one.iter().any(Option::is_some)).collect()
        }
        let met = |mine: &[Option<i64>; 3], theirs: &[Option<i64>; 3]| {
            mine.iter()
                .zip(theirs)
                .all(|(mine, theirs)| theirs.is_none_or(|theirs| mine.is_some_and(|mine| mine >= theirs)))
        };
        let theirs = alternatives(other);
        alternatives(self).iter().all(|mine| theirs.iter().any(|theirs| met(mine, theirs)))
    }
}

impl Sums {
    /// Nothing.
    pub const ZERO: Self = Self { amount: 0, count: 0, points: 0 };

    /// Both together, as far as a number goes.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            amount: self.amount.saturating_add(other.amount),
            count: self.count.saturating_add(other.count),
            points: self.points.saturating_add(other.points),
        }
    }

    /// The same taken away.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self {
            amount: self.amount.saturating_neg(),
            count: self.count.saturating_neg(),
            points: self.points.saturating_neg(),
        }
    }

    /// Whether something in it is below nothing: a return.
    pub const fn takes_away(self) -> bool {
        self.amount < 0 || self.count < 0 || self.points < 0
    }
}
