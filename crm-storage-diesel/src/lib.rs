//! Storage for `crm-core` on SQLite and PostgreSQL.

mod errors;
mod migrate;
#[cfg(feature = "postgres")]
mod postgres;
mod session;
mod sql;
mod sql_types;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod suite;
mod tables;

pub use migrate::{Migration, ModuleMigrations, SHIPPED};
pub use sql::Dialect;
pub use tables::create_table_sql;
