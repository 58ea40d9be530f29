//! Partners and groups of customers: who gets which terms (C57).

pub mod event;
mod model;
mod rules;
mod service;

pub use model::{
    CustomerGroup, CustomerGroupId, Membership, Partner, PartnerGroup, PartnerGroupId, customer_group, membership,
    partner, partner_group,
};
pub use rules::MAX_GROUPS;
pub(crate) use service::groups_of;
pub use service::{Contract, Groups, Partners, READ, WRITE};
