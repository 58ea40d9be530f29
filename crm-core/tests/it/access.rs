//! Reaches and actors, as pure values, and the list of operations against the source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crm_core::access::{Actor, Grants, Ids, Principal, Reach, Region, Scoped, Target, UserId};
use crm_core::branches::{Branch, BranchId};
use crm_core::conformance::operations::{FOR_THE_SYSTEM, OPERATIONS};
use crm_core::customers::{Customer, CustomerId, CustomerKind, Stage};
use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::currency::Currency;
use crm_core::kernel::time::{TimeOfDay, Timestamp, Zone};
use crm_core::work::Version;
use proptest::prelude::*;
use uuid::Uuid;

fn id<I: From<Uuid>>(n: u128) -> I {
    Uuid::from_u128(n).into()
}

fn ids<I: From<Uuid> + Ord + Copy + std::fmt::Debug>() -> impl Strategy<Value = Ids<I>> {
    prop::collection::btree_set(0..4_u128, 0..3).prop_map(|set| set.into_iter().map(id).collect())
}

fn region() -> impl Strategy<Value = Region> {
    (prop::bool::weighted(0.2), ids::<BranchId>(), ids::<CustomerId>(), ids::<UserId>())
        .prop_map(|(all, branches, customers, owners)| Region { all, branches, customers, owners })
}

fn reach() -> impl Strategy<Value = Reach> {
    (region(), region()).prop_map(|(allowed, forbidden)| Reach { allowed, forbidden })
}

fn customer() -> impl Strategy<Value = Customer> {
    (0..4_u128, prop::option::of(0..4_u128), prop::option::of(0..4_u128)).prop_map(|(n, branch, owner)| Customer {
        id: id(n),
        version: Version::FIRST,
        kind: CustomerKind::Person,
        stage: Stage::Lead,
        name: String::new(),
        folded_name: String::new(),
        phone: None,
        email: None,
        card_no: None,
        national_id: None,
        birth_date: None,
        branch_id: branch.map(id),
        owner_id: owner.map(id),
        referrer_id: None,
        locale: None,
        created_at: Timestamp::UNIX_EPOCH,
        merged_into_id: None,
    })
}

fn branch(n: u128) -> Branch {
    Branch {
        id: id(n),
        version: Version::FIRST,
        name: String::new(),
        zone: Zone::new("UTC").unwrap(),
        calendar: Calendar::Gregorian,
        currency: Currency::PLN,
        cutoff: TimeOfDay::MIDNIGHT,
        active: true,
    }
}

proptest! {
    /// The condition of a query and the decision on a record are one: also where a kind has no column for a bound.
    #[test]
    fn a_filter_is_what_a_reach_covers(reach in reach(), customer in customer(), n in 0..4_u128) {
        prop_assert_eq!(reach.filter::<Customer>().matches(&customer), reach.covers(&customer.target()));
        let branch = branch(n);
        prop_assert_eq!(reach.filter::<Branch>().matches(&branch), reach.covers(&branch.target()));
    }

    #[test]
    fn a_forbid_beats_every_permit(reach in reach(), customer in customer()) {
        let target = customer.target();
        prop_assert_eq!(reach.covers(&target), reach.allowed.contains(&target) && !reach.forbidden.contains(&target));
        if reach.forbidden.contains(&target) {
            let allowed_all = Reach { allowed: Region::all(), ..reach };
            prop_assert!(!allowed_all.covers(&target));
        }
    }

    #[test]
    fn more_regions_hold_no_less(one in region(), other in region(), customer in customer()) {
        let mut both = one.clone();
        both.extend(other.clone());
        let target = customer.target();
        prop_assert_eq!(both.contains(&target), one.contains(&target) || other.contains(&target));
    }

    #[test]
    fn what_is_empty_covers_nothing(reach in reach(), customer in customer()) {
        let actor = Actor::new(Principal::Anonymous).granted("p", reach.clone());
        if reach.is_empty() {
            prop_assert!(!reach.covers(&customer.target()) && !reach.covers(&Target::ANY));
            prop_assert!(actor.reach("p").is_err());
        } else {
            prop_assert_eq!(actor.reach("p").unwrap(), &reach);
        }
        prop_assert_eq!(actor.may("p", &customer.target()), reach.covers(&customer.target()));
    }
}

#[test]
fn only_no_bounds_cover_what_belongs_to_nobody() {
    assert!(Reach::all().covers(&Target::ANY));
    for bounded in [Region::branches([id(1)]), Region::customer(id(1)), Region::owners([id(1)]), Region::none()] {
        assert!(!Reach::from(bounded).covers(&Target::ANY));
    }
}

#[test]
fn a_second_grant_replaces_the_first() {
    let here = Target::branch(id(1));
    let grants = Grants::from_iter([("p", Reach::all())]);
    let actor = Actor::with_grants(Principal::Anonymous, grants);
    assert!(actor.may("p", &here) && !actor.may("q", &here) && !actor.may("p.q", &here) && !actor.may("", &here));
    let narrowed = actor.clone().granted("p", Region::branches([id(2)]));
    assert!(!narrowed.may("p", &here));
    assert!(actor.may("p", &here), "the grants are shared, a change is not");
    assert!(Actor::system().granted("p", Reach::none()).may("p", &here));
}

/// The public functions of the views on a unit of work, by noun, as the source has them.
fn operations_in(folder: &Path, found: &mut BTreeMap<String, Vec<String>>, views: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("conformance") {
                operations_in(&path, found, views);
            }
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut view = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("impl ").and_then(|rest| rest.strip_suffix("<'_, '_> {")) {
                view = Some(name.to_owned());
            } else if line == "}" {
                view = None;
            }
            let Some(signature) = line.strip_prefix("    pub fn ") else { continue };
            let method = signature.split(['(', '<']).next().unwrap().to_owned();
            if let Some((_, returned)) = signature.split_once("(&mut self) -> ")
                && let Some(name) = returned.strip_suffix("<'_, 't> {")
            {
                views.insert(name.to_owned(), method);
            } else if let Some(view) = &view {
                found.entry(view.clone()).or_default().push(method);
            }
        }
    }
}

/// A new operation without a row in the conformance suite fails here.
#[test]
fn every_operation_is_in_the_matrix() {
    let (mut found, mut views) = (BTreeMap::new(), BTreeMap::new());
    operations_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found, &mut views);
    let named = |view: &str, method: &String| views.get(view).map(|noun| format!("{noun}.{method}"));
    let written: BTreeSet<String> =
        found.iter().flat_map(|(view, methods)| methods.iter().filter_map(|method| named(view, method))).collect();
    let rows = OPERATIONS.iter().map(|operation| operation.name).chain(FOR_THE_SYSTEM.iter().copied());
    let rows: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert!(views.len() >= 6, "{views:?}");
    assert_eq!(written, rows);
}
