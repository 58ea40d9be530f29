//! How much can be used, and setting it aside.

use std::time::Duration;

use crm_core::access::Target;
use crm_core::branches::BranchId;
use crm_core::customers::CustomerId;
use crm_core::kernel::money::Money;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{Account, AccountId, AccountState, DayUse, Hold, HoldId};
use crm_core::loyalty::redemption::{Asked, Bound, Usable, usable};
use crm_core::purchases::PurchaseId;
use crm_core::work::Permit;
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::terms::{Terms, terms};
use crate::ledger::{Book, NewHold, READ, standing};
use crate::{Club, cards};

/// Permission to set aside and free what is on an account, at the till.
pub const REDEEM: &str = "loyalty.redeem";

/// What somebody asks how much of it can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The account: a member's has the id of the customer.
    pub account: AccountId,
    /// Of what.
    pub asset: Asset,
    /// Where.
    pub branch: BranchId,
    /// What is due.
    pub due: Money,
    /// How much is asked for; everything that can be used, if left out.
    #[serde(default)]
    pub requested: Option<i64>,
}

/// Something to be set aside (S-08).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewHolding {
    /// The account: a member's has the id of the customer.
    pub account: AccountId,
    /// Of what. Never money of gift cards (S-35).
    pub asset: Asset,
    /// Where.
    pub branch: BranchId,
    /// What is due.
    pub due: Money,
    /// How much of that it is to pay.
    pub amount: Money,
    /// For how many minutes; as the programme says, if left out.
    #[serde(default)]
    pub minutes: Option<u32>,
    /// The card it is made with (S-36).
    #[serde(default)]
    pub card: Option<Uuid>,
}

/// What was set aside. A purchase pays with it by its id, see [`with_hold`](super::with_hold).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Its id.
    pub hold: HoldId,
    /// The account.
    pub account: AccountId,
    /// How much of the asset.
    pub amount: i64,
    /// What it pays.
    pub worth: Money,
    /// When it lapses.
    pub lapses_at: Timestamp,
}

impl Club<'_, '_> {
    /// How much of an asset can be used for what is due, and which term said so (S-22). Changes nothing.
    ///
    /// There is an example at [`hold`](Self::hold).
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account within reach; `redeem.asset` for money of gift cards, which are
    /// [shown](crate::gift_cards::GiftDesk::show) instead (S-35); `redeem.currency` when the asset is of another currency,
    /// `programme.no_point_value` when points are worth nothing in it; `redeem.frozen`, `redeem.closed`, `redeem.debt`.
    pub fn usable(&mut self, query: &Query) -> Result<Usable> {
        let (mut work, account) = self.on_account(READ, query.account)?;
        let terms = terms(&mut work, query.asset, query.due.currency(), query.branch, account.customer_id)?;
        let now = standing(&mut work, &account)?;
        let amounts = now.amounts(query.asset);
        may_redeem(account.state, &terms, amounts.debt)?;
        let day = work.find::<DayUse>(&(account.id, query.asset, terms.today))?;
        // What has lapsed since does not count.
        let lapsed = now.lapsed_of(query.asset, terms.today);
        usable(
            &terms.limits,
            &Asked {
                requested: query.requested,
                due: query.due,
                paid_otherwise: 0,
                available: amounts.available,
                used_today: day.map_or(0, |day| day.used).saturating_sub(lapsed),
                used_here: 0,
                point_value: terms.point_value,
            },
        )
    }

    /// Sets something aside, so that nobody else can use it until it is paid with, freed, or lapses (S-08).
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
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
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
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let sale = |receipt: &str, pieces, tender| NewPurchase::of(branch.id, receipt, [NewLine::of(tea, pieces)], [tender]).by(ala);
    /// # work.purchases().record(&sale("1", 10, NewTender::cash_rest()), "1")?;
    /// use crm_loyalty::redemption::{NewHolding, Query, credit as with_credit, with_hold};
    /// let (account, asset, due) = (ala.into(), credit, zloty(10));
    /// let query = Query { account, asset, branch: branch.id, due, requested: None };
    /// let usable = work.loyalty().usable(&query)?;
    /// assert_eq!(usable.worth, zloty(5), "all of it: no term of the programme binds");
    ///
    /// // Nobody else can use it now; the till pays with it when the rest is paid.
    /// let new = NewHolding { account, asset, branch: branch.id, due, amount: zloty(3), minutes: Some(5), card: None };
    /// let holding = work.loyalty().hold(&new, "hold 1")?;
    /// assert_eq!(work.loyalty().usable(&query)?.worth, zloty(2));
    /// let tender = with_hold(with_credit(holding.worth), holding.hold);
    /// let new = NewPurchase::of(branch.id, "2", [NewLine::of(tea, 1)], [tender, NewTender::cash_rest()]).by(ala);
    /// work.purchases().record(&new, "2")?;
    /// assert_eq!(work.loyalty().balances(ala.into())?[&credit].held, 0);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`usable`](Self::usable); [`Error::Denied`] where the actor may not redeem at the branch; [`Error::Invalid`] with the rule that says why it is not so much: `redeem.not_enough`,
    /// `redeem.invoice_cap`, `redeem.daily_cap`, `redeem.cash_part`, `redeem.minimum`; `card.refused` for a card that is not
    /// good (S-36); [`Error::IdempotencyMismatch`].
    pub fn hold(&mut self, new: &NewHolding, idempotency_key: &str) -> Result<Holding> {
        let (mut work, account) = self.on_account(REDEEM, new.account)?;
        let target = Target { customer: account.customer_id, ..Target::branch(new.branch) };
        work.actor().require(REDEEM, &target)?;
        work.once("loyalty.hold", idempotency_key, new, |work| {
            let mut book = Book::open(work, account.id)?;
            let asking = Asking {
                asset: new.asset,
                branch: new.branch,
                due: new.due,
                amount: new.amount,
                paid_otherwise: 0,
                used_here: 0,
                card: new.card,
                minutes: new.minutes,
                pays: None,
            };
            let holding = redeem(work, &mut book, &asking)?;
            book.close(work)?;
            Ok(holding)
        })
    }

    /// Frees what was set aside.
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
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
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
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let sale = |receipt: &str, pieces, tender| NewPurchase::of(branch.id, receipt, [NewLine::of(tea, pieces)], [tender]).by(ala);
    /// # work.purchases().record(&sale("1", 10, NewTender::cash_rest()), "1")?;
    /// use crm_core::loyalty::ledger::HoldState;
    /// use crm_loyalty::redemption::NewHolding;
    /// let (account, due, amount) = (ala.into(), zloty(10), zloty(3));
    /// let new = NewHolding { account, asset: credit, branch: branch.id, due, amount, minutes: None, card: None };
    /// let holding = work.loyalty().hold(&new, "hold 1")?;
    /// assert_eq!(work.loyalty().held(account, holding.hold)?.state, HoldState::Open);
    ///
    /// // The customer has changed their mind.
    /// work.loyalty().void_hold(account, holding.hold, "void 1")?;
    /// assert_eq!(work.loyalty().balances(account)?[&credit].available, 500);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with `redeem.hold_over` when it has lapsed, was freed or paid with;
    /// [`Error::IdempotencyMismatch`].
    pub fn void_hold(&mut self, account: AccountId, hold: HoldId, idempotency_key: &str) -> Result<()> {
        let (mut work, account) = self.0.permit_on::<Account>(REDEEM, account)?;
        work.once("loyalty.void_hold", idempotency_key, &(account.id, hold), |work| {
            let mut book = Book::open(work, account.id)?;
            book.void(work, hold, None)?;
            book.close(work)
        })
    }

    /// A hold.
    ///
    /// There is an example at [`void_hold`](Self::void_hold).
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn held(&mut self, account: AccountId, hold: HoldId) -> Result<Hold> {
        let (mut work, account) = self.0.permit_on::<Account>(READ, account)?;
        work.get((account.id, hold))
    }
}

/// What is to be redeemed.
pub(super) struct Asking {
    pub(super) asset: Asset,
    pub(super) branch: BranchId,
    pub(super) due: Money,
    pub(super) amount: Money,
    /// What is paid of it with credit or points otherwise.
    pub(super) paid_otherwise: i64,
    /// What other tenders of the purchase take of the asset, in units of it.
    pub(super) used_here: i64,
    pub(super) card: Option<Uuid>,
    pub(super) minutes: Option<u32>,
    /// The purchase that is paid at once.
    pub(super) pays: Option<PurchaseId>,
}

/// Sets aside, or pays at once, what is asked for, or says why not.
pub(super) fn redeem(work: &mut Permit<'_, '_>, book: &mut Book, asking: &Asking) -> Result<Holding> {
    let Asking { asset, branch, due, amount, .. } = *asking;
    if amount.currency() != due.currency() {
        return Err(Error::invalid("amount", "redeem.currency"));
    }
    if let Some(card) = asking.card {
        cards::may_spend(work, card.into(), book.account().id)?;
    }
    let customer: Option<CustomerId> = book.account().customer_id;
    let terms = terms(work, asset, due.currency(), branch, customer)?;
    let amounts = book.amounts(work, asset)?;
    may_redeem(book.account().state, &terms, amounts.debt)?;
    let found = usable(
        &terms.limits,
        &Asked {
            requested: Some(amount.minor()),
            due,
            paid_otherwise: asking.paid_otherwise,
            available: amounts.available,
            used_today: book.used_on(work, asset, terms.today)?,
            used_here: asking.used_here,
            point_value: terms.point_value,
        },
    )?;
    refuse_less(&found, amount)?;
    let minutes = asking.minutes.unwrap_or(terms.redemption.hold_minutes);
    let lapses_at = work.now().checked_add(Duration::from_secs(u64::from(minutes) * 60))?;
    let hold = book
        .hold(
            work,
            &NewHold {
                asset,
                amount: found.amount,
                worth_minor: amount.minor(),
                point_value: terms.point_value,
                branch,
                business_date: terms.today,
                lapses_at,
                card: asking.card,
                pays: asking.pays,
                reason: terms.reason,
            },
        )
        .map_err(|error| match error {
            // The rest is what the purchase itself has earned.
            Error::Invalid { rule: "loyalty.not_enough", .. } => Error::invalid("amount", "redeem.not_enough"),
            other => other,
        })?;
    Ok(Holding { hold, account: book.account().id, amount: found.amount, worth: amount, lapses_at })
}

/// Says why it is not as much as was asked for.
pub(super) fn refuse_less(found: &Usable, amount: Money) -> Result<()> {
    if amount.minor() <= 0 {
        return Err(Error::invalid("amount", "redeem.amount"));
    }
    if found.worth.minor() < amount.minor() || found.bound == Bound::Minimum {
        return Err(Error::invalid("amount", found.bound.refusal()));
    }
    Ok(())
}

fn may_redeem(state: AccountState, terms: &Terms, debt: i64) -> Result<()> {
    let rule = match state {
        AccountState::Frozen => "redeem.frozen",
        AccountState::Closed => "redeem.closed",
        AccountState::Active if debt > 0 && terms.redemption.debt_blocks => "redeem.debt",
        AccountState::Active => return Ok(()),
    };
    Err(Error::invalid("account", rule))
}
