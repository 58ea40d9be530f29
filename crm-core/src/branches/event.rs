//! What happens to branches.

use serde::{Deserialize, Serialize};

use super::model::{Branch, BranchId};
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`BranchOpened`].
pub const BRANCH_OPENED: &str = "branches.opened";
/// The kind of [`BranchChanged`].
pub const BRANCH_CHANGED: &str = "branches.changed";

/// A place of business was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BranchOpened {
    /// The branch.
    pub branch: BranchId,
}

/// Data of a place of business were changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BranchChanged {
    /// The branch.
    pub branch: BranchId,
    /// The columns that changed.
    pub columns: Vec<String>,
}

fn about(branch: BranchId) -> About {
    About {
        branch: Some(branch),
        reference: Some(Reference { kind: Branch::SCHEMA.kind, id: branch.into() }),
        ..About::default()
    }
}

impl Event for BranchOpened {
    const KIND: &'static str = BRANCH_OPENED;

    fn about(&self) -> About {
        about(self.branch)
    }
}

impl Event for BranchChanged {
    const KIND: &'static str = BRANCH_CHANGED;

    fn about(&self) -> About {
        about(self.branch)
    }
}
