//! Codes: sent once, good for minutes, used once.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::passage::{
    by_identifier, changed, channel_of, credential_ended, forgive, knock, language_to, may_log_in, notify,
    prove_source, put_password, settings, takes_code_alone, unchanged,
};
use super::sign_in::{Factor, next_kind, signed_in};
use super::{Gate, SignedIn, Source};
use crate::access::Principal;
use crate::accounts::Identifier;
use crate::accounts::event::Change;
use crate::accounts::lockout::Guarded;
use crate::accounts::model::{Code, CodeId, Credential, IdentifierKind, Purpose, SessionKind};
use crate::accounts::policy::AccountsPolicy;
use crate::accounts::token::{Digest, Token, decimal_code, same};
use crate::kernel::text::fold_digits;
use crate::work::{Permit, Version};
use crate::{Error, Result};

/// The outbox topic of codes. The payload has `to`, `channel` (`email` or `sms`), `purpose`, `code_id`, `code`,
/// `expires_at`, in microseconds since 1970, and `language`, in which its owner is written to.
///
/// **The code itself is in the message**, for somebody has to send it: until it is delivered, which deletes the row, it
/// can be read by whoever reads the outbox, for as long as it is good. It is nowhere else: the store keeps a digest, and
/// the journal nothing.
pub const CODE_TOPIC: &str = "accounts.code";

/// The longest code that anybody sends in.
const MAX_CODE: usize = 200;

fn void() -> Error {
    Error::invalid("code", "code.refused")
}

/// Puts a code for a credential on its way, to its own identifier or to the one that is to be proven.
pub(in crate::accounts) fn send_code(
    work: &mut Permit<'_, '_>,
    policy: &AccountsPolicy,
    credential: &Credential,
    purpose: Purpose,
    target: Option<&Identifier>,
) -> Result<CodeId> {
    let kind = target.map_or(credential.identifier_kind, Identifier::kind);
    let to = target.map_or(credential.identifier.as_str(), Identifier::as_given);
    let channel = channel_of(kind).ok_or_else(|| Error::invalid("identifier", "code.no_address"))?;
    let randomness = work.shared.randomness.as_ref();
    let (code, minutes) = if kind == IdentifierKind::Phone {
        (decimal_code(randomness, policy.codes.digits)?, policy.codes.sms_minutes)
    } else {
        (Token::session(randomness)?.expose().to_owned(), policy.codes.email_minutes)
    };
    let mut id = [0; 16];
    randomness.fill(&mut id)?;
    let id: CodeId = Uuid::from_bytes(id).into();
    let expires_at = work.now().checked_add(Duration::from_secs(60 * u64::from(minutes)))?;
    let stored = Code {
        id,
        version: Version::FIRST,
        code_hash: digest(work, id, purpose, &code),
        credential_id: credential.id,
        generation: credential.generation,
        purpose,
        target: target.map(|target| target.as_given().to_owned()),
        expires_at,
        attempts_left: policy.codes.attempts,
    };
    work.insert(&stored)?;
    let language = language_to(work, &credential.principal)?;
    let payload = json!({
        "to": to, "channel": channel, "purpose": purpose, "code_id": id, "code": code, "expires_at": expires_at.as_micros(),
        "language": language,
    });
    work.send(CODE_TOPIC, payload)?;
    Ok(id)
}

fn digest(work: &Permit<'_, '_>, id: CodeId, purpose: Purpose, code: &str) -> String {
    let key = work.shared.passwords.code_key();
    Digest::of(&[&key, Uuid::from(id).as_bytes(), purpose.as_str().as_bytes(), code.as_bytes()]).text()
}

/// Judges a code, and counts the attempt whether there is such a code or not.
fn try_code(
    work: &mut Permit<'_, '_>,
    policy: &AccountsPolicy,
    id: CodeId,
    code: &str,
    purposes: &[Purpose],
    source: &Source,
) -> Result<Option<(Code, Credential)>> {
    let guarded = Guarded::of("code", &id.to_string(), source);
    let knock = knock(work, &policy.lockout, &guarded, None)?;
    let Some(mut stored) = work.find::<Code>(&id)? else { return Ok(None) };
    let credential: Credential = work.get(stored.credential_id)?;
    let is_live = work.now() < stored.expires_at
        && stored.generation == credential.generation
        && !credential.disabled
        && may_log_in(work, policy, &credential.principal)?;
    let is_for_this = purposes.contains(&stored.purpose);
    if knock.heard && is_live && is_for_this && same(&stored.code_hash, &digest(work, id, stored.purpose, code)) {
        forgive(work, &guarded)?;
        return Ok(Some((stored, credential)));
    }
    if stored.attempts_left > 1 && is_live {
        stored.attempts_left -= 1;
        work.update(&mut stored)?;
    } else {
        work.delete(&stored)?;
    }
    Ok(None)
}

/// A code as people type it.
fn plain(code: &str) -> Result<String> {
    if code.len() > MAX_CODE {
        return Err(void());
    }
    Ok(fold_digits(code).trim().to_owned())
}

impl Gate<'_> {
    /// Sends a code to set a password in place of a forgotten one, if there is such a credential. The answer, an id that
    /// is to be given back with the code, is the same if there is none, or its owner may not log in: then nothing is sent.
    ///
    /// # Errors
    /// What the storage meets; nothing about the identifier.
    pub async fn forgot_password(&self, identifier: &Identifier, source: &Source) -> Result<CodeId> {
        self.ask(identifier, source, Purpose::Reset).await
    }

    /// Sends a code to whoever has this identifier, if they may have one for this.
    async fn ask(&self, identifier: &Identifier, source: &Source, purpose: Purpose) -> Result<CodeId> {
        let mut id = [0; 16];
        self.randomness().fill(&mut id)?;
        let (name, source) = (identifier.canonical().to_owned(), source.clone());
        let sent = self
            .write("ask for a code", move |work| {
                let policy = settings(work)?;
                // Whatever a code is asked for, it is one message more to the same person.
                let guarded = Guarded::of("forgotten", &name, &source);
                let found = by_identifier(work, &name)?;
                let knock = knock(work, &policy.lockout, &guarded, found.as_ref())?;
                let who = found.as_ref().map_or(Principal::Anonymous, |credential| credential.principal.clone());
                let admitted = may_log_in(work, &policy, &who)?;
                let for_this = purpose != Purpose::SignIn || takes_code_alone(work, &policy, &who)?;
                match found.filter(|credential| !credential.disabled) {
                    Some(credential)
                        if knock.heard
                            && admitted
                            && for_this
                            && credential.identifier_kind != IdentifierKind::Name =>
                    {
                        send_code(work, &policy, &credential, purpose, None).map(Some)
                    }
                    _ => Ok(None),
                }
            })
            .await?;
        Ok(sent.unwrap_or_else(|| Uuid::from_bytes(id).into()))
    }

    /// Sets a password with a code that was sent to activate a credential or to reset its password. The code is used up,
    /// every session of before is dead, and the source counts as known to the account: its owner gets in from it, whoever
    /// else is guessing. A second factor that is on is still asked for at the next signing in.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `code.refused` for a code that is wrong, used, too old, not for this, or unknown, of
    /// somebody who may not log in, and after too many wrong ones; those of [`PasswordPolicy::judge`](crate::accounts::PasswordPolicy::judge), after
    /// which the code can be used again.
    pub async fn set_password(&self, id: CodeId, code: &str, new: &str, source: &Source) -> Result<()> {
        let code = plain(code)?;
        let turn = self.turn(new)?;
        let from = source.clone();
        let (policy, judged) = self
            .write("try a code", move |work| {
                let policy = settings(work)?;
                let judged = try_code(work, &policy, id, &code, &[Purpose::Activate, Purpose::Reset], &from)?;
                Ok((policy, judged))
            })
            .await?;
        let (stored, credential) = judged.ok_or_else(void)?;
        let hash = self.judged(&turn, &policy, &credential, new).await?;
        drop(turn);
        let source = source.clone();
        self.write_as(credential.principal.clone(), "set a password with a code", move |work| {
            use_up(work, &stored)?;
            let mut credential = unchanged(work, &credential)?;
            put_password(work, &policy, &mut credential, &hash)?;
            work.update(&mut credential)?;
            prove_source(work, &credential.canonical, &source)?;
            changed(work, &credential, Change::Password)?;
            notify(work, &credential, Change::Password)
        })
        .await
    }

    /// Sends a code to sign in with by itself, if there is such a credential, and the policy lets customers of that stage in
    /// by codes alone ([`StagePolicy::code_alone`](crate::accounts::StagePolicy::code_alone)). The answer is the same if not.
    ///
    /// # Errors
    /// What the storage meets; nothing about the identifier.
    pub async fn ask_for_code(&self, identifier: &Identifier, source: &Source) -> Result<CodeId> {
        self.ask(identifier, source, Purpose::SignIn).await
    }

    /// Signs in with a code alone, one that was [asked for](Self::ask_for_code) or sent to activate the credential. The code
    /// is used up, the source counts as known to the account. A second factor that is on is still asked for, and a
    /// password that must be changed is the first thing to be changed. What needs a password that was just entered needs one
    /// here too: whoever has none sets one first.
    ///
    /// # Errors
    /// `code.refused` as for [`set_password`](Self::set_password), and where the policy does not let such customers in by
    /// codes alone.
    pub async fn sign_in_with_code(&self, id: CodeId, code: &str, source: &Source) -> Result<SignedIn> {
        let (code, from) = (plain(code)?, source.clone());
        let (policy, judged) = self
            .write("try a code", move |work| {
                let policy = settings(work)?;
                let judged = try_code(work, &policy, id, &code, &[Purpose::SignIn, Purpose::Activate], &from)?;
                Ok((policy, judged))
            })
            .await?;
        let (stored, credential) = judged.ok_or_else(void)?;
        let source = source.clone();
        self.write_as(credential.principal.clone(), "sign in with a code", move |work| {
            use_up(work, &stored)?;
            let mut credential = unchanged(work, &credential)?;
            if !takes_code_alone(work, &policy, &credential.principal)? {
                return Err(void());
            }
            let kind = next_kind(&policy, &mut credential, work.now(), Factor::Asked);
            work.update(&mut credential)?;
            prove_source(work, &credential.canonical, &source)?;
            signed_in(work, &policy, &credential, kind, 0)
        })
        .await
    }

    /// Asks for another identifier: a code goes to it, to be given to [`confirm_identifier`](Self::confirm_identifier).
    /// If somebody else has the identifier, nothing is sent, and the answer is the same.
    ///
    /// # Errors
    /// `session.not_elevated` unless the password was just entered; `code.no_address` for a name, which an administrator
    /// sets; those of [`authenticate`](Self::authenticate).
    pub async fn request_identifier(&self, token: &Token, new: &Identifier) -> Result<CodeId> {
        let (_, owner) = self.elevated_session(token).await?;
        if channel_of(new.kind()).is_none() {
            return Err(Error::invalid("identifier", "code.no_address"));
        }
        let mut id = [0; 16];
        self.randomness().fill(&mut id)?;
        let new = new.clone();
        let sent = self
            .write_as(owner.principal.clone(), "ask for another identifier", move |work| {
                let policy = settings(work)?;
                let credential = unchanged(work, &owner)?;
                match by_identifier(work, new.canonical())? {
                    Some(_) => Ok(None),
                    None => send_code(work, &policy, &credential, Purpose::ChangeIdentifier, Some(&new)).map(Some),
                }
            })
            .await?;
        Ok(sent.unwrap_or_else(|| Uuid::from_bytes(id).into()))
    }

    /// Takes on the identifier that a code was sent to. The address of before is told, and the other sessions end: this
    /// one too, so that its owner signs in as they will from now on.
    ///
    /// # Errors
    /// `code.refused` as for [`set_password`](Self::set_password); [`Error::AlreadyExists`] when somebody else has taken
    /// the identifier meanwhile; those of [`authenticate`](Self::authenticate).
    pub async fn confirm_identifier(&self, token: &Token, id: CodeId, code: &str, source: &Source) -> Result<()> {
        let (_, owner) = self.session_of(token, SessionKind::Full).await?;
        let (code, source) = (plain(code)?, source.clone());
        let confirmed = self
            .write_as(owner.principal.clone(), "take on an identifier", move |work| {
                let policy = settings(work)?;
                let Some((stored, mut credential)) =
                    try_code(work, &policy, id, &code, &[Purpose::ChangeIdentifier], &source)?
                else {
                    return Ok(false);
                };
                if credential.id != owner.id {
                    return Ok(false);
                }
                use_up(work, &stored)?;
                let target = stored.target.as_deref().ok_or_else(void)?;
                let identifier = Identifier::parse(target, None)?;
                if by_identifier(work, identifier.canonical())?.is_some() {
                    return Err(Error::AlreadyExists { kind: "credential", unique: "identifier".into() });
                }
                notify(work, &credential, Change::Identifier)?;
                credential.identifier_kind = identifier.kind();
                identifier.as_given().clone_into(&mut credential.identifier);
                identifier.canonical().clone_into(&mut credential.canonical);
                credential_ended(work, &mut credential)?;
                work.update(&mut credential)?;
                prove_source(work, &credential.canonical, &source)?;
                changed(work, &credential, Change::Identifier)?;
                Ok(true)
            })
            .await?;
        if confirmed { Ok(()) } else { Err(void()) }
    }
}

/// The code is gone with this: of two who use it at once, one finds none.
fn use_up(work: &mut Permit<'_, '_>, judged: &Code) -> Result<()> {
    let stored: Code = work.find(&judged.id)?.ok_or_else(void)?;
    work.delete(&stored)
}
