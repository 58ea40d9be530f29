//! The in-memory backend: complete, and gone when it is dropped. For tests, and for programs that keep nothing.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::work::{
    Addition, Criteria, Health, Job, Key, Lock, Mode, Query, Ran, Replacement, Row, Schema, Schemas, Storage, Tx,
    Value, Verdict,
};
use crate::{Error, Result};

/// A store that keeps its rows in memory.
///
/// One lock: jobs run one after the other, each on the thread that asks for it, so a job must not run another job.
/// Its queries are the definition that other backends are compared with.
///
/// ```
/// use crm_core::{Crm, MemoryStorage};
/// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// assert_eq!(crm.blocking().health()?.backend, "memory");
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Default)]
pub struct MemoryStorage(Mutex<Store>);

#[derive(Default, Clone)]
pub(crate) struct Store {
    tables: Tables,
    pub(crate) schemas: Arc<Schemas>,
    closed: bool,
}

/// Tables by kind.
type Tables = BTreeMap<&'static str, Table>;

#[derive(Default, Clone)]
struct Table {
    rows: BTreeMap<Key, Row>,
    /// For each unique key of the schema: who has these values.
    taken: BTreeMap<(usize, Vec<Value>), Key>,
}

impl MemoryStorage {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The store, for one job or one group of jobs.
    pub(crate) fn open(&self) -> Result<MutexGuard<'_, Store>> {
        let store = self.lock();
        if store.closed {
            Err(Error::Backend { context: "the storage is closed".into(), source: None })
        } else {
            Ok(store)
        }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Storage for MemoryStorage {
    async fn prepare(&self, schemas: Arc<Schemas>) -> Result<()> {
        self.open()?.schemas = schemas;
        Ok(())
    }

    async fn run(&self, mode: Mode, mut job: Box<dyn Job>) -> Result<Ran> {
        let mut store = self.open()?;
        let mut tx = store.begin(mode);
        let verdict = catch_unwind(AssertUnwindSafe(|| job.run(&mut tx)));
        let failed = tx.failed_at.is_some();
        if verdict.is_err() || failed || matches!(verdict, Ok(Verdict::RollBack)) {
            tx.undo_to(0);
        }
        match verdict {
            Ok(Verdict::Commit) if failed => Err(Error::Poisoned),
            Ok(Verdict::Commit) => Ok(Ran::Committed),
            Ok(Verdict::RollBack) => Ok(Ran::RolledBack),
            Err(_) => Err(Error::Panicked),
        }
    }

    async fn health(&self) -> Result<Health> {
        drop(self.open()?);
        Ok(Health { backend: "memory".to_owned(), queued: 0 })
    }

    async fn close(&self) -> Result<()> {
        self.lock().closed = true;
        Ok(())
    }
}

impl Store {
    pub(crate) fn begin(&mut self, mode: Mode) -> MemoryTx<'_> {
        MemoryTx { tables: &mut self.tables, mode, undo: Vec::new(), savepoints: Vec::new(), failed_at: None }
    }
}

/// A transaction: changes are made in place, and what was there before is noted.
pub(crate) struct MemoryTx<'s> {
    tables: &'s mut Tables,
    mode: Mode,
    undo: Vec<(&'static Schema, Key, Option<Row>)>,
    /// For each open savepoint, how much there was to undo.
    savepoints: Vec<usize>,
    /// How many savepoints were open when a call failed that no roll-back has healed.
    failed_at: Option<usize>,
}

impl MemoryTx<'_> {
    /// Takes back every change but the first `keep`.
    pub(crate) fn undo_to(&mut self, keep: usize) {
        while self.undo.len() > keep {
            if let Some((schema, key, before)) = self.undo.pop() {
                self.tables.entry(schema.kind).or_default().put(schema, key, before);
            }
        }
    }

    fn noting<T>(&mut self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.failed_at.get_or_insert(self.savepoints.len());
        }
        result
    }

    fn row(&self, schema: &Schema, key: &Key) -> Option<&Row> {
        self.tables.get(schema.kind)?.rows.get(key)
    }

    /// Makes changes, and notes when that fails.
    fn change(&mut self, make: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let made = if self.mode == Mode::Read { Err(Error::ReadOnly) } else { make(self) };
        self.noting(made)
    }

    /// Puts a row in its place, or empties it, unless a unique key of it is another row's.
    fn write(&mut self, schema: &'static Schema, key: Key, row: Option<Row>) -> Result<()> {
        let table = self.tables.entry(schema.kind).or_default();
        for (number, values) in row.iter().flat_map(|row| schema.unique_values(row)) {
            if let (Some(other), Some(unique)) = (table.taken.get(&(number, values)), schema.unique.get(number))
                && *other != key
            {
                return Err(Error::AlreadyExists { kind: schema.kind, unique: unique.name.into() });
            }
        }
        let before = table.put(schema, key.clone(), row);
        self.undo.push((schema, key, before));
        Ok(())
    }

    fn insert_row(&mut self, schema: &'static Schema, row: Row) -> Result<()> {
        let key = schema.key_of(&row);
        if self.row(schema, &key).is_some() {
            return Err(Error::AlreadyExists { kind: schema.kind, unique: "key".into() });
        }
        self.write(schema, key, Some(row))
    }

    fn update_row(&mut self, schema: &'static Schema, mut row: Row, was: i64) -> Result<()> {
        let key = schema.key_of(&row);
        let stored = self.row(schema, &key).filter(|stored| schema.version_of(stored) == Some(was));
        let stored = stored.ok_or(Error::Conflict { kind: schema.kind })?;
        for &counter in schema.counters {
            if let (Some(new), Some(kept)) = (Arc::make_mut(&mut row).get_mut(counter), stored.get(counter)) {
                new.clone_from(kept);
            }
        }
        self.write(schema, key, Some(row))
    }

    fn delete_row(&mut self, schema: &'static Schema, key: Key, was: Option<i64>) -> Result<()> {
        let stored = self.row(schema, &key);
        if stored.is_none_or(|stored| was.is_some() && schema.version_of(stored) != was) {
            return Err(Error::Conflict { kind: schema.kind });
        }
        self.write(schema, key, None)
    }

    fn add_to_row(&mut self, schema: &'static Schema, addition: Addition) -> Result<()> {
        let Addition { key, column, amount, floor } = addition;
        let mut row = self.row(schema, &key).cloned();
        let counter = row.as_mut().and_then(|row| Arc::make_mut(row).get_mut(column));
        let sum = counter.as_ref().and_then(|counter| counter.as_int()).and_then(|value| value.checked_add(amount));
        match (counter, sum) {
            (Some(counter), Some(sum)) if floor.is_none_or(|floor| sum >= floor) => *counter = Value::Int(sum),
            _ => return Err(Error::Conflict { kind: schema.kind }),
        }
        self.write(schema, key, row)
    }
}

impl Table {
    /// Replaces what is stored under a key, and returns it.
    fn put(&mut self, schema: &Schema, key: Key, row: Option<Row>) -> Option<Row> {
        let before = self.rows.remove(&key);
        for values in before.iter().flat_map(|row| schema.unique_values(row)) {
            self.taken.remove(&values);
        }
        if let Some(row) = row {
            self.taken.extend(schema.unique_values(&row).map(|values| (values, key.clone())));
            self.rows.insert(key, row);
        }
        before
    }
}

impl Tx for MemoryTx<'_> {
    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], _: Lock) -> Result<Vec<Option<Row>>> {
        Ok(keys.iter().map(|key| self.row(schema, key).cloned()).collect())
    }

    fn select(&mut self, query: &Query) -> Result<Vec<Row>> {
        let rows = self.tables.get(query.schema.kind).into_iter().flat_map(|table| table.rows.values());
        Ok(query.answer(rows.cloned()))
    }

    fn count(&mut self, schema: &'static Schema, criteria: &Criteria) -> Result<u64> {
        let rows = self.tables.get(schema.kind).into_iter().flat_map(|table| table.rows.values());
        Ok(rows.filter(|row| criteria.matches(row)).count() as u64)
    }

    fn insert(&mut self, schema: &'static Schema, rows: Vec<Row>) -> Result<()> {
        self.change(|tx| rows.into_iter().try_for_each(|row| tx.insert_row(schema, row)))
    }

    fn update(&mut self, schema: &'static Schema, rows: Vec<Replacement>) -> Result<()> {
        self.change(|tx| rows.into_iter().try_for_each(|new| tx.update_row(schema, new.row, new.was)))
    }

    fn delete(&mut self, schema: &'static Schema, keys: Vec<(Key, Option<i64>)>) -> Result<()> {
        self.change(|tx| keys.into_iter().try_for_each(|(key, was)| tx.delete_row(schema, key, was)))
    }

    fn add(&mut self, schema: &'static Schema, additions: Vec<Addition>) -> Result<()> {
        self.change(|tx| additions.into_iter().try_for_each(|addition| tx.add_to_row(schema, addition)))
    }

    fn savepoint(&mut self) -> Result<()> {
        self.savepoints.push(self.undo.len());
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        let released = self.savepoints.pop().ok_or_else(|| Error::backend("release", "no savepoint is open"));
        // A failure inside is now one of what is around it.
        self.failed_at = self.failed_at.map(|at| at.min(self.savepoints.len()));
        self.noting(released.map(|_| ()))
    }

    fn roll_back(&mut self) -> Result<()> {
        let keep = self.savepoints.pop().ok_or_else(|| Error::backend("roll back", "no savepoint is open"));
        let keep = self.noting(keep)?;
        self.undo_to(keep);
        self.failed_at = self.failed_at.filter(|at| *at <= self.savepoints.len());
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.failed_at.is_some() { Err(Error::Poisoned) } else { Ok(()) }
    }
}
