//! Users and groups of staff.

use super::UserId;
use super::event::{Change, GroupChanged, MemberChanged, UserChanged};
use super::model::{GroupMember, Snapshot, StaffGroup, StaffGroupId, User, group_member, staff_group, user};
use super::reach::Target;
use super::service::{AccessControl, READ, WRITE};
use super::state::change;
use crate::kernel::input::{folded, required_text};
use crate::kernel::page::{Cursor, Limit, Page};
use crate::work::{Filter, Version};
use crate::{Error, Result};

/// How deep groups may lie.
pub const MAX_GROUP_DEPTH: usize = 32;

impl AccessControl<'_, '_> {
    /// Adds a member of staff, active and without any right.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is not 1 to 200 characters.
    pub fn create_user(&mut self, name: &str) -> Result<User> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let name = required_text("name", name, 200)?;
        let user = User { id: work.new_id(), version: Version::FIRST, name, active: true };
        let event = UserChanged { user: user.id, change: Change::Created, active: true };
        change(
            &mut work,
            |snapshot| {
                put_user(snapshot, &user);
                Ok(())
            },
            |work| {
                work.insert(&user)?;
                work.emit(&event).map(|_| ())
            },
        )?;
        Ok(user)
    }

    /// Stores the changes of a user: the name, and whether they are active. A user who is not may do nothing at all from
    /// the next call of [`Crm::actor`](crate::Crm::actor) on.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it was changed meanwhile; [`Error::Denied`] for more than the actor holds;
    /// [`Error::Invalid`] with rule `access.own_rights` or `access.last_admin`.
    pub fn update_user(&mut self, user: &mut User) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        user.name = required_text("name", &user.name, 200)?;
        let after = user.clone();
        let event = UserChanged { user: user.id, change: Change::Changed, active: user.active };
        change(
            &mut work,
            |snapshot| {
                put_user(snapshot, &after);
                Ok(())
            },
            |work| {
                work.update(user)?;
                work.emit(&event).map(|_| ())
            },
        )
    }

    /// The user with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn user(&mut self, id: UserId) -> Result<User> {
        self.0.within(READ)?.get(id)
    }

    /// One page of users by name, narrowed to what the actor may see.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn users(&mut self, limit: Limit, after: Option<&Cursor>) -> Result<Page<User>> {
        self.0.within(READ)?.select(Filter::all()).order_by(user::name).page(limit, after)
    }

    /// Adds a group of staff under another, or at the top.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] for a name that is taken; [`Error::NotFound`] for a parent that is not there;
    /// [`Error::Invalid`] with rule `group.too_deep`.
    pub fn create_group(&mut self, name: &str, parent: Option<StaffGroupId>) -> Result<StaffGroup> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let name = required_text("name", name, 100)?;
        let folded_name = folded("name", &name)?;
        let group = StaffGroup { id: work.new_id(), version: Version::FIRST, parent_id: parent, name, folded_name };
        let event = GroupChanged { group: group.id, change: Change::Created, parent };
        change(
            &mut work,
            |snapshot| put_group(snapshot, &group),
            |work| {
                work.insert(&group)?;
                work.emit(&event).map(|_| ())
            },
        )?;
        Ok(group)
    }

    /// Stores the changes of a group: its name, and the group above.
    ///
    /// # Errors
    /// As [`create_group`](Self::create_group); [`Error::Invalid`] with rule `group.below_itself`; [`Error::Denied`] when
    /// its members would gain more than the actor holds; [`Error::Conflict`] when it was changed meanwhile.
    pub fn update_group(&mut self, group: &mut StaffGroup) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        group.name = required_text("name", &group.name, 100)?;
        group.folded_name = folded("name", &group.name)?;
        let after = group.clone();
        let event = GroupChanged { group: group.id, change: Change::Changed, parent: group.parent_id };
        change(
            &mut work,
            |snapshot| put_group(snapshot, &after),
            |work| {
                work.update(group)?;
                work.emit(&event).map(|_| ())
            },
        )
    }

    /// Removes a group that has no members, no groups below it and no roles.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `group.in_use`; [`Error::Conflict`] when it was changed meanwhile.
    pub fn remove_group(&mut self, group: &StaffGroup) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let event = GroupChanged { group: group.id, change: Change::Removed, parent: group.parent_id };
        change(
            &mut work,
            |snapshot| take_group(snapshot, group.id),
            |work| {
                work.delete(group)?;
                work.emit(&event).map(|_| ())
            },
        )
    }

    /// All groups by name.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn groups(&mut self) -> Result<Vec<StaffGroup>> {
        self.0.permit(READ, &Target::ANY)?.select(Filter::all()).order_by(staff_group::folded_name).all()
    }

    /// Puts a user into a group.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when they are in it; [`Error::NotFound`]; [`Error::Denied`] when somebody would gain more
    /// than the actor holds.
    pub fn join(&mut self, group_id: StaffGroupId, user_id: UserId) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        work.get::<User>(user_id)?;
        work.get::<StaffGroup>(group_id)?;
        let member = GroupMember { group_id, user_id };
        let event = MemberChanged { group: group_id, user: user_id, change: Change::Created };
        let join = |snapshot: &mut Snapshot| {
            snapshot.members.push(member.clone());
            Ok(())
        };
        change(&mut work, join, |work| {
            work.insert(&member)?;
            work.emit(&event).map(|_| ())
        })
    }

    /// Takes a user out of a group.
    ///
    /// # Errors
    /// [`Error::NotFound`] when they are not in it; otherwise as [`join`](Self::join).
    pub fn leave(&mut self, group_id: StaffGroupId, user_id: UserId) -> Result<()> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let member: GroupMember = work.get((group_id, user_id))?;
        let event = MemberChanged { group: group_id, user: user_id, change: Change::Removed };
        let leave = |snapshot: &mut Snapshot| {
            snapshot.members.retain(|one| *one != member);
            Ok(())
        };
        change(&mut work, leave, |work| {
            work.delete(&member)?;
            work.emit(&event).map(|_| ())
        })
    }

    /// The members of a group itself, not of those below it.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn members(&mut self, group: StaffGroupId) -> Result<Vec<User>> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        let members: Vec<GroupMember> = work.select(group_member::group_id.eq(group)).all()?;
        let ids: Vec<UserId> = members.iter().map(|member| member.user_id).collect();
        Ok(work.get_many(&ids)?.into_iter().flatten().collect())
    }
}

fn put_user(snapshot: &mut Snapshot, user: &User) {
    snapshot.users.retain(|one| one.id != user.id);
    snapshot.users.push(user.clone());
}

fn put_group(snapshot: &mut Snapshot, group: &StaffGroup) -> Result<()> {
    check_parent(&snapshot.groups, group)?;
    snapshot.groups.retain(|one| one.id != group.id);
    snapshot.groups.push(group.clone());
    Ok(())
}

fn take_group(snapshot: &mut Snapshot, id: StaffGroupId) -> Result<()> {
    let used = snapshot.members.iter().any(|member| member.group_id == id)
        || snapshot.groups.iter().any(|group| group.parent_id == Some(id))
        || snapshot.assignments.iter().any(|one| one.holder() == super::Holder::Group(id));
    if used {
        return Err(Error::invalid("group", "group.in_use"));
    }
    snapshot.groups.retain(|group| group.id != id);
    Ok(())
}

/// Refuses a parent that is not there, one below the group itself, and one that lies too deep.
fn check_parent(groups: &[StaffGroup], group: &StaffGroup) -> Result<()> {
    let mut above = group.parent_id;
    for _ in 1..MAX_GROUP_DEPTH {
        let Some(id) = above else { return Ok(()) };
        if id == group.id {
            return Err(Error::invalid("parent_id", "group.below_itself"));
        }
        let parent = groups.iter().find(|one| one.id == id);
        above = parent.ok_or_else(|| Error::not_found("staff_group", id))?.parent_id;
    }
    if above.is_none() { Ok(()) } else { Err(Error::invalid("parent_id", "group.too_deep")) }
}
