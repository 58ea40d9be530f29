//! Every purchase of 23,570 customers of a shop in 1997 and 1998 through a programme with credit, points, boosts, counts and
//! a ladder of tiers, and the same computed again here from nothing but the file.
//!
//! The file is CDNOW, where it is at hand: beside the project, or where `CRM_CASES` points. `CRM_CDNOW` says of every how
//! many customers one is taken, 40 if it is not set. 1 takes the whole file: some four minutes and 450 MB in the build of the
//! tests, for which 2 500 315.63 dollars earn 16 352 639 cents of credit and 3 464 559 points.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use crm_core::branches::{BranchId, NewBranch};
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::conformance::Bench;
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::kernel::calendar::Span;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{CivilDate, TimeOfDay, Timestamp, Weekday, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{Earn, EarnRule, EarningTerms, PurchaseSheet};
use crm_core::loyalty::ledger::Lot;
use crm_core::loyalty::programme::{Programme, Validity};
use crm_core::loyalty::tiers::{Downgrade, Need, TierLadder, TierTerms, Window};
use crm_core::pricing::{Audience, Days, TierId};
use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use crm_core::work::{Filter, Storage};
use crm_loyalty::WorkLoyalty;
use crm_loyalty::conformance::open;
use crm_loyalty::programme::NewVersion;
use crm_storage_diesel::DieselStorage;
use uuid::Uuid;

use crate::databases;

const CREDIT: Asset = Asset::Credit(Currency::USD);

/// A purchase of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Bought {
    on: CivilDate,
    customer: u32,
    cents: i64,
}

fn history(one_of: u32) -> Option<Vec<Bought>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned();
    let folder = std::env::var("CRM_CASES").unwrap_or(beside);
    let file = std::fs::File::open(format!("{folder}/retail/cdnow_master.csv.gz")).ok()?;
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines().skip(1);
    let bought = lines.map(|line| {
        let line = line.unwrap();
        let parts: Vec<&str> = line.split(',').collect();
        Bought { on: parts[1].parse().unwrap(), customer: parts[0].parse().unwrap(), cents: parts[3].parse().unwrap() }
    });
    let mut all: Vec<_> = bought.filter(|bought| bought.customer % one_of == 0).collect();
    // Purchases of one day and customer stay in the order of the file.
    all.sort_by_key(|bought| (bought.on, bought.customer));
    Some(all)
}

fn tier(number: u128) -> TierId {
    Uuid::from_u128(number).into()
}

/// 5 % credit for half a year, half as much more for silver and twice as much for gold; a point for a dollar, two at the
/// weekend; 50 points for every fifth day with a purchase. Silver from 100 dollars on, gold from 300, for good.
fn programme() -> Programme {
    let usd = |minor| Money::new(minor, Currency::USD);
    let of = |number| Audience { tiers: vec![tier(number)], ..Audience::default() };
    let weekend = Days { weekdays: vec![Weekday::Saturday, Weekday::Sunday], ..Days::default() };
    let boost = |key: &str, asset, percent| EarnRule::new(key, asset, Earn::Boost(Rate::percent(percent)));
    let credit = EarnRule::new("five", CREDIT, Earn::Percent(Rate::percent(5)));
    let rules = vec![
        EarnRule { valid: Validity::For(Span::Months(6)), ..credit },
        EarnRule { audience: of(1), ..boost("silver", CREDIT, 50) },
        EarnRule { audience: of(2), ..boost("gold", CREDIT, 100) },
        EarnRule::new("points", Asset::Points, Earn::Rate { give: 1, per: usd(100) }),
        EarnRule { days: Some(weekend), ..boost("weekend", Asset::Points, 100) },
        EarnRule::new("fifth", Asset::Points, Earn::Every { give: 50, nth: 5, per_day: Some(1) }),
    ];
    let steps = [
        TierTerms::new(tier(1), "silver", Need::amount(10_000)),
        TierTerms::new(tier(2), "gold", Need::amount(30_000)),
    ];
    let ladder = TierLadder {
        downgrade: Downgrade::Never,
        ..TierLadder::new(Uuid::from_u128(9).into(), "club", Window::Lifetime, steps)
    };
    Programme {
        tiers: vec![ladder],
        earning: EarningTerms { rules, ..EarningTerms::default() },
        ..Programme::new("CDNOW", Zone::UTC)
    }
}

/// What a customer has earned, computed from the file alone.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Sums {
    credit: i64,
    points: i64,
}

/// The day half a year later, without the library's calendar.
fn half_a_year_later(date: CivilDate) -> CivilDate {
    let (year, month) = (date.year() + i32::from(date.month() > 6), (date.month() + 5) % 12 + 1);
    let leap = year % 4 == 0;
    let last = match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    CivilDate::new(year, month, date.day().min(last)).unwrap()
}

/// What everybody has earned, and how much credit is valid through which day.
fn plain(history: &[Bought]) -> (BTreeMap<u32, Sums>, BTreeMap<CivilDate, i64>) {
    let (mut all, mut ends) = (BTreeMap::<u32, Sums>::new(), BTreeMap::new());
    let mut spent = BTreeMap::<u32, (i64, i64, Option<CivilDate>)>::new();
    for bought in history {
        let (sum, days, last) = spent.entry(bought.customer).or_default();
        let more = if *sum >= 30_000 {
            100
        } else if *sum >= 10_000 {
            50
        } else {
            0
        };
        let credit = bought.cents * 5 * (100 + more) / 10_000;
        let weekend = matches!(bought.on.weekday(), Weekday::Saturday | Weekday::Sunday);
        let mut points = bought.cents * (1 + i64::from(weekend)) / 100;
        if *last != Some(bought.on) {
            *days += 1;
            points += if *days % 5 == 0 { 50 } else { 0 };
        }
        (*sum, *last) = (*sum + bought.cents, Some(bought.on));
        let earned = all.entry(bought.customer).or_default();
        earned.credit += credit;
        earned.points += points;
        if credit > 0 {
            *ends.entry(half_a_year_later(bought.on)).or_default() += credit;
        }
    }
    (all, ends)
}

/// Records the history, day by day.
fn replay(bench: &Bench, history: &[Bought]) -> BTreeMap<CustomerId, u32> {
    let noon = |date: CivilDate| Zone::UTC.at(date, TimeOfDay::new(12, 0).unwrap());
    bench.clock.set(noon("1996-12-31".parse().unwrap()));
    let (branch, disc): (BranchId, ProductId) = bench
        .run(|work| {
            let branch = work.branches().create(NewBranch::named("CDNOW", "UTC", "USD"))?;
            let disc = NewProduct::goods("cd", "CD", Money::new(1, Currency::USD));
            let disc = work.catalog().create_product(NewProduct { stocked: false, ..disc })?;
            work.loyalty().save_programme(NewVersion::now(programme()))?;
            Ok((branch.id, disc.id))
        })
        .unwrap();
    let mut numbers: Vec<u32> = history.iter().map(|bought| bought.customer).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut ids = BTreeMap::new();
    for some in numbers.chunks(200) {
        let some = some.to_vec();
        ids.extend(
            bench
                .run(move |work| {
                    let create = |number: &u32| {
                        let new = NewCustomer::person(format!("Customer {number}"));
                        Ok((*number, work.customers().create(new)?.id))
                    };
                    some.iter().map(create).collect::<crm_core::Result<Vec<_>>>()
                })
                .unwrap(),
        );
    }
    let mut receipt = 0;
    for day in history.chunk_by(|one, other| one.on == other.on) {
        bench.clock.set(noon(day[0].on));
        for some in day.chunks(100) {
            let new: Vec<NewPurchase> = some
                .iter()
                .map(|bought| {
                    receipt += 1;
                    let price = Some(Money::new(bought.cents, Currency::USD));
                    let line = NewLine { unit_price: price, ..NewLine::of(disc, 1) };
                    NewPurchase::of(branch, receipt.to_string(), [line], [NewTender::cash_rest()])
                        .by(ids[&bought.customer])
                })
                .collect();
            bench
                .run(move |work| {
                    new.iter().try_for_each(|one| work.purchases().record(one, &one.receipt_no).map(|_| ()))
                })
                .unwrap();
        }
    }
    ids.into_iter().map(|(number, id)| (id, number)).collect()
}

#[test]
fn sqlite_earns_what_the_file_says() {
    let one_of = std::env::var("CRM_CDNOW").ok().map_or(40, |number| number.parse().unwrap());
    let Some(history) = history(one_of) else {
        println!("skipped: the history is not at hand");
        return;
    };
    let database = databases::sqlite_file();
    let bench = open(&|| Arc::new(DieselStorage::open(database.url()).unwrap()) as Arc<dyn Storage>);
    let customers = replay(&bench, &history);
    let (expected, expected_ends) = plain(&history);
    let sheets = bench.read(|work| work.select(Filter::<PurchaseSheet>::all()).all()).unwrap();
    assert_eq!(sheets.len(), history.len());
    let mut earned = BTreeMap::<u32, Sums>::new();
    for sheet in sheets {
        let sums = earned.entry(customers[&sheet.customer_id]).or_default();
        sums.credit += sheet.document.0.posted(CREDIT);
        sums.points += sheet.document.0.posted(Asset::Points);
    }
    assert_eq!(earned, expected);
    let mut ends = BTreeMap::<Timestamp, i64>::new();
    let lots = bench.read(|work| work.select(Filter::<Lot>::all()).all()).unwrap();
    for lot in lots.iter().filter(|lot| lot.asset == CREDIT) {
        *ends.entry(lot.expires_at).or_default() += lot.amount;
    }
    let first_moment_after = |date: CivilDate| Zone::UTC.start_of_day(date.add_days(1).unwrap());
    let expected_ends = expected_ends.into_iter().map(|(date, credit)| (first_moment_after(date), credit)).collect();
    assert_eq!(ends, expected_ends);
    bench.verify();
    let sum = |of: fn(&Sums) -> i64| expected.values().map(of).sum::<i64>();
    println!(
        "{} purchases of {} customers: {} cents of credit, {} points",
        history.len(),
        expected.len(),
        sum(|sums| sums.credit),
        sum(|sums| sums.points)
    );
}
