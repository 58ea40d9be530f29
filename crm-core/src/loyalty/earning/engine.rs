//! From the rules that are met to what each gives: rates with their boosts, groups, limits, caps (S-13, S-14, S-40).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::amounts::{Exact, rate, spread, weights};
use super::counted::Counted;
use super::counters::{CounterKey, Counters, LimitUse};
use super::model::{Earn, EarnLimit, EarnRule, LimitCap, OnReturn};
use super::paid::Paid;
use super::plan::{Lost, Met, Plan, Why, cap_owner, counted, limits, owner};
use crate::Result;
use crate::kernel::allocate::allocate;
use crate::kernel::rate::{Rate, Rounding};
use crate::loyalty::Asset;
use crate::pricing::Least;

crate::text_enum! {
    /// Why a rule gave less than it says.
    pub enum Bound {
        /// Its own most for one purchase.
        AtMost = "at_most",
        /// Its limit had no more left (S-40).
        Limit = "limit",
        /// The most of the asset, of all rules together.
        AssetCap = "asset_cap",
    }
}

/// What a return takes back of a contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The shares of what came back (S-28).
    Share,
    /// What the kept part of these lines would not have earned: see [`OnReturn::ReEvaluate`].
    Again {
        /// The places of the lines.
        lines: Vec<usize>,
        /// How much it gives.
        earn: Earn,
        /// From how much on.
        at_least: Vec<Least>,
    },
    /// What its counters say (S-38).
    Counted,
}

/// What one rule has given for a purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// The key of the rule; its version is that of the programme.
    pub rule: String,
    /// What.
    pub asset: Asset,
    /// How much in all.
    pub amount: i64,
    /// What of that each boost has added, by its key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boosts: Vec<(String, i64)>,
    /// What of it belongs to each line, in the order of the lines.
    pub shares: Vec<i64>,
    /// Why it is not more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// What a return takes back of it.
    pub basis: Basis,
}

/// What a purchase earns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Earned {
    /// What each rule gives, in the order of the rules.
    pub contributions: Vec<Contribution>,
    /// The rules that were met and give nothing.
    pub lost: Vec<Lost>,
    /// What was used of limits.
    pub uses: Vec<LimitUse>,
    /// What goes on counting.
    pub counted: Vec<Counted>,
    /// How far counters were that decided, those that were not at nothing.
    pub counters: Vec<(CounterKey, i64)>,
    /// How they move.
    pub moves: Vec<(CounterKey, i64)>,
}

impl Earned {
    /// How much of an asset.
    pub fn of(&self, asset: Asset) -> i64 {
        let amounts = self.contributions.iter().filter(|one| one.asset == asset).map(|one| one.amount);
        amounts.fold(0, i64::saturating_add)
    }
}

/// What a rule could give.
struct Candidate<'p> {
    rule: &'p EarnRule,
    parts: Vec<usize>,
    amount: i64,
    weights: Vec<i64>,
    boosts: Vec<(&'p str, i64)>,
    bound: Option<Bound>,
}

impl Plan<'_> {
    /// What the purchase earns, with the counters as they are, when so much of it is paid.
    ///
    /// # Errors
    /// `earn.overflow` for amounts beyond all money.
    pub fn earn(&self, counters: &Counters, paid: Paid) -> Result<Earned> {
        let mut lost = self.lost.clone();
        let mut counted = Vec::new();
        let mut moves = BTreeMap::<CounterKey, i64>::new();
        let by_piece = self.by_piece(counters)?;
        let mut candidates = Vec::new();
        for met in self.met.iter().filter(|met| !matches!(met.rule.earn, Earn::Boost(_))) {
            let mut lose = |why| lost.push(Lost { rule: met.rule.key.clone(), why });
            let Some(left) = self.left(met.rule, counters)? else {
                lose(Why::UsedUp);
                continue;
            };
            let parts = parts_of(met, &by_piece);
            if parts.is_empty() {
                lose(Why::PiecePoints);
                continue;
            }
            let mut candidate = self.candidate(met.rule, parts)?;
            if let Some(mut one) = Counted::of(met.rule, &self.occasion, &self.lines_of(&candidate.parts)) {
                let steps = one.begin(&self.occasion, paid, counters, &mut moves)?;
                candidate.amount = one.give.saturating_mul(steps.max(0));
                counted.push(one);
            }
            candidate.bind(met.rule.at_most, Bound::AtMost);
            candidate.bind(Some(left), Bound::Limit);
            candidates.push(candidate);
        }
        self.only_the_most(&mut candidates, &mut lost);
        self.cap(&mut candidates, counters)?;
        let contributions: Vec<_> = candidates
            .into_iter()
            .filter(|candidate| candidate.amount > 0)
            .map(|candidate| self.contribution(candidate))
            .collect::<Result<_>>()?;
        let uses = self.uses(&contributions, counters)?;
        for used in &uses {
            let sum = moves.entry(used.counter.clone()).or_default();
            *sum = sum.saturating_add(used.used);
        }
        moves.retain(|_, amount| *amount != 0);
        let counters = counters.iter().filter(|(_, at)| **at != 0).map(|(key, at)| (key.clone(), *at)).collect();
        Ok(Earned { contributions, lost, uses, counted, counters, moves: moves.into_iter().collect() })
    }

    /// The parts of lines that earn points by the piece (C66).
    fn by_piece(&self, counters: &Counters) -> Result<Vec<usize>> {
        let mut places = Vec::new();
        if !self.compiled.programme.earning.piece_points_and_general {
            for met in self.met.iter().filter(|met| is_piece_points(met.rule)) {
                if self.left(met.rule, counters)?.is_some() {
                    places.extend_from_slice(&met.parts);
                }
            }
        }
        Ok(places)
    }

    fn candidate<'c>(&'c self, rule: &'c EarnRule, parts: Vec<usize>) -> Result<Candidate<'c>> {
        let bases: Vec<i64> = parts.iter().map(|place| self.part(*place).0).collect();
        let mut candidate = Candidate { rule, parts, amount: 0, weights: bases, boosts: Vec::new(), bound: None };
        match rule.earn {
            Earn::Percent(_) | Earn::Rate { .. } => self.in_proportion(&mut candidate)?,
            Earn::Step { give, step, carry } => {
                let base = sum(&candidate.weights);
                candidate.amount = if carry { 0 } else { steps(base, step.minor()).saturating_mul(give) };
            }
            Earn::Piece(give) => {
                candidate.weights = candidate.parts.iter().map(|place| self.part(*place).1).collect();
                candidate.amount = give.saturating_mul(sum(&candidate.weights));
            }
            Earn::Fixed(give) => candidate.amount = give,
            // Counted, or no rule of its own.
            Earn::Every { .. } | Earn::Boost(_) => {}
        }
        Ok(candidate)
    }

    /// A rate with the boosts of its group: one exact amount, rounded once (S-13, S-14).
    fn in_proportion<'c>(&'c self, candidate: &mut Candidate<'c>) -> Result<()> {
        let rule = candidate.rule;
        let Some(rate) = rate(rule).transpose()? else { return Ok(()) };
        let rounding = self.rounding(rule.asset);
        let exclusive = self.compiled.programme.earning.exclusive.contains(&rule.stack);
        let (mut factors, mut added) = (Vec::new(), BTreeMap::<usize, (&str, i128)>::new());
        for place in &candidate.parts {
            let base = self.part(*place).0;
            let boosts = self.met.iter().enumerate().filter_map(|(at, met)| match met.rule.earn {
                Earn::Boost(by) => {
                    let same = (met.rule.asset, &met.rule.stack) == (rule.asset, &rule.stack);
                    (same && met.parts.contains(place)).then_some((at, met.rule.key.as_str(), by))
                }
                _ => None,
            });
            let mut boosts: Vec<_> = boosts.collect();
            if exclusive {
                // The largest, the first among equals.
                boosts = boosts.into_iter().rev().max_by_key(|(_, _, by)| *by).into_iter().collect();
            }
            let mut factor = Rate::ONE;
            for (at, key, by) in boosts {
                factor = factor.checked_add(&by)?;
                let part = i128::from(base).saturating_mul(i128::from(by.num()) * i128::from(10_000 / by.den()));
                let sum = added.entry(at).or_insert((key, 0));
                sum.1 = sum.1.saturating_add(part);
            }
            factors.push((base, factor));
        }
        let exact = Exact::of(rate, &factors)?;
        candidate.amount = exact.total(rounding)?;
        candidate.weights = exact.weights();
        if !added.is_empty() {
            let plain: Vec<_> = factors.iter().map(|(base, _)| (*base, Rate::ONE)).collect();
            let raised = candidate.amount - Exact::of(rate, &plain)?.total(rounding)?;
            let parts: Vec<i128> = added.values().map(|(_, part)| part.abs()).collect();
            let parts = allocate(raised, &weights(&parts)).or_else(|_| allocate(raised, &vec![1; added.len()]))?;
            candidate.boosts = added.into_values().map(|(key, _)| key).zip(parts).collect();
        }
        Ok(())
    }

    fn rounding(&self, asset: Asset) -> Rounding {
        let rounding = &self.compiled.programme.earning.rounding;
        if asset == Asset::Points { rounding.points } else { rounding.credit }
    }

    /// How much the strict limits of a rule leave; nothing if one is reached.
    fn left(&self, rule: &EarnRule, counters: &Counters) -> Result<Option<i64>> {
        left(&owner(rule), &rule.limits, self, counters)
    }

    /// Of an exclusive group the one that gives most, the first among equals (S-14).
    fn only_the_most(&self, candidates: &mut Vec<Candidate<'_>>, lost: &mut Vec<Lost>) {
        for stack in &self.compiled.programme.earning.exclusive {
            let of_group = candidates.iter().enumerate().filter(|(_, one)| one.rule.stack == *stack);
            let best =
                of_group.rev().max_by_key(|(_, one)| one.amount).map(|(place, one)| (place, one.rule.key.clone()));
            let Some((best, key)) = best else { continue };
            let mut place = 0;
            candidates.retain(|one| {
                let stays = one.rule.stack != *stack || place == best;
                if !stays {
                    lost.push(Lost { rule: one.rule.key.clone(), why: Why::Smaller(key.clone()) });
                }
                place += 1;
                stays
            });
        }
    }

    /// The most of each asset: what came last is cut first.
    fn cap(&self, candidates: &mut [Candidate<'_>], counters: &Counters) -> Result<()> {
        for cap in &self.compiled.programme.earning.caps {
            let of_limits = left(&cap_owner(cap), &cap.limits, self, counters)?.unwrap_or(0);
            let mut left = cap.at_most.map_or(of_limits, |most| most.min(of_limits)).max(0);
            for candidate in candidates.iter_mut().filter(|one| one.rule.asset == cap.asset) {
                candidate.bind(Some(left), Bound::AssetCap);
                left -= candidate.amount;
            }
        }
        Ok(())
    }

    fn contribution(&self, candidate: Candidate<'_>) -> Result<Contribution> {
        let Candidate { rule, parts, amount, weights, boosts, bound } = candidate;
        let mut of_lines = BTreeMap::<usize, (i64, i64)>::new();
        for (part, weight) in parts.iter().filter_map(|place| self.parts.get(*place)).zip(weights) {
            let (sum, pieces) = of_lines.entry(part.line).or_default();
            (*sum, *pieces) = (sum.saturating_add(weight), pieces.saturating_add(part.quantity));
        }
        let (lines, of_lines): (Vec<usize>, Vec<_>) = of_lines.into_iter().unzip();
        let (weights, quantities): (Vec<i64>, Vec<i64>) = of_lines.into_iter().unzip();
        let mut shares = vec![0; self.occasion.lines.len()];
        for (place, share) in lines.iter().zip(spread(amount, &weights, &quantities)?) {
            if let Some(of_line) = shares.get_mut(*place) {
                *of_line = share;
            }
        }
        let basis = match (rule.on_return, &rule.earn) {
            _ if counted(rule, &self.occasion).is_some() => Basis::Counted,
            (OnReturn::ReEvaluate, Earn::Step { .. } | Earn::Fixed(_)) => {
                Basis::Again { lines, earn: rule.earn, at_least: rule.at_least.clone() }
            }
            _ => Basis::Share,
        };
        let boosts = boosts.into_iter().map(|(key, part)| (key.to_owned(), part)).collect();
        Ok(Contribution { rule: rule.key.clone(), asset: rule.asset, amount, boosts, shares, bound, basis })
    }

    fn uses(&self, contributions: &[Contribution], counters: &Counters) -> Result<Vec<LimitUse>> {
        let date = self.occasion.snapshot.date;
        let mut uses = BTreeMap::<CounterKey, LimitUse>::new();
        let mut count = |key: CounterKey, limit: &EarnLimit, rule: Option<&str>, asset: Asset, amount: i64| {
            let before = counters.get(&key).copied().unwrap_or(0);
            let (used, cap, by_use) = match limit.cap {
                LimitCap::Uses(cap) => (1, cap, true),
                LimitCap::Amount(cap) => (amount, cap, false),
            };
            let passed = limit.soft && before.saturating_add(used) > cap;
            let rule = rule.map(str::to_owned);
            let known = uses.entry(key.clone()).or_insert(LimitUse {
                counter: key,
                rule,
                asset,
                uses: by_use,
                used,
                passed: false,
            });
            known.passed |= passed;
        };
        for contribution in contributions {
            let rule = self.met.iter().map(|met| met.rule).find(|rule| rule.key == contribution.rule);
            let Some(rule) = rule else { continue };
            for (key, limit) in limits(&owner(rule), &rule.limits, date)? {
                count(key, limit, Some(&rule.key), rule.asset, contribution.amount);
            }
        }
        for cap in &self.compiled.programme.earning.caps {
            let of_asset = contributions.iter().filter(|one| one.asset == cap.asset);
            let amount = of_asset.fold(0_i64, |sum, one| sum.saturating_add(one.amount));
            if amount > 0 {
                for (key, limit) in limits(&cap_owner(cap), &cap.limits, date)? {
                    count(key, limit, None, cap.asset, amount);
                }
            }
        }
        Ok(uses.into_values().collect())
    }
}

impl Candidate<'_> {
    fn bind(&mut self, most: Option<i64>, bound: Bound) {
        let Some(most) = most.filter(|most| *most < self.amount) else { return };
        // What boosts have added is what is not there any more first.
        let mut cut = self.amount - most;
        for (_, part) in self.boosts.iter_mut().rev() {
            let of_boost = cut.min((*part).max(0));
            *part -= of_boost;
            cut -= of_boost;
        }
        self.amount = most;
        self.bound = Some(bound);
    }
}

/// The parts of lines a rule gives something for.
fn parts_of(met: &Met<'_>, by_piece: &[usize]) -> Vec<usize> {
    let by_amount = matches!(met.rule.earn, Earn::Percent(_) | Earn::Rate { .. } | Earn::Step { .. });
    let general = by_amount && met.rule.asset == Asset::Points;
    met.parts.iter().copied().filter(|place| !general || !by_piece.contains(place)).collect()
}

fn is_piece_points(rule: &EarnRule) -> bool {
    rule.asset == Asset::Points && matches!(rule.earn, Earn::Piece(_))
}

/// How much strict limits leave, the most there is if none of them counts amounts; nothing if one is reached.
fn left(owner: &str, all: &[EarnLimit], plan: &Plan<'_>, counters: &Counters) -> Result<Option<i64>> {
    let mut least = i64::MAX;
    for (key, limit) in limits(owner, all, plan.occasion.snapshot.date)? {
        if limit.soft {
            continue;
        }
        let used = counters.get(&key).copied().unwrap_or(0);
        match limit.cap {
            LimitCap::Uses(cap) if used >= cap => return Ok(None),
            LimitCap::Uses(_) => {}
            LimitCap::Amount(cap) if used >= cap => return Ok(None),
            LimitCap::Amount(cap) => least = least.min(cap.saturating_sub(used)),
        }
    }
    Ok(Some(least))
}

pub(super) fn sum(numbers: &[i64]) -> i64 {
    numbers.iter().fold(0, |sum, number| sum.saturating_add(*number))
}

/// How many full steps an amount has.
pub(super) fn steps(amount: i64, step: i64) -> i64 {
    if step > 0 { amount.max(0) / step } else { 0 }
}
