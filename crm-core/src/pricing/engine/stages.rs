//! The stages: which rules apply to which lines, and what they and the seller take off.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{Detail, Pricing};
use crate::kernel::input::required_text;
use crate::kernel::rate::{Rate, Rounding};
use crate::pricing::amounts::{self, Standing};
use crate::pricing::cart::{Discount, Off};
use crate::pricing::choose::{self, Candidate};
use crate::pricing::model::{Adjustment, Base, Per, Stage};
use crate::pricing::policy::Rule;
use crate::pricing::quote::{By, Lost, RuleUse, Taken, Why};
use crate::pricing::rules::{self, Totals};
use crate::{Error, Result};

impl<'a> Pricing<'a> {
    /// Finds the rules of every line whose conditions are met.
    pub(super) fn meet(&mut self) {
        let (policy, context) = (self.policy, self.context);
        let keys = policy.keys(context);
        let mut found = Vec::new();
        let mut totals = HashMap::new();
        for ((product, node), standing) in self.products.iter().zip(&self.nodes).zip(&self.standing) {
            policy.matching(product, *node, context, &keys, &mut found);
            for at in &found {
                if policy.rule(*at).is_some_and(rules::counts_over_cart) {
                    totals.entry(*at).or_insert_with(Totals::default).add(standing);
                }
            }
            let from = self.met.len();
            self.met.extend_from_slice(&found);
            self.of_line.push(from..self.met.len());
        }
        let mut met = Vec::with_capacity(self.met.len());
        for ((range, standing), quoted) in self.of_line.iter_mut().zip(&self.standing).zip(&mut self.quoted) {
            let found = self.met.get(range.clone()).unwrap_or_default();
            if self.detail == Detail::Explained {
                quoted.lost.reserve_exact(found.len());
            }
            let from = met.len();
            for at in found {
                let Some(rule) = policy.rule(*at) else { continue };
                match rule.conditional.then(|| rules::unmet(rule, context, standing, totals.get(at))).flatten() {
                    None => met.push(*at),
                    Some(why) if self.detail == Detail::Explained => quoted.lost.push(lost(rule, why)),
                    Some(_) => {}
                }
            }
            *range = from..met.len();
        }
        self.met = met;
    }

    /// Lets the rules of one stage apply, line by line, and then takes off what each gives to all its lines.
    pub(super) fn apply_rules(&mut self, stage: Stage) -> Result<()> {
        for line in &mut self.standing {
            line.began = line.now;
        }
        let (policy, context) = (self.policy, self.context);
        let after = policy.after(stage);
        let orders = self.orders(stage, after);
        let mut won: Vec<(Reverse<i32>, u32, usize)> = Vec::with_capacity(self.standing.len());
        let mut candidates = Vec::new();
        for line in 0..self.standing.len() {
            self.candidates(line, after, &orders, &mut candidates);
            if candidates.is_empty() {
                continue;
            }
            let ended = self.ended.get(line).copied().flatten().filter(|_| stage != Stage::Cash);
            let chosen = match ended {
                Some(_) => 0,
                None => choose::choose(policy, context, &mut candidates),
            };
            let winners = candidates.iter().take(chosen);
            won.extend(winners.map(|candidate| (Reverse(candidate.rule.terms.priority), candidate.at, line)));
            if self.detail == Detail::Explained {
                let Some(quoted) = self.quoted.get_mut(line) else { continue };
                for candidate in candidates.iter().skip(chosen) {
                    let why = match (ended, candidates.first()) {
                        (Some(by), _) => Why::Final(by),
                        (None, Some(first)) => choose::why(policy, context, candidate, first),
                        (None, None) => continue,
                    };
                    quoted.lost.push(lost(candidate.rule, why));
                }
            }
        }
        won.sort_unstable();
        let mut lines = Vec::with_capacity(won.len());
        for won in won.chunk_by(|a, b| a.1 == b.1) {
            let Some(rule) = won.first().and_then(|(_, at, _)| policy.rule(*at)) else { continue };
            lines.clear();
            lines.extend(won.iter().map(|(_, _, line)| *line));
            self.give(rule, &lines)?;
        }
        Ok(())
    }

    /// The rules of a line up to `after`, which are those of the stage: earlier ones have been taken before.
    fn candidates(&mut self, line: usize, after: u32, orders: &HashMap<u32, i64>, candidates: &mut Vec<Candidate<'a>>) {
        candidates.clear();
        let (Some(range), Some(standing)) = (self.of_line.get_mut(line), self.standing.get(line)) else { return };
        for at in self.met.get(range.clone()).unwrap_or_default() {
            if *at >= after {
                break;
            }
            range.start += 1;
            let Some(rule) = self.policy.rule(*at) else { continue };
            let order = orders.get(at).copied().unwrap_or(0);
            let budget = rules::budget(rule, self.context);
            let gain = amounts::gain(&rule.terms.adjustment, rule.terms.base, standing, order, budget);
            candidates.push(Candidate::new(*at, rule, gain));
        }
    }

    /// For rules of the stage with an amount on the order: what the lines they are on begin the stage with, in all.
    fn orders(&self, stage: Stage, after: u32) -> HashMap<u32, i64> {
        let mut orders = HashMap::new();
        for (line, range) in self.of_line.iter().enumerate() {
            if stage != Stage::Cash && self.ended.get(line).copied().flatten().is_some() {
                continue;
            }
            for at in self.met.get(range.clone()).unwrap_or_default() {
                if *at >= after {
                    break;
                }
                let on_order =
                    |rule: &Rule| matches!(rule.terms.adjustment, Adjustment::Amount { per: Per::Order, .. });
                if self.policy.rule(*at).is_some_and(on_order) {
                    // The list prices of all lines have a sum, so what is left of them does.
                    *orders.entry(*at).or_insert(0) += self.standing.get(line).map_or(0, |line| line.began);
                }
            }
        }
        orders
    }

    /// Takes off what one rule gives to the lines it applies to.
    fn give(&mut self, rule: &Rule, lines: &[usize]) -> Result<()> {
        let terms = &rule.terms;
        let budget = rules::budget(rule, self.context);
        let standing: Vec<Standing> = lines.iter().filter_map(|line| self.standing.get(*line).copied()).collect();
        let rounding = self.policy.settings.rounding;
        let given = amounts::give(&terms.adjustment, terms.base, rounding, budget, &standing)?;
        let mut sum = 0_i64;
        for (line, (off, bound)) in lines.iter().zip(given) {
            let of = self.standing.get(*line).map_or(0, |line| line.base(terms.base));
            let by = By::Rule { id: rule.id, version: rule.version };
            sum += off; // Of what has a sum.
            self.take(
                *line,
                Taken { stage: terms.stage, by, how: terms.adjustment, of_minor: of, off_minor: off, bound },
            );
            if let Some(ended) = self.ended.get_mut(*line).filter(|_| terms.ends) {
                *ended = Some(rule.id);
            }
        }
        if !terms.limits.is_empty() {
            let passes = rules::passes(rule, self.context, sum);
            self.uses.push(RuleUse { rule: rule.id, version: rule.version, off_minor: sum, passes });
        }
        Ok(())
    }

    /// Takes off what a person gives: off one line, or off all that no rule has closed.
    pub(super) fn take_by_hand(&mut self, stage: Stage, line: Option<usize>, discount: &Discount) -> Result<()> {
        let reason = required_text("reason", &discount.reason, 200)?;
        let how = match discount.off {
            Off::Percent(rate) if (Rate::ZERO..=Rate::ONE).contains(&rate) => Adjustment::Percent(rate),
            Off::Amount(off) if off.currency() != self.context.currency => {
                return Err(Error::invalid("discount", "money.currency"));
            }
            Off::Amount(off) if !off.is_negative() => {
                Adjustment::Amount { off, per: if line.is_some() { Per::Line } else { Per::Order } }
            }
            Off::Percent(_) | Off::Amount(_) => return Err(Error::invalid("discount", "discount.range")),
        };
        let open = |at: &usize| stage == Stage::Cash || self.ended.get(*at).copied().flatten().is_none();
        let lines: Vec<usize> = match line {
            Some(line) if !open(&line) => return Err(Error::invalid("extra.line", "discount.final_price")),
            Some(line) => vec![line],
            None => (0..self.standing.len()).filter(open).collect(),
        };
        let mut standing = Vec::with_capacity(lines.len());
        for line in &lines {
            if let Some(line) = self.standing.get_mut(*line) {
                line.began = line.now;
                standing.push(*line);
            }
        }
        // A person's percentage is rounded like a rule's.
        let rounding: Rounding = self.policy.settings.rounding;
        let given = amounts::give(&how, Base::OnPrevious, rounding, None, &standing)?;
        for ((line, (off, bound)), standing) in lines.into_iter().zip(given).zip(standing) {
            let by = By::Hand(reason.clone());
            self.take(line, Taken { stage, by, how, of_minor: standing.began, off_minor: off, bound });
        }
        Ok(())
    }

    fn take(&mut self, line: usize, taken: Taken) {
        let (Some(standing), Some(quoted)) = (self.standing.get_mut(line), self.quoted.get_mut(line)) else { return };
        standing.now -= taken.off_minor;
        quoted.net_minor = standing.now;
        quoted.taken.push(taken);
    }
}

fn lost(rule: &Rule, why: Why) -> Lost {
    Lost { stage: rule.terms.stage, rule: rule.id, version: rule.version, why }
}
