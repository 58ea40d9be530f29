//! Reading the journal.

use super::model::{JournalEntry, journal_entry};
use crate::Result;
use crate::customers::{self, CustomerId};
use crate::kernel::page::{Cursor, Limit, Page};
use crate::kernel::time::Timestamp;
use crate::work::{Filter, UnitOfWork, one_of};

/// Permission to read the journal.
pub const READ: &str = "journal.read";

/// Which part of the journal: every condition narrows, an empty query is all of it.
#[derive(Debug, Clone, Default)]
pub struct JournalQuery {
    /// Only what stands in this customer's history, or did in that of a record that leads to this one.
    pub customer: Option<CustomerId>,
    /// Only these kinds of events; empty for all.
    pub kinds: Vec<String>,
    /// Only what happened at or after this instant.
    pub from: Option<Timestamp>,
    /// Only what happened before this instant.
    pub until: Option<Timestamp>,
    /// Only what was written down by this instant: the journal as it was known then (S-48).
    pub known_at: Option<Timestamp>,
}

/// The journal, seen from a unit of work: `work.journal()`.
pub struct Journal<'w, 't>(pub(super) &'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// The journal.
    pub fn journal(&mut self) -> Journal<'_, 't> {
        Journal(self)
    }
}

impl Journal<'_, '_> {
    /// One page of entries, the latest first, narrowed to what the actor may see.
    ///
    /// # Errors
    /// [`crate::Error::Denied`] without the permission [`READ`].
    pub fn page(&mut self, query: &JournalQuery, limit: Limit, after: Option<&Cursor>) -> Result<Page<JournalEntry>> {
        let mut visible = self.0.within(READ)?;
        let mut filter = JournalQuery { customer: None, ..query.clone() }.filter();
        if let Some(customer) = query.customer {
            let ids = customers::ids_of(&mut visible, customer)?;
            filter = one_of(journal_entry::customer_id, &ids).and(filter);
        }
        visible.select(filter).order_by(journal_entry::occurred_at).descending().page(limit, after)
    }
}

impl JournalQuery {
    /// The condition this query stands for.
    pub fn filter(&self) -> Filter<JournalEntry> {
        let mut filter = Filter::all();
        if let Some(customer) = self.customer {
            filter = filter.and(journal_entry::customer_id.eq(customer));
        }
        match self.kinds.as_slice() {
            [] => {}
            [kind] => filter = filter.and(journal_entry::kind.eq(kind.as_str())),
            kinds => filter = filter.and(journal_entry::kind.is_in(kinds.iter().map(String::as_str))),
        }
        if let Some(from) = self.from {
            filter = filter.and(journal_entry::occurred_at.ge(from));
        }
        if let Some(until) = self.until {
            filter = filter.and(journal_entry::occurred_at.lt(until));
        }
        if let Some(known_at) = self.known_at {
            filter = filter.and(journal_entry::recorded_at.le(known_at));
        }
        filter
    }
}
