//! Tests of a session, the same for every database. The meaning of the port is compared with rows in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crm_core::branches::Branch;
use crm_core::catalog::{Category, CategoryMove, Product, Stock, StockMovement};
use crm_core::customers::{Customer, Relation, SearchKey};
use crm_core::journal::JournalEntry;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::module::OutboxMessage;
use crm_core::purchases::{Purchase, PurchaseLine, Tender};
use crm_core::work::{
    Addition, Column, ColumnType, Columns, CommandRecord, Comparison, Criteria, Direction, Entity, Home, Key, Lock,
    Mode, Query, Replacement, Row, Schema, Schemas, Unique, Value,
};
use crm_core::{Error, ErrorKind};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use crate::session::Session;

const fn column(name: &'static str, column_type: ColumnType, nullable: bool) -> Column {
    Column { name, column_type, nullable }
}

const COLUMNS: &[Column] = &[
    column("id", ColumnType::Uuid, false),
    column("version", ColumnType::Int, false),
    column("label", ColumnType::Text, true),
    column("number", ColumnType::Int, true),
    column("flag", ColumnType::Bool, true),
    column("at", ColumnType::Time, true),
    column("day", ColumnType::Date, true),
    column("other", ColumnType::Uuid, true),
    column("balance", ColumnType::Int, false),
    column("document", ColumnType::Json, true),
];

const fn kind(kind: &'static str, home: Home, unique: &'static [Unique], counters: &'static [usize]) -> Schema {
    let (key, version, scoped) = (&[0], Some(1), &[3, 7]);
    Schema { kind, home, columns: COLUMNS, key, version, unique, counters, personal: &[], scoped }
}

/// A kind with a column of every type, in a table.
pub(crate) static THING: Schema =
    kind("test.thing", Home::Table("crm_test_things"), &[Unique { name: "label", columns: &[2] }], &[8]);

/// The same without a table, and so without a unique key or a counter.
pub(crate) static LOOSE: Schema = kind("test.loose", Home::Records(&[2, 3, 7]), &[], &[]);

/// A kind with a key of three columns and no version.
pub(crate) static PAIR: Schema = Schema {
    kind: "test.pair",
    home: Home::Table("crm_test_pairs"),
    columns: &[
        column("left", ColumnType::Uuid, false),
        column("right", ColumnType::Int, false),
        column("order", ColumnType::Text, false),
        column("total", ColumnType::Int, false),
        column("spent", ColumnType::Int, false),
    ],
    key: &[0, 1, 2],
    version: None,
    unique: &[],
    counters: &[3, 4],
    personal: &[],
    scoped: &[],
};

/// The kinds of these tests that need a table.
pub(crate) const TABLES: &[&Schema] = &[&THING, &PAIR];

/// The kinds of the core, and those of these tests.
pub(crate) fn all_schemas() -> Schemas {
    let core = [
        Branch::SCHEMA,
        Customer::SCHEMA,
        SearchKey::SCHEMA,
        Relation::SCHEMA,
        Category::SCHEMA,
        CategoryMove::SCHEMA,
        Product::SCHEMA,
        Stock::SCHEMA,
        Purchase::SCHEMA,
        PurchaseLine::SCHEMA,
        Tender::SCHEMA,
        StockMovement::SCHEMA,
        JournalEntry::SCHEMA,
        OutboxMessage::SCHEMA,
        CommandRecord::SCHEMA,
        &THING,
        &LOOSE,
        &PAIR,
    ];
    Schemas::new(core.to_vec())
}

/// A number no other test of this run has.
pub(crate) fn fresh() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn id(number: u128) -> Value {
    Value::Uuid(Uuid::from_u128(number))
}

pub(crate) fn thing(number: u128) -> Row {
    let mut row = vec![Value::Null; COLUMNS.len()];
    row[0] = id(number);
    row[1] = Value::Int(1);
    row[8] = Value::Int(0);
    row.into()
}

fn pair(left: u128, right: i64) -> Row {
    Row::from([id(left), Value::Int(right), Value::Text("o".into()), Value::Int(10), Value::Int(0)])
}

fn key_of_pair(left: u128, right: i64) -> Key {
    Key::from([id(left), Value::Int(right), Value::Text("o".into())])
}

fn everything(schema: &'static Schema) -> Query {
    Query {
        schema,
        criteria: Criteria::everything(),
        order: schema.key.to_vec(),
        direction: Direction::Ascending,
        after: None,
        limit: 0,
    }
}

/// Runs `work` in a transaction that is dropped afterwards.
fn dropped<R>(session: &mut dyn Session, work: impl FnOnce(&mut dyn Session) -> R) -> R {
    // What a failed case left open, when proptest looks for a smaller one.
    session.abandon();
    session.begin(Mode::Write).unwrap();
    let result = work(session);
    session.abandon();
    assert!(!session.is_lost());
    result
}

/// Counts the statements a connection prepares to keep. Dies with the connection.
#[derive(Clone, Default)]
pub(crate) struct Prepared(std::sync::Arc<AtomicU64>);

impl diesel::connection::Instrumentation for Prepared {
    fn on_connection_event(&mut self, event: diesel::connection::InstrumentationEvent<'_>) {
        if matches!(event, diesel::connection::InstrumentationEvent::CacheQuery { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Does one of everything, twice: the second time nothing is prepared any more.
pub(crate) fn prepares_once(session: &mut dyn Session, prepared: &Prepared) {
    let mut counts = [0, 0];
    for count in &mut counts {
        for size in [1, 8, 41, 60] {
            dropped(session, |session| {
                let rows: Vec<Row> = (0..size).map(thing).collect();
                session.insert(&THING, rows.clone()).unwrap();
                let keys: Vec<Key> = rows.iter().map(|row| THING.key_of(row)).collect();
                session.fetch(&THING, &keys, Lock::ForUpdate).unwrap();
                let criteria = Criteria::In(0, keys.iter().flat_map(|key| &**key).take(5).cloned().collect());
                session.select(&Query { criteria, limit: 51, ..everything(&THING) }).unwrap();
                let mut second = rows[0].clone();
                Arc::make_mut(&mut second)[1] = Value::Int(2);
                session.update(&THING, vec![Replacement::whole(second, 1)]).unwrap();
                session
                    .add(&THING, vec![Addition { key: keys[0].clone(), column: 8, amount: 1, floor: Some(0) }])
                    .unwrap();
                session.delete(&THING, vec![(keys[0].clone(), Some(2))]).unwrap();
            });
        }
        *count = prepared.0.swap(0, Ordering::Relaxed);
    }
    assert!(counts[0] > 5, "{counts:?}");
    assert_eq!(counts[1], 0, "{counts:?}");
}

/// All of it.
pub(crate) fn run(session: &mut dyn Session) {
    values_come_back(session);
    batches(session);
    versions_guard(session);
    uniques_are_named(session);
    counters_add(session);
    composite_keys(session);
    savepoints_heal(session);
    reading_does_not_write(session);
    commits_last(session);
    many_queries_at_once(session);
    only_what_changed_is_written(session);
    queries_mean_what_memory_means(session, &THING);
    queries_mean_what_memory_means(session, &LOOSE);
}

fn values_come_back(session: &mut dyn Session) {
    let texts = ["", "Łódź", "سلام", "עברית", "O'Brien", "a?b", "\"", "\u{10FFFF}"];
    let times = [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH, Timestamp::from_micros(-1).unwrap()];
    let days =
        [CivilDate::MIN, CivilDate::MAX, CivilDate::new(2000, 1, 1).unwrap(), CivilDate::new(1999, 12, 31).unwrap()];
    let long = "Ł".repeat(3_000);
    let texts = texts.into_iter().chain(std::iter::once(long.as_str())).collect::<Vec<_>>();
    for schema in [&THING, &LOOSE] {
        dropped(session, |session| {
            let mut rows = Vec::new();
            for (number, text) in (1..).zip(&texts) {
                let mut row = thing(number);
                Arc::make_mut(&mut row)[2] = Value::Text((*text).to_owned());
                rows.push(row);
            }
            for (number, (at, day)) in (101..).zip(times.into_iter().zip(days)) {
                let mut row = thing(number);
                Arc::make_mut(&mut row)[5] = Value::Time(at);
                Arc::make_mut(&mut row)[6] = Value::Date(day);
                rows.push(row);
            }
            for (number, amount) in (201..).zip([i64::MIN, i64::MAX, 0, -1]) {
                let mut row = thing(number);
                Arc::make_mut(&mut row)[3] = Value::Int(amount);
                Arc::make_mut(&mut row)[4] = Value::Bool(amount > 0);
                Arc::make_mut(&mut row)[7] = id(u128::MAX - number);
                Arc::make_mut(&mut row)[9] = Value::Json("[1, \"x\"]".into());
                rows.push(row);
            }
            session.insert(schema, rows.clone()).unwrap();
            assert_eq!(session.select(&everything(schema)).unwrap(), rows);
            let keys: Vec<Key> = rows.iter().rev().map(|row| schema.key_of(row)).collect();
            let found = session.fetch(schema, &keys, Lock::ForUpdate).unwrap();
            assert_eq!(found, rows.into_iter().rev().map(Some).collect::<Vec<_>>());
            assert_eq!(session.fetch(schema, &[Key::from([id(999)])], Lock::None).unwrap(), [None]);
            assert_eq!(session.fetch(schema, &[], Lock::None).unwrap(), [] as [Option<Row>; 0]);
        });
    }
}

fn batches(session: &mut dyn Session) {
    for count in [1, 7, 8, 9, 41, 100_u32] {
        dropped(session, |session| {
            let rows: Vec<Row> = (0..count).map(|number| thing(number.into())).collect();
            session.insert(&THING, rows.clone()).unwrap();
            assert_eq!(session.count(&THING, &Criteria::everything()).unwrap(), u64::from(count));
            // The last ones are not there.
            let numbers = || (0..count + 5).rev();
            let asked: Vec<Key> = numbers().map(|number| Key::from([id(number.into())])).collect();
            let there = numbers().map(|number| (number < count).then(|| thing(number.into()))).collect::<Vec<_>>();
            assert_eq!(session.fetch(&THING, &asked, Lock::None).unwrap(), there);
            let keys = rows.iter().map(|row| (THING.key_of(row), Some(1))).collect();
            session.delete(&THING, keys).unwrap();
            assert_eq!(session.count(&THING, &Criteria::everything()).unwrap(), 0);
        });
    }
}

/// Several queries at once answer what each does alone, however many there are, and whether they ask the same or not.
fn many_queries_at_once(session: &mut dyn Session) {
    for schema in [&THING, &LOOSE] {
        dropped(session, |session| {
            // Of twelve rows, three have each amount.
            let rows = (0..12_i64).map(|number| {
                let mut row = thing(number.unsigned_abs().into());
                Arc::make_mut(&mut row)[3] = Value::Int(number % 4);
                row
            });
            session.insert(schema, rows.collect()).unwrap();
            let of = |amount: i64| Query {
                criteria: Criteria::Compare(3, Comparison::Equal, Value::Int(amount)),
                direction: if amount % 2 == 0 { Direction::Ascending } else { Direction::Descending },
                ..everything(schema)
            };
            for count in [1, 2, 3, 8, 32, 45] {
                let alike: Vec<Query> = (0..count).map(|number| of(number % 3 * 2)).collect();
                let different: Vec<Query> = (0..count).map(of).collect();
                for queries in [alike, different] {
                    let each: Vec<_> = queries.iter().map(|query| session.select(query).unwrap()).collect();
                    assert_eq!(each[0].len(), 3);
                    assert_eq!(session.select_each(&queries).unwrap(), each);
                }
            }
        });
    }
}

/// What a replacement says has not changed may be written or not; what changed is, also when a row has many faces.
fn only_what_changed_is_written(session: &mut dyn Session) {
    for schema in [&THING, &LOOSE] {
        dropped(session, |session| {
            session.insert(schema, vec![thing(1)]).unwrap();
            let mut stored = thing(1);
            // Every set of three columns: more than are kept prepared.
            for set in 0..8_usize {
                for (bit, value) in [(0, Value::Text(format!("{set}"))), (1, Value::Bool(set % 2 == 0))] {
                    let mut new = stored.clone();
                    Arc::make_mut(&mut new)[1] = Value::Int(version(&stored) + 1);
                    Arc::make_mut(&mut new)[[2, 4][bit]] = value;
                    if set & 2 == 0 {
                        Arc::make_mut(&mut new)[3] = Value::Int(i64::try_from(set).unwrap());
                    }
                    let changed = Columns::differing(&stored, &new);
                    session
                        .update(schema, vec![Replacement { row: new.clone(), was: version(&stored), changed }])
                        .unwrap();
                    let found = session.fetch(schema, &[Key::from([id(1)])], Lock::None).unwrap();
                    assert_eq!(found, [Some(new.clone())]);
                    stored = new;
                }
            }
            // A row that is the same in all but its version, and one that is the same altogether.
            let mut new = stored.clone();
            Arc::make_mut(&mut new)[1] = Value::Int(version(&stored) + 1);
            let changed = Columns::differing(&stored, &new);
            session.update(schema, vec![Replacement { row: new.clone(), was: version(&stored), changed }]).unwrap();
            let same = Replacement { row: new.clone(), was: version(&new), changed: Columns::NONE };
            session.update(schema, vec![same]).unwrap();
            assert_eq!(session.fetch(schema, &[Key::from([id(1)])], Lock::None).unwrap(), [Some(new)]);
        });
    }
}

fn version(row: &Row) -> i64 {
    row[1].as_int().unwrap()
}

/// Something done to rows of a kind.
type Change = fn(&mut dyn Session, &'static Schema, Row) -> crm_core::Result<()>;

fn versions_guard(session: &mut dyn Session) {
    for schema in [&THING, &LOOSE] {
        let mut second = thing(1);
        Arc::make_mut(&mut second)[1] = Value::Int(2);
        Arc::make_mut(&mut second)[2] = Value::Text("new".into());
        Arc::make_mut(&mut second)[8] = Value::Int(77);
        let mut third = second.clone();
        Arc::make_mut(&mut third)[1] = Value::Int(3);
        dropped(session, |session| {
            session.insert(schema, vec![thing(1), thing(2)]).unwrap();
            // Twice the same row in one call, in order.
            session
                .update(schema, vec![Replacement::whole(second.clone(), 1), Replacement::whole(third.clone(), 2)])
                .unwrap();
            let found = session.fetch(schema, &[Key::from([id(1)])], Lock::None).unwrap();
            let found = found[0].clone().unwrap();
            let balance = if schema.counters.is_empty() { 77 } else { 0 };
            assert_eq!((&found[1], &found[2], &found[8]), (&Value::Int(3), &third[2], &Value::Int(balance)));
            session.delete(schema, vec![(Key::from([id(1)]), Some(3)), (Key::from([id(2)]), None)]).unwrap();
            assert_eq!(session.count(schema, &Criteria::everything()).unwrap(), 0);
        });
        let conflicts: [Change; 5] = [
            |session, schema, row| session.update(schema, vec![Replacement::whole(row, 9)]),
            |session, schema, row| {
                let mut gone = row.clone();
                Arc::make_mut(&mut gone)[0] = id(5);
                session.update(schema, vec![Replacement::whole(row, 1), Replacement::whole(gone, 1)])
            },
            |session, schema, _| session.delete(schema, vec![(Key::from([id(1)]), Some(9))]),
            |session, schema, _| session.delete(schema, vec![(Key::from([id(5)]), None)]),
            |session, schema, _| session.delete(schema, vec![(Key::from([id(1)]), None), (Key::from([id(1)]), None)]),
        ];
        for conflict in conflicts {
            dropped(session, |session| {
                session.insert(schema, vec![thing(1)]).unwrap();
                let error = conflict(session, schema, second.clone()).unwrap_err();
                assert!(matches!(error, Error::Conflict { kind } if kind == schema.kind), "{error:?}");
                assert!(matches!(session.count(schema, &Criteria::everything()), Err(Error::Poisoned)));
            });
        }
    }
}

fn uniques_are_named(session: &mut dyn Session) {
    let labelled = |number, label: &str| {
        let mut row = thing(number);
        Arc::make_mut(&mut row)[2] = Value::Text(label.into());
        row
    };
    let cases = [(vec![labelled(1, "a"), labelled(2, "a")], "label"), (vec![thing(1), thing(1)], "key")];
    for (rows, name) in cases {
        let error = dropped(session, |session| session.insert(&THING, rows).unwrap_err());
        assert!(matches!(&error, Error::AlreadyExists { kind: "test.thing", unique } if unique == name), "{error:?}");
        assert!(!format!("{error:?}").contains("00000000"));
    }
    let error = dropped(session, |session| {
        session.insert(&THING, vec![labelled(1, "a"), thing(2)]).unwrap();
        let mut other = labelled(2, "a");
        Arc::make_mut(&mut other)[1] = Value::Int(2);
        session.update(&THING, vec![Replacement::whole(other, 1)]).unwrap_err()
    });
    assert!(matches!(&error, Error::AlreadyExists { unique, .. } if unique == "label"), "{error:?}");
    let error = dropped(session, |session| session.insert(&LOOSE, vec![thing(1), thing(1)]).unwrap_err());
    assert!(matches!(&error, Error::AlreadyExists { kind: "test.loose", unique } if unique == "key"), "{error:?}");
}

fn counters_add(session: &mut dyn Session) {
    let add = |amount, floor| Addition { key: Key::from([id(1)]), column: 8, amount, floor };
    dropped(session, |session| {
        session.insert(&THING, vec![thing(1)]).unwrap();
        session.add(&THING, vec![add(5, None), add(-5, Some(0)), add(7, None)]).unwrap();
        let row = session.fetch(&THING, &[Key::from([id(1)])], Lock::None).unwrap()[0].clone().unwrap();
        assert_eq!((&row[8], &row[1]), (&Value::Int(7), &Value::Int(1)));
        session.add(&THING, vec![add(i64::MAX - 7, None), add(i64::MIN, Some(-1))]).unwrap();
    });
    let refused = [
        vec![add(-1, Some(0))],
        vec![add(1, None), add(i64::MAX, None)],
        vec![add(-1, None), add(i64::MIN, None)],
        vec![add(-1, Some(i64::MAX))],
        vec![Addition { key: Key::from([id(2)]), ..add(1, None) }],
    ];
    for additions in refused {
        let error = dropped(session, |session| {
            session.insert(&THING, vec![thing(1)]).unwrap();
            session.add(&THING, additions).unwrap_err()
        });
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    }
    let error = dropped(session, |session| {
        session.insert(&LOOSE, vec![thing(1)]).unwrap();
        session.add(&LOOSE, vec![add(1, None)]).unwrap_err()
    });
    assert!(matches!(error, Error::Invalid { rule: "counter.column", .. }), "{error:?}");
}

fn composite_keys(session: &mut dyn Session) {
    dropped(session, |session| {
        session.insert(&PAIR, vec![pair(1, 1), pair(1, 2), pair(2, 1)]).unwrap();
        let keys = [key_of_pair(2, 1), key_of_pair(2, 2), key_of_pair(1, 2), key_of_pair(2, 1)];
        let found = session.fetch(&PAIR, &keys, Lock::ForUpdate).unwrap();
        assert_eq!(found, [Some(pair(2, 1)), None, Some(pair(1, 2)), Some(pair(2, 1))]);
        let add = |column, amount| Addition { key: key_of_pair(1, 2), column, amount, floor: Some(0) };
        session.add(&PAIR, vec![add(3, -4), add(4, 4)]).unwrap();
        let row = session.fetch(&PAIR, &[key_of_pair(1, 2)], Lock::None).unwrap()[0].clone().unwrap();
        assert_eq!(row[3..], [Value::Int(6), Value::Int(4)]);
        session.delete(&PAIR, vec![(key_of_pair(1, 1), None), (key_of_pair(2, 1), None)]).unwrap();
        assert_eq!(session.count(&PAIR, &Criteria::everything()).unwrap(), 1);
    });
}

fn savepoints_heal(session: &mut dyn Session) {
    dropped(session, |session| {
        session.insert(&THING, vec![thing(1)]).unwrap();
        session.savepoint().unwrap();
        session.insert(&THING, vec![thing(2)]).unwrap();
        session.savepoint().unwrap();
        assert!(session.insert(&THING, vec![thing(2)]).is_err());
        assert!(matches!(session.insert(&THING, vec![thing(3)]), Err(Error::Poisoned)));
        assert!(matches!(session.release(), Err(Error::Poisoned)));
        session.roll_back().unwrap();
        assert_eq!(session.count(&THING, &Criteria::everything()).unwrap(), 2);
        session.release().unwrap();
        session.savepoint().unwrap();
        session.insert(&THING, vec![thing(3)]).unwrap();
        session.roll_back().unwrap();
        assert_eq!(session.count(&THING, &Criteria::everything()).unwrap(), 2);
        assert!(session.insert(&THING, vec![thing(1)]).is_err());
        assert!(matches!(session.commit(), Err(Error::Poisoned)));
        session.begin(Mode::Write).unwrap();
        assert_eq!(session.count(&THING, &Criteria::everything()).unwrap(), 0);
    });
}

fn reading_does_not_write(session: &mut dyn Session) {
    session.begin(Mode::Read).unwrap();
    assert_eq!(session.count(&THING, &Criteria::everything()).unwrap(), 0);
    assert!(matches!(session.insert(&THING, vec![thing(1)]), Err(Error::ReadOnly)));
    session.abandon();
    session.begin(Mode::Read).unwrap();
    assert!(matches!(session.fetch(&THING, &[Key::from([id(1)])], Lock::ForUpdate), Err(Error::ReadOnly)));
    session.abandon();
}

fn commits_last(session: &mut dyn Session) {
    session.begin(Mode::Write).unwrap();
    session.insert(&THING, vec![thing(1)]).unwrap();
    session.commit().unwrap();
    session.begin(Mode::Read).unwrap();
    assert_eq!(session.count(&THING, &Criteria::everything()).unwrap(), 1);
    session.commit().unwrap();
    session.begin(Mode::Write).unwrap();
    session.delete(&THING, vec![(Key::from([id(1)]), Some(1))]).unwrap();
    session.commit().unwrap();
    assert!(session.count(&THING, &Criteria::everything()).is_err(), "no transaction is open");
}

fn texts() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![Just('a'), Just('b'), Just('Ż'), Just('\u{10FFFF}'), Just('%'), Just('_')],
        0..4,
    )
    .prop_map(String::from_iter)
}

fn cell(column_type: ColumnType) -> BoxedStrategy<Value> {
    match column_type {
        ColumnType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ColumnType::Int => (-2..3_i64).prop_map(Value::Int).boxed(),
        ColumnType::Text => texts().prop_map(Value::Text).boxed(),
        ColumnType::Uuid => (0..4_u128).prop_map(|number| id(number << 64)).boxed(),
        ColumnType::Time => (-2..3_i64).prop_map(|at| Value::Time(Timestamp::from_micros(at).unwrap())).boxed(),
        ColumnType::Date => (-2..3_i32).prop_map(|day| Value::Date(CivilDate::from_days(day).unwrap())).boxed(),
        ColumnType::Json => Just(Value::Json("{}".into())).boxed(),
    }
}

fn or_null(column_type: ColumnType) -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 4 => cell(column_type)]
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        or_null(ColumnType::Text),
        or_null(ColumnType::Int),
        or_null(ColumnType::Bool),
        or_null(ColumnType::Time),
        or_null(ColumnType::Date),
        or_null(ColumnType::Uuid),
    );
    proptest::collection::vec(row, 0..20).prop_map(|rows| {
        let mut labels = std::collections::HashSet::new();
        (1..)
            .zip(rows)
            .map(|(number, (label, number_, flag, at, day, other))| {
                let mut row = thing(number);
                let label = if labels.insert(label.clone()) { label } else { Value::Null };
                let cells = Arc::make_mut(&mut row);
                cells[2..8].clone_from_slice(&[label, number_, flag, at, day, other]);
                cells[1] = Value::Int(i64::try_from(number % 3).unwrap());
                row
            })
            .collect()
    })
}

fn criteria() -> impl Strategy<Value = Criteria> {
    let column = (0..9_usize).prop_map(|at| (at, COLUMNS[at].column_type));
    let comparison = proptest::sample::select(vec![
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ]);
    let leaf = prop_oneof![
        4 => (column.clone(), comparison).prop_flat_map(|((at, column_type), comparison)| or_null(column_type)
            .prop_map(move |value| Criteria::Compare(at, comparison, value))),
        2 => column.prop_flat_map(|(at, column_type)| proptest::collection::vec(or_null(column_type), 0..6)
            .prop_map(move |values| Criteria::In(at, values))),
        1 => (0..9_usize).prop_map(Criteria::IsNull),
        2 => texts().prop_map(|prefix| Criteria::StartsWith(2, prefix)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Criteria::All),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Criteria::Any),
            inner.prop_map(|part| Criteria::Not(Box::new(part))),
        ]
    })
}

fn queries_mean_what_memory_means(session: &mut dyn Session, schema: &'static Schema) {
    let order = proptest::sample::select(vec![vec![0], vec![1, 0], vec![8, 1, 0]]);
    let after = proptest::option::of((0..3_i64, 0..20_u128));
    let input = (rows(), proptest::collection::vec((criteria(), order, any::<bool>(), after, 0..6_usize), 1..6));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(128) });
    let session = std::cell::RefCell::new(session);
    runner
        .run(&input, |(rows, queries)| {
            let mut session = session.borrow_mut();
            dropped(*session, |session| {
                session.insert(schema, rows.clone()).unwrap();
                for (criteria, order, forward, after, limit) in queries {
                    let after = after.map(|(version, number)| {
                        let place = |&at: &usize| match at {
                            0 => id(number),
                            1 => Value::Int(version),
                            _ => Value::Int(0),
                        };
                        order.iter().map(place).collect()
                    });
                    let direction = if forward { Direction::Ascending } else { Direction::Descending };
                    let query = Query { schema, criteria, order, direction, after, limit };
                    assert_eq!(session.select(&query).unwrap(), query.answer(rows.clone().into_iter()));
                    let counted = rows.iter().filter(|row| query.criteria.matches(row)).count();
                    assert_eq!(session.count(schema, &query.criteria).unwrap(), u64::try_from(counted).unwrap());
                }
            });
            Ok(())
        })
        .unwrap();
}
