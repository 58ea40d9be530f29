//! What a change of the policy must not do: give away more than its writer holds, touch the writer's own rights, or leave
//! nobody in charge (S-61 to S-63). Pure: a change is the policy before it and the policy after it.

use std::collections::HashMap;
use std::hash::Hash;

use super::model::{Extent, Holder, Role, RoleAssignment};
use super::policy::Policy;
use super::reach::{Reach, Region};
use super::{ADMIN, Actor, Principal};
use crate::{Error, Result};

/// Refuses a change that the writer may not make.
///
/// # Errors
/// [`Error::Denied`] for [`ADMIN`] when it gives somebody more than the writer holds; [`Error::Invalid`] with rule
/// `access.own_rights` when it touches what the writer holds, `access.last_admin` when it takes the last admin away.
pub(super) fn check(before: &Policy, after: &Policy, writer: &Actor) -> Result<()> {
    check_own(before, after, writer.principal())?;
    if admins(after) == 0 && admins(before) > 0 {
        return Err(Error::invalid("admin", "access.last_admin"));
    }
    if is_admin(writer.reach(ADMIN).ok()) {
        return Ok(());
    }
    // Others could be shown what is hidden from the writer.
    if !writer.hidden().is_empty() {
        return Err(beyond());
    }
    check_roles(before, after, writer)?;
    check_assignments(before, after, writer)?;
    check_growth(before, after, writer)
}

/// How many active users may change the whole policy.
pub(super) fn admins(policy: &Policy) -> usize {
    let users = policy.users.keys().map(|id| Principal::User(*id));
    users.filter(|user| is_admin(policy.reach(user, ADMIN).as_ref().ok())).count()
}

fn is_admin(reach: Option<&Reach>) -> bool {
    reach.is_some_and(|reach| reach.allowed.all && reach.forbidden.is_empty())
}

/// Nobody changes what they hold themselves: their roles, how they came by them, or how far they reach.
fn check_own(before: &Policy, after: &Policy, writer: &Principal) -> Result<()> {
    let state = |policy: &Policy| {
        let held = policy.held(writer).ok()?.into_iter();
        let held: Vec<_> = held.map(|held| (held.assignment.clone(), held.role.clone(), held.via)).collect();
        Some((held, policy.groups_of(writer).to_vec(), policy.reaches(writer).ok()?))
    };
    if state(before) == state(after) { Ok(()) } else { Err(Error::invalid("principal", "access.own_rights")) }
}

/// Whoever writes a role holds each line of it, permit or forbid, as it was and as it will be, wherever it is held.
fn check_roles(before: &Policy, after: &Policy, writer: &Actor) -> Result<()> {
    let old = before.roles().map(|role| (role.id, role)).collect();
    let new = after.roles().map(|role| (role.id, role)).collect();
    for (policy, role) in changed(before, &old, after, &new) {
        for (permission, extent) in policy.lines(role) {
            let region = if extent == Extent::All { Region::all() } else { Region::none() };
            holds(writer, permission, &region, &Region::none())?;
        }
        for assignment in policy.assignments.iter().filter(|assignment| assignment.role_id == role.id) {
            check_assignment(policy, assignment, role, writer)?;
        }
    }
    Ok(())
}

/// Whoever gives or takes a role holds all it means there.
fn check_assignments(before: &Policy, after: &Policy, writer: &Actor) -> Result<()> {
    let old = before.assignments.iter().map(|one| (one.id, one)).collect();
    let new = after.assignments.iter().map(|one| (one.id, one)).collect();
    for (policy, assignment) in changed(before, &old, after, &new) {
        if let Some(role) = policy.roles().find(|role| role.id == assignment.role_id) {
            check_assignment(policy, assignment, role, writer)?;
        }
    }
    Ok(())
}

fn check_assignment(policy: &Policy, assignment: &RoleAssignment, role: &Role, writer: &Actor) -> Result<()> {
    let holder = match assignment.holder() {
        Holder::User(id) => Some(Principal::User(id)),
        Holder::Customer(id) => Some(Principal::Customer(id)),
        Holder::Anonymous => Some(Principal::Anonymous),
        Holder::Group(_) | Holder::EveryCustomer | Holder::EveryPartner => None,
    };
    for (permission, extent) in policy.lines(role) {
        let region = match (&holder, extent) {
            // Anybody may be one of these tomorrow, so what is their own is everybody's.
            (None, Extent::Own | Extent::Group) => Region::all(),
            (None, extent) => policy.region(&Principal::Anonymous, assignment, extent),
            (Some(holder), extent) => policy.region(holder, assignment, extent),
        };
        holds(writer, permission, &region, &Region::none())?;
    }
    Ok(())
}

/// Nobody reaches more after the change than before it, but for what the writer reaches: this sees what groups do.
fn check_growth(before: &Policy, after: &Policy, writer: &Actor) -> Result<()> {
    let users = after.users.keys().map(|id| Principal::User(*id));
    let customers = after.assignments.iter().chain(&before.assignments).filter_map(|one| match one.holder() {
        Holder::Customer(id) => Some([Principal::Customer(id), Principal::Partner(id)]),
        _ => None,
    });
    for principal in users.chain(customers.flatten()).chain([Principal::Anonymous]) {
        let was = before.reaches(&principal).unwrap_or_default();
        let now = after.reaches(&principal).unwrap_or_default();
        for permission in &after.permissions {
            let Some(reach) = now.get(permission) else { continue };
            let more = gained(was.get(permission).unwrap_or(&Reach::none()), reach);
            if !more.is_empty() {
                holds(writer, permission, &more, &reach.forbidden)?;
            }
        }
    }
    Ok(())
}

/// What one side has and the other has not, or not the same, each with its side.
fn changed<'p, K: Eq + Hash, T: PartialEq>(
    before: &'p Policy,
    old: &HashMap<K, &'p T>,
    after: &'p Policy,
    new: &HashMap<K, &'p T>,
) -> Vec<(&'p Policy, &'p T)> {
    let gone = old.iter().filter(|(id, one)| new.get(id) != Some(one)).map(|(_, one)| (before, *one));
    let come = new.iter().filter(|(id, one)| old.get(id) != Some(one)).map(|(_, one)| (after, *one));
    gone.chain(come).collect()
}

/// The records somebody reaches afterwards and did not before, or more than these.
fn gained(before: &Reach, after: &Reach) -> Region {
    if after.is_empty() {
        return Region::none();
    }
    if before.is_empty() || (before.forbidden.all && !after.forbidden.all) {
        return after.allowed.clone();
    }
    let mut gained = less(&after.allowed, &before.allowed);
    gained.extend(less(&before.forbidden, &after.forbidden));
    gained
}

fn less(a: &Region, b: &Region) -> Region {
    match (a.all, b.all) {
        (_, true) => Region::none(),
        (true, false) => Region::all(),
        (false, false) => Region {
            all: false,
            branches: a.branches.without(&b.branches),
            customers: a.customers.without(&b.customers),
            owners: a.owners.without(&b.owners),
        },
    }
}

/// Refuses unless the writer reaches the whole region, but for what stays forbidden to whom it is given.
fn holds(writer: &Actor, permission: &'static str, region: &Region, forbidden: &Region) -> Result<()> {
    let reach = writer.reach(permission).map_err(|_| beyond())?;
    let holds = less(region, &reach.allowed).is_empty() && less(&reach.forbidden, forbidden).is_empty();
    if holds { Ok(()) } else { Err(beyond()) }
}

/// More than the writer holds: only somebody with [`ADMIN`] may.
fn beyond() -> Error {
    Error::Denied { permission: ADMIN.into() }
}
