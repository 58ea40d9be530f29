//! Purchases at the price of a quote: the limits of rules, and those of hands.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

use super::bench::{Bench, Factory, at, zloty};
use super::race::race;
use super::sales::{Shop, shop, take_back};
use crate::access::{Actor, Holder, NewRole, Principal, Region, User, UserId};
use crate::catalog::NewProduct;
use crate::customers::{CustomerId, NewCustomer};
use crate::kernel::calendar::{Calendar, Unit};
use crate::kernel::rate::Rate;
use crate::pricing::{
    self, Adjustment, Assortment, By, Cap, Cart, Discount, DiscountLimit, DiscountLimits, Extra, LimitPer, LimitPeriod,
    NewRule, Off, Per, PriceRuleId, Quote, QuoteRequest, RuleTerms, Stage, Taken, TaxMode, UsageLimit,
};
use crate::purchases::{
    self, ByQuote, NewLine, NewPurchase, NewTender, Purchase, PurchaseDiscounts, PurchaseId, Recorded,
};
use crate::work::{Filter, Version};
use crate::{Error, ErrorKind, Result};

pub(super) fn save(bench: &Bench, terms: RuleTerms) -> PriceRuleId {
    bench.run(move |work| work.pricing().save_rule(NewRule::now(terms.clone()))).unwrap().0.id
}

/// So much off everything, at most so often.
fn limited(how: Adjustment, limits: Vec<UsageLimit>) -> RuleTerms {
    RuleTerms { limits, ..RuleTerms::new("limited", Stage::Campaign, Assortment::Everything, how) }
}

fn at_most(cap: Cap) -> UsageLimit {
    UsageLimit { cap, per: LimitPer::Rule, every: None, soft: false }
}

fn percent(n: i64) -> Adjustment {
    Adjustment::Percent(Rate::percent(n))
}

impl Shop {
    pub(super) fn asks(&self, customer: Option<CustomerId>, tea: i64, cups: i64) -> QuoteRequest {
        let lines = [(self.tea, tea), (self.cup, cups)].into_iter().filter(|(_, quantity)| *quantity > 0);
        QuoteRequest { branch: self.branch, customer, at: None, cart: Cart::of(lines) }
    }
}

fn quote(bench: &Bench, request: &QuoteRequest) -> Quote {
    let request = request.clone();
    bench.read(move |work| work.pricing().quote(&request)).unwrap()
}

fn record_as(bench: &Bench, actor: &Actor, request: &QuoteRequest, quote: &Quote, receipt: &str) -> Result<Recorded> {
    let new = NewPurchase::quoted(request, receipt, [NewTender::cash_rest()]);
    let price = ByQuote::of(request, quote);
    bench.run_as(actor, move |work| work.purchases().record_quoted(&new, &price, &new.receipt_no))
}

fn record(bench: &Bench, request: &QuoteRequest, quote: &Quote, receipt: &str) -> Result<Recorded> {
    record_as(bench, &Actor::system(), request, quote, receipt)
}

/// Asks and records at once.
fn buy(bench: &Bench, request: &QuoteRequest, receipt: &str) -> (Quote, PurchaseId) {
    let quote = quote(bench, request);
    let Recorded::Done(receipt) = record(bench, request, &quote, receipt).unwrap() else { panic!("nothing changed") };
    (quote, receipt.purchase)
}

fn count(bench: &Bench) -> u64 {
    bench.read(|work| work.count(Filter::<Purchase>::all())).unwrap()
}

/// 23 % on everything of the shop's goods, a campaign, and something off the bill.
fn rules(bench: &Bench, shop: &Shop) -> PriceRuleId {
    let goods = [shop.tea, shop.cup];
    bench
        .run(move |work| {
            work.pricing().add_tax_rate("A", None, "2020-01-01".parse()?, Rate::percent(23), TaxMode::OnTop)?;
            for id in goods {
                let mut product = work.catalog().product(id)?;
                product.tax_class = Some("A".into());
                work.catalog().update_product(&mut product)?;
            }
            Ok(())
        })
        .unwrap();
    let off = Adjustment::Amount { off: zloty(100), per: Per::Order };
    save(bench, RuleTerms::new("bill", Stage::Cash, Assortment::Everything, off));
    save(bench, RuleTerms::new("autumn", Stage::Campaign, Assortment::Everything, percent(10)))
}

/// A purchase is recorded at the price that was told, with the rules it comes from; when the price has changed nothing is
/// recorded, and the new one is told (S-47).
pub fn are_recorded_at_the_price_told(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let rule = rules(&bench, &shop);
    let request = shop.asks(Some(shop.customer), 2, 3);
    let told = quote(&bench, &request);
    // 49.97 less 4.99 (10 %, down), less 1.00: 35.19 and 8.79, each with 23 %, half up.
    assert_eq!((told.list_minor, told.discount_minor, told.tax_minor), (4_997, 599, 1_011));
    let Recorded::Done(receipt) = record(&bench, &request, &told, "one").unwrap() else { panic!("it is the price") };
    assert_eq!(receipt.total, told.total());
    let id = receipt.purchase;
    let (purchase, lines, _) = bench.read(move |work| work.purchases().get(id)).unwrap();
    assert_eq!((purchase.total_minor, purchase.customer_id), (told.total_minor, Some(shop.customer)));
    let order: i64 = lines.iter().map(|line| line.order_discount_minor).sum();
    let own: i64 = lines.iter().map(|line| line.discount_minor).sum();
    assert_eq!((own, order), (499, 100));
    assert!(lines.iter().all(|line| !line.tax_included && line.tax_rate == Rate::percent(23)));
    let stored = bench.read(move |work| work.purchases().discounts(id)).unwrap().unwrap();
    assert_eq!(stored.taken.0, told.lines.iter().map(|line| line.taken.clone()).collect::<Vec<_>>());
    assert!(matches!(stored.taken.0[0][0].by, By::Rule { id, version: 1 } if id == rule));

    let better = NewRule { rule: Some(rule), ..NewRule::now(limited(percent(20), Vec::new())) };
    bench.run(move |work| work.pricing().save_rule(better.clone())).unwrap();
    let Recorded::Done(again) = record(&bench, &request, &told, "one").unwrap() else { panic!("it was recorded") };
    assert_eq!(again, receipt, "a repetition is answered by what was stored");
    let Recorded::Changed(now) = record(&bench, &request, &told, "two").unwrap() else { panic!("it has changed") };
    assert_eq!((&*now, count(&bench)), (&quote(&bench, &request), 1));
    let Recorded::Done(receipt) = record(&bench, &request, &now, "two").unwrap() else { panic!("it is the price") };
    assert_eq!((receipt.total, count(&bench)), (now.total(), 2));

    let own = NewPurchase {
        lines: vec![NewLine { unit_price: Some(zloty(1)), ..NewLine::of(shop.tea, 1) }],
        ..NewPurchase::quoted(&request, "own", [NewTender::cash_rest()])
    };
    let price = ByQuote::of(&request, &now);
    let refused = bench.run(move |work| work.purchases().record_quoted(&own, &price, "own").map(|_| ()));
    assert!(matches!(refused, Err(Error::Invalid { rule: "quote.own_price", .. })));

    // It takes no right to set prices, and leaves nothing beside the lines where nothing is taken off.
    bench.run(move |work| work.pricing().retire_rule(rule, None)).unwrap();
    let here = Region::branches([shop.branch]);
    let clerk = Actor::new(Principal::User(uuid::Uuid::nil().into())).granted(purchases::RECORD, here.clone());
    let told = quote(&bench, &request);
    let refused = record_as(&bench, &clerk, &request, &told, "three");
    assert!(matches!(refused, Err(Error::Denied { permission }) if permission == pricing::READ));
    let done = record_as(&bench, &clerk.granted(pricing::READ, here), &request, &told, "three").unwrap();
    assert!(matches!(done, Recorded::Done(receipt) if receipt.total == told.total()));
    bench.verify();
}

/// A return gives back what was stored, whatever the rules and the tax say by then (S-46).
pub fn come_back_as_they_were_sold(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let rule = rules(&bench, &shop);
    let (told, bought) = buy(&bench, &shop.asks(None, 2, 3), "one");
    bench.run(move |work| work.pricing().retire_rule(rule, None)).unwrap();
    bench
        .run(|work| {
            let today = "2025-03-21".parse()?;
            work.pricing().add_tax_rate("A", None, today, Rate::percent(5), TaxMode::Included).map(drop)
        })
        .unwrap();
    let back: i64 = [[(1, 1), (2, 2)], [(1, 1), (2, 1)]]
        .iter()
        .enumerate()
        .map(|(n, lines)| take_back(&bench, bought, lines, &n.to_string()).unwrap().total.minor())
        .sum();
    assert_eq!(back, told.total_minor);
    bench.verify();
}

/// With a limit of N exactly N win, and the others are refused by name or told the price without the rule (S-40).
pub fn limits_are_exact(factory: Factory<'_>) {
    for (n, limit) in [1_usize, 5, 100].into_iter().enumerate() {
        let bench = Bench::open(factory);
        let shop = shop(&bench);
        save(&bench, limited(percent(10), vec![at_most(Cap::Uses(limit as i64))]));
        let request = shop.asks(None, 1, 0);
        let told = quote(&bench, &request);
        let rounds = race(8, 3, |turn| {
            let receipt = format!("{n} {} {}", turn.round, turn.worker);
            match record(&bench, &request, &told, &receipt)? {
                Recorded::Done(receipt) => Ok(receipt.total),
                Recorded::Changed(now) => {
                    assert_eq!(now.discount_minor, 0);
                    Err(Error::invalid("limit", "limit.used_up"))
                }
            }
        });
        let won: Vec<_> = rounds.iter().flat_map(|round| &round.won).collect();
        assert_eq!(won.len(), limit.min(24));
        assert!(won.iter().all(|total| **total == told.total()));
        for error in rounds.iter().flat_map(|round| &round.lost) {
            assert!(matches!(error, Error::Invalid { rule: "limit.used_up", .. }), "{error:?}");
        }
        assert_eq!(count(&bench), limit.min(24) as u64);
        bench.verify();
    }
}

/// What a return gives back of a purchase it gives back of the limit too: of money piece by piece, a use at the end.
pub fn limits_come_back(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    // 10 % of 19.99 × 3 are 5.99 in all.
    save(&bench, limited(percent(10), vec![at_most(Cap::Money(zloty(700))), at_most(Cap::Uses(2))]));
    let request = shop.asks(None, 3, 0);
    let off = || quote(&bench, &request).discount_minor;
    let (told, first) = buy(&bench, &request, "first");
    assert_eq!((told.discount_minor, off()), (599, 101));
    // One of three: 1.99 of 5.99 comes back.
    take_back(&bench, first, &[(1, 1)], "one").unwrap();
    assert_eq!(off(), 300);
    bench.verify();
    let (_, second) = buy(&bench, &request, "second");
    assert_eq!(off(), 0, "money and uses are used up");
    take_back(&bench, second, &[(1, 3)], "two").unwrap();
    assert_eq!(off(), 300);
    take_back(&bench, first, &[(1, 2)], "three").unwrap();
    assert_eq!(off(), 599);
    bench.verify();

    // Struck out before the end is the same.
    let new = NewPurchase { open: true, ..NewPurchase::quoted(&request, "open", [NewTender::cash_rest()]) };
    let price = ByQuote::of(&request, &quote(&bench, &request));
    let open = bench.run(move |work| work.purchases().record_quoted(&new, &price, "open")).unwrap();
    let Recorded::Done(open) = open else { panic!("nothing changed") };
    assert_eq!(off(), 101);
    bench.run(move |work| work.returns().void(open.purchase, 1, "typo", "void")).unwrap();
    assert_eq!(off(), 599);
    bench.verify();
}

/// A limit for each customer counts each one's own; a period begins anew; a soft limit is passed, which is stored.
pub fn limits_have_periods_and_owners(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let daily = Some(LimitPeriod { unit: Unit::Day, calendar: Calendar::Jalali });
    let own = UsageLimit { per: LimitPer::Customer, every: daily, ..at_most(Cap::Uses(1)) };
    let rule = save(&bench, limited(percent(10), vec![own]));
    let (ewa, ola) = (Some(shop.customer), Some(bench.customer(NewCustomer::person("Ola")).id));
    let off = |who| quote(&bench, &shop.asks(who, 1, 0)).discount_minor;
    assert_eq!([off(ewa), off(ola), off(None)], [199, 199, 0]);
    let (_, first) = buy(&bench, &shop.asks(ewa, 1, 0), "first");
    assert_eq!([off(ewa), off(ola)], [0, 199]);
    // The next business day at the branch, in Warsaw.
    bench.clock.set(at("2025-03-21T23:00:00Z"));
    assert_eq!([off(ewa), off(ola)], [199, 199]);
    buy(&bench, &shop.asks(ewa, 1, 0), "second");
    assert_eq!(off(ewa), 0);
    // What comes back of yesterday's goes to yesterday's counter.
    take_back(&bench, first, &[(1, 1)], "back").unwrap();
    assert_eq!(off(ewa), 0);
    bench.verify();

    let soft = UsageLimit { soft: true, ..at_most(Cap::Uses(1)) };
    let terms = limited(percent(10), vec![soft]);
    let soften = NewRule { rule: Some(rule), ..NewRule::now(terms) };
    bench.run(move |work| work.pricing().save_rule(soften.clone())).unwrap();
    let passed = ["third", "fourth"].map(|receipt| {
        let (told, id) = buy(&bench, &shop.asks(ewa, 1, 0), receipt);
        assert_eq!(told.discount_minor, 199);
        bench.read(move |work| work.purchases().discounts(id)).unwrap().unwrap().uses.0[0].passed
    });
    assert_eq!(passed, [false, true]);
    bench.verify();
}

/// What is taken off by hand takes a permission and a reason, and stays within the limit of whoever does it (C62).
pub fn hands_have_limits(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let (clerk, boss) = ([1_u128, 2]).map(|n| UserId::from(uuid::Uuid::from_u128(n))).into();
    let here = Region::branches([shop.branch]);
    let seller = |id| {
        Actor::new(Principal::User(id)).granted(purchases::RECORD, here.clone()).granted(pricing::READ, here.clone())
    };
    let by_hand = |extra: Option<Off>, cash: Option<Off>, reason: &str| {
        let mut request = shop.asks(None, 2, 1);
        let discount = |off| Discount { off, reason: reason.to_owned() };
        request.cart.extra = extra.map(|off| Extra { line: Some(0), discount: discount(off) }).into_iter().collect();
        request.cart.cash = cash.map(discount);
        request
    };
    let five = Some(Off::Percent(Rate::percent(5)));
    let mut n = 0;
    let mut sell = |actor: &Actor, request: &QuoteRequest| {
        n += 1;
        record_as(&bench, actor, request, &quote(&bench, request), &n.to_string()).map(|_| ())
    };
    let code = |refused: Result<()>| match refused {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    };
    let request = by_hand(five, five, "scratched");
    assert_eq!(sell(&seller(clerk), &request).unwrap_err().kind(), ErrorKind::Denied);
    let may = |id| seller(id).granted(pricing::DISCOUNT, here.clone());
    // Nobody may anything until somebody says so.
    assert_eq!(code(sell(&may(clerk), &request)), "discount.over_limit");
    let percent = |extra, cash| DiscountLimit { extra: Rate::percent(extra), cash: Rate::percent(cash) };
    let limits = DiscountLimits {
        standard: percent(5, 2),
        users: [(boss, percent(20, 10))].into(),
        ..DiscountLimits::default()
    };
    bench.run(move |work| work.pricing().set_discount_limits(limits.clone())).unwrap();
    sell(&may(clerk), &by_hand(five, None, "scratched")).unwrap();
    assert_eq!(code(sell(&may(clerk), &request)), "discount.over_limit");
    sell(&may(boss), &request).unwrap();
    // An amount is measured like a percentage: 5 % of 39.98 are 2.00.
    let amount = |minor| by_hand(Some(Off::Amount(zloty(minor))), None, "scratched");
    sell(&may(clerk), &amount(200)).unwrap();
    assert_eq!(code(sell(&may(clerk), &amount(201))), "discount.over_limit");
    let silent = by_hand(five, None, " ");
    let silent = bench.read(move |work| work.pricing().quote(&silent).map(drop));
    assert!(matches!(silent, Err(Error::Invalid { field, .. }) if field == "reason"));
    let absurd = DiscountLimits { standard: percent(101, 0), ..DiscountLimits::default() };
    assert_eq!(code(bench.run(move |work| work.pricing().set_discount_limits(absurd.clone()))), "discount.range");
    bench.verify();
}

/// C62: without a limit of their own, somebody may take off what one of their roles allows, held directly or through a
/// group: the larger of each kind, and from the moment on at which they hold it.
pub fn hands_have_limits_by_role(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let here = Region::branches([shop.branch]);
    let may = |id| {
        let actor = Actor::new(Principal::User(id)).granted(purchases::RECORD, here.clone());
        actor.granted(pricing::READ, here.clone()).granted(pricing::DISCOUNT, here.clone())
    };
    let mut n = 0;
    let mut sell = |actor: &Actor, extra, cash| {
        n += 1;
        let discount = |percent| Discount { off: Off::Percent(Rate::percent(percent)), reason: "scratched".into() };
        let mut request = shop.asks(None, 2, 1);
        request.cart.extra = vec![Extra { line: Some(0), discount: discount(extra) }];
        request.cart.cash = Some(discount(cash));
        record_as(&bench, actor, &request, &quote(&bench, &request), &n.to_string()).map(|_| ())
    };
    let refused = |done: Result<()>| matches!(done, Err(Error::Invalid { rule: "discount.over_limit", .. }));
    let percent = |extra, cash| DiscountLimit { extra: Rate::percent(extra), cash: Rate::percent(cash) };
    let (ann, ben) = ([1_u128, 2]).map(|n| UserId::from(uuid::Uuid::from_u128(n))).into();
    let ([senior, cashier, idle], held) = bench
        .run(move |work| {
            for (id, name) in [(ann, "Ann"), (ben, "Ben")] {
                work.insert(&User { id, version: Version::FIRST, name: name.into(), active: true })?;
            }
            let mut access = work.access();
            let team = access.create_group("Till", None)?.id;
            access.join(team, ann)?;
            access.join(team, ben)?;
            let mut roles = Vec::new();
            for name in ["Senior", "Cashier", "Idle"] {
                roles.push(access.create_role(NewRole::named(name, []))?.id);
            }
            let [senior, cashier, idle] = roles[..] else { unreachable!() };
            let held = access.assign(senior, Holder::User(ann), [])?;
            access.assign(cashier, Holder::Group(team), [])?;
            access.assign(idle, Holder::User(ben), [])?;
            Ok(([senior, cashier, idle], held))
        })
        .unwrap();
    assert!(refused(sell(&may(ann), 5, 5)), "nobody has said anything");
    let limits = DiscountLimits {
        standard: percent(50, 50),
        roles: [(senior, percent(10, 0)), (cashier, percent(5, 5))].into(),
        users: [(ben, percent(20, 1))].into(),
    };
    bench.run(move |work| work.pricing().set_discount_limits(limits.clone())).unwrap();
    sell(&may(ann), 10, 5).unwrap();
    assert!(refused(sell(&may(ann), 10, 10)), "not the standard");
    // A stranger to the policy, whose actor the host has made.
    sell(&may(uuid::Uuid::from_u128(3).into()), 10, 10).unwrap();
    assert!(refused(sell(&may(ben), 10, 5)), "their own limit counts, though it is less");
    bench.run(move |work| work.access().withdraw(&held)).unwrap();
    assert!(refused(sell(&may(ann), 10, 5)), "a role that was taken away counts no more");
    sell(&may(ann), 5, 5).unwrap();
    let unknown = DiscountLimits { roles: [(uuid::Uuid::max().into(), percent(1, 1))].into(), ..Default::default() };
    let refused = bench.run(move |work| work.pricing().set_discount_limits(unknown.clone()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    let absurd = DiscountLimits { roles: [(idle, percent(0, 101))].into(), ..DiscountLimits::default() };
    let absurd = bench.run(move |work| work.pricing().set_discount_limits(absurd.clone()));
    assert!(matches!(absurd, Err(Error::Invalid { rule: "discount.range", .. })));
    bench.verify();
}

/// Several tills sell while the terms change again and again: each sale is priced by exactly one version, on all its lines,
/// that was in force while it was made, and to the grosz (S-46, S-47). As many sales as `CRM_PRICED_SALES` says, 200
/// without.
pub fn each_sale_has_one_version_of_its_terms(factory: Factory<'_>) {
    const TO_A_STORE: u64 = 400;
    let sales = super::repeats("CRM_PRICED_SALES", 200);
    let stores = sales.div_ceil(TO_A_STORE).max(1);
    for _ in 0..stores {
        sell_across_terms(factory, sales / stores);
    }
}

fn sell_across_terms(factory: Factory<'_>, sales: u64) {
    const TILLS: u64 = 4;
    let bench = Bench::open(factory);
    let branch = bench.branch("terms").id;
    let goods = ["one", "two", "three"].map(|sku| {
        let new = move || NewProduct::service(sku, sku, zloty(10_000));
        bench.run(move |work| work.catalog().create_product(new())).unwrap().id
    });
    // The percentage tells the version, as far as neighbours go.
    let off = |version: u32| i64::from(1 + version % 50);
    let rule = save(&bench, limited(percent(off(1)), Vec::new()));
    let request = QuoteRequest { branch, customer: None, at: None, cart: Cart::of(goods.map(|product| (product, 1))) };
    let (published, sold) = (AtomicU32::new(1), AtomicU64::new(0));
    let (begun, changed) = (AtomicU32::new(1), AtomicU64::new(0));
    let sell = |receipt: &str| {
        let since = published.load(Ordering::SeqCst);
        let receipt = loop {
            let told = quote(&bench, &request);
            match record(&bench, &request, &told, receipt).unwrap() {
                Recorded::Done(receipt) => break receipt,
                Recorded::Changed(_) => changed.fetch_add(1, Ordering::SeqCst),
            };
        };
        sold.fetch_add(1, Ordering::SeqCst);
        let id = receipt.purchase;
        let stored = bench.read(move |work| work.get::<PurchaseDiscounts>(id)).unwrap();
        let mut versions = stored.taken.0.iter().map(|taken| match &taken[..] {
            [Taken { by: By::Rule { id, version }, off_minor, .. }] if *id == rule => (*version, *off_minor),
            other => panic!("one rule takes something off, and nothing else: {other:?}"),
        });
        let (version, off_minor) = versions.next().unwrap();
        assert!(versions.all(|other| other == (version, off_minor)), "all lines by one version");
        assert_eq!(off_minor, 100 * off(version), "version {version}");
        assert_eq!(receipt.total, zloty(3 * (10_000 - off_minor)));
        let until = begun.load(Ordering::SeqCst);
        assert!((since..=until).contains(&version), "version {version} of {since} to {until}");
    };
    // Some two hundred changes at most: what is wrong with rules is looked for in all versions.
    let between = (sales / 200).max(5);
    thread::scope(|scope| {
        let tills: Vec<_> = (0..TILLS)
            .map(|till| {
                let (sold, begun) = (&sold, &begun);
                scope.spawn(move || {
                    for n in 0..sales / TILLS {
                        // Nobody sells so fast that the terms do not change on the way.
                        while sold.load(Ordering::SeqCst) > 2 * between * u64::from(begun.load(Ordering::SeqCst)) {
                            thread::yield_now();
                        }
                        sell(&format!("{till}-{n}"));
                    }
                })
            })
            .collect();
        while tills.iter().any(|till| !till.is_finished()) {
            let at = sold.load(Ordering::SeqCst);
            // As many as may be sold before the next change, and no more than the tills wait for.
            let enough = (at + between).min(2 * between * u64::from(begun.load(Ordering::SeqCst)) + 1);
            while sold.load(Ordering::SeqCst) < enough && tills.iter().any(|till| !till.is_finished()) {
                thread::yield_now();
            }
            bench.clock.advance(std::time::Duration::from_secs(60));
            let next = begun.fetch_add(1, Ordering::SeqCst) + 1;
            let new = NewRule { rule: Some(rule), ..NewRule::now(limited(percent(off(next)), Vec::new())) };
            bench.run(move |work| work.pricing().save_rule(new.clone())).unwrap();
            published.store(next, Ordering::SeqCst);
        }
        for till in tills {
            till.join().unwrap();
        }
    });
    let versions = begun.load(Ordering::SeqCst);
    assert!(versions > 10, "the terms have changed");
    println!("{sales} sales across {versions} versions; {} were told another price first", changed.into_inner());
    assert_eq!(count(&bench), TILLS * (sales / TILLS));
    bench.verify();
}
