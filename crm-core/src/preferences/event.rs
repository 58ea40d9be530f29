//! What happens to preferences.

use serde::{Deserialize, Serialize};

use super::model::PreferenceSource;
use crate::customers::{Customer, CustomerId};
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`PreferenceChanged`].
pub const PREFERENCE_CHANGED: &str = "preferences.changed";

/// A preference was set, or is no longer known. The value stays in the record, where erasure finds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PreferenceChanged {
    /// Whose.
    pub customer: CustomerId,
    /// What it is about.
    pub key: String,
    /// Who says so.
    pub source: PreferenceSource,
    /// Whether it is known now.
    pub known: bool,
}

impl Event for PreferenceChanged {
    const KIND: &'static str = PREFERENCE_CHANGED;

    fn about(&self) -> About {
        About {
            customer: Some(self.customer),
            reference: Some(Reference { kind: Customer::SCHEMA.kind, id: self.customer.into() }),
            ..About::default()
        }
    }
}
