//! Operations inside a transaction that the host has begun on a Diesel connection of its own.

use crm_core::access::Actor;
use crm_core::work::{Tx, UnitOfWork, WriteBuffer};
use crm_core::{Crm, Error};

/// Runs a job inside the transaction that is open on the host's own connection, next to the host's own statements.
/// Everything is written when this returns; it becomes durable when the host commits.
///
/// The connection must be to the same database, and its transaction one that writes. If the job fails, nothing of it is
/// left in the transaction, which stays usable: the job runs in a savepoint.
///
/// # Errors
/// What the job returns, and what the database says.
pub trait HostTransaction {
    /// Runs the job.
    ///
    /// # Errors
    /// What the job returns, and what the database says.
    fn run_crm<T, E: From<Error>>(
        &mut self,
        crm: &Crm,
        actor: &Actor,
        job: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T, E>,
    ) -> Result<T, E>;
}

fn run_in_savepoint<T, E: From<Error>>(
    tx: &mut dyn Tx,
    crm: &Crm,
    actor: &Actor,
    job: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T, E>,
) -> Result<T, E> {
    tx.savepoint()?;
    let schemas = crm.schemas();
    let mut buffer = WriteBuffer::new(tx, &schemas);
    buffer.begin_job(false);
    let mut done = crm.run_on(&mut buffer, actor, job);
    let status = buffer.end_job(done.is_ok())?;
    if done.is_ok() && !status.is_sound() {
        done = Err(Error::Poisoned.into());
    }
    match done.and_then(|value| buffer.flush().map(|()| value).map_err(E::from)) {
        Ok(value) => {
            tx.release()?;
            Ok(value)
        }
        Err(error) => {
            tx.roll_back()?;
            Err(error)
        }
    }
}

#[cfg(feature = "sqlite")]
impl HostTransaction for diesel::SqliteConnection {
    fn run_crm<T, E: From<Error>>(
        &mut self,
        crm: &Crm,
        actor: &Actor,
        job: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        run_in_savepoint(&mut crate::sqlite::join(self), crm, actor, job)
    }
}

#[cfg(feature = "postgres")]
impl HostTransaction for diesel::PgConnection {
    fn run_crm<T, E: From<Error>>(
        &mut self,
        crm: &Crm,
        actor: &Actor,
        job: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        run_in_savepoint(&mut crate::postgres::join(self), crm, actor, job)
    }
}
