//! When an anniversary falls, and which are to be celebrated: pure functions.

use super::model::{AnniversaryGift, AnniversaryTerms, ShortYear, SpecialDay};
use crate::Result;
use crate::kernel::calendar::Calendar;
use crate::kernel::input::required_text;
use crate::kernel::time::CivilDate;
use crate::loyalty::Asset;
use crate::loyalty::programme::Finding;

/// A date that comes back every year of its calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// The date it began with.
    pub date: CivilDate,
    /// The calendar it is counted in.
    pub calendar: Calendar,
    /// What happens in a year that does not have it.
    pub short_year: ShortYear,
}

/// One anniversary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Anniversary {
    /// The year, in the calendar of the date. Its name, whichever day it falls on.
    pub year: i32,
    /// The day on which it is celebrated.
    pub on: CivilDate,
}

impl Day {
    /// The anniversary of a year of the calendar (S-39). Error: `date.range`.
    ///
    /// ```
    /// use crm_core::kernel::calendar::Calendar::Jalali;
    /// use crm_core::loyalty::anniversaries::{Day, ShortYear};
    /// let born = Jalali.date(1399, 12, 30)?;
    /// let day = |short_year| Day { date: born, calendar: Jalali, short_year };
    /// assert_eq!(day(ShortYear::LastDay).in_year(1400)?.on, Jalali.date(1400, 12, 29)?);
    /// let next = day(ShortYear::FirstOfNext).in_year(1400)?;
    /// assert_eq!((next.year, next.on), (1400, Jalali.date(1401, 1, 1)?));
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn in_year(self, year: i32) -> Result<Anniversary> {
        let on = self.calendar.anniversary(self.date, year)?;
        let short = self.calendar.of(on).day() < self.calendar.of(self.date).day();
        let on = if short && self.short_year == ShortYear::FirstOfNext { on.add_days(1)? } else { on };
        Ok(Anniversary { year, on })
    }

    /// The first anniversary on this day or later, of a later year than `after`. The day itself is none: the first falls
    /// in the year after it. Error: `date.range`.
    pub fn next(self, from: CivilDate, after: Option<i32>) -> Result<Anniversary> {
        let born = self.calendar.of(self.date).year();
        // Moved to the first of the next month, an anniversary may fall into the next year.
        let mut year = self.calendar.of(from).year() - 1;
        for seen in [Some(born), after].into_iter().flatten() {
            year = year.max(seen.saturating_add(1));
        }
        loop {
            let anniversary = self.in_year(year)?;
            if anniversary.on >= from {
                return Ok(anniversary);
            }
            year = year.saturating_add(1);
        }
    }
}

/// What of a day is to be celebrated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Celebrated {
    /// Now, the earliest first.
    pub now: Vec<Anniversary>,
    /// Next.
    pub next: Anniversary,
}

/// The anniversaries that fall in the days from `from` through `today`, of later years than `after`, and the one after
/// them. Those more than `max_lateness_days` before today are passed over. Error: `date.range`.
///
/// Whoever runs this at any times, late, twice or with a clock that goes back, and goes on from `next` with the last year
/// that was celebrated, celebrates every year once.
///
/// ```
/// use crm_core::kernel::calendar::Calendar::Gregorian;
/// use crm_core::loyalty::anniversaries::{Day, ShortYear, due};
/// let day = Day { date: "2000-02-29".parse()?, calendar: Gregorian, short_year: ShortYear::LastDay };
/// let found = due(day, "2025-02-28".parse()?, None, "2025-03-05".parse()?, 14)?;
/// assert_eq!(found.now.len(), 1, "five days late");
/// assert_eq!(found.next.on.to_string(), "2026-02-28");
/// assert!(due(day, "2025-02-28".parse()?, None, "2025-03-15".parse()?, 14)?.now.is_empty(), "too late");
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn due(
    day: Day,
    from: CivilDate,
    after: Option<i32>,
    today: CivilDate,
    max_lateness_days: u16,
) -> Result<Celebrated> {
    let oldest = today.add_days(-i32::from(max_lateness_days)).unwrap_or(CivilDate::MIN);
    let mut now = Vec::new();
    let mut next = day.next(from.max(oldest), after)?;
    while next.on <= today {
        now.push(next);
        next = day.next(next.on, Some(next.year))?;
    }
    Ok(Celebrated { now, next })
}

impl SpecialDay {
    /// The date in its calendar, if it is known.
    pub fn day(&self, short_year: ShortYear) -> Option<Day> {
        self.date.map(|date| Day { date, calendar: self.calendar, short_year })
    }

    /// Takes another date or calendar, told on the business day `today`, and says when it is celebrated next: no year
    /// that was celebrated comes again, and after a date that was known before, nothing for
    /// [`changed_days`](AnniversaryTerms::changed_days). Error: `date.range`.
    ///
    /// ```
    /// use crm_core::kernel::calendar::Calendar::{Gregorian, Jalali};
    /// use crm_core::kernel::time::{CivilDate, Timestamp};
    /// use crm_core::loyalty::anniversaries::{AnniversaryTerms, BIRTH, SpecialDay};
    /// use crm_core::work::Version;
    /// let mut day = SpecialDay {
    ///     customer_id: uuid::Uuid::nil().into(), kind: BIRTH.into(), version: Version::FIRST,
    ///     date: Some("1990-03-21".parse()?), calendar: Gregorian, noted_at: Timestamp::UNIX_EPOCH,
    ///     next_on: "2026-03-21".parse()?, celebrated_on: Some("2025-03-21".parse()?), celebrated_year: Some(2025),
    /// };
    /// day.tell(Some("1990-12-01".parse()?), Gregorian, "2025-04-01".parse()?, &AnniversaryTerms::default())?;
    /// assert_eq!(day.next_on.to_string(), "2026-12-01", "2025 was celebrated");
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn tell(
        &mut self,
        date: Option<CivilDate>,
        calendar: Calendar,
        today: CivilDate,
        terms: &AnniversaryTerms,
    ) -> Result<()> {
        let known_before = self.date.is_some() || self.celebrated_on.is_some();
        if calendar != self.calendar {
            // The same day by another name.
            self.celebrated_year = self.celebrated_on.map(|on| calendar.of(on).year());
        }
        (self.date, self.calendar) = (date, calendar);
        let rest = if known_before { i32::from(terms.changed_days) } else { 0 };
        self.comes_back(today.add_days(rest)?, terms)
    }

    /// Is celebrated next on the first anniversary on this day or later. Error: `date.range`.
    pub fn comes_back(&mut self, from: CivilDate, terms: &AnniversaryTerms) -> Result<()> {
        self.next_on = match self.day(terms.short_year) {
            None => CivilDate::MAX,
            Some(day) => day.next(from, self.celebrated_year)?.on,
        };
        Ok(())
    }

    /// Was celebrated for this day, of a year of a calendar; the latest such day is kept.
    pub fn celebrated(&mut self, on: CivilDate, calendar: Calendar, year: i32) {
        if self.celebrated_on.is_none_or(|last| last < on) {
            // The same day by another name.
            let year = if calendar == self.calendar { year } else { self.calendar.of(on).year() };
            (self.celebrated_on, self.celebrated_year) = (Some(on), Some(year));
        }
    }

    /// Another record of the same person was celebrated (S-44): that year does not come again here.
    pub fn celebrated_too(&mut self, other: &Self) {
        if let (Some(on), Some(year)) = (other.celebrated_on, other.celebrated_year) {
            self.celebrated(on, other.calendar, year);
        }
    }

    /// Goes along with a merge: it is celebrated where it goes, and here no more (S-44).
    pub fn go_elsewhere(&mut self) {
        self.next_on = CivilDate::MAX;
    }

    /// Whether it did: only such a day has a date and does not come.
    pub fn is_elsewhere(&self) -> bool {
        self.date.is_some() && self.next_on == CivilDate::MAX
    }
}

impl AnniversaryTerms {
    /// What is wrong with these terms.
    pub fn faults(&self) -> Vec<Finding> {
        let too_long = self.max_lateness_days > 366 || self.changed_days > 366;
        let days = too_long.then(|| Finding::fault("anniversaries", "anniversaries.days"));
        let of_gift = |gift: &AnniversaryGift| {
            let no_word = required_text("kind", &gift.kind, 40).ok().as_deref() != Some(gift.kind.as_str());
            [
                ("anniversaries.kind", no_word),
                ("anniversaries.amount", gift.amount <= 0),
                // Money of a gift card is spent by its code alone: on the account of a member nobody could.
                ("anniversaries.asset", matches!(gift.asset, Asset::Gift(_))),
                ("anniversaries.backwards", gift.validity.is_backwards()),
            ]
            .into_iter()
            .filter(|(_, wrong)| *wrong)
            .map(|(code, _)| Finding::fault(format!("anniversaries.{}", gift.kind), code))
            .collect::<Vec<_>>()
        };
        days.into_iter().chain(self.gifts.iter().flat_map(of_gift)).collect()
    }
}
