//! Revenue of a sale with points, by IFRS 15: pure functions (S-42, T-20).
//!
//! Points are a promise of their own. The price of the sale is split by relative stand-alone prices; what falls to the
//! points is revenue as they are redeemed, out of as many as are expected to be.

use serde::{Deserialize, Serialize};

use crate::kernel::allocate::allocate;
use crate::kernel::rate::{Rate, Rounding};
use crate::{Error, Result};

/// A sale, or all sales of a period, with points. Money in minor units.
///
/// ```
/// use crm_core::kernel::rate::Rate;
/// use crm_core::loyalty::statements::PointsSale;
/// // Goods for 1,000.00 with 10,000 points worth 0.01 each, of which 9,500 are expected to be redeemed (IFRS 15, IE267).
/// let sale = PointsSale { price: 100_000, goods: 100_000, points_worth: Rate::ONE, expected: 9_500 };
/// let deferred = sale.deferred()?;
/// assert_eq!((100_000 - deferred, deferred), (91_324, 8_676));
/// let first = sale.recognised(4_500, 9_500)?;
/// assert_eq!((first.revenue, first.liability), (4_110, 4_566));
/// let second = sale.recognised(8_500, 9_700)?;
/// assert_eq!((second.revenue - first.revenue, second.liability), (3_493, 1_073));
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsSale {
    /// What was paid for everything.
    pub price: i64,
    /// What the goods cost alone.
    pub goods: i64,
    /// What a point is worth.
    pub points_worth: Rate,
    /// How many of the points are expected to be redeemed: the estimate is the host's.
    pub expected: i64,
}

/// What of the deferred price is revenue by now, and what is still owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognised {
    /// Revenue since the sale; of one period, the difference of two of these.
    pub revenue: i64,
    /// What is still owed: with the revenue, the deferred price exactly.
    pub liability: i64,
}

impl PointsSale {
    /// What of the price falls to the points, by relative stand-alone prices; the rest is revenue of the goods.
    ///
    /// # Errors
    /// `ifrs.negative` for a negative figure, and those of the arithmetic.
    pub fn deferred(&self) -> Result<i64> {
        if self.price < 0 || self.goods < 0 || self.expected < 0 || self.points_worth < Rate::ZERO {
            return Err(Error::invalid("sale", "ifrs.negative"));
        }
        let points = self.points_worth.apply(self.expected, Rounding::HalfUp)?;
        if points == 0 {
            return Ok(0);
        }
        Ok(allocate(self.price, &[self.goods, points])?.last().copied().unwrap_or(0))
    }

    /// What is recognised when so many points were redeemed in all, out of as many as are expected by now. A new estimate
    /// is caught up with in the period it is made in. Never more than was deferred.
    ///
    /// # Errors
    /// As [`deferred`](Self::deferred).
    pub fn recognised(&self, redeemed: i64, expected: i64) -> Result<Recognised> {
        if redeemed < 0 || expected < 0 {
            return Err(Error::invalid("redeemed", "ifrs.negative"));
        }
        let deferred = self.deferred()?;
        let revenue = if redeemed >= expected {
            deferred
        } else {
            Rate::new(redeemed, expected)?.apply(deferred, Rounding::HalfUp)?
        };
        Ok(Recognised { revenue, liability: deferred - revenue })
    }
}
