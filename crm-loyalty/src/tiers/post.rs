//! Counting a purchase or a return on the ladders of the programme, by key.

use crm_core::kernel::time::{BusinessDay, CivilDate, Timestamp};
use crm_core::loyalty::earning::Raised;
use crm_core::loyalty::ledger::{Account, AccountId};
use crm_core::loyalty::programme::Programme;
use crm_core::loyalty::tiers::event::{TierLowered, TierOf, TierReached};
use crm_core::loyalty::tiers::{
    Cause, Change, Day, Days, LadderId, QualifyingDay, Rules, Standing, Sums, TierChange, TierLadder, qualifying_day,
    standing, tier_change,
};
use crm_core::pricing::TierId;
use crm_core::reexport::Uuid;
use crm_core::work::{Filter, Permit};
use crm_core::{Error, Result};

use crate::programme::{always_had, other_ladders};

/// What is to be counted. A return is counted below nothing, on the business day of its purchase (S-17).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Posting {
    /// The business day of the purchase.
    pub on: CivilDate,
    /// How much.
    pub sums: Sums,
    /// A purchase or a return.
    pub cause: Cause,
    /// Which.
    pub cause_ref: Option<Uuid>,
}

/// Why something has changed, for the history.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Note<'n> {
    pub(super) cause_ref: Option<Uuid>,
    pub(super) reason: Option<&'n str>,
}

/// Says which rows [`post`] will read, so that those of many purchases are read at once.
pub(crate) fn expect(work: &mut Permit<'_, '_>, programme: &Programme, account: AccountId, on: CivilDate) {
    work.expect::<Standing>(&keys_of(programme, account));
    work.expect::<QualifyingDay>(&[(account, on)]);
}

/// Counts a purchase or a return, also where there is no ladder yet (C89), and promotes at once whoever has reached a tier with
/// it. The account is locked by the caller. Reads and writes by key, but for rolling windows, and for a purchase of a window that nobody asked for lately.
///
/// # Errors
/// [`Error::Invalid`] with `tiers.not_counted` for a return of more than was counted on that day.
pub(crate) fn post(
    work: &mut Permit<'_, '_>,
    programme: &Programme,
    account: &Account,
    posting: &Posting,
) -> Result<()> {
    if posting.sums == Sums::ZERO {
        return Ok(());
    }
    let (day, now) = (programme.dates().day, work.now());
    let added = Day { on: posting.on, sums: posting.sums };
    let note = Note { cause_ref: posting.cause_ref, reason: None };
    let found = work.get_many::<Standing>(&keys_of(programme, account.id))?;
    let mut counted = Vec::with_capacity(found.len());
    // First all of it against what was counted before, then the day.
    for (ladder, found) in programme.tiers.iter().zip(found) {
        let rules = Rules::new(ladder, &day);
        let new = found.is_none();
        let mut standing = found.map_or_else(|| first(work, &rules, account), Ok)?;
        let mut days = |days| days_of(work, account.id, days);
        let changes = rules.count(&mut standing, now, added, posting.cause, &mut days)?;
        counted.push((standing, new, changes));
    }
    add(work, account.id, posting.on, posting.sums)?;
    for mut standing in elsewhere(work, programme, account.id)? {
        standing.amount_minor = standing.amount_minor.saturating_add(posting.sums.amount);
        standing.purchases = standing.purchases.saturating_add(posting.sums.count);
        standing.last_on = standing.last_on.max(posting.on);
        standing.windows.0.clear();
        work.update(&mut standing)?;
    }
    counted.into_iter().try_for_each(|(standing, new, changes)| store(work, account, standing, new, &changes, note))
}

/// Where on its way a purchase raises a member, and to which tiers (S-16). A ladder on which they have another tier by now
/// than at the time of the purchase raises nobody then.
pub(crate) fn raised(
    work: &mut Permit<'_, '_>,
    programme: &Programme,
    account: &Account,
    (at, on): (Timestamp, CivilDate),
    money: i64,
) -> Result<Vec<Raised>> {
    let (day, now) = (programme.dates().day, work.now());
    let found = work.get_many::<Standing>(&keys_of(programme, account.id))?;
    let (mut tiers, mut steps) = (Vec::with_capacity(found.len()), Vec::new());
    for (place, (ladder, found)) in programme.tiers.iter().zip(found).enumerate() {
        let rules = Rules::new(ladder, &day);
        let before = tier_at(work, ladder, &day, account.id, found.clone(), at)?;
        tiers.push(before);
        let mut standing = found.map_or_else(|| first(work, &rules, account), Ok)?;
        let mut days = |days| days_of(work, account.id, days);
        rules.settle(&mut standing, now, &mut days)?;
        if standing.tier_id == before {
            let raised = rules.raised_by(&standing, now, (on, money), &mut days)?;
            steps.extend(raised.into_iter().map(|(after, tier)| (after, place, tier)));
        }
    }
    steps.sort_unstable();
    let mut raised = Vec::<Raised>::new();
    for (after, place, tier) in steps {
        if let Some(of_ladder) = tiers.get_mut(place) {
            *of_ladder = tier;
        }
        raised.retain(|step| step.after != after);
        raised.push(Raised { after, tiers: tiers.iter().flatten().copied().collect() });
    }
    Ok(raised)
}

/// The tiers a member has at an instant, one of each ladder on which they have one: before what is bought then is counted
/// (S-16). By key, unless the tier has changed since.
pub(crate) fn tiers_at(
    work: &mut Permit<'_, '_>,
    programme: &Programme,
    account: AccountId,
    at: Timestamp,
) -> Result<Vec<TierId>> {
    if programme.tiers.is_empty() {
        return Ok(Vec::new());
    }
    let day = programme.dates().day;
    let found = work.get_many::<Standing>(&keys_of(programme, account))?;
    let mut tiers = Vec::with_capacity(found.len());
    for (ladder, found) in programme.tiers.iter().zip(found) {
        tiers.extend(tier_at(work, ladder, &day, account, found, at)?);
    }
    Ok(tiers)
}

/// The tier a member has on a ladder at an instant (S-51), what is due by then done.
pub(super) fn tier_at(
    work: &mut Permit<'_, '_>,
    ladder: &TierLadder,
    day: &BusinessDay,
    account: AccountId,
    standing: Option<Standing>,
    at: Timestamp,
) -> Result<Option<TierId>> {
    let Some(mut standing) = standing else { return Ok(ladder.base()) };
    if standing.due_at <= at {
        Rules::new(ladder, day).settle(&mut standing, at, &mut |days| days_of(work, account, days))?;
    }
    if standing.since <= at {
        return Ok(standing.tier_id);
    }
    let before = of(account, ladder.id).and(tier_change::from_at.le(at));
    let change = work.select(before).order_by(tier_change::from_at).descending().first()?;
    Ok(change.map_or_else(|| ladder.base(), |change| change.tier_id))
}

/// The changes of a member's tier on a ladder.
pub(super) fn of(account: AccountId, ladder: LadderId) -> Filter<TierChange> {
    tier_change::account_id.eq(account).and(tier_change::ladder_id.eq(ladder))
}

/// The keys of the standings on every ladder.
pub(super) fn keys_of(programme: &Programme, account: AccountId) -> Vec<(AccountId, LadderId)> {
    programme.tiers.iter().map(|ladder| (account, ladder.id)).collect()
}

/// Where somebody stands who has not stood on this ladder yet: with what was counted before there was one.
pub(super) fn first(work: &mut Permit<'_, '_>, rules: &Rules<'_>, account: &Account) -> Result<Standing> {
    let mut standing = rules.fresh(account.id, account.opened_at);
    // Where every version has had it, whoever was counted stands on it.
    if !always_had(work, standing.ladder_id)? {
        total(work, &mut standing)?;
    }
    Ok(standing)
}

/// Adds up everything that was ever counted.
pub(super) fn total(work: &mut Permit<'_, '_>, standing: &mut Standing) -> Result<()> {
    (standing.amount_minor, standing.purchases, standing.last_on) = (0, 0, CivilDate::MIN);
    work.select(qualifying_day::account_id.eq(standing.account_id)).for_each(|day| {
        standing.amount_minor = standing.amount_minor.saturating_add(day.amount_minor);
        standing.purchases = standing.purchases.saturating_add(day.purchases);
        // What a merge has counted on a day and taken back leaves the day with nothing on it.
        if day.sums() != Sums::ZERO {
            standing.last_on = standing.last_on.max(day.business_date);
        }
        Ok(())
    })
}

/// What was counted on the days of a window.
pub(super) fn days_of(work: &mut Permit<'_, '_>, account: AccountId, days: Days) -> Result<Vec<Day>> {
    let within = qualifying_day::business_date.ge(days.from).and(qualifying_day::business_date.le(days.through));
    let found = work.select(qualifying_day::account_id.eq(account).and(within)).all()?;
    Ok(found.iter().map(|day| Day { on: day.business_date, sums: day.sums() }).collect())
}

/// Adds to what is counted on a business day.
pub(super) fn add(work: &mut Permit<'_, '_>, account: AccountId, on: CivilDate, sums: Sums) -> Result<()> {
    let key = (account, on);
    if work.find::<QualifyingDay>(&key)?.is_none() {
        let Sums { amount: amount_minor, count: purchases, points } = sums;
        if amount_minor < 0 || purchases < 0 || points < 0 {
            return Err(Error::invalid("tiers", "tiers.not_counted"));
        }
        // Of two who count first, the database refuses one, who runs again.
        return work.insert(&QualifyingDay { account_id: account, business_date: on, amount_minor, purchases, points });
    }
    let counters = [
        (qualifying_day::amount_minor, sums.amount),
        (qualifying_day::purchases, sums.count),
        (qualifying_day::points, sums.points),
    ];
    for (counter, amount) in counters.into_iter().filter(|(_, amount)| *amount != 0) {
        work.add(&key, counter, amount, Some(0)).map_err(|error| match error {
            Error::Invalid { rule: "counter.floor", .. } => Error::invalid("tiers", "tiers.not_counted"),
            other => other,
        })?;
    }
    Ok(())
}

/// Keeps a standing with the changes it has gone through, and tells of them.
pub(super) fn store(
    work: &mut Permit<'_, '_>,
    account: &Account,
    mut standing: Standing,
    new: bool,
    changes: &[Change],
    note: Note<'_>,
) -> Result<()> {
    if new {
        work.insert(&standing)?;
    } else {
        work.update(&mut standing)?;
    }
    let ladder = standing.ladder_id;
    for change in changes {
        // A review that was due before does not come from what was counted now.
        let direct = !matches!(change.cause, Cause::Review);
        let cause_ref = note.cause_ref.filter(|_| direct);
        work.insert(&TierChange {
            account_id: account.id,
            ladder_id: ladder,
            from_at: change.at,
            id: work.new_id(),
            tier_id: change.to,
            cause: change.cause,
            cause_ref,
            reason: note.reason.filter(|_| direct).map(ToOwned::to_owned),
            recorded_at: work.now(),
        })?;
        let of = of_account(account, ladder);
        let &Change { at, from, to, cause, up } = change;
        if up {
            work.emit(&TierReached { of, from, to, at, cause, cause_ref })?;
        } else {
            work.emit(&TierLowered { of, from, to, at, cause, cause_ref })?;
        }
    }
    Ok(())
}

/// What events say of an account.
pub(super) fn of_account(account: &Account, ladder: LadderId) -> TierOf {
    TierOf { account: account.id, customer: account.customer_id, branch: account.branch_id, ladder }
}

/// The standings of an account on ladders that the programme has no longer: they may come back.
pub(super) fn elsewhere(
    work: &mut Permit<'_, '_>,
    programme: &Programme,
    account: AccountId,
) -> Result<impl Iterator<Item = Standing> + use<>> {
    let keys: Vec<_> = other_ladders(work, programme)?.into_iter().map(|ladder| (account, ladder)).collect();
    Ok(work.get_many::<Standing>(&keys)?.into_iter().flatten())
}

/// The standings of an account, on whatever ladders.
pub(super) fn standings_of(work: &mut Permit<'_, '_>, account: AccountId) -> Result<Vec<Standing>> {
    work.select(standing::account_id.eq(account)).all()
}
