//! Staff, groups of staff, roles, and who holds them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Principal, UserId};
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::work::{Json, Version};

crate::id! {
    /// Names a group of staff.
    pub struct StaffGroupId;
    /// Names a role.
    pub struct RoleId;
    /// Names the assignment of a role.
    pub struct RoleAssignmentId;
    /// Names a state of the policy: another with every change of it.
    pub struct PolicyStamp;
}

crate::entity! {
    /// A member of staff. By what they are known at login is the business of credentials.
    pub struct User {
        kind: "user", table: "crm_users", key: (id: UserId), columns: user, version: version, personal: [name],
        scoped: { owner: id },
    } {
        /// Its id.
        id: UserId,
        /// The optimistic lock.
        version: Version,
        /// The name, as colleagues see it.
        name: String,
        /// Whether this user may do anything at all. Users are never removed, for the journal names them.
        active: bool,
    }
}

crate::entity! {
    /// A group of staff. What is assigned to a group holds for its members and for those of every group below it.
    pub struct StaffGroup {
        kind: "staff_group", table: "crm_staff_groups", key: (id: StaffGroupId), columns: staff_group, version: version,
        unique: { name: [folded_name] },
    } {
        /// Its id.
        id: StaffGroupId,
        /// The optimistic lock.
        version: Version,
        /// The group above.
        parent_id: Option<StaffGroupId>,
        /// Its name.
        name: String,
        /// Its name, folded.
        folded_name: String,
    }
}

crate::entity! {
    /// A user belongs to a group.
    pub struct GroupMember {
        kind: "group_member", table: "crm_group_members", key: (group_id: StaffGroupId, user_id: UserId),
        columns: group_member,
    } {
        /// The group.
        group_id: StaffGroupId,
        /// The user.
        user_id: UserId,
    }
}

crate::text_enum! {
    /// Whether a grant allows or forbids. A forbid beats every permit.
    pub enum Effect {
        /// Allows.
        Permit = "permit",
        /// Forbids, whatever allows it.
        Forbid = "forbid",
    }
}

crate::text_enum! {
    /// To which records a grant extends, seen from whoever holds the role.
    pub enum Extent {
        /// One's own: the customer's for a customer, those a user is responsible for.
        Own = "own",
        /// One's own, and those that members of one's groups, or of groups below these, are responsible for.
        Group = "group",
        /// Those of the branches that the assignment names.
        Branch = "branch",
        /// Every record.
        All = "all",
    }
}

/// One line of a role: what it allows or forbids, and on which records.
///
/// ```
/// use crm_core::access::{Extent, Grant};
/// let grant = Grant::permit("customers.*", Extent::Branch);
/// assert!(grant.names("customers.read") && !grant.names("catalog.read"));
/// assert!(Grant::forbid("*", Extent::All).names("customers.read"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// A permission, or all that begin alike (`customers.*`), or all (`*`).
    pub permission: String,
    /// Allows or forbids.
    pub effect: Effect,
    /// On which records.
    pub extent: Extent,
}

impl Grant {
    /// Allows.
    pub fn permit(permission: impl Into<String>, extent: Extent) -> Self {
        Self { permission: permission.into(), effect: Effect::Permit, extent }
    }

    /// Forbids.
    pub fn forbid(permission: impl Into<String>, extent: Extent) -> Self {
        Self { permission: permission.into(), effect: Effect::Forbid, extent }
    }

    /// Whether it speaks of this permission.
    pub fn names(&self, permission: &str) -> bool {
        match self.permission.strip_suffix('*') {
            Some("") => true,
            Some(prefix) => prefix.ends_with('.') && permission.len() > prefix.len() && permission.starts_with(prefix),
            None => self.permission == permission,
        }
    }
}

/// A column that holders of a role do not see. One role that hides it is enough.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HiddenField {
    /// The kind of entity.
    pub kind: String,
    /// The column.
    pub column: String,
}

crate::entity! {
    /// A role: what its holders may do. Designed by an admin.
    pub struct Role {
        kind: "role", table: "crm_roles", key: (id: RoleId), columns: role, version: version,
        unique: { name: [folded_name] },
    } {
        /// Its id.
        id: RoleId,
        /// The optimistic lock.
        version: Version,
        /// Its name.
        name: String,
        /// Its name, folded.
        folded_name: String,
        /// What it allows and forbids.
        grants: Json<Vec<Grant>>,
        /// What it hides.
        hidden: Json<BTreeSet<HiddenField>>,
        /// Whether it comes from a template: then it is neither changed nor removed by hand. Copy it instead.
        built_in: bool,
    }
}

/// Who holds a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// One user.
    User(UserId),
    /// The members of a group and of every group below it.
    Group(StaffGroupId),
    /// One customer, who may be a partner.
    Customer(CustomerId),
    /// Every customer who serves themselves, partners too.
    EveryCustomer,
    /// Every partner who serves themselves.
    EveryPartner,
    /// Nobody who is known.
    Anonymous,
}

crate::text_enum! {
    /// The kind of a [`Holder`].
    pub enum HolderKind {
        /// See [`Holder::User`].
        User = "user",
        /// See [`Holder::Group`].
        Group = "group",
        /// See [`Holder::Customer`].
        Customer = "customer",
        /// See [`Holder::EveryCustomer`].
        EveryCustomer = "every_customer",
        /// See [`Holder::EveryPartner`].
        EveryPartner = "every_partner",
        /// See [`Holder::Anonymous`].
        Anonymous = "anonymous",
    }
}

impl Holder {
    /// The kind and the id, nil where there is none.
    pub fn parts(self) -> (HolderKind, Uuid) {
        match self {
            Self::User(id) => (HolderKind::User, id.into()),
            Self::Group(id) => (HolderKind::Group, id.into()),
            Self::Customer(id) => (HolderKind::Customer, id.into()),
            Self::EveryCustomer => (HolderKind::EveryCustomer, Uuid::nil()),
            Self::EveryPartner => (HolderKind::EveryPartner, Uuid::nil()),
            Self::Anonymous => (HolderKind::Anonymous, Uuid::nil()),
        }
    }

    /// The holders through which a principal holds roles, but for the groups of a user.
    pub(super) fn of(principal: &Principal) -> Vec<Self> {
        match principal {
            Principal::System | Principal::Module(_) => Vec::new(),
            Principal::User(id) => vec![Self::User(*id)],
            Principal::Customer(id) => vec![Self::Customer(*id), Self::EveryCustomer],
            Principal::Partner(id) => vec![Self::Customer(*id), Self::EveryCustomer, Self::EveryPartner],
            Principal::Anonymous => vec![Self::Anonymous],
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, id) = self.parts();
        if id.is_nil() { write!(f, "{kind}") } else { write!(f, "{kind}:{id}") }
    }
}

crate::entity! {
    /// Somebody holds a role.
    pub struct RoleAssignment {
        kind: "role_assignment", table: "crm_role_assignments", key: (id: RoleAssignmentId), columns: role_assignment,
        version: version, unique: { holder: [holder, holder_kind, role_id] },
    } {
        /// Its id.
        id: RoleAssignmentId,
        /// The optimistic lock.
        version: Version,
        /// The role.
        role_id: RoleId,
        /// What holds it.
        holder_kind: HolderKind,
        /// Who holds it; nil where the kind says all.
        holder: Uuid,
        /// The places of business that [`Extent::Branch`] means in this assignment. The same role can be held with others
        /// by others, and another role at another branch (C46).
        branches: Json<BTreeSet<BranchId>>,
    }
}

impl RoleAssignment {
    /// Who holds it.
    pub fn holder(&self) -> Holder {
        match self.holder_kind {
            HolderKind::User => Holder::User(self.holder.into()),
            HolderKind::Group => Holder::Group(self.holder.into()),
            HolderKind::Customer => Holder::Customer(self.holder.into()),
            HolderKind::EveryCustomer => Holder::EveryCustomer,
            HolderKind::EveryPartner => Holder::EveryPartner,
            HolderKind::Anonymous => Holder::Anonymous,
        }
    }
}

crate::entity! {
    /// Which policy holds: one row, replaced by every change of users, groups, roles and assignments, in the same
    /// transaction. Whoever has the policy of the same stamp has the present one; whoever changes it locks this row first.
    pub struct AccessState {
        kind: "access_state", table: "crm_access_state", key: (id: Uuid), columns: access_state, version: version,
    } {
        /// Always nil.
        id: Uuid,
        /// How many changes there were.
        version: Version,
        /// Another with every change, so that a store that was put back to a backup is noticed too.
        stamp: PolicyStamp,
    }
}

/// Everything the policy is made of, at one moment. Compiled into a [`Policy`](super::Policy).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Members of staff.
    pub users: Vec<User>,
    /// Their groups.
    pub groups: Vec<StaffGroup>,
    /// Who belongs to which.
    pub members: Vec<GroupMember>,
    /// The roles.
    pub roles: Vec<Role>,
    /// Who holds which.
    pub assignments: Vec<RoleAssignment>,
}
