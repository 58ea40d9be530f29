//! The languages that texts for people are written in.

mod numbers;

use std::{fmt, str::FromStr};

pub use numbers::{Counted, fill, isolated};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A language that the library's own texts for people (a printed invoice, a quote in words) are written in. As text, and in serde, it is
/// its BCP 47 tag.
///
/// ```
/// use crm_core::kernel::language::Language;
/// let fa: Language = "fa".parse()?;
/// assert_eq!(fa.digits("1404/01/01"), "۱۴۰۴/۰۱/۰۱");
/// assert!(fa.is_right_to_left());
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Polish.
    Pl,
    /// Hebrew.
    He,
    /// Persian.
    Fa,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::En, Self::Pl, Self::He, Self::Fa];

    /// The BCP 47 tag.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Pl => "pl",
            Self::He => "he",
            Self::Fa => "fa",
        }
    }

    /// Whether it is written from right to left.
    pub const fn is_right_to_left(self) -> bool {
        matches!(self, Self::He | Self::Fa)
    }

    /// A text with its ASCII digits as this language writes them.
    pub fn digits(self, text: &str) -> String {
        text.chars().map(|c| self.digit(c)).collect()
    }

    /// An ASCII digit as this language writes it; any other character as it is.
    pub fn digit(self, c: char) -> char {
        let persian = c.to_digit(10).filter(|_| self == Self::Fa);
        persian.and_then(|digit| char::from_u32(u32::from('۰') + digit)).unwrap_or(c)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// Reads the tag. Error: `language.unknown`.
impl FromStr for Language {
    type Err = Error;

    fn from_str(tag: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|language| language.tag() == tag);
        known.ok_or_else(|| Error::invalid("language", "language.unknown"))
    }
}
