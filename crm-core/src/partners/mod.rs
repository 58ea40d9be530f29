//! Partners and groups of customers: who gets which terms (C57).
//!
//! A group of customers is by hand, joined and left by name, or by rule, and then a job lets customers in and out (C09). A
//! tier of the club is a group of a kind of its own, with what it takes to reach and keep it:
//! [`Audience::tiers`](crate::pricing::Audience::tiers).

mod belongs;
mod by_rule;
pub mod event;
mod facts;
mod group_rule;
mod model;
mod rules;
mod service;

pub use belongs::{Explained, Facts, belongs, explain};
pub use by_rule::{REFRESH, RefreshProgress, Refreshed, refresh_groups, refresh_groups_blocking, rules_hold};
pub use group_rule::{GroupRule, MAX_CONDITIONS, MAX_LEVELS};
pub use model::{
    CustomerGroup, CustomerGroupId, Membership, Partner, PartnerGroup, PartnerGroupId, customer_group, membership,
    partner, partner_group,
};
pub use rules::MAX_GROUPS;
pub(crate) use service::groups_of;
pub use service::{Contract, Groups, Partners, READ, WRITE};
