//! The threads that own the connections: some that write, some that read, and one that keeps house.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crm_core::work::{Job, Mode, Ran, Schemas};
use crm_core::{Error, Result};
use futures_channel::oneshot;

use crate::group::{self, Limits};
use crate::queue::{Message, Queue, Ticket};
use crate::session::Session;
use crate::writer::{Desk, Line, Writer};

/// Opens connections of one database.
pub(crate) type Connect = Arc<dyn Fn(Role) -> Result<Box<dyn Session>> + Send + Sync>;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
    Housekeeper,
}

/// How an engine works.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Threads that write.
    pub(crate) writers: usize,
    /// Whether they write by one connection: while one writes, another runs its jobs.
    pub(crate) runs_ahead: bool,
    /// Threads that read. Without one, those that write read too.
    pub(crate) readers: usize,
    /// Messages that may wait for the writers, and for the readers.
    pub(crate) queue: usize,
    /// The most jobs of a group.
    pub(crate) group: usize,
    /// How long the writer waits for callers that were answered together to come back together.
    pub(crate) gather: Duration,
    /// Commits after which the housekeeper is woken; none, if there is nothing to keep.
    pub(crate) housekeeping: Option<usize>,
    pub(crate) limits: Limits,
}

/// How often a thread looks at its empty queue before it sleeps. Waking one that writes takes longer than all the rest a lone
/// caller waits for, but the commit; several that read would take the time from who writes.
const LOOKS_OF_WRITERS: u32 = 200;
const LOOKS_OF_READERS: u32 = 50;

/// What who comes too late is told.
pub(crate) const CLOSED: &str = "the storage is closed";

/// The kinds that are known: those of every `Crm` that was built on the storage.
pub(crate) type Known = Arc<Mutex<Option<Arc<Schemas>>>>;

pub(crate) struct Engine {
    writes: Arc<Queue>,
    reads: Option<Arc<Queue>>,
    desk: Arc<Desk>,
    lines: Vec<Arc<Line>>,
    /// The connections of the threads that read.
    seats: Vec<Arc<Seat>>,
    schemas: Known,
    housekeeper: Option<thread::Thread>,
    closing: Arc<AtomicBool>,
    ended: Mutex<Vec<oneshot::Receiver<()>>>,
}

impl Engine {
    /// Starts the threads. They connect when they are first asked for something.
    ///
    /// # Errors
    /// The operating system refused a thread.
    pub(crate) fn start(connect: &Connect, settings: &Settings) -> Result<Self> {
        let writes = Arc::new(Queue::new(settings.queue, LOOKS_OF_WRITERS));
        let schemas = Known::default();
        let closing = Arc::new(AtomicBool::new(false));
        let commits = Arc::new(AtomicUsize::new(0));
        let long_log = Arc::new(AtomicBool::new(false));
        let mut ended = Vec::new();
        let mut spawn = |name: &str, mut run: Box<dyn FnMut() + Send>| {
            let (sender, receiver) = oneshot::channel();
            ended.push(receiver);
            let body = move || {
                // What panics outside a job takes along what it was at, and nobody who comes later.
                while catch_unwind(AssertUnwindSafe(&mut run)).is_err() {}
                drop(run);
                let _ = sender.send(());
            };
            thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|error| Error::backend("a thread", error))
        };

        let housekeeper = if let Some(every) = settings.housekeeping {
            let (connect, closing, commits, long_log) =
                (connect.clone(), closing.clone(), commits.clone(), long_log.clone());
            let run = move || keep_house(&connect, &closing, &commits, every, &long_log);
            let handle = spawn("crm-housekeeper", Box::new(run))?;
            Some(handle.thread().clone())
        } else {
            None
        };
        let (mut reads, mut seats) = (None, Vec::new());
        if settings.readers > 0 {
            let queue = Arc::new(Queue::new(settings.queue, LOOKS_OF_READERS));
            for _ in 0..settings.readers {
                let seat = Arc::new(Seat(Mutex::new(Connection::new(connect, Role::Reader))));
                let mut reader = Reader { queue: queue.clone(), seat: seat.clone() };
                seats.push(seat);
                spawn("crm-reader", Box::new(move || reader.run()))?;
            }
            reads = Some(queue);
        }
        let (known, house) = (schemas.clone(), housekeeper.clone());
        let desk = Arc::new(Desk::new(writes.clone(), known, settings.clone(), commits, house));
        // Those that run ahead share one line; where several can write at once, each has its own.
        let count = if settings.runs_ahead { 1 } else { settings.writers };
        let lines: Vec<_> = (0..count).map(|_| Arc::new(Line::new(connect, long_log.clone()))).collect();
        for line in lines.iter().cycle().take(settings.writers) {
            let mut writer = Writer::new(desk.clone(), line.clone());
            spawn("crm-writer", Box::new(move || writer.run()))?;
        }
        Ok(Self { writes, reads, desk, lines, seats, schemas, housekeeper, closing, ended: ended.into() })
    }

    /// Tells which kinds there are, beside those that are known.
    pub(crate) fn know(&self, schemas: Arc<Schemas>) {
        let mut known = self.schemas.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(match known.take() {
            None => schemas,
            Some(before) => {
                let new = schemas.iter().filter(|one| before.iter().all(|known| known.kind != one.kind));
                Arc::new(Schemas::new(before.iter().chain(new).collect()))
            }
        });
    }

    pub(crate) async fn run(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
        let (ticket, answered) = Ticket::new(mode, job);
        self.queue(mode).push(Message::Run(ticket))?;
        // A thread that ends without answering has lost its connection in a way it could not tell.
        answered.await.unwrap_or(Err(Error::OutcomeUnknown))
    }

    fn queue(&self, mode: Mode) -> &Queue {
        match mode {
            Mode::Write => &self.writes,
            Mode::Read => self.reads.as_ref().unwrap_or(&self.writes),
        }
    }

    /// The same for a caller who waits anyway: on his own thread, where that can be done at once.
    pub(crate) fn run_here(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
        let (ticket, answered) = Ticket::new(mode, job);
        let here = || match (mode, &self.reads) {
            (Mode::Write, _) => match self.lines.first() {
                Some(line) => self.desk.write_here(line, ticket),
                None => Err(ticket),
            },
            (Mode::Read, Some(reads)) => read_here(reads, &self.seats, ticket),
            (Mode::Read, None) => Err(ticket),
        };
        // What panics outside a job is no affair of the caller's.
        if let Ok(Err(ticket)) = catch_unwind(AssertUnwindSafe(here)) {
            self.queue(mode).push(Message::Run(ticket))?;
        }
        pollster::block_on(answered).unwrap_or(Err(Error::OutcomeUnknown))
    }

    /// Does something with the writer's session, between transactions.
    pub(crate) async fn control<T: Send + 'static>(
        &self,
        control: impl FnOnce(&mut dyn Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let control = move |session: Result<&mut dyn Session>| {
            let _ = answer.send(session.and_then(control));
        };
        self.writes.push(Message::Control(Box::new(control)))?;
        answered.await.unwrap_or_else(|_| Err(Error::backend("a thread of the storage", "it panicked")))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.writes.is_closed()
    }

    pub(crate) fn queued(&self) -> usize {
        self.writes.len()
    }

    /// Refuses new work.
    pub(crate) fn shut(&self) {
        self.closing.store(true, Ordering::Release);
        self.writes.close(CLOSED);
        if let Some(reads) = &self.reads {
            reads.close(CLOSED);
        }
        if let Some(housekeeper) = &self.housekeeper {
            housekeeper.unpark();
        }
    }

    /// Refuses new work, and waits until what was queued is done and the connections are closed.
    pub(crate) async fn close(&self) {
        self.shut();
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in ended {
            let _ = thread.await;
        }
        self.lines.iter().for_each(|line| line.close());
        self.seats.iter().for_each(|seat| seat.take().close());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shut();
    }
}

/// A session that is opened when needed, and replaced when it is lost.
pub(crate) struct Connection {
    connect: Connect,
    role: Role,
    session: Option<Box<dyn Session>>,
}

impl Connection {
    pub(crate) fn new(connect: &Connect, role: Role) -> Self {
        Self { connect: connect.clone(), role, session: None }
    }

    pub(crate) fn close(&mut self) {
        self.session = None;
    }

    /// Drops the transaction that a panic has left open, if one has.
    pub(crate) fn abandon(&mut self) {
        if let Some(session) = &mut self.session {
            session.abandon();
        }
    }

    /// Whether the next session is another one.
    pub(crate) fn is_lost(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.is_lost())
    }

    /// # Errors
    /// `Setup` when this database cannot be used as it is, `Busy` when it cannot be reached now.
    pub(crate) fn session(&mut self) -> Result<&mut dyn Session> {
        if self.is_lost() {
            self.session = None;
        }
        if self.session.is_none() {
            self.session = Some((self.connect)(self.role).map_err(|error| match error {
                Error::Setup(_) | Error::Busy { .. } => error,
                other => Error::busy(format!("the database cannot be reached: {other}")),
            })?);
        }
        match &mut self.session {
            Some(session) => Ok(session.as_mut()),
            None => Err(Error::busy("the database cannot be reached")),
        }
    }
}

/// Locks what somebody may have left as it was when he panicked, and mends it then.
pub(crate) fn lock_mended<T>(mutex: &Mutex<T>, mend: impl FnOnce(&mut T)) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| {
        mutex.clear_poison();
        let mut left = poisoned.into_inner();
        mend(&mut left);
        left
    })
}

/// A connection to read by, for one at a time.
struct Seat(Mutex<Connection>);

impl Seat {
    fn take(&self) -> MutexGuard<'_, Connection> {
        lock_mended(&self.0, Connection::abandon)
    }
}

/// Reads on the thread of a caller, who spares two changes of thread, if there is a seat for him. Gives the job back otherwise.
fn read_here(queue: &Queue, seats: &[Arc<Seat>], ticket: Ticket) -> std::result::Result<(), Ticket> {
    let Some(_serving) = queue.serve_alone() else { return Err(ticket) };
    let Some(mut seat) = seats.iter().find_map(|seat| seat.0.try_lock().ok()) else { return Err(ticket) };
    read(&mut seat, ticket);
    Ok(())
}

struct Reader {
    queue: Arc<Queue>,
    seat: Arc<Seat>,
}

impl Reader {
    fn run(&mut self) {
        self.queue.serve();
        while self.queue.wait() {
            for message in self.queue.take(1) {
                match message {
                    Message::Run(ticket) => read(&mut self.seat.take(), ticket),
                    Message::Control(control) => control(self.seat.take().session()),
                }
            }
        }
    }
}

pub(crate) fn read(connection: &mut Connection, mut ticket: Ticket) {
    let mut answer = Err(Error::busy("the database cannot be reached"));
    // The second time on a fresh connection, if the first was lost.
    for _ in 0..2 {
        match connection.session() {
            Ok(session) => {
                answer = group::read(session, &mut ticket);
                if !session.is_lost() {
                    break;
                }
            }
            Err(error) => answer = Err(error),
        }
    }
    let _ = ticket.answer.send(answer);
}

fn keep_house(connect: &Connect, closing: &AtomicBool, commits: &AtomicUsize, every: usize, long_log: &AtomicBool) {
    let mut connection = Connection::new(connect, Role::Housekeeper);
    let mut done = 0;
    while !closing.load(Ordering::Acquire) {
        thread::park();
        let now = commits.load(Ordering::Acquire);
        if now / every != done / every
            && let Ok(session) = connection.session()
        {
            // What could not be moved now is moved next time, or by the writer when the log grows long.
            if let Ok(true) = session.maintain() {
                // What was written meanwhile, so that little is left for the writer.
                let _ = session.maintain();
                long_log.store(true, Ordering::Release);
            }
        }
        done = now;
    }
}
