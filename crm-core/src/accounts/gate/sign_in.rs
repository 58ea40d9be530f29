//! Signing in, entering the password once more, signing out.

use std::time::Duration;

use super::passage::{admitted_now, begin_session, by_identifier, forgive, knock, session_end, settings, unchanged};
use super::{Gate, Source, refused};
use crate::Result;
use crate::access::Principal;
use crate::accounts::Identifier;
use crate::accounts::event::SomebodySignedIn;
use crate::accounts::hasher::Turn;
use crate::accounts::lockout::Guarded;
use crate::accounts::model::{Credential, CredentialId, MustChange, Session, SessionId, SessionKind};
use crate::accounts::policy::AccountsPolicy;
use crate::accounts::token::Token;
use crate::kernel::time::Timestamp;
use crate::work::Permit;

/// What the guards of passwords count.
pub(super) const WHAT: &str = "password";

/// No password is longer, whatever the policy says: what is longer is refused before anything is asked.
pub(super) const MAX_BYTES: usize = 4 * 1024;

/// Somebody has signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The secret of the session, shown once.
    pub token: Token,
    /// The session.
    pub session: SessionId,
    /// With which credential.
    pub credential: CredentialId,
    /// Who.
    pub principal: Principal,
    /// What the session can do: ask for the second factor or the new password, or let them in.
    pub kind: SessionKind,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Wrong guesses from the same source before. Many of them are worth a message to the owner.
    pub failures_before: u32,
    /// When the password must be changed, so that its owner can be warned in time.
    pub password_expires_at: Option<Timestamp>,
}

/// What is known of a credential when its password was checked.
pub(super) struct Checked {
    pub(super) policy: AccountsPolicy,
    pub(super) credential: Credential,
    pub(super) guarded: Guarded,
    pub(super) failures: u32,
}

impl Gate<'_> {
    /// Signs in with an identifier and a password.
    ///
    /// The kind of the session says what is next: [`SessionKind::SecondFactor`], [`SessionKind::MustChange`], or
    /// nothing. Guesses are counted before they are judged, for the account and the source, and after some of them there
    /// is a growing delay in which none is heard: see [`LockoutPolicy`](crate::accounts::LockoutPolicy).
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) with rule `sign_in.refused`, whatever the reason: the answer, and the work
    /// it costs, are the same for an unknown identifier, a wrong password, a credential that is disabled or has no
    /// password, somebody without the right to log in, and a guess that is not heard: to see which it was, ask
    /// [`explain`](crate::access::AccessControl::explain) and look at the credential. [`Error::Busy`](crate::Error::Busy) when too many are signing in.
    pub async fn sign_in(&self, identifier: &Identifier, password: &str, source: &Source) -> Result<SignedIn> {
        let turn = self.turn(password)?;
        let checked = self.check(&turn, identifier.canonical(), password, source).await?;
        let stronger = self.stronger(&turn, &checked, password)?;
        drop(turn);
        let who = checked.credential.principal.clone();
        let Checked { policy, credential, guarded, failures } = checked;
        self.write_as(who, "sign in", move |work| {
            let mut credential = unchanged(work, &credential)?;
            forgive(work, &guarded)?;
            if let Some(stronger) = &stronger {
                credential.password_hash = Some(stronger.clone());
            }
            let kind = next_kind(&policy, &mut credential, work.now(), Factor::Asked);
            // A password that somebody else has chosen works once.
            if credential.must_change == Some(MustChange::Temporary) {
                credential.must_change = Some(MustChange::Used);
            }
            work.update(&mut credential)?;
            signed_in(work, &policy, &credential, kind, failures)
        })
        .await
    }

    /// Enters the password once more, for what needs that: for some minutes the session counts as elevated. It goes on
    /// under another token, and the old one is dead.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in); `session.refused` and its sisters when the session is not a full one.
    pub async fn elevate(&self, token: &Token, password: &str, source: &Source) -> Result<SignedIn> {
        let turn = self.turn(password)?;
        let (session, owner) = self.session_of(token, SessionKind::Full).await?;
        let checked = self.check(&turn, &owner.canonical, password, source).await?;
        drop(turn);
        let Checked { policy, credential, guarded, failures } = checked;
        self.write_as(owner.principal, "enter the password again", move |work| {
            let credential = unchanged(work, &credential)?;
            forgive(work, &guarded)?;
            let old: Session = work.get(session.id)?;
            work.delete(&old)?;
            let (token, mut session) = begin_session(work, &policy, &credential, SessionKind::Full, old.expires_at)?;
            let minutes = Duration::from_secs(60 * u64::from(policy.elevation_minutes));
            session.elevated_until = Some(work.now().checked_add(minutes)?);
            work.update(&mut session)?;
            Ok(answer(&policy, &credential, token, &session, failures))
        })
        .await
    }

    /// Ends the session of this token. Of a token that opens nothing, nothing is left to end.
    pub async fn sign_out(&self, token: &Token) -> Result<()> {
        let Some(digest) = token.digest() else { return Ok(()) };
        let id: SessionId = digest.id().into();
        self.write("sign out", move |work| match work.find::<Session>(&id)? {
            Some(session) => work.delete(&session),
            None => Ok(()),
        })
        .await
    }

    /// A turn to hash for somebody with this password. Taken before anything is written, so that whoever floods the gate
    /// is turned away at no cost, and before anybody's guess is counted.
    pub(super) fn turn(&self, password: &str) -> Result<Turn<'_>> {
        if password.len() > MAX_BYTES {
            return Err(refused());
        }
        self.shared().passwords.hasher.turn()
    }

    /// Counts the guess, then judges it: one path, with one hash, for every reason to refuse.
    pub(super) async fn check(
        &self,
        turn: &Turn<'_>,
        canonical: &str,
        password: &str,
        source: &Source,
    ) -> Result<Checked> {
        let (name, from) = (canonical.to_owned(), source.clone());
        let (policy, found, knock) = self
            .write("knock", move |work| {
                let policy = settings(work)?;
                let found = by_identifier(work, &name)?;
                let guarded = Guarded::of(WHAT, &name, &from);
                let knock = knock(work, &policy.lockout, &guarded, found.as_ref())?;
                Ok((policy, found, knock))
            })
            .await?;
        let who = found.as_ref().map_or(Principal::Anonymous, |credential| credential.principal.clone());
        // Judged before the secret is, so that the answer costs everybody the same. The session begins by the rights of its
        // own transaction.
        let of = policy.clone();
        let may = self.read("may log in", move |work| admitted_now(work, &of, &who)).await?.is_some();
        let usable = found.filter(|credential| {
            knock.heard && may && !credential.disabled && credential.must_change != Some(MustChange::Used)
        });
        let plain = policy.password.plain(password);
        let hash = usable.as_ref().and_then(|credential| credential.password_hash.as_deref());
        let right = turn.check(plain.as_deref().unwrap_or_default(), hash.filter(|_| plain.is_some()))?;
        let credential = usable.filter(|_| right).ok_or_else(refused)?;
        let guarded = Guarded::of(WHAT, canonical, source);
        Ok(Checked { policy, credential, guarded, failures: knock.failures })
    }

    /// The hash of the same password at the present cost, if the stored one costs less (S-71).
    fn stronger(&self, turn: &Turn<'_>, checked: &Checked, password: &str) -> Result<Option<String>> {
        let stored = checked.credential.password_hash.as_deref().unwrap_or_default();
        if !self.shared().passwords.hasher.is_outgrown(stored) {
            return Ok(None);
        }
        let plain = checked.policy.password.plain(password).ok_or_else(refused)?;
        turn.hash(&plain, self.randomness()).map(Some)
    }
}

/// Whether the second factor was given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Factor {
    Asked,
    Given,
}

/// What a session can do that begins now. An expiry that was seen once stays, also when the clock is set back.
pub(super) fn next_kind(
    policy: &AccountsPolicy,
    credential: &mut Credential,
    now: Timestamp,
    factor: Factor,
) -> SessionKind {
    credential.must_change = credential.must_change(&policy.password, now);
    if credential.factor_on && factor == Factor::Asked {
        SessionKind::SecondFactor
    } else if credential.must_change.is_some() {
        SessionKind::MustChange
    } else {
        SessionKind::Full
    }
}

/// Begins a session, and tells the journal when somebody is in.
pub(super) fn signed_in(
    work: &mut Permit<'_, '_>,
    policy: &AccountsPolicy,
    credential: &Credential,
    kind: SessionKind,
    failures_before: u32,
) -> Result<SignedIn> {
    let ends_at = session_end(work, policy, &credential.principal)?;
    let (token, session) = begin_session(work, policy, credential, kind, ends_at)?;
    if kind == SessionKind::Full {
        let principal = credential.principal.clone();
        work.emit(&SomebodySignedIn { credential: credential.id, principal, failures_before })?;
    }
    Ok(answer(policy, credential, token, &session, failures_before))
}

pub(super) fn answer(
    policy: &AccountsPolicy,
    credential: &Credential,
    token: Token,
    session: &Session,
    failures_before: u32,
) -> SignedIn {
    let by_age = credential.password_set_at().and_then(|set_at| policy.password.expires_at(set_at));
    let ends = [credential.valid_until, by_age];
    SignedIn {
        token,
        session: session.id,
        credential: credential.id,
        principal: credential.principal.clone(),
        kind: session.kind,
        expires_at: session.expires_at,
        failures_before,
        password_expires_at: ends.into_iter().flatten().min(),
    }
}
