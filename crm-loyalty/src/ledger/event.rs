//! What happens on accounts.

use crm_core::branches::BranchId;
use crm_core::customers::CustomerId;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{Account, AccountId, AccountState, Entry, EntryId, EntryKind};
use crm_core::module::{About, Event, Reference};
use crm_core::purchases::PurchaseId;
use crm_core::work::Entity;
use serde::{Deserialize, Serialize};

/// The kind of [`LedgerPosted`].
pub const LEDGER_POSTED: &str = "loyalty.posted";
/// The kind of [`AccountOpened`].
pub const ACCOUNT_OPENED: &str = "loyalty.account_opened";
/// The kind of [`AccountStateChanged`].
pub const ACCOUNT_STATE_CHANGED: &str = "loyalty.account_state_changed";

/// An entry was made on an account (S-52).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPosted {
    /// The account.
    pub account: AccountId,
    /// The member, or to whom a gift card is bound.
    pub customer: Option<CustomerId>,
    /// Where.
    pub branch: Option<BranchId>,
    /// The entry.
    pub entry: EntryId,
    /// Why.
    pub kind: EntryKind,
    /// The purchase it belongs to.
    pub purchase: Option<PurchaseId>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The rule, campaign or reason.
    pub reason: Option<String>,
    /// By how much each asset has changed: what was taken is negative.
    pub changes: Vec<(Asset, Amounts)>,
}

/// An account was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountOpened {
    /// The account.
    pub account: AccountId,
    /// The member, or to whom a gift card is bound.
    pub customer: Option<CustomerId>,
    /// The branch that looks after it.
    pub branch: Option<BranchId>,
}

/// What can be done with an account was changed (S-49).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStateChanged {
    /// The account.
    pub account: AccountId,
    /// The member, or to whom a gift card is bound.
    pub customer: Option<CustomerId>,
    /// The branch that looks after it.
    pub branch: Option<BranchId>,
    /// The state before.
    pub from: AccountState,
    /// The state now.
    pub to: AccountState,
    /// Why.
    pub reason: Option<String>,
}

fn account(id: AccountId) -> Reference {
    Reference { kind: Account::SCHEMA.kind, id: id.into() }
}

impl Event for LedgerPosted {
    const KIND: &'static str = LEDGER_POSTED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: self.branch,
            reference: Some(Reference { kind: Entry::SCHEMA.kind, id: self.entry.into() }),
            occurred_at: Some(self.occurred_at),
        }
    }

    fn rule(&self) -> Option<String> {
        self.reason.clone()
    }
}

impl Event for AccountOpened {
    const KIND: &'static str = ACCOUNT_OPENED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: self.branch,
            reference: Some(account(self.account)),
            ..About::default()
        }
    }
}

impl Event for AccountStateChanged {
    const KIND: &'static str = ACCOUNT_STATE_CHANGED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: self.branch,
            reference: Some(account(self.account)),
            ..About::default()
        }
    }
}
