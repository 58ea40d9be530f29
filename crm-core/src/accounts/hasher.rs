//! Hashing passwords: slow on purpose, so bounded on purpose.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::token::Key;
use crate::kernel::random::Randomness;
use crate::{Error, Result};

/// What one hash costs whoever makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes of the memory.
    pub lanes: u32,
}

impl HashCost {
    /// 19 MiB, two passes, one lane: the first of the settings for Argon2id in OWASP's password storage cheat sheet.
    /// A stored hash with less is made anew when its owner signs in (S-71).
    pub const OWASP: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };

    fn params(self) -> Result<Params> {
        Params::new(self.memory_kib, self.passes, self.lanes, None)
            .map_err(|error| Error::Setup(format!("the cost of a password hash: {error}")))
    }
}

/// Makes and checks password hashes (Argon2id, RFC 9106), so many at once and no more: memory stays within the limit times
/// the memory of one hash, whoever knocks. It is taken when it is first needed, used again by the next hash, and kept
/// until the hasher is dropped. Who would have to wait behind too many others is refused at once.
///
/// It works on the thread that calls: tens of milliseconds, during which that thread does nothing else. An async program
/// calls the [gate](super::Gate) from a thread for blocking work.
///
/// ```
/// use crm_core::accounts::{HashCost, Hasher};
/// use crm_core::kernel::random::SystemRandomness;
/// # let cheap = HashCost { memory_kib: 32, passes: 1, lanes: 1 };
/// # let hasher = Hasher::new(cheap, 2, 8)?;
/// # if false {
/// let hasher = Hasher::new(HashCost::OWASP, 2, 8)?;
/// # }
/// let hash = hasher.hash("correct horse battery staple", &SystemRandomness)?;
/// assert!(hasher.check("correct horse battery staple", Some(&hash))?);
/// assert!(!hasher.check("Tr0ub4dor&3", Some(&hash))?);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub struct Hasher {
    cost: HashCost,
    params: Params,
    pepper: Option<[u8; 32]>,
    at_once: usize,
    waiting: usize,
    slots: Mutex<Slots>,
    freed: Condvar,
    made: AtomicU64,
}

#[derive(Default)]
struct Slots {
    /// Who has a turn: those at work, those who wait for that, and those who are at something else meanwhile.
    inside: usize,
    working: usize,
    /// The memory of those who were at work, for the next ones. Kept here, because an allocator may keep what it gave to
    /// each thread for that thread alone: with many threads, many times this.
    spare: Vec<Memory>,
}

/// What a hash is made in: at most as many blocks of a KiB as the cost says.
type Memory = Vec<Block>;

impl Hasher {
    /// A hasher that works on `at_once` hashes together, 1 to 1024, while at most `waiting` callers more have begun.
    ///
    /// # Errors
    /// [`Error::Setup`] for a cost that Argon2 does not know, and for no hash at once.
    pub fn new(cost: HashCost, at_once: usize, waiting: usize) -> Result<Self> {
        if !(1..=1024).contains(&at_once) {
            return Err(Error::Setup("1 to 1024 password hashes at once".into()));
        }
        Ok(Self {
            cost,
            params: cost.params()?,
            pepper: None,
            at_once,
            waiting,
            slots: Mutex::default(),
            freed: Condvar::new(),
            made: AtomicU64::new(0),
        })
    }

    /// The same with a pepper: hashes cannot be checked without this key.
    #[must_use]
    pub fn peppered(self, key: &Key) -> Self {
        Self { pepper: Some(key.derive(&[b"password pepper"])), ..self }
    }

    /// A turn, to hash as often as needed while it is held. Taking one never waits: what waits is each hash, for a thread
    /// that is at work on another, and never for somebody who only holds a turn.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many have one already.
    pub(crate) fn turn(&self) -> Result<Turn<'_>> {
        let mut slots = self.slots();
        if slots.inside >= self.at_once.saturating_add(self.waiting) {
            return Err(Error::busy("too many passwords are being checked"));
        }
        slots.inside += 1;
        Ok(Turn(self))
    }

    /// Begins the work of one hash, when it is one of those at once.
    fn work(&self) -> Working<'_> {
        let waited = self.freed.wait_while(self.slots(), |slots| slots.working >= self.at_once);
        let mut slots = waited.unwrap_or_else(PoisonError::into_inner);
        slots.working += 1;
        self.made.fetch_add(1, Ordering::Relaxed);
        Working { hasher: self, memory: slots.spare.pop().unwrap_or_default() }
    }

    /// The digest of a password.
    fn digest(&self, password: &str, salt: &Salt, with: (Algorithm, Version, Params)) -> Result<Output> {
        let (algorithm, version, params) = with;
        let (blocks, length) = (params.block_count(), params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN));
        let argon2 = match &self.pepper {
            Some(pepper) => Argon2::new_with_secret(pepper, algorithm, version, params).map_err(|_| failed())?,
            None => Argon2::new(algorithm, version, params),
        };
        let mut digest = [0; Output::MAX_LENGTH];
        let digest = digest.get_mut(..length).ok_or_else(failed)?;
        let mut working = self.work();
        let memory = working.memory(blocks)?;
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, digest, memory).map_err(|_| failed())?;
        Output::new(digest).map_err(|_| failed())
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hashes a password with a fresh salt. The result is a PHC string: algorithm, cost, salt and digest.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub fn hash(&self, password: &str, randomness: &dyn Randomness) -> Result<String> {
        self.turn()?.hash(password, randomness)
    }

    /// Whether the password belongs to a hash. Without a hash the same work is done, and the answer is no.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already; [`Error::Backend`] when the stored text is no hash of Argon2, or one
    /// that would need more memory than a hash of this hasher.
    pub fn check(&self, password: &str, hash: Option<&str>) -> Result<bool> {
        self.turn()?.check(password, hash)
    }

    /// Whether a stored hash is weaker than what this hasher makes, so that it should be made anew.
    pub fn is_outgrown(&self, hash: &str) -> bool {
        let stored = PasswordHash::new(hash).ok().and_then(|stored| {
            let is_id = stored.algorithm == Algorithm::Argon2id.ident();
            is_id.then(|| Params::try_from(&stored).ok()).flatten()
        });
        stored.is_none_or(|stored| stored.m_cost() < self.cost.memory_kib || stored.t_cost() < self.cost.passes)
    }

    /// How many hashes were made or checked so far: for metrics, and for tests of who is checked how often.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// What the password of nobody is compared with: no password is known to it, and checking it costs what any costs.
    fn nobody(&self) -> String {
        let HashCost { memory_kib, passes, lanes } = self.cost;
        format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}$bm9ib2R5J3Mgc2FsdA${}", "A".repeat(43))
    }
}

impl Default for Hasher {
    /// [`HashCost::OWASP`], four at once (76 MiB), 64 waiting.
    fn default() -> Self {
        Self {
            cost: HashCost::OWASP,
            params: Params::DEFAULT,
            pepper: None,
            at_once: 4,
            waiting: 64,
            slots: Mutex::default(),
            freed: Condvar::new(),
            made: AtomicU64::new(0),
        }
    }
}

/// A turn. Dropped, it makes room for another.
pub(crate) struct Turn<'h>(&'h Hasher);

/// A hash at work. Dropped, also by a panic, it makes room for another.
struct Working<'h> {
    hasher: &'h Hasher,
    memory: Memory,
}

impl Working<'_> {
    /// Memory of at least so many blocks, whatever is in them.
    fn memory(&mut self, blocks: usize) -> Result<&mut [Block]> {
        if self.memory.len() < blocks {
            // What is too small goes first.
            self.memory = Memory::new();
            self.memory.try_reserve_exact(blocks).map_err(|_| failed())?;
            self.memory.resize(blocks, Block::new());
        }
        Ok(&mut self.memory)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let mut slots = self.hasher.slots();
        slots.working -= 1;
        slots.spare.push(std::mem::take(&mut self.memory));
        drop(slots);
        self.hasher.freed.notify_one();
    }
}

impl Turn<'_> {
    /// As [`Hasher::hash`].
    pub(crate) fn hash(&self, password: &str, randomness: &dyn Randomness) -> Result<String> {
        let mut salt = [0; 16];
        randomness.fill(&mut salt)?;
        let salt = Salt::new(&salt).map_err(|_| failed())?;
        let (algorithm, version, params) = (Algorithm::Argon2id, Version::V0x13, &self.0.params);
        let hash = PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(params).map_err(|_| failed())?,
            salt: Some(salt),
            hash: Some(self.0.digest(password, &salt, (algorithm, version, params.clone()))?),
        };
        Ok(hash.to_string())
    }

    /// As [`Hasher::check`].
    pub(crate) fn check(&self, password: &str, hash: Option<&str>) -> Result<bool> {
        let nobody = self.0.nobody();
        let stored = PasswordHash::new(hash.unwrap_or(&nobody)).map_err(|_| alien())?;
        let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(|_| alien())?;
        let version = stored.version.map_or(Ok(Version::V0x13), Version::try_from).map_err(|_| alien())?;
        let params = Params::try_from(&stored).map_err(|_| alien())?;
        let (Some(salt), Some(digest)) = (&stored.salt, &stored.hash) else { return Err(alien()) };
        if params.m_cost() > self.0.cost.memory_kib || params.t_cost() > 64 {
            return Err(alien());
        }
        // Compared in constant time.
        let right = self.0.digest(password, salt, (algorithm, version, params))? == *digest;
        Ok(right && hash.is_some())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.slots().inside -= 1;
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("cost", &self.cost)
            .field("at_once", &self.at_once)
            .field("waiting", &self.waiting)
            .field("peppered", &self.pepper.is_some())
            .finish_non_exhaustive()
    }
}

fn alien() -> Error {
    Error::Backend { context: "a stored password hash is not one of ours".into(), source: None }
}

fn failed() -> Error {
    Error::Backend { context: "hashing a password".into(), source: None }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;
    use crate::kernel::random::SystemRandomness;

    const CHEAP: HashCost = HashCost { memory_kib: 32, passes: 1, lanes: 1 };

    #[test]
    fn known_answers() {
        // Strings of the reference implementation (its test.c, version 0x13, Argon2id).
        let hasher = Hasher::new(HashCost { memory_kib: 1 << 18, passes: 2, lanes: 1 }, 1, 0).unwrap();
        for (hash, password) in [
            ("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"),
            ("$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"),
        ] {
            assert!(hasher.check(password, Some(hash)).unwrap());
            assert!(!hasher.check("passwore", Some(hash)).unwrap());
            assert!(hasher.is_outgrown(hash));
        }
    }

    #[test]
    fn every_character_counts() {
        let hasher = Hasher::new(CHEAP, 1, 0).unwrap();
        let long = "x".repeat(72);
        let hash = hasher.hash(&long, &SystemRandomness).unwrap();
        assert!(!hasher.check(&format!("{long}y"), Some(&hash)).unwrap(), "nothing is cut off after 72 bytes");
        let huge = "y".repeat(10_000);
        let hash = hasher.hash(&huge, &SystemRandomness).unwrap();
        assert!(hasher.check(&huge, Some(&hash)).unwrap() && !hasher.check(&huge[1..], Some(&hash)).unwrap());
        let spaced = hasher.hash(" a ", &SystemRandomness).unwrap();
        assert!(!hasher.check("a", Some(&spaced)).unwrap());
    }

    #[test]
    fn peppers_are_needed() {
        let key = Key::new(*b"0123456789abcdef0123456789abcdef").unwrap();
        let plain = Hasher::new(CHEAP, 1, 0).unwrap();
        let peppered = Hasher::new(CHEAP, 1, 0).unwrap().peppered(&key);
        let hash = peppered.hash("secret", &SystemRandomness).unwrap();
        assert!(peppered.check("secret", Some(&hash)).unwrap() && !plain.check("secret", Some(&hash)).unwrap());
        assert!(!format!("{peppered:?}").contains("0123"));
    }

    #[test]
    fn nobody_costs_a_check_and_has_no_password() {
        let hasher = Hasher::new(CHEAP, 1, 0).unwrap();
        let before = hasher.made();
        for guess in ["", "nobody", "nobody's password"] {
            assert!(!hasher.check(guess, None).unwrap());
        }
        assert_eq!(hasher.made() - before, 3);
        assert!(!hasher.is_outgrown(&hasher.hash("x", &SystemRandomness).unwrap()));
    }

    #[test]
    fn strange_hashes_are_refused_before_they_cost_anything() {
        let hasher = Hasher::new(CHEAP, 1, 0).unwrap();
        let greedy = "$argon2id$v=19$m=1048576,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        for alien in ["", "plain", "$2b$12$abc", greedy] {
            let error = hasher.check("x", Some(alien)).unwrap_err();
            assert!(!error.to_string().contains("argon2id"), "{error}");
            assert!(alien == greedy || hasher.is_outgrown(alien));
        }
    }

    #[test]
    fn no_more_work_at_once_than_allowed_and_the_rest_is_refused() {
        // Slow enough that all callers are there before the first has ended.
        let hasher = Hasher::new(HashCost { memory_kib: 4096, passes: 8, lanes: 1 }, 2, 3).unwrap();
        let barrier = Barrier::new(40);
        let (done, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    barrier.wait();
                    let checked = hasher.check("x", None);
                    let slots = hasher.slots.lock().unwrap();
                    assert!(slots.working <= 2 && slots.inside <= 5);
                    assert!(slots.working + slots.spare.len() <= 2, "each memory is in use or kept, and they are two");
                    drop(slots);
                    match checked {
                        Ok(false) => done.fetch_add(1, Ordering::SeqCst),
                        Err(Error::Busy { .. }) => refused.fetch_add(1, Ordering::SeqCst),
                        other => panic!("{other:?}"),
                    };
                });
            }
        });
        let (done, refused) = (done.into_inner(), refused.into_inner());
        assert_eq!(done + refused, 40);
        assert!(done >= 5, "two at work and three waiting get their turn");
        let slots = hasher.slots.lock().unwrap();
        assert_eq!((slots.inside, slots.working), (0, 0));
        assert!(slots.spare.len() <= 2 && slots.spare.iter().all(|memory| memory.capacity() == 4096));
    }

    #[test]
    fn memory_is_used_again() {
        let hasher = Hasher::new(CHEAP, 4, 0).unwrap();
        let kept =
            || hasher.slots().spare.iter().map(|memory| (memory.as_ptr(), memory.capacity())).collect::<Vec<_>>();
        assert!(kept().is_empty(), "none before the first hash");
        let hash = hasher.hash("secret", &SystemRandomness).unwrap();
        let first = kept();
        assert!(matches!(first[..], [(_, 32)]));
        // What an earlier hash left in it changes no later one, and a smaller one finds room in it.
        let smaller = Hasher::new(HashCost { memory_kib: 8, ..CHEAP }, 1, 0).unwrap();
        let small = smaller.hash("smaller", &SystemRandomness).unwrap();
        for _ in 0..3 {
            assert!(hasher.check("secret", Some(&hash)).unwrap() && !hasher.check("Secret", Some(&hash)).unwrap());
            assert!(hasher.check("smaller", Some(&small)).unwrap() && !hasher.check("x", None).unwrap());
        }
        assert_eq!(kept(), first, "one after the other needs one");
    }

    #[test]
    fn holding_a_turn_keeps_nobody_from_hashing() {
        // On one thread: whoever waited here for a turn that is held would wait for ever.
        let hasher = Hasher::new(CHEAP, 1, 1).unwrap();
        let (one, two) = (hasher.turn().unwrap(), hasher.turn().unwrap());
        assert!(!two.check("x", None).unwrap() && !one.check("x", None).unwrap());
        assert!(matches!(hasher.turn(), Err(Error::Busy { .. })));
        drop(one);
        assert!(hasher.turn().is_ok());
    }
}
