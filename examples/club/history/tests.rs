//! Whole files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use crm_core::kernel::currency::Currencies;
use proptest::prelude::*;

use super::*;

fn reader(text: &str, stated: &Stated) -> Reader<Box<dyn Read>> {
    let bytes = text.as_bytes().to_vec();
    let opened = unpacked(std::io::Cursor::new(bytes)).unwrap();
    Reader::new(opened.input, opened.delimiter, stated, &Currencies::iso4217()).unwrap()
}

fn all(mut reader: Reader<impl Read>) -> (Vec<Receipt>, Vec<Rejected>, Count) {
    let (mut receipts, mut rejected) = (Vec::new(), Vec::new());
    while let Some(found) = reader.next().unwrap() {
        match found {
            Found::Receipt(receipt) => receipts.push(receipt),
            Found::Rejected(row) => rejected.push(row),
        }
    }
    (receipts, rejected, reader.count())
}

fn lines(receipts: &[Receipt]) -> u64 {
    receipts.iter().map(|receipt| (receipt.sold.len() + receipt.back.len()) as u64).sum()
}

const UCI: &str = "\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
1,A,\"TEA, \"\"GREEN\"\"\",10,2011-09-01 08:25:00,1.25,7,Poland
1,B,CUP,3,2011-09-01 08:25:00,0.333,7,Poland
1,C,CUP,3,2011-09-01 08:25:00,0.333,8,Poland
C2,A,TEA,-11,2011-09-01 09:00:00,1.25,7,Poland
C2,A,TEA,11,2011-09-01 09:00:00,1.25,7,Poland
3,A,,4,2011-09-01 10:00:00,1.45,,Iran
3,A,,4,2011-09-01 10:00:00
4,A,,0,2011-09-01 10:00:00,1.45,8,Iran
5,A,,1,2011-09-31 10:00:00,1.45,8,Iran
5,A,,1,2011-09-30 10:00:00,-1.45,8,Iran
5,A,,1,2011-09-30 10:00:00,free,8,Iran
6,A,TEA,2,2011-09-30 10:00:00,1.255,8,Iran
";

#[test]
fn lines_are_gathered_and_every_other_row_says_why_not() {
    let (receipts, rejected, count) = all(reader(UCI, &Stated::default()));
    let numbers: Vec<_> = receipts.iter().map(|one| (one.number.as_str(), one.sold.len(), one.back.len())).collect();
    assert_eq!(numbers, [("1", 2, 0), ("C2", 0, 1), ("6", 1, 0)]);
    let reasons: Vec<_> = rejected.iter().map(|one| (one.row, one.reason)).collect();
    let expected = [
        (4, Reason::OtherCustomer),
        (6, Reason::NotNegative),
        (7, Reason::NoCustomer),
        (8, Reason::Malformed),
        (9, Reason::QuantityFormat),
        (10, Reason::NoSuchDay),
        (11, Reason::NegativePrice),
        (12, Reason::AmountFormat),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(count, Count { rows: 12, rejected: 8 });
    assert_eq!(lines(&receipts) + 8, 12);
    let first = &receipts[0].sold[1];
    assert_eq!((first.pieces, first.unit_minor, first.total_minor), (3, 34, 100));
    let last = &receipts[2].sold[0];
    assert_eq!((last.unit_minor, last.total_minor), (126, 251));
}

#[test]
fn a_persian_file_with_semicolons() {
    let text = "\u{feff}مشتری;تاریخ;مبلغ\n۰۰۷;۱۴۰۳/۱۲/۳۰;۱۲٬۵۰۰\n۰۰۷;1404/01/01;3.00E+05\n۰۰۷;1404/12/30;۱\n";
    let stated = Stated {
        customer: Some("مشتری".into()),
        date: Some("تاریخ".into()),
        amount: Some("مبلغ".into()),
        calendar: Some(crm_core::kernel::calendar::Calendar::Jalali),
        currency: Some("IRR".parse().unwrap()),
        zone: Some("Asia/Tehran".parse().unwrap()),
        ..Stated::default()
    };
    let (receipts, rejected, _) = all(reader(text, &stated));
    assert_eq!(rejected, [Rejected { row: 4, reason: Reason::NoSuchDay }]);
    assert_eq!(receipts[0].customer, "007", "digits are folded, zeros stay");
    assert_eq!(receipts.iter().map(|one| one.sold[0].total_minor).collect::<Vec<_>>(), [12_500, 300_000]);
    assert_eq!(receipts[0].at.to_string(), "2025-03-20T08:30:00.002000Z");
}

#[test]
fn a_packed_file_is_known_by_its_bytes_and_a_cut_one_is_told() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(UCI.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let open = |bytes: Vec<u8>| {
        let opened = unpacked(std::io::Cursor::new(bytes)).unwrap();
        Reader::new(opened.input, opened.delimiter, &Stated::default(), &Currencies::iso4217()).unwrap()
    };
    assert_eq!(all(open(packed.clone())), all(reader(UCI, &Stated::default())));
    let mut cut = open(packed[..packed.len() - 20].to_vec());
    let end = loop {
        match cut.next() {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(end.is_err(), "a file that is cut off is no end");
}

proptest! {
    /// None is lost: every row is a line of a receipt or is rejected, once, whatever the cells are.
    #[test]
    fn no_row_is_lost(rows in prop::collection::vec(
        ("[0-9C]{0,3}", "([AB]?|\"A|A\"|\"A\")", "(-?[0-9]{1,2}|x|)", "(2011-0[1-9]-[0-3][0-9]( 08:25:00)?|)", "([0-9]\\.[0-9]{1,3}|,|)", "[78]?"), 0..60,
    )) {
        let mut text = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n".to_owned();
        for (invoice, sku, quantity, date, price, customer) in &rows {
            writeln!(text, "{invoice},{sku},x,{quantity},{date},{price},{customer},").unwrap();
        }
        let (receipts, rejected, count) = all(reader(&text, &Stated::default()));
        prop_assert_eq!(count.rows, rows.len() as u64);
        prop_assert_eq!(lines(&receipts) + rejected.len() as u64, count.rows);
        let mut seen: Vec<u64> = rejected.iter().map(|one| one.row).collect();
        for receipt in &receipts {
            seen.extend(receipt.sold.iter().chain(&receipt.back).map(|line| line.row));
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (2..rows.len() as u64 + 2).collect::<Vec<_>>());
    }
}

/// The file, where it is at hand: beside the project, or where `CRM_CASES` points.
fn shared(name: &str) -> Option<Reader<Box<dyn Read>>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned();
    let folder = std::env::var("CRM_CASES").unwrap_or(beside);
    let path = format!("{folder}/retail/{name}");
    let Ok(opened) = open(path.as_ref()) else {
        println!("skipped: {name} is not at hand");
        return None;
    };
    Some(Reader::new(opened.input, opened.delimiter, &Stated::default(), &Currencies::iso4217()).unwrap())
}

#[test]
fn the_whole_of_cdnow() {
    let Some(reader) = shared("cdnow_master.csv.gz") else { return };
    let (receipts, rejected, count) = all(reader);
    assert_eq!((count.rows, rejected.len()), (69_659, 0));
    assert_eq!(receipts.len(), 69_659);
    assert_eq!(receipts.iter().map(|one| one.sold[0].total_minor).sum::<i64>(), 250_031_563);
}

#[test]
fn the_whole_of_online_retail() {
    let Some(reader) = shared("online_retail_2011q4_known_customers.csv.gz") else { return };
    let (receipts, rejected, count) = all(reader);
    let mut why = BTreeMap::new();
    for row in &rejected {
        *why.entry(row.reason).or_insert(0) += 1;
    }
    assert_eq!((count.rows, &why), (174_776, &BTreeMap::new()), "{rejected:?}");
    assert_eq!(lines(&receipts), 174_776);
    assert!(receipts.iter().all(|one| one.number.starts_with('C') == one.sold.is_empty()));
}

/// The rest of a file after a quotation mark that is not closed is not gathered in memory: reading stops and says where.
#[test]
fn a_quotation_mark_that_is_not_closed_stops_the_reading() {
    let mut text = String::from("customer,date,amount\nA,2024-01-01,1.00\n\"B,2024-01-02,2.00\n");
    text.extend((0..100_000).map(|row| format!("C{row},2024-01-03,3.00\n")));
    let mut reader = reader(&text, &Stated::default());
    let error = loop {
        match reader.next() {
            Ok(found) => assert!(found.is_none_or(|found| matches!(found, Found::Receipt(_)))),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("line 3"), "{error}");
}

/// A quotation mark that is closed some lines later joins them to one row, even to one that could be used: all are told.
#[test]
fn lines_that_a_quotation_mark_has_joined_are_rejected_one_by_one() {
    let text = "customer,date,amount,note\nA,2024-01-01,1.00,x\nB,2024-01-02,2.00,\"5 pipe\nC,2024-01-03,3.00,x\n\
                D,2024-01-04,4.00,7\" tube\nE,2024-01-05,5.00,x\n";
    let (receipts, rejected, count) = all(reader(text, &Stated::default()));
    assert_eq!(receipts.iter().map(|one| one.row).collect::<Vec<_>>(), [2, 6]);
    assert_eq!(rejected, [3, 4, 5].map(|row| Rejected { row, reason: Reason::ManyLines }));
    assert_eq!(count, Count { rows: 5, rejected: 3 });
}

/// What is written of rejected rows is every one of them.
#[test]
fn the_list_of_rejected_rows_names_each() {
    let path = std::env::temp_dir().join(format!("club-rejected-{}.csv", std::process::id()));
    let rejected = [Rejected { row: 4, reason: Reason::NoAmount }, Rejected { row: 9, reason: Reason::DateOrder }];
    reject::write(&path, &rejected).unwrap();
    let list = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let expected =
        "line,reason,about\n4,amount.missing,no amount\n9,date.order,day or month first? State --date-order\n";
    assert_eq!(list, expected);
}
