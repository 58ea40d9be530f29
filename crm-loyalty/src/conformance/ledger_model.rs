//! A plain model of an account (T-2): every unit by itself, and everything that ever happened lived through again, hour by
//! hour, for each look at it.

use std::collections::BTreeMap;

use crm_core::loyalty::ledger::rules::Amounts;
use proptest::prelude::*;

/// Something happens so many hours after what happened before.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) hours: i64,
    pub(super) what: What,
}

/// What happens. Of the two assets one is meant; lots and holds are named by their number, counted round.
#[derive(Debug, Clone)]
pub(super) enum What {
    Give { asset: usize, amount: i64, ago: i64, delay: i64, life: Option<i64>, earned: bool },
    Take { asset: usize, amount: i64 },
    Pay { asset: usize, amount: i64 },
    Hold { asset: usize, amount: i64, hours: i64 },
    Capture { hold: usize, amount: i64 },
    Void { hold: usize },
    ClawBack { lot: usize, amount: i64 },
    Restore { hold: usize, amount: i64, grace: i64 },
    Revoke { lot: usize },
    WriteOff { asset: usize, amount: i64 },
    Settle,
    Rebuild,
}

/// Any history.
pub(super) fn any_history() -> impl Strategy<Value = Vec<Step>> {
    let amount = || 1..40_i64;
    let which = || 0..12_usize;
    let what = prop_oneof![
        4 => (0..2_usize, amount(), 0..3_i64, 0..6_i64, prop::option::of(1..20_i64), any::<bool>()).prop_map(
            |(asset, amount, ago, delay, life, earned)| What::Give { asset, amount, ago, delay, life, earned }
        ),
        2 => (0..2_usize, amount()).prop_map(|(asset, amount)| What::Take { asset, amount }),
        2 => (0..2_usize, amount()).prop_map(|(asset, amount)| What::Pay { asset, amount }),
        3 => (0..2_usize, amount(), 1..8_i64).prop_map(|(asset, amount, hours)| What::Hold { asset, amount, hours }),
        2 => (which(), amount()).prop_map(|(hold, amount)| What::Capture { hold, amount }),
        1 => which().prop_map(|hold| What::Void { hold }),
        2 => (which(), amount()).prop_map(|(lot, amount)| What::ClawBack { lot, amount }),
        2 => (which(), amount(), 0..4_i64).prop_map(|(hold, amount, grace)| What::Restore { hold, amount, grace }),
        1 => which().prop_map(|lot| What::Revoke { lot }),
        1 => (0..2_usize, amount()).prop_map(|(asset, amount)| What::WriteOff { asset, amount }),
        1 => Just(What::Settle),
        1 => Just(What::Rebuild),
    ];
    let hours = prop_oneof![2 => Just(0), 3 => 0..4_i64, 1 => 0..15_i64];
    prop::collection::vec((hours, what).prop_map(|(hours, what)| Step { hours, what }), 1..30)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Free,
    Held(usize),
    Paid(usize),
    Expired,
    Gone,
}

#[derive(Debug)]
struct ModelLot {
    asset: usize,
    earned: i64,
    available: i64,
    expires: i64,
    units: Vec<Unit>,
}

#[derive(Debug)]
struct ModelHold {
    asset: usize,
    /// The units in the order of use: the lot, and the place in it.
    units: Vec<(usize, usize)>,
    lapses: i64,
    open: bool,
}

/// An account of the model.
#[derive(Debug, Default)]
pub(super) struct Model {
    hour: i64,
    lots: Vec<ModelLot>,
    holds: Vec<ModelHold>,
    debt: [i64; 2],
}

/// What is left, set aside and expired of a lot.
pub(super) type LotFigures = (i64, i64, i64);

impl Model {
    /// Lives a history through, up to an hour, and says which steps were done.
    pub(super) fn replay(history: &[Step], until: i64) -> (Self, Vec<bool>) {
        let (mut model, mut done, mut hour) = (Self::default(), Vec::new(), 0);
        for step in history {
            hour += step.hours;
            if hour > until {
                break;
            }
            model.live_until(hour);
            done.push(model.apply(&step.what));
        }
        model.live_until(until);
        (model, done)
    }

    /// What there is of each asset.
    pub(super) fn amounts(&self) -> [Amounts; 2] {
        let mut amounts = self.debt.map(|debt| Amounts { debt, ..Amounts::default() });
        for lot in &self.lots {
            for unit in &lot.units {
                let of = &mut amounts[lot.asset];
                match unit {
                    Unit::Free if lot.available > self.hour => of.pending += 1,
                    Unit::Free => of.available += 1,
                    Unit::Held(_) => of.held += 1,
                    _ => {}
                }
            }
        }
        amounts
    }

    /// What is free and expires: when, of which asset and how much, soonest first (S-41).
    pub(super) fn upcoming(&self) -> Vec<(i64, usize, i64)> {
        let mut sums = BTreeMap::new();
        for lot in self.lots.iter().filter(|lot| lot.expires < i64::MAX) {
            let free = lot.units.iter().filter(|unit| **unit == Unit::Free).count() as i64;
            *sums.entry((lot.expires, lot.asset)).or_default() += free;
        }
        let left = sums.into_iter().filter(|(_, free)| *free > 0);
        left.map(|((expires, asset), free)| (expires, asset, free)).collect()
    }

    /// The lots, in the order in which they were made.
    pub(super) fn lots(&self) -> Vec<LotFigures> {
        let count = |lot: &ModelLot, is: fn(&Unit) -> bool| lot.units.iter().filter(|unit| is(unit)).count() as i64;
        let figures = |lot| {
            let held = count(lot, |unit| matches!(unit, Unit::Held(_)));
            (count(lot, |unit| *unit == Unit::Free), held, count(lot, |unit| *unit == Unit::Expired))
        };
        self.lots.iter().map(figures).collect()
    }

    fn live_until(&mut self, until: i64) {
        while self.hour < until {
            self.hour += 1;
            for hold in 0..self.holds.len() {
                if self.holds[hold].open && self.holds[hold].lapses == self.hour {
                    self.free(hold);
                }
            }
            self.expire();
        }
    }

    fn expire(&mut self) {
        for lot in self.lots.iter_mut().filter(|lot| lot.expires <= self.hour) {
            for unit in lot.units.iter_mut().filter(|unit| **unit == Unit::Free) {
                *unit = Unit::Expired;
            }
        }
    }

    fn free(&mut self, hold: usize) {
        self.holds[hold].open = false;
        for unit in self.lots.iter_mut().flat_map(|lot| &mut lot.units).filter(|unit| **unit == Unit::Held(hold)) {
            *unit = Unit::Free;
        }
        self.expire();
    }

    /// The free units of an asset in the order of use (S-04).
    fn in_order(&self, asset: usize, pending: bool) -> Vec<(usize, usize)> {
        let mut lots: Vec<usize> = (0..self.lots.len()).collect();
        lots.sort_by_key(|lot| (self.lots[*lot].expires, self.lots[*lot].earned, *lot));
        let mut units = Vec::new();
        for lot in lots {
            let of = &self.lots[lot];
            if of.asset == asset && (pending || of.available <= self.hour) {
                let free = of.units.iter().enumerate().filter(|(_, unit)| **unit == Unit::Free);
                units.extend(free.map(|(at, _)| (lot, at)));
            }
        }
        units
    }

    fn use_up(&mut self, asset: usize, amount: i64, to: Unit) -> Option<Vec<(usize, usize)>> {
        let mut units = self.in_order(asset, false);
        if (units.len() as i64) < amount {
            return None;
        }
        units.truncate(amount as usize);
        for (lot, at) in &units {
            self.lots[*lot].units[*at] = to;
        }
        Some(units)
    }

    fn apply(&mut self, what: &What) -> bool {
        match *what {
            What::Give { asset, amount, ago, delay, life, earned } => {
                let repaid = if earned { self.debt[asset].min(amount) } else { 0 };
                self.debt[asset] -= repaid;
                if amount > repaid {
                    let available = self.hour - ago + delay;
                    let expires = life.map_or(i64::MAX, |life| available + life);
                    let units = vec![Unit::Free; (amount - repaid) as usize];
                    self.lots.push(ModelLot { asset, earned: self.hour - ago, available, expires, units });
                    self.expire();
                }
                true
            }
            What::Take { asset, amount } => self.use_up(asset, amount, Unit::Gone).is_some(),
            What::Pay { asset, amount } => {
                let hold = self.holds.len();
                let Some(units) = self.use_up(asset, amount, Unit::Paid(hold)) else { return false };
                self.holds.push(ModelHold { asset, units, lapses: 0, open: false });
                true
            }
            What::Hold { asset, amount, hours } => {
                let hold = self.holds.len();
                let Some(units) = self.use_up(asset, amount, Unit::Held(hold)) else { return false };
                self.holds.push(ModelHold { asset, units, lapses: self.hour + hours, open: true });
                true
            }
            What::Capture { hold, amount } => {
                let Some(hold) = round(hold, self.holds.len()) else { return false };
                if !self.holds[hold].open || (self.holds[hold].units.len() as i64) < amount {
                    return false;
                }
                for (lot, at) in self.holds[hold].units.iter().take(amount as usize) {
                    self.lots[*lot].units[*at] = Unit::Paid(hold);
                }
                self.free(hold);
                true
            }
            What::Void { hold } => {
                let Some(hold) = round(hold, self.holds.len()).filter(|hold| self.holds[*hold].open) else {
                    return false;
                };
                self.free(hold);
                true
            }
            What::ClawBack { lot, amount } => {
                let Some(lot) = round(lot, self.lots.len()) else { return false };
                let asset = self.lots[lot].asset;
                let own = |model: &Self, is: Unit| -> Vec<(usize, usize)> {
                    let units = model.lots[lot].units.iter().enumerate();
                    units.filter(|(_, unit)| **unit == is).map(|(at, _)| (lot, at)).collect()
                };
                let mut units = own(self, Unit::Free);
                units.extend(own(self, Unit::Expired));
                units.extend(self.in_order(asset, true).into_iter().filter(|(other, _)| *other != lot));
                units.truncate(amount as usize);
                for (lot, at) in &units {
                    self.lots[*lot].units[*at] = Unit::Gone;
                }
                self.debt[asset] += amount - units.len() as i64;
                true
            }
            What::Restore { hold, amount, grace } => {
                let Some(hold) = round(hold, self.holds.len()) else { return false };
                let paid = self.holds[hold].units.clone();
                let mut paid: Vec<_> =
                    paid.into_iter().filter(|(lot, at)| self.lots[*lot].units[*at] == Unit::Paid(hold)).collect();
                if (paid.len() as i64) < amount {
                    return false;
                }
                paid.truncate(amount as usize);
                let mut made: Vec<(usize, usize)> = Vec::new();
                for (lot, at) in paid {
                    let ModelLot { expires, earned, available, .. } = self.lots[lot];
                    let end = if grace > 0 { self.hour + grace } else { 0 };
                    if end <= expires {
                        self.lots[lot].units[at] = Unit::Free;
                        continue;
                    }
                    self.lots[lot].units[at] = Unit::Gone;
                    let new = made.iter().find(|(of, _)| *of == lot).map_or(self.lots.len(), |(_, new)| *new);
                    if new == self.lots.len() {
                        let asset = self.holds[hold].asset;
                        self.lots.push(ModelLot { asset, earned, available, expires: end, units: Vec::new() });
                        made.push((lot, new));
                    }
                    self.lots[new].units.push(Unit::Free);
                }
                self.expire();
                true
            }
            What::Revoke { lot } => {
                let Some(lot) = round(lot, self.lots.len()) else { return false };
                for unit in self.lots[lot].units.iter_mut().filter(|unit| **unit == Unit::Free) {
                    *unit = Unit::Gone;
                }
                true
            }
            What::WriteOff { asset, amount } => {
                let owed = self.debt[asset] >= amount;
                self.debt[asset] -= if owed { amount } else { 0 };
                owed
            }
            What::Settle | What::Rebuild => true,
        }
    }
}

/// A number, counted round.
pub(super) fn round(number: usize, of: usize) -> Option<usize> {
    number.checked_rem(of)
}
