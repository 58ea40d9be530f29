//! The threads that own the connections: some that write, one where only one can, some that read, and one that keeps house.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use crm_core::work::{Job, Mode, Ran, Schemas};
use crm_core::{Error, Result};
use futures_channel::oneshot;

use crate::group::{self, Limits};
use crate::queue::{Message, Queue, Ticket, Waited};
use crate::session::Session;

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
    /// Threads that write: more than one where the database lets several write at once.
    pub(crate) writers: usize,
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

/// The kinds that are known: those of every `Crm` that was built on the storage.
type Known = Arc<Mutex<Option<Arc<Schemas>>>>;

pub(crate) struct Engine {
    writes: Arc<Queue>,
    reads: Option<Arc<Queue>>,
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
            let (connect, closing, commits) = (connect.clone(), closing.clone(), commits.clone());
            let handle = spawn("crm-housekeeper", Box::new(move || keep_house(&connect, &closing, &commits, every)))?;
            Some(handle.thread().clone())
        } else {
            None
        };
        let mut reads = None;
        if settings.readers > 0 {
            let queue = Arc::new(Queue::new(settings.queue, LOOKS_OF_READERS));
            for _ in 0..settings.readers {
                let mut reader = Reader { queue: queue.clone(), connection: Connection::new(connect, Role::Reader) };
                spawn("crm-reader", Box::new(move || reader.run()))?;
            }
            reads = Some(queue);
        }
        let (taken, meeting) = (Arc::new(AtomicUsize::new(0)), Arc::new(RwLock::new(())));
        for _ in 0..settings.writers {
            let mut writer = Writer {
                queue: writes.clone(),
                connection: Connection::new(connect, Role::Writer),
                schemas: schemas.clone(),
                settings: settings.clone(),
                delayed: Vec::new(),
                callers: 0,
                last_took: Duration::ZERO,
                taken: taken.clone(),
                meeting: meeting.clone(),
                commits: commits.clone(),
                housekeeper: housekeeper.clone(),
            };
            spawn("crm-writer", Box::new(move || writer.run()))?;
        }
        Ok(Self { writes, reads, schemas, housekeeper, closing, ended: ended.into() })
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
        let (answer, answered) = oneshot::channel();
        let ticket = Ticket { mode, job, answer, attempts: 0, collisions: 0, since: Instant::now() };
        let queue = match mode {
            Mode::Write => &self.writes,
            Mode::Read => self.reads.as_ref().unwrap_or(&self.writes),
        };
        queue.push(Message::Run(ticket))?;
        // A thread that ends without answering has lost its connection in a way it could not tell.
        answered.await.unwrap_or(Err(Error::OutcomeUnknown))
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
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn queued(&self) -> usize {
        self.writes.len()
    }

    /// Refuses new work.
    pub(crate) fn shut(&self) {
        self.closing.store(true, Ordering::Release);
        self.writes.close();
        if let Some(reads) = &self.reads {
            reads.close();
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
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shut();
    }
}

/// A session that is opened when needed, and replaced when it is lost.
struct Connection {
    connect: Connect,
    role: Role,
    session: Option<Box<dyn Session>>,
}

impl Connection {
    fn new(connect: &Connect, role: Role) -> Self {
        Self { connect: connect.clone(), role, session: None }
    }

    /// Drops the transaction that a panic has left open, if one has.
    fn abandon(&mut self) {
        if let Some(session) = &mut self.session {
            session.abandon();
        }
    }

    /// # Errors
    /// `Setup` when this database cannot be used as it is, `Busy` when it cannot be reached now.
    fn session(&mut self) -> Result<&mut dyn Session> {
        if self.session.as_ref().is_some_and(|session| session.is_lost()) {
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

struct Writer {
    queue: Arc<Queue>,
    connection: Connection,
    schemas: Known,
    settings: Settings,
    /// Jobs that met other writers, with the time of their next try.
    delayed: Vec<(Instant, Ticket)>,
    /// How many callers there seem to be: those of the last group, and those who came meanwhile.
    callers: usize,
    /// How long the last group took.
    last_took: Duration,
    /// Jobs that the writers are at.
    taken: Arc<AtomicUsize>,
    /// Held for writing by whoever runs a job again that met another writer: in this process it meets nobody any more.
    meeting: Arc<RwLock<()>>,
    commits: Arc<AtomicUsize>,
    housekeeper: Option<thread::Thread>,
}

impl Writer {
    fn run(&mut self) {
        self.queue.serve();
        self.connection.abandon();
        loop {
            let next_try = self.delayed.iter().map(|(at, _)| *at).min();
            match self.queue.wait(next_try) {
                Waited::Closed if self.delayed.is_empty() => return,
                Waited::Closed => thread::sleep(Duration::from_millis(1)),
                Waited::Filled | Waited::TimedOut => {}
            }
            if self.callers > 1 {
                // No longer than what is a small part of the work itself.
                self.queue.gather(self.callers.min(self.settings.group), self.settings.gather.min(self.last_took / 8));
            }
            let now = Instant::now();
            for (at, ticket) in std::mem::take(&mut self.delayed) {
                if at <= now { self.write_alone(ticket) } else { self.delayed.push((at, ticket)) }
            }
            let mut group = Vec::new();
            for message in self.queue.take(self.share()) {
                match message {
                    Message::Run(ticket) if ticket.mode == Mode::Write => group.push(ticket),
                    Message::Run(ticket) => read(&mut self.connection, ticket),
                    Message::Control(control) => {
                        self.write_together(std::mem::take(&mut group));
                        control(self.connection.session());
                    }
                }
            }
            let size = group.len();
            let started = Instant::now();
            self.write_together(group);
            self.callers = size + self.queue.len();
            self.last_took = started.elapsed();
        }
    }

    /// How many messages to take: with several writers no more than a share of all jobs there are, so that the server is at the
    /// jobs of one while another runs its own.
    fn share(&self) -> usize {
        let jobs = self.queue.len() + self.taken.load(Ordering::Acquire);
        jobs.div_ceil(self.settings.writers.max(1)).clamp(1, self.settings.group)
    }

    fn write_together(&mut self, group: Vec<Ticket>) {
        let (meeting, _at) = (self.meeting.clone(), At::jobs(&self.taken, group.len()));
        let _beside_others = meeting.read().unwrap_or_else(PoisonError::into_inner);
        self.write(group);
    }

    fn write_alone(&mut self, ticket: Ticket) {
        let meeting = self.meeting.clone();
        let _without_others = meeting.write().unwrap_or_else(PoisonError::into_inner);
        self.write(vec![ticket]);
    }

    fn write(&mut self, group: Vec<Ticket>) {
        if group.is_empty() {
            return;
        }
        let known = self.schemas.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(schemas), size) = (known, group.len()) else {
            return refuse(group, || Error::Setup("the storage was not prepared: build a Crm on it first".into()));
        };
        let again = match self.connection.session() {
            Ok(session) => group::run(session, &schemas, &self.settings.limits, group),
            Err(error) => return refuse(group, || group::copied(&error)),
        };
        for ticket in again {
            let at = Instant::now() + pause(ticket.attempts + ticket.collisions);
            self.delayed.push((at, ticket));
        }
        let before = self.commits.fetch_add(size, Ordering::AcqRel);
        if let (Some(every), Some(housekeeper)) = (self.settings.housekeeping, &self.housekeeper)
            && before / every != (before + size) / every
        {
            housekeeper.unpark();
        }
    }
}

/// Jobs that a writer is at, counted until it is done with them, even by a panic.
struct At(Arc<AtomicUsize>, usize);

impl At {
    fn jobs(taken: &Arc<AtomicUsize>, jobs: usize) -> Self {
        taken.fetch_add(jobs, Ordering::AcqRel);
        Self(taken.clone(), jobs)
    }
}

impl Drop for At {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::AcqRel);
    }
}

fn refuse(tickets: Vec<Ticket>, error: impl Fn() -> Error) {
    for ticket in tickets {
        let _ = ticket.answer.send(Err(error()));
    }
}

/// A pause that doubles with every try, up to a second, and is half random, so that two processes that met do not meet
/// again. Who waits here makes nobody else wait.
fn pause(attempts: u32) -> Duration {
    let half = 500_u64 << attempts.min(10);
    Duration::from_micros(half + RandomState::new().hash_one(attempts) % half)
}

struct Reader {
    queue: Arc<Queue>,
    connection: Connection,
}

impl Reader {
    fn run(&mut self) {
        self.queue.serve();
        self.connection.abandon();
        while !matches!(self.queue.wait(None), Waited::Closed) {
            for message in self.queue.take(1) {
                match message {
                    Message::Run(ticket) => read(&mut self.connection, ticket),
                    Message::Control(control) => control(self.connection.session()),
                }
            }
        }
    }
}

fn read(connection: &mut Connection, mut ticket: Ticket) {
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

fn keep_house(connect: &Connect, closing: &AtomicBool, commits: &AtomicUsize, every: usize) {
    let mut connection = Connection::new(connect, Role::Housekeeper);
    let mut done = 0;
    while !closing.load(Ordering::Acquire) {
        thread::park();
        let now = commits.load(Ordering::Acquire);
        if now / every != done / every
            && let Ok(session) = connection.session()
        {
            // What could not be moved now is moved next time, or by the writer when the log grows long.
            let _ = session.maintain();
        }
        done = now;
    }
}
