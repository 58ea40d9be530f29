//! What was counted in windows, asked for only where a standing does not hold it.

use super::model::{Counted, Standing};
use super::terms::Sums;
use super::window::Days;
use crate::Result;
use crate::kernel::time::CivilDate;
use crate::work::Json;

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

/// What was counted in windows: as the standing holds it, or asked for.
pub(super) struct Counts<'c, 'd> {
    cached: Vec<Counted>,
    last_on: CivilDate,
    added: Option<Day>,
    rolled: Option<(Days, Sums, Vec<Day>)>,
    days: &'c mut DaysOf<'d>,
}

impl<'c, 'd> Counts<'c, 'd> {
    pub(super) fn new(standing: &Standing, days: &'c mut DaysOf<'d>) -> Self {
        let (cached, last_on) = (standing.windows.0.clone(), standing.last_on);
        Self { cached, last_on, added: None, rolled: None, days }
    }

    /// Puts what is not stored yet on top.
    pub(super) fn add(&mut self, added: Day) {
        for counted in self.cached.iter_mut().filter(|counted| counted.days.contains(added.on)) {
            counted.sums = counted.sums.plus(added.sums);
        }
        self.added = Some(added);
        self.rolled = None;
    }

    fn asked(&mut self, days: Days) -> Result<Vec<Day>> {
        // On days after the last on which anything was counted, nothing was; nor ever, if there is no last one.
        let nothing = days.from > self.last_on || self.last_on == CivilDate::MIN;
        let mut each = if nothing { Vec::new() } else { (self.days)(days)? };
        each.extend(self.added.filter(|added| days.contains(added.on)));
        Ok(each)
    }

    /// What was counted in a window. The one asked for last stands first.
    pub(super) fn sums(&mut self, days: Days) -> Result<Sums> {
        let known = self.cached.iter().position(|counted| counted.days == days);
        let counted = match known {
            Some(at) => self.cached.remove(at),
            None => Counted { days, sums: self.asked(days)?.iter().fold(Sums::ZERO, |sum, day| sum.plus(day.sums)) },
        };
        self.cached.insert(0, counted);
        Ok(counted.sums)
    }

    /// The same with each day, in their order: for windows that move on every day.
    pub(super) fn each(&mut self, days: Days) -> Result<(Sums, Vec<Day>)> {
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

    pub(super) fn keep(mut self, standing: &mut Standing) {
        self.cached.truncate(KEPT_WINDOWS);
        standing.windows = Json(self.cached);
    }
}
