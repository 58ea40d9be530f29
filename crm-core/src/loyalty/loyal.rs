//! How loyal somebody is: how lately, how often and for how much they have bought in a period (C89).

use serde::{Deserialize, Serialize};

use super::tiers::Sums;
use crate::kernel::time::CivilDate;
use crate::{Error, Result};

/// What somebody has bought in a period, returns taken away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// The last business day on which anything was left; none without a purchase.
    pub last_on: Option<CivilDate>,
    /// Purchases.
    pub purchases: i64,
    /// Money, in minor units of the programme's currency.
    pub amount_minor: i64,
}

impl Figures {
    /// Adds a day. A day of which everything was returned is none.
    pub fn add(&mut self, on: CivilDate, sums: Sums) {
        if sums.count > 0 || sums.amount > 0 {
            self.last_on = self.last_on.max(Some(on));
        }
        self.purchases = self.purchases.saturating_add(sums.count);
        self.amount_minor = self.amount_minor.saturating_add(sums.amount);
    }

    /// Whether anything is left.
    pub const fn is_nothing(&self) -> bool {
        self.last_on.is_none()
    }

    /// Days from the last purchase to a day.
    fn age(&self, on: CivilDate) -> i64 {
        self.last_on.map_or(i64::MAX, |last| i64::from(on.days_since(last)).max(0))
    }
}

/// Scores from 1 up; the higher the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// How lately.
    pub recency: u8,
    /// How often.
    pub frequency: u8,
    /// For how much.
    pub monetary: u8,
}

impl Scores {
    /// The lowest of all.
    pub const LOWEST: Self = Self { recency: 1, frequency: 1, monetary: 1 };

    /// Whether each of these is as high as those.
    pub const fn reach(&self, least: Self) -> bool {
        self.recency >= least.recency && self.frequency >= least.frequency && self.monetary >= least.monetary
    }
}

/// Where one score ends and the next begins: given by hand, or [found](Spread::bounds) so that each score has about as many
/// members. With four bounds each there are scores from 1 to 5.
///
/// ```
/// use crm_core::loyalty::loyal::{Bounds, Figures, Scores};
/// use crm_core::loyalty::tiers::Sums;
/// let bounds = Bounds { days_ago: vec![365, 30], purchases: vec![2, 10], amount_minor: vec![10_000, 100_000] };
/// bounds.check()?;
/// let mut figures = Figures::default();
/// figures.add("2025-03-01".parse()?, Sums { amount: 20_000, count: 1, points: 0 });
/// let scores = bounds.scores(&figures, "2025-03-21".parse()?);
/// assert_eq!(scores, Scores { recency: 3, frequency: 1, monetary: 2 });
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// At most so many days ago, from the most to the fewest: each that is kept is one score more.
    pub days_ago: Vec<i64>,
    /// At least so many purchases, from the fewest to the most.
    pub purchases: Vec<i64>,
    /// At least so much money, from the least to the most.
    pub amount_minor: Vec<i64>,
}

impl Bounds {
    /// The most bounds of a figure.
    const MOST: usize = 9;

    /// Whether they are in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] with `loyal.bounds` when they are not, or when there are more than nine.
    pub fn check(&self) -> Result<()> {
        let rises = |bounds: &[i64]| bounds.len() <= Self::MOST && bounds.is_sorted();
        let falls = self.days_ago.len() <= Self::MOST && self.days_ago.is_sorted_by(|a, b| a >= b);
        if falls && rises(&self.purchases) && rises(&self.amount_minor) {
            Ok(())
        } else {
            Err(Error::invalid("bounds", "loyal.bounds"))
        }
    }

    /// The scores of somebody on a day.
    pub fn scores(&self, figures: &Figures, on: CivilDate) -> Scores {
        let score = |reached: usize| u8::try_from(reached + 1).unwrap_or(u8::MAX);
        let age = figures.age(on);
        Scores {
            recency: score(self.days_ago.iter().filter(|bound| age <= **bound).count()),
            frequency: score(self.purchases.iter().filter(|bound| figures.purchases >= **bound).count()),
            monetary: score(self.amount_minor.iter().filter(|bound| figures.amount_minor >= **bound).count()),
        }
    }
}

/// How the figures of all members are spread, in memory that does not grow with their number.
///
/// Figures below 128 are kept exactly, larger ones to within one part in 64.
#[derive(Debug, Clone)]
pub struct Spread {
    on: CivilDate,
    members: u64,
    days_ago: Histogram,
    purchases: Histogram,
    amount_minor: Histogram,
}

impl Spread {
    /// Of nobody yet, as seen on a day.
    pub fn new(on: CivilDate) -> Self {
        let [days_ago, purchases, amount_minor] = std::array::from_fn(|_| Histogram::default());
        Self { on, members: 0, days_ago, purchases, amount_minor }
    }

    /// Adds a member who has bought something.
    pub fn add(&mut self, figures: &Figures) {
        self.members += 1;
        self.days_ago.add(figures.age(self.on));
        self.purchases.add(figures.purchases);
        self.amount_minor.add(figures.amount_minor);
    }

    /// How many members there are.
    pub const fn members(&self) -> u64 {
        self.members
    }

    /// The bounds with which each of so many scores, 2 to 10, has about as many members. Those who are equal have one score.
    pub fn bounds(&self, scores: u8) -> Bounds {
        let scores = u64::from(scores.clamp(2, 10));
        // The first member of each score but the lowest, counted from below.
        let ranks = || (1..scores).map(|score| self.members.saturating_mul(score) / scores);
        Bounds {
            days_ago: (1..scores)
                .rev()
                .map(|score| self.days_ago.upper(self.members.saturating_mul(score).div_ceil(scores).max(1)))
                .collect(),
            purchases: ranks().map(|rank| self.purchases.lower(rank + 1)).collect(),
            amount_minor: ranks().map(|rank| self.amount_minor.lower(rank + 1)).collect(),
        }
    }
}

/// Counts of numbers from zero up: each for itself below 128, then 64 to each doubling.
#[derive(Debug, Clone)]
struct Histogram(Vec<u64>);

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; 64 * 59])
    }
}

impl Histogram {
    fn add(&mut self, value: i64) {
        if let Some(count) = self.0.get_mut(Self::place(u64::try_from(value).unwrap_or(0))) {
            *count += 1;
        }
    }

    fn place(value: u64) -> usize {
        let doublings = u64::from((64 - value.leading_zeros()).saturating_sub(7));
        usize::try_from(doublings * 64 + (value >> doublings)).unwrap_or(usize::MAX)
    }

    /// The smallest number that counts at this place.
    fn first_of(place: usize) -> i64 {
        let place = u64::try_from(place).unwrap_or(u64::MAX);
        let doublings = (place / 64).saturating_sub(1);
        i64::try_from((place - doublings * 64) << doublings).unwrap_or(i64::MAX)
    }

    /// The place of the number that is the `rank`-th from below, from 1.
    fn at(&self, rank: u64) -> usize {
        let mut passed = 0;
        let found = self.0.iter().position(|count| {
            passed += count;
            passed >= rank
        });
        found.unwrap_or(self.0.len())
    }

    fn lower(&self, rank: u64) -> i64 {
        Self::first_of(self.at(rank))
    }

    fn upper(&self, rank: u64) -> i64 {
        Self::first_of(self.at(rank).saturating_add(1)).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A number lies between the limits of its place, which are equal below 128 and at most a 64th apart above.
        #[test]
        fn places_are_narrow(value in prop_oneof![0..200_i64, 0..1_000_000_i64, 0..i64::MAX / 2]) {
            let place = Histogram::place(value.try_into().unwrap());
            prop_assert!(place < Histogram::default().0.len());
            let (first, next) = (Histogram::first_of(place), Histogram::first_of(place + 1));
            prop_assert!(first <= value && value < next);
            prop_assert!(next - first == 1 || (next - first) * 64 <= first);
        }

        /// C89: as many members in each score as there can be, to the equal ones and the width of a place.
        #[test]
        fn scores_have_equal_parts(purchases in prop::collection::vec(1..100_i64, 1..200), scores in 2..10_u8) {
            let on = CivilDate::new(2025, 1, 1).unwrap();
            let of = |n: &i64| Figures {
                last_on: Some(on.add_days(-i32::try_from(*n).unwrap()).unwrap()),
                purchases: *n,
                amount_minor: *n,
            };
            let mut spread = Spread::new(on);
            for n in &purchases {
                spread.add(&of(n));
            }
            let bounds = spread.bounds(scores);
            bounds.check().unwrap();
            let mut sorted = purchases.clone();
            sorted.sort_unstable();
            for (score, bound) in (1..u64::from(scores)).zip(&bounds.purchases) {
                // The naive quantile: the figure of the first who belongs to the next score.
                let rank = purchases.len() * usize::try_from(score).unwrap() / usize::from(scores);
                prop_assert_eq!(*bound, sorted[rank]);
            }
            for n in &purchases {
                let found = bounds.scores(&of(n), on);
                // Who bought the fewer days ago is the better, and here those are who bought less.
                let better = sorted.iter().filter(|other| *other < n).count();
                prop_assert!(found.recency == scores || better > 0);
                prop_assert!((1..=scores).contains(&found.recency) && (1..=scores).contains(&found.frequency));
            }
        }
    }
}
