//! What a wholesale partner pays on Nowruz, and why: terms of a partner group on a category and on one below it, a
//! promotion on named days, a cash discount, and the explanation in two languages.

use crm_core::access::Actor;
use crm_core::branches::NewBranch;
use crm_core::catalog::NewProduct;
use crm_core::customers::NewCustomer;
use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::currency::Currencies;
use crm_core::kernel::language::Language;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::ManualClock;
use crm_core::partners::Contract;
use crm_core::pricing::explain::{Names, explain};
use crm_core::pricing::{
    Adjustment, Assortment, Audience, Cart, Days, Discount, NamedDay, NewRule, Off, QuoteRequest, RuleTerms, Stage,
};
use crm_core::{Crm, Result};
use crm_storage_diesel::DieselStorage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Noon of 1 Farvardin 1404, the first day of Nowruz.
    let nowruz = ManualClock::new("2025-03-21T11:00:00Z".parse()?);
    let crm = Crm::builder(DieselStorage::open("sqlite::memory:")?).clock(nowruz).build().await?;
    let (total, preview) = crm
        .run(&Actor::system(), "price policy", |work| {
            let branch = work.branches().create(NewBranch::named("Warszawa", "Europe/Warsaw", "PLN"))?;
            let zloty = |minor| Money::new(minor, branch.currency);

            // Tea lies below food.
            let food = work.catalog().create_category(None, "Food")?.id;
            let tea = work.catalog().create_category(Some(food), "Tea")?.id;
            let sold = |sku: &str, name: &str, price, category| NewProduct {
                category: Some(category),
                ..NewProduct::goods(sku, name, zloty(price))
            };
            let bread = work.catalog().create_product(sold("bread", "Bread", 1_000, food))?;
            let green = work.catalog().create_product(sold("green", "Green tea", 5_000, tea))?;

            // Partners of group B: 15 % off food, and 20 % off tea, which is the deeper category and so goes first.
            let group = work.partners().create_partner_group("B", 0)?.id;
            for (name, category, percent) in [("Wholesale food", food, 15), ("Wholesale tea", tea, 20)] {
                let off = Adjustment::Percent(Rate::percent(percent));
                let terms = RuleTerms::new(name, Stage::Terms, Assortment::Category(category), off);
                work.pricing().save_rule(NewRule::now(terms.for_whom(Audience::partners(group))))?;
            }
            // For everybody, every year: 10 % off tea on the 13 days of Nowruz.
            let named = NamedDay { name: "Nowruz".into(), calendar: Calendar::Jalali, month: 1, day: 1, days: 13 };
            let ten = Adjustment::Percent(Rate::percent(10));
            let promotion = RuleTerms {
                days: Some(Days { named: vec![named], ..Days::default() }),
                ..RuleTerms::new("Nowruz tea", Stage::Campaign, Assortment::Category(tea), ten)
            };
            work.pricing().save_rule(NewRule::now(promotion))?;

            // A partner by contract buys, and the seller rounds the bill.
            let partner = work.customers().create(NewCustomer::person("Łucja Żółć"))?.id;
            let contract = Contract {
                contract_no: "2025/1".into(),
                valid_from: "2025-01-01".parse()?,
                valid_through: None,
                groups: vec![group],
            };
            work.partners().sign(partner, &contract)?;
            let cash = Discount { off: Off::Amount(zloty(700)), reason: "a round sum".into() };
            let cart = Cart { cash: Some(cash), ..Cart::of([(bread.id, 10), (green.id, 2)]) };
            let mut request = QuoteRequest { branch: branch.id, customer: Some(partner), at: None, cart };
            let quote = work.pricing().quote(&request)?;
            quote.verify()?;

            let policy = work.pricing().policy()?;
            let names = Names {
                product: &|id| [&bread, &green].into_iter().find(|one| one.id == id).map(|one| one.name.clone()),
                rule: &|id| policy.rule_name(id).map(str::to_owned),
            };
            let currencies: &Currencies = work.currencies();
            let english = explain(&quote, Language::En, currencies, &names)?;
            println!("{english}\n\n{}\n", explain(&quote, Language::Pl, currencies, &names)?);
            for said in ["Wholesale tea", "Nowruz tea", "a round sum", "is on a narrower choice of products"] {
                assert!(english.contains(said), "the explanation says {said:?}");
            }

            // What do partners of group B pay for food, and why? Nobody in particular asks.
            request.customer = None;
            let mut context = work.pricing().context(&request)?;
            context.partner_groups.push(group);
            let mut preview = Vec::new();
            work.pricing().preview(food, &context, |product, quote| {
                println!("{}\n", explain(&quote, Language::En, currencies, &names)?);
                preview.push((product.sku.clone(), quote.total_minor));
                Ok(())
            })?;
            Ok::<_, crm_core::Error>((quote.total_minor, preview))
        })
        .await?;
    // 100.00 of bread less 15 %, 100.00 of tea less 20 % and then 10 %, and 7.00 off the bill.
    assert_eq!(total, 8_500 + 7_200 - 700);
    assert_eq!(preview, [("bread".to_owned(), 850), ("green".to_owned(), 3_600)]);
    crm.close().await
}
