//! A store with data is brought up to date, by a program that may die on the way; what does not fit is refused.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crm_core::access::Actor;
use crm_core::module::{Manifest, Module, Registry};
use crm_core::work::{Entity, Filter, Schema, Version};
use crm_core::{Crm, Error, Result};
use crm_storage_diesel::{Dialect, DieselStorage, Migration, ModuleMigrations, SHIPPED, StorageOptions};
use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use sha2::{Digest, Sha256};

use crate::databases::{self, Database};
use crate::{processes, shop};

/// What was released is never changed: stores out there have it. Module, version, dialect, SHA-256 of the text.
const RELEASED: &[(&str, u32, Dialect, &str)] = &[
    ("core", 1, Dialect::Sqlite, "3b4b81403b3b80dbde97ed515a7939d89abdb28d38d919dae9a40ef770bcd794"),
    ("core", 1, Dialect::Postgres, "ef1db62df8e867f75fedb92f50dbbb733f4d86e5f0bd6c3a0254a30f4b76bb02"),
    ("core", 2, Dialect::Sqlite, "74f2f1c01c40ce0424f8546e3641524551454747a1b79f83ba211a8dd54f3954"),
    ("core", 2, Dialect::Postgres, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("core", 3, Dialect::Sqlite, "2b8b4ebe3ab74f70f8d451da9919388079f295d643a89aaa323314a0f0e8662f"),
    ("core", 3, Dialect::Postgres, "0ae0ac691533e00eec05498b975a543069bbdca4e0c94333fdede4ef3aaa780e"),
    ("loyalty", 1, Dialect::Sqlite, "594d051dbcda9a9c215608f900a25eb47742186b250b14c09bcdc0ce781e3264"),
    ("loyalty", 1, Dialect::Postgres, "a04e57202b8a2737c0f3d4831bcc5a323f95db01eba7d0540d7edf0c3eb73663"),
    ("loyalty", 2, Dialect::Sqlite, "35d6978bb7362b2a28db3312618ddd0907847129b83f2f4c6e0c1c5472e23e8c"),
    ("loyalty", 2, Dialect::Postgres, "097efc96e7985d34c252d00c48b6f882ff014bfda0b97b670f0c619586f9bfcc"),
    ("loyalty", 3, Dialect::Sqlite, "3a8827e3b19df4b0e6c8bc50a00b9b7379b5f0a5ad42f1ce0f4fb98ec3498ca8"),
    ("loyalty", 3, Dialect::Postgres, "1d2cea1ac8878e78b04ed28b06ac403d592fd792a8e2bcf7c24fbd2f5b39c432"),
    ("loyalty", 4, Dialect::Sqlite, "76533f186fb4eff149b12902453448037b1608c1e97670b5f3e80d30963274a4"),
    ("loyalty", 4, Dialect::Postgres, "0156d9c359d035cb9f6adffad1e9c62743191275a2574d40b401eab95b2f3737"),
    ("loyalty", 5, Dialect::Sqlite, "e023d160496bec7908b5d1abfc97fa11dccfc5da9240976f83e3ed048280f55a"),
    ("loyalty", 5, Dialect::Postgres, "c94039337fe2141821890b45e43cc80368366ec139d18e960dc36cedaf0a59a5"),
    ("loyalty", 6, Dialect::Sqlite, "2a7b06beb5647fc5d6859bc47a8a107a8ac1d1a1cc83278533094fd8f7f6322c"),
    ("loyalty", 6, Dialect::Postgres, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("loyalty", 7, Dialect::Sqlite, "79eab3a080c2c2ce7c5f5029e8d826090ad1837405add51a2cb97bf45569abc0"),
    ("loyalty", 7, Dialect::Postgres, "bcc4af4ec518e41ec4ccb377000b3451bd66f41df98792277a20b3712838036a"),
];

#[test]
fn released_migrations_are_frozen() {
    let mut shipped = Vec::new();
    for module in SHIPPED {
        for migration in module.migrations {
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                let digest = Sha256::digest(migration.text(dialect).replace("\r\n", "\n"));
                let digest: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                shipped.push((module.module, migration.version, dialect, digest.concat()));
            }
        }
    }
    let shipped: Vec<_> = shipped
        .iter()
        .map(|(module, version, dialect, digest)| (*module, *version, *dialect, digest.as_str()))
        .collect();
    assert_eq!(shipped, RELEASED, "write a new migration instead, and add its digests here when it is released");
}

/// Where a table of SQLite is made anew its rows move: none is lost, none is changed.
#[test]
fn rows_move_to_a_table_that_is_made_anew() {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    let is_move = |module: &str, version: u32| [("core", 2), ("loyalty", 6)].contains(&(module, version));
    let run = |connection: &mut SqliteConnection, moves: bool| {
        for module in SHIPPED {
            for migration in module.migrations.iter().filter(|one| is_move(module.module, one.version) == moves) {
                migration.statements(Dialect::Sqlite).for_each(|text| connection.batch_execute(text).unwrap());
            }
        }
    };
    run(&mut connection, false);
    connection
        .batch_execute(
            "PRAGMA foreign_keys = OFF;
             INSERT INTO crm_commands VALUES (x'02', 'two', 'b', 'done', 1), (x'01', 'one', 'a', 'done', 2);
             INSERT INTO crm_loyalty_entries VALUES
               (x'02', x'01', 'earn', 1, 2, NULL, x'07', NULL, 'system', NULL, '[]'),
               (x'01', x'02', 'spend', 3, 4, x'08', NULL, x'01', 'till', 'gift', '[1]');
             INSERT INTO crm_loyalty_holds VALUES
               (x'02', x'01', 1, 'points', 5, 50, '1/2', 'open', x'08', 9, 1, 2, NULL, NULL, NULL, '[]', '[]', 0),
               (x'01', x'02', 2, 'points', 6, 60, NULL, 'used', x'08', 9, 1, 2, x'03', x'04', x'05', '[2]', '[3]', 7);",
        )
        .unwrap();
    let tables =
        [("crm_commands", "id"), ("crm_loyalty_entries", "account_id, id"), ("crm_loyalty_holds", "account_id, id")];
    let rows = |connection: &mut SqliteConnection| {
        tables.map(|(table, key)| {
            let columns = sql::<Text>(&format!(
                "(SELECT group_concat('quote(' || name || ')', ' || '','' || ') FROM pragma_table_info('{table}'))"
            ));
            let columns: String = diesel::select(columns).get_result(connection).unwrap();
            let rows =
                format!("(SELECT group_concat(line, ';') FROM (SELECT {columns} AS line FROM {table} ORDER BY {key}))");
            diesel::select(sql::<Text>(&rows)).get_result::<String>(connection).unwrap()
        })
    };
    let stored = rows(&mut connection);
    run(&mut connection, true);
    assert_eq!(rows(&mut connection), stored);
    assert!(stored.iter().all(|rows| rows.matches(';').count() == 1 && rows.contains("X'02'")), "{stored:?}");
    // By arrival: a table without row ids has no such column.
    let first: i64 =
        diesel::select(sql::<BigInt>("(SELECT min(rowid) FROM crm_commands)")).get_result(&mut connection).unwrap();
    assert_eq!(first, 1);
}

/// A module as it was, and as it is now.
mod before {
    crm_core::entity! {
        /// A remark.
        pub struct Remark {
            kind: "upgrade.remark", table: "upgrade_remarks", key: (id: uuid::Uuid), columns: remark, version: version,
        } {
            /// Its id.
            id: uuid::Uuid,
            /// The optimistic lock.
            version: crm_core::work::Version,
            /// What it says.
            text: String,
        }
    }
}

mod after {
    crm_core::entity! {
        /// A remark, which may have stars now.
        pub struct Remark {
            kind: "upgrade.remark", table: "upgrade_remarks", key: (id: uuid::Uuid), columns: remark, version: version,
        } {
            /// Its id.
            id: uuid::Uuid,
            /// The optimistic lock.
            version: crm_core::work::Version,
            /// What it says.
            text: String,
            /// How good it is.
            stars: Option<i64>,
        }
    }

    crm_core::entity! {
        /// An answer to a remark.
        pub struct Answer {
            kind: "upgrade.answer", table: "upgrade_answers", key: (remark_id: uuid::Uuid, number: u16), columns: answer,
        } {
            /// To what.
            remark_id: uuid::Uuid,
            /// Which.
            number: u16,
        }
    }
}

struct Remarks(&'static [&'static Schema]);

impl Module for Remarks {
    fn manifest(&self) -> Manifest {
        Manifest { name: "upgrade", entities: self.0, ..Manifest::default() }
    }

    fn install(&self, _: &mut Registry) -> Result<()> {
        Ok(())
    }
}

const FIRST: Migration = Migration {
    version: 1,
    name: "remarks",
    sqlite: "CREATE TABLE upgrade_remarks (id BLOB NOT NULL, version INTEGER NOT NULL, text TEXT NOT NULL, \
             CONSTRAINT upgrade_remarks_pk PRIMARY KEY (id)) STRICT, WITHOUT ROWID;\n",
    postgres: "CREATE TABLE upgrade_remarks (id uuid NOT NULL, version bigint NOT NULL, text text COLLATE \"C\" NOT NULL, \
               CONSTRAINT upgrade_remarks_pk PRIMARY KEY (id));\n",
};

/// Takes a while on SQLite: the log grows, and whoever wants to kill the program sees it.
const SECOND: Migration = Migration {
    version: 2,
    name: "stars and answers",
    sqlite: "CREATE TABLE upgrade_answers (remark_id BLOB NOT NULL, number INTEGER NOT NULL, \
             CONSTRAINT upgrade_answers_pk PRIMARY KEY (remark_id, number)) STRICT, WITHOUT ROWID;\n\
             CREATE TABLE upgrade_filler (n INTEGER NOT NULL, filler BLOB NOT NULL, \
             CONSTRAINT upgrade_filler_pk PRIMARY KEY (n)) STRICT;\n\
             INSERT INTO upgrade_filler WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers \
             WHERE n < 100000) SELECT n, zeroblob(500) FROM numbers;\n\
             ALTER TABLE upgrade_remarks ADD COLUMN stars INTEGER;\n",
    postgres: "CREATE TABLE upgrade_answers (remark_id uuid NOT NULL, number bigint NOT NULL, \
               CONSTRAINT upgrade_answers_pk PRIMARY KEY (remark_id, number));\n\
               CREATE TABLE upgrade_filler (n bigint NOT NULL, CONSTRAINT upgrade_filler_pk PRIMARY KEY (n));\n\
               INSERT INTO upgrade_filler SELECT generate_series(1, 100000);\n\
               ALTER TABLE upgrade_remarks ADD COLUMN stars bigint;\n",
};

const BEFORE: ModuleMigrations = ModuleMigrations { module: "upgrade", migrations: &[FIRST] };
const AFTER: ModuleMigrations = ModuleMigrations { module: "upgrade", migrations: &[FIRST, SECOND] };
const CHANGED: ModuleMigrations = ModuleMigrations {
    module: "upgrade",
    migrations: &[Migration { sqlite: "SELECT 1;\n", postgres: "SELECT 1;\n", ..FIRST }, SECOND],
};

fn open(url: &str, migrations: ModuleMigrations, entities: &'static [&'static Schema]) -> Result<Crm> {
    let options = StorageOptions::default().migrations(migrations);
    Crm::builder(DieselStorage::open_with(url, options)?).module(Remarks(entities)).build_blocking()
}

fn open_before(url: &str) -> Result<Crm> {
    open(url, BEFORE, &[before::Remark::SCHEMA])
}

fn open_after(url: &str) -> Result<Crm> {
    open(url, AFTER, &[after::Remark::SCHEMA, after::Answer::SCHEMA])
}

fn refusal(opened: Result<Crm>) -> String {
    match opened {
        Err(Error::Setup(message)) => message,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("not refused"),
    }
}

/// A store as the program before left it: a shop that has sold, and a hundred remarks.
fn leave_data(url: &str) {
    let (crm, shop) = shop::open(DieselStorage::open(url).unwrap(), 100);
    for n in 0..10 {
        shop::sell(&crm, &shop, &format!("before {n}")).unwrap();
    }
    crm.blocking().close().unwrap();
    let crm = open_before(url).unwrap();
    let write = |work: &mut crm_core::work::UnitOfWork<'_>| {
        let mut work = work.unrestricted()?;
        for n in 0..100 {
            let id = uuid::Uuid::from_u128(n);
            work.insert(&before::Remark { id, version: Version::FIRST, text: format!("remark {n}") })?;
        }
        Ok::<_, Error>(())
    };
    crm.blocking().run(&Actor::system(), "remark", write).unwrap();
    crm.blocking().close().unwrap();
}

/// All of it is there after the upgrade, and the new columns and tables can be used.
fn find_data(url: &str) {
    let crm = open_after(url).unwrap();
    let used = crm.blocking().run(&Actor::system(), "use what is new", |work| {
        let mut work = work.unrestricted()?;
        let mut remarks = work.select(Filter::<after::Remark>::all()).all()?;
        assert_eq!(remarks.len(), 100);
        for (n, remark) in (0..).zip(&mut remarks) {
            assert_eq!((remark.id, &remark.text), (uuid::Uuid::from_u128(n), &format!("remark {n}")));
            assert_eq!((remark.version, remark.stars), (Version::FIRST, None));
            remark.stars = Some(5);
            work.update(remark)?;
            work.insert(&after::Answer { remark_id: remark.id, number: 1 })?;
        }
        Ok::<_, Error>(())
    });
    used.unwrap();
    let stars = after::remark::stars.eq(Some(5));
    let counted = crm
        .blocking()
        .read(&Actor::system(), "count", move |work| work.unrestricted()?.count::<after::Remark>(stars.clone()));
    assert_eq!(counted.unwrap(), 100);
    crm.blocking().close().unwrap();

    let (crm, shop) = shop::open(DieselStorage::open(url).unwrap(), 0);
    assert_eq!(shop::left(&crm, &shop), 90);
    shop::sell(&crm, &shop, "before 3").unwrap();
    shop::sell(&crm, &shop, "after").unwrap();
    assert_eq!(shop::left(&crm, &shop), 89);
    shop::assert_whole(&crm);
    crm.blocking().close().unwrap();
}

fn a_store_is_upgraded(url: &str) {
    leave_data(url);
    find_data(url);
    assert!(refusal(open_before(url)).contains("update the program"));
    assert!(refusal(open(url, CHANGED, &[after::Remark::SCHEMA])).contains("was changed after it had run"));
    // A refusal changes nothing.
    let crm = open_after(url).unwrap();
    crm.blocking().health().unwrap();
    shop::assert_whole(&shop::open(DieselStorage::open(url).unwrap(), 0).0);
}

#[test]
fn a_sqlite_store_is_upgraded() {
    a_store_is_upgraded(databases::sqlite_file().url());
}

#[test]
fn a_postgres_store_is_upgraded() {
    a_store_is_upgraded(databases::postgres().url());
}

/// The child: upgrades the store, if it is not killed before.
#[test]
fn child() {
    let Some(words) = processes::role("upgrade::child") else { return };
    let crm = open_after(&words[0]).unwrap();
    crm.blocking().close().unwrap();
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let started = Instant::now();
    while !reached() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// How many migrations of the module the ledger has, and how many tables of the second one there are.
fn done(mut count: impl FnMut(&str) -> i64, tables: &str) -> (i64, i64) {
    (count("SELECT count(*) FROM crm_schema_migrations WHERE module = 'upgrade'"), count(tables))
}

#[test]
fn sqlite_survives_kills_in_a_migration() {
    const TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE name IN ('upgrade_answers', 'upgrade_filler')";
    let database = databases::sqlite_file();
    leave_data(database.url());
    let path = databases::sqlite_path(database.url()).to_owned();
    let log = || fs::metadata(format!("{path}-wal")).map_or(0, |log| log.len());
    let look = || {
        let mut connection = SqliteConnection::establish(&path).unwrap();
        done(|text| sql::<BigInt>(text).get_result(&mut connection).unwrap(), TABLES)
    };
    let mut killed = 0;
    for megabytes in [1, 4, 10, 20, 30] {
        let mut child = processes::spawn("upgrade::child", &[database.url()]);
        // What does not fit in the cache of the child's connection goes to the log before the commit.
        wait_until("the migration writes", || log() > megabytes << 20);
        child.kill();
        match look() {
            (1, 0) => killed += 1,
            // The child was faster.
            (2, 2) => break,
            half => panic!("{half:?} after a kill at {megabytes} MiB"),
        }
    }
    assert!(killed > 0, "no child was killed in time");
    find_data(database.url());
    assert_eq!(look(), (2, 2));
    assert_eq!(databases::sqlite_pragma(database.url(), "integrity_check"), ["ok"]);
    println!("{killed} kills in the middle of a migration");
}

#[test]
fn postgres_survives_kills_in_a_migration() {
    const TABLES: &str = "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace \
                          AND relname IN ('upgrade_answers', 'upgrade_filler')";
    let database = databases::postgres();
    leave_data(database.url());
    let Database::Postgres { schema, url } = &database else { return };
    let mut other = PgConnection::establish(url).unwrap();
    let mut watch = PgConnection::establish(url).unwrap();
    let look = |watch: &mut PgConnection| done(|text| sql::<BigInt>(text).get_result(&mut *watch).unwrap(), TABLES);
    // The last statement waits for this lock, when the others have been done.
    for lock in ["ACCESS SHARE", "ROW EXCLUSIVE", "EXCLUSIVE"] {
        other.batch_execute(&format!("BEGIN; LOCK TABLE upgrade_remarks IN {lock} MODE")).unwrap();
        let mut child = processes::spawn("upgrade::child", &[url]);
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{schema}' AND wait_event_type = 'Lock' \
             AND query LIKE 'ALTER TABLE%'"
        );
        let waits = |watch: &mut PgConnection| sql::<BigInt>(&waiting).get_result::<i64>(watch).unwrap() == 1;
        wait_until("the migration waits", || waits(&mut watch));
        child.kill();
        other.batch_execute("ROLLBACK").unwrap();
        wait_until("the server has noticed", || !waits(&mut watch));
        assert_eq!(look(&mut watch), (1, 0), "killed while it waited for {lock}");
    }
    find_data(url);
    assert_eq!(look(&mut watch), (2, 2));
}
