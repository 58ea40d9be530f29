//! When the ledger lets something become available and end: on days on which the clocks change, and at the ends of months of
//! other calendars (S-05, S-06, S-07, S-10, T-7).

use std::sync::Arc;
use std::time::Duration;

use crm_core::MemoryStorage;
use crm_core::branches::NewBranch;
use crm_core::catalog::NewProduct;
use crm_core::conformance::Bench;
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::kernel::calendar::{Calendar, Span, Unit};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::{CivilDate, TimeOfDay, Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{Available, Earn, EarnRule, EarningTerms};
use crm_core::loyalty::ledger::EntryKind;
use crm_core::loyalty::programme::{Programme, Validity};
use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use crm_core::work::Storage;
use crm_loyalty::WorkLoyalty;
use crm_loyalty::programme::NewVersion;
use proptest::prelude::*;

const EARNED: i64 = 100;
const AN_INSTANT: Duration = Duration::from_micros(1);

/// In which days and calendar a programme counts, and what it says of what is earned.
#[derive(Debug, Clone)]
struct Days {
    zone: &'static str,
    cutoff: TimeOfDay,
    calendar: Calendar,
    available: Available,
    valid: Validity,
}

fn days(zone: &'static str, valid: Validity) -> Days {
    let (cutoff, calendar) = (TimeOfDay::MIDNIGHT, Calendar::Gregorian);
    Days { zone, cutoff, calendar, available: Available::AtOnce, valid }
}

/// Somebody who has earned points.
struct Earned {
    bench: Bench,
    member: CustomerId,
}

impl Earned {
    /// By a purchase at this instant.
    fn at(now: Timestamp, days: &Days) -> Self {
        let bench = crm_loyalty::conformance::open(&|| Arc::new(MemoryStorage::new()) as Arc<dyn Storage>);
        bench.clock.set(now);
        let (zone, cutoff, calendar) = (Zone::new(days.zone).unwrap(), days.cutoff, days.calendar);
        let rule = EarnRule::new("some", Asset::Points, Earn::Fixed(EARNED));
        let rules = vec![EarnRule { available: days.available, valid: days.valid, ..rule }];
        let earning = EarningTerms { rules, ..EarningTerms::default() };
        let programme = Programme { cutoff, calendar, earning, ..Programme::new("Club", zone) };
        let zone = days.zone;
        let member = bench.run(move |work| {
            work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
            let branch = work.branches().create(NewBranch::named("Here", zone, "PLN"))?.id;
            let tea =
                work.catalog().create_product(NewProduct::service("tea", "Tea", Money::new(1, Currency::PLN)))?.id;
            let member = work.customers().create(NewCustomer::person("Ala Kot"))?.id;
            let bought = NewPurchase::of(branch, "1", [NewLine::of(tea, 1)], [NewTender::cash_rest()]).by(member);
            work.purchases().record(&bought, "1").map(|_| member)
        });
        Self { member: member.unwrap(), bench }
    }

    /// What can be used, and what is to come, at an instant.
    fn has_at(&self, at: Timestamp) -> (i64, i64) {
        self.bench.clock.set(at);
        let account = self.member.into();
        let balances = self.bench.read(move |work| work.loyalty().balances(account)).unwrap();
        let points = balances.get(&Asset::Points).copied().unwrap_or_default();
        (points.available, points.pending)
    }

    /// What is earned can be used from one instant on, if it is not used at once, and until another.
    fn lasts(&self, from: Option<Timestamp>, until: Timestamp) {
        let before = |at: Timestamp| at.checked_sub(AN_INSTANT).unwrap();
        if let Some(from) = from {
            assert_eq!([before(from), from].map(|at| self.has_at(at)), [(0, EARNED), (EARNED, 0)]);
        }
        assert_eq!([before(until), until].map(|at| self.has_at(at)), [(EARNED, 0), (0, 0)]);
    }

    /// Writes down what is due, twice, and says what has expired, and when.
    fn expired(&self) -> Vec<(Timestamp, i64)> {
        let account = self.member.into();
        let entries = self.bench.run(move |work| {
            work.loyalty().settle(account)?;
            work.loyalty().settle(account)?;
            Ok(work.loyalty().entries(account, Limit::MAX, None)?.items)
        });
        self.bench.verify();
        let expired = entries.unwrap().into_iter().filter(|entry| entry.kind == EntryKind::Expire);
        expired.map(|entry| (entry.occurred_at, entry.postings.0.iter().map(|one| one.amount.max(0)).sum())).collect()
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn date(text: &str) -> CivilDate {
    text.parse().unwrap()
}

/// A last day, on whose end the clocks change, and the first instant after it.
const CHANGES: [(&str, &str, &str, &str); 10] = [
    // Midnight is jumped over.
    ("Asia/Tehran", "00:00", "2022-03-21", "2022-03-21T20:30:00Z"),
    ("Asia/Beirut", "00:00", "2025-03-29", "2025-03-29T22:00:00Z"),
    ("Africa/Cairo", "00:00", "2025-04-24", "2025-04-24T22:00:00Z"),
    ("America/Havana", "00:00", "2025-03-08", "2025-03-09T05:00:00Z"),
    ("America/Santiago", "00:00", "2025-09-06", "2025-09-07T04:00:00Z"),
    ("America/Sao_Paulo", "00:00", "2018-11-03", "2018-11-04T03:00:00Z"),
    // The cut-off is jumped over, and comes twice: the first is the one.
    ("Europe/Warsaw", "02:30", "2025-03-29", "2025-03-30T01:00:00Z"),
    ("Europe/Warsaw", "02:30", "2025-10-25", "2025-10-26T00:30:00Z"),
    // The hour before midnight comes twice, and is the last day's both times.
    ("America/Sao_Paulo", "00:00", "2018-02-17", "2018-02-18T03:00:00Z"),
    // A whole day is jumped over: 30 December 2011 was not in Samoa.
    ("Pacific/Apia", "00:00", "2011-12-29", "2011-12-30T10:00:00Z"),
];

/// T-7: the instant before the boundary it is there, at the boundary not, also where the clocks jump over it.
#[test]
fn what_ends_where_clocks_change() {
    for (zone, cutoff, last, end) in CHANGES {
        let days = Days { cutoff: cutoff.parse().unwrap(), ..days(zone, Validity::Through(date(last))) };
        let noon = Zone::new(zone).unwrap().at(date(last).add_days(-3).unwrap(), "12:00".parse().unwrap());
        let earned = Earned::at(noon, &days);
        earned.lasts(None, time(end));
        assert_eq!(earned.expired(), [(time(end), EARNED)], "{zone}");
    }
}

/// S-10: so too for what becomes available on the day after.
#[test]
fn what_begins_where_clocks_change() {
    for (zone, cutoff, last, begins) in CHANGES {
        let after = Days {
            cutoff: cutoff.parse().unwrap(),
            available: Available::After(Span::Days(4)),
            ..days(zone, Validity::For(Span::Days(30)))
        };
        let first = date(last).add_days(1).unwrap();
        let noon = Zone::new(zone).unwrap().at(first.add_days(-4).unwrap(), "12:00".parse().unwrap());
        let earned = Earned::at(noon, &after);
        assert_eq!(earned.has_at(time(begins).checked_sub(AN_INSTANT).unwrap()), (0, EARNED), "{zone}");
        assert_eq!(earned.has_at(time(begins)), (EARNED, 0), "{zone}");
    }
}

/// A first instant of a business day, and when what is bought an instant before it and at it ends.
const BEGINNINGS: [(&str, &str, Span, &str, [&str; 2]); 6] = [
    // Midnight in Warsaw is 23:00 in UTC in winter. A month from 30 and from 31 January goes through 28 February.
    ("Europe/Warsaw", "00:00", Span::Months(1), "2025-01-30T23:00:00Z", ["2025-02-28T23:00:00Z"; 2]),
    (
        "Europe/Warsaw",
        "00:00",
        Span::Months(1),
        "2025-01-31T23:00:00Z",
        ["2025-02-28T23:00:00Z", "2025-03-01T23:00:00Z"],
    ),
    // The clocks have changed an hour before the cut-off.
    ("Europe/Warsaw", "04:00", Span::Days(1), "2025-03-30T02:00:00Z", ["2025-03-31T02:00:00Z", "2025-04-01T02:00:00Z"]),
    ("Europe/Warsaw", "04:00", Span::Days(1), "2025-10-26T03:00:00Z", ["2025-10-27T03:00:00Z", "2025-10-28T03:00:00Z"]),
    // Half an hour off; and where midnight was jumped over.
    ("Asia/Tehran", "00:00", Span::Days(1), "2025-03-20T20:30:00Z", ["2025-03-21T20:30:00Z", "2025-03-22T20:30:00Z"]),
    (
        "America/Havana",
        "00:00",
        Span::Days(1),
        "2025-03-09T05:00:00Z",
        ["2025-03-10T04:00:00Z", "2025-03-11T04:00:00Z"],
    ),
];

/// S-05, S-15: the business day of a purchase is that of the programme, to the instant, and its end is counted from it.
#[test]
fn what_is_bought_where_a_day_begins() {
    for (zone, cutoff, span, begins, ends) in BEGINNINGS {
        let days = Days { cutoff: cutoff.parse().unwrap(), ..days(zone, Validity::For(span)) };
        let instants = [time(begins).checked_sub(AN_INSTANT).unwrap(), time(begins)];
        for (bought, end) in instants.into_iter().zip(ends) {
            Earned::at(bought, &days).lasts(None, time(end));
        }
    }
}

/// T-7: the ends of Jalali and Hijri months and years, long and short.
#[test]
fn months_of_other_calendars() {
    let tehran = |validity| Days { calendar: Calendar::Jalali, ..days("Asia/Tehran", validity) };
    let riyadh = |validity| Days { calendar: Calendar::HijriUmmAlQura, ..days("Asia/Riyadh", validity) };
    let half = Validity::For(Span::Months(6));
    let year = Validity::For(Span::Years(1));
    let cases = [
        // 31 Shahrivar 1403 and six months: 30 Esfand, for the year is long; 1404: 29 Esfand.
        (tehran(half), "2024-09-21T12:00:00+03:30", "2025-03-21T00:00:00+03:30"),
        (tehran(half), "2025-09-22T12:00:00+03:30", "2026-03-21T00:00:00+03:30"),
        // 30 Esfand 1403 and a year: 29 Esfand 1404.
        (tehran(year), "2025-03-20T23:59:59+03:30", "2026-03-21T00:00:00+03:30"),
        // To the end of the month, of a quarter and of the year, on 10 Esfand 1403.
        (tehran(Validity::ToEndOf(Unit::Month)), "2025-02-28T12:00:00+03:30", "2025-03-21T00:00:00+03:30"),
        (tehran(Validity::ToEndOf(Unit::Quarter)), "2025-02-28T12:00:00+03:30", "2025-03-21T00:00:00+03:30"),
        (tehran(Validity::ToEndOf(Unit::Year)), "2025-03-21T12:00:00+03:30", "2026-03-21T00:00:00+03:30"),
        // 30 Ramadan 1445 and a year: 29 Ramadan 1446, which is 29 March 2025.
        (riyadh(year), "2024-04-09T12:00:00+03:00", "2025-03-30T00:00:00+03:00"),
        // To the end of Ramadan 1446: 29 days.
        (riyadh(Validity::ToEndOf(Unit::Month)), "2025-03-01T00:00:00+03:00", "2025-03-30T00:00:00+03:00"),
    ];
    for (days, bought, end) in cases {
        let earned = Earned::at(time(bought), &days);
        earned.lasts(None, time(end));
        assert_eq!(earned.expired(), [(time(end), EARNED)], "{days:?}");
    }
}

/// T-7: what was consumed never expires, and what is left expires once, however late it is written down.
#[test]
fn what_was_used_does_not_end() {
    let earned =
        Earned::at(time("2025-03-29T12:00:00+02:00"), &days("Asia/Beirut", Validity::Through(date("2025-03-29"))));
    let account = earned.member.into();
    let spent = move |work: &mut crm_core::work::Permit<'_, '_>| {
        work.loyalty().adjust(account, Asset::Points, -30, "spent", "spent").map(drop)
    };
    earned.bench.run(spent).unwrap();
    earned.bench.clock.set(time("2026-01-01T00:00:00Z"));
    assert_eq!(earned.expired(), [(time("2025-03-29T22:00:00Z"), EARNED - 30)]);
    assert_eq!(earned.expired().len(), 1);
}

const ZONES: [&str; 9] = [
    "UTC",
    "Asia/Tehran",
    "Asia/Beirut",
    "Africa/Cairo",
    "America/Havana",
    "America/Santiago",
    "America/Sao_Paulo",
    "Europe/Warsaw",
    "Australia/Lord_Howe",
];

/// The first instant at which a wall shows this date and time or later, found by looking at it every quarter of an hour.
fn first_shown(zone: &Zone, date: CivilDate, time: TimeOfDay) -> Timestamp {
    let quarter = Duration::from_secs(900);
    let mut now = Zone::UTC.start_of_day(date.add_days(-2).unwrap());
    while zone.local(now) < (date, time) {
        now = now.checked_add(quarter).unwrap();
    }
    now
}

prop_compose! {
    fn any_days()(
        zone in proptest::sample::select(ZONES.to_vec()),
        half_hours in 0_u8..12,
        calendar in proptest::sample::select(Calendar::ALL.to_vec()),
        wait in 1_i32..40,
        valid in prop_oneof![
            (0_i32..400).prop_map(|days| Validity::For(Span::Days(days))),
            (0_i32..14).prop_map(|months| Validity::For(Span::Months(months))),
            proptest::sample::select(vec![Unit::Month, Unit::Quarter, Unit::Year]).prop_map(Validity::ToEndOf),
        ],
    ) -> Days {
        let cutoff = TimeOfDay::new(half_hours / 2, half_hours % 2 * 30).unwrap();
        Days { zone, cutoff, calendar, available: Available::After(Span::Days(wait)), valid }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// S-05, S-10: in any zone and calendar what is earned is there from the first instant of its first day to the last
    /// instant of its last day.
    #[test]
    fn in_any_zone_and_calendar(days in any_days(), day in 0_i32..12_000, hour in 0_u8..24) {
        let zone = Zone::new(days.zone).unwrap();
        // From 1995 on.
        let bought = zone.at(date("1995-01-01").add_days(day).unwrap(), TimeOfDay::new(hour, 15).unwrap());
        let Available::After(wait) = days.available else { unreachable!("what is made above") };
        let on_the_wall = zone.local(bought).0;
        let around = (-1..=1).rev().map(|more| on_the_wall.add_days(more).unwrap());
        let bought_on = around.into_iter().find(|date| first_shown(&zone, *date, days.cutoff) <= bought).unwrap();
        let first = days.calendar.add(bought_on, wait).unwrap();
        let last = match days.valid {
            Validity::For(span) => days.calendar.add(first, span).unwrap(),
            Validity::ToEndOf(unit) => days.calendar.end_of(first, unit),
            other => unreachable!("{other:?}"),
        };
        let end = first_shown(&zone, last.add_days(1).unwrap(), days.cutoff);
        Earned::at(bought, &days).lasts(Some(first_shown(&zone, first, days.cutoff)), end);
    }
}
