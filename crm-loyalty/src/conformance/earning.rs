//! What purchases earn, and what becomes of it when they are paid or come back.

use std::collections::BTreeMap;
use std::time::Duration;

use crm_core::branches::BranchId;
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::conformance::{Bench, Factory};
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::instalments::{ChequeAction, ChequeTerms, NewPayment, Terms};
use crm_core::kernel::calendar::{Calendar, Span};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{TimeOfDay, Timestamp, Weekday, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{
    Available, Earn, EarnCounter, EarnLimit, EarnRule, EarningTerms, Goods, LimitCap, PurchaseSheet, Why,
};
use crm_core::loyalty::ledger::{Balance, Entry, EntryKind, Lot, LotId, entry, lot};
use crm_core::loyalty::programme::{PointValue, Programme, Validity};
use crm_core::pricing::{Audience, Days, LimitPer};
use crm_core::purchases::{CASH, NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::work::Filter;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::open;
use crate::WorkLoyalty;
use crate::earning::WhatIf;
use crate::programme::NewVersion;

pub(super) const CREDIT: Asset = Asset::Credit(Currency::PLN);
pub(super) const POINTS: Asset = Asset::Points;

pub(super) fn pln(minor: i64) -> Money {
    Money::new(minor, Currency::PLN)
}

/// A shop in Warsaw with a member and services of 10.00 and 3.33.
pub(super) struct Shop {
    pub(super) bench: Bench,
    pub(super) branch: BranchId,
    pub(super) ala: CustomerId,
    pub(super) tea: ProductId,
    pub(super) cup: ProductId,
}

pub(super) fn shop(factory: Factory<'_>) -> Shop {
    let bench = open(factory);
    let branch = bench.branch("earning").id;
    let ala = bench.customer(NewCustomer::person("Ala Kot")).id;
    let [tea, cup] = [("tea", 1000), ("cup", 333)].map(|(sku, price)| {
        let new = NewProduct { stocked: false, ..NewProduct::goods(sku, sku, pln(price)) };
        bench.run(move |work| work.catalog().create_product(new.clone())).unwrap().id
    });
    Shop { bench, branch, ala, tea, cup }
}

pub(super) fn programme(rules: impl IntoIterator<Item = EarnRule>) -> Programme {
    Programme {
        point_values: vec![PointValue { currency: Currency::PLN, worth: Rate::percent(50) }],
        earning: EarningTerms { rules: rules.into_iter().collect(), ..EarningTerms::default() },
        ..Programme::new("Club", Zone::new("Europe/Warsaw").unwrap())
    }
}

pub(super) fn percent(key: &str, percent: i64) -> EarnRule {
    EarnRule::new(key, CREDIT, Earn::Percent(Rate::percent(percent)))
}

fn points(per: i64) -> EarnRule {
    EarnRule::new("points", POINTS, Earn::Rate { give: 1, per: pln(per) })
}

impl Shop {
    pub(super) fn save(&self, programme: &Programme) {
        let programme = programme.clone();
        self.bench.run(move |work| work.loyalty().save_programme(NewVersion::now(programme.clone()))).unwrap();
    }

    pub(super) fn sale(&self, receipt: &str, lines: &[(ProductId, i64)]) -> NewPurchase {
        let lines: Vec<_> = lines.iter().map(|(product, quantity)| NewLine::of(*product, *quantity)).collect();
        NewPurchase::of(self.branch, receipt, lines, [NewTender::cash_rest()]).by(self.ala)
    }

    pub(super) fn record(&self, new: &NewPurchase) -> PurchaseId {
        let new = new.clone();
        self.bench.run(move |work| work.purchases().record(&new, &new.receipt_no)).unwrap().purchase
    }

    pub(super) fn buy(&self, receipt: &str, lines: &[(ProductId, i64)]) -> PurchaseId {
        self.record(&self.sale(receipt, lines))
    }

    pub(super) fn bring_back(&self, purchase: PurchaseId, lines: &[(u16, i64)], key: &str) {
        let lines: Vec<_> = lines.iter().map(|(line_no, quantity)| NewReturnLine::of(*line_no, *quantity)).collect();
        let (new, key) = (NewReturn::of(purchase, lines), key.to_owned());
        self.bench.run(move |work| work.returns().record(&new, &key)).unwrap();
    }

    pub(super) fn sheet(&self, purchase: PurchaseId) -> PurchaseSheet {
        self.bench.read(move |work| work.loyalty().points_of(purchase)).unwrap().unwrap()
    }

    /// What is on an account: available, pending, debt.
    pub(super) fn has(&self, customer: CustomerId, asset: Asset) -> (i64, i64, i64) {
        let balance = self.bench.read(move |work| work.find::<Balance>(&(customer.into(), asset))).unwrap();
        balance.map_or((0, 0, 0), |balance| (balance.available, balance.pending, balance.debt))
    }

    fn lots(&self, customer: CustomerId) -> Vec<Lot> {
        let account: crm_core::loyalty::ledger::AccountId = customer.into();
        self.bench.read(move |work| work.select(lot::account_id.eq(account)).all()).unwrap()
    }

    pub(super) fn entries(&self, customer: CustomerId) -> Vec<Entry> {
        let account: crm_core::loyalty::ledger::AccountId = customer.into();
        self.bench.read(move |work| work.select(entry::account_id.eq(account)).all()).unwrap()
    }

    /// Counters that are not at nothing.
    fn counters(&self) -> Vec<(String, i64)> {
        let counters = self.bench.read(|work| work.select(Filter::<EarnCounter>::all()).all()).unwrap();
        counters.into_iter().map(|one| (one.counts, one.balance)).filter(|(_, balance)| *balance != 0).collect()
    }

    fn later(&self, seconds: u64) {
        self.bench.clock.advance(Duration::from_secs(seconds));
    }
}

/// A member earns by rule and line, with dates in the programme's calendar; a full return leaves nothing (S-05, S-10,
/// S-13, S-23, T-4, C79).
pub fn purchases_earn_and_returns_take_back(factory: Factory<'_>) {
    let shop = shop(factory);
    let credit =
        EarnRule { available: Available::NextBusinessDay, valid: Validity::For(Span::Months(6)), ..percent("five", 5) };
    let piece = EarnRule { on: Goods::Products(vec![shop.cup]), ..EarnRule::new("cups", POINTS, Earn::Piece(2)) };
    let uses = EarnLimit { cap: LimitCap::Uses(5), per: LimitPer::Customer, every: None, soft: false };
    let points = EarnRule { limits: vec![uses], ..points(100) };
    let programme = Programme { calendar: Calendar::Jalali, ..programme([credit, points, piece]) };
    shop.save(&programme);
    let sold = shop.buy("1", &[(shop.tea, 2), (shop.cup, 3)]);
    // 5 % of 29.99 is 149.95 grosz; one point for each złoty of the tea, two for each cup.
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((0, 149, 0), (26, 0, 0)));
    let sheet = shop.sheet(sold).document.0;
    let given: Vec<_> =
        sheet.contributions.iter().map(|one| (one.rule.as_str(), one.amount, one.shares.as_slice())).collect();
    assert_eq!(given, [("five", 149, &[99, 50][..]), ("points", 20, &[20, 0]), ("cups", 6, &[0, 6])]);
    let lots = shop.lots(shop.ala);
    assert!(lots.iter().all(|lot| lot.purchase_id == Some(sold) && lot.branch_id == Some(shop.branch)));
    let lot = lots.iter().find(|lot| lot.asset == CREDIT).unwrap();
    // Bought on 1 Farvardin 1404: from the 2nd on, through 2 Mehr.
    assert_eq!(lot.available_at, "2025-03-22T00:00:00+01:00".parse::<Timestamp>().unwrap());
    assert_eq!(lot.expires_at, "2025-09-25T00:00:00+02:00".parse::<Timestamp>().unwrap());
    assert_eq!(shop.entries(shop.ala)[0].kind, EntryKind::Earn);

    shop.bring_back(sold, &[(1, 1)], "a");
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((0, 149 - 49, 0), (16, 0, 0)));
    assert_eq!(shop.counters().len(), 1);
    shop.bring_back(sold, &[(1, 1), (2, 3)], "b");
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((0, 0, 0), (0, 0, 0)));
    assert_eq!(shop.counters(), []);
    shop.bench.verify();
}

/// Who earns: members, at a time with a programme; nothing that is only for the record (S-31), nobody unknown; groups and
/// branches as they were before (S-16). A line that is struck out takes back what it brought.
pub fn who_earns(factory: Factory<'_>) {
    let shop = shop(factory);
    let before = shop.buy("before", &[(shop.tea, 1)]);
    assert_eq!(shop.bench.read(move |work| work.loyalty().points_of(before)).unwrap(), None);
    let vip = shop.bench.run(|work| work.partners().create_customer_group("VIP", 1)).unwrap().id;
    let audience = Audience { customer_groups: vec![vip], ..Audience::default() };
    shop.save(&programme([EarnRule { audience, ..percent("vip", 10) }, percent("all", 1)]));
    shop.buy("1", &[(shop.tea, 1)]);
    assert_eq!(shop.has(shop.ala, CREDIT), (10, 0, 0));
    let ala = shop.ala;
    shop.bench.run(move |work| work.partners().join(ala, vip)).unwrap();
    let second = shop.buy("2", &[(shop.tea, 1)]);
    assert_eq!((shop.has(shop.ala, CREDIT), shop.sheet(second).document.0.earned(CREDIT)), ((120, 0, 0), 110));
    shop.record(&NewPurchase { customer: None, ..shop.sale("3", &[(shop.tea, 1)]) });
    shop.record(&NewPurchase { history_only: true, ..shop.sale("4", &[(shop.tea, 1)]) });
    assert_eq!(shop.has(shop.ala, CREDIT), (120, 0, 0));
    let open = shop.record(&NewPurchase { open: true, ..shop.sale("5", &[(shop.tea, 1), (shop.cup, 1)]) });
    assert_eq!(shop.has(shop.ala, CREDIT), (120 + 146, 0, 0));
    shop.bench.run(move |work| work.returns().void(open, 1, "wrong", "void")).unwrap();
    assert_eq!(shop.has(shop.ala, CREDIT), (120 + 146 - 110, 0, 0));
    shop.bench.verify();
}

/// S-46, S-15, S-31: a purchase that is written down later earns by the version and the day of its time, cut-off and all;
/// what was over by then is given and expires in one entry.
pub fn versions_and_days(factory: Factory<'_>) {
    let shop = shop(factory);
    let branch = shop.branch;
    shop.bench
        .run(move |work| {
            let mut stored = work.branches().get(branch)?;
            stored.cutoff = TimeOfDay::new(4, 0)?;
            work.branches().update(&mut stored)
        })
        .unwrap();
    let friday = Days { weekdays: vec![Weekday::Friday], ..Days::default() };
    let short = Validity::For(Span::Days(1));
    let double = EarnRule { days: Some(friday), ..EarnRule::new("friday", CREDIT, Earn::Boost(Rate::ONE)) };
    shop.save(&programme([EarnRule { valid: short, ..percent("all", 5) }, double]));
    // From Friday noon on there is more.
    shop.later(3 * 3600);
    shop.save(&programme([percent("more", 7)]));
    shop.later(3 * 24 * 3600);
    let at = |receipt: &str, time: &str| {
        let occurred_at = Some(time.parse().unwrap());
        let sold = shop.record(&NewPurchase { occurred_at, ..shop.sale(receipt, &[(shop.tea, 1)]) });
        let sheet = shop.sheet(sold);
        (sheet.programme, sheet.document.0.earned(CREDIT))
    };
    // The first version is of 9:00 UTC on Friday, 21 March; the second of 12:00.
    assert_eq!(at("1", "2025-03-21T11:30:00Z"), (1, 100));
    assert_eq!(at("2", "2025-03-21T12:00:00Z"), (2, 70));
    assert_eq!(shop.has(shop.ala, CREDIT), (70, 0, 0), "what was valid through Saturday is over by Monday");
    let kinds: Vec<_> = shop.entries(shop.ala).iter().map(|entry| (entry.kind, entry.postings.0.len())).collect();
    assert_eq!(kinds, [(EntryKind::Earn, 4), (EntryKind::Earn, 2)]);
    shop.bench.verify();
}

/// S-12, N-7: what is paid later is earned as it is paid, and no longer when a cheque bounces; a return takes what is not
/// paid with it.
pub fn what_is_paid_later_is_earned_later(factory: Factory<'_>) {
    let shop = shop(factory);
    shop.save(&programme([
        percent("ten", 10),
        EarnRule::new("second", POINTS, Earn::Every { give: 5, nth: 2, per_day: None }),
    ]));
    let terms = Terms { first_due: "2025-04-21".parse().unwrap(), count: 2, every: Span::Months(1) };
    let later = vec![NewTender::instalments(pln(2_000), &terms).unwrap(), NewTender::cash_rest()];
    let sold = shop.record(&NewPurchase { tenders: later, ..shop.sale("1", &[(shop.tea, 3)]) });
    assert_eq!(shop.has(shop.ala, CREDIT), (100, 0, 0));
    let pay = |amount: i64, key: &'static str| {
        let new = NewPayment { purchase: sold, amount: pln(amount), method: CASH.to_owned(), occurred_at: None };
        shop.bench.run(move |work| work.instalments().pay(&new, key)).unwrap();
    };
    pay(555, "a");
    assert_eq!(shop.has(shop.ala, CREDIT), (155, 0, 0));
    pay(1_000, "b");
    assert_eq!(shop.has(shop.ala, CREDIT), (255, 0, 0));
    // One piece comes back: two are kept, what is due is less than what is paid, and 9.99 are given back (S-29).
    shop.bring_back(sold, &[(1, 1)], "back");
    assert_eq!(shop.sheet(sold).document.0.paid.due, 2_001);
    assert_eq!(shop.has(shop.ala, CREDIT), (200, 0, 0));
    assert_eq!(shop.has(shop.ala, POINTS), (0, 0, 0));

    let cheque = ChequeTerms { number: "7".into(), due_on: "2025-04-01".parse().unwrap(), bank: None, sayad_id: None };
    let by_cheque = vec![NewTender::cheque(pln(1_000), &cheque).unwrap()];
    let second = shop.record(&NewPurchase { tenders: by_cheque, ..shop.sale("2", &[(shop.tea, 1)]) });
    let tenders = shop.bench.read(move |work| work.purchases().get(second)).unwrap().2;
    let cheque = tenders[0].reference.unwrap();
    let go = |action, key: &'static str| {
        shop.bench.run(move |work| work.instalments().move_cheque(cheque.into(), action, key)).unwrap();
    };
    assert_eq!(shop.has(shop.ala, CREDIT), (200, 0, 0));
    go(ChequeAction::Deposit, "1");
    go(ChequeAction::Clear, "2");
    // Now it is the second purchase that is paid.
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((300, 0, 0), (5, 0, 0)));
    go(ChequeAction::Bounce, "3");
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((200, 0, 0), (0, 0, 0)));
    shop.bench.verify();
}

/// S-38, S-40: every third purchase of a member, and a budget of all together.
pub fn what_is_counted(factory: Factory<'_>) {
    let shop = shop(factory);
    let ola = shop.bench.customer(NewCustomer::person("Ola")).id;
    let third = EarnRule::new("third", POINTS, Earn::Every { give: 50, nth: 3, per_day: None });
    let budget = EarnLimit { cap: LimitCap::Amount(250), per: LimitPer::Rule, every: None, soft: false };
    let carried = Earn::Step { give: 10, step: pln(1_500), carry: true };
    let rules =
        [third, EarnRule { limits: vec![budget], ..percent("ten", 10) }, EarnRule::new("steps", POINTS, carried)];
    shop.save(&programme(rules));
    let first = shop.buy("1", &[(shop.tea, 1)]);
    shop.record(&NewPurchase { customer: Some(ola), ..shop.sale("2", &[(shop.tea, 1)]) });
    let second = shop.buy("3", &[(shop.tea, 1)]);
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(ola, CREDIT)), ((150, 0, 0), (100, 0, 0)));
    assert_eq!(shop.has(shop.ala, POINTS), (10, 0, 0));
    let third = shop.buy("4", &[(shop.tea, 1)]);
    assert!(shop.sheet(third).document.0.lost.iter().any(|lost| lost.why == Why::UsedUp));
    assert_eq!(shop.has(shop.ala, POINTS), (50 + 20, 0, 0));
    // The first comes back: two are left, and 20.00; what was used of the budget is free again.
    shop.bring_back(first, &[(1, 1)], "a");
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((50, 0, 0), (10, 0, 0)));
    let fourth = shop.buy("5", &[(shop.tea, 1)]);
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((150, 0, 0), (70, 0, 0)));
    for (purchase, key) in [(second, "b"), (third, "c"), (fourth, "d")] {
        shop.bring_back(purchase, &[(1, 1)], key);
    }
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((0, 0, 0), (0, 0, 0)));
    let left = [("rule:ten amount", 100), ("rule:steps sum 1500 PLN", 1_000), ("rule:third count 3", 1)];
    assert_eq!(shop.counters(), left.map(|(counts, balance)| (counts.to_owned(), balance)), "what is left is Ola's");
    shop.bench.verify();
}

/// T-4, T-5, T-6: returns in any parts end as one return, whatever was spent meanwhile; none gives anything, and after all
/// of it nothing is earned.
pub fn returns_in_parts_end_alike(factory: Factory<'_>) {
    let shop = shop(factory);
    let ola = shop.bench.customer(NewCustomer::person("Ola")).id;
    let again = EarnRule {
        on_return: crm_core::loyalty::earning::OnReturn::ReEvaluate,
        available: Available::After(Span::Days(1)),
        ..EarnRule::new("steps", CREDIT, Earn::Step { give: 13, step: pln(700), carry: false })
    };
    shop.save(&programme([percent("seven", 7), again, points(37)]));
    let numbers = std::cell::Cell::new(0);
    let strategy =
        (prop::collection::vec(1..6_i64, 1..4), prop::collection::vec((0..4_u16, 1..4_i64), 1..7), any::<bool>());
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    runner
        .run(&strategy, |(pieces, parts, all)| {
            numbers.set(numbers.get() + 1);
            let number = numbers.get();
            let goods = [shop.tea, shop.cup, shop.tea];
            let lines: Vec<_> = goods.into_iter().zip(pieces.iter().copied()).collect();
            let bought = [shop.ala, ola].map(|customer| {
                shop.record(&NewPurchase {
                    customer: Some(customer),
                    ..shop.sale(&format!("{number}{customer}"), &lines)
                })
            });
            let mut back = BTreeMap::<u16, i64>::new();
            let mut parts: Vec<(u16, i64)> = parts;
            if all {
                parts.extend((0..).zip(&pieces).map(|(line, pieces)| (line, *pieces)));
            }
            let mut posted = shop.sheet(bought[0]).document.0.posted(CREDIT);
            for (part, (line, quantity)) in parts.into_iter().enumerate() {
                let Some(sold) = pieces.get(usize::from(line)) else { continue };
                let sum = back.entry(line + 1).or_default();
                let quantity = quantity.min(sold - *sum);
                if quantity > 0 {
                    *sum += quantity;
                    shop.bring_back(bought[0], &[(line + 1, quantity)], &format!("{number}/{part}"));
                    let now = shop.sheet(bought[0]).document.0.posted(CREDIT);
                    prop_assert!(now <= posted);
                    posted = now;
                }
            }
            let at_once: Vec<_> = back.iter().map(|(line, sum)| (*line, *sum)).filter(|(_, sum)| *sum > 0).collect();
            if !at_once.is_empty() {
                shop.bring_back(bought[1], &at_once, &format!("{number}/once"));
            }
            for asset in [CREDIT, POINTS] {
                prop_assert_eq!(shop.has(shop.ala, asset), shop.has(ola, asset));
                let [ala, ola] = bought.map(|purchase| shop.sheet(purchase).document.0.posted(asset));
                prop_assert_eq!(ala, ola);
                prop_assert!(!all || ala == 0);
            }
            Ok(())
        })
        .unwrap();
    let lots: Vec<LotId> = shop.lots(shop.ala).into_iter().filter(|lot| lot.remaining < 0).map(|lot| lot.id).collect();
    assert_eq!(lots, []);
    shop.bench.verify();
}

/// N-4, T-21: a programme that is the same differs in nothing, whatever was returned and paid; another one by what it
/// gives more, by member and branch, and nothing is written.
pub fn what_if(factory: Factory<'_>) {
    let shop = shop(factory);
    let ola = shop.bench.customer(NewCustomer::person("Ola")).id;
    let every = EarnRule::new("second", POINTS, Earn::Every { give: 5, nth: 2, per_day: Some(2) });
    let limit = |most, per| EarnLimit { cap: LimitCap::Amount(most), per, every: None, soft: false };
    let limits = vec![limit(300, LimitPer::Rule), limit(200, LimitPer::Customer)];
    let mut terms = programme([EarnRule { limits, ..percent("ten", 10) }, every, points(100)]);
    shop.save(&terms);
    let first = shop.buy("1", &[(shop.tea, 1), (shop.cup, 3)]);
    shop.record(&NewPurchase { customer: Some(ola), ..shop.sale("2", &[(shop.tea, 2)]) });
    shop.bring_back(first, &[(2, 2)], "a");
    let last = shop.buy("3", &[(shop.tea, 1)]);
    shop.buy("4", &[(shop.tea, 1)]);
    shop.bring_back(last, &[(1, 1)], "b");

    let ask = |programme: &Programme| {
        let asked = WhatIf { programme: programme.clone(), from: None, until: None };
        let told = shop.bench.crm.blocking().read(&crm_core::access::Actor::system(), "what if", move |work| {
            let mut members = Vec::new();
            let report = work.loyalty().what_if(&asked, |member| {
                members.push((member.customer, member.assets));
                Ok(())
            })?;
            Ok::<_, crm_core::Error>((report, members))
        });
        told.unwrap()
    };
    let entries = shop.entries(shop.ala).len();
    let (same, members) = ask(&terms);
    assert_eq!((same.members, same.changed, same.purchases), (2, 0, 4));
    assert!(members.is_empty() && same.assets.values().all(|one| one.more() == 0));
    assert_eq!(same.assets[&CREDIT].recorded, shop.has(shop.ala, CREDIT).0 + shop.has(ola, CREDIT).0);
    assert_eq!(same.assets[&POINTS].recorded, shop.has(shop.ala, POINTS).0 + shop.has(ola, POINTS).0);

    // Twice the points, and one more: of 19.99 it is 39 and not twice 19. A point is worth half a grosz.
    terms.earning.rules[2].earn = Earn::Rate { give: 2, per: pln(100) };
    let (more, members) = ask(&terms);
    let was = same.assets[&POINTS].recorded - 5 + 1;
    assert_eq!((more.changed, members.len(), more.assets[&POINTS].more()), (2, 2, was));
    assert_eq!(more.assets[&CREDIT].more(), 0);
    assert_eq!(more.branches[&(shop.branch, POINTS)], more.assets[&POINTS]);
    assert_eq!(
        more.liability[&Currency::PLN].more(),
        (more.assets[&POINTS].replayed / 2) - (same.assets[&POINTS].recorded / 2)
    );
    assert_eq!(shop.entries(shop.ala).len(), entries);
    shop.bench.verify();
}
