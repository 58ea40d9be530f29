//! The threads that write. On SQLite two take turns: while one writes its group, the other runs the jobs of the next.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crm_core::work::Mode;
use crm_core::{Error, Result};

use crate::engine::{CLOSED, Connect, Connection, Known, Role, Settings, lock_mended, read};
use crate::group::{self, Ahead, Written};
use crate::queue::{Message, Queue, Ticket};
use crate::session::Session;

/// What the writers of one engine share.
pub(crate) struct Desk {
    pub(crate) queue: Arc<Queue>,
    pub(crate) schemas: Known,
    pub(crate) settings: Settings,
    /// Jobs that the writers are at.
    taken: AtomicUsize,
    /// Held for writing by whoever runs a job again that met another writer: in this process it meets nobody any more.
    meeting: RwLock<()>,
    commits: Arc<AtomicUsize>,
    housekeeper: Option<thread::Thread>,
}

/// What the writers share that have one connection to write with.
///
/// Two locks make a line of two places: whoever stands in front runs jobs, whoever has the pen writes. The one in front takes
/// the pen before he leaves the front, so groups are written in the order in which their jobs have run. A group that has been
/// told what the one before writes is valid only if that one was committed, and was the last to write.
pub(crate) struct Line {
    front: Mutex<Front>,
    pen: Mutex<Pen>,
    /// Whether the log has grown so long that it should begin anew.
    long_log: Arc<AtomicBool>,
}

struct Front {
    /// What the group that has the pen is writing, and its number.
    before: Option<(u64, Written)>,
    snapshot: Connection,
}

struct Pen {
    connection: Connection,
    /// The number of the group that was told and committed last, unless something else was written since.
    last: Option<u64>,
    /// The number of the next group.
    next: u64,
}

impl Desk {
    pub(crate) fn new(
        queue: Arc<Queue>,
        schemas: Known,
        settings: Settings,
        commits: Arc<AtomicUsize>,
        housekeeper: Option<thread::Thread>,
    ) -> Self {
        Self { queue, schemas, settings, taken: AtomicUsize::new(0), meeting: RwLock::new(()), commits, housekeeper }
    }

    /// Writes a lone job on the thread of its caller, which spares two changes of thread. Gives it back when others are there,
    /// for together is cheaper.
    pub(crate) fn write_here(&self, line: &Line, ticket: Ticket) -> std::result::Result<(), Ticket> {
        if self.taken.load(Ordering::Acquire) > 0 {
            return Err(ticket);
        }
        let Some(pen) = line.try_pen() else { return Err(ticket) };
        let _beside_others = match self.meeting.try_read() {
            Ok(beside_others) => beside_others,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(ticket),
        };
        let Some(_serving) = self.queue.serve_alone() else { return Err(ticket) };
        let _at = At::jobs(&self.taken, 1);
        for ticket in self.write(line, pen, None, None, vec![ticket]) {
            // The threads that would try it again may have ended.
            if let Err(ticket) = self.queue.delay(next_try(&ticket), ticket) {
                refuse(vec![ticket], || Error::busy(CLOSED));
            }
        }
        Ok(())
    }

    /// Writes a group with the pen, which leaves the front to the next one as soon as its jobs have run. Returns the jobs that
    /// have to be tried again.
    fn write(
        &self,
        line: &Line,
        mut pen: MutexGuard<'_, Pen>,
        front: Option<MutexGuard<'_, Front>>,
        ahead: Option<(u64, Ahead)>,
        group: Vec<Ticket>,
    ) -> Vec<Ticket> {
        let size = group.len();
        let last = pen.last.take().filter(|_| !pen.connection.is_lost());
        let ahead = ahead.filter(|(number, _)| last == Some(*number)).map(|(_, ahead)| ahead);
        let number = pen.next;
        pen.next += 1;
        // A lone caller does not profit from another thread, and would wake it each time.
        let overlaps = self.settings.runs_ahead && size > 1;
        let (front, _kept) = if overlaps { (front, None) } else { (None, front) };
        let tell = front.map(|mut front| move |written| front.before = Some((number, written)));
        if line.long_log.swap(false, Ordering::AcqRel)
            && let Ok(session) = pen.connection.session()
        {
            // Whoever has the pen before his jobs are told has nobody beside him who reads from the log for a group.
            let _ = session.maintain();
        }
        let known = self.schemas.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(schemas) = known else {
            return refuse(group, || Error::Setup("the storage was not prepared: build a Crm on it first".into()));
        };
        let (mut done, log) = match pen.connection.session() {
            Ok(session) => (group::run(session, &schemas, &self.settings.limits, group, ahead, tell), session.log()),
            Err(error) => return refuse(group, || group::copied(&error)),
        };
        if done.is_whole() {
            pen.last = Some(number);
        }
        // The next group is written while this one waits for the disk.
        drop(pen);
        if log.is_some_and(|log| log.sync().is_err()) {
            done.doubt();
            self.queue.close("the disk failed: see to it, and open the storage again");
        }
        let again = done.answer(&self.settings.limits);
        let before = self.commits.fetch_add(size, Ordering::AcqRel);
        if let (Some(every), Some(housekeeper)) = (self.settings.housekeeping, &self.housekeeper)
            && before / every != (before + size) / every
        {
            housekeeper.unpark();
        }
        again
    }

    /// Puts aside, on a thread that comes back to them, jobs that have to be tried again.
    fn put_aside(&self, again: Vec<Ticket>) {
        for ticket in again {
            self.queue.put_aside(next_try(&ticket), ticket);
        }
    }
}

impl Line {
    pub(crate) fn new(connect: &Connect, long_log: Arc<AtomicBool>) -> Self {
        let pen = Pen { connection: Connection::new(connect, Role::Writer), last: None, next: 0 };
        let front = Front { before: None, snapshot: Connection::new(connect, Role::Reader) };
        Self { front: Mutex::new(front), pen: Mutex::new(pen), long_log }
    }

    /// Closes the connections.
    pub(crate) fn close(&self) {
        self.front().snapshot.close();
        self.pen().connection.close();
    }

    fn front(&self) -> MutexGuard<'_, Front> {
        lock_mended(&self.front, |front| {
            front.snapshot.abandon();
            front.before = None;
        })
    }

    fn pen(&self) -> MutexGuard<'_, Pen> {
        // The transaction that was open is dropped.
        lock_mended(&self.pen, |pen| {
            pen.connection.abandon();
            pen.last = None;
        })
    }

    /// The pen, unless somebody has it.
    fn try_pen(&self) -> Option<MutexGuard<'_, Pen>> {
        match self.pen.try_lock() {
            Ok(pen) => Some(pen),
            Err(TryLockError::WouldBlock) => None,
            Err(poisoned) => {
                // It holds the lock.
                drop(poisoned);
                Some(self.pen())
            }
        }
    }
}

impl Pen {
    /// The session, for something else than the next group of the line.
    fn session(&mut self) -> Result<&mut dyn Session> {
        self.last = None;
        self.connection.session()
    }
}

/// A thread that writes.
pub(crate) struct Writer {
    desk: Arc<Desk>,
    line: Arc<Line>,
    /// How many callers there seem to be: those of the last group, those who came meanwhile, and those of the other writers.
    callers: usize,
    /// How long the last group took.
    last_took: Duration,
}

impl Writer {
    pub(crate) fn new(desk: Arc<Desk>, line: Arc<Line>) -> Self {
        Self { desk, line, callers: 0, last_took: Duration::ZERO }
    }

    pub(crate) fn run(&mut self) {
        self.desk.queue.serve();
        while self.take_turn() {}
    }

    /// Takes jobs, runs and writes them. False when there will be none any more.
    fn take_turn(&mut self) -> bool {
        let (desk, line) = (self.desk.clone(), self.line.clone());
        let front = line.front();
        if !desk.queue.wait() {
            return false;
        }
        if self.callers > 1 {
            // No longer than what is a small part of the work itself.
            desk.queue.gather(self.share_of(self.callers), desk.settings.gather.min(self.last_took / 8));
        }
        for ticket in desk.queue.take_due() {
            let pen = line.pen();
            let _without_others = desk.meeting.write().unwrap_or_else(PoisonError::into_inner);
            desk.put_aside(desk.write(&line, pen, None, None, vec![ticket]));
        }
        // Who comes while the pen is waited for comes along, unless the jobs can run meanwhile.
        let mut pen = line.try_pen();
        if pen.is_none() && front.before.is_none() {
            pen = Some(line.pen());
        }
        let mut group = Vec::new();
        for message in desk.queue.take(self.share()) {
            match message {
                Message::Run(ticket) if ticket.mode == Mode::Write => group.push(ticket),
                Message::Run(ticket) => read(&mut pen.get_or_insert_with(|| line.pen()).connection, ticket),
                Message::Control(control) => {
                    self.write_together(pen.take(), None, std::mem::take(&mut group));
                    control(line.pen().session());
                }
            }
        }
        let size = group.len();
        let started = Instant::now();
        self.write_together(pen, Some(front), group);
        self.callers = size + desk.queue.len() + desk.taken.load(Ordering::Acquire);
        self.last_took = started.elapsed();
        true
    }

    /// How many messages to take: with several writers no more than a share of all jobs there are, so that the database is at
    /// the jobs of one while another runs its own.
    fn share(&self) -> usize {
        let desk = &self.desk;
        self.share_of(desk.queue.len() + desk.taken.load(Ordering::Acquire))
    }

    fn share_of(&self, jobs: usize) -> usize {
        let settings = &self.desk.settings;
        jobs.div_ceil(settings.writers.max(1)).clamp(1, settings.group)
    }

    fn write_together(
        &self,
        pen: Option<MutexGuard<'_, Pen>>,
        mut front: Option<MutexGuard<'_, Front>>,
        mut group: Vec<Ticket>,
    ) {
        if group.is_empty() {
            return;
        }
        let desk = &self.desk;
        let _at = At::jobs(&desk.taken, group.len());
        let (pen, ahead) = if let Some(pen) = pen {
            (pen, None)
        } else {
            let ahead = front.as_mut().and_then(|front| self.run_ahead(front, &mut group));
            (self.line.pen(), ahead)
        };
        let _beside_others = desk.meeting.read().unwrap_or_else(PoisonError::into_inner);
        desk.put_aside(desk.write(&self.line, pen, front, ahead, group));
    }

    /// Runs a group while the one before is written, if that was told.
    fn run_ahead(&self, front: &mut Front, group: &mut [Ticket]) -> Option<(u64, Ahead)> {
        let (number, before) = front.before.take()?;
        let schemas = self.desk.schemas.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let snapshot = front.snapshot.session().ok()?;
        Some((number, group::run_ahead(snapshot, &schemas, &self.desk.settings.limits, before, group)?))
    }
}

/// Jobs that a writer is at, counted until it is done with them, even by a panic.
struct At<'d>(&'d AtomicUsize, usize);

impl<'d> At<'d> {
    fn jobs(taken: &'d AtomicUsize, jobs: usize) -> Self {
        taken.fetch_add(jobs, Ordering::AcqRel);
        Self(taken, jobs)
    }
}

impl Drop for At<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::AcqRel);
    }
}

/// Gives up jobs. None is left to be tried again.
fn refuse(tickets: Vec<Ticket>, error: impl Fn() -> Error) -> Vec<Ticket> {
    for ticket in tickets {
        let _ = ticket.answer.send(Err(error()));
    }
    Vec::new()
}

/// When to try a job again: after a pause that doubles with every try, up to a second, and is half random, so that two
/// processes that met do not meet again. Who waits here makes nobody else wait.
fn next_try(ticket: &Ticket) -> Instant {
    let attempts = ticket.attempts + ticket.collisions;
    let half = 500_u64 << attempts.min(10);
    Instant::now() + Duration::from_micros(half + RandomState::new().hash_one(attempts) % half)
}
