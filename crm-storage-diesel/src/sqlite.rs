//! SQLite: one file, many readers, one writer.

use std::borrow::{BorrowMut, Cow};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crm_core::work::{Addition, ColumnType, Columns, Key, Lock, Mode, Replacement, Row, Schema, Schemas, Value};
use crm_core::{Error, Result};
use diesel::connection::SimpleConnection;
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;
use diesel::{Connection, ConnectionError};

use crate::errors::{self, Classified};
use crate::log::Log;
use crate::migrate::ModuleMigrations;
use crate::sql::{
    BATCHES, Bind, Dialect, Failure, Operation, SqlTx, Statement, Tables, Texts, bounds, column_types, load, updated,
};

/// The oldest SQLite taken: earlier ones can corrupt a WAL database when a checkpoint meets a reset of the log.
const OLDEST: (u32, u32, u32) = (3, 51, 3);

/// Pages of the log (4 KiB each) at which it should begin anew.
const LONG_LOG_PAGES: i64 = 32_000;

/// The path of a database that lives in memory.
pub(crate) const MEMORY: &str = ":memory:";

/// How a connection is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SqliteSetup {
    /// How long to wait for another process that writes.
    pub(crate) busy_timeout: Duration,
    /// Pages in the log after which a commit copies them into the database; 0 for never.
    pub(crate) wal_autocheckpoint: u32,
    /// The page cache of the connection, in KiB.
    pub(crate) cache_kib: u32,
    /// The most pages the file may have.
    pub(crate) max_pages: Option<u32>,
    /// Whether a commit leaves it to us to sync the log.
    pub(crate) commits_early: bool,
}

impl Default for SqliteSetup {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(5),
            wal_autocheckpoint: 1_000,
            cache_kib: 4 * 1024,
            max_pages: None,
            commits_early: false,
        }
    }
}

/// A transaction on an own connection (`C` = `SqliteConnection`) or on a host's (`C` = `&mut SqliteConnection`).
pub(crate) type SqliteTx<C> = SqlTx<SqliteTables<C>>;

/// Opens a connection and makes sure that it is as durable and as strict as we promise.
pub(crate) fn open(path: &str, setup: &SqliteSetup) -> Result<SqliteTx<SqliteConnection>> {
    let mut connection = connect(path, setup)?;
    let log = if setup.commits_early { log_of(&mut connection)? } else { None };
    Ok(SqlTx::new(SqliteTables { log, ..SqliteTables::new(connection) }))
}

/// The transaction a host has begun, as a transaction of the port. Who began it ends it.
pub(crate) fn join(connection: &mut SqliteConnection) -> SqliteTx<&mut SqliteConnection> {
    SqlTx::joined(SqliteTables::new(connection))
}

/// Opens a bare connection.
pub(crate) fn connect(path: &str, setup: &SqliteSetup) -> Result<SqliteConnection> {
    let mut connection = SqliteConnection::establish(path).map_err(|error| match error {
        ConnectionError::BadConnection(message) => Error::Setup(format!("the database cannot be opened: {message}")),
        _ => Error::Setup("the database cannot be opened".to_owned()),
    })?;
    let started = Instant::now();
    loop {
        match set_up(&mut connection, path, setup) {
            // Where several turn a new file to WAL, or the last one turns off the light, SQLite refuses without waiting.
            Err(Error::Busy { .. }) if started.elapsed() < setup.busy_timeout => {
                std::thread::sleep(Duration::from_millis(2));
            }
            done => return done.map(|()| connection),
        }
    }
}

fn set_up(connection: &mut SqliteConnection, path: &str, setup: &SqliteSetup) -> Result<()> {
    check_version(&text_of(connection, "SELECT sqlite_version()")?)?;
    // The waiting first: the next ones may have to wait.
    let pragmas = [
        format!("busy_timeout = {}", setup.busy_timeout.as_millis().min(i32::MAX as u128)),
        "foreign_keys = ON".to_owned(),
        "journal_mode = WAL".to_owned(),
        "synchronous = FULL".to_owned(),
        format!("cache_size = -{}", setup.cache_kib.min(i32::MAX.unsigned_abs())),
        format!("wal_autocheckpoint = {}", setup.wal_autocheckpoint.min(i32::MAX.unsigned_abs())),
    ];
    let max_pages = setup.max_pages.map(|pages| format!("max_page_count = {pages}"));
    for pragma in pragmas.into_iter().chain(max_pages) {
        connection.batch_execute(&format!("PRAGMA {pragma}")).map_err(|error| errors::sqlite(&error, None).error)?;
    }
    let journal = text_of(connection, "PRAGMA journal_mode")?;
    // What lives in memory dies with its connection, and has no log.
    if path != MEMORY && !journal.eq_ignore_ascii_case("wal") {
        return Err(Error::Setup(format!(
            "SQLite keeps its log in mode {journal} and not in mode WAL: use a file on a local disk"
        )));
    }
    if int_of(connection, "PRAGMA foreign_keys")? != 1 {
        return Err(Error::Setup("this SQLite was compiled without foreign keys".to_owned()));
    }
    if int_of(connection, "PRAGMA synchronous")? < 2 {
        return Err(Error::Setup("SQLite does not take synchronous = FULL".to_owned()));
    }
    Ok(())
}

/// Takes the syncing of the log over from SQLite, if there is a log and we can reach it.
fn log_of(connection: &mut SqliteConnection) -> Result<Option<Arc<Log>>> {
    // Whoever reads opens the log, and makes it if there is none.
    int_of(connection, "SELECT count(*) FROM sqlite_schema")?;
    let path = text_of(connection, "SELECT file FROM pragma_database_list WHERE name = 'main'")?;
    if path.is_empty() {
        // What lives in memory has none.
        return Ok(None);
    }
    let Ok(log) = Log::open(&format!("{path}-wal")) else { return Ok(None) };
    // What is moved from the log to the file is still synced by SQLite.
    let normal = connection.batch_execute("PRAGMA synchronous = NORMAL");
    normal.map_err(|error| errors::sqlite(&error, None).error)?;
    Ok(Some(Arc::new(log)))
}

/// The version of SQLite, for example `3.53.2`.
pub(crate) fn version(connection: &mut SqliteConnection) -> Result<String> {
    text_of(connection, "SELECT sqlite_version()")
}

fn check_version(version: &str) -> Result<()> {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().ok());
    let found = (numbers.next().flatten(), numbers.next().flatten(), numbers.next().flatten().unwrap_or(0));
    match found {
        (Some(major), Some(minor), patch) if (major, minor, patch) >= OLDEST => Ok(()),
        _ => Err(Error::Setup(format!("SQLite {version} is too old: 3.51.3 or later is needed"))),
    }
}

fn one_value(connection: &mut SqliteConnection, text: &str, column_type: ColumnType) -> Result<Value> {
    let rows =
        load(connection, Statement::once(text), &[column_type]).map_err(|error| errors::sqlite(&error, None).error)?;
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).unwrap_or(Value::Null))
}

fn text_of(connection: &mut SqliteConnection, text: &str) -> Result<String> {
    Ok(one_value(connection, text, ColumnType::Text)?.as_text().unwrap_or_default().to_owned())
}

fn int_of(connection: &mut SqliteConnection, text: &str) -> Result<i64> {
    Ok(one_value(connection, text, ColumnType::Int)?.as_int().unwrap_or_default())
}

/// Statements on tables. On SQLite a statement per row costs no more than one for many: nothing travels.
pub(crate) struct SqliteTables<C> {
    connection: C,
    texts: Texts,
    log: Option<Arc<Log>>,
}

impl<C: BorrowMut<SqliteConnection>> SqliteTables<C> {
    fn new(connection: C) -> Self {
        Self { connection, texts: Texts::new(Dialect::Sqlite), log: None }
    }

    /// Runs a statement that must change one row.
    fn change_one(
        &mut self,
        schema: &'static Schema,
        operation: Operation,
        binds: Vec<Bind<'_>>,
    ) -> Result<(), Failure> {
        let statement = Statement::kept(self.texts.get(schema, operation), binds);
        match self.connection.borrow_mut().execute_returning_count(&statement)? {
            1 => Ok(()),
            _ => Err(Failure::Conflict),
        }
    }
}

fn bind(column_type: ColumnType, cell: &Value) -> Bind<'_> {
    Bind::One(column_type, Cow::Borrowed(cell))
}

/// The cells of the columns that an update writes, and of the key.
fn updated_cells<'r>(schema: &Schema, row: &'r Row, changed: Columns) -> Vec<Bind<'r>> {
    let updated = updated(schema, changed).chain(schema.key.iter().copied());
    updated.filter_map(|at| Some(bind(schema.columns.get(at)?.column_type, row.get(at)?))).collect()
}

fn key_cells<'k>(schema: &Schema, key: &'k Key) -> Vec<Bind<'k>> {
    let types = schema.key.iter().filter_map(|&at| schema.columns.get(at)).map(|column| column.column_type);
    types.zip(&**key).map(|(column_type, cell)| bind(column_type, cell)).collect()
}

fn int(value: i64) -> Bind<'static> {
    Bind::One(ColumnType::Int, Cow::Owned(Value::Int(value)))
}

impl<C: BorrowMut<SqliteConnection>> Tables for SqliteTables<C> {
    const DIALECT: Dialect = Dialect::Sqlite;
    type Connection = SqliteConnection;

    fn connection(&mut self) -> &mut SqliteConnection {
        self.connection.borrow_mut()
    }

    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], _: Lock) -> Result<Vec<Option<Row>>, Failure> {
        // A row of a statement for many keys ends with the number of its key.
        let types: Vec<_> = column_types(schema).into_iter().chain([ColumnType::Int]).collect();
        let mut found = Vec::with_capacity(keys.len());
        let mut rest = keys;
        for size in BATCHES {
            while let Some((batch, after)) = rest.split_at_checked(size) {
                // Whoever began to write is the only writer: there is nothing to lock.
                let text = self.texts.get(schema, Operation::Fetch { keys: size, locked: false });
                let binds = batch.iter().flat_map(|key| key_cells(schema, key)).collect();
                let read = schema.columns.len() + usize::from(size > 1);
                let rows = load(self.connection.borrow_mut(), Statement::kept(text, binds), &types[..read])?;
                let first = found.len();
                found.resize(first + size, None);
                for mut row in rows {
                    let number = row.get(schema.columns.len()).and_then(Value::as_int).unwrap_or_default();
                    row.truncate(schema.columns.len());
                    let place = usize::try_from(number).ok().and_then(|number| found.get_mut(first + number));
                    *place.ok_or(Failure::Conflict)? = Some(row.into());
                }
                rest = after;
            }
        }
        Ok(found)
    }

    fn insert(&mut self, schema: &'static Schema, rows: &[Row]) -> Result<(), Failure> {
        let mut rest = rows;
        for size in BATCHES {
            while let Some((batch, after)) = rest.split_at_checked(size) {
                let mut binds = Vec::with_capacity(size * schema.columns.len());
                for row in batch {
                    binds
                        .extend(schema.columns.iter().zip(&**row).map(|(column, cell)| bind(column.column_type, cell)));
                }
                let statement = Statement::kept(self.texts.get(schema, Operation::Insert { rows: size }), binds);
                if self.connection.borrow_mut().execute_returning_count(&statement)? != size {
                    return Err(Failure::Conflict);
                }
                rest = after;
            }
        }
        Ok(())
    }

    fn update(&mut self, schema: &'static Schema, rows: &[Replacement]) -> Result<(), Failure> {
        rows.iter().try_for_each(|Replacement { row, was, changed }| {
            let changed = self.texts.kept(schema, *changed);
            let mut binds = updated_cells(schema, row, changed);
            binds.push(int(*was));
            self.change_one(schema, Operation::Update { changed }, binds)
        })
    }

    fn delete(&mut self, schema: &'static Schema, keys: &[(Key, Option<i64>)]) -> Result<(), Failure> {
        keys.iter().try_for_each(|(key, was)| {
            let mut binds = key_cells(schema, key);
            binds.extend(was.map(int));
            self.change_one(schema, Operation::Delete { versioned: was.is_some() }, binds)
        })
    }

    fn add(&mut self, schema: &'static Schema, additions: &[Addition]) -> Result<(), Failure> {
        additions.iter().try_for_each(|addition| {
            let (low, high) = bounds(addition).ok_or(Failure::Conflict)?;
            let mut binds = vec![int(addition.amount)];
            binds.extend(key_cells(schema, &addition.key));
            binds.extend([int(low), int(high)]);
            self.change_one(schema, Operation::Add { column: addition.column }, binds)
        })
    }

    fn begin(&mut self, mode: Mode) -> Result<(), DieselError> {
        self.command(match mode {
            Mode::Write => "BEGIN IMMEDIATE",
            Mode::Read => "BEGIN DEFERRED",
        })
    }

    fn prepare(&mut self, schemas: &Schemas, migrations: &[ModuleMigrations]) -> Result<()> {
        crate::tables::prepare(self.connection.borrow_mut(), schemas, migrations)?;
        self.log.as_ref().map_or(Ok(()), |log| {
            log.note_commit();
            log.sync()
        })
    }

    fn log(&self) -> Option<&Arc<Log>> {
        self.log.as_ref()
    }

    fn generation(&mut self) -> Result<Option<i64>, DieselError> {
        let rows = load(
            self.connection.borrow_mut(),
            Statement::kept("PRAGMA data_version".into(), Vec::new()),
            &[ColumnType::Int],
        )?;
        Ok(rows.first().and_then(|row| row.first()).and_then(Value::as_int))
    }

    fn maintain(&mut self) -> Result<bool> {
        let statement = Statement::once("PRAGMA wal_checkpoint(PASSIVE)");
        let rows = load(self.connection.borrow_mut(), statement, &[ColumnType::Int; 3])
            .map_err(|error| errors::sqlite(&error, None).error)?;
        // Whether it was in the way of others, the pages of the log, those of them that are moved.
        let pages = rows.first().and_then(|row| row.get(1)).and_then(Value::as_int);
        Ok(pages.is_some_and(|pages| pages > LONG_LOG_PAGES))
    }

    fn version(&mut self) -> Result<String> {
        Ok(format!("SQLite {}", version(self.connection.borrow_mut())?))
    }

    fn classify(error: DieselError, schema: Option<&'static Schema>) -> Classified {
        errors::sqlite(&error, schema)
    }
}

#[cfg(test)]
mod tests;
