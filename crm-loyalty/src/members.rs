//! Who members are, as far as audiences ask: read by keys, for those groups alone that are named.

use std::collections::{BTreeMap, BTreeSet};

use crm_core::Result;
use crm_core::customers::{Customer, CustomerId};
use crm_core::kernel::time::{CivilDate, Timestamp, Zone};
use crm_core::loyalty::ledger::{Account, AccountId};
use crm_core::loyalty::programme::{Dates, Programme};
use crm_core::partners::{CustomerGroupId, Membership, Partner, PartnerGroupId};
use crm_core::pricing::{Audience, TierId};
use crm_core::work::Permit;

use crate::programme;
use crate::tiers::tiers_at;

/// A member, as far as audiences ask.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// Who.
    pub(crate) customer: Customer,
    partner_groups: Vec<PartnerGroupId>,
    customer_groups: BTreeSet<CustomerGroupId>,
    tiers: Vec<TierId>,
}

impl Member {
    /// Whether an audience is about them. A branch is the one that looks after them.
    pub(crate) fn is_of(&self, audience: &Audience) -> bool {
        fn meets<T: PartialEq>(wanted: &[T], had: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(had)
        }
        meets(&audience.customers, |customer| *customer == self.customer.id)
            && meets(&audience.customer_groups, |group| self.customer_groups.contains(group))
            && meets(&audience.partner_groups, |group| self.partner_groups.contains(group))
            && meets(&audience.branches, |branch| self.customer.branch_id == Some(*branch))
            && meets(&audience.tiers, |tier| self.tiers.contains(tier))
    }

    /// Whether they are in a group.
    pub(crate) fn is_in(&self, group: CustomerGroupId) -> bool {
        self.customer_groups.contains(&group)
    }
}

/// These customers, in their order, with the groups that some audiences name and to which they have belonged since an
/// instant or before. Who does not exist is left out.
pub(crate) fn members(
    work: &mut Permit<'_, '_>,
    customers: &[CustomerId],
    audiences: &[&Audience],
    at: Timestamp,
    on: CivilDate,
) -> Result<Vec<Member>> {
    let groups: BTreeSet<_> = audiences.iter().flat_map(|audience| audience.customer_groups.iter().copied()).collect();
    let keys: Vec<_> = customers.iter().flat_map(|customer| groups.iter().map(|group| (*customer, *group))).collect();
    let mut customer_groups = BTreeMap::<CustomerId, BTreeSet<_>>::new();
    for membership in work.get_many::<Membership>(&keys)?.into_iter().flatten() {
        if membership.since <= at {
            customer_groups.entry(membership.customer_id).or_default().insert(membership.group_id);
        }
    }
    let mut partner_groups = BTreeMap::new();
    if audiences.iter().any(|audience| !audience.partner_groups.is_empty()) {
        for partner in work.get_many::<Partner>(customers)?.into_iter().flatten() {
            if partner.is_valid_on(on) {
                partner_groups.insert(partner.customer_id, partner.groups.0);
            }
        }
    }
    let mut tiers = BTreeMap::new();
    if audiences.iter().any(|audience| !audience.tiers.is_empty())
        && let Some(compiled) = programme::current(work, at)?
    {
        for customer in customers {
            let account = AccountId::from(*customer);
            if work.find::<Account>(&account)?.is_some() {
                tiers.insert(*customer, tiers_at(work, &compiled.programme, account, at)?);
            }
        }
    }
    let found = work.get_many::<Customer>(customers)?.into_iter().flatten();
    Ok(found
        .map(|customer| Member {
            partner_groups: partner_groups.remove(&customer.id).unwrap_or_default(),
            customer_groups: customer_groups.remove(&customer.id).unwrap_or_default(),
            tiers: tiers.remove(&customer.id).unwrap_or_default(),
            customer,
        })
        .collect())
}

/// The days of the programme in force now; without one, plain days in UTC.
pub(crate) fn dates(work: &mut Permit<'_, '_>) -> Result<Dates> {
    let now = work.now();
    Ok(match programme::current(work, now)? {
        Some(compiled) => compiled.programme.dates(),
        None => Programme::new("", Zone::UTC).dates(),
    })
}
