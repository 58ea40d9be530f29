//! Every write operation, with a fault at its n-th call of the storage, for every n: all of it is stored or nothing, the
//! books agree, and the storage serves the next call. Here those of the core, in [`club`] those of the club.

mod club;
mod fingerprint;
mod harness;

use std::time::Duration;

use crm_core::branches::{Branch, NewBranch};
use crm_core::catalog::{Category, NewProduct, Product};
use crm_core::customers::{Customer, NewCustomer};
use crm_core::instalments::{ChequeAction, ChequeTerms, NewCheque, NewPayment, Terms};
use crm_core::invoices::NewSeries;
use crm_core::kernel::calendar::Span;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{CivilDate, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::AccountState;
use crm_core::loyalty::programme::{PointValue, Programme};
use crm_core::offers::{Acceptance, NewOffer};
use crm_core::pricing::{
    Adjustment, Assortment, Cap, Cart, LimitPer, NewRule, QuoteRequest, RuleTerms, Stage, UsageLimit,
};
use crm_core::purchases::{ByQuote, NewLine, NewPurchase, NewTender, PurchaseId, Recorded};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::shipping::ShipLine;
use crm_core::work::{Filter, Permit};
use crm_core::{Error, Result};
use crm_loyalty::programme::NewVersion;
use crm_loyalty::redemption::{Holding, NewHolding, credit, points, with_hold};
use crm_loyalty::{Loyalty, WorkLoyalty};
use crm_storage_diesel::DieselStorage;

use crate::databases;
use harness::{DELAY, FAULTS, Harness, first};

const CREDIT: Asset = Asset::Credit(Currency::PLN);

type Operation = fn(&mut Permit<'_, '_>, &str) -> Result<()>;

/// Every operation that writes, each writing something new for a new name.
const OPERATIONS: &[(&str, Operation)] = &[
    ("branches.create", |work, name| work.branches().create(NewBranch::named(name, "Asia/Tehran", "IRR")).map(|_| ())),
    ("branches.update", |work, name| {
        let mut branch: Branch = first(work)?;
        name.clone_into(&mut branch.name);
        work.branches().update(&mut branch)
    }),
    ("customers.create", |work, name| {
        let new = NewCustomer::person(format!("Ala {name}")).with_card(name).with_phone("+48512345678");
        work.customers().create(new).map(|_| ())
    }),
    ("customers.update", |work, name| {
        let mut customer: Customer = first(work)?;
        customer.name = format!("Ola {name} Kot");
        work.customers().update(&mut customer)
    }),
    ("customers.relate", |work, name| {
        let two = work.select(Filter::<Customer>::all()).page(Limit::new(2)?, None)?.items;
        work.customers().relate(two[0].id, name, two[1].id)
    }),
    ("catalog.create_category", |work, name| {
        let above = first::<Category>(work)?.id;
        work.catalog().create_category(Some(above), name).map(|_| ())
    }),
    ("catalog.move_category", |work, name| {
        let top = first::<Category>(work)?.id;
        let moved = work.catalog().create_category(Some(top), name)?;
        work.catalog().create_category(Some(moved.id), "below")?;
        work.catalog().move_category(moved.id, None).map(|_| ())
    }),
    ("catalog.create_product", |work, name| {
        work.catalog().create_product(NewProduct::goods(name, "Chleb", Money::new(500, Currency::PLN))).map(|_| ())
    }),
    ("catalog.update_product", |work, name| {
        let mut product: Product = first(work)?;
        name.clone_into(&mut product.name);
        work.catalog().update_product(&mut product)
    }),
    ("catalog.receive", |work, _| {
        let (product, branch) = (first::<Product>(work)?.id, first::<Branch>(work)?.id);
        work.catalog().receive(product, branch, 3)
    }),
    ("catalog.correct", |work, _| {
        let (product, branch) = (first::<Product>(work)?.id, first::<Branch>(work)?.id);
        work.catalog().correct(product, branch, -1)
    }),
    ("purchases.record", |work, name| {
        let (product, branch) = (first::<Product>(work)?.id, first::<Branch>(work)?.id);
        let customer = work.customers().create(NewCustomer::person("Nowy"))?.id;
        let sale = NewPurchase::of(branch, name, [NewLine::of(product, 1)], [NewTender::cash_rest()]).by(customer);
        work.purchases().record(&sale, name).map(|_| ())
    }),
    ("purchases.record on credit", |work, name| on_credit(work, name).map(|_| ())),
    ("purchases.finalise", |work, name| {
        let open = open(work, name)?;
        work.purchases().finalise(open, Some("FV")).map(|_| ())
    }),
    ("returns.record", |work, name| {
        let sold = on_credit(work, name)?;
        work.returns().record(&NewReturn::of(sold, [NewReturnLine::of(1, 1)]), name).map(|_| ())
    }),
    ("returns.void", |work, name| {
        let open = open(work, name)?;
        work.returns().void(open, 1, "typo", name).map(|_| ())
    }),
    ("shipping.ship", |work, name| {
        let open = open(work, name)?;
        work.shipping().ship(open, &[ShipLine { line_no: 1, quantity: 2 }], name)?;
        work.shipping().unship(open, &[ShipLine { line_no: 1, quantity: 1 }], "rain", name)
    }),
    ("instalments", |work, name| {
        let sold = on_credit(work, name)?;
        let (amount, method) = (Money::new(10, Currency::PLN), "cash".to_owned());
        work.instalments().pay(&NewPayment { purchase: sold, amount, method, occurred_at: None }, name)?;
        let (number, due_on) = (name.to_owned(), CivilDate::new(2030, 1, 31)?);
        let terms = ChequeTerms { number, due_on, bank: None, sayad_id: None };
        let cheque = NewCheque { purchase: sold, amount, terms, replaces: None };
        let cheque = work.instalments().take_cheque(&cheque, name)?;
        for (n, action) in [ChequeAction::Deposit, ChequeAction::Clear, ChequeAction::Bounce].into_iter().enumerate() {
            work.instalments().move_cheque(cheque, action, &format!("{name} {n}"))?;
        }
        Ok(())
    }),
    ("purchases.record_quoted", |work, name| quoted(work, name).map(|_| ())),
    ("returns.record of a quoted one", |work, name| {
        let sold = quoted(work, name)?;
        work.returns().record(&NewReturn::of(sold, [NewReturnLine::of(1, 1)]), name).map(|_| ())
    }),
    ("offers", |work, name| {
        for (n, accepted) in [true, false].into_iter().enumerate() {
            let key = format!("{name} {n}");
            let (branch, cart) = (first::<Branch>(work)?.id, Cart::of([(first::<Product>(work)?.id, 2)]));
            let expires_at = work.now().checked_add(Duration::from_secs(60))?;
            let new = NewOffer { branch, customer: None, inquiry: None, cart: Some(cart), expires_at };
            let offer = work.offers().create(&new, &key)?;
            work.offers().send(offer, &key)?;
            if accepted {
                work.offers().accept(offer, &Acceptance::of(&key, [NewTender::cash_rest()]), &key)?;
            } else {
                work.offers().decline(offer, Some("too dear"), &key)?;
            }
        }
        Ok(())
    }),
    ("loyalty.accounts", |work, name| {
        let account = work.customers().create(NewCustomer::person("Członek"))?.id.into();
        work.loyalty().adjust(account, CREDIT, 500, "welcome", name)?;
        work.loyalty().set_state(account, AccountState::Frozen, "asked for", name)?;
        work.loyalty().adjust(account, CREDIT, -500, "by mistake", &format!("{name} back"))?;
        work.loyalty().set_state(account, AccountState::Closed, "left", &format!("{name} closed"))
    }),
    ("loyalty.hold", |work, name| {
        let hold = hold(work, name)?;
        work.loyalty().void_hold(hold.account, hold.hold, name)
    }),
    ("purchases.record with credit and points", |work, name| club_sale(work, name).map(|_| ())),
    ("returns.record of credit and points", |work, name| {
        let sold = club_sale(work, name)?;
        work.returns().record(&NewReturn::of(sold, [NewReturnLine::of(1, 2)]), name).map(|_| ())
    }),
    ("outbox.send", |work, name| work.send("email", name.into()).map(|_| ())),
    ("outbox.claim", |work, _| {
        work.send("email", "to be claimed".into())?;
        let claimed = work.outbox().claim(Limit::new(1)?, Duration::ZERO)?;
        let now = work.now();
        work.outbox().failed(claimed[0].id, "refused", Some(now))
    }),
    ("outbox.delivered", |work, _| {
        let id = work.send("email", "to be delivered".into())?;
        work.send("email", "to stay".into())?;
        work.outbox().delivered(id)
    }),
    ("attempt", |work, name| {
        let failed = work.attempt(|work| {
            work.branches().create(NewBranch::named(format!("{name} in vain"), "Asia/Tehran", "IRR"))?;
            Err::<(), _>(Error::invalid("x", "test.fails"))
        });
        assert!(failed.is_err());
        work.branches().create(NewBranch::named(name, "Asia/Tehran", "IRR")).map(|_| ())
    }),
];

fn sale(work: &mut Permit<'_, '_>, name: &str, tenders: Vec<NewTender>) -> Result<NewPurchase> {
    let (product, branch) = (first::<Product>(work)?.id, first::<Branch>(work)?.id);
    Ok(NewPurchase::of(branch, name, [NewLine::of(product, 3)], tenders).by(first::<Customer>(work)?.id))
}

/// An invoiced purchase, half of it in instalments.
fn on_credit(work: &mut Permit<'_, '_>, name: &str) -> Result<PurchaseId> {
    let terms = Terms { first_due: CivilDate::new(2030, 1, 31)?, count: 3, every: Span::Months(1) };
    let later = NewTender::instalments(Money::new(1_500, Currency::PLN), &terms)?;
    let sale = sale(work, name, vec![later, NewTender::cash_rest()])?;
    let sold = work.purchases().record(&NewPurchase { invoice: Some("FV".into()), ..sale }, name)?;
    Ok(sold.purchase)
}

/// A purchase by quote, of which a rule with limits takes something off.
fn quoted(work: &mut Permit<'_, '_>, name: &str) -> Result<PurchaseId> {
    let (product, branch) = (first::<Product>(work)?.id, first::<Branch>(work)?.id);
    let customer = Some(first::<Customer>(work)?.id);
    let request = QuoteRequest { branch, customer, at: None, cart: Cart::of([(product, 2)]) };
    let quote = work.pricing().quote(&request)?;
    let new = NewPurchase::quoted(&request, name, [NewTender::cash_rest()]);
    match work.purchases().record_quoted(&new, &ByQuote::of(&request, &quote), name)? {
        Recorded::Done(receipt) => Ok(receipt.purchase),
        Recorded::Changed(_) => Err(Error::invalid("x", "test.fails")),
    }
}

/// Something of the first customer's credit, set aside.
fn hold(work: &mut Permit<'_, '_>, name: &str) -> Result<Holding> {
    let (account, branch) = (first::<Customer>(work)?.id.into(), first::<Branch>(work)?.id);
    let (due, amount) = (Money::new(3_000, Currency::PLN), Money::new(2, Currency::PLN));
    let new = NewHolding { account, asset: CREDIT, branch, due, amount, minutes: None, card: None };
    work.loyalty().hold(&new, name)
}

/// A purchase of three pieces that is paid with what was set aside, with points, and with cash.
fn club_sale(work: &mut Permit<'_, '_>, name: &str) -> Result<PurchaseId> {
    let hold = hold(work, name)?.hold;
    let money = |minor| Money::new(minor, Currency::PLN);
    let tenders = vec![with_hold(credit(money(2)), hold), points(money(3)), NewTender::cash_rest()];
    let sale = sale(work, name, tenders)?;
    Ok(work.purchases().record(&sale, name)?.purchase)
}

/// A purchase that is not final, to be shipped.
fn open(work: &mut Permit<'_, '_>, name: &str) -> Result<PurchaseId> {
    let sale = sale(work, name, vec![NewTender::cash_rest()])?;
    Ok(work.purchases().record(&NewPurchase { open: true, to_ship: true, ..sale }, name)?.purchase)
}

fn set_up(work: &mut Permit<'_, '_>) -> Result<()> {
    let branch = work.branches().create(NewBranch::named("Warszawa", "Europe/Warsaw", "PLN"))?;
    let price = Money::new(1_000, Currency::PLN);
    let product = work.catalog().create_product(NewProduct::goods("TEA", "Herbata", price))?;
    work.catalog().receive(product.id, branch.id, 100_000)?;
    work.invoices().create_series(&NewSeries::yearly(branch.id, "FV", "FV/"))?;
    work.catalog().create_category(None, "Spożywcze")?;
    work.customers().create(NewCustomer::person("Jan Kot"))?;
    work.customers().create(NewCustomer::person("Ewa Kot"))?;
    let member = first::<Customer>(work)?.id.into();
    for (asset, key) in [(CREDIT, "credit"), (Asset::Points, "points")] {
        work.loyalty().adjust(member, asset, 1_000_000, "welcome", key)?;
    }
    let worth = PointValue { currency: Currency::PLN, worth: Rate::new(1, 2)? };
    let programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    work.loyalty().save_programme(NewVersion::now(Programme { point_values: vec![worth], ..programme }))?;
    let off = Adjustment::Percent(Rate::percent(10));
    let limit = |cap, per| UsageLimit { cap, per, every: None, soft: false };
    let limits = vec![
        limit(Cap::Uses(100_000), LimitPer::Rule),
        limit(Cap::Money(Money::new(100_000_000, Currency::PLN)), LimitPer::Rule),
    ];
    let terms = RuleTerms::new("limited", Stage::Campaign, Assortment::Everything, off);
    work.pricing().save_rule(NewRule::now(RuleTerms { limits, ..terms }))?;
    Ok(())
}

fn every_fault_of_every_operation(url: &str) {
    let harness = Harness::open(url, Loyalty::new(), set_up);
    let operations: Vec<_> =
        OPERATIONS.iter().map(|(name, operation)| harness::Operation::new(name, *operation)).collect();
    harness.every_fault_of(&operations, &[&FAULTS[..], &[DELAY]].concat());
}

#[test]
fn sqlite_stores_all_or_nothing() {
    every_fault_of_every_operation("sqlite::memory:");
}

#[test]
fn postgres_stores_all_or_nothing() {
    every_fault_of_every_operation(databases::postgres().url());
}

/// A real fault of the database: the file may not grow. What fails leaves nothing, and what fits later is stored.
#[test]
fn a_full_disk_leaves_nothing_half_done() {
    let database = databases::sqlite_file();
    let (crm, shop) = crate::shop::open(DieselStorage::open(database.url()).unwrap(), 1_000_000);
    crm.blocking().close().unwrap();
    drop(crm);

    let pages: u32 = databases::sqlite_pragma(database.url(), "page_count")[0].parse().unwrap();
    let full = DieselStorage::open_with(
        database.url(),
        crm_storage_diesel::StorageOptions::default().sqlite_max_pages(pages + 8),
    );
    let (crm, _) = crate::shop::open(full.unwrap(), 0);
    let mut stored = 0;
    let refused = loop {
        match crate::shop::sell(&crm, &shop, &format!("full {stored}")) {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 10_000, "the file was never full");
    };
    assert!(stored > 0, "something fits");
    assert!(refused.to_string().contains("full"), "{refused}");
    crate::shop::assert_whole(&crm);
    crm.blocking().close().unwrap();
    drop(crm);

    let (crm, shop) = crate::shop::open(DieselStorage::open(database.url()).unwrap(), 0);
    crate::shop::sell(&crm, &shop, &format!("full {stored}")).unwrap();
    crate::shop::assert_whole(&crm);
}
