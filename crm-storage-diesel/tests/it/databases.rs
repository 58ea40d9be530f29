//! Databases for tests: each its own, gone when it is dropped.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::postgres;

/// A database of a test's own.
pub enum Database {
    Sqlite { path: PathBuf, url: String },
    Postgres { schema: String, url: String },
}

impl Database {
    /// The address to open a storage at.
    pub fn url(&self) -> &str {
        match self {
            Self::Sqlite { url, .. } | Self::Postgres { url, .. } => url,
        }
    }

    /// Ends every connection to this database but the one that asks, as a restart of the server would.
    pub fn end_other_connections(&self) {
        let Self::Postgres { schema, .. } = self else { return };
        let mut connection = PgConnection::establish(&postgres::url()).unwrap();
        let others =
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{schema}'");
        diesel::sql_query(others).execute(&mut connection).unwrap();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        match self {
            Self::Sqlite { path, .. } => {
                // The file, its log and its index, and those of its tenants.
                let (Some(folder), Some(name)) = (path.parent(), path.file_stem().and_then(|name| name.to_str()))
                else {
                    return;
                };
                for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                    if entry.file_name().to_str().is_some_and(|file| file.starts_with(name)) {
                        let _ = std::fs::remove_file(entry.path());
                    }
                }
            }
            Self::Postgres { schema, .. } => {
                if let Ok(mut connection) = PgConnection::establish(&postgres::url()) {
                    let _ = connection.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"));
                }
            }
        }
    }
}

/// A new SQLite file.
pub fn sqlite_file() -> Database {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("crm-test-{}-{}.db", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    let url = format!("sqlite:{}", path.display());
    Database::Sqlite { path, url }
}

/// A schema of its own on the test server, found by the connection's `search_path`; the connections carry its name.
pub fn postgres() -> Database {
    let schema = postgres::tenant();
    let server = postgres::url();
    PgConnection::establish(&server).unwrap().batch_execute(&format!("CREATE SCHEMA {schema}")).unwrap();
    let separator = if server.contains('?') { '&' } else { '?' };
    let url =
        format!("{server}{separator}options=-csearch_path%3D{schema}%20-clock_timeout%3D60s&application_name={schema}");
    Database::Postgres { schema, url }
}

/// The file of a `sqlite:` address.
pub fn sqlite_path(url: &str) -> &str {
    url.strip_prefix("sqlite:").unwrap()
}

/// What a pragma answers, a text for each row: the first column.
pub fn sqlite_pragma(url: &str, pragma: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Text)]
        answer: String,
    }
    let mut connection = SqliteConnection::establish(sqlite_path(url)).unwrap();
    let column = if pragma == "foreign_key_check" { "\"table\"" } else { pragma };
    let rows = diesel::sql_query(format!("SELECT CAST({column} AS TEXT) AS answer FROM pragma_{pragma}"))
        .load::<Answer>(&mut connection)
        .unwrap();
    rows.into_iter().map(|row| row.answer).collect()
}
