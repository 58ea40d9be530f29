//! Saving versions of the programme, and finding the one in force.

use std::sync::{Arc, Mutex, PoisonError};

use crm_core::access::Target;
use crm_core::catalog::{Category, CategoryTreeState};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::programme::{
    self, Compiled, Finding, Programme, ProgrammeState, ProgrammeVersion, in_force, programme_version,
};
use crm_core::loyalty::tiers::LadderId;
use crm_core::pricing::CategoryTree;
use crm_core::work::{Filter, Json, Permit, Version};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::ProgrammeSaved;
use crate::Club;

/// Permission to save versions of the programme.
pub const WRITE: &str = "loyalty.programme.write";
/// Permission to see the programme.
pub const READ: &str = "loyalty.programme.read";

/// A version of the programme to save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewVersion {
    /// The first instant it is in force: not before now, and now if left out.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// The first instant it is no longer in force: then the version before it is again.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// What it says.
    pub programme: Programme,
}

impl NewVersion {
    /// In force from now on.
    pub fn now(programme: Programme) -> Self {
        Self { from: None, until: None, programme }
    }
}

/// All versions, compiled, by the stamps of what they were made of. Stamps are never used twice, so what a unit of work
/// compiled and then did not commit is never taken for something else.
#[derive(Debug, Default)]
pub(crate) struct Versions(Mutex<Option<Kept>>);

type Kept = ([Uuid; 2], Arc<[Arc<Compiled>]>);

impl Club<'_, '_> {
    /// Saves a version of the programme, and says what whoever saves it should know. Earlier versions stay as they are
    /// (S-46).
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::kernel::currency::Currency;
    /// # use crm_core::kernel::money::Money;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// use crm_core::loyalty::earning::{Earn, EarnRule};
    /// let per = Money::new(100, Currency::PLN);
    /// let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// programme.earning.rules = vec![EarnRule::new("points", Asset::Points, Earn::Rate { give: 1, per })];
    /// assert!(work.loyalty().check_programme(&programme)?.iter().all(|finding| !finding.error));
    /// let (version, _) = work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// assert_eq!(version.number, 1);
    ///
    /// // Another is saved when something changes; the one before stays as it was.
    /// programme.earning.rules[0].earn = Earn::Rate { give: 2, per };
    /// work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// assert_eq!(work.loyalty().programme(None)?.expect("one is in force").programme, programme);
    /// assert_eq!(work.loyalty().programme_versions()?[0], version);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Invalid`] with the code of the first [`Finding`] that is an error, or with `programme.in_the_past`,
    /// `programme.period`.
    pub fn save_programme(&mut self, new: NewVersion) -> Result<(ProgrammeVersion, Vec<Finding>)> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let findings = programme::check(&new.programme, &tree(&mut work)?);
        if let Some(fault) = findings.iter().find(|finding| finding.error) {
            return Err(Error::invalid(fault.place.clone(), fault.code));
        }
        let from = new.from.unwrap_or(work.now());
        if from < work.now() {
            return Err(Error::invalid("from", "programme.in_the_past"));
        }
        if new.until.is_some_and(|until| until <= from) {
            return Err(Error::invalid("until", "programme.period"));
        }
        // First the state, so that two who save at once do not both add the same version.
        let number = stamp(&mut work)?;
        let version = ProgrammeVersion {
            number,
            effective_from: from,
            effective_until: new.until,
            saved_at: work.now(),
            terms: Json(new.programme),
        };
        work.insert(&version)?;
        work.emit(&ProgrammeSaved { number, from, until: new.until })?;
        Ok((version, findings))
    }

    /// What is wrong with a programme, without saving it.
    ///
    /// There is an example at [`save_programme`](Self::save_programme).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn check_programme(&mut self, programme: &Programme) -> Result<Vec<Finding>> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        let tree = tree(&mut work)?;
        Ok(programme::check(programme, &tree))
    }

    /// The programme in force at an instant, now if left out.
    ///
    /// There is an example at [`save_programme`](Self::save_programme).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn programme(&mut self, at: Option<Timestamp>) -> Result<Option<Arc<Compiled>>> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        let at = at.unwrap_or(work.now());
        current(&mut work, at)
    }

    /// Every version of the programme, the first first.
    ///
    /// There is an example at [`save_programme`](Self::save_programme).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn programme_versions(&mut self) -> Result<Vec<ProgrammeVersion>> {
        self.0.permit(READ, &Target::ANY)?.select(Filter::all()).order_by(programme_version::number).all()
    }
}

/// The programme in force at an instant, if there is one. Reads two rows by key; a version is compiled once and kept until
/// something changes.
pub(crate) fn current(work: &mut Permit<'_, '_>, at: Timestamp) -> Result<Option<Arc<Compiled>>> {
    let versions = versions(work)?;
    let intervals = versions.iter().map(|version| (version.number, version.from, version.until));
    Ok(in_force(intervals, at).and_then(|place| versions.get(place)).cloned())
}

/// The version in force now; while none is, the last that was saved: what it counts comes back later.
pub(crate) fn current_or_last(work: &mut Permit<'_, '_>) -> Result<Option<Arc<Compiled>>> {
    let now = work.now();
    match current(work, now)? {
        None => Ok(versions(work)?.last().cloned()),
        current => Ok(current),
    }
}

/// Says that [`current`] will be asked.
pub(crate) fn expect(work: &mut Permit<'_, '_>) {
    let nil = Uuid::nil();
    work.expect::<ProgrammeState>(&[nil.into()]);
    work.expect::<CategoryTreeState>(&[nil.into()]);
}

/// A version, whether it is in force or not.
pub(crate) fn numbered(work: &mut Permit<'_, '_>, number: u32) -> Result<Arc<Compiled>> {
    let versions = versions(work)?;
    let found = versions.iter().find(|version| version.number == number).cloned();
    found.ok_or_else(|| Error::not_found("loyalty_programme", number))
}

/// The ladders of tiers that some version has, and this programme has not.
pub(crate) fn other_ladders(work: &mut Permit<'_, '_>, programme: &Programme) -> Result<Vec<LadderId>> {
    let versions = versions(work)?;
    let every = versions.iter().flat_map(|version| &version.programme.tiers).map(|ladder| ladder.id);
    let mut others: Vec<_> = every.filter(|ladder| programme.tiers.iter().all(|one| one.id != *ladder)).collect();
    others.sort_unstable();
    others.dedup();
    Ok(others)
}

/// Whether every version that was ever saved has this ladder.
pub(crate) fn always_had(work: &mut Permit<'_, '_>, ladder: LadderId) -> Result<bool> {
    let versions = versions(work)?;
    Ok(versions.iter().all(|version| version.programme.tiers.iter().any(|had| had.id == ladder)))
}

/// All versions, compiled.
fn versions(work: &mut Permit<'_, '_>) -> Result<Arc<[Arc<Compiled>]>> {
    let nil = Uuid::nil();
    let state = work.find::<ProgrammeState>(&nil.into())?;
    let grown = work.find::<CategoryTreeState>(&nil.into())?;
    let stamps = [state.map_or(nil, |state| state.stamp), grown.map_or(nil, |state| state.stamp)];
    let kept = &work.provided::<Versions>()?.0;
    if let Some((of, versions)) = &*kept.lock().unwrap_or_else(PoisonError::into_inner)
        && *of == stamps
    {
        return Ok(versions.clone());
    }
    let tree = Arc::new(tree(work)?);
    let stored = work.select(Filter::<ProgrammeVersion>::all()).all()?;
    let compiled = stored.into_iter().map(|version| Arc::new(Compiled::new(version, tree.clone())));
    let versions: Arc<[_]> = compiled.collect::<Vec<_>>().into();
    *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((stamps, versions.clone()));
    Ok(versions)
}

pub(crate) fn tree(work: &mut Permit<'_, '_>) -> Result<CategoryTree> {
    CategoryTree::new(&work.select(Filter::<Category>::all()).all()?)
}

/// Changes the stamp, and gives the number of the next version.
fn stamp(work: &mut Permit<'_, '_>) -> Result<u32> {
    let id = Uuid::nil().into();
    let stamp = work.new_id::<Uuid>();
    if let Some(mut state) = work.find::<ProgrammeState>(&id)? {
        state.stamp = stamp;
        state.last = state.last.checked_add(1).ok_or_else(|| Error::invalid("programme", "programme.versions"))?;
        work.update(&mut state)?;
        Ok(state.last)
    } else {
        work.insert(&ProgrammeState { id, version: Version::FIRST, stamp, last: 1 })?;
        Ok(1)
    }
}
