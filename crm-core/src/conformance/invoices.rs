//! Invoices and credit notes.

use std::collections::BTreeSet;

use super::bench::{Bench, Factory, at, zloty};
use super::race::race;
use super::sales::{figures, record, shop, take_back};
use crate::branches::NewBranch;
use crate::customers::{CustomerKind, NewCustomer};
use crate::invoices::{Invoice, InvoiceCounter, InvoiceKind, NewSeries, to_html};
use crate::kernel::calendar::Calendar;
use crate::kernel::currency::Currencies;
use crate::kernel::language::Language;
use crate::kernel::page::Limit;
use crate::purchases::{CARD, NewLine, NewPurchase, NewTender};
use crate::work::Filter;
use crate::{Error, ErrorKind};

/// Many who want numbers at once, of whom some fail after they had one: the numbers that are given are 1, 2, 3 …, each
/// once.
pub fn numbers_have_no_gaps(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let rounds = race(64, 2, |turn| {
        let receipt = format!("{} {}", turn.round, turn.worker);
        let sale = shop.sale(&receipt, &[(shop.tea, 1)], vec![NewTender::cash_rest()]);
        let new = NewPurchase { invoice: Some("FV".into()), ..sale };
        bench.run(move |work| {
            let receipt = work.purchases().record(&new, &new.receipt_no)?;
            match turn.worker % 8 {
                // The number is given back with everything else.
                3 => Err(Error::invalid("conformance", "conformance.asked_for")),
                5 => panic!("asked for by the suite"),
                6 => {
                    let in_vain = NewPurchase { receipt_no: format!("{} in vain", new.receipt_no), ..new.clone() };
                    let failed = work.attempt(|work| {
                        work.purchases().record(&in_vain, "in vain")?;
                        Err::<(), _>(Error::invalid("conformance", "conformance.asked_for"))
                    });
                    assert!(failed.is_err());
                    Ok(receipt.invoice.unwrap())
                }
                // A receipt number that is taken is found out late.
                7 => {
                    let taken = NewPurchase { receipt_no: new.receipt_no.clone(), ..new.clone() };
                    work.purchases().record(&taken, "taken")?;
                    Ok(receipt.invoice.unwrap())
                }
                _ => Ok(receipt.invoice.unwrap()),
            }
        })
    });
    let won: Vec<_> = rounds.iter().flat_map(|round| &round.won).collect();
    assert_eq!(won.len(), 2 * 64 * 5 / 8, "{rounds:?}");
    let invoices: Vec<Invoice> = bench.run(|work| work.select(Filter::all()).all()).unwrap();
    let numbers: BTreeSet<i64> = invoices.iter().map(|invoice| invoice.number).collect();
    assert_eq!(numbers, (1..=80).collect());
    let counters: Vec<InvoiceCounter> = bench.run(|work| work.select(Filter::all()).all()).unwrap();
    assert_eq!(counters.iter().map(|counter| (counter.period, counter.last)).collect::<Vec<_>>(), [(2025, 80)]);
    let listed = bench.read(move |work| work.invoices().in_series(shop.branch, "FV", 2025, Limit::MAX, None)).unwrap();
    assert_eq!(listed.items.iter().map(|invoice| invoice.number).collect::<Vec<_>>(), (1..=80).collect::<Vec<_>>());
    bench.verify();
}

/// An invoice shows what was sold, a credit note what came back of it; both stay as they are, whatever changes.
pub fn credit_notes_refer_to_them(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let shop = shop(&bench);
    let buyer = NewCustomer { kind: CustomerKind::Organisation, ..NewCustomer::person("Ewa & <Synowie>") };
    let buyer = bench.customer(buyer).id;
    bench
        .run(move |work| {
            let mut notes = NewSeries::yearly(shop.branch, "notes", "KOR/");
            notes.fiscal_year_from = None;
            work.invoices().create_series(&notes)?;
            let with_notes = NewSeries::yearly(shop.branch, "B2B", "B/");
            work.invoices().create_series(&NewSeries { credit_notes: Some("notes".into()), ..with_notes })
        })
        .unwrap();
    let lines = vec![
        NewLine { figures: Some(figures(5997, 97, 100, false)), ..NewLine::of(shop.tea, 3) },
        NewLine { figures: Some(figures(333, 0, 0, true)), ..NewLine::of(shop.cup, 1) },
    ];
    let tenders = vec![NewTender::of(CARD, zloty(5000)), NewTender::cash_rest()];
    let new = NewPurchase {
        invoice: Some("B2B".into()),
        customer: Some(buyer),
        ..NewPurchase::of(shop.branch, "1", lines, tenders)
    };
    let sold = record(&bench, &new).unwrap();
    let get = |id| bench.read(move |work| work.invoices().get(id)).unwrap();
    let invoice = get(sold.invoice.unwrap());
    assert_eq!((invoice.total_minor, invoice.tax_minor), (5800 + 1334 + 333, 1334 + 63));
    let document = &invoice.document.0;
    assert_eq!((document.number.as_str(), document.taxes.len()), ("B/2025/1", 1));
    assert_eq!(document.lines[0].net_minor, 5800);
    assert_eq!(document.payments.iter().map(|one| one.amount_minor).sum::<i64>(), invoice.total_minor);

    let back = take_back(&bench, sold.purchase, &[(1, 1)], "one").unwrap();
    let note = get(back.credit_note.unwrap());
    assert_eq!(
        (note.kind, note.corrects_id, note.return_id),
        (InvoiceKind::CreditNote, Some(invoice.id), Some(back.return_id))
    );
    assert_eq!((note.series.as_str(), note.period, note.number, note.total_minor), ("notes", 0, 1, back.total.minor()));
    assert_eq!(note.document.0.corrects.as_deref(), Some("B/2025/1"));
    let rest = take_back(&bench, sold.purchase, &[(1, 2), (2, 1)], "rest").unwrap();
    let last = get(rest.credit_note.unwrap());
    // Everything came back, so the notes sum to the invoice.
    assert_eq!(note.total_minor + last.total_minor, invoice.total_minor);
    assert_eq!(note.tax_minor + last.tax_minor, invoice.tax_minor);
    bench
        .run(move |work| {
            let mut customer = work.customers().get(buyer)?;
            customer.name = "Renamed".into();
            work.customers().update(&mut customer)?;
            let mut tea = work.catalog().product(shop.tea)?;
            tea.name = "Renamed".into();
            work.catalog().update_product(&mut tea)
        })
        .unwrap();
    assert_eq!(get(invoice.id), invoice);
    let of_purchase = bench.read(move |work| work.invoices().of_purchase(sold.purchase)).unwrap();
    assert_eq!(of_purchase.len(), 3);
    let of_customer = bench.read(move |work| work.invoices().of_customer(buyer, Limit::MAX, None)).unwrap();
    assert_eq!(of_customer.items.len(), 3);
    for language in Language::ALL {
        let page = to_html(document, language, &Currencies::iso4217()).unwrap();
        assert!(page.contains("Ewa &amp; &lt;Synowie&gt;") && !page.contains("<Synowie>"), "{page}");
        assert_eq!(page.contains("dir=\"rtl\""), language.is_right_to_left());
    }
    bench.verify();
}

/// A purchase gets one invoice, when it is recorded or later, and numbers begin anew with the fiscal year of the branch's
/// calendar.
pub fn years_begin_anew(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench
        .run(|work| {
            let jalali = NewBranch { calendar: Calendar::Jalali, ..NewBranch::named("year", "Asia/Tehran", "PLN") };
            let branch = work.branches().create(jalali)?.id;
            work.invoices().create_series(&NewSeries::yearly(branch, "F", ""))?;
            let april = NewSeries { fiscal_year_from: Some(2), ..NewSeries::yearly(branch, "G", "G") };
            work.invoices().create_series(&april)?;
            Ok(branch)
        })
        .unwrap();
    let tea = super::sales::service(&bench, "tea", zloty(100));
    let sell = |receipt: &str, series: &str| {
        let new = NewPurchase::of(branch, receipt, [NewLine::of(tea, 1)], [NewTender::cash_rest()]);
        let sold = record(&bench, &NewPurchase { invoice: Some(series.into()), ..new }).unwrap();
        let invoice = sold.invoice.unwrap();
        bench.read(move |work| work.invoices().get(invoice)).unwrap().document.0.number
    };
    bench.clock.set(at("2025-03-20T20:29:59Z"));
    assert_eq!([sell("1", "F"), sell("2", "F"), sell("3", "G")], ["1403/1", "1403/2", "G1403/1"]);
    // Midnight in Tehran: Nowruz.
    bench.clock.set(at("2025-03-20T20:30:00Z"));
    assert_eq!([sell("4", "F"), sell("5", "G")], ["1404/1", "G1403/2"]);

    let later = record(&bench, &NewPurchase::of(branch, "6", [NewLine::of(tea, 1)], [NewTender::cash_rest()])).unwrap();
    let issue = |key: &'static str| bench.run(move |work| work.invoices().issue(later.purchase, "F", key));
    let round = race(8, 1, |turn| issue(["a", "b", "c", "d", "e", "f", "g", "h"][turn.worker])).remove(0);
    assert_eq!(round.won.len(), 1, "{round:?}");
    assert!(round.lost.iter().all(|error| error.kind() == ErrorKind::AlreadyExists), "{round:?}");
    let none = bench.run(move |work| work.invoices().issue(later.purchase, "no such series", "x"));
    assert_eq!(none.unwrap_err().kind(), ErrorKind::AlreadyExists);
    take_back(&bench, later.purchase, &[(1, 1)], "all").unwrap();
    let gone = record(&bench, &NewPurchase::of(branch, "7", [NewLine::of(tea, 1)], [NewTender::cash_rest()])).unwrap();
    take_back(&bench, gone.purchase, &[(1, 1)], "gone").unwrap();
    let nothing = bench.run(move |work| work.invoices().issue(gone.purchase, "F", "y")).unwrap_err();
    assert!(matches!(nothing, Error::Invalid { rule: "invoice.nothing", .. }), "{nothing:?}");
    for month in [0, 13, u8::MAX] {
        let series = NewSeries { fiscal_year_from: Some(month), ..NewSeries::yearly(branch, "bad", "") };
        let refused = bench.run(move |work| work.invoices().create_series(&series)).unwrap_err();
        assert!(matches!(refused, Error::Invalid { rule: "series.month", .. }), "{refused:?}");
    }
    let twice = bench.run(move |work| work.invoices().create_series(&NewSeries::yearly(branch, "F", "")));
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::AlreadyExists);
    bench.verify();
}
