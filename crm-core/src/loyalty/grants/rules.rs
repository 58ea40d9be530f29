//! The states of a gift to a group: a pure table.

use super::model::GrantState::{CalledOff, Given, Giving, Listing, Ready, Revoked, Revoking, Waiting};
use super::model::{GrantState, GroupGrant};
use crate::{Error, Result};

crate::text_enum! {
    /// What happens to a gift to a group.
    pub enum GrantAction {
        /// A second person agrees.
        Approve = "approve",
        /// It begins.
        Begin = "begin",
        /// All members are listed.
        Listed = "listed",
        /// All that are listed were given it.
        Done = "done",
        /// Those who have joined since are listed too.
        Again = "again",
        /// What is unspent is to be taken back.
        Revoke = "revoke",
        /// It was.
        TakenBack = "taken_back",
        /// It does not take place.
        CallOff = "call_off",
    }
}

use GrantAction::{Again, Approve, Begin, CallOff, Done, Listed, Revoke, TakenBack};

const STEPS: &[(GrantState, GrantAction, GrantState)] = &[
    (Waiting, Approve, Ready),
    (Waiting, CallOff, CalledOff),
    (Ready, CallOff, CalledOff),
    (Ready, Begin, Listing),
    (Listing, Listed, Giving),
    (Giving, Done, Given),
    (Given, Again, Listing),
    (Listing, Revoke, Revoking),
    (Giving, Revoke, Revoking),
    (Given, Revoke, Revoking),
    (Revoking, TakenBack, Revoked),
];

impl GrantState {
    /// Where it stands after this.
    ///
    /// # Errors
    /// `grant.step` when that cannot happen to it now.
    ///
    /// ```
    /// use crm_core::loyalty::grants::{GrantAction, GrantState};
    /// assert_eq!(GrantState::Ready.after(GrantAction::Begin)?, GrantState::Listing);
    /// assert!(GrantState::Waiting.after(GrantAction::Begin).is_err(), "a second person has to agree");
    /// assert!(GrantState::Revoked.after(GrantAction::Again).is_err());
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn after(self, action: GrantAction) -> Result<Self> {
        let step = STEPS.iter().find(|(from, by, _)| (*from, *by) == (self, action));
        step.map(|(.., to)| *to).ok_or_else(|| Error::invalid("action", "grant.step"))
    }
}

impl GroupGrant {
    /// Whether there is money for one more.
    pub fn affords_another(&self) -> bool {
        let with_another = self.given_units.checked_add(self.amount);
        with_another.is_some_and(|units| self.budget.is_none_or(|budget| units <= budget))
    }

    /// Whether this person may agree to what they have seen: it still waits, it is the same, and they have not planned it.
    ///
    /// # Errors
    /// `grant.step`, [`Error::Conflict`] and `grant.own`.
    pub fn may_be_approved(&self, seen: &Self, by: &str) -> Result<()> {
        self.state.after(Approve)?;
        if self != seen {
            return Err(Error::Conflict { kind: <Self as crate::work::Entity>::SCHEMA.kind });
        }
        if self.planned_by == by {
            return Err(Error::invalid("grant", "grant.own"));
        }
        Ok(())
    }
}
