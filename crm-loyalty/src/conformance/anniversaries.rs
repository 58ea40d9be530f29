//! Days that come back.

use crm_core::conformance::{Factory, race};
use crm_core::customers::{CustomerId, Merge, MergedField, NewCustomer};
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

fn merge(floor: &Floor, survivor: CustomerId, loser: CustomerId, take: &[MergedField], key: &'static str) {
    let merge = Merge { survivor, loser, take: take.to_vec(), reason: "one".into() };
    floor.bench.run(move |work| work.customers().merge(&merge, key)).unwrap();
}

fn unmerge(floor: &Floor, loser: CustomerId, key: &'static str) {
    floor.bench.run(move |work| work.customers().unmerge(loser, "two", key)).unwrap();
}

fn wedding(floor: &Floor, customer: CustomerId, date: &str) {
    let date: Option<CivilDate> = Some(date.parse().unwrap());
    floor.bench.run(move |work| work.loyalty().tell_day(customer, "wedding", date, Calendar::Gregorian)).unwrap();
}

/// The days that are known of a customer, by kind.
fn known(floor: &Floor, customer: CustomerId) -> Vec<(String, String)> {
    let days = floor.bench.read(move |work| work.loyalty().days_of(customer)).unwrap();
    days.into_iter().filter_map(|day| Some((day.kind, day.date?.to_string()))).collect()
}

fn pairs(days: &[(&str, &str)]) -> Vec<(String, String)> {
    days.iter().map(|(kind, date)| ((*kind).to_owned(), (*date).to_owned())).collect()
}

/// S-39, S-44: days that only one of two records knows go along when they become one, and are celebrated there alone; when
/// they are two again each has theirs, and no year comes twice.
pub fn go_along_with_a_merge(factory: Factory<'_>) {
    let floor = Floor::new(factory, gifts);
    let (ala, ola) = (floor.member("Ala"), born(&floor, "Ola", "1990-04-10"));
    wedding(&floor, ola, "2015-04-20");
    let both = pairs(&[(BIRTH, "1990-04-10"), ("wedding", "2015-04-20")]);
    merge(&floor, ala, ola, &[], "m");
    assert_eq!(known(&floor, ala), both);
    assert_eq!(known(&floor, ola), both, "the old id means the survivor");
    for year in [2025, 2026] {
        floor.bench.clock.set(at(&format!("{year}-04-10T12:00:00Z")));
        assert_eq!(celebrate(&floor), 1);
        floor.bench.clock.set(at(&format!("{year}-04-20T12:00:00Z")));
        assert_eq!(celebrate(&floor), 1);
        assert_eq!(floor.available(ala, POINTS), 300);
        let notices = floor.notices();
        assert_eq!(notices.len(), if year == 2025 { 2 } else { 4 }, "{notices:?}");
        assert!(notices.iter().all(|notice| notice["customer"] == ala.to_string()));
    }
    let done: Vec<Celebration> = floor.bench.read(|work| work.select(everything()).all()).unwrap();
    assert!(done.len() == 4 && done.iter().all(|done| done.customer_id == ala && done.lot_id.is_some()));

    // On the day of the wedding they are two again, and it was celebrated.
    unmerge(&floor, ola, "u");
    assert_eq!((known(&floor, ala), known(&floor, ola)), (pairs(&[]), both.clone()));
    assert_eq!(celebrate(&floor), 0);
    floor.bench.clock.set(at("2027-04-20T12:00:00Z"));
    assert_eq!(celebrate(&floor), 2);
    assert_eq!([ala, ola].map(|member| floor.available(member, POINTS)), [0, 300]);

    // One again; what is told anew stays with whom it was told of.
    merge(&floor, ala, ola, &[], "again");
    wedding(&floor, ola, "2016-08-01");
    unmerge(&floor, ola, "again");
    assert_eq!((known(&floor, ala), known(&floor, ola)), (pairs(&[("wedding", "2016-08-01")]), both));
    floor.bench.clock.set(at("2028-04-20T12:00:00Z"));
    assert_eq!(celebrate(&floor), 2, "of Ola alone");
    floor.bench.verify();
}

/// S-39, S-44: whoever was two is celebrated once a year, by what the record says; what was celebrated of either counts as
/// long as they are one.
pub fn come_once_a_year_to_who_was_two(factory: Factory<'_>) {
    let floor = Floor::new(factory, gifts);
    let (ala, ola) = (born(&floor, "Ala", "1990-06-01"), born(&floor, "Ola", "1991-03-25"));
    let on = |day: &str| {
        floor.bench.clock.set(at(&format!("{day}T12:00:00Z")));
        celebrate(&floor)
    };
    assert_eq!(on("2025-03-25"), 1);
    merge(&floor, ala, ola, &[], "m");
    assert_eq!(known(&floor, ala), pairs(&[(BIRTH, "1990-06-01")]));
    unmerge(&floor, ola, "u");
    assert_eq!(on("2025-06-01"), 1, "what was celebrated of Ola is hers again");
    assert_eq!(on("2026-03-25"), 1);
    merge(&floor, ala, ola, &[], "again");
    assert_eq!(on("2026-06-01"), 0, "2026 was celebrated");
    assert_eq!(on("2027-03-25"), 0, "the other record celebrates nothing");
    assert_eq!(on("2027-06-01"), 1);
    unmerge(&floor, ola, "again");
    // The loser's date is taken: it is the record's, until they are two again.
    merge(&floor, ala, ola, &[MergedField::BirthDate], "take");
    assert_eq!(known(&floor, ala), pairs(&[(BIRTH, "1991-03-25")]));
    assert_eq!((on("2028-03-25"), floor.available(ala, POINTS)), (1, 100));
    unmerge(&floor, ola, "take");
    assert_eq!(known(&floor, ala), pairs(&[(BIRTH, "1990-06-01")]));
    assert_eq!(known(&floor, ola), pairs(&[(BIRTH, "1991-03-25")]));
    floor.bench.verify();
}

/// S-44: of several records that lead to one the first that knows a day brings it along; when that one stands for itself
/// again the next does.
pub fn come_from_one_of_several_records(factory: Factory<'_>) {
    let floor = Floor::new(factory, gifts);
    let [ala, ola, ela] = ["Ala", "Ola", "Ela"].map(|name| floor.member(name));
    wedding(&floor, ola, "2015-04-20");
    wedding(&floor, ela, "2015-05-20");
    merge(&floor, ala, ola, &[], "m");
    merge(&floor, ala, ela, &[], "n");
    let run = |year: i32| {
        let mut celebrated = Vec::new();
        for month in 1..=12 {
            floor.bench.clock.set(at(&format!("{year}-{month:02}-28T12:00:00Z")));
            celebrated.extend((0..celebrate(&floor)).map(|_| month));
        }
        celebrated
    };
    assert_eq!(run(2026), [4]);
    unmerge(&floor, ola, "u");
    assert_eq!(run(2027), [4, 5]);
    assert_eq!(known(&floor, ala), pairs(&[("wedding", "2015-05-20")]));
    // By way of another.
    merge(&floor, ola, ala, &[], "o");
    assert_eq!(run(2028), [4]);
    unmerge(&floor, ala, "v");
    unmerge(&floor, ela, "w");
    assert_eq!(run(2029), [4, 5]);
    assert_eq!([ala, ola, ela].map(|one| known(&floor, one).len()), [0, 1, 1]);
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
