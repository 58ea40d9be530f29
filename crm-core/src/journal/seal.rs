//! Seals: digests over the journal, each over the one before, so that a change of what was sealed shows (S-52).

use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::model::journal_entry;
use super::service::Journal;
use crate::access::Target;
use crate::kernel::hex::hexadecimal;
use crate::kernel::page::{Cursor, Limit};
use crate::kernel::time::Timestamp;
use crate::module::{About, Event, Violation};
use crate::work::{Filter, Permit};
use crate::{Error, Result};

/// Permission to seal the journal.
pub const SEAL: &str = "journal.seal";

/// The kind of [`JournalSealed`].
pub const JOURNAL_SEALED: &str = "journal.sealed";

/// About so many entries a seal covers at most, so that sealing holds nobody up.
const MAX_ENTRIES: u64 = 10_000;

crate::entity! {
    /// A digest over the entries that were written down in a period, and over the seal before.
    pub struct JournalSeal {
        kind: "journal_seal", table: "crm_journal_seals", key: (number: i64), columns: journal_seal,
    } {
        /// Its number, from 1.
        number: i64,
        /// The end of its period, exclusive. It begins where the one before ends.
        until: Timestamp,
        /// How many entries there are in it.
        entries: i64,
        /// SHA-256 over the digest before and every entry, in hexadecimal.
        digest: String,
        /// When it was made.
        sealed_at: Timestamp,
    }
}

/// The journal was sealed.
#[derive(Debug, Clone, Serialize)]
pub struct JournalSealed {
    /// The number of the seal.
    pub number: i64,
    /// How many entries it covers.
    pub entries: i64,
    /// Its digest. Whoever keeps a copy elsewhere can tell later that nobody has sealed anew.
    pub digest: String,
}

impl Event for JournalSealed {
    const KIND: &'static str = JOURNAL_SEALED;

    fn about(&self) -> About {
        About::default()
    }
}

/// What a period comes to.
struct Sum {
    until: Timestamp,
    entries: u64,
    digest: String,
}

impl Journal<'_, '_> {
    /// Seals what was written down since the last seal, up to `margin` ago: longer than a transaction may take, and than
    /// the clocks of the processes that write may differ. Seals a bounded number of entries; call it until it returns
    /// `None`, and then from time to time.
    ///
    /// [`Crm::verify`](crate::Crm::verify) walks the seals and says which period was changed. Nobody can change a sealed
    /// entry without making all later seals anew; keep digests elsewhere to see that too.
    ///
    /// ```
    /// use std::time::Duration;
    /// use crm_core::access::Actor;
    /// use crm_core::branches::NewBranch;
    /// use crm_core::{Crm, MemoryStorage};
    /// # fn main() -> crm_core::Result<()> {
    /// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
    /// crm.blocking().run(&Actor::system(), "open", |work| {
    ///     work.branches().create(NewBranch::named("Kraków", "Europe/Warsaw", "PLN"))
    /// })?;
    /// # std::thread::sleep(Duration::from_millis(2));
    /// let seal = crm.blocking().run(&Actor::system(), "seal", |work| work.journal().seal(Duration::ZERO))?;
    /// assert_eq!(seal.map(|seal| (seal.number, seal.entries)), Some((1, 1)));
    /// assert_eq!(crm.blocking().verify()?, []);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] without the permission [`SEAL`]; [`Error::AlreadyExists`] when somebody else seals at the same time.
    pub fn seal(&mut self, margin: Duration) -> Result<Option<JournalSeal>> {
        let mut work = self.0.permit(SEAL, &Target::ANY)?;
        let before = work.select(Filter::<JournalSeal>::all()).descending().first()?;
        let now = work.now();
        let margin = i64::try_from(margin.as_micros()).unwrap_or(i64::MAX);
        let until = Timestamp::from_micros(now.as_micros().saturating_sub(margin)).unwrap_or(Timestamp::MIN);
        let sum = sum(&mut work, before.as_ref(), until, Some(MAX_ENTRIES))?;
        if sum.entries == 0 {
            return Ok(None);
        }
        let seal = JournalSeal {
            number: before.map_or(1, |before| before.number.saturating_add(1)),
            until: sum.until,
            entries: i64::try_from(sum.entries).unwrap_or(i64::MAX),
            digest: sum.digest,
            sealed_at: now,
        };
        work.insert(&seal)?;
        work.emit(&JournalSealed { number: seal.number, entries: seal.entries, digest: seal.digest.clone() })?;
        Ok(Some(seal))
    }
}

/// Sums up the entries since a seal, up to an instant, or up to about so many.
fn sum(work: &mut Permit<'_, '_>, before: Option<&JournalSeal>, until: Timestamp, most: Option<u64>) -> Result<Sum> {
    let mut digest = Sha256::new();
    let mut filter = journal_entry::recorded_at.lt(until);
    if let Some(before) = before {
        digest.update(&before.digest);
        filter = filter.and(journal_entry::recorded_at.ge(before.until));
    }
    let (mut entries, mut reached) = (0_u64, until);
    let mut after: Option<Cursor> = None;
    let mut last: Option<Timestamp> = None;
    'pages: loop {
        let query = work.select(filter.clone()).order_by(journal_entry::recorded_at);
        let page = query.page(Limit::MAX, after.as_ref())?;
        for entry in page.items {
            // What was written down at one instant is sealed together.
            if most.is_some_and(|most| entries >= most) && last != Some(entry.recorded_at) {
                reached = entry.recorded_at;
                break 'pages;
            }
            last = Some(entry.recorded_at);
            entries += 1;
            let bytes = serde_json::to_vec(&entry).map_err(|error| Error::backend("serialising an entry", error))?;
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(&bytes);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(Sum { until: reached, entries, digest: hexadecimal(&digest.finalize()) })
}

/// Every seal is still what its entries come to.
pub fn seals_hold(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut before: Option<JournalSeal> = None;
    for seal in work.select(Filter::<JournalSeal>::all()).all()? {
        let expected = before.as_ref().map_or(1, |before| before.number.saturating_add(1));
        let found = sum(work, before.as_ref(), seal.until, None)?;
        let what = if seal.number != expected {
            Some(format!("seal {expected} is missing"))
        } else if i64::try_from(found.entries) != Ok(seal.entries) {
            Some(format!("seal {expected}: {} entries were sealed, there are {}", seal.entries, found.entries))
        } else if found.digest != seal.digest {
            Some(format!("seal {expected}: an entry written down before {} was changed", seal.until))
        } else {
            None
        };
        violations.extend(what.map(|what| Violation { invariant: "journal.seals", what }));
        before = Some(seal);
    }
    Ok(violations)
}

/// Only what the entry itself says is sealed, however a database keeps it.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::JournalEntry;

    #[test]
    fn every_field_of_an_entry_is_sealed() {
        // Serialised whole: a field that is added later is sealed too.
        let fields = <JournalEntry as crate::work::Entity>::SCHEMA.columns.len();
        let entry = JournalEntry {
            occurred_at: Timestamp::UNIX_EPOCH,
            id: uuid::Uuid::nil().into(),
            recorded_at: Timestamp::UNIX_EPOCH,
            kind: "k".into(),
            customer_id: None,
            branch_id: None,
            reference_kind: None,
            reference_id: None,
            actor: "a".into(),
            channel: None,
            permission: "p".into(),
            command_id: None,
            cause_id: None,
            rule: None,
            payload: crate::work::Json(serde_json::json!({ "b": 1, "a": 2 })),
        };
        let sealed = serde_json::to_value(&entry).unwrap();
        assert_eq!(sealed.as_object().unwrap().len(), fields);
        assert!(serde_json::to_string(&entry).unwrap().ends_with(r#"{"a":2,"b":1}}"#), "keys in one order everywhere");
    }
}
