//! Who brought whom: noting it, and barring it.

use std::collections::BTreeSet;

use crm_core::customers::{Customer, CustomerId, SearchField, SearchKey, search_key};
use crm_core::loyalty::referral::event::{ReferralBarred, ReferralNoted};
use crm_core::loyalty::referral::{
    Barred, Person, Referral, ReferralReward, closes_a_circle, referral, referral_reward,
};
use crm_core::purchases::{Purchase, purchase};
use crm_core::reexport::Uuid;
use crm_core::work::{Json, Permit, Version};
use crm_core::{Error, Result};

use super::reward;

/// Notes that a customer was brought by somebody. `registered` says whether it is their registration: otherwise a
/// purchase they have made before was their first.
///
/// # Errors
/// `referral.self`, `referral.circle`
pub(super) fn note(
    work: &mut Permit<'_, '_>,
    referee: &Customer,
    referrer: CustomerId,
    before: Option<CustomerId>,
    registered: bool,
) -> Result<Referral> {
    if referee.id == referrer {
        return Err(Error::invalid("referrer", "referral.self"));
    }
    let brought_by = |id| Ok(work.find::<Referral>(&id)?.map(|referral| referral.referrer_id));
    if closes_a_circle(referee.id, referrer, brought_by)? {
        return Err(Error::invalid("referrer", "referral.circle"));
    }
    let by: Customer = work.get(referrer)?;
    let barred = match Person::of(referee).same_as(Person::of(&by)) {
        Some(why) => Some(why),
        None => brought_again(work, referee, referrer)?.then_some(Barred::Again),
    };
    let bought =
        !registered && work.select(purchase::customer_id.eq(referee.id)).first()?.is_some_and(|_: Purchase| true);
    let first_purchase_id = bought.then(Uuid::nil);
    let noted = Referral {
        referee_id: referee.id,
        version: Version::FIRST,
        referrer_id: referrer,
        since: work.now(),
        barred,
        purchases: 0,
        first_purchase_id,
        earned: Json::default(),
    };
    let noted = if let Some(stored) = work.find::<Referral>(&referee.id)? {
        // What was done for the one before stays as it is; what they have bought counts on.
        let first_purchase_id = stored.first_purchase_id.or(first_purchase_id);
        let mut changed = Referral { version: stored.version, purchases: stored.purchases, first_purchase_id, ..noted };
        work.update(&mut changed)?;
        changed
    } else {
        work.insert(&noted)?;
        noted
    };
    work.emit(&ReferralNoted { referee: referee.id, referrer: Some(referrer), before })?;
    if let Some(why) = noted.barred {
        work.emit(&ReferralBarred { referee: referee.id, referrer, why })?;
    }
    Ok(noted)
}

/// Whether this member has brought somebody with the same phone, mailbox or number before.
fn brought_again(work: &mut Permit<'_, '_>, referee: &Customer, referrer: CustomerId) -> Result<bool> {
    let own = work.select::<SearchKey>(search_key::customer_id.eq(referee.id)).all()?;
    let telling = [SearchField::Phone, SearchField::Email];
    let mut others = BTreeSet::new();
    for key in own.into_iter().filter(|key| telling.contains(&key.field)) {
        let same = search_key::field.eq(key.field).and(search_key::token.eq(key.token));
        let found = work.select::<SearchKey>(same).all()?;
        others.extend(found.into_iter().map(|key| key.customer_id).filter(|id| *id != referee.id));
    }
    let others: Vec<CustomerId> = others.into_iter().collect();
    let referrals = work.get_many::<Referral>(&others)?;
    Ok(referrals.into_iter().flatten().any(|other| other.referrer_id == referrer))
}

/// Nobody has brought a customer any more: what was given stays given.
pub(super) fn forget(work: &mut Permit<'_, '_>, referee: CustomerId) -> Result<()> {
    if let Some(referral) = work.find::<Referral>(&referee)? {
        let before = Some(referral.referrer_id);
        work.delete(&referral)?;
        work.emit(&ReferralNoted { referee, referrer: None, before })?;
    }
    Ok(())
}

/// Bars a referral, and takes back all that was given for it (S-28). Nothing happens to one that is barred.
pub(super) fn bar(work: &mut Permit<'_, '_>, referee: CustomerId, why: Barred) -> Result<()> {
    let Some(found) = work.find::<Referral>(&referee)? else { return Ok(()) };
    if found.barred.is_some() {
        return Ok(());
    }
    let referrer = found.referrer_id;
    let rewards = work.select::<ReferralReward>(referral_reward::referee_id.eq(referee)).all()?;
    for reward in rewards.into_iter().filter(|reward| !reward.void && reward.referrer_id == referrer) {
        reward::change(work, referee, reward.purchase_id, |reward| reward.void = true)?;
    }
    let mut referral: Referral = work.lock(referee)?;
    referral.barred = Some(why);
    work.update(&mut referral)?;
    work.emit(&ReferralBarred { referee, referrer, why }).map(drop)
}

/// Bars those who pay with one card: one who has brought the other, and all but the first whom one member has brought.
pub(super) fn bar_by_payment(work: &mut Permit<'_, '_>, customer: CustomerId, others: &[CustomerId]) -> Result<()> {
    let own = work.find::<Referral>(&customer)?;
    for other in others {
        let theirs = work.find::<Referral>(other)?;
        let by = |referral: &Option<Referral>| referral.as_ref().map(|referral| referral.referrer_id);
        if by(&own) == Some(*other) {
            bar(work, customer, Barred::Payment)?;
        }
        if by(&theirs) == Some(customer) {
            bar(work, *other, Barred::Payment)?;
        }
        if by(&own).is_some() && by(&own) == by(&theirs) {
            let later = if own.as_ref().map(|own| own.since) >= theirs.as_ref().map(|theirs| theirs.since) {
                customer
            } else {
                *other
            };
            bar(work, later, Barred::Again)?;
        }
    }
    Ok(())
}

/// Those whom a member has brought.
pub(super) fn brought_by(referrer: CustomerId) -> crm_core::work::Filter<Referral> {
    referral::referrer_id.eq(referrer)
}
