//! Memory behind the write buffer: how a storage engine commits many jobs at once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;

use crate::memory::{MemoryStorage, Store};
use crate::work::{Draft, Health, Job, Mode, Pending, Ran, Schemas, Storage, Tx, Verdict, WriteBuffer};
use crate::{Error, Result};

/// A [`MemoryStorage`] that runs its jobs in groups, each group through one [`WriteBuffer`].
///
/// Whoever comes first runs the jobs of all who wait, so concurrent callers share transactions, and each group is run in
/// another [way](GroupWay). It shows the least a storage engine has to do, and is what the buffer itself is tested with.
#[derive(Default)]
pub struct GroupedMemory {
    memory: MemoryStorage,
    waiting: Mutex<Vec<Waiting>>,
    leader: Mutex<()>,
    groups: AtomicUsize,
}

/// How a group is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupWay {
    /// Every job reads what it wants when it wants it.
    OneByOne,
    /// The jobs are stopped at their first read, and run when the rows of all have been read at once.
    BatchReads,
    /// The second half of the jobs runs ahead, on a snapshot of what was there before the first half was written.
    Ahead,
    /// The same on a snapshot of what was there after it.
    AheadLate,
}

impl GroupWay {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::OneByOne, Self::BatchReads, Self::Ahead, Self::AheadLate];
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

    /// Runs these jobs in one transaction, or in two if some run ahead, and says how each ended.
    ///
    /// # Errors
    /// For each job, as [`Storage::run`].
    pub fn run_group(&self, way: GroupWay, jobs: &mut [Box<dyn Job>]) -> Vec<Result<Ran>> {
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
        match way {
            GroupWay::OneByOne => run_each(&mut store, false, jobs, None).0,
            GroupWay::BatchReads => run_each(&mut store, true, jobs, None).0,
            GroupWay::Ahead | GroupWay::AheadLate => {
                let (first, second) = jobs.split_at_mut(jobs.len() / 2);
                let mut snapshot = store.clone();
                let (mut outcomes, pending) = run_each(&mut store, false, first, None);
                if way == GroupWay::AheadLate {
                    snapshot = store.clone();
                }
                let ahead = pending.and_then(|before| run_ahead(&mut snapshot, before, second));
                outcomes.extend(run_each(&mut store, false, second, ahead).0);
                outcomes
            }
        }
    }
}

/// What jobs left that ran ahead, and how they ended.
type Ahead = (Draft, Vec<Option<Result<Ran>>>);

/// Runs jobs together, and alone those that do not go together. Tells what those wrote that did.
fn run_each(
    store: &mut Store,
    batch_reads: bool,
    jobs: &mut [Box<dyn Job>],
    ahead: Option<Ahead>,
) -> (Vec<Result<Ran>>, Option<Pending>) {
    let (mut outcomes, mut pending) = run_together(store, batch_reads, jobs, ahead);
    for (job, outcome) in jobs.iter_mut().zip(&mut outcomes) {
        if outcome.is_none() {
            *outcome = Some(run_alone(store, job.as_mut()));
            pending = None;
        }
    }
    (outcomes.into_iter().flatten().collect(), pending)
}

/// Runs jobs on a snapshot, and what those before them wrote. Those without an outcome need more than that.
fn run_ahead(snapshot: &mut Store, before: Pending, jobs: &mut [Box<dyn Job>]) -> Option<Ahead> {
    let schemas = snapshot.schemas.clone();
    let mut tx = snapshot.begin(Mode::Read);
    let mut buffer = WriteBuffer::ahead(&mut tx, &schemas, before);
    let mut outcomes = Vec::new();
    for job in jobs {
        outcomes.push(match run_job(&mut buffer, false, job.as_mut()) {
            Ended::Done(done) => Some(done),
            Ended::Again => None,
            Ended::Lost(_) => return None,
        });
    }
    Some((buffer.draft(), outcomes))
}

/// Runs jobs in one transaction. Those without an outcome are to be run alone.
fn run_together(
    store: &mut Store,
    batch_reads: bool,
    jobs: &mut [Box<dyn Job>],
    ahead: Option<Ahead>,
) -> (Vec<Option<Result<Ran>>>, Option<Pending>) {
    let schemas = store.schemas.clone();
    let mut tx = store.begin(Mode::Write);
    let (mut buffer, mut outcomes) = match ahead {
        Some((draft, outcomes)) => (WriteBuffer::resume(&mut tx, &schemas, draft), outcomes),
        None => (WriteBuffer::new(&mut tx, &schemas), jobs.iter().map(|_| None).collect()),
    };
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
    let whole =
        pass(&mut buffer, batch_reads) && (!batch_reads || (buffer.read_missing().is_ok() && pass(&mut buffer, false)));
    let pending = buffer.pending();
    let whole = whole && buffer.flush().is_ok();
    if !whole {
        tx.undo_to(0);
        outcomes.fill_with(|| None);
    }
    (outcomes, pending.filter(|_| whole))
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
            let way = GroupWay::ALL[self.groups.fetch_add(1, Ordering::Relaxed) % GroupWay::ALL.len()];
            for (sender, outcome) in senders.into_iter().zip(self.run_group(way, &mut jobs)) {
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
