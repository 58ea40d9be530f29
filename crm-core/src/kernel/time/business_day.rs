//! The day of the books, which may end after midnight.

use serde::{Deserialize, Serialize};

use super::{CivilDate, DAY, TimeOfDay, Timestamp, Zone};

/// A zone and the time of day at which a business day starts (S-15).
///
/// With the cut-off 04:00, a sale at 03:59 belongs to the day before. Business days follow each other without a hole or
/// an overlap, also when the clocks change: `start(d) <= t < end(d)` holds exactly when `date_of(t) == d`
/// (but for the last instant of the year 9999).
///
/// ```
/// use crm_core::kernel::time::{BusinessDay, CivilDate, TimeOfDay, Zone};
///
/// let day = BusinessDay::new(Zone::new("Asia/Tehran")?, TimeOfDay::new(4, 0)?);
/// let nowruz = CivilDate::new(2025, 3, 21)?;
/// assert_eq!(day.date_of("2025-03-21T03:59:59+03:30".parse()?), nowruz.add_days(-1)?);
/// assert_eq!(day.date_of("2025-03-21T04:00:00+03:30".parse()?), nowruz);
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BusinessDay {
    /// The zone of the branch or the programme.
    pub zone: Zone,
    /// The time of day at which the business day begins; midnight for a plain calendar day.
    pub cutoff: TimeOfDay,
}

impl BusinessDay {
    /// Business days of this zone with this cut-off.
    pub const fn new(zone: Zone, cutoff: TimeOfDay) -> Self {
        Self { zone, cutoff }
    }

    /// The business date an instant belongs to.
    pub fn date_of(&self, time: Timestamp) -> CivilDate {
        let wall = self.zone.wall_micros(time) - self.cutoff.as_micros();
        let date = CivilDate::clamped(wall.div_euclid(DAY));
        // When the clocks go back over the cut-off, the wall shows it twice and the day has begun with the first.
        let next = CivilDate::clamped(i64::from(date.days()) + 1);
        if time < self.start(next) { date } else { next }
    }

    /// The first instant of the business date.
    pub fn start(&self, date: CivilDate) -> Timestamp {
        self.zone.at(date, self.cutoff)
    }

    /// The first instant after the business date, which is the start of the next one.
    ///
    /// Something valid through a date expires here: it is usable while `now < end(date)` (S-05).
    /// For 9999-12-31 it is [`Timestamp::MAX`].
    pub fn end(&self, date: CivilDate) -> Timestamp {
        date.add_days(1).map_or(Timestamp::MAX, |next| self.start(next))
    }
}
