//! The customer club as a module: credit, points, tiers, cards, gift cards and referral.
//!
//! Its words, values and pure rules are in [`crm_core::loyalty`]; here is what is done with them, and nothing that a third
//! party's module could not do.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod earning;
pub mod ledger;
pub mod programme;
pub mod tiers;

use crm_core::Result;
use crm_core::customers::event::CustomerCreated;
use crm_core::instalments::event::InstalmentsCleared;
use crm_core::loyalty::earning::{EarnCounter, PurchaseSheet};
use crm_core::loyalty::ledger::{Account, Balance, Entry, Hold, Lot};
use crm_core::loyalty::programme::{ProgrammeState, ProgrammeVersion};
use crm_core::loyalty::tiers::event::{TIER_ENDING, TIER_LOWERED, TIER_PINNED, TIER_REACHED};
use crm_core::loyalty::tiers::{QualifyingDay, Standing, TierChange};
use crm_core::module::{Manifest, Module, Permission, Registry};
use crm_core::purchases::event::PurchaseRecorded;
use crm_core::returns::event::PurchaseReturned;
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
    permission(earning::EARN, "let purchases earn credit and points"),
    permission(earning::READ, "see what purchases have earned"),
    permission(earning::WHAT_IF, "ask what another programme would have given"),
    permission(tiers::READ, "see tiers, what is missing to them, and their history"),
    permission(tiers::PIN, "set tiers by hand"),
    permission(tiers::REVIEW, "review tiers that are due"),
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
                PurchaseSheet::SCHEMA,
                EarnCounter::SCHEMA,
                QualifyingDay::SCHEMA,
                Standing::SCHEMA,
                TierChange::SCHEMA,
            ],
            events: &[
                programme::event::PROGRAMME_SAVED,
                ledger::event::LEDGER_POSTED,
                ledger::event::ACCOUNT_OPENED,
                ledger::event::ACCOUNT_STATE_CHANGED,
                TIER_REACHED,
                TIER_LOWERED,
                TIER_ENDING,
                TIER_PINNED,
            ],
        }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.provide(programme::Versions::default());
        registry.on::<CustomerCreated>("enrol", |work, event| ledger::on_customer(work, event.customer));
        registry.on::<PurchaseRecorded>("earn", earning::on_purchase);
        registry.on::<PurchaseReturned>("claw back", earning::on_return);
        registry.on::<InstalmentsCleared>("earn as it is paid", earning::on_cleared);
        registry.price_context(tiers::complete);
        registry.invariant("tiers.counts", tiers::counts_agree);
        registry.invariant("tiers.history", tiers::standings_agree);
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
