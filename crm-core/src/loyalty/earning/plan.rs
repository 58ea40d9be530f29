//! Which rules a purchase meets, before any amount is known.

use serde::{Deserialize, Serialize};

use super::base::BaseLine;
use super::counters::CounterKey;
use super::model::{AssetCap, AtThreshold, Earn, EarnLimit, EarnRule};
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
    /// The tiers it raises the member to, by the base at which it does, where the programme lets it earn so (S-16).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<Raised>,
    /// The business day of the branch (S-15).
    pub date: CivilDate,
    /// The time on the branch's wall clock.
    pub time: TimeOfDay,
}

/// Tiers that a purchase reaches on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raised {
    /// The base of its lines, in their order, that is earned with before: what was missing, in minor units.
    pub after: i64,
    /// The tiers the member is in from there on.
    pub tiers: Vec<TierId>,
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

/// A part of a line that one set of tiers is for: all of it, but where the purchase is split (S-16).
#[derive(Debug)]
pub(super) struct Part {
    /// The place of the line.
    pub(super) line: usize,
    pub(super) base: i64,
    /// Pieces: they are all of its first part.
    pub(super) quantity: i64,
    /// How often the member was raised before it.
    raised: usize,
}

/// A rule that is met, and the places of the parts of lines it is on.
#[derive(Debug)]
pub(super) struct Met<'p> {
    pub(super) rule: &'p EarnRule,
    pub(super) parts: Vec<usize>,
}

/// The rules that a purchase meets: what is to be counted is known, and the counters can be read.
#[derive(Debug)]
pub struct Plan<'p> {
    pub(super) compiled: &'p Compiled,
    pub(super) occasion: Occasion<'p>,
    pub(super) parts: Vec<Part>,
    pub(super) met: Vec<Met<'p>>,
    pub(super) lost: Vec<Lost>,
}

impl<'p> Plan<'p> {
    /// Looks which rules of the programme a purchase meets.
    pub fn new(compiled: &'p Compiled, occasion: Occasion<'p>) -> Self {
        let (mut met, mut lost) = (Vec::new(), Vec::new());
        let split = compiled.programme.earning.at_threshold == AtThreshold::Split;
        let raised = if split { occasion.snapshot.raised.as_slice() } else { &[] };
        let parts = parts_of(occasion.lines, raised);
        for rule in &compiled.programme.earning.rules {
            let on = |(_, line): &(usize, &BaseLine)| rule.on.contain(line, &compiled.tree);
            let lines: Vec<usize> = occasion.lines.iter().enumerate().filter(on).map(|(place, _)| place).collect();
            if lines.is_empty() || !is_for(rule, &occasion) {
                continue;
            }
            let in_proportion = matches!(rule.earn, Earn::Percent(_) | Earn::Rate { .. } | Earn::Boost(_));
            let is_in = |part: &Part| {
                let step = part.raised.checked_sub(1).filter(|_| in_proportion).and_then(|step| raised.get(step));
                let tiers = step.map_or(&occasion.snapshot.tiers, |step| &step.tiers);
                lines.binary_search(&part.line).is_ok() && meets(&rule.audience.tiers, tiers)
            };
            let of_rule: Vec<usize> =
                parts.iter().enumerate().filter(|(_, part)| is_in(part)).map(|(place, _)| place).collect();
            if of_rule.is_empty() {
                continue;
            }
            match unmet(rule, &occasion, &lines) {
                None => met.push(Met { rule, parts: of_rule }),
                Some(why) => lost.push(Lost { rule: rule.key.clone(), why }),
            }
        }
        Self { compiled, occasion, parts, met, lost }
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

    /// The base and the pieces of a part.
    pub(super) fn part(&self, place: usize) -> (i64, i64) {
        self.parts.get(place).map_or((0, 0), |part| (part.base, part.quantity))
    }

    /// The places of the lines that parts belong to.
    pub(super) fn lines_of(&self, parts: &[usize]) -> Vec<usize> {
        let mut lines: Vec<_> = parts.iter().filter_map(|place| self.parts.get(*place)).map(|part| part.line).collect();
        lines.dedup();
        lines
    }
}

/// The parts of lines, in their order: each line whole, but for those in which a member is raised.
fn parts_of(lines: &[BaseLine], raised: &[Raised]) -> Vec<Part> {
    let mut parts = Vec::with_capacity(lines.len());
    let (mut before, mut steps) = (0_i64, 0);
    for (place, line) in lines.iter().enumerate() {
        let (mut left, mut quantity) = (line.base_minor, line.quantity);
        while let Some(step) = raised.get(steps) {
            let missing = step.after.saturating_sub(before);
            if missing > 0 && missing >= left {
                break;
            }
            if missing > 0 {
                parts.push(Part { line: place, base: missing, quantity, raised: steps });
                (before, left, quantity) = (before.saturating_add(missing), left - missing, 0);
            }
            steps += 1;
        }
        parts.push(Part { line: place, base: left, quantity, raised: steps });
        before = before.saturating_add(left);
    }
    parts
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

fn meets<T: PartialEq>(wanted: &[T], had: &[T]) -> bool {
    wanted.is_empty() || wanted.iter().any(|one| had.contains(one))
}

/// Whether a rule is for the member, whatever tiers they are in.
fn is_for(rule: &EarnRule, occasion: &Occasion<'_>) -> bool {
    let (audience, snapshot) = (&rule.audience, occasion.snapshot);
    meets(&audience.partner_groups, &snapshot.partner_groups)
        && meets(&audience.customer_groups, &snapshot.customer_groups)
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
pub(in crate::loyalty) fn currencies(rule: &EarnRule) -> impl Iterator<Item = Currency> {
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
