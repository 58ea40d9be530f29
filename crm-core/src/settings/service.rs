//! Setting something at a level, and asking what holds for somebody.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::event::SettingChanged;
use super::model::{Level, Setting, StoredSetting};
use super::rules::{Resolved, ladder, resolve};
use crate::access::Target;
use crate::branches::{self, Branch, BranchId};
use crate::customers::{Customer, CustomerId};
use crate::kernel::time::CivilDate;
use crate::partners::{self, CustomerGroup, Groups, PartnerGroup};
use crate::work::{Permit, UnitOfWork, Version};
use crate::{Error, Result};

/// For whom a setting is asked: everything that its [`ladder`] depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The customer, if known.
    pub customer: Option<CustomerId>,
    /// The groups that count for the customer, the first having priority.
    pub groups: Groups,
    /// Where.
    pub branch: Option<BranchId>,
}

impl Subject {
    /// A customer at a branch on one of its business days; without a branch, on a date of UTC. The groups are read: whoever has
    /// them already makes the subject by hand.
    ///
    /// # Errors
    /// What the storage meets.
    pub fn of(
        work: &mut Permit<'_, '_>,
        customer: Option<CustomerId>,
        branch: Option<BranchId>,
        on: CivilDate,
    ) -> Result<Self> {
        let groups = customer.map(|customer| partners::groups_of(work, customer, on)).transpose()?;
        Ok(Self { customer, groups: groups.unwrap_or_default(), branch })
    }

    /// The same on the present day.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the branch.
    pub fn now(work: &mut Permit<'_, '_>, customer: Option<CustomerId>, branch: Option<BranchId>) -> Result<Self> {
        let branch = branch.map(|branch| work.get::<Branch>(branch)).transpose()?;
        let on = branches::business_day(branch.as_ref()).date_of(work.now());
        Self::of(work, customer, branch.map(|branch| branch.id), on)
    }
}

impl<T: Serialize + DeserializeOwned> Setting<T> {
    /// What holds for somebody, inside an operation that has its own permit. One look-up by key.
    ///
    /// # Errors
    /// [`Error::Backend`] when what is stored is no such value.
    pub fn resolve(&self, work: &mut Permit<'_, '_>, subject: &Subject) -> Result<Resolved<T>> {
        Ok(resolve(self.found(work, subject)?, self.default_value()))
    }

    /// What is set at each level on the way.
    pub(crate) fn found(&self, work: &mut Permit<'_, '_>, subject: &Subject) -> Result<Vec<(Level, Option<T>)>> {
        let levels = ladder(subject.customer, &subject.groups, subject.branch);
        let keys: Vec<_> = levels.iter().map(|level| (self.name.to_owned(), *level)).collect();
        let stored = work.get_many::<StoredSetting>(&keys)?;
        let value = |stored: StoredSetting| {
            serde_json::from_str(&stored.value).map_err(|error| Error::backend("a stored setting", error))
        };
        levels.into_iter().zip(stored).map(|(level, stored)| Ok((level, stored.map(value).transpose()?))).collect()
    }
}

/// Settings, seen from a unit of work: `work.settings()`.
///
/// ```
/// use crm_core::access::Actor;
/// use crm_core::customers::{LANGUAGE, NewCustomer};
/// use crm_core::kernel::language::Language;
/// use crm_core::settings::Level;
/// use crm_core::{Crm, MemoryStorage};
/// # fn main() -> crm_core::Result<()> {
/// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// crm.blocking().run(&Actor::system(), "a language", |work| {
///     let ada = work.customers().create(NewCustomer::person("Ada"))?.id;
///     work.settings().set(&LANGUAGE, Level::Everybody, &Language::Pl)?;
///     let spoken = work.settings().resolve(&LANGUAGE, Some(ada), None)?;
///     assert_eq!((spoken.value, spoken.level), (Language::Pl, Some(Level::Everybody)));
///     Ok::<_, crm_core::Error>(())
/// })
/// # }
/// ```
pub struct Settings<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Settings that are kept at levels.
    pub fn settings(&mut self) -> Settings<'_, 't> {
        Settings(self)
    }
}

impl Settings<'_, '_> {
    /// Sets something at a level. What was set there before is replaced.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer, group or branch that is not there, or a customer out of reach; that of the
    /// setting's own check; [`Error::Denied`] without the permission of the setting.
    pub fn set<T: Serialize>(&mut self, setting: &Setting<T>, level: Level, value: &T) -> Result<()> {
        let mut work = permit_at(self.0, setting.write, level)?;
        (setting.check)(value)?;
        let value = serde_json::to_string(value).map_err(|error| Error::backend("serialising a setting", error))?;
        let name = setting.name.to_owned();
        let first = StoredSetting { name: name.clone(), level, version: Version::FIRST, value: value.clone() };
        let mut stored = work.find_or_first((name.clone(), level), |_| first)?;
        stored.value = value;
        work.update(&mut stored)?;
        work.emit(&SettingChanged { name, level, set: true }).map(drop)
    }

    /// Nothing is set at a level any more. Nothing happens where nothing was.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn clear<T>(&mut self, setting: &Setting<T>, level: Level) -> Result<()> {
        let mut work = permit_at(self.0, setting.write, level)?;
        let name = setting.name.to_owned();
        if let Some(stored) = work.find::<StoredSetting>(&(name.clone(), level))? {
            work.delete(&stored)?;
            work.emit(&SettingChanged { name, level, set: false })?;
        }
        Ok(())
    }

    /// What holds for a customer at a branch now, at which level it is set, and what lost.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer who is absent or out of reach, and for a branch that is not there;
    /// [`Error::Denied`] without the permission of the setting.
    pub fn resolve<T: Serialize + DeserializeOwned>(
        &mut self,
        setting: &Setting<T>,
        customer: Option<CustomerId>,
        branch: Option<BranchId>,
    ) -> Result<Resolved<T>> {
        let mut work = match (customer, branch) {
            (Some(customer), _) => self.0.permit_on::<Customer>(setting.read, customer)?.0,
            (None, Some(branch)) => self.0.permit(setting.read, &Target::branch(branch))?,
            (None, None) => self.0.permit(setting.read, &Target::ANY)?,
        };
        let subject = Subject::now(&mut work, customer, branch)?;
        setting.resolve(&mut work, &subject)
    }
}

/// A permit for what is set at a level: on the customer or the branch, and for groups and everybody one without bounds.
fn permit_at<'w, 't>(work: &'w mut UnitOfWork<'t>, permission: &'static str, level: Level) -> Result<Permit<'w, 't>> {
    match level {
        Level::Customer(customer) => Ok(work.permit_on::<Customer>(permission, customer)?.0),
        Level::Branch(branch) => {
            let mut work = work.permit(permission, &Target::branch(branch))?;
            work.get::<Branch>(branch)?;
            Ok(work)
        }
        Level::PartnerGroup(group) => {
            let mut work = work.permit(permission, &Target::ANY)?;
            work.get::<PartnerGroup>(group)?;
            Ok(work)
        }
        Level::CustomerGroup(group) => {
            let mut work = work.permit(permission, &Target::ANY)?;
            work.get::<CustomerGroup>(group)?;
            Ok(work)
        }
        Level::Everybody => work.permit(permission, &Target::ANY),
    }
}
