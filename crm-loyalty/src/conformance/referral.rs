//! Members who bring others.

use std::sync::Arc;

use crm_core::conformance::{Factory, race};
use crm_core::customers::{Customer, CustomerId, Merge, NewCustomer};
use crm_core::instalments::{NewPayment, Terms};
use crm_core::kernel::calendar::Span;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{Account, AccountId, AccountState};
use crm_core::loyalty::programme::{Programme, Validity};
use crm_core::loyalty::referral::{Barred, PeriodCap, Referral, ReferralTerm, Referrer};
use crm_core::loyalty::tiers::{Need, TierLadder, TierTerms, Window};
use crm_core::pricing::{Audience, TierId};
use crm_core::purchases::{CASH, NewLine, NewPurchase, NewTender};
use crm_core::reexport::Uuid;
use crm_core::work::Version;
use crm_core::{Error, ErrorKind, Result};

use super::floor::{DAY, Floor, credit, everything, rule};
use crate::WorkLoyalty;

/// Ten złoty for a first purchase of fifty or more, and five percent of each, after two weeks.
fn friends() -> ReferralTerm {
    ReferralTerm {
        name: "Friends".into(),
        audience: Audience::default(),
        asset: credit(),
        currency: Currency::PLN,
        registration: 0,
        first_purchase: 1_000,
        share: Rate::percent(5),
        min_base: 5_000,
        delay_days: 14,
        validity: Validity::Forever,
        purchases: None,
        months: None,
        per_referee: None,
        per_period: None,
        total: None,
    }
}

fn terms(programme: &mut Programme) {
    programme.referral.terms = vec![friends()];
}

fn with(change: impl FnOnce(&mut ReferralTerm)) -> impl FnOnce(&mut Programme) {
    move |programme| {
        let mut term = friends();
        change(&mut term);
        programme.referral.terms = vec![term];
    }
}

fn credited(floor: &Floor, member: CustomerId) -> (i64, i64, i64) {
    let Amounts { available, pending, debt, .. } = floor.holds(member, credit());
    (available, pending, debt)
}

fn barred(floor: &Floor, referee: CustomerId) -> Option<Barred> {
    let found = floor.bench.read(move |work| work.find::<Referral>(&referee)).unwrap();
    found.and_then(|referral| referral.barred)
}

fn phoned(name: &str, phone: &str) -> NewCustomer {
    NewCustomer::person(name).with_phone(phone)
}

/// N-8: a part of what the friend buys, and something for the first purchase, pending until the goods can no longer come
/// back; what comes back takes its part with it, and in the end all (T-4); in any number of parts (T-5).
pub fn share_what_friends_buy(factory: Factory<'_>) {
    for parts in [vec![200], vec![50, 150], vec![1, 99, 60, 40]] {
        let floor = Floor::new(factory, terms);
        let ala = floor.member("Ala");
        let ola = floor.brought("Ola", ala);
        let first = floor.buy(ola, "1", 200);
        assert_eq!(credited(&floor, ala), (0, 2_000, 0));
        floor.buy(ola, "2", 100);
        assert_eq!(credited(&floor, ala), (0, 2_500, 0));
        floor.buy(ola, "3", 49);
        let rewards = floor.bench.read(move |work| work.loyalty().referral_rewards(ola)).unwrap();
        assert_eq!(rewards.len(), 2, "49 złoty do not qualify");
        floor.bench.clock.advance(DAY * 15);
        assert_eq!(credited(&floor, ala), (2_500, 0, 0));
        for (at, pieces) in parts.iter().enumerate() {
            floor.bring_back(first, *pieces, &format!("back {at}"));
        }
        assert_eq!(credited(&floor, ala), (500, 0, 0));
        // As if it had never happened: the next that qualifies is the first.
        floor.buy(ola, "4", 50);
        assert_eq!(credited(&floor, ala), (500, 1_250, 0));
        floor.bench.verify();
    }
}

/// S-12: of what is paid later the share comes as it is paid, and what is fixed when all is.
pub fn share_what_is_paid(factory: Factory<'_>) {
    let floor = Floor::new(factory, terms);
    let ala = floor.member("Ala");
    let ola = floor.brought("Ola", ala);
    let first_due: CivilDate = "2025-04-01".parse().unwrap();
    let plan = Terms { first_due, count: 2, every: Span::Months(1) };
    let zloty = |zlotys: i64| Money::new(zlotys * 100, Currency::PLN);
    let later = NewTender::instalments(zloty(150), &plan).unwrap();
    let sold = floor.try_buy(ola, "1", 200, vec![later, NewTender::cash_rest()]).unwrap();
    assert_eq!(credited(&floor, ala), (0, 250, 0));
    let pay = |zlotys: i64, key: &'static str| {
        let new = NewPayment { purchase: sold, amount: zloty(zlotys), method: CASH.to_owned(), occurred_at: None };
        floor.bench.run(move |work| work.instalments().pay(&new, key)).unwrap();
    };
    pay(75, "a");
    assert_eq!(credited(&floor, ala), (0, 625, 0));
    pay(75, "b");
    assert_eq!(credited(&floor, ala), (0, 2_000, 0));
    floor.bring_back(sold, 100, "c");
    assert_eq!(credited(&floor, ala), (0, 1_500, 0));
    floor.bring_back(sold, 100, "d");
    assert_eq!(credited(&floor, ala), (0, 0, 0));
    floor.bench.verify();
}

/// The terms of the one who brings: by group, for some purchases and months, under caps for each friend and each period.
pub fn follow_the_terms_of_the_group(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let (ala, ela) = (floor.member("Ala"), floor.member("Ela"));
    let gold = floor
        .bench
        .run(move |work| {
            let gold = work.partners().create_customer_group("Gold", 1)?.id;
            work.partners().join(ala, gold)?;
            Ok(gold)
        })
        .unwrap();
    floor.programme(|programme| {
        let of_gold = Audience { customer_groups: vec![gold], ..Audience::default() };
        let gold = ReferralTerm { name: "Gold".into(), audience: of_gold, share: Rate::percent(10), ..friends() };
        let limited = ReferralTerm { purchases: Some(2), months: Some(1), per_referee: Some(1_700), ..friends() };
        programme.referral.terms = vec![gold, limited];
    });
    let (by_gold, by_other) = (floor.brought("Gold friend", ala), floor.brought("Friend", ela));
    floor.buy(by_gold, "1", 100);
    floor.buy(by_other, "2", 100);
    assert_eq!((credited(&floor, ala).1, credited(&floor, ela).1), (2_000, 1_500));
    floor.buy(by_other, "3", 100);
    assert_eq!(credited(&floor, ela).1, 1_700, "the cap for one friend");
    floor.buy(by_other, "4", 100);
    let late = floor.brought("Late friend", ela);
    floor.bench.clock.advance(DAY * 40);
    floor.buy(late, "5", 100);
    assert_eq!(floor.holds(ela, credit()).pending, 0, "after a month nothing is given");
    floor.bench.verify();
}

/// Row 13: a cap in a period and in all is exact, however many come at once; a return makes room again.
pub fn caps_are_exact_among_many(factory: Factory<'_>) {
    let floor = Floor::new(
        factory,
        with(|term| {
            term.registration = 30;
            term.total = Some(1_000);
        }),
    );
    let ala = floor.member("Ala");
    let rounds = race(200, 1, |turn| {
        floor.register(NewCustomer { referrer: Some(ala), ..NewCustomer::person(format!("Friend {}", turn.worker)) })
    });
    assert_eq!(rounds[0].won.len(), 200, "{:?}", rounds[0].lost);
    assert_eq!(credited(&floor, ala), (0, 1_000, 0));
    floor.bench.verify();

    let month = PeriodCap {
        most: 1_200,
        unit: crm_core::kernel::calendar::Unit::Month,
        calendar: crm_core::kernel::calendar::Calendar::Gregorian,
    };
    let floor = Floor::new(factory, with(|term| term.per_period = Some(month)));
    let ala = floor.member("Ala");
    let friends: Vec<_> = (0..6).map(|at| floor.brought(&format!("Friend {at}"), ala)).collect();
    let rounds = race(6, 1, |turn| {
        floor.try_buy(friends[turn.worker], &turn.worker.to_string(), 60, vec![NewTender::cash_rest()])
    });
    assert_eq!(rounds[0].won.len(), 6, "{:?}", rounds[0].lost);
    assert_eq!(credited(&floor, ala), (0, 1_200, 0));
    floor.bench.clock.advance(DAY * 20);
    floor.buy(friends[0], "april", 60);
    assert!(credited(&floor, ala).1 > 0, "another period");
    floor.bench.verify();
}

/// A scheme: what it is called, and what it does to get something for `ala`. It must not get anything.
type Scheme = (&'static str, fn(&Floor, CustomerId) -> Result<()>);

fn after_weeks(floor: &Floor) {
    floor.bench.clock.advance(DAY * 30);
}

fn card(floor: &Floor, customer: CustomerId, digest: &'static str) {
    floor.bench.run(move |work| work.loyalty().note_payment(customer, digest)).unwrap();
}

fn change(
    floor: &Floor,
    customer: CustomerId,
    change: impl Fn(&mut crm_core::customers::Customer) + Send + 'static,
) -> Result<()> {
    floor.bench.run(move |work| {
        let mut found = work.customers().get(customer)?;
        change(&mut found);
        work.customers().update(&mut found)
    })
}

const PHONE: &str = "+48 600 100 200";
const CARD: &str = "00112233445566778899aabbccddeeff";

fn ala_with_phone(floor: &Floor, ala: CustomerId) {
    change(floor, ala, |ala| ala.phone = Some(crm_core::kernel::phone::Phone::parse(PHONE, None).unwrap())).unwrap();
}

const SCHEMES: &[Scheme] = &[
    ("names themselves", |floor, ala| {
        let refused = change(floor, ala, move |customer| customer.referrer_id = Some(ala));
        assert_eq!(rule(refused), "referral.self");
        floor.buy(ala, "1", 100);
        Ok(())
    }),
    ("registers again with the same phone", |floor, ala| {
        ala_with_phone(floor, ala);
        let twin = floor.register(NewCustomer { referrer: Some(ala), ..phoned("Twin", PHONE) })?.id;
        floor.buy(twin, "1", 100);
        Ok(())
    }),
    ("takes the same phone later", |floor, ala| {
        let twin = floor.brought("Twin", ala);
        ala_with_phone(floor, ala);
        change(floor, twin, |twin| twin.phone = Some(crm_core::kernel::phone::Phone::parse(PHONE, None).unwrap()))?;
        floor.buy(twin, "1", 100);
        Ok(())
    }),
    ("registers with a label on the same mailbox", |floor, ala| {
        change(floor, ala, |ala| ala.email = Some(crm_core::kernel::email::Email::parse("ala@example.org").unwrap()))?;
        let twin = NewCustomer::person("Twin").with_email("Ala+2@example.org");
        let twin = floor.register(NewCustomer { referrer: Some(ala), ..twin })?.id;
        floor.buy(twin, "1", 100);
        Ok(())
    }),
    ("registers with the same national id", |floor, ala| {
        change(floor, ala, |ala| ala.national_id = Some("44051401359".into()))?;
        let twin =
            NewCustomer { national_id: Some("44051401359".into()), referrer: Some(ala), ..NewCustomer::person("Twin") };
        assert_eq!(floor.register(twin).unwrap_err().kind(), ErrorKind::AlreadyExists);
        Ok(())
    }),
    ("registers with the same card", |floor, ala| {
        change(floor, ala, |ala| ala.card_no = Some("77".into()))?;
        let twin = NewCustomer { referrer: Some(ala), ..NewCustomer::person("Twin").with_card("77") };
        assert_eq!(floor.register(twin).unwrap_err().kind(), ErrorKind::AlreadyExists);
        Ok(())
    }),
    ("pays for the friend with their own card", |floor, ala| {
        let friend = floor.brought("Friend", ala);
        card(floor, ala, CARD);
        card(floor, friend, CARD);
        floor.buy(friend, "1", 100);
        assert_eq!(barred(floor, friend), Some(Barred::Payment));
        Ok(())
    }),
    ("is found to pay for the friend only afterwards", |floor, ala| {
        let friend = floor.brought("Friend", ala);
        floor.buy(friend, "1", 100);
        after_weeks(floor);
        card(floor, friend, CARD);
        card(floor, ala, CARD);
        Ok(())
    }),
    ("brings a farm of accounts that pay with one card", |floor, ala| {
        let first = floor.brought("First", ala);
        card(floor, first, CARD);
        for at in 0..5 {
            let next = floor.brought(&format!("Account {at}"), ala);
            card(floor, next, CARD);
            floor.buy(next, &at.to_string(), 100);
        }
        Ok(())
    }),
    ("brings a farm of accounts with one phone", |floor, ala| {
        floor.register(NewCustomer { referrer: Some(ala), ..phoned("First", PHONE) })?;
        for at in 0..5 {
            let next = floor.register(NewCustomer { referrer: Some(ala), ..phoned("Next", PHONE) })?.id;
            floor.buy(next, &at.to_string(), 100);
        }
        Ok(())
    }),
    ("brings many who never buy", |floor, ala| {
        for at in 0..50 {
            floor.brought(&format!("Account {at}"), ala);
        }
        Ok(())
    }),
    ("closes a circle of two", |floor, ala| {
        let friend = floor.member("Friend");
        change(floor, ala, move |ala| ala.referrer_id = Some(friend))?;
        assert_eq!(rule(change(floor, friend, move |friend| friend.referrer_id = Some(ala))), "referral.circle");
        floor.buy(friend, "1", 100);
        Ok(())
    }),
    ("closes a circle of three", |floor, ala| {
        let second = floor.member("Second");
        let third = floor.brought("Third", second);
        change(floor, ala, move |ala| ala.referrer_id = Some(third))?;
        assert_eq!(rule(change(floor, second, move |second| second.referrer_id = Some(ala))), "referral.circle");
        floor.buy(second, "1", 100);
        Ok(())
    }),
    ("has the friend return everything in time", |floor, ala| {
        let sold = floor.buy(floor.brought("Friend", ala), "1", 100);
        floor.bring_back(sold, 100, "back");
        Ok(())
    }),
    ("has the friend return everything too late", |floor, ala| {
        let sold = floor.buy(floor.brought("Friend", ala), "1", 100);
        after_weeks(floor);
        floor.bring_back(sold, 100, "back");
        Ok(())
    }),
    ("has the friend buy next to nothing", |floor, ala| {
        let friend = floor.brought("Friend", ala);
        for at in 0..9 {
            floor.buy(friend, &at.to_string(), 49);
        }
        Ok(())
    }),
    ("has the friend pay later and never", |floor, ala| {
        let friend = floor.brought("Friend", ala);
        let first_due: CivilDate = "2025-04-01".parse().unwrap();
        let plan = Terms { first_due, count: 1, every: Span::Months(1) };
        let all = NewTender::instalments(Money::new(10_000, Currency::PLN), &plan)?;
        floor.try_buy(friend, "1", 100, vec![all]).map(drop)
    }),
    ("is frozen", |floor, ala| {
        set_state(floor, ala, AccountState::Frozen);
        floor.buy(floor.brought("Friend", ala), "1", 100);
        Ok(())
    }),
    ("has closed the account", |floor, ala| {
        set_state(floor, ala, AccountState::Closed);
        floor.buy(floor.brought("Friend", ala), "1", 100);
        Ok(())
    }),
    ("is named after the purchase", |floor, ala| {
        let friend = floor.member("Friend");
        floor.buy(friend, "1", 1_000);
        change(floor, friend, move |friend| friend.referrer_id = Some(ala))
    }),
    ("has old purchases imported", |floor, ala| {
        let friend = floor.brought("Friend", ala);
        let lines = vec![NewLine::of(floor.zloty, 100)];
        let old = NewPurchase::of(floor.branch, "old", lines, vec![NewTender::cash_rest()]).by(friend);
        floor.record(NewPurchase { history_only: true, ..old }).map(drop)
    }),
    ("says one purchase twice, which came back", |floor, ala| {
        let friend = floor.brought("Friend", ala);
        let sold = floor.buy(friend, "1", 100);
        assert_eq!(floor.buy(friend, "1", 100), sold);
        floor.bring_back(sold, 60, "a");
        floor.bring_back(sold, 60, "a");
        floor.bring_back(sold, 40, "b");
        Ok(())
    }),
    ("becomes one with the friend", |floor, ala| {
        let friend = floor.brought("Friend", ala);
        floor
            .bench
            .run(move |work| {
                let reason = "the same person".to_owned();
                work.customers().merge(&Merge { survivor: friend, loser: ala, take: Vec::new(), reason }, "merge")
            })
            .unwrap();
        floor.buy(friend, "1", 100);
        assert_eq!(credited(floor, friend), (0, 0, 0));
        Ok(())
    }),
    ("is barred by hand", |floor, ala| {
        let friend = floor.brought("Friend", ala);
        floor.buy(friend, "1", 100);
        floor.bench.run(move |work| work.loyalty().bar_referral(friend)).unwrap();
        floor.buy(friend, "2", 100);
        Ok(())
    }),
    ("gives the friend to somebody else and takes them back", |floor, ala| {
        let friend = floor.brought("Friend", ala);
        let sold = floor.buy(friend, "1", 100);
        let other = floor.member("Other");
        change(floor, friend, move |friend| friend.referrer_id = Some(other))?;
        change(floor, friend, move |friend| friend.referrer_id = Some(ala))?;
        floor.bring_back(sold, 100, "back");
        Ok(())
    }),
];

fn set_state(floor: &Floor, member: CustomerId, state: AccountState) {
    floor
        .bench
        .run(move |work| {
            let mut account: Account = work.get(AccountId::from(member))?;
            account.state = state;
            work.update(&mut account)
        })
        .unwrap();
}

/// Row 13: twenty schemes and more, none of which pays out.
pub fn schemes_do_not_pay_out(factory: Factory<'_>) {
    assert!(SCHEMES.len() >= 20);
    for (name, scheme) in SCHEMES {
        let floor: Arc<Floor> = Floor::new(factory, terms);
        let ala = floor.member("Ala");
        scheme(&floor, ala).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        after_weeks(&floor);
        let (available, pending, _) = credited(&floor, ala);
        assert_eq!((available, pending), (0, 0), "{name}");
        floor.bench.verify();
    }
}

/// What was spent before the goods came back is owed, and the next that is earned repays it (S-30).
pub fn what_was_spent_is_owed(factory: Factory<'_>) {
    let floor = Floor::new(factory, terms);
    let ala = floor.member("Ala");
    let ola = floor.brought("Ola", ala);
    let sold = floor.buy(ola, "1", 100);
    floor.bench.clock.advance(DAY * 15);
    floor
        .bench
        .run(move |work| {
            let mut book = crate::ledger::Book::open(work, ala.into())?;
            let take = crate::ledger::Take {
                asset: credit(),
                amount: 1_500,
                kind: crm_core::loyalty::ledger::EntryKind::Redeem,
                to: crm_core::loyalty::ledger::PostingAccount::Redeemed,
                occurred_at: work.now(),
                purchase: None,
                branch: None,
                reason: None,
                not_of: None,
            };
            book.take(work, &take)?;
            book.close(work)
        })
        .unwrap();
    floor.bring_back(sold, 100, "back");
    assert_eq!(credited(&floor, ala), (0, 0, 1_500));
    floor.buy(ola, "2", 100);
    assert_eq!(credited(&floor, ala), (0, 0, 0), "earnings repay what is owed first");
    let refused: Result<Referral> = floor.bench.run(move |work| work.loyalty().bar_referral(ala));
    assert!(matches!(refused, Err(Error::NotFound { .. })));
    floor.bench.verify();
}

fn merge(floor: &Floor, survivor: CustomerId, loser: CustomerId, key: &'static str) -> Result<Customer> {
    let merge = Merge { survivor, loser, take: Vec::new(), reason: "the same person".into() };
    floor.bench.run(move |work| work.customers().merge(&merge, key))
}

fn unmerge(floor: &Floor, loser: CustomerId, key: &'static str) -> Result<Customer> {
    floor.bench.run(move |work| work.customers().unmerge(loser, "two people", key))
}

fn bring_by(floor: &Floor, friend: CustomerId, referrer: CustomerId) -> Result<()> {
    change(floor, friend, move |friend| friend.referrer_id = Some(referrer))
}

/// What is stored of somebody who was brought, but for its version.
fn referral_of(floor: &Floor, referee: CustomerId) -> Option<Referral> {
    let found = floor.bench.read(move |work| work.find::<Referral>(&referee)).unwrap();
    found.map(|referral| Referral { version: Version::FIRST, ..referral })
}

/// S-34, S-44: whoever brought somebody under a record that leads elsewhere by now has brought them still.
pub fn a_merge_opens_no_circle(factory: Factory<'_>) {
    let floor = Floor::new(factory, terms);
    let (ala, one) = (floor.member("Ala"), floor.member("Ala too"));
    let friend = floor.brought("Friend", ala);
    merge(&floor, one, ala, "m").unwrap();
    assert_eq!(rule(bring_by(&floor, one, friend)), "referral.circle");
    assert_eq!(rule(bring_by(&floor, one, ala)), "referral.self");
    let second = floor.brought("Second", friend);
    assert_eq!(rule(bring_by(&floor, one, second)), "referral.circle");

    // Each stands alone again only if that closes none: what the other has brought was told of the one.
    let (first, other) = (floor.member("First"), floor.member("Other"));
    let (loser, survivor) = (floor.brought("Ela", first), floor.brought("Ela too", other));
    let theirs = floor.brought("Theirs", loser);
    merge(&floor, survivor, loser, "n").unwrap();
    bring_by(&floor, first, theirs).unwrap();
    assert_eq!(rule(unmerge(&floor, loser, "u")), "referral.circle");
    change(&floor, first, |first| first.referrer_id = None).unwrap();
    unmerge(&floor, loser, "v").unwrap();
    floor.bench.verify();
}

/// S-34, S-44: a friend with two records is brought once: what was bought and earned under the one goes on under the other,
/// and comes apart again.
pub fn a_friend_is_brought_once(factory: Factory<'_>) {
    let floor = Floor::new(factory, with(|term| (term.purchases, term.per_referee) = (Some(3), Some(2_300))));
    let (ala, ola) = (floor.member("Ala"), floor.member("Ola"));
    let friend = floor.register(NewCustomer { referrer: Some(ala), ..phoned("Friend", PHONE) }).unwrap().id;
    let first = floor.buy(friend, "1", 100);
    assert_eq!(credited(&floor, ala).1, 1_500);
    let before = referral_of(&floor, friend);
    floor.bench.clock.advance(DAY / 24);

    merge(&floor, ola, friend, "m").unwrap();
    let going_on = Referral { referee_id: ola, ..before.clone().unwrap() };
    assert_eq!(referral_of(&floor, ola), Some(going_on), "with the phone, which bars nobody");
    floor.buy(ola, "2", 100);
    assert_eq!(credited(&floor, ala).1, 2_000, "no first purchase again");
    floor.buy(ola, "3", 100);
    assert_eq!(credited(&floor, ala).1, 2_300, "the cap for one friend");
    floor.buy(ola, "4", 100);
    let now = referral_of(&floor, ola).unwrap();
    assert_eq!((now.purchases, now.earned.0[&credit()]), (3, 2_300), "the fourth is one too many");
    // What comes back of what the old record has bought makes room, and the next is the first.
    floor.bring_back(first, 100, "back");
    assert_eq!(credited(&floor, ala).1, 800);
    floor.buy(ola, "5", 100);
    assert_eq!(credited(&floor, ala).1, 2_300);
    floor.bench.verify();

    unmerge(&floor, friend, "u").unwrap();
    assert_eq!(referral_of(&floor, ola), None);
    let left = Referral { purchases: 0, first_purchase_id: None, ..before.unwrap() };
    let now = referral_of(&floor, friend).unwrap();
    assert_eq!(now.earned.0.get(&credit()).copied().unwrap_or(0), 0);
    assert_eq!(Referral { earned: left.earned.clone(), ..now }, left);
    floor.bench.verify();

    // The same where the survivor was brought too, by another, and is given to the one later.
    let floor = Floor::new(factory, terms);
    let (ala, ela) = (floor.member("Ala"), floor.member("Ela"));
    let friend = floor.brought("Friend", ala);
    let other = floor.brought("Friend too", ela);
    floor.buy(friend, "1", 100);
    floor.bench.clock.advance(DAY);
    let before = (referral_of(&floor, friend), referral_of(&floor, other));
    merge(&floor, other, friend, "m").unwrap();
    unmerge(&floor, friend, "u").unwrap();
    assert_eq!((referral_of(&floor, friend), referral_of(&floor, other)), before);
    merge(&floor, other, friend, "n").unwrap();
    floor.buy(other, "2", 100);
    assert_eq!(credited(&floor, ela).1, 500, "the person has bought before");
    bring_by(&floor, other, ala).unwrap();
    floor.buy(other, "3", 100);
    assert_eq!(credited(&floor, ala).1, 2_000);
    let now = referral_of(&floor, other).unwrap();
    assert_eq!((now.since, now.earned.0[&credit()]), (before.0.unwrap().since, 2_000));
    floor.bench.verify();
}

/// Two records of a friend that pay with one card are one friend, and a card of the one is the other's.
pub fn cards_are_of_people(factory: Factory<'_>) {
    let floor = Floor::new(factory, terms);
    let (ala, ola) = (floor.member("Ala"), floor.member("Ola"));
    let friend = floor.brought("Friend", ala);
    card(&floor, friend, CARD);
    floor.buy(friend, "1", 100);
    merge(&floor, ola, friend, "m").unwrap();
    card(&floor, ola, CARD);
    assert_eq!(barred(&floor, ola), None);
    floor.buy(ola, "2", 100);
    assert_eq!(credited(&floor, ala).1, 2_000);
    card(&floor, ala, CARD);
    assert_eq!(barred(&floor, ola), Some(Barred::Payment));
    assert_eq!(credited(&floor, ala), (0, 0, 0), "for both records");
    floor.bench.verify();
}

/// S-34, S-44: of a member who has become one with another, the record that goes on says whether they are in good standing,
/// of which groups and tiers they are, and who they are.
pub fn the_one_who_goes_on_is_asked(factory: Factory<'_>) {
    let floor = Floor::new(factory, terms);
    let (ala, one) = (floor.member("Ala"), floor.member("Ala too"));
    let friend = floor.brought("Friend", ala);
    let gold = floor
        .bench
        .run(move |work| {
            let gold = work.partners().create_customer_group("Gold", 1)?.id;
            work.partners().join(one, gold)?;
            Ok(gold)
        })
        .unwrap();
    let tier = TierId::from(Uuid::from_u128(7));
    let programme = |audience: Audience| {
        let better = ReferralTerm { name: "Better".into(), audience, share: Rate::percent(10), ..friends() };
        move |programme: &mut Programme| {
            let tiers = [TierTerms::new(tier, "Silver", Need::amount(10_000))];
            programme.tiers = vec![TierLadder::new(Uuid::from_u128(1).into(), "Ladder", Window::Lifetime, tiers)];
            programme.referral.terms = vec![better, friends()];
        }
    };
    let of_gold = Audience { customer_groups: vec![gold], ..Audience::default() };
    floor.programme(programme(of_gold));
    merge(&floor, one, ala, "m").unwrap();
    floor.buy(friend, "1", 100);
    assert_eq!(credited(&floor, one).1, 2_000, "ten percent");
    floor.bench.clock.advance(DAY);
    floor.programme(programme(Audience { tiers: vec![tier], ..Audience::default() }));
    floor.buy(friend, "2", 100);
    assert_eq!(credited(&floor, one).1, 2_500, "not yet of the tier");
    floor.buy(one, "3", 200);
    floor.buy(friend, "4", 100);
    assert_eq!(credited(&floor, one).1, 3_500);
    set_state(&floor, one, AccountState::Frozen);
    floor.buy(friend, "5", 100);
    assert_eq!(credited(&floor, one).1, 3_500, "frozen");
    set_state(&floor, one, AccountState::Active);
    floor.bench.verify();

    ala_with_phone(&floor, one);
    change(&floor, friend, |friend| friend.phone = Some(crm_core::kernel::phone::Phone::parse(PHONE, None).unwrap()))
        .unwrap();
    floor.buy(friend, "6", 100);
    assert_eq!((barred(&floor, friend), credited(&floor, one).1), (Some(Barred::Phone), 0));
    floor.bench.verify();
}

/// S-34, S-44: what two members have earned counts towards the caps of the one, and apart again.
pub fn caps_go_together(factory: Factory<'_>) {
    let month = PeriodCap {
        most: 2_900,
        unit: crm_core::kernel::calendar::Unit::Month,
        calendar: crm_core::kernel::calendar::Calendar::Gregorian,
    };
    for change in [
        |term: &mut ReferralTerm, _| term.total = Some(2_900),
        |term: &mut ReferralTerm, month| {
            term.per_period = Some(month);
        },
    ] {
        let floor = Floor::new(factory, with(|term| change(term, month)));
        let [ala, one] = ["Ala", "Ala too"].map(|name| floor.member(name));
        let [friend, other] = [floor.brought("Friend", ala), floor.brought("Other", one)];
        let rows = || {
            let rows: Vec<Referrer> = floor.bench.read(|work| work.select(everything()).all()).unwrap();
            let rows = rows.into_iter().map(|row| (row.customer_id, (row.total, row.in_period)));
            rows.collect::<std::collections::BTreeMap<_, _>>()
        };
        let sold = floor.buy(friend, "1", 60);
        floor.buy(other, "2", 60);
        let before = rows();
        assert_eq!((before[&ala], before[&one]), ((1_300, 1_300), (1_300, 1_300)));
        merge(&floor, one, ala, "m").unwrap();
        assert_eq!(rows()[&one], (2_600, 2_600));
        floor.bench.verify();
        unmerge(&floor, ala, "u").unwrap();
        assert_eq!(rows(), before);

        merge(&floor, one, ala, "again").unwrap();
        floor.buy(friend, "3", 200);
        assert_eq!(credited(&floor, one).1, 2_900, "what is left of the cap of both");
        floor.bring_back(sold, 60, "back");
        assert_eq!(credited(&floor, one).1, 1_600);
        floor.bench.verify();
    }
}

/// S-49: whatever becomes of what friends have bought, an account that was closed stays as it is.
pub fn a_closed_account_stays_as_it_is(factory: Factory<'_>) {
    let floor = Floor::new(factory, with(|term| term.total = Some(2_000)));
    let ala = floor.member("Ala");
    let (ola, ela) = (floor.brought("Ola", ala), floor.brought("Ela", ala));
    let first_due: CivilDate = "2025-04-01".parse().unwrap();
    let plan = Terms { first_due, count: 2, every: Span::Months(1) };
    let zloty = |zlotys: i64| Money::new(zlotys * 100, Currency::PLN);
    let later = NewTender::instalments(zloty(100), &plan).unwrap();
    let owed = floor.try_buy(ola, "1", 100, vec![later]).unwrap();
    let paid = floor.buy(ela, "2", 100);
    let earned = credited(&floor, ala).1;
    assert_eq!(earned, 500, "what is left of the cap");
    set_state(&floor, ala, AccountState::Closed);
    let new = NewPayment { purchase: owed, amount: zloty(50), method: CASH.to_owned(), occurred_at: None };
    floor.bench.run(move |work| work.instalments().pay(&new, "a")).unwrap();
    floor.bring_back(paid, 60, "b");
    floor.bring_back(owed, 100, "c");
    let total = move |floor: &Floor| {
        let row = floor.bench.read(move |work| work.find::<Referrer>(&(ala, credit()))).unwrap();
        row.unwrap().total
    };
    assert_eq!((credited(&floor, ala), total(&floor)), ((0, earned, 0), 0), "counted, and not taken");
    floor.bench.verify();
}

/// S-10, S-12: what is paid for after it would have been available is good for as long from then on.
pub fn what_is_paid_late_is_good_as_long(factory: Factory<'_>) {
    let month = Validity::For(Span::Months(1));
    let floor = Floor::new(factory, with(|term| term.validity = month));
    let ala = floor.member("Ala");
    let ola = floor.brought("Ola", ala);
    let first_due: CivilDate = "2025-04-01".parse().unwrap();
    let plan = Terms { first_due, count: 2, every: Span::Months(1) };
    let zloty = |zlotys: i64| Money::new(zlotys * 100, Currency::PLN);
    let later = NewTender::instalments(zloty(200), &plan).unwrap();
    let sold = floor.try_buy(ola, "1", 200, vec![later]).unwrap();
    let pay = |zlotys: i64, key: &'static str| {
        let new = NewPayment { purchase: sold, amount: zloty(zlotys), method: CASH.to_owned(), occurred_at: None };
        floor.bench.run(move |work| work.instalments().pay(&new, key)).unwrap();
    };
    // On 4 April it would have been available; what is paid by then ends with 4 May.
    pay(100, "a");
    floor.bench.clock.advance(DAY * 72);
    assert_eq!(credited(&floor, ala), (0, 0, 0));
    pay(100, "b");
    assert_eq!(credited(&floor, ala), (1_500, 0, 0), "given on 1 June");
    floor.bench.clock.advance(DAY * 30);
    assert_eq!(credited(&floor, ala), (1_500, 0, 0), "good through 1 July");
    floor.bench.clock.advance(DAY);
    assert_eq!(credited(&floor, ala), (0, 0, 0));
    floor.bench.verify();
}

/// T-4, S-44: what a friend has bought while the one who brought them was merged comes back after they are two again: it counts
/// no more, and the next purchase is the first.
pub fn what_comes_back_after_a_parting_counts_no_more(factory: Factory<'_>) {
    let floor = Floor::new(factory, terms);
    let (ala, old) = (floor.member("Ala"), floor.member("Ala too"));
    let friend = floor.brought("Friend", old);
    merge(&floor, ala, old, "m").unwrap();
    let first = floor.buy(friend, "1", 100);
    assert_eq!(credited(&floor, ala).1, 1_500);
    unmerge(&floor, old, "u").unwrap();
    floor.bring_back(first, 100, "back");
    assert_eq!((credited(&floor, ala).1, credited(&floor, old).1), (0, 0));
    let referral = referral_of(&floor, friend).unwrap();
    assert_eq!((referral.purchases, referral.first_purchase_id), (0, None));
    floor.buy(friend, "2", 100);
    assert_eq!(credited(&floor, old).1, 1_500);
    floor.bench.verify();
}
