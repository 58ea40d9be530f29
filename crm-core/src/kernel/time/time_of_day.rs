//! A reading of a wall clock.

use std::{fmt, str::FromStr};

use super::{DAY, SECOND, part, text};
use crate::{Error, Result};

/// A time of the day from 00:00 up to, but not with, 24:00, in whole microseconds. It belongs to no date and no zone.
///
/// As text, and in serde, it is `04:00`, or `04:00:30`, or `04:00:30.000001`: the shortest form that says it all.
///
/// ```
/// use crm_core::kernel::time::TimeOfDay;
///
/// let cutoff = TimeOfDay::new(4, 0)?;
/// assert_eq!(cutoff, "04:00".parse()?);
/// assert!(TimeOfDay::MIDNIGHT < cutoff);
/// assert!(TimeOfDay::new(24, 0).is_err());
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TimeOfDay(i64);

impl TimeOfDay {
    /// 00:00, the start of the day.
    pub const MIDNIGHT: Self = Self(0);

    /// This hour (0 to 23) and minute (0 to 59). Error: `time_of_day.range`.
    pub fn new(hour: u8, minute: u8) -> Result<Self> {
        Self::of(hour.into(), minute.into(), 0, 0)
    }

    /// The time of day this many microseconds after midnight. Error: `time_of_day.range`.
    pub fn from_micros(micros: i64) -> Result<Self> {
        if (0..DAY).contains(&micros) { Ok(Self(micros)) } else { Err(error("time_of_day.range")) }
    }

    /// The time of day within a count of microseconds whose zero is a midnight.
    pub(super) fn wrapped(micros: i64) -> Self {
        Self(micros.rem_euclid(DAY))
    }

    fn of(hour: u32, minute: u32, second: u32, micro: u32) -> Result<Self> {
        if hour > 23 || minute > 59 || second > 59 {
            return Err(error("time_of_day.range"));
        }
        Self::from_micros(i64::from(hour * 3600 + minute * 60 + second) * SECOND + i64::from(micro))
    }

    /// Microseconds since midnight.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The hour, 0 to 23.
    pub fn hour(self) -> u8 {
        part(self.0 / (3600 * SECOND))
    }

    /// The minute of the hour, 0 to 59.
    pub fn minute(self) -> u8 {
        part(self.0 / (60 * SECOND) % 60)
    }

    /// The second of the minute, 0 to 59.
    pub fn second(self) -> u8 {
        part(self.0 / SECOND % 60)
    }

    /// The microsecond of the second, 0 to 999,999.
    pub(super) const fn microsecond(self) -> i64 {
        self.0 % SECOND
    }
}

fn error(rule: &'static str) -> Error {
    Error::invalid("time_of_day", rule)
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())?;
        match (self.second(), self.microsecond()) {
            (0, 0) => Ok(()),
            (second, 0) => write!(f, ":{second:02}"),
            (second, micro) => write!(f, ":{second:02}.{micro:06}"),
        }
    }
}

impl fmt::Debug for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads `04:00`, `04:00:30` and `04:00:30.5` with up to six decimals. Errors: `time_of_day.format`, `time_of_day.range`.
impl FromStr for TimeOfDay {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let format = || error("time_of_day.format");
        let two = |part: &str| if part.len() == 2 { text::digits(part) } else { None };
        let mut parts = text.splitn(3, ':');
        let (hour, minute) = (parts.next().and_then(two), parts.next().and_then(two));
        let (second, micro) = match parts.next() {
            None => (Some(0), Some(0)),
            Some(rest) => match rest.split_once('.') {
                None => (two(rest), Some(0)),
                Some((second, fraction)) => (two(second), micros(fraction)),
            },
        };
        Self::of(
            hour.ok_or_else(format)?,
            minute.ok_or_else(format)?,
            second.ok_or_else(format)?,
            micro.ok_or_else(format)?,
        )
    }
}

/// The microseconds in the decimals of a second, of which there are one to six.
fn micros(fraction: &str) -> Option<u32> {
    let missing = 6_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    Some(text::digits(fraction)? * 10_u32.pow(missing))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_shortest_form_is_written() {
        for text in ["00:00", "04:00", "23:59", "04:00:30", "00:00:00.000001", "23:59:59.999999"] {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), text);
        }
        assert_eq!("04:00:30.5".parse::<TimeOfDay>().unwrap().to_string(), "04:00:30.500000");
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "4:00", "04", "04:0", "24:00", "04:60", "04:00:60", "04:00:00.", "04:00:00.0000001", "+4:00"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
        assert!(TimeOfDay::from_micros(-1).is_err());
        assert!(TimeOfDay::from_micros(DAY).is_err());
    }

    proptest! {
        #[test]
        fn text_comes_back(micros in 0..DAY) {
            let time = TimeOfDay::from_micros(micros).unwrap();
            prop_assert_eq!(time.to_string().parse::<TimeOfDay>().unwrap(), time);
            prop_assert_eq!(TimeOfDay::new(time.hour(), time.minute()).unwrap().0, micros - micros % (60 * SECOND));
        }
    }
}
