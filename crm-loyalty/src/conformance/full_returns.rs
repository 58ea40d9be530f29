//! What has come back wholly leaves nothing behind, and what it touches meanwhile never stands in its way (T-4, N-6).

use std::collections::BTreeMap;

use crm_core::Error;
use crm_core::conformance::Factory;
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::instalments::{NewPayment, Terms};
use crm_core::kernel::calendar::Span;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::kernel::rate::Rate;
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{Earn, EarnCounter, EarnLimit, EarnRule, LimitCap, everybody};
use crm_core::loyalty::ledger::{AccountState, DayUse, EntryKind, Lot, day_use, lot};
use crm_core::loyalty::programme::{PointValue, Programme, Validity};
use crm_core::loyalty::redemption::{Limits, LimitsFor, RedemptionTerms};
use crm_core::loyalty::referral::{Referral, ReferralTerm, Referrer, referrer};
use crm_core::loyalty::tiers::{Need, QualifyingDay, Sums, TierLadder, TierTerms, Window, qualifying_day};
use crm_core::pricing::{Audience, Least, LimitPer};
use crm_core::purchases::{CASH, NewPurchase, NewTender, PurchaseId};
use crm_core::reexport::Uuid;
use crm_core::work::Filter;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::earning::{CREDIT, POINTS, Shop, percent, pln, programme, shop};
use crate::WorkLoyalty;
use crate::redemption::{credit, points};

fn ladders() -> Vec<TierLadder> {
    let silver = TierTerms::new(Uuid::from_u128(1).into(), "silver", Need::nothing());
    let gold = TierTerms::new(Uuid::from_u128(2).into(), "gold", Need::amount(2_500));
    let ladder = TierLadder::new(Uuid::from_u128(9).into(), "club", Window::Lifetime, [silver, gold]);
    vec![TierLadder { take_back_days: 30, ..ladder }]
}

/// Everything a purchase can touch: two assets, something counted, budgets by use and by amount, a cap of the day, tiers, and
/// whoever brought the member.
fn everything() -> Programme {
    let uses = EarnLimit { cap: LimitCap::Uses(40), per: LimitPer::Customer, every: None, soft: false };
    let amount = EarnLimit { cap: LimitCap::Amount(900_000), per: LimitPer::Rule, every: None, soft: false };
    let third = Earn::Every { give: 50, nth: 3, per_day: None };
    let rules = [
        EarnRule { limits: vec![uses.clone(), amount], ..percent("seven", 7) },
        EarnRule { limits: vec![uses], ..EarnRule::new("points", POINTS, Earn::Rate { give: 1, per: pln(30) }) },
        EarnRule { at_least: vec![Least::Amount(pln(500))], ..EarnRule::new("third", POINTS, third) },
        EarnRule::new("steps", CREDIT, Earn::Step { give: 11, step: pln(700), carry: true }),
    ];
    let per_day = Limits { per_day: Some(100_000), ..Limits::default() };
    let limits =
        [CREDIT, POINTS].map(|asset| LimitsFor { asset, audience: Audience::default(), limits: per_day.clone() });
    let friends = ReferralTerm {
        name: "Friends".into(),
        audience: Audience::default(),
        asset: CREDIT,
        currency: Currency::PLN,
        registration: 0,
        first_purchase: 1_000,
        share: Rate::percent(5),
        min_base: 1_000,
        delay_days: 0,
        validity: Validity::Forever,
        purchases: Some(3),
        months: None,
        per_referee: Some(100_000),
        per_period: None,
        total: Some(900_000),
    };
    let mut programme = Programme {
        // So much that the smallest refunds are worth less than a point.
        point_values: vec![PointValue { currency: Currency::PLN, worth: Rate::percent(700) }],
        redemption: RedemptionTerms { limits: limits.into(), ..RedemptionTerms::default() },
        tiers: ladders(),
        ..programme(rules)
    };
    programme.referral.terms = vec![friends];
    programme
}

/// All that the club knows of a member and of who brought them, but for history.
#[derive(Debug, PartialEq)]
struct Traces {
    lots: BTreeMap<Asset, i64>,
    debts: BTreeMap<Asset, i64>,
    counters: BTreeMap<String, i64>,
    used: i64,
    qualifying: Sums,
    tier: Option<String>,
    referral: (i64, bool, i64),
    referrer: Vec<(i64, i64)>,
    referrer_has: (i64, i64, i64),
}

impl Shop {
    /// A member with credit and points who was brought by another.
    fn brought(&self, name: &str) -> (CustomerId, CustomerId) {
        let by = self.bench.customer(NewCustomer::person(format!("who brought {name}"))).id;
        let new = NewCustomer { referrer: Some(by), ..NewCustomer::person(name) };
        let member = self.bench.customer(new).id;
        for (asset, amount) in [(CREDIT, 2_000), (POINTS, 300)] {
            let key = format!("{name} {asset}");
            let given = self.bench.run(move |work| work.loyalty().adjust(member.into(), asset, amount, "a gift", &key));
            given.unwrap();
        }
        (member, by)
    }

    fn traces(&self, member: CustomerId, by: CustomerId) -> Traces {
        let account = member.into();
        let read = self.bench.read(move |work| {
            let lots: Vec<Lot> = work.select(lot::account_id.eq(account)).all()?;
            let counters: Vec<EarnCounter> = work.select(Filter::<EarnCounter>::all()).all()?;
            let days: Vec<QualifyingDay> = work.select(qualifying_day::account_id.eq(account)).all()?;
            let used: Vec<DayUse> = work.select(day_use::account_id.eq(account)).all()?;
            let brought = work.find::<Referral>(&member)?.unwrap();
            let earned: Vec<Referrer> = work.select(referrer::customer_id.eq(by)).all()?;
            let debts = work.loyalty().balances(account)?;
            let tier = work.loyalty().tiers(account)?.first().and_then(|view| view.tier);
            Ok((lots, counters, days, used, brought, earned, debts, tier))
        });
        let (lots, counters, days, used, brought, earned, debts, tier) = read.unwrap();
        let mut left = BTreeMap::new();
        for lot in &lots {
            *left.entry(lot.asset).or_default() += lot.remaining + lot.held;
        }
        left.retain(|_, amount| *amount != 0);
        let debts = debts.into_iter().map(|(asset, amounts)| (asset, amounts.debt)).filter(|(_, debt)| *debt != 0);
        let of_member = counters.into_iter().filter(|one| one.account_id == account || one.account_id == everybody());
        Traces {
            lots: left,
            debts: debts.collect(),
            counters: of_member.filter(|one| one.balance != 0).map(|one| (one.counts, one.balance)).collect(),
            used: used.iter().map(|day| day.used).sum(),
            qualifying: days.iter().fold(Sums::ZERO, |sum, day| sum.plus(day.sums())),
            tier: tier.map(|tier| tier.to_string()),
            referral: (brought.purchases, brought.first_purchase_id.is_some(), brought.earned.0.values().sum()),
            referrer: earned.iter().map(|row| (row.total, row.in_period)).filter(|sums| *sums != (0, 0)).collect(),
            referrer_has: self.has(by, CREDIT),
        }
    }
}

/// What somebody buys: pieces of two goods, and what they pay with credit and with points.
type Bought = (i64, i64, i64, i64);
/// What comes back: of which purchase, of which line, how many pieces at most.
type Back = (usize, u16, i64);

fn any_purchases() -> impl Strategy<Value = Vec<Bought>> {
    let paid = || prop_oneof![0..30_i64, 0..700_i64];
    prop::collection::vec((1..6_i64, 0..5_i64, paid(), paid()), 1..4)
}

fn any_parts() -> impl Strategy<Value = Vec<Back>> {
    prop::collection::vec((0..3_usize, 1..3_u16, 1..4_i64), 0..12)
}

/// The purchases of a member, with the pieces of both lines that were not brought back.
struct Basket<'s> {
    shop: &'s Shop,
    name: String,
    sold: Vec<(PurchaseId, [i64; 2])>,
    returns: usize,
}

impl<'s> Basket<'s> {
    fn of(shop: &'s Shop, member: CustomerId, name: String, purchases: &[Bought]) -> Self {
        let mut sold = Vec::new();
        for (at, &(teas, cups, with_credit, with_points)) in purchases.iter().enumerate() {
            let mut lines = vec![(shop.tea, teas)];
            lines.extend((cups > 0).then_some((shop.cup, cups)));
            let mut tenders = Vec::new();
            tenders.extend((with_credit > 0).then(|| credit(pln(with_credit.min(300 * teas)))));
            tenders.extend((with_points > 0).then(|| points(pln(with_points.min(300 * teas)))));
            tenders.push(NewTender::cash_rest());
            let new = NewPurchase { customer: Some(member), tenders, ..shop.sale(&format!("{name}/{at}"), &lines) };
            sold.push((shop.record(&new), [teas, cups]));
        }
        Self { shop, name, sold, returns: 0 }
    }

    /// Brings back up to so many pieces, and says how many.
    fn bring_back(&mut self, (which, line_no, pieces): Back) -> i64 {
        let Some((purchase, left)) = self.sold.get_mut(which) else { return 0 };
        let left = &mut left[usize::from(line_no) - 1];
        let pieces = pieces.min(*left);
        if pieces > 0 {
            *left -= pieces;
            self.returns += 1;
            self.shop.bring_back(*purchase, &[(line_no, pieces)], &format!("{} {}", self.name, self.returns));
        }
        pieces
    }
}

fn runner() -> TestRunner {
    TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() })
}

/// T-4, S-50, N-6: whoever has brought back all they have bought, in whatever parts, and however they had paid, stands as who
/// has never bought: lots, counters, budgets, caps, tiers, and the member who brought them.
pub fn leave_no_trace(factory: Factory<'_>) {
    let shop = shop(factory);
    shop.save(&everything());
    let number = std::cell::Cell::new(0);
    let outcome = runner().run(&(any_purchases(), any_parts()), |(purchases, parts)| {
        number.set(number.get() + 1);
        let (member, by) = shop.brought(&format!("member {}", number.get()));
        let before = shop.traces(member, by);
        let mut basket = Basket::of(&shop, member, number.get().to_string(), &purchases);
        for back in parts.into_iter().chain((0..3).flat_map(|which| [(which, 1, i64::MAX), (which, 2, i64::MAX)])) {
            basket.bring_back(back);
        }
        prop_assert_eq!(shop.traces(member, by), before);
        Ok(())
    });
    outcome.unwrap();
    shop.bench.verify();
}

/// T-5, N-6: of two who buy alike, one brings goods back piece by piece, the other at once: they stand alike, with everything
/// that a purchase touches.
pub fn in_parts_end_as_at_once(factory: Factory<'_>) {
    let shop = shop(factory);
    shop.save(&everything());
    let number = std::cell::Cell::new(0);
    let outcome = runner().run(&(any_purchases(), any_parts()), |(purchases, parts)| {
        number.set(number.get() + 1);
        let [(one, by_one), (other, by_other)] =
            ["one", "other"].map(|name| shop.brought(&format!("{name} {}", number.get())));
        let mut piecewise = Basket::of(&shop, one, format!("{} one", number.get()), &purchases);
        let mut at_once = Basket::of(&shop, other, format!("{} other", number.get()), &purchases);
        let mut all = BTreeMap::<(usize, u16), i64>::new();
        for (which, line_no, pieces) in parts {
            for _ in 0..pieces {
                *all.entry((which, line_no)).or_default() += piecewise.bring_back((which, line_no, 1));
            }
        }
        for ((which, line_no), pieces) in all {
            at_once.bring_back((which, line_no, pieces));
        }
        prop_assert_eq!(shop.traces(one, by_one), shop.traces(other, by_other));
        Ok(())
    });
    outcome.unwrap();
    shop.bench.verify();
}

/// S-20, S-29: what comes back of a payment with points may be worth less than one; it counts for the next part.
pub fn give_back_less_than_a_point(factory: Factory<'_>) {
    let shop = shop(factory);
    shop.save(&everything());
    let (member, _) = shop.brought("Ola");
    // Two points, worth 14 grosz, pay 10 of 50.00: each piece that comes back is worth two grosz.
    let tenders = vec![points(pln(10)), NewTender::cash_rest()];
    let sold = shop.record(&NewPurchase { customer: Some(member), tenders, ..shop.sale("1", &[(shop.tea, 5)]) });
    let paid_back = |part: &str| {
        shop.bring_back(sold, &[(1, 1)], part);
        let entries = shop.entries(member);
        let restored = entries.iter().filter(|entry| entry.kind == EntryKind::Restore);
        restored.flat_map(|entry| &entry.postings.0).filter(|one| one.lot.is_some()).map(|one| one.amount).sum::<i64>()
    };
    assert_eq!(["a", "b", "c", "d", "e"].map(paid_back), [0, 0, 1, 1, 2]);
    shop.bench.verify();
}

/// S-17, S-50: what was bought before there was a ladder counts when there is one, and comes back like anything else; so does
/// what was bought while there was one, when there is none, and when it stands there again.
pub fn are_counted_where_ladders_come_and_go(factory: Factory<'_>) {
    let shop = shop(factory);
    let plain = programme([percent("ten", 10)]);
    let tiered = Programme { tiers: ladders(), ..plain.clone() };
    let counted = || {
        let ala = shop.ala.into();
        let views = shop.bench.read(move |work| work.loyalty().tiers(ala)).unwrap();
        views.first().map(|view| (view.progress.sums.amount, view.progress.sums.count))
    };
    shop.save(&plain);
    let first = shop.buy("1", &[(shop.tea, 2)]);
    shop.save(&tiered);
    let second = shop.buy("2", &[(shop.tea, 1)]);
    assert_eq!(counted(), Some((3_000, 2)));
    shop.bring_back(first, &[(1, 1)], "a");
    assert_eq!(counted(), Some((2_000, 2)));
    shop.save(&plain);
    shop.bring_back(second, &[(1, 1)], "b");
    let third = shop.buy("3", &[(shop.tea, 4)]);
    shop.bench.verify();
    shop.save(&tiered);
    assert_eq!(counted(), Some((5_000, 2)));
    shop.bring_back(third, &[(1, 4)], "c");
    shop.bring_back(first, &[(1, 1)], "d");
    assert_eq!(counted(), Some((0, 0)));
    shop.bench.verify();
}

/// S-21: the money of another currency than the programme's counts for no tier, its purchases and returns do; a programme of
/// several currencies that does not say in which it counts is not saved.
pub fn count_in_one_currency(factory: Factory<'_>) {
    let shop = shop(factory);
    let euro = Asset::Credit(Currency::EUR);
    let of_euro = EarnRule::new("euro", euro, Earn::Percent(Rate::percent(10)));
    let mixed = Programme { tiers: ladders(), ..programme([percent("ten", 10), of_euro]) };
    let refused = {
        let mixed = mixed.clone();
        shop.bench.run(move |work| work.loyalty().save_programme(crate::programme::NewVersion::now(mixed.clone())))
    };
    assert!(matches!(refused, Err(Error::Invalid { rule: "ladder.currency", .. })), "{refused:?}");
    shop.save(&Programme { currency: Some(Currency::PLN), ..mixed });
    let counted = || {
        let ala = shop.ala.into();
        let view = shop.bench.read(move |work| work.loyalty().tiers(ala)).unwrap().remove(0);
        (view.progress.sums.amount, view.progress.sums.count)
    };
    shop.buy("1", &[(shop.tea, 1)]);
    let sold = shop.bench.run(move |work| {
        let vienna = work.branches().create(crm_core::branches::NewBranch::named("Wien", "Europe/Vienna", "EUR"))?;
        let price = Money::new(700, Currency::EUR);
        let tea = work.catalog().create_product(crm_core::catalog::NewProduct::service("tee", "Tee", price))?.id;
        Ok((vienna.id, tea))
    });
    let (vienna, tee) = sold.unwrap();
    let lines = [crm_core::purchases::NewLine::of(tee, 5)];
    let sold = shop.record(&NewPurchase::of(vienna, "w1", lines, [NewTender::cash_rest()]).by(shop.ala));
    assert_eq!(counted(), (1_000, 2));
    assert_eq!(shop.has(shop.ala, euro), (350, 0, 0));
    shop.bring_back(sold, &[(1, 5)], "back");
    assert_eq!((counted(), shop.has(shop.ala, euro)), ((1_000, 1), (0, 0, 0)));
    shop.bench.verify();
}

/// S-49: an account that was closed meanwhile keeps nobody from paying or from bringing something back.
pub fn of_closed_accounts_are_taken(factory: Factory<'_>) {
    let shop = shop(factory);
    shop.save(&programme([percent("ten", 10)]));
    let terms = Terms { first_due: "2025-04-21".parse().unwrap(), count: 2, every: Span::Months(1) };
    let later = vec![NewTender::instalments(pln(2_000), &terms).unwrap()];
    let sold = shop.record(&NewPurchase { tenders: later, ..shop.sale("1", &[(shop.tea, 2)]) });
    let ala = shop.ala.into();
    let closed = shop.bench.run(move |work| work.loyalty().set_state(ala, AccountState::Closed, "asked for", "close"));
    closed.unwrap();
    let new = NewPayment { purchase: sold, amount: pln(1_500), method: CASH.to_owned(), occurred_at: None };
    shop.bench.run(move |work| work.instalments().pay(&new, "a")).unwrap();
    shop.bring_back(sold, &[(1, 1)], "back");
    assert_eq!((shop.has(shop.ala, CREDIT), shop.entries(shop.ala).len()), ((0, 0, 0), 0));
    assert_eq!(shop.bench.read(move |work| work.loyalty().entries(ala, Limit::MAX, None)).unwrap().items.len(), 0);
    shop.bench.verify();
}

/// S-40: of what is bought the goods of a rule come back, and something else is kept: its use is free again.
pub fn free_what_their_rule_has_used(factory: Factory<'_>) {
    let shop = shop(factory);
    let once = EarnLimit { cap: LimitCap::Uses(1), per: LimitPer::Customer, every: None, soft: false };
    let on = crm_core::loyalty::earning::Goods::Products(vec![shop.tea]);
    let welcome = EarnRule { limits: vec![once], on, ..EarnRule::new("welcome", POINTS, Earn::Fixed(500)) };
    shop.save(&programme([welcome]));
    let first = shop.buy("1", &[(shop.tea, 1), (shop.cup, 1)]);
    shop.bring_back(first, &[(1, 1)], "tea");
    assert_eq!(shop.has(shop.ala, POINTS), (0, 0, 0));
    shop.buy("2", &[(shop.tea, 1)]);
    assert_eq!(shop.has(shop.ala, POINTS), (500, 0, 0));
    shop.buy("3", &[(shop.tea, 1)]);
    assert_eq!(shop.has(shop.ala, POINTS), (500, 0, 0), "once");
    shop.bench.verify();
}
