//! What a review, new figures and a return make of the tier that somebody has earned.

use super::counts::Counts;
use super::model::{Promotion, Standing};
use super::rules::Rules;
use super::terms::Downgrade;
use super::window::{Days, Window, before, later, next};
use crate::Result;
use crate::kernel::time::CivilDate;
use crate::work::Json;

/// A tier that is reached, through when, and by which window.
pub(super) struct Reached {
    pub(super) step: usize,
    pub(super) through: CivilDate,
    pub(super) earned_in: Days,
}

impl Rules<'_> {
    /// What a review on a day makes of the tier that is earned.
    pub(super) fn review(&self, standing: &mut Standing, on: CivilDate, counts: &mut Counts<'_, '_>) -> Result<()> {
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
        standing.valid_through = if let Some(reached) = self.through(standing, stays, on, 0, counts)? {
            reached.through
        } else {
            // Nothing supports it: it is kept for one more window.
            standing.held_through = match self.ladder.window {
                Window::Lifetime => CivilDate::MAX,
                Window::Rolling { span, calendar } => calendar.add(on, span).map_or(CivilDate::MAX, before).max(on),
                _ => self.around(standing, on)?.through,
            };
            standing.held_through
        };
        Ok(())
    }

    /// What new figures make of the tier that is earned: up at once, down only within the days in which a return may.
    pub(super) fn weigh(
        &self,
        standing: &mut Standing,
        on: CivilDate,
        was: bool,
        fewer: bool,
        counts: &mut Counts<'_, '_>,
    ) -> Result<()> {
        let step = self.ladder.step_of(standing.earned_tier_id);
        let grace = self.ladder.grace_days;
        let valid = standing.valid_through;
        if let Some(reached) = self.best(standing, on, grace, counts)?.filter(|reached| reached.step > step) {
            return self.promote(standing, on, &reached);
        }
        match self.through(standing, step, on, grace, counts)? {
            Some(reached) => standing.valid_through = reached.through.max(standing.held_through),
            None if fewer && self.take_back(standing, on, step, counts)? => return Ok(()),
            None if was => self.let_go(standing, on)?,
            None => {}
        }
        if standing.valid_through > valid {
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
    pub(super) fn through(
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
                    return Ok(reached(before(window.leaves(day.on, anchors)?), days));
                }
            }
            return Ok(reached(CivilDate::MAX, days));
        }
        loop {
            let through = window.valid_through(days, self.ladder.valid, anchors)?.unwrap_or(CivilDate::MAX);
            if later(through, grace) < on {
                return Ok(None);
            }
            if tier.need.is_met(counts.sums(days)?) {
                return Ok(reached(through, days));
            }
            match window.before(days, anchors)? {
                Some(earlier) => days = earlier,
                None => return Ok(None),
            }
        }
    }

    pub(super) fn around(&self, standing: &Standing, on: CivilDate) -> Result<Days> {
        self.ladder.window.around(on, standing.anchors())
    }
}
