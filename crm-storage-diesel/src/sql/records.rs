//! Entities without a table of their own: documents in `crm_records`, narrowed by up to three keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::work::{Column, ColumnType, Comparison, Criteria, Direction, Home, Key, Query, Row, Schema, Value};
use crm_core::{Error, Result};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::text::hexadecimal;

const fn column(name: &'static str, column_type: ColumnType, nullable: bool) -> Column {
    Column { name, column_type, nullable }
}

const KIND: usize = 0;
const VERSION: usize = 2;
const KEY_1: usize = 3;
const DOCUMENT: usize = KEY_1 + Home::RECORD_KEYS;

/// The shared table, as a schema of its own, so that records are stored by the same code as everything else.
pub(crate) static RECORDS: Schema = Schema {
    kind: "crm.record",
    home: Home::Table("crm_records"),
    columns: &[
        column("kind", ColumnType::Text, false),
        column("id", ColumnType::Uuid, false),
        column("version", ColumnType::Int, false),
        column("key1", ColumnType::Text, true),
        column("key2", ColumnType::Text, true),
        column("key3", ColumnType::Text, true),
        column("document", ColumnType::Json, false),
    ],
    key: &[0, 1],
    version: Some(VERSION),
    unique: &[],
    counters: &[],
    personal: &[],
    scoped: &[],
};

/// The key of a record: the id itself where the key is one id, else a fingerprint of the key (a version 8 UUID).
pub(super) fn record_key(schema: &Schema, key: &Key) -> Key {
    let id = match &**key {
        [Value::Uuid(id)] => *id,
        cells => {
            let mut hash = Sha256::new();
            for cell in cells {
                let text = plain(cell).unwrap_or_default();
                hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
                hash.update(text);
            }
            let mut bytes = [0; 16];
            bytes.iter_mut().zip(hash.finalize()).for_each(|(byte, hashed)| *byte = hashed);
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        }
    };
    Arc::new([Value::Text(schema.kind.to_owned()), Value::Uuid(id)])
}

/// A row as a record.
pub(super) fn to_record(schema: &Schema, row: &[Value]) -> Row {
    let mut record = record_key(schema, &schema.key_of(row)).to_vec();
    record.push(Value::Int(schema.version_of(row).unwrap_or_default()));
    let indexed = indexed(schema);
    record.extend(
        (0..Home::RECORD_KEYS).map(|key| {
            indexed.get(key).and_then(|&at| row.get(at)).and_then(index_key).map_or(Value::Null, Value::Text)
        }),
    );
    let document: Map<String, Json> =
        schema.columns.iter().zip(row).map(|(column, cell)| (column.name.to_owned(), encode(cell))).collect();
    record.push(Value::Json(Json::Object(document).to_string()));
    record.into()
}

/// The row in a record. A column the document does not know yet is null.
pub(super) fn from_record(schema: &Schema, record: &[Value]) -> Result<Row> {
    let misfit = || Error::backend(format!("a stored {}", schema.kind), "the document does not fit its schema");
    let Some(Value::Json(text)) = record.get(DOCUMENT) else { return Err(misfit()) };
    let mut document: Map<String, Json> = serde_json::from_str(text).map_err(|_| misfit())?;
    schema
        .columns
        .iter()
        .map(|column| match document.remove(column.name) {
            None | Some(Json::Null) if column.nullable => Ok(Value::Null),
            Some(cell) => decode(column.column_type, cell).ok_or_else(misfit),
            None => Err(misfit()),
        })
        .collect()
}

/// The query on the shared table that finds at least the rows of a kind that meet the condition.
pub(super) fn narrowed(schema: &'static Schema, criteria: &Criteria) -> Query {
    let mut wanted: BTreeMap<usize, Criteria> = BTreeMap::new();
    let top = match criteria {
        Criteria::All(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    for part in top {
        let (at, values) = match part {
            Criteria::Compare(at, Comparison::Equal, value) => (at, std::slice::from_ref(value)),
            Criteria::In(at, values) if values.len() <= MAX_NARROWING => (at, values.as_slice()),
            _ => continue,
        };
        if let Some(key) = indexed(schema).iter().position(|one| one == at) {
            let texts = values.iter().filter_map(index_key).map(Value::Text).collect();
            wanted.insert(KEY_1 + key, Criteria::In(KEY_1 + key, texts));
        }
    }
    let kind = Criteria::Compare(KIND, Comparison::Equal, Value::Text(schema.kind.to_owned()));
    Query {
        schema: &RECORDS,
        criteria: Criteria::All(std::iter::once(kind).chain(wanted.into_values()).collect()),
        order: vec![1],
        direction: Direction::Ascending,
        after: None,
        limit: 0,
    }
}

/// Longer lists do not narrow.
const MAX_NARROWING: usize = 1_000;

fn indexed(schema: &Schema) -> &'static [usize] {
    match schema.home {
        Home::Records(columns) => columns,
        Home::Table(_) => &[],
    }
}

/// The longest text that is its own index key: an index of PostgreSQL takes no more than 2,704 bytes.
const MAX_INDEX_KEY: usize = 256;

/// What stands for a value in an index: the same for the same value, and seldom the same for two.
fn index_key(cell: &Value) -> Option<String> {
    plain(cell).map(|text| if text.len() > MAX_INDEX_KEY { hexadecimal(&Sha256::digest(text)) } else { text })
}

/// A value as text that is the same exactly when the value is the same.
fn plain(cell: &Value) -> Option<String> {
    match cell {
        Value::Null => None,
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Text(value) | Value::Json(value) => Some(value.clone()),
        Value::Uuid(value) => Some(value.to_string()),
        Value::Time(value) => Some(value.as_micros().to_string()),
        Value::Date(value) => Some(value.days().to_string()),
    }
}

/// A value in a document. A JSON value is kept as text, so that not even its spaces change.
fn encode(cell: &Value) -> Json {
    match cell {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Text(value) | Value::Json(value) => json!(value),
        Value::Uuid(value) => json!(value.to_string()),
        Value::Time(value) => json!(value.as_micros()),
        Value::Date(value) => json!(value.days()),
    }
}

fn decode(column_type: ColumnType, cell: Json) -> Option<Value> {
    match (column_type, cell) {
        (ColumnType::Bool, Json::Bool(value)) => Some(Value::Bool(value)),
        (ColumnType::Int, Json::Number(value)) => value.as_i64().map(Value::Int),
        (ColumnType::Text, Json::String(value)) => Some(Value::Text(value)),
        (ColumnType::Json, Json::String(value)) => Some(Value::Json(value)),
        (ColumnType::Uuid, Json::String(value)) => value.parse().ok().map(Value::Uuid),
        (ColumnType::Time, Json::Number(value)) => Timestamp::from_micros(value.as_i64()?).ok().map(Value::Time),
        (ColumnType::Date, Json::Number(value)) => {
            CivilDate::from_days(value.as_i64()?.try_into().ok()?).ok().map(Value::Date)
        }
        _ => None,
    }
}
