//! Who is let in, and what guessers meet.

use std::time::{Duration, Instant};

use super::{ANOTHER, PASSWORD, home, identifier, open, rule, user};
use crate::access::{Actor, Holder, User};
use crate::accounts::{Guard, SessionKind, Source};
use crate::conformance::bench::Factory;
use crate::conformance::race;
use crate::journal::JournalQuery;
use crate::kernel::page::Limit;
use crate::work::Filter;
use crate::{ErrorKind, accounts};

/// The way of a new colleague: a password that works once, one of their own, in, and out again.
pub fn let_in_who_knows_the_password(factory: Factory<'_>) {
    let bench = open(factory);
    let id = bench.credential(user(1), "Ada@Example.org");
    let temporary = "a word for the first day";
    bench.wait(bench.gate().set_temporary_password(&Actor::system(), id, temporary)).unwrap();
    let first = bench.sign_in("ada@example.ORG", temporary, &home()).unwrap();
    assert_eq!((first.kind, &first.principal), (SessionKind::MustChange, &user(1)));
    assert_eq!(rule(bench.authenticate(&first.token)), "session.must_change");
    assert_eq!(rule(bench.sign_in("ada@example.org", temporary, &home())), "sign_in.refused", "it works once");
    assert_eq!(rule(bench.wait(bench.gate().replace_password(&first.token, "short"))), "password.too_short");
    assert_eq!(rule(bench.wait(bench.gate().replace_password(&first.token, temporary))), "password.reused");
    let session = bench.wait(bench.gate().replace_password(&first.token, PASSWORD)).unwrap();
    assert_eq!(session.kind, SessionKind::Full);
    assert_ne!(session.token.expose(), first.token.expose());
    assert_eq!(rule(bench.wait(bench.gate().replace_password(&first.token, ANOTHER))), "session.refused");
    let seen = bench.authenticate(&session.token).unwrap();
    assert_eq!((seen.principal, seen.credential, seen.elevated), (user(1), id, false));
    // Every way of writing the identifier is one; every character of the password counts.
    assert!(bench.sign_in(" ADA@example.org ", PASSWORD, &home()).is_ok());
    for wrong in ["", ANOTHER, &PASSWORD.to_uppercase(), &format!("{PASSWORD} "), &PASSWORD[1..], &"x".repeat(1 << 20)]
    {
        assert_eq!(rule(bench.sign_in("ada@example.org", wrong, &home())), "sign_in.refused");
    }
    bench.wait(bench.gate().sign_out(&session.token)).unwrap();
    assert_eq!(rule(bench.authenticate(&session.token)), "session.refused");
    bench.wait(bench.gate().sign_out(&session.token)).unwrap();
    bench.verify();
    let query = JournalQuery { kinds: vec![accounts::event::SIGNED_IN.to_owned()], ..JournalQuery::default() };
    let told = bench.read(move |work| work.journal().page(&query, Limit::default(), None)).unwrap().items;
    assert_eq!(told.len(), 2, "once as the password was replaced, once signing in");
    assert!(told.iter().all(|entry| entry.actor == user(1).to_string()), "the journal names who it was");
}

/// Unknown, wrong, disabled, without a password, without the right to log in, not heard: one answer, at the cost of one hash. The medians of the times
/// are printed; what is asserted is the work, which does not depend on the machine.
pub fn refuse_everybody_alike(factory: Factory<'_>) {
    const SAMPLES: usize = 12;
    let bench = open(factory);
    for (n, name) in (0..).zip(["wrong", "disabled", "locked", "dismissed", "roleless"]) {
        let id = bench.member(n, &format!("{name}@example.org"));
        if name.starts_with("disabled") {
            bench.run(move |work| work.accounts().disable(id)).unwrap();
        }
    }
    bench
        .run(|work| {
            let mut dismissed: User = work.get(uuid::Uuid::from_u128(3).into())?;
            dismissed.active = false;
            work.access().update_user(&mut dismissed)?;
            let held = work.access().assignments_of(Holder::User(uuid::Uuid::from_u128(4).into()))?;
            held.iter().try_for_each(|held| work.access().withdraw(held))
        })
        .unwrap();
    bench.credential(user(9), "passwordless@example.org");
    for _ in 0..10 {
        let _ = bench.sign_in("locked@example.org", ANOTHER, &home());
    }
    let classes = [
        ("wrong", "wrong@example.org", ANOTHER),
        ("unknown", "unknown@example.org", PASSWORD),
        ("disabled", "disabled@example.org", PASSWORD),
        ("passwordless", "passwordless@example.org", PASSWORD),
        ("dismissed", "dismissed@example.org", PASSWORD),
        ("roleless", "roleless@example.org", PASSWORD),
        ("not heard", "locked@example.org", PASSWORD),
    ];
    let mut times = vec![Vec::new(); classes.len()];
    for n in 0..SAMPLES {
        for (class, times) in classes.iter().zip(&mut times) {
            // Another source each time, but for the one that is to wait.
            let source = if class.0 == "not heard" { home() } else { Source::new(format!("{n} {}", class.0)) };
            let before = bench.passwords.hasher.made();
            let began = Instant::now();
            let error = bench.sign_in(class.1, class.2, &source).unwrap_err();
            times.push(began.elapsed());
            assert_eq!(bench.passwords.hasher.made() - before, 1, "{}", class.0);
            assert_eq!(error.to_string(), "credentials: sign_in.refused", "{}", class.0);
        }
    }
    for (class, mut times) in classes.iter().zip(times) {
        times.sort_unstable();
        println!("{}: {:?}", class.0, times[times.len() / 2]);
    }
}

/// However many guess at once, so many are heard as may be, and no right password among the others opens.
pub fn count_guesses_exactly(factory: Factory<'_>) {
    let bench = open(factory);
    bench.member(1, "ada@example.org");
    let stranger = Source::new("203.0.113.1");
    // One in three knows the password by now, but comes too late to be heard.
    for _ in 0..9 {
        assert_eq!(rule(bench.sign_in("ada@example.org", ANOTHER, &stranger)), "sign_in.refused");
    }
    let rounds = race(24, 1, |_| bench.sign_in("ada@example.org", ANOTHER, &stranger));
    assert!(rounds[0].won.is_empty());
    assert!(rounds[0].lost.iter().all(|error| error.kind() == ErrorKind::Invalid), "{:?}", rounds[0].lost);
    let guards = bench.read(|work| work.select(Filter::<Guard>::all()).all()).unwrap();
    let mut failures: Vec<u32> = guards.iter().map(|guard| guard.failures).filter(|failures| *failures > 0).collect();
    failures.sort_unstable();
    assert_eq!(failures, [10, 10, 10], "from the source, at the account, both: ten, and no more");
    assert_eq!(guards.iter().map(|guard| guard.turned_away).max(), Some(23));
    assert_eq!(rule(bench.sign_in("ada@example.org", PASSWORD, &stranger)), "sign_in.refused", "not heard");
    bench.clock.advance(Duration::from_secs(1));
    let session = bench.sign_in("ada@example.org", PASSWORD, &stranger).unwrap();
    assert_eq!(session.failures_before, 10, "worth telling the owner");
    // It was right: it begins anew.
    for _ in 0..9 {
        let _ = bench.sign_in("ada@example.org", ANOTHER, &stranger);
    }
    assert!(bench.sign_in("ada@example.org", PASSWORD, &stranger).is_ok());
    let query = JournalQuery { kinds: vec![accounts::event::GUESSING.to_owned()], ..JournalQuery::default() };
    let told = bench.read(move |work| work.journal().page(&query, Limit::default(), None)).unwrap().items;
    assert_eq!(told.len(), 1, "told once");
}

/// Strangers guess from everywhere for days: the owner gets in from where they were before, and with a code from anywhere.
pub fn lock_nobody_out(factory: Factory<'_>) {
    let bench = open(factory);
    bench.member(1, "ada@example.org");
    bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    for n in 0..130 {
        let _ = bench.sign_in("ada@example.org", ANOTHER, &Source::new(format!("a bot, {}", n / 5)));
        if n % 20 == 0 {
            bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
        }
    }
    // A hundred of them were heard; then who is new to the account waits, whatever they know.
    let new = Source::new("a hotel");
    assert_eq!(rule(bench.sign_in("ada@example.org", PASSWORD, &new)), "sign_in.refused");
    bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    bench.wait(bench.gate().forgot_password(&identifier("ada@example.org"), &new)).unwrap();
    let (_, _, id, code) = bench.codes().remove(0);
    bench.wait(bench.gate().set_password(id, &code, ANOTHER, &new)).unwrap();
    bench.sign_in("ada@example.org", ANOTHER, &new).unwrap();
    // Others at the same source are not taken along: its budget is its own.
    assert!(bench.sign_in("nobody@example.org", PASSWORD, &home()).is_err());
    // Days later everything is forgotten, and cleared away.
    bench.minutes(60 * 24 * 200);
    let mut gone = 0;
    loop {
        let pruned = bench.run(|work| work.accounts().prune(Limit::new(20)?)).unwrap();
        gone += pruned;
        if pruned == 0 {
            break;
        }
    }
    assert!(gone > 50, "{gone}");
    assert_eq!(bench.read(|work| work.count(Filter::<Guard>::all())).unwrap(), 0);
}
