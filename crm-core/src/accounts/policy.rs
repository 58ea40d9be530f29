//! How accounts are handled, as data that an administrator sets: one document for the whole store.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::lockout::LockoutPolicy;
use super::password::PasswordPolicy;
use crate::access::Principal;
use crate::customers::Stage;
use crate::kernel::input::required_text;
use crate::work::{Json, Version};
use crate::{Error, Result};

/// How passwords, sessions, codes and wrong guesses are handled, who gets a login, and what a payment buys.
///
/// ```
/// use crm_core::accounts::AccountsPolicy;
/// let policy: AccountsPolicy = serde_json::from_str(r#"{ "staff": { "idle_minutes": 15, "absolute_minutes": 600 } }"#).unwrap();
/// assert!(policy.check().is_ok());
/// assert_eq!(policy.password.min_chars_alone, 15, "what is left out is the default");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountsPolicy {
    /// What a password must be.
    pub password: PasswordPolicy,
    /// What wrong guesses lead to.
    pub lockout: LockoutPolicy,
    /// How long a member of staff stays signed in: 60 minutes without use, a day at most (NIST SP 800-63B-4, 2.2.3).
    pub staff: SessionLimits,
    /// How long a customer or partner does: 30 days at most (NIST SP 800-63B-4, 2.1.3).
    pub customers: SessionLimits,
    /// For how many minutes a password counts as just entered, for what needs that. 15.
    pub elevation_minutes: u16,
    /// How codes are made.
    pub codes: CodePolicy,
    /// Which customers may have a login, by their stage. A stage that is not named may not.
    pub stages: BTreeMap<Stage, StagePolicy>,
    /// What a payment of a certain nature buys, by the name of its nature.
    pub bundles: BTreeMap<String, Bundle>,
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionLimits {
    /// It ends after so many minutes without use, if at all.
    pub idle_minutes: Option<u32>,
    /// It ends so many minutes after signing in, at most 525,600.
    pub absolute_minutes: u32,
}

/// How codes are made and how long they are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CodePolicy {
    /// For how many minutes a code by text message is good, 1 to 10 (ASVS 5.0, 6.5.5).
    pub sms_minutes: u16,
    /// For how many minutes a code by e-mail is good, 1 to 60.
    pub email_minutes: u16,
    /// How many digits a code by text message has, 6 to 12.
    pub digits: u8,
    /// After how many wrong guesses a code is void, 1 to 10.
    pub attempts: u16,
}

/// What customers of one stage may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagePolicy {
    /// After how many days the password must be changed, if after any.
    pub valid_days: Option<u16>,
    /// Whether a code that is sent lets them in by itself, so that they need no password. Off unless switched on: whoever
    /// reads the messages of the phone or the mailbox is then the customer.
    #[serde(default)]
    pub code_alone: bool,
}

/// What a payment buys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// The roles it gives, 1 to 20.
    pub roles: Vec<String>,
    /// For how many days, if not for ever.
    pub valid_days: Option<u16>,
}

impl Default for AccountsPolicy {
    fn default() -> Self {
        Self {
            password: PasswordPolicy::default(),
            lockout: LockoutPolicy::default(),
            staff: SessionLimits { idle_minutes: Some(60), absolute_minutes: 24 * 60 },
            customers: SessionLimits { idle_minutes: None, absolute_minutes: 30 * 24 * 60 },
            elevation_minutes: 15,
            codes: CodePolicy::default(),
            stages: BTreeMap::from([(Stage::Customer, StagePolicy { valid_days: None, code_alone: false })]),
            bundles: BTreeMap::new(),
        }
    }
}

impl Default for CodePolicy {
    fn default() -> Self {
        Self { sms_minutes: 10, email_minutes: 60, digits: 8, attempts: 5 }
    }
}

impl AccountsPolicy {
    /// Refuses a document that makes no sense, or would let in who should stay out.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field, and rule `password.policy`, `lockout.policy`, `session.policy`, `code.policy`
    /// or `bundle.policy`.
    pub fn check(&self) -> Result<()> {
        self.password.check()?;
        self.lockout.check()?;
        for (field, limits) in [("staff", self.staff), ("customers", self.customers)] {
            let idle_fits = limits.idle_minutes.is_none_or(|idle| (1..=limits.absolute_minutes).contains(&idle));
            if !(1..=525_600).contains(&limits.absolute_minutes) || !idle_fits {
                return Err(Error::invalid(field, "session.policy"));
            }
        }
        if !(1..=60).contains(&self.elevation_minutes) {
            return Err(Error::invalid("elevation_minutes", "session.policy"));
        }
        let CodePolicy { sms_minutes, email_minutes, digits, attempts } = self.codes;
        let codes_fit = (1..=10).contains(&sms_minutes) && (1..=60).contains(&email_minutes);
        if !codes_fit || !(6..=12).contains(&digits) || !(1..=10).contains(&attempts) {
            return Err(Error::invalid("codes", "code.policy"));
        }
        for (nature, bundle) in &self.bundles {
            let plain = |text: &str| required_text("bundles", text, 60).is_ok_and(|plain| plain == text);
            let roles = &bundle.roles;
            if !plain(nature) || !(1..=20).contains(&roles.len()) || !roles.iter().all(|role| plain(role)) {
                return Err(Error::invalid("bundles", "bundle.policy"));
            }
        }
        Ok(())
    }

    /// Whether a customer of this stage may sign in with a code alone.
    pub fn takes_codes_alone(&self, stage: Stage) -> bool {
        self.stages.get(&stage).is_some_and(|stage| stage.code_alone)
    }

    /// How long this principal stays signed in.
    pub fn limits(&self, principal: &Principal) -> SessionLimits {
        if matches!(principal, Principal::Customer(_) | Principal::Partner(_)) { self.customers } else { self.staff }
    }
}

crate::id! {
    /// Names the document.
    pub struct SettingsId;
}

crate::entity! {
    /// The policy as it is stored: at most one.
    pub struct AccountsSettings {
        kind: "accounts.settings", records: [], key: (id: SettingsId), columns: accounts_settings, version: version,
    } {
        /// Always that of [`AccountsSettings::only`].
        id: SettingsId,
        /// The optimistic lock.
        version: Version,
        /// The policy.
        policy: Json<AccountsPolicy>,
    }
}

impl AccountsSettings {
    /// The id of the one document.
    pub fn only() -> SettingsId {
        Uuid::nil().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_checked() {
        let good = AccountsPolicy::default();
        assert!(good.check().is_ok());
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(serde_json::from_str::<AccountsPolicy>(&text).unwrap(), good);
        assert!(serde_json::from_str::<AccountsPolicy>(r#"{"staf": 1}"#).is_err());
        let bundle = |name: &str, roles: &[&str]| AccountsPolicy {
            bundles: BTreeMap::from([(
                name.to_owned(),
                Bundle { roles: roles.iter().map(|role| (*role).to_owned()).collect(), valid_days: Some(30) },
            )]),
            ..AccountsPolicy::default()
        };
        assert!(bundle("membership", &["gold"]).check().is_ok());
        let limits = |idle_minutes, absolute_minutes| SessionLimits { idle_minutes, absolute_minutes };
        for bad in [
            AccountsPolicy { staff: limits(None, 0), ..good.clone() },
            AccountsPolicy { staff: limits(Some(0), 10), ..good.clone() },
            AccountsPolicy { customers: limits(Some(11), 10), ..good.clone() },
            AccountsPolicy { elevation_minutes: 0, ..good.clone() },
            AccountsPolicy { codes: CodePolicy { sms_minutes: 11, ..good.codes }, ..good.clone() },
            AccountsPolicy { codes: CodePolicy { email_minutes: 61, ..good.codes }, ..good.clone() },
            AccountsPolicy { codes: CodePolicy { digits: 5, ..good.codes }, ..good.clone() },
            AccountsPolicy { codes: CodePolicy { attempts: 11, ..good.codes }, ..good.clone() },
            bundle("", &["gold"]),
            bundle("membership", &[]),
            bundle("membership", &[" gold"]),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
