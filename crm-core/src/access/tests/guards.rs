//! What guards refuse, case by case.

use super::*;
use crate::{Error, Result};

type Edit = fn(&mut Snapshot);
type Change = dyn FnOnce(&mut Snapshot);

const PERMISSIONS: &[&str] = &["customers.read", "customers.write", "journal.read", "access.write", "access.admin"];

/// User 1 is the admin, 2 a manager without access.admin, 3 and 4 staff; 4 is in group 1.
fn house() -> Snapshot {
    let manager = ["customers.read", "access.write"].map(|permission| Grant::permit(permission, Extent::All));
    Snapshot {
        users: (1..=4).map(user).collect(),
        groups: vec![group(1, None)],
        members: vec![member(1, 4)],
        roles: vec![
            role(1, [Grant::permit("*", Extent::All)]),
            role(2, manager),
            role(3, [Grant::permit("customers.read", Extent::Branch)]),
            role(4, [Grant::permit("journal.read", Extent::Own)]),
            role(5, [Grant::forbid("journal.read", Extent::All)]),
            role(6, [Grant::permit("customers.read", Extent::Group)]),
        ],
        assignments: vec![
            assignment(1, 1, Holder::User(id(1)), []),
            assignment(2, 2, Holder::User(id(2)), []),
            assignment(4, 4, Holder::Group(id(1)), []),
        ],
    }
}

fn check(writer: u128, edit: impl FnOnce(&mut Snapshot)) -> Result<()> {
    let before = house();
    let mut after = before.clone();
    edit(&mut after);
    let (before, after) = (Policy::compile(before, PERMISSIONS), Policy::compile(after, PERMISSIONS));
    guard::check(&before, &after, &before.actor(&Principal::User(id(writer))).unwrap())
}

fn refused(done: Result<()>) -> &'static str {
    match done.unwrap_err() {
        Error::Invalid { rule, .. } => rule,
        Error::Denied { permission } if permission == ADMIN => "beyond",
        other => panic!("{other:?}"),
    }
}

fn give(n: u128, role: u128, holder: Holder) -> impl FnOnce(&mut Snapshot) {
    move |snapshot| snapshot.assignments.push(assignment(n, role, holder, [id(7)]))
}

#[test]
fn nobody_gives_what_they_do_not_hold() {
    check(2, give(9, 3, Holder::User(id(3)))).unwrap();
    check(2, give(9, 6, Holder::Group(id(1)))).unwrap();
    for beyond in [1, 4, 5] {
        assert_eq!(refused(check(2, give(9, beyond, Holder::User(id(3))))), "beyond", "role {beyond}");
        check(1, give(9, beyond, Holder::User(id(3)))).unwrap();
    }
    // Nor through a group, a role's text, or a user who comes back.
    assert_eq!(refused(check(2, |house| house.members.push(member(1, 3)))), "beyond");
    assert_eq!(refused(check(2, |house| house.roles[2].grants.0.push(Grant::permit("*", Extent::All)))), "beyond");
    assert_eq!(refused(check(2, |house| house.roles.push(role(9, [Grant::permit("*", Extent::Own)])))), "beyond");
    check(2, |house| house.roles.push(role(9, [Grant::permit("customers.read", Extent::All)]))).unwrap();
    let mut away = house();
    away.users[3].active = false;
    let (before, after) = (Policy::compile(away, PERMISSIONS), Policy::compile(house(), PERMISSIONS));
    assert_eq!(refused(guard::check(&before, &after, &before.actor(&Principal::User(id(2))).unwrap())), "beyond");
    // To take a right or a forbid away is to decide about it too.
    assert_eq!(refused(check(2, |house| drop(house.assignments.pop()))), "beyond");
}

#[test]
fn nobody_touches_their_own_rights() {
    for writer in [1, 2] {
        let edits: [Box<Change>; 6] = [
            Box::new(give(9, 3, Holder::User(id(writer)))),
            Box::new(move |house| house.assignments.retain(|one| one.holder() != Holder::User(id(writer)))),
            Box::new(move |house| house.members.push(member(1, writer))),
            Box::new(move |house| {
                house.users.iter_mut().filter(|user| user.id == id(writer)).for_each(|user| user.active = false);
            }),
            Box::new(move |house| house.roles[writer as usize - 1].name = "mine".into()),
            Box::new(move |house| house.roles[writer as usize - 1].grants.0.clear()),
        ];
        for edit in edits {
            assert_eq!(refused(check(writer, edit)), "access.own_rights");
        }
    }
}

#[test]
fn a_forbid_is_not_left_behind() {
    let mut before = house();
    before.groups.push(group(2, None));
    before.members.push(member(2, 3));
    before.assignments.push(assignment(11, 4, Holder::User(id(3)), []));
    before.assignments.push(assignment(12, 5, Holder::Group(id(2)), []));
    let mut after = before.clone();
    after.members.retain(|one| *one != member(2, 3));
    let (before, after) = (Policy::compile(before, PERMISSIONS), Policy::compile(after, PERMISSIONS));
    let check = |writer: u128| guard::check(&before, &after, &before.actor(&Principal::User(id(writer))).unwrap());
    assert_eq!(refused(check(2)), "beyond");
    check(1).unwrap();
}

#[test]
fn somebody_stays_in_charge() {
    let edits: [(Edit, bool); 6] = [
        (|house| house.users[0].active = false, false),
        (|house| drop(house.assignments.remove(0)), false),
        (|house| house.roles[0].grants.0[0].extent = Extent::Own, false),
        (|house| house.roles[0].grants.0.push(Grant::forbid("access.*", Extent::Own)), false),
        // What forbids nothing, or something else, leaves the admin in charge.
        (|house| house.roles[0].grants.0.push(Grant::forbid("access.*", Extent::Branch)), true),
        (|house| house.assignments.push(assignment(9, 5, Holder::User(id(1)), [])), true),
    ];
    for (n, (edit, stays)) in edits.into_iter().enumerate() {
        let check = |before: Snapshot| {
            let mut after = before.clone();
            edit(&mut after);
            let (before, after) = (Policy::compile(before, PERMISSIONS), Policy::compile(after, PERMISSIONS));
            guard::check(&before, &after, &Actor::system())
        };
        let done = check(house());
        if stays {
            done.unwrap();
        } else {
            assert_eq!(refused(done), "access.last_admin", "{n}");
        }
        // With a second admin all of it goes.
        let mut both = house();
        both.roles.push(role(9, [Grant::permit("*", Extent::All)]));
        both.assignments.push(assignment(10, 9, Holder::User(id(3)), []));
        check(both).unwrap();
    }
}

#[test]
fn who_does_not_see_all_gives_nothing() {
    let hidden = BTreeSet::from([HiddenField { kind: "customer".into(), column: "phone".into() }]);
    let before = Policy::compile(house(), PERMISSIONS);
    let mut after = house();
    give(9, 3, Holder::User(id(3)))(&mut after);
    let writer = before.actor(&Principal::User(id(2))).unwrap().hiding(hidden);
    assert_eq!(refused(guard::check(&before, &Policy::compile(after, PERMISSIONS), &writer)), "beyond");
}
