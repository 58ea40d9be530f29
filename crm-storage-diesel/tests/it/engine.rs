//! What the engine promises beside the conformance suite: back-pressure, tenants, reconnecting, the host's transaction,
//! slow jobs told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crm_core::access::Actor;
use crm_core::branches::{Branch, NewBranch};
use crm_core::catalog::{NewProduct, Product};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::module::{Manifest, Module, Registry};
use crm_core::work::{Entity, Filter, UnitOfWork, Version};
use crm_core::{Crm, Error, ErrorKind};
use crm_storage_diesel::{DieselStorage, HostTransaction, StorageOptions};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::{databases, shop};

fn branch_names(crm: &Crm) -> Vec<String> {
    let page = crm.blocking().read(&Actor::system(), "names", |work| work.branches().page(Limit::default(), None));
    page.unwrap().items.into_iter().map(|branch| branch.name).collect()
}

fn open_branch(crm: &Crm, name: &str) -> crm_core::Result<Branch> {
    let new = NewBranch::named(name, "Europe/Warsaw", "PLN");
    crm.blocking().run(&Actor::system(), "open", move |work| work.branches().create(new.clone()))
}

#[test]
fn a_full_queue_is_an_error_and_not_a_longer_queue() {
    let storage = DieselStorage::open_with("sqlite::memory:", StorageOptions::default().queue(4).group(1)).unwrap();
    let crm = Crm::builder(storage).build_blocking().unwrap();
    let (started, wait_for_start) = mpsc::channel();
    let (release, wait_for_release) = mpsc::channel::<()>();
    let wait_for_release = Arc::new(Mutex::new(wait_for_release));
    let holding = {
        let crm = crm.clone();
        thread::spawn(move || {
            crm.blocking().run(&Actor::system(), "hold", move |_| {
                started.send(()).unwrap();
                let _ = wait_for_release.lock().unwrap().recv();
                Ok::<_, Error>(())
            })
        })
    };
    wait_for_start.recv().unwrap();
    let waiting: Vec<_> = (0..8)
        .map(|n| {
            let crm = crm.clone();
            thread::spawn(move || open_branch(&crm, &format!("B{n}")))
        })
        .collect();
    while crm_refused(&waiting) < 4 {
        thread::sleep(Duration::from_millis(1));
    }
    release.send(()).unwrap();
    holding.join().unwrap().unwrap();
    let (stored, refused): (Vec<_>, Vec<_>) =
        waiting.into_iter().map(|thread| thread.join().unwrap()).partition(Result::is_ok);
    assert_eq!((stored.len(), refused.len()), (4, 4));
    assert!(refused.iter().all(|result| result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Busy)));
    assert_eq!(branch_names(&crm).len(), 4);
}

/// SQLite: while a group is written, the next one runs on what it is going to write, also if another process writes between
/// the two. Each job opens a branch that is named by how many there are, so two that did not see each other would choose one name.
#[test]
fn sqlite_jobs_that_run_ahead_see_all_before_them() {
    const THREADS: usize = 8;
    const JOBS: usize = 10;
    let database = databases::sqlite_file();
    let crms: Vec<Crm> =
        (0..2).map(|_| Crm::builder(DieselStorage::open(database.url()).unwrap()).build_blocking().unwrap()).collect();
    for (round, writing) in [&crms[..1], &crms[..]].into_iter().enumerate() {
        thread::scope(|scope| {
            for crm in writing.iter().flat_map(|crm| std::iter::repeat_n(crm, THREADS)) {
                scope.spawn(move || {
                    for _ in 0..JOBS {
                        let opened = crm.blocking().run(&Actor::system(), "count and open", |work| {
                            let there = work.branches().page(Limit::MAX, None)?.items.len();
                            work.branches().create(NewBranch::named(format!("B{there}"), "Europe/Warsaw", "PLN"))
                        });
                        opened.unwrap_or_else(|error| panic!("round {round}: {error}"));
                    }
                });
            }
        });
    }
    let page =
        crms[0].blocking().read(&Actor::system(), "names", |work| work.branches().page(Limit::MAX, None)).unwrap();
    let mut names: Vec<String> = page.items.into_iter().map(|branch| branch.name).collect();
    names.sort_by_key(|name| name[1..].parse::<usize>().unwrap());
    assert_eq!(names, (0..3 * THREADS * JOBS).map(|number| format!("B{number}")).collect::<Vec<_>>());
}

/// The refused ones end at once; the others wait.
fn crm_refused<T>(threads: &[thread::JoinHandle<T>]) -> usize {
    threads.iter().filter(|thread| thread.is_finished()).count()
}

#[test]
fn a_database_that_cannot_be_opened_says_why() {
    let nowhere = std::env::temp_dir().join("crm-test-nowhere").join("shop.db");
    let storage = DieselStorage::open(&format!("sqlite:{}", nowhere.display())).unwrap();
    let error = Crm::builder(storage).build_blocking().err().unwrap();
    assert!(matches!(&error, Error::Setup(message) if message.contains("cannot be opened")), "{error:?}");
    let storage = DieselStorage::open("postgres:///nowhere?host=/nowhere&user=nobody").unwrap();
    let error = Crm::builder(storage).build_blocking().err().unwrap();
    assert!(format!("{error:?}").contains("/nowhere"), "{error:?}");
}

#[test]
fn a_store_can_be_opened_while_it_is_closed_elsewhere() {
    let database = databases::sqlite_file();
    for round in 0..60 {
        let storage = DieselStorage::open(database.url()).unwrap();
        let crm = Crm::builder(storage).build_blocking().unwrap_or_else(|error| panic!("round {round}: {error:?}"));
        open_branch(&crm, &format!("B{round}")).unwrap();
        // Its threads close their connections while the next ones are opened.
        drop(crm);
    }
}

#[test]
fn what_was_queued_is_done_before_a_storage_closes() {
    let crm = Crm::builder(DieselStorage::open("sqlite::memory:").unwrap()).build_blocking().unwrap();
    open_branch(&crm, "first").unwrap();
    crm.blocking().close().unwrap();
    assert_eq!(open_branch(&crm, "late").unwrap_err().kind(), ErrorKind::Busy);
}

#[test]
fn a_job_that_holds_the_writer_is_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let options = {
        let told = told.clone();
        StorageOptions::default().on_slow_job(Duration::from_millis(20), move |label, took| {
            told.lock().unwrap().push((label.to_owned(), took));
        })
    };
    let crm = Crm::builder(DieselStorage::open_with("sqlite::memory:", options).unwrap()).build_blocking().unwrap();
    open_branch(&crm, "quick").unwrap();
    crm.blocking()
        .run(&Actor::system(), "sleeps", |_| {
            thread::sleep(Duration::from_millis(30));
            Ok::<_, Error>(())
        })
        .unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>(), ["sleeps"]);
}

fn tenants_do_not_meet(url: &str) {
    let storage = DieselStorage::open(url).unwrap();
    let crms: Vec<_> = ["acme", "globex"]
        .iter()
        .map(|name| Crm::builder(storage.tenant(name).unwrap()).build_blocking().unwrap())
        .collect();
    let own = Crm::builder(storage.clone()).build_blocking().unwrap();
    open_branch(&crms[0], "of acme").unwrap();
    open_branch(&crms[1], "of globex").unwrap();
    let foreign = open_branch(&own, "of nobody").unwrap().id;
    assert_eq!(branch_names(&crms[0]), ["of acme"]);
    assert_eq!(branch_names(&crms[1]), ["of globex"]);
    assert_eq!(branch_names(&own), ["of nobody"]);
    let read = crms[0].blocking().read(&Actor::system(), "foreign", move |work| work.branches().get(foreign));
    assert_eq!(read.unwrap_err().kind(), ErrorKind::NotFound);
    for bad in ["", "A", "a-b", "a;b", "0a", "a\"b", "../a", &"a".repeat(41)] {
        assert!(storage.tenant(bad).is_err(), "{bad}");
    }
}

#[test]
fn sqlite_tenants_do_not_meet() {
    tenants_do_not_meet(databases::sqlite_file().url());
}

#[test]
fn postgres_tenants_do_not_meet() {
    tenants_do_not_meet(databases::postgres().url());
}

/// The host's statements and the library's are one transaction: both stay, or neither.
fn host_transaction<C>(mut connection: C, crm: &Crm)
where
    C: HostTransaction + SimpleConnection + diesel::connection::Connection,
{
    connection.batch_execute("CREATE TABLE host_notes (note TEXT)").unwrap();
    let create = |name: &'static str| {
        move |work: &mut crm_core::work::UnitOfWork<'_>| {
            work.branches().create(NewBranch::named(name, "Europe/Warsaw", "PLN"))
        }
    };
    connection
        .transaction::<_, Box<dyn std::error::Error>, _>(|connection| {
            connection.batch_execute("INSERT INTO host_notes VALUES ('kept')")?;
            connection.run_crm(crm, &Actor::system(), create("kept"))?;
            Ok(())
        })
        .unwrap();
    let rolled_back = connection.transaction::<(), Box<dyn std::error::Error>, _>(|connection| {
        connection.run_crm(crm, &Actor::system(), create("dropped with the host"))?;
        Err("the host changed its mind".into())
    });
    assert!(rolled_back.is_err());
    connection
        .transaction::<_, Box<dyn std::error::Error>, _>(|connection| {
            let failed = connection.run_crm(crm, &Actor::system(), |work| {
                work.branches().create(NewBranch::named("dropped alone", "Europe/Warsaw", "PLN"))?;
                Err::<(), _>(Error::invalid("x", "test.fails"))
            });
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::Invalid);
            connection.batch_execute("INSERT INTO host_notes VALUES ('after the failure')")?;
            Ok(())
        })
        .unwrap();
    assert_eq!(branch_names(crm), ["kept"]);
    connection
        .batch_execute("INSERT INTO host_notes SELECT 1 / (CASE COUNT(*) WHEN 2 THEN 1 ELSE 0 END) FROM host_notes")
        .unwrap();
}

#[test]
fn sqlite_runs_inside_the_hosts_transaction() {
    let database = databases::sqlite_file();
    let crm = Crm::builder(DieselStorage::open(database.url()).unwrap()).build_blocking().unwrap();
    host_transaction(SqliteConnection::establish(databases::sqlite_path(database.url())).unwrap(), &crm);
}

#[test]
fn postgres_runs_inside_the_hosts_transaction() {
    let database = databases::postgres();
    let crm = Crm::builder(DieselStorage::open(database.url()).unwrap()).build_blocking().unwrap();
    host_transaction(PgConnection::establish(database.url()).unwrap(), &crm);
}

#[test]
fn postgres_is_reached_again_after_its_connections_were_ended() {
    let database = databases::postgres();
    let (crm, shop) = shop::open(DieselStorage::open(database.url()).unwrap(), 10_000);
    for round in 0..5 {
        shop::sell(&crm, &shop, &format!("before {round}")).unwrap();
        assert!(shop::has_receipt(&crm, &format!("before {round}")));
        database.end_other_connections();
        shop::sell(&crm, &shop, &format!("after {round}")).unwrap();
        assert!(shop::has_receipt(&crm, &format!("after {round}")));
    }
    shop::assert_whole(&crm);
}

#[test]
fn sqlite_waits_for_another_process_that_writes() {
    let database = databases::sqlite_file();
    let (crm, shop) = shop::open(DieselStorage::open(database.url()).unwrap(), 100);
    let mut other = SqliteConnection::establish(databases::sqlite_path(database.url())).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let selling = {
        let (crm, shop) = (crm.clone(), shop.clone());
        thread::spawn(move || shop::sell(&crm, &shop, "waits"))
    };
    thread::sleep(Duration::from_millis(300));
    assert!(!selling.is_finished());
    other.batch_execute("COMMIT").unwrap();
    selling.join().unwrap().unwrap();
}

#[test]
fn postgres_tries_again_when_a_row_is_locked_for_a_while() {
    let database = databases::postgres();
    let (crm, shop) = shop::open(DieselStorage::open(database.url()).unwrap(), 100);
    let mut other = PgConnection::establish(database.url()).unwrap();
    other.batch_execute("BEGIN; SELECT 1 FROM crm_stock FOR UPDATE").unwrap();
    let selling = {
        let (crm, shop) = (crm.clone(), shop.clone());
        thread::spawn(move || shop::sell(&crm, &shop, "waits"))
    };
    // Longer than the lock timeout, so that the first try is a conflict.
    thread::sleep(Duration::from_millis(700));
    assert!(!selling.is_finished());
    other.batch_execute("COMMIT").unwrap();
    selling.join().unwrap().unwrap();
    shop::assert_whole(&crm);
}

/// The group waits for the rows once; then each of its jobs comes again by itself, and those who want others go on.
#[test]
fn postgres_jobs_that_wait_for_a_row_do_not_hold_up_the_others() {
    let database = databases::postgres();
    let (crm, shop) = shop::open(DieselStorage::open(database.url()).unwrap(), 100);
    let mut other = PgConnection::establish(database.url()).unwrap();
    other.batch_execute("BEGIN; SELECT 1 FROM crm_stock FOR UPDATE").unwrap();
    let selling: Vec<_> = (0..64)
        .map(|n| {
            let (crm, shop) = (crm.clone(), shop.clone());
            thread::spawn(move || shop::sell(&crm, &shop, &format!("waits {n}")))
        })
        .collect();
    // Waiting for as long as a row may be waited for by each of 64 jobs, one after the other, would end their patience.
    for n in 0..3 {
        open_branch(&crm, &format!("meanwhile {n}")).unwrap();
    }
    other.batch_execute("COMMIT").unwrap();
    for sold in selling {
        sold.join().unwrap().unwrap();
    }
    shop::assert_whole(&crm);
}

/// Two writers of one process lock the same rows the wrong way round, again and again. A job that met the other runs again while
/// the other holds still: it needs no third try.
#[test]
fn postgres_writers_of_a_process_get_out_of_each_others_way() {
    let database = databases::postgres();
    let options = StorageOptions::default().writers(2).group(2).lock_timeout(Duration::from_millis(5));
    let storage = DieselStorage::open_with(database.url(), options.retries(2, Duration::from_secs(60))).unwrap();
    let crm = Crm::builder(storage).build_blocking().unwrap();
    let [one, other] = ["one", "other"].map(|name| open_branch(&crm, name).unwrap().id);
    let rounds = 10;
    thread::scope(|scope| {
        for caller in 0..8 {
            let (first, second) = if caller % 2 == 0 { (one, other) } else { (other, one) };
            let crm = crm.clone();
            scope.spawn(move || {
                for _ in 0..rounds {
                    let done = crm.blocking().run(&Actor::system(), "both", move |work| {
                        let mut work = work.unrestricted()?;
                        work.lock::<Branch>(first)?;
                        thread::sleep(Duration::from_millis(2));
                        let mut branch = work.lock::<Branch>(second)?;
                        work.update(&mut branch)
                    });
                    done.unwrap();
                }
            });
        }
    });
    let versions = [one, other].map(|id| {
        crm.blocking()
            .read(&Actor::system(), "version", move |work| work.unrestricted()?.get::<Branch>(id))
            .unwrap()
            .version
    });
    let updates: Version = (0..4 * rounds).fold(Version::FIRST, |version, _| version.next());
    assert_eq!(versions, [updates, updates]);
}

#[test]
fn a_snapshot_does_not_see_what_is_written_meanwhile() {
    let database = databases::sqlite_file();
    let crm = Crm::builder(DieselStorage::open(database.url()).unwrap()).build_blocking().unwrap();
    let writer = crm.clone();
    let (before, after) = crm
        .blocking()
        .read(&Actor::system(), "twice", move |work| {
            let mut work = work.unrestricted()?;
            let before = work.count(Filter::<Branch>::all())?;
            thread::scope(|scope| scope.spawn(|| open_branch(&writer, "meanwhile")).join().unwrap())?;
            Ok::<_, Error>((before, work.count(Filter::<Branch>::all())?))
        })
        .unwrap();
    assert_eq!((before, after), (0, 0));
    assert_eq!(branch_names(&crm), ["meanwhile"]);
}

/// Runs this in a thread of its own, for a test that would hang if it failed.
fn soon<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || done.send(what()));
    wait.recv_timeout(Duration::from_secs(20)).expect("an answer")
}

/// Panics when it goes.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(thread::panicking(), "a bomb");
    }
}

#[test]
fn a_panic_outside_a_job_is_no_end_of_the_storage() {
    let options = StorageOptions::default().on_slow_job(Duration::ZERO, |label, _| assert_ne!(label, "slow"));
    let crm = Crm::builder(DieselStorage::open_with("sqlite::memory:", options).unwrap()).build_blocking().unwrap();
    soon(move || {
        let run = |label, bomb: Option<Bomb>| {
            crm.blocking().run(&Actor::system(), label, move |work| {
                let _ = &bomb;
                work.branches().create(NewBranch::named(label, "Europe/Warsaw", "PLN"))
            })
        };
        run("slow", None).unwrap();
        // The job goes when its caller has the answer.
        run("bomb", Some(Bomb)).unwrap();
        run("after", None).unwrap();
        assert_eq!(branch_names(&crm), ["after", "bomb", "slow"]);
        crm.blocking().close().unwrap();
    });
}

#[test]
fn a_job_inside_a_job_is_refused() {
    let database = databases::sqlite_file();
    let crm = Crm::builder(DieselStorage::open(database.url()).unwrap()).build_blocking().unwrap();
    soon(move || {
        let inner = crm.clone();
        let refused = crm.blocking().run(&Actor::system(), "outer", move |_| open_branch(&inner, "inner"));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Setup);
        let inner = crm.clone();
        let refused = crm.blocking().read(&Actor::system(), "outer", move |_| {
            inner.blocking().read(&Actor::system(), "inner", |work| work.unrestricted()?.count(Filter::<Branch>::all()))
        });
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Setup);
        assert!(branch_names(&crm).is_empty());
    });
}

crm_core::entity! {
    /// A left shoe.
    pub struct Left {
        kind: "left", records: [], key: (id: uuid::Uuid), columns: left, version: version,
    } {
        /// Its id.
        id: uuid::Uuid,
        /// The optimistic lock.
        version: Version,
    }
}

crm_core::entity! {
    /// A right shoe.
    pub struct Right {
        kind: "right", records: [], key: (id: uuid::Uuid), columns: right, version: version,
    } {
        /// Its id.
        id: uuid::Uuid,
        /// The optimistic lock.
        version: Version,
        /// How large it is.
        size: i64,
    }
}

struct Shoes;

impl Module for Shoes {
    fn manifest(&self) -> Manifest {
        Manifest { name: "shoes", entities: &[Left::SCHEMA, Right::SCHEMA], ..Manifest::default() }
    }

    fn install(&self, _: &mut Registry) -> crm_core::Result<()> {
        Ok(())
    }
}

#[test]
fn two_crms_with_other_modules_share_a_storage() {
    let storage = DieselStorage::open("sqlite::memory:").unwrap();
    let plain = Crm::builder(storage.clone()).build_blocking().unwrap();
    let shoes = Crm::builder(storage).module(Shoes).build_blocking().unwrap();
    let id = uuid::Uuid::from_u128(1);
    let stored = shoes.blocking().run(&Actor::system(), "shoes", move |work| {
        let mut work = work.unrestricted()?;
        work.insert(&Left { id, version: Version::FIRST })?;
        work.insert(&Right { id, version: Version::FIRST, size: 43 })
    });
    stored.unwrap();
    let read = shoes.blocking().read(&Actor::system(), "shoes", move |work| {
        let mut work = work.unrestricted()?;
        Ok::<_, Error>((work.get::<Left>(id)?.id, work.get::<Right>(id)?.size))
    });
    assert_eq!(read.unwrap(), (id, 43));
    open_branch(&plain, "still there").unwrap();
}

fn tea(work: &mut UnitOfWork<'_>, sku: &str) -> crm_core::Result<Product> {
    work.catalog().create_product(NewProduct::goods(sku, "Herbata", Money::new(1, Currency::PLN)))
}

/// An attempt that swallowed a failure fails, and its job may go on; those who are in its group do not even run again.
#[test]
fn a_failure_swallowed_in_an_attempt_harms_no_other_job() {
    let crm = Crm::builder(DieselStorage::open("sqlite::memory:").unwrap()).build_blocking().unwrap();
    crm.blocking().run(&Actor::system(), "tea", |work| tea(work, "TEA").map(|_| ())).unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    shop::in_one_group(
        &crm,
        vec![
            Box::new(|crm| {
                let swallowed = crm.blocking().run(&Actor::system(), "swallows", |work| {
                    tea(work, "dropped")?;
                    let attempt = work.attempt(|work| {
                        tea(work, "TEA")?;
                        let _ = work.unrestricted()?.count(Filter::<Product>::all());
                        Ok::<_, Error>(())
                    });
                    assert_eq!(attempt.unwrap_err().kind(), ErrorKind::Poisoned);
                    Ok::<_, Error>(())
                });
                swallowed.unwrap();
            }),
            Box::new(move |crm| {
                let innocent = crm.blocking().run(&Actor::system(), "innocent", move |work| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    tea(work, "kept").map(|_| ())
                });
                innocent.unwrap();
            }),
        ],
    );
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    let stored =
        crm.blocking().read(&Actor::system(), "count", |work| work.unrestricted()?.count(Filter::<Product>::all()));
    assert_eq!(stored.unwrap(), 3, "the attempt alone is gone");
}

#[test]
fn a_database_that_cannot_be_opened_is_told_why() {
    let build = |url: &str| match Crm::builder(DieselStorage::open(url).unwrap()).build_blocking() {
        Ok(_) => panic!("{url} was opened"),
        Err(error) => error,
    };
    assert_eq!(build("sqlite:/no/such/folder/shop.db").kind(), ErrorKind::Setup);
    let nobody = build("postgres://me:a-secret@127.0.0.1:1/shop");
    assert_eq!(nobody.kind(), ErrorKind::Busy);
    assert!(nobody.to_string().contains("127.0.0.1"), "{nobody}");
    for url in [
        "postgres://me:a-secret%zz@127.0.0.1:1/shop",
        "postgres://me:b/a-secret@127.0.0.1:1/shop",
        "postgres://me:b@a-secret@127.0.0.1:1/shop",
        "postgres://me:a-secret@[::1/shop",
    ] {
        let error = build(url);
        assert!(!format!("{error} {error:?}").contains("a-secret"), "{error:?}");
    }
}

#[test]
fn a_tenant_is_opened_again_after_it_was_closed_and_has_no_tenants() {
    let database = databases::sqlite_file();
    let storage = DieselStorage::open(database.url()).unwrap();
    let tenant = storage.tenant("acme").unwrap();
    let crm = Crm::builder(tenant.clone()).build_blocking().unwrap();
    open_branch(&crm, "before").unwrap();
    crm.blocking().close().unwrap();
    let again = Crm::builder(storage.tenant("acme").unwrap()).build_blocking().unwrap();
    assert_eq!(branch_names(&again), ["before"]);
    assert!(matches!(tenant.tenant("globex"), Err(Error::Setup(_))));
}

#[test]
fn postgres_runs_a_job_again_whose_connection_ended_under_it() {
    let database = Arc::new(databases::postgres());
    let crm = Crm::builder(DieselStorage::open(database.url()).unwrap()).build_blocking().unwrap();
    let (ending, first) = (database.clone(), AtomicBool::new(true));
    let stored = crm.blocking().run(&Actor::system(), "ended", move |work| {
        if first.swap(false, Ordering::Relaxed) {
            ending.end_other_connections();
        }
        work.unrestricted()?.count(Filter::<Branch>::all())?;
        work.branches().create(NewBranch::named("kept", "Europe/Warsaw", "PLN"))
    });
    stored.unwrap();
    assert_eq!(branch_names(&crm), ["kept"]);
}

#[test]
fn postgres_is_well_again_after_its_connections_were_ended() {
    let database = databases::postgres();
    let crm = Crm::builder(DieselStorage::open(database.url()).unwrap()).build_blocking().unwrap();
    // Each writer has a connection by then.
    for _ in 0..8 {
        crm.blocking().health().unwrap();
    }
    database.end_other_connections();
    crm.blocking().health().unwrap();
}
