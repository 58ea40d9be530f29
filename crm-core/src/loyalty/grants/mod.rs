//! Gifts to groups: a list of members first, then a lot for each (S-37, C70, C71).

pub mod event;
mod model;
mod rules;

pub use model::{GrantId, GrantMember, GrantState, GroupGrant, MemberState, grant_member, group_grant};
pub use rules::GrantAction;
