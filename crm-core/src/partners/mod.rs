//! Partners and groups of customers: who gets which terms (C57).

mod model;

pub use model::{
    CustomerGroup, CustomerGroupId, Membership, Partner, PartnerGroup, PartnerGroupId, customer_group, membership,
    partner, partner_group,
};
