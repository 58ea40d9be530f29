//! The customer club as a module: credit, points, tiers, cards, gift cards and referral.
//!
//! Its words, values and pure rules are in [`crm_core::loyalty`]; here is what is done with them, and nothing that a third
//! party's module could not do.

#[cfg(feature = "conformance")]
pub mod conformance;

use crm_core::Result;
use crm_core::loyalty::ledger;
use crm_core::module::{Manifest, Module, Registry};
use crm_core::work::{Entity, UnitOfWork};

/// The module: `Crm::builder(storage).module(Loyalty::new())`.
#[derive(Debug, Default)]
pub struct Loyalty {}

impl Loyalty {
    /// The club with standard settings.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Module for Loyalty {
    fn manifest(&self) -> Manifest {
        Manifest {
            name: "loyalty",
            requires: &["core"],
            permissions: &[],
            uses: &[],
            // A kind after those it refers to: rows are written in this order.
            entities: &[
                ledger::Account::SCHEMA,
                ledger::Balance::SCHEMA,
                ledger::Lot::SCHEMA,
                ledger::Hold::SCHEMA,
                ledger::Entry::SCHEMA,
            ],
            events: &[],
        }
    }

    fn install(&self, _: &mut Registry) -> Result<()> {
        Ok(())
    }
}

/// The club, seen from a unit of work: `work.loyalty()`.
pub struct Club<'w, 't>(pub(crate) &'w mut UnitOfWork<'t>);

/// The operations of the club, as an extension of the unit of work.
pub trait WorkLoyalty<'t> {
    /// The customer club.
    fn loyalty(&mut self) -> Club<'_, 't>;
}

impl<'t> WorkLoyalty<'t> for UnitOfWork<'t> {
    fn loyalty(&mut self) -> Club<'_, 't> {
        Club(self)
    }
}
