//! What holds of every policy.

use proptest::prelude::*;

use super::*;

const PERMISSIONS: &[&str] = &["a.read", "a.write", "b.read", "access.admin", "access.write"];
const USERS: u128 = 4;
const GROUPS: u128 = 4;
const BRANCHES: u128 = 3;

fn any_grant() -> impl Strategy<Value = Grant> {
    let names = prop::sample::select(vec!["a.read", "a.write", "b.read", "a.*", "b.*", "*", "unknown", "access.admin"]);
    let effects = prop_oneof![3 => Just(Effect::Permit), 1 => Just(Effect::Forbid)];
    (names, effects, prop::sample::select(Extent::ALL)).prop_map(|(name, effect, extent)| Grant {
        permission: name.into(),
        effect,
        extent,
    })
}

fn any_holder() -> impl Strategy<Value = Holder> {
    prop_oneof![
        3 => (0..USERS).prop_map(|n| Holder::User(id(n))),
        3 => (0..GROUPS).prop_map(|n| Holder::Group(id(n))),
        1 => (0..2_u128).prop_map(|n| Holder::Customer(id(n))),
        1 => Just(Holder::EveryCustomer),
        1 => Just(Holder::EveryPartner),
        1 => Just(Holder::Anonymous),
    ]
}

pub(super) fn any_snapshot() -> impl Strategy<Value = Snapshot> {
    let users = prop::collection::vec(any::<bool>(), USERS as usize);
    let parents = prop::collection::vec(prop::option::of(0..GROUPS), GROUPS as usize);
    let members = prop::collection::btree_set((0..GROUPS, 0..USERS), 0..6);
    let roles = prop::collection::vec(prop::collection::vec(any_grant(), 0..4), 1..5);
    let branches = prop::collection::btree_set(0..BRANCHES, 0..3);
    let assignments = prop::collection::vec((0..5_u128, any_holder(), branches), 0..8);
    (users, parents, members, roles, assignments).prop_map(|(users, parents, members, roles, assignments)| Snapshot {
        users: (0..).zip(users).map(|(n, active)| User { active: active || n == 0, ..user(n) }).collect(),
        groups: (0..).zip(parents).map(|(n, parent)| group(n, parent)).collect(),
        members: members.into_iter().map(|(group, user)| member(group, user)).collect(),
        roles: (0..).zip(roles).map(|(n, grants)| role(n, grants)).collect(),
        assignments: (0..)
            .zip(assignments)
            .map(|(n, (role, holder, branches))| assignment(n, role, holder, branches.into_iter().map(id)))
            .collect(),
    })
}

fn principals() -> Vec<Principal> {
    let users = (0..USERS).map(|n| Principal::User(id(n)));
    let customers = (0..2).flat_map(|n| [Principal::Customer(id(n)), Principal::Partner(id(n))]);
    users.chain(customers).chain([Principal::Anonymous, Principal::System]).collect()
}

fn targets() -> Vec<Target> {
    let some = |n: u128, count: u128| (n < count).then_some(n);
    let mut targets = Vec::new();
    for branch in 0..=BRANCHES {
        for customer in 0..=2 {
            for owner in 0..=USERS {
                targets.push(Target {
                    branch: some(branch, BRANCHES).map(id),
                    customer: some(customer, 2).map(id),
                    owner: some(owner, USERS).map(id),
                });
            }
        }
    }
    targets
}

/// Everything that is allowed: principal, permission, target, by their places.
fn allowed(policy: &Policy) -> BTreeSet<(usize, usize, usize)> {
    let targets = targets();
    let mut all = BTreeSet::new();
    for (who, principal) in principals().iter().enumerate() {
        let Ok(actor) = policy.actor(principal) else { continue };
        for (what, permission) in PERMISSIONS.iter().enumerate() {
            all.extend((0..targets.len()).filter(|at| actor.may(permission, &targets[*at])).map(|at| (who, what, at)));
        }
    }
    all
}

fn compile(snapshot: &Snapshot) -> Policy {
    Policy::compile(snapshot.clone(), PERMISSIONS)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A forbid takes away, and exactly what it covers.
    #[test]
    fn forbid_beats_permit(snapshot in any_snapshot(), grant in any_grant(), holder in any_holder()) {
        let before = allowed(&compile(&snapshot));
        let mut after = snapshot.clone();
        let forbid = Grant { effect: Effect::Forbid, extent: Extent::All, ..grant.clone() };
        after.roles.push(role(99, [forbid]));
        after.assignments.push(assignment(99, 99, holder, []));
        let policy = compile(&after);
        let left = allowed(&policy);
        prop_assert!(left.is_subset(&before));
        for (who, what, at) in before.difference(&left) {
            let decided = policy.explain(&principals()[*who], PERMISSIONS[*what], &targets()[*at]).decision;
            prop_assert!(grant.names(PERMISSIONS[*what]) && decided == Decision::Forbidden);
        }
        for (who, what, _) in &left {
            let held = policy.held(&principals()[*who]).unwrap();
            prop_assert!(!grant.names(PERMISSIONS[*what]) || held.iter().all(|held| held.assignment.id != id(99)));
        }
    }

    /// Removing a role, an assignment, a permit or a membership never adds a right, as long as no forbid goes with it.
    #[test]
    fn less_never_adds(snapshot in any_snapshot(), at in any::<prop::sample::Index>()) {
        let mut permits = snapshot;
        for role in &mut permits.roles {
            role.grants.0.retain(|grant| grant.effect == Effect::Permit);
        }
        let before = allowed(&compile(&permits));
        let mut without_role = permits.clone();
        without_role.roles.remove(at.index(permits.roles.len()));
        prop_assert!(allowed(&compile(&without_role)).is_subset(&before));
        if !permits.assignments.is_empty() {
            let mut without = permits.clone();
            without.assignments.remove(at.index(permits.assignments.len()));
            prop_assert!(allowed(&compile(&without)).is_subset(&before));
        }
        if !permits.members.is_empty() {
            let mut without = permits.clone();
            without.members.remove(at.index(permits.members.len()));
            prop_assert!(allowed(&compile(&without)).is_subset(&before));
        }
    }

    /// A role that nobody holds changes nothing; nor does one of permissions that nobody defines.
    #[test]
    fn the_unrelated_changes_nothing(snapshot in any_snapshot(), grants in prop::collection::vec(any_grant(), 1..4), holder in any_holder()) {
        let before = allowed(&compile(&snapshot));
        let mut after = snapshot;
        after.roles.push(role(98, grants));
        after.roles.push(role(99, [Grant::permit("unknown", Extent::All), Grant::forbid("c.*", Extent::All)]));
        after.assignments.push(assignment(99, 99, holder, []));
        prop_assert_eq!(allowed(&compile(&after)), before);
    }

    /// The explanation and the list of who may say what the decision says; one permission says what all say.
    #[test]
    fn explanations_agree(snapshot in any_snapshot()) {
        let policy = compile(&snapshot);
        let allowed = allowed(&policy);
        let targets = targets();
        for (who, principal) in principals().iter().enumerate() {
            for (what, permission) in PERMISSIONS.iter().enumerate() {
                let reach = policy.reach(principal, permission).unwrap_or_default();
                for at in (0..targets.len()).step_by(3) {
                    let may = allowed.contains(&(who, what, at));
                    let told = policy.explain(principal, permission, &targets[at]);
                    prop_assert_eq!(told.decision == Decision::Allowed, may, "{}", told);
                    prop_assert_eq!(reach.covers(&targets[at]), may);
                    let applies = |effect| {
                        let mut grants = told.roles.iter().flat_map(|role| &role.grants);
                        grants.any(|one| one.covers && one.grant.effect == effect)
                    };
                    // The tree alone is enough to decide.
                    prop_assert_eq!(applies(Effect::Permit) && !applies(Effect::Forbid), may, "{}", told);
                }
            }
        }
        for at in (0..targets.len()).step_by(7) {
            let listed: Vec<Principal> = policy.who(PERMISSIONS[0], &targets[at]).into_iter().filter_map(|one| match one.who {
                Whom::One(principal) => Some(principal),
                Whom::EveryCustomer { .. } | Whom::EveryPartner { .. } => None,
            }).collect();
            for (who, principal) in principals().iter().enumerate().filter(|(_, one)| matches!(one, Principal::User(_) | Principal::Anonymous)) {
                prop_assert_eq!(listed.contains(principal), allowed.contains(&(who, 0, at)));
            }
        }
    }

    /// Whatever change a guard lets through, nobody gains what its writer does not hold, and the writer changes in nothing.
    #[test]
    fn guards_hold(before in any_snapshot(), after in any_snapshot(), pick in 0..8_u8, writer in 0..USERS) {
        // One part of another policy, so that the change is a small one.
        let mut changed = before.clone();
        match pick {
            0 => changed.users = after.users,
            1 => changed.groups = after.groups,
            2 => changed.members = after.members,
            3 => changed.roles[0] = Role { id: before.roles[0].id, ..after.roles[0].clone() },
            4 => changed.assignments.truncate(before.assignments.len() / 2),
            5 => changed.assignments.extend(after.assignments.into_iter().take(1).map(|one| RoleAssignment { id: id(77), ..one })),
            6 => drop(changed.members.pop()),
            _ => changed.members.push(member(0, (writer + 1) % USERS)),
        }
        let (old, new) = (compile(&before), compile(&changed));
        let Ok(writer) = old.actor(&Principal::User(id(writer))) else { return Ok(()) };
        if guard::check(&old, &new, &writer).is_ok() {
            let (was, now) = (allowed(&old), allowed(&new));
            let targets = targets();
            let admin = writer.reach(ADMIN).is_ok_and(|reach| *reach == Reach::all());
            for (who, what, at) in now.difference(&was) {
                prop_assert!(admin || writer.may(PERMISSIONS[*what], &targets[*at]));
                prop_assert!(principals()[*who] != *writer.principal());
            }
            for (who, ..) in was.difference(&now) {
                prop_assert!(principals()[*who] != *writer.principal());
            }
            prop_assert!(guard::admins(&old) == 0 || guard::admins(&new) > 0);
        }
    }
}
