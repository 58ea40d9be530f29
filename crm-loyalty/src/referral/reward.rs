//! Rewards: what is stored of them, and bringing the account to what they say.

use crm_core::customers::CustomerId;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::ledger::{Account, AccountId, EntryKind, LotSource};
use crm_core::loyalty::referral::{Referral, ReferralReward, Referrer};
use crm_core::reexport::Uuid;
use crm_core::work::{Permit, Version};
use crm_core::{Error, Result};

use crate::ledger::{Book, Cause, ClawBack, Give, Policy};

/// The rows that a reward moves, locked: accounts in the order of their ids, then the rest kind by kind (S-33). The
/// member's own purchase opens its account after this, so both are locked here.
pub(super) struct Rewarding {
    pub(super) book: Book,
    pub(super) referral: Referral,
}

/// Locks what a reward of a referral moves.
pub(super) fn open(work: &mut Permit<'_, '_>, referral: &Referral) -> Result<Rewarding> {
    let referee = AccountId::from(referral.referee_id);
    let referrer = AccountId::from(referral.referrer_id);
    if referee < referrer && work.find::<Account>(&referee)?.is_some() {
        work.lock::<Account>(referee)?;
    }
    let book = Book::open(work, referrer)?;
    let referral = work.lock(referral.referee_id)?;
    Ok(Rewarding { book, referral })
}

/// Whether an open account is a customer's, now that records may have become one.
pub(super) fn is_of(work: &mut Permit<'_, '_>, book: &Book, customer: CustomerId) -> Result<bool> {
    let mut next = work.find::<Account>(&AccountId::from(customer))?;
    while let Some(account) = next {
        if account.id == book.account().id {
            return Ok(true);
        }
        next = match account.merged_into {
            Some(into) => work.find(&into)?,
            None => None,
        };
    }
    Ok(false)
}

/// What a member has earned of an asset, if anything.
pub(super) fn referrer_row(work: &mut Permit<'_, '_>, reward: &ReferralReward) -> Result<Option<Referrer>> {
    work.find::<Referrer>(&(reward.referrer_id, reward.asset))
}

/// Changes a stored reward, and brings everything to what it says then. Nothing happens without one.
pub(super) fn change(
    work: &mut Permit<'_, '_>,
    referee: CustomerId,
    purchase: Uuid,
    change: impl FnOnce(&mut ReferralReward),
) -> Result<()> {
    let Some(found) = work.find::<ReferralReward>(&(referee, purchase))? else { return Ok(()) };
    let Some(referral) = work.find::<Referral>(&referee)? else {
        // Nobody has brought them any more; the account it went to still has it.
        let mut book = Book::open(work, found.referrer_id.into())?;
        let mut reward: ReferralReward = work.lock((referee, purchase))?;
        change(&mut reward);
        settle(work, &mut book, None, &mut reward)?;
        book.close(work)?;
        return work.update(&mut reward);
    };
    // The referrer may have changed: what was given is taken from whom it was given to.
    let of_reward = Referral { referrer_id: found.referrer_id, ..referral.clone() };
    let Rewarding { mut book, referral: stored } = open(work, &of_reward)?;
    let mut reward: ReferralReward = work.lock((referee, purchase))?;
    change(&mut reward);
    let before = stored.clone();
    let mut stored = stored;
    settle(work, &mut book, Some(&mut stored), &mut reward)?;
    book.close(work)?;
    if stored != before {
        work.update(&mut stored)?;
    }
    work.update(&mut reward)
}

/// Brings counters and the account to what a reward says (S-28, S-40, S-50). The reward and the referral are written by
/// the caller.
pub(super) fn settle(
    work: &mut Permit<'_, '_>,
    book: &mut Book,
    referral: Option<&mut Referral>,
    reward: &mut ReferralReward,
) -> Result<()> {
    let kept = reward.kept()?;
    let counted = kept.units - reward.counted;
    let of_same = referral.filter(|referral| referral.referrer_id == reward.referrer_id);
    if let Some(referral) = of_same {
        let earned = referral.earned.0.entry(reward.asset).or_default();
        *earned = earned.saturating_add(counted).max(0);
        if reward.qualified && !reward.still_qualifies(&kept) {
            reward.qualified = false;
            referral.purchases = (referral.purchases - 1).max(0);
            if referral.first_purchase_id == Some(reward.purchase_id) {
                // As if it had never happened: another may be the first (T-4).
                referral.first_purchase_id = None;
            }
        }
    }
    if counted != 0 {
        count(work, reward, counted)?;
        reward.counted = kept.units;
    }
    let posting = kept.due - reward.posted;
    if posting > 0 {
        give(work, book, reward, posting)?;
    } else if posting < 0 {
        take_back(work, book, reward, -posting)?;
    }
    reward.posted = kept.due;
    Ok(())
}

/// Counts towards the member's caps; what belongs to a period that is over changes the total alone.
fn count(work: &mut Permit<'_, '_>, reward: &ReferralReward, more: i64) -> Result<()> {
    let overflow = || Error::invalid("amount", "loyalty.overflow");
    match referrer_row(work, reward)? {
        Some(mut row) => {
            row.total = row.total.checked_add(more).ok_or_else(overflow)?.max(0);
            if row.period < reward.period && more > 0 {
                (row.period, row.in_period) = (reward.period, more);
            } else if row.period == reward.period {
                row.in_period = row.in_period.checked_add(more).ok_or_else(overflow)?.max(0);
            }
            work.update(&mut row)
        }
        None => work.insert(&Referrer {
            customer_id: reward.referrer_id,
            asset: reward.asset,
            version: Version::FIRST,
            total: more.max(0),
            period: reward.period,
            in_period: more.max(0),
        }),
    }
}

fn give(work: &mut Permit<'_, '_>, book: &mut Book, reward: &mut ReferralReward, amount: i64) -> Result<()> {
    let now: Timestamp = work.now();
    let given = book.give(
        work,
        &Give {
            asset: reward.asset,
            amount,
            kind: EntryKind::Earn,
            source: LotSource::Referral,
            occurred_at: reward.occurred_at,
            available_at: reward.available_at.max(now),
            expires_at: reward.expires_at,
            purchase: reward.purchase(),
            branch: reward.branch_id,
            campaign: Some(reward.referee_id.into()),
            reason: Some(reward.term.clone()),
            repays_debt: true,
        },
    )?;
    reward.lots.0.extend(given.lot);
    Ok(())
}

fn take_back(work: &mut Permit<'_, '_>, book: &mut Book, reward: &mut ReferralReward, amount: i64) -> Result<()> {
    let taken = book.claw_back(
        work,
        &ClawBack {
            asset: reward.asset,
            amount,
            owed: reward.owed,
            own_lots: reward.lots.0.clone(),
            cause: Cause {
                purchase: reward.purchase(),
                branch: reward.branch_id,
                reverses: None,
                reason: Some(reward.term.clone()),
            },
            policy: Policy::Debt,
        },
    )?;
    reward.owed = reward.owed.saturating_add(taken.debt).saturating_add(taken.adjusted).max(0);
    Ok(())
}
