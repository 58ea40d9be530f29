//! Where the present comes from.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use super::Timestamp;

/// The source of the present (S-45). Everything that needs the time gets it from here, so a test or a replay decides it.
///
/// It may stand still and, when a machine's clock is set, go backwards: order never rests on it alone.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock the others are told to use")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // A machine set before 1970 or after 9999 gets the nearest end.
        since.map_or(Timestamp::UNIX_EPOCH, |since| Timestamp::UNIX_EPOCH.checked_add(since).unwrap_or(Timestamp::MAX))
    }
}

/// A clock that moves only when told, for tests and replays. Share it in an [`Arc`].
///
/// ```
/// use std::time::Duration;
/// use crm_core::kernel::time::{Clock, ManualClock};
///
/// let clock = ManualClock::new("2025-03-21T00:00:00Z".parse()?);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), "2025-03-21T00:01:00Z".parse()?);
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_micros()))
    }

    /// Sets the present, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
    }

    /// Moves the present forward by whole microseconds, up to [`Timestamp::MAX`].
    pub fn advance(&self, by: Duration) {
        let later = |micros| Timestamp::clamped(micros).checked_add(by).unwrap_or(Timestamp::MAX).as_micros();
        // The closure always gives a value, so this always succeeds.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |micros| Some(later(micros)));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::clamped(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_past_2024() {
        let then: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        assert!(SystemClock.now() > then);
    }

    #[test]
    fn a_manual_clock_is_moved_from_many_threads() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| clock.advance(Duration::from_micros(1))));
            }
        });
        assert_eq!(clock.now().as_micros(), 4000);
        clock.set(Timestamp::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
        clock.set(Timestamp::MIN);
        assert_eq!(clock.now(), Timestamp::MIN);
    }
}
