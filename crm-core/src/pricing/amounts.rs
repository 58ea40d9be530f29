//! What a rule takes off: exactly when rules are compared, and in whole units, rounded once, when one is applied (S-13).

use super::model::{Adjustment, Base, Per};
use super::quote::Bound;
use crate::Result;
use crate::kernel::allocate::{allocate, allocate_bounded};
use crate::kernel::rate::{Rate, Rounding};

/// How far the price of a line has come, in minor units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) quantity: i64,
    /// At list prices.
    pub(super) list: i64,
    /// What the present stage began with.
    pub(super) began: i64,
    /// What is left now.
    pub(super) now: i64,
    /// What must be left.
    pub(super) floor: i64,
}

impl Standing {
    /// What can still be taken off.
    pub(super) fn room(&self) -> i64 {
        (self.now - self.floor.min(self.now)).max(0)
    }

    fn bound(&self) -> Bound {
        if self.floor > 0 { Bound::Floor } else { Bound::Nothing }
    }

    pub(super) fn base(&self, base: Base) -> i64 {
        match base {
            Base::OnPrevious => self.began,
            Base::OnList => self.list,
        }
    }

    /// What an adjustment of pieces or lines asks for; nothing for a share of something larger.
    fn asked(&self, how: &Adjustment) -> Option<i64> {
        match how {
            Adjustment::Amount { off, per: Per::Piece } => Some(off.minor().saturating_mul(self.quantity)),
            Adjustment::Amount { off, per: Per::Line } => Some(off.minor()),
            Adjustment::FixedPrice(price) => {
                Some(self.began.saturating_sub(price.minor().saturating_mul(self.quantity)).max(0))
            }
            Adjustment::Amount { per: Per::Order, .. } | Adjustment::Percent(_) => None,
        }
    }
}

/// Fractions of a minor unit that comparisons see: 2⁻³².
const FRACTION_BITS: u32 = 32;

/// What a rule would take off a line if it alone applied, in 2⁻³² of a minor unit. `order` is what all lines together
/// began the stage with to which an amount on the order may apply; `budget` what its limits leave.
pub(super) fn gain(how: &Adjustment, base: Base, line: &Standing, order: i64, budget: Option<i64>) -> i128 {
    let most = i128::from(budget.map_or(line.room(), |budget| budget.min(line.room())).max(0)) << FRACTION_BITS;
    let exact = match how {
        Adjustment::Percent(rate) => part(line.base(base), rate.num(), rate.den()),
        Adjustment::Amount { off, per: Per::Order } => part(line.began, off.minor().min(order), order),
        _ => i128::from(line.asked(how).unwrap_or(0)) << FRACTION_BITS,
    };
    exact.min(most)
}

/// `amount × num / den` for `num ≤ den`, exact to 2⁻³².
fn part(amount: i64, num: i64, den: i64) -> i128 {
    if den <= 0 {
        return 0;
    }
    // Almost always all of it fits 64 bits, which divide many times faster.
    if let (Some(exact), Ok(_)) = (amount.checked_mul(num), i32::try_from(den)) {
        let fraction = ((exact % den) << FRACTION_BITS) / den;
        return (i128::from(exact / den) << FRACTION_BITS) + i128::from(fraction);
    }
    let (exact, den) = (i128::from(amount) * i128::from(num), i128::from(den));
    ((exact / den) << FRACTION_BITS) + ((exact % den) << FRACTION_BITS) / den
}

/// What one rule gives the lines it applies to: one amount for each, and what kept it from being more.
///
/// A percentage is one exact amount over all its lines, rounded once and spread by largest remainder (S-13); a line that
/// cannot bear its part gives what it can, and the others do not make up for it. An amount on the order is spread
/// bounded by what each line can bear (S-27). No line gives more than it can, and all together not more than `budget`.
pub(super) fn give(
    how: &Adjustment,
    base: Base,
    rounding: Rounding,
    budget: Option<i64>,
    lines: &[Standing],
) -> Result<Vec<(i64, Option<Bound>)>> {
    let mut given = match how {
        Adjustment::Percent(rate) => percent(*rate, base, rounding, lines)?,
        Adjustment::Amount { off, per: Per::Order } => order(off.minor(), lines)?,
        _ => lines.iter().map(|line| bounded(line, line.asked(how).unwrap_or(0))).collect(),
    };
    if let Some(budget) = budget {
        let amounts: Vec<i64> = given.iter().map(|(amount, _)| *amount).collect();
        if amounts.iter().copied().map(i128::from).sum::<i128>() > i128::from(budget.max(0)) {
            for ((amount, bound), less) in given.iter_mut().zip(allocate(budget.max(0), &amounts)?) {
                if less < *amount {
                    (*amount, *bound) = (less, Some(Bound::Budget));
                }
            }
        }
    }
    Ok(given)
}

fn bounded(line: &Standing, asked: i64) -> (i64, Option<Bound>) {
    let room = line.room();
    if asked > room { (room, Some(line.bound())) } else { (asked.max(0), None) }
}

fn percent(rate: Rate, base: Base, rounding: Rounding, lines: &[Standing]) -> Result<Vec<(i64, Option<Bound>)>> {
    if let [line] = lines {
        return Ok(vec![bounded(line, rate.apply(line.base(base), rounding)?)]);
    }
    // Exact parts above what a line can bear are cut, and take no part in the rounding.
    let fits = |line: &Standing| {
        i128::from(line.base(base)) * i128::from(rate.num()) <= i128::from(line.room()) * i128::from(rate.den())
    };
    let whole = |line: &Standing, number: i64| if fits(line) { number } else { 0 };
    let bases: Vec<i64> = lines.iter().map(|line| whole(line, line.base(base))).collect();
    let room: Vec<i64> = lines.iter().map(|line| whole(line, line.room())).collect();
    // The list prices of a cart have a sum, so these do.
    let asked = rate.apply(bases.iter().sum(), rounding)?;
    let shares = allocate_bounded(asked.min(room_of(&bases, &room)), &bases, &room)?;
    let cut = |(line, share): (&Standing, i64)| {
        if fits(line) { (share, None) } else { (line.room(), Some(line.bound())) }
    };
    Ok(lines.iter().zip(shares).map(cut).collect())
}

fn order(asked: i64, lines: &[Standing]) -> Result<Vec<(i64, Option<Bound>)>> {
    let weights: Vec<i64> = lines.iter().map(|line| line.began).collect();
    let room: Vec<i64> = lines.iter().map(Standing::room).collect();
    let can = room_of(&weights, &room);
    let shares = allocate_bounded(asked.min(can), &weights, &room)?;
    let bound = |line: &Standing| (asked > can).then(|| line.bound());
    Ok(lines.iter().zip(shares).map(|(line, share)| (share, bound(line))).collect())
}

/// What lines with a weight can bear together.
fn room_of(weights: &[i64], room: &[i64]) -> i64 {
    let open = weights.iter().zip(room).filter(|(weight, _)| **weight > 0);
    open.fold(0_i64, |sum, (_, room)| sum.saturating_add(*room))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::currency::Currency;
    use crate::kernel::money::Money;
    use proptest::prelude::*;

    fn line(quantity: i64, now: i64, floor: i64) -> Standing {
        Standing { quantity, list: now, began: now, now, floor }
    }

    fn off(minor: i64, per: Per) -> Adjustment {
        Adjustment::Amount { off: Money::new(minor, Currency::PLN), per }
    }

    fn amounts(how: &Adjustment, lines: &[Standing]) -> Vec<i64> {
        let given = give(how, Base::OnPrevious, Rounding::Floor, None, lines).unwrap();
        given.into_iter().map(|(amount, _)| amount).collect()
    }

    #[test]
    fn percentages_are_rounded_once() {
        // 0.52½ of 17.50, down.
        assert_eq!(amounts(&Adjustment::Percent(Rate::percent(3)), &[line(6, 1_422, 0), line(1, 328, 0)]), [42, 10]);
        // Ten lines of 0.5: five in all, the earlier first.
        let tenth = amounts(&Adjustment::Percent(Rate::percent(10)), &[line(1, 5, 0); 10]);
        assert_eq!(tenth, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_floor_cuts_only_its_own_line() {
        let lines = [line(1, 100, 95), line(1, 100, 0)];
        assert_eq!(amounts(&Adjustment::Percent(Rate::percent(20)), &lines), [5, 20]);
        assert_eq!(amounts(&off(30, Per::Line), &lines), [5, 30]);
        // An amount on the order goes to who can bear it.
        assert_eq!(amounts(&off(30, Per::Order), &lines), [5, 25]);
        assert_eq!(amounts(&off(1_000, Per::Order), &lines), [5, 100]);
    }

    #[test]
    fn a_budget_is_shared() {
        let lines = [line(1, 100, 0), line(1, 300, 0)];
        let given = give(&Adjustment::Percent(Rate::percent(10)), Base::OnPrevious, Rounding::Floor, Some(20), &lines);
        assert_eq!(given.unwrap(), [(5, Some(Bound::Budget)), (15, Some(Bound::Budget))]);
    }

    proptest! {
        /// T-10: shares sum to the whole, stay within what lines can bear, and are near to exact.
        #[test]
        fn nothing_is_lost_and_nobody_gives_too_much(
            amounts in prop::collection::vec((0..=1_000_000_i64, 0..=1_000_i64), 1..12),
            (num, den) in (0..=1_000_i64, 1..=1_000_i64),
            mode in prop::sample::select(vec![Rounding::Floor, Rounding::Ceil, Rounding::HalfUp, Rounding::HalfEven]),
            budget in prop::option::of(0..=100_000_i64),
        ) {
            prop_assume!(num <= den);
            let lines: Vec<_> = amounts.iter().map(|(now, floor)| line(1, *now, *floor)).collect();
            let rate = Rate::new(num, den).unwrap();
            let given = give(&Adjustment::Percent(rate), Base::OnPrevious, mode, budget, &lines).unwrap();
            let mut exact_sum = Rate::ZERO;
            for ((amount, bound), line) in given.iter().zip(&lines) {
                prop_assert!((0..=line.room()).contains(amount));
                if bound.is_none() {
                    let exact = Rate::new(line.began, 1).unwrap().checked_mul(&rate).unwrap();
                    exact_sum = exact_sum.checked_add(&exact).unwrap();
                    // The whole is rounded by less than one unit, and a part of it once more.
                    let low = rate.apply(line.began, Rounding::Floor).unwrap();
                    prop_assert!((low - 1..=low + 2).contains(amount), "{amount} for {exact}");
                }
            }
            let sum: i64 = given.iter().map(|(amount, _)| amount).sum();
            prop_assert!(budget.is_none_or(|budget| sum <= budget));
            let free: i64 = given.iter().filter(|(_, bound)| bound.is_none()).map(|(amount, _)| amount).sum();
            if given.iter().all(|(_, bound)| *bound != Some(Bound::Budget)) {
                prop_assert_eq!(free, exact_sum.apply(1, mode).unwrap());
            }
        }
    }
}
