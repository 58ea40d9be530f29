//! Which rules a purchase meets, before any amount is known.

use serde::{Deserialize, Serialize};

use super::base::BaseLine;
use super::counters::CounterKey;
use super::model::{AssetCap, Earn, EarnLimit, EarnRule};
use crate::Result;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::currency::Currency;
use crate::kernel::time::{CivilDate, TimeOfDay};
use crate::loyalty::Asset;
use crate::loyalty::programme::Compiled;
use crate::partners::{CustomerGroupId, PartnerGroupId};
use crate::pricing::{Least, TierId};

/// Who bought when, as it was before the purchase (S-16): kept with it, so that it can be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The tiers the member was in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<TierId>,
    /// The groups that the programme asks for and the member was in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub customer_groups: Vec<CustomerGroupId>,
    /// The groups of partners, if the programme asks for any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partner_groups: Vec<PartnerGroupId>,
    /// The business day of the branch (S-15).
    pub date: CivilDate,
    /// The time on the branch's wall clock.
    pub time: TimeOfDay,
}

/// A purchase, as far as earning is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'o> {
    /// Where.
    pub branch: BranchId,
    /// Who.
    pub customer: CustomerId,
    /// In which currency.
    pub currency: Currency,
    /// As what, and when.
    pub snapshot: &'o Snapshot,
    /// What.
    pub lines: &'o [BaseLine],
}

/// Why a rule that is for the member and the goods gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Not on this day.
    Day,
    /// Not at this time.
    Hours,
    /// Too little was bought.
    AtLeast(Least),
    /// It is in another currency.
    Currency,
    /// Its limit is reached (S-40).
    UsedUp,
    /// All its goods earn points by the piece (C66).
    PiecePoints,
    /// This one of its group gives more, or as much and goes first (S-14).
    Smaller(String),
}

/// A rule that gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The key of the rule.
    pub rule: String,
    /// Why.
    pub why: Why,
}

/// A rule that is met, and the places of the lines it is on.
#[derive(Debug)]
pub(super) struct Met<'p> {
    pub(super) rule: &'p EarnRule,
    pub(super) lines: Vec<usize>,
}

/// The rules that a purchase meets: what is to be counted is known, and the counters can be read.
#[derive(Debug)]
pub struct Plan<'p> {
    pub(super) compiled: &'p Compiled,
    pub(super) occasion: Occasion<'p>,
    pub(super) met: Vec<Met<'p>>,
    pub(super) lost: Vec<Lost>,
}

impl<'p> Plan<'p> {
    /// Looks which rules of the programme a purchase meets.
    pub fn new(compiled: &'p Compiled, occasion: Occasion<'p>) -> Self {
        let (mut met, mut lost) = (Vec::new(), Vec::new());
        for rule in &compiled.programme.earning.rules {
            let on = |(_, line): &(usize, &BaseLine)| rule.on.contain(line, &compiled.tree);
            let lines: Vec<usize> = occasion.lines.iter().enumerate().filter(on).map(|(place, _)| place).collect();
            if lines.is_empty() || !is_for(rule, &occasion) {
                continue;
            }
            match unmet(rule, &occasion, &lines) {
                None => met.push(Met { rule, lines }),
                Some(why) => lost.push(Lost { rule: rule.key.clone(), why }),
            }
        }
        Self { compiled, occasion, met, lost }
    }

    /// The counters that decide.
    ///
    /// # Errors
    /// None that a valid programme can cause.
    pub fn counters(&self) -> Result<Vec<CounterKey>> {
        let date = self.occasion.snapshot.date;
        let mut keys = Vec::new();
        for Met { rule, .. } in &self.met {
            for limit in &rule.limits {
                keys.push(CounterKey::of(&owner(rule), limit, date)?);
            }
            keys.extend(counted(rule, &self.occasion).into_iter().flat_map(CountedKeys::keys));
        }
        for cap in &self.compiled.programme.earning.caps {
            for limit in &cap.limits {
                keys.push(CounterKey::of(&cap_owner(cap), limit, date)?);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// The base of a line.
    pub(super) fn line(&self, place: usize) -> (i64, i64) {
        self.occasion.lines.get(place).map_or((0, 0), |line| (line.base_minor, line.quantity))
    }
}

/// The counters of a rule that counts over purchases (S-38).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedKeys {
    /// Purchases, or minor units of the base.
    pub count: CounterKey,
    /// How many steps have been granted.
    pub granted: CounterKey,
    /// Purchases of the day at the branch, where only so many of them count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<CounterKey>,
}

impl CountedKeys {
    /// All of them.
    pub fn keys(self) -> impl Iterator<Item = CounterKey> {
        [Some(self.count), Some(self.granted), self.day].into_iter().flatten()
    }
}

/// The counters of a rule that counts over purchases; none for others. What is counted starts anew where the step changes.
pub(super) fn counted(rule: &EarnRule, occasion: &Occasion<'_>) -> Option<CountedKeys> {
    let own = |what: &str, period| CounterKey::own(format!("{} {what}", owner(rule)), period);
    let first = CivilDate::MIN;
    match rule.earn {
        Earn::Step { step, carry: true, .. } => {
            let step = format!("{} {}", step.minor(), step.currency());
            let (count, granted) = (own(&format!("sum {step}"), first), own(&format!("steps {step}"), first));
            Some(CountedKeys { count, granted, day: None })
        }
        Earn::Every { nth, per_day, .. } => {
            let (count, granted) = (own(&format!("count {nth}"), first), own(&format!("nths {nth}"), first));
            let day = per_day.map(|_| own(&format!("day {}", occasion.branch), occasion.snapshot.date));
            Some(CountedKeys { count, granted, day })
        }
        _ => None,
    }
}

pub(super) fn owner(rule: &EarnRule) -> String {
    format!("rule:{}", rule.key)
}

pub(super) fn cap_owner(cap: &AssetCap) -> String {
    format!("all:{}", cap.asset)
}

/// All limits, each with its counter.
pub(super) fn limits<'l>(
    owner: &str,
    limits: &'l [EarnLimit],
    date: CivilDate,
) -> Result<Vec<(CounterKey, &'l EarnLimit)>> {
    limits.iter().map(|limit| Ok((CounterKey::of(owner, limit, date)?, limit))).collect()
}

fn is_for(rule: &EarnRule, occasion: &Occasion<'_>) -> bool {
    fn meets<T: PartialEq>(wanted: &[T], had: &[T]) -> bool {
        wanted.is_empty() || wanted.iter().any(|one| had.contains(one))
    }
    let (audience, snapshot) = (&rule.audience, occasion.snapshot);
    meets(&audience.partner_groups, &snapshot.partner_groups)
        && meets(&audience.customer_groups, &snapshot.customer_groups)
        && meets(&audience.tiers, &snapshot.tiers)
        && meets(&audience.customers, &[occasion.customer])
        && meets(&audience.branches, &[occasion.branch])
}

fn unmet(rule: &EarnRule, occasion: &Occasion<'_>, lines: &[usize]) -> Option<Why> {
    if currencies(rule).any(|currency| currency != occasion.currency) {
        return Some(Why::Currency);
    }
    if rule.days.as_ref().is_some_and(|days| !days.contain(occasion.snapshot.date)) {
        return Some(Why::Day);
    }
    if rule.hours.is_some_and(|hours| !hours.contain(occasion.snapshot.time)) {
        return Some(Why::Hours);
    }
    let lines = lines.iter().filter_map(|place| occasion.lines.get(*place));
    let lines = lines.map(|line| (line.base_minor, line.quantity));
    rule.at_least.iter().find(|least| !reaches(**least, lines.clone())).copied().map(Why::AtLeast)
}

/// Whether lines of this base and so many pieces are enough.
pub(super) fn reaches(least: Least, lines: impl Iterator<Item = (i64, i64)>) -> bool {
    let (base, pieces) =
        lines.fold((0_i128, 0_i128), |sum, line| (sum.0 + i128::from(line.0), sum.1 + i128::from(line.1)));
    match least {
        Least::Pieces(least) => pieces >= i128::from(least),
        Least::Amount(least) => base >= i128::from(least.minor()),
    }
}

/// The currencies a rule speaks of.
pub(super) fn currencies(rule: &EarnRule) -> impl Iterator<Item = Currency> {
    let given = match rule.asset {
        Asset::Credit(currency) | Asset::Gift(currency) => Some(currency),
        Asset::Points => None,
    };
    let for_it = match rule.earn {
        Earn::Rate { per: amount, .. } | Earn::Step { step: amount, .. } => Some(amount.currency()),
        _ => None,
    };
    let least = rule.at_least.iter().filter_map(|least| match least {
        Least::Amount(amount) => Some(amount.currency()),
        Least::Pieces(_) => None,
    });
    given.into_iter().chain(for_it).chain(least)
}
