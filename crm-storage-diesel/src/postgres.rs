//! PostgreSQL: whatever travels, travels in one statement.

use std::borrow::{BorrowMut, Cow};
use std::collections::HashMap;
use std::time::Duration;

use crm_core::work::{Addition, ColumnType, Columns, Key, Lock, Mode, Replacement, Row, Schema, Schemas, Value};
use crm_core::{Error, Result};
use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::result::Error as DieselError;
use diesel::{Connection, ConnectionError};

use crate::errors::{self, Classified};
use crate::migrate::ModuleMigrations;
use crate::sql::{
    Bind, Cell, Dialect, Failure, Operation, SqlTx, Statement, Tables, Texts, bounds, column_types, load, quoted,
    updated,
};

/// How a connection is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresSetup {
    /// The tenant: the schema its tables are in. Without one they are where the role's `search_path` says.
    pub(crate) tenant: Option<String>,
    /// How long a statement that writes waits for a row: two groups that wait for each other end here, long before the
    /// server looks for deadlocks.
    pub(crate) lock_timeout: Duration,
    /// Whether this connection only reads lists. Their best plan depends on the values: a plan made for any value walks the
    /// whole journal for a rare kind.
    pub(crate) plans_for_values: bool,
}

impl Default for PostgresSetup {
    fn default() -> Self {
        Self { tenant: None, lock_timeout: Duration::from_millis(250), plans_for_values: false }
    }
}

/// A transaction on an own connection (`C` = `PgConnection`) or on a host's (`C` = `&mut PgConnection`).
pub(crate) type PostgresTx<C> = SqlTx<PostgresTables<C>>;

/// Opens a connection for a tenant.
pub(crate) fn open(url: &str, setup: &PostgresSetup) -> Result<PostgresTx<PgConnection>> {
    let mut connection = connect(url, setup.tenant.as_deref())?;
    if setup.plans_for_values {
        command(&mut connection, "SET plan_cache_mode TO force_custom_plan")?;
    }
    let mut tables = PostgresTables::new(connection, setup.lock_timeout);
    tables.tenant.clone_from(&setup.tenant);
    Ok(SqlTx::new(tables))
}

/// The transaction a host has begun, as a transaction of the port. Who began it ends it.
pub(crate) fn join(connection: &mut PgConnection) -> PostgresTx<&mut PgConnection> {
    SqlTx::joined(PostgresTables::new(connection, Duration::ZERO))
}

/// Opens a bare connection for a tenant.
pub(crate) fn connect(url: &str, tenant: Option<&str>) -> Result<PgConnection> {
    tenant.map_or(Ok(()), check_tenant)?;
    let mut connection = PgConnection::establish(url).map_err(|error| match error {
        ConnectionError::BadConnection(message) => not_reached(&message),
        _ => Error::Setup("the address of the database is not understood".to_owned()),
    })?;
    if let Some(tenant) = tenant {
        command(&mut connection, &format!("SET search_path TO {}", quoted(tenant)))?;
    }
    command(&mut connection, "SET TIME ZONE 'UTC'")?;
    if text_of(&mut connection, "SHOW synchronous_commit")? == "off" {
        command(&mut connection, "SET synchronous_commit TO on")?;
    }
    speak_english(&mut connection)?;
    Ok(connection)
}

/// Why there is no connection. What is said of a server names its host and the role; what is said of an address that is not
/// understood, or of a host that is not found, may repeat its password.
fn not_reached(message: &str) -> Error {
    if ["connection to server", "could not connect to server"].iter().any(|start| message.starts_with(start)) {
        Error::busy(format!("the database cannot be reached: {}", message.trim_end()))
    } else if message.starts_with("could not translate host name") {
        Error::busy("the host of the database is not found")
    } else {
        Error::Setup("the address of the database is not understood".to_owned())
    }
}

/// Makes the schema of a tenant, if it is not there.
pub(crate) fn create_tenant(connection: &mut PgConnection, tenant: &str) -> Result<()> {
    check_tenant(tenant)?;
    command(connection, &format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(tenant)))
}

/// The version of the server, for example `15.18`.
pub(crate) fn version(connection: &mut PgConnection) -> Result<String> {
    text_of(connection, "SHOW server_version")
}

fn check_tenant(tenant: &str) -> Result<()> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if (1..=50).contains(&tenant.len()) && tenant.bytes().all(good) {
        Ok(())
    } else {
        Err(Error::Setup("a tenant is named with 1 to 50 of the characters a-z, 0-9 and _".to_owned()))
    }
}

/// Diesel keeps the words of an error and not its code, so lock timeouts and deadlocks are known by their words.
fn speak_english(connection: &mut PgConnection) -> Result<()> {
    let language = text_of(connection, "SHOW lc_messages")?;
    if language == "C" || language == "POSIX" || language.starts_with("C.") || language.starts_with("en") {
        return Ok(());
    }
    // The setting may be empty, or the server may be built without translations.
    if speaks_english(connection) || connection.batch_execute("SET lc_messages TO 'C'").is_ok() {
        return Ok(());
    }
    Err(Error::Setup(
        "the server's messages are translated, and this role may not change that: have an administrator run \
         ALTER ROLE … SET lc_messages TO 'C'"
            .to_owned(),
    ))
}

fn speaks_english(connection: &mut PgConnection) -> bool {
    matches!(
        connection.batch_execute("SELECT 1 / 0"),
        Err(DieselError::DatabaseError(_, information)) if information.message() == "division by zero"
    )
}

fn command(connection: &mut PgConnection, text: &str) -> Result<()> {
    connection.batch_execute(text).map_err(|error| errors::postgres(&error, None).error)
}

fn text_of(connection: &mut PgConnection, text: &str) -> Result<String> {
    let rows = load(connection, Statement::once(text), &[ColumnType::Text])
        .map_err(|error| errors::postgres(&error, None).error)?;
    Ok(rows.first().and_then(|row| row.first()).and_then(Value::as_text).unwrap_or_default().to_owned())
}

/// Statements on tables, each for any number of rows with the same text.
pub(crate) struct PostgresTables<C> {
    connection: C,
    texts: Texts,
    begin_write: String,
    begin_again: String,
    tenant: Option<String>,
}

impl<C: BorrowMut<PgConnection>> PostgresTables<C> {
    fn new(connection: C, lock_timeout: Duration) -> Self {
        let begin = |lock_timeout: Duration| {
            let millis = lock_timeout.as_millis().min(i32::MAX as u128);
            format!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '{millis}ms'")
        };
        // A whole group of jobs waits no longer one by one than it did together. For the server, zero means for ever.
        let moment =
            if lock_timeout.is_zero() { lock_timeout } else { (lock_timeout / 64).max(Duration::from_millis(1)) };
        Self {
            connection,
            texts: Texts::new(Dialect::Postgres),
            begin_write: begin(lock_timeout),
            begin_again: begin(moment),
            tenant: None,
        }
    }

    /// Runs a statement that must change so many rows, and counts what it returns: what a distributed engine says it
    /// changed may be what it was offered.
    fn change(
        &mut self,
        schema: &'static Schema,
        operation: Operation,
        rows: usize,
        binds: Vec<Bind<'_>>,
    ) -> Result<(), Failure> {
        let statement = Statement::kept(self.texts.get(schema, operation), binds);
        let changed = load(self.connection.borrow_mut(), statement, &[])?.len();
        if changed == rows { Ok(()) } else { Err(Failure::Conflict) }
    }
}

/// One array of cells.
fn array<'r>(schema: &Schema, at: usize, cells: impl Iterator<Item = Cell<'r>>) -> Bind<'r> {
    let column_type = schema.columns.get(at).map_or(ColumnType::Text, |column| column.column_type);
    Bind::Many(column_type, cells.collect())
}

/// An array per column of rows.
fn columns<'r>(schema: &Schema, at: impl Iterator<Item = usize>, rows: &[&'r Row]) -> Vec<Bind<'r>> {
    let cell = |row: &'r Row, at: usize| row.get(at).map_or(Cow::Owned(Value::Null), Cow::Borrowed);
    at.map(|at| array(schema, at, rows.iter().map(|&row| cell(row, at)))).collect()
}

/// An array per column of keys.
fn key_columns<'k>(schema: &Schema, keys: &[&'k Key]) -> Vec<Bind<'k>> {
    let cell = |key: &'k Key, part: usize| key.get(part).map_or(Cow::Owned(Value::Null), Cow::Borrowed);
    let parts = schema.key.iter().enumerate();
    parts.map(|(part, &at)| array(schema, at, keys.iter().map(|&key| cell(key, part)))).collect()
}

fn ints(values: impl Iterator<Item = Option<i64>>) -> Bind<'static> {
    Bind::Many(ColumnType::Int, values.map(|value| Cow::Owned(value.map_or(Value::Null, Value::Int))).collect())
}

impl<C: BorrowMut<PgConnection>> Tables for PostgresTables<C> {
    const DIALECT: Dialect = Dialect::Postgres;
    type Connection = PgConnection;

    fn connection(&mut self) -> &mut PgConnection {
        self.connection.borrow_mut()
    }

    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], lock: Lock) -> Result<Vec<Option<Row>>, Failure> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let locked = lock == Lock::ForUpdate;
        let text = self.texts.get(schema, Operation::Fetch { keys: 0, locked });
        let statement = Statement::kept(text, key_columns(schema, &keys.iter().collect::<Vec<_>>()));
        let rows = load(self.connection.borrow_mut(), statement, &column_types(schema))?;
        let found: HashMap<Key, Row> = rows.into_iter().map(Row::from).map(|row| (schema.key_of(&row), row)).collect();
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    fn insert(&mut self, schema: &'static Schema, rows: &[Row]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let binds = columns(schema, 0..schema.columns.len(), &rows.iter().collect::<Vec<_>>());
        self.change(schema, Operation::Insert { rows: 0 }, rows.len(), binds)
    }

    fn update(&mut self, schema: &'static Schema, rows: &[Replacement]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let at = schema.key.iter().copied().chain(updated(schema, Columns::ALL));
        let mut binds = columns(schema, at, &rows.iter().map(|new| &new.row).collect::<Vec<_>>());
        binds.push(ints(rows.iter().map(|new| Some(new.was))));
        // The server compares the values of an index itself.
        self.change(schema, Operation::Update { changed: Columns::ALL }, rows.len(), binds)
    }

    fn delete(&mut self, schema: &'static Schema, keys: &[(Key, Option<i64>)]) -> Result<(), Failure> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut binds = key_columns(schema, &keys.iter().map(|(key, _)| key).collect::<Vec<_>>());
        binds.push(ints(keys.iter().map(|(_, was)| *was)));
        self.change(schema, Operation::Delete { versioned: true }, keys.len(), binds)
    }

    fn add(&mut self, schema: &'static Schema, additions: &[Addition]) -> Result<(), Failure> {
        for &column in schema.counters {
            let of: Vec<&Addition> = additions.iter().filter(|addition| addition.column == column).collect();
            if of.is_empty() {
                continue;
            }
            let limits: Vec<(i64, i64)> =
                of.iter().map(|addition| bounds(addition)).collect::<Option<_>>().ok_or(Failure::Conflict)?;
            let mut binds = key_columns(schema, &of.iter().map(|addition| &addition.key).collect::<Vec<_>>());
            binds.push(ints(of.iter().map(|addition| Some(addition.amount))));
            binds.push(ints(limits.iter().map(|(low, _)| Some(*low))));
            binds.push(ints(limits.iter().map(|(_, high)| Some(*high))));
            self.change(schema, Operation::Add { column }, of.len(), binds)?;
        }
        Ok(())
    }

    fn begin(&mut self, mode: Mode) -> Result<(), DieselError> {
        let text = match mode {
            Mode::Write => self.begin_write.as_str(),
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.connection.borrow_mut().batch_execute(text)
    }

    fn begin_again(&mut self) -> Result<(), DieselError> {
        self.connection.borrow_mut().batch_execute(&self.begin_again)
    }

    fn prepare(&mut self, schemas: &Schemas, migrations: &[ModuleMigrations]) -> Result<()> {
        let connection = self.connection.borrow_mut();
        if let Some(tenant) = &self.tenant {
            create_tenant(connection, tenant)?;
        }
        crate::tables::prepare(connection, schemas, migrations)
    }

    fn maintain(&mut self) -> Result<bool> {
        // The server keeps house itself.
        Ok(false)
    }

    fn version(&mut self) -> Result<String> {
        Ok(format!("PostgreSQL {}", version(self.connection.borrow_mut())?))
    }

    fn classify(error: DieselError, schema: Option<&'static Schema>) -> Classified {
        errors::postgres(&error, schema)
    }
}

#[cfg(test)]
mod tests;
