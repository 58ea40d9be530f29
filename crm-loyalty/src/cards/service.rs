//! Issuing cards, and what becomes of them.

use crm_core::access::Target;
use crm_core::branches::BranchId;
use crm_core::customers::{Customer, CustomerId, SearchField, SearchKey, customer};
use crm_core::kernel::input::fold_code;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::cards::{BlockReason, Card, CardId, CardState, CardTerms, Step, card, draw_number, step};
use crm_core::loyalty::ledger::{Account, AccountId, Hold, NEVER, hold};
use crm_core::loyalty::programme::Validity;
use crm_core::work::{Permit, UnitOfWork, Version};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::event::{CardChanged, CardRefused};
use crate::{Club, ledger, programme};

/// Permission to issue, activate and replace cards.
pub const ISSUE: &str = "loyalty.cards.issue";
/// Permission to block cards, and to free them again.
pub const BLOCK: &str = "loyalty.cards.block";
/// Permission to look cards up.
pub const READ: &str = "loyalty.cards.read";

/// The longest number.
const MAX_NUMBER: usize = 64;

/// A card to issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCard {
    /// The member; who is none becomes one.
    pub customer: CustomerId,
    /// What is on it, if it is printed already: letters and digits. Otherwise a number is drawn.
    #[serde(default)]
    pub number: Option<String>,
    /// Whether it is in use at once.
    #[serde(default)]
    pub active: bool,
}

impl NewCard {
    /// A card with a number of its own, in use at once.
    pub fn active(customer: CustomerId) -> Self {
        Self { customer, number: None, active: true }
    }
}

/// A card that was reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Blocked {
    /// The card.
    pub card: Card,
    /// What was set aside with it since it was lost: to be looked at.
    pub to_review: Vec<Hold>,
}

/// What came of showing a card at a till.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// It is good.
    Good(Card),
    /// It is not: it was blocked or replaced, is not in use yet, or has expired. The journal says that it was shown.
    Refused(Card),
}

impl Club<'_, '_> {
    /// Issues a card to a member. Done once for each `idempotency_key`.
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
    /// use crm_core::loyalty::cards::BlockReason;
    /// use crm_loyalty::cards::{NewCard, Shown};
    /// let card = work.loyalty().issue_card(&NewCard::active(ala), "card 1")?;
    /// assert!(matches!(work.loyalty().show_card(&card.number, branch.id)?, Shown::Good(_)));
    ///
    /// // It is lost: blocked at once. Another is issued in its place, and the old number still finds the member.
    /// work.loyalty().block_card(card.id, BlockReason::Lost, None)?;
    /// let new = work.loyalty().replace_card(card.id, None, "card 2")?;
    /// assert!(matches!(work.loyalty().show_card(&card.number, branch.id)?, Shown::Refused(_)));
    /// assert_eq!(work.loyalty().card_by_number(&card.number)?.customer_id, ala);
    /// assert_eq!(new.account_id, card.account_id);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer out of reach; [`Error::Invalid`] with `card.another` when the account has an active
    /// card and the programme knows no family cards, `code.format` for a number that is none, `card.taken` for one that is
    /// on another card or in a customer's record ([`adopt_card`](Self::adopt_card) takes that over);
    /// [`Error::IdempotencyMismatch`].
    pub fn issue_card(&mut self, new: &NewCard, idempotency_key: &str) -> Result<Card> {
        let (mut work, customer) = self.0.permit_on::<Customer>(ISSUE, new.customer)?;
        // The number is personal, so it is not kept with the command.
        let id = work.once("loyalty.issue_card", idempotency_key, new, |work| {
            let account = lock_account(work, customer.id)?;
            issue(work, &account, new.number.as_deref(), new.active, None).map(|card| card.id)
        })?;
        work.get(id)
    }

    /// Takes the number that stands in a customer's record over as an active card of the club: it was issued by a system
    /// before. It stands on the card from then on, and no longer in the record.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// let new = NewCustomer { card_no: Some("KK1234".into()), ..NewCustomer::person("Ala") };
    /// let ala = work.customers().create(new)?.id;
    /// let card = work.loyalty().adopt_card(ala)?;
    /// assert_eq!(card.number, "KK1234");
    /// assert_eq!(work.customers().get(ala)?.card_no, None, "a number has one home");
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`issue_card`](Self::issue_card); `card.none` when there is no number in the record; what changing the record
    /// refuses.
    pub fn adopt_card(&mut self, customer: CustomerId) -> Result<Card> {
        let (_, mut record) = self.0.permit_on::<Customer>(ISSUE, customer)?;
        let number = record.card_no.take().ok_or_else(|| Error::invalid("customer", "card.none"))?;
        // It is written before the number is looked for.
        self.0.attempt(|work| work.customers().update(&mut record))?;
        let (mut work, _) = self.0.permit_on::<Customer>(ISSUE, customer)?;
        let account = lock_account(&mut work, customer)?;
        issue(&mut work, &account, Some(&number), true, None)
    }

    /// Puts a card into use that was issued without.
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
    /// use crm_core::loyalty::cards::{BlockReason, CardState};
    /// use crm_loyalty::cards::NewCard;
    /// let sent = work.loyalty().issue_card(&NewCard { active: false, ..NewCard::active(ala) }, "card 1")?;
    /// let card = work.loyalty().activate_card(sent.id)?;
    /// assert_eq!(card.state, CardState::Active);
    ///
    /// // Reported lost, and found again.
    /// work.loyalty().block_card(card.id, BlockReason::Lost, None)?;
    /// work.loyalty().unblock_card(card.id)?;
    /// assert_eq!(work.loyalty().cards_of(ala)?[0].state, CardState::Active);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for a card out of reach; `card.another` as in [`issue_card`](Self::issue_card); those of
    /// [`step`].
    pub fn activate_card(&mut self, id: CardId) -> Result<Card> {
        let (mut work, found) = self.0.permit_on::<Card>(ISSUE, id)?;
        let account = lock_account(&mut work, found.customer_id)?;
        let mut card: Card = work.get(id)?;
        card.state = step(&card, Step::Activate, work.now())?;
        only_one(&mut work, &account, Some(id))?;
        card.activated_at = Some(work.now());
        change(&mut work, &mut card)?;
        Ok(card)
    }

    /// Blocks a card at once that was reported lost, stolen or damaged, and lists what was set aside with it since it was
    /// out of its owner's hands.
    ///
    /// There is an example at [`issue_card`](Self::issue_card).
    ///
    /// # Errors
    /// [`Error::NotFound`] for a card out of reach; `card.lost_at` for a time to come; those of [`step`].
    pub fn block_card(&mut self, id: CardId, reason: BlockReason, lost_at: Option<Timestamp>) -> Result<Blocked> {
        let (mut work, found) = self.0.permit_on::<Card>(BLOCK, id)?;
        if lost_at.is_some_and(|lost_at| lost_at > work.now()) {
            return Err(Error::invalid("lost_at", "card.lost_at"));
        }
        lock_account(&mut work, found.customer_id)?;
        let mut card: Card = work.get(id)?;
        card.state = step(&card, Step::Block(reason), work.now())?;
        // Stolen is stolen, whatever else is reported of it.
        if card.blocked_for != Some(BlockReason::Stolen) {
            card.blocked_for = Some(reason);
        }
        card.lost_at = card.lost_at.into_iter().chain(lost_at).min();
        change(&mut work, &mut card)?;
        let since = card.lost_at.unwrap_or(work.now());
        let with_it = hold::account_id.eq(card.account_id).and(hold::card_id.eq(Some(id.into())));
        let to_review = work.select(with_it.and(hold::made_at.ge(since))).all()?;
        Ok(Blocked { card, to_review })
    }

    /// Frees a card that was found again.
    ///
    /// There is an example at [`activate_card`](Self::activate_card).
    ///
    /// # Errors
    /// [`Error::NotFound`] for a card out of reach; `card.another` when another is active by now; those of [`step`].
    pub fn unblock_card(&mut self, id: CardId) -> Result<Card> {
        let (mut work, found) = self.0.permit_on::<Card>(BLOCK, id)?;
        let account = lock_account(&mut work, found.customer_id)?;
        let mut card: Card = work.get(id)?;
        card.state = step(&card, Step::Unblock, work.now())?;
        if card.state == CardState::Active {
            only_one(&mut work, &account, Some(id))?;
        }
        (card.blocked_for, card.lost_at) = (None, None);
        change(&mut work, &mut card)?;
        Ok(card)
    }

    /// Issues a card in the place of another: a new number on the same account, in use at once. Nothing is copied, and the
    /// old card is never good again (C76). Done once for each `idempotency_key`.
    ///
    /// There is an example at [`issue_card`](Self::issue_card).
    ///
    /// # Errors
    /// [`Error::NotFound`] for a card out of reach; `card.replaced` when another is in its place already; as
    /// [`issue_card`](Self::issue_card).
    pub fn replace_card(&mut self, id: CardId, number: Option<&str>, idempotency_key: &str) -> Result<Card> {
        let (mut work, found) = self.0.permit_on::<Card>(ISSUE, id)?;
        let new = work.once("loyalty.replace_card", idempotency_key, &(id, number), |work| {
            let account = lock_account(work, found.customer_id)?;
            let mut old: Card = work.get(id)?;
            old.state = step(&old, Step::Replace, work.now())?;
            change(work, &mut old)?;
            issue(work, &account, number, true, Some(id)).map(|card| card.id)
        })?;
        work.get(new)
    }

    /// The card with this number, good or not: it leads to the member, also when another has replaced it.
    ///
    /// There is an example at [`issue_card`](Self::issue_card).
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn card_by_number(&mut self, number: &str) -> Result<Card> {
        let number = fold_code("number", number, MAX_NUMBER)?;
        let found = self.0.within(READ)?.select(card::number.eq(number)).first()?;
        found.ok_or_else(|| Error::not_found("loyalty_card", "with this number"))
    }

    /// A card is shown at a till to spend what is on its account. One that is not good is refused, which the journal keeps:
    /// so the refusal is a value, and its unit of work is committed.
    ///
    /// There is an example at [`issue_card`](Self::issue_card).
    ///
    /// # Errors
    /// As [`card_by_number`](Self::card_by_number).
    pub fn show_card(&mut self, number: &str, branch: BranchId) -> Result<Shown> {
        let card = self.card_by_number(number)?;
        let (mut work, card) = self.0.permit_on::<Card>(READ, card.id)?;
        if card.is_good(work.now()) {
            return Ok(Shown::Good(card));
        }
        work.emit(&CardRefused { card: card.id, customer: card.customer_id, branch, state: card.state })?;
        Ok(Shown::Refused(card))
    }

    /// The cards of a member, the first first.
    ///
    /// There is an example at [`activate_card`](Self::activate_card).
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer out of reach.
    pub fn cards_of(&mut self, customer: CustomerId) -> Result<Vec<Card>> {
        let (mut work, customer) = self.0.permit_on::<Customer>(READ, customer)?;
        let Some(account) = ledger::account_of(&mut work, customer.id)? else { return Ok(Vec::new()) };
        work.select(card::account_id.eq(account.id)).all()
    }
}

/// The account of a member, locked: its cards are changed by one at a time.
fn lock_account(work: &mut Permit<'_, '_>, customer: CustomerId) -> Result<Account> {
    let mut account = ledger::enrol(work, customer)?;
    account = work.lock(account.id)?;
    while let Some(survivor) = account.merged_into {
        account = work.lock(survivor)?;
    }
    Ok(account)
}

fn issue(
    work: &mut Permit<'_, '_>,
    account: &Account,
    number: Option<&str>,
    active: bool,
    replaces: Option<CardId>,
) -> Result<Card> {
    let now = work.now();
    let member = account.customer_id.ok_or_else(|| Error::invalid("customer", "card.no_member"))?;
    let (terms, expires_at) = match programme::current(work, now)? {
        Some(current) => {
            let programme = &current.programme;
            let validity = programme.cards.valid_for.map_or(Validity::Forever, Validity::For);
            (programme.cards.clone(), validity.ends(now, &programme.dates()))
        }
        None => (CardTerms::default(), NEVER),
    };
    let number = match number {
        Some(number) => free_number(work, fold_code("number", number, MAX_NUMBER)?)?,
        None => draw_number(&terms.prefix, terms.digits, work.randomness())?,
    };
    if active {
        only_one(work, account, None)?;
    }
    let card = Card {
        id: work.new_id(),
        version: Version::FIRST,
        number,
        customer_id: member,
        account_id: account.id,
        branch_id: account.branch_id,
        state: if active { CardState::Active } else { CardState::Issued },
        blocked_for: None,
        lost_at: None,
        issued_at: now,
        activated_at: active.then_some(now),
        expires_at,
        replaces_id: replaces,
    };
    work.insert(&card)?;
    work.insert(&key(&card))?;
    work.emit(&CardChanged::of(&card))?;
    Ok(card)
}

fn change(work: &mut Permit<'_, '_>, card: &mut Card) -> Result<()> {
    work.update(card)?;
    work.emit(&CardChanged::of(card)).map(|_| ())
}

/// By what the search box finds the member.
fn key(card: &Card) -> SearchKey {
    SearchKey { field: SearchField::MemberCard, token: card.number.clone(), customer_id: card.customer_id }
}

/// A number that is on no card and in nobody's record.
fn free_number(work: &mut Permit<'_, '_>, number: String) -> Result<String> {
    let on_a_card = work.select(card::number.eq(number.as_str())).first()?.is_some();
    let in_a_record = work.select(customer::card_no.eq(Some(number.clone()))).first()?.is_some();
    if on_a_card || in_a_record { Err(Error::invalid("number", "card.taken")) } else { Ok(number) }
}

/// Several active cards of one account are for families alone (S-36).
fn only_one(work: &mut Permit<'_, '_>, account: &Account, but: Option<CardId>) -> Result<()> {
    let now = work.now();
    let family = programme::current(work, now)?.is_some_and(|current| current.programme.cards.family);
    if family {
        return Ok(());
    }
    let cards = work.select(card::account_id.eq(account.id)).all()?;
    if cards.iter().any(|card| card.is_good(now) && Some(card.id) != but) {
        return Err(Error::invalid("customer", "card.another"));
    }
    Ok(())
}

/// A card goes to another member, with what it is found by (S-44).
pub(crate) fn re_key(work: &mut Permit<'_, '_>, mut card: Card, to: &Account) -> Result<()> {
    let Some(member) = to.customer_id else { return Ok(()) };
    work.delete(&key(&card))?;
    (card.account_id, card.customer_id, card.branch_id) = (to.id, member, to.branch_id);
    work.insert(&key(&card))?;
    change(work, &mut card)
}

/// A number that comes into a customer's record is on no card: a number has one home.
pub(crate) fn on_card_no(work: &mut UnitOfWork<'_>, id: CustomerId) -> Result<()> {
    let mut work = work.permit(READ, &Target::customer(id))?;
    let Some(number) = work.find::<Customer>(&id)?.and_then(|customer| customer.card_no) else { return Ok(()) };
    match work.select(card::number.eq(number)).first()? {
        Some(_) => Err(Error::invalid("card_no", "card.taken")),
        None => Ok(()),
    }
}

/// Whether something can be spent from an account with a card: a good one of that account (S-36). What is set aside or paid
/// without a card is not asked.
///
/// # Errors
/// `card.refused`
pub(crate) fn may_spend(work: &mut Permit<'_, '_>, id: CardId, account: AccountId) -> Result<()> {
    let now = work.now();
    let card = work.find::<Card>(&id)?;
    let is_good = card.is_some_and(|card| card.account_id == account && card.is_good(now));
    if is_good { Ok(()) } else { Err(Error::invalid("card", "card.refused")) }
}
