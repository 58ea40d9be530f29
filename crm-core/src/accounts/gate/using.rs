//! Using a token, and seeing and ending one's own sessions.

use std::collections::BTreeSet;

use super::passage::{admitted_now, changed, settings};
use super::{Gate, ended};
use crate::access::{Actor, Principal};
use crate::accounts::event::Change;
use crate::accounts::lifetime::{TOUCH, is_good, standing};
use crate::accounts::model::{
    ApiToken, ApiTokenId, Credential, CredentialId, MustChange, Session, SessionId, SessionKind, session,
};
use crate::accounts::token::{Token, same};
use crate::kernel::time::Timestamp;
use crate::work::Permit;
use crate::{Error, Result};

/// Whom a token belongs to.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Who.
    pub principal: Principal,
    /// With which credential.
    pub credential: CredentialId,
    /// The session or the API token.
    pub by: By,
    /// Whether the password was entered within the last minutes: asked for by what is worth asking.
    pub elevated: bool,
    /// What they may do now, by the access policy; of an API token, no more than the token is limited to. For this
    /// request: the next one asks anew.
    pub actor: Actor,
}

impl Authenticated {
    /// Another actor within the limits of the token, for a host that has rights of its own: [`actor`](Self::actor) is
    /// within them.
    ///
    /// ```
    /// # use crm_core::access::{Actor, Principal, Reach, Target};
    /// # use crm_core::accounts::{Authenticated, By};
    /// # let nil = uuid::Uuid::nil();
    /// # let by = By::ApiToken(nil.into(), ["customers.read".to_owned()].into());
    /// # let actor = Actor::new(Principal::User(nil.into()));
    /// # let seen = Authenticated { principal: actor.principal().clone(), credential: nil.into(), by, elevated: false, actor };
    /// # let actor = Actor::new(seen.principal.clone()).granted("customers.read", Reach::all()).granted("customers.write", Reach::all());
    /// let actor = seen.limit(actor);
    /// assert!(actor.may("customers.read", &Target::ANY));
    /// assert!(!actor.may("customers.write", &Target::ANY), "not in the scopes of the token");
    /// ```
    #[must_use]
    pub fn limit(&self, actor: Actor) -> Actor {
        self.by.limit(actor)
    }
}

/// What somebody has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The token of a session.
    Session(SessionId),
    /// An API token, with the permissions it is limited to.
    ApiToken(ApiTokenId, BTreeSet<String>),
}

impl By {
    fn limit(&self, actor: Actor) -> Actor {
        match self {
            Self::Session(_) => actor,
            Self::ApiToken(_, scopes) => actor.limited_to(scopes),
        }
    }
}

/// What is known of a session's token.
struct Seen {
    session: Session,
    credential: Credential,
    /// `None`: it has ended.
    kind: Option<SessionKind>,
    actor: Actor,
    now: Timestamp,
}

impl Gate<'_> {
    /// Whose token this is, of a session or of the API, and what they may do: to be asked for each request. A token of a
    /// limited session is refused: what it can do are the operations of the gate that take it.
    ///
    /// Reads only, but that a use is noted once a minute, and an end when it is first seen: a clock that is set back revives
    /// nothing, nor does a right to log in that is given back. A session that was ended is dead for whatever is asked
    /// after that was answered.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `session.refused` for a token that opens nothing; `session.second_factor` and
    /// `session.must_change` for one of a limited session, or of a password that has expired meanwhile.
    pub async fn authenticate(&self, token: &Token) -> Result<Authenticated> {
        if token.is_api() {
            return self.authenticate_api(token).await;
        }
        let Seen { session, credential, actor, now, .. } = self.seen_as(token, SessionKind::Full).await?;
        Ok(Authenticated {
            principal: credential.principal,
            credential: credential.id,
            by: By::Session(session.id),
            elevated: session.elevated_until.is_some_and(|until| now < until),
            actor,
        })
    }

    /// The own sessions of whoever has this one, the latest last.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate).
    pub async fn sessions(&self, token: &Token) -> Result<Vec<Session>> {
        let (_, credential) = self.session_of(token, SessionKind::Full).await?;
        self.read("own sessions", move |work| {
            let policy = settings(work)?;
            let mut sessions = work.select::<Session>(session::credential_id.eq(credential.id)).all()?;
            sessions.retain(|session| standing(session, &credential, &policy, work.now()).is_some());
            sessions.sort_by_key(|session| session.created_at);
            Ok(sessions)
        })
        .await
    }

    /// Ends one of one's own sessions, or all but this one.
    ///
    /// # Errors
    /// As [`authenticate`](Self::authenticate); [`Error::NotFound`] for a session that is not one's own.
    pub async fn end_session(&self, token: &Token, which: Option<SessionId>) -> Result<()> {
        let (own, credential) = self.session_of(token, SessionKind::Full).await?;
        self.write_as(credential.principal.clone(), "end own sessions", move |work| {
            match which {
                Some(id) => match work.find::<Session>(&id)?.filter(|session| session.credential_id == credential.id) {
                    Some(session) => work.delete(&session)?,
                    None => return Err(Error::not_found("session", id)),
                },
                None => {
                    for session in work.select::<Session>(session::credential_id.eq(credential.id)).all()? {
                        if session.id != own.id {
                            work.delete(&session)?;
                        }
                    }
                }
            }
            changed(work, &credential, Change::SessionsEnded)
        })
        .await
    }

    /// The session of this token and whose it is, if it is of this kind.
    pub(super) async fn session_of(&self, token: &Token, kind: SessionKind) -> Result<(Session, Credential)> {
        self.seen_as(token, kind).await.map(|seen| (seen.session, seen.credential))
    }

    async fn seen_as(&self, token: &Token, kind: SessionKind) -> Result<Seen> {
        let seen = self.seen(token).await?;
        match seen.kind {
            None => Err(ended()),
            Some(other) if other != kind => Err(match other {
                SessionKind::SecondFactor => Error::invalid("session", "session.second_factor"),
                SessionKind::MustChange => Error::invalid("session", "session.must_change"),
                SessionKind::Full => Error::invalid("session", "session.full"),
            }),
            Some(_) => Ok(seen),
        }
    }

    /// The same, where a session will do that can do all but for its password, which has expired meanwhile.
    pub(super) async fn session_to_change(&self, token: &Token) -> Result<(Session, Credential)> {
        let seen = self.seen(token).await?;
        match (seen.kind, seen.session.kind) {
            (Some(_), SessionKind::Full) => Ok((seen.session, seen.credential)),
            (Some(_), SessionKind::SecondFactor) => Err(Error::invalid("session", "session.second_factor")),
            (Some(_), SessionKind::MustChange) => Err(Error::invalid("session", "session.must_change")),
            (None, _) => Err(ended()),
        }
    }

    /// The session of this token that has just been elevated.
    pub(super) async fn elevated_session(&self, token: &Token) -> Result<(Session, Credential)> {
        let (session, credential) = self.session_of(token, SessionKind::Full).await?;
        if session.elevated_until.is_some_and(|until| self.now() < until) {
            Ok((session, credential))
        } else {
            Err(Error::invalid("session", "session.not_elevated"))
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared().clock.now()
    }

    async fn seen(&self, token: &Token) -> Result<Seen> {
        let digest = token.digest().filter(|_| !token.is_api()).ok_or_else(ended)?;
        let (id, text): (SessionId, String) = (digest.id().into(), digest.text());
        let seen = self.read("a session", move |work| look(work, id, &text)).await?.ok_or_else(ended)?;
        let Seen { session, credential, kind, now, .. } = &seen;
        let expired_now = *kind == Some(SessionKind::MustChange) && credential.must_change.is_none();
        if kind.is_none() {
            self.write("end a session", move |work| match work.find::<Session>(&id)? {
                Some(session) => work.delete(&session),
                None => Ok(()),
            })
            .await?;
        } else if expired_now {
            let credential = credential.id;
            self.write("a password has expired", move |work| {
                let mut credential: Credential = work.get(credential)?;
                if credential.must_change.is_none() {
                    credential.must_change = Some(MustChange::Expired);
                    work.update(&mut credential)?;
                    changed(work, &credential, Change::MustChange)?;
                }
                Ok(())
            })
            .await?;
        } else if now.saturating_since(session.seen_at) >= TOUCH {
            self.write("note a use", move |work| match work.find::<Session>(&id)? {
                Some(mut session) => {
                    session.seen_at = session.seen_at.max(work.now());
                    work.update(&mut session)
                }
                None => Ok(()),
            })
            .await?;
        }
        Ok(seen)
    }

    async fn authenticate_api(&self, token: &Token) -> Result<Authenticated> {
        let digest = token.digest().ok_or_else(ended)?;
        let (id, text): (ApiTokenId, String) = (digest.id().into(), digest.text());
        let (token, credential, actor, now) = self
            .read("an API token", move |work| {
                let Some(token) = work.find::<ApiToken>(&id)?.filter(|token| same(&token.token_hash, &text)) else {
                    return Ok(None);
                };
                let credential: Credential = work.get(token.credential_id)?;
                let policy = settings(work)?;
                let actor = admitted_now(work, &policy, &credential.principal)?;
                let actor = actor.filter(|_| is_good(&token, &credential, &policy, work.now()));
                Ok(actor.map(|actor| (token, credential, actor, work.now())))
            })
            .await?
            .ok_or_else(ended)?;
        if token.last_used_at.is_none_or(|used| now.saturating_since(used) >= TOUCH) {
            self.write("note a use", move |work| match work.find::<ApiToken>(&id)? {
                Some(mut token) => {
                    token.last_used_at = token.last_used_at.max(Some(work.now()));
                    work.update(&mut token)
                }
                None => Ok(()),
            })
            .await?;
        }
        let by = By::ApiToken(id, token.scopes.0.into_iter().collect());
        Ok(Authenticated {
            principal: credential.principal,
            credential: credential.id,
            elevated: false,
            actor: by.limit(actor),
            by,
        })
    }
}

fn look(work: &mut Permit<'_, '_>, id: SessionId, text: &str) -> Result<Option<Seen>> {
    let Some(session) = work.find::<Session>(&id)?.filter(|session| same(&session.token_hash, text)) else {
        return Ok(None);
    };
    let credential: Credential = work.get(session.credential_id)?;
    let policy = settings(work)?;
    let actor = admitted_now(work, &policy, &credential.principal)?;
    let kind = standing(&session, &credential, &policy, work.now()).filter(|_| actor.is_some());
    let actor = actor.unwrap_or_else(|| Actor::new(credential.principal.clone()));
    Ok(Some(Seen { session, credential, kind, actor, now: work.now() }))
}
