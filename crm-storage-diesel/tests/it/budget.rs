//! What a purchase costs in statements: a warmed one prepares nothing new, and a group of them needs a stated number of
//! round trips, however many it is. Counted by Diesel's own instrumentation, in a process of its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use crm_core::Crm;
use crm_storage_diesel::{DieselStorage, StorageOptions};
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

use crate::{databases, processes, shop};

static STATEMENTS: AtomicUsize = AtomicUsize::new(0);
static PREPARED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

impl Instrumentation for Counting {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { .. } => STATEMENTS.fetch_add(1, Ordering::SeqCst),
            InstrumentationEvent::CacheQuery { .. } => PREPARED.fetch_add(1, Ordering::SeqCst),
            _ => 0,
        };
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature Diesel asks for")]
fn counting() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(Counting))
}

/// The child: prints the statements and the newly prepared ones of one warmed purchase, then of a group of 32.
#[test]
fn child() {
    let Some(words) = processes::role("budget::child") else { return };
    set_default_instrumentation(counting).unwrap();
    // Each writer prepares its own statements.
    let options = StorageOptions::default().writers(1);
    let (crm, shop) = shop::open(DieselStorage::open_with(&words[0], options).unwrap(), 1_000_000);
    let group = |name: &str| {
        let callers = (0..32).map(|n| {
            let (shop, receipt_no) = (shop.clone(), format!("{name} {n}"));
            Box::new(move |crm: &Crm| assert!(shop::sell(crm, &shop, &receipt_no).is_ok())) as shop::Caller
        });
        shop::in_one_group(&crm, callers.collect());
    };
    for round in 0..2 {
        group(&format!("warm {round}"));
        shop::sell(&crm, &shop, &format!("warm alone {round}")).unwrap();
    }
    let counted = |what: &str, run: &dyn Fn()| {
        STATEMENTS.store(0, Ordering::SeqCst);
        PREPARED.store(0, Ordering::SeqCst);
        run();
        let (statements, prepared) = (STATEMENTS.load(Ordering::SeqCst), PREPARED.load(Ordering::SeqCst));
        processes::say(&format!("{what} {statements} {prepared}"));
    };
    counted("alone", &|| {
        shop::sell(&crm, &shop, "alone").unwrap();
    });
    counted("group", &|| group("group"));
}

fn figures(url: &str) -> Vec<(String, usize, usize)> {
    let mut child = processes::spawn("budget::child", &[url]);
    let figures = child
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].to_owned(), words[1].parse().unwrap(), words[2].parse().unwrap())
        })
        .collect();
    child.finish();
    figures
}

#[test]
fn postgres_needs_few_round_trips() {
    let database = databases::postgres();
    let figures = figures(database.url());
    println!("{figures:?}");
    let [(alone, alone_statements, alone_prepared), (group, group_statements, group_prepared)] = figures.as_slice()
    else {
        panic!("{figures:?}");
    };
    assert_eq!((alone.as_str(), group.as_str()), ("alone", "group"));
    assert_eq!((*alone_prepared, *group_prepared), (0, 0), "a warmed purchase prepares nothing");
    // Begin with its lock timeout, 5 reads, 7 writes, commit.
    assert!(*alone_statements <= 14, "{alone_statements} statements for one purchase");
    // The same for 32 of them, and the job that holds them up.
    assert!(*group_statements <= 2 * 14, "{group_statements} statements for 32 purchases");
}

#[test]
fn sqlite_prepares_nothing_new() {
    let database = databases::sqlite_file();
    let figures = figures(database.url());
    println!("{figures:?}");
    assert!(figures.iter().all(|(_, _, prepared)| *prepared == 0), "{figures:?}");
    // Begin, 5 reads, 3 counters, 6 writes of new rows, commit: three rows of a kind go in one statement.
    assert!(figures[0].1 <= 16, "{figures:?}");
    // In a group of 32 rows go in batches of 32 and 8.
    assert!(figures[1].1 <= 32 * 16 / 8, "{figures:?}");
}
