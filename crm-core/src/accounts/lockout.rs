//! How many wrong guesses are borne, and how long a guesser waits after them: pure functions.
//!
//! A delay that grows, and never a lock: a stranger who guesses at an account must not be able to keep its owner out
//! (S-73). So guesses are counted three times: for one account from one source, for one source, and for one account from all
//! sources it was never signed in to from. The owner's own devices are not among the last.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::model::{Guard, GuardId};
use super::token::Digest;
use crate::kernel::time::Timestamp;
use crate::work::Version;
use crate::{Error, Result};

/// Where a request comes from, as the host sees it: an address (of IPv6 its /64), or better a cookie the host has put on
/// the device. Kept as a digest only.
///
/// ```
/// use crm_core::accounts::Source;
/// let source = Source::new("198.51.100.7");
/// assert_eq!(format!("{source:?}"), "Source(…)");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Source(String);

impl Source {
    /// A source by any name that stays the same. Requests with one name are counted together.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Its name, to be digested.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source(…)")
    }
}

/// How many wrong guesses go unpunished, and how the delay grows after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LockoutPolicy {
    /// Wrong guesses at one account from one source before the first delay. 10.
    pub free_per_pair: u32,
    /// Wrong guesses at one account from all sources that are new to it. 100: the most in a row that NIST SP 800-63B-4,
    /// 3.2.2, allows.
    pub free_per_account: u32,
    /// Wrong guesses from one source at all accounts together. 100.
    pub free_per_source: u32,
    /// The first delay, in seconds; each further guess doubles it. 1.
    pub first_delay_secs: u32,
    /// The longest delay, in seconds. 900.
    pub longest_delay_secs: u32,
    /// After so many quiet seconds everything is forgotten. 86,400, a day.
    pub forget_after_secs: u32,
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self {
            free_per_pair: 10,
            free_per_account: 100,
            free_per_source: 100,
            first_delay_secs: 1,
            longest_delay_secs: 900,
            forget_after_secs: 86_400,
        }
    }
}

impl LockoutPolicy {
    /// Refuses numbers that would let guesses through or lock people out.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `lockout.policy`.
    pub fn check(&self) -> Result<()> {
        let wrong = |field: &'static str| Err(Error::invalid(field, "lockout.policy"));
        if !(3..=100).contains(&self.free_per_pair) {
            return wrong("free_per_pair");
        }
        if !(3..=1000).contains(&self.free_per_account) {
            return wrong("free_per_account");
        }
        if !(3..=1_000_000).contains(&self.free_per_source) {
            return wrong("free_per_source");
        }
        if !(1..=60).contains(&self.first_delay_secs) {
            return wrong("first_delay_secs");
        }
        if !(self.first_delay_secs..=3600).contains(&self.longest_delay_secs) {
            return wrong("longest_delay_secs");
        }
        if !(self.longest_delay_secs..=30 * 86_400).contains(&self.forget_after_secs) {
            return wrong("forget_after_secs");
        }
        Ok(())
    }

    /// How long after the last failure the next guess is heard.
    fn delay(&self, failures: u32, free: u32) -> Duration {
        let doublings = failures.saturating_sub(free);
        let longest = Duration::from_secs(self.longest_delay_secs.into());
        if failures < free {
            return Duration::ZERO;
        }
        let first = u64::from(self.first_delay_secs);
        first.checked_shl(doublings.min(32)).map_or(longest, |secs| Duration::from_secs(secs).min(longest))
    }
}

/// What is counted in one guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Attempts that were let through and have not proven right.
    pub failures: u32,
    /// When the last of them was made.
    pub last_at: Timestamp,
}

/// Whether an attempt is heard, with the tally to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is, and counts as wrong until it proves right.
    Heard(Tally),
    /// It is not, and does not count: whoever waits does not wait longer for knocking.
    Wait(Tally),
}

impl Tally {
    /// Judges one attempt.
    ///
    /// A clock that was set back shortens no delay and makes none longer than the longest.
    pub fn admit(self, policy: &LockoutPolicy, free: u32, now: Timestamp) -> Admission {
        let last_at = self.last_at.min(now);
        let quiet = now.saturating_since(last_at);
        let forgotten = quiet >= Duration::from_secs(policy.forget_after_secs.into());
        let failures = if forgotten { 0 } else { self.failures };
        if quiet < policy.delay(failures, free) {
            Admission::Wait(Self { failures, last_at })
        } else {
            Admission::Heard(Self { failures: failures.saturating_add(1), last_at: now })
        }
    }
}

/// The three guards of an attempt, in the order of their ids, as rows are locked (S-33).
pub(crate) struct Guarded {
    pub(crate) pair: GuardId,
    pub(crate) account: GuardId,
    pub(crate) source: GuardId,
}

impl Guarded {
    /// The guards of an attempt at something (`what`: signing in, a code) of an account from a source.
    pub(crate) fn of(what: &str, account: &str, source: &Source) -> Self {
        let id = |kind: &str, parts: [&str; 2]| -> GuardId {
            Digest::of(&[what.as_bytes(), kind.as_bytes(), parts[0].as_bytes(), parts[1].as_bytes()]).id().into()
        };
        Self {
            pair: id("pair", [account, &source.0]),
            account: id("account", [account, ""]),
            source: id("source", [&source.0, ""]),
        }
    }

    pub(crate) fn ids(&self) -> [GuardId; 3] {
        let mut ids = [self.pair, self.account, self.source];
        ids.sort_unstable();
        ids
    }

    pub(crate) fn free(&self, id: GuardId, policy: &LockoutPolicy) -> u32 {
        if id == self.pair {
            policy.free_per_pair
        } else if id == self.account {
            policy.free_per_account
        } else {
            policy.free_per_source
        }
    }
}

impl Guard {
    pub(crate) fn new(id: GuardId, now: Timestamp) -> Self {
        Self { id, version: Version::FIRST, failures: 0, last_at: now, turned_away: 0, proven_at: None }
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally { failures: self.failures, last_at: self.last_at }
    }

    pub(crate) fn keep(&mut self, tally: Tally) {
        (self.failures, self.last_at) = (tally.failures, tally.last_at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_micros((1_700_000_000 + secs) * 1_000_000).unwrap()
    }

    #[test]
    fn ten_go_free_and_then_the_delay_doubles() {
        let policy = LockoutPolicy::default();
        let mut tally = Tally { failures: 0, last_at: at(0) };
        let mut now = 0;
        for delay in std::iter::repeat_n(0, 10).chain([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]) {
            if delay > 0 {
                let early = at(now + delay).checked_add_micros(-1).unwrap();
                assert_eq!(tally.admit(&policy, 10, early), Admission::Wait(tally));
            }
            now += delay;
            let Admission::Heard(next) = tally.admit(&policy, 10, at(now)) else { panic!("{tally:?} at {now}") };
            tally = next;
        }
        assert_eq!(tally.failures, 23);
        let Admission::Heard(fresh) = tally.admit(&policy, 10, at(now + 86_400)) else { panic!("a day is enough") };
        assert_eq!(fresh.failures, 1);
    }

    #[test]
    fn policies_that_lock_out_or_let_through_are_refused() {
        let good = LockoutPolicy::default();
        assert!(good.check().is_ok());
        for bad in [
            LockoutPolicy { free_per_pair: 0, ..good },
            LockoutPolicy { free_per_account: 100_000, ..good },
            LockoutPolicy { free_per_source: 2, ..good },
            LockoutPolicy { first_delay_secs: 0, ..good },
            LockoutPolicy { longest_delay_secs: 86_400, ..good },
            LockoutPolicy { forget_after_secs: 60, ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    /// The rule once more, as a list of failures and the instant from which the next guess is heard.
    struct Oracle {
        failures: Vec<i64>,
        deaf_until: i64,
    }

    impl Oracle {
        fn admit(&mut self, free: usize, now: i64) -> bool {
            if self.failures.last().is_some_and(|last| now - last >= 86_400) {
                self.failures.clear();
                self.deaf_until = now;
            }
            if now < self.deaf_until {
                return false;
            }
            self.failures.push(now);
            let delay = match self.failures.len().checked_sub(free) {
                None => 0,
                Some(over) => (0..over).fold(1, |delay: i64, _| (delay * 2).min(900)),
            };
            self.deaf_until = now + delay;
            true
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_oracle(pauses in prop::collection::vec(prop_oneof![Just(0_i64), 0_i64..5, 0_i64..2_000, 80_000_i64..90_000], 1..200), free in 3_u32..20) {
            let policy = LockoutPolicy { free_per_pair: free, ..LockoutPolicy::default() };
            let mut oracle = Oracle { failures: Vec::new(), deaf_until: 0 };
            let (mut tally, mut now) = (Tally { failures: 0, last_at: at(0) }, 0);
            for pause in pauses {
                now += pause;
                let heard = match tally.admit(&policy, free, at(now)) {
                    Admission::Heard(next) => { tally = next; true }
                    Admission::Wait(next) => { tally = next; false }
                };
                prop_assert_eq!(heard, oracle.admit(free as usize, now));
            }
        }

        #[test]
        fn nobody_waits_longer_than_the_longest_whatever_the_clock_does(steps in prop::collection::vec(-100_000_i64..100_000, 1..60)) {
            let policy = LockoutPolicy::default();
            let (mut tally, mut now) = (Tally { failures: 200, last_at: at(0) }, 0);
            for step in steps {
                now += step;
                tally = match tally.admit(&policy, 10, at(now)) { Admission::Heard(next) | Admission::Wait(next) => next };
                let later = tally.admit(&policy, 10, at(now + 900));
                prop_assert!(matches!(later, Admission::Heard(_)));
            }
        }
    }
}
