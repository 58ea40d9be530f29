//! What the club owes, at any instant, and what branches owe each other: pure functions (S-42, N-24, S-48).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::Asset;
use super::super::ledger::rules::{self, Step};
use super::super::ledger::{Entry, EntryKind, Lot, LotId, NEVER, PostingAccount};
use crate::branches::BranchId;
use crate::kernel::calendar::Unit;
use crate::kernel::rate::{Rate, Rounding};
use crate::kernel::time::{CivilDate, Timestamp};
use crate::loyalty::programme::Dates;
use crate::partners::CustomerGroupId;
use crate::{Error, Result};

/// An instant in both times (S-48): what had happened by the one, as it was known at the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// What had happened by then.
    pub as_at: Timestamp,
    /// What was known by then: what had been written down, and what had fallen due.
    pub known_at: Timestamp,
}

impl Known {
    /// As it is known at the instant itself.
    pub const fn at(instant: Timestamp) -> Self {
        Self { as_at: instant, known_at: instant }
    }

    /// Whether an entry had happened, and was known.
    pub fn has(&self, entry: &Entry) -> bool {
        entry.occurred_at <= self.as_at && rules::known_at(entry) <= self.known_at
    }

    /// The same of what is due and not written down.
    pub fn has_come(&self, step: &Step) -> bool {
        step.at <= self.as_at && step.at <= self.known_at
    }
}

/// When something expires, as far as a report tells it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// Before this instant, and not before the limit before it.
    Before(Timestamp),
    /// After all limits.
    Later,
    /// Never.
    Never,
}

/// The limits between which a report tells expiries apart.
///
/// ```
/// use crm_core::kernel::time::Timestamp;
/// use crm_core::loyalty::ledger::NEVER;
/// use crm_core::loyalty::statements::{Bucket, Buckets};
/// let limits: [Timestamp; 2] = ["2025-04-01T00:00:00Z".parse()?, "2025-07-01T00:00:00Z".parse()?];
/// let buckets = Buckets::new(limits);
/// assert_eq!(buckets.of("2025-03-31T00:00:00Z".parse()?), Bucket::Before(limits[0]));
/// assert_eq!(buckets.of(limits[0]), Bucket::Before(limits[1]));
/// assert_eq!(buckets.of(limits[1]), Bucket::Later);
/// assert_eq!(buckets.of(NEVER), Bucket::Never);
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Timestamp>", into = "Vec<Timestamp>")]
pub struct Buckets(Vec<Timestamp>);

impl Buckets {
    /// These limits, in any order.
    pub fn new(limits: impl IntoIterator<Item = Timestamp>) -> Self {
        let mut limits: Vec<_> = limits.into_iter().collect();
        limits.sort_unstable();
        limits.dedup();
        Self(limits)
    }

    /// The ends of so many periods of a calendar, beginning with that of a day (N-2): the months of a Jalali year, for example.
    /// The same instants are the limits of statements and settlements by period.
    ///
    /// ```
    /// use crm_core::kernel::calendar::{Calendar, Unit};
    /// use crm_core::kernel::time::{BusinessDay, TimeOfDay, Zone};
    /// use crm_core::loyalty::programme::Dates;
    /// use crm_core::loyalty::statements::{Bucket, Buckets};
    /// let day = BusinessDay::new(Zone::new("Asia/Tehran")?, TimeOfDay::MIDNIGHT);
    /// let dates = Dates { day, calendar: Calendar::Jalali };
    /// // Esfand of 1403 ends with 20 March, and Farvardin with 20 April.
    /// let months = Buckets::periods(&dates, Unit::Month, "2025-03-01".parse()?, 2)?;
    /// let farvardin = "2025-04-20T20:30:00Z".parse()?;
    /// assert_eq!(months.of("2025-03-20T20:30:00Z".parse()?), Bucket::Before(farvardin));
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// `date.range` for periods that no date has.
    pub fn periods(dates: &Dates, unit: Unit, first: CivilDate, count: u16) -> Result<Self> {
        let (mut limits, mut on) = (Vec::with_capacity(count.into()), first);
        for _ in 0..count {
            let last = dates.calendar.end_of(on, unit);
            limits.push(dates.day.end(last));
            on = last.add_days(1)?;
        }
        Ok(Self::new(limits))
    }

    /// In which an expiry falls.
    pub fn of(&self, expires_at: Timestamp) -> Bucket {
        if expires_at == NEVER {
            return Bucket::Never;
        }
        let next = self.0.partition_point(|limit| *limit <= expires_at);
        self.0.get(next).map_or(Bucket::Later, |limit| Bucket::Before(*limit))
    }
}

impl From<Vec<Timestamp>> for Buckets {
    fn from(limits: Vec<Timestamp>) -> Self {
        Self::new(limits)
    }
}

impl From<Buckets> for Vec<Timestamp> {
    fn from(buckets: Buckets) -> Self {
        buckets.0
    }
}

/// What is outstanding of each lot of an account at an instant: available, pending and set aside (S-42). Lots whose end had
/// come are not, whether or not anybody had written it down (S-06); one that was set aside counts until its hold is over.
///
/// `entries` are those of one account, in any order; `due` is what is due on it and not written down: of an account on which
/// nothing is set aside it may be left out, for the ends of its lots say the same. `lots` are those they speak of.
pub fn outstanding<'e>(
    entries: impl IntoIterator<Item = &'e Entry>,
    due: &[Step],
    lots: &BTreeMap<LotId, Lot>,
    at: &Known,
) -> Result<BTreeMap<LotId, i64>> {
    let mut free = BTreeMap::<LotId, i64>::new();
    let mut held = BTreeMap::<LotId, i64>::new();
    let written = entries.into_iter().filter(|entry| at.has(entry)).flat_map(|entry| entry.postings.0.iter());
    let due = due.iter().filter(|step| at.has_come(step)).flat_map(|step| &step.postings);
    for posting in written.chain(due) {
        let Some(lot) = posting.lot else { continue };
        let sums = match posting.account {
            PostingAccount::Available | PostingAccount::Pending => &mut free,
            PostingAccount::Held => &mut held,
            _ => continue,
        };
        add(sums.entry(lot).or_default(), posting.amount)?;
    }
    free.retain(|id, _| lots.get(id).is_some_and(|lot| at.as_at < lot.expires_at));
    for (id, amount) in held {
        add(free.entry(id).or_default(), amount)?;
    }
    free.retain(|_, amount| *amount != 0);
    Ok(free)
}

/// By what a report of what the club owes tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LiabilityKey {
    /// Of what.
    pub asset: Asset,
    /// The group of the member with the highest priority, if any.
    pub group: Option<CustomerGroupId>,
    /// Where it was given.
    pub branch: Option<BranchId>,
    /// When it expires.
    pub bucket: Bucket,
}

/// What the club owes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Liability {
    /// By key.
    pub lines: BTreeMap<LiabilityKey, i64>,
}

impl Liability {
    /// Adds what is outstanding of one account.
    ///
    /// # Errors
    /// `statement.overflow`
    pub fn add(
        &mut self,
        outstanding: &BTreeMap<LotId, i64>,
        lots: &BTreeMap<LotId, Lot>,
        group: Option<CustomerGroupId>,
        buckets: &Buckets,
    ) -> Result<()> {
        for (lot, amount) in outstanding.iter().filter_map(|(id, amount)| Some((lots.get(id)?, *amount))) {
            let key =
                LiabilityKey { asset: lot.asset, group, branch: lot.branch_id, bucket: buckets.of(lot.expires_at) };
            add(self.lines.entry(key).or_default(), amount)?;
        }
        Ok(())
    }

    /// All of an asset.
    pub fn total(&self, asset: Asset) -> i64 {
        let lines = self.lines.iter().filter(|(key, _)| key.asset == asset);
        lines.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
    }

    /// What of an asset is expected to be redeemed.
    ///
    /// # Errors
    /// `breakage.range` for an estimate below nothing or above the whole.
    pub fn expected(&self, asset: Asset, estimate: &Breakage) -> Result<i64> {
        let broken = estimate.rates.get(&asset).copied().unwrap_or(Rate::ZERO);
        if !(Rate::ZERO..=Rate::ONE).contains(&broken) {
            return Err(Error::invalid("breakage", "breakage.range"));
        }
        let total = self.total(asset);
        Ok(total - broken.apply(total, Rounding::HalfUp)?)
    }
}

/// What part of each asset is expected never to be redeemed: an estimate that the host brings (S-42).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Breakage {
    /// The part of what is outstanding; nothing of what is not named.
    pub rates: BTreeMap<Asset, Rate>,
}

/// Between which branches something is to be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SettlementKey {
    /// Of what.
    pub asset: Asset,
    /// Where it was given.
    pub earned_at: Option<BranchId>,
    /// Where it was spent.
    pub spent_at: Option<BranchId>,
}

/// What was spent, by where it had been given: what the first branch owes the second (N-24).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// By key; what was given back by returns is taken off.
    pub lines: BTreeMap<SettlementKey, i64>,
}

impl Settlement {
    /// What a branch is owed for what others have given, less what it owes for what it has given itself and others were
    /// paid with.
    pub fn net(&self, branch: BranchId, asset: Asset) -> i64 {
        self.lines.iter().filter(|(key, _)| key.asset == asset && key.earned_at != key.spent_at).fold(
            0_i64,
            |sum, (key, amount)| match (key.spent_at == Some(branch), key.earned_at == Some(branch)) {
                (true, _) => sum.saturating_add(*amount),
                (_, true) => sum.saturating_sub(*amount),
                _ => sum,
            },
        )
    }
}

/// Adds to a settlement what an entry has spent, or given back. Other entries add nothing.
///
/// # Errors
/// `statement.overflow`
pub fn settled(settlement: &mut Settlement, entry: &Entry, lots: &BTreeMap<LotId, Lot>) -> Result<()> {
    if !matches!(entry.kind, EntryKind::Redeem | EntryKind::Capture | EntryKind::Restore) {
        return Ok(());
    }
    // What a lot loses on all sides of the account was spent: what only moves within it cancels out. What is given back
    // and expires at once was given back all the same.
    let within = [PostingAccount::Available, PostingAccount::Pending, PostingAccount::Held];
    let given_back = entry.kind == EntryKind::Restore;
    for posting in entry.postings.0.iter().filter(|posting| within.contains(&posting.account)) {
        if given_back && posting.amount < 0 {
            continue;
        }
        let Some(lot) = posting.lot.and_then(|id| lots.get(&id)) else { continue };
        let key = SettlementKey { asset: posting.asset, earned_at: lot.branch_id, spent_at: entry.branch_id };
        add(settlement.lines.entry(key).or_default(), -posting.amount)?;
    }
    settlement.lines.retain(|_, amount| *amount != 0);
    Ok(())
}

fn add(sum: &mut i64, amount: i64) -> Result<()> {
    *sum = sum.checked_add(amount).ok_or_else(|| Error::invalid("amount", "statement.overflow"))?;
    Ok(())
}
