//! What happens to partners and groups.

use serde::{Deserialize, Serialize};

use super::group_rule::GroupRule;
use super::model::{CustomerGroup, CustomerGroupId, Partner, PartnerGroup};
use crate::customers::CustomerId;
use crate::module::{About, Event, Reference};
use crate::work::Entity;
use uuid::Uuid;

/// The kind of [`PartnerChanged`].
pub const PARTNER_CHANGED: &str = "partners.partner.changed";
/// The kind of [`GroupCreated`].
pub const GROUP_CREATED: &str = "partners.group.created";
/// The kind of [`GroupRuled`].
pub const GROUP_RULED: &str = "partners.group.ruled";
/// The kind of [`GroupChanged`].
pub const GROUP_CHANGED: &str = "partners.group.changed";

/// A customer became a partner, or the contract changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartnerChanged {
    /// The customer.
    pub customer: CustomerId,
}

impl Event for PartnerChanged {
    const KIND: &'static str = PARTNER_CHANGED;

    fn about(&self) -> About {
        About {
            customer: Some(self.customer),
            reference: Some(Reference { kind: Partner::SCHEMA.kind, id: self.customer.into() }),
            ..About::default()
        }
    }
}

/// A customer joined a group of customers, or left it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupChanged {
    /// The customer.
    pub customer: CustomerId,
    /// The group.
    pub group: CustomerGroupId,
    /// Whether the customer is in it now.
    pub member: bool,
}

impl Event for GroupChanged {
    const KIND: &'static str = GROUP_CHANGED;

    fn about(&self) -> About {
        About {
            customer: Some(self.customer),
            reference: Some(Reference { kind: CustomerGroup::SCHEMA.kind, id: self.group.into() }),
            ..About::default()
        }
    }
}

/// A group of partners, or of customers, was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupCreated {
    /// The group: a [`PartnerGroup`] or a [`CustomerGroup`].
    pub group: Uuid,
    /// Whether it is one of partners.
    pub partners: bool,
}

impl Event for GroupCreated {
    const KIND: &'static str = GROUP_CREATED;

    fn about(&self) -> About {
        let kind = if self.partners { PartnerGroup::SCHEMA.kind } else { CustomerGroup::SCHEMA.kind };
        About { reference: Some(Reference { kind, id: self.group }), ..About::default() }
    }
}

/// A group of customers has a rule, another one, or none any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupRuled {
    /// The group.
    pub group: CustomerGroupId,
    /// Who belongs to it; by hand without one.
    pub rule: Option<GroupRule>,
}

impl Event for GroupRuled {
    const KIND: &'static str = GROUP_RULED;

    fn about(&self) -> About {
        About {
            reference: Some(Reference { kind: CustomerGroup::SCHEMA.kind, id: self.group.into() }),
            ..About::default()
        }
    }
}
