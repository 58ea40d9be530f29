//! The port's transaction over tables: poison, read-only, savepoints, records. What is left to a database are the
//! statements on rows of one table.

use std::collections::HashMap;
use std::sync::Arc;

use crm_core::work::{
    Addition, ColumnType, Criteria, Home, Key, Lock, Mode, Query, Replacement, Row, Schema, Schemas, Tx, Value,
};
use crm_core::{Error, Result};
use diesel::connection::{LoadConnection, SimpleConnection};
use diesel::expression::QueryMetadata;
use diesel::result::Error as DieselError;
use diesel::sql_types::Untyped;

use super::criteria::{count, each, select};
use super::records::{RECORDS, from_record, narrowed, record_key, to_record};
use super::statement::{Statement, load};
use super::text::{BATCHES, Dialect, column_types};
use crate::errors::{Classified, State};
use crate::log::Log;
use crate::migrate::ModuleMigrations;
use crate::session::Session;
use crate::sql_types::Database;

/// Why a statement on a table failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The database says so.
    Database(DieselError),
    /// A row was not there as it was expected.
    Conflict,
    /// We say so.
    Refused(Error),
}

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Statements on the rows of one table, each run at once.
pub(crate) trait Tables {
    const DIALECT: Dialect;
    type Connection: LoadConnection<Backend: Database + QueryMetadata<Untyped>>;

    fn connection(&mut self) -> &mut Self::Connection;

    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], lock: Lock) -> Result<Vec<Option<Row>>, Failure>;
    fn insert(&mut self, schema: &'static Schema, rows: &[Row]) -> Result<(), Failure>;
    fn update(&mut self, schema: &'static Schema, rows: &[Replacement]) -> Result<(), Failure>;
    fn delete(&mut self, schema: &'static Schema, keys: &[(Key, Option<i64>)]) -> Result<(), Failure>;
    fn add(&mut self, schema: &'static Schema, additions: &[Addition]) -> Result<(), Failure>;

    fn select(&mut self, schema: &'static Schema, statement: Statement<'_>) -> Result<Vec<Row>, Failure> {
        let rows = load(self.connection(), statement, &column_types(schema))?;
        Ok(rows.into_iter().map(Row::from).collect())
    }

    fn count(&mut self, statement: Statement<'_>) -> Result<u64, Failure> {
        let rows = load(self.connection(), statement, &[ColumnType::Int])?;
        let count = rows.first().and_then(|row| row.first()).and_then(Value::as_int).unwrap_or_default();
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Runs commands without a result.
    fn command(&mut self, text: &str) -> Result<(), DieselError> {
        self.connection().batch_execute(text)
    }

    /// Begins a transaction.
    fn begin(&mut self, mode: Mode) -> Result<(), DieselError>;
    /// Begins a transaction that writes, and waits for locked rows only a moment.
    fn begin_again(&mut self) -> Result<(), DieselError> {
        self.begin(Mode::Write)
    }
    /// The log that is to be synced after a commit, if the database does not do that itself.
    fn log(&self) -> Option<&Arc<Log>> {
        None
    }
    /// Makes the tables ready for these kinds, outside a transaction.
    fn prepare(&mut self, schemas: &Schemas, migrations: &[ModuleMigrations]) -> Result<()>;
    /// A number that tells whether others have written.
    fn generation(&mut self) -> Result<Option<i64>, DieselError> {
        Ok(None)
    }
    /// Housekeeping between transactions.
    fn maintain(&mut self) -> Result<bool>;
    /// The database and its version.
    fn version(&mut self) -> Result<String>;
    /// What an error of this database means.
    fn classify(error: DieselError, schema: Option<&'static Schema>) -> Classified;
}

/// One connection, in a transaction or between two.
pub(crate) struct SqlTx<T> {
    tables: T,
    mode: Option<Mode>,
    savepoints: usize,
    /// How many savepoints were open when a statement failed.
    failed_at: Option<usize>,
    lost: bool,
}

impl<T: Tables> SqlTx<T> {
    /// A connection between two transactions.
    pub(crate) fn new(tables: T) -> Self {
        Self { tables, mode: None, savepoints: 0, failed_at: None, lost: false }
    }

    /// A connection inside a transaction that somebody else began and will end.
    pub(crate) fn joined(tables: T) -> Self {
        Self { mode: Some(Mode::Write), ..Self::new(tables) }
    }

    fn ready(&self, write: bool) -> Result<()> {
        match self.mode {
            _ if self.failed_at.is_some() => Err(Error::Poisoned),
            None => Err(Error::backend("a statement", "no transaction is open")),
            Some(Mode::Read) if write => Err(Error::ReadOnly),
            Some(_) => Ok(()),
        }
    }

    /// Runs a statement on rows of a kind, if the transaction is sound, and remembers its failure.
    fn ran<R>(
        &mut self,
        schema: Option<&'static Schema>,
        write: bool,
        statement: impl FnOnce(&mut T) -> Result<R, Failure>,
    ) -> Result<R> {
        let result = self.ready(write).map_err(Failure::Refused).and_then(|()| statement(&mut self.tables));
        result.map_err(|failure| {
            self.failed_at.get_or_insert(self.savepoints);
            match failure {
                Failure::Refused(error) => error,
                Failure::Conflict => Error::Conflict { kind: schema.map_or("record", |schema| schema.kind) },
                Failure::Database(error) => self.classified(error, schema),
            }
        })
    }

    fn classified(&mut self, error: DieselError, schema: Option<&'static Schema>) -> Error {
        let Classified { error, state } = T::classify(error, schema);
        self.lost |= state == State::Lost;
        error
    }

    fn ended(&mut self) {
        self.mode = None;
        self.savepoints = 0;
        self.failed_at = None;
    }
}

impl<T: Tables> SqlTx<T> {
    /// Several queries in one statement, where that spares round trips and they ask the same of different values.
    fn select_batch(&mut self, queries: &[Query]) -> Result<Vec<Vec<Row>>> {
        let statement = match queries {
            [first, _, ..] if T::DIALECT == Dialect::Postgres && !is_record(first.schema) => each(queries)?,
            _ => None,
        };
        let (Some(statement), Some(first)) = (statement, queries.first()) else {
            return queries.iter().map(|query| self.select(query)).collect();
        };
        let schema = first.schema;
        let found = self.ran(Some(schema), false, |tables| {
            let types: Vec<_> = column_types(schema).into_iter().chain([ColumnType::Int]).collect();
            Ok(load(tables.connection(), statement, &types)?)
        })?;
        let mut answers = vec![Vec::new(); queries.len()];
        for mut row in found {
            // A row ends with the number of its query.
            let number = row.pop().and_then(|number| usize::try_from(number.as_int()?).ok());
            let answer = number.and_then(|number| answers.get_mut(number));
            answer.ok_or_else(|| Error::backend("a query", "a row of no query"))?.push(row.into());
        }
        Ok(queries.iter().zip(answers).map(|(query, rows)| query.answer(rows.into_iter())).collect())
    }
}

fn is_record(schema: &Schema) -> bool {
    matches!(schema.home, Home::Records(_))
}

impl<T: Tables> Tx for SqlTx<T> {
    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], lock: Lock) -> Result<Vec<Option<Row>>> {
        // A snapshot keeps nobody from writing.
        self.ran(Some(schema), lock == Lock::ForUpdate, |tables| {
            if !is_record(schema) {
                return tables.fetch(schema, keys, lock);
            }
            let keys: Vec<Key> = keys.iter().map(|key| record_key(schema, key)).collect();
            let found = tables.fetch(&RECORDS, &keys, lock)?;
            Ok(found
                .into_iter()
                .map(|record| record.map(|record| from_record(schema, &record)).transpose())
                .collect::<Result<_>>()?)
        })
    }

    fn select(&mut self, query: &Query) -> Result<Vec<Row>> {
        let schema = query.schema;
        self.ran(Some(schema), false, |tables| {
            query.criteria.check(schema)?;
            if !is_record(schema) {
                return tables.select(schema, select(T::DIALECT, query)?);
            }
            let rows = records(tables, schema, &query.criteria)?;
            Ok(query.answer(rows.into_iter()))
        })
    }

    fn select_each(&mut self, queries: &[Query]) -> Result<Vec<Vec<Row>>> {
        let mut answers = Vec::with_capacity(queries.len());
        let mut rest = queries;
        while !rest.is_empty() {
            let size = BATCHES.into_iter().find(|size| *size <= rest.len()).unwrap_or(1);
            let (batch, after) = rest.split_at(size);
            answers.extend(self.select_batch(batch)?);
            rest = after;
        }
        Ok(answers)
    }

    fn count(&mut self, schema: &'static Schema, criteria: &Criteria) -> Result<u64> {
        self.ran(Some(schema), false, |tables| {
            criteria.check(schema)?;
            if !is_record(schema) {
                return tables.count(count(T::DIALECT, schema, criteria)?);
            }
            let rows = records(tables, schema, criteria)?;
            Ok(u64::try_from(rows.iter().filter(|row| criteria.matches(row)).count()).unwrap_or(u64::MAX))
        })
    }

    fn insert(&mut self, schema: &'static Schema, rows: Vec<Row>) -> Result<()> {
        self.ran(Some(schema), true, |tables| {
            rows.iter().try_for_each(|row| fits(schema, row))?;
            if !is_record(schema) {
                return tables.insert(schema, &rows);
            }
            let records: Vec<Row> = rows.iter().map(|row| to_record(schema, row)).collect();
            tables.insert(&RECORDS, &records)
        })
    }

    fn update(&mut self, schema: &'static Schema, rows: Vec<Replacement>) -> Result<()> {
        self.ran(Some(schema), true, |tables| {
            rows.iter().try_for_each(|new| fits(schema, &new.row))?;
            if schema.version.is_none() && !rows.is_empty() {
                return Err(Failure::Conflict);
            }
            for round in rounds(T::DIALECT, rows, |new| schema.key_of(&new.row)) {
                if !is_record(schema) {
                    tables.update(schema, &round)?;
                    continue;
                }
                let records = round.iter().map(|new| Replacement::whole(to_record(schema, &new.row), new.was));
                let records: Vec<_> = records.collect();
                tables.update(&RECORDS, &records)?;
            }
            Ok(())
        })
    }

    fn delete(&mut self, schema: &'static Schema, keys: Vec<(Key, Option<i64>)>) -> Result<()> {
        self.ran(Some(schema), true, |tables| {
            let versioned = schema.version.is_some();
            let record = is_record(schema);
            let keys = keys
                .into_iter()
                .map(|(key, was)| (if record { record_key(schema, &key) } else { key }, was.filter(|_| versioned)));
            let home = if record { &RECORDS } else { schema };
            rounds(T::DIALECT, keys.collect(), |(key, _)| key.clone())
                .into_iter()
                .try_for_each(|round| tables.delete(home, &round))
        })
    }

    fn add(&mut self, schema: &'static Schema, additions: Vec<Addition>) -> Result<()> {
        self.ran(Some(schema), true, |tables| {
            // A record has no counters.
            let is_counter = |column| !is_record(schema) && schema.counters.contains(&column);
            if additions.iter().any(|addition| !is_counter(addition.column)) {
                return Err(Error::invalid(schema.kind, "counter.column").into());
            }
            rounds(T::DIALECT, additions, |addition| (addition.column, addition.key.clone()))
                .into_iter()
                .try_for_each(|round| tables.add(schema, &round))
        })
    }

    fn savepoint(&mut self) -> Result<()> {
        let name = self.savepoints + 1;
        self.ran(None, false, |tables| Ok(tables.command(&format!("SAVEPOINT crm_{name}"))?))?;
        self.savepoints = name;
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        let name = self.savepoints;
        self.ran(None, false, |tables| {
            if name == 0 {
                return Err(Error::backend("release", "no savepoint is open").into());
            }
            Ok(tables.command(&format!("RELEASE SAVEPOINT crm_{name}"))?)
        })?;
        self.savepoints -= 1;
        Ok(())
    }

    fn roll_back(&mut self) -> Result<()> {
        let name = self.savepoints;
        if name == 0 {
            self.failed_at = Some(0);
            return Err(Error::backend("roll back", "no savepoint is open"));
        }
        let undone = self.tables.command(&format!("ROLLBACK TO SAVEPOINT crm_{name}; RELEASE SAVEPOINT crm_{name}"));
        if let Err(error) = undone {
            // The transaction is gone, or in a state nobody knows.
            self.failed_at = Some(0);
            return Err(self.classified(error, None));
        }
        if self.failed_at.is_some_and(|at| at >= name) {
            self.failed_at = None;
        }
        self.savepoints -= 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.ready(false)
    }
}

impl<T: Tables + Send> SqlTx<T> {
    fn begin_by(&mut self, mode: Mode, begin: impl FnOnce(&mut T) -> Result<(), DieselError>) -> Result<()> {
        if self.mode.is_some() {
            return Err(Error::backend("begin", "a transaction is open already"));
        }
        if let Err(error) = begin(&mut self.tables) {
            let error = self.classified(error, None);
            self.abandon();
            return Err(error);
        }
        self.ended();
        self.mode = Some(mode);
        Ok(())
    }
}

impl<T: Tables + Send> Session for SqlTx<T> {
    fn begin(&mut self, mode: Mode) -> Result<()> {
        self.begin_by(mode, |tables| tables.begin(mode))
    }

    fn begin_again(&mut self) -> Result<()> {
        self.begin_by(Mode::Write, T::begin_again)
    }

    fn commit_early(&mut self) -> Result<()> {
        let ready =
            if self.savepoints > 0 { Err(Error::backend("commit", "a savepoint is open")) } else { self.ready(false) };
        if let Err(error) = ready {
            self.abandon();
            return Err(error);
        }
        match self.tables.command("COMMIT") {
            Ok(()) => {
                // Also who wrote nothing may have seen what another process has not synced yet.
                if let Some(log) = self.tables.log() {
                    log.note_commit();
                }
                self.ended();
                Ok(())
            }
            Err(error) => {
                let wrote = self.mode == Some(Mode::Write);
                let Classified { error, state } = T::classify(error, None);
                self.lost |= state == State::Lost;
                self.abandon();
                // What the server never said, or said without a known reason, may have happened.
                let unknown = state == State::Lost || T::DIALECT == Dialect::Postgres && state == State::Unclear;
                Err(if wrote && unknown { Error::OutcomeUnknown } else { error })
            }
        }
    }

    fn log(&self) -> Option<Arc<Log>> {
        self.tables.log().cloned()
    }

    fn abandon(&mut self) {
        let undone = self.tables.command("ROLLBACK");
        self.ended();
        if let Err(error) = undone {
            // SQLite ends a transaction by itself on some failures.
            self.lost |= T::classify(error, None).state != State::NoTransaction;
        }
    }

    fn is_lost(&self) -> bool {
        self.lost
    }

    fn prepare(&mut self, schemas: &Schemas, migrations: &[ModuleMigrations]) -> Result<()> {
        let prepared = self.tables.prepare(schemas, migrations);
        self.lost |= matches!(prepared, Err(Error::Busy { .. }));
        prepared
    }

    fn generation(&mut self) -> Result<Option<i64>> {
        self.ran(None, true, |tables| Ok(tables.generation()?))
    }

    fn maintain(&mut self) -> Result<bool> {
        self.tables.maintain()
    }

    fn version(&mut self) -> Result<String> {
        let version = self.tables.version();
        // Whoever cannot say that has nothing to say any more.
        self.lost |= version.is_err();
        version
    }

    fn as_tx(&mut self) -> &mut dyn Tx {
        self
    }
}

/// Refuses a row of another shape, whose cells would end in the wrong columns.
fn fits(schema: &Schema, row: &[Value]) -> Result<()> {
    if row.len() == schema.columns.len() { Ok(()) } else { Err(Error::invalid(schema.kind, "row.columns")) }
}

/// All records of a kind that may meet the condition.
fn records<T: Tables>(tables: &mut T, schema: &'static Schema, criteria: &Criteria) -> Result<Vec<Row>, Failure> {
    let query = narrowed(schema, criteria);
    let found = tables.select(&RECORDS, select(T::DIALECT, &query)?)?;
    Ok(found.iter().map(|record| from_record(schema, record)).collect::<Result<_>>()?)
}

/// Splits work so that no name comes twice in a round, keeping the order of what has the same name: one statement
/// changes a row at most once. SQLite has a statement for each.
fn rounds<I, N: std::hash::Hash + Eq>(dialect: Dialect, items: Vec<I>, name: impl Fn(&I) -> N) -> Vec<Vec<I>> {
    if dialect == Dialect::Sqlite {
        return vec![items];
    }
    let mut seen: HashMap<N, usize> = HashMap::new();
    let mut rounds: Vec<Vec<I>> = Vec::new();
    for item in items {
        let round = seen.entry(name(&item)).or_insert(0);
        if rounds.len() == *round {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(*round) {
            round.push(item);
        }
        *round += 1;
    }
    rounds
}

/// The values a counter may have so that the sum neither overflows nor falls below the floor; `None` when there are none.
pub(crate) fn bounds(addition: &Addition) -> Option<(i64, i64)> {
    let amount = i128::from(addition.amount);
    let low = i128::from(addition.floor.unwrap_or(i64::MIN)) - amount;
    let high = i128::from(i64::MAX) - amount;
    let low = i64::try_from(low.max(i128::from(i64::MIN))).ok()?;
    let high = i64::try_from(high.min(i128::from(i64::MAX))).ok()?;
    (low <= high).then_some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_an_addition() {
        let bounds = |amount, floor| bounds(&Addition { key: Key::default(), column: 0, amount, floor });
        assert_eq!(bounds(5, None), Some((i64::MIN, i64::MAX - 5)));
        assert_eq!(bounds(-5, None), Some((i64::MIN + 5, i64::MAX)));
        assert_eq!(bounds(-5, Some(0)), Some((5, i64::MAX)));
        assert_eq!(bounds(5, Some(0)), Some((-5, i64::MAX - 5)));
        assert_eq!(bounds(-5, Some(i64::MAX)), None);
        assert_eq!(bounds(i64::MIN, None), Some((0, i64::MAX)));
        assert_eq!(bounds(i64::MAX, Some(i64::MIN)), Some((i64::MIN, 0)));
    }

    #[test]
    fn rounds_keep_the_order_of_a_name() {
        assert_eq!(
            rounds(Dialect::Postgres, vec![1, 2, 1, 3, 1, 2], |item| *item),
            [vec![1, 2, 3], vec![1, 2], vec![1]]
        );
        assert_eq!(rounds(Dialect::Postgres, Vec::<u8>::new(), |item| *item), Vec::<Vec<u8>>::new());
    }
}
