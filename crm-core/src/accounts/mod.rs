//! Accounts: what people and programs sign in with, and what comes of it: sessions, tokens, codes (C37, C38, C40, C41).
//!
//! Two ways in. The [`Gate`] (`crm.accounts()`) turns a password, a code or a token into a principal: it hashes outside
//! every transaction. The [`Accounts`] of a unit of work (`work.accounts()`) are what an administrator does: make, disable
//! and delete credentials, set their dates, end their sessions.

pub mod event;
mod gate;
mod hasher;
mod identifier;
mod lifetime;
mod lockout;
mod model;
mod password;
mod policy;
mod service;
mod setup;
mod token;

pub use gate::{Authenticated, By, CODE_TOPIC, Gate, NOTICE_TOPIC, SignedIn};
#[cfg(feature = "totp")]
pub use gate::{FactorSetup, one_time_password};
pub use hasher::{HashCost, Hasher};
pub use identifier::Identifier;
pub use lifetime::{is_good, standing};
pub use lockout::{Admission, LockoutPolicy, Source, Tally};
pub use model::{
    ApiToken, ApiTokenId, Code, CodeId, Credential, CredentialId, Guard, GuardId, IdentifierKind, MustChange, Purpose,
    Session, SessionId, SessionKind, account_code, api_token, credential, login_guard, session,
};
pub use password::{PasswordExpiry, PasswordPolicy, must_change};
pub use policy::{
    AccountsPolicy, AccountsSettings, Bundle, CodePolicy, SessionLimits, SettingsId, StagePolicy, accounts_settings,
};
pub use service::{Accounts, Issued, MANAGE, POLICY, READ};
pub use setup::Passwords;
pub use token::{Key, Token};
