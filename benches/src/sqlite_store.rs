//! SQLite: the file, its tables, and loading in bulk.

use std::path::{Path, PathBuf};

use crm_core::work::{Home, Row, Schema, Value};
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, ToSql};

use crate::data::Loader;
use crate::{Result, ours};

/// A database file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    path: PathBuf,
}

/// How a writer is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning {
    /// As SQLite comes.
    Default,
    /// A checkpoint at 16,000 pages of the write-ahead log instead of 1,000, and a page cache of 64 MB instead of 2.
    Large,
}

impl SqliteStore {
    /// A new file with our tables.
    ///
    /// # Errors
    /// What the database meets.
    pub fn create(path: &Path) -> Result<Self> {
        let store = Self { path: path.to_owned() };
        ours::migrate(&store.url())?;
        Ok(store)
    }

    /// The address for our library.
    pub fn url(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    /// A durable connection with foreign keys, as our library uses it.
    ///
    /// # Errors
    /// What the database meets.
    pub fn connect(&self, tuning: Tuning) -> Result<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(std::time::Duration::from_secs(10))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        if tuning == Tuning::Large {
            connection.pragma_update(None, "wal_autocheckpoint", 16_000)?;
            connection.pragma_update(None, "cache_size", -64_000)?;
        }
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    /// A connection that loads in bulk: not durable, and without checks.
    ///
    /// # Errors
    /// What the database meets.
    pub fn loader(&self) -> Result<SqliteLoader> {
        let connection = self.connect(Tuning::Large)?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.pragma_update(None, "cache_size", -512_000)?;
        Ok(SqliteLoader(connection))
    }
}

/// Loads rows in transactions of one kind each.
pub struct SqliteLoader(Connection);

impl Loader for SqliteLoader {
    fn load(&mut self, schema: &'static Schema, rows: &mut dyn Iterator<Item = Row>) -> Result<()> {
        let Home::Table(table) = schema.home else { return Err("only tables are loaded".into()) };
        let columns: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
        let places = vec!["?"; columns.len()].join(", ");
        let sql = format!("INSERT INTO {table} ({}) VALUES ({places})", columns.join(", "));
        let transaction = self.0.transaction()?;
        let mut insert = transaction.prepare(&sql)?;
        for row in rows {
            insert.execute(rusqlite::params_from_iter(row.iter().map(Bound)))?;
        }
        drop(insert);
        Ok(transaction.commit()?)
    }

    fn settle(&mut self) -> Result<()> {
        // With samples of values (which a limit leaves out) SQLite plans a statement anew for each value that is bound.
        self.0.execute_batch("PRAGMA analysis_limit = 1000; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);")?;
        Ok(())
    }
}

struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => rusqlite::types::Null.into(),
            Value::Bool(flag) => (*flag).into(),
            Value::Int(number) => (*number).into(),
            Value::Text(text) | Value::Json(text) => text.as_str().into(),
            Value::Uuid(id) => id.as_bytes().as_slice().into(),
            Value::Time(time) => time.as_micros().into(),
            Value::Date(date) => date.days().into(),
        })
    }
}
