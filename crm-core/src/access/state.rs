//! The present policy: loaded, kept while it holds, and replaced.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::model::{AccessState, PolicyStamp, RoleId, Snapshot};
use super::policy::Policy;
use super::{Actor, Principal, WRITE, guard};
use crate::Result;
use crate::work::{Filter, Permit, UnitOfWork, Version};

/// The policy that was compiled last, with the stamp of the state it was compiled from.
#[derive(Debug, Default)]
pub(crate) struct PolicyCache(Mutex<Option<(Option<PolicyStamp>, Arc<Policy>)>>);

impl PolicyCache {
    /// The present policy. One row is read; the rest only when the policy was changed. Only for read-only units of work:
    /// what a writing one sees may never be committed, so it asks for what is [`seen`](Self::seen).
    pub(crate) fn current(&self, work: &mut Permit<'_, '_>) -> Result<Arc<Policy>> {
        let (stamp, policy) = self.look(work)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((stamp, policy.clone()));
        Ok(policy)
    }

    /// The policy as a writing unit of work sees it. It is not kept.
    pub(crate) fn seen(&self, work: &mut Permit<'_, '_>) -> Result<Arc<Policy>> {
        self.look(work).map(|(_, policy)| policy)
    }

    fn look(&self, work: &mut Permit<'_, '_>) -> Result<(Option<PolicyStamp>, Arc<Policy>)> {
        let stamp = work.find::<AccessState>(&Uuid::nil())?.map(|state| state.stamp);
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept.filter(|(of, _)| *of == stamp) {
            Some(kept) => Ok(kept),
            None => Ok((stamp, Arc::new(load(work)?))),
        }
    }
}

/// The roles somebody holds at this moment, in a unit of work that may write.
pub fn roles_of(work: &mut Permit<'_, '_>, principal: &Principal) -> Result<BTreeSet<RoleId>> {
    let policy = work.shared.policy.seen(work)?;
    Ok(policy.roles_of(principal))
}

/// The policy as this unit of work sees it.
pub(super) fn load(work: &mut Permit<'_, '_>) -> Result<Policy> {
    let snapshot = snapshot(work)?;
    Ok(Policy::compile(snapshot, &work.shared.installed.permissions()))
}

fn snapshot(work: &mut Permit<'_, '_>) -> Result<Snapshot> {
    Ok(Snapshot {
        users: work.select(Filter::all()).all()?,
        groups: work.select(Filter::all()).all()?,
        members: work.select(Filter::all()).all()?,
        roles: work.select(Filter::all()).all()?,
        assignments: work.select(Filter::all()).all()?,
    })
}

/// Changes the policy: what `edit` makes of it is checked, then `write` stores the same.
pub(super) fn change(
    work: &mut Permit<'_, '_>,
    edit: impl FnOnce(&mut Snapshot) -> Result<()>,
    write: impl FnOnce(&mut Permit<'_, '_>) -> Result<()>,
) -> Result<()> {
    replace_checked(
        work,
        |work| {
            let permissions = work.shared.installed.permissions();
            let before = snapshot(work)?;
            let mut after = before.clone();
            edit(&mut after)?;
            let before = Policy::compile(before, &permissions);
            let writer = writer(work, &before)?;
            guard::check(&before, &Policy::compile(after, &permissions), &writer)
        },
        write,
    )
}

/// Changes the policy unchecked: for the host's own hand.
pub(super) fn replace(work: &mut Permit<'_, '_>, write: impl FnOnce(&mut Permit<'_, '_>) -> Result<()>) -> Result<()> {
    replace_checked(work, |_| Ok(()), write)
}

/// One change at a time: the state is locked first, so that what is checked is what there is.
fn replace_checked(
    work: &mut Permit<'_, '_>,
    check: impl FnOnce(&mut Permit<'_, '_>) -> Result<()>,
    write: impl FnOnce(&mut Permit<'_, '_>) -> Result<()>,
) -> Result<()> {
    let mut state = locked(work)?;
    check(work)?;
    work.whole(|work| {
        write(work)?;
        state.stamp = work.new_id();
        work.update(&mut state)
    })
}

fn locked(work: &mut Permit<'_, '_>) -> Result<AccessState> {
    work.find_or_first(Uuid::nil(), |work| AccessState {
        id: Uuid::nil(),
        version: Version::FIRST,
        stamp: work.new_id(),
    })?;
    work.lock(Uuid::nil())
}

/// Who changes the policy, with the rights of this moment: a user of this policy may have lost some since the actor was
/// made. Others have what their host gave them.
fn writer(work: &UnitOfWork<'_>, policy: &Policy) -> Result<Actor> {
    match work.actor().principal() {
        Principal::User(id) if policy.users.contains_key(id) => {
            let writer = policy.actor(work.actor().principal())?;
            writer.reach(WRITE)?;
            Ok(writer)
        }
        _ => Ok(work.actor().clone()),
    }
}
