//! The second factor: one-time passwords by time (TOTP, RFC 6238), and recovery codes.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use uuid::Uuid;

use super::passage::{changed, credential_ended, forgive, knock, notify, settings, unchanged};
use super::sign_in::{Factor, next_kind, signed_in};
use super::{Gate, SignedIn, Source, refused};
use crate::accounts::event::Change;
use crate::accounts::lockout::Guarded;
use crate::accounts::model::{Credential, Session, SessionKind};
use crate::accounts::token::{Digest, Key, Token, same};
use crate::kernel::text::fold_digits;
use crate::kernel::time::Timestamp;
use crate::work::Json;
use crate::{Error, Result};

/// The length of a time step, in seconds, and of a one-time password, in digits: what every authenticator app knows.
const STEP_SECS: i64 = 30;
const DIGITS: u32 = 1_000_000;
/// Steps before and after the present one that are taken, for clocks that differ.
const DRIFT: i64 = 1;
/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;

/// What an authenticator app needs. Shown once, to the owner of the account.
#[derive(Clone)]
pub struct FactorSetup {
    /// The secret in base 32, for typing.
    pub secret: String,
    /// The same as a `otpauth://` link, for a QR code.
    pub link: String,
}

impl std::fmt::Debug for FactorSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FactorSetup(…)")
    }
}

/// The secret of a credential's second factor. It is derived from the host's key and a seed that is stored, so nothing in
/// the database can make a one-time password.
fn secret(key: &Key, credential: &Credential, seed: Uuid) -> [u8; 20] {
    let derived = key.derive(&[b"second factor", Uuid::from(credential.id).as_bytes(), seed.as_bytes()]);
    let mut secret = [0; 20];
    secret.copy_from_slice(&derived[..20]);
    secret
}

/// The one-time password of a time step (RFC 4226, 5.3).
fn one_time(secret: &[u8], step: i64) -> u32 {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return u32::MAX };
    mac.update(&step.to_be_bytes());
    let digest: [u8; 20] = mac.finalize().into_bytes().into();
    let at = usize::from(digest[19] & 0x0f);
    let word = digest.get(at..at + 4).map_or([0; 4], |word| [word[0] & 0x7f, word[1], word[2], word[3]]);
    u32::from_be_bytes(word) % DIGITS
}

/// The time step in which a one-time password is good, none before `after`: each is taken once.
fn step_of(secret: &[u8], given: &str, now_secs: i64, after: i64) -> Option<i64> {
    let present = now_secs.div_euclid(STEP_SECS);
    let steps = (present - DRIFT..=present + DRIFT).filter(|step| *step > after);
    // All are compared, so that the time does not tell which it was.
    steps.fold(
        None,
        |found, step| if same(&format!("{:06}", one_time(secret, step)), given) { Some(step) } else { found },
    )
}

/// The letters of base 32 (RFC 4648).
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Base 32 without padding: twenty bytes are thirty-two letters.
fn base32(bytes: &[u8; 20]) -> String {
    bytes
        .chunks(5)
        .flat_map(|five| {
            let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            (0..8).rev().map(move |at| char::from(LETTERS[(bits >> (5 * at) & 31) as usize]))
        })
        .collect()
}

/// What an authenticator app shows for a secret in base 32 at this instant: for tests of one's own.
///
/// # Errors
/// [`Error::Invalid`] with rule `factor.secret` for what is not a secret of [`FactorSetup`].
pub fn one_time_password(secret: &str, now: Timestamp) -> Result<String> {
    let invalid = || Error::invalid("secret", "factor.secret");
    let letters: Vec<u8> = secret
        .bytes()
        .map(|letter| LETTERS.iter().position(|one| *one == letter).and_then(|at| u8::try_from(at).ok()))
        .collect::<Option<_>>()
        .ok_or_else(invalid)?;
    let bytes: Vec<u8> = letters
        .chunks_exact(8)
        .flat_map(|eight| {
            let bits = eight.iter().fold(0_u64, |bits, five| bits << 5 | u64::from(*five));
            bits.to_be_bytes().into_iter().skip(3)
        })
        .collect();
    if bytes.len() != 20 {
        return Err(invalid());
    }
    Ok(format!("{:06}", one_time(&bytes, now.as_micros().div_euclid(1_000_000 * STEP_SECS))))
}

fn recovery_digest(key: &Key, credential: &Credential, code: &str) -> String {
    let key = key.derive(&[b"recovery codes"]);
    Digest::of(&[&key, Uuid::from(credential.id).as_bytes(), code.as_bytes()]).text()
}

/// Takes a one-time password or a recovery code: neither is taken again.
fn take(key: &Key, credential: &mut Credential, given: &str, now_secs: i64) -> bool {
    let given = fold_digits(given).trim().to_ascii_lowercase();
    if let Some(seed) = credential.factor_seed
        && let Some(step) = step_of(&secret(key, credential, seed), &given, now_secs, credential.factor_step)
    {
        credential.factor_step = step;
        return true;
    }
    let digest = recovery_digest(key, credential, &given);
    let before = credential.recovery.0.len();
    credential.recovery.0.retain(|stored| !same(stored, &digest));
    credential.recovery.0.len() < before
}

impl Gate<'_> {
    fn factor_key(&self) -> Result<Key> {
        let key = self.shared().passwords.key.clone();
        key.ok_or_else(|| Error::Setup("second factors need the accounts key: see Passwords::key".into()))
    }

    /// Begins to set up a second factor. It is asked for only once it was proven: [`confirm_factor`](Self::confirm_factor).
    ///
    /// # Errors
    /// `session.not_elevated` unless the password was just entered; `factor.is_on` when there is one already;
    /// [`Error::Setup`] when the host has given no key; those of [`authenticate`](Self::authenticate).
    pub async fn begin_factor(&self, token: &Token, issuer: &str) -> Result<FactorSetup> {
        let (_, owner) = self.elevated_session(token).await?;
        let key = self.factor_key()?;
        let (seed, label) = self
            .write_as(owner.principal.clone(), "set up a second factor", move |work| {
                let mut credential = unchanged(work, &owner)?;
                if credential.factor_on {
                    return Err(Error::invalid("factor", "factor.is_on"));
                }
                let mut seed = [0; 16];
                work.shared.randomness.fill(&mut seed)?;
                credential.factor_seed = Some(Uuid::from_bytes(seed));
                credential.factor_step = 0;
                work.update(&mut credential)?;
                let secret = secret(&key, &credential, Uuid::from_bytes(seed));
                Ok((base32(&secret), credential.identifier))
            })
            .await?;
        let (issuer, label) = (escaped(issuer), escaped(&label));
        let link = format!("otpauth://totp/{issuer}:{label}?secret={seed}&issuer={issuer}");
        Ok(FactorSetup { secret: seed, link })
    }

    /// Switches the second factor on with the first one-time password, and returns recovery codes: each opens the door
    /// once for somebody whose device is gone. They are shown once.
    ///
    /// # Errors
    /// `factor.refused` when the one-time password is wrong; those of [`begin_factor`](Self::begin_factor).
    pub async fn confirm_factor(&self, token: &Token, one_time: &str) -> Result<Vec<String>> {
        let (_, owner) = self.elevated_session(token).await?;
        let (key, given) = (self.factor_key()?, one_time.to_owned());
        self.write_as(owner.principal.clone(), "switch a second factor on", move |work| {
            let mut credential = unchanged(work, &owner)?;
            let now_secs = work.now().as_micros().div_euclid(1_000_000);
            if credential.factor_on || !take(&key, &mut credential, &given, now_secs) {
                return Err(Error::invalid("factor", "factor.refused"));
            }
            let mut codes = Vec::with_capacity(RECOVERY_CODES);
            for _ in 0..RECOVERY_CODES {
                let mut bytes = [0; 20];
                work.shared.randomness.fill(&mut bytes)?;
                codes.push(base32(&bytes).chars().take(16).collect::<String>().to_ascii_lowercase());
            }
            let digests = codes.iter().map(|code| recovery_digest(&key, &credential, code)).collect();
            credential.recovery = Json(digests);
            credential.factor_on = true;
            work.update(&mut credential)?;
            changed(work, &credential, Change::FactorOn)?;
            notify(work, &credential, Change::FactorOn)?;
            Ok(codes)
        })
        .await
    }

    /// Gives the second factor, a one-time password or a recovery code, in the short session that the password has opened.
    /// That session ends, and the one that is returned goes on. Each is taken once, and wrong ones are counted like
    /// wrong passwords.
    ///
    /// # Errors
    /// `sign_in.refused` when it is wrong, used, or not heard; those of [`authenticate`](Self::authenticate).
    pub async fn second_factor(&self, token: &Token, given: &str, source: &Source) -> Result<SignedIn> {
        if given.len() > 100 {
            return Err(refused());
        }
        let (session, owner) = self.session_of(token, SessionKind::SecondFactor).await?;
        let (key, given, source) = (self.factor_key()?, given.to_owned(), source.clone());
        let taken = self
            .write_as(owner.principal.clone(), "give the second factor", move |work| {
                let policy = settings(work)?;
                let guarded = Guarded::of("factor", &owner.canonical, &source);
                let knock = knock(work, &policy.lockout, &guarded, Some(&owner))?;
                let mut credential = unchanged(work, &owner)?;
                let now_secs = work.now().as_micros().div_euclid(1_000_000);
                if !knock.heard || !take(&key, &mut credential, &given, now_secs) {
                    return Ok(None);
                }
                forgive(work, &guarded)?;
                let old: Session = work.get(session.id)?;
                work.delete(&old)?;
                let kind = next_kind(&policy, &mut credential, work.now(), Factor::Given);
                work.update(&mut credential)?;
                signed_in(work, &policy, &credential, kind, knock.failures).map(Some)
            })
            .await?;
        taken.ok_or_else(refused)
    }

    /// Switches the second factor off. All sessions end.
    ///
    /// # Errors
    /// `session.not_elevated` unless the password was just entered; those of [`authenticate`](Self::authenticate).
    pub async fn drop_factor(&self, token: &Token) -> Result<()> {
        let (_, owner) = self.elevated_session(token).await?;
        self.write_as(owner.principal.clone(), "switch a second factor off", move |work| {
            let mut credential = unchanged(work, &owner)?;
            credential.drop_factor();
            credential_ended(work, &mut credential)?;
            work.update(&mut credential)?;
            changed(work, &credential, Change::FactorOff)?;
            notify(work, &credential, Change::FactorOff)
        })
        .await
    }
}

/// Only what a link bears as it is; the rest byte by byte.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let secret = b"12345678901234567890";
        // RFC 4226, appendix D, and RFC 6238, appendix B, cut to six digits.
        for (step, code) in [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489]
            .into_iter()
            .enumerate()
        {
            assert_eq!(one_time(secret, i64::try_from(step).unwrap()), code);
        }
        for (secs, code) in [(59, 287_082), (1_111_111_109, 81_804), (1_234_567_890, 5_924), (20_000_000_000, 353_130)]
        {
            assert_eq!(one_time(secret, secs / 30), code);
        }
        assert_eq!(base32(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(escaped("Café & Co"), "Caf%C3%A9%20%26%20Co");
    }

    #[test]
    fn a_step_is_taken_once_and_clocks_may_differ_by_one() {
        let secret = b"12345678901234567890";
        let now = 30 * 1_000;
        for (step, good) in [(998, false), (999, true), (1_000, true), (1_001, true), (1_002, false)] {
            let given = format!("{:06}", one_time(secret, step));
            assert_eq!(step_of(secret, &given, now, 0), good.then_some(step));
            assert_eq!(step_of(secret, &given, now, step), None, "used");
        }
        assert_eq!(step_of(secret, "", now, 0), None);
    }
}
