//! Group commit: many jobs in one transaction, written together, none harming another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crm_core::work::{Draft, Mode, Pending, Ran, Schemas, Status, Tx, Verdict, WriteBuffer};
use crm_core::{Error, Result};

use crate::queue::Ticket;
use crate::session::Session;

/// Rounds of reading rows for a whole group before the rest of it reads row by row.
const MAX_READ_ROUNDS: usize = 8;

/// How often a job is run again because a key of it was taken: whoever took it at the same time is seen by the next run,
/// which then may meet somebody else over another key.
const MAX_COLLISIONS: u32 = 2;

/// How a group is run.
#[derive(Clone)]
pub(crate) struct Limits {
    /// Whether the rows that the jobs of a group read are fetched together: pays where a statement is a round trip.
    pub(crate) batch_reads: bool,
    /// How often a job that meets other writers is run.
    pub(crate) attempts: u32,
    /// How long a job that meets other writers is tried.
    pub(crate) patience: Duration,
    /// Reports jobs that held the writer for longer than this.
    pub(crate) slow: Option<(Duration, SlowJob)>,
}

pub(crate) type SlowJob = std::sync::Arc<dyn Fn(&str, Duration) + Send + Sync>;

/// What became of one run of a job.
enum End {
    Answer(Result<Ran>),
    /// It met another writer: once more, later; if there is no later, this is the answer.
    Again(Result<Ran>),
    /// A key of it was taken, maybe at the same time: once more, later, as above.
    Collided(Result<Ran>),
    /// It waits for rows that are read for the whole group.
    Suspended,
}

/// What a group is writing: enough for the next one to run its jobs meanwhile.
pub(crate) struct Written {
    rows: Pending,
    /// The session's [generation](Session::generation) in the group's transaction.
    generation: i64,
}

/// What became of jobs that were run before it was their turn to write.
pub(crate) struct Ahead {
    draft: Draft,
    ends: Vec<End>,
    /// What it is going to write, if all jobs have ended.
    rows: Option<Pending>,
    generation: i64,
}

/// What became of a group.
pub(crate) struct Done {
    /// Jobs that ended together, and wait for their answer.
    ended: Vec<(Ticket, End)>,
    /// Jobs that have to be tried again.
    again: Vec<Ticket>,
}

impl Done {
    fn alone(again: Vec<Ticket>) -> Self {
        Self { ended: Vec::new(), again }
    }

    /// Whether the group was committed as a whole, as it was told.
    pub(crate) fn is_whole(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Nobody knows what will be left of what the group wrote.
    pub(crate) fn doubt(&mut self) {
        for (_, end) in &mut self.ended {
            if matches!(end, End::Answer(Ok(Ran::Committed))) {
                *end = End::Answer(Err(Error::OutcomeUnknown));
            }
        }
    }

    /// Answers who still waits, and returns the jobs that have to be tried again.
    pub(crate) fn answer(self, limits: &Limits) -> Vec<Ticket> {
        let mut again = answer(limits, self.ended);
        again.extend(self.again);
        again
    }
}

/// Runs jobs on a snapshot and what the group before them is writing. Nothing, if that does not work.
pub(crate) fn run_ahead(
    snapshot: &mut dyn Session,
    schemas: &Schemas,
    limits: &Limits,
    before: Written,
    tickets: &mut [Ticket],
) -> Option<Ahead> {
    snapshot.begin(Mode::Read).ok()?;
    let mut buffer = WriteBuffer::ahead(snapshot.as_tx(), schemas, before.rows);
    let mut ends: Vec<End> = tickets.iter().map(|_| End::Suspended).collect();
    let ran = pass(&mut buffer, limits, false, tickets, &mut ends);
    let rows = if ends.iter().any(|end| matches!(end, End::Suspended)) { None } else { buffer.pending() };
    let draft = buffer.draft();
    snapshot.abandon();
    ran.ok().map(|()| Ahead { draft, ends, rows, generation: before.generation })
}

/// Runs write jobs, in one transaction if that works, else each in its own. Tells what they write, once they have run and
/// before it is written, if somebody wants to know. What ran ahead must follow the transaction that was committed last.
pub(crate) fn run(
    session: &mut dyn Session,
    schemas: &Schemas,
    limits: &Limits,
    mut tickets: Vec<Ticket>,
    ahead: Option<Ahead>,
    tell: Option<impl FnOnce(Written)>,
) -> Done {
    let (mut again, mut waited) = (Vec::new(), false);
    if tickets.len() > 1 || ahead.is_some() {
        if let Err(error) = session.begin(Mode::Write) {
            let lost = session.is_lost();
            // Whoever holds the database has been waited for: not once more for each job.
            let end = || if lost { End::Again(Err(copied(&error))) } else { End::Answer(Err(copied(&error))) };
            return Done::alone(answer(limits, tickets.into_iter().map(|ticket| (ticket, end()))));
        }
        let committed = match run_all(session, schemas, limits, &mut tickets, ahead, tell) {
            Ok(ends) => session.commit_early().map(|()| ends),
            Err(error) => {
                session.abandon();
                Err(error)
            }
        };
        match committed {
            Ok(ends) => return Done { ended: tickets.into_iter().zip(ends).collect(), again },
            Err(Error::OutcomeUnknown) => {
                let unknown = || End::Answer(Err(Error::OutcomeUnknown));
                return Done::alone(answer(limits, tickets.into_iter().map(|ticket| (ticket, unknown()))));
            }
            Err(_) if session.is_lost() => {
                let lost = || End::Again(Err(Error::busy("the database went away")));
                return Done::alone(answer(limits, tickets.into_iter().map(|ticket| (ticket, lost()))));
            }
            // Something in the group does not go together. Alone, each job gets what it deserves. Rows that other processes
            // hold have been waited for by the group: not as long once more for each job.
            Err(_) => waited = true,
        }
    }
    let mut waiting = tickets.into_iter();
    for mut ticket in waiting.by_ref() {
        let waited = waited || ticket.attempts > 0;
        let end = alone(session, schemas, limits, &mut ticket, waited);
        again.extend(answer(limits, std::iter::once((ticket, end))));
        if session.is_lost() {
            break;
        }
    }
    again.extend(waiting);
    Done::alone(again)
}

/// The same error for one more caller.
pub(crate) fn copied(error: &Error) -> Error {
    match error {
        Error::Setup(reason) => Error::Setup(reason.clone()),
        Error::Busy { reason } => Error::Busy { reason: reason.clone() },
        other => Error::busy(other.to_string()),
    }
}

/// Runs a job that only reads, on a snapshot.
pub(crate) fn read(session: &mut dyn Session, ticket: &mut Ticket) -> Result<Ran> {
    session.begin(Mode::Read)?;
    let verdict = guarded(ticket, session.as_tx());
    session.abandon();
    verdict.map(|verdict| if verdict == Verdict::Commit { Ran::Committed } else { Ran::RolledBack })
}

/// Sends answers, and keeps the tickets that may be tried again.
fn answer(limits: &Limits, ends: impl IntoIterator<Item = (Ticket, End)>) -> Vec<Ticket> {
    let mut again = Vec::new();
    for (mut ticket, end) in ends {
        let (answer, once_more) = match end {
            End::Answer(answer) => (answer, false),
            End::Again(answer) => {
                ticket.attempts += 1;
                (answer, ticket.attempts < limits.attempts)
            }
            End::Collided(answer) => {
                ticket.collisions += 1;
                (answer, ticket.collisions <= MAX_COLLISIONS)
            }
            End::Suspended => (Err(Error::busy("the rows of a group could not be read")), false),
        };
        if once_more && ticket.since.elapsed() < limits.patience {
            again.push(ticket);
            continue;
        }
        // Nobody waits any more when the caller dropped the future; the work is done all the same.
        let _ = ticket.answer.send(answer);
    }
    again
}

/// Runs jobs in the transaction that was begun for them, and writes what they leave.
fn run_all(
    session: &mut dyn Session,
    schemas: &Schemas,
    limits: &Limits,
    tickets: &mut [Ticket],
    ahead: Option<Ahead>,
    tell: Option<impl FnOnce(Written)>,
) -> Result<Vec<End>> {
    let generation = if ahead.is_some() || tell.is_some() { session.generation()? } else { None };
    let (mut buffer, mut ends, rows) = match ahead.filter(|ahead| Some(ahead.generation) == generation) {
        Some(Ahead { draft, ends, rows, .. }) => (WriteBuffer::resume(session.as_tx(), schemas, draft), ends, rows),
        // Another process wrote, so the jobs saw what is no more.
        None => (WriteBuffer::new(session.as_tx(), schemas), tickets.iter().map(|_| End::Suspended).collect(), None),
    };
    for round in 0..=MAX_READ_ROUNDS {
        let batch_reads = limits.batch_reads && round < MAX_READ_ROUNDS;
        pass(&mut buffer, limits, batch_reads, tickets, &mut ends)?;
        if !ends.iter().any(|end| matches!(end, End::Suspended)) {
            break;
        }
        buffer.read_missing()?;
    }
    if let (Some(tell), Some(generation)) = (tell, generation)
        && let Some(rows) = rows.or_else(|| buffer.pending())
    {
        tell(Written { rows, generation });
    }
    buffer.flush()?;
    Ok(ends)
}

/// Runs the jobs that have not ended yet.
fn pass(
    buffer: &mut WriteBuffer<'_>,
    limits: &Limits,
    batch_reads: bool,
    tickets: &mut [Ticket],
    ends: &mut [End],
) -> Result<()> {
    for (ticket, end) in tickets.iter_mut().zip(ends) {
        if matches!(end, End::Suspended) {
            let (status, verdict) = run_one(buffer, limits, ticket, batch_reads)?;
            if status.broken {
                return Err(Error::Poisoned);
            }
            *end = judge(status, verdict);
        }
    }
    Ok(())
}

fn alone(session: &mut dyn Session, schemas: &Schemas, limits: &Limits, ticket: &mut Ticket, waited: bool) -> End {
    let begun = if waited { session.begin_again() } else { session.begin(Mode::Write) };
    let ended = begun.and_then(|()| {
        let mut buffer = WriteBuffer::new(session.as_tx(), schemas);
        let (status, verdict) = run_one(&mut buffer, limits, ticket, false)?;
        let end = judge(status, verdict);
        if matches!(end, End::Answer(Ok(Ran::Committed))) {
            buffer.flush()?;
        }
        Ok(end)
    });
    let ended = match ended {
        Ok(End::Answer(Ok(Ran::Committed))) => session.commit().map(|()| End::Answer(Ok(Ran::Committed))),
        other => {
            session.abandon();
            other
        }
    };
    match ended {
        // The connection was lost under it, whatever the job made of that.
        Ok(End::Answer(answer)) if !matches!(answer, Ok(Ran::Committed)) && session.is_lost() => End::Again(answer),
        Ok(end) => end,
        Err(error @ Error::OutcomeUnknown) => End::Answer(Err(error)),
        Err(error @ Error::Conflict { .. }) => End::Again(Err(error)),
        Err(error @ Error::AlreadyExists { .. }) => End::Collided(Err(error)),
        Err(error) if session.is_lost() => End::Again(Err(error)),
        Err(error) => End::Answer(Err(error)),
    }
}

/// What becomes of a job, from what the buffer saw and what the job said. The buffer decides about another try, for the
/// job may have turned the error that called for it into one of its own.
fn judge(status: Status, verdict: Result<Verdict>) -> End {
    if status.suspended {
        return End::Suspended;
    }
    let answer = match verdict {
        Err(error) => return End::Answer(Err(error)),
        Ok(Verdict::Commit) if status.is_sound() => return End::Answer(Ok(Ran::Committed)),
        Ok(Verdict::Commit) if !status.failed => Err(Error::busy("the job met other writers whenever it was run")),
        Ok(Verdict::Commit) => Err(Error::Poisoned),
        Ok(Verdict::RollBack) => Ok(Ran::RolledBack),
    };
    match status {
        Status { contended: true, .. } => End::Again(answer),
        Status { taken: true, .. } => End::Collided(answer),
        _ => End::Answer(answer),
    }
}

/// Runs one job on the buffer.
///
/// # Errors
/// The transaction is lost for the whole group.
fn run_one(
    buffer: &mut WriteBuffer<'_>,
    limits: &Limits,
    ticket: &mut Ticket,
    batch_reads: bool,
) -> Result<(Status, Result<Verdict>)> {
    let started = Instant::now();
    buffer.begin_job(batch_reads);
    let verdict = guarded(ticket, buffer);
    let status = buffer.end_job(matches!(verdict, Ok(Verdict::Commit)))?;
    if let Some((limit, report)) = &limits.slow
        && started.elapsed() > *limit
    {
        // The reporter is the host's: if it panics, that is no reason to lose the group.
        let _ = catch_unwind(AssertUnwindSafe(|| report(ticket.job.label(), started.elapsed())));
    }
    Ok((status, verdict))
}

fn guarded(ticket: &mut Ticket, tx: &mut dyn Tx) -> Result<Verdict> {
    catch_unwind(AssertUnwindSafe(|| ticket.job.run(tx))).map_err(|_| Error::Panicked)
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use crm_core::conformance::RawJob;
    use crm_core::work::Schemas;
    use diesel::Connection;
    use diesel::connection::SimpleConnection;
    use diesel::sqlite::SqliteConnection;
    use futures_channel::oneshot;

    use super::*;
    use crate::sqlite::{self, SqliteSetup};
    use crate::suite::{self, THING};
    use crate::tables::create_table_sql;

    const LIMITS: Limits = Limits { batch_reads: false, attempts: 12, patience: Duration::from_secs(5), slow: None };

    fn ticket(
        mut job: impl FnMut(&mut dyn Tx) -> Verdict + Send + 'static,
    ) -> (Ticket, oneshot::Receiver<Result<Ran>>) {
        Ticket::new(Mode::Write, Box::new(RawJob::new(move |tx: &mut dyn Tx| (job(tx), ())).0))
    }

    /// Runs a group of which nobody runs ahead, and answers it.
    fn run(session: &mut dyn Session, tickets: Vec<Ticket>) -> Vec<Ticket> {
        super::run(session, &Schemas::default(), &LIMITS, tickets, None, None::<fn(Written)>).answer(&LIMITS)
    }

    /// A file that goes with the test.
    struct File(String);

    impl File {
        fn new() -> Self {
            let name = format!("crm-group-{}-{}.db", std::process::id(), suite::fresh());
            Self(std::env::temp_dir().join(name).to_str().unwrap().to_owned())
        }

        fn open(&self) -> impl Session + use<> {
            let setup = SqliteSetup { busy_timeout: Duration::from_millis(200), ..SqliteSetup::default() };
            sqlite::open(&self.0, &setup).unwrap()
        }

        fn execute(&self, text: &str) -> SqliteConnection {
            let mut connection = SqliteConnection::establish(&self.0).unwrap();
            connection.batch_execute(text).unwrap();
            connection
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{end}", self.0));
            }
        }
    }

    #[test]
    fn a_database_that_is_held_is_waited_for_once_for_all() {
        let file = File::new();
        let mut session = file.open();
        let _other = file.execute("BEGIN IMMEDIATE");
        let (tickets, answers): (Vec<_>, Vec<_>) = (0..8).map(|_| ticket(|_| Verdict::Commit)).unzip();
        let started = Instant::now();
        assert!(run(&mut session, tickets).is_empty());
        assert!(started.elapsed() < Duration::from_millis(600), "{:?}", started.elapsed());
        for mut answer in answers {
            assert!(matches!(answer.try_recv(), Ok(Some(Err(Error::Busy { .. })))));
        }
    }

    /// A key that was taken is looked at again also for a job that has met other writers before, but not for ever.
    #[test]
    fn a_collision_after_a_conflict_is_tried_again() {
        let file = File::new();
        let mut session = file.open();
        drop(file.execute(&create_table_sql(&THING, crate::Dialect::Sqlite)));
        let insert = |tx: &mut dyn Tx| {
            tx.insert(&THING, vec![suite::thing(1)]).unwrap();
            Verdict::Commit
        };
        let (first, mut answered) = ticket(insert);
        assert!(run(&mut session, vec![first]).is_empty());
        assert!(matches!(answered.try_recv(), Ok(Some(Ok(Ran::Committed)))));
        let (mut second, mut answered) = ticket(insert);
        second.attempts = 1;
        let mut waiting = vec![second];
        for _ in 0..MAX_COLLISIONS {
            waiting = run(&mut session, waiting);
            assert_eq!(waiting.len(), 1);
        }
        assert!(run(&mut session, waiting).is_empty());
        assert!(matches!(answered.try_recv(), Ok(Some(Err(Error::AlreadyExists { .. })))));
    }
}
