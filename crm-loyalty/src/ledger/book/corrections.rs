//! Taking back what was given, and giving back what was taken.

use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules;
use crm_core::loyalty::ledger::{EntryId, EntryKind, Hold, Lot, LotId, LotSource, Posting, PostingAccount};
use crm_core::work::{Permit, Version};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::post::{check_amount, posting};
use super::rows::Kept;
use super::{Book, Cause};

/// What happens when less is left than is to be taken back (S-28).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It is owed (S-30).
    #[default]
    Debt,
    /// It is let go, and reported as an adjustment.
    ClampAtZero,
}

/// What a purchase has earned, to be taken back (S-28).
#[derive(Debug, Clone)]
pub(crate) struct ClawBack {
    /// The asset.
    pub(crate) asset: Asset,
    /// How much, beside `owed`.
    pub(crate) amount: i64,
    /// What earlier returns of the same purchase could not take ([`ClawedBack::debt`] or `adjusted`): as far as it is still
    /// owed it is taken now, so that a return in parts ends as a return at once (T-5).
    pub(crate) owed: i64,
    /// The lots the purchase has earned.
    pub(crate) own_lots: Vec<LotId>,
    /// The purchase, the place, the entry that is undone, and the reason.
    pub(crate) cause: Cause,
    /// What if less is left.
    pub(crate) policy: Policy,
}

/// From where it was taken. `from_own + from_others + expired + debt + adjusted` is what was to be taken; `debt` and
/// `adjusted` are negative where more was taken of what was owed than is owed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClawedBack {
    /// The entry.
    pub(crate) entry: EntryId,
    /// From the purchase's own lots.
    pub(crate) from_own: i64,
    /// From what of its own lots had expired.
    pub(crate) expired: i64,
    /// From other lots.
    pub(crate) from_others: i64,
    /// What is owed (S-30).
    pub(crate) debt: i64,
    /// What was let go.
    pub(crate) adjusted: i64,
}

impl Book {
    /// Takes back what was earned: first what is pending and then what is free of the own lots, what of them has expired,
    /// other lots in the order of use, and the rest by the policy (S-28). Held parts are not touched.
    ///
    /// # Errors
    /// `loyalty.amount` unless it is more than nothing.
    pub(crate) fn claw_back(&mut self, work: &mut Permit<'_, '_>, claw: &ClawBack) -> Result<ClawedBack> {
        check_amount(claw.amount)?;
        let asset = claw.asset;
        let owed = match claw.policy {
            Policy::Debt => claw.owed.min(self.amounts(work, asset)?.debt),
            Policy::ClampAtZero => claw.owed,
        };
        let total = claw.amount.checked_add(owed).ok_or_else(|| Error::invalid("amount", "loyalty.overflow"))?;
        let mut left = total;
        let mut postings = Vec::new();
        self.load(work, &claw.own_lots)?;
        let mut own: Vec<_> = claw.own_lots.iter().filter_map(|id| self.lots.get(id)).map(|lot| &lot.row).collect();
        own.retain(|lot| lot.asset == asset);
        own.sort_by_key(|lot| (lot.matured, rules::place(lot)));
        let own: Vec<LotId> = own.into_iter().map(|lot| lot.id).collect();
        for id in &own {
            left -= self.draw(*id, left, &mut postings)?;
        }
        let from_own = total - left;
        for id in &own {
            let lot = self.lot(*id)?;
            let part = lot.expired.min(left);
            if part > 0 {
                lot.expired -= part;
                left -= part;
                postings.push(posting(asset, PostingAccount::Breakage, Some(*id), -part));
            }
        }
        let expired = total - from_own - left;
        if left > 0 {
            self.load_open(work)?;
            let lots = self.lots.values().map(|lot| &lot.row).filter(|lot| lot.asset == asset);
            for (id, part) in rules::pick(lots, left) {
                left -= self.draw(id, part, &mut postings)?;
            }
        }
        let from_others = total - from_own - expired - left;
        let rest = left - owed;
        let (debt, adjusted) = match claw.policy {
            Policy::Debt => (rest, 0),
            Policy::ClampAtZero => (0, rest),
        };
        for (account, amount) in [(PostingAccount::Debt, debt), (PostingAccount::Adjustment, adjusted)] {
            if amount != 0 {
                postings.push(posting(asset, account, None, -amount));
            }
        }
        postings.push(posting(asset, PostingAccount::Issued, None, claw.amount));
        let now = work.now();
        let entry = self.post(work, EntryKind::ClawBack, now, &claw.cause, postings)?;
        Ok(ClawedBack { entry, from_own, expired, from_others, debt, adjusted })
    }

    /// Gives back a part of what was paid to the lots it came from, in the order in which they were used (S-29). It ends
    /// when it would have ended, but not before `not_before`: if that is later, it is a lot of its own. What is over already
    /// expires again in the same entry. The day on which it was paid has so much less (S-22). The hold is as it is stored; it is
    /// kept with what has come back. Money that is not worth a unit yet gives back nothing but itself: it counts for the next part.
    /// Returns what was over already, and has expired again.
    ///
    /// # Errors
    /// `loyalty.restored` when more is to be given back than was paid, `loyalty.amount` for less than nothing.
    pub(crate) fn restore(
        &mut self,
        work: &mut Permit<'_, '_>,
        hold: &Hold,
        amount: i64,
        refund_minor: i64,
        not_before: Timestamp,
        cause: &Cause,
    ) -> Result<i64> {
        if amount != 0 {
            check_amount(amount)?;
        }
        let parts = rules::restorable(hold, amount)?;
        let mut back = hold.clone();
        back.refunded_minor = back.refunded_minor.saturating_add(refund_minor);
        for (lot, part) in &parts {
            match back.restored.0.iter_mut().find(|(known, _)| known == lot) {
                Some((_, sum)) => *sum += part,
                None => back.restored.0.push((*lot, *part)),
            }
        }
        self.holds.entry(hold.id).or_insert_with(|| Kept::stored(hold.clone())).change().clone_from(&back);
        if amount == 0 {
            return Ok(0);
        }
        let (asset, now) = (hold.asset, work.now());
        // Lots of an account that was merged into this one have moved: what comes back is a lot of its own here.
        let moved = hold.account_id != self.account().id;
        let ids: Vec<_> = parts.iter().map(|(id, _)| *id).collect();
        let keys: Vec<_> = ids.iter().map(|id| (hold.account_id, *id)).collect();
        let origins: Vec<Option<Lot>> = if moved { work.get_many(&keys)? } else { Vec::new() };
        if !moved {
            self.load(work, &ids)?;
        }
        let mut postings = vec![posting(asset, PostingAccount::Redeemed, None, -amount)];
        let (mut expired, mut made) = (0, Vec::new());
        for (at, (id, part)) in parts.iter().enumerate() {
            let origin =
                if moved { origins.get(at).cloned().flatten() } else { self.lots.get(id).map(|lot| lot.row.clone()) };
            let origin = origin.ok_or_else(|| Error::not_found("loyalty_lot", id))?;
            let end = origin.expires_at.max(not_before);
            let id = if moved || end > origin.expires_at {
                let new: LotId = work.new_id();
                made.push(new);
                let lot = Lot {
                    account_id: self.account().id,
                    id: new,
                    version: Version::FIRST,
                    amount: *part,
                    remaining: 0,
                    held: 0,
                    expired: 0,
                    expires_at: end,
                    matured: true,
                    source: LotSource::Restored,
                    campaign_id: Some((*id).into()),
                    ..origin
                };
                self.lots.insert(new, Kept::new(lot));
                new
            } else {
                *id
            };
            let lot = self.lot(id)?;
            lot.remaining += part;
            lot.open = true;
            postings.push(posting(asset, PostingAccount::Available, Some(id), *part));
            if end <= now {
                let over = rules::expire_part(lot, *part);
                expired += part;
                postings.extend(over);
            }
            let due = rules::due_of(lot);
            self.due_by(due);
        }
        self.count_use(work, (hold.account_id, asset, hold.business_date), -amount)?;
        let entry = self.post(work, EntryKind::Restore, now, cause, postings)?;
        for id in made {
            self.lot(id)?.origin_id = entry;
        }
        Ok(expired)
    }

    /// Takes back what is left, free, of a lot (S-37), and returns how much that is.
    pub(crate) fn revoke(&mut self, work: &mut Permit<'_, '_>, lot: LotId, cause: &Cause) -> Result<i64> {
        self.withdraw(work, lot, EntryKind::Revoke, PostingAccount::Issued, cause)
    }

    /// Moves what is left, free, of a lot to an account of the programme, pending or available, and returns how much that is.
    pub(crate) fn withdraw(
        &mut self,
        work: &mut Permit<'_, '_>,
        lot: LotId,
        kind: EntryKind,
        to: PostingAccount,
        cause: &Cause,
    ) -> Result<i64> {
        self.load(work, &[lot])?;
        let row = self.lot(lot)?;
        let (asset, amount) = (row.asset, row.remaining);
        if amount > 0 {
            let postings = vec![rules::withdraw(row, amount), posting(asset, to, None, amount)];
            let now = work.now();
            self.post(work, kind, now, cause, postings)?;
        }
        Ok(amount)
    }

    /// Forgives a debt, or a part of it (S-30).
    ///
    /// # Errors
    /// `loyalty.amount` unless it is more than nothing, `loyalty.debt` for more than is owed.
    pub(crate) fn write_off(
        &mut self,
        work: &mut Permit<'_, '_>,
        asset: Asset,
        amount: i64,
        cause: &Cause,
    ) -> Result<EntryId> {
        check_amount(amount)?;
        if amount > self.amounts(work, asset)?.debt {
            return Err(Error::invalid("amount", "loyalty.debt"));
        }
        let postings = vec![
            posting(asset, PostingAccount::Debt, None, amount),
            posting(asset, PostingAccount::Adjustment, None, -amount),
        ];
        let now = work.now();
        self.post(work, EntryKind::WriteOff, now, cause, postings)
    }

    /// Takes up to so much of what is free of a lot.
    fn draw(&mut self, lot: LotId, up_to: i64, postings: &mut Vec<Posting>) -> Result<i64> {
        let lot = self.lot(lot)?;
        let part = lot.remaining.min(up_to);
        if part > 0 {
            postings.push(rules::withdraw(lot, part));
        }
        Ok(part)
    }
}
