//! Purchases.

use std::time::Duration;

use super::bench::{Bench, Factory, at, zloty};
use super::race::race;
use crate::access::{Actor, Principal, Region};
use crate::branches::{BranchId, NewBranch};
use crate::catalog::{NewProduct, Product, ProductId};
use crate::customers::{NewCustomer, Stage};
use crate::journal::{JournalEntry, JournalQuery};
use crate::kernel::page::Limit;
use crate::kernel::time::{CivilDate, TimeOfDay};
use crate::purchases::{CARD, NewLine, NewPurchase, NewTender, Purchase, Receipt};
use crate::work::{CommandRecord, Filter};
use crate::{Error, ErrorKind, Result};

/// A purchase of one product, paid in cash.
pub(super) fn sale(branch: BranchId, receipt: &str, product: ProductId, quantity: i64) -> NewPurchase {
    NewPurchase::of(branch, receipt, [NewLine::of(product, quantity)], [NewTender::cash_rest()])
}

/// Puts goods on the shelf.
pub(super) fn receive(bench: &Bench, product: &Product, branch: BranchId, quantity: i64) {
    let id = product.id;
    bench.run(move |work| work.catalog().receive(id, branch, quantity)).unwrap();
}

fn record(bench: &Bench, new: &NewPurchase, key: &str) -> Result<Receipt> {
    let (new, key) = (new.clone(), key.to_owned());
    bench.run(move |work| work.purchases().record(&new, &key))
}

fn on_hand(bench: &Bench, product: ProductId, branch: BranchId) -> i64 {
    bench.read(move |work| work.catalog().on_hand(product, branch)).unwrap()
}

/// A branch, goods at 19.99 of which ten are there, and a purchase of two.
fn shop(bench: &Bench) -> (BranchId, Product, NewPurchase) {
    let branch = bench.branch("shop").id;
    let product = bench.goods("goods", 1999);
    receive(bench, &product, branch, 10);
    let new = sale(branch, "R1", product.id, 2);
    (branch, product, new)
}

/// However often a purchase comes with one key, one after the other or at once, it is recorded once.
pub fn are_recorded_once(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (branch, product, new) = shop(&bench);
    let first = record(&bench, &new, "key").unwrap();
    assert_eq!(first.total, zloty(3998));
    for _ in 0..10 {
        assert_eq!(record(&bench, &new, "key").unwrap(), first);
    }
    let other = NewPurchase { lines: vec![NewLine::of(product.id, 3)], ..new.clone() };
    assert_eq!(record(&bench, &other, "key").unwrap_err().kind(), ErrorKind::IdempotencyMismatch);
    let second = sale(branch, "R2", product.id, 1);
    let round = race(32, 1, |_| record(&bench, &second, "second")).remove(0);
    assert!(round.lost.is_empty() && round.won.iter().all(|receipt| *receipt == round.won[0]), "{round:?}");
    assert_eq!(on_hand(&bench, product.id, branch), 7);
    assert_eq!(bench.read(|work| work.count(Filter::<Purchase>::all())).unwrap(), 2);
    bench.verify();
}

/// A receipt number is used once in a branch, in any digits; of those who take it at once, one has it.
pub fn have_a_receipt_of_their_own(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (branch, product, new) = shop(&bench);
    record(&bench, &NewPurchase { receipt_no: "۷۷".into(), ..new.clone() }, "1").unwrap();
    let taken = record(&bench, &NewPurchase { receipt_no: " 77 ".into(), ..new.clone() }, "2").unwrap_err();
    assert!(matches!(&taken, Error::AlreadyExists { kind: "purchase", unique } if unique == "receipt"), "{taken:?}");
    let other = bench.branch("other").id;
    receive(&bench, &product, other, 10);
    record(&bench, &sale(other, "77", product.id, 1), "3").unwrap();
    let new = sale(branch, "same", product.id, 1);
    let round = race(8, 1, |turn| record(&bench, &new, &format!("race {}", turn.worker))).remove(0);
    assert_eq!(round.won.len(), 1);
    assert!(round.lost.iter().all(|error| error.kind() == ErrorKind::AlreadyExists), "{round:?}");
    assert_eq!(on_hand(&bench, product.id, branch), 7);
    for receipt_no in [String::new(), "x".repeat(65)] {
        let refused = record(&bench, &NewPurchase { receipt_no, ..new.clone() }, "4");
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    }
    bench.verify();
}

/// What is paid is what it costs, to the last unit; other prices take a permission, and expectations only compare.
pub fn are_paid_exactly(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (branch, product, new) = shop(&bench);
    let tea = bench.run(|work| work.catalog().create_product(NewProduct::service("tea", "Tea", zloty(900)))).unwrap();
    let lines = vec![NewLine::of(product.id, 2), NewLine::of(tea.id, 1), NewLine::of(product.id, 1)];
    let mixed = NewPurchase {
        tenders: vec![NewTender::of(CARD, zloty(5000)), NewTender::cash_rest()],
        lines,
        expected_total: Some(zloty(6897)),
        ..new.clone()
    };
    let receipt = record(&bench, &mixed, "mixed").unwrap();
    let (purchase, lines, tenders) = bench.read(move |work| work.purchases().get(receipt.purchase)).unwrap();
    assert_eq!(purchase.total(), zloty(6897));
    assert_eq!(
        lines.iter().map(|line| (line.line_no, line.total_minor)).collect::<Vec<_>>(),
        [(1, 3998), (2, 900), (3, 1999)]
    );
    assert_eq!(
        tenders.iter().map(|one| (one.method.as_str(), one.amount_minor)).collect::<Vec<_>>(),
        [("card", 5000), ("cash", 1897)]
    );
    assert_eq!(on_hand(&bench, product.id, branch), 7);

    let cash = |grosz| NewTender::of("cash", zloty(grosz));
    let euro = crate::kernel::money::Money::new(3998, crate::kernel::currency::Currency::new("EUR").unwrap());
    let rest = NewTender::cash_rest;
    for tenders in [
        vec![],
        vec![cash(3997)],
        vec![cash(3999)],
        vec![cash(3999), rest()],
        vec![cash(-1), rest()],
        vec![cash(0), rest()],
        vec![rest(), rest()],
        vec![NewTender::of("cash", euro)],
        vec![NewTender::of(" ", zloty(3998))],
    ] {
        let refused = record(&bench, &NewPurchase { tenders, receipt_no: "bad".into(), ..new.clone() }, "bad");
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    }
    for (quantity, unit_price) in [(0, None), (-1, None), (i64::MAX, None), (1, Some(zloty(-1))), (1, Some(euro))] {
        let lines = vec![NewLine { unit_price, ..NewLine::of(product.id, quantity) }];
        let refused = record(&bench, &NewPurchase { lines, receipt_no: "bad".into(), ..new.clone() }, "bad");
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid);
    }
    let wrong = NewPurchase { expected_total: Some(zloty(3997)), ..new.clone() };
    assert_eq!(record(&bench, &wrong, "bad").unwrap_err().kind(), ErrorKind::Invalid);
    let clerk = Actor::new(Principal::User(uuid::Uuid::nil().into())).granted(crate::purchases::RECORD, Region::all());
    let cheaper = NewPurchase {
        lines: vec![NewLine { unit_price: Some(zloty(1)), ..NewLine::of(product.id, 1) }],
        receipt_no: "cheap".into(),
        ..new
    };
    let again = cheaper.clone();
    let refused = bench.run_as(&clerk, move |work| work.purchases().record(&again, "cheap"));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Denied);
    let manager = clerk.granted(crate::purchases::SET_PRICE, Region::branches([branch]));
    let receipt = bench.run_as(&manager, move |work| work.purchases().record(&cheaper, "cheap")).unwrap();
    assert_eq!(receipt.total, zloty(1));
    bench.verify();
}

/// A purchase of the past counts for the business day on which it happened; the future has none.
pub fn may_be_dated_back(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench
        .run(|work| {
            let cutoff = "04:00".parse::<TimeOfDay>()?;
            work.branches().create(NewBranch { cutoff, ..NewBranch::named("night", "Asia/Tehran", "PLN") })
        })
        .unwrap()
        .id;
    let product = bench.goods("night", 100);
    receive(&bench, &product, branch, 10);
    // In Tehran it is 03:59:59 and 04:00:00.
    for (n, (time, day)) in [("2025-03-19T00:29:59Z", 18), ("2025-03-19T00:30:00Z", 19)].into_iter().enumerate() {
        let new = NewPurchase { occurred_at: Some(at(time)), ..sale(branch, &n.to_string(), product.id, 1) };
        let receipt = record(&bench, &new, &n.to_string()).unwrap();
        let purchase: Purchase = bench.read(move |work| work.get(receipt.purchase)).unwrap();
        assert_eq!(purchase.business_date, CivilDate::new(2025, 3, day).unwrap());
        assert_eq!((purchase.occurred_at, purchase.recorded_at), (at(time), at("2025-03-21T09:00:00Z")));
    }
    let query = JournalQuery { kinds: vec!["purchases.recorded".into()], ..JournalQuery::default() };
    let told = bench.read(move |work| work.journal().page(&query, Limit::default(), None)).unwrap();
    let times: Vec<_> = told.items.iter().map(|entry| entry.occurred_at).collect();
    assert_eq!(times, [at("2025-03-19T00:30:00Z"), at("2025-03-19T00:29:59Z")]);
    let future =
        NewPurchase { occurred_at: Some(at("2025-03-21T09:00:00.000001Z")), ..sale(branch, "f", product.id, 1) };
    assert_eq!(record(&bench, &future, "f").unwrap_err().kind(), ErrorKind::Invalid);
    let mut closed = bench.read(move |work| work.branches().get(branch)).unwrap();
    closed.active = false;
    bench.run(move |work| work.branches().update(&mut closed.clone())).unwrap();
    assert_eq!(record(&bench, &sale(branch, "c", product.id, 1), "c").unwrap_err().kind(), ErrorKind::Invalid);
}

/// Goods leave the shelf with the purchase that caused it, also when two lines are of one product; services do not.
pub fn move_stock(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (branch, product, new) = shop(&bench);
    let lines = vec![NewLine::of(product.id, 6), NewLine::of(product.id, 5)];
    let refused = record(&bench, &NewPurchase { lines, ..new.clone() }, "many").unwrap_err();
    assert!(matches!(refused, Error::Invalid { rule: "stock.insufficient", .. }), "{refused:?}");
    let lines = vec![NewLine::of(product.id, 6), NewLine::of(product.id, 4)];
    let receipt = record(&bench, &NewPurchase { lines, ..new }, "all").unwrap();
    assert_eq!(on_hand(&bench, product.id, branch), 0);
    let (_, lines, _) = bench.read(move |work| work.purchases().get(receipt.purchase)).unwrap();
    assert_eq!(lines.iter().map(|line| (line.quantity, line.stocked)).collect::<Vec<_>>(), [(6, true), (4, true)]);
    let early = NewProduct { oversell: true, ..NewProduct::goods("early", "Early", zloty(1)) };
    let early = bench.run(move |work| work.catalog().create_product(early.clone())).unwrap();
    record(&bench, &sale(branch, "early", early.id, 3), "early").unwrap();
    assert_eq!(on_hand(&bench, early.id, branch), -3);
    let mut gone = early.clone();
    gone.active = false;
    bench.run(move |work| work.catalog().update_product(&mut gone.clone())).unwrap();
    assert_eq!(record(&bench, &sale(branch, "gone", early.id, 1), "gone").unwrap_err().kind(), ErrorKind::Invalid);
    bench.verify();
}

/// Who buys becomes a customer, once; their purchases come the latest first.
pub fn make_customers(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (branch, product, _) = shop(&bench);
    let lead = bench.customer(NewCustomer::person("Lead")).id;
    let other = bench.customer(NewCustomer::person("Other")).id;
    let mut receipts = Vec::new();
    for n in ["1", "2", "3"] {
        bench.clock.advance(Duration::from_secs(1));
        receipts.push(
            record(&bench, &NewPurchase { customer: Some(lead), ..sale(branch, n, product.id, 1) }, n)
                .unwrap()
                .purchase,
        );
    }
    record(&bench, &sale(branch, "nobody", product.id, 1), "nobody").unwrap();
    assert_eq!(bench.read(move |work| work.customers().get(lead)).unwrap().stage, Stage::Customer);
    assert_eq!(bench.read(move |work| work.customers().get(other)).unwrap().stage, Stage::Lead);
    let first = bench.read(move |work| work.purchases().of_customer(lead, Limit::new(2)?, None)).unwrap();
    let next = first.next.clone();
    let second = bench.read(move |work| work.purchases().of_customer(lead, Limit::new(2)?, next.as_ref())).unwrap();
    let mut listed: Vec<_> = first.items.iter().chain(&second.items).map(|purchase| purchase.id).collect();
    listed.reverse();
    assert_eq!(listed, receipts);
    let query =
        JournalQuery { customer: Some(lead), kinds: vec!["customers.stage_reached".into()], ..JournalQuery::default() };
    assert_eq!(bench.read(move |work| work.journal().page(&query, Limit::default(), None)).unwrap().items.len(), 1);
    bench.verify();
}

/// The journal tells of a purchase: whose, where, which, and what it came to.
pub fn stand_in_the_journal(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (branch, _, new) = shop(&bench);
    let buyer = bench.customer(NewCustomer::person("Buyer")).id;
    let receipt = record(&bench, &NewPurchase { customer: Some(buyer), ..new }, "key").unwrap();
    let query = JournalQuery { kinds: vec!["purchases.recorded".into()], ..JournalQuery::default() };
    let entries: Vec<JournalEntry> =
        bench.read(move |work| work.journal().page(&query, Limit::default(), None)).unwrap().items;
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!((entry.customer_id, entry.branch_id), (Some(buyer), Some(branch)));
    assert_eq!(entry.reference_id, Some(receipt.purchase.into()));
    assert_eq!(entry.payload.0["purchase"], serde_json::json!(receipt.purchase.to_string()));
}

/// A purchase that is refused at any point leaves nothing at all, and its key may be used again.
pub fn leave_nothing_when_refused(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (branch, product, new) = shop(&bench);
    let told = bench.read(|work| work.count(Filter::<JournalEntry>::all())).unwrap();
    let stranger: ProductId = uuid::Uuid::nil().into();
    let refused = [
        NewPurchase { lines: vec![NewLine::of(product.id, 1), NewLine::of(product.id, 10)], ..new.clone() },
        NewPurchase { lines: vec![NewLine::of(product.id, 1), NewLine::of(stranger, 1)], ..new.clone() },
        NewPurchase { lines: vec![], ..new.clone() },
        NewPurchase { lines: vec![NewLine::of(product.id, 1); 1001], ..new.clone() },
        NewPurchase { customer: Some(uuid::Uuid::nil().into()), ..new.clone() },
        NewPurchase { branch: uuid::Uuid::nil().into(), ..new.clone() },
    ];
    for new in refused {
        assert!(record(&bench, &new, "key").is_err());
    }
    assert_eq!(on_hand(&bench, product.id, branch), 10);
    let count = bench.read(|work| {
        Ok((
            work.count(Filter::<Purchase>::all())?,
            work.count(Filter::<CommandRecord>::all())?,
            work.count(Filter::<JournalEntry>::all())?,
        ))
    });
    assert_eq!(count.unwrap(), (0, 0, told));
    // A job that swallows the refusal has half a purchase in its hands, and stores nothing; one that attempts goes on.
    let too_much = NewPurchase { lines: vec![NewLine::of(product.id, 11)], ..new.clone() };
    let swallowing = too_much.clone();
    let swallowed = bench.run(move |work| {
        let _ = work.purchases().record(&swallowing, "key");
        Ok(())
    });
    assert_eq!(swallowed.unwrap_err().kind(), ErrorKind::Poisoned);
    let attempted = bench.run(move |work| {
        let refused = work.attempt(|work| work.purchases().record(&too_much, "key"));
        assert!(matches!(refused, Err(Error::Invalid { rule: "stock.insufficient", .. })), "{refused:?}");
        Ok(())
    });
    attempted.unwrap();
    assert_eq!(bench.read(|work| work.count(Filter::<Purchase>::all())).unwrap(), 0);
    record(&bench, &new, "key").unwrap();
    let hundred = NewPurchase { lines: vec![NewLine::of(product.id, 1); 8], receipt_no: "8".into(), ..new };
    record(&bench, &hundred, "eight").unwrap();
    assert_eq!(on_hand(&bench, product.id, branch), 0);
    bench.verify();
}

/// Of many who want the last pieces, exactly as many get one as there are, and the others are told why not.
pub fn race_for_the_last_piece(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (branch, product, _) = shop(&bench);
    let rounds = race(8, 3, |turn| {
        let n = format!("{} {}", turn.round, turn.worker);
        record(&bench, &sale(branch, &n, product.id, 1), &n)
    });
    assert_eq!(rounds.iter().map(|round| round.won.len()).sum::<usize>(), 10);
    for error in rounds.iter().flat_map(|round| &round.lost) {
        assert!(matches!(error, Error::Invalid { rule: "stock.insufficient", .. }), "{error:?}");
    }
    assert_eq!(on_hand(&bench, product.id, branch), 0);
    assert_eq!(bench.read(|work| work.count(Filter::<Purchase>::all())).unwrap(), 10);
    bench.verify();
}

/// Discounts, tax and the shares of tenders are stored with each line, and sum to what was paid; figures that make no
/// price are refused.
pub fn keep_figures_and_shares(factory: Factory<'_>) {
    use crate::kernel::rate::Rate;
    use crate::purchases::Figures;
    let bench = Bench::open(factory);
    let (branch, product, new) = shop(&bench);
    let none = Figures::none(zloty(0).currency());
    let figures = Figures {
        discount: zloty(98),
        order_discount: zloty(100),
        tax: zloty(874),
        tax_rate: "23%".parse().unwrap(),
        tax_included: false,
    };
    let line = |quantity, figures| NewLine { figures: Some(figures), ..NewLine::of(product.id, quantity) };
    let tenders = vec![NewTender::of(CARD, zloty(1000)), NewTender::cash_rest()];
    let mixed = NewPurchase { lines: vec![line(2, figures), NewLine::of(product.id, 1)], tenders, ..new.clone() };
    let receipt = record(&bench, &mixed, "mixed").unwrap();
    assert_eq!(receipt.total, zloty(3800 + 874 + 1999));
    let (_, lines, _) = bench.read(move |work| work.purchases().get(receipt.purchase)).unwrap();
    assert_eq!((lines[0].list_minor(), lines[0].net_minor(), lines[0].total_minor), (3998, 3800, 4674));
    assert_eq!(lines[0].tax_rate, Rate::percent(23));
    assert_eq!(
        (lines[0].tender_shares.0.as_slice(), lines[1].tender_shares.0.as_slice()),
        (&[700, 3974][..], &[300, 1699][..])
    );

    let euro = crate::kernel::money::Money::new(1, crate::kernel::currency::Currency::new("EUR").unwrap());
    for (bad, expected) in [
        (Figures { discount: zloty(-1), ..none }, "line.figure_negative"),
        (Figures { order_discount: zloty(-1), ..none }, "line.figure_negative"),
        (Figures { tax: zloty(-1), ..none }, "line.figure_negative"),
        (Figures { tax_rate: "-1/100".parse().unwrap(), ..none }, "line.figure_negative"),
        (Figures { discount: euro, ..none }, "line.currency"),
        (Figures { discount: zloty(2000), ..none }, "line.discount_above_price"),
        (Figures { discount: zloty(1999), order_discount: zloty(1), ..none }, "line.discount_above_price"),
        (Figures { tax: zloty(2000), ..none }, "line.tax_above_price"),
        (Figures { discount: zloty(i64::MAX), ..none }, "line.discount_above_price"),
        (Figures { discount: zloty(i64::MAX), order_discount: zloty(i64::MAX), ..none }, "money.overflow"),
        (Figures { tax: zloty(i64::MAX), tax_included: false, ..none }, "money.overflow"),
        (Figures { discount: zloty(i64::MIN), ..none }, "line.figure_negative"),
    ] {
        let refused = record(&bench, &NewPurchase { lines: vec![line(1, bad)], ..new.clone() }, "bad").unwrap_err();
        assert!(matches!(refused, Error::Invalid { rule, .. } if rule == expected), "{bad:?}: {refused:?}");
    }
    // What is given away has shares of nothing.
    let free = NewPurchase {
        lines: vec![line(1, Figures { discount: zloty(1999), ..none })],
        ..sale(branch, "free", product.id, 1)
    };
    assert_eq!(record(&bench, &free, "free").unwrap().total, zloty(0));
    bench.verify();
}

/// What is imported for the record moves no stock, whatever its age, and modules are told; it takes no other marks.
pub fn are_imported_for_the_record(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (branch, product, new) = shop(&bench);
    let old = NewPurchase { occurred_at: Some(at("1999-12-31T12:00:00Z")), ..new.clone() };
    let refused = record(&bench, &old, "old").unwrap_err();
    assert!(matches!(refused, Error::Invalid { rule: "purchase.too_old", .. }), "{refused:?}");
    let limit =
        NewPurchase { occurred_at: Some(at("2025-02-18T09:00:00Z")), receipt_no: "limit".into(), ..new.clone() };
    record(&bench, &limit, "limit").unwrap();
    let older = NewPurchase { occurred_at: Some(at("2025-02-17T09:00:00Z")), receipt_no: "older".into(), ..new };
    let refused = record(&bench, &older, "older").unwrap_err();
    assert!(matches!(refused, Error::Invalid { rule: "purchase.too_old", .. }), "{refused:?}");
    let history = NewPurchase { history_only: true, lines: vec![NewLine::of(product.id, 999)], ..old };
    let receipt = record(&bench, &history, "old").unwrap();
    assert_eq!(on_hand(&bench, product.id, branch), 8);
    let query = JournalQuery { until: Some(at("2000-01-01T00:00:00Z")), ..JournalQuery::default() };
    let told = bench.read(move |work| work.journal().page(&query, Limit::default(), None)).unwrap().items;
    assert_eq!(told[0].payload.0["history_only"], true);
    for marked in [
        NewPurchase { open: true, ..history.clone() },
        NewPurchase { to_ship: true, ..history.clone() },
        NewPurchase { invoice: Some("FV".into()), ..history },
    ] {
        let refused = record(&bench, &NewPurchase { receipt_no: "x".into(), ..marked }, "x").unwrap_err();
        assert!(matches!(refused, Error::Invalid { rule: "purchase.history_only", .. }), "{refused:?}");
    }
    let invoice = bench.run(move |work| work.invoices().issue(receipt.purchase, "FV", "x")).unwrap_err();
    assert!(matches!(invoice, Error::Invalid { rule: "invoice.history", .. }), "{invoice:?}");
    bench.verify();
}
