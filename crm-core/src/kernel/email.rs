//! E-mail addresses that mail can be sent to, and their form for uniqueness.

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

use super::text;
use crate::{Error, Result};

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1.3, less the angle brackets), in bytes.
const MAX_ADDRESS: usize = 254;
/// The longest local part (RFC 5321, 4.5.3.1.1), in bytes.
const MAX_LOCAL_PART: usize = 64;

/// An e-mail address `local@domain`.
///
/// The local part is kept as written. The domain is kept in ASCII lower case: an international domain becomes its
/// `xn--` form, which is the one that is looked up (UTS 46). [`Email::to_unicode`] is the form for people.
///
/// `Debug` shows nothing of the address, so that it does not reach logs.
///
/// ```
/// use crm_core::kernel::email::Email;
/// # fn main() -> crm_core::Result<()> {
/// let email = Email::parse("Anna.Nowak@Bücher.example")?;
/// assert_eq!(email.as_str(), "Anna.Nowak@xn--bcher-kva.example");
/// assert_eq!(email.canonical(), "anna.nowak@xn--bcher-kva.example");
/// assert_eq!(email.to_unicode(), "Anna.Nowak@bücher.example");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// Reads an address as people type it. Spaces and invisible characters around it are dropped, and Persian and
    /// Arabic-Indic digits are folded (C04); the folded address is the one that mail goes to.
    ///
    /// Refused on purpose, though a standard has room for it: quoted local parts, comments and folded white space,
    /// address literals (`[127.0.0.1]`), domains of one label and domains that end in a number. No customer has such
    /// an address; a typing error or an attack does.
    ///
    /// A local part may have letters beyond ASCII (RFC 6531), but only in their plain form (NFKC): the Kelvin sign,
    /// full-width letters and ligatures, which look like or turn into other letters, are refused.
    ///
    /// # Errors
    ///
    /// Field `email`, rule `email.length` for an address or a local part that is too long, otherwise `email.format`.
    pub fn parse(input: &str) -> Result<Self> {
        // No address shrinks to an allowed one by more than its surroundings; this bounds the work below.
        if input.len() > 4 * MAX_ADDRESS {
            return Err(Error::invalid("email", "email.length"));
        }
        let plain = text::fold_digits(input);
        let plain = plain.trim_matches(|c| matches!(c, ' ' | '\u{a0}') || text::is_invisible(c));
        let (local, domain) = plain.rsplit_once('@').ok_or_else(format)?;
        if !is_local_part(local) {
            return Err(format());
        }
        let domain = ascii_domain(domain)?;
        let address = format!("{local}@{domain}");
        if local.len() > MAX_LOCAL_PART || address.len() > MAX_ADDRESS {
            return Err(Error::invalid("email", "email.length"));
        }
        Ok(Self(address))
    }

    /// The address, ready for sending.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form by which addresses are compared: ASCII letters in lower case.
    ///
    /// Two addresses have the same form only if they differ in the case of ASCII letters. Nothing else is mapped, so a
    /// look-alike (`mıke` with a dotless i) is never taken for `mike` (compare CVE-2019-19844). Mail still goes to the
    /// address that is stored, never to the one that was typed to find it.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The local part, as written.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The domain, in ASCII lower case.
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The address with an international domain in its own letters, for showing.
    pub fn to_unicode(&self) -> String {
        format!("{}@{}", self.local_part(), idna::domain_to_unicode(self.domain()).0)
    }
}

fn format() -> Error {
    Error::invalid("email", "email.format")
}

/// The dot-atom of RFC 5322, with letters of other scripts (RFC 6531).
fn is_local_part(local: &str) -> bool {
    let is_atom_char = |c: char| {
        if c.is_ascii() {
            c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
        } else {
            text::is_word_char(c)
        }
    };
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char))
        && ComposingNormalizerBorrowed::new_nfkc().is_normalized(local)
}

/// The domain as it is looked up in the DNS: two labels or more, the last one not a number.
fn ascii_domain(domain: &str) -> Result<String> {
    let ascii = Uts46::new()
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .map_err(|_| format())?;
    let last = ascii.rsplit_once('.').map(|(_, last)| last).ok_or_else(format)?;
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format());
    }
    Ok(ascii.into_owned())
}

impl TryFrom<String> for Email {
    type Error = Error;

    fn try_from(address: String) -> Result<Self> {
        Self::parse(&address)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl std::str::FromStr for Email {
    type Err = Error;

    fn from_str(address: &str) -> Result<Self> {
        Self::parse(address)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepted() {
        for (input, stored) in [
            ("anna@example.org", "anna@example.org"),
            ("Anna.Nowak+crm@Example.ORG", "Anna.Nowak+crm@example.org"),
            (" \u{200f}ali@example.ir\u{200e} ", "ali@example.ir"),
            ("ali۱۲٣@example.ir", "ali123@example.ir"),
            ("o'neill_1@sub.example.co.uk", "o'neill_1@sub.example.co.uk"),
            ("info@ایران.ایران", "info@xn--mgba3a4f16a.xn--mgba3a4f16a"),
            ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
            ("zażółć@example.pl", "zażółć@example.pl"),
            ("a@\u{212a}ate.example", "a@kate.example"), // the same domain in the DNS
        ] {
            assert_eq!(Email::parse(input).map(String::from).ok().as_deref(), Some(stored), "{input}");
        }
    }

    #[test]
    fn refused() {
        for input in [
            "",
            "@",
            "a",
            "a@",
            "@example.org",
            "a@b",
            "a@@example.org",
            "a b@example.org",
            "a@exa mple.org",
            ".a@example.org",
            "a.@example.org",
            "a..b@example.org",
            "a@.example.org",
            "a@example.org.",
            "a@example..org",
            "a@-example.org",
            "a@example-.org",
            "a@exa_mple.org",
            "a@example.123",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "\"a\"@example.org",
            "a(comment)@example.org",
            "Anna <a@example.org>",
            "a@example.org,b@example.org",
            "a@example.org\r\nBcc: b@example.org",
            "a\n@example.org",
            "\ta@example.org",
            "a@example.org\n",
            "a\0@example.org",
            "a\u{200c}b@example.org",
            "a\u{202e}b@example.org",
            "\u{212a}ate@example.org", // Kelvin sign
            "ａli@example.org",        // full width
            "ﬁn@example.org",          // ligature
            "e\u{301}@example.org",    // not composed
            "a🌸@example.org",
        ] {
            assert!(matches!(Email::parse(input), Err(Error::Invalid { rule: "email.format", .. })), "{input:?}");
        }
        let long = |local: usize, label: usize| {
            format!("{}@{}.{}.{}.org", "l".repeat(local), "a".repeat(label), "b".repeat(63), "c".repeat(57))
        };
        assert!(Email::parse(&long(64, 63)).is_ok());
        assert_eq!(Email::parse(&long(64, 63)).unwrap().as_str().len(), MAX_ADDRESS);
        for input in [long(65, 20), long(64, 63).replace(".org", ".orgs"), "a".repeat(5_000)] {
            assert!(matches!(Email::parse(&input), Err(Error::Invalid { rule: "email.length", .. })), "{input:?}");
        }
    }

    #[test]
    fn twins_are_told_apart() {
        let canonical = |address: &str| Email::parse(address).ok().map(|email| email.canonical());
        let mike = canonical("mike@example.org").unwrap();
        assert_eq!(canonical("MIKE@EXAMPLE.ORG").as_ref(), Some(&mike));
        for twin in [
            "mıke@example.org",
            "mİke@example.org",
            "mi\u{212a}e@example.org",
            "ｍike@example.org",
            "mіke@example.org",
            "mike@exаmple.org",
            "mike@example.оrg",
            "mike@examp\u{131}e.org",
            "míke@example.org",
            "mike+a@example.org",
            "mi.ke@example.org",
        ] {
            assert_ne!(canonical(twin).as_ref(), Some(&mike), "{twin}");
        }
    }

    /// What the `ISEmail` suite finds deliverable is accepted, what it finds wrong, obsolete or folded is refused. Of
    /// what RFC 5321 and 5322 allow beyond (quoted strings, literals, one label, too long) all is refused on purpose.
    #[test]
    fn outside_cases() {
        let Some(cases) = crate::kernel::cases("forms/isemail_tests.json") else { return };
        let mut wrong = Vec::new();
        for case in cases["cases"].as_array().unwrap() {
            let address = case["address_decoded"].as_str().or(case["address"].as_str()).unwrap_or_default();
            let category = case["category"].as_str().unwrap();
            // A domain of one label, and spaces around the address, which we forgive.
            let expected = match address {
                "test@io" => false,
                " test@iana.org" | "test@iana.org " => true,
                _ => matches!(category, "ISEMAIL_VALID_CATEGORY" | "ISEMAIL_DNSWARN"),
            };
            if Email::parse(address).is_ok() != expected {
                wrong.push(format!("{address:?} {}", case["diagnosis"]));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn serde_and_debug() {
        let email: Email = serde_json::from_str("\"Anna@Example.org\"").unwrap();
        assert_eq!(serde_json::to_string(&email).unwrap(), "\"Anna@example.org\"");
        assert_eq!((email.local_part(), email.domain()), ("Anna", "example.org"));
        assert_eq!(format!("{email:?}"), "Email(…)");
        assert!(serde_json::from_str::<Email>("\"a\"").is_err());
    }

    proptest! {
        #[test]
        fn an_accepted_address_is_plain_and_reads_back(chars in prop::collection::vec(any::<char>(), 0..12), domain in "[a-zA-Zäßаה0-9-]{1,12}\\.[a-z]{2,5}") {
            let local: String = chars.into_iter().collect();
            for text in [format!("{local}@{domain}"), local] {
                if let Ok(email) = Email::parse(&text) {
                    prop_assert!(!email.as_str().contains(|c: char| c.is_control() || c.is_whitespace()));
                    prop_assert_eq!(&Email::parse(email.as_str()).unwrap(), &email);
                    prop_assert_eq!(Email::parse(&email.canonical()).unwrap().canonical(), email.canonical());
                    prop_assert_eq!(&Email::parse(&email.to_unicode()).unwrap(), &email);
                }
            }
        }

        #[test]
        fn only_letter_case_is_ignored(a in "[aAbBıİkK\u{212a}éÉ1]{1,4}", b in "[aAbBıİkK\u{212a}éÉ1]{1,4}") {
            let parse = |local: &str| Email::parse(&format!("{local}@example.org"));
            if let (Ok(x), Ok(y)) = (parse(&a), parse(&b)) {
                prop_assert_eq!(x.canonical() == y.canonical(), a.eq_ignore_ascii_case(&b));
            }
        }
    }
}
