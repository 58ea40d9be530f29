//! What is wrong with a ladder.

use super::terms::{Downgrade, TierLadder};
use super::window::Window;
use crate::kernel::calendar::{Span, Unit};
use crate::kernel::currency::Currency;
use crate::kernel::input::required_text;
use crate::loyalty::earning;
use crate::loyalty::programme::{Finding, Programme};

/// The most tiers a ladder has.
const MAX_TIERS: usize = 20;
/// The most ladders a programme has: each is a row of every member.
const MAX_LADDERS: usize = 10;
/// The most months a window has: ten years.
const MAX_MONTHS: i32 = 120;
/// The most days a rolling window has: ten years.
const MAX_DAYS: i32 = 3_660;

crate::text_enum! {
    /// Something that is wrong with a ladder.
    pub enum TierFault {
        /// A name that is empty or longer than 100 characters, or that two tiers have.
        Name = "ladder.name",
        /// No tier, or more than 20.
        Tiers = "ladder.tiers",
        /// A ladder or a tier that stands in the programme twice.
        Twice = "ladder.twice",
        /// A need that is not positive.
        Need = "ladder.need",
        /// A tier above the lowest that takes nothing.
        Free = "ladder.free",
        /// A tier that everybody reaches who reaches the one below it.
        Order = "ladder.order",
        /// A window that is not of 1 to 3660 days or 1 to 120 months, or a period that is neither year, quarter nor month.
        Window = "ladder.window",
        /// Days of grace that last longer than the window, or days of notice that are more than a year.
        Grace = "ladder.grace",
        /// One step down at a time where the window has no end, so that nothing says when the next one is due.
        Steps = "ladder.steps",
        /// More than 10 ladders.
        Ladders = "ladder.ladders",
        /// Money is counted, the programme speaks of several currencies, and does not say in which it counts.
        Currency = "ladder.currency",
    }
}

impl TierLadder {
    /// Everything that is wrong with it; nothing is good.
    pub fn faults(&self) -> Vec<TierFault> {
        let mut found = Vec::new();
        let mut tell = |wrong: bool, fault| {
            if wrong && !found.contains(&fault) {
                found.push(fault);
            }
        };
        let bad_name = |name: &str| required_text("name", name, 100).is_err();
        let tiers = &self.tiers;
        tell(bad_name(&self.name) || tiers.iter().any(|tier| bad_name(&tier.name)), TierFault::Name);
        tell(tiers.is_empty() || tiers.len() > MAX_TIERS, TierFault::Tiers);
        for (at, tier) in tiers.iter().enumerate() {
            let below = tiers.get(..at).unwrap_or_default();
            tell(below.iter().any(|other| other.id == tier.id), TierFault::Twice);
            tell(below.iter().any(|other| other.name.trim() == tier.name.trim()), TierFault::Name);
            let needs = [tier.need.amount, tier.need.count, tier.need.points];
            tell(needs.iter().flatten().any(|need| *need <= 0), TierFault::Need);
            tell(at > 0 && tier.need.is_nothing(), TierFault::Free);
            let easier = below.iter().any(|lower| !tier.need.is_nothing() && lower.need.implies(&tier.need));
            tell(easier, TierFault::Order);
        }
        let length = match self.window {
            Window::Lifetime => true,
            Window::Rolling { span: Span::Days(days), .. } => (1..=MAX_DAYS).contains(&days),
            Window::Rolling { span: Span::Months(months), .. } => (1..=MAX_MONTHS).contains(&months),
            Window::Rolling { .. } => false,
            Window::Period { unit, .. } => matches!(unit, Unit::Year | Unit::Quarter | Unit::Month),
            Window::Anniversary { months, .. } => (1..=MAX_MONTHS).contains(&i32::from(months)),
        };
        tell(!length, TierFault::Window);
        // So that a period is reviewed before the next one is.
        let grace = self.window.shortest().is_none_or(|days| u32::from(self.grace_days) < days);
        tell(!grace || self.notice_days > 366 || self.grace_days > 3_660, TierFault::Grace);
        tell(self.window == Window::Lifetime && self.downgrade == Downgrade::OneStep, TierFault::Steps);
        found
    }
}

/// Everything that is wrong with the ladders of a programme.
pub(in crate::loyalty) fn check(programme: &Programme) -> Vec<Finding> {
    let ladders = &programme.tiers;
    let mut findings = Vec::new();
    if ladders.len() > MAX_LADDERS {
        findings.push(Finding::fault("tiers", TierFault::Ladders.as_str()));
    }
    let mut spoken = currencies(programme);
    let first = spoken.next();
    let mixed = programme.currency.is_none() && spoken.any(|other| Some(other) != first);
    for (at, ladder) in ladders.iter().enumerate() {
        let before = ladders.get(..at).unwrap_or_default();
        let mut faults = ladder.faults();
        let tiers_of = |ladder: &TierLadder| ladder.tiers.iter().map(|tier| tier.id).collect::<Vec<_>>();
        let mine = tiers_of(ladder);
        let twice =
            |other: &TierLadder| other.id == ladder.id || tiers_of(other).iter().any(|tier| mine.contains(tier));
        if before.iter().any(twice) && !faults.contains(&TierFault::Twice) {
            faults.push(TierFault::Twice);
        }
        if mixed && ladder.tiers.iter().any(|tier| tier.need.amount.is_some()) {
            faults.push(TierFault::Currency);
        }
        let place = || format!("tiers.{}", ladder.name);
        findings.extend(faults.into_iter().map(|fault| Finding::fault(place(), fault.as_str())));
    }
    findings
}

/// The currencies a programme speaks of.
fn currencies(programme: &Programme) -> impl Iterator<Item = Currency> {
    let values = programme.point_values.iter().map(|value| value.currency);
    let brought = programme.referral.terms.iter().map(|term| term.currency);
    let days = programme.anniversaries.gifts.iter().filter_map(|gift| gift.asset.currency());
    values.chain(programme.earning.rules.iter().flat_map(earning::currencies)).chain(brought).chain(days)
}
