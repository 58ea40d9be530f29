//! What happens to gifts to groups. What each member gets is an entry of the ledger, which says so itself.

use serde::{Deserialize, Serialize};

use super::model::{GrantId, GrantState, GroupGrant};
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`GrantMoved`].
pub const GRANT_MOVED: &str = "loyalty.grant_moved";

/// A gift to a group was planned, or came a step further.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GrantMoved {
    /// Which.
    pub grant: GrantId,
    /// Where it stands now.
    pub state: GrantState,
    /// To how many it was given by now.
    pub given: i64,
    /// How much of it was given by now.
    pub given_units: i64,
    /// How much of that was taken back.
    pub revoked_units: i64,
}

impl From<&GroupGrant> for GrantMoved {
    fn from(grant: &GroupGrant) -> Self {
        Self {
            grant: grant.id,
            state: grant.state,
            given: grant.given,
            given_units: grant.given_units,
            revoked_units: grant.revoked_units,
        }
    }
}

impl Event for GrantMoved {
    const KIND: &'static str = GRANT_MOVED;

    fn about(&self) -> About {
        About {
            reference: Some(Reference { kind: GroupGrant::SCHEMA.kind, id: self.grant.into() }),
            ..About::default()
        }
    }
}
