//! What a purchase puts on gift cards, and what a return takes off them again.

use crm_core::access::Target;
use crm_core::customers::{Customer, CustomerId};
use crm_core::instalments::InstalmentPlan;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::gift_cards::{GiftCard, GiftCardTerms, GiftSale, GiftStep, SoldGift, gift_card, gift_step};
use crm_core::loyalty::ledger::{AccountId, AccountKind, EntryKind, LotId, LotSource, NEVER};
use crm_core::loyalty::programme::{Compiled, Validity};
use crm_core::purchases::{Purchase, PurchaseId, PurchaseLine, purchase_line, tender};
use crm_core::returns::event::PurchaseReturned;
use crm_core::returns::return_line;
use crm_core::work::{Json, Permit, UnitOfWork, Version};
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::event::GiftCardChanged;
use super::tender::STORED;
use super::{asset, terms};
use crate::Club;
use crate::ledger::{Book, Cause, Give, NewAccount, open_account};

/// Permission to bring gift cards to life that were paid for.
pub const SELL: &str = "loyalty.gift_cards.sell";

/// A gift card that was paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// What is printed on its outside.
    pub serial: String,
    /// The purchase.
    pub purchase: PurchaseId,
    /// The line, of a product whose sale brings gift cards to life: one piece of it is this card.
    pub line_no: u16,
    /// Who alone is to spend it.
    #[serde(default)]
    pub owner: Option<CustomerId>,
}

impl Club<'_, '_> {
    /// Brings a gift card to life that was paid for: its money is on an account of its own from now on. Done once for each
    /// `idempotency_key`.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::accounts::{Key, Source};
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::catalog::NewProduct;
    /// # use crm_core::kernel::money::Money;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
    /// # use crm_core::{Crm, Error, MemoryStorage, Result};
    /// # use crm_loyalty::gift_cards::{Activation, CrmGiftDesk as _, GIFT_CARD, GiftTender, NewBatch, ShowGift};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let loyalty = Loyalty::new().gift_card_key(Key::new(*b"0123456789abcdef0123456789abcdeF")?);
    /// # let crm = Crm::builder(MemoryStorage::new()).module(loyalty).build_blocking()?;
    /// # let system = Actor::system();
    /// # let (branch, tea, gift) = crm.blocking().run(&system, "shop", |work| {
    /// #     let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// #     let price = |minor| Money::new(minor, branch.currency);
    /// #     let tea = work.catalog().create_product(NewProduct::service("tea", "Tea", price(1_000)))?.id;
    /// #     let gift = work.catalog().create_product(NewProduct::service("gift", "Gift card", price(5_000)))?.id;
    /// #     let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// #     programme.gift_cards.products = vec![gift];
    /// #     work.loyalty().save_programme(NewVersion::now(programme))?;
    /// #     Ok::<_, Error>((branch, tea, gift))
    /// # })?;
    /// # let currency = branch.currency;
    /// // Made and printed; the codes are in this answer and nowhere else. Then handed out, sold, and brought to life.
    /// let code = crm.blocking().run(&system, "sell a gift card", move |work| {
    ///     let new = NewBatch { name: "A".into(), branch: None, face: Money::new(5_000, currency), size: 1 };
    ///     let made = work.loyalty().make_gift_batch(&new)?;
    ///     work.loyalty().release_gift_batch(made.batch.id)?;
    ///     let sale = NewPurchase::of(branch.id, "1", [NewLine::of(gift, 1)], [NewTender::cash_rest()]);
    ///     let purchase = work.purchases().record(&sale, "1")?.purchase;
    ///     let card = made.cards().next().expect("one was made");
    ///     let new = Activation { serial: card.serial.to_owned(), purchase, line_no: 1, owner: None };
    ///     work.loyalty().activate_gift_card(&new, "card 1")?;
    ///     Ok::<_, Error>(card.code.expose())
    /// })?;
    ///
    /// // Shown at the desk, which counts attempts; the ticket pays once.
    /// let show = ShowGift { code, branch: branch.id, customer: None, source: Source::new("till 1") };
    /// let shown = crm.blocking().wait(crm.gift_desk().show(&system, &show))?;
    /// assert_eq!(shown.balance, Money::new(5_000, currency));
    /// let tender = NewTender::of(GIFT_CARD, Money::new(1_000, currency)).with_details(&GiftTender { ticket: shown.ticket })?;
    /// crm.blocking().run(&system, "sale", move |work| {
    ///     let sale = NewPurchase::of(branch.id, "2", [NewLine::of(tea, 1)], [tender.clone()]);
    ///     work.purchases().record(&sale, "2").map(|_| ())
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] for a purchase or a card out of reach; [`Error::Invalid`] with `gift_card.product` when the line
    /// sells no gift cards, `gift_card.face` when a piece of it costs something else, `gift_card.not_paid` while
    /// something of the purchase is owed, `gift_card.most` when more would be on it than may be, `gift_card.no_piece` when every piece of the line has its card or came back;
    /// those of [`gift_step`]; [`Error::IdempotencyMismatch`].
    pub fn activate_gift_card(&mut self, new: &Activation, idempotency_key: &str) -> Result<GiftCard> {
        let (mut work, _) = self.0.permit_on::<Purchase>(SELL, new.purchase)?;
        let id = work.once("loyalty.activate_gift_card", idempotency_key, new, |work| {
            let (purchase, mut sale) = paid_piece(work, new.purchase, new.line_no)?;
            let line: PurchaseLine = work.get((new.purchase, new.line_no))?;
            let mut card = by_serial(work, &new.serial)?;
            is_of_branch(&card, &purchase)?;
            if card.currency != purchase.currency || line.unit_price_minor != card.face_minor {
                return Err(Error::invalid("serial", "gift_card.face"));
            }
            if let Some(owner) = new.owner {
                work.get::<Customer>(owner)?;
            }
            let now = work.now();
            card.state = gift_step(&card, GiftStep::Activate, now)?;
            let (terms, programme) = terms(work)?;
            if terms.most_minor.is_some_and(|most| card.face_minor > most) {
                return Err(Error::invalid("serial", "gift_card.most"));
            }
            let account: AccountId = work.new_id();
            let (kind, branch) = (AccountKind::GiftCard, card.branch_id);
            open_account(work, NewAccount { id: account, kind, customer: new.owner, branch })?;
            card.account_id = Some(account);
            card.activated_at = Some(now);
            card.owner_id = new.owner;
            card.purchase_id = Some(purchase.id);
            card.expires_at = end(&terms, programme.as_deref(), work);
            let lot = put_on(work, &card, account, card.face_minor, &purchase)?;
            sale.push(work, SoldGift { card: card.id, lot, amount: card.face_minor })?;
            change(work, &mut card)?;
            Ok(card.id)
        })?;
        work.get::<GiftCard>(id)
    }

    /// Puts more money on a gift card, paid for by one piece of a line; it ends by its own date (S-35). Done once for each
    /// `idempotency_key`.
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
    /// # programme.gift_cards.reloadable = true;
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let made = work.loyalty().make_gift_batch(&NewBatch { name: "A".into(), branch: None, face, size: 1 })?;
    /// # work.loyalty().release_gift_batch(made.batch.id)?;
    /// # let sale = |receipt: &str| NewPurchase::of(branch.id, receipt, [NewLine::of(gift, 1)], [NewTender::cash_rest()]);
    /// # let purchase = work.purchases().record(&sale("1"), "1")?.purchase;
    /// # let new = Activation { serial: "A-0001".into(), purchase, line_no: 1, owner: None };
    /// # work.loyalty().activate_gift_card(&new, "card 1")?;
    /// let purchase = work.purchases().record(&sale("2"), "2")?.purchase;
    /// let more = Activation { serial: "A-0001".into(), purchase, line_no: 1, owner: None };
    /// work.loyalty().reload_gift_card(&more, "more 1")?;
    /// assert_eq!(work.loyalty().gift_card("A-0001")?.1, Money::new(10_000, branch.currency));
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`activate_gift_card`](Self::activate_gift_card); `gift_card.not_reloadable` when the programme does not have
    /// that, `gift_card.most` when more would be on it than may be; `gift_card.owner` when an owner is named who is
    /// another.
    pub fn reload_gift_card(&mut self, new: &Activation, idempotency_key: &str) -> Result<GiftCard> {
        let (mut work, _) = self.0.permit_on::<Purchase>(SELL, new.purchase)?;
        let id = work.once("loyalty.reload_gift_card", idempotency_key, new, |work| {
            let (purchase, mut sale) = paid_piece(work, new.purchase, new.line_no)?;
            let line: PurchaseLine = work.get((new.purchase, new.line_no))?;
            let mut card = by_serial(work, &new.serial)?;
            let (terms, programme) = terms(work)?;
            if !terms.reloadable {
                return Err(Error::invalid("serial", "gift_card.not_reloadable"));
            }
            is_of_branch(&card, &purchase)?;
            if card.currency != purchase.currency || line.unit_price_minor <= 0 {
                return Err(Error::invalid("serial", "gift_card.face"));
            }
            if new.owner.is_some() && new.owner != card.owner_id {
                return Err(Error::invalid("owner", "gift_card.owner"));
            }
            let account = living(&card)?;
            card.state = gift_step(&card, GiftStep::Refill, work.now())?;
            card.expires_at = card.expires_at.max(end(&terms, programme.as_deref(), work));
            let lot = put_on(work, &card, account, line.unit_price_minor, &purchase)?;
            if let Some(most) = terms.most_minor {
                let mut book = Book::open(work, account)?;
                let amounts = book.amounts(work, asset(&card))?;
                book.close(work)?;
                if amounts.available.saturating_add(amounts.held) > most {
                    return Err(Error::invalid("serial", "gift_card.most"));
                }
            }
            sale.push(work, SoldGift { card: card.id, lot, amount: line.unit_price_minor })?;
            change(work, &mut card)?;
            Ok(card.id)
        })?;
        work.get::<GiftCard>(id)
    }
}

/// A sale of gift cards with a piece that has no card yet.
struct Sale {
    row: GiftSale,
    is_new: bool,
}

impl Sale {
    fn push(&mut self, work: &mut Permit<'_, '_>, sold: SoldGift) -> Result<()> {
        self.row.sold.0.push(sold);
        if self.is_new { work.insert(&self.row) } else { work.update(&mut self.row) }
    }
}

/// The purchase, and the sale that the line is: paid, and with a piece that is still to come to life.
fn paid_piece(work: &mut Permit<'_, '_>, purchase: PurchaseId, line_no: u16) -> Result<(Purchase, Sale)> {
    // Locked, so that a return knows of it.
    let purchase: Purchase = work.lock(purchase)?;
    let line = work.find::<PurchaseLine>(&(purchase.id, line_no))?;
    let line = line.ok_or_else(|| Error::invalid("line_no", "gift_card.product"))?;
    let (terms, _) = terms(work)?;
    if !terms.products.contains(&line.product_id) || purchase.history_only {
        return Err(Error::invalid("line_no", "gift_card.product"));
    }
    let tenders = work.select(tender::purchase_id.eq(purchase.id)).all()?;
    let stored = tenders.iter().filter(|tender| STORED.contains(&tender.method.as_str()));
    let stored = stored.fold(0_i64, |sum, tender| sum.saturating_add(tender.amount_minor));
    // It may not have been for sale as a gift card then.
    if stored > 0 {
        let lines = work.select(purchase_line::purchase_id.eq(purchase.id)).all()?;
        if stored > purchase.total_minor.saturating_sub(sold_on(work, &lines)?) {
            return Err(Error::invalid("purchase", "gift_card.buys_gift_card"));
        }
    }
    if tenders.iter().any(|tender| tender.paid_later)
        && work.find::<InstalmentPlan>(&purchase.id)?.is_none_or(|plan| plan.owed_minor() > 0)
    {
        return Err(Error::invalid("purchase", "gift_card.not_paid"));
    }
    let found = work.find::<GiftSale>(&(purchase.id, line_no))?;
    let is_new = found.is_none();
    let row = found.unwrap_or_else(|| GiftSale {
        purchase_id: purchase.id,
        line_no,
        version: Version::FIRST,
        sold: Json(Vec::new()),
    });
    let of_line = return_line::purchase_id.eq(purchase.id).and(return_line::line_no.eq(line_no));
    let returned: i64 = work.select(of_line).all()?.iter().map(|line| line.quantity).sum();
    if alive(&row) >= line.quantity - returned {
        return Err(Error::invalid("line_no", "gift_card.no_piece"));
    }
    Ok((purchase, Sale { row, is_new }))
}

/// What of these lines sells gift cards, in minor units: it is paid with money alone (S-22).
pub(crate) fn sold_on(work: &mut Permit<'_, '_>, lines: &[PurchaseLine]) -> Result<i64> {
    let (terms, _) = terms(work)?;
    let cards = lines.iter().filter(|line| terms.products.contains(&line.product_id));
    Ok(cards.fold(0, |sum, line| sum.saturating_add(line.total_minor)))
}

/// How many pieces of a line are on cards.
fn alive(sale: &GiftSale) -> i64 {
    i64::try_from(sale.sold.0.len()).unwrap_or(i64::MAX)
}

/// The card with this serial number.
pub(super) fn by_serial(work: &mut Permit<'_, '_>, serial: &str) -> Result<GiftCard> {
    let serial = serial.trim().to_uppercase();
    let found = work.select(gift_card::serial.eq(serial)).first()?;
    found.ok_or_else(|| Error::not_found("gift_card", "with this serial number"))
}

/// Cards of another branch than the purchase's are not known there.
fn is_of_branch(card: &GiftCard, purchase: &Purchase) -> Result<()> {
    let is_alien = card.branch_id.is_some_and(|branch| branch != purchase.branch_id);
    if is_alien { Err(Error::not_found("gift_card", "with this serial number")) } else { Ok(()) }
}

/// The account of a card that has come to life.
pub(super) fn living(card: &GiftCard) -> Result<AccountId> {
    card.account_id.ok_or_else(|| Error::invalid("gift_card", "gift_card.step"))
}

/// Stores a card that was changed, and tells it.
pub(super) fn change(work: &mut Permit<'_, '_>, card: &mut GiftCard) -> Result<()> {
    work.update(card)?;
    work.emit(&GiftCardChanged::of(card)).map(|_| ())
}

/// When money ends that is put on a card now.
fn end(terms: &GiftCardTerms, programme: Option<&Compiled>, work: &UnitOfWork<'_>) -> Timestamp {
    match (terms.valid_for, programme) {
        (Some(span), Some(current)) => Validity::For(span).ends(work.now(), &current.programme.dates()),
        _ => NEVER,
    }
}

fn put_on(
    work: &mut Permit<'_, '_>,
    card: &GiftCard,
    account: AccountId,
    amount: i64,
    purchase: &Purchase,
) -> Result<LotId> {
    let now = work.now();
    let (terms, programme) = terms(work)?;
    let mut book = Book::open(work, account)?;
    let given = book.give(
        work,
        &Give {
            asset: asset(card),
            amount,
            kind: EntryKind::Give,
            source: LotSource::Sold,
            occurred_at: now,
            available_at: now,
            expires_at: end(&terms, programme.as_deref(), work),
            purchase: Some(purchase.id),
            branch: Some(purchase.branch_id),
            campaign: Some(card.batch_id.into()),
            reason: None,
            repays_debt: false,
        },
    )?;
    book.close(work)?;
    given.lot.ok_or_else(|| Error::invalid("amount", "loyalty.amount"))
}

/// Pieces of lines came back: cards that were not brought to life yet first, then those on which everything is left. A card
/// that was spent from cannot come back, so its piece cannot.
pub(crate) fn on_return(work: &mut UnitOfWork<'_>, event: &PurchaseReturned) -> Result<()> {
    if event.history_only {
        return Ok(());
    }
    let mut work = work.permit(SELL, &Target::branch(event.branch))?;
    let keys: Vec<_> = event.lines.iter().map(|line| (event.purchase, line.line_no)).collect();
    let sales = work.get_many::<GiftSale>(&keys)?;
    for (line, sale) in event.lines.iter().zip(sales) {
        let Some(mut sale) = sale else { continue };
        let mut back = alive(&sale) - (line.quantity - line.after);
        if back <= 0 {
            continue;
        }
        let cause = Cause { purchase: Some(event.purchase), branch: Some(event.branch), ..Cause::default() };
        let mut kept = Vec::with_capacity(sale.sold.0.len());
        for sold in std::mem::take(&mut sale.sold.0) {
            if back > 0 && comes_back(&mut work, &sold, &cause)? {
                back -= 1;
            } else {
                kept.push(sold);
            }
        }
        if back > 0 {
            return Err(Error::invalid("lines", "gift_card.spent"));
        }
        sale.sold = Json(kept);
        work.update(&mut sale)?;
    }
    Ok(())
}

/// Takes what was sold off its card, if all of it is left.
fn comes_back(work: &mut Permit<'_, '_>, sold: &SoldGift, cause: &Cause) -> Result<bool> {
    let mut card: GiftCard = work.get(sold.card)?;
    let account = living(&card)?;
    let mut book = Book::open(work, account)?;
    let lots: Vec<_> = book.open_lots(work)?.map(|lot| (lot.id, lot.remaining, lot.held)).collect();
    let is_whole = lots.contains(&(sold.lot, sold.amount, 0));
    if !is_whole {
        return Ok(false);
    }
    book.revoke(work, sold.lot, cause)?;
    book.close(work)?;
    if lots.len() == 1 {
        card.state = gift_step(&card, GiftStep::Refund, work.now())?;
        change(work, &mut card)?;
    }
    Ok(true)
}
