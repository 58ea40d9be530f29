//! Days that come back: once a year, in every calendar, in every zone, whatever the clock does (S-39, N-20).

use std::collections::BTreeSet;

use crm_core::kernel::calendar::{Calendar, Span};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::time::{BusinessDay, CivilDate, TimeOfDay, Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::anniversaries::{
    Anniversary, AnniversaryGift, AnniversaryTerms, BIRTH, Day, ShortYear, SpecialDay, due,
};
use crm_core::loyalty::programme::Validity;
use crm_core::pricing::Audience;
use crm_core::work::Version;
use proptest::prelude::*;

/// The offsets that are in use somewhere, each by a zone that has it.
const ZONES: [&str; 38] = [
    "Etc/GMT+12",
    "Etc/GMT+11",
    "Etc/GMT+10",
    "Pacific/Marquesas",
    "Etc/GMT+9",
    "Etc/GMT+8",
    "Etc/GMT+7",
    "Etc/GMT+6",
    "Etc/GMT+5",
    "Etc/GMT+4",
    "America/St_Johns",
    "Etc/GMT+3",
    "Etc/GMT+2",
    "Etc/GMT+1",
    "Etc/GMT",
    "Etc/GMT-1",
    "Etc/GMT-2",
    "Etc/GMT-3",
    "Asia/Tehran",
    "Etc/GMT-4",
    "Asia/Kabul",
    "Etc/GMT-5",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Etc/GMT-6",
    "Asia/Yangon",
    "Etc/GMT-7",
    "Etc/GMT-8",
    "Australia/Eucla",
    "Etc/GMT-9",
    "Australia/Darwin",
    "Etc/GMT-10",
    "Australia/Lord_Howe",
    "Etc/GMT-11",
    "Etc/GMT-12",
    "Pacific/Chatham",
    "Etc/GMT-13",
    "Etc/GMT-14",
];

fn date(text: &str) -> CivilDate {
    text.parse().unwrap()
}

/// A member with one day, as the job keeps it.
struct Member {
    day: Day,
    next: Anniversary,
    celebrated: Vec<Anniversary>,
}

impl Member {
    /// The day is told on the business day `today`.
    fn told(day: Day, today: CivilDate) -> Self {
        Self { day, next: day.next(today, None).unwrap(), celebrated: Vec::new() }
    }

    /// The job runs.
    fn run(&mut self, today: CivilDate, max_lateness: u16) {
        if self.next.on > today {
            return;
        }
        let last = self.celebrated.last().map(|anniversary| anniversary.year);
        let found = due(self.day, self.next.on, last, today, max_lateness).unwrap();
        self.celebrated.extend(found.now);
        self.next = found.next;
    }

    /// The years that were celebrated.
    fn years(&self) -> Vec<i32> {
        self.celebrated.iter().map(|anniversary| anniversary.year).collect()
    }
}

/// The job runs around the anniversary on a wall clock in one zone: just before its day, in its first instant, again, with
/// the clock set back, and at its end.
fn celebrate(day: Day, year: i32, zone: &BusinessDay) {
    let expected = day.in_year(year).unwrap();
    let start = zone.start(expected.on);
    let mut member = Member::told(day, zone.date_of(start.checked_add_micros(-40 * 86_400_000_000).unwrap()));
    let mut at = |shift: i64| {
        let now: Timestamp = start.checked_add_micros(shift).unwrap();
        member.run(zone.date_of(now), 14);
        member.celebrated.len()
    };
    assert_eq!(at(-1), 0, "{day:?} {year}: before its day");
    assert_eq!(at(0), 1, "{day:?} {year}: in its first instant");
    assert_eq!(at(-3_600_000_000), 1, "{day:?} {year}: the clock went back");
    assert_eq!(at(3_600_000_000), 1, "{day:?} {year}: again");
    assert_eq!(at(300 * 86_400_000_000), 1, "{day:?} {year}: months later");
    assert_eq!(member.celebrated, [expected]);
}

fn zones() -> Vec<BusinessDay> {
    ZONES.map(|name| BusinessDay::new(Zone::new(name).unwrap(), TimeOfDay::MIDNIGHT)).into()
}

/// Row 14: every date of two centuries, each at one of the 38 offsets and in one of the calendars in turn, is celebrated
/// once a year.
#[test]
fn every_date_of_two_centuries_is_celebrated_once_a_year() {
    let zones = zones();
    let all = date("1900-01-01").days()..=date("2100-12-31").days();
    for (turn, days) in all.enumerate() {
        let born = CivilDate::from_days(days).unwrap();
        let calendar = Calendar::ALL[turn % 4];
        let short_year = ShortYear::ALL[turn / 4 % 2];
        let day = Day { date: born, calendar, short_year };
        let year = calendar.of(born).year() + 1 + i32::try_from(turn % 40).unwrap();
        celebrate(day, year, &zones[turn % zones.len()]);
    }
}

/// The same for every pair of date and offset.
#[test]
#[ignore = "2.8 million pairs: for the night"]
fn every_date_at_every_offset_is_celebrated_once_a_year() {
    let zones = zones();
    for days in date("1900-01-01").days()..=date("2100-12-31").days() {
        let born = CivilDate::from_days(days).unwrap();
        for (turn, zone) in zones.iter().enumerate() {
            let calendar = Calendar::ALL[turn % 4];
            let day = Day { date: born, calendar, short_year: ShortYear::ALL[turn / 4 % 2] };
            celebrate(day, calendar.of(born).year() + 1, zone);
        }
    }
}

/// The days that short years do not have, year by year, in every calendar.
#[test]
fn days_of_long_years_are_celebrated_in_short_ones_too() {
    let born = [
        (Calendar::Gregorian, date("2024-02-29")),
        (Calendar::Jalali, Calendar::Jalali.date(1399, 12, 30).unwrap()),
        (Calendar::HijriUmmAlQura, Calendar::HijriUmmAlQura.date(1442, 1, 30).unwrap_or(date("2020-09-18"))),
        (Calendar::HijriTabular, Calendar::HijriTabular.date(1442, 12, 30).unwrap()),
    ];
    for (calendar, born) in born {
        let parts = calendar.of(born);
        for year in parts.year() + 1..parts.year() + 60 {
            let length = calendar.days_in_month(year, parts.month()).unwrap();
            let on = |short_year| Day { date: born, calendar, short_year }.in_year(year).unwrap().on;
            let last = calendar.of(on(ShortYear::LastDay));
            assert_eq!((last.year(), last.month(), last.day()), (year, parts.month(), parts.day().min(length)));
            let moved = i32::from(length < parts.day());
            assert_eq!(on(ShortYear::FirstOfNext).days_since(on(ShortYear::LastDay)), moved, "{calendar} {year}");
        }
    }
}

/// What is due while nothing runs is not lost up to the lateness, and lost after it.
#[test]
fn down_time_loses_nothing_up_to_the_lateness() {
    let day = Day { date: date("1990-03-21"), calendar: Calendar::Gregorian, short_year: ShortYear::LastDay };
    let celebrated = |late: i32, max_lateness| {
        let mut member = Member::told(day, date("2025-01-01"));
        member.run(date("2025-03-21").add_days(late).unwrap(), max_lateness);
        member.years()
    };
    assert_eq!(celebrated(14, 14), [2025]);
    assert!(celebrated(15, 14).is_empty());
    assert_eq!(celebrated(366, 366), [2025, 2026], "a whole year of silence, and the next on the day");
}

/// Money of gift cards could not be spent from the account of a member, and what ends before it begins neither.
#[test]
fn what_cannot_be_spent_is_a_fault() {
    let faults = |asset, days| {
        let gift = AnniversaryGift {
            kind: BIRTH.into(),
            audience: Audience::default(),
            asset,
            amount: 100,
            validity: Validity::For(Span::Days(days)),
        };
        let terms = AnniversaryTerms { gifts: vec![gift], ..AnniversaryTerms::default() };
        terms.faults().into_iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    assert_eq!(faults(Asset::Credit(Currency::PLN), 0), [] as [&str; 0]);
    assert_eq!(faults(Asset::Gift(Currency::PLN), 0), ["anniversaries.asset"]);
    assert_eq!(faults(Asset::Points, -1), ["anniversaries.backwards"]);
}

fn special_day(born: CivilDate, calendar: Calendar, today: CivilDate) -> SpecialDay {
    let mut day = SpecialDay {
        customer_id: uuid::Uuid::nil().into(),
        kind: BIRTH.into(),
        version: Version::FIRST,
        date: None,
        calendar,
        noted_at: Timestamp::UNIX_EPOCH,
        next_on: CivilDate::MAX,
        celebrated_on: None,
        celebrated_year: None,
    };
    day.tell(Some(born), calendar, today, &AnniversaryTerms::default()).unwrap();
    day
}

/// 365 birthdays a year are one: whoever changes the date gets nothing for a year that was celebrated, by whatever
/// calendar the date is counted.
#[test]
fn a_date_that_changes_every_day_is_celebrated_once_a_year() {
    for switching in [false, true] {
        let terms = AnniversaryTerms::default();
        let mut today = date("2025-01-01");
        let mut day = special_day(today, Calendar::Gregorian, today);
        let mut celebrated = Vec::new();
        for turn in 0..1_500_usize {
            let calendar = if switching { Calendar::ALL[turn % 2] } else { Calendar::Gregorian };
            let born = date("1990-01-01").add_days(today.days_since(date("2025-01-01")) % 365).unwrap();
            day.tell(Some(born), calendar, today, &terms).unwrap();
            // A month without a change, so that the cool-down is over, then the job.
            today = today.add_days(31).unwrap();
            let of = day.day(terms.short_year).unwrap();
            if day.next_on <= today {
                let found = due(of, day.next_on, day.celebrated_year, today, terms.max_lateness_days).unwrap();
                for anniversary in found.now {
                    celebrated.push(anniversary.on);
                    (day.celebrated_on, day.celebrated_year) = (Some(anniversary.on), Some(anniversary.year));
                }
                day.next_on = found.next.on;
            }
        }
        let years: BTreeSet<i32> = celebrated.iter().map(|on| on.year()).collect();
        // A Jalali year begins in March, so that two of its days may lie in one Gregorian year, but never three.
        let allowed = if switching { years.len() * 2 } else { years.len() };
        assert!(celebrated.len() <= allowed, "{celebrated:?}");
        assert!(!celebrated.is_empty() || switching, "it was never celebrated");
    }
}

proptest! {
    /// A clock that walks at random, back and forth, with a job that runs at any of its instants: no year is celebrated
    /// twice, and none is lost that the job could have seen.
    #[test]
    fn a_walking_clock_celebrates_every_year_once(
        born in date("1900-01-01").days()..date("2090-12-31").days(),
        calendar in 0_usize..4,
        short_year in 0_usize..2,
        zone in 0_usize..38,
        steps in prop::collection::vec(-20_i64..40, 1..120),
    ) {
        let zone = BusinessDay::new(Zone::new(ZONES[zone]).unwrap(), TimeOfDay::MIDNIGHT);
        let born = CivilDate::from_days(born).unwrap();
        let day = Day { date: born, calendar: Calendar::ALL[calendar], short_year: ShortYear::ALL[short_year] };
        let begin = zone.start(born.add_days(1).unwrap());
        let mut member = Member::told(day, zone.date_of(begin));
        let (mut now, mut furthest) = (begin, begin);
        for step in steps {
            now = now.checked_add_micros(step * 43_200_000_000).unwrap().max(begin);
            furthest = furthest.max(now);
            member.run(zone.date_of(now), 20);
        }
        let years = member.years();
        let distinct: BTreeSet<_> = years.iter().copied().collect();
        prop_assert_eq!(distinct.len(), years.len(), "twice");
        // The longest pause is 20 days, which is how late something may be: so none is lost.
        let mut expected = Vec::new();
        let mut next = day.next(zone.date_of(begin), None).unwrap();
        while next.on <= zone.date_of(furthest) {
            expected.push(next);
            next = day.next(next.on, Some(next.year)).unwrap();
        }
        prop_assert_eq!(member.celebrated, expected);
    }
}
