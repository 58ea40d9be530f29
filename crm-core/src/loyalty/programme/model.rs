//! The document, and how its versions are kept.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::dates::Dates;
use crate::kernel::calendar::Calendar;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::points::Points;
use crate::kernel::rate::{Rate, Rounding};
use crate::kernel::time::{BusinessDay, TimeOfDay, Timestamp, Zone};
use crate::loyalty::anniversaries::AnniversaryTerms;
use crate::loyalty::bonus::BonusTerms;
use crate::loyalty::cards::CardTerms;
use crate::loyalty::earning::EarningTerms;
use crate::loyalty::gift_cards::GiftCardTerms;
use crate::loyalty::redemption::RedemptionTerms;
use crate::loyalty::referral::ReferralTerms;
use crate::loyalty::statements::ReminderTerms;
use crate::loyalty::tiers::TierLadder;
use crate::work::{Json, Version};
use crate::{Error, Result};

crate::id! {
    /// Names the state of the programme: there is one.
    pub struct ProgrammeStateId;
}

crate::entity! {
    /// One version of the programme (S-46). Never changed: a change is another version.
    ///
    /// Of the versions whose time an instant lies in, the highest is [in force](in_force): a version that ends gives way to
    /// the one before it.
    pub struct ProgrammeVersion {
        kind: "loyalty_programme", table: "crm_loyalty_programmes", key: (number: u32), columns: programme_version,
    } {
        /// The number of the version, from 1.
        number: u32,
        /// The first instant it is in force.
        effective_from: Timestamp,
        /// The first instant it is no longer in force; no end without one.
        effective_until: Option<Timestamp>,
        /// When it was saved.
        saved_at: Timestamp,
        /// What it says.
        terms: Json<Programme>,
    }
}

crate::entity! {
    /// A stamp that is another one whenever a version is saved.
    pub struct ProgrammeState {
        kind: "loyalty_programme_state", records: [], key: (id: ProgrammeStateId), columns: programme_state,
        version: version,
    } {
        /// The nil id.
        id: ProgrammeStateId,
        /// The optimistic lock.
        version: Version,
        /// Changes with the programme.
        stamp: Uuid,
        /// The highest number of a version.
        last: u32,
    }
}

/// The position of the version in force at an instant, of versions in any order.
pub fn in_force<'v>(
    versions: impl IntoIterator<Item = (u32, Timestamp, Option<Timestamp>)> + 'v,
    at: Timestamp,
) -> Option<usize> {
    let versions = versions.into_iter().enumerate();
    let begun = versions.filter(|(_, (_, from, until))| *from <= at && until.is_none_or(|until| at < until));
    begun.max_by_key(|(_, (number, ..))| *number).map(|(place, _)| place)
}

/// Everything the club says about itself. A document, kept as JSON.
///
/// ```
/// use crm_core::loyalty::programme::Programme;
/// let programme: Programme = serde_json::from_value(serde_json::json!({
///     "name": "Club", "zone": "Asia/Tehran", "cutoff": "04:00", "calendar": "jalali",
///     "point_values": [{ "currency": "IRR", "worth": "1000" }],
///     "earning": { "rules": [{
///         "key": "points", "name": "One point for 10,000 rial", "asset": "points",
///         "earn": { "rate": { "give": 1, "per": { "minor": 10000, "currency": "IRR" } } },
///         "valid": { "for": { "months": 6 } },
///     }] },
/// })).unwrap();
/// assert_eq!(programme.earning.rules.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programme {
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// The zone in which what it gives ends (S-05).
    pub zone: Zone,
    /// When its day begins.
    #[serde(default)]
    pub cutoff: TimeOfDay,
    /// The calendar in which lengths of time are counted (S-05).
    #[serde(default)]
    pub calendar: Calendar,
    /// In which currency money counts for tiers and loyal customers: what is bought in another counts as a purchase and by
    /// its points (S-21). Without one it counts as it is, which is right where all branches have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Who becomes a member.
    #[serde(default)]
    pub enrolment: Enrolment,
    /// What points are worth, once for each currency they are spent in (S-20).
    #[serde(default)]
    pub point_values: Vec<PointValue>,
    /// What purchases earn.
    #[serde(default)]
    pub earning: EarningTerms,
    /// How one pays with what it has given.
    #[serde(default)]
    pub redemption: RedemptionTerms,
    /// What members get for those they bring.
    #[serde(default)]
    pub referral: ReferralTerms,
    /// What is given on days that come back.
    #[serde(default)]
    pub anniversaries: AnniversaryTerms,
    /// How much may be given by hand.
    #[serde(default)]
    pub bonus: BonusTerms,
    /// When members are reminded of what expires.
    #[serde(default)]
    pub reminders: ReminderTerms,
    /// The ladders of tiers (S-18).
    #[serde(default)]
    pub tiers: Vec<TierLadder>,
    /// Members' cards.
    #[serde(default)]
    pub cards: CardTerms,
    /// Gift cards.
    #[serde(default)]
    pub gift_cards: GiftCardTerms,
}

impl Programme {
    /// A programme that gives nothing yet, in the Gregorian calendar.
    pub fn new(name: impl Into<String>, zone: Zone) -> Self {
        Self {
            name: name.into(),
            zone,
            cutoff: TimeOfDay::MIDNIGHT,
            calendar: Calendar::default(),
            currency: None,
            enrolment: Enrolment::default(),
            point_values: Vec::new(),
            earning: EarningTerms::default(),
            redemption: RedemptionTerms::default(),
            referral: ReferralTerms::default(),
            anniversaries: AnniversaryTerms::default(),
            bonus: BonusTerms::default(),
            reminders: ReminderTerms::default(),
            tiers: Vec::new(),
            cards: CardTerms::default(),
            gift_cards: GiftCardTerms::default(),
        }
    }

    /// In which days and calendar it counts.
    pub fn dates(&self) -> Dates {
        Dates { day: BusinessDay::new(self.zone.clone(), self.cutoff), calendar: self.calendar }
    }

    /// Minor units of a currency for one point.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `programme.no_point_value` when points are worth nothing in this currency.
    pub fn point_value(&self, currency: Currency) -> Result<Rate> {
        let value = self.point_values.iter().find(|value| value.currency == currency);
        value.map(|value| value.worth).ok_or_else(|| Error::invalid("points", "programme.no_point_value"))
    }

    /// What points are worth, rounded down (S-20).
    ///
    /// # Errors
    /// As [`point_value`](Self::point_value); `points.overflow`.
    pub fn worth_of(&self, points: i64, currency: Currency) -> Result<Money> {
        let worth = Points::new(points).times(&self.point_value(currency)?, Rounding::Floor)?;
        Ok(Money::new(worth.get(), currency))
    }

    /// How many points pay so much, rounded up (S-20).
    ///
    /// # Errors
    /// As [`point_value`](Self::point_value); `points.overflow`.
    pub fn points_for(&self, amount: Money) -> Result<i64> {
        let points = self.point_value(amount.currency())?.inverse()?;
        Points::new(amount.minor()).times(&points, Rounding::Ceil).map(Points::get)
    }
}

crate::text_enum! {
    /// Who becomes a member of the club.
    #[derive(Default)]
    pub enum Enrolment {
        /// Every customer, at once.
        #[default]
        Automatic = "automatic",
        /// Who is enrolled by name.
        Explicit = "explicit",
    }
}

/// What a point is worth in a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointValue {
    /// The currency.
    pub currency: Currency,
    /// Minor units for one point.
    pub worth: Rate,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S-20: points to money down, money to points up, and no round trip gains.
    #[test]
    fn points_and_money() {
        let values = vec![PointValue { currency: Currency::PLN, worth: Rate::new(3, 7).unwrap() }];
        let programme = Programme { point_values: values, ..Programme::new("x", Zone::UTC) };
        for points in 0..100 {
            let money = programme.worth_of(points, Currency::PLN).unwrap();
            assert_eq!(money.minor(), points * 3 / 7);
            assert!(programme.points_for(money).unwrap() <= points);
        }
        assert_eq!(programme.points_for(Money::new(1, Currency::PLN)).unwrap(), 3);
        assert!(programme.worth_of(1, Currency::EUR).is_err());
    }

    /// S-46: a version that ends gives way to the one before.
    #[test]
    fn the_highest_version_whose_time_it_is() {
        let at = |second: i64| Timestamp::from_micros(second).unwrap();
        let versions = [(1, at(0), None), (2, at(10), Some(at(20))), (3, at(30), None)];
        let found = [-1, 0, 10, 19, 20, 29, 30].map(|time| in_force(versions, at(time)));
        assert_eq!(found, [None, Some(0), Some(1), Some(1), Some(0), Some(0), Some(2)]);
    }
}
