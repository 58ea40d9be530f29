//! Group commit: many jobs in one transaction, written together, none harming another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crm_core::work::{Mode, Ran, Schemas, Status, Tx, Verdict, WriteBuffer};
use crm_core::{Error, Result};

use crate::queue::Ticket;
use crate::session::Session;

/// Rounds of reading rows for a whole group before the rest of it reads row by row.
const MAX_READ_ROUNDS: usize = 8;

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
    /// It waits for rows that are read for the whole group.
    Suspended,
}

/// Runs write jobs, in one transaction if that works, else each in its own. Returns those that have to be tried again.
pub(crate) fn run(
    session: &mut dyn Session,
    schemas: &Schemas,
    limits: &Limits,
    mut tickets: Vec<Ticket>,
) -> Vec<Ticket> {
    if tickets.len() > 1 {
        match together(session, schemas, limits, &mut tickets) {
            Ok(ends) => return answer(limits, tickets.into_iter().zip(ends)),
            Err(Error::OutcomeUnknown) => {
                let unknown = || End::Answer(Err(Error::OutcomeUnknown));
                return answer(limits, tickets.into_iter().map(|ticket| (ticket, unknown())));
            }
            Err(_) if session.is_lost() => {
                let lost = || End::Again(Err(Error::busy("the database went away")));
                return answer(limits, tickets.into_iter().map(|ticket| (ticket, lost())));
            }
            // Something in the group does not go together. Alone, each job gets what it deserves.
            Err(_) => {}
        }
    }
    let mut again = Vec::new();
    let mut waiting = tickets.into_iter();
    for mut ticket in waiting.by_ref() {
        let end = alone(session, schemas, limits, &mut ticket);
        again.extend(answer(limits, std::iter::once((ticket, end))));
        if session.is_lost() {
            break;
        }
    }
    again.extend(waiting);
    again
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
        let answer = match end {
            End::Answer(answer) => answer,
            End::Again(answer) => {
                ticket.attempts += 1;
                if ticket.attempts < limits.attempts && ticket.since.elapsed() < limits.patience {
                    again.push(ticket);
                    continue;
                }
                answer
            }
            End::Suspended => Err(Error::busy("the rows of a group could not be read")),
        };
        // Nobody waits any more when the caller dropped the future; the work is done all the same.
        let _ = ticket.answer.send(answer);
    }
    again
}

fn together(session: &mut dyn Session, schemas: &Schemas, limits: &Limits, tickets: &mut [Ticket]) -> Result<Vec<End>> {
    session.begin(Mode::Write)?;
    match run_all(session.as_tx(), schemas, limits, tickets) {
        Ok(ends) => session.commit().map(|()| ends),
        Err(error) => {
            session.abandon();
            Err(error)
        }
    }
}

fn run_all(tx: &mut dyn Tx, schemas: &Schemas, limits: &Limits, tickets: &mut [Ticket]) -> Result<Vec<End>> {
    let mut buffer = WriteBuffer::new(tx, schemas);
    let mut ends: Vec<End> = tickets.iter().map(|_| End::Suspended).collect();
    for round in 0..=MAX_READ_ROUNDS {
        let batch_reads = limits.batch_reads && round < MAX_READ_ROUNDS;
        for (ticket, end) in tickets.iter_mut().zip(&mut ends) {
            if matches!(end, End::Suspended) {
                let (status, verdict) = run_one(&mut buffer, limits, ticket, batch_reads)?;
                if status.broken {
                    return Err(Error::Poisoned);
                }
                *end = judge(ticket, status, verdict);
            }
        }
        if !ends.iter().any(|end| matches!(end, End::Suspended)) {
            break;
        }
        buffer.read_missing()?;
    }
    buffer.flush()?;
    Ok(ends)
}

fn alone(session: &mut dyn Session, schemas: &Schemas, limits: &Limits, ticket: &mut Ticket) -> End {
    let ended = session.begin(Mode::Write).and_then(|()| {
        let mut buffer = WriteBuffer::new(session.as_tx(), schemas);
        let (status, verdict) = run_one(&mut buffer, limits, ticket, false)?;
        let end = judge(ticket, status, verdict);
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
    ended.unwrap_or_else(|error| {
        let again = match &error {
            Error::OutcomeUnknown => false,
            Error::Conflict { .. } => true,
            // Somebody may have inserted the same key at the same time: a fresh run sees it, and the job decides.
            Error::AlreadyExists { .. } => ticket.attempts == 0,
            _ => session.is_lost(),
        };
        if again { End::Again(Err(error)) } else { End::Answer(Err(error)) }
    })
}

/// What becomes of a job, from what the buffer saw and what the job said. The buffer decides about another try, for the
/// job may have turned the error that called for it into one of its own.
fn judge(ticket: &Ticket, status: Status, verdict: Result<Verdict>) -> End {
    if status.suspended {
        return End::Suspended;
    }
    let answer = match verdict {
        Err(error) => return End::Answer(Err(error)),
        Ok(Verdict::Commit) if status.is_sound() => return End::Answer(Ok(Ran::Committed)),
        Ok(Verdict::Commit) => Err(Error::Poisoned),
        Ok(Verdict::RollBack) => Ok(Ran::RolledBack),
    };
    if status.contended || (status.taken && ticket.attempts == 0) { End::Again(answer) } else { End::Answer(answer) }
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
        report(ticket.job.label(), started.elapsed());
    }
    Ok((status, verdict))
}

fn guarded(ticket: &mut Ticket, tx: &mut dyn Tx) -> Result<Verdict> {
    catch_unwind(AssertUnwindSafe(|| ticket.job.run(tx))).map_err(|_| Error::Panicked)
}
