//! T-8: many tills, threads and processes, sell the same few pieces. Exactly the right number of sales win, every loser
//! gets a typed refusal, and the books agree. So too for receipt numbers and idempotency keys.

use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use crm_core::access::Actor;
use crm_core::catalog::{Category, CategoryId};
use crm_core::pricing::{
    Adjustment, Assortment, NewRule, PricePolicy, PricePolicyId, PriceRule, PriceRuleId, RuleTerms, Stage,
};
use crm_core::work::{Entity, Filter, UnitOfWork};
use crm_core::{Crm, Error, ErrorKind, Result};
use crm_storage_diesel::DieselStorage;

use crate::{databases, processes, shop};

const THREADS: usize = 8;
const PROCESSES: usize = 3;
const TRIES: usize = 10;

/// What a try ended in, as a word that a child can say.
fn outcome(result: &crm_core::Result<crm_core::purchases::Receipt>) -> &'static str {
    match result {
        Ok(_) => "won",
        Err(Error::Invalid { rule: "stock.insufficient", .. }) => "sold out",
        Err(Error::AlreadyExists { unique, .. }) if unique == "receipt" => "receipt taken",
        Err(Error::IdempotencyMismatch { .. }) => "key taken",
        Err(error) if error.kind() == ErrorKind::Busy => "busy",
        Err(_) => "wrong",
    }
}

/// Sells from several threads at once; `name` gives the receipt number of a thread's n-th try.
fn storm(url: &str, name: impl Fn(usize, usize) -> String + Sync, start: impl FnOnce()) -> Vec<&'static str> {
    let (crm, shop) = shop::open(DieselStorage::open(url).unwrap(), 0);
    let barrier = Barrier::new(THREADS + 1);
    let (crm, shop, barrier, name) = (&crm, &shop, &barrier, &name);
    let outcomes = thread::scope(|scope| {
        let tills: Vec<_> = (0..THREADS)
            .map(|till| {
                scope.spawn(move || {
                    barrier.wait();
                    (0..TRIES)
                        .map(|n| {
                            let result = shop::sell_invoiced(crm, shop, &name(till, n));
                            if let Err(error) = &result
                                && outcome(&result) == "wrong"
                            {
                                println!("a wrong refusal: {error:?}");
                            }
                            outcome(&result)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        start();
        barrier.wait();
        tills.into_iter().flat_map(|till| till.join().unwrap()).collect()
    });
    crm.blocking().close().unwrap();
    outcomes
}

/// A child of the race: waits for the start, sells, and says every outcome.
#[test]
fn child() {
    let Some(words) = processes::role("race::child") else { return };
    let [url, process, same_names] = words.as_slice() else { panic!("{words:?}") };
    let name = |till: usize, n: usize| {
        if same_names == "same" { format!("R-{n}") } else { format!("{process}-{till}-{n}") }
    };
    let outcomes = storm(url, name, || {
        processes::say("ready");
        processes::wait_for_go();
    });
    for outcome in outcomes {
        processes::say(outcome);
    }
}

/// A price rule, or another version of one.
fn save_rule(crm: &Crm, rule: Option<PriceRuleId>) -> Result<PriceRule> {
    let off = Adjustment::Percent(crm_core::kernel::rate::Rate::percent(1));
    let terms = RuleTerms::new("First", Stage::Campaign, Assortment::Everything, off);
    crm.blocking().run(&Actor::system(), "a rule", move |work| {
        work.pricing().save_rule(NewRule { rule, ..NewRule::now(terms.clone()) }).map(|(rule, _)| rule)
    })
}

/// A child of the race for the first rule: waits for the start, saves one, and says how that ended.
#[test]
fn first_rule_child() {
    let Some(words) = processes::role("race::first_rule_child") else { return };
    let [url, ..] = words.as_slice() else { panic!("{words:?}") };
    let (crm, _) = shop::open(DieselStorage::open(url).unwrap(), 0);
    processes::say("ready");
    processes::wait_for_go();
    match save_rule(&crm, None) {
        Ok(_) => processes::say("won"),
        Err(error) => processes::say(&format!("{error:?}")),
    }
    crm.blocking().close().unwrap();
}

/// Runs the race in several processes and returns all outcomes.
fn processes_race(child: &str, url: &str, names: &str) -> Vec<String> {
    let mut children: Vec<_> =
        (0..PROCESSES).map(|process| processes::spawn(child, &[url, &process.to_string(), names])).collect();
    let mut lines: Vec<_> = children.iter_mut().map(processes::Running::lines).collect();
    for line in &mut lines {
        assert_eq!(line.next().as_deref(), Some("ready"));
    }
    children.iter_mut().for_each(processes::Running::go);
    let outcomes = lines.into_iter().flatten().collect();
    children.into_iter().for_each(processes::Running::finish);
    outcomes
}

fn count(outcomes: &[impl AsRef<str>], wanted: &str) -> usize {
    outcomes.iter().filter(|outcome| outcome.as_ref() == wanted).count()
}

/// 240 tries for 100 pieces, by threads of one process and then of three.
fn last_pieces(url: &str) {
    const STOCK: i64 = 100;
    let (crm, shop) = shop::open(DieselStorage::open(url).unwrap(), STOCK);
    let outcomes = processes_race("race::child", url, "own");
    assert_eq!(outcomes.len(), PROCESSES * THREADS * TRIES);
    assert_eq!((count(&outcomes, "won"), count(&outcomes, "sold out")), (100, 140), "{outcomes:?}");
    assert_eq!(shop::left(&crm, &shop), 0);
    shop::assert_whole(&crm);
}

/// Every till of every process sells under the same ten receipt numbers and keys: each is sold once, and every till
/// that repeats it gets the same receipt.
fn same_receipts(url: &str) {
    let (crm, shop) = shop::open(DieselStorage::open(url).unwrap(), 1_000);
    let outcomes = processes_race("race::child", url, "same");
    assert_eq!(count(&outcomes, "won"), PROCESSES * THREADS * TRIES, "{outcomes:?}");
    assert_eq!(shop::left(&crm, &shop), 1_000 - i64::try_from(TRIES).unwrap());
    shop::assert_whole(&crm);
}

/// The same last pieces, by the threads of one process only.
fn threads_last_pieces(url: &str) {
    let (crm, shop) = shop::open(DieselStorage::open(url).unwrap(), 33);
    let outcomes = storm(url, |till, n| format!("{till}-{n}"), || {});
    assert_eq!((count(&outcomes, "won"), count(&outcomes, "sold out")), (33, 47), "{outcomes:?}");
    assert_eq!(shop::left(&crm, &shop), 0);
    shop::assert_whole(&crm);
}

#[test]
fn sqlite_threads_sell_the_last_pieces() {
    threads_last_pieces(databases::sqlite_file().url());
}

#[test]
fn sqlite_processes_sell_the_last_pieces() {
    last_pieces(databases::sqlite_file().url());
}

#[test]
fn sqlite_processes_sell_each_receipt_once() {
    same_receipts(databases::sqlite_file().url());
}

#[test]
fn postgres_threads_sell_the_last_pieces() {
    threads_last_pieces(databases::postgres().url());
}

#[test]
fn postgres_processes_sell_the_last_pieces() {
    last_pieces(databases::postgres().url());
}

#[test]
fn postgres_processes_sell_each_receipt_once() {
    same_receipts(databases::postgres().url());
}

/// Processes that save the very first price rule at the same moment: every one wins, with a rule of its own, and the policy
/// was changed as often. Then threads that save a version of one rule: each adds its own.
fn first_rules(url: &str) {
    let (crm, _) = shop::open(DieselStorage::open(url).unwrap(), 1);
    let outcomes = processes_race("race::first_rule_child", url, "");
    assert_eq!((outcomes.len(), count(&outcomes, "won")), (PROCESSES, PROCESSES), "{outcomes:?}");
    let stored = || {
        let read = crm.blocking().read(&Actor::system(), "rules", |work| {
            let mut work = work.unrestricted()?;
            let policy: PricePolicy = work.get(PricePolicyId::from(uuid::Uuid::nil()))?;
            Ok::<_, Error>((policy.version(), work.select(Filter::<PriceRule>::all()).all()?))
        });
        let (version, rules) = read.unwrap();
        let numbers = rules.iter().map(|rule| rule.number).collect::<Vec<_>>();
        (serde_json::to_value(version).unwrap(), rules, numbers)
    };
    let (version, rules, numbers) = stored();
    assert_eq!((version, numbers), ((1 + PROCESSES).into(), vec![1; PROCESSES]));
    let first = rules[0].id;
    let ended = crm_core::conformance::race(THREADS, 1, |_| save_rule(&crm, Some(first))).remove(0);
    assert_eq!(ended.won.len(), THREADS, "{:?}", ended.lost);
    let mut won: Vec<_> = ended.won.iter().map(|rule| rule.number).collect();
    won.sort_unstable();
    assert!(won.into_iter().eq((2..).take(THREADS)));
    let (version, ..) = stored();
    assert_eq!(version, 1 + PROCESSES + THREADS);
    shop::assert_whole(&crm);
}

#[test]
fn sqlite_processes_save_the_first_price_rule() {
    first_rules(databases::sqlite_file().url());
}

#[test]
fn postgres_processes_save_the_first_price_rule() {
    first_rules(databases::postgres().url());
}

/// A category comes under another while a second process moves that one's branch of the tree: it moves along.
fn comes_while_its_parent_moves(url: &str, come: fn(&mut UnitOfWork<'_>, CategoryId, CategoryId) -> Result<Category>) {
    let crms = [(); 2].map(|()| Crm::builder(DieselStorage::open(url).unwrap()).build_blocking().unwrap());
    let [here, there] = &crms;
    let ids = here.blocking().run(&Actor::system(), "tree", |work| {
        let top = work.catalog().create_category(None, "top")?.id;
        let parent = work.catalog().create_category(Some(top), "parent")?.id;
        let stray = work.catalog().create_category(None, "stray")?.id;
        Ok::<_, Error>((top, parent, stray, work.catalog().create_category(None, "elsewhere")?.id))
    });
    let (top, parent, stray, elsewhere) = ids.unwrap();
    let moving = Arc::new(Mutex::new(None));
    let (there, started) = (there.clone(), moving.clone());
    let child = here.blocking().run(&Actor::system(), "come", move |work| {
        let child = come(work, parent, stray)?;
        let mut started = started.lock().unwrap();
        if started.is_none() {
            let there = there.clone();
            let body = move |work: &mut UnitOfWork<'_>| work.catalog().move_category(top, Some(elsewhere));
            *started = Some(thread::spawn(move || there.blocking().run(&Actor::system(), "move", body)));
            // It reads what is below the branch now. Shorter than the lock timeout.
            thread::sleep(Duration::from_millis(120));
        }
        Ok::<_, Error>(child.id)
    });
    let child = child.unwrap();
    moving.lock().unwrap().take().unwrap().join().unwrap().unwrap();
    let (child, parent, elsewhere) = here
        .blocking()
        .read(&Actor::system(), "paths", move |work| {
            let mut work = work.unrestricted()?;
            let mut get = |id| work.get::<Category>(id);
            Ok::<_, Error>((get(child)?, get(parent)?, get(elsewhere)?))
        })
        .unwrap();
    assert!(parent.path.starts_with(&elsewhere.path), "{} moved", parent.path);
    assert_eq!(child.path, format!("{}{}/", parent.path, child.id));
}

#[test]
fn postgres_a_new_category_moves_along_with_its_parent() {
    comes_while_its_parent_moves(databases::postgres().url(), |work, parent, _| {
        work.catalog().create_category(Some(parent), "new")
    });
}

#[test]
fn postgres_a_category_that_moves_in_moves_along_with_its_parent() {
    comes_while_its_parent_moves(databases::postgres().url(), |work, parent, stray| {
        work.catalog().move_category(stray, Some(parent))
    });
}
