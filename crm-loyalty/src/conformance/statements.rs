//! What is told of accounts and of the club.

use std::time::Duration;

use crm_core::conformance::{Factory, race};
use crm_core::customers::CustomerId;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{EntryKind, LotId, LotSource, NEVER, PostingAccount};
use crm_core::loyalty::programme::Programme;
use crm_core::loyalty::statements::{Bucket, Buckets, Known, LiabilityKey};

use super::floor::{DAY, Floor, POINTS, limit, rule};
use crate::WorkLoyalty;
use crate::ledger::{Book, Give, Take};
use crate::statements::{LiabilityQuery, SettlementQuery};

fn give(floor: &Floor, member: CustomerId, amount: i64, starts: u32, ends: Option<u32>) -> LotId {
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
                    available_at: now.checked_add(DAY * starts)?,
                    expires_at: ends.map_or(Ok(NEVER), |ends| now.checked_add(DAY * ends))?,
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
