//! The storage port: what a backend implements. Rows cross it in batches of one kind.

use std::sync::Arc;

use super::filter::Criteria;
use super::schema::Schema;
use super::value::{Key, Row, Value};
use crate::Result;

/// A store of rows. Object safe, bound to no async runtime.
///
/// The conformance suite (feature `conformance`) checks every promise made here.
#[async_trait::async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Makes the store ready for these kinds: migrates or checks its tables. Called once, when the `Crm` is built.
    ///
    /// # Errors
    /// [`crate::Error::Setup`] when a kind has no table here, or a table does not fit its schema.
    async fn prepare(&self, schemas: Arc<Schemas>) -> Result<()>;

    /// Runs a job in one transaction, and answers when its outcome is durable.
    ///
    /// - The job may be called several times; only the writes of its last call count.
    /// - `Ok(Ran::Committed)`: the last call returned [`Verdict::Commit`], and the commit is durable.
    /// - `Ok(Ran::RolledBack)`: the last call returned [`Verdict::RollBack`]; nothing of it is stored.
    /// - `Err`: the storage gave up; nothing is stored, but for [`crate::Error::OutcomeUnknown`].
    /// - A job that fails, conflicts or panics harms no other job.
    /// - After a failed call of a `Tx` method outside a savepoint, nothing of the job is committed ("poison").
    async fn run(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran>;

    /// The same for a caller who has nothing else to do and waits: a backend may use his thread.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    fn run_blocking(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
        pollster::block_on(self.run(mode, job))
    }

    /// Whether the store answers, and what it is.
    async fn health(&self) -> Result<Health>;

    /// Finishes what is queued, refuses what comes after, and lets go of files and connections.
    async fn close(&self) -> Result<()>;
}

/// Whether a job may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Reads one consistent snapshot; every write is [`crate::Error::ReadOnly`]. May be served by a replica.
    Read,
    /// Reads and writes.
    Write,
}

/// What a backend runs: a re-runnable piece of work without side effects of its own.
pub trait Job: Send {
    /// Does the work once.
    fn run(&mut self, tx: &mut dyn Tx) -> Verdict;

    /// A short name for logs.
    fn label(&self) -> &str;
}

/// What a job wants to happen to its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Keep them.
    Commit,
    /// Drop them: the job has failed.
    RollBack,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ran {
    /// Its writes are durable.
    Committed,
    /// It asked for a rollback, and nothing of it is stored.
    RolledBack,
}

/// What a store says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The backend and its version, for example `SQLite 3.53.2`.
    pub backend: String,
    /// Jobs that wait for the writer now.
    pub queued: usize,
}

/// Whether a fetched row stays locked until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lock {
    /// Only read.
    None,
    /// No other transaction can change it before this one has ended (`FOR UPDATE`).
    ForUpdate,
}

/// One transaction of a store.
pub trait Tx {
    /// The rows with these keys, in the order of the keys; `None` where there is no such row.
    /// Sees what this transaction wrote.
    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], lock: Lock) -> Result<Vec<Option<Row>>>;

    /// The rows a query asks for, in its order. Sees what this transaction wrote.
    fn select(&mut self, query: &Query) -> Result<Vec<Row>>;

    /// What [`select`](Tx::select) answers to each of several queries over one kind. A backend may ask all of them at once.
    fn select_each(&mut self, queries: &[Query]) -> Result<Vec<Vec<Row>>> {
        queries.iter().map(|query| self.select(query)).collect()
    }

    /// How many rows meet the condition. Sees what this transaction wrote.
    fn count(&mut self, schema: &'static Schema, criteria: &Criteria) -> Result<u64>;

    /// Adds rows. A backend may write later, at [`flush`](Tx::flush) or commit, and report a collision only then.
    ///
    /// # Errors
    /// [`crate::Error::AlreadyExists`] when a key or unique key is taken.
    fn insert(&mut self, schema: &'static Schema, rows: Vec<Row>) -> Result<()>;

    /// Replaces rows by new ones with the same key, where they have the version that is to be replaced. Counter columns stay
    /// as they are stored.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] when the row is gone or has another version;
    /// [`crate::Error::AlreadyExists`] when a unique key is taken.
    fn update(&mut self, schema: &'static Schema, rows: Vec<Replacement>) -> Result<()>;

    /// Removes rows. Where the kind has versions and one is given, only that version.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] when the row is gone or has another version.
    fn delete(&mut self, schema: &'static Schema, keys: Vec<(Key, Option<i64>)>) -> Result<()>;

    /// Adds to counters. Additions commute: two transactions that add to one counter never lose one of the amounts.
    /// The version of the row does not change.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] when the row is gone or the result would be below the floor: read again and decide again.
    fn add(&mut self, schema: &'static Schema, additions: Vec<Addition>) -> Result<()>;

    /// Opens a savepoint inside the transaction, or inside the savepoint opened last.
    fn savepoint(&mut self) -> Result<()>;

    /// Keeps what was written since the savepoint opened last, and closes it.
    fn release(&mut self) -> Result<()>;

    /// Drops what was written since the savepoint opened last, and closes it. Heals a failure that happened inside it.
    fn roll_back(&mut self) -> Result<()>;

    /// Writes now what was kept back, so that its errors show now.
    ///
    /// # Errors
    /// [`crate::Error::Poisoned`] when a call failed before that no roll-back has healed.
    fn flush(&mut self) -> Result<()>;

    /// Says which rows will be fetched soon, so that a backend can read those of many jobs at once. A hint: no error,
    /// no obligation. Does nothing unless a backend has a use for it.
    fn expect(&mut self, schema: &'static Schema, keys: &[Key]) {
        let _ = (schema, keys);
    }
}

/// A row that takes the place of the stored one with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The new row, whole.
    pub row: Row,
    /// The version it replaces.
    pub was: i64,
    /// Where it may differ from the stored one. A backend may leave the other columns as they are, which spares it the indexes
    /// and references they are part of, or write them all.
    pub changed: Columns,
}

impl Replacement {
    /// A row that may differ from the stored one in every column.
    pub fn whole(row: Row, was: i64) -> Self {
        Self { row, was, changed: Columns::ALL }
    }
}

/// A set of columns of one kind, by position. It knows the first 63 one by one; the rest are in it together or not at all.
///
/// ```
/// use crm_core::work::{Columns, Value};
/// let before = vec![Value::Int(1), Value::Text("tea".into()), Value::Null];
/// let after = vec![Value::Int(2), Value::Text("tea".into()), Value::Null];
/// let changed = Columns::differing(&before, &after);
/// assert!(changed.contains(0) && !changed.contains(1) && !changed.contains(2));
/// assert!(Columns::ALL.contains(1) && !Columns::NONE.contains(0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Columns(u64);

impl Columns {
    /// Every column.
    pub const ALL: Self = Self(u64::MAX);
    /// No column.
    pub const NONE: Self = Self(0);

    /// The columns in which two rows of one kind differ.
    pub fn differing(before: &[Value], after: &[Value]) -> Self {
        let differ = before.iter().zip(after).enumerate().filter(|(_, (before, after))| before != after);
        differ.fold(Self::NONE, |set, (at, _)| Self(set.0 | Self::bit(at)))
    }

    /// Whether a column is in the set.
    pub fn contains(self, column: usize) -> bool {
        self.0 & Self::bit(column) != 0
    }

    /// The columns of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn bit(column: usize) -> u64 {
        1 << column.min(63)
    }
}

/// An amount to add to a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The row.
    pub key: Key,
    /// The counter, by position.
    pub column: usize,
    /// The amount; negative to take away.
    pub amount: i64,
    /// The result must not be below this.
    pub floor: Option<i64>,
}

/// Which rows, in which order, from where on, how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The kind.
    pub schema: &'static Schema,
    /// Which rows.
    pub criteria: Criteria,
    /// The order, by position. Never empty, ends with the key, and no column in it is nullable.
    pub order: Vec<usize>,
    /// The direction of the whole order.
    pub direction: Direction,
    /// Only rows after this one, given as the values of the order's columns (a keyset page).
    pub after: Option<Vec<Value>>,
    /// At most so many rows; 0 for all.
    pub limit: usize,
}

/// The direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

impl Query {
    /// Whether it asks for every row that meets its condition, and not for a page of them.
    pub fn is_whole(&self) -> bool {
        self.limit == 0 && self.after.is_none()
    }

    /// The values by which a row stands in this query's order.
    pub fn place_of(&self, row: &[Value]) -> Vec<Value> {
        self.order.iter().map(|&column| row.get(column).cloned().unwrap_or(Value::Null)).collect()
    }

    /// The meaning of this query over rows of its kind, in any order: what a backend without an index does.
    pub fn answer(&self, rows: impl Iterator<Item = Row>) -> Vec<Row> {
        let forward = self.direction == Direction::Ascending;
        let mut found: Vec<(Vec<Value>, Row)> = rows
            .filter(|row| self.criteria.matches(row))
            .map(|row| (self.place_of(&row), row))
            .filter(|(place, _)| {
                self.after.as_ref().is_none_or(|after| if forward { place > after } else { place < after })
            })
            .collect();
        found.sort_by(|(a, _), (b, _)| if forward { a.cmp(b) } else { b.cmp(a) });
        if self.limit > 0 {
            found.truncate(self.limit);
        }
        found.into_iter().map(|(_, row)| row).collect()
    }
}

/// All kinds a `Crm` stores, in the order of the modules that declare them: a kind stands after those it refers to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Schemas {
    all: Vec<&'static Schema>,
}

impl Schemas {
    /// Takes the kinds in this order.
    pub fn new(all: Vec<&'static Schema>) -> Self {
        Self { all }
    }

    /// The kinds, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'static Schema> + '_ {
        self.all.iter().copied()
    }

    /// Where a kind stands in the order of writing. Unknown kinds come last.
    pub fn rank(&self, schema: &'static Schema) -> usize {
        self.all.iter().position(|one| std::ptr::eq(*one, schema) || one.kind == schema.kind).unwrap_or(self.all.len())
    }
}
