//! Partners and groups of customers.

use super::bench::{Bench, Factory};
use crate::customers::NewCustomer;
use crate::kernel::time::CivilDate;
use crate::partners::{Contract, Groups, MAX_GROUPS, PartnerGroupId};
use crate::work::Filter;
use crate::{Error, ErrorKind};

fn date(day: u8) -> CivilDate {
    CivilDate::new(2025, 3, day).unwrap()
}

/// A contract of these days and groups.
pub(super) fn contract(from: u8, through: Option<u8>, groups: &[PartnerGroupId]) -> Contract {
    Contract {
        contract_no: "C-1".into(),
        valid_from: date(from),
        valid_through: through.map(date),
        groups: groups.to_vec(),
    }
}

/// A contract brings its groups from its first day through its last, and can be signed anew.
pub fn have_contracts_that_end(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let who = bench.customer(NewCustomer::person("Ala")).id;
    let [low, high] = [("B", 1), ("A", 2)].map(|(name, priority)| {
        bench.run(move |work| work.partners().create_partner_group(name, priority)).unwrap().id
    });
    let signed = contract(10, Some(20), &[low, high]);
    bench.run(move |work| work.partners().sign(who, &signed)).unwrap();
    let groups = |day| bench.read(move |work| work.partners().groups_of(who, date(day))).unwrap();
    // The group with the higher priority first.
    let both = Groups { partner: vec![high, low], customer: Vec::new() };
    assert_eq!([9, 10, 20, 21].map(groups), [Groups::default(), both.clone(), both, Groups::default()]);
    let longer = contract(10, None, &[low]);
    let partner = bench.run(move |work| work.partners().sign(who, &longer)).unwrap();
    assert_eq!(groups(21).partner, [low]);
    assert!(bench.read(move |work| work.partners().of(who)).unwrap() == Some(partner));

    for (refused, kind) in [
        (contract(10, Some(9), &[]), ErrorKind::Invalid),
        (contract(10, None, &[low; MAX_GROUPS + 1]), ErrorKind::Invalid),
        (Contract { contract_no: " ".into(), ..contract(10, None, &[]) }, ErrorKind::Invalid),
        (contract(10, None, &[uuid::Uuid::nil().into()]), ErrorKind::NotFound),
    ] {
        let refused = bench.run(move |work| work.partners().sign(who, &refused));
        assert_eq!(refused.unwrap_err().kind(), kind);
    }
    let nobody = contract(1, None, &[]);
    let refused = bench.run(move |work| work.partners().sign(uuid::Uuid::nil().into(), &nobody));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(groups(21).partner, [low], "what was refused changed nothing");
}

/// Groups of customers are joined and left, any number of times, and the journal tells only of changes.
pub fn groups_are_joined_and_left(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let who = bench.customer(NewCustomer::person("Ala")).id;
    let group = bench.run(|work| work.partners().create_customer_group("Teachers", 0)).unwrap().id;
    let of = || bench.read(move |work| work.partners().groups_of(who, date(1))).unwrap().customer;
    let told = || bench.read(|work| work.count(Filter::<crate::journal::JournalEntry>::all())).unwrap();
    let before = told();
    for _ in 0..2 {
        bench.run(move |work| work.partners().join(who, group)).unwrap();
        assert_eq!(of(), [group]);
    }
    for _ in 0..2 {
        bench.run(move |work| work.partners().leave(who, group)).unwrap();
        assert_eq!(of(), []);
    }
    bench.run(move |work| work.partners().join(who, group)).unwrap();
    assert_eq!((of(), told() - before), (vec![group], 3));
    let unknown = bench.run(move |work| work.partners().join(who, uuid::Uuid::nil().into()));
    assert_eq!(unknown.unwrap_err().kind(), ErrorKind::NotFound);
    let unnamed = bench.run(|work| work.partners().create_partner_group(" ", 0));
    assert!(matches!(unnamed, Err(Error::Invalid { rule: "text.required", .. })));
    let (partners, customers) = bench.read(|work| work.partners().groups()).unwrap();
    assert_eq!((partners.len(), customers.len()), (0, 1));
}
