//! The port itself: jobs that use a [`Tx`] without a unit of work.

use super::bench::{Bench, Factory};
use super::sample::Specimen;
use crate::catalog::{Product, Stock, product, stock_level};
use crate::work::{
    Addition, Criteria, Entity, EntityKey, Key, Lock, Mode, Ran, Replacement, Row, Tx, Value, Verdict, Version,
};
use crate::{ErrorKind, Result};

fn specimen(n: u128) -> Specimen {
    Specimen::new(uuid::Uuid::from_u128(n).into(), "port", 0)
}

fn insert(tx: &mut dyn Tx, n: u128) -> Result<()> {
    tx.insert(Specimen::SCHEMA, vec![specimen(n).to_row()])?;
    tx.flush()
}

fn key(n: u128) -> Key {
    specimen(n).id.to_key()
}

fn version(row: &Row) -> i64 {
    Specimen::SCHEMA.version_of(row).unwrap()
}

fn kind(result: Result<()>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// Numbers of the specimens that are stored.
fn stored(bench: &Bench) -> Vec<u128> {
    let all = bench.read(|work| work.select(crate::work::Filter::<Specimen>::all()).all()).unwrap();
    all.iter().map(|specimen| uuid::Uuid::from(specimen.id).as_u128()).collect()
}

/// Updates and deletions name the version they mean, and fail when it is not there.
pub fn writes_meet_their_row(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.raw(Mode::Write, |tx| (Verdict::Commit, insert(tx, 1).unwrap())).0.unwrap();
    type Call = fn(&mut dyn Tx) -> Result<()>;
    let refused: [Call; 5] = [
        |tx| tx.update(Specimen::SCHEMA, vec![Replacement::whole(specimen(1).to_row(), 7)]),
        |tx| tx.update(Specimen::SCHEMA, vec![Replacement::whole(specimen(2).to_row(), 1)]),
        |tx| tx.delete(Specimen::SCHEMA, vec![(key(1), Some(7))]),
        |tx| tx.delete(Specimen::SCHEMA, vec![(key(2), Some(1))]),
        |tx| tx.delete(Specimen::SCHEMA, vec![(key(2), None)]),
    ];
    for call in refused {
        let (_, answer) = bench.raw(Mode::Write, move |tx| (Verdict::RollBack, call(tx).and_then(|()| tx.flush())));
        assert_eq!(kind(answer.unwrap()), Some(ErrorKind::Conflict));
    }
    let (ran, row) = bench.raw(Mode::Write, |tx| {
        let mut changed = specimen(1);
        changed.version = Version::FIRST.next();
        tx.update(Specimen::SCHEMA, vec![Replacement::whole(changed.to_row(), 1)]).unwrap();
        let row = tx.fetch(Specimen::SCHEMA, &[key(1)], Lock::ForUpdate).unwrap().remove(0).unwrap();
        tx.delete(Specimen::SCHEMA, vec![(key(1), Some(version(&row)))]).unwrap();
        assert_eq!(tx.fetch(Specimen::SCHEMA, &[key(1), key(1)], Lock::None).unwrap(), [None, None]);
        assert_eq!(tx.count(Specimen::SCHEMA, &Criteria::everything()).unwrap(), 0);
        (Verdict::Commit, row)
    });
    assert_eq!(ran.unwrap(), Ran::Committed);
    assert_eq!(version(&row.unwrap()), 2);
    assert!(stored(&bench).is_empty());
}

/// Additions change the counter and nothing else; updates change everything but counters and the key.
pub fn counters_only_add(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("counter").id;
    let product = bench.goods("counted", 5);
    let key = (product.id, branch).to_key();
    let column = stock_level::on_hand.position();
    let stock = Stock { product_id: product.id, branch_id: branch, on_hand: 10 };
    bench.run(move |work| work.insert(&stock)).unwrap();
    let add = |amounts: Vec<(i64, Option<i64>)>| {
        let key = key.clone();
        let (ran, answer) = bench.raw(Mode::Write, move |tx| {
            let additions = amounts.iter().map(|&(amount, floor)| Addition { key: key.clone(), column, amount, floor });
            let added = tx.add(Stock::SCHEMA, additions.collect()).and_then(|()| tx.flush());
            (if added.is_ok() { Verdict::Commit } else { Verdict::RollBack }, kind(added))
        });
        ran.unwrap();
        answer.unwrap()
    };
    let on_hand = || {
        let id = (product.id, branch);
        bench.read(move |work| work.get::<Stock>(id)).unwrap().on_hand
    };
    assert_eq!(add(vec![(5, None), (-3, Some(0))]), None);
    assert_eq!(on_hand(), 12);
    assert_eq!(add(vec![(-12, Some(0))]), None);
    assert_eq!(add(vec![(-1, Some(0))]), Some(ErrorKind::Conflict));
    assert_eq!(add(vec![(-1, Some(-1)), (-4, None), (2, Some(-3))]), None);
    assert_eq!(on_hand(), -3);
    // Each floor is that of its own sum, whatever is added later.
    assert_eq!(add(vec![(4, Some(0)), (-9, None)]), None);
    assert_eq!(on_hand(), -8);
    assert_eq!(add(vec![(-1, Some(0)), (100, None)]), Some(ErrorKind::Conflict));
    assert_eq!(add(vec![(i64::MIN, None)]), Some(ErrorKind::Conflict), "it does not fit");
    assert_eq!(on_hand(), -8);
    let missing = (product.id, uuid::Uuid::nil().into());
    let missing: Key = {
        let (product, branch): (_, crate::branches::BranchId) = missing;
        (product, branch).to_key()
    };
    let (_, answer) = bench.raw(Mode::Write, move |tx| {
        let addition = Addition { key: missing.clone(), column, amount: 1, floor: None };
        (Verdict::RollBack, tx.add(Stock::SCHEMA, vec![addition]).and_then(|()| tx.flush()))
    });
    assert_eq!(kind(answer.unwrap()), Some(ErrorKind::Conflict));
    // The other way round: an update of a versioned row with what it was read with.
    let changed = Product { version: product.version.next(), name: "renamed".into(), ..product.clone() };
    let (ran, _) = bench.raw(Mode::Write, move |tx| {
        tx.update(Product::SCHEMA, vec![Replacement::whole(changed.to_row(), 1)]).unwrap();
        let rows = tx.fetch(Product::SCHEMA, &[changed.id.to_key()], Lock::None).unwrap();
        let name = rows[0].as_ref().and_then(|row| row.get(product::name.position())).cloned();
        assert_eq!(name, Some(Value::Text("renamed".into())));
        (Verdict::Commit, ())
    });
    assert_eq!(ran.unwrap(), Ran::Committed);
}

/// Savepoints inside savepoints: released is kept with what is around it, rolled back is gone.
pub fn savepoints_nest(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (ran, _) = bench.raw(Mode::Write, |tx| {
        insert(tx, 1).unwrap();
        tx.savepoint().unwrap();
        insert(tx, 2).unwrap();
        tx.savepoint().unwrap();
        insert(tx, 3).unwrap();
        tx.release().unwrap();
        tx.savepoint().unwrap();
        insert(tx, 4).unwrap();
        assert_eq!(tx.count(Specimen::SCHEMA, &Criteria::everything()).unwrap(), 4);
        tx.roll_back().unwrap();
        assert_eq!(tx.count(Specimen::SCHEMA, &Criteria::everything()).unwrap(), 3);
        tx.release().unwrap();
        tx.savepoint().unwrap();
        tx.delete(Specimen::SCHEMA, vec![(key(1), Some(1))]).unwrap();
        insert(tx, 5).unwrap();
        tx.savepoint().unwrap();
        insert(tx, 6).unwrap();
        tx.release().unwrap();
        tx.roll_back().unwrap();
        (Verdict::Commit, ())
    });
    assert_eq!(ran.unwrap(), Ran::Committed);
    assert_eq!(stored(&bench), [1, 2, 3]);
}

/// After a failed call nothing is committed, whatever the job says, unless it rolled back a savepoint around the call.
pub fn a_failed_call_spoils_the_job(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.raw(Mode::Write, |tx| (Verdict::Commit, insert(tx, 1).unwrap())).0.unwrap();
    let (ran, _) = bench.raw(Mode::Write, |tx| {
        tx.insert(Specimen::SCHEMA, vec![specimen(2).to_row()]).unwrap();
        assert_eq!(kind(insert(tx, 1)), Some(ErrorKind::AlreadyExists));
        (Verdict::Commit, ())
    });
    assert!(ran.is_err());
    assert_eq!(stored(&bench), [1]);
    let (ran, _) = bench.raw(Mode::Write, |tx| {
        tx.insert(Specimen::SCHEMA, vec![specimen(3).to_row()]).unwrap();
        tx.savepoint().unwrap();
        assert_eq!(kind(insert(tx, 1)), Some(ErrorKind::AlreadyExists));
        tx.roll_back().unwrap();
        (Verdict::Commit, ())
    });
    assert_eq!(ran.unwrap(), Ran::Committed);
    assert_eq!(stored(&bench), [1, 3]);
    // A savepoint that is released takes its failure with it.
    let (ran, _) = bench.raw(Mode::Write, |tx| {
        tx.insert(Specimen::SCHEMA, vec![specimen(6).to_row()]).unwrap();
        tx.savepoint().unwrap();
        assert_eq!(kind(insert(tx, 1)), Some(ErrorKind::AlreadyExists));
        if tx.release().is_ok() && tx.savepoint().is_ok() {
            let _ = tx.roll_back();
        }
        (Verdict::Commit, ())
    });
    assert!(ran.is_err());
    assert_eq!(stored(&bench), [1, 3]);
    // Nor does it help to roll back a savepoint that was opened after the failure.
    let (ran, _) = bench.raw(Mode::Write, |tx| {
        let conflict =
            tx.update(Specimen::SCHEMA, vec![Replacement::whole(specimen(9).to_row(), 1)]).and_then(|()| tx.flush());
        assert_eq!(kind(conflict), Some(ErrorKind::Conflict));
        if tx.savepoint().is_ok() {
            let _ = insert(tx, 4);
            let _ = tx.roll_back();
        }
        let _ = tx.insert(Specimen::SCHEMA, vec![specimen(5).to_row()]);
        (Verdict::Commit, ())
    });
    assert!(ran.is_err());
    assert_eq!(stored(&bench), [1, 3]);
}

/// A job that panics in the storage's hands ends alone.
pub fn a_panicking_job_harms_nobody(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (ran, _) = bench.raw(Mode::Write, |tx| -> (Verdict, ()) {
        insert(tx, 1).unwrap();
        panic!("asked for by the suite");
    });
    assert_eq!(ran.unwrap_err().kind(), ErrorKind::Panicked);
    let (ran, _) = bench.raw(Mode::Write, |tx| (Verdict::Commit, insert(tx, 2).unwrap()));
    assert_eq!(ran.unwrap(), Ran::Committed);
    assert_eq!(stored(&bench), [2]);
}

/// A store says what it is; after it is closed it does nothing any more, and says so.
pub fn closing_ends_it(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    assert!(!bench.crm.blocking().health().unwrap().backend.is_empty());
    bench.crm.blocking().close().unwrap();
    let (ran, answer) = bench.raw(Mode::Write, |_| (Verdict::Commit, ()));
    assert!(ran.is_err() && answer.is_none());
    assert!(bench.crm.blocking().close().is_ok(), "closing twice is closing");
}
