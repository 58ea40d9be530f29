//! Giving by hand, asking a second person, and what they say.

use std::sync::Arc;

use crm_core::access::Target;
use crm_core::branches::{Branch, BranchId};
use crm_core::customers::CustomerId;
use crm_core::kernel::input::required_text;
use crm_core::kernel::page::{Cursor, Limit, Page};
use crm_core::loyalty::Asset;
use crm_core::loyalty::bonus::event::BonusChanged;
use crm_core::loyalty::bonus::{BonusRequest, BonusRequestId, BonusState, BonusTerms, bonus_request};
use crm_core::loyalty::ledger::{Account, AccountId, EntryKind, LotSource};
use crm_core::loyalty::programme::{Compiled, Validity};
use crm_core::work::{Json, Permit, Version};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::limits;
use crate::ledger::{Book, Give};
use crate::{Club, programme};

/// Permission to give by hand, up to one's limit.
pub const GIVE: &str = "loyalty.bonus.give";
/// Permission to agree to what somebody else wants to give.
pub const APPROVE: &str = "loyalty.bonus.approve";
/// Permission to see what was given by hand.
pub const READ: &str = "loyalty.bonus.read";

/// A bonus to give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBonus {
    /// To which member.
    pub customer: CustomerId,
    /// Where.
    pub branch: BranchId,
    /// Of what.
    pub asset: Asset,
    /// How much. Positive.
    pub amount: i64,
    /// How long it is good for, from the day it is given.
    #[serde(default)]
    pub validity: Validity,
    /// Why, 1 to 200 characters.
    pub reason: String,
}

impl<'t> Club<'_, 't> {
    /// Gives a member something, for a reason, within the actor's limits (C74). More than the programme lets one person
    /// decide alone waits for a [second one](Self::approve_bonus).
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.bonus.second_above = [(Asset::Points, 100)].into();
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// use crm_core::kernel::page::Limit;
    /// use crm_core::loyalty::bonus::BonusState;
    /// use crm_core::loyalty::programme::Validity;
    /// use crm_loyalty::bonus::NewBonus;
    /// let (customer, branch, asset, validity) = (ala, branch.id, Asset::Points, Validity::Forever);
    /// let new = NewBonus { customer, branch, asset, amount: 50, validity, reason: "a late delivery".into() };
    /// assert_eq!(work.loyalty().give_bonus(&new, "bonus 1")?.state, BonusState::Given);
    ///
    /// // More than a hundred waits for somebody else. Whoever has asked can change it, and take it back.
    /// let asked = work.loyalty().give_bonus(&NewBonus { amount: 500, ..new }, "bonus 2")?;
    /// let asked = work.loyalty().change_bonus(asked.id, 400, "a very late delivery")?;
    /// assert_eq!(work.loyalty().bonuses(BonusState::Waiting, Limit::new(10)?, None)?.items, [asked.clone()]);
    /// assert_eq!(work.loyalty().withdraw_bonus(asked.id)?.state, BonusState::Withdrawn);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// `bonus.amount` unless it gives something, `bonus.over_limit` and `bonus.over_day`, `bonus.asset` for money of gift
    /// cards, `bonus.backwards` for what would end before it is given, `text.required` without a reason, `loyalty.closed`;
    /// [`Error::NotFound`] for a member or branch out of reach.
    pub fn give_bonus(&mut self, new: &NewBonus, idempotency_key: &str) -> Result<BonusRequest> {
        self.0.actor().require(GIVE, &Target::branch(new.branch))?;
        let (mut work, account) = self.0.permit_on::<Account>(GIVE, AccountId::from(new.customer))?;
        work.once("loyalty.bonus.give", idempotency_key, new, |work| {
            let terms = terms(work)?;
            check(new.asset, new.amount)?;
            if new.validity.is_backwards() {
                return Err(Error::invalid("validity", "bonus.backwards"));
            }
            let branch: Branch = work.get(new.branch)?;
            let on = branch.business_day().date_of(work.now());
            limits::take(work, &terms, new.asset, new.amount, new.amount, on)?;
            let mut bonus = BonusRequest {
                id: work.new_id(),
                version: Version::FIRST,
                account_id: account.id,
                customer_id: account.customer_id,
                branch_id: new.branch,
                business_date: on,
                asset: new.asset,
                amount: new.amount,
                validity: Json(new.validity),
                reason: required_text("reason", &new.reason, 200)?,
                state: BonusState::Waiting,
                asked_by: work.actor().principal().to_string(),
                asked_at: work.now(),
                decided_by: None,
                decided_at: None,
                lot_id: None,
            };
            if !terms.needs_second(new.asset, new.amount) {
                give(work, &mut bonus)?;
            }
            work.insert(&bonus)?;
            work.emit(&BonusChanged::from(&bonus))?;
            Ok(bonus)
        })
    }

    /// Changes how much is asked for, and why, while it waits: whoever has seen the old figure can no longer agree. For
    /// whoever asked alone.
    ///
    /// There is an example at [`give_bonus`](Self::give_bonus).
    ///
    /// # Errors
    /// As [`give_bonus`](Self::give_bonus); `bonus.decided`, `bonus.not_own`.
    pub fn change_bonus(&mut self, id: BonusRequestId, amount: i64, reason: &str) -> Result<BonusRequest> {
        let (mut work, mut bonus) = self.own(id)?;
        check(bonus.asset, amount)?;
        let terms = terms(&mut work)?;
        limits::take(&mut work, &terms, bonus.asset, amount, amount - bonus.amount, bonus.business_date)?;
        bonus.amount = amount;
        bonus.reason = required_text("reason", reason, 200)?;
        save(&mut work, &mut bonus)?;
        Ok(bonus)
    }

    /// Takes back what was asked for, while it waits. For whoever asked alone.
    ///
    /// There is an example at [`give_bonus`](Self::give_bonus).
    ///
    /// # Errors
    /// `bonus.decided`, `bonus.not_own`
    pub fn withdraw_bonus(&mut self, id: BonusRequestId) -> Result<BonusRequest> {
        let (mut work, mut bonus) = self.own(id)?;
        end(&mut work, &mut bonus, BonusState::Withdrawn)?;
        Ok(bonus)
    }

    /// Agrees to what somebody else has asked for, as it was seen: it is given, once.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # let (branch, ala) = crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # use crm_core::loyalty::bonus::BonusLimit;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.bonus.standard = [(Asset::Points, BonusLimit { each: 1_000, per_day: None })].into();
    /// # programme.bonus.second_above = [(Asset::Points, 100)].into();
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # Ok::<_, crm_core::Error>((branch.id, ala))
    /// # })?;
    /// use crm_core::access::{Principal, Reach};
    /// use crm_core::loyalty::bonus::BonusState;
    /// use crm_core::loyalty::programme::Validity;
    /// use crm_core::reexport::Uuid;
    /// use crm_loyalty::bonus::{APPROVE, GIVE, NewBonus};
    /// let person = |number| Actor::new(Principal::User(Uuid::from_u128(number).into()));
    /// let (clerk, manager) = (person(1).granted(GIVE, Reach::all()), person(2).granted(APPROVE, Reach::all()));
    /// let (asset, validity, reason) = (Asset::Points, Validity::Forever, "a late delivery".to_owned());
    /// let new = NewBonus { customer: ala, branch, asset, amount: 500, validity, reason };
    /// let asked = crm.blocking().run(&clerk, "give", move |work| work.loyalty().give_bonus(&new, "bonus 1"))?;
    /// assert_eq!(asked.state, BonusState::Waiting);
    ///
    /// // The manager agrees to what they see: 500. Had it been changed meanwhile, it would be a conflict.
    /// let given = crm.blocking().run(&manager, "agree", move |work| work.loyalty().approve_bonus(&asked))?;
    /// assert_eq!(given.state, BonusState::Given);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `bonus.decided`, `bonus.own`, `loyalty.closed`; [`Error::Conflict`] when it is not what was seen;
    /// [`Error::NotFound`] out of reach.
    pub fn approve_bonus(&mut self, seen: &BonusRequest) -> Result<BonusRequest> {
        let (mut work, mut bonus) = self.decided(seen)?;
        bonus.decided_by = Some(work.actor().principal().to_string());
        give(&mut work, &mut bonus)?;
        save(&mut work, &mut bonus)?;
        Ok(bonus)
    }

    /// Refuses what somebody else has asked for, as it was seen.
    ///
    /// There is an example at [`approve_bonus`](Self::approve_bonus).
    ///
    /// # Errors
    /// As [`approve_bonus`](Self::approve_bonus).
    pub fn refuse_bonus(&mut self, seen: &BonusRequest) -> Result<BonusRequest> {
        let (mut work, mut bonus) = self.decided(seen)?;
        bonus.decided_by = Some(work.actor().principal().to_string());
        end(&mut work, &mut bonus, BonusState::Refused)?;
        Ok(bonus)
    }

    /// What was given or asked for by hand with this state, within reach, the latest first.
    ///
    /// There is an example at [`give_bonus`](Self::give_bonus).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn bonuses(&mut self, state: BonusState, limit: Limit, after: Option<&Cursor>) -> Result<Page<BonusRequest>> {
        let mut work = self.0.within(READ)?;
        work.select(bonus_request::state.eq(state)).order_by(bonus_request::asked_at).descending().page(limit, after)
    }

    /// A bonus that waits and that the actor has asked for, locked.
    fn own(&mut self, id: BonusRequestId) -> Result<(Permit<'_, 't>, BonusRequest)> {
        let (mut work, _) = self.0.permit_on::<BonusRequest>(GIVE, id)?;
        let bonus: BonusRequest = work.lock(id)?;
        if bonus.asked_by != work.actor().principal().to_string() {
            return Err(Error::invalid("bonus", "bonus.not_own"));
        }
        if bonus.state != BonusState::Waiting {
            return Err(Error::invalid("bonus", "bonus.decided"));
        }
        Ok((work, bonus))
    }

    /// A bonus that the actor may decide on as they have seen it, locked: of two who decide at once, one finds it decided.
    fn decided(&mut self, seen: &BonusRequest) -> Result<(Permit<'_, 't>, BonusRequest)> {
        let (mut work, _) = self.0.permit_on::<BonusRequest>(APPROVE, seen.id)?;
        let bonus: BonusRequest = work.lock(seen.id)?;
        bonus.may_be_decided(seen, &work.actor().principal().to_string())?;
        Ok((work, bonus))
    }
}

fn check(asset: Asset, amount: i64) -> Result<()> {
    if amount <= 0 {
        return Err(Error::invalid("amount", "bonus.amount"));
    }
    if matches!(asset, Asset::Gift(_)) { Err(Error::invalid("asset", "bonus.asset")) } else { Ok(()) }
}

fn terms(work: &mut Permit<'_, '_>) -> Result<BonusTerms> {
    let now = work.now();
    let compiled: Option<Arc<Compiled>> = programme::current(work, now)?;
    Ok(compiled.map(|compiled| compiled.programme.bonus.clone()).unwrap_or_default())
}

/// Gives it: a lot of the account.
fn give(work: &mut Permit<'_, '_>, bonus: &mut BonusRequest) -> Result<()> {
    let now = work.now();
    let expires_at = bonus.validity.0.ends(now, &crate::members::dates(work)?);
    let mut book = Book::open(work, bonus.account_id)?;
    let given = book.give(
        work,
        &Give {
            asset: bonus.asset,
            amount: bonus.amount,
            kind: EntryKind::Give,
            source: LotSource::Bonus,
            occurred_at: now,
            available_at: now,
            expires_at,
            purchase: None,
            branch: Some(bonus.branch_id),
            campaign: Some(bonus.id.into()),
            reason: Some(bonus.reason.clone()),
            repays_debt: false,
        },
    )?;
    book.close(work)?;
    bonus.lot_id = given.lot;
    (bonus.state, bonus.decided_at) = (BonusState::Given, Some(now));
    Ok(())
}

/// It does not take place: it no longer counts on anybody's day.
fn end(work: &mut Permit<'_, '_>, bonus: &mut BonusRequest, state: BonusState) -> Result<()> {
    limits::count(work, &bonus.asked_by, bonus.asset, -bonus.amount, bonus.business_date, None)?;
    (bonus.state, bonus.decided_at) = (state, Some(work.now()));
    save(work, bonus)
}

fn save(work: &mut Permit<'_, '_>, bonus: &mut BonusRequest) -> Result<()> {
    work.update(bonus)?;
    work.emit(&BonusChanged::from(&*bonus)).map(drop)
}
