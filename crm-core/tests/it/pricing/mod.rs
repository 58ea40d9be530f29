//! Prices: what holds for all rules and carts, the worked cases of others, and a real tree of categories.

mod boundaries;
mod cases;
mod properties;
mod stages;
mod taxonomy;

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::catalog::{Category, CategoryId, Product, ProductId};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::Timestamp;
use crm_core::pricing::{
    Adjustment, Assortment, Cart, CategoryTree, Context, Detail, Policy, PolicySettings, PriceRule, PriceRuleId, Quote,
    RuleTerms, Stage, quote,
};
use crm_core::work::{Json, Version};
use uuid::Uuid;

/// Any id by its number.
fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

fn pln(minor: i64) -> Money {
    Money::new(minor, Currency::PLN)
}

fn percent(percent: i64) -> Adjustment {
    Adjustment::Percent(Rate::percent(percent))
}

fn product(number: u128, price_minor: i64, category: Option<u128>) -> Product {
    Product {
        id: id(number),
        version: Version::FIRST,
        sku: number.to_string(),
        name: format!("Product {number}"),
        category_id: category.map(id),
        price_minor,
        currency: Currency::PLN,
        stocked: true,
        oversell: false,
        active: true,
        floor_minor: None,
        tax_class: None,
        attributes: Json::default(),
    }
}

/// A category, 0 being above the top.
fn category(number: u128, parent: u128) -> Category {
    Category {
        id: id(number),
        version: Version::FIRST,
        parent: id(parent),
        path: String::new(),
        name: number.to_string(),
        folded_name: number.to_string(),
        tax_class: None,
    }
}

fn rule(number: u128, terms: RuleTerms) -> PriceRule {
    PriceRule {
        id: id(number),
        number: 1,
        effective_from: Timestamp::UNIX_EPOCH,
        effective_until: None,
        terms: Some(Json(terms)),
    }
}

fn terms(stage: Stage, on: Assortment, adjustment: Adjustment) -> RuleTerms {
    RuleTerms::new("a rule", stage, on, adjustment)
}

fn on_category(number: u128) -> Assortment {
    Assortment::Category(id::<CategoryId>(number))
}

fn context() -> Context {
    let now: Timestamp = "2025-03-21T10:00:00Z".parse().unwrap();
    Context::new(id(1), Currency::PLN, "2025-03-21".parse().unwrap(), now)
}

/// A shop: rules, categories and products.
#[derive(Debug, Clone, Default)]
struct Shop {
    rules: Vec<PriceRule>,
    categories: Vec<Category>,
    products: BTreeMap<ProductId, Product>,
    settings: PolicySettings,
}

impl Shop {
    fn new(rules: impl IntoIterator<Item = RuleTerms>, products: impl IntoIterator<Item = Product>) -> Self {
        let products = products.into_iter().map(|product| (product.id, product)).collect();
        Self {
            rules: (1..).zip(rules).map(|(number, terms)| rule(number, terms)).collect(),
            products,
            ..Self::default()
        }
    }

    fn with_categories(self, categories: impl IntoIterator<Item = Category>) -> Self {
        Self { categories: categories.into_iter().collect(), ..self }
    }

    fn policy(&self) -> Policy {
        let tree = CategoryTree::new(&self.categories).unwrap();
        Policy::compile(&self.rules, tree, Vec::new(), self.settings).unwrap()
    }

    /// One piece of each product, for somebody unknown.
    fn quote_all(&self) -> Quote {
        self.quote(&Cart::of(self.products.keys().map(|product| (*product, 1))), &context()).unwrap()
    }

    fn quote(&self, cart: &Cart, context: &Context) -> Result<Quote> {
        let quote = quote(&self.policy(), &self.products, cart, context, Detail::Explained)?;
        quote.verify()?;
        Ok(quote)
    }
}

/// The rules that took something off a line, in order.
fn applied(quote: &Quote, line: usize) -> Vec<PriceRuleId> {
    let by_rule = |taken: &crm_core::pricing::Taken| match taken.by {
        crm_core::pricing::By::Rule { id, .. } => Some(id),
        crm_core::pricing::By::Hand(_) => None,
    };
    quote.lines[line].taken.iter().filter_map(by_rule).collect()
}

fn nets(quote: &Quote) -> Vec<i64> {
    quote.lines.iter().map(|line| line.net_minor).collect()
}
