//! Two records of one customer become one, and two again if that was wrong (C12, S-44, ADR 21).

use serde::{Deserialize, Serialize};

use super::event::{CustomersMerged, CustomersUnmerged};
use super::model::{Customer, CustomerId, CustomerMerge, MergedField, Relation, SearchKey, customer, relation};
use super::rules::{joined, search_keys, taken_back};
use super::service::Customers;
use crate::kernel::input::required_text;
use crate::module::Violation;
use crate::partners::{CustomerGroup, CustomerGroupId, Membership, Partner, membership};
use crate::preferences;
use crate::work::{Entity, Filter, Json, Permit, UnitOfWork, Within, changed_columns};
use crate::{Error, Result};

/// Permission to make two customers one, and to take that back.
pub const MERGE: &str = "customers.merge";

/// The longest chain of records that lead to another, or of customers who brought each other, that is followed.
const LONGEST: usize = 10_000;

/// Two records to be made one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The record that goes on, with its id.
    pub survivor: CustomerId,
    /// The record that leads to it from then on.
    pub loser: CustomerId,
    /// The fields whose value is taken from the loser. Where the survivor has none, the loser's is taken anyway.
    #[serde(default)]
    pub take: Vec<MergedField>,
    /// Why, 1 to 500 characters.
    pub reason: String,
}

impl Customers<'_, '_> {
    /// Makes two records of one customer one. The survivor keeps its id and takes what was chosen; the loser keeps what it
    /// was, leads to the survivor, and nobody signs in as it. Nothing that was recorded is rewritten: histories of the
    /// survivor include the loser's. Modules move what is theirs in the same transaction. Done once for each
    /// `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a record out of reach; [`Error::Invalid`] with `merge.itself`, `merge.merged` when one of
    /// them leads to another already, `merge.partner` when the loser has a contract (choose it as the survivor),
    /// `merge.referral_circle` when the customer would have brought themselves; what a module refuses;
    /// [`Error::IdempotencyMismatch`].
    pub fn merge(&mut self, merge: &Merge, idempotency_key: &str) -> Result<Customer> {
        self.0.permit_on::<Customer>(MERGE, merge.survivor)?;
        let (mut work, _) = self.0.permit_on::<Customer>(MERGE, merge.loser)?;
        let survivor = work.once("customers.merge", idempotency_key, merge, |work| {
            join(work, merge)?;
            Ok(merge.survivor)
        })?;
        work.get(survivor)
    }

    /// Takes a merge back: both records are as they were, but for what was changed by hand since. Modules move back what is
    /// theirs, or refuse. Done once for each `idempotency_key`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the record leads nowhere, or is out of reach; [`Error::Invalid`] with `merge.later` when
    /// its survivor was itself merged since: take that back first; what a module refuses; [`Error::IdempotencyMismatch`].
    pub fn unmerge(&mut self, loser: CustomerId, reason: &str, idempotency_key: &str) -> Result<Customer> {
        let (mut work, _) = self.0.permit_on::<Customer>(MERGE, loser)?;
        let loser = work.once("customers.unmerge", idempotency_key, &(loser, reason), |work| {
            part(work, loser, reason)?;
            Ok(loser)
        })?;
        work.get(loser)
    }

    /// The records that lead to this customer, directly or by others: earlier records of the same person.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see the customer.
    pub fn merged(&mut self, id: CustomerId) -> Result<Vec<Customer>> {
        let mut visible = self.0.within(super::READ)?;
        let customer: Customer = visible.get(id)?;
        earlier(&mut visible, customer.id)
    }
}

/// The record that goes on, of one that may lead there.
///
/// # Errors
/// [`Error::NotFound`] for a customer who is absent.
pub fn current(work: &mut Permit<'_, '_>, id: CustomerId) -> Result<Customer> {
    let mut customer: Customer = work.get(id)?;
    for _ in 0..LONGEST {
        let Some(next) = customer.merged_into_id else { return Ok(customer) };
        customer = work.get(next)?;
    }
    Err(Error::backend("following merged customers", "they lead in a circle"))
}

/// The same for those within reach; `None` when it leads out of it.
pub(super) fn current_within(visible: &mut Within<'_, '_>, mut customer: Customer) -> Result<Option<Customer>> {
    for _ in 0..LONGEST {
        let Some(next) = customer.merged_into_id else { return Ok(Some(customer)) };
        let Some(found) = visible.find::<Customer>(&next)? else { return Ok(None) };
        customer = found;
    }
    Err(Error::backend("following merged customers", "they lead in a circle"))
}

/// A permit on the record that goes on, of one that may lead there: out of reach is the same as absent.
pub(crate) fn permit_on_current<'w, 't>(
    work: &'w mut UnitOfWork<'t>,
    permission: &'static str,
    id: CustomerId,
) -> Result<(Permit<'w, 't>, Customer)> {
    let mut visible = work.within(permission)?;
    let found = visible.get(id)?;
    let current = current_within(&mut visible, found)?.ok_or_else(|| Error::not_found("customer", id))?;
    work.permit_on::<Customer>(permission, current.id)
}

/// All ids under which a customer stands in histories, their own first, as far as the actor reaches.
pub(crate) fn ids_of(visible: &mut Within<'_, '_>, id: CustomerId) -> Result<Vec<CustomerId>> {
    let mut ids = vec![id];
    ids.extend(earlier(visible, id)?.into_iter().map(|customer| customer.id));
    Ok(ids)
}

fn earlier(visible: &mut Within<'_, '_>, id: CustomerId) -> Result<Vec<Customer>> {
    let mut found: Vec<Customer> = visible.select(customer::merged_into_id.eq(id)).all()?;
    let mut at = 0;
    while let Some(next) = found.get(at).map(|customer| customer.id).filter(|_| found.len() < LONGEST) {
        found.extend(visible.select(customer::merged_into_id.eq(next)).all()?);
        at += 1;
    }
    Ok(found)
}

fn join(work: &mut Permit<'_, '_>, merge: &Merge) -> Result<()> {
    let reason = required_text("reason", &merge.reason, 500)?;
    if merge.survivor == merge.loser {
        return Err(Error::invalid("loser", "merge.itself"));
    }
    let (survivor, loser) = lock_both(work, merge.survivor, merge.loser)?;
    if survivor.merged_into_id.is_some() || loser.merged_into_id.is_some() {
        return Err(Error::invalid("loser", "merge.merged"));
    }
    if work.find::<Partner>(&loser.id)?.is_some() {
        return Err(Error::invalid("loser", "merge.partner"));
    }
    let (mut one, mut other) = joined(&survivor, &loser, &merge.take);
    check_referrer(work, &one, loser.id)?;
    let columns = changed_columns(&survivor, &one);
    // What only one can have goes from the one before it comes to the other.
    work.attempt(|work| store(work, &loser, &mut other))?;
    store(work, &survivor, &mut one)?;
    let groups = join_groups(work, &survivor, &loser)?;
    let relations = copy_relations(work, &survivor, &loser)?;
    let preferences = preferences::copy(work, loser.id, survivor.id)?;
    work.insert(&CustomerMerge {
        loser_id: loser.id,
        survivor_id: survivor.id,
        merged_at: work.now(),
        originals: Json([survivor.clone(), loser.clone(), one]),
        groups: Json(groups),
        relations: Json(relations),
        preferences: Some(Json(preferences)),
    })?;
    work.emit(&CustomersMerged { survivor: survivor.id, loser: loser.id, columns, reason }).map(|_| ())
}

fn part(work: &mut Permit<'_, '_>, loser: CustomerId, reason: &str) -> Result<()> {
    let reason = required_text("reason", reason, 500)?;
    let merge: CustomerMerge = work.get(loser)?;
    let (survivor, other) = lock_both(work, merge.survivor_id, loser)?;
    if survivor.merged_into_id.is_some() {
        return Err(Error::invalid("loser", "merge.later"));
    }
    let Json([before, loser_before, joined]) = &merge.originals;
    let mut one = taken_back(&survivor, before, joined);
    let columns = changed_columns(&survivor, &one);
    work.attempt(|work| store(work, &survivor, &mut one))?;
    let mut restored = Customer { version: other.version, ..loser_before.clone() };
    store(work, &other, &mut restored)?;
    for group in &merge.groups.0 {
        if let Some(member) = work.find::<Membership>(&(survivor.id, *group))? {
            work.delete(&member)?;
        }
    }
    for key in &merge.relations.0 {
        if let Some(copied) = work.find::<Relation>(key)? {
            work.delete(&copied)?;
        }
    }
    let preferences = merge.preferences.as_ref().map_or(&[][..], |copied| &copied.0);
    preferences::take_back(work, loser, survivor.id, preferences)?;
    work.delete(&merge)?;
    work.emit(&CustomersUnmerged { survivor: survivor.id, loser, columns, reason }).map(|_| ())
}

/// Both records, locked in the order of their ids (S-33).
fn lock_both(work: &mut Permit<'_, '_>, one: CustomerId, other: CustomerId) -> Result<(Customer, Customer)> {
    let first: Customer = work.lock(one.min(other))?;
    let second: Customer = work.lock(one.max(other))?;
    Ok(if first.id == one { (first, second) } else { (second, first) })
}

/// Stores a record that a merge has changed, with what it is found by.
fn store(work: &mut Permit<'_, '_>, before: &Customer, now: &mut Customer) -> Result<()> {
    if before == now {
        return Ok(());
    }
    work.update(now)?;
    let (old, new) = (search_keys(before), search_keys(now));
    for key in old.iter().filter(|key| !new.contains(key)) {
        work.delete(key)?;
    }
    let added: Vec<SearchKey> = new.into_iter().filter(|key| !old.contains(key)).collect();
    work.insert_all(&added)
}

/// Nobody has brought themselves, whoever brought whoever brought them (S-34).
fn check_referrer(work: &mut Permit<'_, '_>, one: &Customer, loser: CustomerId) -> Result<()> {
    let mut next = one.referrer_id;
    for _ in 0..LONGEST {
        let Some(id) = next else { return Ok(()) };
        if id == one.id || id == loser {
            break;
        }
        let customer: Customer = work.get(id)?;
        next = customer.merged_into_id.or(customer.referrer_id);
    }
    Err(Error::invalid("referrer", "merge.referral_circle"))
}

/// Groups by hand; who belongs to one by rule is decided when it is brought up to date.
fn join_groups(work: &mut Permit<'_, '_>, survivor: &Customer, loser: &Customer) -> Result<Vec<CustomerGroupId>> {
    let mut joined = Vec::new();
    let members = work.select(membership::customer_id.eq(loser.id)).all()?;
    let groups: Vec<_> = members.iter().map(|member| member.group_id).collect();
    let groups = work.get_many::<CustomerGroup>(&groups)?;
    let by_hand = |group: Option<CustomerGroup>| group.is_none_or(|group| group.rule.is_none());
    for member in members.into_iter().zip(groups).filter_map(|(member, group)| by_hand(group).then_some(member)) {
        let key = (survivor.id, member.group_id);
        if work.find::<Membership>(&key)?.is_none() {
            work.insert(&Membership { customer_id: survivor.id, ..member.clone() })?;
            joined.push(member.group_id);
        }
    }
    Ok(joined)
}

fn copy_relations(
    work: &mut Permit<'_, '_>,
    survivor: &Customer,
    loser: &Customer,
) -> Result<Vec<(CustomerId, String, CustomerId)>> {
    let mut copied = Vec::new();
    for known in work.select(relation::from_id.eq(loser.id).or(relation::to_id.eq(loser.id))).all()? {
        let theirs = |id| if id == loser.id { survivor.id } else { id };
        let copy = Relation { from_id: theirs(known.from_id), to_id: theirs(known.to_id), ..known };
        if copy.from_id != copy.to_id && work.find::<Relation>(&copy.id())?.is_none() {
            work.insert(&copy)?;
            copied.push(copy.id());
        }
    }
    Ok(copied)
}

/// Every record that leads to another does so by a merge that is kept, and none leads in a circle.
pub fn merges_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut report = |id: CustomerId, what: &str| {
        violations.push(Violation { invariant: "customers.merges", what: format!("{id}: {what}") });
    };
    let mut merges = 0;
    work.select(Filter::<CustomerMerge>::all()).for_each(|_| {
        merges += 1;
        Ok(())
    })?;
    for customer in work.select(customer::merged_into_id.is_null().not()).all()? {
        merges -= 1;
        let merge = work.find::<CustomerMerge>(&customer.id)?;
        if merge.is_none_or(|merge| Some(merge.survivor_id) != customer.merged_into_id) {
            report(customer.id, "leads where no merge leads");
        }
        if current(work, customer.id).is_err() {
            report(customer.id, "leads in a circle");
        }
    }
    if merges != 0 {
        violations.push(Violation {
            invariant: "customers.merges",
            what: "there are merges of records that lead nowhere".to_owned(),
        });
    }
    Ok(violations)
}
