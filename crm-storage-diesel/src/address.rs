//! Addresses: which database, and how to get a connection to it.

#[cfg(feature = "sqlite")]
use std::path::PathBuf;

use crm_core::{Error, Result};

use crate::engine::Role;
#[cfg(feature = "postgres")]
use crate::postgres::{self, PostgresSetup};
use crate::session::Session;
#[cfg(feature = "sqlite")]
use crate::sqlite::{self, SqliteSetup};
use crate::storage::StorageOptions;

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    #[cfg(feature = "sqlite")]
    SqliteFile(PathBuf),
    #[cfg(feature = "sqlite")]
    SqliteMemory,
    #[cfg(feature = "postgres")]
    Postgres { url: String, schema: Option<String> },
}

/// Jobs after which SQLite's log is moved to its file, in a thread of its own: 6,500 pages of purchases, 23,000 of purchases in a
/// club.
#[cfg(feature = "sqlite")]
const JOBS_PER_CHECKPOINT: usize = 1_024;

/// The page caches of the writer and of a reader, in KiB, as far as they are filled. Whenever pages were split, SQLite walks the
/// whole cache at the commit: with 32 MiB that took 7 % of a writer's time.
#[cfg(feature = "sqlite")]
const WRITER_CACHE_KIB: u32 = 16 * 1024;
#[cfg(feature = "sqlite")]
const READER_CACHE_KIB: u32 = 4 * 1024;

/// Pages of SQLite's log at which a commit itself moves what is left (4 KiB each): for a few jobs that write very much, before the
/// housekeeper has found the log long.
#[cfg(feature = "sqlite")]
const MAX_LOG_PAGES: u32 = 64_000;

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Self::sqlite(path.strip_prefix("//").unwrap_or(path));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::postgres(url);
        }
        // The address itself may hold a password, so it is not repeated.
        Err(Error::Setup("an address begins with sqlite:, postgres:// or postgresql://".into()))
    }

    #[cfg(feature = "sqlite")]
    fn sqlite(path: &str) -> Result<Self> {
        match path {
            "" => Err(Error::Setup("sqlite: needs the name of a file, or :memory:".into())),
            ":memory:" => Ok(Self::SqliteMemory),
            path => Ok(Self::SqliteFile(path.into())),
        }
    }

    #[cfg(not(feature = "sqlite"))]
    fn sqlite(_: &str) -> Result<Self> {
        Err(Error::Setup("sqlite: needs the feature `sqlite` of crm-storage-diesel".into()))
    }

    #[cfg(feature = "postgres")]
    #[expect(clippy::unnecessary_wraps, reason = "fails without the feature")]
    fn postgres(url: &str) -> Result<Self> {
        Ok(Self::Postgres { url: with_deadlines(url), schema: None })
    }

    #[cfg(not(feature = "postgres"))]
    fn postgres(_: &str) -> Result<Self> {
        Err(Error::Setup("postgres:// needs the feature `postgres` of crm-storage-diesel".into()))
    }

    pub(crate) fn tenant(&self, name: &str) -> Self {
        match self {
            #[cfg(feature = "sqlite")]
            Self::SqliteFile(path) => {
                let mut file = path.file_stem().unwrap_or_default().to_owned();
                file.push(format!(".{name}"));
                if let Some(extension) = path.extension() {
                    file.push(".");
                    file.push(extension);
                }
                Self::SqliteFile(path.with_file_name(file))
            }
            #[cfg(feature = "sqlite")]
            Self::SqliteMemory => Self::SqliteMemory,
            #[cfg(feature = "postgres")]
            Self::Postgres { url, .. } => Self::Postgres { url: url.clone(), schema: Some(format!("crm_{name}")) },
        }
    }

    /// Whether a second connection would not see what the first one writes.
    pub(crate) fn is_private_to_one_connection(&self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::SqliteMemory => true,
            #[allow(unreachable_patterns, reason = "depends on the features")]
            _ => false,
        }
    }

    /// Whether each statement costs a round trip to a server.
    pub(crate) fn statements_are_round_trips(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres { .. } => true,
            #[allow(unreachable_patterns, reason = "depends on the features")]
            _ => false,
        }
    }

    /// Commits after which there is something to keep.
    pub(crate) fn housekeeping(&self) -> Option<usize> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::SqliteFile(_) => Some(JOBS_PER_CHECKPOINT),
            #[allow(unreachable_patterns, reason = "depends on the features")]
            _ => None,
        }
    }

    pub(crate) fn connect(&self, role: Role, options: &StorageOptions) -> Result<Box<dyn Session>> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::SqliteFile(path) => Self::open_sqlite(&path.to_string_lossy(), role, options),
            #[cfg(feature = "sqlite")]
            Self::SqliteMemory => Self::open_sqlite(sqlite::MEMORY, role, options),
            #[cfg(feature = "postgres")]
            Self::Postgres { url, schema } => {
                let setup = PostgresSetup {
                    tenant: schema.clone(),
                    lock_timeout: options.lock_timeout,
                    plans_for_values: role == Role::Reader,
                };
                Ok(Box::new(postgres::open(url, &setup)?))
            }
        }
    }

    #[cfg(feature = "sqlite")]
    fn open_sqlite(path: &str, role: Role, options: &StorageOptions) -> Result<Box<dyn Session>> {
        let setup = SqliteSetup {
            // The housekeeper copies the log while others write; a writer does so only when the log has grown long.
            wal_autocheckpoint: if role == Role::Writer { MAX_LOG_PAGES } else { 0 },
            // A group touches pages all over the file: what the writer keeps it need not read again.
            cache_kib: if role == Role::Writer { WRITER_CACHE_KIB } else { READER_CACHE_KIB },
            max_pages: options.sqlite_max_pages,
            // Others can write while a group waits for the disk.
            commits_early: role == Role::Writer && options.writers > 1,
            ..SqliteSetup::default()
        };
        Ok(Box::new(sqlite::open(path, &setup)?))
    }
}

/// What libpq is told unless the address says otherwise: a server that is silent must not hold the writer for ever.
/// Seconds, but for `tcp_user_timeout`, which is in milliseconds.
#[cfg(feature = "postgres")]
const DEADLINES: [(&str, u32); 5] = [
    ("connect_timeout", 10),
    ("tcp_user_timeout", 30_000),
    ("keepalives_idle", 15),
    ("keepalives_interval", 5),
    ("keepalives_count", 3),
];

#[cfg(feature = "postgres")]
fn with_deadlines(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in DEADLINES {
        if !url.contains(&format!("{name}=")) {
            let separator = if url.contains('?') { '&' } else { '?' };
            url = format!("{url}{separator}{name}={value}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_says_so_without_repeating_it() {
        let error = Address::parse("mysql://me:secret@host/db").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert!(Address::parse("sqlite:").is_err());
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_silent_server_has_a_deadline() {
        let url = with_deadlines("postgres://me@host/shop");
        assert!(url.starts_with("postgres://me@host/shop?connect_timeout=10&tcp_user_timeout=30000&"), "{url}");
        let own = with_deadlines("postgres://me@host/shop?connect_timeout=1");
        assert!(own.starts_with("postgres://me@host/shop?connect_timeout=1&tcp_user_timeout="), "{own}");
        assert_eq!(own.matches("connect_timeout").count(), 1);
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_tenant_has_a_file_of_its_own() {
        let shop = Address::parse("sqlite:data/shop.db").unwrap();
        assert_eq!(shop.tenant("acme"), Address::SqliteFile("data/shop.acme.db".into()));
        let bare = Address::parse("sqlite://shop").unwrap();
        assert_eq!(bare.tenant("acme"), Address::SqliteFile("shop.acme".into()));
    }
}
