//! What referrals do when customers register and buy, when purchases are paid, and when goods come back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crm_core::Result;
use crm_core::access::Target;
use crm_core::branches::BranchId;
use crm_core::customers::event::{CustomersMerged, CustomersUnmerged};
use crm_core::customers::{Customer, CustomerId, current};
use crm_core::instalments::event::{Cause as ClearedBy, InstalmentsCleared};
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::earning::base_lines;
use crm_core::loyalty::ledger::{Account, AccountState};
use crm_core::loyalty::programme::{Compiled, Dates};
use crm_core::loyalty::referral::{Bought, Entitlement, Person, Referral, ReferralReward, ReferralTerm, Referrer};
use crm_core::purchases::event::PurchaseRecorded;
use crm_core::reexport::Uuid;
use crm_core::returns::event::PurchaseReturned;
use crm_core::work::{Json, Permit, UnitOfWork, Version};

use super::reward::{self, Rewarding};
use super::service::REWARD;
use super::{caps, link};
use crate::members::members;
use crate::{ahead, programme};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A customer was created: who brought them is noted, and gets what there is for it.
pub(crate) fn on_customer(work: &mut UnitOfWork<'_>, customer: CustomerId) -> Result<()> {
    let mut work = work.permit(REWARD, &Target::customer(customer))?;
    let customer: Customer = work.get(customer)?;
    let Some(referrer) = customer.referrer_id else { return Ok(()) };
    let referral = link::note(&mut work, &customer, referrer, None, true)?;
    let now = work.now();
    let happened = Happened { at: now, branch: customer.branch_id, purchase: None, lines: &[], cleared: 0, payable: 0 };
    earn(&mut work, &referral, &customer, None, &happened)
}

/// A customer was changed: if who brought them was, the new one counts from now on (S-34).
pub(crate) fn on_changed(work: &mut UnitOfWork<'_>, customer: CustomerId, columns: &[String]) -> Result<()> {
    if !columns.iter().any(|column| column == "referrer_id") {
        return Ok(());
    }
    let mut work = work.permit(REWARD, &Target::customer(customer))?;
    let customer: Customer = work.get(customer)?;
    let before = work.find::<Referral>(&customer.id)?.map(|referral| referral.referrer_id);
    match customer.referrer_id {
        Some(referrer) if Some(referrer) != before => {
            link::note(&mut work, &customer, referrer, before, false).map(drop)
        }
        Some(_) => Ok(()),
        None => link::forget(&mut work, customer.id),
    }
}

/// Two customers became one: what they have brought, and how they were, counts together (S-44).
pub(crate) fn on_merged(work: &mut UnitOfWork<'_>, event: &CustomersMerged) -> Result<()> {
    let mut permit = work.permit(REWARD, &Target::customer(event.survivor))?;
    caps::join(&mut permit, event.survivor, event.loser)?;
    link::recount(&mut permit, event.survivor)?;
    on_changed(work, event.survivor, &event.columns)
}

/// They are two after all: what each has brought, and how they were, counts by itself again.
///
/// # Errors
/// `referral.circle` when one of them would have brought themselves by now.
pub(crate) fn on_unmerged(work: &mut UnitOfWork<'_>, event: &CustomersUnmerged) -> Result<()> {
    let mut permit = work.permit(REWARD, &Target::customer(event.survivor))?;
    link::stands_alone(&mut permit, event.loser)?;
    caps::part(&mut permit, event.survivor, event.loser)?;
    link::recount(&mut permit, event.survivor)?;
    on_changed(work, event.survivor, &event.columns)
}

/// Somebody has bought: who brought them gets their part (S-34). Before the buyer's own account is opened, so that
/// accounts are locked in the order of their ids (S-33).
pub(crate) fn on_purchase(work: &mut UnitOfWork<'_>, event: &PurchaseRecorded) -> Result<()> {
    let Some(referee) = event.customer.filter(|_| !event.history_only) else { return Ok(()) };
    let target = Target { branch: Some(event.branch), customer: Some(referee), owner: None };
    let mut work = work.permit(REWARD, &target)?;
    ahead::of_purchase(&mut work, referee, event.branch, event.total.currency());
    let Some(referral) = work.find::<Referral>(&referee)? else { return Ok(()) };
    // Only what was bought since they were brought counts.
    if referral.barred.is_some() || event.occurred_at < referral.since {
        return Ok(());
    }
    let Some(programme) = programme::current(&mut work, event.occurred_at)? else { return Ok(()) };
    let customer: Customer = work.get(referee)?;
    let lines: Vec<Bought> = base_lines(&event.lines, &event.tenders, &programme.programme, &programme.tree)
        .into_iter()
        .map(|line| Bought { line_no: line.line_no, base: line.base_minor, quantity: line.quantity })
        .collect();
    let payable = event.total.minor();
    let happened = Happened {
        at: event.occurred_at,
        branch: Some(event.branch),
        purchase: Some(event),
        lines: &lines,
        cleared: payable.saturating_sub(event.deferred.minor()),
        payable,
    };
    earn(&mut work, &referral, &customer, Some(&programme), &happened)
}

/// Goods came back: so does what was given for them (S-28, S-50). Before the buyer's own account is opened.
pub(crate) fn on_return(work: &mut UnitOfWork<'_>, event: &PurchaseReturned) -> Result<()> {
    let Some(referee) = event.customer.filter(|_| !event.history_only) else { return Ok(()) };
    let target = Target { branch: Some(event.branch), customer: Some(referee), owner: None };
    let mut work = work.permit(REWARD, &target)?;
    let back: BTreeMap<u16, i64> = event.lines.iter().map(|line| (line.line_no, line.after)).collect();
    let now = work.now();
    reward::change(&mut work, referee, event.purchase.into(), now, |reward| {
        for line in &mut reward.lines.0 {
            line.returned = back.get(&line.line_no).copied().unwrap_or(line.returned);
        }
    })
}

/// More of a purchase is paid, or less, for a cheque has bounced (S-12).
pub(crate) fn on_cleared(work: &mut UnitOfWork<'_>, event: &InstalmentsCleared) -> Result<()> {
    let Some(referee) = event.customer else { return Ok(()) };
    let target = Target { branch: Some(event.branch), customer: Some(referee), owner: None };
    let mut work = work.permit(REWARD, &target)?;
    let (cleared, payable) = (event.cleared.minor(), event.due.minor());
    if event.cause == ClearedBy::Return {
        // The goods are told next: only then is it known what is kept.
        if let Some(mut reward) = work.find::<ReferralReward>(&(referee, event.purchase.into()))? {
            (reward.cleared, reward.payable) = (cleared, payable);
            work.update(&mut reward)?;
        }
        return Ok(());
    }
    reward::change(&mut work, referee, event.purchase.into(), event.occurred_at, |reward| {
        (reward.cleared, reward.payable) = (cleared, payable);
    })
}

/// What has happened that a member may get something for.
struct Happened<'h> {
    at: Timestamp,
    branch: Option<BranchId>,
    /// The purchase; none for a registration.
    purchase: Option<&'h PurchaseRecorded>,
    lines: &'h [Bought],
    cleared: i64,
    payable: i64,
}

/// Gives a member what the terms of their group give for it, if they qualify.
fn earn(
    work: &mut Permit<'_, '_>,
    referral: &Referral,
    referee: &Customer,
    programme: Option<&Arc<Compiled>>,
    happened: &Happened<'_>,
) -> Result<()> {
    let programme = match programme {
        Some(programme) => programme.clone(),
        None => match programme::current(work, happened.at)? {
            Some(programme) => programme,
            None => return Ok(()),
        },
    };
    let terms = &programme.programme.referral.terms;
    if referral.barred.is_some() || terms.is_empty() {
        return Ok(());
    }
    // Whoever brings must be a member in good standing, as the record that goes on says (S-44).
    work.expect::<Account>(&[referral.referrer_id.into()]);
    let by = current(work, referral.referrer_id)?.id;
    let active = work.find::<Account>(&by.into())?.is_some_and(|account| account.state == AccountState::Active);
    if !active {
        return Ok(());
    }
    let dates = programme.programme.dates();
    let on = dates.day.date_of(happened.at);
    let audiences: Vec<_> = terms.iter().map(|term| &term.audience).collect();
    let Some(member) = members(work, &[by], &audiences, happened.at, on)?.pop() else {
        return Ok(());
    };
    let Some(term) = terms.iter().find(|term| member.is_of(&term.audience)) else { return Ok(()) };
    // What is known of the two today decides, whatever it was when they registered.
    if let Some(why) = Person::of(referee).same_as(Person::of(&member.customer)) {
        return link::bar(work, referee.id, why);
    }
    if happened.purchase.is_some_and(|event| event.total.currency() != term.currency) {
        return Ok(());
    }
    let Rewarding { mut book, referral } = reward::open(work, referee.id, by)?;
    let Some(mut referral) = referral else { return book.close(work) };
    // As it was locked; and since the two have become one, they bring themselves.
    let active = book.account().state == AccountState::Active;
    if !active || reward::account_id(work, referee.id)? == Some(book.account().id) {
        return book.close(work);
    }
    let by = book.account().customer_id.unwrap_or(by);
    let before = referral.clone();
    let since = dates.day.date_of(referral.since);
    let today = dates.day.date_of(work.now());
    let period = term.period(today);
    let earned = work.find::<Referrer>(&(by, term.asset))?;
    let room = term.room(&referral, earned.as_ref(), period);
    let entitled = match happened.purchase {
        None => term.for_registration(room),
        Some(_) if term.in_time(since, referral.purchases, on, dates.calendar)? => {
            term.for_purchase(happened.lines, referral.first_purchase_id.is_none(), room)?
        }
        Some(_) => Entitlement::default(),
    };
    if !entitled.qualified && entitled.fixed == 0 {
        return book.close(work);
    }
    let mut stored = stored((referee.id, by), term, entitled, happened, period, &dates)?;
    if stored.qualified {
        referral.purchases = referral.purchases.saturating_add(1);
        if referral.first_purchase_id.is_none() {
            referral.first_purchase_id = Some(stored.purchase_id);
        }
    }
    reward::settle(work, &mut book, Some(&mut referral), &mut stored, happened.at)?;
    book.close(work)?;
    work.insert(&stored)?;
    if referral != before {
        work.update(&mut referral)?;
    }
    Ok(())
}

/// A reward as it is stored: nothing of it is given yet.
fn stored(
    (referee_id, referrer_id): (CustomerId, CustomerId),
    term: &ReferralTerm,
    entitled: Entitlement,
    happened: &Happened<'_>,
    period: CivilDate,
    dates: &Dates,
) -> Result<ReferralReward> {
    let available_at = happened.at.checked_add(DAY * u32::from(term.delay_days))?;
    Ok(ReferralReward {
        referee_id,
        purchase_id: happened.purchase.map_or(Uuid::nil(), |event| event.purchase.into()),
        version: Version::FIRST,
        referrer_id,
        asset: term.asset,
        term: term.name.clone(),
        branch_id: happened.branch,
        occurred_at: happened.at,
        available_at,
        expires_at: term.validity.ends(available_at, dates),
        validity: Some(Json(term.validity)),
        lines: Json(entitled.lines),
        fixed: entitled.fixed,
        min_base: term.min_base,
        qualified: entitled.qualified,
        cleared: happened.cleared,
        payable: happened.payable,
        counted: 0,
        period,
        posted: 0,
        owed: 0,
        void: false,
        lots: Json::default(),
    })
}
