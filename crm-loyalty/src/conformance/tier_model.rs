//! A plain model of tiers (T-12): day by day, and every figure added up anew from everything that was ever recorded.

use crm_core::kernel::calendar::{Span, Unit};
use crm_core::kernel::time::{BusinessDay, CivilDate, Timestamp};
use crm_core::loyalty::tiers::{Anniversary, Downgrade, Sums, TierLadder, Validity, Window};

/// What the model knows.
pub(super) struct TierModel {
    ladder: TierLadder,
    day: BusinessDay,
    joined: CivilDate,
    counts_from: CivilDate,
    today: CivilDate,
    /// Everything that was ever recorded.
    postings: Vec<(CivilDate, Sums)>,
    /// The tier that is earned, counted from below.
    step: usize,
    /// Through when it is valid, and kept whatever is counted.
    pub(super) valid: CivilDate,
    held: CivilDate,
    /// How the tier was reached, as long as a return may take it back.
    promoted: Option<Promoted>,
    pin: Option<(usize, bool, Option<Timestamp>)>,
    /// The tier that is shown, and since when, for all times.
    pub(super) history: Vec<(Timestamp, usize)>,
}

#[derive(Clone, Copy)]
struct Promoted {
    on: CivilDate,
    earned_in: Earned,
    step: usize,
    valid: CivilDate,
    held: CivilDate,
    counts_from: CivilDate,
}

/// The window in which a tier was earned: one of a row, told by its number and where the row begins, or one that rolls.
#[derive(Clone, Copy)]
enum Earned {
    Numbered(i32, CivilDate),
    Until(CivilDate),
}

impl TierModel {
    /// Somebody joins.
    pub(super) fn new(ladder: TierLadder, day: BusinessDay, joined_at: Timestamp) -> Self {
        let (joined, step) = (day.date_of(joined_at), ladder.step_of(ladder.base()));
        let (valid, held) = (CivilDate::MAX, CivilDate::MIN);
        let (counts_from, today, history) = (joined, joined, vec![(joined_at, step)]);
        let (postings, promoted, pin) = (Vec::new(), None, None);
        Self { ladder, day, joined, counts_from, today, postings, step, valid, held, promoted, pin, history }
    }

    /// Time passes, one day after the other.
    pub(super) fn pass(&mut self, now: Timestamp) {
        while self.today < self.day.date_of(now) {
            let start = self.day.start(self.today.add_days(1).unwrap());
            self.unpin_until(start);
            self.today = self.today.add_days(1).unwrap();
            self.catch_up();
        }
        self.unpin_until(now);
    }

    /// Something is bought or, below nothing, returned.
    pub(super) fn post(&mut self, now: Timestamp, on: CivilDate, sums: Sums) {
        let was = self.supported(self.step, self.today, self.ladder.grace_days).is_some();
        self.postings.push((on, sums));
        self.weigh(now, was, sums.takes_away());
    }

    /// Everything that another has bought is counted too.
    pub(super) fn join(&mut self, now: Timestamp, other: &Self) {
        self.postings.extend(&other.postings);
        self.weigh(now, false, false);
    }

    /// A tier is set by hand, or no longer.
    pub(super) fn pin(&mut self, now: Timestamp, pin: Option<(usize, bool, Option<Timestamp>)>) {
        self.pin = pin;
        self.show(now);
    }

    /// The tier that is shown.
    pub(super) fn shown(&self) -> usize {
        self.history.last().unwrap().1
    }

    fn weigh(&mut self, now: Timestamp, was: bool, fewer: bool) {
        let grace = self.ladder.grace_days;
        let best = self.best(self.today, grace);
        if best > self.step {
            self.promote(best);
        } else if let Some(through) = self.supported(self.step, self.today, grace) {
            self.valid = through.max(self.held);
        } else if !(fewer && self.taken_back()) && was {
            self.let_go();
        }
        self.show(now);
        self.catch_up();
    }

    fn promote(&mut self, best: usize) {
        let days = if let Window::Rolling { .. } = self.ladder.window {
            Earned::Until(self.today)
        } else {
            let now = self.number_of(self.today);
            let number = (0..4).map(|back| now - back).find(|number| self.is_met(best, *number)).unwrap();
            Earned::Numbered(number, self.counts_from)
        };
        let (step, valid, held, counts_from) = (self.step, self.valid, self.held, self.counts_from);
        self.promoted = Some(Promoted { on: self.today, earned_in: days, step, valid, held, counts_from });
        self.valid = self.supported(best, self.today, self.ladder.grace_days).unwrap();
        (self.step, self.held) = (best, CivilDate::MIN);
        if self.of_entry() {
            self.counts_from = self.today.add_days(1).unwrap();
            self.held = self.end_of(0);
            self.valid = self.held;
        }
    }

    fn taken_back(&mut self) -> bool {
        let Some(promoted) = self.promoted else { return false };
        let late = self.today.days_since(promoted.on) > i32::from(self.ladder.take_back_days);
        let sums = match promoted.earned_in {
            Earned::Numbered(number, from) => self.sums(|on| self.number(on, from) == number),
            Earned::Until(day) => self.sums(|on| on <= day && self.rolls_over(on, day)),
        };
        if self.ladder.take_back_days == 0 || late || self.ladder.tiers[self.step - 1].need.is_met(sums) {
            return false;
        }
        self.promoted = None;
        (self.step, self.valid) = (promoted.step, promoted.valid);
        (self.held, self.counts_from) = (promoted.held, promoted.counts_from);
        let (best, grace) = (self.best(self.today, self.ladder.grace_days), self.ladder.grace_days);
        if best > self.step {
            self.promote(best);
        } else if let Some(through) = self.supported(self.step, self.today, grace) {
            self.valid = through.max(self.held);
        } else {
            self.let_go();
        }
        true
    }

    fn let_go(&mut self) {
        let endless = matches!(self.ladder.window, Window::Lifetime | Window::Rolling { .. });
        let end = if endless { self.today } else { self.end_of(self.number_of(self.today)) };
        self.valid = self.valid.min(end).max(self.held);
    }

    /// Reviews as long as the tier is no longer valid.
    fn catch_up(&mut self) {
        let grace = i32::from(self.ladder.grace_days);
        while self.step > 0
            && self.ladder.downgrade != Downgrade::Never
            && self.valid < CivilDate::MAX
            && self.today.days_since(self.valid) > grace
        {
            let on = self.valid.add_days(grace + 1).unwrap();
            let best = self.best(on, 0);
            let step = match self.ladder.downgrade {
                Downgrade::OneStep => best.max(self.step - 1),
                _ => best,
            };
            if step != self.step && self.of_entry() {
                self.counts_from = on;
            }
            (self.step, self.held, self.promoted) = (step, CivilDate::MIN, None);
            self.valid = match (self.supported(step, on, 0), self.ladder.window) {
                (Some(through), _) => through,
                (None, Window::Rolling { span, calendar }) => calendar.add(on, span).unwrap().add_days(-1).unwrap(),
                (None, _) => self.end_of(self.number_of(on)),
            };
            self.held = if self.supported(step, on, 0).is_none() { self.valid } else { self.held };
            self.show(self.day.start(on));
        }
    }

    fn best(&self, on: CivilDate, grace: u16) -> usize {
        (1..=self.ladder.tiers.len()).rev().find(|step| self.supported(*step, on, grace).is_some()).unwrap_or(0)
    }

    /// Through when what was counted supports a tier, as seen on a day.
    fn supported(&self, step: usize, on: CivilDate, grace: u16) -> Option<CivilDate> {
        if step == 0 || self.ladder.tiers[step - 1].need.is_nothing() {
            return Some(CivilDate::MAX);
        }
        let met = |day: CivilDate| {
            let sums = self.sums(|on| on <= day && self.rolls_over(on, day));
            self.ladder.tiers[step - 1].need.is_met(sums)
        };
        match self.ladder.window {
            Window::Lifetime => self.is_met(step, 0).then_some(CivilDate::MAX),
            Window::Rolling { .. } => {
                let mut through = on.add_days(-1).unwrap();
                while met(through.add_days(1).unwrap()) {
                    through = through.add_days(1).unwrap();
                }
                (through >= on).then_some(through)
            }
            _ => (0..4).find_map(|back| {
                let number = self.number_of(on) - back;
                let next = self.of_entry() || self.ladder.valid == Validity::NextPeriod;
                let through = self.end_of(number + i32::from(next));
                let valid = on.days_since(through) <= i32::from(grace) && !(self.of_entry() && number < 0);
                (valid && self.is_met(step, number)).then_some(through)
            }),
        }
    }

    fn is_met(&self, step: usize, number: i32) -> bool {
        let sums = self.sums(|on| self.number(on, self.counts_from) == number);
        self.ladder.tiers[step - 1].need.is_met(sums)
    }

    fn sums(&self, counts: impl Fn(CivilDate) -> bool) -> Sums {
        self.postings.iter().filter(|(on, _)| counts(*on)).fold(Sums::ZERO, |sum, (_, sums)| sum.plus(*sums))
    }

    fn of_entry(&self) -> bool {
        matches!(self.ladder.window, Window::Anniversary { of: Anniversary::TierEntry, .. })
    }

    /// Whether a rolling window that ends on `day` still has the day before it.
    fn rolls_over(&self, on: CivilDate, day: CivilDate) -> bool {
        match self.ladder.window {
            Window::Rolling { span: Span::Days(days), .. } => day.days_since(on) < days,
            Window::Rolling { span: Span::Months(months), calendar } => {
                calendar.add(day, Span::Months(-months)).unwrap() < on
            }
            _ => unreachable!("only rolling windows roll"),
        }
    }

    /// The number of the period a day is in. Of a tier's own periods, what was before the first is below nothing.
    fn number(&self, day: CivilDate, counts_from: CivilDate) -> i32 {
        match self.ladder.window {
            Window::Lifetime | Window::Rolling { .. } => 0,
            Window::Period { unit, calendar } => {
                let date = calendar.of(day);
                match unit {
                    Unit::Year => date.year(),
                    Unit::Quarter => date.year() * 4 + i32::from(date.quarter()),
                    _ => date.year() * 12 + i32::from(date.month()),
                }
            }
            Window::Anniversary { of, months, calendar } => {
                let first = if of == Anniversary::Joining { self.joined } else { counts_from };
                let begins = |number: i32| calendar.add(first, Span::Months(number * i32::from(months))).unwrap();
                let mut number = day.days_since(first).div_euclid(31 * i32::from(months)) - 1;
                while begins(number + 1) <= day {
                    number += 1;
                }
                number
            }
        }
    }

    /// The number of the period that counts on a day: on the day of a promotion that is the first, which begins tomorrow.
    fn number_of(&self, day: CivilDate) -> i32 {
        let number = self.number(day, self.counts_from);
        if self.of_entry() { number.max(0) } else { number }
    }

    /// The last day of a period, found by looking at one day after the other.
    fn end_of(&self, number: i32) -> CivilDate {
        let mut day = self.joined.add_days(-800).unwrap();
        while self.number(day, self.counts_from) <= number {
            // No period is shorter than this.
            let far = day.add_days(25).unwrap();
            let next = day.add_days(1).unwrap();
            day = if self.number(far, self.counts_from) <= number { far } else { next };
        }
        day.add_days(-1).unwrap()
    }

    fn unpin_until(&mut self, now: Timestamp) {
        if let Some((_, _, Some(until))) = self.pin
            && until <= now
        {
            self.pin = None;
            self.show(until);
        }
    }

    fn show(&mut self, at: Timestamp) {
        let shown = match self.pin {
            Some((step, true, _)) => step.max(self.step),
            Some((step, false, _)) => step,
            None => self.step,
        };
        let (since, last) = *self.history.last().unwrap();
        if shown != last {
            self.history.push((at.max(since), shown));
        }
    }
}
