//! PostgreSQL: its tables, and loading in bulk.

use std::fmt::Write as _;
use std::io::Write as _;

use crm_core::work::{Home, Row, Schema, Value};
use postgres::{Client, NoTls};
use url::Url;

use crate::data::Loader;
use crate::{Result, ours};

/// Makes our tables in an empty database.
///
/// # Errors
/// What the database meets.
pub fn create(url: &Url) -> Result<()> {
    ours::migrate(url.as_str())
}

/// A connection.
///
/// # Errors
/// What the database meets.
pub fn connect(url: &Url) -> Result<Client> {
    Ok(Client::connect(url.as_str(), NoTls)?)
}

/// Drops every foreign key, to see what they cost.
///
/// # Errors
/// What the database meets.
pub fn drop_foreign_keys(url: &Url) -> Result<()> {
    let mut client = connect(url)?;
    let keys = "SELECT conrelid::regclass::text, conname::text FROM pg_constraint WHERE contype = 'f'";
    for row in client.query(keys, &[])? {
        let (table, name): (String, String) = (row.get(0), row.get(1));
        client.batch_execute(&format!("ALTER TABLE {table} DROP CONSTRAINT {name}"))?;
    }
    Ok(())
}

/// The version of the server.
///
/// # Errors
/// What the database meets.
pub fn version(url: &Url) -> Result<String> {
    Ok(connect(url)?.query_one("SHOW server_version", &[])?.get(0))
}

/// Loads rows with COPY.
pub struct PostgresLoader(Client);

impl PostgresLoader {
    /// A connection that loads in bulk: not durable, and without foreign keys where it may.
    ///
    /// # Errors
    /// What the database meets.
    pub fn new(url: &Url) -> Result<Self> {
        let mut client = connect(url)?;
        client.batch_execute("SET synchronous_commit = off")?;
        // Only a superuser may; anybody else waits a little longer.
        if client.batch_execute("SET session_replication_role = replica").is_err() {
            eprintln!("loading with foreign keys: the role is no superuser");
        }
        Ok(Self(client))
    }
}

impl Loader for PostgresLoader {
    fn load(&mut self, schema: &'static Schema, rows: &mut dyn Iterator<Item = Row>) -> Result<()> {
        let Home::Table(table) = schema.home else { return Err("only tables are loaded".into()) };
        let columns: Vec<&str> = schema.columns.iter().map(|column| column.name).collect();
        let mut copy = self.0.copy_in(&format!("COPY {table} ({}) FROM STDIN", columns.join(", ")))?;
        let mut text = String::new();
        for row in rows {
            for (column, value) in row.iter().enumerate() {
                if column > 0 {
                    text.push('\t');
                }
                write_value(&mut text, value)?;
            }
            text.push('\n');
            if text.len() > 1 << 16 {
                copy.write_all(text.as_bytes())?;
                text.clear();
            }
        }
        copy.write_all(text.as_bytes())?;
        copy.finish()?;
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        self.0.batch_execute("VACUUM ANALYZE")?;
        // Only a superuser may.
        let _ = self.0.batch_execute("CHECKPOINT");
        Ok(())
    }
}

/// A value in the text format of COPY.
fn write_value(text: &mut String, value: &Value) -> Result<()> {
    match value {
        Value::Null => text.push_str("\\N"),
        Value::Bool(flag) => text.push(if *flag { 't' } else { 'f' }),
        Value::Int(number) => write!(text, "{number}")?,
        Value::Text(raw) | Value::Json(raw) => {
            for c in raw.chars() {
                match c {
                    '\\' => text.push_str("\\\\"),
                    '\t' => text.push_str("\\t"),
                    '\n' => text.push_str("\\n"),
                    '\r' => text.push_str("\\r"),
                    c => text.push(c),
                }
            }
        }
        Value::Uuid(id) => write!(text, "{id}")?,
        Value::Time(time) => write!(text, "{time}")?,
        Value::Date(date) => write!(text, "{date}")?,
    }
    Ok(())
}
