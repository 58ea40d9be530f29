//! The ledger: what is given, used, taken back, and over.

use std::time::Duration;

use crm_core::conformance::{Bench, Factory};
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{
    Account, AccountId, Balance, Entry, EntryKind, Hold, Lot, LotId, LotSource, NEVER, PostingAccount, entry, lot,
};
use crm_core::work::Permit;
use crm_core::{ErrorKind, Result};

use super::open;
use crate::ledger::{Book, Cause, ClawBack, Give, NewHold, Policy, Take};

const POINTS: Asset = Asset::Points;
const DAY: Duration = Duration::from_secs(24 * 3600);

fn member(shop: &Bench) -> CustomerId {
    shop.customer(NewCustomer::person("Ala Kot")).id
}

/// A gift that can be used at once, and ends after so many days.
fn gift(work: &Permit<'_, '_>, asset: Asset, amount: i64, days: Option<u32>) -> Result<Give> {
    let now = work.now();
    Ok(Give {
        asset,
        amount,
        kind: EntryKind::Give,
        source: LotSource::Bonus,
        occurred_at: now,
        available_at: now,
        expires_at: days.map_or(Ok(NEVER), |days| now.checked_add(DAY * days))?,
        purchase: None,
        branch: None,
        campaign: None,
        reason: None,
        repays_debt: false,
    })
}

fn payment(work: &Permit<'_, '_>, asset: Asset, amount: i64) -> Take {
    Take {
        asset,
        amount,
        kind: EntryKind::Redeem,
        to: PostingAccount::Redeemed,
        occurred_at: work.now(),
        purchase: None,
        branch: None,
        reason: None,
        not_of: None,
    }
}

/// Does something with the book of an account.
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

fn give(shop: &Bench, account: CustomerId, amount: i64, days: Option<u32>) -> LotId {
    let given = with_book(shop, account, move |book, work| {
        let gift = gift(work, POINTS, amount, days)?;
        book.give(work, &gift)
    });
    given.unwrap().lot.unwrap()
}

fn lots(shop: &Bench, account: CustomerId) -> Vec<Lot> {
    shop.read(move |work| work.select(lot::account_id.eq(AccountId::from(account))).all()).unwrap()
}

fn entries(shop: &Bench, account: CustomerId) -> Vec<Entry> {
    shop.read(move |work| work.select(entry::account_id.eq(AccountId::from(account))).all()).unwrap()
}

fn stored(shop: &Bench, account: CustomerId, asset: Asset) -> Amounts {
    let balance = shop.read(move |work| work.find::<Balance>(&(account.into(), asset))).unwrap();
    balance.map_or(Amounts::default(), |Balance { available, pending, held, debt, .. }| Amounts {
        available,
        pending,
        held,
        debt,
    })
}

/// Who is created is a member.
pub fn customers_are_members(factory: Factory<'_>) {
    let shop = open(factory);
    let ala = member(&shop);
    let account = shop.read(move |work| work.get::<Account>(ala.into())).unwrap();
    assert_eq!((account.customer_id, account.due_at), (Some(ala), NEVER));
    assert_eq!(lots(&shop, ala), []);
    shop.verify();
}

/// S-04: what ends soonest is used first, then what was earned first. What is not there cannot be taken.
pub fn lots_are_used_in_order(factory: Factory<'_>) {
    let shop = open(factory);
    let ala = member(&shop);
    let never = give(&shop, ala, 10, None);
    shop.clock.advance(Duration::from_secs(1));
    let (later, soon) = (give(&shop, ala, 10, Some(20)), give(&shop, ala, 10, Some(10)));
    let refused = with_book(&shop, ala, |book, work| book.take(work, &payment(work, POINTS, 31)));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    let taken = with_book(&shop, ala, |book, work| book.take(work, &payment(work, POINTS, 25))).unwrap();
    assert_eq!(taken.lots, [(soon, 10), (later, 10), (never, 5)]);
    assert_eq!(stored(&shop, ala, POINTS), Amounts { available: 5, ..Amounts::default() });
    shop.verify();
}

/// S-06, S-07, S-10: what is due happens at its own instant, however late it is noticed.
pub fn what_is_due_happens_when_it_was_due(factory: Factory<'_>) {
    let shop = open(factory);
    let ala = member(&shop);
    let begin = shop.clock.now_or_panic();
    with_book(&shop, ala, |book, work| {
        let now = work.now();
        let give = Give { available_at: now.checked_add(DAY)?, ..gift(work, POINTS, 100, Some(10))? };
        book.give(work, &give)
    })
    .unwrap();
    assert_eq!(stored(&shop, ala, POINTS), Amounts { pending: 100, ..Amounts::default() });
    shop.clock.advance(DAY * 2);
    with_book(&shop, ala, |book, work| book.take(work, &payment(work, POINTS, 30))).unwrap();
    shop.clock.advance(DAY * 20);
    with_book(&shop, ala, |_, _| Ok(())).unwrap();
    let kinds: Vec<_> = entries(&shop, ala).iter().map(|entry| (entry.kind, entry.occurred_at)).collect();
    let at = |days| begin.checked_add(DAY * days).unwrap();
    let expected =
        [(EntryKind::Give, at(0)), (EntryKind::Mature, at(1)), (EntryKind::Redeem, at(2)), (EntryKind::Expire, at(10))];
    assert_eq!(kinds, expected);
    assert_eq!(stored(&shop, ala, POINTS), Amounts::default());
    assert_eq!(lots(&shop, ala)[0].expired, 70);
    shop.verify();
}

/// S-28: own lots, other lots, then debt, which later earnings repay (S-30).
pub fn what_was_earned_is_taken_back(factory: Factory<'_>) {
    let shop = open(factory);
    let ala = member(&shop);
    let own = give(&shop, ala, 50, None);
    give(&shop, ala, 30, Some(10));
    with_book(&shop, ala, |book, work| book.take(work, &payment(work, POINTS, 40))).unwrap();
    let clawed = with_book(&shop, ala, move |book, work| {
        let (asset, own_lots, policy) = (POINTS, vec![own], Policy::Debt);
        let claw = ClawBack { asset, amount: 50, owed: 0, own_lots, cause: Cause::default(), policy };
        book.claw_back(work, &claw)
    })
    .unwrap();
    assert_eq!((clawed.from_own, clawed.from_others, clawed.debt), (40, 0, 10));
    assert_eq!(stored(&shop, ala, POINTS), Amounts { debt: 10, ..Amounts::default() });
    let given = with_book(&shop, ala, |book, work| {
        let give = Give { repays_debt: true, ..gift(work, POINTS, 25, None)? };
        book.give(work, &give)
    });
    assert_eq!(given.unwrap().repaid, 10);
    assert_eq!(stored(&shop, ala, POINTS), Amounts { available: 15, ..Amounts::default() });
    shop.verify();
}

/// S-29: what was paid comes back to its lots; what was over meanwhile is over again, or lives on for a grace.
pub fn what_was_paid_comes_back(factory: Factory<'_>) {
    let shop = open(factory);
    let branch = shop.branch("club").id;
    let ala = member(&shop);
    let (soon, late) = (give(&shop, ala, 10, Some(10)), give(&shop, ala, 10, Some(40)));
    let hold = with_book(&shop, ala, move |book, work| {
        let new = NewHold {
            asset: POINTS,
            amount: 16,
            worth_minor: 16,
            point_value: None,
            branch,
            business_date: "2025-03-21".parse()?,
            lapses_at: work.now(),
            card: None,
            pays: Some(work.new_id()),
            reason: None,
        };
        book.hold(work, &new)
    });
    let hold = hold.unwrap();
    let back = |amount, grace: Option<Duration>| {
        with_book(&shop, ala, move |book, work| {
            let hold: Hold = work.get((ala.into(), hold))?;
            let not_before = grace.map_or(Ok(Timestamp::MIN), |grace| work.now().checked_add(grace))?;
            book.restore(work, &hold, amount, amount, not_before, &Cause::default())
        })
    };
    back(4, None).unwrap();
    let left = |id| lots(&shop, ala).into_iter().find(|lot| lot.id == id).map(|lot| (lot.remaining, lot.expired));
    assert_eq!((left(soon), left(late)), (Some((4, 0)), Some((4, 0))), "first to the lot that was used first");
    shop.clock.advance(DAY * 20);
    assert_eq!(back(2, None).unwrap(), 2);
    assert_eq!(left(soon), Some((0, 6)), "it was over meanwhile");
    assert_eq!(back(4, Some(DAY * 5)).unwrap(), 0);
    let graced: Vec<_> = lots(&shop, ala).into_iter().filter(|lot| lot.source == LotSource::Restored).collect();
    assert_eq!((graced.len(), graced[0].remaining, graced[0].earned_at), (1, 4, lots(&shop, ala)[0].earned_at));
    back(6, Some(DAY * 5)).unwrap();
    assert_eq!(left(late), Some((10, 0)), "it would have lived longer anyway");
    assert_eq!(back(1, None).unwrap_err().kind(), ErrorKind::Invalid, "no more than was paid");
    shop.verify();
}

trait Shows {
    fn now_or_panic(&self) -> Timestamp;
}

impl Shows for crm_core::kernel::time::ManualClock {
    fn now_or_panic(&self) -> Timestamp {
        crm_core::kernel::time::Clock::now(self)
    }
}
