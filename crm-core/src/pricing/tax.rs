//! Tax: which rate a line has, and how much it is.

use serde::{Deserialize, Serialize};

use super::model::TaxRounding;
use crate::branches::BranchId;
use crate::kernel::allocate::allocate;
use crate::kernel::rate::{Rate, Rounding};
use crate::kernel::time::CivilDate;
use crate::{Error, Result};

crate::id! {
    /// Names a tax rate.
    pub struct TaxRateId;
}

crate::text_enum! {
    /// Whether prices contain the tax.
    pub enum TaxMode {
        /// The price contains it.
        Included = "included",
        /// It comes on top of the price.
        OnTop = "on_top",
    }
}

crate::entity! {
    /// The rate of a tax class from a day on. Never changed: another rate from another day follows it.
    pub struct TaxRate {
        kind: "tax_rate", table: "crm_tax_rates", key: (id: TaxRateId), columns: tax_rate,
    } {
        /// Its id.
        id: TaxRateId,
        /// The tax class.
        class: String,
        /// Where; everywhere that has no rate of its own, without one.
        branch_id: Option<BranchId>,
        /// The first business day.
        valid_from: CivilDate,
        /// The rate, at most the whole.
        rate: Rate,
        /// Whether prices contain it.
        mode: TaxMode,
    }
}

/// The rate of a class at a branch on a business day: the branch's own before the general one, then the latest.
pub(super) fn rate_for<'r>(
    rates: &'r [TaxRate],
    class: &str,
    branch: BranchId,
    date: CivilDate,
) -> Result<&'r TaxRate> {
    let applies = |rate: &&TaxRate| {
        rate.class == class && rate.valid_from <= date && rate.branch_id.is_none_or(|there| there == branch)
    };
    let found = rates.iter().filter(applies).max_by_key(|rate| (rate.branch_id, rate.valid_from, rate.id));
    found.ok_or_else(|| Error::invalid("tax_class", "tax.no_rate"))
}

/// The tax of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTax {
    /// The tax class.
    pub class: String,
    /// The rate.
    pub rate: Rate,
    /// Whether the price contains it.
    pub mode: TaxMode,
    /// How much, in minor units.
    pub tax_minor: i64,
}

/// All tax of one rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxSum {
    /// The tax class.
    pub class: String,
    /// The rate.
    pub rate: Rate,
    /// Whether prices contain it.
    pub mode: TaxMode,
    /// What was taxed, without the tax, in minor units.
    pub net_minor: i64,
    /// The tax, in minor units.
    pub tax_minor: i64,
}

/// The tax of lines that have one rate, from what is to be paid for them before it.
pub(super) fn of_lines(amounts: &[i64], rate: Rate, mode: TaxMode, rounding: TaxRounding) -> Result<Vec<i64>> {
    let part = match mode {
        TaxMode::OnTop => rate,
        TaxMode::Included => {
            let whole = rate.den().checked_add(rate.num());
            Rate::new(rate.num(), whole.ok_or_else(|| Error::invalid("rate", "rate.overflow"))?)?
        }
    };
    let take = |amount: i64, rounding: Rounding| part.apply(amount, rounding);
    match rounding {
        TaxRounding::Line(rounding) => amounts.iter().map(|amount| take(*amount, rounding)).collect(),
        TaxRounding::Rate(rounding) => {
            let sum = amounts.iter().try_fold(0_i64, |sum, amount| sum.checked_add(*amount));
            let sum = sum.ok_or_else(|| Error::invalid("amount", "money.overflow"))?;
            allocate(take(sum, rounding)?, amounts)
        }
    }
}

/// Refuses a rate below nothing or above the whole.
pub(super) fn check(rate: Rate) -> Result<()> {
    if (Rate::ZERO..=Rate::ONE).contains(&rate) { Ok(()) } else { Err(Error::invalid("rate", "tax.rate_range")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn rate(id: u128, branch: Option<u128>, from: &str, percent: i64) -> TaxRate {
        TaxRate {
            id: Uuid::from_u128(id).into(),
            class: "food".into(),
            branch_id: branch.map(|id| Uuid::from_u128(id).into()),
            valid_from: from.parse().unwrap(),
            rate: Rate::percent(percent),
            mode: TaxMode::Included,
        }
    }

    #[test]
    fn the_branch_goes_before_the_rest_and_the_later_before_the_earlier() {
        let rates = [
            rate(1, None, "2020-01-01", 5),
            rate(2, None, "2025-01-01", 8),
            rate(3, Some(7), "2021-01-01", 3),
            rate(4, None, "2030-01-01", 9),
        ];
        let found = |branch: u128, date: &str| {
            rate_for(&rates, "food", Uuid::from_u128(branch).into(), date.parse().unwrap()).map(|rate| rate.rate)
        };
        assert_eq!(found(1, "2024-12-31").unwrap(), Rate::percent(5));
        assert_eq!(found(1, "2025-01-01").unwrap(), Rate::percent(8));
        assert_eq!(found(7, "2025-01-01").unwrap(), Rate::percent(3));
        assert_eq!(found(7, "2020-12-31").unwrap(), Rate::percent(5));
        assert!(found(1, "2019-12-31").is_err());
    }

    #[test]
    fn included_and_on_top() {
        let tax = |amount, mode, rounding| of_lines(&[amount], Rate::percent(23), mode, rounding).unwrap()[0];
        let half_up = TaxRounding::Line(Rounding::HalfUp);
        assert_eq!(tax(12_300, TaxMode::Included, half_up), 2_300);
        assert_eq!(tax(10_000, TaxMode::OnTop, half_up), 2_300);
        // 0.23 and 0.5: half up.
        assert_eq!(tax(1, TaxMode::OnTop, half_up), 0);
        assert_eq!(of_lines(&[5], Rate::percent(10), TaxMode::OnTop, half_up).unwrap(), [1]);
        // Five lines of 0.3: nothing line by line, two when rounded once.
        let lines = [3; 5];
        assert_eq!(of_lines(&lines, Rate::percent(10), TaxMode::OnTop, half_up).unwrap(), [0; 5]);
        let once = of_lines(&lines, Rate::percent(10), TaxMode::OnTop, TaxRounding::Rate(Rounding::HalfUp)).unwrap();
        assert_eq!(once, [1, 1, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn a_tax_included_is_less_than_the_price(amounts in prop::collection::vec(0..=i64::MAX / 8, 1..8), percent in 0..=100_i64) {
            for rounding in [TaxRounding::Line(Rounding::HalfUp), TaxRounding::Rate(Rounding::HalfUp)] {
                let taxes = of_lines(&amounts, Rate::percent(percent), TaxMode::Included, rounding).unwrap();
                for (tax, amount) in taxes.iter().zip(&amounts) {
                    prop_assert!(0 <= *tax && tax <= amount, "{tax} of {amount}");
                }
            }
        }
    }
}
