//! Groups by rule: making them, asking about them, and bringing them up to date (C09).

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::belongs::{Explained, belongs, explain};
use super::event::{GroupChanged, GroupCreated, GroupRuled};
use super::facts::facts_of;
use super::group_rule::GroupRule;
use super::model::{CustomerGroup, CustomerGroupId, Membership, customer_group};
use super::service::{Partners, READ, WRITE};
use crate::access::{Actor, Target};
use crate::branches::{Branch, BranchId};
use crate::customers::{self, Customer, CustomerId};
use crate::kernel::hex::hexadecimal;
use crate::kernel::input::required_text;
use crate::kernel::page::{Cursor, Limit};
use crate::module::Violation;
use crate::work::{Filter, Json, Permit, Version};
use crate::{Crm, Error, Result};

/// Permission to bring groups by rule up to date: for jobs.
pub const REFRESH: &str = "partners.refresh";

/// What one step of bringing a group up to date has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    /// Customers it has looked at.
    pub seen: usize,
    /// Those who came in.
    pub joined: usize,
    /// Those who went out.
    pub left: usize,
    /// Where the next step begins; nothing when there is none.
    pub next: Option<String>,
}

/// How far a run has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshProgress {
    /// Steps that were committed.
    pub steps: u64,
    /// Customers it has looked at, again for each group.
    pub seen: u64,
    /// Those who came into a group.
    pub joined: u64,
    /// Those who went out of one.
    pub left: u64,
    /// Whether it was stopped before everything was done.
    pub stopped: bool,
}

impl Partners<'_, '_> {
    /// Makes a group of customers to which those belong whom a rule means. Nobody is in it before it is
    /// [brought up to date](refresh_groups).
    ///
    /// ```
    /// use crm_core::access::Actor;
    /// use crm_core::customers::{NewCustomer, Stage};
    /// use crm_core::kernel::page::Limit;
    /// use crm_core::partners::GroupRule;
    /// use crm_core::{Crm, MemoryStorage};
    /// # fn main() -> crm_core::Result<()> {
    /// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
    /// crm.blocking().run(&Actor::system(), "a segment", |work| {
    ///     let ada = work.customers().create(NewCustomer::person("Ada"))?.id;
    ///     let group = work.partners().create_rule_group("Leads", 0, GroupRule::Stage(vec![Stage::Lead]))?.id;
    ///     assert!(work.partners().would_belong(group, ada)?.holds);
    ///     let done = work.partners().refresh_group(group, Limit::new(100)?, None)?;
    ///     assert_eq!((done.seen, done.joined, done.next), (1, 1, None));
    ///     Ok::<_, crm_core::Error>(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`create_customer_group`](Self::create_customer_group) and [`GroupRule::check`]; [`Error::NotFound`] for a branch
    /// that the rule names.
    pub fn create_rule_group(&mut self, name: &str, priority: i32, rule: GroupRule) -> Result<CustomerGroup> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let name = required_text("name", name, 100)?;
        check(&mut work, &rule)?;
        let (id, version) = (work.new_id(), Version::FIRST);
        let group = CustomerGroup { id, version, name, priority, rule: Some(Json(rule.clone())), refreshed_at: None };
        work.insert(&group)?;
        work.emit(&GroupCreated { group: group.id.into(), partners: false })?;
        work.emit(&GroupRuled { group: group.id, rule: Some(rule) })?;
        Ok(group)
    }

    /// Gives a group of customers another rule, or its first one. Without one it is by hand from then on. Whoever is in it
    /// stays until the group is [brought up to date](refresh_groups) by the new rule.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the group; otherwise as [`create_rule_group`](Self::create_rule_group).
    pub fn change_rule(&mut self, group: CustomerGroupId, rule: Option<GroupRule>) -> Result<CustomerGroup> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let mut group: CustomerGroup = work.lock(group)?;
        rule.iter().try_for_each(|rule| check(&mut work, rule))?;
        (group.rule, group.refreshed_at) = (rule.clone().map(Json), None);
        work.update(&mut group)?;
        work.emit(&GroupRuled { group: group.id, rule })?;
        Ok(group)
    }

    /// Whether a customer, or who they were merged into, belongs to a group by its rule as things are now, and which conditions hold; whether they are in it
    /// already or not. There is an example at [`create_rule_group`](Self::create_rule_group).
    ///
    /// # Errors
    /// [`Error::NotFound`] for the group, and for a customer who is absent or out of reach; [`Error::Invalid`] with
    /// `group.by_hand` for a group without a rule.
    pub fn would_belong(&mut self, group: CustomerGroupId, customer: CustomerId) -> Result<Explained> {
        let (mut work, customer) = customers::permit_on_current(self.0, READ, customer)?;
        let rule = rule_of(&work.get(group)?)?;
        explained(&mut work, &rule, &customer)
    }

    /// The same by a rule that is not stored: it is tried before it is. That takes [`WRITE`] on the customer, for whoever may
    /// ask anything learns everything.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer who is absent or out of reach; as [`GroupRule::check`].
    pub fn would_belong_by(&mut self, rule: &GroupRule, customer: CustomerId) -> Result<Explained> {
        let (mut work, customer) = customers::permit_on_current(self.0, WRITE, customer)?;
        rule.check()?;
        explained(&mut work, rule, &customer)
    }

    /// One step of bringing a group up to date: a page of customers in the order of their ids, after the place where the step
    /// before has ended. Those whom the rule means come in, those whom it does not go out, and who stays stays since when they
    /// came. Steps may be late, repeated, or done by several at once: each decides of its customers as things are then. When
    /// the rule was changed meanwhile, the step begins anew.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the group; [`Error::Invalid`] with `group.by_hand` for one without a rule, and for a place that
    /// is none; [`Error::Denied`] without [`REFRESH`] for everybody.
    pub fn refresh_group(&mut self, group: CustomerGroupId, limit: Limit, after: Option<&str>) -> Result<Refreshed> {
        let mut work = self.0.permit(REFRESH, &Target::ANY)?;
        step(&mut work, group, limit, after)
    }

    /// The same for all groups that have a rule, one after the other in the order of their ids: for a runner of jobs.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a place that is none; [`Error::Denied`] without [`REFRESH`] for everybody.
    pub fn refresh_next(&mut self, limit: Limit, after: Option<&str>) -> Result<Refreshed> {
        let mut work = self.0.permit(REFRESH, &Target::ANY)?;
        let (from, place) = match after {
            None => (uuid::Uuid::nil().into(), None),
            Some(after) => {
                let (group, place) = after.split_once('/').ok_or_else(alien)?;
                let group: uuid::Uuid = group.parse().map_err(|_| alien())?;
                (CustomerGroupId::from(group), Some(place).filter(|place| !place.is_empty()))
            }
        };
        // Groups are few.
        let groups = work.select::<CustomerGroup>(customer_group::id.ge(from)).all()?;
        let mut ruled = groups.into_iter().filter(|group| group.rule.is_some()).map(|group| group.id);
        let Some(group) = ruled.next() else { return Ok(Refreshed::default()) };
        let mut done = match step(&mut work, group, limit, place.filter(|_| group == from)) {
            // It has lost its rule just now.
            Err(Error::Invalid { rule: "group.by_hand", .. }) => Refreshed::default(),
            done => done?,
        };
        let later = || ruled.next().map(|group| format!("{group}/"));
        done.next = done.next.map(|place| format!("{group}/{place}")).or_else(later);
        Ok(done)
    }
}

/// Brings every group that has a rule up to date, as this actor, who needs [`REFRESH`]: step by step, each in a unit of work
/// of its own with at most `chunk` customers. `progress` is called after each, and may stop the run: what was committed
/// stays. Run it again whenever members are to come and go; nothing is decided by when it runs.
///
/// ```
/// use std::ops::ControlFlow;
/// use crm_core::access::Actor;
/// use crm_core::kernel::page::Limit;
/// use crm_core::partners::refresh_groups_blocking;
/// use crm_core::{Crm, MemoryStorage};
/// # fn main() -> crm_core::Result<()> {
/// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// // In a timer of the host, every hour:
/// let done = refresh_groups_blocking(&crm, &Actor::system(), Limit::default(), |progress| {
///     println!("{} in, {} out of {}", progress.joined, progress.left, progress.seen);
///     ControlFlow::Continue(())
/// })?;
/// assert!(!done.stopped);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What a step meets. What was committed before stays: run it again later.
pub async fn refresh_groups(
    crm: &Crm,
    actor: &Actor,
    chunk: Limit,
    mut progress: impl FnMut(&RefreshProgress) -> ControlFlow<()> + Send,
) -> Result<RefreshProgress> {
    let (mut so_far, mut after) = (RefreshProgress::default(), None::<String>);
    loop {
        let from = after.take();
        let refresh =
            crm.run(actor, "refresh groups", move |work| work.partners().refresh_next(chunk, from.as_deref()));
        let done = refresh.await?;
        let add = |sum: u64, count: usize| sum.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        so_far.steps = add(so_far.steps, 1);
        so_far.seen = add(so_far.seen, done.seen);
        so_far.joined = add(so_far.joined, done.joined);
        so_far.left = add(so_far.left, done.left);
        after = done.next;
        let stop = progress(&so_far).is_break();
        if after.is_none() || stop {
            so_far.stopped = after.is_some();
            return Ok(so_far);
        }
    }
}

/// The same for programs without an async runtime. Must not be called on a thread that drives one.
///
/// # Errors
/// As [`refresh_groups`].
pub fn refresh_groups_blocking(
    crm: &Crm,
    actor: &Actor,
    chunk: Limit,
    progress: impl FnMut(&RefreshProgress) -> ControlFlow<()> + Send,
) -> Result<RefreshProgress> {
    crm.blocking().wait(refresh_groups(crm, actor, chunk, progress))
}

/// Refuses a rule that says nothing, or names what is not there.
fn check(work: &mut Permit<'_, '_>, rule: &GroupRule) -> Result<()> {
    rule.check()?;
    let branches: Vec<BranchId> = rule.branches().into_iter().collect();
    let found = work.get_many::<Branch>(&branches)?;
    match found.iter().zip(&branches).find(|(found, _)| found.is_none()) {
        Some((_, branch)) => Err(Error::not_found("branch", branch)),
        None => Ok(()),
    }
}

fn rule_of(group: &CustomerGroup) -> Result<GroupRule> {
    let rule = group.rule.as_ref().map(|rule| rule.0.clone());
    rule.ok_or_else(|| Error::invalid("group", "group.by_hand"))
}

fn explained(work: &mut Permit<'_, '_>, rule: &GroupRule, customer: &Customer) -> Result<Explained> {
    let facts = facts_of(work, rule, std::slice::from_ref(customer))?;
    facts.first().map(|facts| explain(rule, facts)).ok_or_else(|| Error::not_found("customer", customer.id))
}

/// The group is locked: of several who do this at once, each sees whom the one before has let in.
fn step(work: &mut Permit<'_, '_>, group: CustomerGroupId, limit: Limit, after: Option<&str>) -> Result<Refreshed> {
    let mut group: CustomerGroup = work.lock(group)?;
    let rule = rule_of(&group)?;
    let digest = digest(&rule)?;
    let place = after.map(|after| after.split_once('.').ok_or_else(alien)).transpose()?;
    let place = place.filter(|(of, _)| *of == digest).map(|(_, place)| Cursor::decode(place)).transpose()?;
    let page = work.select(Filter::<Customer>::all()).page(limit, place.as_ref())?;
    let (now, next) = (work.now(), page.next.map(|next| format!("{digest}.{}", next.encode())));

    let keys: Vec<_> = page.items.iter().map(|customer| (customer.id, group.id)).collect();
    // A record that leads to another belongs nowhere.
    let standing: Vec<Customer> = page.items.into_iter().filter(|customer| customer.merged_into_id.is_none()).collect();
    let facts = facts_of(work, &rule, &standing)?;
    let meant = standing.iter().zip(&facts).filter(|(_, facts)| belongs(&rule, facts));
    let meant: BTreeSet<CustomerId> = meant.map(|(customer, _)| customer.id).collect();

    let (mut joined, mut changed) = (Vec::new(), Vec::new());
    for (&(customer, group), member) in keys.iter().zip(work.get_many::<Membership>(&keys)?) {
        match member {
            None if meant.contains(&customer) => {
                joined.push(Membership { customer_id: customer, group_id: group, since: now });
                changed.push(GroupChanged { customer, group, member: true });
            }
            Some(member) if !meant.contains(&customer) => {
                work.delete(&member)?;
                changed.push(GroupChanged { customer, group, member: false });
            }
            _ => {}
        }
    }
    work.insert_all(&joined)?;
    if next.is_none() {
        group.refreshed_at = Some(now);
        work.update(&mut group)?;
    }
    for change in &changed {
        work.emit(change)?;
    }
    let joined = joined.len();
    Ok(Refreshed { seen: keys.len(), joined, left: changed.len().saturating_sub(joined), next })
}

/// By what a place says which rule it is of.
fn digest(rule: &GroupRule) -> Result<String> {
    let text = serde_json::to_vec(rule).map_err(|error| Error::backend("serialising a rule", error))?;
    Ok(hexadecimal(&Sha256::digest(text)).chars().take(16).collect())
}

fn alien() -> Error {
    Error::invalid("after", "page.cursor")
}

/// Every rule could be saved, and only groups that have one were brought up to date by it.
pub fn rules_hold(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    for group in work.select(Filter::<CustomerGroup>::all()).all()? {
        let sound = match &group.rule {
            Some(rule) => rule.0.check().is_ok(),
            None => group.refreshed_at.is_none(),
        };
        if !sound {
            let what = format!("{}: a rule that nobody could save", group.id);
            violations.push(Violation { invariant: "partners.rules", what });
        }
    }
    Ok(violations)
}
