//! The desk: where the code of a gift card is shown.
//!
//! A code that was tried in vain must be counted also when what it was tried for fails. So a code is shown in a unit of
//! work of its own, which is committed whatever comes of it, and what it is good for is a ticket.

use std::time::Duration;

use crm_core::access::{Actor, Target};
use crm_core::accounts::{Guard, Key, Source};
use crm_core::branches::{Branch, BranchId};
use crm_core::customers::CustomerId;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::gift_cards::{Attempt, GiftCard, GiftCode, GiftTicket, GiftTicketId};
use crm_core::loyalty::ledger::{Account, AccountState, Balance};
use crm_core::reexport::Uuid;
use crm_core::work::{Permit, UnitOfWork, Version};
use crm_core::{Crm, Error, Result};

use super::event::{GiftCardShown, GiftCodeTried};
use super::{GiftKey, asset, terms};
use crate::ledger::Book;

/// Permission to take codes of gift cards from whoever shows them.
pub const SHOW: &str = "loyalty.gift_cards.show";

/// How long a ticket is good.
const TICKET: Duration = Duration::from_secs(15 * 60);

/// How often it is tried again when others are counted for the first time at the same moment.
const TRIES: usize = 8;

/// The code of a gift card, as it is shown.
#[derive(Clone)]
pub struct ShowGift {
    /// What was typed or read.
    pub code: String,
    /// Where.
    pub branch: BranchId,
    /// By which customer, if known: a card may be theirs alone.
    pub customer: Option<CustomerId>,
    /// From where the request comes: see [`Source`].
    pub source: Source,
}

impl std::fmt::Debug for ShowGift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShowGift").field("branch", &self.branch).finish_non_exhaustive()
    }
}

/// A good gift card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GiftShown {
    /// What the tender [`GIFT_CARD`](super::GIFT_CARD) takes, at the same branch, once: see [`GiftTender`](super::GiftTender).
    pub ticket: GiftTicketId,
    /// What can be spent.
    pub balance: Money,
    /// The first instant at which the card can no longer be spent.
    pub expires_at: Timestamp,
    /// The first instant at which the ticket is no longer good.
    pub ticket_ends_at: Timestamp,
}

/// The desk of a store: `crm.gift_desk()`.
pub struct GiftDesk<'c>(&'c Crm);

/// Where codes are shown, as an extension of the door.
pub trait CrmGiftDesk {
    /// Where codes of gift cards are shown.
    fn gift_desk(&self) -> GiftDesk<'_>;
}

impl CrmGiftDesk for Crm {
    fn gift_desk(&self) -> GiftDesk<'_> {
        GiftDesk(self)
    }
}

impl GiftDesk<'_> {
    /// Shows a code: to ask what is left, or to pay. Codes that are tried in vain are counted, for the actor, the source, the
    /// beginning of the code and everybody, before anything is paid, and after some of them none is heard for a while:
    /// see [`AttemptLimits`](crm_core::loyalty::gift_cards::AttemptLimits).
    ///
    /// There is an example at [`activate_gift_card`](crate::Club::activate_gift_card).
    ///
    /// # Errors
    /// [`Error::Invalid`] with `gift_code.format` or `gift_code.check` for a slip of the hand, which is no attempt;
    /// `gift_card.refused`, whatever the reason: the answer, and the work it costs, are the same for a code that nobody
    /// has, and for a card that has expired, is blocked, empty, not sold yet, somebody else's, or not good here (T-18);
    /// `gift_card.wait` when none is heard at present, whatever was shown; [`Error::Denied`] without [`SHOW`];
    /// [`Error::Setup`] without a key.
    pub async fn show(&self, actor: &Actor, show: &ShowGift) -> Result<GiftShown> {
        let code = GiftCode::parse(&show.code)?;
        let mut tries = 0;
        loop {
            let (show, tried) = (show.clone(), tries);
            let shown = self.0.run(actor, "show a gift card", move |work| look(work, &code, &show)).await;
            match shown {
                Err(Error::AlreadyExists { kind: "login_guard", .. }) if tried < TRIES => tries += 1,
                Ok(Look::Good(shown)) => return Ok(shown),
                Ok(Look::Refused) => return Err(Error::invalid("code", "gift_card.refused")),
                Ok(Look::Unheard) => return Err(Error::invalid("code", "gift_card.wait")),
                Err(error) => return Err(error),
            }
        }
    }
}

/// How showing a code ended. Each of them is committed.
enum Look {
    Good(GiftShown),
    Refused,
    Unheard,
}

fn look(work: &mut UnitOfWork<'_>, code: &GiftCode, show: &ShowGift) -> Result<Look> {
    let target = Target { customer: show.customer, ..Target::branch(show.branch) };
    let mut work = work.permit(SHOW, &target)?;
    let key = GiftKey::of(&work)?;
    let (terms, _) = terms(&mut work)?;
    let branch: Branch = work.get(show.branch)?;
    let now = work.now();
    let attempt = Attempt::of(terms.limits, work.actor().principal(), &show.source, code);
    let stored = work.get_many::<Guard>(&attempt.ids())?;
    let Some(heard) = attempt.hear(stored, now) else { return Ok(Look::Unheard) };
    let card = find(&mut work, code, key)?;
    let is_good = |card: &GiftCard| {
        let is_here = card.branch_id.is_none_or(|home| home == branch.id) && card.currency == branch.currency;
        card.is_good(show.customer, now) && is_here
    };
    let shown = match card.filter(is_good) {
        Some(card) => ticket(&mut work, &card, show)?,
        None => None,
    };
    let Some(shown) = shown else {
        let uses_up = heard.uses_up();
        write(&mut work, heard.in_vain(now))?;
        if uses_up {
            work.emit(&GiftCodeTried { branch: branch.id })?;
        }
        return Ok(Look::Refused);
    };
    write(&mut work, heard.good(now))?;
    Ok(Look::Good(shown))
}

fn write(work: &mut Permit<'_, '_>, (new, old): (Vec<Guard>, Vec<Guard>)) -> Result<()> {
    work.insert_all(&new)?;
    old.into_iter().try_for_each(|mut guard| work.update(&mut guard))
}

/// The card with this code, and what is on it. The same rows are asked for when there is none.
fn find(work: &mut Permit<'_, '_>, code: &GiftCode, key: &Key) -> Result<Option<GiftCard>> {
    let digest = code.digest(key);
    let card = work.find::<GiftCard>(&digest.id())?.filter(|card| card.code_hash == digest.text());
    let nobody = Uuid::nil().into();
    let account = card.as_ref().and_then(|card| card.account_id).unwrap_or(nobody);
    let account = work.find::<Account>(&account)?;
    let currency = card.as_ref().map_or(Currency::EUR, |card| card.currency);
    let on = account.as_ref().map_or(nobody, |account| account.id);
    let balance = work.find::<Balance>(&(on, Asset::Gift(currency)))?;
    let is_alive = account.is_some_and(|account| account.state == AccountState::Active);
    Ok(card.filter(|_| is_alive && balance.is_some_and(|balance| balance.available > 0)))
}

/// A ticket for a good card; none if nothing is on it any more.
fn ticket(work: &mut Permit<'_, '_>, card: &GiftCard, show: &ShowGift) -> Result<Option<GiftShown>> {
    let Some(account) = card.account_id else { return Ok(None) };
    let mut book = Book::open(work, account)?;
    let available = book.available(work, asset(card))?;
    book.close(work)?;
    if available <= 0 {
        return Ok(None);
    }
    let now = work.now();
    let mut id = [0; 16];
    work.randomness().fill(&mut id)?;
    let ticket = GiftTicket {
        id: Uuid::from_bytes(id).into(),
        version: Version::FIRST,
        card_id: card.id,
        account_id: account,
        branch_id: show.branch,
        customer_id: show.customer,
        shown_at: now,
        ends_at: now.checked_add(TICKET)?,
        used: false,
        hold_id: None,
    };
    work.insert(&ticket)?;
    work.emit(&GiftCardShown { card: card.id, branch: show.branch, customer: show.customer })?;
    let balance = Money::new(available, card.currency);
    Ok(Some(GiftShown { ticket: ticket.id, balance, expires_at: card.expires_at, ticket_ends_at: ticket.ends_at }))
}
