//! Randomness for secrets, and digests of them.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::id::split_mix;
use crate::{Error, Result};

/// Where the bytes of secrets come from. Injected, so that a run can be repeated (S-45).
///
/// ```
/// use crm_core::kernel::random::{Randomness, SeededRandomness};
/// let (mut a, mut b) = ([0; 32], [0; 32]);
/// SeededRandomness::new(7).fill(&mut a)?;
/// SeededRandomness::new(7).fill(&mut b)?;
/// assert_eq!(a, b);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub trait Randomness: Send + Sync + 'static {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// [`Error::Backend`] when there is no randomness: no secret is made then.
    fn fill(&self, bytes: &mut [u8]) -> Result<()>;
}

/// The cryptographic randomness of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes).map_err(|error| Error::backend("reading the system's randomness", error))
    }
}

/// The same bytes for the same seed: for tests and replays, never for a store that anybody else can reach.
#[derive(Debug)]
pub struct SeededRandomness(Mutex<u64>);

impl SeededRandomness {
    /// A source that repeats itself for equal seeds.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Randomness for SeededRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            let word = split_mix(&mut state).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

/// SHA-256 over parts, each preceded by its length so that no two lists of parts meet.
pub(crate) fn digest_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
