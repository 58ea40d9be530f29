//! Two members become one, and two again (S-44): their counters are joined, and the survivor's tier is recomputed on them.

use crm_core::Result;
use crm_core::loyalty::ledger::Account;
use crm_core::loyalty::programme::Programme;
use crm_core::loyalty::tiers::{QualifyingDay, Rules, Standing, qualifying_day};
use crm_core::work::{Permit, Version};
use serde::{Deserialize, Serialize};

use super::post::{Note, add, days_of, elsewhere, first, standings_of, store, total};

/// What [`join`] has changed, to be kept with the merge: [`part`] takes it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Joined {
    /// The standings of the other member, which are gone while the two are one.
    pub other: Vec<Standing>,
    /// The standings of the survivor as they were.
    pub survivor: Vec<Standing>,
    /// What was counted for the other on each day, and is now counted for the survivor too.
    pub days: Vec<QualifyingDay>,
}

/// Counts for the survivor what was counted for the other. The survivor's tier rises where both together reach a higher one,
/// and never falls. The other's days stay as they are; it has no standing any more. Both accounts are locked by the caller.
pub(crate) fn join(
    work: &mut Permit<'_, '_>,
    programme: &Programme,
    survivor: &Account,
    other: &Account,
) -> Result<Joined> {
    let (day, now) = (programme.dates().day, work.now());
    // What is due is settled by what each had alone.
    let mut before = Vec::new();
    for ladder in &programme.tiers {
        let rules = Rules::new(ladder, &day);
        let found = work.find::<Standing>(&(survivor.id, ladder.id))?;
        let new = found.is_none();
        let mut standing = found.map_or_else(|| first(work, &rules, survivor), Ok)?;
        let changes = rules.settle(&mut standing, now, &mut |days| days_of(work, survivor.id, days))?;
        if new || !changes.is_empty() {
            store(work, survivor, standing, new, &changes, Note::default())?;
            standing = work.get((survivor.id, ladder.id))?;
        }
        // A pin that was over changes nothing that is shown, and must be over all the same before both are counted together.
        before.push(standing);
    }
    let gone = standings_of(work, other.id)?;
    let days = work.select(qualifying_day::account_id.eq(other.id)).all()?;
    for day in &days {
        add(work, survivor.id, day.business_date, day.sums())?;
    }
    gone.iter().try_for_each(|standing| work.delete(standing))?;
    for (ladder, standing) in programme.tiers.iter().zip(&before) {
        recount(work, &Rules::new(ladder, &day), survivor, standing.clone(), false)?;
    }
    total_elsewhere(work, programme, survivor)?;
    Ok(Joined { other: gone, survivor: before, days })
}

/// Takes a [`join`] back. A standing of the survivor that nothing has changed since is what it was; otherwise it is reviewed
/// as after a return.
///
/// # Errors
/// `tiers.not_counted` when returns have taken away since what was the other's.
pub(crate) fn part(
    work: &mut Permit<'_, '_>,
    programme: &Programme,
    survivor: &Account,
    joined: &Joined,
) -> Result<()> {
    let day = programme.dates().day;
    for counted in &joined.days {
        add(work, survivor.id, counted.business_date, counted.sums().negated())?;
    }
    for ladder in &programme.tiers {
        let Some(now) = work.find::<Standing>(&(survivor.id, ladder.id))? else { continue };
        let was = joined.survivor.iter().find(|was| was.ladder_id == ladder.id);
        // The join itself has written it once.
        let untouched = was.filter(|was| was.version.next() == now.version);
        match untouched {
            Some(was) => {
                let mut standing = Standing { version: now.version, ..was.clone() };
                let changes = Rules::new(ladder, &day).back_to(&now, &mut standing, work.now());
                store(work, survivor, standing, false, &changes, Note::default())?;
            }
            None => recount(work, &Rules::new(ladder, &day), survivor, now, true)?,
        }
    }
    total_elsewhere(work, programme, survivor)?;
    for standing in &joined.other {
        work.insert(&Standing { version: Version::FIRST, ..standing.clone() })?;
    }
    Ok(())
}

/// Adds up anew for ladders that the programme has no longer.
fn total_elsewhere(work: &mut Permit<'_, '_>, programme: &Programme, account: &Account) -> Result<()> {
    for mut standing in elsewhere(work, programme, account.id)? {
        total(work, &mut standing)?;
        standing.windows.0.clear();
        work.update(&mut standing)?;
    }
    Ok(())
}

fn recount(
    work: &mut Permit<'_, '_>,
    rules: &Rules<'_>,
    account: &Account,
    mut standing: Standing,
    fewer: bool,
) -> Result<()> {
    total(work, &mut standing)?;
    let now = work.now();
    let changes = rules.recount(&mut standing, now, fewer, &mut |days| days_of(work, account.id, days))?;
    store(work, account, standing, false, &changes, Note::default())
}
