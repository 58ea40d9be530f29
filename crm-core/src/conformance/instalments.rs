//! Instalments and cheques.

use super::bench::{Bench, Factory, zloty};
use super::race::race;
use super::sales::{cheque, day, monthly, record, shop, take_back, told};
use crate::instalments::event::{CHEQUE_MOVED, INSTALMENTS_CLEARED};
use crate::instalments::{
    ChequeAction, ChequeId, ChequeState, ChequeTerms, Instalment, InstalmentReceipt, NewCheque, NewPayment, Terms,
};
use crate::kernel::calendar::Span;
use crate::kernel::page::Limit;
use crate::purchases::{CASH, CHEQUE, NewPurchase, NewTender, PurchaseId};
use crate::{Error, ErrorKind, Result};

fn pay(bench: &Bench, purchase: PurchaseId, amount: i64, key: &str) -> Result<InstalmentReceipt> {
    let new = NewPayment { purchase, amount: zloty(amount), method: CASH.to_owned(), occurred_at: None };
    let key = key.to_owned();
    bench.run(move |work| work.instalments().pay(&new, &key))
}

fn take(bench: &Bench, purchase: PurchaseId, amount: i64, terms: ChequeTerms, replaces: Option<ChequeId>) -> ChequeId {
    let new = NewCheque { purchase, amount: zloty(amount), terms, replaces };
    bench.run(move |work| work.instalments().take_cheque(&new, &new.terms.number)).unwrap()
}

fn go(bench: &Bench, cheque: ChequeId, action: ChequeAction, key: &str) -> Result<ChequeState> {
    let key = key.to_owned();
    bench.run(move |work| work.instalments().move_cheque(cheque, action, &key))
}

/// The instalments of a purchase: what is paid and what is returned of each.
fn covered(bench: &Bench, purchase: PurchaseId) -> Vec<(i64, i64)> {
    let (_, instalments, _) = bench.read(move |work| work.instalments().of_purchase(purchase)).unwrap();
    instalments.iter().map(|one| (one.paid_minor, one.returned_minor)).collect()
}

/// Cleared and due, the latest first, as modules are told (S-12).
fn cleared(bench: &Bench) -> Vec<(i64, i64)> {
    let figure = |event: &serde_json::Value, name: &str| event[name]["minor"].as_i64().unwrap();
    told(bench, INSTALMENTS_CLEARED).iter().map(|event| (figure(event, "cleared"), figure(event, "due"))).collect()
}

fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result.unwrap_err() {
        Error::Invalid { rule, .. } => rule,
        other => panic!("{other:?}"),
    }
}

/// Instalments sum to what is paid later, are due in the branch's calendar, are covered by payments from the first on,
/// and are on the lists of what is due until they are paid.
pub fn are_paid_from_the_first_on(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let later = NewTender::instalments(zloty(1000), &monthly("2025-01-31", 3)).unwrap();
    let new = shop.sale("1", &[(shop.tea, 1)], vec![later, NewTender::cash_rest()]);
    let nobody = NewPurchase { customer: None, ..new.clone() };
    assert_eq!(rule(record(&bench, &nobody)), "instalments.customer");
    let sold = record(&bench, &new).unwrap().purchase;
    let (plan, instalments, _) = bench.read(move |work| work.instalments().of_purchase(sold)).unwrap();
    assert_eq!((plan.financed_minor, plan.owed(), plan.cleared()), (1000, zloty(1000), zloty(999)));
    let dues: Vec<_> = instalments.iter().map(|one| (one.due_on.to_string(), one.amount_minor)).collect();
    assert_eq!(
        dues,
        [("2025-01-31", 334), ("2025-02-28", 333), ("2025-03-31", 333)].map(|(on, much)| (on.to_owned(), much))
    );
    assert_eq!(told(&bench, crate::purchases::event::PURCHASE_RECORDED)[0]["deferred"]["minor"], 1000);

    let due = |until: &str| {
        let until = day(until);
        let page = bench.read(move |work| work.instalments().due(shop.branch, until, Limit::MAX, None)).unwrap();
        page.items.iter().map(|one: &Instalment| one.number).collect::<Vec<_>>()
    };
    // Overdue on 21 March is what was due until the 20th.
    assert_eq!((due("2025-01-30"), due("2025-03-20"), due("2025-03-31")), (vec![], vec![1, 2], vec![1, 2, 3]));
    let first = pay(&bench, sold, 400, "a").unwrap();
    assert_eq!((first.owed, pay(&bench, sold, 400, "a").unwrap()), (zloty(600), first));
    assert_eq!(covered(&bench, sold), [(334, 0), (66, 0), (0, 0)]);
    assert_eq!((due("2025-03-20"), cleared(&bench)), (vec![2], vec![(1399, 1999)]));
    for (amount, expected) in [
        (0, "instalments.not_positive"),
        (-1, "instalments.not_positive"),
        (i64::MIN, "instalments.not_positive"),
        (601, "instalments.more_than_owed"),
        (i64::MAX, "instalments.more_than_owed"),
    ] {
        assert_eq!(rule(pay(&bench, sold, amount, "bad")), expected, "{amount}");
    }
    let by_voucher = NewPayment { purchase: sold, amount: zloty(1), method: CHEQUE.to_owned(), occurred_at: None };
    assert_eq!(rule(bench.run(move |work| work.instalments().pay(&by_voucher, "bad"))), "instalments.method");
    let owes = bench.read(move |work| work.instalments().of_customer(shop.customer, Limit::MAX, None)).unwrap();
    assert_eq!(owes.items.iter().map(|one| one.number).collect::<Vec<_>>(), [2, 3]);
    pay(&bench, sold, 600, "b").unwrap();
    assert_eq!((due("2025-03-31"), cleared(&bench)[0]), (vec![], (1999, 1999)));
    bench.verify();
}

/// Terms that make no schedule are refused, and leave nothing.
pub fn refuse_nonsense(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let every = |every, count| Terms { first_due: day("2025-04-01"), count, every };
    for (terms, expected) in [
        (every(Span::Months(1), 0), "instalments.count"),
        (every(Span::Months(1), 361), "instalments.count"),
        (every(Span::Months(1), u16::MAX), "instalments.count"),
        (every(Span::Days(0), 2), "instalments.every"),
        (every(Span::Months(-1), 2), "instalments.every"),
        (every(Span::Months(0), 2), "instalments.every"),
        (every(Span::Years(i32::MAX), 2), "date.range"),
        (every(Span::Days(i32::MIN), 2), "date.range"),
    ] {
        let tender = NewTender::instalments(zloty(1999), &terms).unwrap();
        let refused = record(&bench, &shop.sale("1", &[(shop.tea, 1)], vec![tender]));
        assert_eq!(rule(refused), expected, "{terms:?}");
    }
    for details in [serde_json::json!({}), serde_json::json!("x"), serde_json::json!(null)] {
        let tender = NewTender::of("instalments", zloty(1999)).with_details(&details).unwrap();
        assert_eq!(rule(record(&bench, &shop.sale("1", &[(shop.tea, 1)], vec![tender]))), "tender.details");
    }
    let bad_sayad = ChequeTerms { sayad_id: Some("123".into()), ..cheque("1", "2025-04-01") };
    let tender = NewTender::cheque(zloty(1999), &bad_sayad).unwrap();
    assert_eq!(rule(record(&bench, &shop.sale("1", &[(shop.tea, 1)], vec![tender]))), "cheque.sayad_id");
    let (purchases, plans) = bench
        .run(|work| {
            use crate::work::Filter;
            let plans = work.count(Filter::<crate::instalments::InstalmentPlan>::all())?;
            Ok((work.count(Filter::<crate::purchases::Purchase>::all())?, plans))
        })
        .unwrap();
    assert_eq!((purchases, plans), (0, 0));
}

/// A cheque counts when it is cleared, and no longer when it bounces; another may take its place (S-12, N-7).
pub fn cheques_count_when_cleared(factory: Factory<'_>) {
    use ChequeAction::{Bounce, Clear, Deposit, GiveBack, Replace};
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let first = ChequeTerms { sayad_id: Some("1234567890123456".into()), ..cheque("A1", "2025-05-01") };
    let tenders = vec![
        NewTender::cheque(zloty(1000), &first).unwrap(),
        NewTender::cheque(zloty(500), &cheque("A2", "2025-04-01")).unwrap(),
        NewTender::cash_rest(),
    ];
    let sold = record(&bench, &shop.sale("1", &[(shop.tea, 1)], tenders.clone())).unwrap().purchase;
    assert_eq!(covered(&bench, sold), [(0, 0), (0, 0)]);
    let again = record(&bench, &shop.sale("2", &[(shop.tea, 1)], tenders)).unwrap_err();
    assert!(matches!(&again, Error::AlreadyExists { unique, .. } if unique == "sayad_id"), "{again:?}");
    let received = || {
        let until = day("2025-12-31");
        let list = move |work: &mut crate::work::Permit<'_, '_>| {
            work.instalments().cheques(shop.branch, ChequeState::Received, until, Limit::MAX, None)
        };
        bench.read(list).unwrap().items
    };
    let [soon, late] = received().try_into().unwrap();
    assert_eq!((soon.number.as_str(), late.number.as_str()), ("A2", "A1"));
    assert!(!format!("{late:?}").contains("1234567890123456"));
    assert_eq!(rule(go(&bench, soon.id, Clear, "x")), "cheque.step");
    assert_eq!(rule(go(&bench, soon.id, Replace, "x")), "cheque.replace");
    go(&bench, soon.id, Deposit, "1").unwrap();
    assert!(cleared(&bench).is_empty());
    assert_eq!(go(&bench, soon.id, Clear, "2").unwrap(), ChequeState::Cleared);
    assert_eq!(go(&bench, soon.id, Clear, "2").unwrap(), ChequeState::Cleared);
    // The cheque due first is covered first, whatever its number.
    assert_eq!((covered(&bench, sold), cleared(&bench)), (vec![(0, 0), (500, 0)], vec![(999, 1999)]));
    go(&bench, soon.id, Bounce, "3").unwrap();
    assert_eq!((covered(&bench, sold), cleared(&bench)[0]), (vec![(0, 0), (0, 0)], (499, 1999)));
    let instead = take(&bench, sold, 500, cheque("A3", "2025-06-01"), Some(soon.id));
    let replaced = bench.read(move |work| work.instalments().cheque(soon.id)).unwrap();
    assert_eq!((replaced.state, replaced.replaced_by_id), (ChequeState::Replaced, Some(instead)));
    assert_eq!(rule(go(&bench, soon.id, Deposit, "4")), "cheque.step");
    go(&bench, late.id, GiveBack, "5").unwrap();
    pay(&bench, sold, 1200, "cash").unwrap();
    go(&bench, instead, Deposit, "6").unwrap();
    // Only 300 are owed: no more counts, and no more goes when it bounces.
    go(&bench, instead, Clear, "7").unwrap();
    assert_eq!(cleared(&bench)[0], (1999, 1999));
    go(&bench, instead, Bounce, "8").unwrap();
    assert_eq!(cleared(&bench)[0], (1699, 1999));
    assert_eq!(told(&bench, CHEQUE_MOVED).len(), 11);
    bench.verify();
}

/// A return takes off what is owed first, from the last instalments on; what was paid already is handed out, and owed
/// again when the cheque that brought it bounces.
pub fn returns_make_the_debt_less(factory: Factory<'_>) {
    use ChequeAction::{Bounce, Clear, Deposit};
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let later = NewTender::instalments(zloty(999), &monthly("2025-04-01", 3)).unwrap();
    let sold = record(&bench, &shop.sale("1", &[(shop.cup, 6)], vec![later, NewTender::cash_rest()])).unwrap().purchase;
    // Half is owed. Of one piece at 333 that is 166.5: floors.
    let back = take_back(&bench, sold, &[(1, 1)], "1").unwrap();
    assert_eq!((back.total, back.forgiven), (zloty(332), zloty(166)));
    assert_eq!(
        (covered(&bench, sold), cleared(&bench)[0]),
        (vec![(0, 0), (0, 0), (0, 166)], (1998 - 332 - 833, 1998 - 332))
    );
    let paper = take(&bench, sold, 833, cheque("1", "2025-04-01"), None);
    go(&bench, paper, Deposit, "1").unwrap();
    go(&bench, paper, Clear, "2").unwrap();
    assert_eq!((covered(&bench, sold), cleared(&bench)[0]), (vec![(333, 0), (333, 0), (167, 166)], (1666, 1666)));
    let back = take_back(&bench, sold, &[(1, 2)], "2").unwrap();
    assert_eq!(back.forgiven, zloty(0));
    assert_eq!(cleared(&bench)[0], (1666 - back.total.minor(), 1666 - back.total.minor()));
    go(&bench, paper, Bounce, "3").unwrap();
    let (plan, ..) = bench.read(move |work| work.instalments().of_purchase(sold)).unwrap();
    assert_eq!(plan.owed(), zloty(833));
    bench.verify();
    let rest = take_back(&bench, sold, &[(1, 3)], "3").unwrap();
    assert!(rest.forgiven.minor() > 0);
    let (plan, ..) = bench.read(move |work| work.instalments().of_purchase(sold)).unwrap();
    // All is back; what is owed is what was handed out for money that never came.
    assert_eq!((plan.due(), plan.owed()), (zloty(0), zloty(-plan.paid_minor)));
    bench.verify();
}

/// Of many who pay the last of it, exactly as many do as is owed.
pub fn race_for_the_last_instalment(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let later = NewTender::instalments(zloty(700), &monthly("2025-04-01", 2)).unwrap();
    let sold = record(&bench, &shop.sale("1", &[(shop.tea, 1)], vec![later, NewTender::cash_rest()])).unwrap().purchase;
    let round = race(16, 1, |turn| pay(&bench, sold, 100, &turn.worker.to_string())).remove(0);
    assert_eq!(round.won.len(), 7, "{:?}", round.lost);
    for error in round.lost {
        assert_eq!(rule(Err::<(), _>(error)), "instalments.more_than_owed");
    }
    assert_eq!(covered(&bench, sold), [(350, 0), (350, 0)]);
    let nobody = uuid::Uuid::nil().into();
    assert_eq!(pay(&bench, nobody, 1, "x").unwrap_err().kind(), ErrorKind::NotFound);
    bench.verify();
}
