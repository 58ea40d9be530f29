//! How many codes may be tried in vain, and by whom: pure rules.
//!
//! Counted are the tries of one actor, of one source, at codes that begin alike, and of everybody together. A source that
//! has shown a good card is known: what strangers try does not keep it from paying.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::GiftCode;
use crate::access::Principal;
use crate::accounts::{Admission, Guard, GuardId, LockoutPolicy, Source};
use crate::kernel::random::digest_of;
use crate::kernel::time::Timestamp;
use crate::{Error, Result};

/// How many codes may be tried in vain before there is a delay, and how it grows: see [`LockoutPolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttemptLimits {
    /// By one user, customer or partner. 20.
    pub per_actor: u32,
    /// From one source. 20.
    pub per_source: u32,
    /// At codes that begin with the same four symbols, from sources that are not known. 20.
    pub per_beginning: u32,
    /// By everybody, from sources that are not known. 1000.
    pub for_all: u32,
    /// The first delay, in seconds; each further try doubles it. 1.
    pub first_delay_secs: u32,
    /// The longest delay, in seconds. 900.
    pub longest_delay_secs: u32,
    /// After so many quiet seconds everything is forgotten. 86,400, a day.
    pub forget_after_secs: u32,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self {
            per_actor: 20,
            per_source: 20,
            per_beginning: 20,
            for_all: 1_000,
            first_delay_secs: 1,
            longest_delay_secs: 900,
            forget_after_secs: 86_400,
        }
    }
}

impl AttemptLimits {
    /// Refuses limits that stop nobody, and delays as [`LockoutPolicy::check`] does.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `gift_cards.limits` or `lockout.policy`.
    pub fn check(&self) -> Result<()> {
        let numbers = [
            ("per_actor", self.per_actor, 1_000),
            ("per_source", self.per_source, 1_000),
            ("per_beginning", self.per_beginning, 1_000),
            ("for_all", self.for_all, 1_000_000),
        ];
        for (field, number, most) in numbers {
            if !(3..=most).contains(&number) {
                return Err(Error::invalid(field, "gift_cards.limits"));
            }
        }
        self.delays().check()
    }

    fn delays(&self) -> LockoutPolicy {
        LockoutPolicy {
            first_delay_secs: self.first_delay_secs,
            longest_delay_secs: self.longest_delay_secs,
            forget_after_secs: self.forget_after_secs,
            ..LockoutPolicy::default()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Actor,
    Source,
    Beginning,
    All,
}

/// A try at a code, and where it is counted.
#[derive(Debug)]
pub struct Attempt {
    limits: AttemptLimits,
    /// In the order of their ids, as rows are written (S-33).
    guards: Vec<(GuardId, Counts)>,
}

impl Attempt {
    /// The try of this actor, from this source, at this code. Of an actor who is a program, or nobody who is known, only
    /// the source counts.
    pub fn of(limits: AttemptLimits, who: &Principal, source: &Source, code: &GiftCode) -> Self {
        let id = |kind: &str, part: &[u8]| -> GuardId {
            let mut id = [0; 16];
            id.copy_from_slice(&digest_of(&[b"gift card", kind.as_bytes(), part])[..16]);
            Uuid::from_bytes(id).into()
        };
        let mut guards = vec![
            (id("source", source.name().as_bytes()), Counts::Source),
            (id("beginning", code.beginning()), Counts::Beginning),
            (id("all", b""), Counts::All),
        ];
        if matches!(who, Principal::User(_) | Principal::Customer(_) | Principal::Partner(_)) {
            guards.push((id("actor", who.to_string().as_bytes()), Counts::Actor));
        }
        guards.sort_unstable_by_key(|(id, _)| *id);
        Self { limits, guards }
    }

    /// The guards to read.
    pub fn ids(&self) -> Vec<GuardId> {
        self.guards.iter().map(|(id, _)| *id).collect()
    }

    /// Judges by what is stored of [`ids`](Self::ids), in their order, whether the try is heard; `None` if it is not, and
    /// then nothing is written.
    pub fn hear(&self, stored: Vec<Option<Guard>>, now: Timestamp) -> Option<Heard> {
        let known = self.guards.iter().zip(&stored).any(|((_, counts), stored)| {
            *counts == Counts::Source && stored.as_ref().is_some_and(|guard| guard.proven_at.is_some())
        });
        let mut heard = Heard { rows: Vec::with_capacity(self.guards.len()) };
        for (&(id, counts), stored) in self.guards.iter().zip(stored) {
            if known && matches!(counts, Counts::Beginning | Counts::All) {
                continue;
            }
            let free = match counts {
                Counts::Actor => self.limits.per_actor,
                Counts::Source => self.limits.per_source,
                Counts::Beginning => self.limits.per_beginning,
                Counts::All => self.limits.for_all,
            };
            let is_new = stored.is_none();
            let guard = stored.unwrap_or_else(|| Guard::new(id, now));
            match guard.tally().admit(&self.limits.delays(), free, now) {
                Admission::Wait(_) => return None,
                Admission::Heard(tally) => {
                    heard.rows.push(Row {
                        guard,
                        is_new,
                        failures: tally.failures,
                        is_source: counts == Counts::Source,
                        free,
                    });
                }
            }
        }
        Some(heard)
    }
}

#[derive(Debug)]
struct Row {
    guard: Guard,
    is_new: bool,
    /// With this try.
    failures: u32,
    is_source: bool,
    free: u32,
}

/// A try that is heard. Whatever comes of it, its rows are written, so that of many at the same moment each knows of the
/// others.
#[derive(Debug)]
pub struct Heard {
    rows: Vec<Row>,
}

impl Heard {
    /// The rows to write when the code opened nothing: first those that are new.
    pub fn in_vain(self, now: Timestamp) -> (Vec<Guard>, Vec<Guard>) {
        self.write(|row| {
            row.guard.failures = row.failures;
            row.guard.last_at = now;
        })
    }

    /// The rows to write when the card is good: the source is known from now on. What was tried before still counts, or
    /// one's own card would wash off the guesses at others.
    pub fn good(self, now: Timestamp) -> (Vec<Guard>, Vec<Guard>) {
        self.write(|row| {
            row.guard.failures = row.failures.saturating_sub(1);
            if row.is_source && row.guard.proven_at.is_none() {
                row.guard.proven_at = Some(now);
            }
        })
    }

    /// Whether with this try, if it is in vain, a delay begins.
    pub fn uses_up(&self) -> bool {
        self.rows.iter().any(|row| row.failures == row.free)
    }

    fn write(self, change: impl Fn(&mut Row)) -> (Vec<Guard>, Vec<Guard>) {
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for mut row in self.rows {
            change(&mut row);
            if row.is_new { new.push(row.guard) } else { old.push(row.guard) }
        }
        (new, old)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::kernel::random::SeededRandomness;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_micros((1_700_000_000 + secs) * 1_000_000).unwrap()
    }

    /// Guards as a store keeps them.
    #[derive(Default)]
    struct Store(BTreeMap<GuardId, Guard>);

    impl Store {
        /// Tries a code; `None` when it is not heard.
        fn attempt(&mut self, attempt: &Attempt, good: bool, now: Timestamp) -> Option<()> {
            let stored = attempt.ids().iter().map(|id| self.0.get(id).cloned()).collect();
            let heard = attempt.hear(stored, now)?;
            let (new, old) = if good { heard.good(now) } else { heard.in_vain(now) };
            self.0.extend(new.into_iter().chain(old).map(|guard| (guard.id, guard)));
            Some(())
        }
    }

    fn user(n: u128) -> Principal {
        Principal::User(Uuid::from_u128(n).into())
    }

    fn code(seed: u64) -> GiftCode {
        GiftCode::draw(&SeededRandomness::new(seed)).unwrap()
    }

    /// T-18, threat 12: each limit stops at its number exactly, whatever else varies.
    #[test]
    fn each_limit_stops_at_its_number() {
        let limits =
            AttemptLimits { per_actor: 5, per_source: 7, per_beginning: 11, for_all: 13, ..AttemptLimits::default() };
        let tried = |who: fn(u64) -> Principal, from: fn(u64) -> String, what: fn(u64) -> GiftCode| {
            let mut store = Store::default();
            (0..100)
                .filter(|&n| {
                    let attempt = Attempt::of(limits, &who(n), &Source::new(from(n)), &what(n));
                    store.attempt(&attempt, false, at(0)).is_some()
                })
                .count()
        };
        assert_eq!(tried(|_| user(1), |n| n.to_string(), code), 5, "one user everywhere");
        assert_eq!(tried(|n| user(n.into()), |_| "web".into(), code), 7, "one source, many names");
        assert_eq!(tried(|_| Principal::Anonymous, |n| n.to_string(), |_| code(1)), 11, "one beginning");
        assert_eq!(tried(|_| Principal::Anonymous, |n| n.to_string(), code), 13, "everybody");
    }

    /// Strangers do not keep a till from paying that has paid before, and its own card washes nothing off.
    #[test]
    fn a_known_source_is_not_one_of_the_strangers() {
        let limits = AttemptLimits { for_all: 5, per_beginning: 5, ..AttemptLimits::default() };
        let till = Attempt::of(limits, &Principal::Anonymous, &Source::new("till"), &code(1));
        let mut store = Store::default();
        assert!(store.attempt(&till, true, at(0)).is_some());
        let stranger = |n: u64, code_seed| {
            Attempt::of(limits, &Principal::Anonymous, &Source::new(format!("{n}")), &code(code_seed))
        };
        let heard = (0..50).filter(|&n| store.attempt(&stranger(n, 1), false, at(0)).is_some()).count();
        assert_eq!(heard, 5);
        assert!(store.attempt(&stranger(99, 2), true, at(0)).is_none(), "a stranger waits, with a good card too");
        assert!(store.attempt(&till, true, at(0)).is_some(), "the till does not");
        // Wrong codes from the till count, and good ones in between take none back.
        let heard =
            (0..100).filter(|n| n % 2 == 1 || store.attempt(&till, false, at(0)).is_some()).filter(|n| n % 2 == 0);
        assert_eq!(heard.count(), 20);
        assert!(store.attempt(&till, true, at(0)).is_none());
        assert!(store.attempt(&till, true, at(86_400)).is_some(), "a day later it is forgotten");
    }

    proptest! {
        /// However guesses are spread over sources, names and codes, no more are heard in a quiet moment than the limit
        /// for all, and no source is heard more often than its own.
        #[test]
        fn no_way_around(tries in prop::collection::vec((0_u8..6, 0_u8..6, 0_u8..6), 1..200)) {
            let limits = AttemptLimits { per_actor: 10, per_source: 10, per_beginning: 10, for_all: 25, ..AttemptLimits::default() };
            let mut store = Store::default();
            let mut by_source = BTreeMap::<u8, u32>::new();
            for (who, from, what) in tries {
                let attempt = Attempt::of(limits, &user(who.into()), &Source::new(from.to_string()), &code(what.into()));
                if store.attempt(&attempt, false, at(0)).is_some() {
                    *by_source.entry(from).or_default() += 1;
                }
            }
            prop_assert!(by_source.values().all(|&heard| heard <= 10));
            prop_assert!(by_source.values().sum::<u32>() <= 25);
        }
    }

    #[test]
    fn limits_that_stop_nobody_are_refused() {
        let good = AttemptLimits::default();
        assert!(good.check().is_ok());
        for bad in [
            AttemptLimits { per_actor: 0, ..good },
            AttemptLimits { per_source: 10_000, ..good },
            AttemptLimits { per_beginning: 1, ..good },
            AttemptLimits { for_all: 2_000_000, ..good },
            AttemptLimits { first_delay_secs: 0, ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
