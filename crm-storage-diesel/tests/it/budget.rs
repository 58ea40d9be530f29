//! What a purchase costs in statements: a warmed one prepares nothing new, and a group of them needs a stated number of
//! round trips, however many it is. Counted by Diesel's own instrumentation, in a process of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

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
    // The writer waits until all 32 callers are there, so that they are one group.
    let patience = StorageOptions::default();
    let (crm, shop) = shop::open(DieselStorage::open_with(&words[0], patience).unwrap(), 1_000_000);
    let group = |name: &str, size: usize| {
        thread::scope(|scope| {
            for n in 0..size {
                let (crm, shop) = (&crm, &shop);
                scope.spawn(move || shop::sell(crm, shop, &format!("{name} {n}")).unwrap());
            }
        });
    };
    for round in 0..3 {
        group(&format!("warm {round}"), 32);
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
    // The group before decides for how many callers the writer waits.
    group("before", 32);
    group("before too", 32);
    counted("group", &|| group("group", 32));
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
    // The same for 32 of them; the first of a group may be on its way alone.
    assert!(*group_statements <= 2 * 14, "{group_statements} statements for 32 purchases");
}

#[test]
fn sqlite_prepares_nothing_new() {
    let database = databases::sqlite_file();
    let figures = figures(database.url());
    println!("{figures:?}");
    assert!(figures.iter().all(|(_, _, prepared)| *prepared == 0), "{figures:?}");
    // Begin, 9 reads by key, 3 counters, 11 rows one by one, commit. In a group the rows go in batches of 32 and 8.
    assert!(figures[0].1 <= 25, "{figures:?}");
    assert!(figures[1].1 <= 32 * 25 / 4, "{figures:?}");
}
