//! What is due is done: late, twice, at once, in parts, and whatever fails beside it.

use std::ops::ControlFlow;
use std::time::Duration;

use crm_core::access::Actor;
use crm_core::conformance::{Bench, Factory, race};
use crm_core::customers::{NewCustomer, Stage};
use crm_core::kernel::calendar::{Calendar, Unit};
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::{Clock, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::grants::MemberState;
use crm_core::loyalty::ledger::{Account, AccountId, Entry, EntryKind, entry};
use crm_core::loyalty::programme::{self, Programme};
use crm_core::loyalty::tiers::event::TierLowered;
use crm_core::loyalty::tiers::{Cause, Need, Sums, TierChange, TierLadder, TierTerms, Validity, Window, tier_change};
use crm_core::module::{Manifest, Module, Registry};
use crm_core::partners::GroupRule;
use crm_core::pricing::Audience;
use crm_core::reexport::Uuid;
use crm_core::{Error, Result};

use super::give_until;
use crate::grants::NewGrant;
use crate::jobs::{JobReport, RunDue, run_due_blocking};
use crate::programme::NewVersion;
use crate::tiers::{self, Posting};
use crate::{Loyalty, WorkLoyalty};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A module that will not have it that the tier of some is lowered.
struct Grumbler;

impl Module for Grumbler {
    fn manifest(&self) -> Manifest {
        Manifest { name: "grumbler", requires: &["loyalty"], ..Manifest::default() }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.on::<TierLowered>("grumble", |_, event| {
            if GRUMBLED_OF.lock().is_ok_and(|of| of.contains(&event.of.account)) {
                return Err(Error::invalid("tier", "test.grumbles"));
            }
            Ok(())
        });
        Ok(())
    }
}

/// Whose tier must not be lowered. Ids are never used twice, so checks do not meet here.
static GRUMBLED_OF: std::sync::Mutex<std::collections::BTreeSet<AccountId>> =
    std::sync::Mutex::new(std::collections::BTreeSet::new());

/// So many members, each with points that end in 10 days, and a tier of this month.
fn club(factory: Factory<'_>, count: usize) -> (Bench, Vec<AccountId>) {
    let bench = Bench::open_with(factory, |builder| builder.module(Loyalty::new()).module(Grumbler));
    let id = |n| Uuid::from_u128(n);
    let window = Window::Period { unit: Unit::Month, calendar: Calendar::Gregorian };
    let gold = [TierTerms::new(id(2).into(), "gold", Need::count(1))];
    let ladder = TierLadder { valid: Validity::Period, ..TierLadder::new(id(1).into(), "club", window, gold) };
    let programme = Programme { tiers: vec![ladder], ..Programme::new("Club", Zone::UTC) };
    let saved = NewVersion::now(programme.clone());
    bench.run(move |work| work.loyalty().save_programme(saved.clone()).map(drop)).unwrap();
    let members: Vec<AccountId> = (0..count).map(|_| bench.customer(NewCustomer::person("Ala")).id.into()).collect();
    for account in members.clone() {
        let programme = programme.clone();
        let opened = bench.run(move |work| {
            let now = work.now();
            give_until(work, account, (Asset::Points, 10), now.checked_add(DAY * 10)?)?;
            let (on, sums) = (Zone::UTC.date_of(now), Sums { count: 1, ..Sums::ZERO });
            let account: Account = work.get(account)?;
            tiers::post(work, &programme, &account, &Posting { on, sums, cause: Cause::Purchase, cause_ref: None })
        });
        opened.unwrap();
    }
    (bench, members)
}

fn run(bench: &Bench, chunk: u32) -> Result<JobReport> {
    let how = RunDue { chunk: Limit::new(chunk)?, ..RunDue::default() };
    run_due_blocking(&bench.crm, &Actor::system(), &how, |_| ControlFlow::Continue(()))
}

/// What was written about a member: entries, changes of tier.
fn written(bench: &Bench, account: AccountId) -> (Vec<(EntryKind, i64)>, Vec<Option<Uuid>>) {
    let entries: Vec<Entry> = bench.read(move |work| work.select(entry::account_id.eq(account)).all()).unwrap();
    let changes: Vec<TierChange> =
        bench.read(move |work| work.select(tier_change::account_id.eq(account)).all()).unwrap();
    let kinds = entries.into_iter().map(|entry| (entry.kind, entry.occurred_at.as_micros()));
    (kinds.collect(), changes.into_iter().map(|change| change.tier_id.map(Uuid::from)).collect())
}

/// A run does what is due in chunks, tells how far it is, may be stopped and gone on with; another finds nothing.
pub fn what_is_due_is_done_once(factory: Factory<'_>) {
    let (bench, members) = club(factory, 13);
    assert!(run(&bench, 5).unwrap().jobs.iter().all(|job| job.seen == 0), "nothing is due");
    let ends = bench.clock.now().checked_add(DAY * 10).unwrap();
    bench.clock.advance(DAY * 40);
    let mut told = Vec::new();
    let how = RunDue { chunk: Limit::new(5).unwrap(), ..RunDue::default() };
    let stopped = run_due_blocking(&bench.crm, &Actor::system(), &how, |progress| {
        told.push((progress.job, progress.units, progress.done));
        if told.len() < 5 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert!(stopped.unwrap().stopped);
    let accounts = [("accounts", 1, 5), ("accounts", 2, 10), ("accounts", 3, 13)];
    assert_eq!(told[0], ("groups", 1, 0));
    assert_eq!((&told[1..4], told[4]), (&accounts[..], ("tiers", 1, 5)));
    let rest = run(&bench, 5).unwrap();
    let done: Vec<_> = rest.jobs.iter().map(|job| (job.job, job.done)).collect();
    assert_eq!(done, [("groups", 0), ("accounts", 0), ("tiers", 8), ("days", 0), ("grants", 0), ("reminders", 0)]);
    assert!(!rest.stopped && rest.failures.is_empty());
    assert!(run(&bench, 5).unwrap().jobs.iter().all(|job| job.seen == 0));
    let gold = Some(Uuid::from_u128(2));
    for member in members {
        let (entries, changes) = written(&bench, member);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1], (EntryKind::Expire, ends.as_micros()), "when it was due, not when it was done");
        assert_eq!(changes, [gold, None]);
    }
    bench.verify();
    let only = RunDue { only: ["tiers".to_owned()].into(), ..RunDue::default() };
    let report = run_due_blocking(&bench.crm, &Actor::system(), &only, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(report.jobs.len(), 1);
}

/// Groups by rule are brought up to date before anything else, in chunks: a gift that is given in the same run goes to those
/// whom the rule means now.
pub fn groups_come_before_gifts(factory: Factory<'_>) {
    let (bench, members) = club(factory, 7);
    let group = bench
        .run(|work| work.partners().create_rule_group("Leads", 0, GroupRule::Stage(vec![Stage::Lead])))
        .unwrap()
        .id;
    let audience = Audience { customer_groups: vec![group], ..Audience::default() };
    let gift = bench.run(move |work| {
        let (name, audience) = ("Welcome".to_owned(), audience.clone());
        let (asset, amount, validity) = (Asset::Points, 50, programme::Validity::Forever);
        let (budget, late_joiners_until, notify) = (Some(1_000), None, false);
        let new = NewGrant { name, audience, asset, amount, validity, budget, late_joiners_until, notify };
        let gift = work.loyalty().plan_grant(&new, "welcome")?;
        work.loyalty().begin_grant(gift.id)
    });
    let gift = gift.unwrap().id;
    let report = run(&bench, 3).unwrap();
    let groups = &report.jobs[0];
    assert_eq!((groups.job, groups.units, groups.seen, groups.done), ("groups", 3, 7, 7));
    let given = bench.read(move |work| work.loyalty().grant_members(gift, MemberState::Given, Limit::default(), None));
    let given: Vec<AccountId> = given.unwrap().items.into_iter().map(|member| member.account_id).collect();
    assert_eq!(given, members);
    bench.verify();
}

/// Several runs at once come to what one does.
pub fn runs_at_once_come_to_the_same(factory: Factory<'_>) {
    let (bench, members) = club(factory, 12);
    bench.clock.advance(DAY * 40);
    let rounds = race(4, 1, |_| run(&bench, 4));
    // One that was in the way of others may be told to come again.
    let won: u64 = rounds[0].won.iter().flat_map(|report| &report.jobs).map(|job| job.done).sum();
    let again = run(&bench, 4).unwrap();
    let left: u64 = again.jobs.iter().map(|job| job.done).sum();
    assert!(won + left >= 1 && again.failures.is_empty());
    for member in members {
        let (entries, changes) = written(&bench, member);
        assert_eq!((entries.len(), changes.len()), (2, 2), "each once");
    }
    bench.verify();
}

/// One that cannot be done stops no other, is told, and stays due.
pub fn a_failure_stops_no_other(factory: Factory<'_>) {
    let (bench, members) = club(factory, 9);
    GRUMBLED_OF.lock().unwrap().insert(members[4]);
    bench.clock.advance(DAY * 40);
    let report = run(&bench, 3).unwrap();
    let failed: Vec<_> = report.failures.iter().map(|failure| (failure.job, failure.id)).collect();
    assert_eq!(failed, [("tiers", Some(members[4].into()))]);
    let done: Vec<_> = report.jobs.iter().map(|job| (job.done, job.failed)).collect();
    assert_eq!(done[1..3], [(9, 0), (8, 1)]);
    let lowered = |of: AccountId| written(&bench, of).1.len() == 2;
    assert_eq!(members.iter().filter(|one| lowered(**one)).count(), 8);
    GRUMBLED_OF.lock().unwrap().remove(&members[4]);
    let report = run(&bench, 3).unwrap();
    assert_eq!((report.jobs[2].done, report.failures.len()), (1, 0));
    bench.verify();
}
