//! Days that come back.

use crm_core::conformance::{Factory, race};
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::kernel::calendar::{Calendar, Span};
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::anniversaries::{AnniversaryGift, BIRTH, Celebration};
use crm_core::loyalty::programme::{Programme, Validity};
use crm_core::pricing::Audience;

use super::floor::{DAY, Floor, POINTS, everything, limit, rule};
use crate::WorkLoyalty;
use crate::anniversaries::Celebrated;

fn gifts(programme: &mut Programme) {
    let gift = |kind: &str, amount| AnniversaryGift {
        kind: kind.into(),
        audience: Audience::default(),
        asset: POINTS,
        amount,
        validity: Validity::For(Span::Days(30)),
    };
    programme.anniversaries.gifts = vec![gift(BIRTH, 100), gift("wedding", 200)];
}

fn born(floor: &Floor, name: &str, date: &str) -> CustomerId {
    let birth_date: Option<CivilDate> = Some(date.parse().unwrap());
    floor.register(NewCustomer { birth_date, ..NewCustomer::person(name) }).unwrap().id
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn celebrate(floor: &Floor) -> usize {
    let mut sum = 0;
    loop {
        let Celebrated { celebrated, more, .. } = floor.bench.run(|work| work.loyalty().celebrate(limit(2))).unwrap();
        sum += celebrated;
        if !more {
            return sum;
        }
    }
}

/// S-39, N-20: each year once, on its day in the zone of the programme, late too, twice, and with a clock that goes back.
pub fn are_celebrated_once_a_year(factory: Factory<'_>) {
    let floor = Floor::new(factory, gifts);
    let members =
        [born(&floor, "Ala", "1990-03-22"), born(&floor, "Ola", "1990-03-25"), born(&floor, "Ela", "1992-02-29")];
    assert_eq!(celebrate(&floor), 0);
    // 23:00 UTC is midnight in Warsaw.
    floor.bench.clock.set(at("2025-03-21T22:59:59Z"));
    assert_eq!(celebrate(&floor), 0);
    floor.bench.clock.set(at("2025-03-21T23:00:00Z"));
    assert_eq!(celebrate(&floor), 1);
    floor.bench.clock.set(at("2025-03-21T09:00:00Z"));
    assert_eq!(celebrate(&floor), 0, "the clock went back");
    // Nobody ran it for days.
    floor.bench.clock.set(at("2025-03-30T12:00:00Z"));
    assert_eq!(celebrate(&floor), 1);
    assert_eq!(floor.available(members[0], POINTS), 100);
    floor.bench.clock.set(at("2026-02-28T12:00:00Z"));
    assert_eq!(celebrate(&floor), 1, "29 February falls on the 28th");
    // Three weeks late is too late, as the programme says.
    floor.bench.clock.set(at("2026-04-15T12:00:00Z"));
    assert_eq!(celebrate(&floor), 0);
    let done: Vec<Celebration> = floor.bench.read(|work| work.select(everything()).all()).unwrap();
    assert_eq!(done.len(), 3);
    assert_eq!(floor.notices().len(), 3);
    floor.bench.verify();
}

/// A wedding in the Jalali calendar; a date that is changed gives nothing for the year that was celebrated.
pub fn count_in_their_own_calendar(factory: Factory<'_>) {
    let floor = Floor::new(factory, gifts);
    let ala = floor.member("Ala");
    let tell = |date: Option<CivilDate>, calendar| {
        floor.bench.run(move |work| work.loyalty().tell_day(ala, "wedding", date, calendar))
    };
    let nowruz = Calendar::Jalali.date(1399, 12, 30).unwrap();
    tell(Some(nowruz), Calendar::Jalali).unwrap();
    floor.bench.clock.set(at("2026-03-20T12:00:00Z"));
    assert_eq!(celebrate(&floor), 1, "29 Esfand 1404");
    assert_eq!(floor.available(ala, POINTS), 200);
    // The same year again, by another date and by another calendar.
    tell(Some(Calendar::Gregorian.date(2000, 5, 30).unwrap()), Calendar::Gregorian).unwrap();
    floor.bench.clock.set(at("2026-05-30T12:00:00Z"));
    assert_eq!(celebrate(&floor), 0, "2026 was celebrated");
    tell(None, Calendar::Gregorian).unwrap();
    tell(Some(Calendar::Gregorian.date(2000, 7, 30).unwrap()), Calendar::Gregorian).unwrap();
    floor.bench.clock.set(at("2026-07-30T12:00:00Z"));
    assert_eq!(celebrate(&floor), 0, "taken away and told anew");
    floor.bench.clock.set(at("2027-07-30T12:00:00Z"));
    assert_eq!(celebrate(&floor), 1);
    let days = floor.bench.read(move |work| work.loyalty().days_of(ala)).unwrap();
    assert_eq!(days.len(), 1);
    let other = Some(Calendar::Gregorian.date(1990, 1, 1).unwrap());
    let refused = floor.bench.run(move |work| work.loyalty().tell_day(ala, BIRTH, other, Calendar::Jalali));
    assert_eq!(rule(refused), "day.birth", "the customer's record says when somebody was born");
    floor.bench.verify();
}

/// A birthday follows the customer's record, and rests for a while after a change.
pub fn follow_the_record(factory: Factory<'_>) {
    let floor = Floor::new(factory, gifts);
    let ala = born(&floor, "Ala", "1990-06-01");
    let change = |date: &str| {
        let date: CivilDate = date.parse().unwrap();
        floor
            .bench
            .run(move |work| {
                let mut customer = work.customers().get(ala)?;
                customer.birth_date = Some(date);
                work.customers().update(&mut customer)
            })
            .unwrap();
    };
    change("1990-03-25");
    floor.bench.clock.set(at("2025-03-26T12:00:00Z"));
    assert_eq!(celebrate(&floor), 0, "it was changed four days before");
    change("1990-04-27");
    floor.bench.clock.set(at("2025-04-28T12:00:00Z"));
    assert_eq!(celebrate(&floor), 1, "a month before is long enough");
    for month in 5..=12 {
        floor.bench.clock.advance(DAY * 2);
        change(&format!("1990-{month:02}-28"));
        floor.bench.clock.set(at(&format!("2025-{month:02}-28T12:00:00Z")));
        assert_eq!(celebrate(&floor), 0, "row 14: one birthday a year");
    }
    floor.bench.verify();
}

/// Many who run it at once celebrate each day once.
pub fn race_to_one_celebration(factory: Factory<'_>) {
    let floor = Floor::new(factory, gifts);
    let members: Vec<_> = (0..6).map(|at| born(&floor, &format!("Member {at}"), "1990-03-22")).collect();
    floor.bench.clock.set(at("2025-03-22T12:00:00Z"));
    let rounds = race(4, 4, |_| floor.bench.run(|work| work.loyalty().celebrate(limit(3))));
    assert!(rounds.iter().all(|round| round.lost.is_empty()), "{rounds:?}");
    let sum: usize = rounds.iter().flat_map(|round| &round.won).map(|done| done.celebrated).sum();
    assert_eq!(sum, 6);
    assert!(members.iter().all(|member| floor.available(*member, POINTS) == 100));
    floor.bench.verify();
}
