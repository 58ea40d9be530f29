//! What members have earned by bringing others, as caps measure it.

use crm_core::customers::{Customer, CustomerId};
use crm_core::loyalty::referral::{ReferralReward, Referrer, referrer};
use crm_core::work::{Permit, Version};
use crm_core::{Error, Result};

/// Counts towards the caps of who gets a reward, and of whom they have become one with since (S-44). What belongs to a
/// period that is over changes the total alone.
pub(super) fn count(work: &mut Permit<'_, '_>, reward: &ReferralReward, more: i64) -> Result<()> {
    let mut next = Some(reward.referrer_id);
    while let Some(member) = next {
        count_for(work, member, reward, more)?;
        next = work.get::<Customer>(member)?.merged_into_id;
    }
    Ok(())
}

fn count_for(work: &mut Permit<'_, '_>, member: CustomerId, reward: &ReferralReward, more: i64) -> Result<()> {
    let Some(mut row) = work.find::<Referrer>(&(member, reward.asset))? else {
        return work.insert(&Referrer {
            customer_id: member,
            asset: reward.asset,
            version: Version::FIRST,
            total: more.max(0),
            period: reward.period,
            in_period: more.max(0),
        });
    };
    row.total = plus(row.total, more)?.max(0);
    if row.period < reward.period && more > 0 {
        (row.period, row.in_period) = (reward.period, more);
    } else if row.period == reward.period {
        row.in_period = plus(row.in_period, more)?.max(0);
    }
    work.update(&mut row)
}

/// Two members are one: what the loser has earned counts for the survivor too. The loser's rows stay, and are changed with
/// the survivor's, so that it can be taken back.
pub(super) fn join(work: &mut Permit<'_, '_>, survivor: CustomerId, loser: CustomerId) -> Result<()> {
    for theirs in work.select::<Referrer>(referrer::customer_id.eq(loser)).all()? {
        let Some(mut row) = work.find::<Referrer>(&(survivor, theirs.asset))? else {
            work.insert(&Referrer { customer_id: survivor, version: Version::FIRST, ..theirs })?;
            continue;
        };
        row.total = plus(row.total, theirs.total)?;
        if row.period < theirs.period {
            (row.period, row.in_period) = (theirs.period, theirs.in_period);
        } else if row.period == theirs.period {
            row.in_period = plus(row.in_period, theirs.in_period)?;
        }
        work.update(&mut row)?;
    }
    Ok(())
}

/// They are two after all.
pub(super) fn part(work: &mut Permit<'_, '_>, survivor: CustomerId, loser: CustomerId) -> Result<()> {
    for theirs in work.select::<Referrer>(referrer::customer_id.eq(loser)).all()? {
        let Some(mut row) = work.find::<Referrer>(&(survivor, theirs.asset))? else { continue };
        row.total = plus(row.total, -theirs.total)?.max(0);
        if row.period == theirs.period {
            row.in_period = plus(row.in_period, -theirs.in_period)?.max(0);
        }
        work.update(&mut row)?;
    }
    Ok(())
}

fn plus(a: i64, b: i64) -> Result<i64> {
    a.checked_add(b).ok_or_else(|| Error::invalid("amount", "loyalty.overflow"))
}
