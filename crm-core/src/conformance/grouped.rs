//! Memory behind the write buffer: how a storage engine commits many jobs at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;

use crate::memory::{MemoryStorage, Store};
use crate::work::{Health, Job, Mode, Ran, Schemas, Storage, Tx, Verdict, WriteBuffer};
use crate::{Error, Result};

/// A [`MemoryStorage`] that runs its jobs in groups, each group through one [`WriteBuffer`].
///
/// Whoever comes first runs the jobs of all who wait, so concurrent callers share transactions. Every other group
/// reads in batches. It shows the least a storage engine has to do, and is what the buffer itself is tested with.
#[derive(Default)]
pub struct GroupedMemory {
    memory: MemoryStorage,
    waiting: Mutex<Vec<Waiting>>,
    leader: Mutex<()>,
    groups: AtomicUsize,
}

/// A job, and who wants to know how it ended.
type Waiting = (Box<dyn Job>, oneshot::Sender<Result<Ran>>);

/// How a job of a transaction ended.
enum Ended {
    /// This is its outcome, if the transaction commits.
    Done(Result<Ran>),
    /// It was stopped, or met another writer: it has to run again.
    Again,
    /// The transaction cannot be gone on with, whoever else is in it. Alone, this is the outcome.
    Lost(Result<Ran>),
}

impl GroupedMemory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs these jobs in one transaction, and says how each ended. With `batch_reads` the jobs are stopped at their
    /// first read, and run when the rows of all have been read at once.
    ///
    /// # Errors
    /// For each job, as [`Storage::run`].
    pub fn run_group(&self, batch_reads: bool, jobs: &mut [Box<dyn Job>]) -> Vec<Result<Ran>> {
        let mut store = match self.memory.open() {
            Ok(store) => store,
            Err(error) => {
                let context = error.to_string();
                return jobs
                    .iter()
                    .map(|_| Err(Error::Backend { context: context.clone().into(), source: None }))
                    .collect();
            }
        };
        let mut outcomes = run_together(&mut store, batch_reads, jobs);
        for (job, outcome) in jobs.iter_mut().zip(&mut outcomes) {
            if outcome.is_none() {
                *outcome = Some(run_alone(&mut store, job.as_mut()));
            }
        }
        outcomes.into_iter().flatten().collect()
    }
}

/// Runs jobs in one transaction. Those without an outcome are to be run alone.
fn run_together(store: &mut Store, batch_reads: bool, jobs: &mut [Box<dyn Job>]) -> Vec<Option<Result<Ran>>> {
    let schemas = store.schemas.clone();
    let mut tx = store.begin(Mode::Write);
    let mut outcomes: Vec<Option<Result<Ran>>> = jobs.iter().map(|_| None).collect();
    let mut buffer = WriteBuffer::new(&mut tx, &schemas);
    let mut pass = |buffer: &mut WriteBuffer<'_>, batch_reads| {
        for (job, outcome) in jobs.iter_mut().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_none()) {
            match run_job(buffer, batch_reads, job.as_mut()) {
                Ended::Done(done) => *outcome = Some(done),
                Ended::Again => {}
                Ended::Lost(_) => return false,
            }
        }
        true
    };
    let whole = pass(&mut buffer, batch_reads)
        && (!batch_reads || (buffer.read_missing().is_ok() && pass(&mut buffer, false)))
        && buffer.flush().is_ok();
    if !whole {
        tx.undo_to(0);
        outcomes.fill_with(|| None);
    }
    outcomes
}

fn run_alone(store: &mut Store, job: &mut dyn Job) -> Result<Ran> {
    let schemas = store.schemas.clone();
    let mut tx = store.begin(Mode::Write);
    let mut buffer = WriteBuffer::new(&mut tx, &schemas);
    let ended = match run_job(&mut buffer, false, job) {
        Ended::Done(Ok(Ran::Committed)) => buffer.flush().map(|()| Ran::Committed),
        Ended::Done(outcome) | Ended::Lost(outcome) => outcome,
        Ended::Again => Err(Error::Conflict { kind: "transaction" }),
    };
    if !matches!(ended, Ok(Ran::Committed)) {
        tx.undo_to(0);
    }
    ended
}

fn run_job(buffer: &mut WriteBuffer<'_>, batch_reads: bool, job: &mut dyn Job) -> Ended {
    buffer.begin_job(batch_reads);
    let verdict = catch_unwind(AssertUnwindSafe(|| job.run(buffer)));
    let status = buffer.end_job(matches!(verdict, Ok(Verdict::Commit)));
    let failed = status.as_ref().is_ok_and(|status| status.failed);
    let outcome = match verdict {
        Ok(Verdict::Commit) if failed => Err(Error::Poisoned),
        Ok(Verdict::Commit) => Ok(Ran::Committed),
        Ok(Verdict::RollBack) => Ok(Ran::RolledBack),
        Err(_) => Err(Error::Panicked),
    };
    match status {
        Err(error) => Ended::Lost(outcome.and_then(|ran| if ran == Ran::Committed { Err(error) } else { Ok(ran) })),
        Ok(status) if status.broken => Ended::Lost(outcome),
        Ok(status) if status.suspended || status.contended => Ended::Again,
        Ok(_) => Ended::Done(outcome),
    }
}

#[async_trait::async_trait]
impl Storage for GroupedMemory {
    async fn prepare(&self, schemas: Arc<Schemas>) -> Result<()> {
        self.memory.prepare(schemas).await
    }

    async fn run(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
        if mode == Mode::Read {
            return self.memory.run(mode, job).await;
        }
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((job, sender));
        {
            let _leader = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            let (mut jobs, senders): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
            let batch_reads = self.groups.fetch_add(1, Ordering::Relaxed) % 2 == 1;
            for (sender, outcome) in senders.into_iter().zip(self.run_group(batch_reads, &mut jobs)) {
                // Who went away does not want to know.
                let _ = sender.send(outcome);
            }
        }
        answer.await.unwrap_or(Err(Error::OutcomeUnknown))
    }

    async fn health(&self) -> Result<Health> {
        let health = self.memory.health().await?;
        let queued = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len();
        Ok(Health { queued, ..health })
    }

    async fn close(&self) -> Result<()> {
        self.memory.close().await
    }
}
