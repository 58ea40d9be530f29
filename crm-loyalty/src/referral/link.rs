//! Who brought whom: noting it, and barring it.

use std::collections::{BTreeMap, BTreeSet};

use crm_core::customers::{Customer, CustomerId, SearchField, SearchKey, current, customer, search_key};
use crm_core::journal::{JournalEntry, JournalQuery, journal_entry};
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::referral::event::{ReferralBarred, ReferralNoted};
use crm_core::loyalty::referral::{
    Barred, Person, Referral, ReferralReward, closes_a_circle, referral, referral_reward,
};
use crm_core::purchases::event::PURCHASE_RECORDED;
use crm_core::reexport::Uuid;
use crm_core::work::{Json, Permit, Version};
use crm_core::{Error, Result};

use super::reward;

/// A customer's record, and those that lead to it.
fn records(work: &mut Permit<'_, '_>, id: CustomerId) -> Result<Vec<CustomerId>> {
    let mut records = vec![id];
    let mut at = 0;
    while let Some(next) = records.get(at).copied() {
        let earlier = work.select::<Customer>(customer::merged_into_id.eq(next)).all()?;
        records.extend(earlier.into_iter().map(|earlier| earlier.id));
        at += 1;
    }
    Ok(records)
}

/// Who has brought a customer, as they are today, and since when.
fn brought(work: &mut Permit<'_, '_>, referee: CustomerId) -> Result<Option<(CustomerId, Timestamp)>> {
    let Some(referral) = work.find::<Referral>(&referee)? else { return Ok(None) };
    Ok(Some((current(work, referral.referrer_id)?.id, referral.since)))
}

fn refuse_circle(work: &mut Permit<'_, '_>, referee: CustomerId, by: CustomerId) -> Result<()> {
    if closes_a_circle(referee, by, |id| Ok(brought(work, id)?.map(|(by, _)| by)))? {
        return Err(Error::invalid("referrer", "referral.circle"));
    }
    Ok(())
}

/// Refuses to let a record stand for itself again that would have brought itself by now, through those whom either of the
/// two has brought (T-13).
///
/// # Errors
/// `referral.circle`
pub(super) fn stands_alone(work: &mut Permit<'_, '_>, customer: CustomerId) -> Result<()> {
    match brought(work, customer)? {
        Some((by, _)) => refuse_circle(work, customer, by),
        None => Ok(()),
    }
}

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
    // Who has brought whom is asked of people, whatever records they had.
    let by = current(work, referrer)?;
    if by.id == referee.id {
        return Err(Error::invalid("referrer", "referral.self"));
    }
    refuse_circle(work, referee.id, by.id)?;
    let barred = match Person::of(referee).same_as(Person::of(&by)) {
        Some(why) => Some(why),
        None => brought_again(work, referee.id, by.id)?.then_some(Barred::Again),
    };
    let stored = work.find::<Referral>(&referee.id)?;
    let mut noted = Referral {
        referee_id: referee.id,
        version: stored.as_ref().map_or(Version::FIRST, |stored| stored.version),
        referrer_id: referrer,
        since: work.now(),
        barred,
        purchases: 0,
        first_purchase_id: stored.as_ref().and_then(|stored| stored.first_purchase_id),
        earned: Json::default(),
    };
    if !registered {
        go_on(work, &mut noted, by.id)?;
    }
    if stored.is_some() {
        work.update(&mut noted)?;
    } else {
        work.insert(&noted)?;
    }
    work.emit(&ReferralNoted { referee: referee.id, referrer: Some(referrer), before })?;
    if let Some(why) = noted.barred {
        work.emit(&ReferralBarred { referee: referee.id, referrer, why })?;
    }
    Ok(noted)
}

/// What was done for the one before stays as it is; what they have bought counts on. Where the same member has brought
/// them under another record of theirs, that goes on: they are not brought twice (S-44).
fn go_on(work: &mut Permit<'_, '_>, noted: &mut Referral, by: CustomerId) -> Result<()> {
    for record in records(work, noted.referee_id)? {
        if let Some(known) = work.find::<Referral>(&record)?
            && current(work, known.referrer_id)?.id == by
        {
            noted.since = noted.since.min(known.since);
            noted.barred = noted.barred.or(known.barred);
        }
    }
    count_anew(work, noted)
}

/// Counts what somebody who was brought has bought, and earned the one who brought them, over all their records: what two
/// of them had goes together when they become one, and apart again (S-44).
fn count_anew(work: &mut Permit<'_, '_>, referral: &mut Referral) -> Result<()> {
    let by = current(work, referral.referrer_id)?.id;
    let records = records(work, referral.referee_id)?;
    let (mut earned, mut qualified, mut firsts) = (BTreeMap::<Asset, i64>::new(), Vec::new(), Vec::new());
    firsts.extend(referral.first_purchase_id);
    let mut bought_before = false;
    for record in records {
        for reward in work.select::<ReferralReward>(referral_reward::referee_id.eq(record)).all()? {
            if reward.qualified {
                qualified.push(reward.purchase_id);
            }
            if reward.counted != 0 && current(work, reward.referrer_id)?.id == by {
                let sum = earned.entry(reward.asset).or_default();
                *sum = sum.saturating_add(reward.counted);
            }
        }
        if record != referral.referee_id {
            firsts.extend(work.find::<Referral>(&record)?.and_then(|known| known.first_purchase_id));
        }
        bought_before = bought_before || has_bought(work, record, referral.since)?;
    }
    firsts.retain(|first| qualified.contains(first));
    referral.first_purchase_id = firsts.first().copied().or(bought_before.then(Uuid::nil));
    referral.purchases = i64::try_from(qualified.len()).unwrap_or(i64::MAX);
    referral.earned = Json(earned);
    Ok(())
}

/// Whether a customer has bought before an instant, not for the record only. Told by the journal, where a customer's history
/// lies together.
fn has_bought(work: &mut Permit<'_, '_>, customer: CustomerId, before: Timestamp) -> Result<bool> {
    let query = JournalQuery {
        customer: Some(customer),
        kinds: vec![PURCHASE_RECORDED.to_owned()],
        until: Some(before),
        ..JournalQuery::default()
    };
    let mut after = None;
    loop {
        let told = work.select::<JournalEntry>(query.filter()).order_by(journal_entry::occurred_at);
        let page = told.page(Limit::default(), after.as_ref())?;
        let for_the_record =
            |entry: &JournalEntry| entry.payload.0.get("history_only") == Some(&serde_json::Value::Bool(true));
        if !page.items.iter().all(for_the_record) {
            return Ok(true);
        }
        after = page.next;
        if after.is_none() {
            return Ok(false);
        }
    }
}

/// The same for what is stored of a customer, if anybody has brought them.
pub(super) fn recount(work: &mut Permit<'_, '_>, referee: CustomerId) -> Result<()> {
    if work.find::<Referral>(&referee)?.is_none() {
        return Ok(());
    }
    let mut referral: Referral = work.lock(referee)?;
    let before = referral.clone();
    count_anew(work, &mut referral)?;
    if referral == before { Ok(()) } else { work.update(&mut referral) }
}

/// The same for the records that one leads to: what was counted for it has changed.
pub(super) fn recount_above(work: &mut Permit<'_, '_>, referee: CustomerId) -> Result<()> {
    let mut next = work.get::<Customer>(referee)?.merged_into_id;
    while let Some(survivor) = next {
        recount(work, survivor)?;
        next = work.get::<Customer>(survivor)?.merged_into_id;
    }
    Ok(())
}

/// Whether this member has brought somebody else with the same phone, mailbox or number before.
fn brought_again(work: &mut Permit<'_, '_>, referee: CustomerId, referrer: CustomerId) -> Result<bool> {
    let own = work.select::<SearchKey>(search_key::customer_id.eq(referee)).all()?;
    let telling = [SearchField::Phone, SearchField::Email];
    let mut others = BTreeSet::new();
    for key in own.into_iter().filter(|key| telling.contains(&key.field)) {
        let same = search_key::field.eq(key.field).and(search_key::token.eq(key.token));
        let found = work.select::<SearchKey>(same).all()?;
        others.extend(found.into_iter().map(|key| key.customer_id).filter(|id| *id != referee));
    }
    let others: Vec<CustomerId> = others.into_iter().collect();
    for other in work.get_many::<Referral>(&others)?.into_iter().flatten() {
        // Earlier records of the same person are nobody else.
        if current(work, other.referrer_id)?.id == referrer && current(work, other.referee_id)?.id != referee {
            return Ok(true);
        }
    }
    Ok(false)
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
    let by = current(work, referrer)?.id;
    // Also what was given while they had another record.
    for record in records(work, referee)? {
        for reward in work.select::<ReferralReward>(referral_reward::referee_id.eq(record)).all()? {
            if !reward.void && current(work, reward.referrer_id)?.id == by {
                let now = work.now();
                reward::change(work, record, reward.purchase_id, now, |reward| reward.void = true)?;
            }
        }
    }
    let mut referral: Referral = work.lock(referee)?;
    referral.barred = Some(why);
    work.update(&mut referral)?;
    work.emit(&ReferralBarred { referee, referrer, why }).map(drop)
}

/// Bars those who pay with one card: one who has brought the other, and all but the first whom one member has brought. Two
/// records of one customer are one.
pub(super) fn bar_by_payment(work: &mut Permit<'_, '_>, customer: CustomerId, others: &[CustomerId]) -> Result<()> {
    let customer = current(work, customer)?.id;
    let own = brought(work, customer)?;
    for other in others {
        let other = current(work, *other)?.id;
        if other == customer {
            continue;
        }
        let theirs = brought(work, other)?;
        let by = |brought: &Option<(CustomerId, Timestamp)>| brought.as_ref().map(|(by, _)| *by);
        if by(&own) == Some(other) {
            bar(work, customer, Barred::Payment)?;
        }
        if by(&theirs) == Some(customer) {
            bar(work, other, Barred::Payment)?;
        }
        if by(&own).is_some() && by(&own) == by(&theirs) {
            let later = if own.map(|(_, since)| since) >= theirs.map(|(_, since)| since) { customer } else { other };
            bar(work, later, Barred::Again)?;
        }
    }
    Ok(())
}

/// Those whom a member has brought.
pub(super) fn brought_by(referrer: CustomerId) -> crm_core::work::Filter<Referral> {
    referral::referrer_id.eq(referrer)
}
