//! Customers, and how they are found.

use super::bench::{Bench, Factory};
use super::purchases::{receive, sale};
use crate::access::{Actor, Principal, Region};
use crate::customers::{Customer, CustomerId, Identifiers, NewCustomer, READ, SearchField, Stage, customer};
use crate::journal::JournalQuery;
use crate::kernel::page::Limit;
use crate::kernel::time::CivilDate;
use crate::work::Filter;
use crate::{Error, ErrorKind, Result};

fn search(bench: &Bench, term: &str) -> Vec<(CustomerId, SearchField)> {
    let term = term.to_owned();
    let found = bench.read(move |work| work.customers().search(&term, Limit::default())).unwrap();
    found.into_iter().map(|found| (found.customer.id, found.field)).collect()
}

/// However a name is written, and in whatever order its words come: Polish, Persian, Arabic, Hebrew.
pub fn are_found_in_any_spelling(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let names: [(&str, &[&str]); 7] = [
        ("Łukasz Żółć-Gęślik", &["łukasz", "LUKASZ", "zolc lukasz", "Gesl", "gęślik ŁUKASZ", "luk zol"]),
        ("علي كريمي", &["علی کریمی", "کریمی علی", "كريمي", "علي", "کر عل"]),
        ("فاطمه رضایی‌نژاد", &["فاطمة", "رضايي نژاد", "رضاییﻧﮋاد", "رضایی"]),
        ("אַבְרָהָם כֹּהֵן", &["אברהם", "כהן אברהמ", "כהנ", "אבר כה"]),
        ("Seán O’Brien", &["o'brien", "OBRIEN SEAN", "sean ob"]),
        ("Straße GmbH", &["strasse", "STRASSE gmbh", "straß"]),
        ("Ewa", &["ewa", "EW"]),
    ];
    let ids: Vec<CustomerId> = names.iter().map(|(name, _)| bench.customer(NewCustomer::person(*name)).id).collect();
    for (id, (name, spellings)) in ids.into_iter().zip(names) {
        for spelling in spellings {
            // Half a space may be a space: what is written together is found together.
            if *spelling == "رضايي نژاد" {
                assert!(search(&bench, spelling).is_empty());
            } else {
                assert_eq!(search(&bench, spelling), [(id, SearchField::Name)], "{spelling} for {name}");
            }
        }
    }
    for nobody in ["lukaszz", "kowalski", "علی نژاد", "zolc ewa", "!!!", "%", "_"] {
        assert!(search(&bench, nobody).is_empty(), "{nobody}");
    }
}

/// One box takes a card, a national id, a receipt, an e-mail address, and the end of a phone, and says which it was.
pub fn are_found_by_everything_known(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let known = bench.customer(NewCustomer {
        national_id: Some("0499370899".into()),
        ..NewCustomer::person("Maryam Ahmadi")
            .with_phone("+98 912 345 6789")
            .with_email("Maryam@Example.org")
            .with_card("ab-12 34")
    });
    let mother = bench.customer(NewCustomer::person("Zahra").with_phone("+98 912 345 6789"));
    let branch = bench.branch("search");
    let product = bench.goods("search", 100);
    receive(&bench, &product, branch.id, 9);
    // The same number on the receipts of two branches.
    let other = bench.branch("other");
    receive(&bench, &product, other.id, 9);
    for (branch, key) in [(branch.id, "1"), (other.id, "2")] {
        let mut new = sale(branch, "۱۴۰۴/77", product.id, 1);
        new.customer = Some(known.id);
        bench.run(move |work| work.purchases().record(&new, key)).unwrap();
    }
    for (term, field) in [
        ("AB1234", SearchField::Card),
        ("ab 12-۳۴", SearchField::Card),
        ("0499370899", SearchField::NationalId),
        ("۰۴۹۹۳۷۰۸۹۹", SearchField::NationalId),
        ("1404/77", SearchField::Receipt),
        (" ۱۴۰۴/۷۷ ", SearchField::Receipt),
        ("maryam@example.ORG", SearchField::Email),
        ("ahmadi mar", SearchField::Name),
    ] {
        assert_eq!(search(&bench, term), [(known.id, field)], "{term}");
    }
    for term in ["+98 912 345 6789", "00989123456789", "09123456789", "912 345 67 89", "6789", "۶۷۸۹", "345-6789"] {
        let mut found = search(&bench, term);
        found.sort_unstable();
        let mut both = vec![(known.id, SearchField::Phone), (mother.id, SearchField::Phone)];
        both.sort_unstable();
        assert_eq!(found, both, "{term}");
    }
    for nobody in ["789", "9876", "AB123", "1404/7", "example.org", "049937089"] {
        assert!(search(&bench, nobody).is_empty(), "{nobody}");
    }
    for refused in ["", "  ", &"x".repeat(201)] {
        let refused = refused.to_owned();
        let error = bench.read(move |work| work.customers().search(&refused, Limit::default())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    // The best reason comes first, each customer once, and never more than asked for.
    let named = bench.customer(NewCustomer::person("6789"));
    let all = search(&bench, "6789");
    assert_eq!(all.len(), 3);
    assert_eq!(all[2], (named.id, SearchField::Name));
    let one = bench.read(|work| work.customers().search("6789", Limit::new(1)?)).unwrap();
    assert_eq!(one.len(), 1);
}

/// Identifiers that mean one customer give that one; those that mean several, or different ones, are refused.
pub fn are_identified(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let one = bench.customer(NewCustomer::person("One").with_phone("+48 601 234 567").with_card("A1"));
    let two =
        bench.customer(NewCustomer::person("Two").with_phone("+48 601 234 567").with_card("B2").with_email("b@x.pl"));
    let identify = |card: Option<&str>, phone: Option<&str>, email: Option<&str>| -> Result<CustomerId> {
        let identifiers = Identifiers {
            card: card.map(Into::into),
            phone: phone.map(Into::into),
            email: email.map(Into::into),
            national_id: None,
        };
        bench.read(move |work| work.customers().identify(&identifiers)).map(|customer| customer.id)
    };
    let rule = |result: Result<CustomerId>| match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("expected a refusal, got {other:?}"),
    };
    let shared = Some("0048 601-234-567");
    assert_eq!(identify(Some("a-1"), None, None).unwrap(), one.id);
    assert_eq!(identify(Some("B2"), shared, Some("B@X.pl")).unwrap(), two.id);
    assert_eq!(identify(None, shared, Some("b@x.pl")).unwrap(), two.id, "the address decides between two on one phone");
    assert_eq!(rule(identify(None, shared, None)), "identifiers.ambiguous");
    assert_eq!(rule(identify(Some("A1"), None, Some("b@x.pl"))), "identifiers.contradict");
    assert_eq!(rule(identify(Some("A1"), shared, Some("b@x.pl"))), "identifiers.contradict");
    assert_eq!(rule(identify(None, None, None)), "identifiers.none");
    for unknown in ["C3", "", "no card at all"] {
        assert_eq!(identify(Some(unknown), shared, None).unwrap_err().kind(), ErrorKind::NotFound, "{unknown}");
    }
    assert_eq!(identify(None, Some("12"), None).unwrap_err().kind(), ErrorKind::Invalid);
    let by_phone = |actor: &Actor| bench.run_as(actor, |work| work.customers().by_phone("+48601234567"));
    assert_eq!(by_phone(&Actor::system()).unwrap_err().kind(), ErrorKind::Invalid);
    // Whom an actor may not see is not there: neither the refusal nor an id tells.
    let seeing = |region: Region| Actor::new(Principal::Anonymous).granted(READ, region);
    let nobody = by_phone(&seeing(Region::branches([uuid::Uuid::max().into()]))).unwrap_err();
    assert_eq!(nobody.to_string(), "customer with this phone not found");
    assert_eq!(by_phone(&seeing(Region::customer(two.id))).unwrap().id, two.id);
}

/// Cards and national ids are one customer's, however they are written; phones and addresses may be shared.
pub fn have_one_card(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let new = |name: &str| NewCustomer::person(name).with_phone("+48601234567").with_email("home@example.org");
    bench.customer(NewCustomer { national_id: Some("44051401359".into()), ..new("A").with_card("k-۱ 2") });
    bench.customer(new("B").with_card("K13"));
    for taken in [new("C").with_card("K 12"), NewCustomer { national_id: Some("۴۴۰۵۱۴۰۱۳۵۹".into()), ..new("D") }]
    {
        let refused = bench.run(move |work| work.customers().create(taken.clone()));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
    for nonsense in [
        NewCustomer::person(" "),
        NewCustomer::person("x".repeat(301)),
        NewCustomer::person("ﷺ".repeat(300)),
        new("E").with_card("#1"),
        new("E").with_phone("123"),
        new("E").with_email("nobody"),
        NewCustomer { locale: Some("pl_PL".into()), ..new("E") },
    ] {
        let shown = format!("{nonsense:?}");
        let refused = bench.run(move |work| work.customers().create(nonsense.clone()));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Invalid, "{shown}");
    }
    let strangers = [
        NewCustomer { branch: Some(uuid::Uuid::nil().into()), ..new("F") },
        NewCustomer { referrer: Some(uuid::Uuid::nil().into()), ..new("F") },
    ];
    for stranger in strangers {
        let refused = bench.run(move |work| work.customers().create(stranger.clone()));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(bench.read(|work| work.count(Filter::<Customer>::all())).unwrap(), 2);
    bench.verify();
}

/// A change is found by the new data and no longer by the old; the journal names the columns and never their values.
pub fn change_and_are_found_anew(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let id = bench.customer(NewCustomer::person("Anna Nowak").with_card("A1").with_phone("+48601234567")).id;
    let changed = bench
        .run(move |work| {
            let mut anna = work.customers().get(id)?;
            anna.name = " Anna  Kowalska ".into();
            anna.card_no = Some("a-2".into());
            anna.phone = None;
            anna.birth_date = Some(CivilDate::new(1990, 2, 28)?);
            anna.stage = Stage::Prospect;
            anna.folded_name = "what the caller thinks".into();
            work.customers().update(&mut anna)?;
            Ok(anna)
        })
        .unwrap();
    assert!(bench.read(move |work| work.customers().get(id)).unwrap() == changed);
    assert_eq!((changed.name.as_str(), changed.folded_name.as_str()), ("Anna  Kowalska", "anna kowalska"));
    for (term, found) in [("nowak", 0), ("A1", 0), ("4567", 0), ("kowalska anna", 1), ("A2", 1)] {
        assert_eq!(search(&bench, term).len(), found, "{term}");
    }
    // Nothing changed: nothing is told.
    bench
        .run(move |work| {
            let mut same = work.customers().get(id)?;
            work.customers().update(&mut same)
        })
        .unwrap();
    let told = bench
        .read(move |work| {
            let query = JournalQuery { customer: Some(id), ..JournalQuery::default() };
            work.journal().page(&query, Limit::default(), None)
        })
        .unwrap();
    let kinds: Vec<_> = told.items.iter().rev().map(|entry| entry.kind.as_str()).collect();
    assert_eq!(kinds, ["customers.created", "customers.changed", "customers.stage_reached"]);
    let columns = &told.items[1].payload.0["columns"];
    assert_eq!(*columns, serde_json::json!(["stage", "name", "folded_name", "phone", "card_no", "birth_date"]));
    assert!(!told.items.iter().any(|entry| entry.payload.0.to_string().contains("Kowalska")));
    let stale = bench.run(move |work| {
        let mut stale = changed.clone();
        stale.version = crate::work::Version::FIRST;
        stale.name = "Stale".into();
        work.customers().update(&mut stale)
    });
    assert_eq!(stale.unwrap_err().kind(), ErrorKind::Conflict);
    bench.verify();
}

/// Relations are seen from both ends, known once, and of two.
pub fn are_related(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let company = bench.customer(NewCustomer::organisation("Spółka")).id;
    let person = bench.customer(NewCustomer::person("Kierownik")).id;
    let relate = |from, role: &'static str, to| bench.run(move |work| work.customers().relate(from, role, to));
    relate(person, " manager ", company).unwrap();
    relate(person, "owner", company).unwrap();
    assert_eq!(relate(person, "owner", company).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(relate(person, "self", person).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(relate(person, " ", company).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(relate(person, "owner", uuid::Uuid::nil().into()).unwrap_err().kind(), ErrorKind::NotFound);
    for id in [person, company] {
        let known = bench.read(move |work| work.customers().relations(id)).unwrap();
        assert_eq!(known.iter().map(|one| one.role.as_str()).collect::<Vec<_>>(), ["manager", "owner"]);
    }
}

/// Lists go by folded name, page by page, under a condition.
pub fn come_in_pages(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    for name in ["żaba", "Ala", "ŁOŚ", "zebra", "łoś", "Ąla"] {
        bench.customer(NewCustomer { stage: Stage::Prospect, ..NewCustomer::person(name) });
    }
    bench.customer(NewCustomer::person("Lead"));
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let cursor = after.clone();
        let page = bench
            .read(move |work| {
                let prospects = customer::stage.eq(Stage::Prospect);
                work.customers().page(prospects, Limit::new(2)?, cursor.as_ref())
            })
            .unwrap();
        names.extend(page.items.into_iter().map(|customer| customer.folded_name));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["ala", "ala", "los", "los", "zaba", "zebra"]);
}
