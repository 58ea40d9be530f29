//! Where a member stands: what a purchase, a return, a review and a hand make of it (S-17 to S-19, S-51).
//!
//! Pure but for one question: what was counted on some days. It is asked only for windows that the standing does not hold.

use serde::{Deserialize, Serialize};

use super::super::ledger::{AccountId, NEVER};
use super::model::{Cause, Counted, Pin, PinKind, Promotion, Standing};
use super::terms::{Downgrade, Missing, Sums, TierLadder};
use super::window::{Days, Window, next};
use crate::Result;
use crate::kernel::time::{BusinessDay, CivilDate, Timestamp};
use crate::pricing::TierId;
use crate::work::{Json, Version};

/// The windows a standing holds: those around today and before it, and the one of a promotion.
const KEPT_WINDOWS: usize = 4;

/// What was counted on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The business day.
    pub on: CivilDate,
    /// How much.
    pub sums: Sums,
}

/// Answers what was counted on the days of a window on which anything was, in any order.
pub type DaysOf<'d> = dyn FnMut(Days) -> Result<Vec<Day>> + 'd;

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
    ladder: &'r TierLadder,
    day: &'r BusinessDay,
}

/// A tier that is reached, through when, and by which window.
struct Reached {
    step: usize,
    through: CivilDate,
    earned_in: Days,
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
        due.then(|| super::window::before(self.review_on(standing)))
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

    /// What a review on a day makes of the tier that is earned.
    fn review(&self, standing: &mut Standing, on: CivilDate, counts: &mut Counts<'_, '_>) -> Result<()> {
        let step = self.ladder.step_of(standing.earned_tier_id);
        let reached = self.best(standing, on, 0, counts)?.map_or(0, |reached| reached.step);
        let stays = match self.ladder.downgrade {
            _ if reached >= step => reached,
            Downgrade::Never => step,
            Downgrade::OneStep => reached.max(step.saturating_sub(1)),
            Downgrade::ToQualified => reached,
        };
        standing.promotion = None;
        standing.noticed = false;
        if stays != step {
            standing.earned_tier_id = self.ladder.tier(stays).map(|tier| tier.id);
            if self.ladder.window.is_of_tier_entry() {
                standing.counts_from = on;
            }
        }
        standing.held_through = CivilDate::MIN;
        standing.valid_through = match self.through(standing, stays, on, 0, counts)? {
            Some(reached) => reached.through,
            None => {
                // Nothing supports it: it is kept for one more window.
                standing.held_through = match self.ladder.window {
                    Window::Lifetime => CivilDate::MAX,
                    Window::Rolling { span, calendar } => {
                        calendar.add(on, span).map_or(CivilDate::MAX, super::window::before).max(on)
                    }
                    _ => self.around(standing, on)?.through,
                };
                standing.held_through
            }
        };
        Ok(())
    }

    /// What new figures make of the tier that is earned: up at once, down only within the days in which a return may.
    fn weigh(
        &self,
        standing: &mut Standing,
        on: CivilDate,
        was: bool,
        fewer: bool,
        counts: &mut Counts<'_, '_>,
    ) -> Result<()> {
        let step = self.ladder.step_of(standing.earned_tier_id);
        let grace = self.ladder.grace_days;
        let before = standing.valid_through;
        if let Some(reached) = self.best(standing, on, grace, counts)?.filter(|reached| reached.step > step) {
            return self.promote(standing, on, &reached);
        }
        match self.through(standing, step, on, grace, counts)? {
            Some(reached) => standing.valid_through = reached.through.max(standing.held_through),
            None if fewer && self.take_back(standing, on, step, counts)? => return Ok(()),
            None if was => self.let_go(standing, on)?,
            None => {}
        }
        if standing.valid_through > before {
            standing.noticed = false;
        }
        Ok(())
    }

    /// Nothing supports the tier any more: it is reviewed at the end of this window, or now where windows have no end.
    fn let_go(&self, standing: &mut Standing, on: CivilDate) -> Result<()> {
        let end = match self.ladder.window {
            Window::Lifetime | Window::Rolling { .. } => on,
            _ => self.around(standing, on)?.through,
        };
        standing.valid_through = standing.valid_through.min(end).max(standing.held_through);
        Ok(())
    }

    fn promote(&self, standing: &mut Standing, on: CivilDate, reached: &Reached) -> Result<()> {
        standing.promotion = (self.ladder.take_back_days > 0).then_some(Json(Promotion {
            on,
            earned_in: reached.earned_in,
            from: standing.earned_tier_id,
            from_valid_through: standing.valid_through,
            from_held_through: standing.held_through,
            from_counts_from: standing.counts_from,
        }));
        standing.earned_tier_id = self.ladder.tier(reached.step).map(|tier| tier.id);
        standing.valid_through = reached.through;
        standing.held_through = CivilDate::MIN;
        standing.noticed = false;
        if self.ladder.window.is_of_tier_entry() {
            standing.counts_from = next(on);
            standing.held_through = self.around(standing, on)?.through;
            standing.valid_through = standing.held_through;
        }
        Ok(())
    }

    /// Takes a promotion back of which a return has taken away the reason, and says whether it did.
    fn take_back(
        &self,
        standing: &mut Standing,
        on: CivilDate,
        step: usize,
        counts: &mut Counts<'_, '_>,
    ) -> Result<bool> {
        let Some(Json(promotion)) = standing.promotion.take() else { return Ok(false) };
        if on > later(promotion.on, self.ladder.take_back_days) {
            return Ok(false);
        }
        let sums = counts.sums(promotion.earned_in)?;
        if self.ladder.tier(step).is_none_or(|tier| tier.need.is_met(sums)) {
            standing.promotion = Some(Json(promotion));
            return Ok(false);
        }
        standing.earned_tier_id = promotion.from;
        standing.valid_through = promotion.from_valid_through;
        standing.held_through = promotion.from_held_through;
        standing.counts_from = promotion.from_counts_from;
        standing.noticed = false;
        let from = self.ladder.step_of(promotion.from);
        let grace = self.ladder.grace_days;
        if let Some(reached) = self.best(standing, on, grace, counts)?.filter(|reached| reached.step > from) {
            self.promote(standing, on, &reached)?;
        } else if let Some(reached) = self.through(standing, from, on, grace, counts)? {
            standing.valid_through = reached.through.max(standing.held_through);
        } else {
            self.let_go(standing, on)?;
        }
        Ok(true)
    }

    /// The highest tier that windows support on a day, if any does.
    fn best(
        &self,
        standing: &Standing,
        on: CivilDate,
        grace: u16,
        counts: &mut Counts<'_, '_>,
    ) -> Result<Option<Reached>> {
        for step in (1..=self.ladder.tiers.len()).rev() {
            if let Some(reached) = self.through(standing, step, on, grace, counts)? {
                return Ok(Some(reached));
            }
        }
        Ok(None)
    }

    /// Through when windows support a tier, as seen on a day; grace counts as many days more.
    fn through(
        &self,
        standing: &Standing,
        step: usize,
        on: CivilDate,
        grace: u16,
        counts: &mut Counts<'_, '_>,
    ) -> Result<Option<Reached>> {
        let (window, anchors) = (&self.ladder.window, standing.anchors());
        let reached = |through, earned_in| Some(Reached { step, through, earned_in });
        let Some(tier) = self.ladder.tier(step).filter(|tier| !tier.need.is_nothing()) else {
            return Ok(reached(CivilDate::MAX, Days::ALL));
        };
        let mut days = self.around(standing, on)?;
        if let Window::Rolling { .. } = window {
            let (mut left, each) = counts.each(days)?;
            if !tier.need.is_met(left) {
                return Ok(None);
            }
            for day in each {
                left = left.plus(day.sums.negated());
                if !tier.need.is_met(left) {
                    return Ok(reached(super::window::before(window.leaves(day.on, &anchors)?), days));
                }
            }
            return Ok(reached(CivilDate::MAX, days));
        }
        loop {
            let through = window.valid_through(&days, self.ladder.valid, &anchors)?.unwrap_or(CivilDate::MAX);
            if later(through, grace) < on {
                return Ok(None);
            }
            if tier.need.is_met(counts.sums(days)?) {
                return Ok(reached(through, days));
            }
            match window.before(&days, &anchors)? {
                Some(earlier) => days = earlier,
                None => return Ok(None),
            }
        }
    }

    fn around(&self, standing: &Standing, on: CivilDate) -> Result<Days> {
        self.ladder.window.around(on, &standing.anchors())
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

/// What was counted in windows: as the standing holds it, or asked for.
struct Counts<'c, 'd> {
    cached: Vec<Counted>,
    last_on: CivilDate,
    added: Option<Day>,
    rolled: Option<(Days, Sums, Vec<Day>)>,
    days: &'c mut DaysOf<'d>,
}

impl<'c, 'd> Counts<'c, 'd> {
    fn new(standing: &Standing, days: &'c mut DaysOf<'d>) -> Self {
        let (cached, last_on) = (standing.windows.0.clone(), standing.last_on);
        Self { cached, last_on, added: None, rolled: None, days }
    }

    /// Puts what is not stored yet on top.
    fn add(&mut self, added: Day) {
        for counted in self.cached.iter_mut().filter(|counted| counted.days.contains(added.on)) {
            counted.sums = counted.sums.plus(added.sums);
        }
        self.added = Some(added);
        self.rolled = None;
    }

    fn asked(&mut self, days: Days) -> Result<Vec<Day>> {
        // On days after the last on which anything was counted, nothing was.
        let mut each = if days.from > self.last_on { Vec::new() } else { (self.days)(days)? };
        each.extend(self.added.filter(|added| days.contains(added.on)));
        Ok(each)
    }

    /// What was counted in a window. The one asked for last stands first.
    fn sums(&mut self, days: Days) -> Result<Sums> {
        let known = self.cached.iter().position(|counted| counted.days == days);
        let counted = match known {
            Some(at) => self.cached.remove(at),
            None => Counted { days, sums: self.asked(days)?.iter().fold(Sums::ZERO, |sum, day| sum.plus(day.sums)) },
        };
        self.cached.insert(0, counted);
        Ok(counted.sums)
    }

    /// The same with each day, in their order: for windows that move on every day.
    fn each(&mut self, days: Days) -> Result<(Sums, Vec<Day>)> {
        if let Some((of, sums, each)) = &self.rolled
            && *of == days
        {
            return Ok((*sums, each.clone()));
        }
        let mut each = self.asked(days)?;
        each.sort_by_key(|day| day.on);
        // A day leaves as a whole: with what it has given and what was returned of it.
        each.dedup_by(|day, before| {
            let same = day.on == before.on;
            if same {
                before.sums = before.sums.plus(day.sums);
            }
            same
        });
        let sums = each.iter().fold(Sums::ZERO, |sum, day| sum.plus(day.sums));
        self.rolled = Some((days, sums, each.clone()));
        Ok((sums, each))
    }

    fn keep(mut self, standing: &mut Standing) {
        self.cached.truncate(KEPT_WINDOWS);
        standing.windows = Json(self.cached);
    }
}

/// So many days later; the last day there is, at most.
fn later(day: CivilDate, days: u16) -> CivilDate {
    day.add_days(i32::from(days)).unwrap_or(CivilDate::MAX)
}
