//! Two records of one customer, made one and taken back (C12, T-13).

use std::collections::BTreeMap;

use super::bench::{Bench, Factory};
use super::purchases::{receive, sale};
use super::race::race;
use crate::access::{Actor, Principal, Region};
use crate::customers::{
    Customer, CustomerId, CustomerMerge, Identifiers, MERGE, Merge, MergedField, NewCustomer, Relation, SearchKey,
    WRITE,
};
use crate::journal::JournalQuery;
use crate::kernel::page::Limit;
use crate::partners::Membership;
use crate::purchases::NewPurchase;
use crate::work::{Filter, Version};
use crate::{Error, ErrorKind, Result};

fn merge_of(survivor: CustomerId, loser: CustomerId) -> Merge {
    Merge { survivor, loser, take: Vec::new(), reason: "the same person".into() }
}

fn merge(bench: &Bench, merge: Merge, key: &str) -> Result<Customer> {
    let key = key.to_owned();
    bench.run(move |work| work.customers().merge(&merge, &key))
}

fn unmerge(bench: &Bench, loser: CustomerId, key: &str) -> Result<Customer> {
    let key = key.to_owned();
    bench.run(move |work| work.customers().unmerge(loser, "two people after all", &key))
}

fn search(bench: &Bench, term: &str) -> Vec<CustomerId> {
    let term = term.to_owned();
    let found = bench.read(move |work| work.customers().search(&term, Limit::default())).unwrap();
    found.into_iter().map(|found| found.customer.id).collect()
}

fn broken(result: Result<Customer>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

/// Whatever was known of either leads to the one; what either has done stands in one history; who still names the old
/// record means the one.
pub fn are_one_customer(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branch = bench.branch("merge").id;
    let product = bench.goods("merge", 100);
    receive(&bench, &product, branch, 9);
    let new = |name: &str| NewCustomer { branch: Some(branch), ..NewCustomer::person(name) };
    let one = bench.customer(new("Anna Nowak").with_phone("+48601234567")).id;
    let other = bench.customer(NewCustomer {
        national_id: Some("0499370899".into()),
        ..new("Ania Nowakowa").with_phone("+48501111111").with_card("K7").with_email("ania@example.org")
    });
    let other = other.id;
    let buy = |who, receipt: &'static str| {
        let new = NewPurchase { customer: Some(who), ..sale(branch, receipt, product.id, 1) };
        bench.run(move |work| work.purchases().record(&new, receipt)).unwrap().purchase
    };
    let (first, second) = (buy(one, "1"), buy(other, "2"));
    let wanted = Merge { take: vec![MergedField::Phone], ..merge_of(one, other) };
    let joined = merge(&bench, wanted.clone(), "m").unwrap();
    assert_eq!(merge(&bench, wanted, "m").unwrap(), joined, "done once");
    assert_eq!((joined.id, joined.name.as_str()), (one, "Anna Nowak"));
    assert_eq!(joined.phone.as_ref().map(|phone| phone.as_str().to_owned()).as_deref(), Some("+48501111111"));
    assert_eq!((joined.card_no.as_deref(), joined.national_id.as_deref()), (Some("K7"), Some("0499370899")));
    for term in ["Anna", "nowakowa", "K7", "0499370899", "ania@example.org", "501 111 111", "2"] {
        assert_eq!(search(&bench, term), [one], "{term}");
    }
    let by_mail = Identifiers { email: Some("ania@example.org".into()), ..Identifiers::default() };
    assert_eq!(bench.read(move |work| work.customers().identify(&by_mail)).unwrap().id, one);
    assert_eq!(bench.read(move |work| work.customers().get(other)).unwrap(), joined);
    let all = bench.read(|work| work.customers().page(Filter::all(), Limit::default(), None)).unwrap();
    assert_eq!(all.items, std::slice::from_ref(&joined));
    let earlier = bench.read(move |work| work.customers().merged(one)).unwrap();
    assert_eq!(earlier.iter().map(|record| record.id).collect::<Vec<_>>(), [other]);

    let third = buy(other, "3");
    let bought = bench.read(move |work| work.purchases().of_customer(one, Limit::default(), None)).unwrap();
    assert_eq!(bought.items.iter().map(|purchase| purchase.id).collect::<Vec<_>>(), [third, second, first]);
    assert_eq!(bought.items[0].customer_id, Some(one), "a purchase by the old record is the survivor's");
    let history = JournalQuery { customer: Some(one), ..JournalQuery::default() };
    let history = bench.read(move |work| work.journal().page(&history, Limit::default(), None)).unwrap();
    assert!(history.items.iter().any(|entry| entry.customer_id == Some(other)));
    let mut old = earlier[0].clone();
    old.name = "Somebody".into();
    assert_eq!(
        broken(bench.run(move |work| work.customers().update(&mut old.clone()).map(|()| old.clone()))),
        "customer.merged"
    );
    bench.verify();

    // Somebody corrects the name meanwhile; that stays, and so does what was bought.
    let mut corrected = bench.read(move |work| work.customers().get(one)).unwrap();
    corrected.name = "Anna Nowak-Kot".into();
    bench.run(move |work| work.customers().update(&mut corrected.clone())).unwrap();
    let parted = unmerge(&bench, other, "u").unwrap();
    assert_eq!((parted.card_no.as_deref(), parted.merged_into_id), (Some("K7"), None));
    let one_again = bench.read(move |work| work.customers().get(one)).unwrap();
    assert_eq!((one_again.name.as_str(), one_again.card_no), ("Anna Nowak-Kot", None));
    assert_eq!(search(&bench, "K7"), [other]);
    let bought = bench.read(move |work| work.purchases().of_customer(one, Limit::default(), None)).unwrap();
    assert_eq!(bought.items.iter().map(|purchase| purchase.id).collect::<Vec<_>>(), [third, first]);
    bench.verify();
}

/// What must not be one is refused, and a merge that was merged further is taken back in the right order.
pub fn refuse_what_makes_no_sense(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let new = |name: &str, referrer| NewCustomer { referrer, ..NewCustomer::person(name) };
    let a = bench.customer(new("A", None)).id;
    let b = bench.customer(new("B", Some(a))).id;
    let c = bench.customer(new("C", Some(b))).id;
    let d = bench.customer(new("D", None)).id;
    assert_eq!(broken(merge(&bench, merge_of(a, a), "1")), "merge.itself");
    assert_eq!(broken(merge(&bench, merge_of(a, c), "2")), "merge.referral_circle");
    assert_eq!(broken(merge(&bench, merge_of(c, a), "3")), "merge.referral_circle");
    // Whoever brought themselves has brought nobody.
    assert_eq!(merge(&bench, merge_of(a, b), "4").unwrap().referrer_id, None);
    assert_eq!(broken(merge(&bench, merge_of(d, b), "5")), "merge.merged");
    assert_eq!(broken(merge(&bench, merge_of(a, c), "6")), "merge.referral_circle", "through the merged record too");
    assert_eq!(merge(&bench, merge_of(d, a), "7").unwrap().id, d);
    assert_eq!(bench.read(move |work| work.customers().get(b)).unwrap().id, d, "by way of two");
    assert_eq!(broken(unmerge(&bench, b, "8")), "merge.later");
    unmerge(&bench, a, "9").unwrap();
    unmerge(&bench, b, "10").unwrap();
    assert_eq!(unmerge(&bench, b, "11").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(bench.read(move |work| work.customers().get(b)).unwrap().referrer_id, Some(a));

    let clerk = Actor::new(Principal::User(uuid::Uuid::from_u128(1).into()));
    let clerk = clerk.granted(WRITE, Region::all());
    let refused = bench.run_as(&clerk, move |work| work.customers().merge(&merge_of(a, d), "12"));
    assert!(matches!(refused, Err(Error::Denied { permission }) if permission == MERGE));
    bench.verify();
}

/// Everything that a merge touches, but for versions.
type Rows = (BTreeMap<CustomerId, Customer>, Vec<SearchKey>, Vec<Membership>, Vec<Relation>);

fn rows(bench: &Bench) -> Rows {
    bench
        .read(|work| {
            let mut customers = BTreeMap::new();
            for customer in work.select(Filter::<Customer>::all()).all()? {
                customers.insert(customer.id, Customer { version: Version::FIRST, ..customer });
            }
            assert_eq!(work.count(Filter::<CustomerMerge>::all())?, 0);
            let (keys, members) = (work.select(Filter::all()).all()?, work.select(Filter::all()).all()?);
            Ok((customers, keys, members, work.select(Filter::all()).all()?))
        })
        .unwrap()
}

/// T-13: merged in any shape and taken back in the opposite order, every row is as it was.
pub fn taken_back_are_as_they_were(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let groups = [0, 1, 2].map(|n| bench.run(move |work| work.partners().create_customer_group("g", n)).unwrap().id);
    let ids: Vec<CustomerId> = (0..6_usize)
        .map(|n| {
            let mut new = NewCustomer::person(format!("Name{n} Of")).with_phone(format!("+4860000000{}", n % 3));
            new.card_no = (n % 2 == 0).then(|| format!("C{n}"));
            new.national_id = (n % 3 == 0).then(|| format!("N{n}"));
            let id = bench.customer(new).id;
            let group = groups[n % 3];
            bench.run(move |work| work.partners().join(id, group)).unwrap();
            id
        })
        .collect();
    for (from, to) in [(0, 1), (2, 1), (3, 0), (4, 5)] {
        let (from, to) = (ids[from], ids[to]);
        bench.run(move |work| work.customers().relate(from, "friend", to)).unwrap();
    }
    let before = rows(&bench);
    for seed in 0..12_usize {
        let mut standing: Vec<usize> = (0..ids.len()).collect();
        let mut merged = Vec::new();
        for step in 0..=(seed % 5) {
            let survivor = standing.remove((seed * 7 + step * 3) % standing.len());
            let loser = standing.remove((seed * 5 + step) % standing.len());
            standing.push(survivor);
            let take = MergedField::ALL
                .iter()
                .copied()
                .filter(|field| (*field as usize + seed + step).is_multiple_of(3))
                .collect();
            let wanted = Merge { take, ..merge_of(ids[survivor], ids[loser]) };
            merge(&bench, wanted, &format!("{seed} {step}")).unwrap();
            merged.push(loser);
        }
        bench.verify();
        for loser in merged.into_iter().rev() {
            unmerge(&bench, ids[loser], &format!("{seed} {loser}")).unwrap();
        }
        assert_eq!(rows(&bench), before, "seed {seed}");
    }
    bench.verify();
}

/// Of many who merge the same record into others, or into each other, one wins, and nothing leads in a circle.
pub fn race_for_one_record(factory: Factory<'_>) {
    const WORKERS: usize = 8;
    let bench = Bench::open(factory);
    let ids: Vec<CustomerId> = (0..=WORKERS).map(|n| bench.customer(NewCustomer::person(format!("R{n}"))).id).collect();
    let rounds = race(WORKERS, 3, |turn| match turn.round {
        0 => merge(&bench, merge_of(ids[turn.worker], ids[WORKERS]), &format!("one {}", turn.worker)),
        // A ring: all but one could be merged, and none leads back.
        1 => merge(
            &bench,
            merge_of(ids[turn.worker], ids[(turn.worker + 1) % WORKERS]),
            &format!("ring {}", turn.worker),
        ),
        _ => unmerge(&bench, ids[WORKERS], &turn.worker.to_string()),
    });
    assert_eq!(rounds[0].won.len(), 1);
    assert!((1..WORKERS).contains(&rounds[1].won.len()));
    let is_told = |error: &Error| {
        matches!(error, Error::Invalid { rule: "merge.merged" | "merge.later", .. } | Error::NotFound { .. })
    };
    assert!(rounds.iter().flat_map(|round| &round.lost).all(is_told), "{rounds:?}");
    assert!(rounds[2].won.len() <= 1);
    bench.verify();
}
