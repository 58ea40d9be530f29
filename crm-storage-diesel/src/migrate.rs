//! Migrations: a ledger per module, one transaction per migration, one statement per call.

use std::time::Duration;

use crm_core::kernel::time::Timestamp;
use crm_core::work::{ColumnType, Value};
use crm_core::{Error, Result};
use diesel::connection::{LoadConnection, SimpleConnection};
use diesel::expression::QueryMetadata;
use diesel::result::Error as DieselError;
use diesel::sql_types::Untyped;
use sha2::{Digest, Sha256};

use crate::errors::Classified;
use crate::sql::{Bind, Cell, Dialect, Statement, hexadecimal, load};
use crate::sql_types::Database;

/// One step of a module's tables, for both dialects. Never changed once it is published.
///
/// The text is split into statements at semicolons that end a line. Keep to what distributed engines take too: named
/// constraints, no triggers, no time defaults.
///
/// ```
/// use crm_storage_diesel::{Migration, ModuleMigrations};
/// const NOTES: ModuleMigrations = ModuleMigrations {
///     module: "example.notes",
///     migrations: &[Migration {
///         version: 1,
///         name: "notes",
///         sqlite: "CREATE TABLE notes (id BLOB NOT NULL, CONSTRAINT notes_pk PRIMARY KEY (id)) STRICT, WITHOUT ROWID;\n",
///         postgres: "CREATE TABLE notes (id uuid NOT NULL, CONSTRAINT notes_pk PRIMARY KEY (id));\n",
///     }],
/// };
/// assert_eq!(NOTES.migrations[0].version, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Rises by one within the module, from 1.
    pub version: u32,
    /// What it is about, in a word or two.
    pub name: &'static str,
    /// The statements for SQLite.
    pub sqlite: &'static str,
    /// The statements for PostgreSQL.
    pub postgres: &'static str,
}

/// The migrations of one module, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleMigrations {
    /// The module, as its manifest names it.
    pub module: &'static str,
    /// Its migrations.
    pub migrations: &'static [Migration],
}

/// The tables of the modules that come with the library.
pub const SHIPPED: &[ModuleMigrations] = &[
    ModuleMigrations {
        module: "core",
        migrations: &[
            Migration {
                version: 1,
                name: "foundation",
                sqlite: include_str!("../migrations/sqlite/0001_foundation.sql"),
                postgres: include_str!("../migrations/postgres/0001_foundation.sql"),
            },
            // PostgreSQL keeps rows as they come, whatever their key (ADR 22).
            Migration {
                version: 2,
                name: "commands by arrival",
                sqlite: include_str!("../migrations/sqlite/0002_commands_by_arrival.sql"),
                postgres: "",
            },
            Migration {
                version: 3,
                name: "preferences and group rules",
                sqlite: include_str!("../migrations/sqlite/0003_preferences_and_group_rules.sql"),
                postgres: include_str!("../migrations/postgres/0003_preferences_and_group_rules.sql"),
            },
        ],
    },
    ModuleMigrations {
        module: "loyalty",
        migrations: &[
            Migration {
                version: 1,
                name: "ledger",
                sqlite: include_str!("../migrations/sqlite/loyalty_0001_ledger.sql"),
                postgres: include_str!("../migrations/postgres/loyalty_0001_ledger.sql"),
            },
            Migration {
                version: 2,
                name: "programme",
                sqlite: include_str!("../migrations/sqlite/loyalty_0002_programme.sql"),
                postgres: include_str!("../migrations/postgres/loyalty_0002_programme.sql"),
            },
            Migration {
                version: 3,
                name: "tiers",
                sqlite: include_str!("../migrations/sqlite/loyalty_0003_tiers.sql"),
                postgres: include_str!("../migrations/postgres/loyalty_0003_tiers.sql"),
            },
            Migration {
                version: 4,
                name: "cards",
                sqlite: include_str!("../migrations/sqlite/loyalty_0004_cards.sql"),
                postgres: include_str!("../migrations/postgres/loyalty_0004_cards.sql"),
            },
            Migration {
                version: 5,
                name: "grants",
                sqlite: include_str!("../migrations/sqlite/loyalty_0005_grants.sql"),
                postgres: include_str!("../migrations/postgres/loyalty_0005_grants.sql"),
            },
            Migration {
                version: 6,
                name: "ledger by arrival",
                sqlite: include_str!("../migrations/sqlite/loyalty_0006_ledger_by_arrival.sql"),
                postgres: "",
            },
            Migration {
                version: 7,
                name: "validity of rewards",
                sqlite: include_str!("../migrations/sqlite/loyalty_0007_validity_of_rewards.sql"),
                postgres: include_str!("../migrations/postgres/loyalty_0007_validity_of_rewards.sql"),
            },
        ],
    },
];

impl Migration {
    /// The text for a dialect.
    pub fn text(&self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Sqlite => self.sqlite,
            Dialect::Postgres => self.postgres,
        }
    }

    /// The statements for a dialect, one by one.
    ///
    /// ```
    /// use crm_storage_diesel::{Dialect, Migration};
    /// let step = Migration { version: 1, name: "two", sqlite: "SELECT 1;\nSELECT 2;\n", postgres: "" };
    /// assert_eq!(step.statements(Dialect::Sqlite).collect::<Vec<_>>(), ["SELECT 1", "SELECT 2"]);
    /// ```
    pub fn statements(&self, dialect: Dialect) -> impl Iterator<Item = &'static str> {
        self.text(dialect)
            .split_inclusive(";\n")
            .map(|statement| statement.trim().trim_end_matches(';').trim_end())
            .filter(|statement| !statement.is_empty())
    }

    /// The SHA-256 of the text, as hexadecimal digits; the same whatever ends the lines.
    fn checksum(&self, dialect: Dialect) -> String {
        let text = self.text(dialect).replace("\r\n", "\n");
        hexadecimal(&Sha256::digest(text))
    }
}

/// How often to try again when another process creates the ledger at the same moment.
const LEDGER_ATTEMPTS: u32 = 5;

/// A connection that can migrate.
pub(crate) trait Migrates:
    LoadConnection<Backend: Database + QueryMetadata<Untyped>> + SimpleConnection
{
    /// Begins the transaction of a migration, so that only one process migrates.
    const BEGIN: &'static str;

    /// What an error means.
    fn classify(error: &DieselError) -> Classified;
}

#[cfg(feature = "sqlite")]
impl Migrates for diesel::sqlite::SqliteConnection {
    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    fn classify(error: &DieselError) -> Classified {
        crate::errors::sqlite(error, None)
    }
}

#[cfg(feature = "postgres")]
impl Migrates for diesel::pg::PgConnection {
    const BEGIN: &'static str = "BEGIN";

    fn classify(error: &DieselError) -> Classified {
        crate::errors::postgres(error, None)
    }
}

/// Brings the tables of these modules up to date.
///
/// # Errors
/// [`Error::Setup`] when a migration was changed after it had run, when the store is newer than this program, or when a
/// statement fails.
pub(crate) fn migrate<C: Migrates>(connection: &mut C, modules: &[ModuleMigrations], now: Timestamp) -> Result<()> {
    create_ledger(connection)?;
    for module in modules {
        for migration in missing(connection, module)? {
            apply(connection, module, migration, now)?;
        }
    }
    Ok(())
}

fn create_ledger<C: Migrates>(connection: &mut C) -> Result<()> {
    let (text, number, time) = match C::Backend::DIALECT {
        Dialect::Sqlite => ("TEXT", "INTEGER", "INTEGER"),
        Dialect::Postgres => ("text COLLATE \"C\"", "bigint", "timestamptz"),
    };
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS crm_schema_migrations (module {text} NOT NULL, version {number} NOT NULL, \
         name {text} NOT NULL, checksum {text} NOT NULL, applied_at {time} NOT NULL, \
         CONSTRAINT crm_schema_migrations_pk PRIMARY KEY (module, version))"
    );
    let mut attempt = 1;
    loop {
        match connection.batch_execute(&sql) {
            Ok(()) => return Ok(()),
            // On PostgreSQL two of these at once collide in the catalogue; the loser finds the table the next time.
            Err(_) if attempt < LEDGER_ATTEMPTS => std::thread::sleep(Duration::from_millis(50)),
            Err(error) => return Err(C::classify(&error).error),
        }
        attempt += 1;
    }
}

/// The migrations of a module that have not run, after a look at those that have.
fn missing<C: Migrates>(connection: &mut C, module: &ModuleMigrations) -> Result<Vec<&'static Migration>> {
    let query = "SELECT version, checksum FROM crm_schema_migrations WHERE module = ? ORDER BY version";
    let statement = Statement { binds: vec![text(module.module)], ..Statement::once(query) };
    let rows =
        load(connection, statement, &[ColumnType::Int, ColumnType::Text]).map_err(|error| C::classify(&error).error)?;
    compare(C::Backend::DIALECT, module, &rows)
}

fn compare(dialect: Dialect, module: &ModuleMigrations, ledger: &[Vec<Value>]) -> Result<Vec<&'static Migration>> {
    let name = module.module;
    let in_order = (1_u32..).zip(module.migrations).all(|(version, migration)| migration.version == version);
    if !in_order {
        return Err(Error::Setup(format!("the migrations of {name} are not numbered 1, 2, 3 …")));
    }
    let done = ledger.len();
    for (at, row) in ledger.iter().enumerate() {
        let (version, checksum) = match row.as_slice() {
            [Value::Int(version), Value::Text(checksum)] => (*version, checksum),
            _ => return Err(Error::Setup("the table crm_schema_migrations has other columns".to_owned())),
        };
        let Some(migration) = module.migrations.get(at) else {
            return Err(Error::Setup(format!(
                "the database has migration {version} of {name}, this program knows {}: update the program",
                module.migrations.len()
            )));
        };
        if i64::from(migration.version) != version {
            return Err(Error::Setup(format!(
                "the database lacks migration {} of {name}: restore it",
                migration.version
            )));
        }
        if migration.checksum(dialect) != *checksum {
            return Err(Error::Setup(format!(
                "migration {version} of {name} ({}) was changed after it had run: undo the change and write a new one",
                migration.name
            )));
        }
    }
    Ok(module.migrations.iter().skip(done).collect())
}

fn apply<C: Migrates>(
    connection: &mut C,
    module: &ModuleMigrations,
    migration: &'static Migration,
    now: Timestamp,
) -> Result<()> {
    let applied = in_transaction(connection, |connection| {
        // Another process may have been here since.
        if !missing(connection, module)?.iter().any(|other| other.version == migration.version) {
            return Ok(());
        }
        for statement in migration.statements(C::Backend::DIALECT) {
            connection.batch_execute(statement).map_err(|error| C::classify(&error).error)?;
        }
        let insert =
            "INSERT INTO crm_schema_migrations (module, version, name, checksum, applied_at) VALUES (?, ?, ?, ?, ?)";
        let entry = Statement {
            binds: vec![
                text(module.module),
                Bind::One(ColumnType::Int, Cell::Owned(Value::Int(migration.version.into()))),
                text(migration.name),
                text(&migration.checksum(C::Backend::DIALECT)),
                Bind::One(ColumnType::Time, Cell::Owned(Value::Time(now))),
            ],
            ..Statement::once(insert)
        };
        connection.execute_returning_count(&entry).map_err(|error| C::classify(&error).error)?;
        Ok(())
    });
    applied.map_err(|error| match error {
        Error::Backend { context, source } => Error::Setup(format!(
            "migration {} of {} ({}) failed: {context}{}",
            migration.version,
            module.module,
            migration.name,
            source.map(|source| format!(": {source}")).unwrap_or_default()
        )),
        other => other,
    })
}

fn in_transaction<C: Migrates>(connection: &mut C, work: impl FnOnce(&mut C) -> Result<()>) -> Result<()> {
    let run =
        |connection: &mut C, text: &str| connection.batch_execute(text).map_err(|error| C::classify(&error).error);
    run(connection, C::BEGIN)?;
    let locked = match C::Backend::DIALECT {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => run(connection, "LOCK TABLE crm_schema_migrations IN EXCLUSIVE MODE"),
    };
    match locked.and_then(|()| work(connection)) {
        Ok(()) => run(connection, "COMMIT"),
        Err(error) => {
            // The error says more than what the rollback may say.
            let _ = run(connection, "ROLLBACK");
            Err(error)
        }
    }
}

fn text(text: &str) -> Bind<'static> {
    Bind::One(ColumnType::Text, Cell::Owned(Value::Text(text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Migration = Migration { version: 1, name: "one", sqlite: "SELECT 1;\n", postgres: "SELECT 1;\n" };
    const TWO: Migration = Migration { version: 2, name: "two", sqlite: "SELECT 2", postgres: "SELECT 2" };
    const BOTH: ModuleMigrations = ModuleMigrations { module: "m", migrations: &[ONE, TWO] };

    fn entry(version: i64, migration: &Migration) -> Vec<Value> {
        vec![Value::Int(version), Value::Text(migration.checksum(Dialect::Sqlite))]
    }

    fn names(ledger: &[Vec<Value>]) -> Result<Vec<&'static str>, String> {
        match compare(Dialect::Sqlite, &BOTH, ledger) {
            Ok(missing) => Ok(missing.iter().map(|migration| migration.name).collect()),
            Err(Error::Setup(message)) => Err(message),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_has_not_run_is_found() {
        assert_eq!(names(&[]).unwrap(), ["one", "two"]);
        assert_eq!(names(&[entry(1, &ONE)]).unwrap(), ["two"]);
        assert!(names(&[entry(1, &ONE), entry(2, &TWO)]).unwrap().is_empty());
    }

    #[test]
    fn a_ledger_that_does_not_fit_is_refused() {
        assert!(names(&[entry(1, &TWO)]).unwrap_err().contains("was changed"));
        assert!(names(&[entry(2, &TWO)]).unwrap_err().contains("lacks migration 1"));
        assert!(names(&[entry(1, &ONE), entry(2, &TWO), entry(3, &TWO)]).unwrap_err().contains("update the program"));
        let gap = ModuleMigrations { module: "m", migrations: &[TWO] };
        assert!(compare(Dialect::Sqlite, &gap, &[]).is_err());
    }

    #[test]
    fn the_checksum_does_not_depend_on_line_ends() {
        let windows = Migration { sqlite: "SELECT 1;\r\n", ..ONE };
        assert_eq!(windows.checksum(Dialect::Sqlite), ONE.checksum(Dialect::Sqlite));
        assert_eq!(ONE.checksum(Dialect::Sqlite).len(), 64);
    }
}
