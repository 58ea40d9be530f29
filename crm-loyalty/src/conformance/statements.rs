//! What is told of accounts and of the club.

use std::time::Duration;

use crm_core::ErrorKind;
use crm_core::access::{Actor, Region};
use crm_core::conformance::{Factory, race};
use crm_core::customers::{CustomerId, Merge};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{EntryKind, LotId, LotSource, NEVER, PostingAccount};
use crm_core::loyalty::programme::Programme;
use crm_core::loyalty::statements::{Bucket, Buckets, Known, LiabilityKey};

use super::floor::{DAY, Floor, POINTS, clerk, limit, rule};
use crate::WorkLoyalty;
use crate::ledger::{Book, Give, NewHold, Take};
use crate::statements::{LiabilityQuery, READ, SettlementQuery};

const MINUTE: Duration = Duration::from_secs(60);

fn give(floor: &Floor, member: CustomerId, amount: i64, starts: u32, ends: Option<u32>) -> LotId {
    give_for(floor, member, amount, DAY * starts, ends.map(|ends| DAY * ends))
}

fn give_for(floor: &Floor, member: CustomerId, amount: i64, starts: Duration, ends: Option<Duration>) -> LotId {
    let branch = Some(floor.branch);
    floor
        .bench
        .run(move |work| {
            let now = work.now();
            let mut book = Book::open(work, member.into())?;
            let given = book.give(
                work,
                &Give {
                    asset: POINTS,
                    amount,
                    kind: EntryKind::Give,
                    source: LotSource::Bonus,
                    occurred_at: now,
                    available_at: now.checked_add(starts)?,
                    expires_at: ends.map_or(Ok(NEVER), |ends| now.checked_add(ends))?,
                    purchase: None,
                    branch,
                    campaign: None,
                    reason: Some("a check".into()),
                    repays_debt: false,
                },
            )?;
            book.close(work)?;
            Ok(given.lot)
        })
        .unwrap()
        .unwrap()
}

fn spend(floor: &Floor, member: CustomerId, amount: i64, elsewhere: bool) {
    let here = floor.branch;
    floor
        .bench
        .run(move |work| {
            let mut book = Book::open(work, member.into())?;
            let take = Take {
                asset: POINTS,
                amount,
                kind: EntryKind::Redeem,
                to: PostingAccount::Redeemed,
                occurred_at: work.now(),
                purchase: None,
                branch: (!elsewhere).then_some(here),
                reason: None,
                not_of: None,
            };
            book.take(work, &take)?;
            book.close(work)
        })
        .unwrap();
}

/// Sets something aside for so many minutes.
fn set_aside(floor: &Floor, member: CustomerId, amount: i64, minutes: u32) {
    let branch = floor.branch;
    floor
        .bench
        .run(move |work| {
            let mut book = Book::open(work, member.into())?;
            let new = NewHold {
                asset: POINTS,
                amount,
                worth_minor: amount,
                point_value: None,
                branch,
                business_date: "2025-03-21".parse()?,
                lapses_at: work.now().checked_add(MINUTE * minutes)?,
                card: None,
                pays: None,
                reason: None,
            };
            book.hold(work, &new)?;
            book.close(work)
        })
        .unwrap();
}

fn reminding(programme: &mut Programme) {
    programme.reminders.days_before = [7, 30].into();
}

/// The lines lead from the opening to the closing balance, over any period; what is due and not written down is there.
pub fn lead_from_opening_to_closing(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let ala = floor.member("Ala");
    let begin = floor.now();
    let at = move |days: u32| begin.checked_add(DAY * days).unwrap();
    give(&floor, ala, 100, 2, Some(20));
    floor.bench.clock.advance(DAY * 5);
    spend(&floor, ala, 30, false);
    floor.bench.clock.advance(DAY * 5);
    give(&floor, ala, 7, 0, None);
    // Nobody writes down that the rest of the first has expired on day 20.
    floor.bench.clock.advance(DAY * 20);
    let statement = |from: Timestamp, until: Timestamp| {
        floor.bench.read(move |work| work.loyalty().account_statement(ala.into(), from, until)).unwrap()
    };
    let amounts = |available, pending| Amounts { available, pending, ..Amounts::default() };
    let whole = statement(begin, at(40));
    let kinds: Vec<_> = whole.lines.iter().map(|line| (line.kind, line.entry.is_some())).collect();
    let expected = [
        (EntryKind::Give, true),
        (EntryKind::Mature, true),
        (EntryKind::Redeem, true),
        (EntryKind::Give, true),
        (EntryKind::Expire, false),
    ];
    assert_eq!(kinds, expected);
    assert!(whole.opening.is_empty());
    assert_eq!(whole.closing[&POINTS], amounts(7, 0));
    assert_eq!(statement(begin, at(1)).closing[&POINTS], amounts(0, 100));
    for split in [1, 2, 3, 5, 10, 15, 20, 25] {
        let (first, second) = (statement(begin, at(split)), statement(at(split), at(40)));
        assert_eq!(first.closing, second.opening, "day {split}");
        assert_eq!(first.lines.len() + second.lines.len(), 5);
        assert_eq!(second.closing, whole.closing);
    }
    let backwards = floor.bench.read(move |work| work.loyalty().account_statement(ala.into(), at(2), at(1)));
    assert_eq!(rule(backwards), "statement.period");
}

/// S-41: a list of dates and amounts; reminders once for each lot and threshold, whoever runs them and how often.
pub fn remind_once_for_each_lot_and_threshold(factory: Factory<'_>) {
    let floor = Floor::new(factory, reminding);
    let members: Vec<_> = (0..5).map(|at| floor.member(&format!("Member {at}"))).collect();
    for member in &members {
        give(&floor, *member, 10, 0, Some(40));
        give(&floor, *member, 5, 0, Some(40));
        give(&floor, *member, 1, 0, None);
    }
    let ala = members[0];
    let until = floor.now().checked_add(DAY * 100).unwrap();
    let list = floor.bench.read(move |work| work.loyalty().upcoming_expiry(ala.into(), until)).unwrap();
    assert_eq!(list.iter().map(|expiring| expiring.amount).collect::<Vec<_>>(), [15]);
    let run = || {
        let mut after: Option<String> = None;
        let mut messages = 0;
        loop {
            let from = after.clone();
            let progress = floor.bench.run(move |work| work.loyalty().remind(limit(2), from.as_deref())).unwrap();
            messages += progress.messages;
            after = progress.next;
            if after.is_none() {
                return messages;
            }
        }
    };
    assert_eq!(run(), 0);
    floor.bench.clock.advance(DAY * 12);
    assert_eq!(run(), 5, "one message for both lots");
    assert_eq!(run(), 0);
    let amounts = &floor.notices()[0]["amounts"];
    assert_eq!(amounts["points"], 15);
    spend(&floor, ala, 15, false);
    floor.bench.clock.advance(DAY * 22);
    let rounds = race(3, 1, |_| floor.bench.run(|work| work.loyalty().remind(limit(50), None)));
    assert!(rounds[0].lost.is_empty(), "{rounds:?}");
    let sent: usize = rounds[0].won.iter().map(|progress| progress.messages).sum();
    assert_eq!(sent, 4, "nothing of the first is left");
    assert_eq!(floor.notices().len(), 9);
    floor.bench.verify();
}

/// S-06, S-41: what was set aside and has lapsed expires with the rest, whether or not anybody has written it down; it is in
/// the list and in the message. Who was merged is told of what the other has (S-44).
pub fn tell_of_what_has_lapsed(factory: Factory<'_>) {
    let floor = Floor::new(factory, reminding);
    let (ala, ola) = (floor.member("Ala"), floor.member("Ola"));
    give(&floor, ala, 100, 0, Some(40));
    floor.bench.clock.advance(DAY * 34);
    set_aside(&floor, ala, 40, 15);
    let told = |member: CustomerId| {
        floor
            .bench
            .read(move |work| {
                let lots: i64 = work.loyalty().lots(member.into())?.iter().map(|lot| lot.remaining).sum();
                let list = work.loyalty().upcoming_expiry(member.into(), Timestamp::MAX)?;
                Ok((lots, list.iter().map(|expiring| expiring.amount).sum::<i64>()))
            })
            .unwrap()
    };
    assert_eq!(told(ala), (60, 60));
    floor.bench.clock.advance(MINUTE * 15);
    assert_eq!(told(ala), (100, 100));
    let remind = |floor: &Floor| floor.bench.run(|work| work.loyalty().remind(limit(50), None)).unwrap().messages;
    assert_eq!(remind(&floor), 1);
    assert_eq!(floor.notices()[0]["amounts"]["points"], 100);
    floor.bench.run(move |work| work.loyalty().settle(ala.into())).unwrap();
    assert_eq!((told(ala), remind(&floor)), ((100, 100), 0), "the sweep changes no answer");
    let merge = Merge { survivor: ola, loser: ala, take: Vec::new(), reason: "one".into() };
    floor.bench.run(move |work| work.customers().merge(&merge, "merge")).unwrap();
    let list = |actor: &Actor, member: CustomerId| {
        floor.bench.run_as(actor, move |work| work.loyalty().upcoming_expiry(member.into(), Timestamp::MAX))
    };
    let of = |customer| clerk(1, &[]).granted(READ, Region::customer(customer));
    let both = clerk(2, &[READ]);
    assert_eq!(list(&both, ala).unwrap(), list(&of(ola), ola).unwrap());
    assert_eq!(list(&both, ala).unwrap()[0].amount, 100);
    assert_eq!(list(&of(ala), ala).unwrap_err().kind(), ErrorKind::NotFound, "it leads out of reach");
    floor.bench.verify();
}

/// S-06, S-42, T-2: what the club owes at any instant, as it was known at any other, is what its members had, before and
/// after somebody wrote down that a lot ended and what was set aside of it lapsed.
pub fn owe_the_same_before_and_after_a_sweep(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let ala = floor.member("Ala");
    let begin = floor.now();
    let at = move |minutes: u32| begin.checked_add(MINUTE * minutes).unwrap();
    give_for(&floor, ala, 100, Duration::ZERO, Some(MINUTE * 5));
    set_aside(&floor, ala, 40, 15);
    floor.bench.clock.set(at(20));
    let all = || {
        let pairs = (0..=20).flat_map(|as_at| (0..=20).map(move |known_at| (as_at, known_at)));
        let owed = pairs.map(|(as_at, known_at)| {
            let known = Known { as_at: at(as_at), known_at: at(known_at) };
            let query = LiabilityQuery { at: known, buckets: Buckets::default() };
            floor
                .bench
                .read(move |work| {
                    let owed = work.loyalty().liability(&query)?.total(POINTS);
                    let had = work.loyalty().balances_at(ala.into(), known.as_at, Some(known.known_at))?;
                    let had = had.get(&POINTS).map_or(0, |had| had.available + had.pending + had.held);
                    assert!(as_at > known_at || owed == had, "at {as_at}: {owed} owed, {had} had");
                    Ok(owed)
                })
                .unwrap()
        });
        owed.collect::<Vec<_>>()
    };
    let before = all();
    assert_eq!([4, 5, 14, 15, 20].map(|minute| before[minute * 22]), [100, 40, 40, 0, 0]);
    floor.bench.run(move |work| work.loyalty().settle(ala.into())).unwrap();
    assert_eq!(all(), before, "the sweep changes no answer");
    floor.bench.verify();
}

/// S-42, N-24: what the club owes at any past instant, as it was known at any other, by expiry and branch.
pub fn owe_what_was_outstanding_then(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let (ala, ola) = (floor.member("Ala"), floor.member("Ola"));
    let begin = floor.now();
    let at = move |days: u32| begin.checked_add(DAY * days).unwrap();
    give(&floor, ala, 100, 0, Some(20));
    give(&floor, ola, 50, 0, None);
    floor.bench.clock.advance(DAY * 5);
    spend(&floor, ala, 30, true);
    let group = floor
        .bench
        .run(move |work| {
            let group = work.partners().create_customer_group("Teachers", 0)?.id;
            work.partners().join(ola, group)?;
            Ok(group)
        })
        .unwrap();
    floor.bench.clock.advance(DAY * 25);
    let now = floor.now();
    let owed = |as_at: Timestamp, known_at: Timestamp| {
        let query = LiabilityQuery { at: Known { as_at, known_at }, buckets: Buckets::new([at(30)]) };
        floor.bench.read(move |work| work.loyalty().liability(&query)).unwrap()
    };
    let just_before = |instant: Timestamp| instant.checked_add_micros(-1).unwrap();
    assert_eq!(owed(just_before(begin), now).total(POINTS), 0);
    assert_eq!(owed(begin, now).total(POINTS), 150);
    assert_eq!(owed(at(5), now).total(POINTS), 120);
    assert_eq!(owed(at(5), at(4)).total(POINTS), 150, "as it was known the day before");
    assert_eq!(owed(just_before(at(20)), now).total(POINTS), 120);
    assert_eq!(owed(at(20), now).total(POINTS), 50, "expired, though nobody has written it down");
    let key = |bucket, group| LiabilityKey { asset: POINTS, group, branch: Some(floor.branch), bucket };
    let then = owed(at(10), now);
    let expected = [(key(Bucket::Before(at(30)), None), 70), (key(Bucket::Never, Some(group)), 50)];
    assert_eq!(then.lines, expected.into());
    floor.bench.run(move |work| Book::open(work, ala.into())?.close(work)).unwrap();
    assert_eq!(owed(at(10), now), then, "the sweep changes no answer");
    floor.bench.verify();
}

/// N-24: what was given here and spent elsewhere is settled between the branches.
pub fn settle_between_branches(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let ala = floor.member("Ala");
    let begin = floor.now();
    give(&floor, ala, 100, 0, None);
    spend(&floor, ala, 30, true);
    floor.bench.clock.advance(Duration::from_secs(1));
    spend(&floor, ala, 20, false);
    let (until, known_at) = (floor.now().checked_add(DAY).unwrap(), floor.now());
    let query = SettlementQuery { from: begin, until, known_at };
    let settled = floor.bench.read(move |work| work.loyalty().settlement(&query)).unwrap();
    let figures: Vec<_> = settled.lines.iter().map(|(key, amount)| (key.spent_at, *amount)).collect();
    assert_eq!(figures, [(None, 30), (Some(floor.branch), 20)]);
    assert_eq!(settled.net(floor.branch, POINTS), -30, "it owes what was spent elsewhere");
}
