//! Discounts at many depths of a real tree of categories, and of an own small one.

use super::*;
use crm_core::pricing::Why;
use crm_core::pricing::preview::{compare, preview};
use std::collections::HashMap;

/// A tree from lines `id - a > b > c`, a product in every category, and a discount on every one whose number is a
/// multiple of `every`, deeper ones smaller.
fn planted(text: &str, every: usize) -> Shop {
    let mut by_path = HashMap::new();
    let mut categories = Vec::new();
    let mut rules = Vec::new();
    for (at, line) in text.lines().filter(|line| !line.starts_with('#')).enumerate() {
        let (number, path) = line.split_once(" - ").unwrap();
        let number: u128 = number.parse().unwrap();
        let above = path.rsplit_once(" > ").map_or(0, |(above, _)| by_path[above]);
        by_path.insert(path, number);
        categories.push(category(number, above));
        if at % every == 0 {
            let depth = i64::try_from(path.matches(" > ").count()).unwrap();
            rules.push(RuleTerms {
                name: path.chars().take(100).collect(),
                ..terms(Stage::Terms, on_category(number), percent(60 - 7 * depth))
            });
        }
    }
    let products: Vec<_> = categories
        .iter()
        .map(|category| {
            let number = uuid::Uuid::from(category.id).as_u128();
            product(number, 1_000, Some(number))
        })
        .collect();
    Shop::new(rules, products).with_categories(categories)
}

/// What each product costs by walking up the tree by hand.
fn by_hand(shop: &Shop) -> Vec<i64> {
    let parents: HashMap<_, _> = shop.categories.iter().map(|category| (category.id, category.parent)).collect();
    let offs: HashMap<_, _> = shop
        .rules
        .iter()
        .map(|rule| {
            let terms = &rule.terms.as_ref().unwrap().0;
            let (Assortment::Category(category), Adjustment::Percent(rate)) = (&terms.on, terms.adjustment) else {
                unreachable!()
            };
            (*category, rate.apply(1_000, crm_core::kernel::rate::Rounding::Floor).unwrap())
        })
        .collect();
    shop.products
        .values()
        .map(|product| {
            let up = std::iter::successors(product.category_id, |node| parents.get(node).copied());
            1_000 - up.into_iter().find_map(|node| offs.get(&node).copied()).unwrap_or(0)
        })
        .collect()
}

fn every_product_gets_its_deepest_discount(shop: &Shop) -> usize {
    let policy = shop.policy();
    let mut prices = Vec::new();
    preview(&policy, &context(), shop.products.values().cloned().map(Ok), |_, quote| {
        quote.verify()?;
        let line = &quote.lines[0];
        assert!(line.lost.iter().all(|lost| matches!(lost.why, Why::MoreSpecific(_))));
        prices.push(quote.total_minor);
        Ok(())
    })
    .unwrap();
    assert_eq!(prices, by_hand(shop));
    prices.len()
}

#[test]
fn of_a_small_tree() {
    let text = "1 - Food\n2 - Food > Tea\n3 - Food > Tea > Green\n4 - Food > Coffee\n5 - Books\n6 - Food > Tea > Green > Sencha";
    for every in 1..6 {
        assert_eq!(every_product_gets_its_deepest_discount(&planted(text, every)), 6);
    }
}

#[test]
fn of_a_real_tree_when_it_is_at_hand() {
    let folder = std::env::var("CRM_CASES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned());
    for (file, nodes) in
        [("google_taxonomy_en-US_2019-07-10.txt", 5_000), ("google_taxonomy_de-DE_2015-02-19.txt", 5_000)]
    {
        let Ok(text) = std::fs::read_to_string(format!("{folder}/taxonomy/{file}")) else { return };
        let shop = planted(&text, 6);
        assert!(every_product_gets_its_deepest_discount(&shop) > nodes);
        assert!(shop.rules.len() > 800);
    }
}

#[test]
fn a_changed_rule_shows_what_it_would_change() {
    let text = "1 - Food\n2 - Food > Tea\n3 - Food > Tea > Green\n4 - Books";
    let shop = planted(text, 100); // 60 % on Food
    let mut changed = shop.clone();
    changed.rules.push(rule(50, terms(Stage::Terms, on_category(2), percent(10))));
    changed.rules.push(rule(51, terms(Stage::Terms, on_category(4), percent(1))));
    let mut seen = Vec::new();
    let effect = compare(
        &shop.policy(),
        &changed.policy(),
        &context(),
        shop.products.values().cloned().map(Ok),
        |product, was, is| {
            seen.push((product.name.clone(), was.total_minor, is.total_minor));
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(
        seen,
        [("Product 2".into(), 400, 900), ("Product 3".into(), 400, 900), ("Product 4".into(), 1_000, 990)]
    );
    assert_eq!((effect.products, effect.cheaper, effect.dearer), (4, 1, 2));
    assert_eq!((effect.before_minor, effect.after_minor), (2_200, 3_190));
}
