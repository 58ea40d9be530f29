//! Opening and changing branches.

use super::event::{BranchChanged, BranchOpened};
use super::model::{Branch, BranchId, branch};
use crate::access::Target;
use crate::kernel::calendar::Calendar;
use crate::kernel::currency::Currency;
use crate::kernel::input::required_text;
use crate::kernel::page::{Cursor, Limit, Page};
use crate::kernel::time::{TimeOfDay, Zone};
use crate::work::{Filter, UnitOfWork, Version, changed_columns};
use crate::{Error, Result};

/// Permission to open and change branches.
pub const WRITE: &str = "branches.write";
/// Permission to see branches.
pub const READ: &str = "branches.read";

/// A branch to open.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBranch {
    /// Its name, 1 to 200 characters.
    pub name: String,
    /// The name of its IANA time zone, for example `Asia/Tehran`.
    pub zone: String,
    /// The code of the currency it sells in.
    pub currency: String,
    /// The calendar its people use.
    pub calendar: Calendar,
    /// When its business day begins.
    pub cutoff: TimeOfDay,
}

impl NewBranch {
    /// A branch with the Gregorian calendar, whose business day begins at midnight.
    pub fn named(name: impl Into<String>, zone: impl Into<String>, currency: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            zone: zone.into(),
            currency: currency.into(),
            calendar: Calendar::Gregorian,
            cutoff: TimeOfDay::MIDNIGHT,
        }
    }
}

/// Branches, seen from a unit of work: `work.branches()`.
pub struct Branches<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Places of business.
    pub fn branches(&mut self) -> Branches<'_, 't> {
        Branches(self)
    }
}

impl Branches<'_, '_> {
    /// Opens a branch.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty name, an unknown zone or a currency that is no code; [`Error::NotFound`] for a
    /// currency that is not known; [`Error::Denied`] without [`WRITE`].
    #[expect(clippy::needless_pass_by_value, reason = "what is new is handed over")]
    pub fn create(&mut self, new: NewBranch) -> Result<Branch> {
        let mut work = self.0.permit(WRITE, &Target::ANY)?;
        let currency = Currency::new(&new.currency)?;
        work.currencies().get(currency)?;
        let branch = Branch {
            id: work.new_id(),
            version: Version::FIRST,
            name: required_text("name", &new.name, 200)?,
            zone: Zone::new(&new.zone)?,
            calendar: new.calendar,
            currency,
            cutoff: new.cutoff,
            active: true,
        };
        work.insert(&branch)?;
        work.emit(&BranchOpened { branch: branch.id })?;
        Ok(branch)
    }

    /// Stores the changes of a branch. Its currency cannot change, for purchases were recorded in it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it was changed meanwhile; [`Error::NotFound`], also where the actor may not change it.
    pub fn update(&mut self, branch: &mut Branch) -> Result<()> {
        let (mut work, before) = self.0.permit_on::<Branch>(WRITE, branch.id)?;
        work.keep_hidden(&before, branch)?;
        branch.name = required_text("name", &branch.name, 200)?;
        if before.currency != branch.currency {
            return Err(Error::invalid("currency", "branch.currency_fixed"));
        }
        work.update(branch)?;
        work.emit(&BranchChanged { branch: branch.id, columns: changed_columns(&before, branch) })?;
        Ok(())
    }

    /// The branch with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn get(&mut self, id: BranchId) -> Result<Branch> {
        self.0.within(READ)?.get(id)
    }

    /// One page of branches by name, narrowed to what the actor may see.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn page(&mut self, limit: Limit, after: Option<&Cursor>) -> Result<Page<Branch>> {
        self.0.within(READ)?.select(Filter::all()).order_by(branch::name).page(limit, after)
    }
}
