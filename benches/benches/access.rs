//! Decisions per second of one core, while the number of grants grows: through our policy, and by hand as a look-up in a
//! set of (user, permission, branch). Then what narrowing adds to a page of a list.

#![allow(clippy::cast_precision_loss, reason = "figures for people: counts far below 2^52")]

use std::collections::{BTreeSet, HashSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use crm_benches::Result;
use crm_benches::report::{Table, median};
use crm_benches::{cpu, machine, narrowing};
use crm_core::access::{
    Actor, Extent, Grant, Holder, Policy, Principal, Role, RoleAssignment, Snapshot, Target, User, UserId,
};
use crm_core::branches::BranchId;
use crm_core::work::{Json, Version};
use uuid::Uuid;

/// What there is to ask for. A role grants the first half.
const PERMISSIONS: [&str; 20] = [
    "branches.read",
    "catalog.read",
    "catalog.stock",
    "catalog.write",
    "customers.read",
    "customers.write",
    "journal.read",
    "outbox.deliver",
    "purchases.read",
    "purchases.record",
    "purchases.set_price",
    "branches.write",
    "access.read",
    "access.write",
    "access.admin",
    "access.login",
    "requests.answer",
    "requests.read",
    "requests.write",
    "forms.read",
];
const GRANTED: usize = PERMISSIONS.len() / 2;
const BRANCHES: u128 = 50;
/// Questions that one actor is asked in a row: what a request of a person comes to.
const IN_A_ROW: usize = 20;
const QUESTIONS: usize = 200_000;

type Question = (usize, &'static str, BranchId);

fn main() -> Result<()> {
    let smoke = !std::env::args().any(|arg| arg == "--bench");
    let (cell, rounds) = if smoke { (Duration::from_millis(5), 1) } else { (Duration::from_millis(300), 5) };
    let dir = tempfile::tempdir()?;
    println!("{}", machine::describe(dir.path())?);
    println!(
        "one core; each user holds {GRANTED} permissions at one branch of {BRANCHES}; half of the answers are yes."
    );
    println!(
        "in a row: {IN_A_ROW} questions to one actor, then to another; mixed: each to another actor than the last.\n"
    );
    let headings = ["grants", "actor, /s", "in a row, /s", "by hand, /s", "ratio", "mixed, /s", "by hand, /s", "ratio"];
    let mut table = Table::new(&headings);
    let sizes: &[usize] = if smoke { &[10, 1_000] } else { &[10, 1_000, 100_000] };
    for &grants in sizes {
        let users = grants / GRANTED;
        let policy = policy(users);
        let actors = (0..users).map(|n| policy.actor(&principal(n))).collect::<crm_core::Result<Vec<_>>>()?;
        let set = by_hand(users);
        let mut cells = vec![grants.to_string(), figure(makes_actors(&policy, users, cell, rounds))];
        for in_a_row in [IN_A_ROW, 1] {
            let asked = questions(users, in_a_row);
            check(&asked, &actors, &set)?;
            let ours = rate(&asked, cell, rounds, |question| ours(&actors, question));
            let hand = rate(&asked, cell, rounds, |question| look_up(&set, question));
            cells.extend([figure(ours), figure(hand), format!("{:.2}", ours / hand)]);
        }
        table.row(cells);
    }
    table.print();
    let (customers, repeats) = if smoke { (1_000, 10) } else { (100_000, 2_000) };
    println!("a page of 50 of {customers} customers on SQLite, p50 of {repeats}, in turns:\n");
    narrowing::pages(dir.path(), customers, repeats)?.print();
    Ok(())
}

fn figure(rate: f64) -> String {
    format!("{rate:.0}")
}

fn principal(user: usize) -> Principal {
    Principal::User(user_id(user))
}

fn user_id(user: usize) -> UserId {
    Uuid::from_u128(1_000 + user as u128).into()
}

fn home(user: usize) -> BranchId {
    branch(user as u128 % BRANCHES)
}

fn branch(n: u128) -> BranchId {
    Uuid::from_u128(n + 1).into()
}

fn policy(users: usize) -> Policy {
    let role_id = Uuid::from_u128(1).into();
    let grants =
        PERMISSIONS.iter().take(GRANTED).map(|permission| Grant::permit(*permission, Extent::Branch)).collect();
    let role = Role {
        id: role_id,
        version: Version::FIRST,
        name: "operator".into(),
        folded_name: "operator".into(),
        grants: Json(grants),
        hidden: Json(BTreeSet::new()),
        built_in: false,
    };
    let user = |n| User { id: user_id(n), version: Version::FIRST, name: String::new(), active: true };
    let assignment = |n| {
        let (holder_kind, holder) = Holder::User(user_id(n)).parts();
        let branches = Json([home(n)].into());
        RoleAssignment { id: holder.into(), version: Version::FIRST, role_id, holder_kind, holder, branches }
    };
    let snapshot = Snapshot {
        users: (0..users).map(user).collect(),
        roles: vec![role],
        assignments: (0..users).map(assignment).collect(),
        ..Snapshot::default()
    };
    Policy::compile(snapshot, &PERMISSIONS)
}

fn by_hand(users: usize) -> HashSet<(UserId, &'static str, BranchId)> {
    let of = |user: usize| PERMISSIONS.iter().take(GRANTED).map(move |name| (user_id(user), *name, home(user)));
    (0..users).flat_map(of).collect()
}

fn questions(users: usize, in_a_row: usize) -> Vec<Question> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut user = 0;
    let question = |n: usize| {
        if n.is_multiple_of(in_a_row) {
            user = random.usize(..users);
        }
        let yes = random.bool();
        let permission = if yes { random.usize(..GRANTED) } else { random.usize(..PERMISSIONS.len()) };
        let place = if yes { home(user) } else { branch(random.u128(..BRANCHES)) };
        (user, PERMISSIONS.get(permission).copied().unwrap_or_default(), place)
    };
    (0..QUESTIONS).map(question).collect()
}

fn ours(actors: &[Actor], (user, permission, branch): &Question) -> bool {
    actors.get(*user).is_some_and(|actor| actor.may(permission, &Target::branch(*branch)))
}

fn look_up(set: &HashSet<(UserId, &'static str, BranchId)>, (user, permission, branch): &Question) -> bool {
    set.contains(&(user_id(*user), *permission, *branch))
}

/// Both say the same.
fn check(asked: &[Question], actors: &[Actor], set: &HashSet<(UserId, &'static str, BranchId)>) -> Result<()> {
    match asked.iter().find(|question| ours(actors, question) != look_up(set, question)) {
        Some((user, permission, _)) => Err(format!("user {user} and {permission}: two answers").into()),
        None => Ok(()),
    }
}

/// Questions answered in a second: the median of the rounds.
fn rate(asked: &[Question], cell: Duration, rounds: usize, mut answer: impl FnMut(&Question) -> bool) -> f64 {
    per_second(
        cell,
        rounds,
        || asked.iter().map(|question| usize::from(answer(black_box(question)))).sum(),
        asked.len(),
    )
}

/// Actors made in a second: what the beginning of a request costs, beside reading one row.
fn makes_actors(policy: &Policy, users: usize, cell: Duration, rounds: usize) -> f64 {
    let all = || (0..users).filter(|user| policy.actor(black_box(&principal(*user))).is_ok()).count();
    per_second(cell, rounds, all, users)
}

fn per_second(cell: Duration, rounds: usize, mut once: impl FnMut() -> usize, counts: usize) -> f64 {
    // Time on the core, where it is told: what else runs on the machine does not count.
    let origin = Instant::now();
    let now = || cpu::of_this_process().unwrap_or_else(|| origin.elapsed());
    let round = |_| {
        let (start, mut done) = (now(), 0);
        loop {
            black_box(once());
            done += counts;
            let taken = now().saturating_sub(start);
            if taken >= cell {
                return done as f64 / taken.as_secs_f64();
            }
        }
    };
    median((0..rounds).map(round).collect())
}
