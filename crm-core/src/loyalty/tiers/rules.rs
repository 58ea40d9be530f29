//! Where a member stands: what a purchase, a return, a review and a hand make of it (S-17 to S-19, S-51).
//!
//! Pure but for one question: what was counted on some days. It is asked only for windows that the standing does not hold.

use serde::{Deserialize, Serialize};

use super::super::ledger::{AccountId, NEVER};
use super::counts::{Counts, Day, DaysOf};
use super::model::{Cause, Pin, PinKind, Standing};
use super::terms::{Downgrade, Missing, Sums, TierLadder};
use super::window::{Days, before, later, next};
use crate::kernel::time::{BusinessDay, CivilDate, Timestamp};
use crate::pricing::TierId;
use crate::work::{Json, Version};
use crate::{Error, Result};

/// The tier that a member has became another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// From when on.
    pub at: Timestamp,
    /// The tier before.
    pub from: Option<TierId>,
    /// The tier from then on.
    pub to: Option<TierId>,
    /// Why.
    pub cause: Cause,
    /// Whether it is a higher one.
    pub up: bool,
}

/// How far somebody has come in the window of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The window.
    pub window: Days,
    /// What was counted in it.
    pub sums: Sums,
    /// What is missing in it to the next tier up; nothing on the highest.
    pub next: Option<Missing>,
    /// What is missing in it to earn the present tier anew; nothing without one.
    pub keep: Option<Missing>,
}

/// The rules of one ladder, in the business days of the programme.
///
/// ```
/// use crm_core::kernel::calendar::Calendar;
/// use crm_core::kernel::calendar::Unit;
/// use crm_core::kernel::time::{BusinessDay, TimeOfDay, Timestamp, Zone};
/// use crm_core::loyalty::tiers::{Cause, Day, Need, Rules, Sums, TierLadder, TierTerms, Window};
/// # let id = |n| uuid::Uuid::from_u128(n);
/// let window = Window::Period { unit: Unit::Year, calendar: Calendar::Gregorian };
/// let tiers = [TierTerms::new(id(1).into(), "gold", Need::amount(1_000))];
/// let ladder = TierLadder::new(id(2).into(), "club", window, tiers);
/// let day = BusinessDay::new(Zone::UTC, TimeOfDay::MIDNIGHT);
/// let rules = Rules::new(&ladder, &day);
///
/// let now: Timestamp = "2025-03-21T12:00:00Z".parse()?;
/// let mut standing = rules.fresh(id(3).into(), now);
/// let bought = Day { on: day.date_of(now), sums: Sums { amount: 1_000, count: 1, points: 0 } };
/// let changes = rules.count(&mut standing, now, bought, Cause::Purchase, &mut |_| Ok(vec![]))?;
/// assert_eq!(changes[0].to, Some(id(1).into()));
/// assert_eq!(standing.valid_through.to_string(), "2026-12-31", "to the end of the next year");
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Rules<'r> {
    pub(super) ladder: &'r TierLadder,
    day: &'r BusinessDay,
}

impl<'r> Rules<'r> {
    /// The rules of a ladder.
    pub const fn new(ladder: &'r TierLadder, day: &'r BusinessDay) -> Self {
        Self { ladder, day }
    }

    /// The ladder.
    pub const fn ladder(&self) -> &'r TierLadder {
        self.ladder
    }

    /// Where somebody stands who has just joined.
    pub fn fresh(&self, account: AccountId, joined_at: Timestamp) -> Standing {
        let joined_on = self.day.date_of(joined_at);
        Standing {
            account_id: account,
            ladder_id: self.ladder.id,
            version: Version::FIRST,
            tier_id: self.ladder.base(),
            since: joined_at,
            earned_tier_id: self.ladder.base(),
            joined_on,
            counts_from: joined_on,
            valid_through: CivilDate::MAX,
            held_through: CivilDate::MIN,
            due_at: NEVER,
            noticed: false,
            pin: None,
            promotion: None,
            last_on: CivilDate::MIN,
            amount_minor: 0,
            purchases: 0,
            windows: Json(Vec::new()),
        }
    }

    /// Does what is due up to now, in the order in which it became due: reviews, and pins that are over. However late it is
    /// called, it comes to the same (S-18).
    ///
    /// # Errors
    /// Those of `days`; `date.range` at the two ends of time.
    pub fn settle(&self, standing: &mut Standing, now: Timestamp, days: &mut DaysOf<'_>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        loop {
            let review_on = self.review_on(standing);
            let review_at = self.start_of(review_on);
            let pin_at = standing.pin.as_ref().and_then(|pin| pin.0.until).unwrap_or(NEVER);
            let at = review_at.min(pin_at);
            if at > now || at == NEVER {
                break;
            }
            if pin_at <= review_at {
                standing.pin = None;
                self.show(standing, at, Cause::Unpin, &mut changes);
            } else {
                let mut counts = Counts::new(standing, days);
                self.review(standing, review_on, &mut counts)?;
                counts.keep(standing);
                self.show(standing, at, Cause::Review, &mut changes);
            }
        }
        self.set_due(standing);
        Ok(changes)
    }

    /// Counts a purchase, or with negative sums a return, on its business day. Settles what is due first. `days` answers
    /// what was counted without it.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    pub fn count(
        &self,
        standing: &mut Standing,
        now: Timestamp,
        added: Day,
        cause: Cause,
        days: &mut DaysOf<'_>,
    ) -> Result<Vec<Change>> {
        let mut changes = self.settle(standing, now, days)?;
        let on = self.day.date_of(now).max(added.on);
        let step = self.ladder.step_of(standing.earned_tier_id);
        let mut counts = Counts::new(standing, days);
        let was = self.through(standing, step, on, self.ladder.grace_days, &mut counts)?.is_some();
        if let Some(promotion) = &standing.promotion {
            counts.sums(promotion.0.earned_in)?;
        }
        counts.add(added);
        standing.amount_minor = standing.amount_minor.saturating_add(added.sums.amount);
        standing.purchases = standing.purchases.saturating_add(added.sums.count);
        standing.last_on = standing.last_on.max(added.on);
        self.weigh(standing, on, was, added.sums.takes_away(), &mut counts)?;
        counts.keep(standing);
        self.show(standing, now, cause, &mut changes);
        changes.extend(self.settle(standing, now, days)?);
        Ok(changes)
    }

    /// Where on its way money that is bought for on a business day raises somebody (S-16): after how much, and to which tier;
    /// by money alone, for a purchase counts as one only when it is whole. What is reached with the last of it is left out.
    /// The tier before is that of `standing`, what is due by now done.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    pub fn raised_by(
        &self,
        standing: &Standing,
        now: Timestamp,
        (on, money): (CivilDate, i64),
        days: &mut DaysOf<'_>,
    ) -> Result<Vec<(i64, Option<TierId>)>> {
        let mut asked = Vec::<(Days, Vec<Day>)>::new();
        let mut once = |of: Days| {
            if let Some((_, known)) = asked.iter().find(|(days, _)| *days == of) {
                return Ok(known.clone());
            }
            let found = days(of)?;
            asked.push((of, found.clone()));
            Ok(found)
        };
        let mut tier_after = |amount| {
            let mut then = standing.clone();
            let sums = Sums { amount, ..Sums::ZERO };
            self.count(&mut then, now, Day { on, sums }, Cause::Purchase, &mut once)?;
            Ok::<_, Error>(then.tier_id)
        };
        let mut raised = Vec::new();
        let mut open = vec![((0, tier_after(0)?), (money, tier_after(money)?))];
        // More money never lowers a tier: between two that are the same nothing changes.
        while let Some((low, high)) = open.pop() {
            if low.1 == high.1 || low.0 >= high.0 {
                continue;
            }
            let middle = low.0 + (high.0 - low.0) / 2;
            if middle == low.0 {
                raised.push(high);
                continue;
            }
            let middle = (middle, tier_after(middle)?);
            open.extend([(middle, high), (low, middle)]);
        }
        raised.retain(|(after, _)| *after < money);
        Ok(raised)
    }

    /// Counts anew after the qualifying days have changed as a whole: two members were made one, or two again (S-44). What is
    /// due was settled before they did.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    pub fn recount(
        &self,
        standing: &mut Standing,
        now: Timestamp,
        fewer: bool,
        days: &mut DaysOf<'_>,
    ) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        standing.windows.0.clear();
        let mut counts = Counts::new(standing, days);
        self.weigh(standing, self.day.date_of(now), fewer, fewer, &mut counts)?;
        counts.keep(standing);
        self.show(standing, now, Cause::Merge, &mut changes);
        changes.extend(self.settle(standing, now, days)?);
        Ok(changes)
    }

    /// Sets a tier by hand, or with nothing takes the pin off. What is due was settled before.
    pub fn pin(&self, standing: &mut Standing, now: Timestamp, pin: Option<Pin>) -> Vec<Change> {
        let mut changes = Vec::new();
        let cause = if pin.is_some() { Cause::Pin } else { Cause::Unpin };
        standing.pin = pin.map(Json);
        self.show(standing, now, cause, &mut changes);
        self.set_due(standing);
        changes
    }

    /// Puts a standing back to what it was before (S-44): the change that this is, seen from how it stands now.
    pub fn back_to(&self, now_stands: &Standing, was: &mut Standing, now: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        (was.tier_id, was.since) = (now_stands.tier_id, now_stands.since);
        self.show(was, now, Cause::Merge, &mut changes);
        self.set_due(was);
        changes
    }

    /// The last day on which the tier is kept, if somebody has to be told now that it ends; once (S-19).
    pub fn notice(&self, standing: &mut Standing, now: Timestamp) -> Option<CivilDate> {
        let due = self.start_of(self.notice_on(standing)) <= now;
        if due {
            standing.noticed = true;
            self.set_due(standing);
        }
        due.then(|| before(self.review_on(standing)))
    }

    /// How far somebody has come in the window of today. What is due was settled before.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    pub fn progress(&self, standing: &Standing, now: Timestamp, days: &mut DaysOf<'_>) -> Result<Progress> {
        let window = self.around(standing, self.day.date_of(now))?;
        let sums = Counts::new(standing, days).sums(window)?;
        let step = self.ladder.step_of(standing.earned_tier_id);
        let keep = self.ladder.missing(step, sums);
        Ok(Progress { window, sums, next: self.ladder.missing(step + 1, sums), keep })
    }

    /// The first day of a review; the last day there is for never.
    pub fn review_on(&self, standing: &Standing) -> CivilDate {
        let kept = self.ladder.step_of(standing.earned_tier_id) == 0 || self.ladder.downgrade == Downgrade::Never;
        if kept || standing.valid_through == CivilDate::MAX {
            return CivilDate::MAX;
        }
        later(next(standing.valid_through), self.ladder.grace_days)
    }

    fn notice_on(&self, standing: &Standing) -> CivilDate {
        let review_on = self.review_on(standing);
        if self.ladder.notice_days == 0 || standing.noticed || review_on == CivilDate::MAX {
            return CivilDate::MAX;
        }
        review_on.add_days(-i32::from(self.ladder.notice_days)).unwrap_or(CivilDate::MIN)
    }

    fn start_of(&self, day: CivilDate) -> Timestamp {
        if day == CivilDate::MAX { NEVER } else { self.day.start(day) }
    }

    fn set_due(&self, standing: &mut Standing) {
        let pin = standing.pin.as_ref().and_then(|pin| pin.0.until).unwrap_or(NEVER);
        let first = self.review_on(standing).min(self.notice_on(standing));
        standing.due_at = self.start_of(first).min(pin);
    }

    /// Shows the tier that counts: the pinned one, or the one that is earned.
    fn show(&self, standing: &mut Standing, at: Timestamp, cause: Cause, changes: &mut Vec<Change>) {
        let earned = standing.earned_tier_id;
        let step = |tier| self.ladder.step_of(tier);
        let shown = match standing.pin.as_ref().map(|pin| (pin.0.kind, pin.0.tier)) {
            Some((PinKind::Exactly, tier)) => tier,
            Some((PinKind::AtLeast, tier)) if step(tier) > step(earned) => tier,
            _ => earned,
        };
        if shown != standing.tier_id {
            let (from, at) = (standing.tier_id, at.max(standing.since));
            changes.push(Change { at, from, to: shown, cause, up: step(shown) > step(from) });
            (standing.tier_id, standing.since) = (shown, at);
        }
    }
}
