//! Rows: what goes in comes out, versions, unique keys.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::bench::{Bench, Factory};
use super::sample::{Specimen, any_specimen};
use crate::catalog::{Product, Stock, StockMovement};
use crate::customers::{Customer, NewCustomer};
use crate::kernel::currency::Currency;
use crate::kernel::page::Limit;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::module::OutboxMessage;
use crate::work::{Entity, Filter, Json, Permit, Version};
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

/// Tables keep every column.
pub fn tables_keep_every_column(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("Łódź");
    for (n, text) in (1_u128..).zip(TEXTS) {
        let id = uuid::Uuid::from_u128(n);
        comes_back(
            &bench,
            &Customer {
                id: id.into(),
                version: Version::FIRST,
                kind: crate::customers::CustomerKind::Organisation,
                stage: crate::customers::Stage::Prospect,
                name: text.to_owned(),
                folded_name: text.to_owned(),
                phone: None,
                email: None,
                card_no: Some(format!("{text}{n}")),
                national_id: None,
                birth_date: (n % 2 == 0).then_some(CivilDate::MIN),
                branch_id: (n % 2 == 1).then_some(branch.id),
                owner_id: (n % 2 == 0).then_some(id.into()),
                referrer_id: (n > 1).then_some(uuid::Uuid::from_u128(1).into()),
                locale: None,
                created_at: Timestamp::MAX,
            },
        );
        comes_back(
            &bench,
            &Product {
                id: id.into(),
                version: Version::FIRST,
                sku: format!("{text}{n}"),
                name: text.to_owned(),
                category_id: None,
                price_minor: i64::MAX,
                currency: Currency::new("IRR").unwrap(),
                stocked: n % 2 == 0,
                oversell: n % 3 == 0,
                active: n % 5 == 0,
                floor_minor: (n % 2 == 0).then_some(i64::MAX),
                tax_class: (n % 3 == 0).then(|| text.to_owned()),
                attributes: crate::work::Json([("brand".to_owned(), text.to_owned())].into()),
            },
        );
        comes_back(&bench, &Stock { product_id: id.into(), branch_id: branch.id, on_hand: i64::MIN });
        comes_back(
            &bench,
            &StockMovement {
                product_id: id.into(),
                branch_id: branch.id,
                id: id.into(),
                quantity: i64::MAX,
                movement: crate::catalog::Movement::Correction,
                cause: (n % 2 == 0).then_some(id),
                recorded_at: Timestamp::MIN,
            },
        );
        comes_back(
            &bench,
            &OutboxMessage {
                id: id.into(),
                version: Version::FIRST,
                topic: text.to_owned(),
                payload: Json(json!({ text: [text, "x".repeat(100_000)], "n": i64::MIN })),
                due_at: Timestamp::MAX,
                attempts: u32::MAX,
                last_error: (n % 2 == 0).then(|| text.to_owned()),
                dead: true,
            },
        );
    }
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
