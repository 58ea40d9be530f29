//! An instant in whole microseconds.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};

use super::{CivilDate, DAY, TimeOfDay};
use crate::{Error, Result};

/// An instant: whole microseconds since 1970-01-01T00:00:00Z, in UTC.
///
/// The range is the years 0001 to 9999 of the ISO calendar; whatever would leave it fails with `time.range`.
/// As text, and in serde, it is RFC 3339 with six decimals, so that texts sort as instants do.
/// Leap seconds do not exist, as in Unix time.
///
/// ```
/// use crm_core::kernel::time::Timestamp;
///
/// let sale: Timestamp = "2025-03-21T00:30:00+03:30".parse()?;
/// assert_eq!(sale.to_string(), "2025-03-20T21:00:00.000000Z");
/// assert_eq!(Timestamp::from_micros(sale.as_micros())?, sale);
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The first instant of the range, 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(CivilDate::MIN.days() as i64 * DAY);
    /// The last instant of the range, 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self((CivilDate::MAX.days() as i64 + 1) * DAY - 1);

    /// The instant this many microseconds after the Unix epoch. Two comparisons, so cheap for every row read.
    pub const fn from_micros(micros: i64) -> Result<Self> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 {
            return Err(out_of_range());
        }
        Ok(Self(micros))
    }

    /// The instant this many microseconds after the Unix epoch, or the nearest one within the range.
    pub(super) fn clamped(micros: i64) -> Self {
        Self(micros.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Microseconds since the Unix epoch, negative before it.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The instant `micros` microseconds later, or earlier when negative.
    pub fn checked_add_micros(self, micros: i64) -> Result<Self> {
        self.0.checked_add(micros).ok_or_else(out_of_range).and_then(Self::from_micros)
    }

    /// The instant `duration` later. Parts of a microsecond are dropped from the duration.
    ///
    /// ```
    /// use std::time::Duration;
    /// use crm_core::kernel::time::Timestamp;
    ///
    /// let later = Timestamp::UNIX_EPOCH.checked_add(Duration::from_secs(90))?;
    /// assert_eq!(later.as_micros(), 90_000_000);
    /// assert!(Timestamp::MAX.checked_add(Duration::from_micros(1)).is_err());
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn checked_add(self, duration: Duration) -> Result<Self> {
        self.checked_add_micros(whole_micros(duration)?)
    }

    /// The instant `duration` earlier. Parts of a microsecond are dropped from the duration.
    pub fn checked_sub(self, duration: Duration) -> Result<Self> {
        self.checked_add_micros(-whole_micros(duration)?)
    }

    /// How many microseconds this instant is after `earlier`; negative when it is before it.
    pub fn micros_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0 // the whole range is a twentieth of what i64 holds
    }

    /// The time passed since `earlier`, and zero when `earlier` is in fact later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.micros_since(earlier)).unwrap_or(0))
    }
}

const fn out_of_range() -> Error {
    Error::Invalid { field: std::borrow::Cow::Borrowed("time"), rule: "time.range" }
}

fn whole_micros(duration: Duration) -> Result<i64> {
    i64::try_from(duration.as_micros()).map_err(|_| out_of_range())
}

/// The fraction of a microsecond is dropped, towards the past. Outside the years 0001 to 9999: `time.range`.
impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = Error;

    fn try_from(time: DateTime<Utc>) -> Result<Self> {
        Self::from_micros(time.timestamp_micros())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(time: Timestamp) -> Self {
        // chrono holds 26 times our range, so the default is never taken.
        Self::from_timestamp_micros(time.0).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (CivilDate::clamped(self.0.div_euclid(DAY)), TimeOfDay::wrapped(self.0));
        let (second, micro) = (time.second(), time.microsecond());
        write!(f, "{date}T{:02}:{:02}:{second:02}.{micro:06}Z", time.hour(), time.minute())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads RFC 3339 with any offset. Errors: `time.format`, `time.range`.
impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| Error::invalid("time", "time.format"))?;
        time.to_utc().try_into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn the_range_is_the_years_1_to_9999() {
        assert_eq!(Timestamp::MIN.to_string(), "0001-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999999Z");
        assert!(Timestamp::from_micros(Timestamp::MIN.0 - 1).is_err());
        assert!(Timestamp::from_micros(Timestamp::MAX.0 + 1).is_err());
        assert!(Timestamp::MIN.checked_sub(Duration::from_micros(1)).is_err());
        assert!(Timestamp::MIN.checked_sub(Duration::MAX).is_err());
        assert!("0000-12-31T23:59:59Z".parse::<Timestamp>().is_err());
        assert!("0001-01-01T00:00:00+00:01".parse::<Timestamp>().is_err());
        assert!(Timestamp::try_from(DateTime::<Utc>::MAX_UTC).is_err());
        assert!(Timestamp::try_from(DateTime::<Utc>::MIN_UTC).is_err());
    }

    #[test]
    fn fractions_are_dropped_towards_the_past() {
        let before_epoch = DateTime::from_timestamp_nanos(-1);
        assert_eq!(Timestamp::try_from(before_epoch).unwrap().as_micros(), -1);
        let parsed: Timestamp = "1970-01-01T00:00:00.0000019Z".parse().unwrap();
        assert_eq!(parsed.as_micros(), 1);
    }

    #[test]
    fn text_that_is_not_rfc_3339_is_refused() {
        for text in ["", "2025-03-21", "2025-03-21T10:00:00", "2025-02-29T00:00:00Z", "2025-03-21T25:00:00Z", "now"] {
            assert_eq!(text.parse::<Timestamp>().unwrap_err().kind(), ErrorKind::Invalid, "{text}");
        }
    }

    #[test]
    fn differences() {
        let late = Timestamp::from_micros(5).unwrap();
        assert_eq!(late.micros_since(Timestamp::UNIX_EPOCH), 5);
        assert_eq!(Timestamp::UNIX_EPOCH.micros_since(late), -5);
        assert_eq!(Timestamp::UNIX_EPOCH.saturating_since(late), Duration::ZERO);
        assert_eq!(Timestamp::MAX.micros_since(Timestamp::MIN), Timestamp::MAX.0 - Timestamp::MIN.0);
    }

    proptest! {
        #[test]
        fn every_form_comes_back(micros in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let time = Timestamp::from_micros(micros).unwrap();
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
            prop_assert_eq!(Timestamp::try_from(DateTime::<Utc>::from(time)).unwrap(), time);
            let json = serde_json::to_string(&time).unwrap();
            prop_assert_eq!(json.len(), "\"2025-03-20T21:00:00.000000Z\"".len());
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        }

        #[test]
        fn text_sorts_like_time(a in Timestamp::MIN.0..=Timestamp::MAX.0, b in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let (a, b) = (Timestamp(a), Timestamp(b));
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }
    }
}
