//! Accounts: opening them, reading what is on them, and setting them right.

use std::collections::BTreeMap;

use crm_core::access::Target;
use crm_core::branches::BranchId;
use crm_core::customers::{Customer, CustomerId};
use crm_core::kernel::input::required_text;
use crm_core::kernel::page::{Cursor, Limit, Page};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{
    Account, AccountId, AccountKind, AccountState, Entry, EntryId, EntryKind, Lot, LotSource, NEVER, PostingAccount,
    entry,
};
use crm_core::loyalty::programme::Enrolment;
use crm_core::work::{Json, Permit, UnitOfWork, Version};
use crm_core::{Error, Result};

use super::book::{Book, Cause, Give, Take};
use super::event::{AccountOpened, AccountStateChanged};
use super::standing::{held_at, open_lots, standing};
use crate::Club;
use crate::programme::current;

/// Permission to make somebody a member of the club.
pub const ENROL: &str = "loyalty.enrol";
/// Permission to see accounts and what is on them.
pub const READ: &str = "loyalty.read";
/// Permission to freeze, thaw and close accounts.
pub const MANAGE: &str = "loyalty.manage";
/// Permission to set accounts right by hand, and to forgive debts.
pub const ADJUST: &str = "loyalty.adjust";
/// Permission to write down what is due, and to rebuild what is kept for speed: for jobs.
pub const MAINTAIN: &str = "loyalty.maintain";

/// The longest reason.
const MAX_REASON: usize = 500;

/// An account to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewAccount {
    /// Its id: a member's has that of the customer.
    pub(crate) id: AccountId,
    /// Whose it is.
    pub(crate) kind: AccountKind,
    /// The member, or to whom a gift card is bound.
    pub(crate) customer: Option<CustomerId>,
    /// The branch that looks after it.
    pub(crate) branch: Option<BranchId>,
}

/// Opens an account, and tells it.
pub(crate) fn open_account(work: &mut Permit<'_, '_>, new: NewAccount) -> Result<Account> {
    let account = Account {
        id: new.id,
        version: Version::FIRST,
        kind: new.kind,
        customer_id: new.customer,
        branch_id: new.branch,
        state: AccountState::Active,
        opened_at: work.now(),
        due_at: NEVER,
        open_holds: Json(Vec::new()),
        merged_into: None,
    };
    work.insert(&account)?;
    work.emit(&AccountOpened { account: new.id, customer: new.customer, branch: new.branch })?;
    Ok(account)
}

/// The account of a customer, who is a member if they have one; made if not.
pub(crate) fn enrol(work: &mut Permit<'_, '_>, customer: CustomerId) -> Result<Account> {
    let id = AccountId::from(customer);
    if let Some(account) = work.find::<Account>(&id)? {
        return Ok(account);
    }
    let customer: Customer = work.get(customer)?;
    let (kind, branch) = (AccountKind::Member, customer.branch_id);
    open_account(work, NewAccount { id, kind, customer: Some(customer.id), branch })
}

/// The account that a customer has now: the one that their own was merged into, if it was.
pub(crate) fn account_of(work: &mut Permit<'_, '_>, customer: CustomerId) -> Result<Option<Account>> {
    let mut account = work.find::<Account>(&customer.into())?;
    while let Some(survivor) = account.as_ref().and_then(|account| account.merged_into) {
        account = work.find(&survivor)?;
    }
    Ok(account)
}

/// A customer who is created is a member, unless the programme wants them to be enrolled.
pub(crate) fn on_customer(work: &mut UnitOfWork<'_>, customer: CustomerId) -> Result<()> {
    let mut work = work.permit(ENROL, &Target::customer(customer))?;
    let now = work.now();
    if current(&mut work, now)?.is_some_and(|terms| terms.programme.enrolment == Enrolment::Explicit) {
        return Ok(());
    }
    enrol(&mut work, customer).map(|_| ())
}

impl Club<'_, '_> {
    /// Makes a customer a member of the club; who is one already has the account they have. Customers who are created
    /// while the club is there are members from then on, unless the programme says otherwise.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # use crm_core::loyalty::programme::Enrolment;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.enrolment = Enrolment::Explicit;
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// // The programme wants members to be enrolled.
    /// let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// let account = work.loyalty().enrol(ala)?;
    /// assert_eq!(account.customer_id, Some(ala));
    /// assert_eq!(work.loyalty().enrol(ala)?, account, "the account they have");
    /// assert_eq!(work.loyalty().account(ala.into())?, account);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such customer within reach.
    pub fn enrol(&mut self, customer: CustomerId) -> Result<Account> {
        let (mut work, customer) = self.0.permit_on::<Customer>(ENROL, customer)?;
        enrol(&mut work, customer.id)
    }

    /// An account.
    ///
    /// There is an example at [`enrol`](Self::enrol).
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn account(&mut self, account: AccountId) -> Result<Account> {
        self.0.within(READ)?.get(account)
    }

    /// What is on an account now, by asset: what is due has happened (S-06, S-10).
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
    /// work.loyalty().adjust(ala.into(), Asset::Points, 300, "bought before there was a club", "1")?;
    /// let balances = work.loyalty().balances(ala.into())?;
    /// assert_eq!(balances[&Asset::Points].available, 300);
    /// let now = work.now();
    /// assert_eq!(work.loyalty().balances_at(ala.into(), now, None)?, balances);
    ///
    /// // What it is made of, and what has led to it.
    /// assert_eq!(work.loyalty().lots(ala.into())?[0].remaining, 300);
    /// let entries = work.loyalty().entries(ala.into(), Limit::new(10)?, None)?.items;
    /// assert_eq!(entries[0].reason.as_deref(), Some("bought before there was a club"));
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn balances(&mut self, account: AccountId) -> Result<BTreeMap<Asset, Amounts>> {
        let (mut work, account) = self.on_account(READ, account)?;
        Ok(standing(&mut work, &account)?.all().clone())
    }

    /// What was on an account at an instant, and by what was known at another: now, if left out (S-48). Reads all entries of
    /// the account.
    ///
    /// There is an example at [`balances`](Self::balances).
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with `loyalty.in_the_future`.
    pub fn balances_at(
        &mut self,
        account: AccountId,
        at: Timestamp,
        known_at: Option<Timestamp>,
    ) -> Result<BTreeMap<Asset, Amounts>> {
        let (mut work, account) = self.0.permit_on::<Account>(READ, account)?;
        let now = work.now();
        let known = known_at.unwrap_or(now);
        if at.max(known) > now {
            return Err(Error::invalid("at", "loyalty.in_the_future"));
        }
        held_at(&mut work, &account, at, known)
    }

    /// The lots of an account, or of the one it was merged into, of which something is left now, in the order in which they are
    /// used (S-04).
    ///
    /// There is an example at [`balances`](Self::balances).
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn lots(&mut self, account: AccountId) -> Result<Vec<Lot>> {
        let (mut work, account) = self.on_account(READ, account)?;
        open_lots(&mut work, &account)
    }

    /// One page of the entries of an account, the latest first.
    ///
    /// There is an example at [`balances`](Self::balances).
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn entries(&mut self, account: AccountId, limit: Limit, after: Option<&Cursor>) -> Result<Page<Entry>> {
        let (mut work, account) = self.0.permit_on::<Account>(READ, account)?;
        work.select(entry::account_id.eq(account.id)).descending().page(limit, after)
    }

    /// Freezes an account, so that it earns and nothing is redeemed, thaws it, or closes it (S-49). What is set aside is
    /// freed. What is closed must be empty.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// use crm_core::loyalty::ledger::AccountState::{Active, Frozen};
    /// work.loyalty().set_state(ala.into(), Frozen, "the telephone was stolen", "freeze 1")?;
    /// assert_eq!(work.loyalty().account(ala.into())?.state, Frozen);
    /// work.loyalty().set_state(ala.into(), Active, "it was found", "thaw 1")?;
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with `loyalty.not_empty` when something is on an account that is to be
    /// closed, `loyalty.closed` when it is closed; [`Error::IdempotencyMismatch`].
    pub fn set_state(
        &mut self,
        account: AccountId,
        state: AccountState,
        reason: &str,
        idempotency_key: &str,
    ) -> Result<()> {
        let (mut work, account) = self.0.permit_on::<Account>(MANAGE, account)?;
        work.once("loyalty.set_state", idempotency_key, &(account.id, state, reason), |work| {
            let reason = required_text("reason", reason, MAX_REASON)?;
            let mut book = Book::open(work, account.id)?;
            let from = book.account().state;
            if from == AccountState::Closed {
                return Err(Error::invalid("account", "loyalty.closed"));
            }
            if state != AccountState::Active {
                for hold in book.account().open_holds.0.clone() {
                    book.void(work, hold, Some(reason.clone()))?;
                }
            }
            if state == AccountState::Closed && !book.is_empty(work)? {
                return Err(Error::invalid("account", "loyalty.not_empty"));
            }
            book.set_state(state);
            let (id, customer, branch) = (book.account().id, book.account().customer_id, book.account().branch_id);
            book.close(work)?;
            if from != state {
                let reason = Some(reason);
                work.emit(&AccountStateChanged { account: id, customer, branch, from, to: state, reason })?;
            }
            Ok(())
        })
    }

    /// Forgives a debt, or a part of it (S-30).
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
    /// use crm_core::returns::{NewReturn, NewReturnLine};
    /// // What was earned is spent, and then what had earned it comes back.
    /// let sold = work.purchases().record(&sale("1", 10, NewTender::cash_rest()), "1")?.purchase;
    /// let tenders = [crm_loyalty::redemption::credit(zloty(5)), NewTender::cash_rest()];
    /// let new = NewPurchase::of(branch.id, "2", [NewLine::of(tea, 1)], tenders).by(ala);
    /// work.purchases().record(&new, "2")?;
    /// work.returns().record(&NewReturn::of(sold, [NewReturnLine::of(1, 10)]), "back")?;
    /// let owed = work.loyalty().balances(ala.into())?[&credit].debt;
    /// assert_eq!(owed, 475, "five złoty, less what the second purchase has earned");
    ///
    /// work.loyalty().write_off(ala.into(), credit, owed, "our mistake", "write off 1")?;
    /// assert_eq!(work.loyalty().balances(ala.into())?[&credit].debt, 0);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with `loyalty.amount`, `loyalty.debt` for more than is owed, and for a reason
    /// that is missing; [`Error::IdempotencyMismatch`].
    pub fn write_off(
        &mut self,
        account: AccountId,
        asset: Asset,
        amount: i64,
        reason: &str,
        idempotency_key: &str,
    ) -> Result<EntryId> {
        let (mut work, account) = self.0.permit_on::<Account>(ADJUST, account)?;
        work.once("loyalty.write_off", idempotency_key, &(account.id, asset, amount, reason), |work| {
            let reason = required_text("reason", reason, MAX_REASON)?;
            let mut book = Book::open(work, account.id)?;
            let entry = book.write_off(work, asset, amount, &Cause { reason: Some(reason), ..Cause::default() })?;
            book.close(work)?;
            Ok(entry)
        })
    }

    /// Sets an account right by hand: gives something without an end, or takes something.
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
    /// work.loyalty().adjust(ala.into(), Asset::Points, 300, "bought before there was a club", "adjust 1")?;
    /// let taken = work.loyalty().adjust(ala.into(), Asset::Points, -100, "counted twice", "adjust 2")?;
    /// assert_eq!(work.loyalty().balances(ala.into())?[&Asset::Points].available, 200);
    ///
    /// // Whoever did not hear the answer asks again: it is done once.
    /// assert_eq!(work.loyalty().adjust(ala.into(), Asset::Points, -100, "counted twice", "adjust 2")?, taken);
    /// assert_eq!(work.loyalty().balances(ala.into())?[&Asset::Points].available, 200);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] with `loyalty.amount` for nothing, `loyalty.not_enough`, `loyalty.closed`, and
    /// for a reason that is missing; [`Error::IdempotencyMismatch`].
    pub fn adjust(
        &mut self,
        account: AccountId,
        asset: Asset,
        amount: i64,
        reason: &str,
        idempotency_key: &str,
    ) -> Result<EntryId> {
        let (mut work, account) = self.0.permit_on::<Account>(ADJUST, account)?;
        work.once("loyalty.adjust", idempotency_key, &(account.id, asset, amount, reason), |work| {
            let reason = Some(required_text("reason", reason, MAX_REASON)?);
            let mut book = Book::open(work, account.id)?;
            let (kind, now) = (EntryKind::Adjust, work.now());
            let entry = if amount > 0 {
                let give = Give {
                    asset,
                    amount,
                    kind,
                    source: LotSource::Adjusted,
                    occurred_at: now,
                    available_at: now,
                    expires_at: NEVER,
                    purchase: None,
                    branch: None,
                    campaign: None,
                    reason,
                    repays_debt: false,
                };
                book.give(work, &give)?.entry
            } else {
                let amount = amount.checked_neg().ok_or_else(|| Error::invalid("amount", "loyalty.overflow"))?;
                let take = Take {
                    asset,
                    amount,
                    kind,
                    to: PostingAccount::Adjustment,
                    occurred_at: now,
                    purchase: None,
                    branch: None,
                    reason,
                    not_of: None,
                };
                book.take(work, &take)?.entry
            };
            book.close(work)?;
            Ok(entry)
        })
    }

    /// Writes down what is due on an account. It may run late, twice or at the same time: what it writes does not depend on
    /// that, and nothing that is read does (S-06).
    ///
    /// There is an example at [`rebuild`](Self::rebuild).
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn settle(&mut self, account: AccountId) -> Result<()> {
        let (mut work, account) = self.0.permit_on::<Account>(MAINTAIN, account)?;
        Book::open(&mut work, account.id)?.close(&mut work)
    }

    /// Makes the balances and what is left of the lots of an account anew, of its entries alone (S-02, T-2), and returns how
    /// many rows were wrong.
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
    /// work.loyalty().adjust(ala.into(), Asset::Points, 300, "bought before there was a club", "1")?;
    /// work.loyalty().settle(ala.into())?;
    /// assert_eq!(work.loyalty().rebuild(ala.into())?, 0, "what is kept for speed is what the entries say");
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn rebuild(&mut self, account: AccountId) -> Result<usize> {
        let (mut work, account) = self.0.permit_on::<Account>(MAINTAIN, account)?;
        super::rebuild::rebuild(&mut work, account.id)
    }
}
