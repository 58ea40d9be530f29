//! Keeping preferences, and asking for them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::PreferenceChanged;
use super::model::{Preference, PreferenceSource, preference};
use super::rules::{Resolved, check_key, checked_value, resolve};
use crate::customers::{self, Customer, CustomerId};
use crate::kernel::page::{Cursor, Limit, Page};
use crate::kernel::time::Timestamp;
use crate::module::Violation;
use crate::work::{Filter, Permit, UnitOfWork, Version};
use crate::{Error, Result};

/// Permission to set and forget preferences.
pub const WRITE: &str = "preferences.write";
/// Permission to see preferences, and to find customers by them.
pub const READ: &str = "preferences.read";

/// The most customers that one page looks at, so that what else is known of them fits into one more.
const MAX_LOOKED_AT: u32 = 300;

/// A preference to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPreference {
    /// What it is about: 1 to 64 small letters, digits, `.`, `_` and `-`.
    pub key: String,
    /// What they like, 1 to 200 characters.
    pub value: String,
    /// Who says so.
    pub source: PreferenceSource,
    /// When it was said or derived; now, if left out.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

impl NewPreference {
    /// What a source says now.
    pub fn of(source: PreferenceSource, key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into(), source, at: None }
    }
}

/// Preferences, seen from a unit of work: `work.preferences()`. A record that leads to another stands for that one.
///
/// ```
/// use crm_core::access::Actor;
/// use crm_core::customers::NewCustomer;
/// use crm_core::kernel::page::Limit;
/// use crm_core::preferences::{NewPreference, PreferenceSource};
/// use crm_core::{Crm, MemoryStorage};
/// # fn main() -> crm_core::Result<()> {
/// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// crm.blocking().run(&Actor::system(), "tastes", |work| {
///     let ada = work.customers().create(NewCustomer::person("Ada"))?.id;
///     work.preferences().set(ada, &NewPreference::of(PreferenceSource::Derived, "tea", "black"))?;
///     work.preferences().set(ada, &NewPreference::of(PreferenceSource::Stated, "tea", "green"))?;
///     let known = work.preferences().of(ada)?;
///     assert_eq!((known[0].counts.value.as_str(), known[0].others.len()), ("green", 1));
///     let found = work.preferences().with("tea", "green", Limit::new(10)?, None)?;
///     assert_eq!(found.items[0].id, ada);
///     Ok::<_, crm_core::Error>(())
/// })
/// # }
/// ```
pub struct Preferences<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// What customers like and are interested in.
    pub fn preferences(&mut self) -> Preferences<'_, 't> {
        Preferences(self)
    }
}

impl Preferences<'_, '_> {
    /// Keeps what a source says, in place of what it said before, and says whether that is kept now: what is older than what
    /// is known of the same source changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer who is absent or out of reach; [`Error::Invalid`] with `preference.key`,
    /// `preference.future` for a time that has not come, and for a value that is none.
    pub fn set(&mut self, customer: CustomerId, new: &NewPreference) -> Result<bool> {
        let (mut work, customer) = customers::permit_on_current(self.0, WRITE, customer)?;
        check_key(&new.key)?;
        let value = checked_value(&new.value)?;
        let now = work.now();
        let at = new.at.unwrap_or(now);
        if at > now {
            return Err(Error::invalid("at", "preference.future"));
        }
        let id = (customer.id, new.key.clone(), new.source);
        let known = work.find::<Preference>(&id)?;
        if known.is_some_and(|known| known.value == value && known.at == at) {
            return Ok(true);
        }
        let (key, source, version) = (new.key.clone(), new.source, Version::FIRST);
        let first = Preference { customer_id: customer.id, key, source, version, value: value.clone(), at };
        let mut stored = work.find_or_first(id, |_| first)?;
        if at < stored.at {
            return Ok(false);
        }
        (stored.value, stored.at) = (value, at);
        work.update(&mut stored)?;
        work.emit(&PreferenceChanged { customer: customer.id, key: stored.key, source: stored.source, known: true })?;
        Ok(true)
    }

    /// Forgets what a source says. Nothing happens where it says nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer who is absent or out of reach.
    pub fn forget(&mut self, customer: CustomerId, key: &str, source: PreferenceSource) -> Result<()> {
        let (mut work, customer) = customers::permit_on_current(self.0, WRITE, customer)?;
        if let Some(known) = work.find::<Preference>(&(customer.id, key.to_owned(), source))? {
            work.delete(&known)?;
            work.emit(&PreferenceChanged { customer: customer.id, key: known.key, source, known: false })?;
        }
        Ok(())
    }

    /// Everything that is known of a customer's preferences, in the order of the keys: what counts, and what other sources
    /// say.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer who is absent or out of reach.
    pub fn of(&mut self, customer: CustomerId) -> Result<Vec<Resolved>> {
        let (mut work, customer) = customers::permit_on_current(self.0, READ, customer)?;
        Ok(resolve(work.select(preference::customer_id.eq(customer.id)).all()?))
    }

    /// The customers within reach of whom this is what counts of a key, in the order of their ids. Values are compared as
    /// they are written. A page may have fewer than asked for, and still a next one.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`]; [`Error::Invalid`] for what is no key or no value.
    pub fn with(&mut self, key: &str, value: &str, limit: Limit, after: Option<&Cursor>) -> Result<Page<Customer>> {
        let mut visible = self.0.within(READ)?;
        check_key(key)?;
        let value = checked_value(value)?;
        let limit = limit.min(Limit::new(MAX_LOOKED_AT)?);
        let said = RefCell::new(Vec::<Preference>::new());
        let found = preference::key.eq(key).and(preference::value.eq(value.as_str()));
        let mut page = visible.led_to(found, limit, after, |found: Preference| {
            let customer = found.customer_id;
            said.borrow_mut().push(found);
            Some(customer)
        })?;
        let ids = page.items.iter().map(|customer: &Customer| customer.id);
        // What counts more than what was found, whatever it says.
        let heavier = preference::source.ne(PreferenceSource::Derived);
        let others = preference::customer_id.is_in(ids).and(preference::key.eq(key)).and(heavier);
        let mut counts: BTreeMap<CustomerId, PreferenceSource> = BTreeMap::new();
        let more = RefCell::new(&mut counts);
        visible.led_to::<Preference, Customer>(others, Limit::MAX, None, |other| {
            let mut more = more.borrow_mut();
            let first = more.entry(other.customer_id).or_insert(other.source);
            *first = other.source.min(*first);
            None
        })?;
        // Each on the page of what counts, if that is this value.
        let said = said.into_inner().into_iter();
        let meant = said.filter(|said| counts.get(&said.customer_id).is_none_or(|first| *first == said.source));
        let meant: BTreeSet<CustomerId> = meant.map(|said| said.customer_id).collect();
        page.items.retain(|customer| customer.merged_into_id.is_none() && meant.contains(&customer.id));
        Ok(page)
    }
}

/// Gives a customer what another has and they have not, by key and source, and says what that was.
pub(crate) fn copy(
    work: &mut Permit<'_, '_>,
    from: CustomerId,
    to: CustomerId,
) -> Result<Vec<(String, PreferenceSource)>> {
    let known = work.select(preference::customer_id.eq(from)).all()?;
    let keys: Vec<_> = known.iter().map(|known| (to, known.key.clone(), known.source)).collect();
    let own = work.get_many::<Preference>(&keys)?;
    let lacking = known.into_iter().zip(own).filter(|(_, own)| own.is_none()).map(|(known, _)| known);
    let copied: Vec<_> =
        lacking.map(|known| Preference { customer_id: to, version: Version::FIRST, ..known }).collect();
    work.insert_all(&copied)?;
    Ok(copied.into_iter().map(|copied| (copied.key, copied.source)).collect())
}

/// Takes back what was [copied](copy), but for what was set anew since.
pub(crate) fn take_back(
    work: &mut Permit<'_, '_>,
    from: CustomerId,
    to: CustomerId,
    copied: &[(String, PreferenceSource)],
) -> Result<()> {
    for (key, source) in copied {
        let theirs = work.find::<Preference>(&(from, key.clone(), *source))?;
        let Some(copy) = work.find::<Preference>(&(to, key.clone(), *source))? else { continue };
        if theirs.is_some_and(|theirs| theirs.value == copy.value && theirs.at == copy.at) {
            work.delete(&copy)?;
        }
    }
    Ok(())
}

/// What is kept is what could be set.
pub fn well_formed(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    work.select(Filter::<Preference>::all()).for_each(|known| {
        let fits = check_key(&known.key).is_ok() && checked_value(&known.value).is_ok_and(|value| value == known.value);
        if !fits {
            let what = format!("{}: a preference that nobody could set", known.customer_id);
            violations.push(Violation { invariant: "preferences.values", what });
        }
        Ok(())
    })?;
    Ok(violations)
}
