//! What people sign in with: one form for one identifier.

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;

use super::model::IdentifierKind;
use crate::kernel::email::Email;
use crate::kernel::phone::Phone;
use crate::kernel::text::{fold_digits, is_invisible};
use crate::{Error, Result};

/// The longest name to sign in with, in characters.
const MAX_NAME: usize = 64;

/// An e-mail address, a phone number or a name to sign in with, with the form by which it is compared.
///
/// Two identifiers are one exactly if their kinds and canonical forms are: nothing is folded that would let a look-alike
/// in (S-72). `Debug` shows the kind only.
///
/// ```
/// use crm_core::accounts::{Identifier, IdentifierKind};
/// let identifier = Identifier::parse(" Anna@Example.org", None)?;
/// assert_eq!((identifier.kind(), identifier.canonical()), (IdentifierKind::Email, "anna@example.org"));
/// assert_eq!(Identifier::parse("0048 601 234 567", None)?.canonical(), "+48601234567");
/// assert_eq!(Identifier::parse("Anna.N", None)?.canonical(), "anna.n");
/// assert_eq!(format!("{identifier:?}"), "Identifier(email)");
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Identifier {
    kind: IdentifierKind,
    given: String,
    canonical: String,
}

impl Identifier {
    /// Reads an identifier as people type it: with an `@` it is an address; of digits, spaces and `+-.()` only, a phone
    /// number, in national form one of `region`; otherwise a name of 3 to 64 letters, digits, `.`, `-` and `_`, the
    /// first a letter.
    ///
    /// # Errors
    /// [`Error::Invalid`]: those of [`Email::parse`] and [`Phone::parse`], and `identifier.format` for a name.
    pub fn parse(text: &str, region: Option<&str>) -> Result<Self> {
        if text.contains('@') {
            let email = Email::parse(text)?;
            let (given, canonical) = (email.as_str().to_owned(), email.canonical());
            return Ok(Self { kind: IdentifierKind::Email, given, canonical });
        }
        if text.len() > 8 * MAX_NAME {
            return Err(Error::invalid("identifier", "identifier.format"));
        }
        let plain = fold_digits(text);
        let plain = plain.trim_matches(|c| matches!(c, ' ' | '\u{a0}') || is_invisible(c));
        if plain.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '(')) {
            let phone = Phone::parse(plain, region)?;
            let given = phone.as_str().to_owned();
            return Ok(Self { kind: IdentifierKind::Phone, canonical: given.clone(), given });
        }
        Self::name(plain)
    }

    fn name(plain: &str) -> Result<Self> {
        let given = ComposingNormalizerBorrowed::new_nfkc().normalize(plain).into_owned();
        let chars = given.chars().count();
        let fits = (3..=MAX_NAME).contains(&chars)
            && given == plain
            && given.starts_with(char::is_alphabetic)
            && given.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if !fits {
            return Err(Error::invalid("identifier", "identifier.format"));
        }
        // As with addresses: only the case of ASCII letters is ignored, so that no twin of another script gets in.
        let canonical = given.to_ascii_lowercase();
        Ok(Self { kind: IdentifierKind::Name, given, canonical })
    }

    /// What it is.
    pub fn kind(&self) -> IdentifierKind {
        self.kind
    }

    /// What messages are sent to; of a name, the name.
    pub fn as_given(&self) -> &str {
        &self.given
    }

    /// The form by which it is compared.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({})", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_do_not_meet() {
        let canonical = |text: &str| Identifier::parse(text, None).map(|identifier| identifier.canonical().to_owned());
        assert_eq!(canonical("MIKE").unwrap(), canonical("mike").unwrap());
        for (a, b) in [("mike", "mıke"), ("kate", "\u{212a}ate"), ("admin", "аdmin"), ("paypal", "pаypal")] {
            assert!(canonical(b).is_err() || canonical(a).unwrap() != canonical(b).unwrap(), "{a} {b}");
        }
        for bad in
            ["", "ab", "a b", "1abc", "_abc", "x\u{200b}yz", "abc\n", "user:1", &"x".repeat(65), &"x".repeat(1 << 20)]
        {
            assert!(canonical(bad).is_err(), "{bad:?}");
        }
        assert_eq!(canonical(" مریم.احمدی ").unwrap(), "مریم.احمدی");
    }
}
