//! Who acts, and what they may do. Deny is the default.
//!
//! This is the seam every operation passes: [`UnitOfWork::require`](crate::work::UnitOfWork::require) asks it. Roles,
//! groups and credentials are built on top and end in an [`Actor`] with its grants.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::branches::BranchId;
use crate::customers::CustomerId;
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
    User(Uuid),
    /// A customer or partner who serves themselves.
    Customer(CustomerId),
    /// Nobody who is known.
    Anonymous,
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Module(name) => write!(f, "module:{name}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Customer(id) => write!(f, "customer:{id}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// How far a grant reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every record.
    All,
    /// Records of these places of business.
    Branches(BTreeSet<BranchId>),
    /// Records of this one customer.
    Own(CustomerId),
}

/// What an operation touches, as far as scopes are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Target {
    /// The place of business, if the record belongs to one.
    pub branch: Option<BranchId>,
    /// The customer, if the record belongs to one.
    pub customer: Option<CustomerId>,
}

impl Target {
    /// Something that belongs to no branch and no customer: only [`Scope::All`] reaches it.
    pub const ANY: Self = Self { branch: None, customer: None };

    /// A record of a branch.
    pub fn branch(branch: BranchId) -> Self {
        Self { branch: Some(branch), customer: None }
    }

    /// A record of a customer.
    pub fn customer(customer: CustomerId) -> Self {
        Self { branch: None, customer: Some(customer) }
    }
}

impl Scope {
    /// Whether a grant of this scope covers the target.
    pub fn covers(&self, target: &Target) -> bool {
        match self {
            Self::All => true,
            Self::Branches(branches) => target.branch.is_some_and(|branch| branches.contains(&branch)),
            Self::Own(customer) => target.customer == Some(*customer),
        }
    }
}

/// A principal with its grants: every unit of work carries one.
///
/// ```
/// use crm_core::access::{Actor, Principal, Scope, Target};
/// let clerk = Actor::new(Principal::User(uuid::Uuid::nil())).granted("customers.read", Scope::All);
/// assert!(clerk.may("customers.read", &Target::ANY));
/// assert!(!clerk.may("customers.write", &Target::ANY), "deny is the default");
/// ```
#[derive(Debug, Clone)]
pub struct Actor {
    principal: Principal,
    grants: Grants,
}

#[derive(Debug, Clone)]
enum Grants {
    Everything,
    Some(Arc<BTreeMap<Cow<'static, str>, Scope>>),
}

impl Actor {
    /// An actor without a single grant.
    pub fn new(principal: Principal) -> Self {
        Self { principal, grants: Grants::Some(Arc::default()) }
    }

    /// The host application itself, which may do everything. For set-up, maintenance and tests; never for a request
    /// that came from a person.
    pub fn system() -> Self {
        Self { principal: Principal::System, grants: Grants::Everything }
    }

    /// The same actor with one more grant. A second grant of a permission replaces the first.
    #[must_use]
    pub fn granted(self, permission: impl Into<Cow<'static, str>>, scope: Scope) -> Self {
        let grants = match self.grants {
            Grants::Everything => Grants::Everything,
            Grants::Some(mut grants) => {
                Arc::make_mut(&mut grants).insert(permission.into(), scope);
                Grants::Some(grants)
            }
        };
        Self { grants, ..self }
    }

    /// Who this is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// How far this actor's grant of a permission reaches: the condition to put into a query.
    ///
    /// # Errors
    /// [`Error::Denied`] without a grant.
    pub fn scope(&self, permission: &'static str) -> Result<&Scope> {
        match &self.grants {
            Grants::Everything => Ok(&Scope::All),
            Grants::Some(grants) => {
                grants.get(permission).ok_or(Error::Denied { permission: Cow::Borrowed(permission) })
            }
        }
    }

    /// Whether this actor may do this to the target.
    pub fn may(&self, permission: &'static str, target: &Target) -> bool {
        self.scope(permission).is_ok_and(|scope| scope.covers(target))
    }

    /// The same as [`may`](Self::may), as an error to pass on.
    ///
    /// # Errors
    /// [`Error::Denied`]
    pub fn require(&self, permission: &'static str, target: &Target) -> Result<()> {
        if self.may(permission, target) { Ok(()) } else { Err(Error::Denied { permission: Cow::Borrowed(permission) }) }
    }
}
