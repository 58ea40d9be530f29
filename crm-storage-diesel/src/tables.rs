//! Whether the tables are what the schemas say, and the SQL that makes them so.

use std::collections::{BTreeMap, BTreeSet};

use crm_core::kernel::time::{Clock, SystemClock};
use crm_core::work::{Column, ColumnType, Home, Schema, Schemas, Value};
use crm_core::{Error, Result};

use crate::migrate::{Migrates, ModuleMigrations, SHIPPED, migrate};
use crate::sql::{Bind, Cell, Dialect, RECORDS, Statement, load, quoted, sql_type, table_of};
use crate::sql_types::Database;

/// The CREATE TABLE for a kind: what a module's migration needs when it gives an entity a table of its own. Add the
/// indexes its queries want, and checks as you like.
///
/// ```
/// use crm_core::branches::Branch;
/// use crm_core::work::Entity;
/// use crm_storage_diesel::{Dialect, create_table_sql};
/// let sql = create_table_sql(Branch::SCHEMA, Dialect::Postgres);
/// assert!(sql.starts_with("CREATE TABLE \"crm_branches\" ("));
/// assert!(sql.contains("\"name\" text COLLATE \"C\" NOT NULL"));
/// ```
pub fn create_table_sql(schema: &Schema, dialect: Dialect) -> String {
    let table = table_of(schema);
    let mut lines: Vec<String> = schema
        .columns
        .iter()
        .map(|column| {
            let collation = if by_bytes(dialect, column) { " COLLATE \"C\"" } else { "" };
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("{} {}{collation}{null}", quoted(column.name), sql_type(dialect, column.column_type))
        })
        .collect();
    let names =
        |columns: &[usize]| names(schema, columns).iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let constraint = |name: &str| format!("CONSTRAINT {}", quoted(&format!("{table}_{name}")));
    lines.push(format!("{} PRIMARY KEY ({})", constraint("pk"), names(schema.key)));
    for unique in schema.unique {
        lines.push(format!("{} UNIQUE ({})", constraint(unique.name), names(unique.columns)));
    }
    if dialect == Dialect::Sqlite {
        for column in schema.columns.iter().filter(|column| column.column_type == ColumnType::Bool) {
            let check = constraint(&format!("{}_check", column.name));
            lines.push(format!("{check} CHECK ({} IN (0, 1))", quoted(column.name)));
        }
    }
    let end = if dialect == Dialect::Sqlite { ") STRICT, WITHOUT ROWID;\n" } else { ");\n" };
    format!("CREATE TABLE {} (\n    {}\n{end}", quoted(table), lines.join(",\n    "))
}

/// Migrates the shipped modules and those given, and makes sure that every kind has its table.
///
/// # Errors
/// [`Error::Setup`] when they do not fit.
pub(crate) fn prepare<C: Migrates>(
    connection: &mut C,
    schemas: &Schemas,
    migrations: &[ModuleMigrations],
) -> Result<()> {
    // When a migration ran is for people to read; no rule depends on it.
    let now = SystemClock.now();
    migrate(connection, SHIPPED, now)?;
    migrate(connection, migrations, now)?;
    check_tables(connection, schemas)
}

/// Makes sure that every kind has its table, with its columns and its unique keys and no others.
///
/// # Errors
/// [`Error::Setup`] that names the first difference.
pub(crate) fn check_tables<C: Migrates>(connection: &mut C, schemas: &Schemas) -> Result<()> {
    for schema in schemas.iter() {
        if matches!(schema.home, Home::Table(_)) {
            check_table(connection, schema)?;
        }
    }
    check_table(connection, &RECORDS)
}

fn check_table<C: Migrates>(connection: &mut C, schema: &'static Schema) -> Result<()> {
    let dialect = C::Backend::DIALECT;
    let columns = asked(connection, schema, columns_query(dialect), 4)?;
    let uniques = asked(connection, schema, uniques_query(dialect), 2)?;
    differences(dialect, schema, &columns, &uniques).map_or(Ok(()), |difference| Err(Error::Setup(difference)))
}

fn asked<C: Migrates>(connection: &mut C, schema: &Schema, query: &str, texts: usize) -> Result<Vec<Vec<Value>>> {
    let table = Bind::One(ColumnType::Text, Cell::Owned(Value::Text(table_of(schema).to_owned())));
    let statement = Statement { binds: vec![table], ..Statement::once(query) };
    load(connection, statement, &vec![ColumnType::Text; texts]).map_err(|error| C::classify(&error).error)
}

/// Columns: name, type, `no` if not null, collation.
fn columns_query(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "SELECT name, lower(type), CASE \"notnull\" WHEN 1 THEN 'no' ELSE 'yes' END, '' \
             FROM pragma_table_info(?)"
        }
        Dialect::Postgres => {
            "SELECT column_name::text, data_type::text, lower(is_nullable::text), \
             coalesce(collation_name::text, '') FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = ?"
        }
    }
}

/// Unique keys: name and column, the primary key among them.
fn uniques_query(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "SELECT l.name, i.name FROM pragma_index_list(?) AS l JOIN pragma_index_info(l.name) AS i \
             WHERE l.\"unique\" = 1 AND l.partial = 0"
        }
        Dialect::Postgres => {
            "SELECT c.relname::text, a.attname::text FROM pg_index AS i \
             JOIN pg_class AS c ON c.oid = i.indexrelid \
             JOIN pg_class AS t ON t.oid = i.indrelid \
             JOIN pg_namespace AS n ON n.oid = t.relnamespace AND n.nspname = current_schema() \
             JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = ANY(i.indkey) \
             WHERE t.relname = ? AND i.indisunique AND i.indpred IS NULL"
        }
    }
}

fn by_bytes(dialect: Dialect, column: &Column) -> bool {
    dialect == Dialect::Postgres && column.column_type == ColumnType::Text
}

/// As `information_schema` and `pragma_table_info` name a type.
fn catalogue_type(dialect: Dialect, column: &Column) -> String {
    match (dialect, column.column_type) {
        (Dialect::Postgres, ColumnType::Time) => "timestamp with time zone".to_owned(),
        (_, column_type) => sql_type(dialect, column_type).to_lowercase(),
    }
}

fn names(schema: &Schema, columns: &[usize]) -> Vec<&'static str> {
    columns.iter().filter_map(|&at| schema.columns.get(at)).map(|column| column.name).collect()
}

fn differences(dialect: Dialect, schema: &Schema, columns: &[Vec<Value>], uniques: &[Vec<Value>]) -> Option<String> {
    let table = table_of(schema);
    if columns.is_empty() {
        let sql = create_table_sql(schema, dialect);
        return Some(format!("{} has no table {table}: add a migration, for example\n{sql}", schema.kind));
    }
    let text = |row: &Vec<Value>, at: usize| row.get(at).and_then(Value::as_text).unwrap_or_default().to_owned();
    let mut found: BTreeMap<String, (String, String, String)> =
        columns.iter().map(|row| (text(row, 0), (text(row, 1), text(row, 2), text(row, 3)))).collect();
    for column in schema.columns {
        let name = column.name;
        let Some((column_type, null, collation)) = found.remove(name) else {
            return Some(format!("table {table} lacks the column {name} of {}", schema.kind));
        };
        let wanted = catalogue_type(dialect, column);
        if column_type != wanted {
            return Some(format!("column {table}.{name} is {column_type} and should be {wanted}"));
        }
        if (null == "yes") != column.nullable {
            let not = if column.nullable { "should" } else { "should not" };
            return Some(format!("column {table}.{name} {not} take nulls"));
        }
        if by_bytes(dialect, column) && collation != "C" {
            return Some(format!("column {table}.{name} should be COLLATE \"C\""));
        }
    }
    if let Some(name) = found.keys().next() {
        return Some(format!("table {table} has a column {name} that {} does not know", schema.kind));
    }
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in uniques {
        keys.entry(text(row, 0)).or_default().insert(text(row, 1));
    }
    let has = |columns: &[usize], name: Option<String>| {
        let wanted: BTreeSet<String> = names(schema, columns).into_iter().map(str::to_owned).collect();
        keys.iter().any(|(found, columns)| *columns == wanted && name.as_ref().is_none_or(|name| name == found))
    };
    if !has(schema.key, None) {
        return Some(format!("table {table} should have the primary key ({})", names(schema, schema.key).join(", ")));
    }
    schema.unique.iter().find_map(|unique| {
        // PostgreSQL tells which one was violated by its name.
        let name = (dialect == Dialect::Postgres).then(|| format!("{table}_{}", unique.name));
        let columns = names(schema, unique.columns).join(", ");
        (!has(unique.columns, name))
            .then(|| format!("table {table} should have CONSTRAINT {table}_{} UNIQUE ({columns})", unique.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::THING;

    fn row(cells: &[&str]) -> Vec<Value> {
        cells.iter().map(|cell| Value::Text((*cell).to_owned())).collect()
    }

    fn good(dialect: Dialect) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
        let columns = THING.columns.iter().map(|column| {
            let collation = if by_bytes(dialect, column) { "C" } else { "" };
            let null = if column.nullable { "yes" } else { "no" };
            row(&[column.name, &catalogue_type(dialect, column), null, collation])
        });
        (columns.collect(), vec![row(&["crm_test_things_pk", "id"]), row(&["crm_test_things_label", "label"])])
    }

    #[test]
    fn every_difference_is_named() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let (columns, uniques) = good(dialect);
            assert_eq!(differences(dialect, &THING, &columns, &uniques), None);
            let said = |columns: &[Vec<Value>], uniques: &[Vec<Value>]| {
                differences(dialect, &THING, columns, uniques).unwrap()
            };
            assert!(said(&[], &uniques).contains("CREATE TABLE \"crm_test_things\""));
            assert!(said(&columns[1..], &uniques).contains("lacks the column id"));
            let mut other = columns.clone();
            other[3][1] = Value::Text("real".into());
            assert!(said(&other, &uniques).contains("crm_test_things.number is real"));
            let mut other = columns.clone();
            other[3][2] = Value::Text("no".into());
            assert!(said(&other, &uniques).contains("should take nulls"));
            let mut other = columns.clone();
            other.push(row(&["extra", "text", "yes", ""]));
            assert!(said(&other, &uniques).contains("extra"));
            assert!(
                said(&columns, &uniques[1..]).contains("PRIMARY KEY")
                    || said(&columns, &uniques[1..]).contains("primary key")
            );
            assert!(said(&columns, &uniques[..1]).contains("UNIQUE (label)"));
        }
        let (mut columns, uniques) = good(Dialect::Postgres);
        columns[2][3] = Value::Text("en_US".into());
        assert!(differences(Dialect::Postgres, &THING, &columns, &uniques).unwrap().contains("COLLATE"));
    }
}
