//! Many threads at one thing, at the same moment.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Barrier;
use std::thread;

use crate::{Error, Result};

/// Whose attempt it is, and in which round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The worker, from 0.
    pub worker: usize,
    /// The round, from 0.
    pub round: usize,
}

/// How the attempts of one round ended, in the order of the workers.
#[derive(Debug)]
pub struct Round<T> {
    /// What the winners got.
    pub won: Vec<T>,
    /// Why the losers lost.
    pub lost: Vec<Error>,
}

/// Lets `workers` threads make an attempt at the same moment, `rounds` times, and returns how each round ended.
///
/// A panic of an attempt ends the race when all have run.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use crm_core::{Error, conformance::race};
/// let seats = AtomicUsize::new(0);
/// let rounds = race(8, 1, |_| match seats.fetch_add(1, Ordering::SeqCst) {
///     seat @ 0..3 => Ok(seat),
///     _ => Err(Error::busy("no seat is left")),
/// });
/// assert_eq!((rounds[0].won.len(), rounds[0].lost.len()), (3, 5));
/// ```
pub fn race<T: Send>(workers: usize, rounds: usize, attempt: impl Fn(Turn) -> Result<T> + Sync) -> Vec<Round<T>> {
    let barrier = Barrier::new(workers);
    let work = |worker| {
        let turns = (0..rounds).map(|round| {
            barrier.wait();
            // A thread that died would let the others wait for ever.
            catch_unwind(AssertUnwindSafe(|| attempt(Turn { worker, round })))
        });
        turns.collect::<Vec<_>>()
    };
    let mut ended: Vec<Round<T>> = (0..rounds).map(|_| Round { won: Vec::new(), lost: Vec::new() }).collect();
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        for thread in threads {
            let turns = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            for (round, turn) in ended.iter_mut().zip(turns) {
                match turn.unwrap_or_else(|panic| resume_unwind(panic)) {
                    Ok(prize) => round.won.push(prize),
                    Err(error) => round.lost.push(error),
                }
            }
        }
    });
    ended
}
