//! How the port's values cross to a database: one SQL type per column type, with types known in advance, so that
//! Diesel never asks the server about them.
//!
//! | column | SQLite | PostgreSQL |
//! | --- | --- | --- |
//! | bool | INTEGER 0 or 1 | boolean |
//! | int | INTEGER | bigint |
//! | text | TEXT, binary order | text COLLATE "C" |
//! | uuid | BLOB of 16 bytes | uuid |
//! | time | INTEGER, microseconds since 1970 | timestamptz |
//! | date | INTEGER, days since 1970 | date |
//! | json | TEXT | jsonb |

use crm_core::work::{ColumnType, Value};
use diesel::backend::Backend;
use diesel::deserialize::FromSql;
use diesel::query_builder::{AstPass, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::SqlType;

use crate::sql::{Cell, Dialect};

/// A database whose values we know how to write and read.
pub(crate) trait Database: Backend {
    /// Its SQL.
    const DIALECT: Dialect;

    /// Binds one value.
    fn push_cell<'b>(out: &mut AstPass<'_, 'b, Self>, column_type: ColumnType, cell: &'b Value) -> QueryResult<()>;

    /// Binds an array of values.
    fn push_array<'b>(
        out: &mut AstPass<'_, 'b, Self>,
        column_type: ColumnType,
        cells: &'b [Cell<'b>],
    ) -> QueryResult<()>;

    /// Reads one value.
    fn read(column_type: ColumnType, raw: Option<Self::RawValue<'_>>) -> diesel::deserialize::Result<Value>;
}

macro_rules! sql_types {
    ($($name:ident, $oid:literal, $array_oid:literal, $sqlite:literal;)+) => {$(
        #[derive(Debug, Clone, Copy, SqlType, QueryId)]
        #[cfg_attr(feature = "postgres", diesel(postgres_type(oid = $oid, array_oid = $array_oid)))]
        #[cfg_attr(feature = "sqlite", diesel(sqlite_type(name = $sqlite)))]
        pub(crate) struct $name;
    )+};
}
// The object identifiers are fixed in PostgreSQL's catalogue (src/include/catalog/pg_type.dat).
sql_types! {
    Bool, 16, 1000, "Integer";
    Int, 20, 1016, "Long";
    Text, 25, 1009, "Text";
    Uuid, 2950, 2951, "Binary";
    Time, 1184, 1185, "Long";
    Date, 1082, 1182, "Long";
    Json, 3802, 3807, "Text";
}

/// Calls `$call!(SqlType)` with the SQL type of a column type.
macro_rules! by_type {
    ($column_type:expr, $call:ident) => {
        match $column_type {
            ColumnType::Bool => $call!(Bool),
            ColumnType::Int => $call!(Int),
            ColumnType::Text => $call!(Text),
            ColumnType::Uuid => $call!(Uuid),
            ColumnType::Time => $call!(Time),
            ColumnType::Date => $call!(Date),
            ColumnType::Json => $call!(Json),
        }
    };
}

fn misfit(name: &'static str) -> Box<dyn std::error::Error + Send + Sync> {
    format!("a value is no {name}").into()
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use crm_core::kernel::time::{CivilDate, Timestamp};
    use diesel::sql_types::{BigInt, Integer, Text as PlainText};
    use diesel::sqlite::{Sqlite, SqliteValue};

    use super::{
        AstPass, Bool, Cell, ColumnType, Database, Date, Dialect, FromSql, Int, IsNull, Json, Output, QueryResult,
        Text, Time, ToSql, Uuid, Value, misfit,
    };

    impl Database for Sqlite {
        const DIALECT: Dialect = Dialect::Sqlite;

        fn push_cell<'b>(out: &mut AstPass<'_, 'b, Self>, column_type: ColumnType, cell: &'b Value) -> QueryResult<()> {
            macro_rules! push {
                ($sql_type:ident) => {
                    out.push_bind_param::<$sql_type, Value>(cell)
                };
            }
            by_type!(column_type, push)
        }

        fn push_array<'b>(_: &mut AstPass<'_, 'b, Self>, _: ColumnType, _: &'b [Cell<'b>]) -> QueryResult<()> {
            Err(diesel::result::Error::QueryBuilderError("SQLite has no arrays".into()))
        }

        fn read(column_type: ColumnType, raw: Option<SqliteValue<'_, '_, '_>>) -> diesel::deserialize::Result<Value> {
            let Some(raw) = raw else { return Ok(Value::Null) };
            macro_rules! read {
                ($sql_type:ident) => {
                    <Value as FromSql<$sql_type, Sqlite>>::from_sql(raw)
                };
            }
            by_type!(column_type, read)
        }
    }

    macro_rules! sqlite_value {
        ($($sql_type:ident: $variant:ident($value:ident) => $write:expr, $raw:ident => $read:expr;)+) => {$(
            impl ToSql<$sql_type, Sqlite> for Value {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
                    match self {
                        Value::Null => return Ok(IsNull::Yes),
                        Value::$variant($value) => out.set_value($write),
                        _ => return Err(misfit(stringify!($variant))),
                    }
                    Ok(IsNull::No)
                }
            }

            impl FromSql<$sql_type, Sqlite> for Value {
                fn from_sql($raw: SqliteValue<'_, '_, '_>) -> diesel::deserialize::Result<Self> {
                    Ok(Value::$variant($read))
                }
            }
        )+};
    }
    sqlite_value! {
        Bool: Bool(value) => i32::from(*value), raw => <i32 as FromSql<Integer, Sqlite>>::from_sql(raw)? != 0;
        Int: Int(value) => *value, raw => FromSql::<BigInt, Sqlite>::from_sql(raw)?;
        Text: Text(value) => value.as_str(), raw => FromSql::<PlainText, Sqlite>::from_sql(raw)?;
        Uuid: Uuid(value) => &value.as_bytes()[..],
            raw => {
                let mut raw = raw;
                uuid::Uuid::from_slice(raw.read_blob())?
            };
        Time: Time(value) => value.as_micros(),
            raw => Timestamp::from_micros(FromSql::<BigInt, Sqlite>::from_sql(raw)?)?;
        Date: Date(value) => i64::from(value.days()),
            raw => CivilDate::from_days(<i64 as FromSql<BigInt, Sqlite>>::from_sql(raw)?.try_into()?)?;
        Json: Json(value) => value.as_str(), raw => FromSql::<PlainText, Sqlite>::from_sql(raw)?;
    }
}

#[cfg(feature = "postgres")]
pub(crate) mod postgres {
    use std::io::Write;

    use crm_core::kernel::time::{CivilDate, Timestamp};
    use diesel::pg::{Pg, PgValue};
    use diesel::sql_types::Array;

    use super::{
        AstPass, Bool, Cell, ColumnType, Database, Date, Dialect, FromSql, Int, IsNull, Json, Output, QueryResult,
        Text, Time, ToSql, Uuid, Value, misfit,
    };

    /// From 1970-01-01 to 2000-01-01, where PostgreSQL counts from.
    const EPOCH_DAYS: i32 = 10_957;
    const EPOCH_MICROS: i64 = 946_684_800_000_000;
    /// The version byte before a jsonb value.
    const JSONB_VERSION: u8 = 1;

    /// A text with a NUL, which PostgreSQL cannot store.
    #[derive(Debug)]
    pub(crate) struct NulInText;

    impl std::fmt::Display for NulInText {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text contains a NUL")
        }
    }

    impl std::error::Error for NulInText {}

    impl Database for Pg {
        const DIALECT: Dialect = Dialect::Postgres;

        fn push_cell<'b>(out: &mut AstPass<'_, 'b, Self>, column_type: ColumnType, cell: &'b Value) -> QueryResult<()> {
            macro_rules! push {
                ($sql_type:ident) => {
                    out.push_bind_param::<$sql_type, Value>(cell)
                };
            }
            by_type!(column_type, push)
        }

        fn push_array<'b>(
            out: &mut AstPass<'_, 'b, Self>,
            column_type: ColumnType,
            cells: &'b [Cell<'b>],
        ) -> QueryResult<()> {
            macro_rules! push {
                ($sql_type:ident) => {
                    out.push_bind_param::<Array<$sql_type>, [Cell<'b>]>(cells)
                };
            }
            by_type!(column_type, push)
        }

        fn read(column_type: ColumnType, raw: Option<PgValue<'_>>) -> diesel::deserialize::Result<Value> {
            let Some(raw) = raw else { return Ok(Value::Null) };
            macro_rules! read {
                ($sql_type:ident) => {
                    <Value as FromSql<$sql_type, Pg>>::from_sql(raw)
                };
            }
            by_type!(column_type, read)
        }
    }

    fn no_nul(text: &str) -> Result<&[u8], NulInText> {
        if text.contains('\0') { Err(NulInText) } else { Ok(text.as_bytes()) }
    }

    macro_rules! pg_value {
        ($($sql_type:ident: $variant:ident($value:ident, $out:ident) => $write:expr, $raw:ident => $read:expr;)+) => {$(
            impl ToSql<$sql_type, Pg> for Value {
                fn to_sql<'b>(&'b self, $out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
                    match self {
                        Value::Null => return Ok(IsNull::Yes),
                        Value::$variant($value) => $write,
                        _ => return Err(misfit(stringify!($variant))),
                    }
                    Ok(IsNull::No)
                }
            }

            impl FromSql<$sql_type, Pg> for Value {
                fn from_sql(raw: PgValue<'_>) -> diesel::deserialize::Result<Self> {
                    let $raw = raw.as_bytes();
                    Ok(Value::$variant($read))
                }
            }
        )+};
    }
    pg_value! {
        Bool: Bool(value, out) => out.write_all(&[u8::from(*value)])?, raw => raw != [0].as_slice();
        Int: Int(value, out) => out.write_all(&value.to_be_bytes())?, raw => i64::from_be_bytes(raw.try_into()?);
        Text: Text(value, out) => out.write_all(no_nul(value)?)?, raw => std::str::from_utf8(raw)?.to_owned();
        Uuid: Uuid(value, out) => out.write_all(value.as_bytes())?, raw => uuid::Uuid::from_slice(raw)?;
        Time: Time(value, out) => {
            let micros = value.as_micros().checked_sub(EPOCH_MICROS).ok_or("the instant is out of range")?;
            out.write_all(&micros.to_be_bytes())?;
        }, raw => {
            let micros = i64::from_be_bytes(raw.try_into()?).checked_add(EPOCH_MICROS);
            Timestamp::from_micros(micros.ok_or("the instant is out of range")?)?
        };
        Date: Date(value, out) => {
            let days = value.days().checked_sub(EPOCH_DAYS).ok_or("the date is out of range")?;
            out.write_all(&days.to_be_bytes())?;
        }, raw => {
            let days = i32::from_be_bytes(raw.try_into()?).checked_add(EPOCH_DAYS);
            CivilDate::from_days(days.ok_or("the date is out of range")?)?
        };
        Json: Json(value, out) => {
            out.write_all(&[JSONB_VERSION])?;
            out.write_all(no_nul(value)?)?;
        }, raw => match raw.split_first() {
            Some((&JSONB_VERSION, text)) => std::str::from_utf8(text)?.to_owned(),
            _ => return Err("a jsonb value of an unknown version".into()),
        };
    }
}
