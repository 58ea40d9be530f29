use crm_core::conformance::RawJob;
use crm_core::kernel::time::Timestamp;
use crm_core::work::{Criteria, Ran, Tx, Verdict};

use super::*;
use crate::engine::{Connect, Engine, Role, Settings};
use crate::group::Limits;
use crate::log::tests::failing;
use crate::migrate::{Migration, ModuleMigrations, SHIPPED, migrate};
use crate::session::Session;
use crate::suite;
use crate::tables::{check_tables, create_table_sql};

/// A database file that goes with the test.
struct File(std::path::PathBuf);

impl File {
    fn new() -> Self {
        let name = format!("crm-session-{}-{}.db", std::process::id(), suite::fresh());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn connect(&self) -> SqliteConnection {
        connect(self.path(), &SqliteSetup::default()).unwrap()
    }

    fn migrated() -> Self {
        let file = Self::new();
        let mut connection = file.connect();
        migrate(&mut connection, SHIPPED, Timestamp::UNIX_EPOCH).unwrap();
        for schema in suite::TABLES {
            connection.batch_execute(&create_table_sql(schema, Dialect::Sqlite)).unwrap();
        }
        file
    }

    fn open(&self, busy_timeout: Duration) -> SqliteTx<SqliteConnection> {
        open(self.path(), &SqliteSetup { busy_timeout, ..SqliteSetup::default() }).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.path()));
        }
    }
}

#[test]
fn a_session_keeps_the_promises_of_the_port() {
    let file = File::migrated();
    suite::run(&mut file.open(Duration::from_secs(5)));
}

#[test]
fn every_statement_is_prepared_once() {
    let file = File::migrated();
    let prepared = suite::Prepared::default();
    let mut connection = file.connect();
    connection.set_instrumentation(prepared.clone());
    suite::prepares_once(&mut SqlTx::new(SqliteTables::new(connection)), &prepared);
}

#[test]
fn the_tables_fit_the_schemas() {
    let file = File::migrated();
    let mut connection = file.connect();
    check_tables(&mut connection, &suite::all_schemas()).unwrap();
    connection.batch_execute("ALTER TABLE crm_branches ADD COLUMN colour TEXT").unwrap();
    let error = check_tables(&mut connection, &suite::all_schemas()).unwrap_err();
    assert!(error.to_string().contains("colour"), "{error}");
}

#[test]
fn migrations_run_once_and_whole() {
    const BROKEN: ModuleMigrations = ModuleMigrations {
        module: "broken",
        migrations: &[Migration {
            version: 1,
            name: "half",
            sqlite: "CREATE TABLE half (id BLOB) STRICT;\nCREATE TABLE half (id BLOB) STRICT;\n",
            postgres: "",
        }],
    };
    let file = File::migrated();
    let mut connection = file.connect();
    migrate(&mut connection, SHIPPED, Timestamp::UNIX_EPOCH).unwrap();
    let error = migrate(&mut connection, &[BROKEN], Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(error.to_string().contains("migration 1 of broken (half) failed"), "{error}");
    assert_eq!(int_of(&mut connection, "SELECT count(*) FROM crm_schema_migrations").unwrap(), shipped());
    assert_eq!(int_of(&mut connection, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'").unwrap(), 0);
}

/// How many migrations come with the library.
fn shipped() -> i64 {
    SHIPPED.iter().map(|module| i64::try_from(module.migrations.len()).unwrap()).sum()
}

#[test]
fn many_may_migrate_at_once() {
    let file = File::new();
    drop(file.connect());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| migrate(&mut file.connect(), SHIPPED, Timestamp::UNIX_EPOCH).unwrap());
        }
    });
    assert_eq!(int_of(&mut file.connect(), "SELECT count(*) FROM crm_schema_migrations").unwrap(), shipped());
}

/// `SQLITE_BUSY`.
#[test]
fn many_may_open_a_new_file_at_once() {
    for _ in 0..10 {
        let (file, start) = (File::new(), std::sync::Barrier::new(6));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    start.wait();
                    drop(file.connect());
                });
            }
        });
    }
}

#[test]
fn a_second_writer_is_told_that_the_store_is_busy() {
    let file = File::migrated();
    let (mut first, mut second) = (file.open(Duration::ZERO), file.open(Duration::ZERO));
    first.begin(Mode::Write).unwrap();
    let error = second.begin(Mode::Write).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }) && error.is_retryable(), "{error:?}");
    assert!(!second.is_lost());
    second.begin(Mode::Read).unwrap();
    assert_eq!(second.count(&suite::THING, &Criteria::everything()).unwrap(), 0);
    second.commit().unwrap();
    first.abandon();
    second.begin(Mode::Write).unwrap();
    second.commit().unwrap();
}

/// `SQLITE_BUSY_SNAPSHOT`: a host read first, and somebody else wrote before it did.
#[test]
fn who_is_too_late_for_a_snapshot_is_told_of_a_conflict() {
    let file = File::migrated();
    let mut connection = file.connect();
    connection.batch_execute("BEGIN DEFERRED").unwrap();
    let mut host = join(&mut connection);
    assert_eq!(host.count(&suite::THING, &Criteria::everything()).unwrap(), 0);
    let mut session = file.open(Duration::ZERO);
    session.begin(Mode::Write).unwrap();
    session.insert(&suite::THING, vec![suite::thing(1)]).unwrap();
    session.commit().unwrap();
    let error = host.insert(&suite::THING, vec![suite::thing(2)]).unwrap_err();
    assert!(matches!(error, Error::Conflict { kind: "test.thing" }) && error.is_retryable(), "{error:?}");
    assert!(!host.is_lost());
}

/// `SQLITE_LOCKED`: two connections of one cache, as a host may open them.
#[test]
fn a_table_locked_in_a_shared_cache_is_a_conflict() {
    let file = File::migrated();
    let shared = format!("file:{}?cache=shared", file.path());
    let setup = SqliteSetup { busy_timeout: Duration::ZERO, ..SqliteSetup::default() };
    let (mut writer, mut reader) = (open(&shared, &setup).unwrap(), open(&shared, &setup).unwrap());
    writer.begin(Mode::Write).unwrap();
    writer.insert(&suite::THING, vec![suite::thing(1)]).unwrap();
    reader.begin(Mode::Read).unwrap();
    let error = reader.count(&suite::THING, &Criteria::everything()).unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    reader.abandon();
    assert!(!reader.is_lost());
    writer.commit().unwrap();
    reader.begin(Mode::Read).unwrap();
    assert_eq!(reader.count(&suite::THING, &Criteria::everything()).unwrap(), 1);
    reader.commit().unwrap();
}

#[test]
fn a_host_keeps_its_own_transaction() {
    let file = File::migrated();
    let mut connection = file.connect();
    let result: Result<(), DieselError> = connection.transaction(|connection| {
        let mut tx = join(connection);
        tx.savepoint().unwrap();
        tx.insert(&suite::THING, vec![suite::thing(1)]).unwrap();
        tx.release().unwrap();
        assert_eq!(tx.count(&suite::THING, &Criteria::everything()).unwrap(), 1);
        Err(DieselError::RollbackTransaction)
    });
    assert!(result.is_err());
    assert_eq!(int_of(&mut connection, "SELECT count(*) FROM crm_test_things").unwrap(), 0);
}

#[test]
fn a_reference_to_nothing_is_refused() {
    let file = File::migrated();
    let mut connection = file.connect();
    let error = connection.batch_execute("INSERT INTO crm_relations VALUES (x'01', 'r', x'02', 0)").unwrap_err();
    let error = errors::sqlite(&error, Some(&suite::THING)).error;
    assert!(error.to_string().contains("constraint"), "{error}");
}

#[test]
fn a_database_without_a_log_is_refused() {
    assert!(matches!(connect("file::memory:?cache=shared", &SqliteSetup::default()), Err(Error::Setup(_))));
    assert!(connect(MEMORY, &SqliteSetup::default()).is_ok());
}

#[test]
fn old_versions_are_refused() {
    for version in ["3.51.3", "3.51.4", "3.52.0", "3.60", "4.0.0"] {
        assert!(check_version(version).is_ok(), "{version}");
    }
    for version in ["3.51.2", "3.45.1", "2.8.17", "", "three"] {
        assert!(matches!(check_version(version), Err(Error::Setup(_))), "{version}");
    }
    let file = File::new();
    assert!(check_version(&version(&mut file.connect()).unwrap()).is_ok());
}

#[test]
fn a_commit_is_seen_before_the_disk_has_it() {
    let file = File::migrated();
    let setup = SqliteSetup { commits_early: true, ..SqliteSetup::default() };
    let mut session = open(file.path(), &setup).unwrap();
    let log = session.log().unwrap();
    let mut connection = file.connect();
    assert_eq!(int_of(&mut connection, "PRAGMA synchronous").unwrap(), 2, "FULL");
    log_of(&mut connection).unwrap().unwrap();
    assert_eq!(int_of(&mut connection, "PRAGMA synchronous").unwrap(), 1, "NORMAL: we sync the log");
    session.begin(Mode::Write).unwrap();
    session.insert(&suite::THING, vec![suite::thing(1)]).unwrap();
    session.commit_early().unwrap();
    let mut other = file.open(Duration::ZERO);
    other.begin(Mode::Write).unwrap();
    assert_eq!(other.count(&suite::THING, &Criteria::everything()).unwrap(), 1);
    other.abandon();
    log.sync().unwrap();
    assert!(open(MEMORY, &setup).unwrap().log().is_none(), "memory has no log");
    assert!(file.open(Duration::ZERO).log().is_none(), "SQLite syncs it itself");
}

/// Who wrote is told that nobody knows, and nobody can write any more: what the system says of the disk afterwards may not be.
#[test]
fn a_disk_that_fails_ends_all_writing() {
    for callers in [1, 8] {
        let file = Arc::new(File::migrated());
        let connect: Connect = {
            let file = file.clone();
            Arc::new(move |role| {
                let tables = SqliteTables::new(file.connect());
                let log = (role == Role::Writer).then(|| Arc::new(failing()));
                Ok(Box::new(SqlTx::new(SqliteTables { log, ..tables })))
            })
        };
        let settings = Settings {
            writers: 2,
            runs_ahead: true,
            readers: 1,
            queue: 64,
            group: 64,
            gather: Duration::from_millis(2),
            housekeeping: None,
            limits: Limits { batch_reads: false, attempts: 3, patience: Duration::from_secs(5), slow: None },
        };
        let engine = Engine::start(&connect, &settings).unwrap();
        engine.know(Arc::new(Schemas::new(vec![&suite::THING])));
        let insert = |number| {
            let job = move |tx: &mut dyn Tx| {
                let inserted = tx.insert(&suite::THING, vec![suite::thing(number)]);
                (if inserted.is_ok() { Verdict::Commit } else { Verdict::RollBack }, ())
            };
            engine.run_here(Mode::Write, Box::new(RawJob::new(job).0))
        };
        insert(0).unwrap();
        std::thread::scope(|scope| {
            let callers: Vec<_> = (1..=callers).map(|number| scope.spawn(move || insert(number))).collect();
            let told: Vec<_> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
            assert!(told.iter().any(|told| matches!(told, Err(Error::OutcomeUnknown))), "{told:?}");
            let refused = |told: &Result<Ran>| matches!(told, Err(Error::OutcomeUnknown | Error::Busy { .. }));
            assert!(told.iter().all(refused), "{told:?}");
        });
        let error = insert(100).unwrap_err().to_string();
        assert!(error.contains("the disk failed"), "{error}");
        let (job, seen) =
            RawJob::new(|tx: &mut dyn Tx| (Verdict::Commit, tx.count(&suite::THING, &Criteria::everything()).unwrap()));
        engine.run_here(Mode::Read, Box::new(job)).unwrap();
        assert!(seen.recv().unwrap() >= 1, "what is there can be read");
    }
}
