//! Whether the time of a refusal tells why somebody was not let in (S-74), and how much memory a flood of logins takes.
//!
//! Times are of sign-ins on the in-memory store with hashes as cheap as can be, so that all but the hash shows: with a real
//! hash of tens of milliseconds the same differences drown. The reasons take turns, so that whatever else the machine does
//! meets all of them. Each is compared with a wrong password by the rank test of Mann and Whitney. That each costs
//! exactly one hash is asserted by the conformance suite, which measures no times.

#![allow(clippy::cast_precision_loss, reason = "figures for people: counts far below 2^52")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crm_benches::ranks::mann_whitney;
use crm_benches::report::{Table, micros, quantile};
use crm_benches::{Result, machine};
use crm_core::access::{Actor, Holder, Principal, UserId};
use crm_core::accounts::{AccountsPolicy, HashCost, Hasher, Identifier, LockoutPolicy, Passwords, Source};
use crm_core::kernel::time::{ManualClock, Timestamp};
use crm_core::{Crm, ErrorKind, MemoryStorage};

const PASSWORD: &str = "a heron stands in the reeds";
const WRONG: &str = "the reeds bend and it goes";

/// Why somebody is not let in: the first is what the others are compared with.
const REASONS: [(&str, &str); 6] = [
    ("a wrong password", "known@example.org"),
    ("nobody by that name", "nobody@example.org"),
    ("disabled", "disabled@example.org"),
    ("no password yet", "without@example.org"),
    ("no right to log in", "rightless@example.org"),
    ("not heard", "guessed@example.org"),
];
/// Wrong guesses before one is not heard.
const FREE: u32 = 3;

fn main() -> Result<()> {
    let measuring = std::env::args().any(|arg| arg == "--bench");
    println!("{}", machine::describe(tempfile::tempdir()?.path())?);
    refusals(if measuring { 5_000 } else { 20 })?;
    flood(if measuring { 1_000 } else { 20 }, measuring)
}

fn identifier(name: &str) -> Result<Identifier> {
    Ok(Identifier::parse(name, None)?)
}

/// A store in which everybody of [`REASONS`] is who they should be.
fn shop(passwords: Passwords, clock: &Arc<ManualClock>) -> Result<Crm> {
    let crm = Crm::builder(MemoryStorage::new()).passwords(passwords).clock(clock.clone()).build_blocking()?;
    let blocking = crm.blocking();
    blocking.run(&Actor::system(), "roles", |work| {
        work.access().install_templates()?;
        let lockout = LockoutPolicy { free_per_pair: FREE, ..LockoutPolicy::default() };
        work.accounts().set_policy(AccountsPolicy { lockout, ..AccountsPolicy::default() })
    })?;
    for (reason, name) in REASONS {
        if reason == "nobody by that name" {
            continue;
        }
        let name = identifier(name)?;
        let credential = blocking.run(&Actor::system(), "a login", move |work| {
            let user: UserId = work.access().create_user("Somebody")?.id;
            let roles = work.access().roles()?;
            let employee = roles.iter().find(|role| role.name == "employee").map(|role| role.id);
            if let Some(employee) = employee.filter(|_| reason != "no right to log in") {
                work.access().assign(employee, Holder::User(user), [])?;
            }
            work.accounts().create(&Principal::User(user), &name).map(|credential| credential.id)
        })?;
        if reason != "no password yet" {
            blocking.wait(crm.accounts().set_temporary_password(&Actor::system(), credential, PASSWORD))?;
        }
        if reason == "disabled" {
            blocking.run(&Actor::system(), "disable", move |work| work.accounts().disable(credential))?;
        }
    }
    Ok(crm)
}

fn refusals(samples: usize) -> Result<()> {
    let clock = Arc::new(ManualClock::new("2025-03-21T09:00:00Z".parse::<Timestamp>()?));
    let cheap = Hasher::new(HashCost { memory_kib: 8, passes: 1, lanes: 1 }, 8, 8)?;
    let crm = shop(Passwords::new(cheap), &clock)?;
    let names = REASONS.map(|(_, name)| identifier(name));
    let source = Source::new("198.51.100.7");
    let refuse = |at: usize| -> Result<Duration> {
        let name = names[at].as_ref().map_err(ToString::to_string)?;
        let start = Instant::now();
        let refused = crm.blocking().wait(crm.accounts().sign_in(name, WRONG, &source));
        let took = start.elapsed();
        match refused {
            Err(error) if error.kind() == ErrorKind::Invalid => Ok(took),
            other => Err(format!("not refused: {:?}", other.map(|signed_in| signed_in.kind)).into()),
        }
    };
    let mut times = REASONS.map(|_| Vec::with_capacity(samples));
    let warm_up = samples / 10;
    for round in 0..samples + warm_up {
        for turn in 0..REASONS.len() {
            // Each in each place, and as often after its neighbour as before it.
            let place = if round.is_multiple_of(2) { turn } else { REASONS.len() - 1 - turn };
            let at = (place + round / 2) % REASONS.len();
            // What was guessed before is forgotten.
            clock.advance(Duration::from_secs(2 * 86_400));
            if REASONS[at].0 == "not heard" {
                for _ in 0..FREE {
                    refuse(at)?;
                }
            }
            let took = refuse(at)?;
            if round >= warm_up {
                times[at].push(took);
            }
        }
    }
    println!("{samples} refusals for each reason, in turns; time without a real hash\n");
    let mut table = Table::new(&["why", "samples", "p50, us", "p95, us", "slower than a wrong password", "p"]);
    let nanos = |times: &[Duration]| {
        times.iter().map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)).collect::<Vec<_>>()
    };
    let reference = nanos(&times[0]);
    for ((reason, _), times) in REASONS.iter().zip(&mut times) {
        let test = mann_whitney(&reference, &nanos(times));
        table.row(vec![
            (*reason).to_owned(),
            times.len().to_string(),
            micros(quantile(times, 0.5)),
            micros(quantile(times, 0.95)),
            format!("{:.1} %", 100.0 * test.larger),
            format!("{:.2e}", test.p),
        ]);
    }
    table.print();
    Ok(())
}

/// So many threads sign in at once, with hashes that cost what they should.
fn flood(logins: usize, measuring: bool) -> Result<()> {
    const AT_ONCE: usize = 4;
    let cost = if measuring { HashCost::OWASP } else { HashCost { memory_kib: 64, passes: 1, lanes: 1 } };
    println!("{logins} logins at once, {AT_ONCE} hashes at once of {} MiB each\n", cost.memory_kib / 1024);
    let mut table =
        Table::new(&["may wait", "wrong password", "turned away", "seconds", "peak before, MiB", "peak after, MiB"]);
    for waiting in [64, logins] {
        let clock = Arc::new(ManualClock::new("2025-03-21T09:00:00Z".parse::<Timestamp>()?));
        let crm = shop(Passwords::new(Hasher::new(cost, AT_ONCE, waiting)?), &clock)?;
        let before = machine::peak_kib();
        let start = Instant::now();
        let answers = std::thread::scope(|scope| {
            let knock = |n: usize| {
                let name = identifier(if n.is_multiple_of(2) { REASONS[0].1 } else { REASONS[1].1 })?;
                let source = Source::new(n.to_string());
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
                    crm.blocking().wait(crm.accounts().sign_in(&name, WRONG, &source)).map(|_| ()),
                )
            };
            let threads: Vec<_> = (0..logins).map(|n| scope.spawn(move || knock(n))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect::<Vec<_>>()
        });
        let took = start.elapsed();
        let of = |kind| {
            let is = |answer: &&Result<_>| matches!(answer, Ok(Err(error)) if crm_core::Error::kind(error) == kind);
            answers.iter().filter(is).count().to_string()
        };
        let mib = |kib: Option<u64>| kib.map_or_else(|| "?".to_owned(), |kib| (kib / 1024).to_string());
        table.row(vec![
            waiting.to_string(),
            of(ErrorKind::Invalid),
            of(ErrorKind::Busy),
            format!("{:.1}", took.as_secs_f64()),
            mib(before),
            mib(machine::peak_kib()),
        ]);
    }
    table.print();
    Ok(())
}
