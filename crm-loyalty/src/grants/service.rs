//! Planning gifts to groups, agreeing to them, and looking at them.

use std::collections::BTreeSet;

use crm_core::access::Target;
use crm_core::kernel::input::required_text;
use crm_core::kernel::page::{Cursor, Limit, Page};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::grants::event::GrantMoved;
use crm_core::loyalty::grants::{
    GrantAction, GrantId, GrantMember, GrantState, GroupGrant, MemberState, grant_member, group_grant,
};
use crm_core::loyalty::ledger::{AccountId, AccountState};
use crm_core::loyalty::programme::Validity;
use crm_core::pricing::Audience;
use crm_core::work::{Filter, Json, Permit, Version};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::audience;
use crate::{Club, programme};

/// Permission to plan gifts to groups, and to call off and revoke them.
pub const PLAN: &str = "loyalty.grants.plan";
/// Permission to agree to a gift that somebody else has planned.
pub const APPROVE: &str = "loyalty.grants.approve";
/// Permission to carry gifts out: for jobs.
pub const RUN: &str = "loyalty.grants.run";
/// Permission to see gifts to groups.
pub const READ: &str = "loyalty.grants.read";

/// A gift to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// To whom; to every member, if left out.
    #[serde(default)]
    pub audience: Audience,
    /// Of what.
    pub asset: Asset,
    /// How much for each. Positive.
    pub amount: i64,
    /// How long it is good for, from the day it is given.
    #[serde(default)]
    pub validity: Validity,
    /// The most in all. It must be said where a second person may have to agree.
    #[serde(default)]
    pub budget: Option<i64>,
    /// Who joins until then gets it too.
    #[serde(default)]
    pub late_joiners_until: Option<Timestamp>,
    /// Whether each member is told.
    #[serde(default)]
    pub notify: bool,
}

/// What a gift would come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantPreview {
    /// How many members.
    pub members: i64,
    /// What the club would owe them in all, within the budget.
    pub units: i64,
}

impl Club<'_, '_> {
    /// How many members a gift would go to now, each of them once, and what it would come to. Nothing is written, and memory stays bounded;
    /// of a large club it takes a while, so read it with [`Crm::read`](crm_core::Crm::read).
    ///
    /// There is an example at [`plan_grant`](Self::plan_grant).
    ///
    /// # Errors
    /// As [`plan_grant`](Self::plan_grant).
    pub fn preview_grant(&mut self, new: &NewGrant) -> Result<GrantPreview> {
        let mut work = self.0.permit(PLAN, &Target::ANY)?;
        check(&mut work, new)?;
        let (mut members, mut after) = (0_i64, None);
        let (is_named, mut named) = (!new.audience.customers.is_empty(), BTreeSet::<AccountId>::new());
        loop {
            let now = work.now();
            let page = audience::page(&mut work, &new.audience, now, Limit::new(500)?, after.as_deref())?;
            let open = page.accounts.iter().filter(|account| account.state != AccountState::Closed);
            // Who is named may be named again by a record that was merged. No more are kept than the gift itself names.
            let new = open.filter(|account| !is_named || named.insert(account.id)).count();
            members = members.saturating_add(i64::try_from(new).unwrap_or(i64::MAX));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let units = members.checked_mul(new.amount).ok_or_else(|| Error::invalid("amount", "loyalty.overflow"))?;
        let affordable = new.budget.map_or(units, |budget| budget / new.amount * new.amount);
        Ok(GrantPreview { members, units: units.min(affordable) })
    }

    /// Plans a gift to a group (S-37). With a budget above the programme's limit it waits for a second person.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// use crm_core::kernel::page::Limit;
    /// use crm_core::loyalty::grants::{GrantState, MemberState};
    /// use crm_core::loyalty::programme::Validity;
    /// use crm_core::pricing::Audience;
    /// use crm_loyalty::grants::NewGrant;
    /// let (name, audience) = ("Spring".to_owned(), Audience::default());
    /// let (asset, amount, validity) = (Asset::Points, 50, Validity::Forever);
    /// let (budget, late_joiners_until, notify) = (Some(1_000), None, false);
    /// let new = NewGrant { name, audience, asset, amount, validity, budget, late_joiners_until, notify };
    /// assert_eq!(work.loyalty().preview_grant(&new)?.units, 50, "there is one member");
    /// let grant = work.loyalty().plan_grant(&new, "spring")?;
    /// work.loyalty().begin_grant(grant.id)?;
    /// // A host lets the jobs do this.
    /// while work.loyalty().run_grant(grant.id, Limit::new(100)?)?.more {}
    /// assert_eq!(work.loyalty().grant(grant.id)?.state, GrantState::Given);
    /// let given = work.loyalty().grant_members(grant.id, MemberState::Given, Limit::new(10)?, None)?.items;
    /// assert_eq!(given[0].account_id, ala.into());
    ///
    /// // It was a mistake: what is unspent is taken back.
    /// work.loyalty().revoke_grant(grant.id)?;
    /// while work.loyalty().run_grant(grant.id, Limit::new(100)?)?.more {}
    /// assert_eq!(work.loyalty().balances(ala.into())?[&Asset::Points].available, 0);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// `grant.amount` unless it gives something, `grant.budget` for a budget that is not enough for one,
    /// `grant.budget_needed` where there must be one, `grant.asset` for money of gift cards, `grant.backwards` for what would
    /// end before it is given; [`Error::IdempotencyMismatch`].
    pub fn plan_grant(&mut self, new: &NewGrant, idempotency_key: &str) -> Result<GroupGrant> {
        let mut work = self.0.permit(PLAN, &Target::ANY)?;
        work.once("loyalty.grants.plan", idempotency_key, new, |work| {
            let second = check(work, new)?;
            let grant = GroupGrant {
                id: work.new_id(),
                version: Version::FIRST,
                name: required_text("name", &new.name, 100)?,
                audience: Json(new.audience.clone()),
                as_of: work.now(),
                late_joiners_until: new.late_joiners_until,
                asset: new.asset,
                amount: new.amount,
                validity: Json(new.validity),
                budget: new.budget,
                notify: new.notify,
                state: if second { GrantState::Waiting } else { GrantState::Ready },
                planned_by: work.actor().principal().to_string(),
                planned_at: work.now(),
                approved_by: None,
                listed_to: None,
                listed: 0,
                given: 0,
                given_units: 0,
                revoked_units: 0,
            };
            work.insert(&grant)?;
            work.emit(&GrantMoved::from(&grant))?;
            Ok(grant)
        })
    }

    /// Agrees to a gift, as it was seen. Not for whoever planned it.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.bonus.grants_second_above = [(Asset::Points, 100)].into();
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # Ok::<_, crm_core::Error>(())
    /// # })?;
    /// # use crm_core::loyalty::grants::GrantState;
    /// # use crm_core::loyalty::programme::Validity;
    /// # use crm_core::pricing::Audience;
    /// # use crm_loyalty::grants::NewGrant;
    /// # let (name, audience) = ("Spring".to_owned(), Audience::default());
    /// # let (asset, amount, validity) = (Asset::Points, 50, Validity::Forever);
    /// # let (budget, late_joiners_until, notify) = (Some(1_000), None, false);
    /// # let new = NewGrant { name, audience, asset, amount, validity, budget, late_joiners_until, notify };
    /// use crm_core::access::{Principal, Reach};
    /// use crm_core::reexport::Uuid;
    /// use crm_loyalty::grants::{APPROVE, PLAN};
    /// let person = |number| Actor::new(Principal::User(Uuid::from_u128(number).into()));
    /// let (planner, manager) = (person(1).granted(PLAN, Reach::all()), person(2).granted(APPROVE, Reach::all()));
    /// let planned = crm.blocking().run(&planner, "plan", move |work| work.loyalty().plan_grant(&new, "spring"))?;
    /// assert_eq!(planned.state, GrantState::Waiting, "its budget is above the limit");
    /// let agreed = crm.blocking().run(&manager, "agree", move |work| work.loyalty().approve_grant(&planned))?;
    /// assert_eq!(agreed.state, GrantState::Ready);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `grant.step` when it does not wait, [`Error::Conflict`] when it is not what was seen, `grant.own`.
    pub fn approve_grant(&mut self, seen: &GroupGrant) -> Result<GroupGrant> {
        let mut work = self.0.permit(APPROVE, &Target::ANY)?;
        let mut grant: GroupGrant = work.lock(seen.id)?;
        let by = work.actor().principal().to_string();
        grant.may_be_approved(seen, &by)?;
        grant.approved_by = Some(by);
        step(&mut work, &mut grant, GrantAction::Approve)?;
        Ok(grant)
    }

    /// Lets a gift begin: whoever belongs to the audience now gets it. [`run_grant`](Self::run_grant) carries it out.
    ///
    /// There is an example at [`plan_grant`](Self::plan_grant).
    ///
    /// # Errors
    /// `grant.step` when it cannot begin.
    pub fn begin_grant(&mut self, id: GrantId) -> Result<GroupGrant> {
        let mut work = self.0.permit(PLAN, &Target::ANY)?;
        let mut grant: GroupGrant = work.lock(id)?;
        grant.as_of = work.now();
        step(&mut work, &mut grant, GrantAction::Begin)?;
        Ok(grant)
    }

    /// Calls a gift off that has not begun.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # use crm_core::kernel::page::Limit;
    /// # use crm_core::loyalty::grants::GrantState;
    /// # use crm_core::loyalty::programme::Validity;
    /// # use crm_core::pricing::Audience;
    /// # use crm_loyalty::grants::NewGrant;
    /// # let (name, audience) = ("Spring".to_owned(), Audience::default());
    /// # let (asset, amount, validity) = (Asset::Points, 50, Validity::Forever);
    /// # let (budget, late_joiners_until, notify) = (Some(1_000), None, false);
    /// # let new = NewGrant { name, audience, asset, amount, validity, budget, late_joiners_until, notify };
    /// let planned = work.loyalty().plan_grant(&new, "spring")?;
    /// work.loyalty().call_off_grant(planned.id)?;
    /// let latest = work.loyalty().grants(Limit::new(10)?, None)?.items;
    /// assert_eq!(latest[0].state, GrantState::CalledOff);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// `grant.step` when it has.
    pub fn call_off_grant(&mut self, id: GrantId) -> Result<GroupGrant> {
        self.move_grant(id, GrantAction::CallOff)
    }

    /// Takes a gift back, as far as it is unspent: nobody else gets it from now on, and
    /// [`run_grant`](Self::run_grant) takes it off the accounts.
    ///
    /// There is an example at [`plan_grant`](Self::plan_grant).
    ///
    /// # Errors
    /// `grant.step` when it has not begun, or was revoked already.
    pub fn revoke_grant(&mut self, id: GrantId) -> Result<GroupGrant> {
        self.move_grant(id, GrantAction::Revoke)
    }

    fn move_grant(&mut self, id: GrantId, action: GrantAction) -> Result<GroupGrant> {
        let mut work = self.0.permit(PLAN, &Target::ANY)?;
        let mut grant: GroupGrant = work.lock(id)?;
        step(&mut work, &mut grant, action)?;
        Ok(grant)
    }

    /// A gift to a group.
    ///
    /// There is an example at [`plan_grant`](Self::plan_grant).
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn grant(&mut self, id: GrantId) -> Result<GroupGrant> {
        self.0.permit(READ, &Target::ANY)?.get(id)
    }

    /// Gifts to groups, the latest first.
    ///
    /// There is an example at [`call_off_grant`](Self::call_off_grant).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn grants(&mut self, limit: Limit, after: Option<&Cursor>) -> Result<Page<GroupGrant>> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        work.select(Filter::all()).order_by(group_grant::planned_at).descending().page(limit, after)
    }

    /// What has become of a gift for each member with this state, in the order of accounts.
    ///
    /// There is an example at [`plan_grant`](Self::plan_grant).
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`].
    pub fn grant_members(
        &mut self,
        id: GrantId,
        state: MemberState,
        limit: Limit,
        after: Option<&Cursor>,
    ) -> Result<Page<GrantMember>> {
        let mut work = self.0.permit(READ, &Target::ANY)?;
        let with_state = grant_member::grant_id.eq(id).and(grant_member::state.eq(state));
        work.select(with_state).order_by(grant_member::account_id).page(limit, after)
    }
}

/// Moves a gift on, and tells it.
pub(super) fn step(work: &mut Permit<'_, '_>, grant: &mut GroupGrant, action: GrantAction) -> Result<()> {
    grant.state = grant.state.after(action)?;
    work.update(grant)?;
    work.emit(&GrantMoved::from(&*grant)).map(drop)
}

/// Whether a second person has to agree to it.
fn check(work: &mut Permit<'_, '_>, new: &NewGrant) -> Result<bool> {
    if new.amount <= 0 {
        return Err(Error::invalid("amount", "grant.amount"));
    }
    if matches!(new.asset, Asset::Gift(_)) {
        return Err(Error::invalid("asset", "grant.asset"));
    }
    if new.validity.is_backwards() {
        return Err(Error::invalid("validity", "grant.backwards"));
    }
    if new.budget.is_some_and(|budget| budget < new.amount) {
        return Err(Error::invalid("budget", "grant.budget"));
    }
    let now = work.now();
    let Some(compiled) = programme::current(work, now)? else { return Ok(false) };
    let terms = &compiled.programme.bonus;
    match new.budget {
        Some(budget) => Ok(terms.grant_needs_second(new.asset, budget)),
        None if terms.grants_second_above.contains_key(&new.asset) => {
            Err(Error::invalid("budget", "grant.budget_needed"))
        }
        None => Ok(false),
    }
}
