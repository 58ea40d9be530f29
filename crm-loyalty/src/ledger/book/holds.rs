//! Setting aside, paying with it, and freeing it (S-08), with what counts for the day (S-22).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use crm_core::branches::BranchId;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules;
use crm_core::loyalty::ledger::{AccountId, DayUse, EntryKind, Hold, HoldId, HoldState, Lot, LotId, PostingAccount};
use crm_core::purchases::PurchaseId;
use crm_core::work::{Json, Permit, Version};
use crm_core::{Error, Result};
use uuid::Uuid;

use super::post::{check_amount, posting};
use super::rows::Kept;
use super::{Book, Cause};

/// Something to be set aside, or paid with at once.
#[derive(Debug, Clone)]
pub(crate) struct NewHold {
    /// The asset.
    pub(crate) asset: Asset,
    /// How much of it; more than nothing.
    pub(crate) amount: i64,
    /// What it pays, in minor units.
    pub(crate) worth_minor: i64,
    /// Minor units for one point.
    pub(crate) point_value: Option<Rate>,
    /// Where.
    pub(crate) branch: BranchId,
    /// On whose cap it counts.
    pub(crate) business_date: CivilDate,
    /// When it lapses.
    pub(crate) lapses_at: Timestamp,
    /// The card it is made with.
    pub(crate) card: Option<Uuid>,
    /// The purchase that is paid: at once, and never with what it has earned (S-23).
    pub(crate) pays: Option<PurchaseId>,
    /// The rule or reason.
    pub(crate) reason: Option<String>,
}

impl Book {
    /// Sets something aside, or pays with it at once, from the lots that end soonest first (S-04, S-08).
    ///
    /// # Errors
    /// `loyalty.amount` unless it is more than nothing, `loyalty.not_enough` when less can be redeemed.
    pub(crate) fn hold(&mut self, work: &mut Permit<'_, '_>, new: &NewHold) -> Result<HoldId> {
        check_amount(new.amount)?;
        let NewHold { asset, amount, pays, .. } = *new;
        let lots = self.choose(work, asset, amount, pays)?;
        let mut postings = Vec::with_capacity(lots.len() * 2);
        for (id, part) in &lots {
            let lot = self.lot(*id)?;
            postings.push(rules::withdraw(lot, *part));
            if pays.is_none() {
                lot.held += part;
                lot.open = true;
                postings.push(posting(asset, PostingAccount::Held, Some(*id), *part));
            }
        }
        let now = work.now();
        let cause = cause(new.branch, pays, new.reason.clone());
        let entry = if pays.is_some() {
            postings.push(posting(asset, PostingAccount::Redeemed, None, amount));
            self.post(work, EntryKind::Redeem, now, &cause, postings)?
        } else {
            self.post(work, EntryKind::Hold, now, &cause, postings)?
        };
        let id: HoldId = work.new_id();
        self.count_use(work, (self.account().id, asset, new.business_date), amount)?;
        if pays.is_none() {
            self.begin_hold(id, new.lapses_at);
        }
        self.holds.insert(
            id,
            Kept::new(Hold {
                account_id: self.account().id,
                id,
                version: Version::FIRST,
                asset,
                amount,
                worth_minor: new.worth_minor,
                point_value: new.point_value,
                state: if pays.is_some() { HoldState::Captured } else { HoldState::Open },
                branch_id: new.branch,
                business_date: new.business_date,
                made_at: now,
                lapses_at: new.lapses_at,
                purchase_id: pays,
                entry_id: pays.map(|_| entry),
                card_id: new.card,
                lots: Json(lots),
                restored: Json(Vec::new()),
                refunded_minor: 0,
            }),
        );
        Ok(id)
    }

    /// A hold that is open.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, [`Error::Invalid`] with `redeem.hold_over` when it has lapsed or ended
    /// otherwise.
    pub(crate) fn open_hold(&mut self, work: &mut Permit<'_, '_>, id: HoldId) -> Result<&Hold> {
        let key = (self.account().id, id);
        let hold = match self.holds.entry(id) {
            Slot::Occupied(here) => here.into_mut(),
            Slot::Vacant(slot) => slot.insert(Kept::stored(work.get::<Hold>(key)?)),
        };
        let hold = &hold.row;
        if hold.state == HoldState::Open { Ok(hold) } else { Err(Error::invalid("hold", "redeem.hold_over")) }
    }

    /// Pays with what was set aside, or with a part of it; the rest is free again (S-08).
    ///
    /// # Errors
    /// As [`open_hold`](Self::open_hold); `redeem.hold_exceeded` for more than was set aside.
    pub(crate) fn capture(
        &mut self,
        work: &mut Permit<'_, '_>,
        id: HoldId,
        (amount, worth_minor): (i64, i64),
        branch: BranchId,
        purchase: PurchaseId,
    ) -> Result<()> {
        check_amount(amount)?;
        let mut hold = self.open_hold(work, id)?.clone();
        if amount > hold.amount {
            return Err(Error::invalid("amount", "redeem.hold_exceeded"));
        }
        let mut rest = hold.clone();
        let mut left = amount;
        (hold.lots.0, rest.lots.0) = (Vec::new(), Vec::new());
        for (lot, part) in self.open_hold(work, id)?.lots.0.clone() {
            let used = part.min(left);
            left -= used;
            hold.lots.0.extend((used > 0).then_some((lot, used)));
            rest.lots.0.extend((part > used).then_some((lot, part - used)));
        }
        let (asset, now) = (hold.asset, work.now());
        let mut steps = if rest.lots.0.is_empty() { Vec::new() } else { self.release(work, &rest, now)? };
        let mut postings = Vec::new();
        self.load(work, &hold.lots.0.iter().map(|(lot, _)| *lot).collect::<Vec<_>>())?;
        for (id, part) in &hold.lots.0 {
            let lot = self.lot(*id)?;
            lot.held -= part;
            lot.open = lot.remaining + lot.held > 0;
            postings.push(posting(asset, PostingAccount::Held, Some(*id), -part));
        }
        postings.push(posting(asset, PostingAccount::Redeemed, None, amount));
        if !steps.is_empty() {
            postings.extend(steps.remove(0).postings);
        }
        let cause = cause(branch, Some(purchase), None);
        let entry = self.post(work, EntryKind::Capture, now, &cause, postings)?;
        self.post_steps(work, steps, &cause)?;
        self.count_use(work, (hold.account_id, asset, hold.business_date), amount - hold.amount)?;
        (hold.amount, hold.worth_minor, hold.state) = (amount, worth_minor, HoldState::Captured);
        (hold.purchase_id, hold.entry_id) = (Some(purchase), Some(entry));
        self.end_hold(hold);
        Ok(())
    }

    /// Frees what was set aside (S-08).
    ///
    /// # Errors
    /// As [`open_hold`](Self::open_hold).
    pub(crate) fn void(&mut self, work: &mut Permit<'_, '_>, id: HoldId, reason: Option<String>) -> Result<()> {
        let mut hold = self.open_hold(work, id)?.clone();
        let now = work.now();
        let steps = self.release(work, &hold, now)?;
        let cause = cause(hold.branch_id, None, reason);
        self.post_steps(work, steps, &cause)?;
        self.count_use(work, (hold.account_id, hold.asset, hold.business_date), -hold.amount)?;
        hold.state = HoldState::Voided;
        self.end_hold(hold);
        Ok(())
    }

    /// How much of an asset counts for a day.
    pub(crate) fn used_on(&mut self, work: &mut Permit<'_, '_>, asset: Asset, date: CivilDate) -> Result<i64> {
        Ok(self.day(work, (self.account().id, asset, date))?.row.used)
    }

    /// Counts more or less of a day.
    pub(super) fn count_use(
        &mut self,
        work: &mut Permit<'_, '_>,
        key: (AccountId, Asset, CivilDate),
        amount: i64,
    ) -> Result<()> {
        if amount != 0 {
            let day = self.day(work, key)?.change();
            day.used = day.used.checked_add(amount).ok_or_else(|| Error::invalid("amount", "loyalty.overflow"))?;
        }
        Ok(())
    }

    fn day(&mut self, work: &mut Permit<'_, '_>, key: (AccountId, Asset, CivilDate)) -> Result<&mut Kept<DayUse>> {
        match self.days.entry(key) {
            Slot::Occupied(here) => Ok(here.into_mut()),
            Slot::Vacant(slot) => {
                let (account_id, asset, business_date) = key;
                let new = DayUse { account_id, asset, business_date, version: Version::FIRST, used: 0 };
                let stored = work.find::<DayUse>(&key)?;
                Ok(slot.insert(stored.map_or_else(|| Kept::unchanged(new), Kept::stored)))
            }
        }
    }

    /// Frees parts of lots.
    fn release(&mut self, work: &mut Permit<'_, '_>, hold: &Hold, now: Timestamp) -> Result<Vec<rules::Step>> {
        let ids: Vec<LotId> = hold.lots.0.iter().map(|(lot, _)| *lot).collect();
        self.load(work, &ids)?;
        let mut lots: BTreeMap<LotId, Lot> =
            ids.iter().filter_map(|id| Some((*id, self.lots.get(id)?.row.clone()))).collect();
        let steps = rules::release(hold, &mut lots, now)?;
        for (id, lot) in lots {
            self.due_by(rules::due_of(&lot));
            *self.lot(id)? = lot;
        }
        Ok(steps)
    }
}

fn cause(branch: BranchId, purchase: Option<PurchaseId>, reason: Option<String>) -> Cause {
    Cause { purchase, branch: Some(branch), reverses: None, reason }
}
