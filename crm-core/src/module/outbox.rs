//! The outbox: what must happen outside, written by the transaction that wants it, done after its commit.
//!
//! Delivery is at least once: a worker claims what is due under a lease, does it, and takes it off. A worker that dies
//! leaves the lease to run out. The id of a message is its idempotency key for whoever receives it.

use std::time::Duration;

use crate::access::Target;
use crate::kernel::page::Limit;
use crate::kernel::time::Timestamp;
use crate::work::{Json, Permit, UnitOfWork, Version};
use crate::{Error, Result};

/// Permission to take messages from the outbox and to report on them.
pub const DELIVER: &str = "outbox.deliver";

crate::id! {
    /// Names a message of the outbox, and is its idempotency key.
    pub struct OutboxId;
}

crate::entity! {
    /// A message that is still to be delivered. Gone once it is.
    pub struct OutboxMessage {
        kind: "outbox", table: "crm_outbox", key: (id: OutboxId), columns: outbox_message, version: version,
        personal: [payload],
    } {
        /// Its id.
        id: OutboxId,
        /// The optimistic lock.
        version: Version,
        /// Who delivers it: `email`, `sms`, or a name of the host's own.
        topic: String,
        /// What to deliver.
        payload: Json<serde_json::Value>,
        /// Not before this instant; moved on by a lease and by a failure.
        due_at: Timestamp,
        /// How often it was tried.
        attempts: u32,
        /// The code of the last failure. Never the message itself.
        last_error: Option<String>,
        /// Given up: it waits for a person.
        dead: bool,
    }
}

/// The outbox, seen from a unit of work: `work.outbox()`.
pub struct Outbox<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// The outbox.
    pub fn outbox(&mut self) -> Outbox<'_, 't> {
        Outbox(self)
    }
}

impl Outbox<'_, '_> {
    /// Takes what is due, the oldest first, for as long as `lease`: nobody else gets it before.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`DELIVER`]; [`Error::Conflict`] when two workers met, which the storage retries.
    pub fn claim(&mut self, limit: Limit, lease: Duration) -> Result<Vec<OutboxMessage>> {
        let mut work = self.0.permit(DELIVER, &Target::ANY)?;
        let until = work.now().checked_add(lease)?;
        let due = outbox_message::dead.eq(false).and(outbox_message::due_at.le(work.now()));
        let mut messages = work.select(due).order_by(outbox_message::due_at).page(limit, None)?.items;
        for message in &mut messages {
            message.due_at = until;
            message.attempts = message.attempts.saturating_add(1);
            work.update(message)?;
        }
        Ok(messages)
    }

    /// Takes a delivered message off.
    ///
    /// # Errors
    /// [`Error::NotFound`] when somebody else has done so.
    pub fn delivered(&mut self, id: OutboxId) -> Result<()> {
        let mut work = self.0.permit(DELIVER, &Target::ANY)?;
        let message: OutboxMessage = work.get(id)?;
        work.delete(&message)
    }

    /// Notes that a delivery failed, to be tried again at `retry_at`, or never without one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was delivered meanwhile.
    pub fn failed(&mut self, id: OutboxId, code: &str, retry_at: Option<Timestamp>) -> Result<()> {
        let mut work = self.0.permit(DELIVER, &Target::ANY)?;
        if code.len() > 200 {
            return Err(Error::invalid("code", "outbox.code_length"));
        }
        let mut message: OutboxMessage = work.get(id)?;
        message.last_error = Some(code.to_owned());
        match retry_at {
            Some(at) => message.due_at = at,
            None => message.dead = true,
        }
        work.update(&mut message)
    }
}

impl Permit<'_, '_> {
    /// Puts a message into the outbox. It leaves only if this unit of work commits.
    pub fn send(&mut self, topic: &str, payload: serde_json::Value) -> Result<OutboxId> {
        let id = self.new_id();
        let message = OutboxMessage {
            id,
            version: Version::FIRST,
            topic: topic.to_owned(),
            payload: Json(payload),
            due_at: self.now(),
            attempts: 0,
            last_error: None,
            dead: false,
        };
        self.insert(&message)?;
        Ok(id)
    }
}
