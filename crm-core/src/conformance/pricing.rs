//! Price rules in the store, and quotes by them.

use super::bench::{Bench, Factory, at};
use super::partners::contract;
use crate::access::{Actor, Principal, Region};
use crate::branches::BranchId;
use crate::catalog::{CategoryId, NewProduct, ProductId};
use crate::customers::{CustomerId, NewCustomer};
use crate::kernel::rate::Rate;
use crate::kernel::time::Timestamp;
use crate::pricing::{
    Adjustment, Assortment, Audience, Cart, Confirmed, Fault, NewRule, Policy, PriceRule, Quote, QuoteRequest, READ,
    RuleTerms, Stage, TaxMode,
};
use crate::{Error, ErrorKind, Result};

fn percent(stage: Stage, on: Assortment, percent: i64) -> RuleTerms {
    RuleTerms::new("a rule", stage, on, Adjustment::Percent(Rate::percent(percent)))
}

fn save(bench: &Bench, new: NewRule) -> Result<PriceRule> {
    bench.run(move |work| work.pricing().save_rule(new.clone())).map(|(rule, _)| rule)
}

/// A branch, two categories one below the other, and a product at 100.00 in the lower one.
struct Shop {
    branch: BranchId,
    food: CategoryId,
    tea: CategoryId,
    product: ProductId,
}

fn shop(bench: &Bench) -> Shop {
    let branch = bench.branch("shop").id;
    let (food, tea, product) = bench
        .run(|work| {
            let food = work.catalog().create_category(None, "Food")?.id;
            let tea = work.catalog().create_category(Some(food), "Tea")?.id;
            let new = NewProduct::goods("tea", "Tea", super::bench::zloty(10_000));
            let product = work.catalog().create_product(NewProduct { category: Some(tea), ..new })?;
            Ok((food, tea, product.id))
        })
        .unwrap();
    Shop { branch, food, tea, product }
}

impl Shop {
    fn request(&self, customer: Option<CustomerId>, when: Option<Timestamp>) -> QuoteRequest {
        QuoteRequest { branch: self.branch, customer, at: when, cart: Cart::of([(self.product, 1)]) }
    }

    fn quote(&self, bench: &Bench, customer: Option<CustomerId>, when: Option<Timestamp>) -> Quote {
        let request = self.request(customer, when);
        let quote = bench.read(move |work| work.pricing().quote(&request)).unwrap();
        quote.verify().unwrap();
        quote
    }

    fn total(&self, bench: &Bench) -> i64 {
        self.quote(bench, None, None).total_minor
    }
}

/// A rule changes by another version, from now on or later, and never in the past; what was in force stays known.
pub fn rules_have_versions(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let terms = |n| percent(Stage::Campaign, Assortment::Everything, n);
    let rule = save(&bench, NewRule::now(terms(10))).unwrap();
    assert_eq!((rule.number, shop.total(&bench)), (1, 9_000));
    let later = at("2025-03-22T00:00:00Z");
    let next = NewRule { rule: Some(rule.id), from: Some(later), until: None, terms: terms(20) };
    assert_eq!(save(&bench, next.clone()).unwrap().number, 2);
    assert_eq!(shop.total(&bench), 9_000);
    let past = NewRule { from: Some(at("2025-03-21T08:59:59Z")), ..next.clone() };
    assert!(matches!(save(&bench, past), Err(Error::Invalid { rule: "rule.in_the_past", .. })));
    let nothing = NewRule { until: Some(later), ..next.clone() };
    assert!(matches!(save(&bench, nothing), Err(Error::Invalid { rule: "rule.period", .. })));
    let unknown = NewRule { rule: Some(uuid::Uuid::nil().into()), ..next };
    assert_eq!(save(&bench, unknown).unwrap_err().kind(), ErrorKind::NotFound);
    bench.clock.set(at("2025-03-23T09:00:00Z"));
    assert_eq!(shop.total(&bench), 8_000);
    bench.run(move |work| work.pricing().retire_rule(rule.id, None)).unwrap();
    assert_eq!(shop.total(&bench), 10_000);
    // A purchase that is dated back has the price of its day.
    let back = |time| shop.quote(&bench, None, Some(at(time))).total_minor;
    assert_eq!(
        [back("2025-03-21T08:00:00Z"), back("2025-03-21T10:00:00Z"), back("2025-03-22T10:00:00Z")],
        [10_000, 9_000, 8_000]
    );
    let request = shop.request(None, Some(at("2025-03-23T09:00:01Z")));
    assert!(bench.read(move |work| work.pricing().quote(&request)).is_err(), "not in the future");
    let versions = bench.read(move |work| work.pricing().versions(rule.id)).unwrap();
    assert_eq!(versions.iter().map(|version| version.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(versions[2].terms.is_none());
    bench.verify();
}

/// What is wrong is not saved; what is odd is saved and told.
pub fn faults_are_refused_and_findings_told(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    for (terms, code) in [
        (percent(Stage::Campaign, Assortment::Everything, 101), "rule.percent_range"),
        (percent(Stage::Campaign, Assortment::Everything, -1), "rule.percent_range"),
        (percent(Stage::Manual, Assortment::Everything, 1), "rule.stage"),
        (percent(Stage::Terms, Assortment::Category(uuid::Uuid::max().into()), 1), "rule.category_unknown"),
    ] {
        let refused = save(&bench, NewRule::now(terms)).unwrap_err();
        assert!(matches!(refused, Error::Invalid { rule, .. } if rule == code), "{refused:?}");
    }
    assert_eq!(shop.total(&bench), 10_000);
    let new = |n| NewRule::now(percent(Stage::Campaign, Assortment::Everything, n));
    let better = save(&bench, new(10)).unwrap();
    let (worse, findings) = bench.run(move |work| work.pricing().save_rule(new(5))).unwrap();
    let told: Vec<_> = findings.iter().map(|finding| (finding.rule, finding.fault, finding.other)).collect();
    assert_eq!(told, [(worse.id, Fault::Shadowed, Some(better.id))]);
    assert_eq!(bench.read(|work| work.pricing().check()).unwrap(), findings);
}

/// A quote follows every change of rules, categories, products and taxes; what was not committed leaves nothing behind.
pub fn quotes_follow_the_store(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    assert_eq!(shop.total(&bench), 10_000);
    let on_food = percent(Stage::Terms, Assortment::Category(shop.food), 10);
    save(&bench, NewRule::now(on_food)).unwrap();
    assert_eq!(shop.total(&bench), 9_000);

    // Compiled in a unit of work that fails, and then something else is saved in its place.
    let (request, tea) = (shop.request(None, None), shop.tea);
    let failed: Result<()> = bench.run(move |work| {
        work.pricing().save_rule(NewRule::now(percent(Stage::Terms, Assortment::Category(tea), 90)))?;
        assert_eq!(work.pricing().quote(&request)?.total_minor, 1_000);
        Err(Error::invalid("test", "test.fails"))
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(shop.total(&bench), 9_000);
    save(&bench, NewRule::now(percent(Stage::Terms, Assortment::Category(shop.tea), 20))).unwrap();
    assert_eq!(shop.total(&bench), 8_000);

    let (food, tea) = (shop.food, shop.tea);
    let spices = bench.run(move |work| {
        let spices = work.catalog().create_category(Some(tea), "Spiced")?.id;
        let mut product = work.catalog().product_by_sku("tea")?;
        product.category_id = Some(spices);
        work.catalog().update_product(&mut product)?;
        Ok(spices)
    });
    assert_eq!(shop.total(&bench), 8_000);
    let spices = spices.unwrap();
    bench.run(move |work| work.catalog().move_category(spices, Some(food))).unwrap();
    assert_eq!(shop.total(&bench), 9_000);
    bench.run(move |work| work.catalog().move_category(spices, None)).unwrap();
    assert_eq!(shop.total(&bench), 10_000);

    bench
        .run(move |work| {
            let from = "2020-01-01".parse()?;
            work.pricing().add_tax_rate("A", None, from, Rate::percent(23), TaxMode::OnTop)?;
            work.catalog().set_category_tax_class(spices, Some("A")).map(drop)
        })
        .unwrap();
    assert_eq!((shop.total(&bench), shop.quote(&bench, None, None).tax_minor), (12_300, 2_300));
    let too_much = bench.run(move |work| {
        work.pricing().add_tax_rate("A", None, "2020-01-01".parse()?, Rate::percent(101), TaxMode::OnTop)
    });
    assert!(matches!(too_much, Err(Error::Invalid { rule: "tax.rate_range", .. })));
}

/// Partners get the terms of their groups while the contract is valid, and nobody else does.
pub fn partners_get_their_terms(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let partner = bench.customer(NewCustomer::person("Ala")).id;
    let other = bench.customer(NewCustomer::person("Ola")).id;
    let group = bench.run(|work| work.partners().create_partner_group("Wholesale", 0)).unwrap().id;
    let terms = percent(Stage::Terms, Assortment::Category(shop.food), 15).for_whom(Audience::partners(group));
    save(&bench, NewRule::now(terms)).unwrap();
    let signed = contract(1, Some(22), &[group]);
    bench.run(move |work| work.partners().sign(partner, &signed)).unwrap();
    let total = |who| shop.quote(&bench, who, None).total_minor;
    assert_eq!([total(Some(partner)), total(Some(other)), total(None)], [8_500, 10_000, 10_000]);
    // The last day ends with the business day of the branch, in Warsaw: at 23:00 UTC.
    bench.clock.set(at("2025-03-22T22:59:59Z"));
    assert_eq!(total(Some(partner)), 8_500);
    bench.clock.set(at("2025-03-22T23:00:00Z"));
    assert_eq!(total(Some(partner)), 10_000);
}

/// A price is confirmed by its digest; when it has changed, the new one is told (S-47).
pub fn a_price_is_confirmed(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let first = shop.quote(&bench, None, None);
    let confirm = |digest: [u8; 32]| {
        let request = shop.request(None, None);
        bench.read(move |work| work.pricing().confirm(&request, &digest)).unwrap()
    };
    bench.clock.set(at("2025-03-21T12:00:00Z"));
    let elsewhere = Assortment::Product(uuid::Uuid::max().into());
    save(&bench, NewRule::now(percent(Stage::Terms, elsewhere, 10))).unwrap();
    assert_eq!(confirm(first.digest()), Confirmed::Same(first.clone()));
    save(&bench, NewRule::now(percent(Stage::Terms, Assortment::Everything, 10))).unwrap();
    let Confirmed::Changed(now) = confirm(first.digest()) else { panic!("the price is another one") };
    assert_eq!((now.total_minor, confirm(now.digest())), (9_000, Confirmed::Same(now.clone())));
}

/// What a partner group pays for a category, product by product.
pub fn previews_tell_what_partners_pay(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let group = bench.run(|work| work.partners().create_partner_group("B", 0)).unwrap().id;
    let terms = percent(Stage::Terms, Assortment::Category(shop.tea), 15).for_whom(Audience::partners(group));
    save(&bench, NewRule::now(terms)).unwrap();
    let food = shop.food;
    bench
        .run(move |work| {
            let new = NewProduct::goods("bread", "Bread", super::bench::zloty(500));
            work.catalog().create_product(NewProduct { category: Some(food), ..new }).map(drop)
        })
        .unwrap();
    let request = shop.request(None, None);
    let seen = bench.read(move |work| {
        let mut context = work.pricing().context(&request)?;
        context.partner_groups.push(group);
        let mut seen = Vec::new();
        work.pricing().preview(food, &context, |product, quote| {
            seen.push((product.sku.clone(), quote.list_minor, quote.total_minor));
            Ok(())
        })?;
        Ok(seen)
    });
    assert_eq!(seen.unwrap(), [("bread".to_owned(), 500, 500), ("tea".to_owned(), 10_000, 8_500)]);
}

/// Rules and prices ask for their permissions, and a grant for one branch does not reach another.
pub fn nobody_prices_without_a_grant(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let there = bench.branch("there").id;
    let nobody = Actor::new(Principal::User(uuid::Uuid::nil().into()));
    let seller = nobody.clone().granted(READ, Region::branches([shop.branch]));
    let ask = |actor: &Actor, request: QuoteRequest| {
        bench.run_as(actor, move |work| work.pricing().quote(&request)).map(|quote| quote.total_minor)
    };
    assert_eq!(ask(&seller, shop.request(None, None)).unwrap(), 10_000);
    let elsewhere = QuoteRequest { branch: there, ..shop.request(None, None) };
    for (actor, request) in [(&nobody, shop.request(None, None)), (&seller, elsewhere)] {
        assert_eq!(ask(actor, request).unwrap_err().kind(), ErrorKind::Denied);
    }
    let new = NewRule::now(percent(Stage::Terms, Assortment::Everything, 99));
    let saved = bench.run_as(&seller, move |work| work.pricing().save_rule(new.clone()));
    assert_eq!(saved.unwrap_err().kind(), ErrorKind::Denied);
    let compiled: Result<std::sync::Arc<Policy>> = bench.run_as(&nobody, |work| work.pricing().policy());
    assert_eq!(compiled.unwrap_err().kind(), ErrorKind::Denied);
}
