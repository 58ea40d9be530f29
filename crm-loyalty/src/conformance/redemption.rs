//! Paying with credit and points: caps, holds, tenders, and what comes back.

use std::time::Duration;

use crm_core::catalog::ProductId;
use crm_core::conformance::{Bench, Factory, race};
use crm_core::customers::NewCustomer;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{AccountId, AccountState, HoldId};
use crm_core::loyalty::programme::{PointValue, Programme};
use crm_core::loyalty::redemption::{Bound, Limits, LimitsFor, RedemptionTerms, Usable};
use crm_core::purchases::{NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::{Error, Result};

use super::open;
use crate::WorkLoyalty;
use crate::programme::NewVersion;
use crate::redemption::{Holding, NewHolding, Query, credit, points, with_hold};

const CREDIT: Asset = Asset::Credit(Currency::PLN);

/// A branch, goods at 100.00, and a member.
struct Shop {
    bench: Bench,
    branch: crm_core::branches::BranchId,
    goods: ProductId,
    account: AccountId,
}

fn zloty(grosz: i64) -> Money {
    Money::new(grosz, Currency::PLN)
}

/// The rule that was broken.
fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result.unwrap_err() {
        Error::Invalid { rule, .. } => rule,
        other => panic!("{other}"),
    }
}

impl Shop {
    fn open(factory: Factory<'_>, terms: RedemptionTerms) -> Self {
        let bench = open(factory);
        let branch = bench.branch("club").id;
        let goods = bench.goods("tea", 10_000).id;
        bench.run(move |work| work.catalog().receive(goods, branch, 1_000)).unwrap();
        let account = bench.customer(NewCustomer::person("Ala Kot")).id.into();
        // Seven grosz for three points.
        let worth = PointValue { currency: Currency::PLN, worth: Rate::new(7, 3).unwrap() };
        let warsaw = Zone::new("Europe/Warsaw").unwrap();
        let programme = Programme { point_values: vec![worth], redemption: terms, ..Programme::new("Club", warsaw) };
        bench.run(move |work| work.loyalty().save_programme(NewVersion::now(programme.clone()))).unwrap();
        Self { bench, branch, goods, account }
    }

    fn give(&self, asset: Asset, amount: i64) {
        let account = self.account;
        let done = self.bench.run(move |work| {
            let key: uuid::Uuid = work.new_id();
            work.loyalty().adjust(account, asset, amount, "for the check", &key.to_string())
        });
        done.unwrap();
    }

    fn amounts(&self, asset: Asset) -> Amounts {
        let account = self.account;
        let balances = self.bench.read(move |work| work.loyalty().balances(account)).unwrap();
        balances.get(&asset).copied().unwrap_or_default()
    }

    fn usable(&self, asset: Asset, due: i64, requested: Option<i64>) -> Usable {
        let query = Query { account: self.account, asset, branch: self.branch, due: zloty(due), requested };
        self.bench.read(move |work| work.loyalty().usable(&query)).unwrap()
    }

    fn hold(&self, asset: Asset, due: i64, amount: i64, key: &str) -> Result<Holding> {
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

    fn void(&self, hold: HoldId) -> Result<()> {
        let account = self.account;
        self.bench.run(move |work| work.loyalty().void_hold(account, hold, &format!("void {hold}")))
    }

    /// Buys so many pieces.
    fn buy(&self, receipt: &str, pieces: i64, mut tenders: Vec<NewTender>) -> Result<PurchaseId> {
        tenders.push(NewTender::cash_rest());
        let new = NewPurchase::of(self.branch, receipt, [NewLine::of(self.goods, pieces)], tenders)
            .by(uuid::Uuid::from(self.account).into());
        let receipt = receipt.to_owned();
        Ok(self.bench.run(move |work| work.purchases().record(&new, &receipt))?.purchase)
    }

    fn take_back(&self, purchase: PurchaseId, pieces: i64, key: &str) {
        let (new, key) = (NewReturn::of(purchase, [NewReturnLine::of(1, pieces)]), key.to_owned());
        self.bench.run(move |work| work.returns().record(&new, &key)).unwrap();
    }
}

fn limits(asset: Asset, limits: Limits) -> RedemptionTerms {
    let limits = LimitsFor { asset, audience: Default::default(), limits };
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
    let shop = Shop::open(factory, limits(CREDIT, terms));
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
    let shop = Shop::open(factory, RedemptionTerms::default());
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
    let shop = Shop::open(factory, RedemptionTerms::default());
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
    let shop = Shop::open(factory, RedemptionTerms::default());
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
    let shop = Shop::open(factory, limits(CREDIT, Limits { per_day: Some(2_000), ..Limits::default() }));
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

/// T-8, row 1: many tills redeem from one account at once. As many win as there is credit for, and the others are told.
pub fn nothing_is_spent_twice(factory: Factory<'_>) {
    let shop = Shop::open(factory, RedemptionTerms::default());
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
    let shop = Shop::open(factory, limits(CREDIT, Limits { per_day: Some(500), ..Limits::default() }));
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
