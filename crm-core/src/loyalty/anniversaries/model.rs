//! Days that come back, what is given on them, and what was.

use serde::{Deserialize, Serialize};

use super::super::Asset;
use super::super::ledger::LotId;
use super::super::programme::Validity;
use crate::customers::CustomerId;
use crate::kernel::calendar::Calendar;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::pricing::Audience;
use crate::work::Version;

/// The kind of the day that a customer's date of birth, or of foundation, is.
pub const BIRTH: &str = "birth";

crate::text_enum! {
    /// When a day is celebrated that a short year does not have: 29 February, 30 Esfand, the 30th of a Hijri month.
    #[derive(Default)]
    pub enum ShortYear {
        /// On the last day of its month.
        #[default]
        LastDay = "last_day",
        /// On the first day of the next month.
        FirstOfNext = "first_of_next",
    }
}

/// What the programme gives on days that come back (S-39). A part of the programme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnniversaryTerms {
    /// What is given; of several of one kind for which a member qualifies, the first.
    pub gifts: Vec<AnniversaryGift>,
    /// The calendar in which a birthday is counted, unless the day itself says otherwise.
    pub birth_calendar: Calendar,
    /// When a day is celebrated that a short year does not have.
    pub short_year: ShortYear,
    /// How many days late something is still given: what was due while nothing ran is not lost (S-39). 0 to 366.
    pub max_lateness_days: u16,
    /// For how many days nothing is given after a date was changed. 0 to 366.
    pub changed_days: u16,
}

impl Default for AnniversaryTerms {
    /// Nothing is given. Two weeks late at most, and nothing for 30 days after a date was changed.
    fn default() -> Self {
        Self {
            gifts: Vec::new(),
            birth_calendar: Calendar::default(),
            short_year: ShortYear::default(),
            max_lateness_days: 14,
            changed_days: 30,
        }
    }
}

/// What is given on one kind of day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnniversaryGift {
    /// The kind of the day: [`BIRTH`], `wedding`, or a word of one's own.
    pub kind: String,
    /// To whom; to every member, if left out.
    #[serde(default)]
    pub audience: Audience,
    /// Of what.
    pub asset: Asset,
    /// How much, in the smallest unit of the asset. Positive.
    pub amount: i64,
    /// How long it is good for, from the day it is given.
    #[serde(default)]
    pub validity: Validity,
}

crate::entity! {
    /// A day of a customer that comes back, and when it does so next. Kept when the date is taken away, so that nobody is
    /// celebrated twice in a year by taking it away and telling it anew.
    pub struct SpecialDay {
        kind: "loyalty_special_day", table: "crm_loyalty_special_days", key: (customer_id: CustomerId, kind: String),
        columns: special_day, version: version, personal: [date, next_on, celebrated_on], scoped: { customer: customer_id },
    } {
        /// Whose.
        customer_id: CustomerId,
        /// Of what: [`BIRTH`], `wedding`, or a word of one's own.
        kind: String,
        /// The optimistic lock.
        version: Version,
        /// The date it began with; none if it is no longer known.
        date: Option<CivilDate>,
        /// The calendar it is counted in.
        calendar: Calendar,
        /// When the date was told, or last changed.
        noted_at: Timestamp,
        /// The day on which it is to be celebrated next: the job looks only at this. The last day there is without a date,
        /// and while it is celebrated elsewhere: it went along with a merge (S-44).
        next_on: CivilDate,
        /// The day it was last celebrated for.
        celebrated_on: Option<CivilDate>,
        /// The year of that, in the calendar.
        celebrated_year: Option<i32>,
    }
}

crate::entity! {
    /// An anniversary that was celebrated: once for each member, kind and year in the calendar of the date (S-39).
    pub struct Celebration {
        kind: "loyalty_celebration", table: "crm_loyalty_celebrations",
        key: (customer_id: CustomerId, kind: String, calendar: Calendar, year: i32), columns: celebration,
        personal: [fell_on], scoped: { customer: customer_id },
    } {
        /// Whose.
        customer_id: CustomerId,
        /// Of what.
        kind: String,
        /// The calendar it is counted in.
        calendar: Calendar,
        /// The year, in that calendar.
        year: i32,
        /// The day it fell on.
        fell_on: CivilDate,
        /// When it was celebrated.
        done_at: Timestamp,
        /// What was given, if anything was.
        lot_id: Option<LotId>,
    }
}
