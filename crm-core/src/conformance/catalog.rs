//! The catalogue and its stock.

use super::bench::{Bench, Factory, zloty};
use super::purchases::receive;
use crate::catalog::{Category, CategoryId, CategoryMove, Movement, NewProduct, Product, category_move};
use crate::kernel::page::Limit;
use crate::work::Filter;
use crate::{Error, ErrorKind, Result};

fn create(bench: &Bench, parent: Option<CategoryId>, name: &'static str) -> Result<Category> {
    bench.run(move |work| work.catalog().create_category(parent, name))
}

fn tree(bench: &Bench, top: CategoryId) -> Vec<String> {
    let tree = bench.read(move |work| work.catalog().subtree(top)).unwrap();
    let depth = |category: &Category| category.path.matches('/').count() - tree[0].path.matches('/').count();
    tree.iter().map(|category| format!("{}{}", "-".repeat(depth(category)), category.name)).collect()
}

/// A category moves with all below it, never under itself, and its history tells where it was.
pub fn categories_move(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let food = create(&bench, None, "Food").unwrap();
    let drinks = create(&bench, None, "Drinks").unwrap();
    let hot = create(&bench, Some(food.id), "Hot").unwrap();
    let tea = create(&bench, Some(hot.id), "Tea").unwrap();
    create(&bench, Some(tea.id), "Green").unwrap();
    assert_eq!(tree(&bench, food.id), ["Food", "-Hot", "--Tea", "---Green"]);
    let moved = |id, parent| bench.run(move |work| work.catalog().move_category(id, parent));
    for below in [tea.id, hot.id] {
        let refused = moved(hot.id, Some(below)).unwrap_err();
        assert!(matches!(refused, Error::Invalid { rule: "category.below_itself", .. }), "{refused:?}");
    }
    assert_eq!(moved(hot.id, Some(uuid::Uuid::max().into())).unwrap_err().kind(), ErrorKind::NotFound);
    let now = moved(hot.id, Some(drinks.id)).unwrap();
    assert_eq!((now.parent, now.path.clone()), (drinks.id, format!("{}/{}/", drinks.id, hot.id)));
    assert_eq!(tree(&bench, food.id), ["Food"]);
    assert_eq!(tree(&bench, drinks.id), ["Drinks", "-Hot", "--Tea", "---Green"]);
    moved(tea.id, None).unwrap();
    assert_eq!(tree(&bench, tea.id), ["Tea", "-Green"]);
    assert_eq!(tree(&bench, drinks.id), ["Drinks", "-Hot"]);
    let history: Vec<CategoryMove> =
        bench.read(move |work| work.select(category_move::category_id.eq(hot.id)).all()).unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!((&history[0].old_path, &history[0].new_path), (&hot.path, &now.path));

    // As deep as it goes, and not deeper: neither by a new category nor by a move.
    let mut deep = create(&bench, None, "0").unwrap();
    for _ in 1..crate::catalog::MAX_DEPTH {
        deep = create(&bench, Some(deep.id), "deeper").unwrap();
    }
    for refused in [create(&bench, Some(deep.id), "too deep"), moved(drinks.id, Some(deep.id))] {
        assert!(matches!(refused, Err(Error::Invalid { rule: "category.too_deep", .. })), "{refused:?}");
    }
    assert_eq!(tree(&bench, drinks.id), ["Drinks", "-Hot"]);
}

/// A name may be as long as it likes in what it is written with, but not in what it is indexed by.
pub fn names_fit_an_index(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let folds_to_many = "\u{fdfa}".repeat(200);
    let refused = bench.run(move |work| work.catalog().create_category(None, &folds_to_many)).unwrap_err();
    assert!(matches!(refused, Error::Invalid { rule: "text.too_long", .. }), "{refused:?}");
}

/// Sisters have different names, in any spelling, also when one moves in.
pub fn names_are_unique_among_sisters(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let top = create(&bench, None, "Żywność").unwrap();
    let other = create(&bench, None, "Other").unwrap();
    assert_eq!(create(&bench, None, "ZYWNOSC").unwrap_err().kind(), ErrorKind::AlreadyExists);
    create(&bench, Some(top.id), "Sery").unwrap();
    let same = create(&bench, Some(other.id), "sery").unwrap();
    let moved = bench.run(move |work| work.catalog().move_category(same.id, Some(top.id)));
    assert_eq!(moved.unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(tree(&bench, other.id), ["Other", "-sery"]);
    assert_eq!(create(&bench, None, " ").unwrap_err().kind(), ErrorKind::Invalid);
}

/// Products have one article number each, a price that is none below zero, and can be changed.
pub fn products_change(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let category = create(&bench, None, "Tea").unwrap();
    let product = bench.goods("T-1", 1999);
    let new = |sku: &str, price: i64| {
        let new = NewProduct { category: Some(category.id), ..NewProduct::service(sku, "Serving", zloty(price)) };
        bench.run(move |work| work.catalog().create_product(new.clone()))
    };
    assert_eq!(new(" T-1 ", 1).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(new("T-2", -1).unwrap_err().kind(), ErrorKind::Invalid);
    let served = new("T-2", 0).unwrap();
    let found = bench.read(|work| work.catalog().product_by_sku(" T-2 ")).unwrap();
    assert!(found == served && !found.stocked);
    let missing = bench.read(|work| work.catalog().product_by_sku("T-3"));
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    let in_category =
        bench.read(move |work| work.catalog().products(Some(category.id), Limit::default(), None)).unwrap();
    assert!(in_category.items == [served]);
    let id = product.id;
    let change = |change: fn(&mut Product)| {
        bench.run(move |work| {
            let mut product = work.catalog().product(id)?;
            change(&mut product);
            work.catalog().update_product(&mut product)
        })
    };
    change(|product| product.price_minor = 2499).unwrap();
    assert_eq!(change(|product| product.price_minor = -1).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(change(|product| product.sku = "T-2".into()).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(
        change(|product| product.category_id = Some(uuid::Uuid::nil().into())).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(bench.read(move |work| work.catalog().product(id)).unwrap().price(), zloty(2499));
}

/// Stock goes up and down, and below zero only where the product may be sold before it is there.
pub fn stock_never_falls_below_zero(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("stock").id;
    let product = bench.goods("S", 1);
    let on_hand = |id| bench.read(move |work| work.catalog().on_hand(id, branch)).unwrap();
    assert_eq!(on_hand(product.id), 0);
    receive(&bench, &product, branch, 3);
    let correct = |id, difference| bench.run(move |work| work.catalog().correct(id, branch, difference));
    correct(product.id, -3).unwrap();
    let refused = correct(product.id, -1).unwrap_err();
    assert!(matches!(refused, Error::Invalid { rule: "stock.insufficient", .. }), "{refused:?}");
    assert_eq!(correct(product.id, 0).unwrap_err().kind(), ErrorKind::Invalid);
    for quantity in [0, -1, i64::MIN] {
        let id = product.id;
        let refused = bench.run(move |work| work.catalog().receive(id, branch, quantity));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(on_hand(product.id), 0);
    receive(&bench, &product, branch, i64::MAX);
    let id = product.id;
    let full = bench.run(move |work| work.catalog().receive(id, branch, 1));
    assert_eq!(full.unwrap_err().kind(), ErrorKind::Invalid);
    let early = NewProduct { oversell: true, ..NewProduct::goods("E", "Early", zloty(1)) };
    let early = bench.run(move |work| work.catalog().create_product(early.clone())).unwrap();
    correct(early.id, -5).unwrap();
    assert_eq!(on_hand(early.id), -5);
    bench.verify();
}

/// Every movement is kept, the latest first, with its reason; refused ones leave no trace.
pub fn stock_has_a_history(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("history").id;
    let product = bench.goods("H", 1);
    for quantity in 1..=5 {
        receive(&bench, &product, branch, quantity);
    }
    let id = product.id;
    bench.run(move |work| work.catalog().correct(id, branch, -4)).unwrap();
    let _ = bench.run(move |work| work.catalog().correct(id, branch, -400));
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let cursor = after.clone();
        let page =
            bench.read(move |work| work.catalog().movements(id, branch, Limit::new(4)?, cursor.as_ref())).unwrap();
        seen.extend(page.items.into_iter().map(|movement| (movement.quantity, movement.movement)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let received = (1..=5).rev().map(|quantity| (quantity, Movement::Receipt));
    assert_eq!(seen, [(-4, Movement::Correction)].into_iter().chain(received).collect::<Vec<_>>());
    let service = bench.run(|work| work.catalog().create_product(NewProduct::service("V", "Visit", zloty(1)))).unwrap();
    receive_nothing(&bench, &service, branch);
    assert_eq!(bench.read(|work| work.count(Filter::<crate::catalog::Stock>::all())).unwrap(), 1);
    bench.verify();
}

/// A service has no stock to receive.
fn receive_nothing(bench: &Bench, service: &Product, branch: crate::branches::BranchId) {
    let id = service.id;
    let received = bench.run(move |work| work.catalog().receive(id, branch, 1));
    assert_eq!(received.unwrap_err().kind(), ErrorKind::Invalid);
}
