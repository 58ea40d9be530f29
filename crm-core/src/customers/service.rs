//! Creating, changing and finding customers.

use super::event::{CustomerChanged, CustomerCreated, CustomersRelated, StageReached};
use super::merge::current_within;
use super::model::{Customer, CustomerId, CustomerKind, Relation, SearchKey, Stage, customer, relation};
use super::rules::search_keys;
use crate::access::{Scoped, Target, UserId};
use crate::branches::{Branch, BranchId};
use crate::kernel::email::Email;
use crate::kernel::input::{fold_code, folded, required_text};
use crate::kernel::page::{Cursor, Limit, Page};
use crate::kernel::phone::Phone;
use crate::kernel::time::CivilDate;
use crate::work::{Filter, UnitOfWork, Version, changed_columns};
use crate::{Error, Result, quotas};

/// Permission to create and change customers.
pub const WRITE: &str = "customers.write";
/// Permission to see and search customers.
pub const READ: &str = "customers.read";

/// A customer to create. Only the name is needed; records fill up over time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    /// Person or organisation.
    pub kind: CustomerKind,
    /// The stage to begin with.
    pub stage: Stage,
    /// The name, 1 to 300 characters.
    pub name: String,
    /// A phone: international, or national of the region of the home branch's country when `region` is given.
    pub phone: Option<String>,
    /// The country code (ISO 3166) by which a national phone number is read.
    pub region: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
    /// A card number.
    pub card_no: Option<String>,
    /// A national id; check it before with [`NationalId`](crate::kernel::national_id::NationalId).
    pub national_id: Option<String>,
    /// The date of birth.
    pub birth_date: Option<CivilDate>,
    /// The branch that looks after this customer.
    pub branch: Option<BranchId>,
    /// The user who is responsible for this customer.
    pub owner: Option<UserId>,
    /// Who brought this customer.
    pub referrer: Option<CustomerId>,
    /// The language to write in.
    pub locale: Option<String>,
}

impl NewCustomer {
    /// A person of whom nothing but the name is known.
    pub fn person(name: impl Into<String>) -> Self {
        Self {
            kind: CustomerKind::Person,
            stage: Stage::Lead,
            name: name.into(),
            phone: None,
            region: None,
            email: None,
            card_no: None,
            national_id: None,
            birth_date: None,
            branch: None,
            owner: None,
            referrer: None,
            locale: None,
        }
    }

    /// An organisation of which nothing but the name is known.
    pub fn organisation(name: impl Into<String>) -> Self {
        Self { kind: CustomerKind::Organisation, ..Self::person(name) }
    }

    /// The same with a phone in international form.
    #[must_use]
    pub fn with_phone(self, phone: impl Into<String>) -> Self {
        Self { phone: Some(phone.into()), ..self }
    }

    /// The same with an e-mail address.
    #[must_use]
    pub fn with_email(self, email: impl Into<String>) -> Self {
        Self { email: Some(email.into()), ..self }
    }

    /// The same with a card number.
    #[must_use]
    pub fn with_card(self, card_no: impl Into<String>) -> Self {
        Self { card_no: Some(card_no.into()), ..self }
    }
}

/// Customers, seen from a unit of work: `work.customers()`.
pub struct Customers<'w, 't>(pub(super) &'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Customers.
    pub fn customers(&mut self) -> Customers<'_, 't> {
        Customers(self)
    }
}

impl Customers<'_, '_> {
    /// Adds a customer.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a field that breaks a rule; [`Error::AlreadyExists`] when the card number or the national
    /// id is another customer's; `quota.exhausted` when a quota of customers is set and used up.
    pub fn create(&mut self, new: NewCustomer) -> Result<Customer> {
        let id = self.0.new_id();
        let target = Target { branch: new.branch, customer: Some(id), owner: new.owner };
        let mut work = self.0.permit(WRITE, &target)?;
        if let Some(branch) = new.branch {
            work.get::<Branch>(branch)?;
        }
        if let Some(referrer) = new.referrer {
            work.get::<Customer>(referrer)?;
        }
        let mut customer = Customer {
            id,
            version: Version::FIRST,
            kind: new.kind,
            stage: new.stage,
            name: new.name,
            folded_name: String::new(),
            phone: new.phone.map(|phone| Phone::parse(&phone, new.region.as_deref())).transpose()?,
            email: new.email.map(|email| Email::parse(&email)).transpose()?,
            card_no: new.card_no,
            national_id: new.national_id,
            birth_date: new.birth_date,
            branch_id: new.branch,
            owner_id: new.owner,
            referrer_id: new.referrer,
            locale: new.locale,
            created_at: work.now(),
            merged_into_id: None,
        };
        normalise(&mut customer)?;
        quotas::take(&mut work, quotas::CUSTOMERS, 1)?;
        work.insert(&customer)?;
        work.insert_all(&search_keys(&customer))?;
        work.emit(&CustomerCreated { customer: id, stage: customer.stage })?;
        Ok(customer)
    }

    /// Stores the changes of a customer, and what it is found by.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it was changed meanwhile; [`Error::NotFound`], also where the actor may not change the
    /// customer; `customer.merged` for a record that leads to another; [`Error::Denied`] without any grant, or where the customer goes to a branch or user that the actor's
    /// grant does not reach; otherwise as [`create`](Self::create).
    pub fn update(&mut self, customer: &mut Customer) -> Result<()> {
        let (mut work, before) = self.0.permit_on::<Customer>(WRITE, customer.id)?;
        work.keep_hidden(&before, customer)?;
        // Handing a customer over takes a grant at both ends.
        work.actor().require(WRITE, &customer.target())?;
        if before.merged_into_id.is_some() {
            return Err(Error::invalid("customer", "customer.merged"));
        }
        normalise(customer)?;
        (customer.created_at, customer.merged_into_id) = (before.created_at, None);
        let columns = changed_columns(&before, customer);
        if columns.is_empty() {
            return Ok(());
        }
        work.update(customer)?;
        let (old, new) = (search_keys(&before), search_keys(customer));
        for key in old.iter().filter(|key| !new.contains(key)) {
            work.delete(key)?;
        }
        let added: Vec<SearchKey> = new.into_iter().filter(|key| !old.contains(key)).collect();
        work.insert_all(&added)?;
        work.emit(&CustomerChanged { customer: customer.id, columns })?;
        if before.stage != customer.stage {
            work.emit(&StageReached { customer: customer.id, from: before.stage, to: customer.stage })?;
        }
        Ok(())
    }

    /// The customer with this id, or the one whom the record with this id leads to, as it is the same (C12).
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn get(&mut self, id: CustomerId) -> Result<Customer> {
        let mut visible = self.0.within(READ)?;
        let customer = visible.get(id)?;
        let current = current_within(&mut visible, customer)?;
        current.ok_or_else(|| Error::not_found("customer", id))
    }

    /// One page of customers by folded name, narrowed to what the actor may see, without records that lead to others.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn page(&mut self, filter: Filter<Customer>, limit: Limit, after: Option<&Cursor>) -> Result<Page<Customer>> {
        let filter = filter.and(customer::merged_into_id.is_null());
        self.0.within(READ)?.select(filter).order_by(customer::folded_name).page(limit, after)
    }

    /// Notes that one customer is `role` of another: `employee`, `spouse`.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when that is known; [`Error::Invalid`] when both are one; [`Error::NotFound`], also where
    /// the actor may not change one of them.
    pub fn relate(&mut self, from: CustomerId, role: &str, to: CustomerId) -> Result<()> {
        self.0.within(WRITE)?.get::<Customer>(from)?;
        let (mut work, _) = self.0.permit_on::<Customer>(WRITE, to)?;
        if from == to {
            return Err(Error::invalid("to", "relation.to_itself"));
        }
        let role = required_text("role", role, 60)?;
        let created_at = work.now();
        work.insert(&Relation { from_id: from, role: role.clone(), to_id: to, created_at })?;
        work.emit(&CustomersRelated { customer: from, role, to })?;
        Ok(())
    }

    /// What is known of whose this customer is: employees, spouses, subsidiaries.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see the customer.
    pub fn relations(&mut self, id: CustomerId) -> Result<Vec<Relation>> {
        let (mut work, _) = self.0.permit_on::<Customer>(READ, id)?;
        work.select(relation::from_id.eq(id).or(relation::to_id.eq(id))).all()
    }
}

fn normalise(customer: &mut Customer) -> Result<()> {
    customer.name = required_text("name", &customer.name, 300)?;
    customer.folded_name = folded("name", &customer.name)?;
    for (field, code) in [("card_no", &mut customer.card_no), ("national_id", &mut customer.national_id)] {
        if let Some(text) = code {
            *text = fold_code(field, text, 64)?;
        }
    }
    if let Some(locale) = &customer.locale
        && (locale.is_empty() || locale.len() > 35 || !locale.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    {
        return Err(Error::invalid("locale", "locale.format"));
    }
    Ok(())
}
