//! Rows: what goes in comes out, versions, unique keys.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::bench::{Bench, Factory};
use super::sample::{Specimen, any_specimen};
use crate::catalog::Product;
use crate::customers::{Customer, NewCustomer};
use crate::kernel::page::Limit;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::work::{Column, ColumnType, Entity, Filter, Json, Lock, Mode, Permit, Ran, Row, Schema, Value, Verdict};
use crate::{Error, ErrorKind, Result};

/// Texts in the languages the library is made for, and what is hard on a database.
const TEXTS: [&str; 9] = [
    "",
    " ",
    "Zażółć gęślą jaźń",
    "שָׁלוֹם עולם",
    "می‌خواهم ۱۲۳",
    "'; DROP TABLE crm_customers; --",
    "%_\\\"'`\r\n\t",
    "\u{1}\u{7f}\u{feff}\u{fffd}\u{10ffff}",
    "e\u{301} é 👩‍👩‍👧 ﷺ",
];

pub(super) fn draw<T>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::default();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn comes_back<E: Entity + PartialEq + std::fmt::Debug>(bench: &Bench, entity: &E) {
    let stored = entity.clone();
    bench.run(move |work| work.insert(&stored)).unwrap();
    let id = entity.id();
    let read: E = bench.read(move |work| work.get(id.clone())).unwrap();
    assert!(read == *entity, "{read:?} came back for {entity:?}: {:?} for {:?}", read.to_row(), entity.to_row());
}

/// A record keeps every column: any text, the ends of every range, nulls, documents.
pub fn records_come_back_as_they_were(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let mut specimens = draw(any_specimen(), 60);
    for (n, text) in (1_u128..).zip(TEXTS) {
        let mut specimen = Specimen::new(uuid::Uuid::from_u128(n).into(), text, i64::MIN);
        specimen.note = Some(text.to_owned());
        specimen.weight = Some(i64::MAX);
        specimen.small = u16::MAX;
        (specimen.seen_at, specimen.lost_at) = (Timestamp::MIN, Some(Timestamp::MAX));
        (specimen.seen_on, specimen.lost_on) = (CivilDate::MIN, Some(CivilDate::MAX));
        specimen.document = Json(json!({ text: [text, i64::MIN, i64::MAX, null, true, {"": {}}] }));
        // A document that says null is there; no document is not.
        specimen.extra = (n % 2 == 0).then_some(Json(serde_json::Value::Null));
        specimens.push(specimen);
    }
    let big = "ż".repeat(300_000);
    let mut large = Specimen::new(uuid::Uuid::from_u128(1_000).into(), "large", 0);
    (large.document, large.note) = (Json(json!({ "text": big })), Some(big));
    specimens.push(large);
    specimens.sort_by_key(|specimen| specimen.id);
    specimens.dedup_by_key(|specimen| specimen.id);
    for specimen in &specimens {
        comes_back(&bench, specimen);
    }
    let ids: Vec<_> = specimens.iter().rev().map(|specimen| specimen.id).collect();
    let many = bench.read(move |work| work.get_many::<Specimen>(&ids)).unwrap();
    assert!(many.into_iter().rev().flatten().eq(specimens.iter().cloned()), "many come in the order of their ids");
    let all = bench.read(|work| work.select(Filter::<Specimen>::all()).all()).unwrap();
    assert!(all == specimens, "all come in the order of their keys");
}

/// Whole numbers that a column takes, where its table takes fewer than there are: the least and the greatest, fifty away
/// from where the next column's would break a check of both.
const BOUNDS: &[(&str, &[&str], i64, i64)] = &[
    ("product", &["price_minor", "floor_minor"], 0, i64::MAX),
    ("price_limit", &["balance"], i64::MIN, 0),
    ("purchase", &["total_minor"], 0, i64::MAX),
    (
        "purchase_line",
        &["quantity", "unit_price_minor", "discount_minor", "order_discount_minor", "tax_minor", "total_minor"],
        0,
        i64::MAX,
    ),
    ("tender", &["amount_minor"], 0, i64::MAX),
    ("pick_line", &["quantity", "shipped", "returned"], 0, i64::MAX),
    ("return", &["total_minor"], 0, i64::MAX),
    ("return_line", &["quantity", "total_minor", "tax_minor"], 0, i64::MAX),
    ("refund", &["amount_minor"], 0, i64::MAX),
    ("instalment_plan", &["financed_minor", "refunded_minor"], 0, i64::MAX),
    ("instalment_plan", &["returned_minor"], 0, 50),
    ("instalment_plan", &["paid_minor"], i64::MIN, i64::MAX - 50),
    ("instalment", &["amount_minor"], 50, i64::MAX),
    ("instalment", &["paid_minor"], 0, i64::MAX - 50),
    ("instalment", &["returned_minor"], 0, 50),
    ("cheque", &["amount_minor"], 0, i64::MAX),
    ("invoice_series", &["first_month"], 0, 12),
    ("invoice", &["number", "tax_minor", "total_minor"], 0, i64::MAX),
    ("quota", &["reserved", "used"], 0, i64::MAX),
];

/// The n-th row of a kind, each column near an end of what it takes. What names a record names the n-th of its kind.
fn extreme_row(schema: &Schema, n: u8, text: &str) -> Row {
    let value = |(position, column): (usize, &Column)| {
        let even = (usize::from(n) + position).is_multiple_of(2);
        if column.nullable && even {
            return Value::Null;
        }
        match column.column_type {
            ColumnType::Bool => Value::Bool(even),
            ColumnType::Int => {
                let bounds =
                    BOUNDS.iter().find(|(kind, columns, ..)| *kind == schema.kind && columns.contains(&column.name));
                let (least, greatest) =
                    bounds.map_or((i64::MIN, i64::MAX), |(.., least, greatest)| (*least, *greatest));
                // All columns of a row at the same end, for the checks compare them.
                Value::Int(if n.is_multiple_of(2) { least + i64::from(n) } else { greatest - i64::from(n) })
            }
            ColumnType::Text => Value::Text(format!("{text}{n}")),
            ColumnType::Uuid => {
                let names_a_record = column.name == "id" || column.name.ends_with("_id");
                let own = if names_a_record { 0 } else { position as u128 + 1 };
                // Nobody is made one with themselves.
                let another = (schema.kind, column.name) == ("customer_merge", "survivor_id");
                let nth = if another { usize::from(n) % TEXTS.len() + 1 } else { usize::from(n) };
                Value::Uuid(uuid::Uuid::from_u128(own << 64 | nth as u128))
            }
            ColumnType::Time => Value::Time(if even { Timestamp::MIN } else { Timestamp::MAX }),
            ColumnType::Date => Value::Date(if even { CivilDate::MIN } else { CivilDate::MAX }),
            ColumnType::Json => Value::Json(json!({ text: [text, i64::MIN, null, {}] }).to_string()),
        }
    };
    schema.columns.iter().enumerate().map(value).collect()
}

/// Documents by what they say: a database may write them in its own way.
fn read_documents(row: &Row) -> Vec<(Value, Option<serde_json::Value>)> {
    let read = |value: &Value| match value {
        Value::Json(text) => (Value::Null, Some(serde_json::from_str(text).unwrap())),
        other => (other.clone(), None),
    };
    row.iter().map(read).collect()
}

/// Every table keeps every column, whatever is in it: all kinds there are, those of modules too.
pub fn tables_keep_every_column(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let schemas = bench.crm.schemas();
    let rows_of = |schema: &'static Schema| (1_u8..).zip(TEXTS).map(|(n, text)| extreme_row(schema, n, text));
    let all: Vec<(&'static Schema, Vec<Row>)> =
        schemas.iter().map(|schema| (schema, rows_of(schema).collect())).collect();
    assert!(all.len() > 40, "{} kinds", all.len());
    let stored = all.clone();
    let (ran, written) = bench.raw(Mode::Write, move |tx| {
        let written = stored.iter().try_for_each(|(schema, rows)| tx.insert(schema, rows.clone()));
        let written = written.and_then(|()| tx.flush());
        (if written.is_ok() { Verdict::Commit } else { Verdict::RollBack }, written)
    });
    written.unwrap().unwrap();
    assert_eq!(ran.unwrap(), Ran::Committed);
    let (_, read) = bench.raw(Mode::Read, move |tx| {
        for (schema, rows) in &all {
            let keys: Vec<_> = rows.iter().map(|row| schema.key_of(row)).collect();
            let found = tx.fetch(schema, &keys, Lock::None).unwrap();
            for (row, found) in rows.iter().zip(found) {
                let found = found.unwrap_or_else(|| panic!("{}: {row:?} is not there", schema.kind));
                for ((column, was), is) in schema.columns.iter().zip(read_documents(row)).zip(read_documents(&found)) {
                    assert_eq!(is, was, "{}.{}", schema.kind, column.name);
                }
            }
        }
        (Verdict::Commit, ())
    });
    read.unwrap();
}

/// A customer comes back with everything that is known of one.
pub fn customers_come_back_whole(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let full = NewCustomer {
        birth_date: Some(CivilDate::new(1979, 2, 11).unwrap()),
        national_id: Some("0499370899".into()),
        locale: Some("he-IL".into()),
        owner: Some(uuid::Uuid::max().into()),
        ..NewCustomer::person("שרה כהן").with_phone("+972 50 234 5678").with_email("sara@example.org").with_card("C 1")
    };
    let customer = bench.customer(full);
    let id = customer.id;
    assert!(bench.read(move |work| work.get::<Customer>(id)).unwrap() == customer);
}

/// An update moves the version on; one with a version that is not the stored one is refused.
pub fn stale_updates_conflict(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let first = specimen(&bench, "first", 1);
    let mut second = first.clone();
    second.label = "second".into();
    let second = update(&bench, &second).unwrap();
    assert_eq!(second.version, first.version.next());
    let mut stale = first.clone();
    stale.label = "stale".into();
    assert_eq!(update(&bench, &stale).unwrap_err().kind(), ErrorKind::Conflict);
    let stored = bench.read({
        let id = first.id;
        move |work| work.get::<Specimen>(id)
    });
    assert!(stored.unwrap() == second);

    // Twice in one job, with the version that came back and with the one before.
    let twice = bench.run(move |work| {
        let (mut once, mut again) = (second.clone(), second.clone());
        work.update(&mut once)?;
        assert_eq!(once.version, second.version.next());
        assert_eq!(work.update(&mut again).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(again.version, second.version, "a refused update leaves the entity as it was");
        work.update(&mut once)?;
        Ok(once)
    });
    let once = twice.unwrap();
    let stored = bench.read({
        let id = once.id;
        move |work| work.get::<Specimen>(id)
    });
    assert!(stored.unwrap() == once);

    let mut product = bench.goods("stale", 100);
    let before = product.clone();
    product.name = "changed".into();
    let changed = product.clone();
    bench.run(move |work| work.update(&mut changed.clone())).unwrap();
    let kind = bench.run(move |work| work.update(&mut before.clone())).unwrap_err().kind();
    assert_eq!(kind, ErrorKind::Conflict);
}

/// What was deleted is not found, not changed, and not deleted again; its key is free.
pub fn deleted_is_gone(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let gone = specimen(&bench, "gone", 1);
    let kind = |result: Result<()>| result.unwrap_err().kind();
    let of = |job: fn(&mut Permit<'_, '_>, &mut Specimen) -> Result<()>| {
        let gone = gone.clone();
        bench.run(move |work| job(work, &mut gone.clone()))
    };
    let mut newer = gone.clone();
    newer.size = 2;
    let newer = update(&bench, &newer).unwrap();
    assert_eq!(kind(of(|work, gone| work.delete(gone))), ErrorKind::Conflict, "the version is an older one");
    let remove = newer.clone();
    bench.run(move |work| work.delete(&remove)).unwrap();
    assert_eq!(kind(of(|work, gone| work.get::<Specimen>(gone.id).map(|_| ()))), ErrorKind::NotFound);
    assert_eq!(kind(of(|work, gone| work.lock::<Specimen>(gone.id).map(|_| ()))), ErrorKind::NotFound);
    assert_eq!(kind(of(|work, gone| work.update(&mut gone.clone()))), ErrorKind::NotFound);
    assert_eq!(kind(of(|work, gone| work.delete(gone))), ErrorKind::NotFound);
    assert_eq!(bench.read(|work| work.count(Filter::<Specimen>::all())).unwrap(), 0);
    of(|work, gone| work.insert(gone)).unwrap();

    // All of it in one job.
    of(|work, gone| {
        work.delete(gone)?;
        assert!(work.find::<Specimen>(&gone.id)?.is_none());
        assert_eq!(work.delete(gone).unwrap_err().kind(), ErrorKind::NotFound);
        gone.label = "anew".into();
        work.insert(gone)?;
        assert_eq!(work.get::<Specimen>(gone.id)?.label, "anew");
        assert_eq!(work.count(Filter::<Specimen>::all())?, 1);
        work.delete(gone)?;
        assert_eq!(work.select(Filter::<Specimen>::all()).all()?.len(), 0);
        Ok(())
    })
    .unwrap();
    assert_eq!(bench.read(|work| work.count(Filter::<Specimen>::all())).unwrap(), 0);
}

/// A key can be inserted once, in one job and in two.
pub fn keys_are_taken_once(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let taken = specimen(&bench, "taken", 1);
    let again = Specimen { label: "again".into(), ..taken.clone() };
    let error = bench.run(move |work| work.insert(&again)).unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { kind: "conformance.specimen", .. }), "{error}");
    let twice = bench.run(|work| {
        let one = Specimen::new(work.new_id(), "one", 1);
        work.insert_all(&[one.clone(), one])
    });
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let all = bench.read(|work| work.select(Filter::<Specimen>::all()).all()).unwrap();
    assert!(all == [taken], "nothing of what was refused is there");
}

/// A unique key is one row's, whoever comes second; nulls never collide; the error names the key.
pub fn unique_keys_are_enforced(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    bench.customer(NewCustomer::person("Has none"));
    bench.customer(NewCustomer::person("Has none either"));
    let first = bench.customer(NewCustomer::person("Ola").with_card("K-1"));
    let second = bench.customer(NewCustomer::person("Ela").with_card("K-2"));
    let unique = |error: Error| match error {
        Error::AlreadyExists { kind: "customer", unique } => unique.into_owned(),
        other => panic!("expected a taken card, got {other:?}"),
    };
    let create = || bench.run(|work| work.customers().create(NewCustomer::person("Ala").with_card("k 1")));
    assert_eq!(unique(create().unwrap_err()), "card");
    let steal = Customer { card_no: Some("K1".into()), ..second.clone() };
    assert_eq!(unique(bench.run(move |work| work.customers().update(&mut steal.clone())).unwrap_err()), "card");
    let of_own = Customer { name: "Ola Nowak".into(), ..first.clone() };
    bench.run(move |work| work.customers().update(&mut of_own.clone())).unwrap();
    // A key of two columns collides only as a whole.
    let (here, there) = (bench.branch("here"), bench.branch("there"));
    let product = bench.goods("piece", 100);
    let buy = |branch, key: &'static str| {
        let new = super::purchases::sale(branch, "R-1", product.id, 1);
        bench.run(move |work| work.purchases().record(&new, key))
    };
    super::purchases::receive(&bench, &product, here.id, 5);
    super::purchases::receive(&bench, &product, there.id, 5);
    buy(here.id, "1").unwrap();
    buy(there.id, "2").unwrap();
    let error = buy(here.id, "3").unwrap_err();
    assert!(matches!(&error, Error::AlreadyExists { kind: "purchase", unique } if unique == "receipt"), "{error:?}");
    bench.verify();
}

/// What one row gives up another can take in the same job, whichever key comes first.
pub fn unique_values_change_hands(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let one = bench.customer(NewCustomer::person("Jan").with_card("A1"));
    let two = bench.customer(NewCustomer::person("Ewa").with_card("B2"));
    for (giver, taker) in [(one.id, two.id), (two.id, one.id)] {
        bench
            .run(move |work| {
                let mut gives: Customer = work.get(giver)?;
                let card = gives.card_no.take();
                work.customers().update(&mut gives)?;
                let mut takes: Customer = work.get(taker)?;
                takes.card_no = card;
                work.customers().update(&mut takes)
            })
            .unwrap();
        let found = bench.read(|work| work.customers().search("a1", Limit::default())).unwrap();
        assert_eq!(found.iter().map(|found| found.customer.id).collect::<Vec<_>>(), [taker]);
    }
    // A deleted row gives up all it had.
    let product = bench.goods("S1", 1);
    bench
        .run(move |work| {
            work.delete(&product)?;
            work.insert(&Product { id: work.new_id(), ..product.clone() })
        })
        .unwrap();
    bench.verify();
}

fn specimen(bench: &Bench, label: &'static str, size: i64) -> Specimen {
    bench
        .run(move |work| {
            let specimen = Specimen::new(work.new_id(), label, size);
            work.insert(&specimen)?;
            Ok(specimen)
        })
        .unwrap()
}

fn update(bench: &Bench, specimen: &Specimen) -> Result<Specimen> {
    let specimen = specimen.clone();
    bench.run(move |work| {
        let mut changed = specimen.clone();
        work.update(&mut changed)?;
        Ok(changed)
    })
}
