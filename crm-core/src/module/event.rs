//! Events: what happened, told to the journal and to the modules in the transaction in which it happened.

use serde::Serialize;
use uuid::Uuid;

use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::journal::{JournalEntry, JournalEntryId};
use crate::kernel::time::Timestamp;
use crate::work::{Json, Permit};
use crate::{Error, Result};

/// Something that happened. A plain struct; its serialised form is what the journal keeps.
///
/// Personal data does not belong into an event: refer to the record that holds it, so that erasure finds it.
pub trait Event: Serialize + 'static {
    /// The kind, for example `sales.purchase.recorded`: module, noun, what happened.
    const KIND: &'static str;

    /// What it is about, for the journal's filters.
    fn about(&self) -> About;

    /// The rule that decided, with its version, if one did (S-52).
    fn rule(&self) -> Option<String> {
        None
    }
}

/// What an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The customer in whose history it stands.
    pub customer: Option<CustomerId>,
    /// The place of business where it happened.
    pub branch: Option<BranchId>,
    /// The record it is about.
    pub reference: Option<Reference>,
    /// When it happened, if not now (S-48).
    pub occurred_at: Option<Timestamp>,
}

/// A record, named by its kind and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// The kind of the record.
    pub kind: &'static str,
    /// Its id.
    pub id: Uuid,
}

impl Permit<'_, '_> {
    /// Tells what happened: appends it to the journal and hands it to the modules that listen, in the order that
    /// [`Crm::describe`](crate::Crm::describe) prints. An error of a handler fails the unit of work.
    ///
    /// # Errors
    /// [`Error::Setup`] when no installed module declares the event, or a handler emits what it is handling.
    pub fn emit<E: Event>(&mut self, event: &E) -> Result<JournalEntryId> {
        let shared = self.shared;
        if !shared.installed.events.contains(E::KIND) {
            return Err(Error::Setup(format!("no module declares the event {}", E::KIND)));
        }
        if self.handling.iter().any(|(kind, _)| *kind == E::KIND) {
            return Err(Error::Setup(format!("handling {} emits it again", E::KIND)));
        }
        let about = event.about();
        let id: JournalEntryId = self.new_id();
        let payload = serde_json::to_value(event).map_err(|error| Error::backend("serialising an event", error))?;
        let entry = JournalEntry {
            occurred_at: about.occurred_at.unwrap_or(self.now()),
            id,
            recorded_at: self.now(),
            kind: E::KIND.to_owned(),
            customer_id: about.customer,
            branch_id: about.branch,
            reference_kind: about.reference.map(|reference| reference.kind.to_owned()),
            reference_id: about.reference.map(|reference| reference.id),
            actor: self.principal().to_string(),
            channel: self.actor().channel().map(ToOwned::to_owned),
            permission: self.permission().to_owned(),
            command_id: self.command,
            cause_id: self.handling.last().map(|(_, cause)| *cause),
            rule: event.rule(),
            payload: Json(payload),
        };
        self.insert(&entry)?;
        if let Some(handlers) = shared.installed.handlers.get(E::KIND) {
            self.handling.push((E::KIND, id));
            let handled = handlers
                .iter()
                .try_for_each(|handler| self.acting_as(&handler.actor, |work| (handler.call)(work, event)));
            self.handling.pop();
            // The event stands in the journal, and some handlers may have written.
            self.whole(|_| handled)?;
        }
        Ok(id)
    }
}
