//! Offers: a promised price, accepted once.

use super::bench::{Bench, Factory, at, zloty};
use super::quoted::save;
use super::race::race;
use super::sales::{Shop, shop};
use crate::access::{Actor, Principal, Region};
use crate::kernel::language::Language;
use crate::kernel::page::Limit;
use crate::kernel::rate::Rate;
use crate::offers::{ANSWER, Acceptance, NewOffer, Offer, OfferId, OfferState, READ, WRITE};
use crate::pricing::{self, Adjustment, Assortment, Cap, Discount, LimitPer, Off, RuleTerms, Stage, UsageLimit};
use crate::purchases::{self, NewTender, Purchase, Receipt};
use crate::work::Filter;
use crate::{Error, ErrorKind, Result};

/// An offer of two teas and a cup to the customer of the shop, until noon of the next day.
pub(super) fn new_offer(shop: &Shop) -> NewOffer {
    let cart = Some(shop.asks(None, 2, 1).cart);
    let (branch, customer) = (shop.branch, Some(shop.customer));
    NewOffer { branch, customer, inquiry: Some("Tea for two?".into()), cart, expires_at: at("2025-03-22T12:00:00Z") }
}

pub(super) fn make(bench: &Bench, new: &NewOffer, key: &str) -> Result<OfferId> {
    let (new, key) = (new.clone(), key.to_owned());
    bench.run(move |work| work.offers().create(&new, &key))
}

pub(super) fn send(bench: &Bench, id: OfferId) -> Result<()> {
    bench.run(move |work| work.offers().send(id, &format!("send {id}")))
}

fn sent(bench: &Bench, shop: &Shop, key: &str) -> OfferId {
    let id = make(bench, &new_offer(shop), key).unwrap();
    send(bench, id).unwrap();
    id
}

fn accept(bench: &Bench, id: OfferId, receipt: &str) -> Result<Receipt> {
    let acceptance = Acceptance::of(receipt, [NewTender::cash_rest()]);
    bench.run(move |work| work.offers().accept(id, &acceptance, &acceptance.receipt_no))
}

fn get(bench: &Bench, id: OfferId) -> Offer {
    bench.read(move |work| work.offers().get(id)).unwrap()
}

fn tenth() -> RuleTerms {
    RuleTerms::new("tenth", Stage::Campaign, Assortment::Everything, Adjustment::Percent(Rate::percent(10)))
}

fn code<T: std::fmt::Debug>(refused: Result<T>) -> &'static str {
    match refused {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

/// The price of an offer is that of the day it was priced, whatever rules and list prices do until it is accepted.
pub fn keep_their_price(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let rule = save(&bench, tenth());
    // First there is only what was asked for.
    let inquiry = make(&bench, &NewOffer { cart: None, ..new_offer(&shop) }, "asked").unwrap();
    assert_eq!(code(send(&bench, inquiry)), "offer.not_priced");
    let cart = shop.asks(None, 2, 1).cart;
    let total = bench.run(move |work| work.offers().price(inquiry, &cart, "price")).unwrap();
    // 43.31 less 10 %.
    assert_eq!(total, zloty(3_898));
    send(&bench, inquiry).unwrap();
    let cart = shop.asks(None, 9, 0).cart;
    assert_eq!(code(bench.run(move |work| work.offers().price(inquiry, &cart, "late"))), "offer.not_a_draft");
    let text = bench.read(move |work| work.offers().text(inquiry, Language::En)).unwrap();
    assert!(text.contains("tenth") && text.contains("38.98"), "{text}");

    let tea = shop.tea;
    bench
        .run(move |work| {
            work.pricing().retire_rule(rule, None)?;
            let mut product = work.catalog().product(tea)?;
            product.price_minor = 9_999;
            work.catalog().update_product(&mut product)
        })
        .unwrap();
    let receipt = accept(&bench, inquiry, "1").unwrap();
    assert_eq!((receipt.total, accept(&bench, inquiry, "1").unwrap()), (total, receipt));
    assert_eq!(code(accept(&bench, inquiry, "2")), "offer.step");
    let (offer, purchase) = (get(&bench, inquiry), receipt.purchase);
    assert_eq!((offer.state, offer.purchase_id, offer.total()), (OfferState::Accepted, Some(purchase), Some(total)));
    let (bought, lines, _) = bench.read(move |work| work.purchases().get(purchase)).unwrap();
    assert_eq!((bought.customer_id, lines[0].unit_price_minor), (Some(shop.customer), 1_999));
    let stored = bench.read(move |work| work.purchases().discounts(purchase)).unwrap().unwrap();
    assert!(stored.taken.0.iter().all(|taken| taken.len() == 1));
    bench.verify();
}

/// However many accept at once, it is one purchase.
pub fn are_accepted_once(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    save(&bench, tenth());
    let offers: Vec<_> = (0..3).map(|n| sent(&bench, &shop, &n.to_string())).collect();
    let rounds = race(8, 3, |turn| {
        let receipt = format!("{} {}", turn.round, turn.worker);
        // Some take it back instead.
        if turn.worker < 2 {
            let id = offers[turn.round];
            return bench.run(move |work| work.offers().withdraw(id, None, &receipt)).map(|()| None);
        }
        accept(&bench, offers[turn.round], &receipt).map(Some)
    });
    let mut bought = 0;
    for (round, offer) in rounds.iter().zip(&offers) {
        assert_eq!(round.won.len(), 1, "{round:?}");
        let purchase = round.won[0].map(|receipt| receipt.purchase);
        bought += u64::from(purchase.is_some());
        assert_eq!(get(&bench, *offer).purchase_id, purchase);
        for error in &round.lost {
            assert!(matches!(error, Error::Invalid { rule: "offer.step", .. }), "{error:?}");
        }
    }
    assert_eq!(bench.read(|work| work.count(Filter::<Purchase>::all())).unwrap(), bought);
    bench.verify();
}

/// What was sent holds its place in a limit until it is answered, withdrawn or over (S-40).
pub fn hold_limits_until_they_end(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let once = UsageLimit { cap: Cap::Uses(1), per: LimitPer::Rule, every: None, soft: false };
    save(&bench, RuleTerms { limits: vec![once], ..tenth() });
    let off = || {
        let request = shop.asks(None, 2, 1);
        bench.read(move |work| work.pricing().quote(&request)).unwrap().discount_minor
    };
    let drafts: Vec<_> = (0..3).map(|n| make(&bench, &new_offer(&shop), &n.to_string()).unwrap()).collect();
    assert_eq!(off(), 433, "a draft holds nothing");
    send(&bench, drafts[0]).unwrap();
    assert_eq!((off(), code(send(&bench, drafts[1]))), (0, "limit.used_up"));
    bench.verify();
    let first = drafts[0];
    bench.run(move |work| work.offers().decline(first, Some("too dear"), "no")).unwrap();
    assert_eq!((off(), get(&bench, first).reason.as_deref()), (433, Some("too dear")));

    send(&bench, drafts[1]).unwrap();
    bench.clock.set(at("2025-03-22T12:00:00Z"));
    assert_eq!(code(accept(&bench, drafts[1], "late")), "offer.expired");
    assert_eq!(code(send(&bench, drafts[2])), "offer.expired");
    assert_eq!(off(), 0);
    let expire = || bench.run(move |work| work.offers().expire(shop.branch, Limit::new(2)?)).unwrap();
    assert_eq!([expire(), expire()], [2, 0]);
    assert_eq!((off(), get(&bench, drafts[1]).state), (433, OfferState::Expired));

    // What is accepted is the purchase's, and comes back with it.
    let later = NewOffer { expires_at: at("2025-03-23T12:00:00Z"), ..new_offer(&shop) };
    let last = make(&bench, &later, "last").unwrap();
    send(&bench, last).unwrap();
    let receipt = accept(&bench, last, "last").unwrap();
    assert_eq!(off(), 0);
    bench.verify();
    super::sales::take_back(&bench, receipt.purchase, &[(1, 2), (2, 1)], "back").unwrap();
    assert_eq!(off(), 433);
    bench.verify();
}

/// What makes no offer is refused; what is taken off by hand takes what it takes elsewhere; and rules keep counting.
pub fn refuse_nonsense(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let new = new_offer(&shop);
    let empty = NewOffer { cart: None, inquiry: None, ..new.clone() };
    assert_eq!(code(make(&bench, &empty, "a")), "offer.empty");
    let late = NewOffer { expires_at: at("2025-03-21T09:00:00Z"), ..new.clone() };
    assert_eq!(code(make(&bench, &late, "a")), "offer.in_the_past");
    let id = make(&bench, &new, "a").unwrap();
    assert_eq!(make(&bench, &new, "a").unwrap(), id);
    assert_eq!(code(accept(&bench, id, "1")), "offer.step");
    assert_eq!(make(&bench, &empty, "a").unwrap_err().kind(), ErrorKind::IdempotencyMismatch);

    let mut haggled = new;
    let cash = Discount { off: Off::Percent(Rate::percent(5)), reason: "regular".into() };
    haggled.cart.as_mut().unwrap().cash = Some(cash);
    let here = Region::branches([shop.branch]);
    let clerk = Actor::new(Principal::User(uuid::Uuid::nil().into())).granted(WRITE, here.clone());
    let try_as = |actor: &Actor| {
        let haggled = haggled.clone();
        bench.run_as(actor, move |work| work.offers().create(&haggled, "haggled"))
    };
    assert_eq!(try_as(&clerk).unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(code(try_as(&clerk.granted(pricing::DISCOUNT, here))), "discount.over_limit");
    bench.verify();
}

/// A customer sees and declines their own; taking one is recording a purchase too, and takes that right.
pub fn belong_to_their_customer(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let (theirs, other) = (sent(&bench, &shop, "1"), NewOffer { customer: None, ..new_offer(&shop) });
    let nobodys = make(&bench, &other, "2").unwrap();
    let own = Region::customer(shop.customer);
    let customer =
        Actor::new(Principal::Customer(shop.customer)).granted(READ, own.clone()).granted(ANSWER, own.clone());
    let seen = bench.run_as(&customer, move |work| work.offers().of_customer(shop.customer, Limit::MAX, None));
    assert_eq!(seen.unwrap().items.iter().map(|offer| offer.id).collect::<Vec<_>>(), [theirs]);
    let drafts =
        bench.run_as(&customer, move |work| work.offers().of_branch(shop.branch, OfferState::Draft, Limit::MAX, None));
    assert_eq!(drafts.unwrap().items, []);
    let hidden = bench.run_as(&customer, move |work| work.offers().get(nobodys));
    assert_eq!(hidden.unwrap_err().kind(), ErrorKind::NotFound);
    let acceptance = Acceptance::of("3", [NewTender::cash_rest()]);
    let taken = bench.run_as(&customer, move |work| work.offers().accept(theirs, &acceptance, "3"));
    assert!(matches!(taken, Err(Error::Denied { permission }) if permission == purchases::RECORD));
    bench.run_as(&customer, move |work| work.offers().decline(theirs, None, "4")).unwrap();
    bench.verify();
}
