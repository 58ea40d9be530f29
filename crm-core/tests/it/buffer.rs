//! The write buffer gives the same answers, outcomes and end state as memory without it, whatever is asked of it.

use std::sync::{Arc, Mutex};

use crm_core::catalog::{Product, Stock, product, stock_level};
use crm_core::conformance::{GroupWay, GroupedMemory, RawJob};
use crm_core::kernel::currency::Currency;
use crm_core::work::{
    Addition, Comparison, Criteria, Direction, Entity, EntityKey, Field, Job, Key, Lock, Mode, Query, Ran, Replacement,
    Row, Schema, Schemas, Storage, Tx, Value, Verdict, Version, WriteBuffer,
};
use crm_core::{ErrorKind, MemoryStorage, Result};
use proptest::prelude::*;
use uuid::Uuid;

crm_core::entity! {
    /// A row with a version and a counter.
    pub(crate) struct Tally {
        kind: "tally", table: "tallies", key: (id: Uuid), columns: tally, version: version, counters: [count],
    } {
        /// Its id.
        id: Uuid,
        /// The optimistic lock.
        version: Version,
        /// A name.
        name: String,
        /// A counter.
        count: i64,
    }
}

/// What a job does. Writes that may meet a taken unique key are flushed at once, for a buffer may notice later than
/// memory; all others wait as long as they like.
#[derive(Debug, Clone)]
enum Op {
    InsertAbsent(u8),
    InsertBlind(u8, u8),
    Rename(u8),
    UpdateStale(u8),
    TakeSku(u8, u8),
    HandOver(u8, u8),
    Delete(u8),
    Replace(u8, u8),
    InsertStock(u8, i64),
    DeleteStock(u8),
    Add(u8, Vec<(i64, Option<i64>)>),
    InsertTally(u8),
    RenameTally(u8, i64),
    AddToTally(u8, i64),
    Fetch(Vec<u8>, bool),
    FetchStock(u8),
    Select(u8, bool),
    SelectOf(Vec<u8>),
    CountStockOf(u8),
    Count(u8),
    Expect(Vec<u8>),
    Flush,
    Attempt(Vec<Op>, bool),
}

/// How a job ends when nothing fails, and when something has.
#[derive(Debug, Clone)]
struct Script {
    ops: Vec<Op>,
    keep: bool,
    swallow: bool,
}

fn row(id: u8, sku: String) -> Row {
    Product {
        id: Uuid::from_u128(id.into()).into(),
        version: Version::FIRST,
        sku,
        name: "new".into(),
        category_id: None,
        price_minor: 1,
        currency: Currency::new("PLN").unwrap(),
        stocked: true,
        oversell: false,
        active: true,
        floor_minor: None,
        tax_class: None,
        attributes: crm_core::work::Json::default(),
    }
    .to_row()
}

fn key(id: u8) -> Key {
    Arc::new([Value::Uuid(Uuid::from_u128(id.into()))])
}

fn stock_key(id: u8) -> Key {
    (crm_core::catalog::ProductId::from(Uuid::nil()), crm_core::branches::BranchId::from(Uuid::from_u128(id.into())))
        .to_key()
}

fn pooled(sku: u8) -> String {
    format!("pool {}", sku % 3)
}

/// One run of a script: what it saw, and a number for article numbers of its own.
struct Run<'t> {
    tx: &'t mut dyn Tx,
    log: Vec<String>,
    fresh: String,
    used: usize,
}

impl Run<'_> {
    fn say<T: std::fmt::Debug>(&mut self, what: &str, result: Result<T>) -> Result<T> {
        let shown = result.as_ref().map_err(crm_core::Error::kind);
        self.log.push(format!("{what}: {shown:?}"));
        result
    }

    fn product(&mut self, id: u8) -> Result<Option<Row>> {
        Ok(self.tx.fetch(Product::SCHEMA, &[key(id)], Lock::None)?.remove(0))
    }

    fn fresh(&mut self) -> String {
        self.used += 1;
        format!("{} {}", self.fresh, self.used)
    }

    fn update(&mut self, row: &Row, change: impl FnOnce(&mut [Value])) -> Result<()> {
        let was = Product::SCHEMA.version_of(row).unwrap();
        let mut changed = row.clone();
        let cells = Arc::make_mut(&mut changed);
        cells[product::version.position()] = Value::Int(was + 1);
        change(cells);
        self.tx.update(Product::SCHEMA, vec![Replacement::whole(changed, was)])
    }

    fn run(&mut self, ops: &[Op]) -> Result<()> {
        ops.iter().try_for_each(|op| self.step(op))
    }

    fn step(&mut self, op: &Op) -> Result<()> {
        let sku = |sku: String| move |row: &mut [Value]| row[product::sku.position()] = Value::Text(sku);
        let sku_of = |row: &Row| row[product::sku.position()].as_text().unwrap().to_owned();
        match op {
            Op::InsertAbsent(id) => {
                if self.product(*id)?.is_none() {
                    let fresh = self.fresh();
                    let done = self.tx.insert(Product::SCHEMA, vec![row(*id, fresh)]);
                    self.say("insert", done)?;
                }
            }
            Op::InsertBlind(id, pool) => {
                let done =
                    self.tx.insert(Product::SCHEMA, vec![row(*id, pooled(*pool))]).and_then(|()| self.tx.flush());
                self.say("insert blindly", done)?;
            }
            Op::Rename(id) => {
                if let Some(stored) = self.product(*id)? {
                    let name = Value::Text(self.fresh());
                    let done = self.update(&stored, |row| row[product::name.position()] = name);
                    self.say("rename", done)?;
                }
            }
            Op::UpdateStale(id) => {
                let done = self.tx.update(Product::SCHEMA, vec![Replacement::whole(row(*id, "stale".into()), 99)]);
                self.say("stale", done)?;
            }
            Op::TakeSku(id, pool) => {
                if let Some(stored) = self.product(*id)? {
                    let done = self.update(&stored, sku(pooled(*pool))).and_then(|()| self.tx.flush());
                    self.say("take", done)?;
                }
            }
            Op::HandOver(from, to) if from != to => {
                if let (Some(giver), Some(taker)) = (self.product(*from)?, self.product(*to)?) {
                    let fresh = self.fresh();
                    let done = self.update(&giver, sku(fresh));
                    self.say("give", done)?;
                    let done = self.update(&taker, sku(sku_of(&giver)));
                    self.say("receive", done)?;
                }
            }
            Op::HandOver(..) => {}
            Op::Delete(id) => {
                let version = self.product(*id)?.and_then(|row| Product::SCHEMA.version_of(&row));
                let done = self.tx.delete(Product::SCHEMA, vec![(key(*id), version)]);
                self.say("delete", done)?;
            }
            Op::Replace(old, new) => {
                if let (Some(stored), true) = (self.product(*old)?, old == new || self.product(*new)?.is_none()) {
                    let done = self.tx.delete(Product::SCHEMA, vec![(key(*old), None)]);
                    self.say("make room", done)?;
                    let done = self.tx.insert(Product::SCHEMA, vec![row(*new, sku_of(&stored))]);
                    self.say("replace", done)?;
                }
            }
            Op::InsertStock(id, on_hand) => {
                if self.tx.fetch(Stock::SCHEMA, &[stock_key(*id)], Lock::None)?.remove(0).is_none() {
                    let row = stock_key(*id).iter().cloned().chain([Value::Int(*on_hand)]).collect();
                    let done = self.tx.insert(Stock::SCHEMA, vec![row]);
                    self.say("insert stock", done)?;
                }
            }
            Op::DeleteStock(id) => {
                let done = self.tx.delete(Stock::SCHEMA, vec![(stock_key(*id), None)]);
                self.say("delete stock", done)?;
            }
            Op::Add(id, amounts) => {
                let column = stock_level::on_hand.position();
                let additions =
                    amounts.iter().map(|&(amount, floor)| Addition { key: stock_key(*id), column, amount, floor });
                let done = self.tx.add(Stock::SCHEMA, additions.collect());
                self.say("add", done)?;
            }
            Op::InsertTally(id) => {
                if self.tx.fetch(Tally::SCHEMA, &[key(*id)], Lock::None)?.remove(0).is_none() {
                    let new = Tally {
                        id: Uuid::from_u128((*id).into()),
                        version: Version::FIRST,
                        name: "new".into(),
                        count: 3,
                    };
                    let done = self.tx.insert(Tally::SCHEMA, vec![new.to_row()]);
                    self.say("insert tally", done)?;
                }
            }
            Op::RenameTally(id, ignored) => {
                if let Some(row) = self.tx.fetch(Tally::SCHEMA, &[key(*id)], Lock::None)?.remove(0) {
                    let mut changed = Tally::from_row(&row)?;
                    let was = changed.version;
                    (changed.version, changed.name, changed.count) = (was.next(), self.fresh(), *ignored);
                    let was = was.to_value().as_int().unwrap();
                    let done = self.tx.update(Tally::SCHEMA, vec![Replacement::whole(changed.to_row(), was)]);
                    self.say("rename tally", done)?;
                }
            }
            Op::AddToTally(id, amount) => {
                let addition =
                    Addition { key: key(*id), column: tally::count.position(), amount: *amount, floor: Some(0) };
                let done = self.tx.add(Tally::SCHEMA, vec![addition]);
                self.say("add to tally", done)?;
            }
            Op::Fetch(ids, locked) => {
                let keys: Vec<Key> = ids.iter().map(|id| key(*id)).collect();
                let lock = if *locked { Lock::ForUpdate } else { Lock::None };
                let rows = self.tx.fetch(Product::SCHEMA, &keys, lock);
                self.say("fetch", rows)?;
            }
            Op::FetchStock(id) => {
                let rows = self.tx.fetch(Stock::SCHEMA, &[stock_key(*id)], Lock::ForUpdate);
                self.say("fetch stock", rows)?;
            }
            Op::Select(limit, descending) => {
                let rows = self.tx.select(&Query {
                    schema: Product::SCHEMA,
                    criteria: Criteria::Compare(0, Comparison::GreaterOrEqual, Value::Uuid(Uuid::from_u128(1))),
                    order: vec![product::sku.position(), 0],
                    direction: if *descending { Direction::Descending } else { Direction::Ascending },
                    after: None,
                    limit: (*limit).into(),
                });
                self.say("select", rows)?;
            }
            // Of these keys only: what waits of other rows need not be written for it.
            Op::SelectOf(ids) => {
                let ids = ids.iter().map(|id| Value::Uuid(Uuid::from_u128((*id).into())));
                let of_these = Criteria::In(0, ids.collect());
                let new = Criteria::Compare(product::name.position(), Comparison::Equal, "new".to_owned().to_value());
                let rows = self.tx.select(&Query {
                    criteria: Criteria::All(vec![Criteria::Any(vec![of_these]), new]),
                    ..everything_of(Product::SCHEMA)
                });
                self.say("select of", rows)?;
            }
            Op::CountStockOf(id) => {
                let of_it = Criteria::Compare(0, Comparison::Equal, Value::Uuid(Uuid::from_u128((*id).into())));
                let counted = self.tx.count(Stock::SCHEMA, &of_it);
                self.say("count stock of", counted)?;
            }
            Op::Count(pool) => {
                let criteria = Criteria::Compare(product::sku.position(), Comparison::Equal, pooled(*pool).to_value());
                let counted = self.tx.count(Product::SCHEMA, &criteria);
                self.say("count", counted)?;
            }
            Op::Expect(ids) => {
                let keys: Vec<Key> = ids.iter().map(|id| key(*id)).collect();
                self.tx.expect(Product::SCHEMA, &keys);
            }
            Op::Flush => {
                let done = self.tx.flush();
                self.say("flush", done)?;
            }
            Op::Attempt(ops, fail) => {
                self.tx.savepoint()?;
                let tried = self.run(ops).and_then(|()| self.tx.flush());
                self.log.push(format!("attempt: {:?}", tried.as_ref().map_err(crm_core::Error::kind)));
                if tried.is_ok() && !fail { self.tx.release()? } else { self.tx.roll_back()? }
            }
        }
        Ok(())
    }
}

type Answers = std::sync::mpsc::Receiver<Vec<String>>;

/// A job that plays a script, and notes in `started` when it is run.
fn job(number: usize, script: Script, started: Arc<Mutex<Vec<usize>>>) -> (Box<dyn Job>, Answers) {
    let (job, answers) = RawJob::new(move |tx: &mut dyn Tx| {
        started.lock().unwrap().push(number);
        let mut run = Run { tx, log: Vec::new(), fresh: format!("fresh {number}"), used: 0 };
        let played = run.run(&script.ops);
        let commit = if played.is_ok() { script.keep } else { script.swallow };
        (if commit { Verdict::Commit } else { Verdict::RollBack }, run.log)
    });
    (Box::new(job), answers)
}

fn everything_of(schema: &'static Schema) -> Query {
    let (order, criteria) = (schema.key.to_vec(), Criteria::everything());
    Query { schema, criteria, order, direction: Direction::Ascending, after: None, limit: 0 }
}

fn everything(storage: &dyn Storage) -> Vec<Row> {
    let (job, answers) = RawJob::new(|tx: &mut dyn Tx| {
        let all = |tx: &mut dyn Tx, schema| tx.select(&everything_of(schema)).unwrap();
        let rows = [all(tx, Product::SCHEMA), all(tx, Stock::SCHEMA), all(tx, Tally::SCHEMA)].concat();
        (Verdict::Commit, rows)
    });
    pollster_run(storage, Mode::Read, Box::new(job)).unwrap();
    answers.try_iter().last().unwrap()
}

fn pollster_run(storage: &dyn Storage, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
    pollster::block_on(storage.run(mode, job))
}

fn outcome(ran: Result<Ran>) -> std::result::Result<Ran, ErrorKind> {
    ran.map_err(|error| error.kind())
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let id = || 1..5_u8;
    let ids = || prop::collection::vec(1..6_u8, 0..4);
    let amounts = prop::collection::vec((-6..7_i64, prop::option::of(-4..4_i64)), 1..4);
    let leaf = prop_oneof![
        4 => id().prop_map(Op::InsertAbsent),
        1 => (id(), 0..3_u8).prop_map(|(id, pool)| Op::InsertBlind(id, pool)),
        4 => id().prop_map(Op::Rename),
        1 => id().prop_map(Op::UpdateStale),
        1 => (id(), 0..3_u8).prop_map(|(id, pool)| Op::TakeSku(id, pool)),
        4 => (id(), id()).prop_map(|(from, to)| Op::HandOver(from, to)),
        2 => id().prop_map(Op::Delete),
        3 => (id(), id()).prop_map(|(old, new)| Op::Replace(old, new)),
        3 => (1..3_u8, -5..20_i64).prop_map(|(id, on_hand)| Op::InsertStock(id, on_hand)),
        1 => (1..3_u8).prop_map(Op::DeleteStock),
        5 => (1..3_u8, amounts).prop_map(|(id, amounts)| Op::Add(id, amounts)),
        2 => (1..3_u8).prop_map(Op::InsertTally),
        2 => (1..3_u8, any::<i64>()).prop_map(|(id, ignored)| Op::RenameTally(id, ignored)),
        2 => (1..3_u8, -4..9_i64).prop_map(|(id, amount)| Op::AddToTally(id, amount)),
        2 => (ids(), any::<bool>()).prop_map(|(ids, locked)| Op::Fetch(ids, locked)),
        1 => (1..3_u8).prop_map(Op::FetchStock),
        1 => (0..4_u8, any::<bool>()).prop_map(|(limit, descending)| Op::Select(limit, descending)),
        2 => ids().prop_map(Op::SelectOf),
        2 => (1..3_u8).prop_map(Op::CountStockOf),
        1 => (0..3_u8).prop_map(Op::Count),
        1 => ids().prop_map(Op::Expect),
        1 => Just(Op::Flush),
    ];
    let op = leaf.prop_recursive(3, 24, 6, |inner| {
        (prop::collection::vec(inner, 0..6), prop::bool::weighted(0.3)).prop_map(|(ops, fail)| Op::Attempt(ops, fail))
    });
    prop::collection::vec(op, 0..8)
}

fn script() -> impl Strategy<Value = Script> {
    (ops(), prop::bool::weighted(0.85), prop::bool::weighted(0.2)).prop_map(|(ops, keep, swallow)| Script {
        ops,
        keep,
        swallow,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_buffer_changes_nothing(groups in prop::collection::vec((prop::collection::vec(script(), 1..5), prop::sample::select(&GroupWay::ALL[..])), 1..5)) {
        let schemas = Arc::new(Schemas::new(vec![Product::SCHEMA, Stock::SCHEMA, Tally::SCHEMA]));
        let (buffered, plain) = (GroupedMemory::new(), MemoryStorage::new());
        pollster::block_on(buffered.prepare(schemas.clone())).unwrap();
        pollster::block_on(plain.prepare(schemas)).unwrap();
        for (number, (scripts, way)) in groups.into_iter().enumerate() {
            let started = Arc::new(Mutex::new(Vec::new()));
            let of = |at: usize| 100 * number + at;
            let jobs = scripts.iter().enumerate().map(|(at, script)| job(of(at), script.clone(), started.clone()));
            let (mut jobs, answers): (Vec<_>, Vec<_>) = jobs.unzip();
            let outcomes = buffered.run_group(way, &mut jobs);
            // The order in which they were run for good is the order they are compared in.
            let started = started.lock().unwrap().clone();
            let mut order: Vec<usize> = (0..scripts.len()).collect();
            order.sort_by_key(|at| started.iter().rposition(|job| *job == of(*at)));
            let mut outcomes: Vec<_> = outcomes.into_iter().map(|ran| Some(outcome(ran))).collect();
            for at in order {
                let (alone, expected) = job(of(at), scripts[at].clone(), Arc::default());
                let ran = outcome(pollster_run(&plain, Mode::Write, alone));
                prop_assert_eq!(answers[at].try_iter().last(), expected.try_iter().last(), "job {}", of(at));
                prop_assert_eq!(outcomes[at].take().unwrap(), ran, "job {}", of(at));
            }
            prop_assert_eq!(everything(&buffered), everything(&plain));
        }
    }
}

/// Runs one job on a store that knows of no kind.
fn undeclared<T: Send + 'static>(job: impl FnMut(&mut dyn Tx) -> (Verdict, T) + Send + 'static) -> (Result<Ran>, T) {
    let storage = GroupedMemory::new();
    let (job, answers) = RawJob::new(job);
    let ran = pollster_run(&storage, Mode::Write, Box::new(job));
    (ran, answers.try_iter().last().unwrap())
}

fn tally(id: u8) -> Row {
    Tally { id: Uuid::from_u128(id.into()), version: Version::FIRST, name: String::new(), count: 0 }.to_row()
}

/// Kinds that nobody declared have no place in the order of writing, but they are still two.
#[test]
fn undeclared_kinds_are_not_mixed_up() {
    let (ran, rows) = undeclared(|tx| {
        tx.insert(Tally::SCHEMA, vec![tally(1)]).unwrap();
        tx.insert(Product::SCHEMA, vec![row(1, "one".into())]).unwrap();
        tx.flush().unwrap();
        let mut fetch = |schema| tx.fetch(schema, &[key(1)], Lock::None).unwrap().remove(0);
        (Verdict::Commit, (fetch(Tally::SCHEMA), fetch(Product::SCHEMA)))
    });
    assert_eq!(ran.unwrap(), Ran::Committed);
    assert_eq!(rows, (Some(tally(1)), Some(row(1, "one".into()))));
}

/// Above ten thousand rows the buffer forgets what it knew, also in the middle of an update that has to write first.
#[test]
fn what_is_forgotten_is_read_again() {
    let (ran, updated) = undeclared(|tx| {
        tx.insert(Product::SCHEMA, vec![row(1, "one".into()), row(2, "two".into())]).unwrap();
        tx.flush().unwrap();
        let change = |id: u8, sku: &str| {
            let mut changed = row(id, sku.into());
            Arc::make_mut(&mut changed)[product::version.position()] = Value::Int(2);
            vec![Replacement::whole(changed, 1)]
        };
        tx.update(Product::SCHEMA, change(1, "other")).unwrap();
        let keys: Vec<Key> = (0..10_001).map(|id| Key::from([Value::Uuid(Uuid::from_u128(id))])).collect();
        tx.fetch(Tally::SCHEMA, &keys, Lock::None).unwrap();
        let updated = tx.update(Product::SCHEMA, change(2, "one"));
        (Verdict::Commit, updated.map_err(|error| error.kind()))
    });
    assert_eq!((ran.unwrap(), updated), (Ran::Committed, Ok(())));
}

/// Nor is what the group before has left taken for it, when this one has changed it since.
#[test]
fn what_is_forgotten_is_not_as_it_was_before() {
    let (ran, seen) = undeclared(|tx| {
        let schemas = Schemas::new(vec![Product::SCHEMA]);
        let mut first = WriteBuffer::new(tx, &schemas);
        first.begin_job(false);
        first.insert(Product::SCHEMA, vec![row(1, "one".into())]).unwrap();
        assert!(first.end_job(true).unwrap().is_sound());
        let pending = first.pending().unwrap();
        first.flush().unwrap();
        let mut buffer = WriteBuffer::ahead(tx, &schemas, pending);
        buffer.begin_job(false);
        let mut changed = buffer.fetch(Product::SCHEMA, &[key(1)], Lock::None).unwrap().remove(0).unwrap();
        Arc::make_mut(&mut changed)[product::version.position()] = Value::Int(2);
        buffer.update(Product::SCHEMA, vec![Replacement::whole(changed.clone(), 1)]).unwrap();
        assert!(buffer.end_job(true).unwrap().is_sound());
        let draft = buffer.draft();
        let mut buffer = WriteBuffer::resume(tx, &schemas, draft);
        buffer.begin_job(false);
        let keys: Vec<Key> = (0..10_001).map(|id| Key::from([Value::Uuid(Uuid::from_u128(id))])).collect();
        buffer.fetch(Tally::SCHEMA, &keys, Lock::None).unwrap();
        buffer.flush().unwrap();
        let seen = buffer.fetch(Product::SCHEMA, &[key(1)], Lock::None).unwrap().remove(0);
        assert!(buffer.end_job(true).unwrap().is_sound());
        (Verdict::Commit, (seen, changed))
    });
    assert_eq!((ran.unwrap(), seen.0), (Ran::Committed, Some(seen.1)));
}

/// A transaction in which another process changes a row before the first select. Counts the rows that are fetched.
struct Meddled<'t> {
    tx: &'t mut dyn Tx,
    meddle: Option<Row>,
    fetched: usize,
    /// Queries that came through.
    selected: usize,
}

impl Tx for Meddled<'_> {
    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], lock: Lock) -> Result<Vec<Option<Row>>> {
        self.fetched += keys.len();
        self.tx.fetch(schema, keys, lock)
    }

    fn select(&mut self, query: &Query) -> Result<Vec<Row>> {
        if let Some(row) = self.meddle.take() {
            let was = query.schema.version_of(&row).unwrap() - 1;
            self.tx.update(query.schema, vec![Replacement::whole(row, was)])?;
        }
        self.selected += 1;
        self.tx.select(query)
    }

    fn count(&mut self, schema: &'static Schema, criteria: &Criteria) -> Result<u64> {
        self.tx.count(schema, criteria)
    }

    fn insert(&mut self, schema: &'static Schema, rows: Vec<Row>) -> Result<()> {
        self.tx.insert(schema, rows)
    }

    fn update(&mut self, schema: &'static Schema, rows: Vec<Replacement>) -> Result<()> {
        self.tx.update(schema, rows)
    }

    fn delete(&mut self, schema: &'static Schema, keys: Vec<(Key, Option<i64>)>) -> Result<()> {
        self.tx.delete(schema, keys)
    }

    fn add(&mut self, schema: &'static Schema, additions: Vec<Addition>) -> Result<()> {
        self.tx.add(schema, additions)
    }

    fn savepoint(&mut self) -> Result<()> {
        self.tx.savepoint()
    }

    fn release(&mut self) -> Result<()> {
        self.tx.release()
    }

    fn roll_back(&mut self) -> Result<()> {
        self.tx.roll_back()
    }

    fn flush(&mut self) -> Result<()> {
        self.tx.flush()
    }
}

/// What a job builds on two states of a row is not refused for good: the job is run again.
#[test]
fn a_row_that_is_newer_than_what_is_known_calls_for_another_run() {
    let storage = MemoryStorage::new();
    let (job, answers) = RawJob::new(|tx: &mut dyn Tx| {
        tx.insert(Product::SCHEMA, vec![row(1, "one".into())]).unwrap();
        let mut newer = row(1, "newer".into());
        Arc::make_mut(&mut newer)[product::version.position()] = Value::Int(2);
        let schemas = Schemas::new(vec![Product::SCHEMA]);
        let mut meddled = Meddled { tx, meddle: Some(newer), fetched: 0, selected: 0 };
        let mut buffer = WriteBuffer::new(&mut meddled, &schemas);
        // One job of a group reads the row, the next one finds it.
        buffer.begin_job(false);
        buffer.fetch(Product::SCHEMA, &[key(1)], Lock::None).unwrap();
        let first = buffer.end_job(true).unwrap();
        buffer.begin_job(false);
        let found = buffer.select(&everything_of(Product::SCHEMA)).map_err(|error| error.kind());
        (Verdict::Commit, (first, found, buffer.end_job(false).unwrap()))
    });
    pollster_run(&storage, Mode::Write, Box::new(job)).unwrap();
    let (first, found, second) = answers.try_iter().last().unwrap();
    assert!(first.is_sound());
    assert_eq!(found, Err(ErrorKind::Conflict));
    assert!(second.contended && !second.broken, "{second:?}");
}

/// A whole query of a group is asked once. What its jobs write is in the answer of those after them, without being written
/// first, and what is dropped is not.
#[test]
fn what_was_asked_is_known() {
    let storage = MemoryStorage::new();
    let (job, answers) = RawJob::new(|tx: &mut dyn Tx| {
        tx.insert(Product::SCHEMA, vec![row(1, "one".into()), row(2, "two".into())]).unwrap();
        let schemas = Schemas::new(vec![Product::SCHEMA]);
        let mut counted = Meddled { tx, meddle: None, fetched: 0, selected: 0 };
        let mut buffer = WriteBuffer::new(&mut counted, &schemas);
        let ids = |buffer: &mut WriteBuffer<'_>| {
            let rows = buffer.select(&everything_of(Product::SCHEMA));
            rows.map(|rows| rows.iter().map(|row| Product::SCHEMA.key_of(row)).collect::<Vec<_>>())
        };
        let mut seen = Vec::new();
        for _ in 0..2 {
            buffer.begin_job(true);
            assert!(ids(&mut buffer).is_err());
            assert!(buffer.end_job(false).unwrap().suspended);
        }
        buffer.read_missing().unwrap();
        for keep in [true, false, true] {
            buffer.begin_job(true);
            seen.push(ids(&mut buffer).unwrap());
            if seen.len() == 1 {
                buffer.insert(Product::SCHEMA, vec![row(3, "three".into())]).unwrap();
                buffer.delete(Product::SCHEMA, vec![(key(1), Some(1))]).unwrap();
            } else {
                buffer.delete(Product::SCHEMA, vec![(key(2), Some(1))]).unwrap();
            }
            seen.push(ids(&mut buffer).unwrap());
            assert!(buffer.end_job(keep).unwrap().is_sound());
        }
        buffer.flush().unwrap();
        seen.push(ids(&mut buffer).unwrap());
        (Verdict::Commit, (seen, counted.selected))
    });
    pollster_run(&storage, Mode::Write, Box::new(job)).unwrap();
    let (seen, selected) = answers.try_iter().last().unwrap();
    let keys = |ids: &[u8]| ids.iter().map(|id| key(*id)).collect::<Vec<_>>();
    let wanted: [&[u8]; 7] = [&[1, 2], &[2, 3], &[2, 3], &[3], &[2, 3], &[3], &[3]];
    assert_eq!(seen, wanted.map(keys));
    // Once for the group, and once when it was written and forgotten.
    assert_eq!(selected, 2);
}

/// Whoever walks over everything in a job that writes does not hold everything in memory.
#[test]
fn a_query_does_not_fill_the_buffer_without_end() {
    let storage = MemoryStorage::new();
    let (job, answers) = RawJob::new(|tx: &mut dyn Tx| {
        let many = (0..10_100).map(|id| Tally {
            id: Uuid::from_u128(id),
            version: Version::FIRST,
            name: String::new(),
            count: 0,
        });
        let rows: Vec<Row> = many.map(|tally| tally.to_row()).collect();
        let keys: Vec<Key> = rows.iter().map(|row| Tally::SCHEMA.key_of(row)).collect();
        tx.insert(Tally::SCHEMA, rows).unwrap();
        let schemas = Schemas::new(vec![Tally::SCHEMA]);
        let mut counted = Meddled { tx, meddle: None, fetched: 0, selected: 0 };
        let mut buffer = WriteBuffer::new(&mut counted, &schemas);
        let selected = buffer.select(&everything_of(Tally::SCHEMA)).unwrap().len();
        let fetched = buffer.fetch(Tally::SCHEMA, &keys, Lock::None).unwrap().iter().flatten().count();
        (Verdict::Commit, (selected, fetched, counted.fetched))
    });
    pollster_run(&storage, Mode::Write, Box::new(job)).unwrap();
    assert_eq!(answers.try_iter().last(), Some((10_100, 10_100, 100)));
}
