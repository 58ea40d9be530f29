use std::sync::Arc;

use crm_core::kernel::time::Timestamp;
use crm_core::work::{Criteria, Replacement, Tx};

use super::*;
use crate::migrate::{SHIPPED, migrate};
use crate::session::Session;
use crate::suite;
use crate::tables::{check_tables, create_table_sql};

#[path = "../../tests/it/postgres.rs"]
mod server;

/// A tenant with all tables.
fn tenant() -> String {
    let tenant = server::tenant();
    let mut connection = connect(&server::url(), Some(&tenant)).unwrap();
    create_tenant(&mut connection, &tenant).unwrap();
    migrate(&mut connection, SHIPPED, Timestamp::UNIX_EPOCH).unwrap();
    for schema in suite::TABLES {
        connection.batch_execute(&create_table_sql(schema, Dialect::Postgres)).unwrap();
    }
    tenant
}

fn session(tenant: &str) -> PostgresTx<PgConnection> {
    open(&server::url(), &PostgresSetup { tenant: Some(tenant.to_owned()), ..PostgresSetup::default() }).unwrap()
}

#[test]
fn a_session_keeps_the_promises_of_the_port() {
    suite::run(&mut session(&tenant()));
}

#[test]
fn every_statement_is_prepared_once() {
    let prepared = suite::Prepared::default();
    let mut connection = connect(&server::url(), Some(&tenant())).unwrap();
    connection.set_instrumentation(prepared.clone());
    suite::prepares_once(&mut SqlTx::new(PostgresTables::new(connection, Duration::ZERO)), &prepared);
}

#[test]
fn the_tables_fit_the_schemas() {
    let mut connection = connect(&server::url(), Some(&tenant())).unwrap();
    check_tables(&mut connection, &suite::all_schemas()).unwrap();
    connection.batch_execute("ALTER TABLE crm_branches ALTER COLUMN name TYPE text COLLATE \"default\"").unwrap();
    let error = check_tables(&mut connection, &suite::all_schemas()).unwrap_err();
    assert!(error.to_string().contains("crm_branches.name"), "{error}");
}

#[test]
fn many_may_migrate_at_once() {
    let tenant = server::tenant();
    create_tenant(&mut connect(&server::url(), Some(&tenant)).unwrap(), &tenant).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = connect(&server::url(), Some(&tenant)).unwrap();
                migrate(&mut connection, SHIPPED, Timestamp::UNIX_EPOCH).unwrap();
            });
        }
    });
}

/// SQLSTATE 55P03.
#[test]
fn who_waits_for_a_row_too_long_is_told_of_a_conflict() {
    let tenant = tenant();
    let (mut first, mut second) = (session(&tenant), session(&tenant));
    first.begin(Mode::Write).unwrap();
    first.insert(&suite::THING, vec![suite::thing(1)]).unwrap();
    first.commit().unwrap();
    first.begin(Mode::Write).unwrap();
    let key = vec![suite::THING.key_of(&suite::thing(1))];
    first.fetch(&suite::THING, &key, Lock::ForUpdate).unwrap();
    second.begin(Mode::Write).unwrap();
    let error = second.fetch(&suite::THING, &key, Lock::ForUpdate).unwrap_err();
    assert!(matches!(error, Error::Conflict { kind: "test.thing" }) && error.is_retryable(), "{error:?}");
    assert!(!second.is_lost());
    assert!(matches!(second.commit(), Err(Error::Poisoned)));
    second.begin(Mode::Read).unwrap();
    assert_eq!(second.count(&suite::THING, &Criteria::everything()).unwrap(), 1);
    second.commit().unwrap();
}

/// SQLSTATE 40P01.
#[test]
fn two_who_wait_for_each_other_are_told_apart() {
    let tenant = tenant();
    let setup = PostgresSetup { tenant: Some(tenant), lock_timeout: Duration::ZERO, ..PostgresSetup::default() };
    let rows = [suite::thing(1), suite::thing(2)];
    let mut first = open(&server::url(), &setup).unwrap();
    first.begin(Mode::Write).unwrap();
    first.insert(&suite::THING, rows.to_vec()).unwrap();
    first.commit().unwrap();
    let barrier = std::sync::Barrier::new(2);
    let ends: Vec<Result<()>> = std::thread::scope(|scope| {
        let jobs = [[0, 1], [1, 0]].map(|order| {
            let (barrier, rows, setup) = (&barrier, &rows, &setup);
            scope.spawn(move || {
                let mut session = open(&server::url(), setup).unwrap();
                session.begin(Mode::Write).unwrap();
                let key = |at: usize| vec![suite::THING.key_of(&rows[at])];
                session.fetch(&suite::THING, &key(order[0]), Lock::ForUpdate).unwrap();
                barrier.wait();
                let second = session.fetch(&suite::THING, &key(order[1]), Lock::ForUpdate).map(|_| ());
                session.abandon();
                second
            })
        });
        jobs.map(|job| job.join().unwrap()).into()
    });
    let conflicts = ends.iter().filter(|end| matches!(end, Err(Error::Conflict { .. }))).count();
    assert_eq!((conflicts, ends.iter().filter(|end| end.is_ok()).count()), (1, 1), "{ends:?}");
}

/// SQLSTATE 40001: a host chose an isolation that we do not, and somebody else was faster.
#[test]
fn who_is_too_late_for_a_snapshot_is_told_of_a_conflict() {
    for isolation in ["REPEATABLE READ", "SERIALIZABLE"] {
        let tenant = tenant();
        let mut session = session(&tenant);
        session.begin(Mode::Write).unwrap();
        session.insert(&suite::THING, vec![suite::thing(1)]).unwrap();
        session.commit().unwrap();
        let mut connection = connect(&server::url(), Some(&tenant)).unwrap();
        connection.batch_execute(&format!("BEGIN ISOLATION LEVEL {isolation}")).unwrap();
        let mut host = join(&mut connection);
        assert_eq!(host.count(&suite::THING, &Criteria::everything()).unwrap(), 1);
        let mut changed = suite::thing(1);
        Arc::make_mut(&mut changed)[1] = Value::Int(2);
        session.begin(Mode::Write).unwrap();
        session.update(&suite::THING, vec![Replacement::whole(changed.clone(), 1)]).unwrap();
        session.commit().unwrap();
        let error = host.update(&suite::THING, vec![Replacement::whole(changed, 1)]).unwrap_err();
        assert!(matches!(error, Error::Conflict { kind: "test.thing" }) && error.is_retryable(), "{error:?}");
        assert!(!host.is_lost());
        connection.batch_execute("ROLLBACK").unwrap();
    }
}

/// SQLSTATE 40001 at the commit itself: each of two read what the other wrote.
#[test]
fn two_who_overlook_each_other_are_told_apart_at_the_commit() {
    let tenant = tenant();
    let mut connections = [0, 1].map(|_| connect(&server::url(), Some(&tenant)).unwrap());
    let [mut first, mut second] = connections.each_mut().map(|connection| {
        connection.batch_execute("BEGIN ISOLATION LEVEL SERIALIZABLE").unwrap();
        join(connection)
    });
    for (number, tx) in [(1, &mut first), (2, &mut second)] {
        assert_eq!(tx.count(&suite::THING, &Criteria::everything()).unwrap(), 0);
        tx.insert(&suite::THING, vec![suite::thing(number)]).unwrap();
    }
    first.commit().unwrap();
    let error = second.commit().unwrap_err();
    assert!(error.is_retryable() && error.kind() != crm_core::ErrorKind::OutcomeUnknown, "{error:?}");
    assert!(!second.is_lost());
    second.begin(Mode::Read).unwrap();
    assert_eq!(second.count(&suite::THING, &Criteria::everything()).unwrap(), 1);
    second.commit().unwrap();
}

#[test]
fn a_lost_connection_is_noticed() {
    let tenant = tenant();
    let mut other = connect(&server::url(), Some(&tenant)).unwrap();
    let kill = |other: &mut PgConnection| {
        let text = format!(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation \
             JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = '{tenant}' \
             WHERE c.relname = 'crm_test_things' AND l.pid <> pg_backend_pid()"
        );
        other.batch_execute(&text).unwrap();
    };
    for (committing, wanted) in [(false, crm_core::ErrorKind::Busy), (true, crm_core::ErrorKind::OutcomeUnknown)] {
        let mut session = session(&tenant);
        session.begin(Mode::Write).unwrap();
        session.insert(&suite::THING, vec![suite::thing(1)]).unwrap();
        kill(&mut other);
        let error = if committing {
            session.commit().unwrap_err()
        } else {
            session.count(&suite::THING, &Criteria::everything()).unwrap_err()
        };
        assert_eq!(error.kind(), wanted, "{error:?}");
        assert!(session.is_lost());
        session.abandon();
    }
}

#[test]
fn a_text_with_a_nul_is_refused() {
    let mut session = session(&tenant());
    for schema in [&suite::THING, &suite::LOOSE] {
        session.begin(Mode::Write).unwrap();
        let mut row = suite::thing(1);
        Arc::make_mut(&mut row)[2] = Value::Text("a\0b".into());
        let error = session.insert(schema, vec![row]).unwrap_err();
        assert!(matches!(&error, Error::Invalid { rule: "text.nul", .. }), "{error:?}");
        session.abandon();
    }
}

#[test]
fn a_host_keeps_its_own_transaction() {
    let mut connection = connect(&server::url(), Some(&tenant())).unwrap();
    let result: Result<(), DieselError> = connection.transaction(|connection| {
        let mut tx = join(connection);
        tx.savepoint().unwrap();
        tx.insert(&suite::THING, vec![suite::thing(1)]).unwrap();
        tx.release().unwrap();
        Err(DieselError::RollbackTransaction)
    });
    assert!(result.is_err());
    let mut tx = join(&mut connection);
    assert_eq!(tx.count(&suite::THING, &Criteria::everything()).unwrap(), 0);
}

#[test]
fn tenants_are_named_plainly() {
    assert!(["public", "t_1", &"a".repeat(50)].into_iter().all(|name| check_tenant(name).is_ok()));
    assert!(["", "A", "a-b", "a\"b", "a b", "ł", &"a".repeat(51)].into_iter().all(|name| check_tenant(name).is_err()));
}

#[test]
fn the_server_says_its_version_in_english() {
    let mut connection = connect(&server::url(), None).unwrap();
    assert!(version(&mut connection).unwrap().starts_with(|first: char| first.is_ascii_digit()));
    assert!(speaks_english(&mut connection));
}
