//! Statements made from a [`Schema`](crm_core::work::Schema): one mapping for all tables.

mod criteria;
mod records;
mod statement;
mod text;
mod tx;

pub(crate) use records::RECORDS;
pub(crate) use statement::{Bind, Cell, Statement, load};
#[cfg(feature = "sqlite")]
pub(crate) use text::BATCHES;
pub use text::Dialect;
pub(crate) use text::{Operation, Texts, column_types, hexadecimal, quoted, sql_type, table_of, updated};
pub(crate) use tx::{Failure, SqlTx, Tables, bounds};
