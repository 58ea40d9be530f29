//! Groups of customers by rule.

use std::ops::ControlFlow;
use std::time::Duration;

use super::bench::{Bench, Factory, at, zloty};
use super::partners::contract;
use super::purchases::sale;
use super::race::race;
use super::sales::{record, service, take_back};
use crate::access::{Actor, Principal, Reach, Region};
use crate::branches::BranchId;
use crate::catalog::ProductId;
use crate::customers::{CustomerId, Merge, NewCustomer, Stage as Acquaintance};
use crate::journal::JournalEntry;
use crate::kernel::calendar::Span;
use crate::kernel::page::Limit;
use crate::kernel::rate::Rate;
use crate::partners::event::GROUP_CHANGED;
use crate::partners::{
    self, CustomerGroup, CustomerGroupId, GroupRule, Membership, Refreshed, membership, refresh_groups_blocking,
};
use crate::preferences::{NewPreference, PreferenceSource};
use crate::pricing::{Adjustment, Assortment, Audience, Cart, NewRule, QuoteRequest, RuleTerms, Stage};
use crate::purchases::{NewPurchase, PurchaseId};
use crate::work::Filter;
use crate::{Error, ErrorKind, Result};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn ruled(bench: &Bench, rule: GroupRule) -> CustomerGroupId {
    bench.run(move |work| work.partners().create_rule_group("By rule", 0, rule.clone())).unwrap().id
}

fn step(bench: &Bench, group: CustomerGroupId, rows: u32, after: Option<&str>) -> Result<Refreshed> {
    let (limit, after) = (Limit::new(rows).unwrap(), after.map(str::to_owned));
    bench.run(move |work| work.partners().refresh_group(group, limit, after.as_deref()))
}

/// Brings a group up to date, and says who came and how many went.
fn refresh(bench: &Bench, group: CustomerGroupId, rows: u32) -> (usize, usize) {
    let (mut joined, mut left, mut after) = (0, 0, None);
    loop {
        let done = step(bench, group, rows, after.as_deref()).unwrap();
        (joined, left) = (joined + done.joined, left + done.left);
        after = done.next;
        if after.is_none() {
            return (joined, left);
        }
    }
}

fn members(bench: &Bench, group: CustomerGroupId) -> Vec<Membership> {
    bench.read(move |work| work.select(membership::group_id.eq(group)).all()).unwrap()
}

fn ids(bench: &Bench, group: CustomerGroupId) -> Vec<CustomerId> {
    members(bench, group).into_iter().map(|member| member.customer_id).collect()
}

fn group(bench: &Bench, id: CustomerGroupId) -> CustomerGroup {
    bench.read(move |work| work.get(id)).unwrap()
}

/// How often the journal says that somebody came or went.
fn told(bench: &Bench) -> usize {
    let all = bench.read(|work| work.select(Filter::<JournalEntry>::all()).all()).unwrap();
    all.iter().filter(|entry| entry.kind == GROUP_CHANGED).count()
}

fn people(bench: &Bench, count: usize) -> Vec<CustomerId> {
    (0..count).map(|_| bench.customer(NewCustomer::person("Ala")).id).collect()
}

fn buy(bench: &Bench, branch: BranchId, product: ProductId, who: CustomerId, receipt: &str) -> PurchaseId {
    let new = NewPurchase { customer: Some(who), ..sale(branch, receipt, product, 1) };
    record(bench, &new).unwrap().purchase
}

fn bought(purchases: u32, within: Option<Span>) -> GroupRule {
    GroupRule::Bought { purchases: Some(purchases), amount: None, within }
}

fn leads() -> GroupRule {
    GroupRule::Stage(vec![Acquaintance::Lead])
}

/// Each condition means whom it says, alone and with others; the group has those whom its rule means, and says why.
pub fn are_decided_by_their_rule(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (here, there) = (bench.branch("here").id, bench.branch("there").id);
    let visit = service(&bench, "visit", zloty(5_000));
    let old = bench.customer(NewCustomer { branch: Some(here), ..NewCustomer::person("Old") }).id;
    bench.clock.advance(DAY * 40);
    let new = |branch| bench.customer(NewCustomer { branch: Some(branch), ..NewCustomer::person("New") }).id;
    let [partner, ended, fan, buyer] = [here, here, there, there].map(new);
    let everybody = [old, partner, ended, fan, buyer];
    for (who, through) in [(partner, None), (ended, Some(22))] {
        let signed = contract(21, through, &[]);
        bench.run(move |work| work.partners().sign(who, &signed)).unwrap();
    }
    for (who, source, tea) in [
        (fan, PreferenceSource::Stated, "green"),
        (fan, PreferenceSource::Derived, "black"),
        (old, PreferenceSource::Stated, "black"),
        (old, PreferenceSource::Imported, "green"),
        (buyer, PreferenceSource::Imported, "green"),
    ] {
        let says = NewPreference::of(source, "tea", tea);
        bench.run(move |work| work.preferences().set(who, &says)).unwrap();
    }
    for receipt in ["1", "2"] {
        buy(&bench, there, visit, buyer, receipt);
    }
    buy(&bench, there, visit, old, "3");

    let any = |parts: Vec<GroupRule>| GroupRule::Any(parts);
    let not = |rule| GroupRule::Not(Box::new(rule));
    let green = || GroupRule::Prefers { key: "tea".into(), value: "green".into() };
    let spent = |grosz| GroupRule::Bought { purchases: None, amount: Some(zloty(grosz)), within: Some(Span::Weeks(1)) };
    let cases: Vec<(GroupRule, Vec<CustomerId>)> = vec![
        (leads(), vec![partner, ended, fan]),
        (GroupRule::Branch(vec![here]), vec![old, partner, ended]),
        (green(), vec![fan, buyer]),
        (GroupRule::Partner, vec![partner]),
        (bought(1, None), vec![old, buyer]),
        (bought(2, None), vec![buyer]),
        (spent(5_001), vec![buyer]),
        (spent(10_001), vec![]),
        (GroupRule::KnownFor(Span::Months(1)), vec![old]),
        (not(green()), vec![old, partner, ended]),
        (any(vec![green(), GroupRule::Partner]), vec![partner, fan, buyer]),
        (GroupRule::All(vec![green(), not(bought(1, None))]), vec![fan]),
    ];
    for (rule, meant) in cases {
        let group = ruled(&bench, rule.clone());
        assert_eq!(ids(&bench, group), []);
        assert_eq!(refresh(&bench, group, 2), (meant.len(), 0), "{rule:?}");
        assert_eq!(ids(&bench, group), meant, "{rule:?}");
        for who in everybody {
            let why = bench.read(move |work| work.partners().would_belong(group, who)).unwrap();
            assert_eq!((why.holds, &why.rule), (meant.contains(&who), &rule));
            let tried = rule.clone();
            assert_eq!(bench.read(move |work| work.partners().would_belong_by(&tried, who)).unwrap(), why);
        }
    }
    let rule = GroupRule::All(vec![green(), not(bought(1, None))]);
    let why = bench.read(move |work| work.partners().would_belong_by(&rule, buyer)).unwrap();
    let parts: Vec<_> = why.parts.iter().map(|part| part.holds).collect();
    assert_eq!((why.holds, parts, why.parts[1].parts[0].holds), (false, vec![true, false], true));
    bench.verify();
}

/// A run goes on where it has stopped; another finds nothing to do, and who stays is there since they came. With another rule
/// the run begins anew, and until it comes nobody is lost.
pub fn go_on_where_they_stopped(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let all = people(&bench, 13);
    let by_hand = bench.run(|work| work.partners().create_customer_group("By hand", 0)).unwrap().id;
    let who = all[3];
    bench.run(move |work| work.partners().join(who, by_hand)).unwrap();
    let id = ruled(&bench, leads());
    let first = step(&bench, id, 5, None).unwrap();
    assert_eq!((first.seen, first.joined, first.left), (5, 5, 0));
    assert_eq!((ids(&bench, id), group(&bench, id).refreshed_at), (all[..5].to_vec(), None));
    bench.clock.advance(DAY);
    let second = step(&bench, id, 5, first.next.as_deref()).unwrap();
    let last = step(&bench, id, 5, second.next.as_deref()).unwrap();
    assert_eq!((last.seen, last.joined, last.next), (3, 3, None));
    assert_eq!(group(&bench, id).refreshed_at, Some(at("2025-03-22T09:00:00Z")));
    let (before, entries) = (members(&bench, id), told(&bench));
    assert_eq!((before.len(), entries), (13, 14));
    bench.clock.advance(DAY);
    assert_eq!(refresh(&bench, id, 4), (0, 0));
    assert_eq!(step(&bench, id, 5, first.next.as_deref()).unwrap().joined, 0, "a step that is done twice");
    assert!(members(&bench, id) == before && told(&bench) == entries);

    // Another rule in the middle of a run: its place is of the rule before.
    let place = step(&bench, id, 5, None).unwrap().next;
    let prospects = GroupRule::Stage(vec![Acquaintance::Prospect]);
    let changed = bench.run(move |work| work.partners().change_rule(id, Some(prospects.clone()))).unwrap();
    assert_eq!((changed.refreshed_at, members(&bench, id).len()), (None, 13), "nobody is lost before it is run");
    let anew = step(&bench, id, 5, place.as_deref()).unwrap();
    assert_eq!((anew.seen, anew.left, ids(&bench, id)), (5, 5, all[5..].to_vec()));
    bench.run(move |work| work.partners().change_rule(id, None)).unwrap();
    assert_eq!(ids(&bench, id), all[5..], "by hand, with whoever is there");
    let who = all[12];
    bench.run(move |work| work.partners().leave(who, id)).unwrap();

    // One by hand gets a rule, and all that have one are brought up to date one after the other.
    let other = ruled(&bench, GroupRule::Not(Box::new(leads())));
    bench.run(move |work| work.partners().change_rule(by_hand, Some(leads()))).unwrap();
    assert_eq!(ids(&bench, by_hand), [all[3]]);
    let run = |stop_after: u64| {
        refresh_groups_blocking(&bench.crm, &Actor::system(), Limit::new(5).unwrap(), |progress| {
            if progress.steps < stop_after { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .unwrap()
    };
    let some = run(2);
    assert_eq!((some.steps, some.seen, some.joined, some.stopped), (2, 10, 9, true));
    let rest = run(u64::MAX);
    assert_eq!((rest.steps, rest.seen, rest.joined, rest.left, rest.stopped), (6, 26, 3, 0, false));
    assert_eq!((ids(&bench, by_hand), ids(&bench, other)), (all.clone(), Vec::new()));
    assert_eq!(ids(&bench, id), all[5..12], "no rule, no change");
    bench.verify();
}

/// Two runs that take turns, and several at once, come to what one does, and tell each change once.
pub fn come_to_the_same_in_several_runs(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let all = people(&bench, 11);
    let id = ruled(&bench, leads());
    let (mut one, mut other) = (step(&bench, id, 4, None).unwrap(), step(&bench, id, 3, None).unwrap());
    assert_eq!((one.joined, other.joined), (4, 0));
    while one.next.is_some() || other.next.is_some() {
        for (run, rows) in [(&mut one, 4), (&mut other, 3)] {
            if let Some(next) = run.next.clone() {
                *run = step(&bench, id, rows, Some(&next)).unwrap();
            }
        }
    }
    assert_eq!((ids(&bench, id), told(&bench)), (all.clone(), 11));
    assert!(group(&bench, id).refreshed_at.is_some());

    bench.run(move |work| work.partners().change_rule(id, Some(GroupRule::Not(Box::new(leads()))))).unwrap();
    let second = ruled(&bench, leads());
    let run = || {
        let every = |_: &partners::RefreshProgress| ControlFlow::Continue(());
        refresh_groups_blocking(&bench.crm, &Actor::system(), Limit::new(3).unwrap(), every)
    };
    let rounds = race(4, 1, |_| run());
    assert!(rounds[0].lost.iter().all(Error::is_retryable), "{rounds:?}");
    run().unwrap();
    assert_eq!((ids(&bench, id), ids(&bench, second)), (Vec::new(), all));
    assert_eq!(told(&bench), 33);
    bench.verify();
}

/// Members come and go as days pass, and with what is brought back; days are those of their home branch.
pub fn follow_time_and_returns(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("here").id;
    let visit = service(&bench, "visit", zloty(1_000));
    let [often, once, never] =
        [0, 1, 2].map(|_| bench.customer(NewCustomer { branch: Some(branch), ..NewCustomer::person("Ala") }).id);
    let sleepers = ruled(&bench, GroupRule::NotBoughtFor(Span::Days(30)));
    let regulars = ruled(
        &bench,
        GroupRule::Bought { purchases: Some(2), amount: Some(zloty(2_000)), within: Some(Span::Days(30)) },
    );
    let both = |today: &str| {
        let now = bench.read(|work| Ok(work.now())).unwrap();
        assert!(now.to_string().starts_with(today), "{now}");
        [sleepers, regulars].map(|group| {
            refresh(&bench, group, 2);
            ids(&bench, group)
        })
    };
    buy(&bench, branch, visit, often, "1");
    let only = buy(&bench, branch, visit, once, "2");
    assert_eq!(both("2025-03-21"), [vec![], vec![]]);
    bench.clock.advance(DAY);
    let second = buy(&bench, branch, visit, often, "3");
    assert_eq!(both("2025-03-22"), [vec![], vec![often]]);
    // The last thirty days end with today: in Warsaw, where it is tomorrow an hour or two earlier.
    bench.clock.advance(DAY * 28);
    assert_eq!(both("2025-04-19"), [vec![], vec![often]]);
    bench.clock.advance(Duration::from_secs(13 * 3600));
    assert_eq!(both("2025-04-19"), [vec![once], vec![]], "it is the 20th where they live");
    bench.clock.advance(DAY);
    assert_eq!(both("2025-04-20"), [vec![often, once], vec![]]);
    buy(&bench, branch, visit, once, "4");
    let last = buy(&bench, branch, visit, once, "5");
    assert_eq!(both("2025-04-20"), [vec![often], vec![once]]);
    // What is brought back was not bought: neither now nor then.
    take_back(&bench, last, &[(1, 1)], "5").unwrap();
    assert_eq!(both("2025-04-20"), [vec![often], vec![]]);
    take_back(&bench, second, &[(1, 1)], "3").unwrap();
    assert_eq!(both("2025-04-20"), [vec![often], vec![]], "there is another one");
    take_back(&bench, only, &[(1, 1)], "2").unwrap();
    let first = bench.read(move |work| work.purchases().of_customer(often, Limit::default(), None)).unwrap().items;
    take_back(&bench, first[1].id, &[(1, 1)], "1").unwrap();
    assert_eq!(both("2025-04-20"), [vec![], vec![]], "who has brought everything back has bought nothing");
    assert!(!ids(&bench, sleepers).contains(&never));
    bench.verify();
}

/// What is for a group is for whoever its rule means, from when it was brought up to date.
pub fn bring_their_prices(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("here").id;
    let visit = service(&bench, "visit", zloty(10_000));
    let who = bench.customer(NewCustomer::person("Ala")).id;
    let group = ruled(&bench, bought(1, Some(Span::Days(10))));
    let audience = Audience { customer_groups: vec![group], ..Audience::default() };
    let off = Adjustment::Percent(Rate::percent(10));
    let terms = RuleTerms { audience, ..RuleTerms::new("regulars", Stage::Group, Assortment::Everything, off) };
    bench.run(move |work| work.pricing().save_rule(NewRule::now(terms.clone()))).unwrap();
    let price = || {
        let cart = Cart::of([(visit, 1)]);
        let request = QuoteRequest { branch, customer: Some(who), at: None, cart };
        bench.read(move |work| work.pricing().quote(&request)).unwrap().total_minor
    };
    buy(&bench, branch, visit, who, "1");
    assert_eq!(price(), 10_000, "not before it is brought up to date");
    refresh(&bench, group, 10);
    assert_eq!(price(), 9_000);
    bench.clock.advance(DAY * 10);
    assert_eq!(price(), 9_000);
    refresh(&bench, group, 10);
    assert_eq!(price(), 10_000);
    bench.verify();
}

/// Of two records of one customer the one that goes on belongs, by what either has done; what a merge carries is by hand.
pub fn know_one_of_two_records(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("here").id;
    let visit = service(&bench, "visit", zloty(1_000));
    let other = bench.customer(NewCustomer::person("Ania")).id;
    bench.clock.advance(DAY * 10);
    let one = bench.customer(NewCustomer::person("Anna")).id;
    buy(&bench, branch, visit, one, "1");
    buy(&bench, branch, visit, other, "2");
    let [buyers, regulars, friends] =
        [bought(1, None), bought(2, None), GroupRule::KnownFor(Span::Days(5))].map(|rule| ruled(&bench, rule));
    let all = || {
        [buyers, regulars, friends].map(|group| {
            refresh(&bench, group, 1);
            ids(&bench, group)
        })
    };
    assert_eq!(all(), [vec![other, one], vec![], vec![other]]);
    let merge = Merge { survivor: one, loser: other, take: Vec::new(), reason: "the same person".into() };
    bench.run(move |work| work.customers().merge(&merge, "merge")).unwrap();
    assert_eq!(ids(&bench, friends), [other], "by rule: not carried");
    let why = bench.read(move |work| work.partners().would_belong(regulars, other)).unwrap();
    assert!(why.holds, "the old record stands for the one");
    // Who reaches the old record alone learns nothing of the one it leads to.
    let old_only = Actor::new(Principal::Anonymous)
        .granted(partners::READ, Region::customer(other))
        .granted(partners::WRITE, Region::customer(other));
    let asked = bench.run_as(&old_only, move |work| work.partners().would_belong(regulars, other));
    assert_eq!(asked.unwrap_err().kind(), ErrorKind::NotFound);
    let asked = bench.run_as(&old_only, move |work| work.partners().would_belong_by(&bought(2, None), other));
    assert_eq!(asked.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(all(), [vec![one], vec![one], vec![one]]);
    bench.verify();
    bench.run(move |work| work.customers().unmerge(other, "two people", "unmerge")).unwrap();
    assert_eq!(all(), [vec![other, one], vec![], vec![other]]);
    bench.verify();
}

/// Nobody is put into a group by rule by hand, rules that say nothing are not saved, and to decide about everybody takes a
/// permission without bounds.
pub fn refuse_nonsense(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("here").id;
    let who = bench.customer(NewCustomer { branch: Some(branch), ..NewCustomer::person("Ala") }).id;
    let id = ruled(&bench, leads());
    let by_hand = bench.run(|work| work.partners().create_customer_group("By hand", 0)).unwrap().id;
    fn rule<T: std::fmt::Debug>(refused: Result<T>) -> &'static str {
        match refused {
            Err(Error::Invalid { rule, .. }) => rule,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rule(bench.run(move |work| work.partners().join(who, id))), "group.by_rule");
    assert_eq!(rule(bench.run(move |work| work.partners().leave(who, id))), "group.by_rule");
    refresh(&bench, id, 10);
    assert_eq!(rule(bench.run(move |work| work.partners().leave(who, id))), "group.by_rule");
    assert_eq!(rule(bench.read(move |work| work.partners().would_belong(by_hand, who))), "group.by_hand");
    assert_eq!(rule(step(&bench, by_hand, 1, None)), "group.by_hand");
    for place in ["", "here", "0.!"] {
        let refused = step(&bench, id, 1, Some(place));
        match place {
            // A place of another rule: it begins anew.
            "0.!" => assert!(refused.is_ok()),
            _ => assert_eq!(rule(refused), "page.cursor"),
        }
        let refused = bench.run(move |work| work.partners().refresh_next(Limit::default(), Some(place)));
        assert_eq!(rule(refused), "page.cursor");
    }
    let create = |rule: GroupRule| bench.run(move |work| work.partners().create_rule_group("No", 0, rule.clone()));
    assert_eq!(rule(create(GroupRule::All(Vec::new()))), "group.rule_empty");
    assert_eq!(rule(create(GroupRule::KnownFor(Span::Days(-1)))), "group.rule_span");
    let nowhere = GroupRule::Branch(vec![branch, uuid::Uuid::max().into()]);
    assert_eq!(create(nowhere.clone()).unwrap_err().kind(), ErrorKind::NotFound);
    let changed = bench.run(move |work| work.partners().change_rule(id, Some(nowhere.clone())));
    assert_eq!(changed.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(group(&bench, id).rule.unwrap().0, leads());

    let clerk = Actor::new(Principal::User(uuid::Uuid::nil().into()));
    let near = [partners::READ, partners::WRITE, partners::REFRESH];
    let near = near.into_iter().fold(clerk.clone(), |actor, name| actor.granted(name, Region::branches([branch])));
    assert!(bench.run_as(&near, move |work| work.partners().would_belong(id, who)).unwrap().holds);
    let runner = clerk.granted(partners::REFRESH, Reach::all());
    let refresh_as = |actor: &Actor| {
        bench.run_as(actor, move |work| work.partners().refresh_group(id, Limit::default(), None)).map(drop)
    };
    assert_eq!(refresh_as(&near).unwrap_err().kind(), ErrorKind::Denied);
    refresh_as(&runner).unwrap();
    let denied = bench.run_as(&runner, |work| work.partners().create_rule_group("No", 0, leads()));
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
    let stopped = refresh_groups_blocking(&bench.crm, &near, Limit::default(), |_| ControlFlow::Continue(()));
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Denied);
    bench.verify();
}
