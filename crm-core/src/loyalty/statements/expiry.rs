//! What expires soon, and who is to be told: pure functions (S-41).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::Asset;
use super::super::ledger::{Lot, LotId, NEVER};
use super::super::programme::Finding;
use crate::kernel::time::{BusinessDay, CivilDate, Timestamp};

/// When members are reminded of what expires. A part of the programme. Never, unless somebody says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReminderTerms {
    /// So many days before the last day on which it is good: 30, 7 and 0, for example. At most 366.
    pub days_before: BTreeSet<u16>,
}

impl ReminderTerms {
    /// What is wrong with these terms.
    pub fn faults(&self) -> Vec<Finding> {
        let too_long = self.days_before.iter().any(|days| *days > 366);
        if too_long { vec![Finding::fault("reminders", "reminders.days")] } else { Vec::new() }
    }
}

/// What expires on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiring {
    /// The last business day of the programme on which it is good (S-05).
    pub last_day: CivilDate,
    /// The first instant at which it is not.
    pub expires_at: Timestamp,
    /// Of what.
    pub asset: Asset,
    /// How much: what is left and not set aside for a hold.
    pub amount: i64,
}

/// One message to a member: all that expires on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// The last day on which it is good.
    pub last_day: CivilDate,
    /// How many days before it the member is reminded, as the terms say: the tightest that has come.
    pub days_before: u16,
    /// What expires, by asset.
    pub amounts: BTreeMap<Asset, i64>,
    /// The lots and thresholds that are done with it, those passed over among them.
    pub done: Vec<(LotId, u16)>,
}

/// What of some lots expires until an instant, soonest first; pending ones too, for their end is fixed.
///
/// What has expired already is not there, whether or not anybody has written it down (S-06).
pub fn upcoming<'l>(
    lots: impl IntoIterator<Item = &'l Lot>,
    day: &BusinessDay,
    now: Timestamp,
    until: Timestamp,
) -> Vec<Expiring> {
    let mut sums = BTreeMap::<(Timestamp, Asset), i64>::new();
    for lot in lots {
        if lot.remaining > 0 && now < lot.expires_at && lot.expires_at != NEVER && lot.expires_at <= until {
            let sum = sums.entry((lot.expires_at, lot.asset)).or_default();
            *sum = sum.saturating_add(lot.remaining);
        }
    }
    let expiring =
        |((expires_at, asset), amount)| Expiring { last_day: last_day(expires_at, day), expires_at, asset, amount };
    sums.into_iter().map(expiring).collect()
}

/// The messages that are due to one member: one for each day on which something expires of which they were not yet told
/// at the tightest threshold that has come (S-41). It says all that expires on that day.
///
/// A threshold that had passed when a lot became available is none of it: what is good for a week is not announced a
/// month before. `told` says which lots were told of at which thresholds.
pub fn reminders<'l>(
    lots: impl IntoIterator<Item = &'l Lot>,
    terms: &ReminderTerms,
    told: &BTreeSet<(LotId, u16)>,
    day: &BusinessDay,
    now: Timestamp,
) -> Vec<Reminder> {
    let today = day.date_of(now);
    let mut by_day = BTreeMap::<CivilDate, Vec<&Lot>>::new();
    for lot in lots {
        if lot.remaining > 0 && lot.available_at <= now && now < lot.expires_at && lot.expires_at != NEVER {
            by_day.entry(last_day(lot.expires_at, day)).or_default().push(lot);
        }
    }
    let mut messages = Vec::new();
    for (last, lots) in by_day {
        let left = last.days_since(today);
        let mut message = Reminder { last_day: last, days_before: 0, amounts: BTreeMap::new(), done: Vec::new() };
        let mut tightest = None;
        for lot in &lots {
            let lived = last.days_since(day.date_of(lot.available_at));
            let come = |days: &&u16| left <= i32::from(**days) && i32::from(**days) <= lived;
            let come: Vec<u16> = terms.days_before.iter().filter(come).copied().collect();
            let Some(first) = come.first() else { continue };
            if !told.contains(&(lot.id, *first)) {
                tightest = Some(tightest.map_or(*first, |days: u16| days.min(*first)));
            }
            message.done.extend(come.iter().map(|days| (lot.id, *days)).filter(|done| !told.contains(done)));
        }
        if let Some(days_before) = tightest {
            for lot in lots {
                let sum = message.amounts.entry(lot.asset).or_default();
                *sum = sum.saturating_add(lot.remaining);
            }
            messages.push(Reminder { days_before, ..message });
        }
    }
    messages
}

/// The last business day on which something is good that expires at an instant.
fn last_day(expires_at: Timestamp, day: &BusinessDay) -> CivilDate {
    day.date_of(expires_at.checked_add_micros(-1).unwrap_or(expires_at))
}
