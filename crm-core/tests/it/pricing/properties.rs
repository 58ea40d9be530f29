//! What holds for all trees, rules and carts.

use super::*;
use crm_core::pricing::{
    AtLeast, Audience, Base, By, Cap, Counted, Discount, Extra, Least, LimitPer, Off, Per, UsageLimit, check,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

const STAGES: [Stage; 5] = [Stage::Terms, Stage::Product, Stage::Group, Stage::Campaign, Stage::Cash];

/// Categories 1 to n, each below an earlier one or at the top.
fn tree() -> impl Strategy<Value = Vec<Category>> {
    prop::collection::vec(any::<prop::sample::Index>(), 1..25).prop_map(|parents| {
        let nodes = (1_u128..).zip(parents);
        nodes.map(|(number, parent)| category(number, parent.index(number as usize) as u128)).collect()
    })
}

fn assortment() -> impl Strategy<Value = (u8, prop::sample::Index)> {
    (0..4_u8, any::<prop::sample::Index>())
}

fn on((kind, which): (u8, prop::sample::Index), categories: usize) -> Assortment {
    match kind {
        0 => Assortment::Everything,
        1 => on_category(which.index(categories) as u128 + 1),
        2 => Assortment::Attribute { key: "brand".into(), value: (which.index(3)).to_string() },
        _ => Assortment::Product(id(which.index(8) as u128 + 1)),
    }
}

fn audience() -> impl Strategy<Value = Audience> {
    let some = || prop::collection::vec(1..4_u128, 0..2);
    (some(), some(), some(), some(), some()).prop_map(|(partners, customers, tiers, people, branches)| Audience {
        partner_groups: partners.into_iter().map(id).collect(),
        customer_groups: customers.into_iter().map(id).collect(),
        tiers: tiers.into_iter().map(id).collect(),
        customers: people.into_iter().map(id).collect(),
        branches: branches.into_iter().map(id).collect(),
    })
}

fn adjustment() -> impl Strategy<Value = Adjustment> {
    let per = prop::sample::select(Per::ALL);
    prop_oneof![
        4 => (0..=40_i64).prop_map(|n| Adjustment::Percent(Rate::new(n, 40).unwrap())),
        1 => (0..2_000_i64, per).prop_map(|(minor, per)| Adjustment::Amount { off: pln(minor), per }),
        1 => (0..2_000_i64).prop_map(|minor| Adjustment::FixedPrice(pln(minor))),
    ]
}

fn any_terms(categories: usize) -> impl Strategy<Value = RuleTerms> {
    let flags = (any::<bool>(), 0..8_u8, 0..8_u8, any::<bool>(), -1..2_i32);
    let least = (1..6_i64, prop::sample::select(Counted::ALL), any::<bool>());
    let at_least = prop::option::weighted(0.2, least).prop_map(|least| {
        least.map(|(pieces, of, money)| AtLeast {
            least: if money { Least::Amount(pln(pieces * 500)) } else { Least::Pieces(pieces) },
            of,
        })
    });
    let limits = prop::option::weighted(0.2, (1..500_i64, any::<bool>())).prop_map(|cap| {
        cap.map(|(cap, soft)| UsageLimit { cap: Cap::Money(pln(cap)), per: LimitPer::Rule, every: None, soft })
    });
    let stage = prop::sample::select(&STAGES[..]);
    let combine = prop::option::weighted(0.3, 0..2_u8);
    (assortment(), stage, audience(), adjustment(), flags, at_least, limits, combine).prop_map(
        move |(what, stage, audience, adjustment, flags, at_least, limits, combine)| {
            let (on_list, exclusive, ends, additive, priority) = flags;
            let fixed = matches!(adjustment, Adjustment::FixedPrice(_));
            let exclusive = exclusive == 0;
            RuleTerms {
                audience,
                base: if on_list { Base::OnList } else { Base::OnPrevious },
                at_least,
                combine: combine.filter(|_| !fixed && !exclusive).map(|group| group.to_string()),
                exclusive,
                ends: ends == 0,
                additive_with_parent: additive && stage == Stage::Terms && !fixed,
                priority,
                limits: limits.into_iter().collect(),
                ..terms(stage, on(what, categories), adjustment)
            }
        },
    )
}

fn goods(categories: usize) -> impl Strategy<Value = Vec<Product>> {
    let one = (0..3_000_i64, prop::option::of(0..2_000_i64), prop::option::of(any::<prop::sample::Index>()), 0..3_u8);
    prop::collection::vec(one, 8).prop_map(move |all| {
        let products = (1_u128..).zip(all).map(|(number, (price, floor, place, brand))| {
            let place = place.map(|place| place.index(categories) as u128 + 1);
            let mut product = Product { floor_minor: floor, ..product(number, price, place) };
            product.attributes.0.insert("brand".into(), brand.to_string());
            product
        });
        products.collect()
    })
}

fn shop() -> impl Strategy<Value = Shop> {
    tree().prop_flat_map(|categories| {
        let count = categories.len();
        (prop::collection::vec(any_terms(count), 0..25), goods(count))
            .prop_map(move |(rules, goods)| Shop::new(rules, goods).with_categories(categories.clone()))
    })
}

fn off() -> impl Strategy<Value = Off> {
    prop_oneof![
        (0..=10_i64).prop_map(|tenths| Off::Percent(Rate::new(tenths, 10).unwrap())),
        (0..3_000_i64).prop_map(|minor| Off::Amount(pln(minor))),
    ]
}

fn cart() -> impl Strategy<Value = Cart> {
    let discount = || off().prop_map(|off| Discount { off, reason: "because".into() });
    (prop::collection::vec((1..9_u128, 1..6_i64), 1..8), prop::option::of(discount()), prop::option::of(discount()))
        .prop_map(|(lines, extra, cash)| Cart {
            extra: extra.into_iter().map(|discount| Extra { line: None, discount }).collect(),
            cash,
            ..Cart::of(lines.into_iter().map(|(number, quantity)| (id(number), quantity)))
        })
}

fn buyer() -> impl Strategy<Value = Context> {
    let some = || prop::collection::vec(1..4_u128, 0..3);
    (some(), some(), some(), prop::option::of(1..4_u128)).prop_map(|(partners, customers, tiers, who)| Context {
        customer: who.map(id),
        partner_groups: partners.into_iter().map(id).collect(),
        customer_groups: customers.into_iter().map(id).collect(),
        tiers: tiers.into_iter().map(id).collect(),
        ..context()
    })
}

/// Whether a rule is on a product, and for somebody: looked up in the plainest way.
fn is_on(shop: &Shop, rule: &RuleTerms, product: &Product, who: &Context) -> bool {
    fn meets<T: PartialEq>(wanted: &[T], had: &[T]) -> bool {
        wanted.is_empty() || had.iter().any(|one| wanted.contains(one))
    }
    let parent =
        |node: CategoryId| shop.categories.iter().find(|category| category.id == node).map(|found| found.parent);
    let on = match &rule.on {
        Assortment::Everything => true,
        Assortment::Product(wanted) => *wanted == product.id,
        Assortment::Attribute { key, value } => product.attributes.0.get(key) == Some(value),
        Assortment::Category(wanted) => {
            std::iter::successors(product.category_id, |node| parent(*node)).any(|node| node == *wanted)
        }
    };
    let audience = &rule.audience;
    on && meets(&audience.partner_groups, &who.partner_groups)
        && meets(&audience.customer_groups, &who.customer_groups)
        && meets(&audience.tiers, &who.tiers)
        && meets(&audience.customers, who.customer.as_slice())
        && meets(&audience.branches, &[who.branch])
}

proptest! {
    /// The leaves sum to the totals, nothing is negative or below a floor, limits hold, and an explanation changes nothing.
    #[test]
    fn quotes_add_up(shop in shop(), cart in cart(), who in buyer()) {
        let policy = shop.policy();
        let explained = quote(&policy, &shop.products, &cart, &who, Detail::Explained).unwrap();
        explained.verify().unwrap();
        for (line, asked) in explained.lines.iter().zip(&cart.lines) {
            let floor = shop.products[&asked.product].floor_minor.unwrap_or(0) * asked.quantity;
            prop_assert!(line.net_minor >= floor.min(line.list_minor), "{line:?}");
        }
        for used in &explained.uses {
            let rule = shop.rules.iter().find(|rule| rule.id == used.rule).unwrap().terms.as_ref().unwrap();
            let UsageLimit { cap: Cap::Money(cap), soft, .. } = rule.0.limits[0] else { unreachable!() };
            prop_assert!(used.off_minor <= cap.minor() || soft && used.passes == [0]);
        }
        let plain = quote(&policy, &shop.products, &cart, &who, Detail::Plain).unwrap();
        prop_assert_eq!(plain.digest(), explained.digest());
        let mut bare = explained.clone();
        bare.lines.iter_mut().for_each(|line| line.lost.clear());
        prop_assert_eq!(plain, bare);
    }

    /// Every rule that is on a product and for the buyer is told of, applied or lost; no other is.
    #[test]
    fn the_index_finds_what_a_plain_search_finds(shop in shop(), cart in cart(), who in buyer()) {
        let quote = shop.quote(&cart, &who).unwrap();
        for (at, line) in quote.lines.iter().enumerate() {
            let mut told = applied(&quote, at);
            told.extend(line.lost.iter().map(|lost| lost.rule));
            let once: BTreeSet<_> = told.iter().copied().collect();
            prop_assert_eq!(once.len(), told.len(), "each once");
            let product = &shop.products[&line.product];
            let on = shop.rules.iter().filter(|rule| is_on(&shop, &rule.terms.as_ref().unwrap().0, product, &who));
            prop_assert_eq!(once, on.map(|rule| rule.id).collect::<BTreeSet<_>>());
        }
    }

    /// T-11: the order in which rules and categories are stored changes nothing.
    #[test]
    fn the_order_of_storing_changes_nothing(
        (shop, shuffled) in shop().prop_flat_map(|shop| {
            let rules = Just(shop.rules.clone()).prop_shuffle();
            let categories = Just(shop.categories.clone()).prop_shuffle();
            (Just(shop.clone()), (rules, categories).prop_map(move |(rules, categories)| {
                Shop { rules, categories, ..shop.clone() }
            }))
        }),
        cart in cart(),
        who in buyer(),
    ) {
        let priced = |shop: &Shop| shop.quote(&cart, &who).unwrap();
        prop_assert_eq!(priced(&shop), priced(&shuffled));
    }

    /// T-11: nor do the ids of rules that no tie sets against each other. Each takes off another power of two, so no two
    /// sums are the same.
    #[test]
    fn the_ids_of_rules_without_ties_change_nothing(
        categories in tree(),
        rules in prop::collection::vec((assortment(), prop::sample::select(&STAGES[..]), 0..3_u8), 1..12),
        ids in Just((1..=12_u128).collect::<Vec<_>>()).prop_shuffle(),
        cart in cart(),
    ) {
        let count = categories.len();
        let terms_of = |at: usize, (what, stage, group): &(_, Stage, u8)| RuleTerms {
            combine: (*group > 0 && *stage != Stage::Terms).then(|| group.to_string()),
            ..terms(*stage, on(*what, count), Adjustment::Percent(Rate::new(1 << at, 1 << 13).unwrap()))
        };
        let rules: Vec<_> = rules.iter().enumerate().map(|(at, rule)| terms_of(at, rule)).collect();
        let goods = (1..9_u8).map(|number| {
            product(number.into(), 1_000_003 * i64::from(number), Some(u128::from(number) % count as u128 + 1))
        });
        let plain = Shop::new(rules.clone(), goods).with_categories(categories);
        let renamed = Shop {
            rules: rules.into_iter().zip(&ids).map(|(terms, number)| rule(*number, terms)).collect(),
            ..plain.clone()
        };
        let priced = |shop: &Shop| nets(&shop.quote(&cart, &context()).unwrap());
        prop_assert_eq!(priced(&plain), priced(&renamed));
    }

    /// T-11: in ② the deepest category wins, whatever it gives.
    #[test]
    fn the_deepest_category_wins(
        categories in tree(),
        rules in prop::collection::vec((any::<prop::sample::Index>(), 0..=100_i64, -5..5_i32), 1..15),
        place in any::<prop::sample::Index>(),
    ) {
        let count = categories.len();
        let place = place.index(count) as u128 + 1;
        let rules = rules.iter().map(|(node, off, priority)| RuleTerms {
            priority: *priority,
            ..terms(Stage::Terms, on_category(node.index(count) as u128 + 1), percent(*off))
        });
        let shop = Shop::new(rules, [product(1, 1_000, Some(place))]).with_categories(categories);
        let quote = shop.quote_all();
        // Up from the product: the first category with a rule.
        let mut node = id::<CategoryId>(place);
        let expected = loop {
            let here = |rule: &&PriceRule| rule.terms.as_ref().unwrap().0.on == Assortment::Category(node);
            let best = shop.rules.iter().filter(here).max_by_key(|rule| {
                let terms = &rule.terms.as_ref().unwrap().0;
                let Adjustment::Percent(rate) = terms.adjustment else { unreachable!() };
                (terms.priority, rate, std::cmp::Reverse(rule.id))
            });
            if best.is_some() {
                break best;
            }
            match shop.categories.iter().find(|category| category.id == node) {
                Some(category) => node = category.parent,
                None => break None,
            }
        };
        prop_assert_eq!(applied(&quote, 0), expected.map(|rule| rule.id).into_iter().collect::<Vec<_>>());
    }

    /// T-11: a customer without a group never gets a group's term.
    #[test]
    fn nobody_gets_the_terms_of_a_group_they_are_not_in(shop in shop(), cart in cart(), who in buyer()) {
        let alone = Context { partner_groups: Vec::new(), customer_groups: Vec::new(), tiers: Vec::new(), ..who.clone() };
        for who in [who, alone] {
            let quote = shop.quote(&cart, &who).unwrap();
            for taken in quote.lines.iter().flat_map(|line| &line.taken) {
                let By::Rule { id, .. } = taken.by else { continue };
                let audience = &shop.rules.iter().find(|rule| rule.id == id).unwrap().terms.as_ref().unwrap().0.audience;
                let groups = [
                    audience.partner_groups.is_empty() || audience.partner_groups.iter().any(|group| who.partner_groups.contains(group)),
                    audience.customer_groups.is_empty() || audience.customer_groups.iter().any(|group| who.customer_groups.contains(group)),
                    audience.tiers.is_empty() || audience.tiers.iter().any(|tier| who.tiers.contains(tier)),
                ];
                prop_assert_eq!(groups, [true; 3]);
            }
        }
    }

    /// The digest tells of every change that a buyer would see, and of no other.
    #[test]
    fn digests_tell_quotes_apart(shop in shop(), cart in cart(), who in buyer(), line: prop::sample::Index) {
        let first = shop.quote(&cart, &who).unwrap();
        let line = line.index(cart.lines.len());
        let mut more = cart.clone();
        more.lines[line].quantity += 1;
        prop_assert_ne!(first.digest(), shop.quote(&more, &who).unwrap().digest());
        let mut versions = shop.clone();
        versions.rules.iter_mut().for_each(|rule| rule.number += 1);
        let second = versions.quote(&cart, &who).unwrap();
        let rules = (0..first.lines.len()).any(|line| !applied(&first, line).is_empty());
        prop_assert_eq!(first.digest() == second.digest(), !rules);
        let later = Context { at: "2025-03-21T23:00:00Z".parse().unwrap(), ..who };
        prop_assert_eq!(first.digest(), shop.quote(&cart, &later).unwrap().digest());
    }

    /// What a quote says cannot be changed without its sums telling.
    #[test]
    fn verify_finds_what_was_changed(shop in shop(), cart in cart(), line: prop::sample::Index, by in 1..1_000_i64, what in 0..5_u8) {
        let mut quote = shop.quote(&cart, &context()).unwrap();
        let line = line.index(quote.lines.len());
        match what {
            0 => quote.lines[line].net_minor += by,
            1 => quote.total_minor -= by,
            2 => quote.lines[line].quantity += by,
            3 => quote.discount_minor += by,
            _ => match quote.lines[line].taken.first_mut() {
                Some(taken) => taken.off_minor += by,
                None => quote.lines[line].total_minor += by,
            },
        }
        let free = what == 2 && quote.lines[line].unit_minor == 0;
        prop_assert!(quote.verify().is_err() || free);
    }

    /// A rule that is said to be shadowed never applies.
    #[test]
    fn what_is_shadowed_never_applies(shop in shop(), cart in cart(), who in buyer()) {
        // Floors and limits make equals of unequal rules, and then what is shadowed may win a tie.
        let products = shop.products.iter().map(|(id, product)| (*id, Product { floor_minor: None, ..product.clone() })).collect();
        let shop = Shop { products, ..shop };
        let findings = check(&shop.rules, &CategoryTree::new(&shop.categories).unwrap());
        let quote = shop.quote(&cart, &who).unwrap();
        for finding in findings.iter().filter(|finding| finding.fault == crm_core::pricing::Fault::Shadowed) {
            let taken = quote.lines.iter().flat_map(|line| &line.taken);
            let off: i64 = taken
                .filter(|taken| matches!(taken.by, By::Rule { id, .. } if id == finding.rule))
                .map(|taken| taken.off_minor)
                .sum();
            prop_assert_eq!(off, 0, "{:?}", finding);
        }
    }
}
