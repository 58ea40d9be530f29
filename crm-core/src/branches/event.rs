//! What happens to branches.

use serde::{Deserialize, Serialize};

use super::model::{Branch, BranchId};
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`BranchOpened`].
pub const BRANCH_OPENED: &str = "branches.opened";

/// A place of business was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BranchOpened {
    /// The branch.
    pub branch: BranchId,
}

impl Event for BranchOpened {
    const KIND: &'static str = BRANCH_OPENED;

    fn about(&self) -> About {
        About {
            branch: Some(self.branch),
            reference: Some(Reference { kind: Branch::SCHEMA.kind, id: self.branch.into() }),
            ..About::default()
        }
    }
}
