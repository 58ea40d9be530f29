//! Why somebody may do something or may not, and who may: the policy's answers as data (N-28). Pure.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::model::{Grant, Holder, RoleAssignmentId, RoleId, StaffGroupId};
use super::policy::{Held, Policy};
use super::reach::{Reach, Target};
use super::{Principal, UserId};
use crate::customers::CustomerId;

/// Whether it is allowed, and if not, at what it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A role permits it and none forbids it.
    Allowed,
    /// Nobody the policy knows, or a user who is disabled.
    NotKnown,
    /// No role of theirs permits it on any record.
    NotGranted,
    /// A role permits it, but not on this record.
    OutOfReach,
    /// A role forbids it on this record.
    Forbidden,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::NotKnown => "denied: not known, or disabled",
            Self::NotGranted => "denied: no role permits it",
            Self::OutOfReach => "denied: permitted, but not on this record",
            Self::Forbidden => "denied: a role forbids it",
        })
    }
}

/// How a decision came about: the roles that speak of the permission, each with the way to it and the grants in it.
/// Its `Display` is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Who.
    pub principal: Principal,
    /// What.
    pub permission: String,
    /// On what.
    pub target: Target,
    /// The answer: the one that [`Actor::may`](super::Actor::may) gives.
    pub decision: Decision,
    /// The roles that speak of it. Roles that do not are left out.
    pub roles: Vec<RolePath>,
}

/// A role somebody holds, and how they came by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RolePath {
    /// The role.
    pub role: RoleId,
    /// Its name.
    pub role_name: String,
    /// The assignment.
    pub assignment: RoleAssignmentId,
    /// Who holds it.
    pub holder: Holder,
    /// The groups from the user's own up to the one that holds the role; empty when it is held directly.
    pub via: Vec<GroupStep>,
    /// The grants in it that speak of the permission.
    pub grants: Vec<GrantMatch>,
}

/// A group on the way to a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupStep {
    /// The group.
    pub id: StaffGroupId,
    /// Its name.
    pub name: String,
}

/// A grant, and whether it applies to the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrantMatch {
    /// The grant.
    pub grant: Grant,
    /// Whether the record is one of those it extends to.
    pub covers: bool,
}

/// Somebody who may do something, and through what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    /// Who.
    pub who: Whom,
    /// The roles that allow it.
    pub roles: Vec<RolePath>,
}

/// One principal, or all of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// This one.
    One(Principal),
    /// Every customer, but for these, whom a role of their own forbids it.
    EveryCustomer {
        /// Who may not.
        except: Vec<CustomerId>,
    },
    /// Every partner, but for these, whom a role of their own forbids it.
    EveryPartner {
        /// Who may not.
        except: Vec<CustomerId>,
    },
}

impl Policy {
    /// Why a principal may do this to the target, or may not.
    pub fn explain(&self, principal: &Principal, permission: &str, target: &Target) -> Explanation {
        let explained = |decision, roles| Explanation {
            principal: principal.clone(),
            permission: permission.to_owned(),
            target: *target,
            decision,
            roles,
        };
        let Ok(held) = self.held(principal) else { return explained(Decision::NotKnown, Vec::new()) };
        if !self.permissions.contains(&permission) {
            return explained(Decision::NotGranted, Vec::new());
        }
        let mut reach = Reach::none();
        let mut roles = Vec::new();
        for held in &held {
            let mut grants = Vec::new();
            for grant in held.role.grants.0.iter().filter(|grant| grant.names(permission)) {
                let region = self.region(principal, held.assignment, grant.extent);
                grants.push(GrantMatch { grant: grant.clone(), covers: region.contains(target) });
                reach.add(grant.effect, region);
            }
            if !grants.is_empty() {
                roles.push(self.path(held, grants));
            }
        }
        let decision = if reach.allowed.is_empty() {
            Decision::NotGranted
        } else if reach.forbidden.contains(target) {
            Decision::Forbidden
        } else if reach.allowed.contains(target) {
            Decision::Allowed
        } else {
            Decision::OutOfReach
        };
        explained(decision, roles)
    }

    /// Who may do this to the target, and through what: users by id, then customers and partners, then nobody known.
    /// The system and modules are not listed: no role makes them.
    ///
    /// Customers are listed one by one where a role is their own or the record is, and as one where every customer may.
    pub fn who(&self, permission: &str, target: &Target) -> Vec<Access> {
        let mut found = Vec::new();
        let mut ask = |principal: Principal, whom: Option<Whom>| {
            let explained = self.explain(&principal, permission, target);
            let allowed = explained.decision == Decision::Allowed;
            if allowed {
                found.push(Access { who: whom.unwrap_or(Whom::One(principal)), roles: explained.roles });
            }
            allowed
        };
        let users: BTreeSet<UserId> = self.users.keys().copied().collect();
        for user in users {
            ask(Principal::User(user), None);
        }
        let holders = self.assignments.iter().filter_map(|assignment| match assignment.holder() {
            Holder::Customer(id) => Some(id),
            _ => None,
        });
        let customers: BTreeSet<CustomerId> = holders.chain(target.customer).collect();
        let one_by_one: [fn(CustomerId) -> Principal; 2] = [Principal::Customer, Principal::Partner];
        let of_all: [fn(Vec<CustomerId>) -> Whom; 2] =
            [|except| Whom::EveryCustomer { except }, |except| Whom::EveryPartner { except }];
        for (one, all) in one_by_one.into_iter().zip(of_all) {
            let except = customers.iter().copied().filter(|id| !ask(one(*id), None)).collect();
            // Somebody of whom nothing is known but that they are one, and to whom nothing belongs.
            ask(one(uuid::Uuid::max().into()), Some(all(except)));
        }
        ask(Principal::Anonymous, None);
        found
    }

    fn path(&self, held: &Held<'_>, grants: Vec<GrantMatch>) -> RolePath {
        let name = |id| self.groups.get(id).map_or_else(String::new, |node| node.name.clone());
        RolePath {
            role: held.role.id,
            role_name: held.role.name.clone(),
            assignment: held.assignment.id,
            holder: held.assignment.holder(),
            via: held.via.iter().map(|id| GroupStep { id: *id, name: name(id) }).collect(),
            grants,
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}: {}", self.principal, self.permission, self.decision)?;
        self.roles.iter().try_for_each(|role| role.fmt(f))
    }
}

impl fmt::Display for RolePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  role {:?} of {}", self.role_name, self.holder)?;
        for (at, step) in self.via.iter().enumerate() {
            write!(f, "{} {:?}", if at == 0 { ", through group" } else { " below" }, step.name)?;
        }
        writeln!(f)?;
        for GrantMatch { grant, covers } in &self.grants {
            let applies = if *covers { "applies" } else { "not this record" };
            writeln!(f, "    {} {} ({}): {applies}", grant.effect, grant.permission, grant.extent)?;
        }
        Ok(())
    }
}
