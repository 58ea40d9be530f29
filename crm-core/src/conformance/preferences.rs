//! What customers like.

use super::bench::{Bench, Factory, at};
use super::race::race;
use crate::access::{Actor, Principal, Region};
use crate::customers::{CustomerId, Merge, NewCustomer};
use crate::journal::JournalEntry;
use crate::kernel::page::Limit;
use crate::preferences::{self, NewPreference, Preference, PreferenceSource, Resolved};
use crate::work::Filter;
use crate::{Error, ErrorKind, Result};

use PreferenceSource::{Derived, Imported, Stated};

fn set(bench: &Bench, who: CustomerId, source: PreferenceSource, key: &str, value: &str) -> bool {
    let new = NewPreference::of(source, key, value);
    bench.run(move |work| work.preferences().set(who, &new)).unwrap()
}

fn of(bench: &Bench, who: CustomerId) -> Vec<Resolved> {
    bench.read(move |work| work.preferences().of(who)).unwrap()
}

/// What counts, and how much else is known, by key.
fn counting(bench: &Bench, who: CustomerId) -> Vec<(String, String, usize)> {
    let known = of(bench, who).into_iter();
    known.map(|known| (known.key, known.counts.value, known.others.len())).collect()
}

/// All pages of those of whom this counts, with pages of this size.
fn with(bench: &Bench, key: &'static str, value: &'static str, rows: u32) -> Vec<CustomerId> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let from = after.clone();
        let limit = Limit::new(rows).unwrap();
        let page = bench.read(move |work| work.preferences().with(key, value, limit, from.as_ref())).unwrap();
        found.extend(page.items.into_iter().map(|customer| customer.id));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

/// What was said goes before what came from elsewhere, and that before what was derived; each is kept, what is older than
/// what the same source says changes nothing, and the journal tells only of changes, without the value.
pub fn are_kept_by_source(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let who = bench.customer(NewCustomer::person("Ala")).id;
    assert!(set(&bench, who, Derived, "tea", "black") && set(&bench, who, Imported, "tea", "white"));
    assert!(set(&bench, who, Stated, "tea", " green ") && set(&bench, who, Derived, "diet", "vegan"));
    let known = of(&bench, who);
    let tea = &known[1];
    assert_eq!((tea.key.as_str(), tea.counts.source, tea.counts.value.as_str()), ("tea", Stated, "green"));
    let others: Vec<_> = tea.others.iter().map(|held| (held.source, held.value.as_str())).collect();
    assert_eq!(others, [(Imported, "white"), (Derived, "black")]);
    assert_eq!(tea.counts.at, at("2025-03-21T09:00:00Z"));

    let told = || bench.read(|work| work.count(Filter::<JournalEntry>::all())).unwrap();
    let before = told();
    let older =
        NewPreference { at: Some(at("2025-03-20T09:00:00Z")), ..NewPreference::of(Stated, "tea", "none at all") };
    assert!(!bench.run(move |work| work.preferences().set(who, &older)).unwrap());
    assert!(set(&bench, who, Stated, "tea", "green"), "the same again");
    assert_eq!((of(&bench, who), told()), (known, before));
    bench.run(move |work| work.preferences().forget(who, "tea", Stated)).unwrap();
    bench.run(move |work| work.preferences().forget(who, "tea", Stated)).unwrap();
    assert_eq!(counting(&bench, who), [("diet".into(), "vegan".into(), 0), ("tea".into(), "white".into(), 1)]);
    assert_eq!(told(), before + 1);
    let entries = bench.read(|work| work.select(Filter::<JournalEntry>::all()).all()).unwrap();
    assert!(!entries.iter().any(|entry| entry.payload.0.to_string().contains("green")), "values are personal");

    // Many at once are one after the other, the first one too.
    let rounds = race(8, 2, |turn| -> Result<()> {
        let new = NewPreference::of(Stated, format!("round {}", turn.round).replace(' ', "."), turn.worker.to_string());
        bench.run(move |work| work.preferences().set(who, &new)).map(drop)
    });
    assert!(rounds.iter().all(|round| round.lost.is_empty()), "{rounds:?}");
    assert_eq!(of(&bench, who).len(), 4);
    bench.verify();
}

/// Customers are found by what counts, each once, however long the pages are; who is out of reach is not there.
pub fn find_customers(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (here, there) = (bench.branch("here").id, bench.branch("there").id);
    let mut wanted = Vec::new();
    for n in 0..27 {
        let branch = Some(if n % 2 == 0 { here } else { there });
        let who = bench.customer(NewCustomer { branch, ..NewCustomer::person("Ala") }).id;
        // In base three: nothing, green, or black, by source.
        let says = [(Stated, n % 3), (Imported, n / 3 % 3), (Derived, n / 9)];
        for (source, tea) in says.into_iter().filter(|(_, tea)| *tea > 0) {
            set(&bench, who, source, "tea", ["", "green", "black"][tea]);
            set(&bench, who, source, "coffee", "green");
        }
        if says.into_iter().find(|(_, tea)| *tea > 0).is_some_and(|(_, tea)| tea == 1) {
            wanted.push((who, branch == Some(here)));
        }
    }
    let all: Vec<_> = wanted.iter().map(|(who, _)| *who).collect();
    assert_eq!(all.len(), 13);
    for rows in [1, 2, 5, 1000] {
        assert_eq!(with(&bench, "tea", "green", rows), all, "{rows}");
    }
    assert_eq!(with(&bench, "tea", "Green", 10), []);
    let clerk = Actor::new(Principal::User(uuid::Uuid::nil().into()))
        .granted(preferences::READ, Region::branches([here]))
        .granted(preferences::WRITE, Region::branches([here]));
    let seen =
        bench.run_as(&clerk, |work| work.preferences().with("tea", "green", Limit::default(), None)).unwrap().items;
    let near: Vec<_> = wanted.iter().filter(|(_, here)| *here).map(|(who, _)| *who).collect();
    assert_eq!(seen.into_iter().map(|customer| customer.id).collect::<Vec<_>>(), near);
    let far = wanted.iter().find(|(_, here)| !here).unwrap().0;
    let refused = bench.run_as(&clerk, move |work| work.preferences().of(far));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    let refused = bench.run_as(&clerk, move |work| work.preferences().forget(far, "tea", Stated));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
}

/// The survivor gets what it lacks, the old record stands for it, and all of it is taken back but what was set since.
pub fn are_joined_and_taken_back(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let [one, other] = ["Anna", "Ania"].map(|name| bench.customer(NewCustomer::person(name)).id);
    set(&bench, one, Stated, "tea", "green");
    set(&bench, one, Derived, "diet", "vegan");
    for (source, key, value) in [(Stated, "tea", "black"), (Derived, "tea", "white"), (Stated, "diet", "meat")] {
        set(&bench, other, source, key, value);
    }
    for key in ["hat", "shoe"] {
        set(&bench, other, Imported, key, "42");
    }
    let rows = || bench.read(|work| work.select(Filter::<Preference>::all()).all()).unwrap();
    let before = rows();
    let merge = Merge { survivor: one, loser: other, take: Vec::new(), reason: "the same person".into() };
    bench.run(move |work| work.customers().merge(&merge, "merge")).unwrap();
    let line = |key: &str, value: &str, others| (key.to_owned(), value.to_owned(), others);
    let joined = [line("diet", "meat", 1), line("hat", "42", 0), line("shoe", "42", 0), line("tea", "green", 1)];
    assert_eq!(counting(&bench, one), joined);
    assert_eq!(of(&bench, other), of(&bench, one), "the old record stands for it");
    assert_eq!(with(&bench, "hat", "42", 10), [one], "and is not found itself");
    assert_eq!(with(&bench, "tea", "black", 10), []);
    bench.clock.advance(std::time::Duration::from_secs(1));
    set(&bench, other, Imported, "shoe", "43");
    assert_eq!(counting(&bench, one)[2], line("shoe", "43", 0));
    bench.verify();

    bench.run(move |work| work.customers().unmerge(other, "two people", "unmerge")).unwrap();
    assert_eq!(counting(&bench, one), [line("diet", "vegan", 0), line("shoe", "43", 0), line("tea", "green", 0)]);
    let mut after = rows();
    after.retain(|known| (known.customer_id, known.key.as_str()) != (one, "shoe"));
    assert!(after == before, "{after:?}");
    bench.verify();
}

/// Keys are plain, values are there, and nobody has said anything in the future.
pub fn refuse_nonsense(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let who = bench.customer(NewCustomer::person("Ala")).id;
    let refused = |new: NewPreference| match bench.run(move |work| work.preferences().set(who, &new)) {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(NewPreference::of(Stated, "Tea", "green")), "preference.key");
    assert_eq!(refused(NewPreference::of(Stated, "", "green")), "preference.key");
    assert_eq!(refused(NewPreference::of(Stated, "tea", " ")), "text.required");
    assert_eq!(refused(NewPreference::of(Stated, "tea", "x".repeat(201))), "text.too_long");
    let later = NewPreference { at: Some(at("2025-03-21T09:00:01Z")), ..NewPreference::of(Stated, "tea", "green") };
    assert_eq!(refused(later), "preference.future");
    let asked = bench.read(|work| work.preferences().with("Tea", "green", Limit::default(), None));
    assert!(matches!(asked, Err(Error::Invalid { rule: "preference.key", .. })));
    let nobody = bench.read(|work| work.preferences().of(uuid::Uuid::max().into()));
    assert_eq!(nobody.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(bench.read(|work| work.count(Filter::<Preference>::all())).unwrap(), 0);
    bench.verify();
}
