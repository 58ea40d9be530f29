//! Carrying gifts out, chunk by chunk: each chunk is one transaction, so that it may be interrupted, run late, twice or by
//! several at once with the same result (S-37).

use crm_core::Result;
use crm_core::access::Target;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::grants::{GrantAction, GrantId, GrantMember, GrantState, GroupGrant, MemberState, grant_member};
use crm_core::loyalty::ledger::{AccountState, EntryKind, LotSource};
use crm_core::work::{Permit, Version};
use serde::{Deserialize, Serialize};

use super::audience;
use super::service::{RUN, step};
use crate::Club;
use crate::ledger::{Book, Cause, Give};
use crate::members::dates;
use crate::merge::went_to;
use crate::notice::{Notice, notify};

/// How far a gift is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GrantProgress {
    /// The gift.
    pub grant: GroupGrant,
    /// How many members this chunk was about.
    pub chunk: usize,
    /// Whether there is something left to do now.
    pub more: bool,
}

impl Club<'_, '_> {
    /// Does the next chunk of a gift: lists members, gives to those who are listed, or takes back what was revoked. Run it
    /// until there is no more. Of a gift that was given, those are listed who have joined since, as long as the gift says so.
    ///
    /// There is an example at [`plan_grant`](Self::plan_grant).
    ///
    /// # Errors
    /// [`NotFound`](crm_core::Error::NotFound) for no such gift.
    pub fn run_grant(&mut self, id: GrantId, limit: Limit) -> Result<GrantProgress> {
        let mut work = self.0.permit(RUN, &Target::ANY)?;
        // Whoever works on a gift has its row: two never do the same chunk.
        let mut grant: GroupGrant = work.lock(id)?;
        let chunk = match grant.state {
            GrantState::Listing => list(&mut work, &mut grant, limit)?,
            GrantState::Giving => give(&mut work, &mut grant, limit)?,
            GrantState::Revoking => take_back(&mut work, &mut grant, limit)?,
            GrantState::Given => again(&mut work, &mut grant)?,
            GrantState::Waiting | GrantState::Ready | GrantState::Revoked | GrantState::CalledOff => 0,
        };
        let more = matches!(grant.state, GrantState::Listing | GrantState::Giving | GrantState::Revoking);
        Ok(GrantProgress { grant, chunk, more })
    }
}

/// Lists the members of one page, those who are not yet.
fn list(work: &mut Permit<'_, '_>, grant: &mut GroupGrant, limit: Limit) -> Result<usize> {
    let page = audience::page(work, &grant.audience.0, grant.as_of, limit, grant.listed_to.as_deref())?;
    let keys: Vec<_> = page.accounts.iter().map(|account| (grant.id, account.id)).collect();
    let listed = work.get_many::<GrantMember>(&keys)?;
    let mut new: Vec<GrantMember> = Vec::new();
    for (account, listed) in page.accounts.iter().zip(listed) {
        if listed.is_none() {
            new.push(GrantMember {
                grant_id: grant.id,
                account_id: account.id,
                version: Version::FIRST,
                state: MemberState::Listed,
                lot_id: None,
                revoked: 0,
            });
        }
    }
    work.insert_all(&new)?;
    grant.listed = grant.listed.saturating_add(i64::try_from(new.len()).unwrap_or(i64::MAX));
    grant.listed_to = page.next;
    if grant.listed_to.is_none() {
        step(work, grant, GrantAction::Listed)?;
    } else {
        work.update(grant)?;
    }
    Ok(new.len())
}

/// The next members with this state, in the order of their accounts (S-33).
fn next(work: &mut Permit<'_, '_>, grant: GrantId, state: MemberState, limit: Limit) -> Result<Vec<GrantMember>> {
    let with_state = grant_member::grant_id.eq(grant).and(grant_member::state.eq(state));
    Ok(work.select(with_state).order_by(grant_member::account_id).page(limit, None)?.items)
}

/// Gives to the next of those who are listed.
fn give(work: &mut Permit<'_, '_>, grant: &mut GroupGrant, limit: Limit) -> Result<usize> {
    let mut chunk = next(work, grant.id, MemberState::Listed, limit)?;
    let now = work.now();
    let expires_at = grant.validity.0.ends(now, &dates(work)?);
    for member in &mut chunk {
        member.state = if grant.affords_another() {
            let mut book = Book::open(work, member.account_id)?;
            let state = give_to(work, &mut book, grant, member, expires_at)?;
            book.close(work)?;
            state
        } else {
            MemberState::OverBudget
        };
        work.update(member)?;
    }
    if chunk.len() < limit.get() {
        step(work, grant, GrantAction::Done)?;
    } else {
        work.update(grant)?;
    }
    Ok(chunk.len())
}

fn give_to(
    work: &mut Permit<'_, '_>,
    book: &mut Book,
    grant: &mut GroupGrant,
    member: &mut GrantMember,
    expires_at: Timestamp,
) -> Result<MemberState> {
    let account = book.account().clone();
    if account.state == AccountState::Closed {
        return Ok(MemberState::Closed);
    }
    // Merged since: the survivor gets it once.
    if account.id != member.account_id && work.find::<GrantMember>(&(grant.id, account.id))?.is_some() {
        return Ok(MemberState::Dropped);
    }
    let given = book.give(
        work,
        &Give {
            asset: grant.asset,
            amount: grant.amount,
            kind: EntryKind::Give,
            source: LotSource::Grant,
            occurred_at: work.now(),
            available_at: work.now(),
            expires_at,
            purchase: None,
            branch: account.branch_id,
            campaign: Some(grant.id.into()),
            reason: Some(grant.name.clone()),
            repays_debt: false,
        },
    )?;
    member.lot_id = given.lot;
    grant.given = grant.given.saturating_add(1);
    grant.given_units = grant.given_units.saturating_add(grant.amount);
    if let Some(customer) = account.customer_id.filter(|_| grant.notify) {
        let (grant, asset, amount) = (grant.id, grant.asset, grant.amount);
        notify(work, &Notice::Granted { customer, grant, asset, amount, expires_at })?;
    }
    Ok(MemberState::Given)
}

/// Takes back what the next of those who got it have left, and crosses out those who did not.
fn take_back(work: &mut Permit<'_, '_>, grant: &mut GroupGrant, limit: Limit) -> Result<usize> {
    let mut dropped = next(work, grant.id, MemberState::Listed, limit)?;
    for member in &mut dropped {
        member.state = MemberState::Dropped;
        work.update(member)?;
    }
    let mut given = next(work, grant.id, MemberState::Given, limit)?;
    let cause = Cause { reason: Some(grant.name.clone()), ..Cause::default() };
    for member in &mut given {
        if let Some(lot) = member.lot_id {
            let mut book = Book::open(work, member.account_id)?;
            // What went to another account with a merge is taken back there.
            let lot = if book.account().id == member.account_id { lot } else { went_to(work, member.account_id, lot)? };
            let is_there = !book.lots_by_id(work, &[lot])?.is_empty();
            member.revoked = if is_there { book.revoke(work, lot, &cause)? } else { 0 };
            book.close(work)?;
            grant.revoked_units = grant.revoked_units.saturating_add(member.revoked);
        }
        member.state = MemberState::Revoked;
        work.update(member)?;
    }
    if dropped.len() < limit.get() && given.len() < limit.get() {
        step(work, grant, GrantAction::TakenBack)?;
    } else {
        work.update(grant)?;
    }
    Ok(dropped.len() + given.len())
}

/// Lists those too who have joined since, until the gift says no more.
fn again(work: &mut Permit<'_, '_>, grant: &mut GroupGrant) -> Result<usize> {
    if let Some(until) = grant.late_joiners_until.filter(|until| grant.as_of < *until) {
        let as_of = until.min(work.now());
        if grant.as_of < as_of {
            grant.as_of = as_of;
            step(work, grant, GrantAction::Again)?;
        }
    }
    Ok(0)
}
