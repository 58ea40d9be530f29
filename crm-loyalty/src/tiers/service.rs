//! Seeing, pinning and reviewing tiers.

use std::collections::BTreeSet;

use crm_core::access::Target;
use crm_core::customers::CustomerId;
use crm_core::kernel::input::required_text;
use crm_core::kernel::page::{Cursor, CursorValue, Limit, Page};
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::ledger::{Account, AccountId};
use crm_core::loyalty::programme::Compiled;
use crm_core::loyalty::tiers::event::{TierEnding, TierPinned};
use crm_core::loyalty::tiers::{
    Cause, LadderId, Pin, Progress, Rules, Standing, TierChange, TierLadder, standing, tier_change,
};
use crm_core::pricing::{Context, TierId};
use crm_core::work::{Permit, UnitOfWork};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::post::{Note, days_of, elsewhere, first, keys_of, of, of_account, store, tier_at, tiers_at};
use crate::ledger::account_of;
use crate::{Club, programme};

/// Permission to see tiers, what is missing to them, and their history.
pub const READ: &str = "loyalty.tiers.read";
/// Permission to set a tier by hand.
pub const PIN: &str = "loyalty.tiers.pin";
/// Permission to review tiers that are due.
pub const REVIEW: &str = "loyalty.tiers.review";

/// Where a member stands on a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierView {
    /// The ladder.
    pub ladder: LadderId,
    /// The tier they have, pins counted.
    pub tier: Option<TierId>,
    /// Since when.
    pub since: Timestamp,
    /// The tier they have earned.
    pub earned: Option<TierId>,
    /// The last day on which that is valid, before grace; no end without one.
    pub valid_through: Option<CivilDate>,
    /// The first day on which it would be lost; never without one.
    pub review_on: Option<CivilDate>,
    /// The tier that was set by hand, while it is.
    pub pin: Option<Pin>,
    /// How far they have come in the window of today.
    pub progress: Progress,
}

/// A time in which a member had one tier (S-51).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// The tier; none at all without one.
    pub tier: Option<TierId>,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant no longer; it goes on without one.
    pub until: Option<Timestamp>,
    /// Why it began.
    pub cause: Cause,
    /// The purchase or return that has begun it.
    pub cause_ref: Option<crm_core::reexport::Uuid>,
    /// Why, for people.
    pub reason: Option<String>,
    /// When it was written down (S-48).
    pub recorded_at: Timestamp,
}

impl Club<'_, '_> {
    /// Where a member stands on every ladder of the programme, what is due by now done. Reads only.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::catalog::NewProduct;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::money::Money;
    /// # use crm_core::kernel::rate::Rate;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::earning::{Earn, EarnRule};
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::loyalty::tiers::{Need, TierLadder, TierTerms, Window};
    /// # use crm_core::pricing::TierId;
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
    /// # use crm_core::reexport::Uuid;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// # let zloty = |zloty: i64| Money::new(zloty * 100, branch.currency);
    /// # let credit = Asset::Credit(branch.currency);
    /// # let tea = work.catalog().create_product(NewProduct::service("tea", "Tea", zloty(10)))?.id;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.earning.rules = vec![EarnRule::new("five", credit, Earn::Percent(Rate::percent(5)))];
    /// # let silver = TierId::from(Uuid::from_u128(1));
    /// # let step = TierTerms::new(silver, "silver", Need::amount(10_000));
    /// # programme.tiers = vec![TierLadder::new(Uuid::from_u128(2).into(), "Club", Window::Lifetime, [step])];
    /// # let ladder = programme.tiers[0].id;
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let sale = |receipt: &str, pieces, tender| NewPurchase::of(branch.id, receipt, [NewLine::of(tea, pieces)], [tender]).by(ala);
    /// use crm_core::kernel::page::Limit;
    /// // Silver takes a hundred złoty.
    /// work.purchases().record(&sale("1", 4, NewTender::cash_rest()), "1")?;
    /// let view = work.loyalty().tiers(ala.into())?.remove(0);
    /// assert_eq!(view.tier, None);
    /// assert_eq!(view.progress.next.and_then(|missing| missing.amount), Some(6_000));
    ///
    /// work.purchases().record(&sale("2", 6, NewTender::cash_rest()), "2")?;
    /// assert_eq!(work.loyalty().tiers(ala.into())?[0].tier, Some(silver));
    /// let now = work.now();
    /// assert_eq!(work.loyalty().tier_at(ala.into(), ladder, now)?, Some(silver));
    /// let history = work.loyalty().tier_history(ala.into(), ladder, Limit::new(10)?, None)?.items;
    /// assert_eq!((history[0].tier, history[0].until), (Some(silver), None));
    /// let members = work.loyalty().tier_members(ladder, silver, Limit::new(10)?, None)?.items;
    /// assert_eq!(members[0].customer_id, Some(ala));
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is absent or out of reach.
    pub fn tiers(&mut self, account: AccountId) -> Result<Vec<TierView>> {
        let (mut work, account) = self.on_account(READ, account)?;
        let now = work.now();
        let Some(compiled) = programme::current(&mut work, now)? else { return Ok(Vec::new()) };
        let day = compiled.programme.dates().day;
        let found = work.get_many::<Standing>(&keys_of(&compiled.programme, account.id))?;
        let mut views = Vec::with_capacity(found.len());
        for (ladder, found) in compiled.programme.tiers.iter().zip(found) {
            let rules = Rules::new(ladder, &day);
            let mut standing = found.map_or_else(|| first(&mut work, &rules, &account), Ok)?;
            let mut days = |days| days_of(&mut work, account.id, days);
            rules.settle(&mut standing, now, &mut days)?;
            let progress = rules.progress(&standing, now, &mut days)?;
            let until = |day| Some(day).filter(|day| *day != CivilDate::MAX);
            views.push(TierView {
                ladder: ladder.id,
                tier: standing.tier_id,
                since: standing.since,
                earned: standing.earned_tier_id,
                valid_through: until(standing.valid_through),
                review_on: until(rules.review_on(&standing)),
                pin: standing.pin.map(|pin| pin.0),
                progress,
            });
        }
        Ok(views)
    }

    /// The tier a member had at an instant, or has now (S-51).
    ///
    /// There is an example at [`tiers`](Self::tiers).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is absent or out of reach, and for a ladder that the programme of now does
    /// not have; [`Error::Invalid`] with rule `time.in_the_future`.
    pub fn tier_at(&mut self, account: AccountId, ladder: LadderId, at: Timestamp) -> Result<Option<TierId>> {
        let (mut work, account) = self.0.permit_on::<Account>(READ, account)?;
        if at > work.now() {
            return Err(Error::invalid("at", "time.in_the_future"));
        }
        let compiled = current(&mut work)?;
        let ladder = ladder_of(&compiled, ladder)?;
        let standing = work.find::<Standing>(&(account.id, ladder.id))?;
        tier_at(&mut work, ladder, &compiled.programme.dates().day, account.id, standing, at)
    }

    /// The times in which a member had one tier on a ladder, the latest first. What is due and not reviewed yet is not in it.
    ///
    /// There is an example at [`tiers`](Self::tiers).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is absent or out of reach.
    pub fn tier_history(
        &mut self,
        account: AccountId,
        ladder: LadderId,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Interval>> {
        let (mut work, account) = self.0.permit_on::<Account>(READ, account)?;
        let changes = work.select(of(account.id, ladder)).order_by(tier_change::from_at).descending();
        let page: Page<TierChange> = changes.page(limit, after)?;
        // A time ends where the one above it begins, which stands on the page before or in its cursor.
        let mut until = match after.and_then(|cursor| cursor.values().first()) {
            Some(CursorValue::Int(micros)) => Some(Timestamp::from_micros(*micros)?),
            _ => None,
        };
        Ok(page.map(|change| Interval {
            tier: change.tier_id,
            from: change.from_at,
            until: until.replace(change.from_at),
            cause: change.cause,
            cause_ref: change.cause_ref,
            reason: change.reason,
            recorded_at: change.recorded_at,
        }))
    }

    /// Sets a tier by hand, exactly or at least, until an instant or for good (S-19). A pin replaces the one before.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::catalog::NewProduct;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::money::Money;
    /// # use crm_core::kernel::rate::Rate;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::earning::{Earn, EarnRule};
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::loyalty::tiers::{Need, TierLadder, TierTerms, Window};
    /// # use crm_core::pricing::TierId;
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
    /// # use crm_core::reexport::Uuid;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// # let zloty = |zloty: i64| Money::new(zloty * 100, branch.currency);
    /// # let credit = Asset::Credit(branch.currency);
    /// # let tea = work.catalog().create_product(NewProduct::service("tea", "Tea", zloty(10)))?.id;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.earning.rules = vec![EarnRule::new("five", credit, Earn::Percent(Rate::percent(5)))];
    /// # let silver = TierId::from(Uuid::from_u128(1));
    /// # let step = TierTerms::new(silver, "silver", Need::amount(10_000));
    /// # programme.tiers = vec![TierLadder::new(Uuid::from_u128(2).into(), "Club", Window::Lifetime, [step])];
    /// # let ladder = programme.tiers[0].id;
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let sale = |receipt: &str, pieces, tender| NewPurchase::of(branch.id, receipt, [NewLine::of(tea, pieces)], [tender]).by(ala);
    /// use crm_core::loyalty::tiers::{Pin, PinKind};
    /// let (kind, reason) = (PinKind::AtLeast, "a guest of honour".to_owned());
    /// let pin = Pin { tier: Some(silver), kind, until: None, reason };
    /// work.loyalty().pin_tier(ala.into(), ladder, pin, "pin 1")?;
    /// assert_eq!(work.loyalty().tiers(ala.into())?[0].tier, Some(silver));
    ///
    /// work.loyalty().unpin_tier(ala.into(), ladder, "unpin 1")?;
    /// assert_eq!(work.loyalty().tiers(ala.into())?[0].tier, None, "what they have earned");
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is absent or out of reach, and for the ladder; [`Error::Invalid`] with
    /// `pin.tier` for a tier that is not of it, `pin.until` for an end that is not in the future, and for a reason that is
    /// none, of 1 to 200 characters.
    pub fn pin_tier(
        &mut self,
        account: AccountId,
        ladder: LadderId,
        mut pin: Pin,
        idempotency_key: &str,
    ) -> Result<()> {
        let (mut work, own) = self.on_account(PIN, account)?;
        pin.reason = required_text("reason", &pin.reason, 200)?;
        work.once("loyalty.pin_tier", idempotency_key, &(account, ladder, &pin), |work| {
            if pin.until.is_some_and(|until| until <= work.now()) {
                return Err(Error::invalid("until", "pin.until"));
            }
            set_pin(work, own.id, ladder, Some(pin.clone()))
        })
    }

    /// Takes the pin off: the member has the tier they have earned.
    ///
    /// There is an example at [`pin_tier`](Self::pin_tier).
    ///
    /// # Errors
    /// As [`pin_tier`](Self::pin_tier); [`Error::Invalid`] with `pin.none` where there is none.
    pub fn unpin_tier(&mut self, account: AccountId, ladder: LadderId, idempotency_key: &str) -> Result<()> {
        let (mut work, own) = self.on_account(PIN, account)?;
        let command = "loyalty.unpin_tier";
        work.once(command, idempotency_key, &(account, ladder), |work| set_pin(work, own.id, ladder, None))
    }

    /// Does what is due on the ladders of one account: reviews, the ends of pins, notices; counts on ladders that are new.
    /// May be called at any time and any number of times. Says how many changes of tier that were.
    ///
    /// There is an example at [`review_next_tiers`](Self::review_next_tiers).
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is absent or out of reach.
    pub fn review_tiers(&mut self, account: AccountId) -> Result<usize> {
        let (mut work, account) = self.on_account(REVIEW, account)?;
        review_due(&mut work, account.id)
    }

    /// The same for the next so many members with whom something is due, and says how many those were: nobody is left when
    /// it says none. For hosts with a runner of their own; [`jobs`](crate::jobs) does it in chunks.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::catalog::NewProduct;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::money::Money;
    /// # use crm_core::kernel::rate::Rate;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::earning::{Earn, EarnRule};
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::loyalty::tiers::{Need, TierLadder, TierTerms, Window};
    /// # use crm_core::pricing::TierId;
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
    /// # use crm_core::reexport::Uuid;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// # let zloty = |zloty: i64| Money::new(zloty * 100, branch.currency);
    /// # let credit = Asset::Credit(branch.currency);
    /// # let tea = work.catalog().create_product(NewProduct::service("tea", "Tea", zloty(10)))?.id;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.earning.rules = vec![EarnRule::new("five", credit, Earn::Percent(Rate::percent(5)))];
    /// # let silver = TierId::from(Uuid::from_u128(1));
    /// # let step = TierTerms::new(silver, "silver", Need::amount(10_000));
    /// # programme.tiers = vec![TierLadder::new(Uuid::from_u128(2).into(), "Club", Window::Lifetime, [step])];
    /// # let ladder = programme.tiers[0].id;
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let sale = |receipt: &str, pieces, tender| NewPurchase::of(branch.id, receipt, [NewLine::of(tea, pieces)], [tender]).by(ala);
    /// use crm_core::kernel::page::Limit;
    /// work.purchases().record(&sale("1", 10, NewTender::cash_rest()), "1")?;
    /// assert_eq!(work.loyalty().review_tiers(ala.into())?, 0, "silver was reached at once");
    /// // In a timer of the host that does not use the jobs:
    /// while work.loyalty().review_next_tiers(Limit::new(100)?)? > 0 {}
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] without [`REVIEW`].
    pub fn review_next_tiers(&mut self, limit: Limit) -> Result<usize> {
        let mut work = self.0.permit(REVIEW, &Target::ANY)?;
        let page = due(&mut work, limit, None)?;
        // Accounts are locked in the order of their ids (S-33).
        let accounts: BTreeSet<AccountId> = page.items.into_iter().collect();
        for account in &accounts {
            review_due(&mut work, *account)?;
        }
        Ok(accounts.len())
    }

    /// The accounts within reach of those who have a tier now, as far as reviews were done, in the order of their ids.
    ///
    /// There is an example at [`tiers`](Self::tiers).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn tier_members(
        &mut self,
        ladder: LadderId,
        tier: TierId,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<Account>> {
        let with_tier = standing::ladder_id.eq(ladder).and(standing::tier_id.eq(tier));
        self.0.within(READ)?.led_to(with_tier, limit, after, |standing: Standing| Some(standing.account_id))
    }
}

/// The next accounts with a tier that is to be reviewed or pinned no longer, or of whose end somebody is to be told. An
/// account with several such ladders stands there as often.
pub(crate) fn due(work: &mut Permit<'_, '_>, limit: Limit, after: Option<&Cursor>) -> Result<Page<AccountId>> {
    let now = work.now();
    let page = work.select::<Standing>(standing::due_at.le(now)).order_by(standing::due_at).page(limit, after)?;
    Ok(page.map(|standing| standing.account_id))
}

/// Does what is due on the ladders of an account, and says how many changes of tier that were.
pub(crate) fn review_due(work: &mut Permit<'_, '_>, account: AccountId) -> Result<usize> {
    let Some(compiled) = programme::current(work, work.now())? else { return Ok(0) };
    let account = work.lock::<Account>(account)?;
    let (day, now) = (compiled.programme.dates().day, work.now());
    let found = work.get_many::<Standing>(&keys_of(&compiled.programme, account.id))?;
    let mut reviewed = 0;
    for (ladder, found) in compiled.programme.tiers.iter().zip(found) {
        let rules = Rules::new(ladder, &day);
        let new = found.is_none();
        let mut standing = found.clone().map_or_else(|| first(work, &rules, &account), Ok)?;
        if new && standing.last_on == CivilDate::MIN {
            continue;
        }
        let mut days = |days| days_of(work, account.id, days);
        let changes = if new {
            rules.recount(&mut standing, now, false, &mut days)?
        } else {
            rules.settle(&mut standing, now, &mut days)?
        };
        let ending = rules.notice(&mut standing, now);
        let tier = standing.tier_id;
        if found.as_ref() != Some(&standing) {
            store(work, &account, standing, new, &changes, Note::default())?;
        }
        if let Some(kept_through) = ending {
            work.emit(&TierEnding { of: of_account(&account, ladder.id), tier, kept_through })?;
        }
        reviewed += changes.len();
    }
    settle_others(work, &compiled, account.id)?;
    Ok(reviewed)
}

/// Nothing more is due on ladders that the programme no longer has.
fn settle_others(work: &mut Permit<'_, '_>, compiled: &Compiled, account: AccountId) -> Result<()> {
    let now = work.now();
    for mut standing in elsewhere(work, &compiled.programme, account)?.filter(|standing| standing.due_at <= now) {
        standing.due_at = crm_core::loyalty::ledger::NEVER;
        work.update(&mut standing)?;
    }
    Ok(())
}

/// Adds the tiers of a member to the circumstances of a price (C63).
pub(crate) fn complete(work: &mut UnitOfWork<'_>, customer: CustomerId, context: &mut Context) -> Result<()> {
    let mut work = work.permit(READ, &Target::customer(customer))?;
    let Some(compiled) = programme::current(&mut work, context.at)? else { return Ok(()) };
    if compiled.programme.tiers.is_empty() {
        return Ok(());
    }
    if let Some(account) = account_of(&mut work, customer)? {
        context.tiers.extend(tiers_at(&mut work, &compiled.programme, account.id, context.at)?);
    }
    Ok(())
}

fn set_pin(work: &mut Permit<'_, '_>, account: AccountId, ladder: LadderId, pin: Option<Pin>) -> Result<()> {
    let compiled = current(work)?;
    let ladder = ladder_of(&compiled, ladder)?;
    if let Some(Pin { tier: Some(tier), .. }) = &pin
        && ladder.step_of(Some(*tier)) == 0
    {
        return Err(Error::invalid("tier", "pin.tier"));
    }
    let account = work.lock::<Account>(account)?;
    let (day, now) = (compiled.programme.dates().day, work.now());
    let rules = Rules::new(ladder, &day);
    let found = work.find::<Standing>(&(account.id, ladder.id))?;
    let new = found.is_none();
    let mut standing = found.map_or_else(|| first(work, &rules, &account), Ok)?;
    let mut changes = rules.settle(&mut standing, now, &mut |days| days_of(work, account.id, days))?;
    if pin.is_none() && standing.pin.is_none() {
        return Err(Error::invalid("pin", "pin.none"));
    }
    let reason = pin.as_ref().map(|pin| pin.reason.clone());
    let (told, until) = (pin.as_ref().map(|pin| (pin.tier, pin.kind)), pin.as_ref().and_then(|pin| pin.until));
    changes.extend(rules.pin(&mut standing, now, pin));
    let note = Note { cause_ref: None, reason: reason.as_deref() };
    store(work, &account, standing, new, &changes, note)?;
    work.emit(&TierPinned { of: of_account(&account, ladder.id), pin: told, until }).map(drop)
}

fn current(work: &mut Permit<'_, '_>) -> Result<std::sync::Arc<Compiled>> {
    programme::current(work, work.now())?.ok_or_else(|| Error::not_found("loyalty_programme", "now"))
}

fn ladder_of(compiled: &Compiled, ladder: LadderId) -> Result<&TierLadder> {
    let found = compiled.programme.tiers.iter().find(|one| one.id == ladder);
    found.ok_or_else(|| Error::not_found("loyalty_ladder", ladder))
}
