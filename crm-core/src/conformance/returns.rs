//! Returns.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::bench::{Bench, Factory, zloty};
use super::race::race;
use super::sales::{STOCK, Shop, figures, record, service, shop, take_back, told};
use super::sample::{COLLECT, Sample, Specimen, specimen};
use crate::access::{Actor, Target};
use crate::catalog::ProductId;
use crate::module::{Manifest, Module, Registry};
use crate::purchases::{
    CARD, GiveBack, NewLine, NewPurchase, NewTender, Paid, Payment, PurchaseId, TRANSFER, Tender, TenderMethod,
};
use crate::returns::event::PURCHASE_RETURNED;
use crate::returns::{NewReturn, NewReturnLine, Return, ReturnKind, ReturnLine, return_line};
use crate::work::{Filter, Permit, UnitOfWork};
use crate::{Crm, Error, ErrorKind, Result};

fn on_hand(bench: &Bench, shop: &Shop, product: ProductId) -> i64 {
    let branch = shop.branch;
    bench.read(move |work| work.catalog().on_hand(product, branch)).unwrap()
}

fn rule(error: &Error) -> &'static str {
    match error {
        Error::Invalid { rule, .. } => rule,
        other => panic!("{other:?}"),
    }
}

/// A return gives back what was stored for its pieces, by tender, whatever the price is by now; stock is back, and the
/// journal tells it with the figures before and after.
pub fn give_back_what_was_stored(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let tenders = vec![NewTender::of(CARD, zloty(3000)), NewTender::cash_rest()];
    let sold = record(&bench, &shop.sale("1", &[(shop.tea, 3), (shop.cup, 1)], tenders)).unwrap();
    assert_eq!(sold.total, zloty(6330));
    bench
        .run(move |work| {
            let mut tea = work.catalog().product(shop.tea)?;
            tea.price_minor = 1;
            tea.active = false;
            work.catalog().update_product(&mut tea)
        })
        .unwrap();
    // Card pays 2842 of the tea: 3000 × 5997 / 6330 is 2842.18.
    let back = take_back(&bench, sold.purchase, &[(1, 2)], "1").unwrap();
    assert_eq!(
        back.refunds.iter().map(|one| (one.tender_no, one.amount)).collect::<Vec<_>>(),
        [(1, zloty(2842 * 2 / 3)), (2, zloty(3155 * 2 / 3))]
    );
    assert_eq!((back.total, back.forgiven, back.credit_note), (zloty(1894 + 2103), zloty(0), None));
    assert_eq!(on_hand(&bench, &shop, shop.tea), STOCK - 1);
    let rest = NewReturn {
        reason: Some("broken".into()),
        ..NewReturn::of(
            sold.purchase,
            [NewReturnLine { restock: false, ..NewReturnLine::of(1, 1) }, NewReturnLine::of(2, 1)],
        )
    };
    let rest = bench.run(move |work| work.returns().record(&rest, "2")).unwrap();
    assert_eq!(rest.total, zloty(6330 - 1894 - 2103));
    assert_eq!((on_hand(&bench, &shop, shop.tea), on_hand(&bench, &shop, shop.cup)), (STOCK - 1, STOCK));

    let told = told(&bench, PURCHASE_RETURNED);
    let figures = |event: &serde_json::Value, line: usize| {
        let line = &event["lines"][line];
        [&line["quantity"], &line["before"], &line["after"]].map(|figure| figure.as_i64().unwrap())
    };
    assert_eq!((figures(&told[1], 0), figures(&told[0], 0), figures(&told[0], 1)), ([3, 0, 2], [3, 2, 3], [1, 0, 1]));
    assert_eq!((&told[1]["everything"], &told[0]["everything"]), (&false.into(), &true.into()));
    let (found, lines, refunds) = bench.read(move |work| work.returns().get(rest.return_id)).unwrap();
    assert_eq!((found.kind, found.reason.as_deref(), found.total()), (ReturnKind::Return, Some("broken"), rest.total));
    assert_eq!((lines.len(), refunds.len()), (2, 2));
    let listed =
        bench.read(move |work| work.returns().of_purchase(sold.purchase, crate::kernel::page::Limit::MAX, None));
    assert_eq!(listed.unwrap().items.iter().map(|one| one.id).collect::<Vec<_>>(), [rest.return_id, back.return_id]);
    bench.verify();
}

/// A line of a random purchase: product, pieces, discounts in parts of a thousand, whether the tax is included.
type AnyLine = (bool, i64, i64, i64, bool);

fn any_lines() -> impl Strategy<Value = Vec<AnyLine>> {
    prop::collection::vec((any::<bool>(), 1..8_i64, 0..500_i64, 0..500_i64, any::<bool>()), 1..5)
}

fn random_sale(shop: &Shop, receipt: &str, lines: &[AnyLine], split: &[i64]) -> NewPurchase {
    let mut total = 0;
    let line = |&(tea, quantity, discount, order_discount, included): &AnyLine| {
        let (product, price) = if tea { (shop.tea, 1999) } else { (shop.cup, 333) };
        let list = price * quantity;
        let figures = figures(list, list * discount / 1000, list * order_discount / 1000, included);
        total += list - figures.discount.minor() - figures.order_discount.minor();
        total += if included { 0 } else { figures.tax.minor() };
        NewLine { figures: Some(figures), ..NewLine::of(product, quantity) }
    };
    let lines: Vec<_> = lines.iter().map(line).collect();
    let mut tenders = Vec::new();
    let mut left = total;
    for part in split {
        let amount = total * part / 1000;
        if amount > 0 && amount < left {
            left -= amount;
            tenders.push(NewTender::of([CARD, TRANSFER][tenders.len() % 2], zloty(amount)));
        }
    }
    tenders.push(NewTender::cash_rest());
    NewPurchase::of(shop.branch, receipt, lines, tenders).by(shop.customer)
}

/// The number of a line, and its pieces, money, tax and refunds.
type LineSum = (u16, i64, i64, i64, Vec<i64>);

/// What is left behind by the returns of a purchase: by line pieces, money, tax and refunds; and the money by tender.
fn state(bench: &Bench, purchase: PurchaseId) -> (Vec<LineSum>, Vec<i64>) {
    let (lines, tenders): (Vec<ReturnLine>, Vec<Tender>) = bench
        .run(move |work| {
            let (_, _, tenders) = work.purchases().get(purchase)?;
            Ok((work.select(return_line::purchase_id.eq(purchase)).all()?, tenders))
        })
        .unwrap();
    let mut sums: Vec<LineSum> = Vec::new();
    let mut by_tender = vec![0; tenders.len()];
    for line in lines {
        // No return takes anything back that an earlier one gave (T-6).
        assert!(line.total_minor >= 0 && line.tax_minor >= 0 && line.refunds.0.iter().all(|refund| *refund >= 0));
        assert!(line.tax_minor <= line.total_minor);
        if sums.last().is_none_or(|sum| sum.0 != line.line_no) {
            sums.push((line.line_no, 0, 0, 0, vec![0; tenders.len()]));
        }
        let sum = sums.last_mut().unwrap();
        sum.1 += line.quantity;
        sum.2 += line.total_minor;
        sum.3 += line.tax_minor;
        for (k, refund) in line.refunds.0.iter().enumerate() {
            sum.4[k] += refund;
            by_tender[k] += refund;
        }
    }
    (sums, by_tender)
}

/// Any number of partial returns, in any order and each repeated, come to the same as one (T-5), none takes back what an
/// earlier one gave (T-6), and when everything is back, so is all the money, tender by tender, and all the stock (T-4).
pub fn any_split_comes_to_the_same(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let number = std::cell::Cell::new(0);
    let input = (any_lines(), prop::collection::vec(1..600_i64, 0..3), any::<u64>());
    let outcome = runner.run(&input, |(lines, split, seed)| {
        let n = number.replace(number.get() + 1);
        let [whole, parts] = ["whole", "parts"]
            .map(|name| record(&bench, &random_sale(&shop, &format!("{name} {n}"), &lines, &split)).unwrap().purchase);
        // Piece by piece, in any order.
        let mut pieces: Vec<u16> = Vec::new();
        for (line_no, (_, quantity, ..)) in (1..).zip(&lines) {
            pieces.extend(std::iter::repeat_n(line_no, usize::try_from(*quantity).unwrap()));
        }
        let mut random = seed | 1;
        let mut next = |bound: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % bound
        };
        for at in (1..pieces.len()).rev() {
            pieces.swap(at, next(at + 1));
        }
        let mut step = 0;
        while !pieces.is_empty() {
            let taken: Vec<u16> = pieces.drain(..=next(pieces.len())).collect();
            let mut wanted: Vec<(u16, i64)> = Vec::new();
            for line_no in taken {
                match wanted.iter_mut().find(|(known, _)| *known == line_no) {
                    Some((_, quantity)) => *quantity += 1,
                    None => wanted.push((line_no, 1)),
                }
            }
            let key = format!("{n} {step}");
            let first = take_back(&bench, parts, &wanted, &key).unwrap();
            prop_assert_eq!(take_back(&bench, parts, &wanted, &key).unwrap(), first);
            let now = state(&bench, parts);
            let so_far: Vec<_> = now.0.iter().map(|sum| (sum.0, sum.1)).collect();
            if step == 0 && pieces.is_empty() {
                break;
            }
            // One return of the same pieces, of a purchase like it, comes to the same.
            let twin =
                record(&bench, &random_sale(&shop, &format!("twin {n} {step}"), &lines, &split)).unwrap().purchase;
            take_back(&bench, twin, &so_far, &format!("twin {n} {step}")).unwrap();
            prop_assert_eq!(state(&bench, twin), now);
            step += 1;
        }
        let all: Vec<_> = (1..).zip(&lines).map(|(line_no, (_, quantity, ..))| (line_no, *quantity)).collect();
        take_back(&bench, whole, &all, &format!("{n} whole")).unwrap();
        prop_assert_eq!(state(&bench, whole), state(&bench, parts));
        let (_, sold, tenders) = bench.read(move |work| work.purchases().get(parts)).unwrap();
        let (back, by_tender) = state(&bench, parts);
        prop_assert_eq!(by_tender, tenders.iter().map(|tender| tender.amount_minor).collect::<Vec<_>>());
        for (line, back) in sold.iter().zip(back) {
            prop_assert_eq!((line.total_minor, line.tax_minor), (back.2, back.3));
            prop_assert_eq!(&line.tender_shares.0, &back.4);
        }
        Ok(())
    });
    outcome.unwrap();
    bench.verify();
}

/// However often a return comes with one key, one after the other or at once, it is done once; its key is for it alone.
pub fn are_done_once(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let sold = record(&bench, &shop.sale("1", &[(shop.tea, 30)], vec![NewTender::cash_rest()])).unwrap().purchase;
    let round = race(32, 1, |_| take_back(&bench, sold, &[(1, 2)], "key")).remove(0);
    assert!(round.lost.is_empty() && round.won.iter().all(|back| *back == round.won[0]), "{round:?}");
    assert_eq!(take_back(&bench, sold, &[(1, 3)], "key").unwrap_err().kind(), ErrorKind::IdempotencyMismatch);
    assert_eq!(on_hand(&bench, &shop, shop.tea), STOCK - 28);
    assert_eq!(bench.run(|work| work.count(Filter::<Return>::all())).unwrap(), 1);
    bench.verify();
}

/// Of many who return the same pieces at once, exactly as many do as there are, and the others are told why not.
pub fn race_for_the_same_pieces(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let tenders = || vec![NewTender::of(CARD, zloty(1000)), NewTender::cash_rest()];
    for (round, quantity) in [(0, 7), (1, 12)] {
        let new = shop.sale(&format!("{round}"), &[(shop.cup, 9), (shop.tea, quantity)], tenders());
        let sold = record(&bench, &new).unwrap().purchase;
        let key = |worker: usize| format!("{round} {worker}");
        let round = race(16, 1, |turn| take_back(&bench, sold, &[(2, 1)], &key(turn.worker))).remove(0);
        assert_eq!(round.won.len(), usize::try_from(quantity).unwrap(), "{:?}", round.lost);
        assert!(round.lost.iter().all(|error| rule(error) == "return.more_than_sold"), "{:?}", round.lost);
    }
    assert_eq!(on_hand(&bench, &shop, shop.tea), STOCK);
    bench.verify();
}

/// Nothing but pieces that were sold and have not come back is taken back; a refusal leaves nothing.
pub fn refuse_nonsense(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let sold = record(&bench, &shop.sale("1", &[(shop.tea, 3)], vec![NewTender::cash_rest()])).unwrap().purchase;
    for (quantity, expected) in [
        (0, "return.quantity_not_positive"),
        (-1, "return.quantity_not_positive"),
        (i64::MIN, "return.quantity_not_positive"),
        (i64::MIN + 1, "return.quantity_not_positive"),
        (4, "return.more_than_sold"),
        (i64::MAX - 1, "return.more_than_sold"),
        (i64::MAX, "return.more_than_sold"),
    ] {
        assert_eq!(rule(&take_back(&bench, sold, &[(1, quantity)], "bad").unwrap_err()), expected, "{quantity}");
    }
    assert_eq!(rule(&take_back(&bench, sold, &[(1, 1), (1, 1)], "bad").unwrap_err()), "return.line_twice");
    assert_eq!(rule(&take_back(&bench, sold, &[], "bad").unwrap_err()), "return.no_lines");
    for line_no in [0, 2, u16::MAX] {
        assert_eq!(rule(&take_back(&bench, sold, &[(line_no, 1)], "bad").unwrap_err()), "return.line");
    }
    let nobody = uuid::Uuid::nil().into();
    assert_eq!(take_back(&bench, nobody, &[(1, 1)], "bad").unwrap_err().kind(), ErrorKind::NotFound);
    // The second line is refused, so the first has not happened either.
    assert!(take_back(&bench, sold, &[(1, 1), (9, 1)], "bad").is_err());
    assert_eq!(on_hand(&bench, &shop, shop.tea), STOCK - 3);
    take_back(&bench, sold, &[(1, 3)], "bad").unwrap();
    assert_eq!(rule(&take_back(&bench, sold, &[(1, 1)], "late").unwrap_err()), "return.more_than_sold");
    // At another branch the goods are there.
    let other = bench.branch("other").id;
    let sold = record(&bench, &shop.sale("2", &[(shop.tea, 1)], vec![NewTender::cash_rest()])).unwrap().purchase;
    let new = NewReturn { branch: Some(other), ..NewReturn::of(sold, [NewReturnLine::of(1, 1)]) };
    bench.run(move |work| work.returns().record(&new, "other")).unwrap();
    assert_eq!(bench.read(move |work| work.catalog().on_hand(shop.tea, other)).unwrap(), 1);
    bench.verify();
}

/// Before a purchase is final its lines can be struck out, and not after; what is left is what the invoice shows.
pub fn lines_are_struck_out_before_the_end(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let haircut = service(&bench, "haircut", zloty(5000));
    let lines = [(shop.tea, 2), (haircut, 1), (shop.cup, 3)];
    let open = NewPurchase { open: true, ..shop.sale("1", &lines, vec![NewTender::cash_rest()]) };
    let sold = record(&bench, &open).unwrap();
    let open =
        move |work: &mut Permit<'_, '_>| work.purchases().open(shop.branch, crate::kernel::page::Limit::MAX, None);
    assert_eq!(bench.read(open).unwrap().items.len(), 1);
    let void =
        |line_no, key: &'static str| bench.run(move |work| work.returns().void(sold.purchase, line_no, "typo", key));
    take_back(&bench, sold.purchase, &[(1, 1)], "one").unwrap();
    let first = void(1, "v").unwrap();
    assert_eq!((first.total, void(1, "v").unwrap()), (zloty(1999), first.clone()));
    assert_eq!(rule(&void(1, "again").unwrap_err()), "return.quantity_not_positive");
    void(2, "w").unwrap();
    assert_eq!(on_hand(&bench, &shop, shop.tea), STOCK);
    let issue = move |work: &mut Permit<'_, '_>| work.invoices().issue(sold.purchase, "FV", "i");
    assert_eq!(rule(&bench.run(issue).unwrap_err()), "invoice.purchase_open");
    let invoice = bench.run(move |work| work.purchases().finalise(sold.purchase, Some("FV"))).unwrap().unwrap();
    let document = bench.read(move |work| work.invoices().get(invoice)).unwrap().document.0;
    assert_eq!(document.lines.iter().map(|line| (line.line_no, line.quantity)).collect::<Vec<_>>(), [(3, 3)]);
    assert_eq!((document.total_minor, document.payments[0].amount_minor), (999, 999));
    assert_eq!(bench.run(move |work| work.purchases().finalise(sold.purchase, Some("FV"))).unwrap(), None);
    assert!(bench.read(open).unwrap().items.is_empty());
    assert_eq!(rule(&void(3, "late").unwrap_err()), "void.final");
    bench.verify();
}

/// A voucher that the suite knows: taking it makes a specimen of what is left on it, giving back makes it larger.
struct Voucher;

impl TenderMethod for Voucher {
    fn pay(&self, work: &mut UnitOfWork<'_>, payment: &Payment<'_>) -> Result<Paid> {
        let limit = payment.details.and_then(serde_json::Value::as_i64).unwrap_or(0);
        let left = limit - payment.amount.minor();
        if left < 0 {
            return Err(Error::invalid("details", "voucher.empty"));
        }
        let mut work = work.permit(COLLECT, &Target::ANY)?;
        let voucher = Specimen::new(work.new_id(), "voucher", left);
        work.insert(&voucher)?;
        Ok(Paid { later: false, reference: Some(voucher.id.into()) })
    }

    fn give_back(&self, work: &mut UnitOfWork<'_>, refund: &GiveBack<'_>) -> Result<()> {
        let mut work = work.permit(COLLECT, &Target::ANY)?;
        let id = refund.tender.reference.ok_or_else(|| Error::invalid("reference", "voucher.none"))?;
        let mut voucher: Specimen = work.get(id.into())?;
        voucher.size += refund.amount.minor();
        work.update(&mut voucher)?;
        if voucher.flag { Err(Error::invalid("reference", "voucher.blocked")) } else { Ok(()) }
    }
}

struct Vouchers;

impl Module for Vouchers {
    fn manifest(&self) -> Manifest {
        Manifest { name: "conformance.vouchers", requires: &["conformance"], uses: &[COLLECT], ..Manifest::default() }
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        registry.tender("voucher", Voucher);
        Ok(())
    }
}

/// What a module did for a tender it undoes in the transaction of the return, part by part; where it refuses, nothing
/// has happened. A method that nobody registered is refused.
pub fn modules_undo_their_part(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let tenders = |limit: i64| {
        let voucher = NewTender::of("voucher", zloty(1000)).with_details(&limit).unwrap();
        vec![voucher, NewTender::cash_rest()]
    };
    let new = shop.sale("1", &[(shop.tea, 3)], tenders(5000));
    assert_eq!(rule(&record(&bench, &new).unwrap_err()), "tender.unknown");

    let crm = Crm::builder_on(bench.storage.clone()).module(Sample).module(Vouchers).build_blocking().unwrap();
    let run = |new: &NewPurchase| {
        let new = new.clone();
        crm.blocking().run(&Actor::system(), "sale", move |work| work.purchases().record(&new, &new.receipt_no))
    };
    assert_eq!(
        rule(&run(&NewPurchase { receipt_no: "2".into(), tenders: tenders(999), ..new.clone() }).unwrap_err()),
        "voucher.empty"
    );
    let sold = run(&new).unwrap().purchase;
    let voucher = || {
        let found = crm
            .blocking()
            .read(&Actor::system(), "voucher", |work| work.unrestricted()?.select(specimen::label.eq("voucher")).all());
        found.unwrap().remove(0)
    };
    assert_eq!(voucher().size, 4000);
    let back = |lines: &[(u16, i64)], key: &'static str| {
        let lines: Vec<_> = lines.iter().map(|(line_no, quantity)| NewReturnLine::of(*line_no, *quantity)).collect();
        let new = NewReturn::of(sold, lines);
        crm.blocking().run(&Actor::system(), "return", move |work| work.returns().record(&new, key))
    };
    back(&[(1, 1)], "1").unwrap();
    assert_eq!(voucher().size, 4333);
    let block = |flag| {
        let mut blocked = voucher();
        blocked.flag = flag;
        crm.blocking()
            .run(&Actor::system(), "block", move |work| work.unrestricted()?.update(&mut blocked.clone()))
            .unwrap();
    };
    block(true);
    assert_eq!(rule(&back(&[(1, 1)], "2").unwrap_err()), "voucher.blocked");
    assert_eq!(voucher().size, 4333);
    block(false);
    back(&[(1, 2)], "2").unwrap();
    assert_eq!(voucher().size, 5000);
    assert_eq!(crm.blocking().verify().unwrap(), []);
}
