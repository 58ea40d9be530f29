//! Roles, groups and who holds them: what they come to, when it holds, and what nobody may change.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proptest::prelude::*;
use uuid::Uuid;

use super::bench::{Bench, Factory};
use super::purchases::{receive, sale};
use super::race::race;
use super::rows::draw;
use crate::access::{
    self, ADMIN_ROLE, AccessState, Actor, Decision, Effect, Extent, Grant, HiddenField, Holder, NewRole, Principal,
    Role, RoleAssignment, StaffGroup, Target, User,
};
use crate::branches::BranchId;
use crate::customers::{Customer, CustomerId, Identifiers, NewCustomer, customer};
use crate::journal::JournalEntry;
use crate::kernel::page::Limit;
use crate::purchases::{NewPurchase, Purchase};
use crate::work::{Filter, UnitOfWork};
use crate::{Crm, Error, ErrorKind, Result, branches, catalog, customers, journal, purchases};

fn user(bench: &Bench, name: &'static str) -> User {
    bench.run(move |work| work.access().create_user(name)).unwrap()
}

fn role(bench: &Bench, name: &str, grants: impl IntoIterator<Item = Grant>) -> Role {
    let new = NewRole::named(name, grants);
    bench.run(move |work| work.access().create_role(new.clone())).unwrap()
}

fn give(bench: &Bench, role: &Role, holder: Holder, branches: &[BranchId]) -> RoleAssignment {
    let (role, branches) = (role.id, branches.to_vec());
    bench.run(move |work| work.access().assign(role, holder, branches.clone())).unwrap()
}

fn actor(bench: &Bench, user: &User) -> Result<Actor> {
    bench.crm.blocking().actor(&Principal::User(user.id))
}

fn kind<T>(done: Result<T>) -> ErrorKind {
    done.err().map(|error| error.kind()).expect("it is refused")
}

/// The rule that was broken, or the permission that was missing.
fn refusal<T>(done: Result<T>) -> String {
    match done.err().expect("it is refused") {
        Error::Invalid { rule, .. } => rule.to_owned(),
        Error::Denied { permission } => permission.into_owned(),
        other => panic!("{other:?}"),
    }
}

/// What is defined is kept; names are taken once; what nobody defines cannot be granted or hidden; what is used stays.
pub fn are_defined_and_checked(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let here = bench.branch("here").id;
    let ann = user(&bench, "Ann");
    let group = bench.run(|work| work.access().create_group("Till", None)).unwrap();
    let (group_id, ann_id) = (group.id, ann.id);
    bench.run(move |work| work.access().join(group_id, ann_id)).unwrap();
    let seller = role(&bench, "Seller", [Grant::permit("customers.*", Extent::Branch)]);
    let held = give(&bench, &seller, Holder::Group(group.id), &[here]);
    let again = NewRole::named("sELLER", []);
    assert_eq!(kind(bench.run(move |work| work.access().create_role(again.clone()))), ErrorKind::AlreadyExists);
    let role_id = seller.id;
    let twice = bench.run(move |work| work.access().assign(role_id, Holder::Group(group_id), []));
    assert_eq!(kind(twice), ErrorKind::AlreadyExists);
    for (grant, rule) in [
        (Grant::permit("unknown", Extent::All), "role.permission_unknown"),
        (Grant::permit("customers*", Extent::All), "role.permission_unknown"),
        (Grant::permit("", Extent::All), "role.permission_unknown"),
    ] {
        let new = NewRole::named("Odd", [grant]);
        assert_eq!(refusal(bench.run(move |work| work.access().create_role(new.clone()))), rule);
    }
    for (kind, column) in [("customer", "unknown"), ("unknown", "name")] {
        let hidden = BTreeSet::from([HiddenField { kind: kind.into(), column: column.into() }]);
        let new = NewRole { hidden, ..NewRole::named("Odd", []) };
        assert_eq!(refusal(bench.run(move |work| work.access().create_role(new.clone()))), "role.column_unknown");
    }
    let reserved = NewRole::named("Admin", []);
    let reserved = bench.run(move |work| work.access().create_role(reserved.clone()));
    assert_eq!(refusal(reserved), "role.name_reserved");
    let nobody = bench.run(move |work| work.access().assign(role_id, Holder::User(Uuid::nil().into()), []));
    assert_eq!(kind(nobody), ErrorKind::NotFound);
    let nowhere = bench.run(move |work| work.access().assign(role_id, Holder::User(ann_id), [Uuid::nil().into()]));
    assert_eq!(kind(nowhere), ErrorKind::NotFound);
    let remove = {
        let seller = seller.clone();
        move |work: &mut UnitOfWork<'_>| work.access().remove_role(&seller)
    };
    assert_eq!(refusal(bench.run(move |work| remove(work))), "role.in_use");
    let used = group.clone();
    assert_eq!(refusal(bench.run(move |work| work.access().remove_group(&used))), "group.in_use");
    let below = bench.run(move |work| work.access().create_group("Night till", Some(group_id))).unwrap();
    let circle = StaffGroup { parent_id: Some(below.id), ..group.clone() };
    let circle = bench.run(move |work| work.access().update_group(&mut circle.clone()));
    assert_eq!(refusal(circle), "group.below_itself");
    // A stale assignment, or one whose branches were made up, opens nothing.
    let forged = RoleAssignment { branches: crate::work::Json(BTreeSet::new()), ..held.clone() };
    assert_eq!(kind(bench.run(move |work| work.access().withdraw(&forged))), ErrorKind::Conflict);

    let listed = bench.run(|work| Ok((work.access().roles()?, work.access().groups()?)));
    let (roles, groups) = listed.unwrap();
    assert!(roles.iter().eq([&seller]));
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["Night till", "Till"]);
    assert_eq!(bench.run(move |work| work.access().members(group_id)).unwrap(), [ann]);
    let held = [held];
    assert_eq!(bench.run(move |work| work.access().assignments_of(Holder::Group(group_id))).unwrap(), held);

    // All of it can be undone, and stands in the journal.
    let [held] = held;
    bench.run(move |work| work.access().withdraw(&held)).unwrap();
    bench.run(move |work| work.access().leave(group_id, ann_id)).unwrap();
    bench.run(move |work| work.access().remove_group(&below)).unwrap();
    bench.run(move |work| work.access().remove_group(&group)).unwrap();
    bench.run(move |work| work.access().remove_role(&seller)).unwrap();
    let told = bench.run(|work| work.select(Filter::<JournalEntry>::all()).all()).unwrap();
    let count = |kind: &str| told.iter().filter(|entry| entry.kind == kind).count();
    let counts = [
        access::event::USER_CHANGED,
        access::event::GROUP_CHANGED,
        access::event::MEMBER_CHANGED,
        access::event::ROLE_CHANGED,
        access::event::ASSIGNMENT_CHANGED,
    ]
    .map(count);
    assert_eq!(counts, [1, 4, 2, 2, 2]);
    let state: AccessState = bench.run(|work| work.get(Uuid::nil())).unwrap();
    let version = serde_json::to_value(state.version).unwrap();
    assert_eq!(version, 1 + counts.iter().sum::<usize>(), "each change moves the state on, and nothing else does");
}

/// A change holds from the next look on, in every process; a refused or failed one changes nothing.
pub fn changes_hold_at_once(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let other = Crm::builder_on(bench.storage.clone()).build_blocking().unwrap();
    let ann = user(&bench, "Ann");
    let (principal, id) = (Principal::User(ann.id), ann.id);
    let may = |expected: bool| {
        for crm in [&bench.crm, &other] {
            let actor = crm.blocking().actor(&principal).unwrap();
            assert_eq!(actor.may(customers::READ, &Target::ANY), expected);
        }
    };
    may(false);
    let mut reader = role(&bench, "Reader", [Grant::permit(customers::READ, Extent::All)]);
    may(false);
    let held = give(&bench, &reader, Holder::User(id), &[]);
    may(true);
    // From the other side too.
    let taken = held.clone();
    other.blocking().run(&Actor::system(), "take", move |work| work.access().withdraw(&taken)).unwrap();
    may(false);
    let failed: Result<()> = bench.run({
        let role = reader.id;
        move |work| {
            work.access().assign(role, Holder::User(id), [])?;
            Err(Error::invalid("conformance", "conformance.asked_for"))
        }
    });
    failed.unwrap_err();
    may(false);
    give(&bench, &reader, Holder::User(id), &[]);
    may(true);
    reader.grants.0.push(Grant::forbid("customers.*", Extent::All));
    let changed = reader.clone();
    reader = bench
        .run(move |work| {
            let mut role = changed.clone();
            work.access().update_role(&mut role)?;
            Ok(role)
        })
        .unwrap();
    may(false);
    reader.grants.0.pop();
    bench.run(move |work| work.access().update_role(&mut reader.clone())).unwrap();
    may(true);
    for active in [false, true] {
        bench
            .run(move |work| {
                let mut user = work.access().user(id)?;
                user.active = active;
                work.access().update_user(&mut user)
            })
            .unwrap();
        for crm in [&bench.crm, &other] {
            assert_eq!(crm.blocking().actor(&principal).is_ok(), active);
        }
    }
    may(true);
    for nobody in [Principal::System, Principal::Module("core".into()), Principal::User(Uuid::nil().into())] {
        assert_eq!(kind(bench.crm.blocking().actor(&nobody)), ErrorKind::Denied);
    }
    assert!(!bench.crm.blocking().actor(&Principal::Anonymous).unwrap().may(customers::READ, &Target::ANY));
}

/// The roles of the matrix below.
const ROLES: [&str; 6] = ["Boss", "Manager", "Seller", "Helper", "Auditor", "Clerk"];

struct Part {
    role: Role,
    user: User,
    held: RoleAssignment,
}

fn cast(bench: &Bench, here: BranchId) -> Vec<Part> {
    let all = |permission: &str| Grant::permit(permission, Extent::All);
    let at_branch = |permission: &str| Grant::permit(permission, Extent::Branch);
    let grants = [
        vec![all("*")],
        vec![all("access.read"), all("access.write"), all("customers.*"), all("purchases.*")],
        vec![at_branch("customers.*"), at_branch("purchases.record")],
        vec![at_branch("customers.read")],
        vec![all("customers.read"), all("journal.read")],
        vec![all("customers.read"), Grant::forbid("purchases.*", Extent::All)],
    ];
    let cast = ROLES.into_iter().zip(grants).map(|(name, grants)| {
        let (role, user) = (role(bench, name, grants), user(bench, name));
        let held = give(bench, &role, Holder::User(user.id), &[here]);
        Part { role, user, held }
    });
    cast.collect()
}

/// Whether whoever holds one role may give another: written down, not computed. The manager holds no journal.
fn may_give(actor: &str, role: &str) -> bool {
    actor == "Boss" || actor == "Manager" && !["Boss", "Auditor"].contains(&role)
}

/// Does something as somebody, and keeps nothing of it, so that the next meets the same world.
fn attempt(
    bench: &Bench,
    actor: &Actor,
    job: impl Fn(&mut UnitOfWork<'_>) -> Result<()> + Send + 'static,
) -> Result<()> {
    let ended = bench
        .run_as(actor, move |work| Ok(work.attempt(|work| job(work).and(Err::<(), _>(Error::Poisoned))).unwrap_err()));
    match ended.unwrap() {
        Error::Poisoned => Ok(()),
        other => Err(other),
    }
}

/// Nobody gives more than they hold, in every combination of who acts, whose role it is now, and which it is to be: by
/// changing who holds what, and by changing what a role says.
pub fn nobody_grants_more_than_they_hold(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let here = bench.branch("here").id;
    let cast = cast(&bench, here);
    // A second boss, so that the first is not the last.
    let second = user(&bench, "Second");
    give(&bench, &cast[0].role, Holder::User(second.id), &[]);
    for (acting, me) in ROLES.into_iter().zip(&cast) {
        let actor = actor(&bench, &me.user).unwrap();
        for (of, target) in ROLES.into_iter().zip(&cast) {
            for (to, other) in ROLES.into_iter().zip(&cast) {
                let (held, holder, role) = (target.held.clone(), Holder::User(target.user.id), other.role.id);
                let moved = attempt(&bench, &actor, move |work| {
                    work.access().withdraw(&held)?;
                    work.access().assign(role, holder, [here]).map(|_| ())
                });
                let allowed = may_give(acting, of) && may_give(acting, to);
                expect(&format!("{acting} makes {of} {to}"), moved, acting, of == acting, allowed);

                let mut role = target.role.clone();
                role.grants.0.extend(other.role.grants.0.iter().cloned());
                let rewritten = attempt(&bench, &actor, move |work| work.access().update_role(&mut role.clone()));
                let what = format!("{acting} lets the role {of} say what {to} says");
                expect(&what, rewritten, acting, of == acting, allowed);
            }
        }
    }
}

fn expect(what: &str, done: Result<()>, acting: &str, own: bool, allowed: bool) {
    if !["Boss", "Manager"].contains(&acting) {
        assert_eq!(refusal(done), access::WRITE, "{what}");
    } else if own {
        assert_eq!(refusal(done), "access.own_rights", "{what}");
    } else if allowed {
        done.unwrap_or_else(|error| panic!("{what}: {error:?}"));
    } else {
        assert_eq!(refusal(done), access::ADMIN, "{what}");
    }
}

/// Whoever may write at one branch gives there what they hold there, and nothing elsewhere.
pub fn branches_have_their_own_managers(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (here, there) = (bench.branch("here").id, bench.branch("there").id);
    let rights = ["access.write", "customers.*"].map(|permission| Grant::permit(permission, Extent::Branch));
    let (manager, ann) = (role(&bench, "Branch manager", rights), user(&bench, "Ann"));
    give(&bench, &manager, Holder::User(ann.id), &[here]);
    let seller = role(&bench, "Seller", [Grant::permit("customers.*", Extent::Branch)]);
    let everywhere = role(&bench, "Everywhere", [Grant::permit("customers.read", Extent::All)]);
    let ben = Holder::User(user(&bench, "Ben").id);
    let ann = actor(&bench, &ann).unwrap();
    let give = |role: &Role, branches: &[BranchId]| {
        let (role, branches) = (role.id, branches.to_vec());
        bench.run_as(&ann, move |work| work.access().assign(role, ben, branches.clone()))
    };
    for branches in [&[][..], &[there], &[here, there]] {
        assert_eq!(refusal(give(&seller, branches)), access::WRITE);
    }
    assert_eq!(refusal(give(&everywhere, &[here])), access::ADMIN);
    let held = give(&seller, &[here]).unwrap();
    let wider = held.clone();
    assert_eq!(refusal(bench.run_as(&ann, move |work| work.access().reassign(&wider, [here, there]))), access::WRITE);
    // The same user has other rights at another branch (C46).
    let reader = role(&bench, "Reader", [Grant::permit("customers.read", Extent::Branch)]);
    self::give(&bench, &reader, ben, &[there]);
    let Holder::User(ben) = ben else { return };
    let ben = bench.crm.blocking().actor(&Principal::User(ben)).unwrap();
    for (permission, branch, allowed) in [
        (customers::READ, here, true),
        (customers::READ, there, true),
        (customers::WRITE, here, true),
        (customers::WRITE, there, false),
    ] {
        assert_eq!(ben.may(permission, &Target::branch(branch)), allowed, "{permission}");
    }
    bench.run_as(&ann, move |work| work.access().withdraw(&held)).unwrap();
}

/// The last admin stays, until the host puts somebody else in charge.
pub fn somebody_stays_in_charge(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let roles = bench.run(|work| work.access().install_templates()).unwrap();
    let names: Vec<_> = roles.iter().map(|role| role.name.clone()).collect();
    assert_eq!(names, [ADMIN_ROLE, "operator", "employee", "customer", "partner"]);
    let again = bench.run(|work| work.access().install_templates()).unwrap();
    assert_eq!(again, roles, "what is up to date stays as it is");
    let admin = roles[0].clone();
    let changed = admin.clone();
    assert_eq!(refusal(bench.run(move |work| work.access().update_role(&mut changed.clone()))), "role.built_in");
    let removed = admin.clone();
    assert_eq!(refusal(bench.run(move |work| work.access().remove_role(&removed))), "role.built_in");

    let (ann, ben) = (user(&bench, "Ann"), user(&bench, "Ben"));
    let held = give(&bench, &admin, Holder::User(ann.id), &[]);
    let disable = |user: &User| {
        let user = User { active: false, ..user.clone() };
        bench.run(move |work| work.access().update_user(&mut user.clone()))
    };
    let withdraw = |held: &RoleAssignment| {
        let held = held.clone();
        bench.run(move |work| work.access().withdraw(&held))
    };
    assert_eq!(refusal(disable(&ann)), "access.last_admin");
    assert_eq!(refusal(withdraw(&held)), "access.last_admin");
    let forbids = role(&bench, "Forbids", [Grant::forbid("access.admin", Extent::Own)]);
    let forbidden = bench.run(move |work| work.access().assign(forbids.id, Holder::User(held_by(&held)), []));
    assert_eq!(refusal(forbidden), "access.last_admin");

    // Only the host recovers, and what stood in the way of the one in charge is gone.
    let ben_id = ben.id;
    let by_hand = bench.run_as(&actor(&bench, &ann).unwrap(), move |work| work.access().recover_admin(ben_id));
    assert_eq!(kind(by_hand), ErrorKind::Denied);
    let by_hand = bench.run_as(&actor(&bench, &ann).unwrap(), move |work| work.access().install_templates());
    assert_eq!(kind(by_hand), ErrorKind::Denied);
    disable(&ben).unwrap();
    let no_admin = role(&bench, "No admin", [Grant::forbid("*", Extent::All)]);
    give(&bench, &no_admin, Holder::User(ben.id), &[]);
    let group = bench.run(|work| work.access().create_group("Nobody", None)).unwrap().id;
    give(&bench, &no_admin, Holder::Group(group), &[]);
    bench.run(move |work| work.access().join(group, ben_id)).unwrap();
    bench.run(move |work| work.access().recover_admin(ben_id)).unwrap();
    let ben = actor(&bench, &ben).unwrap();
    assert!(ben.may(access::ADMIN, &Target::ANY) && ben.may(journal::READ, &Target::ANY));
    disable(&ann).unwrap();
    assert_eq!(kind(actor(&bench, &ann)), ErrorKind::Denied);
    // An actor made before may look as it did, but changes no rights any more.
    assert_eq!(bench.run(|work| work.access().who(access::ADMIN, &Target::ANY)).unwrap().len(), 1);
}

fn held_by(held: &RoleAssignment) -> access::UserId {
    held.holder.into()
}

/// Whoever lost their rights changes none, with an actor from before too.
pub fn old_actors_change_no_rights(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let (ann, ben) = (user(&bench, "Ann"), user(&bench, "Ben"));
    let boss = role(&bench, "Boss", [Grant::permit("*", Extent::All)]);
    let reader = role(&bench, "Reader", [Grant::permit("customers.read", Extent::All)]);
    give(&bench, &boss, Holder::User(ben.id), &[]);
    let held = give(&bench, &boss, Holder::User(ann.id), &[]);
    let old = actor(&bench, &ann).unwrap();
    bench.run(move |work| work.access().withdraw(&held)).unwrap();
    let (reader, ben) = (reader.id, Holder::User(ben.id));
    let late = bench.run_as(&old, move |work| work.access().assign(reader, ben, []));
    assert_eq!(kind(late), ErrorKind::Denied);
}

/// Changes that come at once are made one after the other, the very first too: none is lost, none is in another's way.
pub fn changes_wait_for_each_other(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let rounds = race(8, 3, |turn| {
        let name = format!("{} {}", turn.round, turn.worker);
        bench.run(move |work| work.access().create_user(&name))
    });
    assert!(rounds.iter().all(|round| round.lost.is_empty()), "{rounds:?}");
    let state: AccessState = bench.run(|work| work.get(Uuid::nil())).unwrap();
    assert_eq!(serde_json::to_value(state.version).unwrap(), 1 + 8 * 3);
    // Two admins who disable each other: one of them stays.
    let boss = role(&bench, "Boss", [Grant::permit("*", Extent::All)]);
    let bosses = [user(&bench, "Ann"), user(&bench, "Ben")];
    for user in &bosses {
        give(&bench, &boss, Holder::User(user.id), &[]);
    }
    let actors = [actor(&bench, &bosses[0]).unwrap(), actor(&bench, &bosses[1]).unwrap()];
    let rounds = race(2, 1, |turn| {
        let other = User { active: false, ..bosses[1 - turn.worker].clone() };
        bench.run_as(&actors[turn.worker], move |work| work.access().update_user(&mut other.clone()))
    });
    assert_eq!((rounds[0].won.len(), rounds[0].lost.len()), (1, 1), "{rounds:?}");
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let names = vec!["customers.read", "purchases.read", "branches.read", "access.read", "customers.*", "*"];
    let effects = prop_oneof![3 => Just(Effect::Permit), 1 => Just(Effect::Forbid)];
    (prop::sample::select(names), effects, prop::sample::select(Extent::ALL)).prop_map(|(name, effect, extent)| Grant {
        permission: name.to_owned(),
        effect,
        extent,
    })
}

/// What everybody of a kind sees in a list is what they may see of all there is, one by one too.
fn lists_agree<E>(bench: &Bench, actor: &Actor, permission: &'static str)
where
    E: access::Scoped + PartialEq + std::fmt::Debug,
{
    let all: Vec<E> = bench.run(|work| work.select(Filter::all()).all()).unwrap();
    let may: Vec<E> = all.iter().filter(|one| actor.may(permission, &one.target())).cloned().collect();
    let seen = bench.run_as(actor, move |work| {
        let Ok(mut within) = work.within(permission) else { return Ok((Vec::new(), 0)) };
        Ok((within.select(Filter::<E>::all()).all()?, within.count(Filter::<E>::all())?))
    });
    let (seen, count) = seen.unwrap();
    assert_eq!(seen, may, "{permission} of {}", actor.principal());
    assert_eq!(count, may.len() as u64);
    for one in all {
        let id = one.id();
        let found = bench.run_as(actor, move |work| match work.within(permission) {
            Ok(mut within) => within.find::<E>(&id),
            Err(_) => Ok(None),
        });
        assert_eq!(found.unwrap().is_some(), may.contains(&one));
    }
}

/// A list is what its viewer may see, on any policy and any store; and what may be seen is explained.
pub fn lists_are_what_may_be_seen(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let branches = ["a", "b", "c"].map(|name| bench.branch(name).id);
    let users = ["Ann", "Ben", "Cid"].map(|name| user(&bench, name).id);
    let product = bench.goods("seen", 100);
    let customers: Vec<CustomerId> = draw((prop::option::of(0..3_usize), prop::option::of(0..3_usize)), 12)
        .into_iter()
        .map(|(branch, owner)| {
            let branch = branch.map(|at| branches[at]);
            let customer = bench.customer(NewCustomer { branch, ..NewCustomer::person("Seen") });
            let owned = Customer { owner_id: owner.map(|at| users[at]), ..customer.clone() };
            bench.run(move |work| work.customers().update(&mut owned.clone())).unwrap();
            customer.id
        })
        .collect();
    for branch in branches {
        receive(&bench, &product, branch, 50);
    }
    for (n, (branch, customer)) in draw((0..3_usize, prop::option::of(0..12_usize)), 12).into_iter().enumerate() {
        let customer = customer.map(|at| customers[at]);
        let new = NewPurchase { customer, ..sale(branches[branch], &n.to_string(), product.id, 1) };
        bench.run(move |work| work.purchases().record(&new, &n.to_string())).unwrap();
    }
    // Whoever a drawn role puts in charge is not the last.
    let boss = role(&bench, "Boss", [Grant::permit("*", Extent::All)]);
    give(&bench, &boss, Holder::User(user(&bench, "Dan").id), &[]);
    let top = bench.run(|work| work.access().create_group("Top", None)).unwrap().id;
    let below = bench.run(move |work| work.access().create_group("Below", Some(top))).unwrap().id;
    for (group, user) in [(top, users[0]), (below, users[1])] {
        bench.run(move |work| work.access().join(group, user)).unwrap();
    }
    let holders = [
        Holder::User(users[0]),
        Holder::User(users[2]),
        Holder::Group(top),
        Holder::Group(below),
        Holder::Customer(customers[0]),
        Holder::EveryCustomer,
        Holder::Anonymous,
    ];
    let principals = users.map(Principal::User).into_iter().chain([
        Principal::Customer(customers[0]),
        Principal::Partner(customers[1]),
        Principal::Anonymous,
    ]);
    let principals: Vec<Principal> = principals.collect();
    let policies = draw(
        prop::collection::vec(
            (
                prop::collection::vec(any_grant(), 1..4),
                prop::sample::select(holders.to_vec()),
                prop::sample::subsequence(branches.to_vec(), 0..3),
            ),
            1..5,
        ),
        6,
    );
    for roles in policies {
        let given = roles.into_iter().enumerate().map(|(n, (grants, holder, branches))| {
            let role = role(&bench, &format!("Drawn {n}"), grants);
            let held = give(&bench, &role, holder, &branches);
            (role, held)
        });
        let given: Vec<_> = given.collect();
        for principal in &principals {
            let actor = bench.crm.blocking().actor(principal).unwrap();
            lists_agree::<Customer>(&bench, &actor, customers::READ);
            lists_agree::<Purchase>(&bench, &actor, purchases::READ);
            lists_agree::<branches::Branch>(&bench, &actor, branches::READ);
            lists_agree::<User>(&bench, &actor, access::READ);
            let asked = principal.clone();
            let decided = bench.run(move |work| {
                let all: Vec<Customer> = work.select(Filter::all()).all()?;
                all.iter()
                    .map(|one| {
                        let target = access::Scoped::target(one);
                        Ok((target, work.access().explain(&asked, customers::READ, &target)?.decision))
                    })
                    .collect::<Result<Vec<_>>>()
            });
            for (target, decision) in decided.unwrap() {
                assert_eq!(decision == Decision::Allowed, actor.may(customers::READ, &target));
            }
        }
        for (role, held) in given {
            bench
                .run(move |work| {
                    work.access().withdraw(&held)?;
                    work.access().remove_role(&role)
                })
                .unwrap();
        }
    }
}

/// Acts that begin after their right was taken away, before the race ends.
const LATE_ACTS: usize = 10_000;

/// While a right comes and goes, nothing that is begun after it was taken away succeeds.
pub fn nothing_begins_after_a_revocation(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let ann = user(&bench, "Ann");
    let reader = role(&bench, "Reader", [Grant::permit(catalog::READ, Extent::All)]);
    // Even while the right is taken away; a number, for it may have come and gone while somebody acted.
    let (changes, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (late, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    struct Ends<'o>(&'o AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let rounds = race(4, 1, |turn| {
        let _ends = Ends(&over);
        if turn.worker == 0 {
            while late.load(Ordering::SeqCst) < LATE_ACTS && !over.load(Ordering::SeqCst) {
                let (before, succeeded) = (late.load(Ordering::SeqCst), done.load(Ordering::SeqCst));
                changes.fetch_add(1, Ordering::SeqCst);
                let held = give(&bench, &reader, Holder::User(ann.id), &[]);
                while done.load(Ordering::SeqCst) == succeeded && !over.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                bench.run(move |work| work.access().withdraw(&held))?;
                changes.fetch_add(1, Ordering::SeqCst);
                while late.load(Ordering::SeqCst) < before + LATE_ACTS / 50 && !over.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
            }
            return Ok(());
        }
        while !over.load(Ordering::SeqCst) {
            let begun = changes.load(Ordering::SeqCst);
            let acted = actor(&bench, &ann).and_then(|actor| {
                bench.crm.blocking().read(&actor, "act", |work| work.permit(catalog::READ, &Target::ANY).map(|_| ()))
            });
            // Only what was late from beginning to end counts.
            if begun.is_multiple_of(2) && changes.load(Ordering::SeqCst) == begun {
                late.fetch_add(1, Ordering::SeqCst);
                assert_eq!(kind(acted), ErrorKind::Denied, "begun after the right was taken away");
            } else if acted.is_ok() {
                done.fetch_add(1, Ordering::SeqCst);
            }
        }
        Ok(())
    });
    assert!(rounds.iter().all(|round| round.lost.is_empty()), "{rounds:?}");
    assert!(late.load(Ordering::SeqCst) >= LATE_ACTS && done.load(Ordering::SeqCst) >= 50);
}

/// What a role hides is empty wherever it is read, cannot be asked for, and survives being written back.
pub fn hidden_columns_stay_hidden(factory: Factory<'_>) {
    let bench = Bench::open(factory);
    let ann = user(&bench, "Ann");
    let field = |column: &str| HiddenField { kind: "customer".into(), column: column.into() };
    let grants = [customers::READ, customers::WRITE].map(|permission| Grant::permit(permission, Extent::All));
    let hidden = ["phone", "card_no", "birth_date"].map(field).into();
    let blind = bench.run(move |work| {
        let grants = grants.to_vec();
        work.access().create_role(NewRole {
            hidden: std::collections::BTreeSet::clone(&hidden),
            ..NewRole::named("Blind", grants)
        })
    });
    give(&bench, &blind.unwrap(), Holder::User(ann.id), &[]);
    let birth_date = crate::kernel::time::CivilDate::new(1979, 2, 11).unwrap();
    let whole = bench.customer(NewCustomer {
        birth_date: Some(birth_date),
        ..NewCustomer::person("Sara Kohen").with_phone("+972502345678").with_email("sara@example.org").with_card("C 17")
    });
    let ann = actor(&bench, &ann).unwrap();
    let id = whole.id;
    let seen = |customer: &Customer| {
        assert_eq!((&customer.phone, &customer.card_no, customer.birth_date), (&None, &None, None));
        assert_eq!((&customer.name, &customer.email), (&whole.name, &whole.email));
    };
    let limit = Limit::default();
    seen(&bench.run_as(&ann, move |work| work.customers().get(id)).unwrap());
    seen(&bench.run_as(&ann, move |work| work.customers().page(Filter::all(), limit, None)).unwrap().items[0]);
    let found = |term: &'static str| bench.run_as(&ann, move |work| work.customers().search(term, limit)).unwrap();
    seen(&found("kohen")[0].customer);
    seen(&found("sara@example.org")[0].customer);
    for hidden in ["5678", "+972 50 234 5678", "C 17"] {
        assert_eq!(found(hidden), [], "{hidden}");
    }
    let by_phone = Identifiers { phone: Some("+972502345678".into()), ..Identifiers::default() };
    assert_eq!(kind(bench.run_as(&ann, move |work| work.customers().identify(&by_phone))), ErrorKind::NotFound);
    for guess in
        [customer::birth_date.eq(birth_date), customer::phone.is_null().not(), customer::card_no.starts_with("C")]
    {
        let listed = guess.clone();
        assert_eq!(
            refusal(bench.run_as(&ann, move |work| work.customers().page(listed.clone(), limit, None))),
            "field.hidden"
        );
        let counted = bench.run_as(&ann, move |work| work.within(customers::READ)?.count(guess.clone()));
        assert_eq!(refusal(counted), "field.hidden");
    }
    // Ann writes back what she has read, with another name, and with a phone she made up.
    bench
        .run_as(&ann, move |work| {
            let mut customer = work.customers().get(id)?;
            customer.name = "Sara Cohen".into();
            customer.phone = Some(crate::kernel::phone::Phone::from_e164("+48600000000")?);
            work.customers().update(&mut customer)
        })
        .unwrap();
    let stored = bench.read(move |work| work.customers().get(id)).unwrap();
    assert_eq!(stored.name, "Sara Cohen");
    assert_eq!((&stored.phone, &stored.card_no, stored.birth_date), (&whole.phone, &whole.card_no, whole.birth_date));
    for (kind, column) in [("customer", "name"), ("product", "category_id"), ("customer", "stage")] {
        let hidden = std::collections::BTreeSet::from([HiddenField { kind: kind.into(), column: column.into() }]);
        let new = NewRole { hidden, ..NewRole::named("Odd", []) };
        assert_eq!(refusal(bench.run(move |work| work.access().create_role(new.clone()))), "role.column_shown");
    }
    bench.verify();
}
