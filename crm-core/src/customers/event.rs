//! What happens to customers.

use serde::{Deserialize, Serialize};

use super::model::{Customer, CustomerId, Stage};
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`CustomerCreated`].
pub const CUSTOMER_CREATED: &str = "customers.created";
/// The kind of [`CustomerChanged`].
pub const CUSTOMER_CHANGED: &str = "customers.changed";
/// The kind of [`CustomersRelated`].
pub const CUSTOMERS_RELATED: &str = "customers.related";
/// The kind of [`StageReached`].
pub const STAGE_REACHED: &str = "customers.stage_reached";

/// The kind of [`CustomersMerged`].
pub const CUSTOMERS_MERGED: &str = "customers.merged";
/// The kind of [`CustomersUnmerged`].
pub const CUSTOMERS_UNMERGED: &str = "customers.unmerged";

/// A customer was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CustomerCreated {
    /// The customer.
    pub customer: CustomerId,
    /// The stage at which.
    pub stage: Stage,
}

/// Data of a customer were changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CustomerChanged {
    /// The customer.
    pub customer: CustomerId,
    /// The columns that changed. Their values stay in the record, where erasure finds them.
    pub columns: Vec<String>,
}

/// One customer became something of another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CustomersRelated {
    /// Who is the role.
    pub customer: CustomerId,
    /// What they are: `employee`, `spouse`.
    pub role: String,
    /// Of whom.
    pub to: CustomerId,
}

/// A customer came a stage further, or went back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StageReached {
    /// The customer.
    pub customer: CustomerId,
    /// The stage before.
    pub from: Stage,
    /// The stage now.
    pub to: Stage,
}

/// Two records were found to be of one customer. Modules move what they keep of the loser, in the same transaction (S-44).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CustomersMerged {
    /// The record that goes on.
    pub survivor: CustomerId,
    /// The record that leads to it from now on.
    pub loser: CustomerId,
    /// The columns of the survivor that changed. Their values stay in the record, where erasure finds them.
    pub columns: Vec<String>,
    /// Why.
    pub reason: String,
}

/// Two records are of two customers after all. Modules move back what they had moved, or fail what cannot be taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CustomersUnmerged {
    /// The record that the other had led to.
    pub survivor: CustomerId,
    /// The record that stands for itself again.
    pub loser: CustomerId,
    /// The columns of the survivor that changed.
    pub columns: Vec<String>,
    /// Why.
    pub reason: String,
}

fn about(customer: CustomerId) -> About {
    About {
        customer: Some(customer),
        reference: Some(Reference { kind: Customer::SCHEMA.kind, id: customer.into() }),
        ..About::default()
    }
}

impl Event for CustomerCreated {
    const KIND: &'static str = CUSTOMER_CREATED;

    fn about(&self) -> About {
        about(self.customer)
    }
}

impl Event for CustomerChanged {
    const KIND: &'static str = CUSTOMER_CHANGED;

    fn about(&self) -> About {
        about(self.customer)
    }
}

impl Event for CustomersRelated {
    const KIND: &'static str = CUSTOMERS_RELATED;

    fn about(&self) -> About {
        about(self.customer)
    }
}

impl Event for StageReached {
    const KIND: &'static str = STAGE_REACHED;

    fn about(&self) -> About {
        about(self.customer)
    }
}

impl Event for CustomersMerged {
    const KIND: &'static str = CUSTOMERS_MERGED;

    fn about(&self) -> About {
        About {
            reference: Some(Reference { kind: Customer::SCHEMA.kind, id: self.loser.into() }),
            ..about(self.survivor)
        }
    }
}

impl Event for CustomersUnmerged {
    const KIND: &'static str = CUSTOMERS_UNMERGED;

    fn about(&self) -> About {
        About {
            reference: Some(Reference { kind: Customer::SCHEMA.kind, id: self.loser.into() }),
            ..about(self.survivor)
        }
    }
}
