//! What happens when a purchase is recorded, paid or returned.

use std::collections::BTreeMap;

use crm_core::access::Target;
use crm_core::branches::{Branch, BranchId};
use crm_core::customers::CustomerId;
use crm_core::instalments::event::{Cause as ClearedBy, InstalmentsCleared};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::earning::{
    AtThreshold, CounterKey, EarnWhen, Earned, Occasion, Paid, Plan, PurchaseSheet, Qualifying, Sheet, Snapshot,
    base_lines,
};
use crm_core::loyalty::ledger::{AccountId, AccountState};
use crm_core::loyalty::programme::Compiled;
use crm_core::loyalty::tiers::{Cause, Sums};
use crm_core::partners::{Membership, Partner, PartnerGroupId};
use crm_core::purchases::PurchaseId;
use crm_core::purchases::event::PurchaseRecorded;
use crm_core::returns::event::PurchaseReturned;
use crm_core::shipping::event::{Shipped, Unshipped};
use crm_core::work::{Json, Permit, UnitOfWork, Version};
use crm_core::{Error, Result};

use super::posting::{Poster, Reason};
use super::{EARN, counters};
use crate::ledger::Book;
use crate::tiers::Posting;
use crate::{programme, tiers};

/// A purchase of a member earns by the programme of its time (S-11 to S-16, S-46).
pub(crate) fn on_purchase(work: &mut UnitOfWork<'_>, event: &PurchaseRecorded) -> Result<()> {
    let Some(customer) = event.customer else { return Ok(()) };
    let target = Target { branch: Some(event.branch), customer: Some(customer), owner: None };
    let mut work = work.permit(EARN, &target)?;
    if event.history_only {
        return on_history(&mut work, event, customer);
    }
    let Some(programme) = programme::current(&mut work, event.occurred_at)? else { return Ok(()) };
    let branch: Branch = work.get(event.branch)?;
    let date = branch.business_day().date_of(event.occurred_at);
    tiers::expect(&mut work, &programme.programme, customer.into(), date);
    let Some(mut book) = open(&mut work, customer)? else { return Ok(()) };
    let account = book.account().id;
    let mut snapshot = snapshot(&mut work, &programme, &branch, (account, customer), event.occurred_at)?;
    let terms = &programme.programme.earning;
    let foreign = is_foreign(&programme, event);
    let lines = base_lines(&event.lines, &event.tenders, &programme.programme, &programme.tree);
    if terms.at_threshold == AtThreshold::Split {
        let base = lines.iter().fold(0_i64, |sum, line| sum.saturating_add(line.base_minor));
        let base = if foreign { 0 } else { base };
        let when = (event.occurred_at, date);
        snapshot.raised = tiers::raised(&mut work, &programme.programme, book.account(), when, base)?;
    }
    let occasion =
        Occasion { branch: branch.id, customer, currency: event.total.currency(), snapshot: &snapshot, lines: &lines };
    let due = event.total.minor();
    let paid = Paid { cleared: due.saturating_sub(event.deferred.minor()), due };
    let plan = Plan::new(&programme, occasion);
    let counters = counters::read(&mut work, account, &plan.counters()?)?;
    let ships = event.to_ship && terms.when == EarnWhen::Fulfilled;
    let mut earned = plan.earn(&counters, if ships { Paid::NOTHING } else { paid })?;
    counters::move_by(&mut work, account, std::mem::take(&mut earned.moves))?;
    let mut sheet = PurchaseSheet {
        purchase_id: event.purchase,
        version: Version::FIRST,
        account_id: account,
        customer_id: customer,
        branch_id: branch.id,
        programme: programme.number,
        document: Json(Sheet { foreign, ..Sheet::new(snapshot.clone(), &lines, earned, terms, paid) }),
    };
    if ships {
        sheet.document.0 = sheet.document.0.to_ship();
    }
    let poster = Poster::new(&programme, &branch, event.occurred_at, Reason::of(&sheet, &branch));
    poster.counted_at_purchase(&mut work, &mut book, &mut sheet.document.0)?;
    poster.bring(&mut work, &mut book, &mut sheet.document.0)?;
    qualify(&mut work, &book, &sheet, Qualifying::default())?;
    book.close(&mut work)?;
    work.insert(&sheet)
}

/// A purchase that is only here for the record earns nothing (S-31), but it was bought: it counts (S-17, S-18, C89), on the
/// day it happened, by the base of today's programme, for there need not have been one then.
fn on_history(work: &mut Permit<'_, '_>, event: &PurchaseRecorded, customer: CustomerId) -> Result<()> {
    let now = work.now();
    let Some(programme) = programme::current(work, now)? else { return Ok(()) };
    let branch: Branch = work.get(event.branch)?;
    let date = branch.business_day().date_of(event.occurred_at);
    tiers::expect(work, &programme.programme, customer.into(), date);
    let Some(book) = open(work, customer)? else { return Ok(()) };
    // As what they bought then is not known here, and gives nothing.
    let snapshot = Snapshot {
        tiers: Vec::new(),
        customer_groups: Vec::new(),
        partner_groups: Vec::new(),
        raised: Vec::new(),
        date,
        time: branch.zone.local(event.occurred_at).1,
    };
    let lines = base_lines(&event.lines, &event.tenders, &programme.programme, &programme.tree);
    let terms = &programme.programme.earning;
    let sheet = PurchaseSheet {
        purchase_id: event.purchase,
        version: Version::FIRST,
        account_id: book.account().id,
        customer_id: customer,
        branch_id: branch.id,
        programme: programme.number,
        document: Json(Sheet {
            foreign: is_foreign(&programme, event),
            ..Sheet::new(snapshot, &lines, Earned::default(), terms, Paid::FULLY)
        }),
    };
    qualify(work, &book, &sheet, Qualifying::default())?;
    book.close(work)?;
    work.insert(&sheet)
}

/// Whether it was bought in another currency than the programme counts in (S-21).
fn is_foreign(programme: &Compiled, event: &PurchaseRecorded) -> bool {
    programme.programme.currency.is_some_and(|currency| currency != event.total.currency())
}

/// The book of a member; nothing for who is no member, or no longer.
fn open(work: &mut Permit<'_, '_>, customer: CustomerId) -> Result<Option<Book>> {
    match Book::open(work, customer.into()) {
        Err(Error::NotFound { .. }) => Ok(None),
        opened => opened.map(|book| Some(book).filter(|book| book.account().state != AccountState::Closed)),
    }
}

/// What a purchase has earned is taken back with its goods, by what was stored with it (S-28, S-50).
pub(crate) fn on_return(work: &mut UnitOfWork<'_>, event: &PurchaseReturned) -> Result<()> {
    let target = Target { branch: Some(event.branch), customer: event.customer, owner: None };
    let mut work = work.permit(EARN, &target)?;
    let now = work.now();
    change(&mut work, event.purchase, now, |sheet| {
        sheet.came_back(event.lines.iter().map(|line| (line.line_no, line.after)));
        true
    })
}

/// What is paid later is earned as it is paid, and no longer when a cheque bounces (S-12, N-7).
pub(crate) fn on_cleared(work: &mut UnitOfWork<'_>, event: &InstalmentsCleared) -> Result<()> {
    let target = Target { branch: Some(event.branch), customer: event.customer, owner: None };
    let mut work = work.permit(EARN, &target)?;
    change(&mut work, event.purchase, event.occurred_at, |sheet| {
        sheet.paid = Paid { cleared: event.cleared.minor(), due: event.due.minor() };
        // Of a return the goods are told next: only then is it known what is kept.
        event.cause != ClearedBy::Return
    })
}

/// Of what is shipped is earned as it leaves, where the programme says so (S-12).
pub(crate) fn on_shipped(work: &mut UnitOfWork<'_>, event: &Shipped) -> Result<()> {
    left(
        work,
        (event.branch, event.customer),
        event.purchase,
        event.lines.iter().map(|line| (line.line_no, line.quantity)),
    )
}

/// What has not left after all is no longer earned (S-12).
pub(crate) fn on_unshipped(work: &mut UnitOfWork<'_>, event: &Unshipped) -> Result<()> {
    let lines = event.lines.iter().map(|line| (line.line_no, line.quantity.saturating_neg()));
    left(work, (event.branch, event.customer), event.purchase, lines)
}

fn left(
    work: &mut UnitOfWork<'_>,
    (branch, customer): (BranchId, Option<CustomerId>),
    purchase: PurchaseId,
    lines: impl Iterator<Item = (u16, i64)>,
) -> Result<()> {
    let target = Target { branch: Some(branch), customer, owner: None };
    let mut work = work.permit(EARN, &target)?;
    if !work.find::<PurchaseSheet>(&purchase)?.is_some_and(|sheet| sheet.document.0.is_shipped()) {
        return Ok(());
    }
    let now = work.now();
    change(&mut work, purchase, now, |sheet| {
        sheet.left(lines);
        true
    })
}

/// Changes the sheet of a purchase, and brings the account to what it says then. One that was closed since stays as it is (S-49).
fn change(
    work: &mut Permit<'_, '_>,
    purchase: PurchaseId,
    at: Timestamp,
    change: impl FnOnce(&mut Sheet) -> bool,
) -> Result<()> {
    let Some(found) = work.find::<PurchaseSheet>(&purchase)? else { return Ok(()) };
    // The account before the sheet, in the order of their kinds (S-33).
    let mut book = Book::open(work, found.account_id)?;
    let mut sheet: PurchaseSheet = work.lock(purchase)?;
    let before = sheet.document.0.qualifying()?;
    if change(&mut sheet.document.0) && !book.was_closed() {
        let programme = programme::numbered(work, sheet.programme)?;
        let branch: Branch = work.get(sheet.branch_id)?;
        let poster = Poster::new(&programme, &branch, at, Reason::of(&sheet, &branch));
        count_again(work, &poster, &mut book, &mut sheet.document.0)?;
        poster.bring(work, &mut book, &mut sheet.document.0)?;
        qualify(work, &book, &sheet, before)?;
        book.close(work)?;
    }
    work.update(&mut sheet)
}

/// Moves the counters to what is kept and paid, and posts what comes of it (S-38, S-40).
fn count_again(work: &mut Permit<'_, '_>, poster: &Poster<'_>, book: &mut Book, sheet: &mut Sheet) -> Result<()> {
    let account = book.account().id;
    let keys: Vec<CounterKey> = sheet.counted.iter().flat_map(|counted| counted.keys.clone().keys()).collect();
    let counters = counters::read(work, account, &keys)?;
    let mut moves = BTreeMap::new();
    for place in 0..sheet.counted.len() {
        let (lines, paid) = (sheet.lines.clone(), sheet.paid);
        let Some(counted) = sheet.counted.get_mut(place) else { continue };
        let target = counted.target(&lines, paid)?;
        if target != counted.counts {
            let steps = counted.settle(target, &counters, &mut moves);
            poster.steps(work, book, sheet, place, steps)?;
        }
    }
    for (used, now) in (0..).zip(sheet.used()?) {
        if let Some(one) = sheet.uses.get_mut(used) {
            let sum: &mut i64 = moves.entry(one.counter.clone()).or_default();
            *sum = sum.saturating_add(now.saturating_sub(one.used));
            one.used = now;
        }
    }
    counters::move_by(work, account, moves)
}

/// Counts what a purchase counts more, or less, than before, on the ladders of today (S-17).
fn qualify(work: &mut Permit<'_, '_>, book: &Book, sheet: &PurchaseSheet, before: Qualifying) -> Result<()> {
    let Some(programme) = programme::current_or_last(work)? else { return Ok(()) };
    let now = sheet.document.0.qualifying()?;
    let sums = Sums {
        amount: now.amount_minor.saturating_sub(before.amount_minor),
        count: now.purchases.saturating_sub(before.purchases),
        points: now.points.saturating_sub(before.points),
    };
    let cause = if before == Qualifying::default() { Cause::Purchase } else { Cause::Return };
    let posting =
        Posting { on: sheet.document.0.snapshot.date, sums, cause, cause_ref: Some(sheet.purchase_id.into()) };
    tiers::post(work, &programme.programme, book.account(), &posting)
}

/// As what the member buys, before the purchase (S-16). Memberships are asked for by their keys: those the rules name.
fn snapshot(
    work: &mut Permit<'_, '_>,
    programme: &Compiled,
    branch: &Branch,
    (account, customer): (AccountId, CustomerId),
    at: Timestamp,
) -> Result<Snapshot> {
    let tiers = tiers::tiers_at(work, &programme.programme, account, at)?;
    let date = branch.business_day().date_of(at);
    let memberships: Vec<_> = programme.groups.iter().map(|group| (customer, *group)).collect();
    let memberships = work.get_many::<Membership>(&memberships)?.into_iter().flatten();
    let customer_groups = memberships.filter(|member| member.since <= at).map(|member| member.group_id).collect();
    let mut partner_groups: Vec<PartnerGroupId> = Vec::new();
    if programme.partners
        && let Some(partner) = work.find::<Partner>(&customer)?.filter(|partner| partner.is_valid_on(date))
    {
        partner_groups = partner.groups.0;
    }
    Ok(Snapshot { tiers, customer_groups, partner_groups, raised: Vec::new(), date, time: branch.zone.local(at).1 })
}
