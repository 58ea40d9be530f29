//! What happens to rights: the audit of who may do what (S-52).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::UserId;
use super::model::{
    Grant, HiddenField, Holder, Role, RoleAssignment, RoleAssignmentId, RoleId, StaffGroup, StaffGroupId, User,
};
use crate::branches::BranchId;
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`UserChanged`].
pub const USER_CHANGED: &str = "access.user.changed";
/// The kind of [`GroupChanged`].
pub const GROUP_CHANGED: &str = "access.group.changed";
/// The kind of [`MemberChanged`].
pub const MEMBER_CHANGED: &str = "access.member.changed";
/// The kind of [`RoleChanged`].
pub const ROLE_CHANGED: &str = "access.role.changed";
/// The kind of [`AssignmentChanged`].
pub const ASSIGNMENT_CHANGED: &str = "access.assignment.changed";
/// The kind of [`AdminRecovered`].
pub const ADMIN_RECOVERED: &str = "access.admin.recovered";

crate::text_enum! {
    /// What was done.
    pub enum Change {
        /// It is new.
        Created = "created",
        /// It is different.
        Changed = "changed",
        /// It is gone.
        Removed = "removed",
    }
}

/// A user was made, renamed, enabled or disabled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UserChanged {
    /// The user.
    pub user: UserId,
    /// What was done.
    pub change: Change,
    /// Whether the user is active now.
    pub active: bool,
}

/// A group of staff was made, renamed, moved or removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupChanged {
    /// The group.
    pub group: StaffGroupId,
    /// What was done.
    pub change: Change,
    /// The group above.
    pub parent: Option<StaffGroupId>,
}

/// A user joined a group or left it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MemberChanged {
    /// The group.
    pub group: StaffGroupId,
    /// The user.
    pub user: UserId,
    /// [`Change::Created`] or [`Change::Removed`].
    pub change: Change,
}

/// A role was made, changed or removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoleChanged {
    /// The role.
    pub role: RoleId,
    /// What was done.
    pub change: Change,
    /// What it allows and forbids now, or did last.
    pub grants: Vec<Grant>,
    /// What it hides now, or did last.
    pub hidden: BTreeSet<HiddenField>,
}

/// A role was given or taken, or holds at other branches.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AssignmentChanged {
    /// The assignment.
    pub assignment: RoleAssignmentId,
    /// What was done.
    pub change: Change,
    /// The role.
    pub role: RoleId,
    /// Who holds it.
    pub holder: Holder,
    /// Where it holds now, or did last.
    pub branches: BTreeSet<BranchId>,
}

/// The host put a user in charge.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AdminRecovered {
    /// The user.
    pub user: UserId,
}

fn about<E: Entity>(id: impl Into<uuid::Uuid>) -> About {
    About { reference: Some(Reference { kind: E::SCHEMA.kind, id: id.into() }), ..About::default() }
}

impl Event for UserChanged {
    const KIND: &'static str = USER_CHANGED;

    fn about(&self) -> About {
        about::<User>(self.user)
    }
}

impl Event for GroupChanged {
    const KIND: &'static str = GROUP_CHANGED;

    fn about(&self) -> About {
        about::<StaffGroup>(self.group)
    }
}

impl Event for MemberChanged {
    const KIND: &'static str = MEMBER_CHANGED;

    fn about(&self) -> About {
        about::<User>(self.user)
    }
}

impl Event for RoleChanged {
    const KIND: &'static str = ROLE_CHANGED;

    fn about(&self) -> About {
        about::<Role>(self.role)
    }
}

impl Event for AssignmentChanged {
    const KIND: &'static str = ASSIGNMENT_CHANGED;

    fn about(&self) -> About {
        let customer = if let Holder::Customer(id) = self.holder { Some(id) } else { None };
        About { customer, ..about::<RoleAssignment>(self.assignment) }
    }
}

impl Event for AdminRecovered {
    const KIND: &'static str = ADMIN_RECOVERED;

    fn about(&self) -> About {
        about::<User>(self.user)
    }
}
