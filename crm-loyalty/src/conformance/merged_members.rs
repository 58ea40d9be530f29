//! Two members become one, and two again (S-44, T-13, threat 61).

use std::collections::BTreeMap;
use std::time::Duration;

use crm_core::conformance::{Bench, Factory};
use crm_core::customers::{Customer, CustomerId, Merge, NewCustomer};
use crm_core::instalments::{NewPayment, Terms};
use crm_core::kernel::calendar::Span;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::loyalty::Asset;
use crm_core::loyalty::cards::Card;
use crm_core::loyalty::earning::{Earn, EarnRule, earn_counter};
use crm_core::loyalty::ledger::rules::{Amounts, sums};
use crm_core::loyalty::ledger::{
    Account, AccountId, AccountState, Balance, Entry, EntryKind, Lot, LotId, LotSource, NEVER, PostingAccount, balance,
};
use crm_core::loyalty::merge::MemberMerge;
use crm_core::loyalty::programme::Programme;
use crm_core::loyalty::tiers::{LadderId, Need, Pin, PinKind, Standing, TierLadder, TierTerms, Window};
use crm_core::purchases::{CASH, NewLine, NewPurchase, NewTender};
use crm_core::reexport::Uuid;
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::work::{Filter, Permit, Version};
use crm_core::{Error, Result};

use super::earning::{Shop, percent, programme, shop};
use super::{Now as _, give, open, save};
use crate::WorkLoyalty as _;
use crate::cards::NewCard;
use crate::ledger::{Book, Cause, ClawBack, Give, Policy, Take};
use crate::programme::NewVersion;
use crate::redemption::{NewHolding, Query};

const POINTS: Asset = Asset::Points;
const CREDIT: Asset = Asset::Credit(Currency::PLN);
const DAY: Duration = Duration::from_secs(86_400);

fn merge(shop: &Bench, survivor: CustomerId, loser: CustomerId, key: &str) -> Result<Customer> {
    let (merge, key) = (Merge { survivor, loser, take: Vec::new(), reason: "one".into() }, key.to_owned());
    shop.run(move |work| work.customers().merge(&merge, &key))
}

fn unmerge(shop: &Bench, loser: CustomerId, key: &str) -> Result<Customer> {
    let key = key.to_owned();
    shop.run(move |work| work.customers().unmerge(loser, "two", &key))
}

fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

fn with_book<T: Send + 'static>(
    shop: &Bench,
    account: CustomerId,
    doing: impl Fn(&mut Book, &mut Permit<'_, '_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    shop.run(move |work| {
        let mut book = Book::open(work, account.into())?;
        let done = doing(&mut book, work)?;
        book.close(work)?;
        Ok(done)
    })
}

fn spend(shop: &Bench, account: CustomerId, asset: Asset, amount: i64) -> Result<()> {
    with_book(shop, account, move |book, work| {
        let (kind, to, occurred_at) = (EntryKind::Redeem, PostingAccount::Redeemed, work.now());
        let (purchase, branch, reason, not_of) = (None, None, None, None);
        book.take(work, &Take { asset, amount, kind, to, occurred_at, purchase, branch, reason, not_of }).map(|_| ())
    })
}

/// A lot of an asset that is available after so many days, and ends after so many more.
fn lot(shop: &Bench, account: CustomerId, asset: Asset, amount: i64, after: u32, valid: Option<u32>) -> Option<LotId> {
    let given = with_book(shop, account, move |book, work| {
        let now = work.now();
        let available_at = now.checked_add(DAY * after)?;
        let expires_at = valid.map_or(Ok(NEVER), |days| available_at.checked_add(DAY * days))?;
        book.give(
            work,
            &Give {
                asset,
                amount,
                kind: EntryKind::Give,
                source: LotSource::Bonus,
                occurred_at: now,
                available_at,
                expires_at,
                purchase: None,
                branch: None,
                campaign: None,
                reason: None,
                repays_debt: false,
            },
        )
    });
    given.unwrap().lot
}

fn owe(shop: &Bench, account: CustomerId, amount: i64) {
    with_book(shop, account, move |book, work| {
        let (cause, policy) = (Cause::default(), Policy::Debt);
        book.claw_back(work, &ClawBack { asset: CREDIT, amount, owed: 0, own_lots: Vec::new(), cause, policy })
    })
    .unwrap();
}

/// What the members have: accounts, balances, what is left of their lots, and cards; not versions, and not what is empty.
type Holdings = (Vec<Account>, BTreeMap<(AccountId, Asset), Amounts>, Vec<Lot>, Vec<Card>);

fn holdings(shop: &Bench) -> Holdings {
    shop.read(|work| {
        let mut accounts: Vec<Account> = work.select(Filter::all()).all()?;
        for account in &mut accounts {
            (account.version, account.due_at) = (Version::FIRST, NEVER);
        }
        let mut balances = BTreeMap::new();
        for Balance { account_id, asset, available, pending, held, debt, .. } in work.select(Filter::all()).all()? {
            let amounts = Amounts { available, pending, held, debt };
            if !amounts.is_empty() {
                balances.insert((account_id, asset), amounts);
            }
        }
        let mut lots: Vec<Lot> = work.select(Filter::all()).all()?;
        lots.retain(|lot| lot.open);
        for lot in &mut lots {
            lot.version = Version::FIRST;
        }
        let mut cards: Vec<Card> = work.select(Filter::all()).all()?;
        for card in &mut cards {
            card.version = Version::FIRST;
        }
        Ok((accounts, balances, lots, cards))
    })
    .unwrap()
}

/// The sum of all accounts, by asset.
fn total(holdings: &Holdings) -> BTreeMap<Asset, i64> {
    let mut total = BTreeMap::new();
    for ((_, asset), amounts) in &holdings.1 {
        *total.entry(*asset).or_default() += amounts.available + amounts.pending + amounts.held - amounts.debt;
    }
    total
}

/// T-1: every entry sums to nothing.
fn entries_balance(shop: &Bench) {
    let entries: Vec<Entry> = shop.read(|work| work.select(Filter::all()).all()).unwrap();
    assert!(entries.iter().all(|entry| sums(&entry.postings.0).values().all(|sum| *sum == 0)), "{entries:?}");
}

/// Lots keep their dates, debts and cards go along, both old ways in lead to the survivor, and sums are the same.
pub fn everything_goes_along(factory: Factory<'_>) {
    let shop = open(factory);
    let [ala, ola] = ["Ala Kot", "Ola Kot"].map(|name| shop.customer(NewCustomer::person(name)).id);
    let soon = lot(&shop, ola, POINTS, 30, 0, Some(3)).unwrap();
    lot(&shop, ala, POINTS, 50, 0, Some(10));
    let pending = lot(&shop, ola, POINTS, 7, 5, None).unwrap();
    owe(&shop, ola, 40);
    lot(&shop, ala, CREDIT, 100, 0, None);
    let card = shop.run(move |work| work.loyalty().issue_card(&NewCard::active(ola), "ola")).unwrap();
    let own = shop.run(move |work| work.loyalty().issue_card(&NewCard::active(ala), "ala")).unwrap();
    let before = holdings(&shop);
    merge(&shop, ala, ola, "m").unwrap();
    let merged = holdings(&shop);
    assert_eq!(total(&merged), total(&before));
    let of = |asset| merged.1.get(&(AccountId::from(ala), asset)).copied().unwrap_or_default();
    assert_eq!(of(POINTS), Amounts { available: 80, pending: 7, held: 0, debt: 0 });
    assert_eq!(of(CREDIT), Amounts { available: 100, pending: 0, held: 0, debt: 40 });
    let moved = merged.2.iter().find(|lot| lot.id == soon).unwrap();
    let origin = before.2.iter().find(|lot| lot.id == soon).unwrap();
    assert_eq!(moved.account_id, AccountId::from(ala));
    assert_eq!(
        (moved.earned_at, moved.available_at, moved.expires_at),
        (origin.earned_at, origin.available_at, origin.expires_at)
    );
    let cards = shop.read(move |work| work.loyalty().cards_of(ola)).unwrap();
    assert_eq!(cards.iter().map(|card| card.customer_id).collect::<Vec<_>>(), [ala, ala]);
    for number in [card.number, own.number] {
        assert_eq!(shop.read(move |work| work.loyalty().card_by_number(&number)).unwrap().customer_id, ala);
    }
    // Who still names the old account means the other: the lot of Ola's that ends first is used first.
    spend(&shop, ola, POINTS, 20).unwrap();
    assert_eq!(rule(unmerge(&shop, ola, "u")), "merge.lots_used");
    shop.clock.advance(DAY * 6);
    with_book(&shop, ala, |_, _| Ok(())).unwrap();
    let later = holdings(&shop);
    let points = later.1.get(&(AccountId::from(ala), POINTS)).copied().unwrap_or_default();
    assert_eq!(points, Amounts { available: 57, pending: 0, held: 0, debt: 0 }, "10 have expired, 7 have matured");
    assert!(later.2.iter().any(|lot| lot.id == pending));
    entries_balance(&shop);
    shop.verify();
}

/// T-13: merged and taken back, everybody has what they had, whatever is due meanwhile; sums never change.
pub fn taken_back_is_as_before(factory: Factory<'_>) {
    for seed in 0..10_u32 {
        let shop = open(factory);
        let members: Vec<CustomerId> = (0..4).map(|n| shop.customer(NewCustomer::person(format!("M{n}"))).id).collect();
        for (n, member) in members.iter().enumerate() {
            let turn = seed + n as u32 * 3;
            for k in 0..turn % 4 {
                let asset = if (turn + k).is_multiple_of(2) { POINTS } else { CREDIT };
                lot(
                    &shop,
                    *member,
                    asset,
                    i64::from(10 + turn * 7 + k),
                    (turn + k) % 3,
                    (!(turn + k).is_multiple_of(4)).then_some(20 + k),
                );
            }
            if turn % 3 == 1 {
                let _ = spend(&shop, *member, POINTS, 5);
                let _ = spend(&shop, *member, CREDIT, 5);
            }
            if turn % 5 == 2 {
                owe(&shop, *member, 1_000);
            }
            if turn.is_multiple_of(2) {
                let (who, key) = (*member, n.to_string());
                shop.run(move |work| work.loyalty().issue_card(&NewCard::active(who), &key)).unwrap();
            }
        }
        let before = holdings(&shop);
        let [a, b, c, d] = [members[0], members[1], members[2], members[3]];
        let merges = match seed % 3 {
            0 => vec![(a, b), (a, c), (a, d)],
            1 => vec![(b, a), (c, d), (b, c)],
            _ => vec![(a, b), (c, a), (d, c)],
        };
        for (n, (survivor, loser)) in merges.iter().enumerate() {
            merge(&shop, *survivor, *loser, &format!("m{n}")).unwrap();
            assert_eq!(total(&holdings(&shop)), total(&before), "seed {seed}");
            entries_balance(&shop);
        }
        shop.verify();
        for (n, (_, loser)) in merges.iter().enumerate().rev() {
            unmerge(&shop, *loser, &format!("u{n}")).unwrap();
        }
        assert_eq!(holdings(&shop), before, "seed {seed}");
        // Again, with what falls due in between, against members who were never merged.
        merge(&shop, a, b, "again").unwrap();
        shop.clock.advance(DAY * 4);
        with_book(&shop, a, |_, _| Ok(())).unwrap();
        unmerge(&shop, b, "again").unwrap();
        let after = holdings(&shop);
        let what = |holdings: &Holdings| {
            let lots = holdings.2.iter().map(|lot| (lot.account_id, lot.id, lot.remaining, lot.expires_at));
            lots.collect::<Vec<_>>()
        };
        assert_eq!(what(&after), what(&before), "seed {seed}");
        let left: u64 = shop.read(|work| work.count(Filter::<MemberMerge>::all())).unwrap();
        assert_eq!(left, 0);
        entries_balance(&shop);
        shop.verify();
    }
}

/// S-38, S-44: what was counted over the purchases of both goes on together; taken back, each has their own again.
pub fn counts_go_along(factory: Factory<'_>) {
    let Shop { bench, branch, ala, tea, .. } = shop(factory);
    let ola = bench.customer(NewCustomer::person("Ola Kot")).id;
    let third = EarnRule::new("third", POINTS, Earn::Every { give: 50, nth: 3, per_day: None });
    save(&bench, programme([third]));
    let buy = |who: CustomerId, receipt: &str| {
        let lines = [NewLine::of(tea, 1)];
        let new = NewPurchase::of(branch, receipt, lines, [NewTender::cash_rest()]).by(who);
        bench.run(move |work| work.purchases().record(&new, &new.receipt_no)).unwrap().purchase
    };
    let counts = |who: CustomerId| {
        let found = bench.read(move |work| work.select(earn_counter::account_id.eq(AccountId::from(who))).all());
        let counts = found.unwrap().into_iter().map(|one| (one.counts, one.balance));
        counts.filter(|(_, balance)| *balance != 0).collect::<BTreeMap<_, _>>()
    };
    let points = |who: CustomerId| {
        let found = bench.read(move |work| work.find::<Balance>(&(AccountId::from(who), POINTS))).unwrap();
        found.map_or(0, |balance| balance.available)
    };
    buy(ala, "1");
    let olas = buy(ola, "2");
    let before = (counts(ala), counts(ola));
    merge(&bench, ala, ola, "m").unwrap();
    unmerge(&bench, ola, "u").unwrap();
    assert_eq!((counts(ala), counts(ola)), before);
    merge(&bench, ala, ola, "again").unwrap();
    buy(ala, "3");
    assert_eq!(points(ala), 50, "the third of both");
    let back = NewReturn::of(olas, [NewReturnLine::of(1, 1)]);
    bench.run(move |work| work.returns().record(&back, "back")).unwrap();
    assert_eq!((points(ala), counts(ala)["rule:third count 3"]), (0, 2));
    bench.verify();
}

/// What keeps a merge from being made or taken back leaves nothing behind.
pub fn refusals_leave_nothing(factory: Factory<'_>) {
    let shop = open(factory);
    let [ala, ola] = ["Ala", "Ola"].map(|name| shop.customer(NewCustomer::person(name)).id);
    owe(&shop, ola, 100);
    merge(&shop, ala, ola, "m").unwrap();
    // Earning repays the debt that came along.
    with_book(&shop, ala, |book, work| {
        let now = work.now();
        let give = Give {
            asset: CREDIT,
            amount: 30,
            kind: EntryKind::Earn,
            source: LotSource::Purchase,
            occurred_at: now,
            available_at: now,
            expires_at: NEVER,
            purchase: None,
            branch: None,
            campaign: None,
            reason: None,
            repays_debt: true,
        };
        book.give(work, &give)
    })
    .unwrap();
    let before = holdings(&shop);
    assert_eq!(rule(unmerge(&shop, ola, "u")), "merge.debt_repaid");
    assert_eq!(holdings(&shop), before);
    assert_eq!(shop.read(move |work| work.customers().get(ola)).unwrap().id, ala);
    let debts =
        shop.read(move |work| work.select::<Balance>(balance::account_id.eq(AccountId::from(ala))).all()).unwrap();
    assert_eq!(debts.iter().map(|balance| balance.debt).collect::<Vec<_>>(), [70]);
    give(&shop, ala, 1);
    shop.verify();
}

/// C12: what is asked by the id of the record that has gone is answered of the one that goes on, and what is done by it is done
/// there; what was written down under it stays to be read.
pub fn are_reached_by_their_old_ids(factory: Factory<'_>) {
    let Shop { bench, branch, .. } = &shop(factory);
    let tier = TierTerms::new(Uuid::from_u128(1).into(), "gold", Need::amount(1_000));
    let ladder: LadderId = Uuid::from_u128(2).into();
    let tiers = vec![TierLadder::new(ladder, "club", Window::Lifetime, [tier])];
    save(bench, Programme { tiers, ..programme([]) });
    let [ala, old] = ["Ala", "Ala K."].map(|name| bench.customer(NewCustomer::person(name)).id);
    lot(bench, ala, CREDIT, 300, 0, None);
    lot(bench, old, CREDIT, 200, 0, None);
    merge(bench, ala, old, "m").unwrap();
    let (branch, pln) = (*branch, |minor| Money::new(minor, Currency::PLN));
    let asked = |id: CustomerId| {
        bench.read(move |work| {
            let account = id.into();
            let query = Query { account, asset: CREDIT, branch, due: pln(1_000), requested: None };
            let left: i64 = work.loyalty().lots(account)?.iter().map(|lot| lot.remaining).sum();
            let usable = work.loyalty().usable(&query)?.amount;
            Ok((work.loyalty().balances(account)?, work.loyalty().tiers(account)?, left, usable))
        })
    };
    assert_eq!(asked(old).unwrap(), asked(ala).unwrap());
    assert_eq!(asked(old).unwrap().3, 500);
    let done = bench.run(move |work| {
        let pin = Pin {
            tier: Some(Uuid::from_u128(1).into()),
            kind: PinKind::Exactly,
            until: None,
            reason: "a friend".into(),
        };
        work.loyalty().pin_tier(old.into(), ladder, pin, "pin")?;
        let new = NewHolding {
            account: old.into(),
            asset: CREDIT,
            branch,
            due: pln(1_000),
            amount: pln(400),
            minutes: None,
            card: None,
        };
        Ok((
            work.loyalty().hold(&new, "hold")?.account,
            work.loyalty().entries(old.into(), Limit::MAX, None)?.items.len(),
        ))
    });
    assert_eq!(done.unwrap(), (ala.into(), 2), "given, and gone");
    let ((balances, tiers, ..), standings) =
        (asked(ala).unwrap(), bench.read(|work| work.select(Filter::<Standing>::all()).all()).unwrap());
    assert_eq!((balances[&CREDIT].held, tiers[0].tier), (400, Some(Uuid::from_u128(1).into())));
    assert_eq!(standings.iter().map(|standing| standing.account_id).collect::<Vec<_>>(), [AccountId::from(ala)]);
    bench.verify();
}

/// T-4, S-44: what a record had bought before it was merged is returned after, and paid after: what it has earned goes and
/// comes on the account that goes on, and the books agree, also when the two are two again.
pub fn what_was_bought_before_comes_back_after(factory: Factory<'_>) {
    let shop = shop(factory);
    let bench = &shop.bench;
    shop.save(&programme([percent("ten", 10)]));
    let ola = bench.customer(NewCustomer::person("Ola Kot")).id;
    let sell = |receipt: &str, tender| {
        let lines = [NewLine::of(shop.tea, 2)];
        let new = NewPurchase::of(shop.branch, receipt, lines, [tender]).by(ola);
        shop.record(&new)
    };
    let terms = Terms { first_due: "2025-04-21".parse().unwrap(), count: 1, every: Span::Months(1) };
    let paid = sell("1", NewTender::cash_rest());
    let later = sell("2", NewTender::instalments(Money::new(2_000, Currency::PLN), &terms).unwrap());
    assert_eq!(shop.has(ola, CREDIT), (200, 0, 0));
    merge(bench, shop.ala, ola, "m").unwrap();
    shop.bring_back(paid, &[(1, 1)], "back");
    let amount = Money::new(2_000, Currency::PLN);
    let new = NewPayment { purchase: later, amount, method: CASH.to_owned(), occurred_at: None };
    bench.run(move |work| work.instalments().pay(&new, "pay")).unwrap();
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(ola, CREDIT)), ((300, 0, 0), (0, 0, 0)));
    bench.verify();
    shop.bring_back(paid, &[(1, 1)], "the rest");
    shop.bring_back(later, &[(1, 2)], "all of it");
    assert_eq!(shop.has(shop.ala, CREDIT), (0, 0, 0));
    bench.verify();
}

/// S-17, S-44: while no programme is in force, what was bought goes along with a merge all the same, and is brought back.
pub fn without_a_programme_counts_go_along(factory: Factory<'_>) {
    let shop = shop(factory);
    let bench = &shop.bench;
    let tiered = || {
        let tier = TierTerms::new(Uuid::from_u128(1).into(), "gold", Need::amount(1_000));
        let ladder = TierLadder::new(Uuid::from_u128(2).into(), "club", Window::Lifetime, [tier]);
        Programme { tiers: vec![ladder], ..programme([percent("ten", 10)]) }
    };
    let ends = bench.clock_now().checked_add(DAY).unwrap();
    let version = NewVersion { until: Some(ends), ..NewVersion::now(tiered()) };
    bench.run(move |work| work.loyalty().save_programme(version.clone())).unwrap();
    let ola = bench.customer(NewCustomer::person("Ola Kot")).id;
    let lines = [NewLine::of(shop.tea, 2)];
    let sold = shop.record(&NewPurchase::of(shop.branch, "1", lines, [NewTender::cash_rest()]).by(ola));
    bench.clock.advance(DAY * 2);
    merge(bench, shop.ala, ola, "m").unwrap();
    shop.bring_back(sold, &[(1, 1)], "back");
    shop.save(&tiered());
    let counted = |id: CustomerId| {
        let account = id.into();
        bench.read(move |work| work.loyalty().tiers(account)).unwrap()[0].progress.sums.amount
    };
    assert_eq!(counted(shop.ala), 1_000);
    shop.bring_back(sold, &[(1, 1)], "the rest");
    assert_eq!(counted(shop.ala), 0);
    bench.verify();
}

/// S-49, S-44: what a closed account has let go is not asked of the member it was merged into.
pub fn what_was_let_go_is_not_asked_again(factory: Factory<'_>) {
    let shop = shop(factory);
    let bench = &shop.bench;
    shop.save(&programme([percent("ten", 10)]));
    let ola = bench.customer(NewCustomer::person("Ola Kot")).id;
    let lines = [NewLine::of(shop.tea, 2)];
    let sold = shop.record(&NewPurchase::of(shop.branch, "1", lines, [NewTender::cash_rest()]).by(ola));
    spend(bench, ola, CREDIT, 200).unwrap();
    bench.run(move |work| work.loyalty().set_state(ola.into(), AccountState::Closed, "asked for", "close")).unwrap();
    shop.bring_back(sold, &[(1, 1)], "back");
    merge(bench, shop.ala, ola, "m").unwrap();
    lot(bench, shop.ala, CREDIT, 500, 0, None);
    shop.bring_back(sold, &[(1, 1)], "the rest");
    assert_eq!(shop.has(shop.ala, CREDIT), (500, 0, 0));
    bench.verify();
}
