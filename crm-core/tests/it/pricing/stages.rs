//! One small case for each thing a rule can say.

use super::*;
use crate::support::rule as broken;
use crm_core::kernel::rate::Rounding;
use crm_core::kernel::time::Weekday;
use crm_core::pricing::{
    AtLeast, Audience, Base, Bound, By, Cap, Counted, Days, Discount, Extra, Least, LimitPer, Off, Per, SeveralGroups,
    TaxMode, TaxRate, TaxRounding, UsageLimit, Used, Why,
};

fn everything(stage: Stage, percents: i64) -> RuleTerms {
    terms(stage, Assortment::Everything, percent(percents))
}

#[test]
fn stages_follow_each_other_on_what_is_left() {
    let stages = [Stage::Campaign, Stage::Cash, Stage::Terms, Stage::Group, Stage::Product];
    let shop = Shop::new(stages.map(|stage| everything(stage, 10)), [product(1, 100_000, None)]);
    let quote = shop.quote_all();
    let seen: Vec<_> =
        quote.lines[0].taken.iter().map(|taken| (taken.stage, taken.of_minor, taken.off_minor)).collect();
    assert_eq!(
        seen,
        [
            (Stage::Terms, 100_000, 10_000),
            (Stage::Product, 90_000, 9_000),
            (Stage::Group, 81_000, 8_100),
            (Stage::Campaign, 72_900, 7_290),
            (Stage::Cash, 65_610, 6_561),
        ]
    );
    let on_list = stages.map(|stage| RuleTerms { base: Base::OnList, ..everything(stage, 10) });
    assert_eq!(Shop::new(on_list, [product(1, 100_000, None)]).quote_all().total_minor, 50_000);
}

#[test]
fn the_deepest_category_wins_and_a_product_before_it() {
    let tree = [category(1, 0), category(2, 1)];
    let rules = [
        terms(Stage::Terms, Assortment::Everything, percent(50)),
        terms(Stage::Terms, on_category(1), percent(40)),
        terms(Stage::Terms, on_category(2), percent(20)),
        terms(Stage::Terms, Assortment::Product(id(3)), percent(5)),
    ];
    let goods = [product(1, 100, None), product(2, 100, Some(1)), product(3, 100, Some(2)), product(4, 100, Some(2))];
    let quote = Shop::new(rules, goods).with_categories(tree).quote_all();
    assert_eq!(nets(&quote), [50, 60, 95, 80]);
    assert_eq!(quote.lines[2].lost[0].why, Why::MoreSpecific(id(4)));
}

#[test]
fn additive_rules_add_the_next_up_the_tree() {
    let tree = [category(1, 0), category(2, 1)];
    let additive = |on, n| RuleTerms { additive_with_parent: true, ..terms(Stage::Terms, on, percent(n)) };
    let goods = [product(1, 100, Some(2))];
    let all = [additive(on_category(2), 20), additive(on_category(1), 10), everything(Stage::Terms, 5)];
    assert_eq!(Shop::new(all, goods.clone()).with_categories(tree.clone()).quote_all().total_minor, 65);
    let stops =
        [additive(on_category(2), 20), terms(Stage::Terms, on_category(1), percent(10)), everything(Stage::Terms, 5)];
    assert_eq!(Shop::new(stops, goods).with_categories(tree).quote_all().total_minor, 70);
}

#[test]
fn combined_rules_apply_together_or_not_at_all() {
    let combined = |n| RuleTerms { combine: Some("spring".into()), ..everything(Stage::Campaign, n) };
    let shop =
        |alone| Shop::new([combined(10), combined(8), everything(Stage::Campaign, alone)], [product(1, 100, None)]);
    assert_eq!((shop(17).quote_all().total_minor, applied(&shop(17).quote_all(), 0).len()), (82, 2));
    assert_eq!((shop(19).quote_all().total_minor, applied(&shop(19).quote_all(), 0).len()), (81, 1));
}

#[test]
fn exclusive_shuts_out_and_final_ends() {
    let exclusive = RuleTerms { exclusive: true, ..everything(Stage::Campaign, 5) };
    let quote = Shop::new([everything(Stage::Campaign, 10), exclusive], [product(1, 100, None)]).quote_all();
    assert_eq!((quote.total_minor, quote.lines[0].lost[0].why), (95, Why::Exclusive(id(2))));
    let ends = RuleTerms { ends: true, ..everything(Stage::Product, 5) };
    let shop = Shop::new([ends, everything(Stage::Campaign, 10), everything(Stage::Cash, 10)], [product(1, 100, None)]);
    let quote = shop.quote_all();
    // 5 %, then only ⑦: 10 % of 95, down.
    assert_eq!((quote.total_minor, quote.lines[0].lost[0].why), (86, Why::Final(id(1))));
    let by_hand = Extra { line: Some(0), discount: Discount { off: Off::Amount(pln(1)), reason: "scratched".into() } };
    let cart = Cart { extra: vec![by_hand], ..Cart::of([(id(1), 1)]) };
    assert_eq!(broken(shop.quote(&cart, &context())), "discount.final_price");
}

#[test]
fn a_floor_holds_for_all_stages() {
    let goods = Product { floor_minor: Some(90), ..product(1, 100, None) };
    let shop = Shop::new([everything(Stage::Terms, 8), everything(Stage::Campaign, 50)], [goods]);
    let cash = Discount { off: Off::Percent(Rate::percent(50)), reason: "a friend".into() };
    let quote = shop.quote(&Cart { cash: Some(cash), ..Cart::of([(id(1), 2)]) }, &context()).unwrap();
    let seen: Vec<_> = quote.lines[0].taken.iter().map(|taken| (taken.off_minor, taken.bound)).collect();
    assert_eq!(seen, [(16, None), (4, Some(Bound::Floor)), (0, Some(Bound::Floor))]);
}

#[test]
fn amounts_and_fixed_prices() {
    let off = |minor, per| Adjustment::Amount { off: pln(minor), per };
    let net = |how| {
        let shop = Shop::new(
            [terms(Stage::Campaign, Assortment::Everything, how)],
            [product(1, 100, None), product(2, 50, None)],
        );
        nets(&shop.quote(&Cart::of([(id(1), 3), (id(2), 1)]), &context()).unwrap())
    };
    assert_eq!(net(off(10, Per::Piece)), [270, 40]);
    assert_eq!(net(off(10, Per::Line)), [290, 40]);
    assert_eq!(net(off(35, Per::Order)), [270, 45]);
    assert_eq!(net(off(1_000, Per::Order)), [0, 0]);
    assert_eq!(net(Adjustment::FixedPrice(pln(60))), [180, 50]);
}

#[test]
fn quantities_are_counted_over_the_line_or_the_cart() {
    let from = |least, of| RuleTerms { at_least: Some(AtLeast { least, of }), ..everything(Stage::Product, 10) };
    let total = |terms: RuleTerms| {
        let shop = Shop::new([terms], [product(1, 100, None), product(2, 100, None)]);
        shop.quote(&Cart::of([(id(1), 3), (id(2), 2)]), &context()).unwrap().total_minor
    };
    assert_eq!(total(from(Least::Pieces(3), Counted::Line)), 470);
    assert_eq!(total(from(Least::Pieces(5), Counted::Cart)), 450);
    assert_eq!(total(from(Least::Pieces(6), Counted::Cart)), 500);
    assert_eq!(total(from(Least::Amount(pln(500)), Counted::Cart)), 450);
    assert_eq!(total(from(Least::Amount(pln(201)), Counted::Line)), 470);
}

#[test]
fn days_are_business_days_of_the_branch() {
    let on = |weekday| {
        let days = Some(Days { weekdays: vec![weekday], ..Days::default() });
        Shop::new([RuleTerms { days, ..everything(Stage::Campaign, 10) }], [product(1, 100, None)]).quote_all()
    };
    assert_eq!(on(Weekday::Friday).total_minor, 90);
    let missed = on(Weekday::Saturday);
    assert_eq!((missed.total_minor, missed.lines[0].lost[0].why), (100, Why::Day));
}

#[test]
fn attributes_choose_products() {
    let mut tea = product(1, 100, None);
    tea.attributes.0.insert("brand".into(), "Ahmad".into());
    let brand = |value: &str| Assortment::Attribute { key: "brand".into(), value: value.into() };
    let rules =
        [terms(Stage::Product, brand("Ahmad"), percent(10)), terms(Stage::Product, brand("Dilmah"), percent(20))];
    assert_eq!(nets(&Shop::new(rules, [tea, product(2, 100, None)]).quote_all()), [90, 100]);
}

#[test]
fn the_customers_own_terms_go_before_those_of_groups() {
    let own = Audience { customers: vec![id(7)], ..Audience::default() };
    let group = Audience::partners(id(5));
    let rules = [everything(Stage::Terms, 20).for_whom(group), everything(Stage::Terms, 10).for_whom(own)];
    let shop = Shop::new(rules, [product(1, 100, None)]);
    let cart = Cart::of([(id(1), 1)]);
    let member = Context { partner_groups: vec![id(5)], ..context() };
    assert_eq!(shop.quote(&cart, &context()).unwrap().total_minor, 100);
    assert_eq!(shop.quote(&cart, &member).unwrap().total_minor, 80);
    let known = shop.quote(&cart, &Context { customer: Some(id(7)), ..member }).unwrap();
    assert_eq!((known.total_minor, known.lines[0].lost[0].why), (90, Why::MorePersonal(id(2))));
}

#[test]
fn several_groups_give_the_best_or_the_first() {
    let rules = [
        everything(Stage::Group, 20).for_whom(Audience::partners(id(5))),
        everything(Stage::Group, 10).for_whom(Audience::partners(id(6))),
    ];
    let mut shop = Shop::new(rules, [product(1, 100, None)]);
    let member = Context { partner_groups: vec![id(6), id(5)], ..context() };
    let cart = Cart::of([(id(1), 1)]);
    assert_eq!(shop.quote(&cart, &member).unwrap().total_minor, 80);
    shop.settings.several_groups = SeveralGroups::Priority;
    let quote = shop.quote(&cart, &member).unwrap();
    assert_eq!((quote.total_minor, quote.lines[0].lost[0].why), (90, Why::GroupBefore(id(2))));
}

#[test]
fn limits_stop_or_are_reported() {
    let limited = |cap, per, soft| {
        let limits = vec![UsageLimit { cap, per, every: None, soft }];
        Shop::new(
            [RuleTerms { limits, ..everything(Stage::Campaign, 10) }],
            [product(1, 100, None), product(2, 300, None)],
        )
    };
    let cart = Cart::of([(id(1), 1), (id(2), 1)]);
    let used = |used| Context { used: vec![Used { rule: id(1), limit: 0, used }], ..context() };
    let uses = limited(Cap::Uses(3), LimitPer::Rule, false);
    assert_eq!(uses.quote(&cart, &used(2)).unwrap().total_minor, 360);
    assert_eq!(uses.quote(&cart, &used(3)).unwrap().lines[0].lost[0].why, Why::UsedUp);
    let money = limited(Cap::Money(pln(100)), LimitPer::Rule, false).quote(&cart, &used(80)).unwrap();
    assert_eq!((nets(&money), money.uses[0].off_minor), (vec![95, 285], 20));
    assert_eq!(money.lines[0].taken[0].bound, Some(Bound::Budget));
    let soft = limited(Cap::Money(pln(100)), LimitPer::Rule, true).quote(&cart, &used(80)).unwrap();
    assert_eq!((soft.total_minor, soft.uses[0].passes.as_slice()), (360, &[0][..]));
    let each = limited(Cap::Uses(3), LimitPer::Customer, false);
    assert_eq!(each.quote(&cart, &context()).unwrap().lines[0].lost[0].why, Why::CustomerUnknown);
}

#[test]
fn discounts_by_hand_have_a_reason_and_stay_within_what_is_left() {
    let shop = Shop::new([], [product(1, 1_000, None), product(2, 2_000, None)]);
    let with = |line, off, reason: &str| {
        let discount = Discount { off, reason: reason.into() };
        shop.quote(&Cart { extra: vec![Extra { line, discount }], ..Cart::of([(id(1), 1), (id(2), 1)]) }, &context())
    };
    assert_eq!(nets(&with(Some(0), Off::Amount(pln(100)), "scratched").unwrap()), [900, 2_000]);
    assert_eq!(nets(&with(None, Off::Amount(pln(100)), "loyal").unwrap()), [967, 1_933]);
    assert_eq!(nets(&with(None, Off::Percent(Rate::percent(10)), "loyal").unwrap()), [900, 1_800]);
    let all = with(None, Off::Amount(pln(9_999)), "free").unwrap();
    assert_eq!((all.total_minor, all.lines[0].taken[0].bound), (0, Some(Bound::Nothing)));
    assert!(matches!(&all.lines[0].taken[0].by, By::Hand(reason) if reason == "free"));
    assert_eq!(broken(with(None, Off::Percent(Rate::percent(101)), "x")), "discount.range");
    assert_eq!(broken(with(None, Off::Amount(pln(-1)), "x")), "discount.range");
    assert_eq!(broken(with(None, Off::Amount(pln(1)), " ")), "text.required");
    assert_eq!(broken(with(Some(2), Off::Amount(pln(1)), "x")), "cart.no_such_line");
    assert_eq!(broken(with(None, Off::Amount(Money::new(1, Currency::ILS)), "x")), "money.currency");
}

#[test]
fn tax_is_contained_or_on_top_and_summed_by_rate() {
    let mut tree = vec![category(1, 0), category(2, 1)];
    tree[0].tax_class = Some("food".into());
    let mut book = product(2, 10_000, Some(2));
    book.tax_class = Some("book".into());
    let rate = |number, class: &str, percents, mode| TaxRate {
        id: id(number),
        class: class.into(),
        branch_id: None,
        valid_from: "2020-01-01".parse().unwrap(),
        rate: Rate::percent(percents),
        mode,
    };
    let rates = vec![rate(1, "food", 8, TaxMode::Included), rate(2, "book", 5, TaxMode::OnTop)];
    let products = BTreeMap::from([(id(1), product(1, 10_800, Some(2))), (id(2), book), (id(3), product(3, 5, None))]);
    let tree = || CategoryTree::new(&tree).unwrap();
    let cart = Cart::of([(id(1), 1), (id(2), 2), (id(3), 1)]);
    let settings = PolicySettings { tax_rounding: TaxRounding::Rate(Rounding::HalfUp), ..PolicySettings::default() };
    for settings in [PolicySettings::default(), settings] {
        let policy = Policy::compile(&[], tree(), rates.clone(), settings).unwrap();
        let quote = quote(&policy, &products, &cart, &context(), Detail::Plain).unwrap();
        quote.verify().unwrap();
        let taxes: Vec<_> = quote.lines.iter().map(|line| line.tax.as_ref().map(|tax| tax.tax_minor)).collect();
        assert_eq!(taxes, [Some(800), Some(1_000), None]);
        assert_eq!(
            quote.taxes.iter().map(|sum| (sum.net_minor, sum.tax_minor)).collect::<Vec<_>>(),
            [(20_000, 1_000), (10_000, 800)]
        );
        assert_eq!((quote.total_minor, quote.tax_minor), (31_805, 1_800));
    }
    let none = Policy::compile(&[], tree(), Vec::new(), PolicySettings::default()).unwrap();
    assert_eq!(broken(quote(&none, &products, &cart, &context(), Detail::Plain)), "tax.no_rate");
}

/// At any instant exactly one version of a rule is in force (S-46).
#[test]
fn versions_follow_each_other() {
    let at = |day: u8| format!("2025-01-{day:02}T00:00:00Z").parse::<Timestamp>().unwrap();
    let version = |number, from: u8, until: Option<u8>, percents: Option<i64>| PriceRule {
        id: id(1),
        number,
        effective_from: at(from),
        effective_until: until.map(at),
        terms: percents.map(|n| Json(everything(Stage::Campaign, n))),
    };
    // The fourth takes the third's place before it has begun; the fifth retires the rule, the sixth brings it back.
    let rules = vec![
        version(1, 2, None, Some(10)),
        version(2, 4, Some(6), Some(20)),
        version(3, 12, None, Some(99)),
        version(4, 8, None, Some(30)),
        version(5, 10, None, None),
        version(6, 20, None, Some(40)),
    ];
    let shop = Shop { rules, ..Shop::new([], [product(1, 100, None)]) };
    let total = |day| shop.quote(&Cart::of([(id(1), 1)]), &Context { at: at(day), ..context() }).unwrap().total_minor;
    let totals: Vec<_> = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 19, 20, 31].map(total).into();
    assert_eq!(totals, [100, 90, 90, 80, 80, 100, 100, 70, 70, 100, 100, 100, 60, 60]);
}

#[test]
fn documents_say_nothing_else() {
    let good = serde_json::json!({ "name": "x", "stage": "terms", "on": { "category": uuid::Uuid::nil() },
        "adjustment": { "amount": { "off": { "minor": 5, "currency": "PLN" }, "per": "piece" } }, "final": true });
    let terms: RuleTerms = serde_json::from_value(good.clone()).unwrap();
    assert_eq!(serde_json::from_value::<RuleTerms>(serde_json::to_value(&terms).unwrap()).unwrap(), terms);
    for (field, value) in
        [("finall", serde_json::json!(true)), ("stage", "list price".into()), ("priority", 1.5.into())]
    {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(serde_json::from_value::<RuleTerms>(bad).is_err(), "{field}");
    }
}
