//! Secrets that are shown once and stored as digests: session tokens, API tokens, codes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::kernel::hex::hexadecimal;
use crate::kernel::random::{Randomness, digest_of};
use crate::{Error, Result};

/// Bytes of randomness in a token: 256 bits, twice what S-70 asks for.
const TOKEN_BYTES: usize = 32;
/// The length of a token as text, without a prefix.
const TOKEN_CHARS: usize = 43;
/// What an API token begins with, so that one that leaked into a log or a repository is recognised.
const API_PREFIX: &str = "crm_api_";

/// A secret on its way to the person or program it is for. Only its digest is stored, so it cannot be shown again.
///
/// `Debug` shows nothing of it, and it has no `Display`: [`expose`](Self::expose) says what it does.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token as it came in with a request. Anything may be in it.
    pub fn from_request(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself: for the `Set-Cookie` header, or for the person who copies it. Not for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn session(randomness: &dyn Randomness) -> Result<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        randomness.fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    pub(crate) fn api(randomness: &dyn Randomness) -> Result<Self> {
        Ok(Self(format!("{API_PREFIX}{}", Self::session(randomness)?.0)))
    }

    pub(crate) fn is_api(&self) -> bool {
        self.0.starts_with(API_PREFIX)
    }

    /// What is shown in lists, so that a person recognises the token: its first characters.
    pub(crate) fn shown(&self) -> String {
        self.0.chars().take(API_PREFIX.len() + 4).collect()
    }

    /// The stored name of this token, and its digest. `None` for a text that no token has the form of.
    pub(crate) fn digest(&self) -> Option<Digest> {
        let secret = self.0.strip_prefix(API_PREFIX).unwrap_or(&self.0);
        (secret.len() == TOKEN_CHARS).then(|| Digest::of(&[self.0.as_bytes()]))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The digest of a secret: its first half is the key of the row, all of it is stored and compared.
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        Self(digest_of(parts))
    }

    /// Who knows this half cannot find a secret to it.
    pub(crate) fn id(&self) -> Uuid {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0[..16]);
        Uuid::from_bytes(id)
    }

    pub(crate) fn text(&self) -> String {
        hexadecimal(&self.0)
    }
}

/// A key of the host's own, at least 32 random bytes, which is not in the database: it peppers password hashes and codes,
/// and second factors are derived from it. Kept outside, a stolen database alone is worth little.
///
/// ```
/// use crm_core::accounts::Key;
/// assert!(Key::new(*b"0123456789abcdef0123456789abcdeF").is_ok());
/// assert!(Key::new([]).is_err(), "empty");
/// assert!(Key::new([7; 32]).is_err(), "a placeholder");
/// ```
#[derive(Clone)]
pub struct Key(Vec<u8>);

impl Key {
    /// Takes the key.
    ///
    /// # Errors
    /// [`Error::Setup`] when it is shorter than 32 bytes, longer than 1024, or has fewer than 12 different bytes in
    /// it, as placeholders have and random bytes have not.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = bytes.into();
        let mut different = bytes.clone();
        different.sort_unstable();
        different.dedup();
        if !(32..=1024).contains(&bytes.len()) || different.len() < 12 {
            return Err(Error::Setup("the accounts key must be 32 to 1024 random bytes".into()));
        }
        Ok(Self(bytes))
    }

    /// A key for one purpose, derived from this one (HMAC-SHA-256).
    pub(crate) fn derive(&self, parts: &[&[u8]]) -> [u8; 32] {
        keyed(&self.0, &digest_of(parts))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// HMAC-SHA-256.
fn keyed(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length, so this never fails; a digest of nothing matches nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Whether two texts are the same, in a time that does not tell how much of them is.
pub(crate) fn same(a: &str, b: &str) -> bool {
    // Comparing digests under a key that is not worth knowing leaks only what an attacker cannot steer.
    let (a, b) = (digest_of(&[a.as_bytes()]), digest_of(&[b.as_bytes()]));
    a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// A code of decimal digits, each with the same chance.
pub(crate) fn decimal_code(randomness: &dyn Randomness, digits: u8) -> Result<String> {
    let mut code = String::with_capacity(digits.into());
    while code.len() < usize::from(digits) {
        let mut byte = [0; 1];
        randomness.fill(&mut byte)?;
        // 250 is the largest multiple of 10 in a byte: above it, the low digits would come more often.
        if byte[0] < 250 {
            code.push(char::from(b'0' + byte[0] % 10));
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::random::SeededRandomness;

    #[test]
    fn tokens_have_one_form_and_no_face() {
        let source = SeededRandomness::new(1);
        let (session, api) = (Token::session(&source).unwrap(), Token::api(&source).unwrap());
        assert_eq!(session.expose().len(), TOKEN_CHARS);
        assert!(api.is_api() && !session.is_api());
        assert!(session.digest().is_some() && api.digest().is_some());
        assert_eq!(api.shown().len(), API_PREFIX.len() + 4);
        for bad in ["", "crm_api_", "x", &"x".repeat(1_000_000), &session.expose()[1..]] {
            assert!(Token::from_request(bad).digest().is_none());
        }
        assert_eq!(format!("{session:?} {:?}", Key::new(*b"0123456789abcdef0123456789abcdef")), "Token(…) Ok(Key(…))");
    }

    #[test]
    fn digits_are_even() {
        let source = SeededRandomness::new(2);
        let mut seen = [0_u32; 10];
        for _ in 0..2_000 {
            let code = decimal_code(&source, 8).unwrap();
            assert_eq!(code.len(), 8);
            code.bytes().for_each(|digit| seen[usize::from(digit - b'0')] += 1);
        }
        assert!(seen.iter().all(|&times| (1_450..1_750).contains(&times)), "{seen:?}");
    }

    #[test]
    fn known_answer_of_hmac() {
        // RFC 4231, test case 2.
        assert_eq!(
            hexadecimal(&keyed(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(same("a", "a") && !same("a", "b") && !same("a", "aa"));
    }
}
