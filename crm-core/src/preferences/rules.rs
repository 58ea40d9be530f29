//! What counts of what several sources say: pure functions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::{Preference, PreferenceSource};
use crate::kernel::input::required_text;
use crate::kernel::time::Timestamp;
use crate::{Error, Result};

/// The longest key, in characters.
const MAX_KEY: usize = 64;
/// The longest value, in characters.
const MAX_VALUE: usize = 200;

/// What one source says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Who says so.
    pub source: PreferenceSource,
    /// What they like.
    pub value: String,
    /// When it was said or derived.
    pub at: Timestamp,
}

/// What counts of one key, and what else is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// What it is about.
    pub key: String,
    /// What counts.
    pub counts: Held,
    /// What the other sources say, by how much they would count.
    pub others: Vec<Held>,
}

/// What counts of each key of one customer, in the order of the keys: what was stated, else what was imported, else what was
/// derived, however old it is.
///
/// ```
/// use crm_core::kernel::time::Timestamp;
/// use crm_core::preferences::{Preference, PreferenceSource, resolve};
/// use crm_core::work::Version;
/// let said = |source, value: &str| Preference {
///     customer_id: uuid::Uuid::nil().into(),
///     key: "diet".into(),
///     source,
///     version: Version::FIRST,
///     value: value.into(),
///     at: Timestamp::UNIX_EPOCH,
/// };
/// let known = resolve([said(PreferenceSource::Derived, "meat"), said(PreferenceSource::Stated, "vegan")]);
/// assert_eq!((known[0].counts.value.as_str(), known[0].others[0].value.as_str()), ("vegan", "meat"));
/// ```
pub fn resolve(preferences: impl IntoIterator<Item = Preference>) -> Vec<Resolved> {
    let mut by_key: BTreeMap<String, Vec<Held>> = BTreeMap::new();
    for Preference { key, source, value, at, .. } in preferences {
        by_key.entry(key).or_default().push(Held { source, value, at });
    }
    let resolved = by_key.into_iter().filter_map(|(key, mut held)| {
        held.sort_by_key(|held| held.source);
        let mut held = held.into_iter();
        Some(Resolved { key, counts: held.next()?, others: held.collect() })
    });
    resolved.collect()
}

/// Refuses what is no key.
pub(crate) fn check_key(key: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(fits) {
        return Err(Error::invalid("key", "preference.key"));
    }
    Ok(())
}

/// The value as it is kept.
pub(crate) fn checked_value(value: &str) -> Result<String> {
    required_text("value", value, MAX_VALUE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::work::Version;

    proptest! {
        /// Each key is told once, nothing that is known is left out, and nobody goes before who counts more.
        #[test]
        fn the_first_source_counts(known in prop::collection::btree_map(
            ("[a-c]", prop::sample::select(PreferenceSource::ALL.to_vec())), ("[x-z]", 0..100_i64), 0..9,
        )) {
            let preferences = known.iter().map(|((key, source), (value, micros))| Preference {
                customer_id: uuid::Uuid::nil().into(),
                key: key.clone(),
                source: *source,
                version: Version::FIRST,
                value: value.clone(),
                at: Timestamp::from_micros(*micros).unwrap(),
            });
            let resolved = resolve(preferences);
            prop_assert!(resolved.is_sorted_by(|one, next| one.key < next.key));
            let mut told = BTreeMap::new();
            for Resolved { key, counts, others } in resolved {
                let all: Vec<Held> = [counts].into_iter().chain(others).collect();
                prop_assert!(all.is_sorted_by(|one, next| one.source < next.source));
                told.extend(all.into_iter().map(|held| ((key.clone(), held.source), (held.value, held.at.as_micros()))));
            }
            prop_assert_eq!(told, known);
        }
    }

    #[test]
    fn keys_are_plain() {
        for good in ["a", "diet", "tea.green_2-b", &"k".repeat(64)] {
            assert!(check_key(good).is_ok(), "{good}");
        }
        for bad in ["", "Diet", "two words", "żur", &"k".repeat(65)] {
            assert!(check_key(bad).is_err(), "{bad}");
        }
    }
}
