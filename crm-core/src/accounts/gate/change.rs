//! Changing and setting passwords.

use super::passage::{changed, context, forgive, notify, put_password, settings, unchanged};
use super::sign_in::{Checked, Factor, MAX_BYTES, next_kind, signed_in};
use super::{Gate, SignedIn, Source};
use crate::access::Actor;
use crate::accounts::event::Change;
use crate::accounts::hasher::Turn;
use crate::accounts::model::{Credential, CredentialId, MustChange, SessionKind};
use crate::accounts::policy::AccountsPolicy;
use crate::accounts::service::{MANAGE, permit_on};
use crate::accounts::token::Token;
use crate::{Error, Result};

impl Gate<'_> {
    /// Changes the password of whoever is signed in. Every session and code of before is dead; the one that is returned
    /// goes on. The owner is told.
    ///
    /// # Errors
    /// `sign_in.refused` when the present password is wrong, which counts as a guess; those of
    /// [`PasswordPolicy::judge`](crate::accounts::PasswordPolicy::judge), and `password.reused`, when the new one will
    /// not do; those of [`authenticate`](Self::authenticate).
    pub async fn change_password(&self, token: &Token, present: &str, new: &str, source: &Source) -> Result<SignedIn> {
        let (_, owner) = self.session_to_change(token).await?;
        let turn = self.turn(present)?;
        let checked = self.check(&turn, &owner.canonical, present, source).await?;
        let hash = self.judged(&turn, &checked.policy, &checked.credential, new).await?;
        drop(turn);
        let Checked { policy, credential, guarded, failures } = checked;
        self.write_as(owner.principal, "change the password", move |work| {
            let mut credential = unchanged(work, &credential)?;
            forgive(work, &guarded)?;
            put_password(work, &policy, &mut credential, &hash)?;
            work.update(&mut credential)?;
            changed(work, &credential, Change::Password)?;
            notify(work, &credential, Change::Password)?;
            signed_in(work, &policy, &credential, SessionKind::Full, failures)
        })
        .await
    }

    /// Sets a new password in place of one that must be changed, in the short session that signing in with it has opened.
    ///
    /// # Errors
    /// As [`change_password`](Self::change_password).
    pub async fn replace_password(&self, token: &Token, new: &str) -> Result<SignedIn> {
        let (session, owner) = self.session_of(token, SessionKind::MustChange).await?;
        if session.kind != SessionKind::MustChange {
            // It was a full session before the password expired: whoever sits there now has not just entered it.
            return Err(Error::invalid("session", "session.must_change"));
        }
        let turn = self.turn(new)?;
        let policy = self.read("the policy", settings).await?;
        let hash = self.judged(&turn, &policy, &owner, new).await?;
        drop(turn);
        self.write_as(owner.principal.clone(), "replace the password", move |work| {
            let mut credential = unchanged(work, &owner)?;
            put_password(work, &policy, &mut credential, &hash)?;
            let kind = next_kind(&policy, &mut credential, work.now(), Factor::Given);
            work.update(&mut credential)?;
            changed(work, &credential, Change::Password)?;
            notify(work, &credential, Change::Password)?;
            signed_in(work, &policy, &credential, kind, 0)
        })
        .await
    }

    /// Sets a password that works once and must then be changed, for hosts that insist on handing one out. A code that
    /// is sent, [`Accounts::invite`](crate::accounts::Accounts::invite), is better. Every session of the credential
    /// ends.
    ///
    /// # Errors
    /// [`Error::Denied`] and [`Error::NotFound`] as for all of [`Accounts`](crate::accounts::Accounts); those of
    /// [`PasswordPolicy::judge`](crate::accounts::PasswordPolicy::judge).
    pub async fn set_temporary_password(&self, actor: &Actor, id: CredentialId, password: &str) -> Result<()> {
        let turn = self.turn(password)?;
        let (policy, credential) = self
            .0
            .read(actor, "a credential", move |work| {
                let (mut work, credential) = permit_on(work, MANAGE, id)?;
                Ok::<_, Error>((settings(&mut work)?, credential))
            })
            .await?;
        let hash = self.judged(&turn, &policy, &credential, password).await?;
        drop(turn);
        self.0
            .run(actor, "set a temporary password", move |work| {
                let (mut work, mut credential) = permit_on(work, MANAGE, id)?;
                put_password(&mut work, &policy, &mut credential, &hash)?;
                credential.must_change = Some(MustChange::Temporary);
                work.update(&mut credential)?;
                changed(&mut work, &credential, Change::TemporaryPassword)
            })
            .await
    }

    /// The hash of a new password that is good enough and is none of the last ones.
    pub(super) async fn judged(
        &self,
        turn: &Turn<'_>,
        policy: &AccountsPolicy,
        credential: &Credential,
        new: &str,
    ) -> Result<String> {
        if new.len() > MAX_BYTES {
            return Err(Error::invalid("password", "password.too_long"));
        }
        let owner = credential.clone();
        let words = self.read("what everybody knows", move |work| context(work, &owner)).await?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let passwords = &self.shared().passwords;
        let plain =
            policy.password.judge(new, credential.factor_on, &words, |password| passwords.is_breached(password))?;
        let former = credential.history.0.iter().take(policy.password.remembered());
        for hash in credential.password_hash.iter().chain(former) {
            if turn.check(&plain, Some(hash))? {
                return Err(Error::invalid("password", "password.reused"));
            }
        }
        turn.hash(&plain, self.randomness())
    }
}
