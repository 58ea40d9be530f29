//! Idempotency keys: a command that is sent twice is done once (S-32).

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::permit::Permit;
use super::unit_of_work::UnitOfWork;
use super::value::Json;
use crate::kernel::hex::hexadecimal;
use crate::kernel::random::digest_of;
use crate::kernel::time::Timestamp;
use crate::{Error, Result};

crate::id! {
    /// The digest of an idempotency key in its scope: who, which command, which key.
    pub struct CommandKey;
}

crate::entity! {
    /// A command that was done, with its outcome. Written in the command's own transaction.
    pub struct CommandRecord {
        kind: "command", table: "crm_commands", key: (id: CommandKey), columns: command_record,
    } {
        /// The key in its scope.
        id: CommandKey,
        /// The command.
        command: String,
        /// SHA-256 of the payload, in hexadecimal.
        payload_hash: String,
        /// What the command returned.
        outcome: Json<serde_json::Value>,
        /// When it was done.
        done_at: Timestamp,
    }
}

impl Permit<'_, '_> {
    /// Does a command once for each idempotency key: a repetition returns the stored outcome and does nothing.
    ///
    /// The key is scoped by the actor and the command, so two actors never meet. The outcome of a command that fails
    /// is not kept, for its transaction is not: it may be tried again with the same key.
    ///
    /// # Errors
    /// [`Error::IdempotencyMismatch`] when the key was used with another payload.
    pub fn once<T: Serialize + DeserializeOwned>(
        &mut self,
        command: &'static str,
        key: &str,
        payload: &impl Serialize,
        run: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if key.is_empty() || key.len() > 255 {
            return Err(Error::invalid("idempotency_key", "idempotency.length"));
        }
        let id = self.command_key(command, key);
        // First of all: here a job of a group stops, to be run again when what all of them read has been read.
        let done = self.find::<CommandRecord>(&id)?;
        let payload = serde_json::to_vec(payload).map_err(|error| Error::backend("serialising a command", error))?;
        let payload_hash = hexadecimal(&Sha256::digest(&payload));
        if let Some(done) = done {
            if done.payload_hash != payload_hash {
                return Err(Error::IdempotencyMismatch { command: command.into() });
            }
            return serde_json::from_value(done.outcome.0).map_err(|error| Error::backend("a stored outcome", error));
        }
        let outer = self.command.replace(id);
        let ran = self.whole(run);
        self.command = outer;
        let outcome = ran?;
        let stored = serde_json::to_value(&outcome).map_err(|error| Error::backend("serialising an outcome", error))?;
        self.insert(&CommandRecord {
            id,
            command: command.to_owned(),
            payload_hash,
            outcome: Json(stored),
            done_at: self.now(),
        })?;
        Ok(outcome)
    }
}

impl UnitOfWork<'_> {
    /// The stored name of an idempotency key of this actor, to [expect](Permit::expect) it.
    pub fn command_key(&self, command: &str, key: &str) -> CommandKey {
        let digest = digest_of(&[self.principal().to_string().as_bytes(), command.as_bytes(), key.as_bytes()]);
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Uuid::from_bytes(id).into()
    }
}
