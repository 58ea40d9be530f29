//! Exact amounts, rounded once and spread to lines (S-13).

use super::model::{Earn, EarnRule};
use crate::kernel::allocate::allocate;
use crate::kernel::rate::{Rate, Rounding};
use crate::{Error, Result};

/// What a rule gives of its lines: the exact part of each, over one denominator.
#[derive(Debug)]
pub(super) struct Exact {
    parts: Vec<i128>,
    den: i128,
}

impl Exact {
    /// `base × rate × factor` of each line. A factor below nothing is nothing.
    pub(super) fn of(rate: Rate, lines: &[(i64, Rate)]) -> Result<Self> {
        let common = lines.iter().try_fold(1_i128, |common, (_, factor)| {
            let den = i128::from(factor.den());
            common.checked_mul(den / divisor(common, den))
        });
        let common = common.ok_or_else(overflow)?;
        let part = |(base, factor): &(i64, Rate)| {
            let factor = i128::from(factor.num().max(0)).checked_mul(common / i128::from(factor.den()))?;
            i128::from(*base).checked_mul(rate.num().into())?.checked_mul(factor)
        };
        let parts = lines.iter().map(|line| part(line).ok_or_else(overflow)).collect::<Result<_>>()?;
        let den = i128::from(rate.den()).checked_mul(common).ok_or_else(overflow)?;
        Ok(Self { parts, den })
    }

    /// All of it, rounded once.
    pub(super) fn total(&self, rounding: Rounding) -> Result<i64> {
        let sum = self.parts.iter().try_fold(0_i128, |sum, part| sum.checked_add(*part)).ok_or_else(overflow)?;
        i64::try_from(rounding.divide(sum, self.den)).map_err(|_| overflow())
    }

    /// Whole numbers in the proportion of the parts.
    pub(super) fn weights(&self) -> Vec<i64> {
        weights(&self.parts)
    }
}

/// Whole numbers of 64 bits in the proportion of larger ones; exactly, where they have a common divisor large enough.
pub(super) fn weights(parts: &[i128]) -> Vec<i64> {
    let common = parts.iter().fold(0, |common, part| divisor(common, *part)).max(1);
    let largest = parts.iter().max().map_or(0, |part| part / common);
    // Only amounts beyond all money come here with bits to lose.
    let shift = (128 - largest.leading_zeros()).saturating_sub(62);
    parts.iter().map(|part| i64::try_from((part / common) >> shift).unwrap_or(i64::MAX)).collect()
}

/// Spreads whole units over lines; over the second weights, if the first are all nothing.
pub(super) fn spread(total: i64, weights: &[i64], otherwise: &[i64]) -> Result<Vec<i64>> {
    if weights.iter().all(|weight| *weight == 0) { allocate(total, otherwise) } else { allocate(total, weights) }
}

/// The rate of a rule that gives in proportion.
pub(super) fn rate(rule: &EarnRule) -> Option<Result<Rate>> {
    match rule.earn {
        Earn::Percent(rate) => Some(Ok(rate)),
        Earn::Rate { give, per } => Some(Rate::new(give, per.minor())),
        _ => None,
    }
}

fn divisor(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

pub(super) fn overflow() -> Error {
    Error::invalid("earning", "earn.overflow")
}
