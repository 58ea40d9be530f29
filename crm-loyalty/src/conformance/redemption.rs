//! Paying with credit and points: caps, holds, tenders, and what comes back.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crm_core::access::Actor;
use crm_core::branches::{BranchId, NewBranch};
use crm_core::catalog::ProductId;
use crm_core::conformance::{Bench, Factory, race};
use crm_core::customers::NewCustomer;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{TimeOfDay, Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{AccountId, AccountState, DayUse, HoldId, HoldState, day_use};
use crm_core::loyalty::programme::{PointValue, Programme};
use crm_core::loyalty::redemption::{Bound, Limits, LimitsFor, RedemptionTerms, Usable};
use crm_core::pricing::Audience;
use crm_core::purchases::{NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::{Error, Result};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::open;
use crate::WorkLoyalty;
use crate::jobs::{RunDue, run_due_blocking};
use crate::programme::NewVersion;
use crate::redemption::{Holding, NewHolding, Query, credit, points, with_hold};

pub(super) const CREDIT: Asset = Asset::Credit(Currency::PLN);

/// A branch, goods at 100.00, and a member.
pub(super) struct Shop<'b> {
    pub(super) bench: &'b Bench,
    pub(super) branch: BranchId,
    pub(super) goods: ProductId,
    pub(super) account: AccountId,
}

pub(super) fn zloty(grosz: i64) -> Money {
    Money::new(grosz, Currency::PLN)
}

/// The rule that was broken.
pub(super) fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result.unwrap_err() {
        Error::Invalid { rule, .. } => rule,
        other => panic!("{other}"),
    }
}

impl<'b> Shop<'b> {
    pub(super) fn of(bench: &'b Bench, terms: RedemptionTerms, earns: bool) -> Self {
        let branch = bench.branch("club").id;
        let goods = bench.goods("tea", 10_000).id;
        bench.run(move |work| work.catalog().receive(goods, branch, 1_000)).unwrap();
        let account = bench.customer(NewCustomer::person("Ala Kot")).id.into();
        // Seven grosz for three points.
        let worth = PointValue { currency: Currency::PLN, worth: Rate::new(7, 3).unwrap() };
        let warsaw = Zone::new("Europe/Warsaw").unwrap();
        let mut programme =
            Programme { point_values: vec![worth], redemption: terms, ..Programme::new("Club", warsaw) };
        if earns {
            let rules = serde_json::json!({ "rules": [{
                "key": "tenth", "name": "A tenth back", "asset": "credit:PLN",
                "earn": { "rate": { "give": 1, "per": { "minor": 10, "currency": "PLN" } } },
            }] });
            programme.earning = serde_json::from_value(rules).unwrap();
        }
        bench.run(move |work| work.loyalty().save_programme(NewVersion::now(programme.clone()))).unwrap();
        Self { bench, branch, goods, account }
    }

    pub(super) fn give(&self, asset: Asset, amount: i64) {
        let account = self.account;
        let done = self.bench.run(move |work| {
            let key: uuid::Uuid = work.new_id();
            work.loyalty().adjust(account, asset, amount, "for the check", &key.to_string())
        });
        done.unwrap();
    }

    pub(super) fn amounts(&self, asset: Asset) -> Amounts {
        let account = self.account;
        let balances = self.bench.read(move |work| work.loyalty().balances(account)).unwrap();
        balances.get(&asset).copied().unwrap_or_default()
    }

    pub(super) fn usable(&self, asset: Asset, due: i64, requested: Option<i64>) -> Usable {
        let query = Query { account: self.account, asset, branch: self.branch, due: zloty(due), requested };
        self.bench.read(move |work| work.loyalty().usable(&query)).unwrap()
    }

    pub(super) fn hold(&self, asset: Asset, due: i64, amount: i64, key: &str) -> Result<Holding> {
        let new = NewHolding {
            account: self.account,
            asset,
            branch: self.branch,
            due: zloty(due),
            amount: zloty(amount),
            minutes: None,
            card: None,
        };
        let key = key.to_owned();
        self.bench.run(move |work| work.loyalty().hold(&new, &key))
    }

    pub(super) fn void(&self, hold: HoldId) -> Result<()> {
        let account = self.account;
        self.bench.run(move |work| work.loyalty().void_hold(account, hold, &format!("void {hold}")))
    }

    /// Buys so many pieces.
    pub(super) fn buy(&self, receipt: &str, pieces: i64, mut tenders: Vec<NewTender>) -> Result<PurchaseId> {
        tenders.push(NewTender::cash_rest());
        let new = NewPurchase::of(self.branch, receipt, [NewLine::of(self.goods, pieces)], tenders)
            .by(uuid::Uuid::from(self.account).into());
        let receipt = receipt.to_owned();
        Ok(self.bench.run(move |work| work.purchases().record(&new, &receipt))?.purchase)
    }

    pub(super) fn take_back(&self, purchase: PurchaseId, pieces: i64, key: &str) {
        let (new, key) = (NewReturn::of(purchase, [NewReturnLine::of(1, pieces)]), key.to_owned());
        self.bench.run(move |work| work.returns().record(&new, &key)).unwrap();
    }
}

pub(super) fn limits(asset: Asset, limits: Limits) -> RedemptionTerms {
    let limits = LimitsFor { asset, audience: Audience::default(), limits };
    RedemptionTerms { limits: vec![limits], ..RedemptionTerms::default() }
}

/// S-22: every term is told, the one that binds is named, and the same one refuses what is more.
pub fn terms_are_told_and_kept(factory: Factory<'_>) {
    let terms = Limits {
        per_invoice: Some(9_000),
        per_invoice_rate: Some(Rate::percent(50)),
        per_day: Some(12_000),
        minimum: Some(100),
        cash_part: vec![zloty(4_000)],
    };
    let bench = open(factory);
    let shop = Shop::of(&bench, limits(CREDIT, terms), false);
    shop.give(CREDIT, 20_000);
    let bound = |due, requested| {
        let usable = shop.usable(CREDIT, due, requested);
        (usable.bound, usable.worth.minor())
    };
    assert_eq!(bound(10_000, Some(99)), (Bound::Minimum, 0));
    assert_eq!(bound(10_000, Some(200)), (Bound::Requested, 200));
    assert_eq!(bound(10_000, None), (Bound::PerInvoiceRate, 5_000));
    assert_eq!(bound(6_000, None), (Bound::CashPart, 2_000));
    assert_eq!(bound(90_000, None), (Bound::PerInvoice, 9_000));
    assert_eq!(shop.usable(CREDIT, 10_000, Some(1)).terms.len(), 6);

    assert_eq!(rule(shop.buy("1", 1, vec![credit(zloty(99))])), "redeem.minimum");
    assert_eq!(rule(shop.buy("2", 1, vec![credit(zloty(5_001))])), "redeem.invoice_cap");
    // Two tenders of one purchase share what limits it.
    assert_eq!(rule(shop.buy("3", 1, vec![credit(zloty(3_000)), credit(zloty(2_001))])), "redeem.invoice_cap");
    shop.buy("4", 2, vec![credit(zloty(9_000))]).unwrap();
    assert_eq!(bound(90_000, None), (Bound::PerDay, 3_000));
    assert_eq!(rule(shop.buy("5", 2, vec![credit(zloty(3_001))])), "redeem.daily_cap");
    let hold = shop.hold(CREDIT, 20_000, 3_000, "h").unwrap();
    assert_eq!(rule(shop.hold(CREDIT, 20_000, 100, "h2")), "redeem.daily_cap");
    shop.void(hold.hold).unwrap();
    assert_eq!(bound(90_000, None), (Bound::PerDay, 3_000));
    // Another business day: the clock shows 10:00 in Warsaw.
    shop.bench.clock.advance(Duration::from_secs(14 * 3600));
    assert_eq!(bound(90_000, None), (Bound::PerInvoice, 9_000));
    shop.bench.verify();
}

/// S-20: points pay with as many as it takes, rounded up, and are worth what they are worth rounded down.
pub fn points_pay_by_their_value(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), false);
    shop.give(Asset::Points, 1_000);
    let usable = shop.usable(Asset::Points, 10_000, None);
    assert_eq!((usable.worth.minor(), usable.amount, usable.bound), (2_333, 1_000, Bound::Available));
    // Three points are worth seven grosz: eight grosz take four points.
    let sold = shop.buy("1", 1, vec![points(zloty(8))]).unwrap();
    assert_eq!(shop.amounts(Asset::Points).available, 996);
    assert_eq!(rule(shop.buy("2", 1, vec![points(zloty(2_400))])), "redeem.not_enough");
    shop.take_back(sold, 1, "r");
    assert_eq!(shop.amounts(Asset::Points).available, 1_000);
    shop.bench.verify();
}

/// S-08: what is set aside is nobody else's; it is paid with, in part or whole, freed, or lapses by itself.
pub fn holds_are_captured_voided_or_lapse(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), false);
    shop.give(CREDIT, 10_000);
    let first = shop.hold(CREDIT, 10_000, 6_000, "first").unwrap();
    assert_eq!(shop.hold(CREDIT, 10_000, 6_000, "first").unwrap(), first, "a repetition");
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 4_000, held: 6_000, ..Amounts::default() });
    assert_eq!(rule(shop.hold(CREDIT, 10_000, 4_001, "second")), "redeem.not_enough");
    let second = shop.hold(CREDIT, 10_000, 4_000, "second").unwrap();
    assert_eq!(rule(shop.buy("1", 1, vec![with_hold(credit(zloty(6_001)), first.hold)])), "redeem.hold_exceeded");
    shop.buy("1", 1, vec![with_hold(credit(zloty(5_000)), first.hold)]).unwrap();
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 1_000, held: 4_000, ..Amounts::default() });
    assert_eq!(rule(shop.buy("2", 1, vec![with_hold(credit(zloty(1)), first.hold)])), "redeem.hold_over");
    assert_eq!(rule(shop.buy("2", 1, vec![with_hold(points(zloty(1)), second.hold)])), "redeem.hold_asset");
    shop.void(second.hold).unwrap();
    assert_eq!(rule(shop.void(first.hold)), "redeem.hold_over");
    let third = shop.hold(CREDIT, 10_000, 5_000, "third").unwrap();
    shop.bench.clock.set(third.lapses_at);
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 5_000, ..Amounts::default() }, "lapsed when read");
    assert_eq!(rule(shop.buy("3", 1, vec![with_hold(credit(zloty(1)), third.hold)])), "redeem.hold_over");
    shop.bench.verify();
    let account = shop.account;
    shop.bench.run(move |work| work.loyalty().settle(account)).unwrap();
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 5_000, ..Amounts::default() });
    shop.bench.verify();
}

/// S-49: a frozen account redeems nothing and what was set aside is free; a closed one is empty and stays closed.
pub fn accounts_are_frozen_and_closed(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), false);
    shop.give(CREDIT, 1_000);
    let hold = shop.hold(CREDIT, 10_000, 400, "h").unwrap();
    let account = shop.account;
    let set = |state, key: &'static str| {
        shop.bench.run(move |work| work.loyalty().set_state(account, state, "asked for", key))
    };
    set(AccountState::Frozen, "freeze").unwrap();
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 1_000, ..Amounts::default() });
    assert_eq!(rule(shop.buy("1", 1, vec![credit(zloty(1))])), "redeem.frozen");
    assert_eq!(rule(shop.buy("1", 1, vec![with_hold(credit(zloty(1)), hold.hold)])), "redeem.hold_over");
    assert_eq!(rule(set(AccountState::Closed, "close")), "loyalty.not_empty");
    shop.give(CREDIT, -1_000);
    set(AccountState::Closed, "close").unwrap();
    assert_eq!(rule(set(AccountState::Active, "thaw")), "loyalty.closed");
    assert_eq!(rule(shop.buy("1", 1, vec![credit(zloty(1))])), "redeem.closed");
    shop.bench.verify();
}

/// T-4, T-5, T-6: what was paid comes back part by part, and in any parts to the same end; the day's cap with it.
pub fn payments_come_back(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, limits(CREDIT, Limits { per_day: Some(2_000), ..Limits::default() }), false);
    shop.give(CREDIT, 700);
    shop.give(CREDIT, 800);
    let account = shop.account;
    let lots = || shop.bench.read(move |work| work.loyalty().lots(account)).unwrap();
    let before: Vec<_> = lots().into_iter().map(|lot| (lot.id, lot.remaining)).collect();
    let sold = shop.buy("1", 7, vec![credit(zloty(1_000))]).unwrap();
    assert_eq!(shop.amounts(CREDIT).available, 500);
    let mut last = 500;
    for (n, pieces) in [1, 3, 2, 1].into_iter().enumerate() {
        shop.take_back(sold, pieces, &format!("r{n}"));
        let now = shop.amounts(CREDIT).available;
        assert!(now >= last, "no refund is taken back");
        last = now;
        shop.bench.verify();
    }
    let after: Vec<_> = lots().into_iter().map(|lot| (lot.id, lot.remaining)).collect();
    assert_eq!(after, before, "unit by unit to the lots it came from");
    assert_eq!(shop.usable(CREDIT, 70_000, None).bound, Bound::Available, "the day has room again");
    shop.bench.verify();
}

/// What becomes of one of two members alike, by the parts in which they return.
struct Twin {
    account: AccountId,
    sold: PurchaseId,
}

impl Shop<'_> {
    /// A member with credit buys for a part of it, earns a tenth of the rest, and spends some more.
    fn twin(&self, name: &str, (pieces, paid, spent): (i64, i64, i64)) -> Twin {
        let account: AccountId = self.bench.customer(NewCustomer::person(name)).id.into();
        let twin = Shop { account, ..*self };
        twin.give(CREDIT, 700);
        twin.give(CREDIT, 900);
        let sold = twin.buy(&format!("{name} buys"), pieces, vec![credit(zloty(paid))]).unwrap();
        let spent = spent.min(twin.amounts(CREDIT).available);
        twin.buy(&format!("{name} spends"), 10, vec![credit(zloty(spent))]).unwrap();
        Twin { account, sold }
    }
}

/// T-5, S-28, S-29, S-30: a return in any parts ends as a return at once, with what was paid, what was earned, and what is
/// owed.
pub fn returns_in_parts_end_alike(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), true);
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let number = std::cell::Cell::new(0);
    let input = (1..6_i64, 1..1_600_i64, 1..8_000_i64, proptest::collection::vec(1..4_i64, 1..6));
    let outcome = runner.run(&input, |(pieces, paid, spent, parts)| {
        number.set(number.get() + 1);
        let [whole, split] =
            ["whole", "split"].map(|name| shop.twin(&format!("{name} {}", number.get()), (pieces, paid, spent)));
        let mut back = 0;
        for (n, part) in parts.into_iter().enumerate() {
            let part = part.min(pieces - back);
            if part > 0 {
                shop.take_back(split.sold, part, &format!("{} {n}", number.get()));
                back += part;
            }
        }
        shop.take_back(whole.sold, back, &format!("{} whole", number.get()));
        let state = |account: AccountId| {
            let read = shop.bench.read(move |work| {
                let lots = work.loyalty().lots(account)?;
                Ok((work.loyalty().balances(account)?, lots.iter().map(|lot| lot.remaining).collect::<Vec<_>>()))
            });
            read.unwrap()
        };
        prop_assert_eq!(state(whole.account), state(split.account));
        Ok(())
    });
    outcome.unwrap();
    bench.verify();
}

/// T-8, row 1: many tills redeem from one account at once. As many win as there is credit for, and the others are told.
pub fn nothing_is_spent_twice(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), false);
    let rounds = 3;
    for round in 0..rounds {
        shop.give(CREDIT, 500);
        let ended = race(8, 1, |turn| shop.buy(&format!("{round}-{}", turn.worker), 1, vec![credit(zloty(100))]));
        assert_eq!((ended[0].won.len(), ended[0].lost.len()), (5, 3));
        for lost in &ended[0].lost {
            assert!(matches!(lost, Error::Invalid { rule: "redeem.not_enough", .. }), "{lost}");
        }
        assert_eq!(shop.amounts(CREDIT), Amounts::default());
    }
    shop.bench.verify();
}

/// T-8: holds and payments at once never pass the cap of the day.
pub fn caps_are_exact(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, limits(CREDIT, Limits { per_day: Some(500), ..Limits::default() }), false);
    shop.give(CREDIT, 10_000);
    let ended = race(8, 1, |turn| {
        let name = format!("{}", turn.worker);
        if turn.worker % 2 == 0 {
            shop.hold(CREDIT, 10_000, 100, &name).map(|_| ())
        } else {
            shop.buy(&name, 1, vec![credit(zloty(100))]).map(|_| ())
        }
    });
    assert_eq!((ended[0].won.len(), ended[0].lost.len()), (5, 3));
    assert!(ended[0].lost.iter().all(|lost| matches!(lost, Error::Invalid { rule: "redeem.daily_cap", .. })));
    shop.bench.verify();
}

/// S-08, row 3: each of many holds is paid with at one till and freed at another, while the clock comes to its end and the
/// sweep runs. One of the three happens to it, whoever was later is told, and nothing is lost.
pub fn a_hold_ends_once(factory: Factory<'_>) {
    const HOLDS: usize = 5;
    let bench = open(factory);
    let cap = 100_000;
    let shop = Shop::of(&bench, limits(CREDIT, Limits { per_day: Some(cap), ..Limits::default() }), false);
    // Each hold is of several lots.
    for _ in 0..30 {
        shop.give(CREDIT, 170);
    }
    let mut spent = 0;
    for round in 0..4 {
        let name = |n: usize| format!("{round} {n}");
        let holds: Vec<_> = (0..HOLDS).map(|n| shop.hold(CREDIT, 10_000, 300, &name(n)).unwrap()).collect();
        assert_eq!(shop.amounts(CREDIT).held, 300 * HOLDS as i64);
        let over = AtomicUsize::new(0);
        // The last one sweeps: in each round when more of the others are through.
        let ended = race(2 * HOLDS + 1, 1, |turn| {
            let n = turn.worker / 2;
            let Some(hold) = holds.get(n) else {
                while over.load(Ordering::SeqCst) < 3 * round {
                    std::thread::yield_now();
                }
                bench.clock.set(holds[0].lapses_at);
                let swept =
                    run_due_blocking(&bench.crm, &Actor::system(), &RunDue::default(), |_| ControlFlow::Continue(()))?;
                assert_eq!(swept.failures, []);
                return Ok(None);
            };
            let done = if turn.worker % 2 == 0 {
                let tender = with_hold(credit(zloty(200)), hold.hold);
                shop.buy(&name(n), 1, vec![tender]).map(|_| Some((n, HoldState::Captured)))
            } else {
                shop.void(hold.hold).map(|()| Some((n, HoldState::Voided)))
            };
            over.fetch_add(1, Ordering::SeqCst);
            done
        });
        for lost in &ended[0].lost {
            assert!(matches!(lost, Error::Invalid { rule: "redeem.hold_over", .. }), "{lost}");
        }
        let (account, won) = (shop.account, ended[0].won.iter().flatten());
        for (n, hold) in holds.iter().map(|hold| hold.hold).enumerate() {
            let state = bench.read(move |work| work.loyalty().held(account, hold)).unwrap().state;
            let winners: Vec<_> = won.clone().filter(|(of, _)| *of == n).map(|(_, how)| *how).collect();
            let told = if state == HoldState::Lapsed { vec![] } else { vec![state] };
            assert_eq!(winners, told, "one outcome, and its winner was told so");
            spent += if state == HoldState::Captured { 200 } else { 0 };
        }
        assert_eq!(shop.amounts(CREDIT), Amounts { available: 30 * 170 - spent, ..Amounts::default() });
        let lots = bench.read(move |work| work.loyalty().lots(account)).unwrap();
        assert_eq!(lots.iter().map(|lot| lot.remaining).sum::<i64>(), 30 * 170 - spent);
        let day = shop.usable(CREDIT, 1_000_000, None).terms;
        assert!(day.contains(&(Bound::PerDay, cap - spent)), "what was freed does not count for the day: {day:?}");
        bench.verify();
    }
}

/// T-8, N-1, S-22: branches in two zones share the cap of the programme's day, which begins at 04:00 in Warsaw. A microsecond
/// before it ends they have together what is left of it, and at that instant there is room again; what was set aside
/// before counts for its own day.
pub fn caps_are_exact_across_zones(factory: Factory<'_>) {
    let bench = open(factory);
    let terms = limits(CREDIT, Limits { per_day: Some(500), ..Limits::default() });
    let warsaw = Shop::of(&bench, terms.clone(), false);
    let zone = Zone::new("Europe/Warsaw").unwrap();
    let cutoff = TimeOfDay::new(4, 0).unwrap();
    super::save(&bench, Programme { redemption: terms, cutoff, ..Programme::new("Club", zone) });
    let goods = warsaw.goods;
    let opened = bench.run(move |work| {
        let branch = work.branches().create(NewBranch::named("Tehran", "Asia/Tehran", "PLN"))?.id;
        work.catalog().receive(goods, branch, 1_000)?;
        Ok(branch)
    });
    let tehran = Shop { branch: opened.unwrap(), ..warsaw };
    warsaw.give(CREDIT, 10_000);
    warsaw.buy("noon", 1, vec![credit(zloty(100))]).unwrap();
    // Half of the tills pay, the others set aside.
    let tills = |name: &str, workers| {
        let ended = race(workers, 1, |turn| {
            let shop = [&warsaw, &tehran][turn.worker % 2];
            let name = format!("{name} {}", turn.worker);
            if turn.worker % 4 < 2 {
                shop.buy(&name, 1, vec![credit(zloty(100))]).map(drop)
            } else {
                shop.hold(CREDIT, 10_000, 100, &name).map(drop)
            }
        });
        let told = |lost: &Error| matches!(lost, Error::Invalid { rule: "redeem.daily_cap", .. });
        assert!(ended[0].lost.iter().all(told), "{ended:?}");
        ended[0].won.len()
    };
    let account = warsaw.account;
    let used = || {
        let days: Vec<DayUse> = bench.read(move |work| work.select(day_use::account_id.eq(account)).all()).unwrap();
        days.into_iter().map(|day| (day.business_date.to_string(), day.used)).collect::<BTreeMap<_, _>>()
    };
    let [first, second, third] = ["2025-03-21", "2025-03-22", "2025-03-23"].map(ToOwned::to_owned);
    let (next, last) = ("2025-03-22T04:00:00+01:00", "2025-03-23T04:00:00+01:00");
    let [next, last]: [Timestamp; 2] = [next, last].map(|time| time.parse().unwrap());

    // In Tehran another day has begun long ago.
    bench.clock.set(next.checked_add_micros(-1).unwrap());
    let eve = tehran.hold(CREDIT, 10_000, 100, "eve").unwrap();
    assert_eq!(tills("before", 8), 3, "with what was paid at noon, and the eve's");
    assert_eq!(used(), [(first.clone(), 500)].into());
    for shop in [&warsaw, &tehran] {
        let usable = shop.usable(CREDIT, 10_000, None);
        assert_eq!((usable.bound, usable.worth), (Bound::PerDay, zloty(0)));
    }
    bench.clock.set(next);
    assert_eq!(tills("at", 8), 5);
    warsaw.buy("eve", 1, vec![with_hold(credit(zloty(100)), eve.hold)]).unwrap();
    assert_eq!(used(), [(first, 500), (second.clone(), 500)].into());
    bench.verify();

    // The day ends while they race: each has its own cap, and nothing counts for both.
    bench.clock.set(last.checked_add_micros(-1).unwrap());
    bench.run(move |work| work.loyalty().settle(account)).unwrap();
    let before = used()[&second];
    let ended = race(13, 1, |turn| {
        if turn.worker == 6 {
            bench.clock.set(last);
            return Ok(0);
        }
        let shop = [&warsaw, &tehran][turn.worker % 2];
        shop.buy(&format!("over {}", turn.worker), 1, vec![credit(zloty(100))]).map(|_| 100)
    });
    assert!(ended[0].lost.iter().all(|lost| matches!(lost, Error::Invalid { rule: "redeem.daily_cap", .. })));
    let used = used();
    let [old, new] = [&second, &third].map(|day| used.get(day).copied().unwrap_or(0));
    assert!(old <= 500 && new <= 500, "{used:?}");
    assert_eq!(old - before + new, ended[0].won.iter().sum::<i64>());
    bench.verify();
}
