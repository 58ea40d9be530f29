//! Points: what a programme gives and takes. Never money; a stored rate says what they are worth (S-20).

use super::error::{Error, Result};
use super::rate::{Rate, Rounding};
use serde::{Deserialize, Serialize};

/// A number of points, in the asset's smallest unit (S-01). Every operation is checked (`points.overflow`).
///
/// ```
/// use crm_core::kernel::points::Points;
/// use crm_core::kernel::rate::{Rate, Rounding};
/// let earned = Points::new(1_999).times(&Rate::percent(5), Rounding::Floor)?;
/// assert_eq!(earned, Points::new(99));
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(i64);

impl Points {
    /// No points.
    pub const ZERO: Self = Self(0);

    /// So many points.
    pub const fn new(points: i64) -> Self {
        Self(points)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Whether there are none.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether the number is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum, or `points.overflow`.
    pub fn checked_add(self, other: Self) -> Result<Self> {
        Self::checked(self.0.checked_add(other.0))
    }

    /// The difference, or `points.overflow`.
    pub fn checked_sub(self, other: Self) -> Result<Self> {
        Self::checked(self.0.checked_sub(other.0))
    }

    /// The number with the other sign, or `points.overflow`.
    pub fn checked_neg(self) -> Result<Self> {
        Self::checked(self.0.checked_neg())
    }

    /// So many times the points, or `points.overflow`.
    pub fn checked_mul(self, count: i64) -> Result<Self> {
        Self::checked(self.0.checked_mul(count))
    }

    /// This part of the points, computed exactly and rounded once, or `points.overflow`.
    pub fn times(self, rate: &Rate, rounding: Rounding) -> Result<Self> {
        Self::checked(rate.apply(self.0, rounding).ok())
    }

    /// The sum of all. Only the result must fit, not the sums on the way.
    pub fn sum(points: impl IntoIterator<Item = Self>) -> Result<Self> {
        let total = points.into_iter().try_fold(0_i128, |sum, each| sum.checked_add(each.0.into()));
        Self::checked(total.and_then(|total| i64::try_from(total).ok()))
    }

    fn checked(points: Option<i64>) -> Result<Self> {
        points.map(Self).ok_or_else(|| Error::invalid("points", "points.overflow"))
    }
}
