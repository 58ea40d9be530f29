//! The queue of jobs in front of a thread: bounded, so that a slow database means a clear error and never unbounded
//! memory.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crm_core::work::{Job, Mode, Ran};
use crm_core::{Error, Result};
use futures_channel::oneshot;

use crate::session::Session;

/// A job that waits for its answer.
pub(crate) struct Ticket {
    pub(crate) mode: Mode,
    pub(crate) job: Box<dyn Job>,
    pub(crate) answer: oneshot::Sender<Result<Ran>>,
    /// How often it met another writer so far.
    pub(crate) attempts: u32,
    /// How often the database refused a key of it that was taken.
    pub(crate) collisions: u32,
    /// When it was asked for.
    pub(crate) since: Instant,
}

/// Gets the session, or why there is none.
pub(crate) type Control = Box<dyn FnOnce(Result<&mut dyn Session>) + Send>;

/// What a thread of the engine is asked to do.
pub(crate) enum Message {
    /// Run a job.
    Run(Ticket),
    /// Do something with the session, between transactions, or with the reason why there is none.
    Control(Control),
}

pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    capacity: usize,
    /// How often to look at an empty queue before sleeping.
    looks: u32,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    closed: bool,
    /// The threads that take from this queue.
    servants: Vec<ThreadId>,
    /// How many messages the one who [gathers](Queue::gather) waits for.
    wanted: usize,
}

/// What [`Queue::wait`] found.
pub(crate) enum Waited {
    /// There is something to take.
    Filled,
    /// Nothing came in time.
    TimedOut,
    /// Nothing is left, and nothing will come.
    Closed,
}

impl Queue {
    pub(crate) fn new(capacity: usize, looks: u32) -> Self {
        Self { state: Mutex::default(), filled: Condvar::new(), capacity, looks }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that this thread is going to take from the queue.
    pub(crate) fn serve(&self) {
        let (mut state, this) = (self.lock(), thread::current().id());
        if !state.servants.contains(&this) {
            state.servants.push(this);
        }
    }

    pub(crate) fn push(&self, message: Message) -> Result<()> {
        let mut state = self.lock();
        if state.servants.contains(&thread::current().id()) {
            // It would wait for itself for ever.
            return Err(Error::Setup("a job waits for another job: do both in one unit of work".into()));
        }
        if state.closed {
            return Err(Error::busy("the storage is closed"));
        }
        if state.messages.len() >= self.capacity {
            return Err(Error::busy("the queue of the storage is full"));
        }
        state.messages.push_back(message);
        let enough = state.messages.len() >= state.wanted;
        drop(state);
        // Waking a thread costs more than what most messages want: not for each of those it waits for together.
        if enough {
            self.filled.notify_one();
        }
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().messages.len()
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Waits until there is a message, or until `deadline`. Looks for one a few times before it sleeps: a lone caller
    /// comes back within microseconds, and waking a thread costs more than that.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Waited {
        for _ in 0..self.looks {
            let state = self.lock();
            if !state.messages.is_empty() || state.closed {
                break;
            }
            drop(state);
            std::thread::yield_now();
        }
        let mut state = self.lock();
        loop {
            if !state.messages.is_empty() {
                return Waited::Filled;
            }
            if state.closed {
                return Waited::Closed;
            }
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Waited::TimedOut,
                Some(left) => self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Waits a little for the queue to hold `wanted` messages: callers who were answered together come back together.
    pub(crate) fn gather(&self, wanted: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        state.wanted = wanted;
        while state.messages.len() < wanted && !state.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wanted = 0;
    }

    /// Takes up to `most` messages without waiting.
    pub(crate) fn take(&self, most: usize) -> Vec<Message> {
        let mut state = self.lock();
        let count = state.messages.len().min(most);
        state.messages.drain(..count).collect()
    }
}
