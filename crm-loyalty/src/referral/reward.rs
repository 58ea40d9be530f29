//! Rewards: what is stored of them, and bringing the account to what they say.

use crm_core::Result;
use crm_core::customers::CustomerId;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::ledger::{Account, AccountId, EntryKind, LotSource};
use crm_core::loyalty::referral::{Referral, ReferralReward};
use crm_core::purchases::PurchaseId;
use crm_core::reexport::Uuid;
use crm_core::work::{Json, Permit};

use super::{caps, link};
use crate::ledger::{Book, Cause, ClawBack, Give, Policy, account_of};
use crate::members::dates;

/// The account that a customer has now; nothing for who is no member.
pub(super) fn account_id(work: &mut Permit<'_, '_>, customer: CustomerId) -> Result<Option<AccountId>> {
    Ok(account_of(work, customer)?.map(|account| account.id))
}

/// The rows that a reward moves, locked: accounts in the order of their ids, then the rest kind by kind (S-33). The
/// member's own purchase opens its account after this, so both are locked here.
pub(super) struct Rewarding {
    pub(super) book: Book,
    /// Nothing where nobody has brought them any more; the account it went to still has it.
    pub(super) referral: Option<Referral>,
}

/// Locks what a reward moves that somebody gets, or got, for whom they have brought.
pub(super) fn open(work: &mut Permit<'_, '_>, referee: CustomerId, referrer: CustomerId) -> Result<Rewarding> {
    let (own, by) = (account_id(work, referee)?, account_id(work, referrer)?);
    if let Some(own) = own.filter(|own| by.is_some_and(|by| *own < by)) {
        work.lock::<Account>(own)?;
    }
    let book = Book::open(work, referrer.into())?;
    let referral = match work.find::<Referral>(&referee)? {
        Some(_) => Some(work.lock(referee)?),
        None => None,
    };
    Ok(Rewarding { book, referral })
}

/// Locks the account of who has brought a buyer where it comes before the buyer's own (S-33): for whoever opens the buyer's
/// before the purchase is told, or the return of one.
pub(crate) fn lock_before(work: &mut Permit<'_, '_>, buyer: CustomerId, of: Option<PurchaseId>) -> Result<()> {
    let referrer = if let Some(purchase) = of {
        work.find::<ReferralReward>(&(buyer, purchase.into()))?.map(|reward| reward.referrer_id)
    } else {
        let referral = work.find::<Referral>(&buyer)?.filter(|referral| referral.barred.is_none());
        referral.map(|referral| referral.referrer_id)
    };
    let Some(referrer) = referrer else { return Ok(()) };
    if let Some(first) = account_id(work, referrer)?
        && account_id(work, buyer)?.is_some_and(|own| first < own)
    {
        work.lock::<Account>(first)?;
    }
    Ok(())
}

/// Changes a stored reward because of what happened at an instant, and brings everything to what it says then. Nothing
/// happens without one.
pub(super) fn change(
    work: &mut Permit<'_, '_>,
    referee: CustomerId,
    purchase: Uuid,
    at: Timestamp,
    change: impl FnOnce(&mut ReferralReward),
) -> Result<()> {
    let Some(found) = work.find::<ReferralReward>(&(referee, purchase))? else { return Ok(()) };
    // The referrer may have changed: what was given is taken from whom it was given to.
    let Rewarding { mut book, referral: stored } = open(work, referee, found.referrer_id)?;
    let mut reward: ReferralReward = work.lock((referee, purchase))?;
    change(&mut reward);
    let mut referral = stored.clone();
    settle(work, &mut book, referral.as_mut(), &mut reward, at)?;
    book.close(work)?;
    if let Some(referral) = referral.as_mut().filter(|referral| stored.as_ref() != Some(&**referral)) {
        work.update(referral)?;
    }
    work.update(&mut reward)?;
    link::recount_above(work, referee)
}

/// Brings counters and the account to what a reward says (S-28, S-40, S-50). The reward and the referral are written by
/// the caller. On an account that was closed since nothing is given or taken (S-49).
pub(super) fn settle(
    work: &mut Permit<'_, '_>,
    book: &mut Book,
    mut referral: Option<&mut Referral>,
    reward: &mut ReferralReward,
    at: Timestamp,
) -> Result<()> {
    let kept = reward.kept()?;
    let counted = kept.units - reward.counted;
    if let Some(referral) = &mut referral
        && (referral.referrer_id == reward.referrer_id
            || account_id(work, referral.referrer_id)? == Some(book.account().id))
    {
        let earned = referral.earned.0.entry(reward.asset).or_default();
        *earned = earned.saturating_add(counted).max(0);
    }
    // What they have bought counts on, whoever has brought them.
    if let Some(referral) = referral
        && reward.qualified
        && !reward.still_qualifies(&kept)
    {
        reward.qualified = false;
        referral.purchases = (referral.purchases - 1).max(0);
        if referral.first_purchase_id == Some(reward.purchase_id) {
            // As if it had never happened: another may be the first (T-4).
            referral.first_purchase_id = None;
        }
    }
    if counted != 0 {
        caps::count(work, reward, counted)?;
        reward.counted = kept.units;
    }
    if book.was_closed() {
        return Ok(());
    }
    let posting = kept.due - reward.posted;
    if posting > 0 {
        give(work, book, reward, posting, at)?;
    } else if posting < 0 {
        take_back(work, book, reward, -posting)?;
    }
    reward.posted = kept.due;
    Ok(())
}

/// What is paid for only after it would have been available is good for as long from then on (S-10, S-12).
fn give(
    work: &mut Permit<'_, '_>,
    book: &mut Book,
    reward: &mut ReferralReward,
    amount: i64,
    at: Timestamp,
) -> Result<()> {
    let now: Timestamp = work.now();
    let expires_at = match reward.validity {
        Some(Json(validity)) if at > reward.available_at => validity.ends(at, &dates(work)?),
        _ => reward.expires_at,
    };
    let given = book.give(
        work,
        &Give {
            asset: reward.asset,
            amount,
            kind: EntryKind::Earn,
            source: LotSource::Referral,
            occurred_at: reward.occurred_at,
            available_at: reward.available_at.max(now),
            expires_at,
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
