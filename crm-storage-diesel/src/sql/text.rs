//! The texts of the statements whose shape follows from a schema alone. Each is made once per connection.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use crm_core::work::{ColumnType, Home, Schema};

/// Whose SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite, 3.51.3 or later.
    Sqlite,
    /// PostgreSQL, and what speaks its SQL.
    Postgres,
}

/// What a statement does to rows of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    /// Rows by key; on PostgreSQL locked if asked.
    Fetch { locked: bool },
    /// New rows: so many on SQLite, any number on PostgreSQL.
    Insert { rows: usize },
    /// New values for everything but key and counters, for one version.
    Update,
    /// Rows gone; on SQLite one, with its version if asked.
    Delete { versioned: bool },
    /// An amount added to this counter, if the counter lies between two bounds.
    Add { column: usize },
}

/// Texts by kind and operation.
#[derive(Debug)]
pub(crate) struct Texts {
    dialect: Dialect,
    made: HashMap<(&'static str, Operation), Arc<str>>,
}

impl Texts {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, made: HashMap::new() }
    }

    /// The text for an operation on a kind.
    pub(crate) fn get(&mut self, schema: &'static Schema, operation: Operation) -> Arc<str> {
        let dialect = self.dialect;
        Arc::clone(self.made.entry((schema.kind, operation)).or_insert_with(|| text(dialect, schema, operation).into()))
    }
}

/// The table a kind is kept in.
pub(crate) fn table_of(schema: &Schema) -> &'static str {
    match schema.home {
        Home::Table(table) => table,
        Home::Records(_) => "crm_records",
    }
}

/// The types of a row.
pub(crate) fn column_types(schema: &Schema) -> Vec<ColumnType> {
    schema.columns.iter().map(|column| column.column_type).collect()
}

/// A name as SQL takes it. Names come from schemas, never from input.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The type of a column as PostgreSQL and SQLite name it.
pub(crate) fn sql_type(dialect: Dialect, column_type: ColumnType) -> &'static str {
    match dialect {
        Dialect::Sqlite => match column_type {
            ColumnType::Bool | ColumnType::Int | ColumnType::Time | ColumnType::Date => "INTEGER",
            ColumnType::Text | ColumnType::Json => "TEXT",
            ColumnType::Uuid => "BLOB",
        },
        Dialect::Postgres => match column_type {
            ColumnType::Bool => "boolean",
            ColumnType::Int => "bigint",
            ColumnType::Text => "text",
            ColumnType::Uuid => "uuid",
            ColumnType::Time => "timestamptz",
            ColumnType::Date => "date",
            ColumnType::Json => "jsonb",
        },
    }
}

/// The name of a column, quoted; empty for a position the schema does not have.
pub(crate) fn name(schema: &Schema, at: usize) -> String {
    schema.columns.get(at).map_or_else(String::new, |column| quoted(column.name))
}

/// The parts, separated by commas.
fn list(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(", ")
}

fn every(schema: &Schema) -> std::ops::Range<usize> {
    0..schema.columns.len()
}

/// The columns an update writes.
pub(crate) fn updated(schema: &Schema) -> impl Iterator<Item = usize> + '_ {
    every(schema).filter(|&at| schema.is_updated(at))
}

/// All columns, for a SELECT.
pub(crate) fn columns(schema: &Schema) -> String {
    list(every(schema).map(|at| name(schema, at)))
}

/// The text for an operation. Rows are told apart by their key; a version, where one is given, comes after the key.
pub(crate) fn text(dialect: Dialect, schema: &Schema, operation: Operation) -> String {
    match dialect {
        Dialect::Sqlite => sqlite(schema, operation),
        Dialect::Postgres => postgres(schema, operation),
    }
}

fn sqlite(schema: &Schema, operation: Operation) -> String {
    let table = quoted(table_of(schema));
    let key = schema.key.iter().map(|&at| format!("{} = ?", name(schema, at))).collect::<Vec<_>>().join(" AND ");
    let version = schema.version.map(|at| format!(" AND {} = ?", name(schema, at))).unwrap_or_default();
    match operation {
        Operation::Fetch { .. } => format!("SELECT {} FROM {table} WHERE {key}", columns(schema)),
        Operation::Insert { rows } => {
            let row = format!("({})", list(every(schema).map(|_| "?".to_owned())));
            format!("INSERT INTO {table} ({}) VALUES {}", columns(schema), list((0..rows).map(|_| row.clone())))
        }
        Operation::Update => {
            let set = list(updated(schema).map(|at| format!("{} = ?", name(schema, at))));
            format!("UPDATE {table} SET {set} WHERE {key}{version}")
        }
        Operation::Delete { versioned } => {
            format!("DELETE FROM {table} WHERE {key}{}", if versioned { version.as_str() } else { "" })
        }
        Operation::Add { column } => {
            let counter = name(schema, column);
            format!("UPDATE {table} SET {counter} = {counter} + ? WHERE {key} AND {counter} >= ? AND {counter} <= ?")
        }
    }
}

/// `UNNEST` of one array per column, as the table `u` with the columns `c0`, `c1` … by position, and more at the end.
fn unnest(schema: &Schema, of: &[usize], more: &[&str]) -> String {
    let arrays = of
        .iter()
        .filter_map(|&at| schema.columns.get(at))
        .map(|column| format!("?::{}[]", sql_type(Dialect::Postgres, column.column_type)));
    let names = of.iter().map(|at| format!("c{at}"));
    format!(
        "UNNEST({}) AS u({})",
        list(arrays.chain(more.iter().map(|_| "?::bigint[]".to_owned()))),
        list(names.chain(more.iter().map(|&name| name.to_owned())))
    )
}

fn postgres(schema: &Schema, operation: Operation) -> String {
    let table = quoted(table_of(schema));
    let key =
        schema.key.iter().map(|&at| format!("t.{} = u.c{at}", name(schema, at))).collect::<Vec<_>>().join(" AND ");
    match operation {
        Operation::Fetch { locked } => {
            let order = list(schema.key.iter().map(|&at| format!("t.{}", name(schema, at))));
            let mut text = format!("SELECT {}", list(every(schema).map(|at| format!("t.{}", name(schema, at)))));
            // Writing to a String cannot fail.
            let _ = match *schema.key {
                [at] => {
                    let of = unnest_type(schema, at);
                    write!(text, " FROM {table} AS t WHERE t.{} = ANY(?::{of}[])", name(schema, at))
                }
                _ => write!(text, " FROM {table} AS t JOIN {} ON {key}", unnest(schema, schema.key, &[])),
            };
            if locked {
                let _ = write!(text, " ORDER BY {order} FOR UPDATE OF t");
            }
            text
        }
        Operation::Insert { .. } => {
            let all: Vec<usize> = every(schema).collect();
            let values = list(all.iter().map(|at| format!("u.c{at}")));
            let columns = columns(schema);
            format!("INSERT INTO {table} ({columns}) SELECT {values} FROM {} RETURNING 1", unnest(schema, &all, &[]))
        }
        Operation::Update => {
            let set = list(updated(schema).map(|at| format!("{} = u.c{at}", name(schema, at))));
            let of: Vec<usize> = schema.key.iter().copied().chain(updated(schema)).collect();
            let version = schema.version.map(|at| format!(" AND t.{} = u.was", name(schema, at))).unwrap_or_default();
            let from = unnest(schema, &of, &["was"]);
            format!("UPDATE {table} AS t SET {set} FROM {from} WHERE {key}{version} RETURNING 1")
        }
        Operation::Delete { .. } => {
            let version = schema.version.map(|at| format!(" AND (u.was IS NULL OR t.{} = u.was)", name(schema, at)));
            let from = unnest(schema, schema.key, &["was"]);
            format!("DELETE FROM {table} AS t USING {from} WHERE {key}{} RETURNING 1", version.unwrap_or_default())
        }
        Operation::Add { column } => {
            let counter = name(schema, column);
            let from = unnest(schema, schema.key, &["amount", "low", "high"]);
            format!(
                "UPDATE {table} AS t SET {counter} = t.{counter} + u.amount FROM {from} \
                 WHERE {key} AND t.{counter} >= u.low AND t.{counter} <= u.high RETURNING 1"
            )
        }
    }
}

fn unnest_type(schema: &Schema, at: usize) -> &'static str {
    schema.columns.get(at).map_or("text", |column| sql_type(Dialect::Postgres, column.column_type))
}
