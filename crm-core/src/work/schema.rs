//! The shape of an entity as data: what a backend needs to store it, and a lint needs to check it.

use super::value::{ColumnType, Key, Value};

/// One column of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name, the same in Rust and in SQL.
    pub name: &'static str,
    /// The type.
    pub column_type: ColumnType,
    /// Whether it may be null.
    pub nullable: bool,
}

/// Columns whose values together are different in every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unique {
    /// The name, as errors give it.
    pub name: &'static str,
    /// The columns, by position. A row with a null in one of them never collides.
    pub columns: &'static [usize],
}

/// Where the rows of an entity are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// In a table of its own.
    Table(&'static str),
    /// In the table `crm_records` that entities without a table share, as a document.
    /// At most [`Home::RECORD_KEYS`] columns, given here by position, can narrow a query in SQL.
    Records(&'static [usize]),
}

impl Home {
    /// How many index keys a record has.
    pub const RECORD_KEYS: usize = 3;
}

/// The shape of one kind of entity. Written by [`entity!`](crate::entity), never by hand.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// The kind, for example `customer`: unique among all modules.
    pub kind: &'static str,
    /// Where rows are kept.
    pub home: Home,
    /// The columns, in the order of a [`Row`](super::Row).
    pub columns: &'static [Column],
    /// The key, by position. Rows are clustered by it.
    pub key: &'static [usize],
    /// The optimistic lock, by position. Without one a row is only inserted, added to or deleted.
    pub version: Option<usize>,
    /// Unique keys beside the primary one.
    pub unique: &'static [Unique],
    /// Columns that only change by commutative [additions](super::Tx::add), by position.
    pub counters: &'static [usize],
    /// Columns that hold personal data, by position: erasure and redaction walk them.
    pub personal: &'static [usize],
    /// Columns that say to whom a row belongs, by position: lists of it are narrowed by them, so that a backend does well
    /// to read the rows of one value of theirs in the order of a list. See [`Scoped`](crate::access::Scoped).
    pub scoped: &'static [usize],
}

impl Schema {
    /// The key of a row.
    pub fn key_of(&self, row: &[Value]) -> Key {
        self.key.iter().map(|&column| row.get(column).cloned().unwrap_or(Value::Null)).collect()
    }

    /// The version of a row, if this kind has versions.
    pub fn version_of(&self, row: &[Value]) -> Option<i64> {
        self.version.and_then(|column| row.get(column)).and_then(Value::as_int)
    }

    /// The values of each unique key of a row, by the key's number. A key with a null in it never collides and is left
    /// out.
    pub fn unique_values<'r>(&'r self, row: &'r [Value]) -> impl Iterator<Item = (usize, Vec<Value>)> + 'r {
        self.unique.iter().enumerate().filter_map(|(number, unique)| {
            let values = unique.columns.iter().map(|&column| row.get(column).filter(|value| !value.is_null()).cloned());
            Some((number, values.collect::<Option<Vec<_>>>()?))
        })
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Whether an update writes this column: not the key, not a counter.
    pub fn is_updated(&self, column: usize) -> bool {
        !self.key.contains(&column) && !self.counters.contains(&column)
    }
}

/// Finds a column while compiling, so that a misspelt name is a compile error. Used by [`entity!`](crate::entity).
#[doc(hidden)]
#[expect(clippy::panic, reason = "runs while compiling")]
pub const fn column_position(columns: &[Column], name: &str) -> usize {
    let mut at = 0;
    while at < columns.len() {
        if same(columns[at].name.as_bytes(), name.as_bytes()) {
            return at;
        }
        at += 1;
    }
    panic!("no such column")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
