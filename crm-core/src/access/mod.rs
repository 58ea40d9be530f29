//! Who acts, and what they may do. Deny is the default.
//!
//! An [`Actor`] is a principal with its grants, each with its [`Reach`]. Every operation asks it for a
//! [`Permit`](crate::work::Permit), and there is no way to the rows without one. Roles, groups and credentials are built
//! on top, and end in an actor.

pub mod event;
mod explain;
mod grants;
mod guard;
mod ids;
mod model;
mod policy;
mod reach;
mod service;
mod staff;
mod state;
mod templates;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use explain::{Access, Decision, Explanation, GrantMatch, GroupStep, RolePath, Whom};
pub use grants::Grants;
pub use ids::Ids;
pub use model::{
    AccessState, Effect, Extent, Grant, GroupMember, HiddenField, Holder, HolderKind, PolicyStamp, Role,
    RoleAssignment, RoleAssignmentId, RoleId, Snapshot, StaffGroup, StaffGroupId, User, access_state, group_member,
    role, role_assignment, staff_group, user,
};
pub use policy::Policy;
pub use reach::{Reach, Region, Scoped, Target};
pub use service::{ADMIN, AccessControl, LOGIN, NewRole, READ, WRITE};
pub use staff::MAX_GROUP_DEPTH;
pub(crate) use state::PolicyCache;
pub use state::roles_of;
pub use templates::{ADMIN_ROLE, Template, templates};

use crate::customers::CustomerId;
use crate::work::Schema;
use crate::{Error, Result};

crate::id! {
    /// Names a user: a member of staff.
    pub struct UserId;
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// The host application itself, for set-up and maintenance.
    System,
    /// A module, when it handles an event.
    Module(Cow<'static, str>),
    /// A member of staff.
    User(UserId),
    /// A customer who serves themselves.
    Customer(CustomerId),
    /// A partner who serves themselves: the customer who is one.
    Partner(CustomerId),
    /// Nobody who is known.
    Anonymous,
}

impl Principal {
    /// What a principal is as a record: whether somebody may log in is asked with [`LOGIN`] and this.
    pub fn target(&self) -> Target {
        match self {
            Self::User(id) => Target { owner: Some(*id), ..Target::ANY },
            Self::Customer(id) | Self::Partner(id) => Target::customer(*id),
            Self::System | Self::Module(_) | Self::Anonymous => Target::ANY,
        }
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Module(name) => write!(f, "module:{name}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Customer(id) => write!(f, "customer:{id}"),
            Self::Partner(id) => write!(f, "partner:{id}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// A principal with its grants: every unit of work carries one. Cheap to clone.
///
/// ```
/// use crm_core::access::{Actor, Principal, Reach, Region, Target, UserId};
/// use crm_core::branches::BranchId;
/// let here = BranchId::from(uuid::Uuid::from_u128(1));
/// let clerk = Actor::new(Principal::User(UserId::from(uuid::Uuid::from_u128(7))))
///     .granted("catalog.read", Reach::all())
///     .granted("customers.read", Region::branches([here]));
/// assert!(clerk.may("catalog.read", &Target::ANY));
/// assert!(clerk.may("customers.read", &Target::branch(here)));
/// assert!(!clerk.may("customers.read", &Target::ANY), "no further than it reaches");
/// assert!(!clerk.may("customers.write", &Target::branch(here)), "deny is the default");
/// ```
#[derive(Debug, Clone)]
pub struct Actor {
    principal: Principal,
    rights: Rights,
    channel: Option<Arc<str>>,
    hidden: Arc<BTreeSet<HiddenField>>,
}

#[derive(Debug, Clone)]
enum Rights {
    Everything,
    Granted(Arc<Grants>),
}

/// What the system may do.
static EVERYTHING: Reach = Reach::all();

impl Actor {
    /// An actor without a single grant.
    pub fn new(principal: Principal) -> Self {
        Self::with_grants(principal, Grants::default())
    }

    /// An actor with these grants. Takes an `Arc` too, so that grants compiled once serve every request.
    pub fn with_grants(principal: Principal, grants: impl Into<Arc<Grants>>) -> Self {
        Self { principal, rights: Rights::Granted(grants.into()), channel: None, hidden: Arc::default() }
    }

    /// The host application itself, which may do everything. For set-up, maintenance and tests; never for a request
    /// that came from a person.
    pub fn system() -> Self {
        Self { principal: Principal::System, rights: Rights::Everything, channel: None, hidden: Arc::default() }
    }

    /// The same actor with one more grant. A second grant of a permission replaces the first.
    #[must_use]
    pub fn granted(self, permission: impl Into<Cow<'static, str>>, reach: impl Into<Reach>) -> Self {
        let rights = match self.rights {
            Rights::Everything => Rights::Everything,
            Rights::Granted(mut grants) => {
                Arc::make_mut(&mut grants).insert(permission, reach.into());
                Rights::Granted(grants)
            }
        };
        Self { rights, ..self }
    }

    /// The same actor at this place: a till, a site, a program. The journal keeps it with everything they do (S-52).
    #[must_use]
    pub fn via(self, channel: impl Into<Arc<str>>) -> Self {
        Self { channel: Some(channel.into()), ..self }
    }

    /// The same actor where another one acts: a module answers what somebody did at a till.
    pub(crate) fn where_acts(self, other: &Self) -> Self {
        Self { channel: other.channel.clone(), ..self }
    }

    /// Where this actor acts, if the host said so.
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// The same actor, who does not see these columns: what is read [within](crate::work::Within) their reach has them
    /// empty, no condition may ask for them, and what they write back keeps them as they were.
    #[must_use]
    pub fn hiding(self, hidden: impl Into<Arc<BTreeSet<HiddenField>>>) -> Self {
        Self { hidden: hidden.into(), ..self }
    }

    /// The columns this actor does not see.
    pub fn hidden(&self) -> &BTreeSet<HiddenField> {
        &self.hidden
    }

    /// The positions of the columns of a kind that this actor does not see.
    pub(crate) fn hidden_of(&self, schema: &Schema) -> Vec<usize> {
        let hidden = self.hidden.iter().filter(|field| field.kind == schema.kind);
        hidden.filter_map(|field| schema.position(&field.column)).collect()
    }

    /// The same actor with none but these permissions, as far as it has them: what an API token is limited to.
    #[must_use]
    pub fn limited_to(self, permissions: &BTreeSet<String>) -> Self {
        let grants: Grants = match &self.rights {
            Rights::Everything => permissions.iter().map(|name| (name.clone(), Reach::all())).collect(),
            Rights::Granted(grants) => grants.kept(|name| permissions.contains(name)),
        };
        Self { rights: Rights::Granted(Arc::new(grants)), ..self }
    }

    /// Who this is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// How far this actor's grant of a permission reaches.
    ///
    /// # Errors
    /// [`Error::Denied`] without a grant, or with one that can cover no record at all.
    pub fn reach(&self, permission: &'static str) -> Result<&Reach> {
        let reach = match &self.rights {
            Rights::Everything => Some(&EVERYTHING),
            Rights::Granted(grants) => grants.get(permission),
        };
        reach.ok_or(Error::Denied { permission: Cow::Borrowed(permission) })
    }

    /// Whether this actor may do this to the target.
    pub fn may(&self, permission: &'static str, target: &Target) -> bool {
        self.reach(permission).is_ok_and(|reach| reach.covers(target))
    }

    /// The same as [`may`](Self::may), as an error to pass on.
    ///
    /// # Errors
    /// [`Error::Denied`]
    pub fn require(&self, permission: &'static str, target: &Target) -> Result<()> {
        if self.may(permission, target) { Ok(()) } else { Err(Error::Denied { permission: Cow::Borrowed(permission) }) }
    }

    /// Whether this is [`system`](Self::system): no grant makes an actor that.
    pub(crate) fn is_system(&self) -> bool {
        matches!(self.rights, Rights::Everything)
    }
}

#[cfg(test)]
mod tests;
