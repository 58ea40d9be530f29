//! A shop that sells gift cards and takes them, with a member who has credit.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use crm_core::access::Actor;
use crm_core::accounts::Source;
use crm_core::branches::{BranchId, NewBranch};
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::conformance::Bench;
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::kernel::calendar::Span;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::Asset;
use crm_core::loyalty::gift_cards::{GiftCard, GiftCardState, GiftCardTerms, GiftCode};
use crm_core::loyalty::ledger::{AccountId, HoldId};
use crm_core::loyalty::programme::Programme;
use crm_core::purchases::{NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::work::Storage;
use crm_core::{MemoryStorage, Result};
use crm_loyalty::WorkLoyalty;
use crm_loyalty::gift_cards::{Activation, CrmGiftDesk, GIFT_CARD, GiftShown, GiftTender, NewBatch, ShowGift};
use crm_loyalty::programme::NewVersion;
use crm_loyalty::redemption::{NewHolding, Query, with_hold};

pub(super) const DAY: Duration = Duration::from_secs(86_400);
const CREDIT: Asset = Asset::Credit(Currency::PLN);

pub(super) fn zloty(grosz: i64) -> Money {
    Money::new(grosz, Currency::PLN)
}

/// Pays so much with the card that was shown.
pub(super) fn by_card(shown: &GiftShown, amount: i64) -> NewTender {
    NewTender::of(GIFT_CARD, zloty(amount)).with_details(&GiftTender { ticket: shown.ticket }).unwrap()
}

/// A card that was sold.
pub(super) struct Sold {
    card: GiftCard,
    code: GiftCode,
    sale: PurchaseId,
}

/// The shop. Its clock shows noon in UTC at first, which is its programme's zone.
pub(super) struct Shop {
    pub(super) bench: Bench,
    pub(super) member: CustomerId,
    pub(super) other: CustomerId,
    branch: BranchId,
    abroad: BranchId,
    tea: ProductId,
    gift: ProductId,
    number: Cell<u32>,
    last: RefCell<Option<PurchaseId>>,
}

impl Shop {
    pub(super) fn new() -> Self {
        let bench = crm_loyalty::conformance::open(&|| Arc::new(MemoryStorage::new()) as Arc<dyn Storage>);
        bench.clock.set("2025-03-21T12:00:00Z".parse().unwrap());
        let branch = bench.branch("here").id;
        let abroad = bench.run(|work| work.branches().create(NewBranch::named("abroad", "Europe/Berlin", "EUR")));
        let [tea, gift] = ["tea", "gift"].map(|sku| {
            bench.run(move |work| work.catalog().create_product(NewProduct::service(sku, sku, zloty(1)))).unwrap().id
        });
        let [member, other] = ["Ala", "Ola"].map(|name| bench.customer(NewCustomer::person(name)).id);
        let gift_cards =
            GiftCardTerms { products: vec![gift], valid_for: Some(Span::Days(365)), ..GiftCardTerms::default() };
        let programme = Programme { gift_cards, ..Programme::new("Club", Zone::UTC) };
        bench.run(move |work| work.loyalty().save_programme(NewVersion::now(programme.clone())).map(drop)).unwrap();
        let (number, last) = (Cell::new(0), RefCell::new(None));
        Self { bench, member, other, branch, abroad: abroad.unwrap().id, tea, gift, number, last }
    }

    fn name(&self) -> String {
        self.number.set(self.number.get() + 1);
        format!("N{}", self.number.get())
    }

    /// A sale of one piece at this price.
    fn record(
        &self,
        (branch, product): (BranchId, ProductId),
        price: Money,
        tenders: Vec<NewTender>,
        open: bool,
    ) -> Result<PurchaseId> {
        let line = NewLine { unit_price: Some(price), ..NewLine::of(product, 1) };
        let new = NewPurchase::of(branch, self.name(), [line], tenders).by(self.member);
        let new = NewPurchase { open, ..new };
        let sold = self.bench.run(move |work| work.purchases().record(&new, &new.receipt_no))?.purchase;
        *self.last.borrow_mut() = Some(sold);
        Ok(sold)
    }

    /// A card with so much on it, sold here; of this owner alone, if any.
    pub(super) fn sold(&self, face: i64, owner: Option<CustomerId>) -> Sold {
        self.sold_at(self.branch, zloty(face), owner)
    }

    /// A card in another currency.
    pub(super) fn sold_elsewhere(&self, face: i64) -> Sold {
        self.sold_at(self.abroad, Money::new(face, Currency::EUR), None)
    }

    fn sold_at(&self, branch: BranchId, face: Money, owner: Option<CustomerId>) -> Sold {
        let new = NewBatch { name: self.name(), branch: None, face, size: 1 };
        let made = self.bench.run(move |work| {
            let made = work.loyalty().make_gift_batch(&new)?;
            work.loyalty().release_gift_batch(made.batch.id)?;
            Ok(made)
        });
        let made = made.unwrap();
        let printed = made.cards().next().unwrap();
        let (serial, code) = (printed.serial.to_owned(), printed.code);
        let sale = self.record((branch, self.gift), face, vec![NewTender::cash_rest()], false).unwrap();
        let new = Activation { serial, purchase: sale, line_no: 1, owner };
        let card = self.bench.run(move |work| work.loyalty().activate_gift_card(&new, &new.serial)).unwrap();
        Sold { card, code, sale }
    }

    pub(super) fn show(&self, sold: &Sold, customer: Option<CustomerId>) -> Result<GiftShown> {
        let (code, source) = (sold.code.expose(), Source::new("till"));
        let show = ShowGift { code, branch: self.branch, customer, source };
        self.bench.crm.blocking().wait(self.bench.crm.gift_desk().show(&Actor::system(), &show))
    }

    /// What is on a card.
    pub(super) fn left(&self, sold: &Sold) -> (GiftCardState, i64) {
        let serial = sold.card.serial.clone();
        let (card, left) = self.bench.read(move |work| work.loyalty().gift_card(&serial)).unwrap();
        (card.state, left.minor())
    }

    /// The member buys for so much.
    pub(super) fn pay(&self, due: i64, tenders: Vec<NewTender>) -> Result<PurchaseId> {
        self.record((self.branch, self.tea), zloty(due), tenders, false)
    }

    /// The same in a purchase that is not final.
    pub(super) fn open(&self, due: i64, tender: NewTender) {
        self.record((self.branch, self.tea), zloty(due), vec![tender], true).unwrap();
    }

    /// Makes the last purchase final.
    pub(super) fn finalise(&self) {
        let last = self.last.borrow().unwrap();
        self.bench.run(move |work| work.purchases().finalise(last, None)).unwrap();
    }

    /// Strikes the line of the last purchase out.
    pub(super) fn void(&self) -> Result<()> {
        let (last, key) = (self.last.borrow().unwrap(), self.name());
        self.bench.run(move |work| work.returns().void(last, 1, "asked for", &key).map(drop))
    }

    /// Gives a card back to where it was sold.
    pub(super) fn bring_back(&self, sold: &Sold) -> Result<()> {
        let (new, key) = (NewReturn::of(sold.sale, [NewReturnLine::of(1, 1)]), self.name());
        self.bench.run(move |work| work.returns().record(&new, &key).map(drop))
    }

    pub(super) fn pay_out(&self, sold: &Sold, reason: &'static str) -> Result<i64> {
        let (id, key) = (sold.card.id, self.name());
        Ok(self.bench.run(move |work| work.loyalty().pay_out_gift_card(id, reason, &key))?.minor())
    }

    /// Sets something of a card aside: for a purchase that is not final.
    pub(super) fn set_aside(&self, sold: &Sold, amount: i64) {
        self.open(amount, by_card(&self.show(sold, None).unwrap(), amount));
    }

    fn hold(&self, (account, asset): (AccountId, Asset), due: i64, amount: i64) -> Result<HoldId> {
        let (due, amount) = (zloty(due), zloty(amount));
        let new = NewHolding { account, asset, branch: self.branch, due, amount, minutes: None, card: None };
        let key = self.name();
        Ok(self.bench.run(move |work| work.loyalty().hold(&new, &key))?.hold)
    }

    /// Gives the member credit, of this currency or another.
    pub(super) fn give_credit(&self, amount: i64, other: bool) {
        let asset = if other { Asset::Credit(Currency::EUR) } else { CREDIT };
        let (account, key) = (self.member.into(), self.name());
        self.bench.run(move |work| work.loyalty().adjust(account, asset, amount, "store credit", &key)).unwrap();
    }

    /// How much credit can be used of what is due.
    pub(super) fn usable(&self, due: i64, requested: Option<i64>) -> i64 {
        let query =
            Query { account: self.member.into(), asset: CREDIT, branch: self.branch, due: zloty(due), requested };
        self.bench.read(move |work| work.loyalty().usable(&query)).unwrap().worth.minor()
    }

    pub(super) fn hold_credit(&self, due: i64, amount: i64) -> HoldId {
        self.hold((self.member.into(), CREDIT), due, amount).unwrap()
    }

    /// Buys, and says what came from each lot, in order.
    pub(super) fn pay_with(&self, due: i64, tender: NewTender, hold: HoldId) -> Vec<i64> {
        self.pay(due, vec![with_hold(tender, hold), NewTender::cash_rest()]).unwrap();
        let account = self.member.into();
        let held = self.bench.read(move |work| work.loyalty().held(account, hold)).unwrap();
        held.lots.0.iter().map(|(_, amount)| *amount).collect()
    }
}
