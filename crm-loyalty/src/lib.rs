//! The customer club as a module: credit, points, tiers, cards, gift cards and referral.
//!
//! Its words, values and pure rules are in [`crm_core::loyalty`]; here is what is done with them, and nothing that a third
//! party's module could not do.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod ledger;
pub mod programme;

use crm_core::Result;
use crm_core::customers::event::CustomerCreated;
use crm_core::loyalty::ledger::{Account, Balance, Entry, Hold, Lot};
use crm_core::loyalty::programme::{ProgrammeState, ProgrammeVersion};
use crm_core::module::{Manifest, Module, Permission, Registry};
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

const fn permission(name: &'static str, about: &'static str) -> Permission {
    Permission { name, about }
}

const PERMISSIONS: &[Permission] = &[
    permission(ledger::ENROL, "make customers members of the club"),
    permission(ledger::READ, "see accounts of the club and what is on them"),
    permission(programme::WRITE, "save versions of the club's programme"),
    permission(programme::READ, "see the club's programme"),
];

impl Module for Loyalty {
    fn manifest(&self) -> Manifest {
        Manifest {
            name: "loyalty",
            requires: &["core"],
            permissions: PERMISSIONS,
            uses: &[],
            // A kind after those it refers to: rows are written in this order.
            entities: &[
                ProgrammeState::SCHEMA,
                ProgrammeVersion::SCHEMA,
                Account::SCHEMA,
                Balance::SCHEMA,
                Lot::SCHEMA,
                Hold::SCHEMA,
                Entry::SCHEMA,
            ],
            events: &[
                programme::event::PROGRAMME_SAVED,
                ledger::event::LEDGER_POSTED,
                ledger::event::ACCOUNT_OPENED,
                ledger::event::ACCOUNT_STATE_CHANGED,
            ],
        }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.provide(programme::Versions::default());
        registry.on::<CustomerCreated>("enrol", |work, event| ledger::on_customer(work, event.customer));
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
