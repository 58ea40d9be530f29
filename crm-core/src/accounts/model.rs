//! Credentials, and what hangs on them: sessions, API tokens, codes, and the counting of wrong guesses.

use uuid::Uuid;

use super::password::{PasswordPolicy, must_change};
use crate::access::Principal;
use crate::kernel::time::Timestamp;
use crate::work::{ColumnType, Field, Json, Value, Version, misfit};
use crate::{Error, Result};

crate::id! {
    /// Names a credential.
    pub struct CredentialId;
    /// Names a session. Made from the digest of its token, so it tells nothing of it.
    pub struct SessionId;
    /// Names an API token. Made from its digest.
    pub struct ApiTokenId;
    /// Names a code that was sent: whoever asked for it gives it back together with the code.
    pub struct CodeId;
    /// Names a guard: the digest of what it counts for.
    pub struct GuardId;
}

crate::text_enum! {
    /// Why a password must be changed before its owner can do anything else.
    pub enum MustChange {
        /// Its date or its age is reached.
        Expired = "expired",
        /// Somebody else has chosen it. It works once.
        Temporary = "temporary",
        /// It was temporary, and has worked once: nobody signs in with it again, and it cannot be kept.
        Used = "used",
        /// It is known, or thought, to be in the wrong hands.
        Compromised = "compromised",
    }
}

crate::text_enum! {
    /// What a session can do.
    pub enum SessionKind {
        /// What its principal may do.
        Full = "full",
        /// Give the second factor, and nothing else.
        SecondFactor = "second_factor",
        /// Change the password, and nothing else.
        MustChange = "must_change",
    }
}

crate::text_enum! {
    /// What a code is for. A code for one thing is worth nothing for another.
    pub enum Purpose {
        /// To set the first password.
        Activate = "activate",
        /// To set a password in place of a forgotten one.
        Reset = "reset",
        /// To sign in without a password.
        SignIn = "sign_in",
        /// To prove a new identifier.
        ChangeIdentifier = "change_identifier",
    }
}

crate::text_enum! {
    /// What a person signs in with beside the password.
    pub enum IdentifierKind {
        /// An e-mail address.
        Email = "email",
        /// A phone number.
        Phone = "phone",
        /// A name of their own choice.
        Name = "name",
    }
}

crate::entity! {
    /// What a principal signs in with. Nothing in it can be turned back into a password.
    pub struct Credential {
        kind: "credential", table: "crm_credentials", key: (id: CredentialId), columns: credential, version: version,
        unique: { identifier: [canonical] },
        personal: [identifier, canonical, password_hash, history, factor_seed, recovery],
    } {
        /// Its id.
        id: CredentialId,
        /// The optimistic lock.
        version: Version,
        /// Who signs in.
        principal: Principal,
        /// What the identifier is.
        identifier_kind: IdentifierKind,
        /// The identifier as it was given: what messages are sent to.
        identifier: String,
        /// The form by which identifiers are compared.
        canonical: String,
        /// The hash of the password as a PHC string, once one was set.
        password_hash: Option<String>,
        /// Hashes of former passwords, the latest first.
        history: Json<Vec<String>>,
        /// Moves on with every change after which no session of before may live. Sessions carry the one they began with.
        generation: i64,
        /// When the password was set.
        changed_at: Timestamp,
        /// The instant from which the password must be changed (C38). Chosen by an administrator.
        valid_until: Option<Timestamp>,
        /// Why the password must be changed, if somebody or something said so.
        must_change: Option<MustChange>,
        /// Nobody can sign in with it.
        disabled: bool,
        /// What the second factor is derived from, beside the host's key. No secret.
        factor_seed: Option<Uuid>,
        /// Whether the second factor was proven, and is asked for.
        factor_on: bool,
        /// The time step of the last one-time password that was taken: none is taken twice.
        factor_step: i64,
        /// Digests of the recovery codes that are left.
        recovery: Json<Vec<String>>,
        /// When it was made.
        created_at: Timestamp,
    }
}

crate::entity! {
    /// Somebody who is signed in. The row is gone when the session has ended.
    pub struct Session {
        kind: "session", table: "crm_sessions", key: (id: SessionId), columns: session, version: version,
        personal: [token_hash],
    } {
        /// The first half of the token's digest.
        id: SessionId,
        /// The optimistic lock.
        version: Version,
        /// SHA-256 of the token, in hexadecimal.
        token_hash: String,
        /// Whose it is.
        credential_id: CredentialId,
        /// The credential's generation at its beginning.
        generation: i64,
        /// What it can do.
        kind: SessionKind,
        /// When it began.
        created_at: Timestamp,
        /// When it was last used, to the minute.
        seen_at: Timestamp,
        /// When it ends, whatever happens.
        expires_at: Timestamp,
        /// Until when the password counts as just entered.
        elevated_until: Option<Timestamp>,
    }
}

crate::entity! {
    /// A token for a program that acts as its owner, within some of the owner's permissions.
    pub struct ApiToken {
        kind: "api_token", table: "crm_api_tokens", key: (id: ApiTokenId), columns: api_token, version: version,
        personal: [token_hash],
    } {
        /// The first half of the token's digest.
        id: ApiTokenId,
        /// The optimistic lock.
        version: Version,
        /// SHA-256 of the token, in hexadecimal.
        token_hash: String,
        /// Whose it is.
        credential_id: CredentialId,
        /// What it is for, in its owner's words.
        name: String,
        /// Its first characters, so that its owner recognises it.
        shown: String,
        /// The permissions it is limited to. It never has one that its owner has not.
        scopes: Json<Vec<String>>,
        /// When it was made.
        created_at: Timestamp,
        /// When it ends.
        expires_at: Option<Timestamp>,
        /// When it was last used, to the minute.
        last_used_at: Option<Timestamp>,
    }
}

crate::entity! {
    /// A code on its way to a person. The row is gone when the code was used.
    pub struct Code {
        kind: "account_code", table: "crm_account_codes", key: (id: CodeId), columns: account_code, version: version,
        personal: [code_hash, target],
    } {
        /// Its id, which whoever asked for it has.
        id: CodeId,
        /// The optimistic lock.
        version: Version,
        /// The digest of the code, bound to its id and purpose.
        code_hash: String,
        /// Whose it is.
        credential_id: CredentialId,
        /// The credential's generation when it was made: a password change ends it.
        generation: i64,
        /// What it is for.
        purpose: Purpose,
        /// The identifier to prove, as it was given.
        target: Option<String>,
        /// When it ends.
        expires_at: Timestamp,
        /// How many more wrong guesses it bears.
        attempts_left: u16,
    }
}

crate::entity! {
    /// How often somebody was wrong of late. Counts for an account, for a source, or for one account from one source; its
    /// id is the digest of which.
    pub struct Guard {
        kind: "login_guard", table: "crm_login_guards", key: (id: GuardId), columns: login_guard, version: version,
    } {
        /// What it counts for.
        id: GuardId,
        /// The optimistic lock.
        version: Version,
        /// Attempts that were let through and have not proven right.
        failures: u32,
        /// When the last of them was made.
        last_at: Timestamp,
        /// Attempts that were turned away unheard, since the last that was not.
        turned_away: u32,
        /// When the account was last signed in to from this source.
        proven_at: Option<Timestamp>,
    }
}

impl Credential {
    /// When its password was set, if it has one: a credential may be one that codes alone sign in with.
    pub fn password_set_at(&self) -> Option<Timestamp> {
        self.password_hash.as_ref().map(|_| self.changed_at)
    }

    /// Why its password must be changed before anything else, if it must.
    pub fn must_change(&self, policy: &PasswordPolicy, now: Timestamp) -> Option<MustChange> {
        must_change(policy, self.must_change, self.valid_until, self.password_set_at(), now)
    }
}

impl Field for Principal {
    const TYPE: ColumnType = ColumnType::Text;

    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: &Value) -> Result<Self> {
        value.as_text().ok_or_else(|| misfit("Principal"))?.parse()
    }
}

impl std::str::FromStr for Principal {
    type Err = Error;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self> {
        let id = |text: &str| text.parse::<Uuid>().map_err(|_| misfit("Principal"));
        match text.split_once(':') {
            None if text == "system" => Ok(Self::System),
            None if text == "anonymous" => Ok(Self::Anonymous),
            Some(("module", name)) => Ok(Self::Module(name.to_owned().into())),
            Some(("user", user)) => Ok(Self::User(id(user)?.into())),
            Some(("customer", customer)) => Ok(Self::Customer(id(customer)?.into())),
            Some(("partner", customer)) => Ok(Self::Partner(id(customer)?.into())),
            _ => Err(misfit("Principal")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_come_back_from_their_text() {
        let id = Uuid::from_u128(7);
        for principal in [
            Principal::System,
            Principal::Anonymous,
            Principal::Module("sales".into()),
            Principal::User(id.into()),
            Principal::Customer(id.into()),
            Principal::Partner(id.into()),
        ] {
            assert_eq!(principal.to_string().parse::<Principal>().unwrap(), principal);
        }
        for bad in ["", "user", "user:", "user:7", "admin:1", "System"] {
            assert!(bad.parse::<Principal>().is_err(), "{bad}");
        }
    }
}
