//! Over which days is counted (S-18).

use serde::{Deserialize, Serialize};

use super::terms::Validity;
use crate::Result;
use crate::kernel::calendar::{Calendar, Span, Unit};
use crate::kernel::time::CivilDate;

/// Over which days is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Window {
    /// All that was ever counted.
    Lifetime,
    /// The last days or months, today included. It moves on every day.
    Rolling {
        /// How long: days or months, from 1.
        span: Span,
        /// The calendar of the months.
        #[serde(default)]
        calendar: Calendar,
    },
    /// Years, quarters or months of a calendar.
    Period {
        /// Which.
        unit: Unit,
        /// Of which calendar.
        #[serde(default)]
        calendar: Calendar,
    },
    /// So many months at a time from a day of the member's own.
    Anniversary {
        /// From which.
        of: Anniversary,
        /// How many months, 1 to 120.
        #[serde(default = "a_year")]
        months: u16,
        /// Of which calendar.
        #[serde(default)]
        calendar: Calendar,
    },
}

const fn a_year() -> u16 {
    12
}

crate::text_enum! {
    /// The day from which a member's own periods run.
    pub enum Anniversary {
        /// The day the member joined.
        Joining = "joining",
        /// The day the tier was entered: counting begins anew on the day after, and the tier is valid for one period from
        /// then.
        TierEntry = "tier_entry",
    }
}

/// Days, from the first through the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    /// The first.
    pub from: CivilDate,
    /// The last.
    pub through: CivilDate,
}

impl Days {
    /// Every day there is.
    pub const ALL: Self = Self { from: CivilDate::MIN, through: CivilDate::MAX };

    /// Whether a day is one of them.
    pub fn contains(self, day: CivilDate) -> bool {
        (self.from..=self.through).contains(&day)
    }
}

/// What a member's own windows run from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchors {
    /// The day the member joined.
    pub joined_on: CivilDate,
    /// The day from which counting began for the tier they have.
    pub counts_from: CivilDate,
}

impl Window {
    /// The window a day is in.
    pub fn around(&self, day: CivilDate, anchors: Anchors) -> Result<Days> {
        match self {
            Self::Lifetime => Ok(Days::ALL),
            Self::Rolling { span, calendar } => {
                Ok(Days { from: next(calendar.add(day, back(*span)).unwrap_or(CivilDate::MIN)), through: day })
            }
            Self::Period { unit, calendar } => {
                Ok(Days { from: calendar.start_of(day, *unit), through: calendar.end_of(day, *unit) })
            }
            Self::Anniversary { of, months, calendar } => {
                let first = of.first(anchors);
                // On the day of a promotion its own time has not begun yet.
                let day = if *of == Anniversary::TierEntry { day.max(first) } else { day };
                let length = i32::from(*months).max(1);
                let (day_of, first_of) = (calendar.of(day), calendar.of(first));
                let passed =
                    (day_of.year() - first_of.year()) * 12 + i32::from(day_of.month()) - i32::from(first_of.month());
                // The month alone says it but for the day within it.
                let mut number = passed.div_euclid(length);
                let begins = |number: i32| calendar.add(first, Span::Months(number.saturating_mul(length)));
                if begins(number).is_ok_and(|begin| begin > day) {
                    number -= 1;
                }
                let through = begins(number + 1).map_or(CivilDate::MAX, before);
                Ok(Days { from: begins(number).unwrap_or(CivilDate::MIN), through })
            }
        }
    }

    /// The window before this one; none where there is none, or where windows have no end.
    pub(super) fn before(&self, days: Days, anchors: Anchors) -> Result<Option<Days>> {
        let first = match self {
            Self::Lifetime | Self::Rolling { .. } => return Ok(None),
            Self::Anniversary { of: Anniversary::TierEntry, .. } => anchors.counts_from,
            Self::Period { .. } | Self::Anniversary { .. } => CivilDate::MIN,
        };
        if days.from <= first { Ok(None) } else { self.around(before(days.from), anchors).map(Some) }
    }

    /// The last day on which a tier is valid that was earned in this window: `None` for windows without an end.
    pub(super) fn valid_through(&self, days: Days, valid: Validity, anchors: Anchors) -> Result<Option<CivilDate>> {
        let on = match self {
            Self::Lifetime | Self::Rolling { .. } => return Ok(None),
            // What is earned in the time of a tier is its next time.
            Self::Anniversary { of: Anniversary::TierEntry, .. } => true,
            Self::Period { .. } | Self::Anniversary { .. } => valid == Validity::NextPeriod,
        };
        if !on || days.through == CivilDate::MAX {
            return Ok(Some(days.through));
        }
        self.around(next(days.through), anchors).map(|after| Some(after.through))
    }

    /// From when on a rolling window no longer contains a day.
    pub(super) fn leaves(&self, day: CivilDate, anchors: Anchors) -> Result<CivilDate> {
        let Self::Rolling { span, calendar } = self else { return Ok(CivilDate::MAX) };
        let Ok(mut on) = calendar.add(day, *span) else { return Ok(CivilDate::MAX) };
        // Months are of different lengths: the day is at most a few after.
        while on < CivilDate::MAX && self.around(on, anchors)?.contains(day) {
            on = next(on);
        }
        Ok(on)
    }

    /// Whether it begins anew with every tier.
    pub(super) const fn is_of_tier_entry(&self) -> bool {
        matches!(self, Self::Anniversary { of: Anniversary::TierEntry, .. })
    }

    /// The fewest days it can have: of the shortest month, quarter or year of any calendar.
    pub(super) fn shortest(&self) -> Option<u32> {
        match self {
            Self::Lifetime => None,
            Self::Rolling { span: Span::Days(days), .. } => u32::try_from(*days).ok(),
            Self::Rolling { span: Span::Months(months), .. } => u32::try_from(*months).ok()?.checked_mul(28),
            Self::Rolling { .. } => Some(0),
            Self::Period { unit: Unit::Year, .. } => Some(354),
            Self::Period { unit: Unit::Quarter, .. } => Some(88),
            Self::Period { .. } => Some(28),
            Self::Anniversary { months, .. } => u32::from(*months).checked_mul(28),
        }
    }
}

impl Anniversary {
    fn first(self, anchors: Anchors) -> CivilDate {
        match self {
            Self::Joining => anchors.joined_on,
            Self::TierEntry => anchors.counts_from,
        }
    }
}

/// The span the other way.
fn back(span: Span) -> Span {
    match span {
        Span::Days(n) => Span::Days(n.saturating_neg()),
        Span::Weeks(n) => Span::Weeks(n.saturating_neg()),
        Span::Months(n) => Span::Months(n.saturating_neg()),
        Span::Quarters(n) => Span::Quarters(n.saturating_neg()),
        Span::Years(n) => Span::Years(n.saturating_neg()),
    }
}

/// The day after; the last one there is stays.
pub(super) fn next(day: CivilDate) -> CivilDate {
    day.add_days(1).unwrap_or(CivilDate::MAX)
}

/// The day before; the first one there is stays.
pub(super) fn before(day: CivilDate) -> CivilDate {
    day.add_days(-1).unwrap_or(CivilDate::MIN)
}

/// So many days later; the last day there is, at most.
pub(super) fn later(day: CivilDate, days: u16) -> CivilDate {
    day.add_days(i32::from(days)).unwrap_or(CivilDate::MAX)
}
