//! Storage for `crm-core` on SQLite and PostgreSQL.

mod errors;
mod session;
mod sql;
mod sql_types;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod suite;
