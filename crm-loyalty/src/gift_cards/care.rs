//! What staff do with gift cards of which they know the serial number, never the code.

use crm_core::access::Target;
use crm_core::kernel::input::required_text;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::loyalty::gift_cards::{GiftCard, GiftCardId, GiftStep, GiftTicket, gift_card, gift_step, gift_ticket};
use crm_core::loyalty::ledger::{AccountId, Lot, lot};
use crm_core::work::Permit;
use crm_core::{Error, Result};

use super::event::GiftCardChanged;
use super::sale::{change, living};
use super::{asset, terms};
use crate::Club;
use crate::ledger::{Book, Cause, ClawBack, Policy};

/// Permission to look gift cards up by their serial number.
pub const READ: &str = "loyalty.gift_cards.read";
/// Permission to block gift cards, to free them, and to pay out what is left.
pub const CARE: &str = "loyalty.gift_cards.care";

impl Club<'_, '_> {
    /// The gift card with this serial number, and what can be spent of it.
    ///
    /// There is an example at [`block_gift_card`](Self::block_gift_card).
    ///
    /// # Errors
    /// [`Error::NotFound`], also where the actor may not see it.
    pub fn gift_card(&mut self, serial: &str) -> Result<(GiftCard, Money)> {
        let serial = serial.trim().to_uppercase();
        let found = self.0.within(READ)?.select(gift_card::serial.eq(serial)).first()?;
        let card = found.ok_or_else(|| Error::not_found("gift_card", "with this serial number"))?;
        let (mut work, card) = self.0.permit_on::<GiftCard>(READ, card.id)?;
        let left = match card.account_id {
            Some(account) => usable(&mut work, account, &card)?,
            None => 0,
        };
        Ok((card.clone(), Money::new(left, card.currency)))
    }

    /// Blocks a gift card: whoever has the code cannot spend it.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::accounts::Key;
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::catalog::NewProduct;
    /// # use crm_core::kernel::money::Money;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::gift_cards::{Activation, NewBatch};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let loyalty = Loyalty::new().gift_card_key(Key::new(*b"0123456789abcdef0123456789abcdeF")?);
    /// # let crm = Crm::builder(MemoryStorage::new()).module(loyalty).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// # let face = Money::new(5_000, branch.currency);
    /// # let gift = work.catalog().create_product(NewProduct::service("gift", "Gift card", face))?.id;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.gift_cards.products = vec![gift];
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let made = work.loyalty().make_gift_batch(&NewBatch { name: "A".into(), branch: None, face, size: 1 })?;
    /// # work.loyalty().release_gift_batch(made.batch.id)?;
    /// # let sale = |receipt: &str| NewPurchase::of(branch.id, receipt, [NewLine::of(gift, 1)], [NewTender::cash_rest()]);
    /// # let purchase = work.purchases().record(&sale("1"), "1")?.purchase;
    /// # let new = Activation { serial: "A-0001".into(), purchase, line_no: 1, owner: None };
    /// # work.loyalty().activate_gift_card(&new, "card 1")?;
    /// let (card, left) = work.loyalty().gift_card("A-0001")?;
    /// assert_eq!(left, face);
    /// work.loyalty().block_gift_card(card.id, "stolen from the post")?;
    ///
    /// // It was found again, and nobody wants it.
    /// work.loyalty().unblock_gift_card(card.id)?;
    /// assert_eq!(work.loyalty().pay_out_gift_card(card.id, "asked for", "pay out 1")?, face);
    /// assert_eq!(work.loyalty().gift_card("A-0001")?.1, Money::new(0, branch.currency));
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for a card out of reach; `text.required` and its sisters for the reason; those of [`gift_step`].
    pub fn block_gift_card(&mut self, id: GiftCardId, reason: &str) -> Result<GiftCard> {
        let (mut work, found) = self.0.permit_on::<GiftCard>(CARE, id)?;
        let reason = required_text("reason", reason, 500)?;
        let (_, mut card) = lock(&mut work, &found)?;
        card.state = gift_step(&card, GiftStep::Block, work.now())?;
        work.update(&mut card)?;
        work.emit(&GiftCardChanged { reason: Some(reason), ..GiftCardChanged::of(&card) })?;
        Ok(card)
    }

    /// Frees a gift card again.
    ///
    /// There is an example at [`block_gift_card`](Self::block_gift_card).
    ///
    /// # Errors
    /// As [`block_gift_card`](Self::block_gift_card).
    pub fn unblock_gift_card(&mut self, id: GiftCardId) -> Result<GiftCard> {
        let (mut work, found) = self.0.permit_on::<GiftCard>(CARE, id)?;
        let (book, mut card) = lock(&mut work, &found)?;
        let mut empty = false;
        if let Some(mut book) = book {
            empty = book.available(&mut work, asset(&card))? == 0;
            book.close(&mut work)?;
        }
        card.state = gift_step(&card, GiftStep::Unblock { empty }, work.now())?;
        change(&mut work, &mut card)?;
        Ok(card)
    }

    /// Takes what is left off a gift card, for the host to pay it out, and returns how much that is. Of a card that has
    /// expired it is what had expired, where the programme's [`ExpiredGifts`](crm_core::loyalty::gift_cards::ExpiredGifts)
    /// still allow it. Done once for each `idempotency_key`.
    ///
    /// There is an example at [`block_gift_card`](Self::block_gift_card).
    ///
    /// # Errors
    /// [`Error::NotFound`] for a card out of reach; `gift_card.forfeited` for an expired card when it is too late;
    /// `gift_card.empty` when nothing is left; those of [`gift_step`]; [`Error::IdempotencyMismatch`].
    pub fn pay_out_gift_card(&mut self, id: GiftCardId, reason: &str, idempotency_key: &str) -> Result<Money> {
        let (mut work, found) = self.0.permit_on::<GiftCard>(CARE, id)?;
        work.once("loyalty.pay_out_gift_card", idempotency_key, &(id, reason), |work| {
            let reason = required_text("reason", reason, 500)?;
            let account = living(&found)?;
            let (book, mut card) = lock(work, &found)?;
            let Some(mut book) = book else { return Err(Error::invalid("gift_card", "gift_card.step")) };
            let now = work.now();
            card.state = gift_step(&card, GiftStep::Refund, now)?;
            let (terms, _) = terms(work)?;
            let is_over = now >= card.expires_at;
            if is_over && !terms.expired.allows(card.expires_at, now) {
                return Err(Error::invalid("gift_card", "gift_card.forfeited"));
            }
            let available = book.available(work, asset(&card))?;
            // What expired here and now is not stored yet.
            let lots = lots_of(work, account)?;
            let stored: i64 = lots.iter().map(|lot| lot.remaining + lot.expired).sum();
            let amount = if is_over { stored } else { available };
            if amount <= 0 {
                return Err(Error::invalid("gift_card", "gift_card.empty"));
            }
            let own_lots = if is_over { lots.iter().map(|lot| lot.id).collect() } else { Vec::new() };
            let cause = Cause { reason: Some(reason.clone()), ..Cause::default() };
            let policy = Policy::Debt;
            let claw = ClawBack { asset: asset(&card), amount, owed: 0, own_lots, cause, policy };
            book.claw_back(work, &claw)?;
            book.close(work)?;
            let paid_out = Money::new(amount, card.currency);
            work.update(&mut card)?;
            let told = GiftCardChanged::of(&card);
            work.emit(&GiftCardChanged { reason: Some(reason), paid_out: Some(paid_out), ..told })?;
            Ok(paid_out)
        })
    }
}

impl Club<'_, '_> {
    /// Clears tickets away that are over and that nobody has paid with, up to so many, and returns how many there were.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// // In a timer of the host, now and then.
    /// use crm_core::kernel::page::Limit;
    /// while work.loyalty().forget_gift_tickets(Limit::new(100)?)? > 0 {}
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] without [`CARE`].
    pub fn forget_gift_tickets(&mut self, limit: Limit) -> Result<usize> {
        let mut work = self.0.permit(CARE, &Target::ANY)?;
        let over = gift_ticket::used.eq(false).and(gift_ticket::ends_at.le(work.now()));
        let page = work.select(over).order_by(gift_ticket::ends_at).page(limit, None)?;
        page.items.iter().try_for_each(|ticket: &GiftTicket| work.delete(ticket))?;
        Ok(page.items.len())
    }
}

/// The book of a card that has come to life, open, and the card as it is now.
fn lock(work: &mut Permit<'_, '_>, found: &GiftCard) -> Result<(Option<Book>, GiftCard)> {
    let book = found.account_id.map(|account| Book::open(work, account)).transpose()?;
    let card = work.lock(found.id)?;
    Ok((book, card))
}

fn lots_of(work: &mut Permit<'_, '_>, account: AccountId) -> Result<Vec<Lot>> {
    work.select(lot::account_id.eq(account)).all()
}

/// What can be spent at this instant, whether or not what is due was done.
fn usable(work: &mut Permit<'_, '_>, account: AccountId, card: &GiftCard) -> Result<i64> {
    let now = work.now();
    let is_usable = |lot: &&Lot| crm_core::loyalty::ledger::rules::is_usable(lot, asset(card), now, None);
    Ok(lots_of(work, account)?.iter().filter(is_usable).map(|lot| lot.remaining).sum())
}
