//! The customer club as a module: credit, points, tiers, cards, gift cards and referral.
//!
//! Its words, values and pure rules are in [`crm_core::loyalty`]; here is what is done with them, and nothing that a third
//! party's module could not do.

pub mod anniversaries;
pub mod bonus;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod earning;
pub mod grants;
pub mod ledger;
mod members;
mod notice;
pub mod programme;
pub mod referral;
pub mod statements;

use crm_core::Result;
use crm_core::customers::event::{CustomerChanged, CustomerCreated};
use crm_core::instalments::event::InstalmentsCleared;
use crm_core::loyalty::anniversaries::event::{DAY_CELEBRATED, DAY_TOLD};
use crm_core::loyalty::anniversaries::{Celebration, SpecialDay};
use crm_core::loyalty::bonus::event::BONUS_CHANGED;
use crm_core::loyalty::bonus::{BonusDay, BonusRequest};
use crm_core::loyalty::earning::{EarnCounter, PurchaseSheet};
use crm_core::loyalty::grants::event::GRANT_MOVED;
use crm_core::loyalty::grants::{GrantMember, GroupGrant};
use crm_core::loyalty::ledger::{Account, Balance, Entry, Hold, Lot};
use crm_core::loyalty::programme::{ProgrammeState, ProgrammeVersion};
use crm_core::loyalty::referral::event::{REFERRAL_BARRED, REFERRAL_NOTED};
use crm_core::loyalty::referral::{Fingerprint, Referral, ReferralReward, Referrer};
use crm_core::loyalty::statements::Reminded;
use crm_core::module::{Manifest, Module, Permission, Registry};
use crm_core::purchases::event::PurchaseRecorded;
use crm_core::returns::event::PurchaseReturned;
use crm_core::work::{Entity, UnitOfWork};

pub use notice::{NOTICES, Notice};

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
    programme::WRITE,
    programme::READ,
    earning::EARN,
    earning::READ,
    permission(grants::PLAN, "plan and revoke gifts to groups"),
    permission(grants::APPROVE, "agree to a gift to a group that somebody else has planned"),
    permission(grants::RUN, "carry out gifts to groups"),
    permission(grants::READ, "see gifts to groups"),
    permission(bonus::GIVE, "give by hand, up to one's limit"),
    permission(bonus::APPROVE, "agree to what somebody else wants to give by hand"),
    permission(bonus::READ, "see what was given by hand"),
    permission(anniversaries::WRITE, "tell weddings and other days of customers that come back"),
    permission(anniversaries::READ, "see days of customers that come back"),
    permission(anniversaries::CELEBRATE, "give what days that come back give"),
    permission(referral::WRITE, "say who pays with what, and bar referrals"),
    permission(referral::READ, "see who brought whom, and what it gave"),
    permission(referral::REWARD, "give what there is for bringing others"),
    permission(statements::READ, "see statements of accounts, and what expires"),
    permission(statements::REPORT, "see what the club owes, and what branches owe each other"),
    permission(statements::REMIND, "remind members of what expires"),
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
                SpecialDay::SCHEMA,
                Celebration::SCHEMA,
                Referral::SCHEMA,
                Referrer::SCHEMA,
                ReferralReward::SCHEMA,
                Fingerprint::SCHEMA,
                BonusRequest::SCHEMA,
                BonusDay::SCHEMA,
                GroupGrant::SCHEMA,
                GrantMember::SCHEMA,
                Reminded::SCHEMA,
            ],
            events: &[
                ledger::event::LEDGER_POSTED,
                ledger::event::ACCOUNT_OPENED,
                ledger::event::ACCOUNT_STATE_CHANGED,
                programme::event::PROGRAMME_SAVED,
                DAY_TOLD,
                DAY_CELEBRATED,
                REFERRAL_NOTED,
                REFERRAL_BARRED,
                BONUS_CHANGED,
                GRANT_MOVED,
            ],
        }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.provide(programme::Versions::default());
        registry.on::<CustomerCreated>("enrol", |work, event| ledger::on_customer(work, event.customer));
        registry.on::<CustomerCreated>("birthday", |work, event| anniversaries::on_customer(work, event.customer));
        registry.on::<CustomerCreated>("referral", |work, event| referral::on_customer(work, event.customer));
        registry.on::<CustomerChanged>("birthday", |work, event| {
            anniversaries::on_changed(work, event.customer, &event.columns)
        });
        registry.on::<CustomerChanged>("referral", |work, event| {
            referral::on_changed(work, event.customer, &event.columns)
        });
        // Before what opens the buyer's own account: accounts are locked in the order of their ids (S-33).
        registry.on::<PurchaseRecorded>("referral", referral::on_purchase);
        registry.on::<PurchaseReturned>("referral", referral::on_return);
        registry.on::<InstalmentsCleared>("referral", referral::on_cleared);
        registry.on::<PurchaseRecorded>("earn", earning::on_purchase);
        registry.on::<PurchaseReturned>("claw back", earning::on_return);
        registry.on::<InstalmentsCleared>("earn as it is paid", earning::on_cleared);
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
