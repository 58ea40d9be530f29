//! A time zone: from instants to the wall clock and back.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::{CivilDate, DAY, SECOND, TimeOfDay, Timestamp};
use crate::{Error, Result};

/// A time zone of the IANA database, such as `Asia/Tehran`, with its rules loaded.
///
/// A clone is a counter increment and shares the rules, so keep one instead of looking the name up again.
/// Two zones are equal when their names are; in serde it is the name. The zone files of the machine are used where it
/// has them, so its updates count, and otherwise the copy that was compiled in.
///
/// At the two ends of the range of [`Timestamp`] and [`CivilDate`] results stop at the limit instead of failing.
///
/// ```
/// use crm_core::kernel::time::{CivilDate, TimeOfDay, Zone};
///
/// let zone = Zone::new("America/Sao_Paulo")?;
/// let date = CivilDate::new(2018, 11, 4)?;
/// // The clocks went from 00:00 to 01:00 that night, so the day began at 01:00.
/// let start = zone.start_of_day(date);
/// assert_eq!(start.to_string(), "2018-11-04T03:00:00.000000Z");
/// assert_eq!(zone.local(start), (date, TimeOfDay::new(1, 0)?));
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Zone {
    rules: TimeZone,
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self { rules: TimeZone::UTC };

    /// The zone with this name, whatever its letter case. Error: `zone.unknown`.
    pub fn new(name: &str) -> Result<Self> {
        let unknown = || Error::invalid("zone", "zone.unknown");
        // Zone directories also hold files that say "whatever this machine is set to".
        if ["localtime", "posixrules"].iter().any(|file| name.eq_ignore_ascii_case(file)) {
            return Err(unknown());
        }
        let rules = TimeZone::get(name).map_err(|_| unknown())?;
        if rules.iana_name().is_some() { Ok(Self { rules }) } else { Err(unknown()) }
    }

    /// The name in the IANA database, in its usual letter case.
    pub fn name(&self) -> &str {
        self.rules.iana_name().unwrap_or("UTC")
    }

    /// The date on the wall at this instant.
    pub fn date_of(&self, time: Timestamp) -> CivilDate {
        self.local(time).0
    }

    /// The date and the time of day on the wall at this instant.
    pub fn local(&self, time: Timestamp) -> (CivilDate, TimeOfDay) {
        let wall = Timestamp::clamped(self.wall_micros(time)).as_micros();
        (CivilDate::clamped(wall.div_euclid(DAY)), TimeOfDay::wrapped(wall))
    }

    /// The first instant of the date: midnight, or the first moment after it if the clocks jumped over midnight (S-05).
    pub fn start_of_day(&self, date: CivilDate) -> Timestamp {
        self.at(date, TimeOfDay::MIDNIGHT)
    }

    /// The instant when the wall shows this date and time.
    ///
    /// A time the clocks jumped over means the first instant after the jump (S-05); a time that comes twice means the
    /// earlier one.
    pub fn at(&self, date: CivilDate, time: TimeOfDay) -> Timestamp {
        let wall = i64::from(date.days()) * DAY + time.as_micros();
        let micros = match self.rules.to_ambiguous_timestamp(Offset::UTC.to_datetime(nearest(wall))).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                wall - micros_of(offset)
            }
            AmbiguousOffset::Gap { before, after } => self
                .rules
                .following(nearest(wall - micros_of(after)))
                .find(|jump| jump.offset() == after)
                .map_or(wall - micros_of(before), |jump| jump.timestamp().as_microsecond()),
        };
        Timestamp::clamped(micros)
    }

    /// The wall clock as microseconds since its own 1970-01-01 00:00.
    pub(super) fn wall_micros(&self, time: Timestamp) -> i64 {
        time.as_micros() + micros_of(self.rules.to_offset(nearest(time.as_micros())))
    }
}

/// The same instant for jiff, whose range ends a day before ours.
fn nearest(micros: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX)
}

fn micros_of(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * SECOND
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}
