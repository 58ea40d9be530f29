//! What is given for somebody who was brought, and what is left of it after returns: pure functions (S-34, S-28, S-12).

use super::model::{Referral, ReferralReward, ReferralTerm, ReferralTerms, ReferredLine, Referrer};
use crate::kernel::allocate::{allocate, cumulative_floor};
use crate::kernel::calendar::{Calendar, Span};
use crate::kernel::input::required_text;
use crate::kernel::rate::{Rate, Rounding};
use crate::kernel::time::CivilDate;
use crate::loyalty::Asset;
use crate::loyalty::programme::Finding;
use crate::{Error, Result};

/// A line that was bought, as the engine of earnings sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bought {
    /// Its number.
    pub line_no: u16,
    /// Its base (S-11), in minor units.
    pub base: i64,
    /// Pieces.
    pub quantity: i64,
}

/// What a purchase, or a registration, entitles a member to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entitlement {
    /// For the first purchase, or the registration.
    pub fixed: i64,
    /// The shares of the lines.
    pub lines: Vec<ReferredLine>,
    /// Whether the purchase qualifies.
    pub qualified: bool,
}

/// What of a reward is left after returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The base of what was kept.
    pub base: i64,
    /// What the member is entitled to for it, once all is paid.
    pub units: i64,
    /// What of that is due as far as it is paid.
    pub due: i64,
}

impl ReferralTerm {
    /// What may still be earned under the caps, by what was earned before: the least of them.
    pub fn room(&self, referral: &Referral, referrer: Option<&Referrer>, period: CivilDate) -> i64 {
        let of_referee = referral.earned.0.get(&self.asset).copied().unwrap_or(0);
        let total = referrer.map_or(0, |referrer| referrer.total);
        let in_period = referrer.filter(|referrer| referrer.period == period).map_or(0, |referrer| referrer.in_period);
        let caps = [
            self.per_referee.map(|most| most.saturating_sub(of_referee)),
            self.per_period.map(|cap| cap.most.saturating_sub(in_period)),
            self.total.map(|most| most.saturating_sub(total)),
        ];
        caps.into_iter().flatten().min().unwrap_or(i64::MAX).max(0)
    }

    /// The first day of the period that a business day is in; the first day there is, without periods.
    pub fn period(&self, date: CivilDate) -> CivilDate {
        self.per_period.map_or(CivilDate::MIN, |cap| cap.calendar.start_of(date, cap.unit))
    }

    /// Whether a purchase on a business day comes in time, after so many that qualified. Error: `date.range`.
    pub fn in_time(&self, since: CivilDate, before: i64, on: CivilDate, calendar: Calendar) -> Result<bool> {
        let in_number = self.purchases.is_none_or(|most| before < i64::from(most));
        let in_months = match self.months {
            Some(months) => on <= calendar.add(since, Span::Months(i32::from(months)))?,
            None => true,
        };
        Ok(in_number && in_months)
    }

    /// What a registration entitles to, if there is so much room.
    pub fn for_registration(&self, room: i64) -> Entitlement {
        Entitlement { fixed: self.registration.min(room), ..Entitlement::default() }
    }

    /// What a purchase entitles to: the share of its whole base, rounded down once and spread to the lines (S-13), and
    /// what is given for a first one; caps last, so that no more than `room` comes out.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a negative base and for what does not fit.
    ///
    /// ```
    /// use crm_core::loyalty::referral::{Bought, ReferralTerm};
    /// # let term: ReferralTerm = serde_json::from_value(serde_json::json!({
    /// #     "name": "Friends", "asset": "credit:PLN", "currency": "PLN", "first_purchase": 1000, "share": "5%",
    /// # })).unwrap();
    /// let lines = [Bought { line_no: 1, base: 999, quantity: 1 }, Bought { line_no: 2, base: 1001, quantity: 2 }];
    /// let all = term.for_purchase(&lines, true, i64::MAX)?;
    /// assert_eq!((all.fixed, all.lines[0].share, all.lines[1].share), (1000, 50, 50));
    /// let capped = term.for_purchase(&lines, true, 1040)?;
    /// assert_eq!((capped.fixed, capped.lines[0].share + capped.lines[1].share), (1000, 40));
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn for_purchase(&self, lines: &[Bought], first: bool, room: i64) -> Result<Entitlement> {
        let bases: Vec<i64> = lines.iter().map(|line| line.base).collect();
        let base = sum(bases.iter().copied())?;
        if base <= 0 || base < self.min_base {
            return Ok(Entitlement::default());
        }
        let fixed = if first { self.first_purchase.min(room) } else { 0 };
        let share = self.share.apply(base, Rounding::Floor)?.min(room - fixed);
        let shares = allocate(share, &bases)?;
        let lines = lines.iter().zip(shares).map(|(line, share)| ReferredLine {
            line_no: line.line_no,
            base: line.base,
            share,
            quantity: line.quantity,
            returned: 0,
        });
        Ok(Entitlement { fixed, lines: lines.collect(), qualified: true })
    }

    /// What is wrong with these terms.
    pub fn faults(&self) -> Vec<Finding> {
        let caps = [self.per_referee, self.per_period.map(|cap| cap.most), self.total];
        let amounts = [self.registration, self.first_purchase, self.min_base];
        let negative = amounts.into_iter().chain(caps.into_iter().flatten()).any(|amount| amount < 0);
        let too_much = self.asset.currency().is_some() && self.share > Rate::ONE;
        let nothing = self.registration == 0 && self.first_purchase == 0 && self.share == Rate::ZERO;
        let other_currency = self.asset.currency().is_some_and(|currency| currency != self.currency);
        [
            ("referral.name", required_text("name", &self.name, 100).is_err()),
            ("referral.amount", negative || too_much || self.share < Rate::ZERO),
            ("referral.asset", matches!(self.asset, Asset::Gift(_))),
            ("referral.currency", other_currency),
            ("referral.empty", nothing),
            ("referral.backwards", self.validity.is_backwards()),
        ]
        .into_iter()
        .filter(|(_, wrong)| *wrong)
        .map(|(code, _)| Finding::fault(format!("referral.{}", self.name), code))
        .collect()
    }
}

impl ReferralTerms {
    /// What is wrong with these terms.
    pub fn faults(&self) -> Vec<Finding> {
        self.terms.iter().flat_map(ReferralTerm::faults).collect()
    }
}

impl ReferralReward {
    /// What is left of it: of each line the floor of what was kept (S-28), the fixed part as long as enough is kept, and
    /// of all that as much as is paid (S-12); the fixed part once everything is.
    ///
    /// It depends on what came back in all and not on how, so that a split return ends where one does (T-5).
    ///
    /// # Errors
    /// [`Error::Invalid`] for more pieces back than there were.
    pub fn kept(&self) -> Result<Kept> {
        if self.void {
            return Ok(Kept { base: 0, units: 0, due: 0 });
        }
        let (mut base, mut shares) = (0_i64, 0_i64);
        for line in &self.lines.0 {
            let back = |of| cumulative_floor(of, line.returned, line.quantity);
            base = plus(base, line.base - back(line.base)?)?;
            shares = plus(shares, line.share - back(line.share)?)?;
        }
        let for_registration = self.purchase().is_none();
        let fixed = if for_registration || (base > 0 && base >= self.min_base) { self.fixed } else { 0 };
        let paid =
            if for_registration || self.payable <= 0 { Rate::ONE } else { Rate::new(self.cleared, self.payable)? };
        let paid = paid.clamp(Rate::ZERO, Rate::ONE);
        let due_fixed = if paid == Rate::ONE { fixed } else { 0 };
        let due = plus(paid.apply(shares, Rounding::Floor)?, due_fixed)?;
        Ok(Kept { base, units: plus(shares, fixed)?, due })
    }

    /// Whether the purchase still counts among those that qualify.
    pub fn still_qualifies(&self, kept: &Kept) -> bool {
        kept.base > 0 && kept.base >= self.min_base
    }
}

fn sum(numbers: impl IntoIterator<Item = i64>) -> Result<i64> {
    numbers.into_iter().try_fold(0, plus)
}

fn plus(a: i64, b: i64) -> Result<i64> {
    a.checked_add(b).ok_or_else(|| Error::invalid("amount", "referral.overflow"))
}
