//! API tokens of one's own.

use super::passage::changed;
use super::{Gate, ended};
use crate::accounts::event::Change;
use crate::accounts::model::{ApiToken, ApiTokenId, SessionKind, api_token};
use crate::accounts::token::Token;
use crate::kernel::input::required_text;
use crate::kernel::time::Timestamp;
use crate::work::{Json, Version};
use crate::{Error, Result};

/// The most permissions of a token.
const MAX_SCOPES: usize = 100;

impl Gate<'_> {
    /// Makes a token for a program that acts as whoever is signed in, within `scopes`: names of permissions. It lives on
    /// when the password is changed, so that programs do not stop; it is dead while the password must be changed, and when
    /// its credential is disabled or gone. Returned once: only its digest is stored.
    ///
    /// # Errors
    /// `session.not_elevated` unless the password was just entered; `token.scopes` for no or too many scopes and for a
    /// permission that no module defines; `token.expires_at` for an end that is past; those of
    /// [`authenticate`](Self::authenticate).
    pub async fn create_api_token(
        &self,
        token: &Token,
        name: &str,
        scopes: &[&str],
        expires_at: Option<Timestamp>,
    ) -> Result<(Token, ApiToken)> {
        let (_, owner) = self.elevated_session(token).await?;
        let name = required_text("name", name, 100)?;
        let manifests = &self.shared().installed.manifests;
        let is_defined = |scope: &&str| {
            manifests.iter().any(|manifest| manifest.permissions.iter().any(|permission| permission.name == *scope))
        };
        if scopes.is_empty() || scopes.len() > MAX_SCOPES || !scopes.iter().all(is_defined) {
            return Err(Error::invalid("scopes", "token.scopes"));
        }
        if expires_at.is_some_and(|end| end <= self.now()) {
            return Err(Error::invalid("expires_at", "token.expires_at"));
        }
        let mut scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        scopes.sort();
        scopes.dedup();
        self.write_as(owner.principal.clone(), "make an API token", move |work| {
            let secret = Token::api(work.shared.randomness.as_ref())?;
            let digest = secret.digest().ok_or_else(ended)?;
            let token = ApiToken {
                id: digest.id().into(),
                version: Version::FIRST,
                token_hash: digest.text(),
                credential_id: owner.id,
                name: name.clone(),
                shown: secret.shown(),
                scopes: Json(scopes.clone()),
                created_at: work.now(),
                expires_at,
                last_used_at: None,
            };
            work.insert(&token)?;
            changed(work, &owner, Change::TokenCreated)?;
            Ok((secret, token))
        })
        .await
    }

    /// One's own API tokens.
    ///
    /// # Errors
    /// Those of [`authenticate`](Self::authenticate).
    pub async fn api_tokens(&self, token: &Token) -> Result<Vec<ApiToken>> {
        let (_, owner) = self.session_of(token, SessionKind::Full).await?;
        self.read("own API tokens", move |work| work.select(api_token::credential_id.eq(owner.id)).all()).await
    }

    /// Revokes one of one's own API tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`] for one that is not one's own; those of [`authenticate`](Self::authenticate).
    pub async fn revoke_api_token(&self, token: &Token, id: ApiTokenId) -> Result<()> {
        let (_, owner) = self.session_of(token, SessionKind::Full).await?;
        self.write_as(owner.principal.clone(), "revoke an API token", move |work| {
            let token = work.find::<ApiToken>(&id)?.filter(|token| token.credential_id == owner.id);
            work.delete(&token.ok_or_else(|| Error::not_found("api_token", id))?)?;
            changed(work, &owner, Change::TokenRevoked)
        })
        .await
    }
}
