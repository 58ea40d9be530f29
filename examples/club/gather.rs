//! The summary, from what is in the store: the same whether it was recorded in one run or in several.

use std::collections::{BTreeMap, HashMap};

use crm_core::Result;
use crm_core::branches::{Branch, BranchId};
use crm_core::customers::{Customer, CustomerId};
use crm_core::kernel::time::Timestamp;
use crm_core::module::OutboxMessage;
use crm_core::purchases::Purchase;
use crm_core::returns::Return;
use crm_core::work::{Filter, UnitOfWork};

use crate::report::summary::{Day, Member, Sales, Topic};

/// So many members are at the top.
const TOP: usize = 10;

/// What the store says of sales.
pub(crate) struct Sold {
    pub(crate) sales: Sales,
    pub(crate) members: u64,
    pub(crate) top: Vec<(CustomerId, Member)>,
    pub(crate) outbox: Vec<Topic>,
}

/// Reads all of it, page by page.
///
/// # Errors
/// What the store meets.
pub(crate) fn sold(work: &mut UnitOfWork<'_>) -> Result<Sold> {
    let mut work = work.unrestricted()?;
    let mut sales = Sales::default();
    let mut branches = HashMap::<BranchId, i64>::new();
    let mut spent = HashMap::<CustomerId, (u64, i64)>::new();
    work.select(Filter::<Purchase>::all()).for_each(|purchase| {
        sales.purchases += 1;
        sales.sold_minor += purchase.total_minor;
        let day: &mut Day = sales.days.entry(purchase.business_date).or_default();
        day.purchases += 1;
        day.sold_minor += purchase.total_minor;
        *branches.entry(purchase.branch_id).or_default() += purchase.total_minor;
        if let Some(customer) = purchase.customer_id {
            let (count, minor) = spent.entry(customer).or_default();
            *count += 1;
            *minor += purchase.total_minor;
        }
        Ok(())
    })?;
    work.select(Filter::<Return>::all()).for_each(|one| {
        sales.returns += 1;
        sales.returned_minor += one.total_minor;
        sales.days.entry(one.business_date).or_default().returned_minor += one.total_minor;
        *branches.entry(one.branch_id).or_default() -= one.total_minor;
        if let Some(customer) = one.customer_id {
            spent.entry(customer).or_default().1 -= one.total_minor;
        }
        Ok(())
    })?;
    let members = work.count(Filter::<Customer>::all())?;
    let mut ranked: Vec<_> = spent.into_iter().collect();
    // Ids follow from the history, so equals are in the same order in every run.
    ranked.sort_by_key(|(customer, (_, minor))| (std::cmp::Reverse(*minor), *customer));
    ranked.truncate(TOP);
    let ids: Vec<CustomerId> = ranked.iter().map(|(customer, _)| *customer).collect();
    let mut top = Vec::with_capacity(TOP);
    for ((id, (purchases, spent_minor)), customer) in ranked.into_iter().zip(work.get_many::<Customer>(&ids)?) {
        let Some(customer) = customer else { continue };
        let (name, card) = (customer.name, customer.card_no.unwrap_or_default());
        top.push((id, Member { name, card, tier: None, purchases, spent_minor, credit_minor: 0, points: 0 }));
    }
    for branch in work.select(Filter::<Branch>::all()).all()? {
        sales.branches.push((branch.name, branches.get(&branch.id).copied().unwrap_or(0)));
    }
    sales.branches.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let mut topics = BTreeMap::<String, u64>::new();
    work.select(Filter::<OutboxMessage>::all()).for_each(|message| {
        *topics.entry(message.topic).or_default() += 1;
        Ok(())
    })?;
    let outbox = topics.into_iter().map(|(name, messages)| Topic { name, messages }).collect();
    Ok(Sold { sales, members, top, outbox })
}

/// The first instant of the day after the history, at nine in the morning: when the desk opens.
pub(crate) fn opening(last: Timestamp, zone: &crm_core::kernel::time::Zone) -> Result<Timestamp> {
    let next = zone.date_of(last).add_days(1)?;
    Ok(zone.at(next, crm_core::kernel::time::TimeOfDay::new(9, 0)?))
}
