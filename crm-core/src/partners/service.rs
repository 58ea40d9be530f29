//! Making partners and groups, and telling who belongs to which.

use serde::{Deserialize, Serialize};

use super::event::{GroupChanged, GroupCreated, PartnerChanged};
use super::model::{
    CustomerGroup, CustomerGroupId, Membership, Partner, PartnerGroup, PartnerGroupId, customer_group, membership,
    partner_group,
};
use super::rules;
use crate::access::Target;
use crate::customers::{Customer, CustomerId};
use crate::kernel::input::required_text;
use crate::kernel::time::CivilDate;
use crate::work::{Entity, Filter, Json, Permit, UnitOfWork, Version};
use crate::{Error, Result};

/// Permission to make partners, groups and their members.
pub const WRITE: &str = "partners.write";
/// Permission to see partners, groups and their members.
pub const READ: &str = "partners.read";

/// The contract that makes a customer a partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Its number, 1 to 64 characters.
    pub contract_no: String,
    /// The first day it is valid.
    pub valid_from: CivilDate,
    /// The last day it is valid; no end without one.
    pub valid_through: Option<CivilDate>,
    /// The groups whose terms it brings, at most [`MAX_GROUPS`](rules::MAX_GROUPS).
    pub groups: Vec<PartnerGroupId>,
}

/// The groups that count for a customer on a day, the first having priority (S-26).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// The groups of partners of a contract that is valid.
    pub partner: Vec<PartnerGroupId>,
    /// The groups of customers.
    pub customer: Vec<CustomerGroupId>,
}

/// Partners and groups, seen from a unit of work: `work.partners()`.
pub struct Partners<'w, 't>(pub(super) &'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Partners and groups of customers.
    pub fn partners(&mut self) -> Partners<'_, 't> {
        Partners(self)
    }
}

impl Partners<'_, '_> {
    /// Makes a group of partners. Where terms go by priority, those of the group with the higher number go first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is none, of 1 to 100 characters.
    pub fn create_partner_group(&mut self, name: &str, priority: i32) -> Result<PartnerGroup> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let name = required_text("name", name, 100)?;
        let group = PartnerGroup { id: work.new_id(), version: Version::FIRST, name, priority };
        work.insert(&group)?;
        work.emit(&GroupCreated { group: group.id.into(), partners: true })?;
        Ok(group)
    }

    /// Makes a group of customers by hand. There is also one [by rule](Self::create_rule_group).
    ///
    /// # Errors
    /// As [`create_partner_group`](Self::create_partner_group).
    pub fn create_customer_group(&mut self, name: &str, priority: i32) -> Result<CustomerGroup> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let name = required_text("name", name, 100)?;
        let (id, version) = (work.new_id(), Version::FIRST);
        let group = CustomerGroup { id, version, name, priority, rule: None, refreshed_at: None };
        work.insert(&group)?;
        work.emit(&GroupCreated { group: group.id.into(), partners: false })?;
        Ok(group)
    }

    /// All groups of partners, then all groups of customers, by name.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn groups(&mut self) -> Result<(Vec<PartnerGroup>, Vec<CustomerGroup>)> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        let partners = work.select(Filter::all()).order_by(partner_group::name).all()?;
        Ok((partners, work.select(Filter::all()).order_by(customer_group::name).all()?))
    }

    /// Makes a customer a partner, or changes the contract.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the customer or a group; [`Error::Invalid`] for a contract that ends before it begins.
    pub fn sign(&mut self, customer: CustomerId, contract: &Contract) -> Result<Partner> {
        let (mut work, _) = self.0.permit_on::<Customer>(WRITE, customer)?;
        let signed = work.find::<Partner>(&customer)?;
        let known = work.get_many::<PartnerGroup>(&contract.groups)?;
        if let Some((_, group)) = known.iter().zip(&contract.groups).find(|(known, _)| known.is_none()) {
            return Err(Error::not_found(PartnerGroup::SCHEMA.kind, group));
        }
        let mut partner = Partner {
            customer_id: customer,
            version: signed.as_ref().map_or(Version::FIRST, |signed| signed.version),
            contract_no: required_text("contract_no", &contract.contract_no, 64)?,
            valid_from: contract.valid_from,
            valid_through: contract.valid_through,
            groups: Json(contract.groups.clone()),
        };
        rules::check(&partner)?;
        match signed {
            Some(_) => work.update(&mut partner)?,
            None => work.insert(&partner)?,
        }
        work.emit(&PartnerChanged { customer })?;
        Ok(partner)
    }

    /// The contract of a customer, valid or not.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the actor may not see the customer.
    pub fn of(&mut self, customer: CustomerId) -> Result<Option<Partner>> {
        let (mut work, _) = self.0.permit_on::<Customer>(READ, customer)?;
        work.find(&customer)
    }

    /// Puts a customer into a group of customers. Nothing happens to one who is there already.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the customer or the group; [`Error::Invalid`] with `group.by_rule` for a group by rule.
    pub fn join(&mut self, customer: CustomerId, group: CustomerGroupId) -> Result<()> {
        let (mut work, _) = self.0.permit_on::<Customer>(WRITE, customer)?;
        check_by_hand(&work.get(group)?)?;
        if work.find::<Membership>(&(customer, group))?.is_none() {
            let since = work.now();
            work.insert(&Membership { customer_id: customer, group_id: group, since })?;
            work.emit(&GroupChanged { customer, group, member: true })?;
        }
        Ok(())
    }

    /// Takes a customer out of a group of customers. Nothing happens to one who is not there.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the customer; [`Error::Invalid`] with `group.by_rule` for a group by rule.
    pub fn leave(&mut self, customer: CustomerId, group: CustomerGroupId) -> Result<()> {
        let (mut work, _) = self.0.permit_on::<Customer>(WRITE, customer)?;
        work.find(&group)?.as_ref().map_or(Ok(()), check_by_hand)?;
        if let Some(member) = work.find::<Membership>(&(customer, group))? {
            work.delete(&member)?;
            work.emit(&GroupChanged { customer, group, member: false })?;
        }
        Ok(())
    }

    /// The groups that count for a customer on a business day.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the actor may not see the customer.
    pub fn groups_of(&mut self, customer: CustomerId, on: CivilDate) -> Result<Groups> {
        let (mut work, _) = self.0.permit_on::<Customer>(READ, customer)?;
        groups_of(&mut work, customer, on)
    }
}

fn check_by_hand(group: &CustomerGroup) -> Result<()> {
    if group.rule.is_some() { Err(Error::invalid("group", "group.by_rule")) } else { Ok(()) }
}

/// The groups that count for a customer on a business day.
pub(crate) fn groups_of(work: &mut Permit<'_, '_>, customer: CustomerId, on: CivilDate) -> Result<Groups> {
    let contract = work.find::<Partner>(&customer)?.filter(|partner| partner.is_valid_on(on));
    let of_partner = contract.map_or_else(Vec::new, |partner| partner.groups.0);
    let mut partner: Vec<_> = work.get_many::<PartnerGroup>(&of_partner)?.into_iter().flatten().collect();
    partner.sort_by_key(|group| (std::cmp::Reverse(group.priority), group.id));
    let member = work.select(membership::customer_id.eq(customer)).all()?;
    let of_customer: Vec<_> = member.into_iter().map(|member| member.group_id).collect();
    let mut groups: Vec<_> = work.get_many::<CustomerGroup>(&of_customer)?.into_iter().flatten().collect();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.priority), group.id));
    Ok(Groups {
        partner: partner.into_iter().map(|group| group.id).collect(),
        customer: groups.into_iter().map(|group| group.id).collect(),
    })
}
