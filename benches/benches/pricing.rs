//! Pricing a cart of 50 lines under 1,000 rules and 5,500 categories, and under ever more rules that do not apply to it:
//! by our policy, with the explanation and without, and by a plain loop over all rules in the same run.
//!
//! Without `--bench` it sees that both agree, and measures nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::time::{Duration, Instant};

use crm_benches::report::{Table, micros, quantile};
use crm_benches::{Result, machine};
use crm_core::catalog::{Category, CategoryId, Product, ProductId};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::rate::{Rate, Rounding};
use crm_core::kernel::time::Timestamp;
use crm_core::pricing::{
    Adjustment, Assortment, Audience, By, Cart, CartLine, CategoryTree, Context, Detail, Policy, PolicySettings,
    PriceRule, PriceRuleId, QuotedLine, RuleTerms, Stage, Taken, quote,
};
use crm_core::work::{Json, Version};
use uuid::Uuid;

const CATEGORIES: u128 = 5_500;
const LINES: u128 = 50;
/// Rules of which some apply to the cart.
const RULES: usize = 1_000;
const STAGES: [Stage; 4] = [Stage::Terms, Stage::Product, Stage::Group, Stage::Campaign];
/// Partner groups; the buyer is in two of them.
const GROUPS: u128 = 20;

fn main() -> Result<()> {
    let measuring = std::env::args().any(|arg| arg == "--bench");
    let (repeats, sizes): (usize, &[usize]) = if measuring { (500, &[0, 9_000, 99_000]) } else { (1, &[0, 1_000]) };
    println!("{}", machine::describe(tempfile::tempdir()?.path())?);
    println!("p50 of {repeats} carts of {LINES} lines, in microseconds; {RULES} rules, and more that do not apply\n");
    let mut table = Table::new(&[
        "rules",
        "for the buyer",
        "on a line",
        "compile ms",
        "explained",
        "plain",
        "digest",
        "loop",
        "loop / explained",
        "loop / plain",
    ]);
    for more in sizes {
        table.row(measure(&Shop::new(RULES, *more), repeats)?);
    }
    table.print();
    Ok(())
}

fn measure(shop: &Shop, repeats: usize) -> Result<Vec<String>> {
    let start = Instant::now();
    let policy = shop.policy()?;
    let compiled = start.elapsed();
    let ours = |detail| quote(&policy, &shop.products, &shop.cart, &shop.context, detail);
    let plain_loop = PlainLoop::new(shop);
    let priced = ours(Detail::Explained)?;
    priced.verify()?;
    let taken = |line: &QuotedLine| {
        let by_rule = |taken: &Taken| match taken.by {
            By::Rule { id, .. } => Some((id, taken.off_minor)),
            By::Hand(_) => None,
        };
        line.taken.iter().filter_map(by_rule).collect::<Vec<_>>()
    };
    let ours_taken: Vec<_> = priced.lines.iter().map(taken).collect();
    assert_eq!(ours_taken, plain_loop.price(shop), "the loop and the policy agree");
    let for_buyer = plain_loop.rules.iter().filter(|(_, terms, _)| applies(terms, shop)).count();
    let on_lines: usize = priced.lines.iter().map(|line| line.taken.len() + line.lost.len()).sum();
    assert!(priced.discount_minor > 0 && priced.lines.iter().any(|line| line.lost.len() > 1));
    let explained = p50(repeats, || {
        let _ = black_box(ours(Detail::Explained));
    });
    let plain = p50(repeats, || {
        let _ = black_box(ours(Detail::Plain));
    });
    let digest = p50(repeats, || {
        black_box(priced.digest());
    });
    let by_loop = p50(repeats.div_ceil(10), || {
        black_box(plain_loop.price(shop));
    });
    let ratio = |of: Duration| format!("{:.1}", by_loop.as_secs_f64() / of.as_secs_f64());
    Ok(vec![
        shop.rules.len().to_string(),
        for_buyer.to_string(),
        on_lines.div_ceil(priced.lines.len().max(1)).to_string(),
        format!("{:.1}", compiled.as_secs_f64() * 1e3),
        micros(explained),
        micros(plain),
        micros(digest),
        micros(by_loop),
        ratio(explained),
        ratio(plain),
    ])
}

fn p50(repeats: usize, mut run: impl FnMut()) -> Duration {
    let mut took = Vec::with_capacity(repeats);
    for _ in 0..repeats {
        let start = Instant::now();
        run();
        took.push(start.elapsed());
    }
    quantile(&mut took, 0.5)
}

struct Shop {
    categories: Vec<Category>,
    rules: Vec<PriceRule>,
    products: BTreeMap<ProductId, Product>,
    cart: Cart,
    context: Context,
}

fn id<I: From<Uuid>>(number: u128) -> I {
    Uuid::from_u128(number).into()
}

impl Shop {
    /// So many rules of which some apply, and so many more for groups the buyer is not in.
    fn new(rules: usize, more: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        let categories = (1..=CATEGORIES).map(category).collect();
        let products = (1..=LINES).map(|number| product(number, random.u128(1..=CATEGORIES)));
        let products: BTreeMap<_, _> = products.map(|product| (product.id, product)).collect();
        let rules = (0..rules + more).map(|at| rule(at, at >= rules, &mut random)).collect();
        let now = Timestamp::UNIX_EPOCH;
        let mut context = Context::new(id(1), Currency::PLN, crm_core::kernel::time::CivilDate::MIN, now);
        context.partner_groups = vec![id(1), id(2)];
        context.customer_groups = vec![id(3)];
        let cart = Cart::of(products.keys().map(|product| (*product, 3)));
        Self { categories, rules, products, cart, context }
    }

    fn policy(&self) -> Result<Policy> {
        let tree = CategoryTree::new(&self.categories)?;
        Ok(Policy::compile(&self.rules, tree, Vec::new(), PolicySettings::default())?)
    }
}

/// A tree in which every category has six below it, five or six deep.
fn category(number: u128) -> Category {
    Category {
        id: id(number),
        version: Version::FIRST,
        parent: id((number + 4) / 6),
        path: String::new(),
        name: String::new(),
        folded_name: String::new(),
        tax_class: None,
    }
}

fn product(number: u128, category: u128) -> Product {
    let brand = ("brand".to_owned(), (number % 40).to_string());
    Product {
        id: id(number),
        version: Version::FIRST,
        sku: number.to_string(),
        name: format!("Product {number}"),
        category_id: Some(id(category)),
        // Four whole percentages one after the other leave no fraction, so nothing has to be rounded the same way.
        price_minor: 100_000_000 * (i64::try_from(number).unwrap_or_default() + 1),
        currency: Currency::PLN,
        stocked: true,
        oversell: false,
        active: true,
        floor_minor: None,
        tax_class: None,
        attributes: Json([brand].into()),
    }
}

/// Mostly on categories, for everybody or some group of partners.
fn rule(at: usize, foreign: bool, random: &mut fastrand::Rng) -> PriceRule {
    let on = match random.u8(0..10) {
        0 => Assortment::Product(id(random.u128(1..=1_000))),
        1 => Assortment::Attribute { key: "brand".into(), value: random.u128(0..40).to_string() },
        // Half of them near the top, where much lies below.
        2..=5 => Assortment::Category(id(random.u128(1..=50))),
        _ => Assortment::Category(id(random.u128(1..=CATEGORIES))),
    };
    let audience = match (foreign, random.u8(0..4)) {
        (true, _) => Audience::partners(id(1_000 + random.u128(0..GROUPS * 50))),
        (false, 0) => Audience::default(),
        (false, 1) => Audience { customer_groups: vec![id(random.u128(1..=GROUPS))], ..Audience::default() },
        (false, _) => Audience::partners(id(random.u128(1..=GROUPS))),
    };
    let stage = STAGES[at % STAGES.len()];
    let off = Adjustment::Percent(Rate::percent(random.i64(1..40)));
    let terms = RuleTerms::new(format!("rule {at}"), stage, on, off).for_whom(audience);
    PriceRule {
        id: id(at as u128 + 1),
        number: 1,
        effective_from: Timestamp::UNIX_EPOCH,
        effective_until: None,
        terms: Some(Json(terms)),
    }
}

/// What one writes first: for every line and stage, look at every rule. Products know their path beforehand, audiences
/// are looked at in short lists, and nothing is explained.
struct PlainLoop<'s> {
    rules: Vec<(PriceRuleId, &'s RuleTerms, Rate)>,
    paths: HashMap<ProductId, Vec<CategoryId>>,
}

impl<'s> PlainLoop<'s> {
    fn new(shop: &'s Shop) -> Self {
        let parents: HashMap<_, _> = shop.categories.iter().map(|category| (category.id, category.parent)).collect();
        let path = |product: &Product| {
            std::iter::successors(product.category_id, |node| parents.get(node).copied()).collect::<Vec<_>>()
        };
        let rules = shop.rules.iter().filter_map(|rule| {
            let terms = &rule.terms.as_ref()?.0;
            let Adjustment::Percent(rate) = terms.adjustment else { return None };
            Some((rule.id, terms, rate))
        });
        let paths = shop.products.values().map(|product| (product.id, path(product))).collect();
        Self { rules: rules.collect(), paths }
    }

    /// For each line which rules take off how much.
    fn price(&self, shop: &Shop) -> Vec<Vec<(PriceRuleId, i64)>> {
        let price = |line: &CartLine| {
            let product = &shop.products[&line.product];
            let path = &self.paths[&line.product];
            let mut price = product.price_minor * line.quantity;
            let mut taken = Vec::new();
            for stage in STAGES {
                let on = self.rules.iter().filter(|(_, terms, _)| terms.stage == stage && applies(terms, shop));
                let found = on.filter_map(|(id, terms, rate)| {
                    let personal = u8::from(terms.audience != Audience::default());
                    Some((specific(&terms.on, product, path)?, personal, *rate, Reverse(*id)))
                });
                let best = match stage {
                    Stage::Terms => found.max(),
                    Stage::Group => {
                        found.max_by_key(|(specific, personal, rate, id)| (*personal, *rate, *specific, *id))
                    }
                    _ => found.max_by_key(|(specific, _, rate, id)| (*rate, *specific, *id)),
                };
                if let Some((_, _, rate, Reverse(id))) = best {
                    let off = rate.apply(price, Rounding::Floor).unwrap_or(0);
                    price -= off;
                    taken.push((id, off));
                }
            }
            taken
        };
        shop.cart.lines.iter().map(price).collect()
    }
}

fn applies(terms: &RuleTerms, shop: &Shop) -> bool {
    let (audience, who) = (&terms.audience, &shop.context);
    (audience.partner_groups.is_empty()
        || audience.partner_groups.iter().any(|group| who.partner_groups.contains(group)))
        && (audience.customer_groups.is_empty()
            || audience.customer_groups.iter().any(|group| who.customer_groups.contains(group)))
}

/// How specific a rule is on a product; nothing when it is not on it.
fn specific(on: &Assortment, product: &Product, path: &[CategoryId]) -> Option<usize> {
    match on {
        Assortment::Everything => Some(0),
        Assortment::Category(category) => path.iter().position(|node| node == category).map(|up| path.len() - up),
        Assortment::Attribute { key, value } => (product.attributes.0.get(key) == Some(value)).then_some(1_000),
        Assortment::Product(wanted) => (*wanted == product.id).then_some(2_000),
    }
}
