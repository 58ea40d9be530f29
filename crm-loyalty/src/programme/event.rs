//! What happens to the programme.

use crm_core::kernel::time::Timestamp;
use crm_core::module::{About, Event};
use serde::{Deserialize, Serialize};

/// The kind of [`ProgrammeSaved`].
pub const PROGRAMME_SAVED: &str = "loyalty.programme_saved";

/// A version of the programme was saved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProgrammeSaved {
    /// The number of the version.
    pub number: u32,
    /// The first instant it is in force.
    pub from: Timestamp,
    /// The first instant it is no longer in force.
    pub until: Option<Timestamp>,
}

impl Event for ProgrammeSaved {
    const KIND: &'static str = PROGRAMME_SAVED;

    fn about(&self) -> About {
        About::default()
    }
}
