//! What happens to accounts. No event holds an identifier, a source or a secret.

use serde::{Deserialize, Serialize};

use super::model::{Credential, CredentialId};
use super::policy::AccountsPolicy;
use crate::access::Principal;
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`SomebodySignedIn`].
pub const SIGNED_IN: &str = "accounts.signed_in";
/// The kind of [`Guessing`].
pub const GUESSING: &str = "accounts.guessing";
/// The kind of [`CredentialChanged`].
pub const CREDENTIAL_CHANGED: &str = "accounts.credential_changed";

/// Somebody signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SomebodySignedIn {
    /// With which credential.
    pub credential: CredentialId,
    /// Who.
    pub principal: Principal,
    /// How many wrong guesses from the same source came before. Many of them are worth a message to the owner.
    pub failures_before: u32,
}

/// Somebody guesses: the first attempt that is not heard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Guessing {
    /// At which credential, if there is one by that identifier.
    pub credential: Option<CredentialId>,
}

crate::text_enum! {
    /// What was changed about a credential.
    pub enum Change {
        /// It was made.
        Created = "created",
        /// Nobody can sign in with it any more.
        Disabled = "disabled",
        /// It works again.
        Enabled = "enabled",
        /// It is gone.
        Deleted = "deleted",
        /// A code to activate it was sent.
        Invited = "invited",
        /// Its owner has set a password.
        Password = "password",
        /// An administrator has set a password that works once.
        TemporaryPassword = "temporary_password",
        /// The password must be changed.
        MustChange = "must_change",
        /// The date of the password was set or taken away.
        ValidUntil = "valid_until",
        /// It has another identifier.
        Identifier = "identifier",
        /// A second factor is asked for.
        FactorOn = "factor_on",
        /// No second factor is asked for.
        FactorOff = "factor_off",
        /// All its sessions were ended.
        SessionsEnded = "sessions_ended",
        /// An API token was made.
        TokenCreated = "token_created",
        /// An API token was revoked.
        TokenRevoked = "token_revoked",
    }
}

/// A credential was changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CredentialChanged {
    /// The credential.
    pub credential: CredentialId,
    /// Whose it is.
    pub principal: Principal,
    /// What was changed.
    pub change: Change,
}

/// The kind of [`PolicySet`].
pub const POLICY_SET: &str = "accounts.policy_set";

/// The accounts policy was set, to this.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicySet {
    /// The policy.
    pub policy: AccountsPolicy,
}

impl Event for PolicySet {
    const KIND: &'static str = POLICY_SET;

    fn about(&self) -> About {
        About::default()
    }
}

fn about(credential: CredentialId, principal: Option<&Principal>) -> About {
    About {
        customer: principal.and_then(|principal| match principal {
            Principal::Customer(customer) | Principal::Partner(customer) => Some(*customer),
            _ => None,
        }),
        reference: Some(Reference { kind: Credential::SCHEMA.kind, id: credential.into() }),
        ..About::default()
    }
}

impl Event for SomebodySignedIn {
    const KIND: &'static str = SIGNED_IN;

    fn about(&self) -> About {
        about(self.credential, Some(&self.principal))
    }
}

impl Event for Guessing {
    const KIND: &'static str = GUESSING;

    fn about(&self) -> About {
        self.credential.map_or_else(About::default, |credential| about(credential, None))
    }
}

impl Event for CredentialChanged {
    const KIND: &'static str = CREDENTIAL_CHANGED;

    fn about(&self) -> About {
        about(self.credential, Some(&self.principal))
    }
}
