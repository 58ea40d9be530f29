//! When a session lives, and what it can do: pure functions.

use std::time::Duration;

use super::model::{ApiToken, Credential, Session, SessionKind};
use super::policy::AccountsPolicy;
use crate::kernel::time::Timestamp;

/// Uses of a session or a token are noted once in this time.
pub(super) const TOUCH: Duration = Duration::from_secs(60);

/// How long a session lasts that can only change the password or give the second factor.
pub(super) const LIMITED: Duration = Duration::from_secs(10 * 60);

/// What becomes of a session when it is used. `None`: it has ended.
///
/// It has ended when its time is over, when it was not used for too long, when the credential is disabled, and when the
/// credential's generation is another: after a change of the password, among others. An instant is past when it is
/// reached (S-05). A full session of a password that must be changed can only change it (C38).
pub fn standing(
    session: &Session,
    credential: &Credential,
    policy: &AccountsPolicy,
    now: Timestamp,
) -> Option<SessionKind> {
    let idle = policy.limits(&credential.principal).idle_minutes;
    let unused = now.saturating_since(session.seen_at);
    let is_over =
        now >= session.expires_at || idle.is_some_and(|minutes| unused >= Duration::from_secs(60 * u64::from(minutes)));
    if is_over || credential.disabled || session.generation != credential.generation {
        return None;
    }
    let change = credential.must_change(&policy.password, now);
    Some(match session.kind {
        SessionKind::Full if change.is_some() => SessionKind::MustChange,
        kind => kind,
    })
}

/// Whether an API token is good: its time is not over, and the credential could open a full session (C38).
pub fn is_good(token: &ApiToken, credential: &Credential, policy: &AccountsPolicy, now: Timestamp) -> bool {
    let change = credential.must_change(&policy.password, now);
    !credential.disabled && change.is_none() && token.expires_at.is_none_or(|end| now < end)
}
