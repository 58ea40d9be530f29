//! What is counted over several purchases: every n-th of them, and steps whose rest is carried on (S-38).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::counters::{CounterKey, Counters};
use super::engine::steps;
use super::model::{Available, Earn, EarnRule};
use super::paid::Paid;
use super::plan::{CountedKeys, Occasion, counted};
use super::sheet::{SheetLine, still_met};
use crate::Result;
use crate::kernel::allocate::cumulative_floor;
use crate::loyalty::Asset;
use crate::loyalty::ledger::LotId;
use crate::loyalty::programme::Validity;
use crate::pricing::Least;

/// What a purchase counts for one rule, and what came of it. `due = floor(count / step)` steps are granted in all; what is
/// granted already is taken off, and after a return the difference may be negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The key of the rule.
    pub rule: String,
    /// What it gives.
    pub asset: Asset,
    /// How much for each step.
    pub give: i64,
    /// How many purchases, or how much base, are a step.
    pub step: i64,
    /// Whether purchases are counted; otherwise the base.
    pub purchases: bool,
    /// How many purchases of a day count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
    /// The counters.
    pub keys: CountedKeys,
    /// What this purchase counts now.
    pub counts: i64,
    /// The places of its lines.
    pub lines: Vec<usize>,
    /// From how much on it counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_least: Vec<Least>,
    /// From when on it can be spent.
    pub available: Available,
    /// How long.
    pub valid: Validity,
    /// What was posted for this purchase; negative where its return has taken more than it had brought.
    pub posted: i64,
    /// The lots it was given in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<LotId>,
}

impl Counted {
    /// What a rule counts of a purchase; nothing for a rule that does not count.
    pub(super) fn of(rule: &EarnRule, occasion: &Occasion<'_>, lines: &[usize]) -> Option<Self> {
        let keys = counted(rule, occasion)?;
        let (give, step, purchases, per_day) = match rule.earn {
            Earn::Step { give, step, .. } => (give, step.minor(), false, None),
            Earn::Every { give, nth, per_day } => (give, nth.into(), true, per_day),
            _ => return None,
        };
        Some(Self {
            rule: rule.key.clone(),
            asset: rule.asset,
            give,
            step,
            purchases,
            per_day,
            keys,
            counts: 0,
            lines: lines.to_vec(),
            at_least: rule.at_least.clone(),
            available: rule.available,
            valid: rule.valid,
            posted: 0,
            lots: Vec::new(),
        })
    }

    /// Lets a purchase count that was just recorded, and says how many steps are granted.
    pub(super) fn begin(
        &mut self,
        occasion: &Occasion<'_>,
        paid: Paid,
        counters: &Counters,
        moves: &mut BTreeMap<CounterKey, i64>,
    ) -> Result<i64> {
        let lines: Vec<_> = occasion.lines.iter().map(SheetLine::of).collect();
        Ok(self.settle(self.target(&lines, paid)?, counters, moves))
    }

    /// What it counts: a purchase of whose goods something is kept, that has left and is paid, or the base of what is kept and
    /// has left, as far as it is paid (S-12). Nothing, where less is kept than the rule asks for (S-38).
    ///
    /// # Errors
    /// `allocate.returned` for more pieces than there are.
    pub fn target(&self, lines: &[SheetLine], paid: Paid) -> Result<i64> {
        let own: Vec<_> = self.lines.iter().filter_map(|place| lines.get(*place)).collect();
        if !still_met(&own, &self.at_least)? {
            return Ok(0);
        }
        if self.purchases {
            let left = lines.iter().all(|line| line.without() == line.returned);
            return Ok(i64::from(left && paid.is_full()));
        }
        let mut base = 0_i64;
        for line in own {
            let back = cumulative_floor(line.base_minor, line.without(), line.quantity)?;
            base = base.saturating_add(line.base_minor - back);
        }
        Ok(paid.of(base))
    }

    /// Lets it count so much, moves its counters, and says how many steps are to be granted, or taken back.
    pub fn settle(&mut self, target: i64, counters: &Counters, moves: &mut BTreeMap<CounterKey, i64>) -> i64 {
        let at = |key: &CounterKey| counters.get(key).copied().unwrap_or(0);
        let more = target.saturating_sub(self.counts);
        self.counts = target;
        let more = match (self.per_day, &self.keys.day) {
            (Some(most), Some(day)) => {
                let (today, most) = (at(day), i64::from(most));
                moves.insert(day.clone(), more);
                today.saturating_add(more).min(most) - today.min(most)
            }
            _ => more,
        };
        let due = steps(at(&self.keys.count).saturating_add(more), self.step);
        let granted = due.saturating_sub(at(&self.keys.granted));
        moves.insert(self.keys.count.clone(), more);
        moves.insert(self.keys.granted.clone(), granted);
        granted
    }
}
