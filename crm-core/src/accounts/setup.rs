//! What this process brings to the accounts: the hasher, the key, the list of breached passwords.

use std::fmt;
use std::sync::Arc;

use super::hasher::Hasher;
use super::token::Key;

type Breached = dyn Fn(&str) -> bool + Send + Sync;

/// How passwords are hashed and judged in this process. Given to [`CrmBuilder::passwords`](crate::CrmBuilder::passwords).
///
/// ```
/// use crm_core::accounts::{HashCost, Hasher, Key, Passwords};
/// # let key_from_the_environment = *b"0123456789abcdef0123456789abcdef";
/// let passwords = Passwords::new(Hasher::new(HashCost::OWASP, 2, 32)?)
///     .key(Key::new(key_from_the_environment)?)
///     .breached(|password| password.contains("hunter2"));
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Passwords {
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) key: Option<Key>,
    breached: Option<Arc<Breached>>,
}

impl Passwords {
    /// Passwords hashed by this hasher, without a key.
    pub fn new(hasher: Hasher) -> Self {
        Self { hasher: Arc::new(hasher), key: None, breached: None }
    }

    /// With the host's key: codes are bound to it, and second factors need it. To pepper the hashes too, give it to
    /// [`Hasher::peppered`] first: a pepper cannot be added to, or taken from, hashes that are stored.
    #[must_use]
    pub fn key(self, key: Key) -> Self {
        Self { key: Some(key), ..self }
    }

    /// With a list of passwords that are known to the wrong people. It is asked about each new password, on the thread
    /// that sets it, so it may take its time.
    #[must_use]
    pub fn breached(self, is_breached: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { breached: Some(Arc::new(is_breached)), ..self }
    }

    pub(crate) fn is_breached(&self, password: &str) -> bool {
        self.breached.as_ref().is_some_and(|is_breached| is_breached(password))
    }

    /// What codes are digested with beside themselves.
    pub(crate) fn code_key(&self) -> [u8; 32] {
        self.key.as_ref().map_or([0; 32], |key| key.derive(&[b"account codes"]))
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("hasher", &self.hasher)
            .field("key", &self.key.is_some())
            .field("breached", &self.breached.is_some())
            .finish()
    }
}
