//! The policy: users, groups, roles and assignments compiled into what each principal may do. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::grants::Names;
use super::model::{Effect, Extent, HiddenField, Holder, Role, RoleAssignment, RoleId, Snapshot, StaffGroupId};
use super::reach::{Reach, Region};
use super::{Actor, Grants, LOGIN, Principal, UserId};
use crate::{Error, Result};

/// What roles, groups and assignments come to at one moment. Compiled once for each change, then only read.
///
/// Nothing is allowed unless a role permits it, a forbid beats every permit, and what a role says of permissions that no
/// installed module defines counts for nothing.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    pub(super) permissions: Vec<&'static str>,
    /// The same, as every actor's grants name them.
    names: Arc<Names>,
    pub(super) users: HashMap<UserId, bool>,
    pub(super) groups: HashMap<StaffGroupId, Node>,
    memberships: HashMap<UserId, Vec<StaffGroupId>>,
    roles: Vec<CompiledRole>,
    pub(super) assignments: Vec<RoleAssignment>,
    /// By holder: places in `assignments` and `roles`.
    held: HashMap<Holder, Vec<(usize, usize)>>,
}

/// A group in its hierarchy.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) parent: Option<StaffGroupId>,
    children: Vec<StaffGroupId>,
    members: Vec<UserId>,
}

/// A role with its wildcards resolved: permissions with the places of the grants that name them.
#[derive(Debug, Clone)]
struct CompiledRole {
    role: Role,
    named: Vec<(&'static str, usize)>,
}

/// A role somebody holds, and how they came by it.
#[derive(Debug, Clone)]
pub(super) struct Held<'p> {
    pub(super) assignment: &'p RoleAssignment,
    pub(super) role: &'p Role,
    named: &'p [(&'static str, usize)],
    /// From the user's own group up to the one that holds the role; empty when it is held directly.
    pub(super) via: Vec<StaffGroupId>,
}

impl Policy {
    /// Compiles a snapshot for these permissions. Groups in a circle and assignments of roles that are not there do no harm:
    /// they add nothing.
    pub fn compile(snapshot: Snapshot, permissions: &[&'static str]) -> Self {
        let names = Arc::new(Names::new(permissions));
        let mut policy = Self { permissions: permissions.to_vec(), names, ..Self::default() };
        policy.users = snapshot.users.iter().map(|user| (user.id, user.active)).collect();
        for group in snapshot.groups {
            let node = Node { name: group.name, parent: group.parent_id, ..Node::default() };
            policy.groups.insert(group.id, node);
        }
        let parents: Vec<_> = policy.groups.iter().filter_map(|(id, node)| Some((*id, node.parent?))).collect();
        for (id, parent) in parents {
            if let Some(node) = policy.groups.get_mut(&parent) {
                node.children.push(id);
            }
        }
        for member in snapshot.members {
            if let Some(node) = policy.groups.get_mut(&member.group_id) {
                node.members.push(member.user_id);
                policy.memberships.entry(member.user_id).or_default().push(member.group_id);
            }
        }
        policy.roles = snapshot.roles.into_iter().map(|role| CompiledRole::new(role, permissions)).collect();
        let places: HashMap<_, _> = policy.roles.iter().enumerate().map(|(at, one)| (one.role.id, at)).collect();
        for (at, assignment) in snapshot.assignments.iter().enumerate() {
            if let Some(role) = places.get(&assignment.role_id) {
                policy.held.entry(assignment.holder()).or_default().push((at, *role));
            }
        }
        policy.assignments = snapshot.assignments;
        policy
    }

    /// A principal with everything their roles grant, and what their roles hide. One decision is then a look-up of the
    /// permission and of the record's branch, customer or owner, however many grants there are.
    ///
    /// # Errors
    /// [`Error::Denied`] for a user who is disabled or not known, and for those of whom no policy tells: the system and
    /// modules.
    pub fn actor(&self, principal: &Principal) -> Result<Actor> {
        let hidden = self.hidden(principal)?;
        Ok(Actor::with_grants(principal.clone(), self.reaches(principal)?).hiding(hidden))
    }

    /// How far each permission of a principal reaches. Permissions that reach nothing are left out.
    ///
    /// # Errors
    /// As [`actor`](Self::actor).
    pub fn reaches(&self, principal: &Principal) -> Result<Grants> {
        let held = self.held(principal)?;
        let mut reaches = HashMap::<&'static str, Reach>::new();
        for held in &held {
            for (permission, grant) in held.named {
                let Some(grant) = held.role.grants.0.get(*grant) else { continue };
                let region = self.region(principal, held.assignment, grant.extent);
                reaches.entry(permission).or_default().add(grant.effect, region);
            }
        }
        for region in reaches.values_mut().flat_map(|reach| [&mut reach.allowed, &mut reach.forbidden]) {
            if region.all {
                *region = Region::all();
            }
        }
        let mut grants = Grants::of(self.names.clone());
        for (permission, reach) in reaches {
            grants.insert(permission, reach);
        }
        Ok(grants)
    }

    /// The columns a principal does not see: all that one of their roles hides.
    ///
    /// # Errors
    /// As [`actor`](Self::actor).
    pub fn hidden(&self, principal: &Principal) -> Result<BTreeSet<HiddenField>> {
        Ok(self.held(principal)?.iter().flat_map(|held| held.role.hidden.0.iter().cloned()).collect())
    }

    /// The roles a principal holds, directly or through groups; none for whoever may hold none now.
    pub fn roles_of(&self, principal: &Principal) -> BTreeSet<RoleId> {
        self.held(principal).map(|held| held.iter().map(|held| held.role.id).collect()).unwrap_or_default()
    }

    /// How far one permission of a principal reaches.
    pub(super) fn reach(&self, principal: &Principal, permission: &'static str) -> Result<Reach> {
        let mut reach = Reach::none();
        for held in self.held(principal)? {
            for grant in held.role.grants.0.iter().filter(|grant| grant.names(permission)) {
                reach.add(grant.effect, self.region(principal, held.assignment, grant.extent));
            }
        }
        Ok(reach)
    }

    /// The roles there are.
    pub(super) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter().map(|one| &one.role)
    }

    /// What a role says: every permission it speaks of, and on which records.
    pub(super) fn lines<'p>(&'p self, role: &'p Role) -> impl Iterator<Item = (&'static str, Extent)> + 'p {
        self.permissions.iter().flat_map(|permission| {
            let grants = role.grants.0.iter().filter(|grant| grant.names(permission));
            grants.map(|grant| (*permission, grant.extent))
        })
    }

    /// The roles a principal holds, directly or through groups, each assignment once.
    pub(super) fn held(&self, principal: &Principal) -> Result<Vec<Held<'_>>> {
        if !self.knows(principal) {
            return Err(Error::Denied { permission: LOGIN.into() });
        }
        let direct = Holder::of(principal).into_iter().map(|holder| (holder, Vec::new()));
        let through =
            self.groups_above(principal).into_iter().filter_map(|via| Some((Holder::Group(*via.last()?), via)));
        let mut all = Vec::new();
        for (holder, via) in direct.chain(through) {
            for (assignment, role) in self.held.get(&holder).into_iter().flatten() {
                if let (Some(assignment), Some(one)) = (self.assignments.get(*assignment), self.roles.get(*role)) {
                    all.push(Held { assignment, role: &one.role, named: &one.named, via: via.clone() });
                }
            }
        }
        Ok(all)
    }

    /// Whether this is somebody who may hold roles now.
    pub(super) fn knows(&self, principal: &Principal) -> bool {
        match principal {
            Principal::System | Principal::Module(_) => false,
            Principal::User(id) => self.users.get(id) == Some(&true),
            Principal::Customer(_) | Principal::Partner(_) | Principal::Anonymous => true,
        }
    }

    /// The records that an extent means for a principal in an assignment.
    pub(super) fn region(&self, principal: &Principal, assignment: &RoleAssignment, extent: Extent) -> Region {
        match extent {
            Extent::All => Region::all(),
            Extent::Branch => Region::branches(assignment.branches.0.iter().copied()),
            Extent::Own => own(principal),
            Extent::Group => {
                let mut region = own(principal);
                region.owners.extend(self.colleagues(principal));
                region
            }
        }
    }

    pub(super) fn groups_of(&self, principal: &Principal) -> &[StaffGroupId] {
        let Principal::User(id) = principal else { return &[] };
        self.memberships.get(id).map_or(&[], Vec::as_slice)
    }

    /// The groups a user belongs to and those above, each with the way to it, nearest first.
    fn groups_above(&self, principal: &Principal) -> Vec<Vec<StaffGroupId>> {
        let mut ways: Vec<Vec<StaffGroupId>> = self.groups_of(principal).iter().map(|id| vec![*id]).collect();
        let mut seen: HashSet<_> = ways.iter().flatten().copied().collect();
        let mut at = 0;
        while let Some(way) = ways.get(at).cloned() {
            at += 1;
            let parent = way.last().and_then(|id| self.groups.get(id)?.parent);
            if let Some(parent) = parent.filter(|parent| self.groups.contains_key(parent) && seen.insert(*parent)) {
                ways.push(way.into_iter().chain([parent]).collect());
            }
        }
        ways
    }

    /// The members of a user's groups and of the groups below these.
    fn colleagues(&self, principal: &Principal) -> BTreeSet<UserId> {
        let mut groups = self.groups_of(principal).to_vec();
        let mut seen: HashSet<_> = groups.iter().copied().collect();
        let mut colleagues = BTreeSet::new();
        while let Some(node) = groups.pop().and_then(|id| self.groups.get(&id)) {
            colleagues.extend(&node.members);
            groups.extend(node.children.iter().copied().filter(|child| seen.insert(*child)));
        }
        colleagues
    }
}

impl CompiledRole {
    fn new(role: Role, permissions: &[&'static str]) -> Self {
        let grants = role.grants.0.iter().enumerate();
        let named = grants.flat_map(|(at, grant)| {
            permissions.iter().filter(|permission| grant.names(permission)).map(move |permission| (*permission, at))
        });
        Self { named: named.collect(), role }
    }
}

impl Reach {
    /// Adds what one grant allows or forbids.
    pub(super) fn add(&mut self, effect: Effect, region: Region) {
        match effect {
            Effect::Permit => self.allowed.extend(region),
            Effect::Forbid => self.forbidden.extend(region),
        }
    }
}

/// What is a principal's own.
fn own(principal: &Principal) -> Region {
    match principal {
        Principal::User(id) => Region::owners([*id]),
        Principal::Customer(id) | Principal::Partner(id) => Region::customer(*id),
        Principal::System | Principal::Module(_) | Principal::Anonymous => Region::default(),
    }
}
