//! Many at once: nothing is lost, nothing is done twice, and exactly those fail that have to.

use std::sync::atomic::{AtomicUsize, Ordering};

use uuid::Uuid;

use super::bench::{Bench, Factory};
use super::race::{Turn, race};
use super::sample::{COLLECT, Specimen, SpecimenId, specimen};
use super::transactions::stored;
use crate::access::{Actor, Principal, Reach, Target};
use crate::branches::BranchId;
use crate::catalog::{Product, ProductId, Stock, stock_level};
use crate::work::{Filter, Permit};
use crate::{Error, ErrorKind, Result};

const WORKERS: usize = 16;
const ROUNDS: usize = 6;

fn name(n: usize) -> SpecimenId {
    Uuid::from_u128(n as u128).into()
}

fn put(bench: &Bench, n: usize, size: i64) {
    bench.run(move |work| work.insert(&Specimen::new(name(n), "shared", size))).unwrap();
}

fn size(bench: &Bench, n: usize) -> i64 {
    bench.read(move |work| work.get::<Specimen>(name(n))).unwrap().size
}

/// Whoever changes a locked row changes the latest.
pub fn locks_lose_nothing(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    put(&bench, 1, 0);
    let rounds = race(WORKERS, ROUNDS, |_| {
        bench.run(|work| {
            let mut shared: Specimen = work.lock(name(1))?;
            shared.size += 1;
            work.update(&mut shared)
        })
    });
    assert!(rounds.iter().all(|round| round.lost.is_empty()), "{rounds:?}");
    assert_eq!(size(&bench, 1), (WORKERS * ROUNDS) as i64);
}

/// Without a lock too: who read an old version is run again.
pub fn updates_lose_nothing(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    put(&bench, 1, 0);
    put(&bench, 2, 0);
    let rounds = race(WORKERS, ROUNDS, |turn| {
        bench.run(move |work| {
            // Half of them the other way round.
            for n in if turn.worker % 2 == 0 { [1, 2] } else { [2, 1] } {
                let mut shared: Specimen = work.get(name(n))?;
                shared.size += 1;
                work.update(&mut shared)?;
            }
            Ok(())
        })
    });
    assert!(rounds.iter().all(|round| round.lost.is_empty()), "{rounds:?}");
    assert_eq!((size(&bench, 1), size(&bench, 2)), ((WORKERS * ROUNDS) as i64, (WORKERS * ROUNDS) as i64));
}

fn shelf(bench: &Bench, on_hand: i64) -> (ProductId, BranchId) {
    let branch = bench.branch("shelf").id;
    let product = bench.goods("shelf", 1).id;
    let stock = Stock { product_id: product, branch_id: branch, on_hand };
    bench.run(move |work| work.insert(&stock)).unwrap();
    (product, branch)
}

fn on_hand(bench: &Bench, shelf: (ProductId, BranchId)) -> i64 {
    bench.read(move |work| work.get::<Stock>(shelf)).unwrap().on_hand
}

/// Additions of many commute.
pub fn counters_lose_nothing(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shelf = shelf(&bench, 0);
    let rounds = race(WORKERS, ROUNDS, |turn| {
        let amount = if turn.worker % 2 == 0 { 7 } else { -3 };
        bench.run(move |work| {
            work.add::<Stock>(&shelf, stock_level::on_hand, amount, None)?;
            work.add::<Stock>(&shelf, stock_level::on_hand, 1, None)
        })
    });
    assert!(rounds.iter().all(|round| round.lost.is_empty()), "{rounds:?}");
    assert_eq!(on_hand(&bench, shelf), (WORKERS * ROUNDS) as i64 / 2 * 4 + (WORKERS * ROUNDS) as i64);
}

/// A counter with a floor lets exactly as many take as there is to take, and refuses the others by name.
pub fn floors_are_exact(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    for left in [1, WORKERS as i64 / 2, WORKERS as i64 * 2] {
        let bench = if left == 1 { &bench } else { &Bench::open(factory) };
        let shelf = shelf(bench, left);
        let rounds = race(WORKERS, ROUNDS, |_| {
            bench.run(move |work| work.add::<Stock>(&shelf, stock_level::on_hand, -1, Some(0)))
        });
        let won: usize = rounds.iter().map(|round| round.won.len()).sum();
        assert_eq!(won as i64, left);
        for error in rounds.iter().flat_map(|round| &round.lost) {
            assert!(matches!(error, Error::Invalid { rule: "counter.floor", .. }), "{error:?}");
        }
        assert_eq!(on_hand(bench, shelf), 0);
    }
}

/// What each of many jobs does that come at once.
fn mixed(work: &mut Permit<'_, '_>, turn: Turn, taken: &Product) -> Result<()> {
    let n = turn.round * 1000 + turn.worker;
    let insert = |work: &mut Permit<'_, '_>| work.insert(&Specimen::new(name(n), "mixed", n as i64));
    insert(work)?;
    match turn.worker % 8 {
        4 => Err(Error::invalid("conformance", "conformance.asked_for")),
        5 => panic!("asked for by the suite"),
        6 => work.insert(&Product { id: work.new_id(), ..taken.clone() }),
        7 => {
            // Fails inside, goes on outside.
            let failed = work.attempt(|work| work.insert(&Product { id: work.new_id(), ..taken.clone() }));
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::AlreadyExists);
            Ok(())
        }
        3 => {
            let mut shared: Specimen = work.lock(name(999_999))?;
            shared.size += 1;
            work.update(&mut shared)
        }
        2 => {
            work.count(specimen::label.eq("mixed"))?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Many jobs come at once; some fail, panic, or take what is taken: exactly those fail, each with its own error, and
/// everything of the others is stored.
pub fn jobs_fail_alone(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    put(&bench, 999_999, 0);
    let taken = bench.goods("taken", 1);
    let rounds = race(WORKERS, ROUNDS, |turn| {
        let taken = taken.clone();
        let ended = bench.run(move |work| mixed(work, turn, &taken));
        let expected = match turn.worker % 8 {
            4 => Some(ErrorKind::Invalid),
            5 => Some(ErrorKind::Panicked),
            6 => Some(ErrorKind::AlreadyExists),
            _ => None,
        };
        assert_eq!(ended.as_ref().err().map(Error::kind), expected, "{turn:?}: {ended:?}");
        Ok(())
    });
    assert_eq!(rounds.len(), ROUNDS);
    let good = |worker: &usize| !matches!(worker % 8, 4..=6);
    let mut expected: Vec<u128> =
        (0..ROUNDS).flat_map(|round| (0..WORKERS).filter(good).map(move |w| (round * 1000 + w) as u128)).collect();
    expected.push(999_999);
    assert_eq!(stored(&bench), expected);
    assert_eq!(size(&bench, 999_999), (WORKERS / 8 * ROUNDS) as i64);
    assert_eq!(bench.read(|work| work.count(Filter::<Product>::all())).unwrap(), 1);
}

/// A command with a key is done once, however often and at once it comes; each caller gets the outcome of that once.
pub fn commands_are_done_once(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let command = |key: &'static str, payload: u32, fail: bool| {
        bench.run(move |work| {
            work.once("conformance.put", key, &payload, |work| {
                let id: SpecimenId = work.new_id();
                work.insert(&Specimen::new(id, "once", payload.into()))?;
                if fail { Err(Error::invalid("conformance", "conformance.asked_for")) } else { Ok(id) }
            })
        })
    };
    let count = || bench.read(|work| work.count(Filter::<Specimen>::all())).unwrap();
    // A failure is not remembered.
    assert_eq!(command("a", 1, true).unwrap_err().kind(), ErrorKind::Invalid);
    let first = command("a", 1, false).unwrap();
    for _ in 0..10 {
        assert_eq!(command("a", 1, true).unwrap(), first);
    }
    assert_eq!(command("a", 2, false).unwrap_err().kind(), ErrorKind::IdempotencyMismatch);
    assert_ne!(command("b", 1, false).unwrap(), first);
    assert_eq!(count(), 2);
    for (n, key) in ["c", "d", "e"].into_iter().enumerate() {
        let round = race(32, 1, |_| command(key, 1, false)).remove(0);
        assert!(round.lost.is_empty(), "{:?}", round.lost);
        assert!(round.won.iter().all(|id| *id == round.won[0]));
        assert_eq!(count(), 3 + n as u64);
    }
    // Another actor's key is another key.
    let other = Actor::new(Principal::User(Uuid::nil().into())).granted(COLLECT, Reach::all());
    let theirs = bench.run_as(&other, |work| {
        let mut permit = work.permit(COLLECT, &Target::ANY)?;
        permit.once("conformance.put", "a", &1_u32, |_| Ok(SpecimenId::from(Uuid::nil())))
    });
    assert_eq!(theirs.unwrap(), name(0));
    for key in [String::new(), "x".repeat(256)] {
        let refused = bench.run(move |work| work.once("conformance.put", &key, &1_u32, |_| Ok(())));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    }
}

/// Money goes from account to account while others count it: the sum is the same at every moment.
pub fn transfers_keep_the_total(factory: Factory<'_>) {
    const ACCOUNTS: usize = 5;
    let bench = Bench::open(factory);
    for n in 0..ACCOUNTS {
        put(&bench, n, 100);
    }
    let total = |all: Vec<Specimen>| all.iter().map(|account| account.size).sum::<i64>();
    struct Leaves<'r>(&'r AtomicUsize);
    impl Drop for Leaves<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let running = AtomicUsize::new(WORKERS - 4);
    let rounds = race(WORKERS, 1, |turn| {
        if turn.worker < 4 {
            while running.load(Ordering::SeqCst) > 0 {
                let seen = bench.read(|work| {
                    let each = (0..ACCOUNTS).map(|n| work.get::<Specimen>(name(n))).collect::<Result<Vec<_>>>()?;
                    let all = work.select(Filter::<Specimen>::all()).all()?;
                    assert!(each == all, "one snapshot");
                    Ok(all)
                })?;
                assert_eq!(total(seen), 100 * ACCOUNTS as i64);
            }
            return Ok(());
        }
        let _leaves = Leaves(&running);
        (0..ROUNDS * 4).try_for_each(|step| {
            let from = (turn.worker * 7 + step * 3) % ACCOUNTS;
            let to = (from + 1 + step % (ACCOUNTS - 1)) % ACCOUNTS;
            let amount = (step as i64 * 13 + turn.worker as i64) % 60;
            bench.run(move |work| {
                // In the order of their ids (S-33).
                let mut low: Specimen = work.lock(name(from.min(to)))?;
                let mut high: Specimen = work.lock(name(from.max(to)))?;
                let (giver, taker) = if from < to { (&mut low, &mut high) } else { (&mut high, &mut low) };
                if giver.size < amount {
                    return Ok(());
                }
                giver.size -= amount;
                taker.size += amount;
                work.update(&mut low)?;
                work.update(&mut high)
            })
        })
    });
    assert!(rounds.iter().all(|round| round.lost.is_empty()), "{rounds:?}");
    let all = bench.read(|work| work.select(Filter::<Specimen>::all()).all()).unwrap();
    assert!(all.iter().all(|account| account.size >= 0));
    assert_eq!(total(all), 100 * ACCOUNTS as i64);
}
