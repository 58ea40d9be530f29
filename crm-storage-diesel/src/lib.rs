//! Storage for `crm-core` on SQLite and PostgreSQL.

mod session;
