//! A long journal, for paging.

use crm_core::journal::{JournalEntry, JournalEntryId};
use crm_core::kernel::id::{IdSource, SeededIds};
use crm_core::kernel::time::Timestamp;
use crm_core::work::{Entity, Json};
use uuid::Uuid;

use crate::Result;
use crate::data::{Loader, Shop};
use crate::reads::JournalPage;
use crate::rows::PERMISSION;

/// The kind of one entry in a thousand.
pub const RARE_KIND: &str = "catalog.stock.moved";
/// Customers that take part: the smallest number a shop of the bench has.
const CUSTOMERS: usize = 1_000;

/// A journal with an entry every second. The first customer has one entry in a hundred.
pub struct History<'s> {
    shop: &'s Shop,
    begin: Timestamp,
    ids: SeededIds,
    last: Vec<(Timestamp, Uuid)>,
}

impl<'s> History<'s> {
    /// The journal of this shop, empty.
    ///
    /// # Errors
    /// Never.
    pub fn new(shop: &'s Shop) -> Result<Self> {
        Ok(Self { shop, begin: "2020-01-01T00:00:00Z".parse()?, ids: SeededIds::new(5), last: Vec::new() })
    }

    /// Loads entries until there are so many.
    ///
    /// # Errors
    /// What the database meets.
    pub fn load_up_to(&mut self, loader: &mut dyn Loader, entries: usize) -> Result<()> {
        let have = self.last.len();
        let places = (have..entries).map(|number| {
            let at = self.begin.checked_add_micros(number as i64 * 1_000_000)?;
            Ok((at, self.ids.next(at)))
        });
        let places: Vec<(Timestamp, Uuid)> = places.collect::<Result<_>>()?;
        self.last.extend(&places);
        let mut rows = (have..).zip(places).map(|(number, (at, id))| self.entry(number, at, id.into()).to_row());
        loader.load(JournalEntry::SCHEMA, &mut rows)
    }

    fn entry(&self, number: usize, occurred_at: Timestamp, id: JournalEntryId) -> JournalEntry {
        let mut random = fastrand::Rng::with_seed(number as u64);
        let customer =
            if number.is_multiple_of(100) { 0 } else { random.usize(..CUSTOMERS.min(self.shop.customers.len())) };
        let kind = match number % 1_000 {
            999 => RARE_KIND,
            n if n % 10 < 7 => "purchases.recorded",
            _ => "customers.changed",
        };
        let customer_id = self.shop.customers.get(customer).copied();
        JournalEntry {
            occurred_at,
            id,
            recorded_at: occurred_at,
            kind: kind.to_owned(),
            customer_id,
            branch_id: self.shop.branches.first().copied(),
            reference_kind: Some("purchase".to_owned()),
            reference_id: Some(id.into()),
            actor: "system".to_owned(),
            channel: None,
            permission: PERMISSION.to_owned(),
            command_id: None,
            cause_id: None,
            rule: None,
            payload: Json(serde_json::json!({ "customer": customer_id, "total": number })),
        }
    }

    /// The pages that are read: of everything, of one customer and of one kind, at the top and in the middle.
    pub fn pages(&self) -> Vec<(&'static str, JournalPage)> {
        let after = self.last.get(self.last.len() / 2).copied();
        let customer = self.shop.customers.first().copied();
        let kind = Some(RARE_KIND);
        vec![
            ("journal, first page", JournalPage::default()),
            ("journal, deep page", JournalPage { after, ..JournalPage::default() }),
            ("journal of a customer, first page", JournalPage { customer, ..JournalPage::default() }),
            ("journal of a customer, deep page", JournalPage { customer, after, ..JournalPage::default() }),
            ("journal of a kind, first page", JournalPage { kind, ..JournalPage::default() }),
            ("journal of a kind, deep page", JournalPage { kind, after, ..JournalPage::default() }),
        ]
    }
}
