//! Gift cards (S-35, C77, T-18).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crm_core::access::{Actor, Principal, Reach, Region};
use crm_core::accounts::{Key, Source};
use crm_core::branches::BranchId;
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::conformance::{Bench, Factory, FaultyStorage, race};
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::instalments::{NewPayment, Terms};
use crm_core::kernel::calendar::Span;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::Asset;
use crm_core::loyalty::gift_cards::{
    AttemptLimits, ExpiredGifts, GiftCard, GiftCardState, GiftCardTerms, GiftCode, GiftTicketId,
};
use crm_core::loyalty::ledger::{AccountState, Entry, EntryKind, entry};
use crm_core::loyalty::programme::Programme;
use crm_core::purchases::{CASH, NewLine, NewPurchase, NewTender, PurchaseId, Receipt};
use crm_core::reexport::Uuid;
use crm_core::returns::{NewReturn, NewReturnLine, Returned};
use crm_core::work::Storage;
use crm_core::{Error, ErrorKind, Result};

use super::{GIFT_KEY, save};
use crate::gift_cards::{Activation, CrmGiftDesk as _, GIFT_CARD, GiftShown, GiftTender, NewBatch, SHOW, ShowGift};
use crate::ledger::READ;
use crate::redemption::{NewHolding, Query, REDEEM};
use crate::{Loyalty, WorkLoyalty as _};

fn zloty(minor: i64) -> Money {
    Money::new(minor, Currency::PLN)
}

/// A shop that sells gift cards of 50 złoty, and tea at 10.
struct Shop {
    bench: Bench,
    branch: BranchId,
    tea: ProductId,
    gift: ProductId,
    terms: GiftCardTerms,
}

impl Shop {
    fn open(factory: Factory<'_>) -> Self {
        let bench = super::open(factory);
        let branch = bench.branch("gifts").id;
        let product = |sku: &'static str, price| {
            bench
                .run(move |work| work.catalog().create_product(NewProduct::service(sku, sku, zloty(price))))
                .unwrap()
                .id
        };
        let (tea, gift) = (product("tea", 1_000), product("gift", 5_000));
        let terms = GiftCardTerms {
            products: vec![gift],
            valid_for: Some(Span::Days(365)),
            reloadable: true,
            most_minor: Some(20_000),
            expired: ExpiredGifts::Refund { within_days: 30 },
            limits: AttemptLimits { per_source: 5, ..AttemptLimits::default() },
            single_use: false,
        };
        let shop = Self { bench, branch, tea, gift, terms };
        shop.save(shop.terms.clone());
        shop
    }

    fn save(&self, gift_cards: GiftCardTerms) {
        save(&self.bench, Programme { gift_cards, ..Programme::new("Club", Zone::UTC) });
    }

    /// Cards that can be sold: serial numbers and codes.
    fn batch(&self, name: &str, size: u32) -> Vec<(String, GiftCode)> {
        let new = NewBatch { name: name.into(), branch: None, face: zloty(5_000), size };
        let made = self.bench.run(move |work| {
            let made = work.loyalty().make_gift_batch(&new)?;
            work.loyalty().release_gift_batch(made.batch.id)?;
            Ok(made)
        });
        made.unwrap().cards().map(|card| (card.serial.to_owned(), card.code)).collect()
    }

    fn buy(&self, product: ProductId, pieces: i64, receipt: &str) -> Receipt {
        self.record(product, pieces, receipt, vec![NewTender::cash_rest()]).unwrap()
    }

    fn pay(&self, product: ProductId, pieces: i64, receipt: &str, tender: NewTender) -> Result<Receipt> {
        self.record(product, pieces, receipt, vec![tender, NewTender::cash_rest()])
    }

    fn record(&self, product: ProductId, pieces: i64, receipt: &str, tenders: Vec<NewTender>) -> Result<Receipt> {
        let new = NewPurchase::of(self.branch, receipt, [NewLine::of(product, pieces)], tenders);
        let receipt = receipt.to_owned();
        self.bench.run(move |work| work.purchases().record(&new, &receipt))
    }

    fn activate(&self, serial: &str, purchase: PurchaseId, owner: Option<CustomerId>) -> Result<GiftCard> {
        let new = Activation { serial: serial.into(), purchase, line_no: 1, owner };
        self.bench.run(move |work| work.loyalty().activate_gift_card(&new, &new.serial))
    }

    /// A card with 50 złoty on it.
    fn sold(&self, name: &str) -> (GiftCard, GiftCode) {
        let (serial, code) = self.batch(name, 1).remove(0);
        let purchase = self.buy(self.gift, 1, name).purchase;
        (self.activate(&serial, purchase, None).unwrap(), code)
    }

    fn show(&self, code: &GiftCode) -> Result<GiftShown> {
        self.show_from(code, "till")
    }

    fn show_from(&self, code: &GiftCode, source: &str) -> Result<GiftShown> {
        let show = ShowGift { code: code.expose(), branch: self.branch, customer: None, source: Source::new(source) };
        self.bench.crm.blocking().wait(self.bench.crm.gift_desk().show(&Actor::system(), &show))
    }

    fn left(&self, serial: &str) -> (GiftCardState, i64) {
        let serial = serial.to_owned();
        let (card, left) = self.bench.read(move |work| work.loyalty().gift_card(&serial)).unwrap();
        (card.state, left.minor())
    }

    fn take_back(&self, purchase: PurchaseId, pieces: i64, key: &str) -> Result<Returned> {
        let (new, key) = (NewReturn::of(purchase, [NewReturnLine::of(1, pieces)]), key.to_owned());
        self.bench.run(move |work| work.returns().record(&new, &key))
    }
}

fn by_card(ticket: GiftTicketId, amount: i64) -> NewTender {
    NewTender::of(GIFT_CARD, zloty(amount)).with_details(&GiftTender { ticket }).unwrap()
}

fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

/// From the batch to the last grosz: sold, shown, spent in parts, given back, filled again.
pub fn are_sold_and_spent(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let (serial, code) = shop.batch("A", 2).remove(0);
    let pay = |purchase| shop.activate(&serial, purchase, None);
    assert_eq!(rule(pay(shop.buy(shop.tea, 1, "0").purchase)), "gift_card.product");
    let purchase = shop.buy(shop.gift, 1, "1").purchase;
    let card = pay(purchase).unwrap();
    assert_eq!(pay(purchase).unwrap(), card, "done once");
    assert_eq!((card.state, shop.left(&serial)), (GiftCardState::Active, (GiftCardState::Active, 5_000)));
    assert_eq!(rule(shop.activate("A-0002", purchase, None)), "gift_card.no_piece");

    let shown = shop.show(&code).unwrap();
    assert_eq!(shown.balance, zloty(5_000));
    let sold = shop.pay(shop.tea, 3, "2", by_card(shown.ticket, 2_000)).unwrap().purchase;
    assert_eq!(shop.left(&serial), (GiftCardState::Active, 3_000));
    assert_eq!(
        rule(shop.pay(shop.tea, 1, "3", by_card(shown.ticket, 1_000))),
        "gift_card.refused",
        "a ticket pays once"
    );
    let rest = shop.show(&code).unwrap();
    assert_eq!(rule(shop.pay(shop.tea, 9, "4", by_card(rest.ticket, 3_001))), "loyalty.not_enough");
    shop.pay(shop.tea, 3, "5", by_card(rest.ticket, 3_000)).unwrap();
    assert_eq!(shop.left(&serial), (GiftCardState::Exhausted, 0));
    assert_eq!(rule(shop.show(&code)), "gift_card.refused");
    shop.bench.verify();

    // Of 30, 20 were paid by card: one of three pieces gives back a third of each.
    shop.take_back(sold, 1, "back").unwrap();
    assert_eq!(shop.left(&serial), (GiftCardState::Active, 666));
    shop.take_back(sold, 2, "more").unwrap();
    assert_eq!(shop.left(&serial), (GiftCardState::Active, 2_000));

    let refill = shop.buy(shop.gift, 1, "6").purchase;
    let new = Activation { serial: serial.clone(), purchase: refill, line_no: 1, owner: None };
    let filled = shop.bench.run(move |work| work.loyalty().reload_gift_card(&new, "refill")).unwrap();
    assert_eq!((filled.id, shop.left(&serial)), (card.id, (GiftCardState::Active, 7_000)));
    assert_eq!(shop.take_back(refill, 1, "refill").unwrap().total, zloty(5_000));
    assert_eq!(shop.left(&serial), (GiftCardState::Active, 2_000));
    shop.bench.verify();
}

/// S-35: where a card pays once, what is left after that is gone, for every ticket there is; what is returned of the purchase
/// comes back.
pub fn pay_once_where_the_programme_says_so(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    shop.save(GiftCardTerms { single_use: true, reloadable: false, ..shop.terms.clone() });
    let (card, code) = shop.sold("F");
    let [first, second] = [shop.show(&code).unwrap().ticket, shop.show(&code).unwrap().ticket];
    let sold = shop.pay(shop.tea, 3, "1", by_card(first, 2_000)).unwrap().purchase;
    assert_eq!(shop.left(&card.serial), (GiftCardState::Exhausted, 0));
    let account = card.account_id.unwrap();
    let kinds = || {
        let entries: Vec<Entry> =
            shop.bench.read(move |work| work.select(entry::account_id.eq(account)).all()).unwrap();
        entries.into_iter().map(|entry| (entry.kind, entry.purchase_id)).collect::<Vec<_>>()
    };
    assert_eq!(kinds()[1..], [(EntryKind::Redeem, Some(sold)), (EntryKind::Expire, Some(sold))]);
    assert_eq!(rule(shop.pay(shop.tea, 1, "2", by_card(second, 1))), "gift_card.refused");
    assert_eq!(rule(shop.show(&code)), "gift_card.refused");
    shop.bench.verify();
    shop.take_back(sold, 3, "back").unwrap();
    assert_eq!(shop.left(&card.serial), (GiftCardState::Active, 2_000));
    // All of it at once leaves nothing to forfeit.
    let last = shop.show(&code).unwrap().ticket;
    shop.pay(shop.tea, 2, "3", by_card(last, 2_000)).unwrap();
    assert_eq!((shop.left(&card.serial), kinds().len()), ((GiftCardState::Exhausted, 0), 5));
    shop.bench.verify();
}

/// S-35: no more is put on a card than may be on it, to the unit; what was refused has used up no piece.
pub fn are_filled_up_to_the_most(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    shop.save(GiftCardTerms { most_minor: Some(14_999), ..shop.terms.clone() });
    let (card, code) = shop.sold("M");
    let pieces = shop.buy(shop.gift, 3, "pieces").purchase;
    let fill = |key: &'static str| {
        let new = Activation { serial: card.serial.clone(), purchase: pieces, line_no: 1, owner: None };
        shop.bench.run(move |work| work.loyalty().reload_gift_card(&new, key))
    };
    fill("1").unwrap();
    assert_eq!(rule(fill("2")), "gift_card.most");
    assert_eq!(shop.left(&card.serial), (GiftCardState::Active, 10_000));
    let ticket = shop.show(&code).unwrap().ticket;
    shop.pay(shop.tea, 1, "tea", by_card(ticket, 1)).unwrap();
    fill("3").unwrap();
    assert_eq!(shop.left(&card.serial), (GiftCardState::Active, 14_999));
    assert_eq!(rule(fill("4")), "gift_card.most");
    let ticket = shop.show(&code).unwrap().ticket;
    shop.pay(shop.tea, 5, "more tea", by_card(ticket, 5_000)).unwrap();
    fill("5").unwrap();
    assert_eq!(rule(fill("6")), "gift_card.no_piece", "three were paid for, and three are on it");
    shop.bench.verify();
}

/// S-35: nor does a card come to life with more on it than may be.
pub fn begin_with_no_more_than_the_most(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let (serial, _) = shop.batch("N", 1).remove(0);
    let piece = shop.buy(shop.gift, 1, "piece").purchase;
    shop.save(GiftCardTerms { most_minor: Some(4_999), ..shop.terms.clone() });
    assert_eq!(rule(shop.activate(&serial, piece, None)), "gift_card.most");
    shop.save(GiftCardTerms { most_minor: Some(5_000), ..shop.terms.clone() });
    assert_eq!(shop.activate(&serial, piece, None).unwrap().state, GiftCardState::Active);
    shop.bench.verify();
}

/// A card shares the fate of the line that sold it, unless it was spent from.
pub fn go_back_with_their_line(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let cards = shop.batch("B", 3);
    let purchase = shop.buy(shop.gift, 3, "1").purchase;
    for (serial, _) in &cards[..2] {
        shop.activate(serial, purchase, None).unwrap();
    }
    // The piece without a card goes first, then the card that is whole.
    let ticket = shop.show(&cards[0].1).unwrap().ticket;
    shop.pay(shop.tea, 1, "2", by_card(ticket, 1)).unwrap();
    shop.take_back(purchase, 1, "a").unwrap();
    assert_eq!(shop.left(&cards[1].0), (GiftCardState::Active, 5_000));
    assert_eq!(rule(shop.activate(&cards[2].0, purchase, None)), "gift_card.no_piece");
    shop.take_back(purchase, 1, "b").unwrap();
    assert_eq!(shop.left(&cards[1].0), (GiftCardState::Refunded, 0));
    assert_eq!(rule(shop.show(&cards[1].1)), "gift_card.refused");
    assert_eq!(rule(shop.take_back(purchase, 1, "c")), "gift_card.spent");
    assert_eq!(shop.left(&cards[0].0), (GiftCardState::Active, 4_999));
    shop.bench.verify();
}

/// On another machine, whose clock is behind: what takes the money back stands after what gave it all the same (S-02).
pub fn go_back_by_another_clock(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let serial = shop.batch("E", 1)[0].0.clone();
    let purchase = shop.buy(shop.gift, 1, "1").purchase;
    let storage = shop.bench.storage.clone();
    let behind = super::open(&move || storage.clone());
    shop.bench.clock.advance(Duration::from_secs(3_600));
    shop.activate(&serial, purchase, None).unwrap();
    let back = NewReturn::of(purchase, [NewReturnLine::of(1, 1)]);
    behind.run(move |work| work.returns().record(&back, "back")).unwrap();
    assert_eq!(shop.left(&serial), (GiftCardState::Refunded, 0));
    shop.bench.verify();
}

/// What is blocked cannot be spent; what has expired is paid back in time, and is gone after that.
pub fn are_looked_after(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let (card, code) = shop.sold("C");
    let id = card.id;
    let ticket = shop.show(&code).unwrap().ticket;
    shop.bench.run(move |work| work.loyalty().block_gift_card(id, "stolen from the post")).unwrap();
    assert_eq!(
        rule(shop.pay(shop.tea, 1, "x", by_card(ticket, 1_000))),
        "gift_card.refused",
        "a ticket is no way round"
    );
    assert_eq!(rule(shop.show(&code)), "gift_card.refused");
    shop.bench.run(move |work| work.loyalty().unblock_gift_card(id)).unwrap();
    shop.pay(shop.tea, 1, "x", by_card(ticket, 1_000)).unwrap();
    let pay_out =
        |id, key: &'static str| shop.bench.run(move |work| work.loyalty().pay_out_gift_card(id, "asked", key));
    let (other, _) = shop.sold("D");
    assert_eq!(pay_out(other.id, "d").unwrap(), zloty(5_000));
    assert_eq!(pay_out(other.id, "d").unwrap(), zloty(5_000), "done once");
    assert_eq!(shop.left(&other.serial), (GiftCardState::Refunded, 0));

    let (late, _) = shop.sold("E");
    shop.show(&code).unwrap();
    let forget = || shop.bench.run(|work| work.loyalty().forget_gift_tickets(Limit::default())).unwrap();
    assert_eq!(forget(), 0, "it is still good");
    shop.bench.clock.advance(Duration::from_secs(366 * 86_400));
    assert_eq!((forget(), forget()), (1, 0), "what has paid is kept");
    assert_eq!(rule(shop.show(&code)), "gift_card.refused");
    assert_eq!(shop.left(&card.serial), (GiftCardState::Active, 0));
    assert_eq!(pay_out(id, "c").unwrap(), zloty(4_000), "what had expired");
    assert_eq!(rule(pay_out(id, "c2")), "gift_card.step");
    shop.bench.clock.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(rule(pay_out(late.id, "e")), "gift_card.forfeited");
    shop.bench.verify();
}

/// S-35: whoever may set things aside at the till, and knows the account of a card but not its code, keeps nobody from
/// spending it. With the code it pays for a purchase that is still open, which is how something of it is set aside.
pub fn are_not_set_aside_without_their_code(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let (card, code) = shop.sold("N");
    let (account, asset, branch) = (card.account_id.unwrap(), Asset::Gift(Currency::PLN), shop.branch);
    let (due, amount) = (zloty(1_000), zloty(1_000));
    let till = Actor::new(Principal::User(Uuid::from_u128(1).into())).granted(REDEEM, Reach::all());
    let till = till.granted(READ, Reach::all());
    let hold = NewHolding { account, asset, branch, due, amount, minutes: Some(600), card: None };
    let held = shop.bench.run_as(&till, move |work| work.loyalty().hold(&hold, "h"));
    assert_eq!(rule(held), "redeem.asset");
    let named = NewHolding { card: Some(card.id.into()), ..hold };
    assert!(shop.bench.run_as(&till, move |work| work.loyalty().hold(&named, "named")).is_err());
    let query = Query { account, asset, branch, due, requested: None };
    let usable = shop.bench.run_as(&till, move |work| work.loyalty().usable(&query));
    assert_eq!(rule(usable), "redeem.asset");
    assert_eq!(shop.left(&card.serial), (GiftCardState::Active, 5_000));

    let tender = by_card(shop.show(&code).unwrap().ticket, 1_000);
    let new = NewPurchase::of(branch, "open", [NewLine::of(shop.tea, 1)], [tender]);
    let new = NewPurchase { open: true, ..new };
    let open = shop.bench.run(move |work| work.purchases().record(&new, "open")).unwrap().purchase;
    assert_eq!(shop.left(&card.serial), (GiftCardState::Active, 4_000));
    shop.bench.run(move |work| work.returns().void(open, 1, "asked for", "void").map(drop)).unwrap();
    assert_eq!(shop.left(&card.serial), (GiftCardState::Active, 5_000));
    shop.bench.verify();
}

/// T-18: whatever is wrong with a code, the answer is the same, and so is the number of calls to the store. What has no form
/// is told apart without one.
pub fn fail_all_alike(factory: Factory<'_>) {
    let faulty = FaultyStorage::new(factory());
    let storage: Arc<dyn Storage> = faulty.clone();
    let shop = Shop::open(&move || storage.clone());
    shop.save(GiftCardTerms {
        limits: AttemptLimits { per_source: 100, ..AttemptLimits::default() },
        ..shop.terms.clone()
    });
    let (ala, there) = (shop.bench.customer(NewCustomer::person("Ala")).id, shop.bench.branch("there").id);
    let mut codes: Vec<(&str, GiftCode)> =
        vec![("unknown", GiftCode::draw(&crm_core::kernel::random::SystemRandomness).unwrap())];
    let (blocked, code) = shop.sold("F");
    shop.bench.run(move |work| work.loyalty().block_gift_card(blocked.id, "lost")).unwrap();
    codes.push(("blocked", code));
    let (_, code) = shop.sold("G");
    let ticket = shop.show(&code).unwrap().ticket;
    shop.pay(shop.tea, 5, "g", by_card(ticket, 5_000)).unwrap();
    codes.push(("empty", code));
    codes.push(("not sold yet", shop.batch("H", 1)[0].1));
    let (serial, code) = shop.batch("I", 1).remove(0);
    shop.activate(&serial, shop.buy(shop.gift, 1, "i").purchase, Some(ala)).unwrap();
    codes.push(("somebody else's", code));
    let new = NewBatch { name: "J".into(), branch: Some(there), face: zloty(5_000), size: 1 };
    let elsewhere = shop.bench.run(move |work| {
        let made = work.loyalty().make_gift_batch(&new)?;
        work.loyalty().release_gift_batch(made.batch.id)?;
        Ok(made)
    });
    codes.push(("of another branch", elsewhere.unwrap().cards().next().unwrap().code));
    let (paid_out, code) = shop.sold("K");
    shop.bench.run(move |work| work.loyalty().pay_out_gift_card(paid_out.id, "asked", "k")).unwrap();
    codes.push(("paid out", code));
    let (_, code) = shop.sold("L");
    let tried = |code: &GiftCode| {
        let before = faulty.count_calls();
        let error = shop.show(code).unwrap_err().to_string();
        (error, faulty.count_calls() - before)
    };
    // Rows of guards that are there cost others than new ones.
    for (_, code) in &codes {
        drop(tried(code));
    }
    let mut answers: BTreeSet<_> = codes.iter().map(|(_, code)| tried(code)).collect();
    assert_eq!(shop.show(&code).unwrap().balance, zloty(5_000));
    shop.bench.clock.advance(Duration::from_secs(366 * 86_400));
    tried(&code);
    let expired = tried(&code);
    answers.insert(expired);
    assert_eq!(answers.len(), 1, "{answers:?}");
    let slip = ShowGift {
        code: "0000-0000-0000-0000-0001".into(),
        branch: shop.branch,
        customer: None,
        source: Source::new("till"),
    };
    let before = faulty.count_calls();
    let answer = shop.bench.crm.blocking().wait(shop.bench.crm.gift_desk().show(&Actor::system(), &slip));
    assert_eq!((rule(answer), faulty.count_calls()), ("gift_code.check", before));
}

/// Threat 12: guesses are counted though they fail, one by one, also when they come at the same moment; a card of one's own
/// washes none off, and a day later they are forgotten.
pub fn stop_guessers(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let (_, code) = shop.sold("M");
    let guess = || GiftCode::draw(&crm_core::kernel::random::SystemRandomness).unwrap();
    let guesses: Vec<GiftCode> = (0..60).map(|_| guess()).collect();
    let rounds = race(20, 3, |turn| shop.show_from(&guesses[turn.worker * 3 + turn.round], "web"));
    let told: Vec<&'static str> =
        rounds.into_iter().flat_map(|round| round.lost).map(|error| rule(Err::<(), _>(error))).collect();
    assert_eq!(told.iter().filter(|rule| **rule == "gift_card.refused").count(), 5, "{told:?}");
    assert!(told.len() == 60 && told.iter().all(|rule| ["gift_card.refused", "gift_card.wait"].contains(rule)));
    assert_eq!(rule(shop.show_from(&code, "web")), "gift_card.wait", "a good code too");
    assert!(shop.show_from(&code, "till").is_ok(), "another source does not wait");
    shop.bench.clock.advance(Duration::from_secs(86_400));
    assert!(shop.show_from(&code, "web").is_ok());
    let nobody = Actor::new(Principal::User(Uuid::from_u128(1).into()));
    let show = ShowGift { code: code.expose(), branch: shop.branch, customer: None, source: Source::new("till") };
    let denied = shop.bench.crm.blocking().wait(shop.bench.crm.gift_desk().show(&nobody, &show));
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
    let elsewhere = shop.bench.branch("elsewhere").id;
    let clerk = nobody.granted(SHOW, Region::branches([elsewhere]));
    let denied = shop.bench.crm.blocking().wait(shop.bench.crm.gift_desk().show(&clerk, &show));
    assert_eq!(denied.unwrap_err().kind(), ErrorKind::Denied);
}

/// Without a key nothing is made and nothing is looked up; a key is never assumed.
pub fn need_a_key(factory: Factory<'_>) {
    let bench = Bench::open_with(factory, |builder| builder.module(Loyalty::new()));
    let new = NewBatch { name: "A".into(), branch: None, face: zloty(100), size: 1 };
    let refused = bench.run(move |work| work.loyalty().make_gift_batch(&new).map(|_| ()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Setup);
    let branch = bench.branch("key").id;
    let code = GiftCode::draw(&crm_core::kernel::random::SeededRandomness::new(1)).unwrap().expose();
    let show = ShowGift { code, branch, customer: None, source: Source::new("till") };
    let refused = bench.crm.blocking().wait(bench.crm.gift_desk().show(&Actor::system(), &show));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Setup);
    assert!(Key::new(GIFT_KEY).is_ok());
}

/// Threat 1: many tills spend one card at the same moment. Exactly those win for whom there is enough, the others are told,
/// and what was spent and what is left is what was sold.
pub fn race_for_one_card(factory: Factory<'_>) {
    const TILLS: usize = 12;
    let shop = Shop::open(factory);
    shop.save(GiftCardTerms { limits: AttemptLimits::default(), ..shop.terms.clone() });
    for round in 0..3 {
        let (card, code) = shop.sold(&format!("R{round}"));
        let tickets: Vec<_> = (0..TILLS).map(|till| shop.show_from(&code, &till.to_string()).unwrap().ticket).collect();
        let ended = race(TILLS, 1, |turn| {
            let receipt = format!("r{round}-{}", turn.worker);
            shop.pay(shop.tea, 1, &receipt, by_card(tickets[turn.worker], 1_000))
        });
        let told =
            |error: &Error| matches!(error, Error::Invalid { rule: "loyalty.not_enough" | "gift_card.refused", .. });
        assert_eq!(ended[0].won.len(), 5, "{ended:?}");
        assert!(ended[0].lost.iter().all(told), "{ended:?}");
        assert_eq!(shop.left(&card.serial), (GiftCardState::Exhausted, 0));
    }
    // One card is activated by many: once.
    let (serial, _) = shop.batch("S", 1).remove(0);
    let purchase = shop.buy(shop.gift, 12, "many").purchase;
    let ended = race(TILLS, 1, |turn| {
        let new = Activation { serial: serial.clone(), purchase, line_no: 1, owner: None };
        shop.bench.run(move |work| work.loyalty().activate_gift_card(&new, &turn.worker.to_string()))
    });
    assert_eq!(ended[0].won.len(), 1, "{ended:?}");
    assert!(
        ended[0].lost.iter().all(|error| matches!(error, Error::Invalid { rule: "gift_card.step", .. })),
        "{ended:?}"
    );
    assert_eq!(shop.left(&serial), (GiftCardState::Active, 5_000));

    // Reported while it is spent: what was paid is paid, and nothing after that.
    let (card, code) = shop.sold("T");
    let tickets: Vec<_> = (0..TILLS).map(|till| shop.show_from(&code, &till.to_string()).unwrap().ticket).collect();
    let ended = race(TILLS, 1, |turn| {
        if turn.worker == 0 {
            return shop.bench.run(move |work| work.loyalty().block_gift_card(card.id, "lost")).map(|_| 0);
        }
        shop.pay(shop.tea, 1, &format!("t{}", turn.worker), by_card(tickets[turn.worker], 100)).map(|_| 100)
    });
    let spent: i64 = ended[0].won.iter().sum();
    assert_eq!(shop.left(&card.serial), (GiftCardState::Blocked, 5_000 - spent));
    assert!(ended[0].lost.iter().all(|error| matches!(error, Error::Invalid { rule: "gift_card.refused", .. })));
    shop.bench.verify();
}

/// S-22: a gift card is paid with money: neither with credit that may end, nor with another card; what is bought beside it is.
pub fn are_bought_with_money(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let ala = shop.bench.customer(NewCustomer::person("Ala")).id;
    let credit = Asset::Credit(Currency::PLN);
    shop.bench.run(move |work| work.loyalty().adjust(ala.into(), credit, 6_000, "a gift", "1")).unwrap();
    let (_, code) = shop.sold("M");
    let sell = |receipt: &str, tenders: Vec<NewTender>| {
        let lines = [NewLine::of(shop.tea, 2), NewLine::of(shop.gift, 1)];
        let new = NewPurchase::of(shop.branch, receipt, lines, tenders).by(ala);
        let receipt = receipt.to_owned();
        shop.bench.run(move |work| work.purchases().record(&new, &receipt))
    };
    let by_credit = |minor| crate::redemption::credit(zloty(minor));
    let by_card = |minor| by_card(shop.show(&code).unwrap().ticket, minor);
    assert_eq!(rule(sell("1", vec![by_credit(2_001), NewTender::cash_rest()])), "redeem.cash_part");
    assert_eq!(rule(sell("2", vec![by_card(2_001), NewTender::cash_rest()])), "gift_card.buys_gift_card");
    assert_eq!(
        rule(sell("3", vec![by_credit(1_000), by_card(1_001), NewTender::cash_rest()])),
        "gift_card.buys_gift_card"
    );
    sell("4", vec![by_credit(1_000), by_card(1_000), NewTender::cash_rest()]).unwrap();
    shop.bench.verify();
}

/// S-49: from a card whose account was frozen since it was shown nothing is spent.
pub fn are_frozen_after_they_were_shown(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let (card, code) = shop.sold("N");
    let ticket = shop.show(&code).unwrap().ticket;
    let account = card.account_id.unwrap();
    let set = |state, key: &'static str| {
        shop.bench.run(move |work| work.loyalty().set_state(account, state, "it was stolen", key)).unwrap();
    };
    set(AccountState::Frozen, "freeze");
    assert_eq!(rule(shop.pay(shop.tea, 1, "1", by_card(ticket, 100))), "gift_card.refused");
    set(AccountState::Active, "thaw");
    shop.pay(shop.tea, 1, "2", by_card(ticket, 100)).unwrap();
    shop.bench.verify();
}

/// A card of one branch is neither sold nor filled at another.
pub fn are_filled_where_they_belong(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let other = shop.bench.branch("other").id;
    let new = NewBatch { name: "O".into(), branch: Some(shop.branch), face: zloty(5_000), size: 1 };
    let made = shop.bench.run(move |work| {
        let made = work.loyalty().make_gift_batch(&new)?;
        work.loyalty().release_gift_batch(made.batch.id)?;
        Ok(made)
    });
    let serial = made.unwrap().cards().next().unwrap().serial.to_owned();
    shop.activate(&serial, shop.buy(shop.gift, 1, "1").purchase, None).unwrap();
    let new = NewPurchase::of(other, "2", [NewLine::of(shop.gift, 1)], [NewTender::cash_rest()]);
    let sold = shop.bench.run(move |work| work.purchases().record(&new, "2")).unwrap().purchase;
    let fill = |purchase, key: &'static str| {
        let new = Activation { serial: serial.clone(), purchase, line_no: 1, owner: None };
        shop.bench.run(move |work| work.loyalty().reload_gift_card(&new, key))
    };
    assert_eq!(fill(sold, "other").unwrap_err().kind(), ErrorKind::NotFound);
    fill(shop.buy(shop.gift, 1, "3").purchase, "own").unwrap();
    shop.bench.verify();
}

/// S-12, S-35: what is paid later brings a card to life when nothing is owed any more.
pub fn are_sold_when_all_is_paid(factory: Factory<'_>) {
    let shop = Shop::open(factory);
    let serial = shop.batch("P", 1)[0].0.clone();
    let owner = shop.bench.customer(NewCustomer::person("Ala")).id;
    let terms = Terms { first_due: "2025-04-21".parse().unwrap(), count: 2, every: Span::Months(1) };
    let lines = [NewLine::of(shop.gift, 1)];
    let new = NewPurchase::of(shop.branch, "1", lines, [NewTender::instalments(zloty(5_000), &terms).unwrap()]);
    let new = new.by(owner);
    let sold = shop.bench.run(move |work| work.purchases().record(&new, "1")).unwrap().purchase;
    let pay = |amount, key: &'static str| {
        let new = NewPayment { purchase: sold, amount: zloty(amount), method: CASH.to_owned(), occurred_at: None };
        shop.bench.run(move |work| work.instalments().pay(&new, key)).unwrap();
    };
    assert_eq!(rule(shop.activate(&serial, sold, None)), "gift_card.not_paid");
    pay(4_999, "a");
    assert_eq!(rule(shop.activate(&serial, sold, None)), "gift_card.not_paid");
    pay(1, "b");
    shop.activate(&serial, sold, None).unwrap();
    assert_eq!(shop.left(&serial), (GiftCardState::Active, 5_000));
    shop.bench.verify();
}
