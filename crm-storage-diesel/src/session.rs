//! What the engine needs of a connection, whatever the database.

use crm_core::Result;
use crm_core::work::{Mode, Tx};

/// One connection to a database, with at most one transaction at a time. Runs every statement at once: the engine puts
/// a write buffer over it.
pub(crate) trait Session: Tx + Send {
    /// Begins a transaction: a snapshot that cannot write, or one that can (on SQLite: that is the writer from now on).
    ///
    /// # Errors
    /// `Busy` when another process holds the database for too long.
    fn begin(&mut self, mode: Mode) -> Result<()>;

    /// Commits, durably.
    ///
    /// # Errors
    /// `OutcomeUnknown` when the connection was lost on the way; any other error means that nothing is stored.
    fn commit(&mut self) -> Result<()>;

    /// Drops the transaction. Never fails: a connection that cannot roll back is lost.
    fn abandon(&mut self);

    /// Whether the connection is lost and must be replaced.
    fn is_lost(&self) -> bool;

    /// This session as the transaction it is in.
    fn as_tx(&mut self) -> &mut dyn Tx;
}
