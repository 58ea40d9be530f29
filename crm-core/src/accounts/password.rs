//! Which passwords are good enough, and when they have had their day: pure functions.
//!
//! After NIST SP 800-63B-4, section 3.1.1.2, and OWASP ASVS 5.0, section 6.2: length and a blocklist, no rules about
//! capitals and digits, every character counts, nothing is cut off or trimmed.

use std::sync::OnceLock;
use std::time::Duration;

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};

use super::model::MustChange;
use crate::kernel::text;
use crate::kernel::time::Timestamp;
use crate::{Error, Result};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a password must be, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordPolicy {
    /// The fewest characters of a password that is all there is to sign in with. 15, as NIST requires; 8 is the least
    /// that can be set, which ASVS allows and NIST does not.
    pub min_chars_alone: u16,
    /// The fewest characters of a password beside a second factor. 8, as NIST requires at least.
    pub min_chars_with_second_factor: u16,
    /// The most characters. 128; at least 64 as both standards require, at most 1024.
    pub max_chars: u16,
    /// How many former passwords may not be used again, 0 to 24. The present one never may. `None` is 5 while passwords
    /// expire and 0 while they do not: without expiry nobody has a reason to go back.
    pub history: Option<u8>,
    /// Passwords expire. Off unless switched on: see [`PasswordExpiry`].
    pub expiry: Option<PasswordExpiry>,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { min_chars_alone: 15, min_chars_with_second_factor: 8, max_chars: 128, history: None, expiry: None }
    }
}

/// Passwords expire by age.
///
/// **Both standards forbid asking for this.** NIST SP 800-63B-4, 3.1.1.2: verifiers shall not require users to change
/// passwords periodically, and shall force a change when there is evidence of a compromise. OWASP ASVS 5.0, 6.2.10: a
/// password stays valid until it is found to be compromised or its user changes it; the application must not require
/// periodic rotation. People who must change often choose worse passwords. It exists because auditors of some hosts
/// demand it. A date for one credential, chosen by an administrator, does not need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordExpiry {
    /// After how many days a password expires, 1 to 3650.
    pub max_age_days: u16,
    /// For how many days after the switching on nothing expires, so that not everybody is locked out at once.
    pub grace_days: u16,
    /// When it was switched on. Set by [`set_policy`](super::Accounts::set_policy), whatever the caller says.
    #[serde(default)]
    pub since: Option<Timestamp>,
}

impl PasswordPolicy {
    /// Refuses numbers that make no sense or are below what both standards take.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `password.policy`.
    pub fn check(&self) -> Result<()> {
        let wrong = |field: &'static str| Err(Error::invalid(field, "password.policy"));
        if !(64..=1024).contains(&self.max_chars) {
            return wrong("max_chars");
        }
        if !(8..=64).contains(&self.min_chars_alone) {
            return wrong("min_chars_alone");
        }
        if !(8..=64).contains(&self.min_chars_with_second_factor) {
            return wrong("min_chars_with_second_factor");
        }
        if self.history.is_some_and(|history| history > 24) {
            return wrong("history");
        }
        match self.expiry {
            Some(expiry) if !(1..=3650).contains(&expiry.max_age_days) => wrong("max_age_days"),
            Some(expiry) if expiry.grace_days > 3650 => wrong("grace_days"),
            _ => Ok(()),
        }
    }

    /// How many former passwords may not be used again.
    pub fn remembered(&self) -> usize {
        usize::from(self.history.unwrap_or(if self.expiry.is_some() { 5 } else { 0 }))
    }

    /// When a password that was set at `changed_at` expires by its age (C38). Usable while `now` is before it.
    pub fn expires_at(&self, changed_at: Timestamp) -> Option<Timestamp> {
        let expiry = self.expiry?;
        let after = |start: Timestamp, days: u16| start.checked_add(DAY * u32::from(days)).unwrap_or(Timestamp::MAX);
        let by_age = after(changed_at, expiry.max_age_days);
        Some(expiry.since.map_or(by_age, |since| by_age.max(after(since, expiry.grace_days))))
    }

    /// Judges a new password and returns it in the form to hash: Unicode NFC, nothing else changed.
    ///
    /// `context` are words that everybody knows about its owner: the identifier, the name.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `password`, with rule `password.too_short`, `password.too_long`, `password.control`,
    /// `password.repeats`, `password.common`, `password.context` or `password.breached`.
    ///
    /// ```
    /// use crm_core::accounts::PasswordPolicy;
    /// let policy = PasswordPolicy::default();
    /// assert!(policy.judge("a walk by the river", false, &["anna@example.org"], |_| false).is_ok());
    /// assert!(policy.judge("anna@example.org", false, &["anna@example.org"], |_| false).is_err());
    /// assert!(policy.judge("football", true, &[], |_| false).is_err(), "among the most common");
    /// assert!(policy.judge("Tr0ub4dor&3", false, &[], |_| false).is_err(), "too short to stand alone");
    /// ```
    pub fn judge(
        &self,
        password: &str,
        has_second_factor: bool,
        context: &[&str],
        is_breached: impl FnOnce(&str) -> bool,
    ) -> Result<String> {
        let refuse = |rule| Err(Error::invalid("password", rule));
        let Some(password) = self.plain(password) else { return refuse("password.too_long") };
        let min = if has_second_factor { self.min_chars_with_second_factor } else { self.min_chars_alone };
        if password.chars().count() < usize::from(min) {
            return refuse("password.too_short");
        }
        if password.chars().any(char::is_control) {
            return refuse("password.control");
        }
        let small = password.to_lowercase();
        if repeats(&small) {
            return refuse("password.repeats");
        }
        if is_common(&small) {
            return refuse("password.common");
        }
        if context.iter().any(|word| is_made_of(&small, word)) {
            return refuse("password.context");
        }
        if is_breached(&password) {
            return refuse("password.breached");
        }
        Ok(password)
    }

    /// The form in which a password is hashed. `None` when it is longer than any password: found by its length in bytes
    /// first, so that a megabyte costs nothing.
    pub fn plain(&self, password: &str) -> Option<String> {
        let max = usize::from(self.max_chars);
        if password.len() > 4 * max {
            return None;
        }
        let plain = ComposingNormalizerBorrowed::new_nfc().normalize(password).into_owned();
        (plain.chars().count() <= max).then_some(plain)
    }
}

/// Why a password must be changed before anything else, if it must: the reason that is stored, the date of the credential
/// or the age, counted from when it was set. An instant is past when it is reached (S-05).
pub fn must_change(
    policy: &PasswordPolicy,
    stored: Option<MustChange>,
    valid_until: Option<Timestamp>,
    changed_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<MustChange> {
    stored.or_else(|| {
        let ends = [valid_until, changed_at.and_then(|changed_at| policy.expires_at(changed_at))];
        ends.into_iter().flatten().any(|end| now >= end).then_some(MustChange::Expired)
    })
}

/// One thing over and over, or a run up or down the alphabet: `passwordpassword`, `12345678`.
fn repeats(small: &str) -> bool {
    let chars: Vec<char> = small.chars().collect();
    let periodic = (1..=chars.len() / 2).any(|period| chars.iter().zip(&chars[period..]).all(|(a, b)| a == b));
    let runs =
        |step: i64| chars.windows(2).all(|pair| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0])) == step);
    periodic || runs(1) || runs(-1)
}

fn is_common(small: &str) -> bool {
    static COMMON: OnceLock<Vec<&'static str>> = OnceLock::new();
    let common = COMMON
        .get_or_init(|| include_str!("common_passwords.txt").lines().filter(|line| !line.starts_with("# ")).collect());
    // The year or the exclamation mark at the end is part of the habit.
    let stem = small.trim_end_matches(|c: char| !c.is_alphabetic());
    common.binary_search(&small).is_ok() || common.binary_search(&stem).is_ok()
}

/// The password is a word that everybody knows about its owner, with little around it or some of it left out. A longer
/// phrase may contain the name: it is the rest that is secret.
fn is_made_of(small: &str, word: &str) -> bool {
    let (small, word) = (text::fold(small).replace(' ', ""), text::fold(word).replace(' ', ""));
    if word.chars().count() < 4 || small.is_empty() {
        return false;
    }
    let rest = small.replace(&word, "").chars().count();
    (rest < small.chars().count() && rest < 8) || word.contains(&small)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(policy: &PasswordPolicy, password: &str) -> &'static str {
        match policy
            .judge(password, true, &["maryam.ahmadi@example.org", "Maryam Ahmadi"], |word| word == "breached word")
        {
            Ok(_) => "",
            Err(Error::Invalid { field, rule }) if field == "password" => rule,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_list_of_common_passwords_is_sorted_and_long_enough() {
        let lines: Vec<&str> =
            include_str!("common_passwords.txt").lines().filter(|line| !line.starts_with("# ")).collect();
        assert!(lines.len() >= 3_000, "{}", lines.len());
        assert!(lines.is_sorted() && lines.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(lines.iter().all(|line| line.chars().count() >= 8 && line.to_lowercase() == *line));
    }

    #[test]
    fn every_edge() {
        let policy = PasswordPolicy::default();
        for (password, expected) in [
            ("7q2w9c4", "password.too_short"),
            ("7q2w9c4d", ""),
            ("żółw1a2", "password.too_short"),
            ("żółw1a2b", ""),
            ("  two  spaces  ", ""),
            ("line\nbreak here", "password.control"),
            ("aaaaaaaaaaaa", "password.repeats"),
            ("AbcAbcAbcAbc", "password.repeats"),
            ("abcdefghijkl", "password.repeats"),
            ("987654321", "password.repeats"),
            ("Password123", "password.common"),
            ("FOOTBALL", "password.common"),
            ("football-2026!!", "password.common"),
            ("passwordpassword", "password.repeats"),
            ("maryam ahmadi", "password.context"),
            ("Maryam.Ahmadi1!", "password.context"),
            ("ahmadi@example", "password.context"),
            ("maryam ahmadi rows a green boat", ""),
            ("breached word", "password.breached"),
            ("گذرواژه‌ای بلند", ""),
        ] {
            assert_eq!(rule(&policy, password), expected, "{password}");
        }
        let chars = |n: u32| (0..n).filter_map(|n| char::from_u32(0x4e00 + n * n % 5003)).collect::<String>();
        for (n, expected) in [(64, ""), (128, ""), (129, "password.too_long"), (10_000, "password.too_long")] {
            assert_eq!(rule(&policy, &chars(n)), expected, "{n}");
        }
        let alone = |n| policy.judge(&chars(n), false, &[], |_| false).is_ok();
        assert!(!alone(14) && alone(15));
        assert_eq!(policy.plain(&"x".repeat(1 << 20)), None);
    }

    #[test]
    fn one_password_has_one_form_and_keeps_its_spaces() {
        let policy = PasswordPolicy::default();
        assert_eq!(policy.plain("zo\u{301}łw"), policy.plain("z\u{f3}łw"));
        assert_ne!(policy.plain("a "), policy.plain("a"));
        assert_ne!(policy.plain("Ａ"), policy.plain("A"), "compatibility forms are other characters");
    }

    #[test]
    fn expiry_is_off_and_exact() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let changed = at("2025-01-01T00:00:00Z");
        let off = PasswordPolicy::default();
        assert_eq!(off.expires_at(changed), None);
        assert_eq!(must_change(&off, None, None, Some(changed), Timestamp::MAX), None);
        let on = |since, grace_days| PasswordPolicy {
            expiry: Some(PasswordExpiry { max_age_days: 90, grace_days, since }),
            ..PasswordPolicy::default()
        };
        let end = at("2025-04-01T00:00:00Z");
        let before = end.checked_add_micros(-1).unwrap();
        let policy = on(None, 0);
        assert_eq!(must_change(&policy, None, None, Some(changed), before), None);
        assert_eq!(must_change(&policy, None, None, Some(changed), end), Some(MustChange::Expired));
        // Switched on a year later: everybody has the grace, and then their age counts.
        let policy = on(Some(at("2026-01-01T00:00:00Z")), 14);
        assert_eq!(policy.expires_at(changed), Some(at("2026-01-15T00:00:00Z")));
        assert_eq!(policy.expires_at(at("2025-12-31T00:00:00Z")), Some(at("2026-03-31T00:00:00Z")));
        // A date of the credential's own needs no policy, and a reason stands whatever the clock says.
        assert_eq!(must_change(&off, None, Some(end), Some(changed), before), None);
        assert_eq!(must_change(&off, None, Some(end), Some(changed), end), Some(MustChange::Expired));
        assert_eq!(
            must_change(&off, Some(MustChange::Expired), Some(end), Some(changed), before),
            Some(MustChange::Expired)
        );
        assert_eq!(on(None, 0).remembered(), 5);
        assert_eq!(off.remembered(), 0);
    }

    #[test]
    fn policies_below_the_standards_are_refused() {
        let good = PasswordPolicy::default();
        assert!(good.check().is_ok());
        for bad in [
            PasswordPolicy { min_chars_alone: 7, ..good },
            PasswordPolicy { min_chars_with_second_factor: 0, ..good },
            PasswordPolicy { max_chars: 63, ..good },
            PasswordPolicy { max_chars: 1025, ..good },
            PasswordPolicy { history: Some(25), ..good },
            PasswordPolicy { expiry: Some(PasswordExpiry { max_age_days: 0, grace_days: 0, since: None }), ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        assert_eq!(serde_json::from_str::<PasswordPolicy>("{}").unwrap(), good);
        assert!(serde_json::from_str::<PasswordPolicy>(r#"{"min_charz": 8}"#).is_err());
    }

    proptest! {
        #[test]
        fn judging_never_panics_and_what_is_taken_is_its_own_form(password in "\\PC{0,40}", context in "\\PC{0,20}") {
            let policy = PasswordPolicy { min_chars_alone: 8, ..PasswordPolicy::default() };
            if let Ok(plain) = policy.judge(&password, false, &[&context], |_| false) {
                prop_assert_eq!(policy.plain(&plain), Some(plain.clone()));
                prop_assert!(plain.chars().count() >= 8);
            }
        }
    }
}
