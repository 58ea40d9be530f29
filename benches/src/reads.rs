//! What is read: by hand, and by our library, the same.

use crm_core::customers::CustomerId;
use crm_core::kernel::text::{fold, fold_digits, words};
use crm_core::kernel::time::Timestamp;
use uuid::Uuid;

use crate::Result;

/// Rows of a page of the journal.
pub const PAGE: usize = 50;
/// Customers a search returns.
pub const FOUND: usize = 20;
/// Keys a search looks at for one reason.
pub const MAX_KEYS: usize = 500;

/// One page of the journal, the latest first.
#[derive(Debug, Clone, Default)]
pub struct JournalPage {
    /// Only of this customer.
    pub customer: Option<CustomerId>,
    /// Only of this kind.
    pub kind: Option<&'static str>,
    /// Only after this place: when, and which entry.
    pub after: Option<(Timestamp, Uuid)>,
}

impl JournalPage {
    /// The first page of a customer.
    pub fn of_customer(customer: CustomerId) -> Self {
        Self { customer: Some(customer), ..Self::default() }
    }
}

/// What was typed, made ready for the look-ups of a search (`Customers::search`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Letters and digits of it: a card number, a national id.
    pub code: String,
    /// It as a receipt number.
    pub receipt: String,
    /// The end of a phone number, backwards.
    pub phone: Option<String>,
    /// The beginning of one word or two of a name.
    pub name: Option<String>,
}

impl Term {
    /// Folds what was typed.
    pub fn new(typed: &str) -> Self {
        let folded = fold(typed);
        let name: Vec<&str> = words(&folded).take(2).collect();
        let receipt = fold_digits(typed.trim());
        let digits: String = receipt.chars().filter(char::is_ascii_digit).collect();
        let is_phone = digits.len() >= 4 && digits.len() == receipt.len();
        Self {
            code: folded.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect(),
            receipt,
            phone: is_phone.then(|| digits.trim_start_matches('0').chars().rev().collect()),
            name: (!name.is_empty()).then(|| name.join(" ")),
        }
    }
}

/// A query and how the database answers it.
#[derive(Debug, Clone)]
pub struct QueryPlan {
    /// What is asked for.
    pub about: &'static str,
    /// What the database would do, line by line.
    pub plan: String,
}

/// A reader: one connection, or our library.
pub trait Reads {
    /// Reads one customer.
    ///
    /// # Errors
    /// What the database meets, or when there is no such customer.
    fn customer(&mut self, id: CustomerId) -> Result<()>;

    /// Searches customers. Returns how many were found.
    ///
    /// # Errors
    /// What the database meets.
    fn search(&mut self, typed: &str) -> Result<usize>;

    /// Reads a page of the journal. Returns how many rows it has.
    ///
    /// # Errors
    /// What the database meets.
    fn journal(&mut self, page: &JournalPage) -> Result<usize>;

    /// How the database answers searches and these pages. Empty where that cannot be told.
    ///
    /// # Errors
    /// What the database meets.
    fn plans(&mut self, pages: &[(&'static str, JournalPage)]) -> Result<Vec<QueryPlan>> {
        let _ = pages;
        Ok(Vec::new())
    }
}

/// The statement for a page, with placeholders as numbers: `write(1)` is `?1` or `$1`.
///
/// A kind is asked for as a range, and stands in the order: only its index gives that order. Asked for with `=`, a
/// prepared statement of PostgreSQL takes a third of all rows to be of it, walks the whole journal by time and throws
/// away what is of other kinds: 24 ms instead of 0.1 for one kind in a thousand among 300,000 entries.
pub fn journal_sql(page: &JournalPage, write: impl Fn(usize) -> String) -> String {
    let mut conditions = Vec::new();
    let mut at = 0;
    let mut next = || {
        at += 1;
        write(at)
    };
    if page.customer.is_some() {
        conditions.push(format!("customer_id = {}", next()));
    }
    let kind = page.kind.map(|_| next());
    let after = page.after.map(|_| (next(), next()));
    conditions.extend(match (&kind, after) {
        (None, None) => None,
        (None, Some((at, id))) => Some(format!("(occurred_at, id) < ({at}, {id})")),
        (Some(kind), None) => Some(format!("kind BETWEEN {kind} AND {kind}")),
        (Some(kind), Some((at, id))) => {
            Some(format!("kind >= {kind} AND (kind, occurred_at, id) < ({kind}, {at}, {id})"))
        }
    });
    let condition = if conditions.is_empty() { String::new() } else { format!("WHERE {} ", conditions.join(" AND ")) };
    format!(
        "SELECT occurred_at, id, recorded_at, kind, customer_id, branch_id, reference_kind, reference_id, actor, payload \
         FROM crm_journal {condition}ORDER BY {}occurred_at DESC, id DESC LIMIT {}",
        if kind.is_some() { "kind DESC, " } else { "" },
        PAGE + 1
    )
}

/// The SQL of a search, for one placeholder style.
#[derive(Debug, Clone)]
pub struct SearchSql {
    /// Keys equal to a token.
    pub exactly: String,
    /// Keys that begin with a token: from it, up to it with the last character there is.
    pub beginning: String,
    /// Who has a receipt of this number.
    pub receipt: String,
}

impl SearchSql {
    /// The statements with `?1` or `$1`.
    pub fn new(write: impl Fn(usize) -> String) -> Self {
        let (one, two, three) = (write(1), write(2), write(3));
        let keys = MAX_KEYS + 1;
        Self {
            exactly: format!(
                "SELECT customer_id FROM crm_search_keys WHERE field = {one} AND token = {two} \
                 ORDER BY field, token, customer_id LIMIT {keys}"
            ),
            beginning: format!(
                "SELECT customer_id FROM crm_search_keys WHERE field = {one} AND token >= {two} AND token < {three} \
                 ORDER BY field, token, customer_id LIMIT {keys}"
            ),
            receipt: format!(
                "SELECT customer_id FROM crm_purchases WHERE receipt_no = {one} ORDER BY receipt_no, id LIMIT 51"
            ),
        }
    }
}

/// The end of the range of texts that begin with this.
pub fn after_all(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}
