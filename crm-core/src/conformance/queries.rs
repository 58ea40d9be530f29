//! Queries: every backend gives the answers that [`Criteria::matches`] and [`Query::answer`](crate::work::Query) define.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use uuid::Uuid;

use super::bench::{Bench, Factory};
use super::rows::draw;
use super::sample::{Specimen, any_specimen, any_text, specimen};
use crate::ErrorKind;
use crate::catalog::Product;
use crate::customers::{Customer, CustomerKind, Stage};
use crate::kernel::currency::Currency;
use crate::kernel::page::{Cursor, CursorValue, Limit};
use crate::kernel::time::{CivilDate, Timestamp};
use crate::work::{
    Col, Column, ColumnType, Comparison, Criteria, Direction, Entity, Filter, Permit, Query, Row, Select, Value,
    Version,
};

/// Values to compare a column with: those that are stored, their neighbours, and the ends.
fn operands(rows: &[Row], at: usize, column: &Column) -> Vec<Value> {
    let mut values: Vec<Value> = rows.iter().filter_map(|row| row.get(at)).cloned().collect();
    values.push(Value::Null);
    match column.column_type {
        ColumnType::Bool => values.extend([Value::Bool(false), Value::Bool(true)]),
        ColumnType::Int => values.extend([i64::MIN, -1, 0, 1, i64::MAX].map(Value::Int)),
        ColumnType::Text => {
            values.extend(
                ["", "%", "_", "\\", "a%", "ż", "\u{7f}", "\u{d7ff}", "\u{10ffff}"]
                    .map(|text| Value::Text(text.into())),
            );
        }
        ColumnType::Uuid => values.extend([0, 1, u128::MAX].map(|n| Value::Uuid(Uuid::from_u128(n)))),
        ColumnType::Time => {
            values.extend([Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX].map(Value::Time));
        }
        ColumnType::Date => values.extend([CivilDate::MIN, CivilDate::MAX].map(Value::Date)),
        ColumnType::Json => {}
    }
    values
}

/// The beginning of a text, cut between two characters.
fn beginning(text: &str, cut: Index) -> String {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    text[..*cut.get(&ends)].to_owned()
}

/// Any condition on rows of this kind.
fn any_criteria<E: Entity>(rows: &[Row]) -> impl Strategy<Value = Criteria> + use<E> {
    let columns = E::SCHEMA.columns.iter().enumerate();
    let columns: Vec<_> = columns
        .filter(|(_, column)| column.column_type != ColumnType::Json)
        .map(|(at, column)| (at, operands(rows, at, column)))
        .collect();
    let columns = Arc::new(columns);
    let parts = (any::<Index>(), 0..9_u8, any::<Index>(), prop::collection::vec(any::<Index>(), 0..4), any::<Index>());
    let leaf = parts.prop_map(move |(column, form, value, several, cut)| {
        let (at, values) = column.get(&columns);
        let value = value.get(values);
        let comparison = match form {
            0 => Comparison::Equal,
            1 => Comparison::NotEqual,
            2 => Comparison::Less,
            3 => Comparison::LessOrEqual,
            4 => Comparison::Greater,
            5 => Comparison::GreaterOrEqual,
            6 => return Criteria::In(*at, several.iter().map(|one| one.get(values).clone()).collect()),
            7 => match value {
                Value::Text(text) => return Criteria::StartsWith(*at, beginning(text, cut)),
                _ => return Criteria::IsNull(*at),
            },
            _ => return Criteria::IsNull(*at),
        };
        Criteria::Compare(*at, comparison, value.clone())
    });
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Criteria::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Criteria::Any),
            inner.prop_map(|part| Criteria::Not(Box::new(part))),
        ]
    })
}

fn runner() -> TestRunner {
    TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 500, ..Config::default() })
}

fn ordered<'w, 't, E: Entity>(
    work: &'w mut Permit<'_, 't>,
    filter: Filter<E>,
    order: &[usize],
    descending: bool,
) -> Select<'w, 't, E> {
    let select = order.iter().fold(work.select(filter), |select, &at| select.order_by(Col::<E, String>::at(at)));
    if descending { select.descending() } else { select }
}

/// Stores the entities, and compares the answers to random queries with their definition.
fn answers_agree<E: Entity>(bench: &Bench, entities: &[E]) {
    let stored = entities.to_vec();
    bench.run(move |work| work.insert_all(&stored)).unwrap();
    let rows: Vec<Row> = entities.iter().map(Entity::to_row).collect();
    let columns = E::SCHEMA.columns.iter().enumerate();
    let orders: Vec<usize> =
        columns.filter(|(_, c)| !c.nullable && c.column_type != ColumnType::Json).map(|(at, _)| at).collect();
    let order = prop::collection::vec(prop::sample::select(orders), 0..3);
    let asked = (any_criteria::<E>(&rows), order, any::<bool>(), 1..20_u32);
    let checked = runner().run(&asked, |(criteria, order, descending, limit)| {
        let mut whole = order.clone();
        whole.extend(E::SCHEMA.key.iter().filter(|key| !order.contains(key)));
        let query = Query {
            schema: E::SCHEMA,
            criteria: criteria.clone(),
            order: whole,
            direction: if descending { Direction::Descending } else { Direction::Ascending },
            after: None,
            limit: 0,
        };
        let expected = query.answer(rows.iter().cloned());
        let answer = bench.read(move |work| {
            let filter = || Filter::<E>::from(criteria.clone());
            let all: Vec<Row> = ordered(work, filter(), &order, descending).all()?.iter().map(Entity::to_row).collect();
            let page: Vec<Row> = ordered(work, filter(), &order, descending)
                .page(Limit::new(limit)?, None)?
                .items
                .iter()
                .map(Entity::to_row)
                .collect();
            let first: Option<Row> = ordered(work, filter(), &order, descending).first()?.as_ref().map(Entity::to_row);
            Ok((all, page, first, work.count(filter())?))
        });
        let (all, page, first, count) = answer.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&all, &expected);
        prop_assert_eq!(count, expected.len() as u64);
        prop_assert_eq!(first.as_ref(), expected.first());
        prop_assert_eq!(page, expected.iter().take(limit as usize).cloned().collect::<Vec<_>>());
        Ok(())
    });
    if let Err(failure) = checked {
        panic!("{failure}");
    }
}

/// Random conditions and orders on records.
pub fn filters_of_records(factory: Factory<'_>) {
    answers_agree::<Specimen>(&Bench::open(factory), &draw(any_specimen(), 50));
}

/// Random conditions and orders on a table without nulls in most columns.
pub fn filters_of_products(factory: Factory<'_>) {
    let any = (any::<u128>(), any_text(), any_text(), 0..4_i64, any::<(bool, bool, bool)>());
    let product = any.prop_map(|(id, sku, name, price_minor, (stocked, oversell, active))| Product {
        id: Uuid::from_u128(id).into(),
        version: Version::FIRST,
        // The end keeps article numbers apart.
        sku: format!("{sku}{id}"),
        name,
        category_id: None,
        price_minor: if price_minor == 3 { i64::MAX } else { price_minor },
        currency: Currency::new(if stocked { "PLN" } else { "ILS" }).unwrap(),
        stocked,
        oversell,
        active,
        floor_minor: oversell.then_some(price_minor),
        tax_class: active.then(|| "food".to_owned()),
        attributes: crate::work::Json::default(),
    });
    answers_agree::<Product>(&Bench::open(factory), &draw(product, 50));
}

/// Random conditions and orders on a table with many nulls.
pub fn filters_of_customers(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("filters").id;
    let texts = (any_text(), any_text(), prop::option::of(any_text()), prop::option::of(any_text()));
    let days = prop::option::of(prop::sample::select(vec![CivilDate::MIN.days(), -1, 0, 1, CivilDate::MAX.days()]));
    let any = (any::<u128>(), texts, days, any::<(bool, bool)>(), -3..4_i64);
    let customer =
        any.prop_map(move |(id, (name, folded_name, card, locale), days, (person, home), micros)| Customer {
            id: Uuid::from_u128(id).into(),
            version: Version::FIRST,
            kind: if person { CustomerKind::Person } else { CustomerKind::Organisation },
            stage: Stage::Lead,
            name,
            folded_name,
            phone: None,
            email: None,
            card_no: card.map(|card| format!("{card}{id}")),
            national_id: None,
            birth_date: days.map(|days| CivilDate::from_days(days).unwrap()),
            branch_id: home.then_some(branch),
            owner_id: None,
            referrer_id: None,
            locale,
            created_at: Timestamp::from_micros(micros).unwrap(),
            merged_into_id: None,
        });
    answers_agree::<Customer>(&bench, &draw(customer, 50));
}

/// Specimens with few labels and sizes, so that places in an order are shared.
fn crowd(count: usize) -> Vec<Specimen> {
    let labels = ["", "a", "A", "ż", "😀"];
    (0..count)
        .map(|n| Specimen::new(Uuid::from_u128((n as u128 * 7919) % 1009).into(), labels[n % 5], (n % 3) as i64))
        .collect()
}

fn place(by_label: bool, specimen: &Specimen) -> (&str, i64, Uuid) {
    (if by_label { &specimen.label } else { "" }, if by_label { specimen.size } else { 0 }, specimen.id.into())
}

/// A page as [`Bench`] gives it.
fn page(
    bench: &Bench,
    by_label: bool,
    descending: bool,
    limit: u32,
    after: Option<&Cursor>,
) -> (Vec<Specimen>, Option<Cursor>) {
    // A cursor travels as text.
    let after = after.map(|cursor| Cursor::decode(&cursor.encode()).unwrap());
    let page = bench.read(move |work| {
        let mut select = work.select(specimen::size.ge(0));
        if by_label {
            select = select.order_by(specimen::label).order_by(specimen::size);
        }
        let select = if descending { select.descending() } else { select };
        select.page(Limit::new(limit)?, after.as_ref())
    });
    let page = page.unwrap();
    (page.items, page.next)
}

/// Pages of every size, in both directions, by the key and by columns that many share: together they are the list.
pub fn pages_at_every_boundary(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let mut all = crowd(12);
    let stored = all.clone();
    bench.run(move |work| work.insert_all(&stored)).unwrap();
    for (by_label, descending) in [(false, false), (false, true), (true, false), (true, true)] {
        all.sort_by(|a, b| place(by_label, a).cmp(&place(by_label, b)));
        if descending {
            all.reverse();
        }
        for limit in 1..=13 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let (items, next) = page(&bench, by_label, descending, limit, after.as_ref());
                assert!(items.len() == limit as usize || next.is_none(), "only the last page is short");
                seen.extend(items);
                after = next;
                if after.is_none() {
                    break;
                }
            }
            assert!(seen == all, "pages of {limit} in order {by_label} {descending}");
        }
    }
}

/// Rows that come and go between two pages shift nothing: each page is what the definition says of that moment, and
/// what was there all the time comes exactly once.
pub fn pages_while_rows_come_and_go(factory: Factory<'_>) {
    for (by_label, descending) in [(false, false), (false, true), (true, false), (true, true)] {
        let bench = Bench::open(factory);
        let mut here = crowd(40);
        let mut stayed: Vec<Specimen> = here.clone();
        let stored = here.clone();
        bench.run(move |work| work.insert_all(&stored)).unwrap();
        let (mut seen, mut after, mut last): (Vec<Specimen>, _, Option<Specimen>) = (Vec::new(), None, None);
        for step in 0_usize.. {
            let (items, next) = page(&bench, by_label, descending, 3, after.as_ref());
            let mut expected: Vec<_> = here.iter().collect();
            expected.sort_by(|a, b| place(by_label, a).cmp(&place(by_label, b)));
            if descending {
                expected.reverse();
            }
            expected.retain(|one| {
                last.as_ref().is_none_or(|last| {
                    let order = place(by_label, one).cmp(&place(by_label, last));
                    if descending { order.is_lt() } else { order.is_gt() }
                })
            });
            assert!(items.iter().eq(expected.into_iter().take(3)), "step {step} of {by_label} {descending}");
            last = items.last().cloned().or(last);
            seen.extend(items);
            after = next;
            if after.is_none() {
                break;
            }
            // One comes, one goes, and sometimes it is the very row the next page begins after.
            let new =
                Specimen::new(Uuid::from_u128(step as u128 * 31 + 5000).into(), ["a", "ż"][step % 2], step as i64 % 3);
            let going = if step % 3 == 0 { last.clone() } else { here.get(step * 5 % here.len()).cloned() }.unwrap();
            here.retain(|one| one.id != going.id);
            stayed.retain(|one| one.id != going.id);
            here.push(new.clone());
            bench
                .run(move |work| {
                    work.insert(&new)?;
                    work.delete(&going)
                })
                .unwrap();
        }
        for one in stayed {
            assert_eq!(seen.iter().filter(|seen| seen.id == one.id).count(), 1);
        }
    }
}

/// Cursors of other queries, orders by what may be null, conditions on documents or of another type: refused as invalid
/// input, by whatever path they come.
pub fn strange_queries_are_refused(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let invalid = |result: crate::Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::Invalid);
    let cursors = [
        vec![],
        vec![CursorValue::Null],
        vec![CursorValue::Int(1)],
        vec![CursorValue::Text("x".into())],
        vec![CursorValue::Bytes(vec![0; 15])],
        vec![CursorValue::Bytes(vec![0; 16]), CursorValue::Int(0)],
    ];
    for values in cursors {
        let cursor = Cursor::new(values).unwrap();
        invalid(bench.read(move |work| {
            work.select(Filter::<Specimen>::all()).page(Limit::default(), Some(&cursor)).map(|_| ())
        }));
    }
    invalid(bench.read(|work| work.select(Filter::<Specimen>::all()).order_by(specimen::note).all().map(|_| ())));
    invalid(bench.read(|work| work.select(Filter::<Specimen>::all()).order_by(specimen::document).all().map(|_| ())));
    let position = specimen::document.position();
    let strange = [
        Criteria::IsNull(position),
        Criteria::Compare(position, Comparison::Equal, Value::Json("{}".into())),
        Criteria::Compare(specimen::size.position(), Comparison::Less, Value::Text("1".into())),
        Criteria::In(specimen::label.position(), vec![Value::Text("a".into()), Value::Int(1)]),
        Criteria::StartsWith(specimen::size.position(), "1".into()),
        Criteria::IsNull(99),
    ];
    for criteria in strange {
        let nested = Criteria::Not(Box::new(Criteria::Any(vec![Criteria::everything(), criteria])));
        let (one, two) = (nested.clone(), nested);
        invalid(bench.read(move |work| work.select(Filter::<Specimen>::from(one.clone())).all().map(|_| ())));
        invalid(bench.read(move |work| work.count(Filter::<Specimen>::from(two.clone())).map(|_| ())));
    }
}
