//! Groups of customers, and the profile that makes a customer a partner.

use super::group_rule::GroupRule;
use crate::customers::CustomerId;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::work::{Json, Version};

crate::id! {
    /// Names a group of partners.
    pub struct PartnerGroupId;
    /// Names a group of customers.
    pub struct CustomerGroupId;
}

crate::entity! {
    /// A group of partners that share terms: "Wholesale B".
    pub struct PartnerGroup {
        kind: "partner_group", table: "crm_partner_groups", key: (id: PartnerGroupId), columns: partner_group, version: version,
    } {
        /// Its id.
        id: PartnerGroupId,
        /// The optimistic lock.
        version: Version,
        /// Its name.
        name: String,
        /// Which group's terms go first where a policy asks for that: the higher number (S-26).
        priority: i32,
    }
}

crate::entity! {
    /// A group of customers, a segment: "Teachers". By hand, or by rule: then nobody is put into it or taken out by name.
    pub struct CustomerGroup {
        kind: "customer_group", table: "crm_customer_groups", key: (id: CustomerGroupId), columns: customer_group, version: version,
    } {
        /// Its id.
        id: CustomerGroupId,
        /// The optimistic lock.
        version: Version,
        /// Its name.
        name: String,
        /// Which group's terms go first where a policy asks for that: the higher number (S-26).
        priority: i32,
        /// Who belongs to it; without one it is by hand.
        rule: Option<Json<GroupRule>>,
        /// When everybody in it had been decided by the rule that it has now.
        refreshed_at: Option<Timestamp>,
    }
}

crate::entity! {
    /// A customer belongs to a group of customers.
    pub struct Membership {
        kind: "membership", table: "crm_memberships", key: (customer_id: CustomerId, group_id: CustomerGroupId),
        columns: membership,
    } {
        /// Who.
        customer_id: CustomerId,
        /// To which group.
        group_id: CustomerGroupId,
        /// Since when.
        since: Timestamp,
    }
}

crate::entity! {
    /// What makes a customer a partner (C57): a contract, and the groups whose terms it brings while it is valid.
    pub struct Partner {
        kind: "partner", table: "crm_partners", key: (customer_id: CustomerId), columns: partner, version: version,
        personal: [contract_no],
    } {
        /// The customer.
        customer_id: CustomerId,
        /// The optimistic lock.
        version: Version,
        /// The number of the contract.
        contract_no: String,
        /// The first day it is valid.
        valid_from: CivilDate,
        /// The last day it is valid (S-05); no end without one.
        valid_through: Option<CivilDate>,
        /// The groups of partners it belongs to.
        groups: Json<Vec<PartnerGroupId>>,
    }
}
