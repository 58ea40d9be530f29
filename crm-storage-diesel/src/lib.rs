//! Storage for `crm-core` on SQLite and PostgreSQL, with group commit.
//!
//! [`DieselStorage::open`] takes an address and is ready to build a [`Crm`](crm_core::Crm) on. Operations can also run inside
//! a transaction the host has begun on a Diesel connection of its own: see [`HostTransaction`]. A third party's entities get
//! tables of their own by [`ModuleMigrations`].

mod address;
mod engine;
mod errors;
mod group;
mod host;
mod log;
mod migrate;
#[cfg(feature = "postgres")]
mod postgres;
mod queue;
mod session;
mod sql;
mod sql_types;
#[cfg(feature = "sqlite")]
mod sqlite;
mod storage;
#[cfg(test)]
mod suite;
mod tables;
mod writer;

pub use host::HostTransaction;
pub use migrate::{Migration, ModuleMigrations, SHIPPED};
pub use sql::Dialect;
pub use storage::{DieselStorage, StorageOptions};
pub use tables::create_table_sql;
