//! The policy, the guards and the explanations, as pure functions.

mod cedar;
mod guards;
mod properties;

use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;
use crate::branches::BranchId;
use crate::work::{Json, Version};

fn id<I: From<Uuid>>(n: u128) -> I {
    Uuid::from_u128(n).into()
}

fn user(n: u128) -> User {
    User { id: id(n), version: Version::FIRST, name: format!("user {n}"), active: true }
}

fn group(n: u128, parent: Option<u128>) -> StaffGroup {
    let name = format!("group {n}");
    StaffGroup { id: id(n), version: Version::FIRST, parent_id: parent.map(id), folded_name: name.clone(), name }
}

fn member(group: u128, user: u128) -> GroupMember {
    GroupMember { group_id: id(group), user_id: id(user) }
}

fn role(n: u128, grants: impl IntoIterator<Item = Grant>) -> Role {
    let name = format!("role {n}");
    let (grants, hidden) = (Json(grants.into_iter().collect()), Json(BTreeSet::new()));
    Role { id: id(n), version: Version::FIRST, folded_name: name.clone(), name, grants, hidden, built_in: false }
}

fn assignment(n: u128, role: u128, holder: Holder, branches: impl IntoIterator<Item = BranchId>) -> RoleAssignment {
    let (holder_kind, holder) = holder.parts();
    let branches = Json(branches.into_iter().collect());
    RoleAssignment { id: id(n), version: Version::FIRST, role_id: id(role), holder_kind, holder, branches }
}

#[test]
fn groups_hand_down_and_extents_mean_what_they_say() {
    let (here, there): (BranchId, BranchId) = (id(101), id(102));
    // 1 above 2 above 3; users 11 in 1, 12 in 2, 13 in 3, 14 nowhere.
    let snapshot = Snapshot {
        users: (11..=14).map(user).collect(),
        groups: vec![group(1, None), group(2, Some(1)), group(3, Some(2))],
        members: vec![member(1, 11), member(2, 12), member(3, 13)],
        roles: vec![
            role(21, [Grant::permit("notes.read", Extent::Group), Grant::permit("notes.write", Extent::Own)]),
            role(22, [Grant::permit("stock.*", Extent::Branch)]),
        ],
        assignments: vec![
            assignment(31, 21, Holder::Group(id(2)), []),
            assignment(32, 22, Holder::User(id(14)), [here]),
        ],
    };
    let policy = Policy::compile(snapshot, &["notes.read", "notes.write", "stock.read"]);
    let actor = |n: u128| policy.actor(&Principal::User(id(n))).unwrap();
    let owned = |n: u128| Target { owner: Some(id(n)), ..Target::ANY };
    let reads = |who: u128| (11..=14).filter(|n| actor(who).may("notes.read", &owned(*n))).collect::<Vec<_>>();
    assert_eq!(reads(11), [] as [u128; 0], "what is given to a group below is not inherited upwards");
    assert_eq!(reads(12), [12, 13]);
    assert_eq!(reads(13), [13]);
    assert!(actor(13).may("notes.write", &owned(13)) && !actor(12).may("notes.write", &owned(13)));
    assert!(actor(14).may("stock.read", &Target::branch(here)));
    assert!(!actor(14).may("stock.read", &Target::branch(there)) && !actor(14).may("stock.read", &Target::ANY));
    let told = policy.explain(&Principal::User(id(13)), "notes.read", &owned(13));
    assert_eq!(told.decision, Decision::Allowed);
    let via: Vec<_> = told.roles[0].via.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(via, ["group 3", "group 2"]);
    assert!(told.to_string().contains("permit notes.read (group): applies"), "{told}");
    let who = policy.who("notes.read", &owned(13));
    let who: Vec<_> = who.into_iter().map(|access| access.who).collect();
    assert_eq!(who, [Whom::One(Principal::User(id(12))), Whom::One(Principal::User(id(13)))]);
}

#[test]
fn everybody_of_a_kind_is_named_once_with_exceptions() {
    let snapshot = Snapshot {
        roles: vec![
            role(1, [Grant::permit("catalog.read", Extent::All), Grant::permit("cards.read", Extent::Own)]),
            role(2, [Grant::forbid("*", Extent::All)]),
        ],
        assignments: vec![assignment(11, 1, Holder::EveryCustomer, []), assignment(12, 2, Holder::Customer(id(7)), [])],
        ..Snapshot::default()
    };
    let policy = Policy::compile(snapshot, &["catalog.read", "cards.read"]);
    let whom = |permission, target| policy.who(permission, &target).into_iter().map(|one| one.who).collect::<Vec<_>>();
    let except = vec![id(7)];
    assert_eq!(
        whom("catalog.read", Target::ANY),
        [Whom::EveryCustomer { except: except.clone() }, Whom::EveryPartner { except }]
    );
    let own = |n: u128| [Whom::One(Principal::Customer(id(n))), Whom::One(Principal::Partner(id(n)))];
    assert_eq!(whom("cards.read", Target::customer(id(8))), own(8));
    assert_eq!(whom("cards.read", Target::customer(id(7))), []);
}

#[test]
fn one_role_that_hides_is_enough() {
    let field = |column: &str| HiddenField { kind: "customer".into(), column: column.into() };
    let mut hides = role(1, [Grant::permit("customers.read", Extent::All)]);
    hides.hidden.0.insert(field("phone"));
    let mut shows = role(2, [Grant::permit("customers.read", Extent::All)]);
    shows.hidden.0.insert(field("email"));
    let snapshot = Snapshot {
        users: vec![user(1)],
        roles: vec![hides, shows],
        assignments: vec![assignment(1, 1, Holder::User(id(1)), []), assignment(2, 2, Holder::User(id(1)), [])],
        ..Snapshot::default()
    };
    let actor = Policy::compile(snapshot, &["customers.read"]).actor(&Principal::User(id(1))).unwrap();
    assert_eq!(actor.hidden().iter().map(|field| field.column.as_str()).collect::<Vec<_>>(), ["email", "phone"]);
}

#[test]
fn circles_and_loose_ends_do_no_harm() {
    let snapshot = Snapshot {
        users: vec![user(1)],
        groups: vec![group(1, Some(2)), group(2, Some(1)), group(3, Some(9))],
        members: vec![member(1, 1), member(3, 1), member(8, 1)],
        roles: vec![role(1, [Grant::permit("a.b", Extent::Group), Grant::permit("gone", Extent::All)])],
        assignments: vec![
            assignment(1, 1, Holder::Group(id(2)), []),
            assignment(2, 5, Holder::User(id(1)), []),
            assignment(3, 1, Holder::Group(id(7)), []),
        ],
    };
    let policy = Policy::compile(snapshot, &["a.b"]);
    let reaches = policy.reaches(&Principal::User(id(1))).unwrap();
    assert_eq!(reaches.len(), 1);
    assert_eq!(reaches.get("a.b"), Some(&Region::owners([id(1)]).into()));
    for nobody in [Principal::System, Principal::Module("core".into()), Principal::User(id(2))] {
        assert_eq!(policy.actor(&nobody).unwrap_err().kind(), crate::ErrorKind::Denied);
    }
}
