//! Gifts to groups, and what is given by hand.

use std::sync::Arc;

use crm_core::access::{Extent, Grant, Holder, NewRole, Principal};
use crm_core::conformance::{Factory, race};
use crm_core::customers::{CustomerId, Merge};
use crm_core::kernel::calendar::Span;
use crm_core::loyalty::bonus::{BonusLimit, BonusRequest, BonusState};
use crm_core::loyalty::grants::{GrantId, GrantMember, GrantState, GroupGrant, MemberState};
use crm_core::loyalty::ledger::{AccountState, Entry, EntryKind, LotSource};
use crm_core::loyalty::programme::{Enrolment, Programme, Validity};
use crm_core::partners::CustomerGroupId;
use crm_core::pricing::Audience;
use crm_core::{Error, ErrorKind, Result};

use super::floor::{DAY, Floor, POINTS, clerk, credit, everything, limit, rule};
use crate::WorkLoyalty;
use crate::bonus::{self, NewBonus};
use crate::grants::{self, GrantProgress, NewGrant};
use crate::ledger::Book;

fn new(name: &str, audience: Audience, amount: i64) -> NewGrant {
    NewGrant {
        name: name.to_owned(),
        audience,
        asset: credit(),
        amount,
        validity: Validity::For(Span::Days(30)),
        budget: None,
        late_joiners_until: None,
        notify: true,
    }
}

fn group(floor: &Floor, members: &[CustomerId]) -> CustomerGroupId {
    let members = members.to_vec();
    floor
        .bench
        .run(move |work| {
            let group = work.partners().create_customer_group("Teachers", 0)?.id;
            members.iter().try_for_each(|member| work.partners().join(*member, group))?;
            Ok(group)
        })
        .unwrap()
}

fn of_group(group: CustomerGroupId) -> Audience {
    Audience { customer_groups: vec![group], ..Audience::default() }
}

fn plan(floor: &Floor, new: &NewGrant) -> GroupGrant {
    let new = new.clone();
    floor.bench.run(move |work| work.loyalty().plan_grant(&new, &new.name.clone())).unwrap()
}

fn begin(floor: &Floor, new: &NewGrant) -> GrantId {
    let id = plan(floor, new).id;
    floor.bench.run(move |work| work.loyalty().begin_grant(id)).unwrap();
    id
}

fn chunk(floor: &Floor, id: GrantId, rows: u32) -> Result<GrantProgress> {
    floor.bench.run(move |work| work.loyalty().run_grant(id, limit(rows)))
}

fn run(floor: &Floor, id: GrantId, rows: u32) -> GroupGrant {
    loop {
        let progress = chunk(floor, id, rows).unwrap();
        if !progress.more {
            return progress.grant;
        }
    }
}

fn members_with(floor: &Floor, id: GrantId, state: MemberState) -> usize {
    floor.bench.read(move |work| work.loyalty().grant_members(id, state, limit(500), None)).unwrap().items.len()
}

/// S-37: who belongs to the group gets it once, however large the chunks are and however often they run; the preview has
/// said what it comes to; each is told in the transaction that gives.
pub fn go_to_each_member_once(factory: Factory<'_>) {
    for rows in [1, 3, 100] {
        let floor = Floor::new(factory, |_| {});
        let members: Vec<_> = (0..7).map(|at| floor.member(&format!("Member {at}"))).collect();
        let outsider = floor.member("Outsider");
        let new = new("Spring", of_group(group(&floor, &members)), 500);
        let asked = new.clone();
        let preview = floor.bench.read(move |work| work.loyalty().preview_grant(&asked)).unwrap();
        assert_eq!((preview.members, preview.units), (7, 3_500));
        let id = begin(&floor, &new);
        let done = run(&floor, id, rows);
        assert_eq!((done.state, done.listed, done.given, done.given_units), (GrantState::Given, 7, 7, 3_500));
        assert_eq!(run(&floor, id, rows), done, "run again");
        assert!(members.iter().all(|member| floor.available(*member, credit()) == 500));
        assert_eq!(floor.available(outsider, credit()), 0);
        assert_eq!(floor.notices().len(), 7);
        assert_eq!(plan(&floor, &new).id, id, "the same key plans nothing new");
        floor.bench.clock.advance(DAY * 31);
        assert_eq!(floor.available(members[0], credit()), 0, "it ends");
        floor.bench.verify();
    }
}

/// Every member, by no group; those who are on the pages of two groups, once; and by name.
pub fn go_by_group_by_name_and_to_all(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let all: Vec<_> = (0..5).map(|at| floor.member(&format!("Member {at}"))).collect();
    let (first, second) = (group(&floor, &all[..3]), group(&floor, &all[2..4]));
    let both = Audience { customer_groups: vec![first, second], ..Audience::default() };
    let asked = new("Both", both.clone(), 1);
    assert_eq!(floor.bench.read(move |work| work.loyalty().preview_grant(&asked)).unwrap().members, 4);
    let id = begin(&floor, &new("Both", both, 1));
    assert_eq!(run(&floor, id, 2).given, 4);
    let id = begin(&floor, &new("All", Audience::default(), 10));
    assert_eq!(run(&floor, id, 2).given, 5);
    let named = Audience { customers: vec![all[4], all[0], all[4]], ..Audience::default() };
    let id = begin(&floor, &new("Named", named, 100));
    assert_eq!(run(&floor, id, 1).given, 2);
    let figures: Vec<_> = all.iter().map(|member| floor.available(*member, credit())).collect();
    assert_eq!(figures, [111, 11, 11, 11, 110]);
    floor.bench.verify();
}

fn merge(floor: &Floor, survivor: CustomerId, loser: CustomerId, key: &'static str) {
    let merge = Merge { survivor, loser, take: Vec::new(), reason: "one".into() };
    floor.bench.run(move |work| work.customers().merge(&merge, key)).unwrap();
}

/// S-37, S-44: what the preview has said is what is given, by group, by name and to all: to members alone, once to whoever
/// was two, and to nobody whose account is closed.
pub fn give_what_the_preview_has_said(factory: Factory<'_>) {
    let floor = Floor::new(factory, |programme| programme.enrolment = Enrolment::Explicit);
    let people: Vec<_> = (0..6).map(|at| floor.member(&format!("Person {at}"))).collect();
    for person in people[..5].iter().copied() {
        floor.bench.run(move |work| work.loyalty().enrol(person)).unwrap();
    }
    let (few, everybody) = (group(&floor, &people[4..]), group(&floor, &people));
    let closed = people[2];
    floor.bench.run(move |work| work.loyalty().set_state(closed.into(), AccountState::Closed, "left", "c")).unwrap();
    merge(&floor, people[0], people[1], "m");
    let named = Audience { customers: people.clone(), ..Audience::default() };
    let expected = [(of_group(few), 1), (of_group(everybody), 3), (Audience::default(), 3), (named, 3)];
    for (at, (audience, members)) in expected.into_iter().enumerate() {
        let new = NewGrant { budget: Some(1_000), ..new(&format!("Gift {at}"), audience, 50) };
        let asked = new.clone();
        let preview = floor.bench.read(move |work| work.loyalty().preview_grant(&asked)).unwrap();
        assert_eq!((preview.members, preview.units), (members, members * 50), "gift {at}");
        let id = begin(&floor, &new);
        let done = run(&floor, id, 1);
        assert_eq!((done.given, done.given_units), (members, members * 50), "gift {at}");
    }
    assert_eq!(floor.available(people[0], credit()), 150);
    floor.bench.verify();
}

/// A budget is kept to the unit; whoever joins in time gets it too, once; closed accounts do not.
pub fn keep_to_the_budget_and_wait_for_late_joiners(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let members: Vec<_> = (0..4).map(|at| floor.member(&format!("Member {at}"))).collect();
    let teachers = group(&floor, &members);
    let limited = NewGrant { budget: Some(1_250), ..new("Budget", of_group(teachers), 500) };
    assert_eq!(
        rule(floor.bench.run({
            let new = NewGrant { budget: Some(499), ..limited.clone() };
            move |work| work.loyalty().plan_grant(&new, "x")
        })),
        "grant.budget"
    );
    let backwards = NewGrant { validity: Validity::For(Span::Days(-1)), ..limited.clone() };
    assert_eq!(rule(floor.bench.run(move |work| work.loyalty().plan_grant(&backwards, "y"))), "grant.backwards");
    let id = begin(&floor, &limited);
    let done = run(&floor, id, 3);
    assert_eq!((done.given, done.given_units), (2, 1_000));
    assert_eq!(members_with(&floor, id, MemberState::OverBudget), 2);

    let until = floor.now().checked_add(DAY * 2).unwrap();
    let open = NewGrant { late_joiners_until: Some(until), ..new("Late", of_group(teachers), 10) };
    let id = begin(&floor, &open);
    assert_eq!(run(&floor, id, 2).given, 4);
    let join = |name: &str| {
        let member = floor.member(name);
        floor.bench.run(move |work| work.partners().join(member, teachers)).unwrap();
        member
    };
    floor.bench.clock.advance(DAY);
    let late = join("Late");
    run(&floor, id, 2);
    assert_eq!(run(&floor, id, 2).given, 5);
    floor.bench.clock.advance(DAY * 2);
    let too_late = join("Too late");
    run(&floor, id, 2);
    run(&floor, id, 2);
    assert_eq!((floor.available(late, credit()), floor.available(too_late, credit())), (10, 0));
    floor.bench.verify();
}

/// A gift that is interrupted anywhere and goes on ends as one that was not; several who work on it do not harm.
pub fn are_resumed_where_they_stopped(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let members: Vec<_> = (0..12).map(|at| floor.member(&format!("Member {at}"))).collect();
    let id = begin(&floor, &new("Race", of_group(group(&floor, &members)), 7));
    let rounds = race(4, 12, |turn| {
        if turn.worker == 3 && turn.round % 2 == 0 {
            // Somebody dies in the middle: nothing of the chunk is there.
            let died: Result<()> = floor.bench.run(move |work| {
                work.loyalty().run_grant(id, limit(2))?;
                Err(Error::invalid("worker", "died"))
            });
            return died;
        }
        chunk(&floor, id, 2).map(drop)
    });
    for error in rounds.iter().flat_map(|round| &round.lost) {
        assert!(matches!(error, Error::Invalid { rule: "died", .. }), "{error:?}");
    }
    let done = run(&floor, id, 2);
    assert_eq!((done.given, done.given_units), (12, 84));
    assert!(members.iter().all(|member| floor.available(*member, credit()) == 7));
    assert_eq!(floor.notices().len(), 12);
    floor.bench.verify();
}

/// What is revoked takes only what is unspent, and nobody else gets it from then on.
pub fn are_revoked_as_far_as_they_are_unspent(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let members: Vec<_> = (0..5).map(|at| floor.member(&format!("Member {at}"))).collect();
    let id = begin(&floor, &new("Mistake", of_group(group(&floor, &members)), 100));
    chunk(&floor, id, 10).unwrap();
    chunk(&floor, id, 3).unwrap();
    let spender = members.iter().copied().find(|member| floor.available(*member, credit()) == 100).unwrap();
    spend(&floor, spender, 30);
    floor.bench.run(move |work| work.loyalty().revoke_grant(id)).unwrap();
    let done = run(&floor, id, 2);
    assert_eq!((done.state, done.given_units, done.revoked_units), (GrantState::Revoked, 300, 270));
    assert!(members.iter().all(|member| floor.available(*member, credit()) == 0));
    assert_eq!(members_with(&floor, id, MemberState::Dropped), 2);
    assert_eq!(run(&floor, id, 2), done);
    assert_eq!(rule(floor.bench.run(move |work| work.loyalty().revoke_grant(id))), "grant.step");
    floor.bench.verify();
}

/// S-37, S-44: what is unspent is taken back where it went with a merge; and what was given to the survivor in somebody's
/// place, and stayed there when they were two again, stops nothing.
pub fn are_revoked_where_they_went(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let [ala, ola, ela, iza] = ["Ala", "Ola", "Ela", "Iza"].map(|name| floor.member(name));
    let audience = Audience { customers: vec![ala, ela, iza], ..Audience::default() };
    let id = begin(&floor, &new("Mistake", audience, 100));
    run(&floor, id, 10);
    merge(&floor, ola, ala, "m");
    merge(&floor, ela, ola, "n");
    assert_eq!(floor.available(ela, credit()), 200);
    spend(&floor, iza, 30);
    floor.bench.run(move |work| work.loyalty().revoke_grant(id)).unwrap();
    let done = run(&floor, id, 2);
    assert_eq!((done.state, done.given_units, done.revoked_units), (GrantState::Revoked, 300, 270));
    assert_eq!([ela, iza].map(|member| floor.available(member, credit())), [0, 0]);

    let [ula, ewa] = ["Ula", "Ewa"].map(|name| floor.member(name));
    let id = begin(&floor, &new("Other", Audience { customers: vec![ula], ..Audience::default() }, 100));
    chunk(&floor, id, 10).unwrap();
    merge(&floor, ewa, ula, "o");
    run(&floor, id, 10);
    assert_eq!(floor.available(ewa, credit()), 100);
    floor.bench.run(move |work| work.customers().unmerge(ula, "two", "o")).unwrap();
    floor.bench.run(move |work| work.loyalty().revoke_grant(id)).unwrap();
    assert_eq!(run(&floor, id, 10).state, GrantState::Revoked);
    assert_eq!(floor.available(ewa, credit()), 100);
    floor.bench.verify();
}

fn spend(floor: &Floor, member: CustomerId, amount: i64) {
    floor
        .bench
        .run(move |work| {
            let mut book = Book::open(work, member.into())?;
            let take = crate::ledger::Take {
                asset: credit(),
                amount,
                kind: EntryKind::Redeem,
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
}

fn with_limits(programme: &mut Programme) {
    let limit = |each, per_day| BonusLimit { each, per_day };
    programme.bonus.standard.insert(POINTS, limit(100, Some(250)));
    programme.bonus.second_above.insert(POINTS, 50);
    programme.bonus.grants_second_above.insert(credit(), 1_000);
}

/// A gift that may cost more than the limit waits for somebody else, who agrees to what they have seen.
pub fn above_a_limit_take_two(factory: Factory<'_>) {
    let floor = Floor::new(factory, with_limits);
    let members = [floor.member("Ala"), floor.member("Ola")];
    let large = NewGrant { budget: Some(2_000), ..new("Large", of_group(group(&floor, &members)), 500) };
    let (maker, other) = (clerk(1, &[grants::PLAN, grants::APPROVE]), clerk(2, &[grants::APPROVE]));
    let unlimited = NewGrant { budget: None, ..large.clone() };
    let planned =
        |new: NewGrant, key: &'static str| floor.bench.run_as(&maker, move |work| work.loyalty().plan_grant(&new, key));
    assert_eq!(rule(planned(unlimited, "a")), "grant.budget_needed");
    let state = |budget: i64, key| planned(NewGrant { budget: Some(budget), ..large.clone() }, key).unwrap().state;
    assert_eq!((state(1_000, "c"), state(1_001, "d")), (GrantState::Ready, GrantState::Waiting), "by one unit");
    let grant = planned(large.clone(), "b").unwrap();
    let id = grant.id;
    assert_eq!(grant.state, GrantState::Waiting);
    assert_eq!(rule(floor.bench.run_as(&maker, move |work| work.loyalty().begin_grant(id))), "grant.step");
    let seen = grant.clone();
    assert_eq!(rule(floor.bench.run_as(&maker, move |work| work.loyalty().approve_grant(&seen))), "grant.own");
    let forged = GroupGrant { amount: 1, ..grant.clone() };
    let conflict = floor.bench.run_as(&other, move |work| work.loyalty().approve_grant(&forged));
    assert_eq!(conflict.unwrap_err().kind(), ErrorKind::Conflict);
    let rounds = race(4, 1, |_| {
        let seen = grant.clone();
        floor.bench.run_as(&other, move |work| work.loyalty().approve_grant(&seen))
    });
    assert_eq!(rounds[0].won.len(), 1);
    floor.bench.run_as(&maker, move |work| work.loyalty().begin_grant(id)).unwrap();
    assert_eq!(run(&floor, id, 10).given_units, 1_000);
    floor.bench.verify();
}

fn bonus(floor: &Floor, member: CustomerId, amount: i64) -> NewBonus {
    NewBonus {
        customer: member,
        branch: floor.branch,
        asset: POINTS,
        amount,
        validity: Validity::Forever,
        reason: "broken cup".into(),
    }
}

/// C74: within one's limit and with a reason it is given at once; above it is refused; the day's limit is exact among many.
pub fn bonuses_stay_within_limits(factory: Factory<'_>) {
    let floor = Floor::new(factory, with_limits);
    let ala = floor.member("Ala");
    let ask = |number: u128, new: NewBonus, key: String| {
        let giver = clerk(number, &[bonus::GIVE]);
        floor.bench.run_as(&giver, move |work| work.loyalty().give_bonus(&new, &key))
    };
    let new = bonus(&floor, ala, 50);
    let given = ask(1, new.clone(), "a".into()).unwrap();
    assert_eq!((given.state, ask(1, new.clone(), "a".into()).unwrap().id), (BonusState::Given, given.id));
    assert_eq!(rule(ask(1, NewBonus { amount: 101, ..new.clone() }, "b".into())), "bonus.over_limit");
    assert_eq!(rule(ask(1, NewBonus { reason: " ".into(), ..new.clone() }, "c".into())), "text.required");
    assert_eq!(rule(ask(1, NewBonus { amount: 0, ..new.clone() }, "d".into())), "bonus.amount");
    let backwards = NewBonus { validity: Validity::For(Span::Days(-1)), ..new.clone() };
    assert_eq!(rule(ask(1, backwards, "backwards".into())), "bonus.backwards");
    assert_eq!(rule(ask(1, NewBonus { asset: credit(), ..new.clone() }, "e".into())), "bonus.over_limit");
    let stranger = clerk(9, &[bonus::READ]);
    let denied = floor.bench.run_as(&stranger, {
        let new = new.clone();
        move |work| work.loyalty().give_bonus(&new, "f")
    });
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
    // 200 are left for the day: four of eight get 50.
    let rounds = race(8, 1, |turn| ask(1, new.clone(), format!("race {}", turn.worker)));
    assert_eq!(rounds[0].won.len(), 4);
    for error in &rounds[0].lost {
        assert!(matches!(error, Error::Invalid { rule: "bonus.over_day", .. }), "{error:?}");
    }
    assert_eq!(floor.available(ala, POINTS), 250);
    ask(2, new.clone(), "g".into()).unwrap();
    floor.bench.clock.advance(DAY);
    ask(1, new, "h".into()).unwrap();
    assert_eq!(floor.available(ala, POINTS), 350);
    floor.bench.verify();
}

/// C74, S-26, S-63: who holds roles with limits has those instead of the standard one, of several the highest of each, from
/// when the roles are held until they are not.
pub fn bonus_limits_go_by_role(factory: Factory<'_>) {
    let floor = Floor::new(factory, |_| {});
    let bench = &floor.bench;
    let ala = floor.member("Ala");
    let giver = bench.run(|work| work.access().create_user("Ewa")).unwrap().id;
    let role = |name: &'static str| {
        bench
            .run(move |work| {
                let new = NewRole::named(name, [Grant::permit(bonus::GIVE, Extent::All)]);
                work.access().create_role(new)
            })
            .unwrap()
            .id
    };
    let [clerks, heads, plain] = ["Clerks", "Heads", "Others"].map(role);
    let hold = |role| bench.run(move |work| work.access().assign(role, Holder::User(giver), [])).unwrap();
    floor.programme(|programme| {
        let limit = |each, per_day| [(POINTS, BonusLimit { each, per_day })].into();
        programme.bonus.standard = limit(1_000, None);
        programme.bonus.roles = [(clerks, limit(100, Some(150))), (heads, limit(60, Some(300)))].into();
    });
    let keys = std::cell::Cell::new(0);
    let give = |amount: i64| {
        keys.set(keys.get() + 1);
        let (new, key) = (bonus(&floor, ala, amount), keys.get().to_string());
        let actor = bench.crm.blocking().actor(&Principal::User(giver))?;
        bench.run_as(&actor, move |work| work.loyalty().give_bonus(&new, &key)).map(drop)
    };
    hold(plain);
    give(1_000).unwrap();
    assert_eq!(rule(give(1_001)), "bonus.over_limit");
    floor.bench.clock.advance(DAY);
    hold(clerks);
    assert_eq!(rule(give(101)), "bonus.over_limit", "a role's limit, though it is lower");
    give(100).unwrap();
    assert_eq!(rule(give(51)), "bonus.over_day");
    let head = hold(heads);
    assert_eq!(rule(give(101)), "bonus.over_limit");
    give(100).unwrap();
    give(100).unwrap();
    assert_eq!(rule(give(1)), "bonus.over_day", "300 a day, by the other role");
    floor.bench.clock.advance(DAY);
    bench.run(move |work| work.access().withdraw(&head)).unwrap();
    give(100).unwrap();
    assert_eq!(rule(give(51)), "bonus.over_day");
    give(50).unwrap();
    assert_eq!(floor.available(ala, POINTS), 1_000 + 300 + 150);
    bench.verify();
}

/// Row 64: above the threshold somebody else agrees to the exact amount: of many at once one gives, once; what has changed
/// needs a new look; nobody agrees to their own.
pub fn bonuses_above_a_threshold_take_two(factory: Factory<'_>) {
    let floor = Floor::new(factory, with_limits);
    let ala = floor.member("Ala");
    let maker = clerk(1, &[bonus::GIVE, bonus::APPROVE]);
    let other = clerk(2, &[bonus::APPROVE, bonus::READ]);
    let ask = |amount: i64, key: &'static str| -> BonusRequest {
        let new = bonus(&floor, ala, amount);
        floor.bench.run_as(&maker, move |work| work.loyalty().give_bonus(&new, key)).unwrap()
    };
    let approve = |seen: &BonusRequest, by: &crm_core::access::Actor| {
        let seen = seen.clone();
        floor.bench.run_as(by, move |work| work.loyalty().approve_bonus(&seen))
    };
    let first = ask(60, "a");
    assert_eq!((first.state, floor.available(ala, POINTS)), (BonusState::Waiting, 0));
    assert_eq!(rule(approve(&first, &maker)), "bonus.own");
    let id = first.id;
    let change = |amount: i64, reason: &'static str, by: &crm_core::access::Actor| {
        floor.bench.run_as(by, move |work| work.loyalty().change_bonus(id, amount, reason))
    };
    let third = clerk(3, &[bonus::GIVE]);
    assert_eq!(rule(change(61, "a larger cup", &third)), "bonus.not_own");
    assert_eq!(rule(floor.bench.run_as(&third, move |work| work.loyalty().withdraw_bonus(id))), "bonus.not_own");
    let reworded = change(60, "two broken cups", &maker).unwrap();
    assert_eq!(approve(&first, &other).unwrap_err().kind(), ErrorKind::Conflict, "it is for something else");
    let changed = change(61, "a larger cup", &maker).unwrap();
    for old in [&first, &reworded] {
        assert_eq!(approve(old, &other).unwrap_err().kind(), ErrorKind::Conflict, "it has changed since");
    }
    let rounds = race(6, 1, |_| approve(&changed, &other));
    assert_eq!(rounds[0].won.len(), 1);
    for error in &rounds[0].lost {
        assert!(matches!(error, Error::Invalid { rule: "bonus.decided", .. }), "{error:?}");
    }
    assert_eq!(floor.available(ala, POINTS), 61);
    // A change and an agreement at the same moment: the old figure or the new one, never both.
    for round in 0..6_i64 {
        let held = floor.available(ala, POINTS);
        floor.bench.clock.advance(DAY);
        let asked = ask(70, ["b", "c", "d", "e", "f", "g"][usize::try_from(round).unwrap()]);
        let id = asked.id;
        let ended = race(2, 1, |turn| match turn.worker {
            0 => approve(&asked, &other).map(|_| true),
            _ => floor.bench.run_as(&maker, move |work| work.loyalty().change_bonus(id, 99, "more")).map(|_| false),
        });
        assert_eq!(ended[0].won.len(), 1, "{ended:?}");
        let given = if ended[0].won[0] { 70 } else { 0 };
        assert_eq!(floor.available(ala, POINTS), held + given);
    }
    floor.bench.clock.advance(DAY);
    let refused = ask(80, "z");
    let seen = refused.clone();
    floor.bench.run_as(&other, move |work| work.loyalty().refuse_bonus(&seen)).unwrap();
    assert_eq!(rule(approve(&refused, &other)), "bonus.decided");
    assert!(!ask(90, "y").id.to_string().is_empty(), "what was refused no longer counts on the day");
    assert_eq!(ask(51, "x").state, BonusState::Waiting, "by one unit");
    assert_eq!(ask(50, "w").state, BonusState::Given);
    let waiting = floor.bench.run_as(&other, |work| work.loyalty().bonuses(BonusState::Waiting, limit(50), None));
    assert!(!waiting.unwrap().items.is_empty());
    floor.bench.verify();
}

/// What was given says what for.
pub fn what_is_given_says_what_for(factory: Factory<'_>) {
    let floor: Arc<Floor> = Floor::new(factory, |_| {});
    let ala = floor.member("Ala");
    let id = begin(&floor, &new("Spring", Audience { customers: vec![ala], ..Audience::default() }, 5));
    run(&floor, id, 5);
    let entries: Vec<Entry> = floor.bench.read(|work| work.select(everything()).all()).unwrap();
    assert_eq!((entries[0].kind, entries[0].reason.as_deref()), (EntryKind::Give, Some("Spring")));
    let lots: Vec<crm_core::loyalty::ledger::Lot> = floor.bench.read(|work| work.select(everything()).all()).unwrap();
    assert_eq!((lots[0].source, lots[0].campaign_id), (LotSource::Grant, Some(id.into())));
    let listed: Vec<GrantMember> = floor.bench.read(|work| work.select(everything()).all()).unwrap();
    assert_eq!((listed[0].state, listed[0].lot_id), (MemberState::Given, Some(lots[0].id)));
}
