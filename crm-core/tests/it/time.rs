//! Zones and business days where clocks change (T-17), and the limits of the range.

use std::time::Duration;

use crm_core::kernel::time::{BusinessDay, CivilDate, TimeOfDay, Timestamp, Zone};
use proptest::prelude::*;

fn zone(name: &str) -> Zone {
    Zone::new(name).unwrap()
}

fn date(text: &str) -> CivilDate {
    text.parse().unwrap()
}

fn time(text: &str) -> TimeOfDay {
    text.parse().unwrap()
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn just_before(time: Timestamp) -> Timestamp {
    time.checked_add_micros(-1).unwrap()
}

#[test]
fn a_day_whose_midnight_was_jumped_over_starts_after_the_jump() {
    let nights = [
        ("Asia/Tehran", "2022-03-22", "2022-03-22T01:00:00+04:30"),
        ("Asia/Tehran", "2021-03-22", "2021-03-22T01:00:00+04:30"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"),
        ("Asia/Beirut", "2022-03-27", "2022-03-27T01:00:00+03:00"),
        ("Asia/Amman", "2021-03-26", "2021-03-26T01:00:00+03:00"),
        ("America/Havana", "2024-03-10", "2024-03-10T01:00:00-04:00"),
    ];
    for (name, day, start) in nights {
        let (zone, day, start) = (zone(name), date(day), instant(start));
        assert_eq!(zone.start_of_day(day), start, "{name}");
        assert_eq!(zone.at(day, time("00:30")), start, "{name}: every jumped time is the end of the jump");
        assert_eq!(zone.local(start), (day, time("01:00")), "{name}");
        assert_eq!(zone.date_of(just_before(start)), day.add_days(-1).unwrap(), "{name}");
    }
}

#[test]
fn days_without_a_jump_start_at_midnight() {
    let nights = [
        ("Asia/Tehran", "2025-03-21", "2025-03-21T00:00:00+03:30"),
        ("Asia/Tehran", "2021-09-22", "2021-09-22T00:00:00+03:30"), // the hour before came twice
        ("Europe/Warsaw", "2024-03-31", "2024-03-31T00:00:00+01:00"),
        ("Europe/Warsaw", "2024-04-01", "2024-04-01T00:00:00+02:00"),
        ("Europe/Warsaw", "2055-07-01", "2055-07-01T00:00:00+02:00"), // by the rule, past the written transitions
        ("Asia/Jerusalem", "2024-06-01", "2024-06-01T00:00:00+03:00"),
        ("UTC", "1969-12-31", "1969-12-31T00:00:00Z"),
    ];
    for (name, day, start) in nights {
        assert_eq!(zone(name).start_of_day(date(day)), instant(start), "{name} {day}");
    }
}

#[test]
fn of_a_time_that_comes_twice_the_earlier_is_meant() {
    let warsaw = zone("Europe/Warsaw");
    assert_eq!(warsaw.at(date("2024-10-27"), time("02:30")), instant("2024-10-27T02:30:00+02:00"));
    assert_eq!(warsaw.local(instant("2024-10-27T02:30:00+01:00")), (date("2024-10-27"), time("02:30")));
    // Midnight itself came twice.
    assert_eq!(zone("America/Havana").start_of_day(date("2024-11-03")), instant("2024-11-03T00:00:00-04:00"));
    assert_eq!(warsaw.at(date("2024-03-31"), time("02:30")), instant("2024-03-31T03:00:00+02:00"));
}

#[test]
fn a_day_that_a_country_left_out_is_empty() {
    let samoa = zone("Pacific/Apia");
    let (left_out, next) = (date("2011-12-30"), date("2011-12-31"));
    assert_eq!(samoa.start_of_day(left_out), samoa.start_of_day(next));
    assert_eq!(samoa.start_of_day(next), instant("2011-12-31T00:00:00+14:00"));
    assert_eq!(samoa.date_of(just_before(samoa.start_of_day(next))), date("2011-12-29"));
}

#[test]
fn before_the_cutoff_it_is_still_the_day_before() {
    let day = BusinessDay::new(zone("Asia/Tehran"), time("04:00"));
    let nowruz = date("2025-03-21");
    assert_eq!(day.date_of(instant("2025-03-21T03:59:59.999999+03:30")), date("2025-03-20"));
    assert_eq!(day.date_of(instant("2025-03-21T04:00:00+03:30")), nowruz);
    assert_eq!(day.start(nowruz), instant("2025-03-21T04:00:00+03:30"));
    assert_eq!(day.end(nowruz), instant("2025-03-22T04:00:00+03:30"));
}

#[test]
fn the_cutoff_holds_when_the_clocks_change() {
    let warsaw = |cutoff| BusinessDay::new(zone("Europe/Warsaw"), time(cutoff));
    let hours = |day: &BusinessDay, on| day.end(date(on)).micros_since(day.start(date(on))) / 3_600_000_000;
    assert_eq!(hours(&warsaw("04:00"), "2024-03-30"), 23);
    assert_eq!(hours(&warsaw("04:00"), "2024-10-26"), 25);
    assert_eq!(hours(&warsaw("04:00"), "2024-10-27"), 24);

    // The cut-off itself was jumped over: the day begins at the jump.
    let jumped = warsaw("02:30");
    assert_eq!(jumped.start(date("2024-03-31")), instant("2024-03-31T03:00:00+02:00"));
    assert_eq!(jumped.date_of(instant("2024-03-31T01:59:59+01:00")), date("2024-03-30"));
    // The cut-off came twice: the first begins the day, and the clock going back does not end it again.
    let twice = warsaw("02:30");
    assert_eq!(twice.start(date("2024-10-27")), instant("2024-10-27T02:30:00+02:00"));
    assert_eq!(twice.date_of(instant("2024-10-27T02:10:00+01:00")), date("2024-10-27"));
}

#[test]
fn names_of_zones() {
    assert_eq!(zone("asia/tehran"), zone("Asia/Tehran"));
    assert_eq!(zone("asia/tehran").name(), "Asia/Tehran");
    assert_eq!(zone("UTC"), Zone::UTC);
    assert_ne!(zone("Europe/Warsaw"), zone("Europe/Berlin"));
    for name in
        ["", "Asia/Atlantis", "Etc/Unknown", "localtime", "posixrules", "../../etc/passwd", "+03:30", "IRST-3:30"]
    {
        assert!(Zone::new(name).is_err(), "{name}");
    }
    let json = serde_json::to_string(&BusinessDay::new(zone("Asia/Tehran"), time("04:00"))).unwrap();
    assert_eq!(json, r#"{"zone":"Asia/Tehran","cutoff":"04:00"}"#);
    assert_eq!(serde_json::from_str::<BusinessDay>(&json).unwrap().zone.name(), "Asia/Tehran");
    assert!(serde_json::from_str::<Zone>("\"Asia/Atlantis\"").is_err());
}

#[test]
fn the_ends_of_the_range_are_kept() {
    for name in ["UTC", "Asia/Tehran", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        let day = BusinessDay::new(zone(name), time("04:00"));
        assert_eq!(day.end(CivilDate::MAX), Timestamp::MAX, "{name}");
        assert!(day.start(CivilDate::MAX) <= Timestamp::MAX);
        assert!(day.zone.start_of_day(CivilDate::MIN) >= Timestamp::MIN);
        assert_eq!(day.zone.date_of(Timestamp::MIN), CivilDate::MIN, "{name}");
        assert_eq!(day.zone.date_of(Timestamp::MAX), CivilDate::MAX, "{name}");
        day.date_of(Timestamp::MIN);
        day.date_of(Timestamp::MAX);
    }
}

/// Zones with the oddest clocks: half hours, midnight jumps, a minute past midnight, a day left out, a day lived twice.
const ZONES: [&str; 10] = [
    "Asia/Tehran",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Europe/Warsaw",
    "Asia/Jerusalem",
    "America/St_Johns",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Business days leave no hole and do not overlap, in any zone, on any day, with any cut-off.
    #[test]
    fn an_instant_is_within_its_business_day(
        name in prop::sample::select(&ZONES[..]),
        micros in instant("1880-01-01T00:00:00Z").as_micros()..instant("2120-01-01T00:00:00Z").as_micros(),
        cutoff in 0..1440_i64,
    ) {
        let day = BusinessDay::new(zone(name), TimeOfDay::from_micros(cutoff * 60_000_000).unwrap());
        let time = Timestamp::from_micros(micros).unwrap();
        let date = day.date_of(time);
        prop_assert!(day.start(date) <= time && time < day.end(date), "{name} {time} {date}");
    }

    #[test]
    fn the_wall_shows_the_time_asked_for_or_a_later_one(
        name in prop::sample::select(&ZONES[..]),
        days in date("1880-01-01").days()..date("2120-01-01").days(),
        minute in 0..1440_i64,
    ) {
        let zone = zone(name);
        let asked = (CivilDate::from_days(days).unwrap(), TimeOfDay::from_micros(minute * 60_000_000).unwrap());
        let at = zone.at(asked.0, asked.1);
        let shown = zone.local(at);
        prop_assert!(shown >= asked, "{name} {asked:?} {shown:?}");
        if shown > asked {
            // A jump: just before it the wall had not come so far.
            prop_assert!(zone.local(just_before(at)) < asked, "{name} {asked:?} {at}");
        }
    }
}

/// Every half hour around every change of the clocks in twenty years of these zones, with a cut-off near the change.
#[test]
fn business_days_meet_at_every_change_of_the_clocks() {
    for name in ZONES {
        let zone = zone(name);
        for cutoff in ["00:00", "00:30", "01:30", "02:00", "23:30"] {
            let day = BusinessDay::new(zone.clone(), time(cutoff));
            let mut date = date("1995-01-01");
            while date < CivilDate::new(2015, 1, 1).unwrap() {
                let (start, end) = (day.start(date), day.end(date));
                let next = date.add_days(1).unwrap();
                if end.saturating_since(start) != Duration::from_hours(24) && start < end {
                    let mut time = start;
                    while time < end {
                        assert_eq!(day.date_of(time), date, "{name} {cutoff} {time}");
                        time = time.checked_add(Duration::from_mins(30)).unwrap();
                    }
                    assert_eq!(day.date_of(just_before(end)), date, "{name} {cutoff}");
                    assert!(day.date_of(end) >= next, "{name} {cutoff}");
                }
                date = next;
            }
        }
    }
}
