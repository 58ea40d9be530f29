//! What the engine needs of a connection, whatever the database.

use std::sync::Arc;

use crm_core::Result;
use crm_core::work::{Mode, Schemas, Tx};

use crate::log::Log;
use crate::migrate::ModuleMigrations;

/// One connection to a database, with at most one transaction at a time. Runs every statement at once: the engine puts
/// a write buffer over it.
pub(crate) trait Session: Tx + Send {
    /// Begins a transaction: a snapshot that cannot write, or one that can (on SQLite: that is the writer from now on).
    ///
    /// # Errors
    /// `Busy` when another process holds the database for too long.
    fn begin(&mut self, mode: Mode) -> Result<()>;

    /// Begins a transaction that writes, for a job that was waited for before: where other processes hold its rows, it is
    /// to come again later, and not to make those behind it wait once more.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    fn begin_again(&mut self) -> Result<()>;

    /// Commits, durably.
    ///
    /// # Errors
    /// `OutcomeUnknown` when the connection was lost on the way, or the disk failed; any other error means that nothing is
    /// stored.
    fn commit(&mut self) -> Result<()> {
        self.commit_early()?;
        self.log().map_or(Ok(()), |log| log.sync())
    }

    /// Commits. Others see it and can write; nobody may rely on it until the [log](Self::log) was synced, if there is one.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    fn commit_early(&mut self) -> Result<()>;

    /// What is to be synced after an early commit; nothing where the database does that itself.
    fn log(&self) -> Option<Arc<Log>>;

    /// Drops the transaction. Never fails: a connection that cannot roll back is lost.
    fn abandon(&mut self);

    /// Whether the connection is lost and must be replaced.
    fn is_lost(&self) -> bool;

    /// Migrates the tables of all modules, and checks that every schema has the table it needs.
    ///
    /// # Errors
    /// `Setup` when they do not fit.
    fn prepare(&mut self, schemas: &Schemas, migrations: &[ModuleMigrations]) -> Result<()>;

    /// A number that is another one whenever somebody else has written since this session's last transaction, asked in a
    /// transaction that writes; nothing where it takes more to know that.
    ///
    /// # Errors
    /// The database refused.
    fn generation(&mut self) -> Result<Option<i64>>;

    /// Housekeeping between transactions: on SQLite, moves what is committed from the log to the file. Whether the log has
    /// grown so long that it should begin anew, which it can only when nobody reads from it.
    ///
    /// # Errors
    /// The database refused; nothing is lost.
    fn maintain(&mut self) -> Result<bool>;

    /// The database and its version, for people.
    ///
    /// # Errors
    /// The database does not answer.
    fn version(&mut self) -> Result<String>;

    /// This session as the transaction it is in.
    fn as_tx(&mut self) -> &mut dyn Tx;
}
