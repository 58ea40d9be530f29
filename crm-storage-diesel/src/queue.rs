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

impl Ticket {
    /// A job that is asked for now, and where its answer comes.
    pub(crate) fn new(mode: Mode, job: Box<dyn Job>) -> (Self, oneshot::Receiver<Result<Ran>>) {
        let (answer, answered) = oneshot::channel();
        (Self { mode, job, answer, attempts: 0, collisions: 0, since: Instant::now() }, answered)
    }
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

/// A caller's thread that does the work of one that takes from the queue.
pub(crate) struct Serving<'q>(&'q Queue);

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let this = thread::current().id();
        self.0.lock().servants.retain(|servant| *servant != this);
    }
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    /// Jobs that met other writers, with the time of their next try.
    delayed: Vec<(Instant, Ticket)>,
    /// Why nothing is taken any more.
    closed: Option<&'static str>,
    /// The threads that take from this queue.
    servants: Vec<ThreadId>,
    /// How many messages the one who [gathers](Queue::gather) waits for.
    wanted: usize,
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

    /// Lets this thread do the work of one that takes from the queue, if there is nothing to take and that will not be refused.
    pub(crate) fn serve_alone(&self) -> Option<Serving<'_>> {
        let (mut state, this) = (self.lock(), thread::current().id());
        if state.closed.is_some() || !state.messages.is_empty() || state.servants.contains(&this) {
            return None;
        }
        state.servants.push(this);
        Some(Serving(self))
    }

    pub(crate) fn push(&self, message: Message) -> Result<()> {
        let mut state = self.lock();
        if state.servants.contains(&thread::current().id()) {
            // It would wait for itself for ever.
            return Err(Error::Setup("a job waits for another job: do both in one unit of work".into()));
        }
        if let Some(why) = state.closed {
            return Err(Error::busy(why));
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

    /// Puts aside a job that is to be tried again at a time, by a thread that comes back to it. It has a place here already.
    pub(crate) fn put_aside(&self, at: Instant, ticket: Ticket) {
        self.put_into(self.lock(), at, ticket);
    }

    /// The same by somebody who does not come back to it: gives it back when nobody else may.
    pub(crate) fn delay(&self, at: Instant, ticket: Ticket) -> std::result::Result<(), Ticket> {
        let state = self.lock();
        if state.closed.is_some() {
            return Err(ticket);
        }
        self.put_into(state, at, ticket);
        Ok(())
    }

    fn put_into(&self, mut state: MutexGuard<'_, State>, at: Instant, ticket: Ticket) {
        state.delayed.push((at, ticket));
        drop(state);
        // Whoever waits does not wait for this one yet.
        self.filled.notify_one();
    }

    /// Takes the jobs whose next try is due.
    pub(crate) fn take_due(&self) -> Vec<Ticket> {
        let (mut state, now) = (self.lock(), Instant::now());
        let due = state.delayed.extract_if(.., |(at, _)| *at <= now);
        due.map(|(_, ticket)| ticket).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().messages.len()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed.is_some()
    }

    /// Refuses new work from now on, for this reason unless there is one already.
    pub(crate) fn close(&self, why: &'static str) {
        self.lock().closed.get_or_insert(why);
        self.filled.notify_all();
    }

    /// Waits until there is a message, or a job that is due; false when nothing is left and nothing will come. Looks for a
    /// message a few times before it sleeps: a lone caller comes back within microseconds, and waking a thread costs more.
    pub(crate) fn wait(&self) -> bool {
        for _ in 0..self.looks {
            let state = self.lock();
            if !state.messages.is_empty() || state.closed.is_some() {
                break;
            }
            drop(state);
            std::thread::yield_now();
        }
        let mut state = self.lock();
        loop {
            if !state.messages.is_empty() {
                return true;
            }
            let next_try = state.delayed.iter().map(|(at, _)| *at).min();
            state = match next_try.map(|at| at.saturating_duration_since(Instant::now())) {
                None if state.closed.is_some() => return false,
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return true,
                Some(left) => self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Waits a little for the queue to hold `wanted` messages: callers who were answered together come back together.
    pub(crate) fn gather(&self, wanted: usize, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        state.wanted = wanted;
        while state.messages.len() < wanted && state.closed.is_none() {
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
