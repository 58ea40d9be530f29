//! The texts of the statements whose shape follows from a schema alone. Each is made once per connection.

use std::collections::HashMap;
use std::fmt::Write;

use crm_core::work::{ColumnType, Columns, Home, Schema};

use super::statement::Text;

/// How many rows, keys or queries go in a statement whose text depends on the number, most first: few texts, each kept prepared.
/// A purchase has about three lines.
pub(crate) const BATCHES: [usize; 4] = [32, 8, 3, 1];

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
    /// Rows by key: so many on SQLite, any number on PostgreSQL, there locked if asked.
    Fetch { keys: usize, locked: bool },
    /// New rows: so many on SQLite, any number on PostgreSQL.
    Insert { rows: usize },
    /// New values for what changed of everything but key and counters, for one version.
    Update { changed: Columns },
    /// Rows gone; on SQLite one, with its version if asked.
    Delete { versioned: bool },
    /// An amount added to this counter, if the counter lies between two bounds.
    Add { column: usize },
}

/// Sets of columns of a kind that are updated together and have a text of their own.
#[cfg(feature = "sqlite")]
const MAX_UPDATES: usize = 16;

/// Texts by kind and operation.
#[derive(Debug)]
pub(crate) struct Texts {
    dialect: Dialect,
    made: HashMap<(&'static str, Operation), Text>,
}

impl Texts {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, made: HashMap::new() }
    }

    /// The text for an operation on a kind.
    pub(crate) fn get(&mut self, schema: &'static Schema, operation: Operation) -> Text {
        let dialect = self.dialect;
        let made = self.made.entry((schema.kind, operation));
        made.or_insert_with(|| text(dialect, schema, operation).as_str().into()).clone()
    }

    /// What an update of these columns writes. SQLite writes an index anew, and looks for the row a reference names, whenever an
    /// UPDATE names their columns, even with the values they have: so only what changed is named. Few sets of columns change
    /// together often; so that what is prepared has an end, the rest write all columns.
    #[cfg(feature = "sqlite")]
    pub(crate) fn kept(&self, schema: &'static Schema, changed: Columns) -> Columns {
        let is_update = |(kind, operation): &&(&str, Operation)| {
            *kind == schema.kind && matches!(operation, Operation::Update { .. })
        };
        let is_kept = self.made.contains_key(&(schema.kind, Operation::Update { changed }))
            || self.made.keys().filter(is_update).count() < MAX_UPDATES;
        // A row may be replaced by one that is the same.
        if is_kept && updated(schema, changed).next().is_some() { changed } else { Columns::ALL }
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

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
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
pub(crate) fn updated(schema: &Schema, changed: Columns) -> impl Iterator<Item = usize> + '_ {
    every(schema).filter(move |&at| schema.is_updated(at) && changed.contains(at))
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
        Operation::Fetch { keys: 1, .. } => format!("SELECT {} FROM {table} WHERE {key}", columns(schema)),
        Operation::Fetch { keys, .. } => {
            // A row says which key it was found by: the order is the planner's.
            let places = list(schema.key.iter().map(|_| "?".to_owned()));
            let values = list((0..keys).map(|number| format!("({number}, {places})")));
            let key = (2..).zip(schema.key).map(|(part, &at)| format!("t.{} = k.column{part}", name(schema, at)));
            let key = key.collect::<Vec<_>>().join(" AND ");
            let columns = list(every(schema).map(|at| format!("t.{}", name(schema, at))));
            format!("SELECT {columns}, k.column1 FROM (VALUES {values}) AS k CROSS JOIN {table} AS t WHERE {key}")
        }
        Operation::Insert { rows } => {
            let row = format!("({})", list(every(schema).map(|_| "?".to_owned())));
            // A failed statement is undone by whoever began the transaction or the savepoint, so SQLite need not keep a
            // journal to undo it alone.
            format!("INSERT OR FAIL INTO {table} ({}) VALUES {}", columns(schema), list((0..rows).map(|_| row.clone())))
        }
        Operation::Update { changed } => {
            let set = list(updated(schema, changed).map(|at| format!("{} = ?", name(schema, at))));
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
        Operation::Fetch { locked, .. } => {
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
        Operation::Update { changed } => {
            let set = list(updated(schema, changed).map(|at| format!("{} = u.c{at}", name(schema, at))));
            let of: Vec<usize> = schema.key.iter().copied().chain(updated(schema, changed)).collect();
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

#[cfg(test)]
mod tests {
    use crm_core::work::{Comparison, Criteria, Direction, Query, Value};

    use super::*;
    use crate::sql::criteria::{count, select};
    use crate::suite::{PAIR, THING, all_schemas};

    /// Every fixed text of every kind.
    fn all(dialect: Dialect) -> Vec<(String, &'static str)> {
        let mut texts = Vec::new();
        for schema in all_schemas().iter() {
            let mut operations = vec![
                Operation::Fetch { keys: 1, locked: false },
                Operation::Fetch { keys: 1, locked: true },
                Operation::Insert { rows: 1 },
                Operation::Update { changed: Columns::ALL },
                Operation::Delete { versioned: true },
            ];
            operations.extend(schema.counters.iter().map(|&column| Operation::Add { column }));
            texts.extend(operations.into_iter().map(|operation| (text(dialect, schema, operation), schema.kind)));
        }
        texts
    }

    #[test]
    fn sqlite_texts() {
        let text = |schema, operation| text(Dialect::Sqlite, schema, operation);
        assert_eq!(
            text(&PAIR, Operation::Fetch { keys: 1, locked: true }),
            r#"SELECT "left", "right", "order", "total", "spent" FROM "crm_test_pairs" WHERE "left" = ? AND "right" = ? AND "order" = ?"#
        );
        assert_eq!(
            text(&PAIR, Operation::Fetch { keys: 2, locked: false }),
            r#"SELECT t."left", t."right", t."order", t."total", t."spent", k.column1 FROM (VALUES (0, ?, ?, ?), (1, ?, ?, ?)) AS k CROSS JOIN "crm_test_pairs" AS t WHERE t."left" = k.column2 AND t."right" = k.column3 AND t."order" = k.column4"#
        );
        assert_eq!(
            text(&PAIR, Operation::Insert { rows: 2 }),
            r#"INSERT OR FAIL INTO "crm_test_pairs" ("left", "right", "order", "total", "spent") VALUES (?, ?, ?, ?, ?), (?, ?, ?, ?, ?)"#
        );
        assert_eq!(
            text(&THING, Operation::Delete { versioned: true }),
            r#"DELETE FROM "crm_test_things" WHERE "id" = ? AND "version" = ?"#
        );
        assert_eq!(
            text(&PAIR, Operation::Add { column: 3 }),
            r#"UPDATE "crm_test_pairs" SET "total" = "total" + ? WHERE "left" = ? AND "right" = ? AND "order" = ? AND "total" >= ? AND "total" <= ?"#
        );
        assert!(!text(&THING, Operation::Update { changed: Columns::ALL }).contains("balance"), "counters stay");
    }

    #[test]
    fn postgres_texts() {
        let text = |schema, operation| text(Dialect::Postgres, schema, operation);
        assert_eq!(
            text(&PAIR, Operation::Insert { rows: 9 }),
            r#"INSERT INTO "crm_test_pairs" ("left", "right", "order", "total", "spent") SELECT u.c0, u.c1, u.c2, u.c3, u.c4 FROM UNNEST(?::uuid[], ?::bigint[], ?::text[], ?::bigint[], ?::bigint[]) AS u(c0, c1, c2, c3, c4) RETURNING 1"#
        );
        assert_eq!(
            text(&PAIR, Operation::Fetch { keys: 1, locked: true }),
            r#"SELECT t."left", t."right", t."order", t."total", t."spent" FROM "crm_test_pairs" AS t JOIN UNNEST(?::uuid[], ?::bigint[], ?::text[]) AS u(c0, c1, c2) ON t."left" = u.c0 AND t."right" = u.c1 AND t."order" = u.c2 ORDER BY t."left", t."right", t."order" FOR UPDATE OF t"#
        );
        assert_eq!(
            text(&THING, Operation::Delete { versioned: true }),
            r#"DELETE FROM "crm_test_things" AS t USING UNNEST(?::uuid[], ?::bigint[]) AS u(c0, was) WHERE t."id" = u.c0 AND (u.was IS NULL OR t."version" = u.was) RETURNING 1"#
        );
        let update = text(&THING, Operation::Update { changed: Columns::ALL });
        assert!(update.ends_with(r#"WHERE t."id" = u.c0 AND t."version" = u.was RETURNING 1"#), "{update}");
    }

    #[test]
    fn what_distributed_engines_take() {
        for (text, kind) in all(Dialect::Postgres) {
            let lower = text.to_lowercase();
            assert!(lower.starts_with("select") || text.ends_with(" RETURNING 1"), "{kind}: {text}");
            for word in ["now()", "random", "gen_", "current_", "like", "on conflict", "1 = 0", "false"] {
                assert!(!lower.contains(word), "{kind}: {word} in {text}");
            }
        }
    }

    #[test]
    fn texts_hold_no_values_and_do_not_depend_on_them() {
        let query = |label: &str, limit| Query {
            schema: &THING,
            criteria: Criteria::All(vec![
                Criteria::StartsWith(2, label.to_owned()),
                Criteria::In(1, vec![Value::Int(1), Value::Int(2), Value::Int(3)]),
            ]),
            order: vec![1, 0],
            direction: Direction::Descending,
            after: Some(vec![Value::Int(4), Value::Uuid(uuid::Uuid::nil())]),
            limit,
        };
        let (first, second) = (query("first", 51), query("second", 51));
        let [first, second] = [&first, &second].map(|query| select(Dialect::Sqlite, query).unwrap());
        assert_eq!(first.text, second.text);
        assert!(first.kept);
        let text = first.text.to_string();
        assert!(text.ends_with(
            r#"WHERE (("label" >= ? AND "label" < ?) AND "version" IN (?, ?, ?, ?)) AND ("version", "id") < (?, ?) ORDER BY "version" DESC, "id" DESC LIMIT 51"#
        ), "{text}");
        let odd = query("x", 777);
        assert!(!select(Dialect::Sqlite, &odd).unwrap().kept);
        let text = select(Dialect::Postgres, &odd).unwrap().text.to_string();
        assert!(text.contains(r#""version" = ANY(?)"#), "{text}");
        let many = Criteria::Any(
            (0..2_000).map(|number| Criteria::Not(Box::new(Criteria::In(3, vec![Value::Int(number)])))).collect(),
        );
        assert!(!count(Dialect::Sqlite, &THING, &many).unwrap().kept);
    }

    #[test]
    fn rows_of_several_owners_are_merged() {
        let either = |values: Vec<Value>| {
            let other = Criteria::Compare(7, Comparison::Equal, Value::Uuid(uuid::Uuid::nil()));
            Criteria::All(vec![Criteria::Any(vec![Criteria::In(3, values), other]), Criteria::IsNull(4)])
        };
        let query = |values, order| Query {
            schema: &THING,
            criteria: either(values),
            order,
            direction: Direction::Descending,
            after: Some(vec![Value::Int(4), Value::Uuid(uuid::Uuid::nil())]),
            limit: 51,
        };
        let two = query(vec![Value::Int(1), Value::Null], vec![1, 0]);
        let columns = columns(&THING);
        let arm = |column, sign| {
            format!(
                r#"SELECT {columns} FROM "crm_test_things" WHERE "{column}" = ? AND {sign}"flag" IS NULL AND ("version", "id") < (?, ?)"#
            )
        };
        let both = |sign| format!("{} UNION ALL {}", arm("number", sign), arm("other", sign));
        let order = r#"ORDER BY "version" DESC, "id" DESC LIMIT"#;
        let statement = select(Dialect::Sqlite, &two).unwrap();
        assert_eq!(statement.text.to_string(), format!("{} {order} 102", both("+")));
        assert_eq!((statement.distinct, statement.binds.len(), statement.kept), (Some(51), 6, true));
        let statement = select(Dialect::Postgres, &two).unwrap();
        let text = format!(r#"SELECT DISTINCT ON ("version", "id") {columns} FROM ({}) AS k {order} 51"#, both(""));
        assert_eq!((statement.text.to_string(), statement.distinct), (text, None));
        // Too many, one, or in an order that tells no rows apart.
        let plain = |query: &Query| !select(Dialect::Sqlite, query).unwrap().text.to_string().contains("UNION");
        assert!(plain(&query((0..9).map(Value::Int).collect(), vec![1, 0])));
        assert!(plain(&query(vec![Value::Null], vec![1, 0])));
        assert!(plain(&Query { order: vec![1], after: None, ..two.clone() }));
        assert!(plain(&Query { limit: 0, ..two.clone() }));
        assert!(!plain(&two));
    }

    #[test]
    fn a_nullable_column_is_two_valued_under_not() {
        let not = |at, value| Criteria::Not(Box::new(Criteria::Compare(at, crm_core::work::Comparison::Equal, value)));
        let nullable = not(3, Value::Int(1));
        let text = count(Dialect::Sqlite, &THING, &nullable).unwrap().text.to_string();
        assert!(text.ends_with(r#"WHERE NOT (("number" IS NOT NULL AND "number" = ?))"#), "{text}");
        let sure = not(1, Value::Int(1));
        let text = count(Dialect::Sqlite, &THING, &sure).unwrap().text.to_string();
        assert!(text.ends_with(r#"WHERE NOT ("version" = ?)"#), "{text}");
    }
}
