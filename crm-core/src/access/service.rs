//! Roles and who holds them. Users and their groups are in `staff.rs`.

use std::collections::BTreeSet;

use super::event::{AdminRecovered, AssignmentChanged, Change, RoleChanged, UserChanged};
use super::model::{
    Extent, Grant, GroupMember, HiddenField, Holder, Role, RoleAssignment, RoleId, StaffGroup, User, group_member,
    role, role_assignment,
};
use super::reach::Target;
use super::state::{change, replace};
use super::templates::{ADMIN_ROLE, templates};
use super::{Access, Explanation, Principal, UserId};
use crate::branches::{Branch, BranchId};
use crate::customers::Customer;
use crate::kernel::input::{folded, required_text};
use crate::work::{Entity, Filter, Json, Permit, UnitOfWork, Version};
use crate::{Error, Result};

/// Permission to see users, groups, roles and who holds them, and why somebody may do something.
pub const READ: &str = "access.read";
/// Permission to define users, groups, roles and who holds them, as far as one's own rights go.
pub const WRITE: &str = "access.write";
/// Permission to define them beyond one's own rights: for whoever is in charge. Counts only without bounds.
pub const ADMIN: &str = "access.admin";
/// Permission to log in, apart from having an account (C40, S-64): the [`Gate`](crate::accounts::Gate) asks for it with
/// [`Principal::target`]. Whoever should have no rights but this one holds a role with this one.
pub const LOGIN: &str = "access.login";

/// The most grants, and the most hidden fields, of one role.
const MAX_LINES: usize = 500;

/// A role to create.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// Its name, 1 to 100 characters, unique.
    pub name: String,
    /// What it allows and forbids.
    pub grants: Vec<Grant>,
    /// What it hides.
    #[serde(default)]
    pub hidden: BTreeSet<HiddenField>,
}

impl NewRole {
    /// A role that hides nothing.
    pub fn named(name: impl Into<String>, grants: impl IntoIterator<Item = Grant>) -> Self {
        Self { name: name.into(), grants: grants.into_iter().collect(), hidden: BTreeSet::new() }
    }
}

/// Rights, seen from a unit of work: `work.access()`.
///
/// Every change is checked against the policy as it is when the change is made: nobody gives what they do not hold,
/// nobody touches their own rights, and the last admin stays (S-61 to S-63). A change holds from the next call of
/// [`Crm::actor`](crate::Crm::actor) on, in every process.
pub struct AccessControl<'w, 't>(pub(super) &'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Users, groups, roles, and who holds them.
    pub fn access(&mut self) -> AccessControl<'_, 't> {
        AccessControl(self)
    }
}

impl AccessControl<'_, '_> {
    /// Designs a role.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] for a name that is taken; [`Error::Invalid`] for a permission, kind or column that nobody
    /// defines, and for the name of a shipped role; [`Error::Denied`] for more than the actor holds.
    pub fn create_role(&mut self, new: NewRole) -> Result<Role> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let mut role = Role {
            id: work.new_id(),
            version: Version::FIRST,
            name: new.name,
            folded_name: String::new(),
            grants: Json(new.grants),
            hidden: Json(new.hidden),
            built_in: false,
        };
        check_role(&work, &mut role)?;
        store_role(&mut work, &mut role, Change::Created)?;
        Ok(role)
    }

    /// Stores the changes of a role. They hold for everybody who holds it.
    ///
    /// # Errors
    /// As [`create_role`](Self::create_role); [`Error::Invalid`] with rule `role.built_in` for a shipped role;
    /// [`Error::Conflict`] when it was changed meanwhile.
    pub fn update_role(&mut self, role: &mut Role) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        if role.built_in || work.get::<Role>(role.id)?.built_in {
            return Err(Error::invalid("role", "role.built_in"));
        }
        check_role(&work, role)?;
        store_role(&mut work, role, Change::Changed)
    }

    /// Removes a role that nobody holds.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `role.built_in` or `role.in_use`; [`Error::Conflict`] when it was changed meanwhile.
    pub fn remove_role(&mut self, role: &Role) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        if role.built_in || work.get::<Role>(role.id)?.built_in {
            return Err(Error::invalid("role", "role.built_in"));
        }
        store_role(&mut work, &mut role.clone(), Change::Removed)
    }

    /// The role with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn role(&mut self, id: RoleId) -> Result<Role> {
        self.0.permit(READ, &Target::ANY)?.get(id)
    }

    /// All roles by name.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn roles(&mut self) -> Result<Vec<Role>> {
        self.0.permit(READ, &Target::ANY)?.select(Filter::all()).order_by(role::folded_name).all()
    }

    /// Brings the shipped roles up to date with the permissions that are installed, and returns them: admin, operator,
    /// employee, customer, partner. For the host, when it sets a store up and after each upgrade.
    ///
    /// # Errors
    /// [`Error::Denied`] unless the actor is the system.
    pub fn install_templates(&mut self) -> Result<Vec<Role>> {
        let mut work = self.0.unrestricted()?;
        let shipped = templates(&work.shared.installed.permissions());
        shipped.into_iter().map(|template| shipped_role(&mut work, template.name, template.grants)).collect()
    }

    /// Lets somebody hold a role. `branches` are those that [`Extent::Branch`] means here; the actor needs [`WRITE`] at
    /// each of them, or everywhere when there are none.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when they hold it already; [`Error::NotFound`] for a role, holder or branch that is not
    /// there; [`Error::Denied`] for more than the actor holds.
    pub fn assign(
        &mut self,
        role: RoleId,
        holder: Holder,
        branches: impl IntoIterator<Item = BranchId>,
    ) -> Result<RoleAssignment> {
        let branches: BTreeSet<BranchId> = branches.into_iter().collect();
        let mut work = permit_at(self.0, [&branches])?;
        work.get::<Role>(role)?;
        check_branches(&mut work, &branches)?;
        match holder {
            Holder::User(id) => work.get::<User>(id).map(|_| ())?,
            Holder::Group(id) => work.get::<StaffGroup>(id).map(|_| ())?,
            Holder::Customer(id) => work.get::<Customer>(id).map(|_| ())?,
            Holder::EveryCustomer | Holder::EveryPartner | Holder::Anonymous => {}
        }
        let (holder_kind, holder) = holder.parts();
        let branches = Json(branches);
        let id = work.new_id();
        let mut assignment =
            RoleAssignment { id, version: Version::FIRST, role_id: role, holder_kind, holder, branches };
        store_assignment(&mut work, &mut assignment, Change::Created)?;
        Ok(assignment)
    }

    /// Lets an assignment hold at other branches.
    ///
    /// # Errors
    /// As [`assign`](Self::assign).
    pub fn reassign(
        &mut self,
        held: &RoleAssignment,
        branches: impl IntoIterator<Item = BranchId>,
    ) -> Result<RoleAssignment> {
        let branches: BTreeSet<BranchId> = branches.into_iter().collect();
        let mut work = permit_at(self.0, [&held.branches.0, &branches])?;
        let mut assignment = unchanged(&mut work, held)?;
        check_branches(&mut work, &branches)?;
        assignment.branches = Json(branches);
        store_assignment(&mut work, &mut assignment, Change::Changed)?;
        Ok(assignment)
    }

    /// Takes a role from somebody.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is taken already; [`Error::Conflict`] when it was changed meanwhile; [`Error::Denied`]
    /// for more than the actor holds; [`Error::Invalid`] with rule `access.own_rights` or `access.last_admin`.
    pub fn withdraw(&mut self, held: &RoleAssignment) -> Result<()> {
        let mut work = permit_at(self.0, [&held.branches.0])?;
        let mut assignment = unchanged(&mut work, held)?;
        store_assignment(&mut work, &mut assignment, Change::Removed)
    }

    /// The roles somebody holds themselves, not through a group, by role.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn assignments_of(&mut self, holder: Holder) -> Result<Vec<RoleAssignment>> {
        self.0.permit(READ, &Target::ANY)?.select(held_by(holder)).order_by(role_assignment::role_id).all()
    }

    /// Why a principal may do this to the target, or may not: see [`Explanation`].
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn explain(&mut self, principal: &Principal, permission: &str, target: &Target) -> Result<Explanation> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        Ok(super::state::load(&mut work)?.explain(principal, permission, target))
    }

    /// Who may do this to the target, and through what.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn who(&mut self, permission: &str, target: &Target) -> Result<Vec<Access>> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        Ok(super::state::load(&mut work)?.who(permission, target))
    }

    /// Puts a user in charge, whatever happened: enabled, in no group, with the shipped role `admin` and no other. The way
    /// to replace the last admin, who cannot be removed otherwise.
    ///
    /// # Errors
    /// [`Error::Denied`] unless the actor is the system; [`Error::NotFound`].
    pub fn recover_admin(&mut self, id: UserId) -> Result<()> {
        let mut work = self.0.unrestricted()?;
        let mut user: User = work.get(id)?;
        let admin = shipped_role(&mut work, ADMIN_ROLE, vec![Grant::permit("*", Extent::All)])?;
        let members: Vec<GroupMember> = work.select(group_member::user_id.eq(id)).all()?;
        let held: Vec<RoleAssignment> = work.select(held_by(Holder::User(id))).all()?;
        let (holder_kind, holder) = Holder::User(id).parts();
        let branches = Json(BTreeSet::new());
        let assignment = RoleAssignment {
            id: work.new_id(),
            version: Version::FIRST,
            role_id: admin.id,
            holder_kind,
            holder,
            branches,
        };
        user.active = true;
        replace(&mut work, |work| {
            members.iter().try_for_each(|member| work.delete(member))?;
            held.iter().try_for_each(|held| work.delete(held))?;
            work.update(&mut user)?;
            work.insert(&assignment)?;
            work.emit(&UserChanged { user: id, change: Change::Changed, active: true })?;
            work.emit(&AdminRecovered { user: id }).map(|_| ())
        })
    }
}

/// Asks for [`WRITE`] at each of these branches, and everywhere for a set of none.
fn permit_at<'w, 't, 'b>(
    work: &'w mut UnitOfWork<'t>,
    sets: impl IntoIterator<Item = &'b BTreeSet<BranchId>>,
) -> Result<Permit<'w, 't>> {
    let mut target = Target::ANY;
    for branches in sets {
        if branches.is_empty() {
            work.actor().require(WRITE, &Target::ANY)?;
        }
        for branch in branches {
            target = Target::branch(*branch);
            work.actor().require(WRITE, &target)?;
        }
    }
    work.permit(WRITE, &target)
}

fn held_by(holder: Holder) -> Filter<RoleAssignment> {
    let (kind, id) = holder.parts();
    role_assignment::holder.eq(id).and(role_assignment::holder_kind.eq(kind))
}

/// What is stored, if it is what the caller has seen: by its branches the caller was let in.
fn unchanged(work: &mut Permit<'_, '_>, held: &RoleAssignment) -> Result<RoleAssignment> {
    let stored: RoleAssignment = work.get(held.id)?;
    if stored == *held { Ok(stored) } else { Err(Error::Conflict { kind: RoleAssignment::SCHEMA.kind }) }
}

fn check_branches(work: &mut Permit<'_, '_>, branches: &BTreeSet<BranchId>) -> Result<()> {
    let ids: Vec<BranchId> = branches.iter().copied().collect();
    let found = work.get_many::<Branch>(&ids)?;
    match ids.iter().zip(found).find(|(_, found)| found.is_none()) {
        Some((missing, _)) => Err(Error::not_found("branch", missing)),
        None => Ok(()),
    }
}

fn check_role(work: &UnitOfWork<'_>, role: &mut Role) -> Result<()> {
    role.name = required_text("name", &role.name, 100)?;
    role.folded_name = folded("name", &role.name)?;
    let permissions = work.shared.installed.permissions();
    if templates(&permissions).iter().any(|shipped| shipped.name == role.folded_name) {
        return Err(Error::invalid("name", "role.name_reserved"));
    }
    if role.grants.0.len() > MAX_LINES || role.hidden.0.len() > MAX_LINES {
        return Err(Error::invalid("grants", "role.too_long"));
    }
    if role.grants.0.iter().any(|grant| !permissions.iter().any(|permission| grant.names(permission))) {
        return Err(Error::invalid("grants", "role.permission_unknown"));
    }
    for field in &role.hidden.0 {
        let schema = work.shared.schemas.iter().find(|schema| schema.kind == field.kind);
        let column = schema.and_then(|schema| schema.columns.get(schema.position(&field.column)?));
        match column {
            // Hidden is shown as empty, where lists are narrowed to the one who asks.
            Some(column) if column.nullable && schema.is_some_and(|schema| !schema.scoped.is_empty()) => {}
            Some(_) => return Err(Error::invalid("hidden", "role.column_shown")),
            None => return Err(Error::invalid("hidden", "role.column_unknown")),
        }
    }
    Ok(())
}

/// The shipped role of this name, made or brought up to date.
fn shipped_role(work: &mut Permit<'_, '_>, name: &str, grants: Vec<Grant>) -> Result<Role> {
    let folded_name = folded("name", name)?;
    match work.select(role::folded_name.eq(&folded_name)).first()? {
        Some(role) if role.grants.0 == grants && role.built_in => Ok(role),
        Some(mut role) => {
            (role.grants, role.built_in) = (Json(grants), true);
            store_role(work, &mut role, Change::Changed)?;
            Ok(role)
        }
        None => {
            let id = work.new_id();
            let (version, grants, hidden) = (Version::FIRST, Json(grants), Json(BTreeSet::new()));
            let mut role = Role { id, version, name: name.to_owned(), folded_name, grants, hidden, built_in: true };
            store_role(work, &mut role, Change::Created)?;
            Ok(role)
        }
    }
}

fn store_role(work: &mut Permit<'_, '_>, role: &mut Role, how: Change) -> Result<()> {
    let event =
        RoleChanged { role: role.id, change: how, grants: role.grants.0.clone(), hidden: role.hidden.0.clone() };
    let after = role.clone();
    let edit = |snapshot: &mut super::Snapshot| {
        if how == Change::Removed && snapshot.assignments.iter().any(|one| one.role_id == after.id) {
            return Err(Error::invalid("role", "role.in_use"));
        }
        snapshot.roles.retain(|one| one.id != after.id);
        snapshot.roles.extend((how != Change::Removed).then_some(after));
        Ok(())
    };
    change(work, edit, |work| {
        match how {
            Change::Created => work.insert(role)?,
            Change::Changed => work.update(role)?,
            Change::Removed => work.delete(role)?,
        }
        work.emit(&event).map(|_| ())
    })
}

fn store_assignment(work: &mut Permit<'_, '_>, assignment: &mut RoleAssignment, how: Change) -> Result<()> {
    let event = AssignmentChanged {
        assignment: assignment.id,
        change: how,
        role: assignment.role_id,
        holder: assignment.holder(),
        branches: assignment.branches.0.clone(),
    };
    let after = assignment.clone();
    let edit = |snapshot: &mut super::Snapshot| {
        snapshot.assignments.retain(|one| one.id != after.id);
        snapshot.assignments.extend((how != Change::Removed).then_some(after));
        Ok(())
    };
    change(work, edit, |work| {
        match how {
            Change::Created => work.insert(assignment)?,
            Change::Changed => work.update(assignment)?,
            Change::Removed => work.delete(assignment)?,
        }
        work.emit(&event).map(|_| ())
    })
}
