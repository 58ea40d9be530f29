//! Which rules of a stage apply to a line, and why the others do not (S-24 to S-26).

use std::cmp::Ordering;

use super::cart::Context;
use super::model::{PriceRuleId, SeveralGroups, Stage};
use super::policy::{Policy, Rule};
use super::quote::Why;

/// A rule whose conditions are met.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'p> {
    pub(super) at: u32,
    pub(super) rule: &'p Rule,
    /// What it would take off alone.
    pub(super) gain: i128,
    /// The same with all it combines with.
    together: i128,
}

impl<'p> Candidate<'p> {
    pub(super) fn new(at: u32, rule: &'p Rule, gain: i128) -> Self {
        Self { at, rule, gain, together: gain }
    }
}

/// What rules of a stage are compared by, in this order.
#[derive(Clone, Copy)]
enum Criterion {
    Specific,
    Personal,
    GroupOrder,
    Priority,
    Gain,
}

impl Criterion {
    /// In ② the assortment decides first (S-25), and in ④ whom a rule is for (S-26). Elsewhere the customer's best is
    /// best (S-24). Where all is equal, the lower id.
    fn of(stage: Stage) -> &'static [Self] {
        match stage {
            Stage::Terms => &[Self::Specific, Self::Personal, Self::GroupOrder, Self::Priority, Self::Gain],
            Stage::Group => &[Self::Personal, Self::GroupOrder, Self::Gain, Self::Priority, Self::Specific],
            _ => &[Self::Gain, Self::Priority, Self::Specific],
        }
    }

    fn compare(self, policy: &Policy, context: &Context, a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
        match self {
            Self::Specific => a.rule.specific.cmp(&b.rule.specific),
            Self::Personal => a.rule.personal.cmp(&b.rule.personal),
            Self::GroupOrder if policy.settings.several_groups == SeveralGroups::Best => Ordering::Equal,
            Self::GroupOrder => place(b.rule, context).cmp(&place(a.rule, context)),
            Self::Priority => a.rule.terms.priority.cmp(&b.rule.terms.priority),
            Self::Gain => a.together.cmp(&b.together),
        }
    }

    fn why(self, by: PriceRuleId) -> Why {
        match self {
            Self::Specific => Why::MoreSpecific(by),
            Self::Personal => Why::MorePersonal(by),
            Self::GroupOrder => Why::GroupBefore(by),
            Self::Priority => Why::Priority(by),
            Self::Gain => Why::Smaller(by),
        }
    }
}

/// The place of the first of the customer's groups that a rule is for.
fn place(rule: &Rule, context: &Context) -> usize {
    fn first<T: PartialEq>(wanted: &[T], had: &[T]) -> Option<usize> {
        had.iter().position(|one| wanted.contains(one))
    }
    let audience = &rule.terms.audience;
    let places = [
        first(&audience.partner_groups, &context.partner_groups),
        first(&audience.customer_groups, &context.customer_groups),
    ];
    places.into_iter().flatten().min().unwrap_or(usize::MAX)
}

/// How two candidates compare, and by what.
fn compare(policy: &Policy, context: &Context, a: &Candidate<'_>, b: &Candidate<'_>) -> (Ordering, Option<Criterion>) {
    let stage = a.rule.terms.stage;
    let decided = Criterion::of(stage).iter().find_map(|criterion| {
        let ordering = criterion.compare(policy, context, a, b);
        (ordering != Ordering::Equal).then_some((ordering, Some(*criterion)))
    });
    decided.unwrap_or_else(|| (b.at.cmp(&a.at), None))
}

/// Puts the candidates of one stage that apply to the front, and returns how many they are, the one that won first.
pub(super) fn choose(policy: &Policy, context: &Context, candidates: &mut [Candidate<'_>]) -> usize {
    if candidates.len() < 2 {
        return candidates.len();
    }
    let exclusive = candidates.iter().any(|candidate| candidate.rule.terms.exclusive);
    let combined = candidates.iter().any(|candidate| candidate.rule.terms.combine.is_some());
    for at in 0..if combined { candidates.len() } else { 0 } {
        let together = candidates.get(at).map_or(0, |one| {
            let with = |other: &&Candidate<'_>| other.at == one.at || combine(one.rule, other.rule);
            candidates.iter().filter(with).map(|other| other.gain).sum()
        });
        if let Some(one) = candidates.get_mut(at) {
            one.together = together;
        }
    }
    candidates.sort_unstable_by(|a, b| {
        let shut_out = |one: &Candidate<'_>| exclusive && !one.rule.terms.exclusive;
        shut_out(a).cmp(&shut_out(b)).then_with(|| compare(policy, context, b, a).0)
    });
    let Some(mut top) = candidates.first().copied() else { return 0 };
    let mut chosen = 1;
    for at in 1..candidates.len() {
        let Some(next) = candidates.get(at).copied() else { break };
        if exclusive {
            break;
        }
        // Sorted by specificity, the next one that is less specific is the best up the tree (S-25).
        let above = top.rule.terms.additive_with_parent && next.rule.specific < top.rule.specific;
        let with = candidates.first().is_some_and(|first| combine(first.rule, next.rule));
        if above || with {
            if above {
                top = next;
            }
            // The others keep their order.
            if let Some(passed) = candidates.get_mut(chosen..=at) {
                passed.rotate_right(1);
            }
            chosen += 1;
        }
    }
    chosen
}

fn combine(a: &Rule, b: &Rule) -> bool {
    a.terms.combine.is_some() && a.terms.combine == b.terms.combine
}

/// Why a candidate did not apply, given the one that won.
pub(super) fn why(policy: &Policy, context: &Context, lost: &Candidate<'_>, won: &Candidate<'_>) -> Why {
    let by = won.rule.id;
    if won.rule.terms.exclusive && !lost.rule.terms.exclusive {
        return Why::Exclusive(by);
    }
    compare(policy, context, won, lost).1.map_or(Why::Equal(by), |criterion| criterion.why(by))
}
