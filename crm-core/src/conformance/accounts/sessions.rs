//! Sessions and tokens: which live, and which are dead.

use std::time::Duration;

use super::{ANOTHER, PASSWORD, home, identifier, open, rule, user};
use crate::access::{Actor, Principal, Reach, Region};
use crate::accounts::{self, ApiToken, By, Code, Credential, Guard, Session, SessionId, SignedIn, Token};
use crate::conformance::bench::{Bench, Factory};
use crate::conformance::race;
use crate::customers::{NewCustomer, Stage};
use crate::kernel::id::split_mix;
use crate::work::{Filter, Permit};
use crate::{ErrorKind, Result};

/// What the oracle knows of a session.
struct Known {
    token: Token,
    id: SessionId,
    owner: usize,
    /// Minutes since it began, and since it was used.
    age: u64,
    unused: u64,
    ended: bool,
}

/// Random events, and after each of them every token there ever was is tried: exactly those open that an oracle says, and
/// none of an ended session ever does. As many events as `CRM_SESSION_EVENTS` says, 120 without; of the tokens of sessions
/// that have ended, the last 20 are tried.
pub fn keep_sessions_as_an_oracle_does(factory: Factory<'_>) {
    const TO_A_STORE: u64 = 2_000;
    let events = crate::conformance::repeats("CRM_SESSION_EVENTS", 120);
    let stores = events.div_ceil(TO_A_STORE).max(2);
    let tried: u64 = (1..=stores).map(|seed| sessions_of(&open(factory), seed, events / stores)).sum();
    println!("{} events, {tried} tokens tried", events / stores * stores);
}

/// Returns how many tokens were tried.
fn sessions_of(bench: &Bench, seed: u64, events: u64) -> u64 {
    const NAMES: [&str; 2] = ["ada@example.org", "bob@example.org"];
    let ids = [bench.member(1, NAMES[0]), bench.member(2, NAMES[1])];
    let mut state = seed;
    let mut dice = move |sides: u64| split_mix(&mut state) % sides;
    let mut passwords = [PASSWORD, PASSWORD];
    let mut disabled = [false, false];
    let mut known: Vec<Known> = Vec::new();
    let remember = |known: &mut Vec<Known>, owner, new: SignedIn, age| {
        known.push(Known { token: new.token, id: new.session, owner, age, unused: 0, ended: false });
    };
    let mut tried = 0;
    for step in 0..events {
        let owner = usize::try_from(dice(2)).unwrap();
        let of_owner: Vec<usize> =
            (0..known.len()).filter(|at| known[*at].owner == owner && !known[*at].ended).collect();
        let any = of_owner.get(usize::try_from(dice(8)).unwrap() % of_owner.len().max(1)).copied();
        match (dice(12), any) {
            (0..=3, _) => match bench.sign_in(NAMES[owner], passwords[owner], &home()) {
                Ok(new) => remember(&mut known, owner, new, 0),
                Err(error) => {
                    assert!(disabled[owner], "{error} at {step} of {seed}");
                    // How guesses are counted is another check's: here none is.
                    let forget = |work: &mut Permit<'_, '_>| {
                        let guards = work.select(Filter::<Guard>::all()).all()?;
                        guards.iter().try_for_each(|guard| work.delete(guard))
                    };
                    bench.run(forget).unwrap();
                }
            },
            (4, Some(at)) => {
                bench.wait(bench.gate().sign_out(&known[at].token)).unwrap();
                known[at].ended = true;
            }
            (5, Some(at)) => {
                let new = if passwords[owner] == PASSWORD { ANOTHER } else { PASSWORD };
                let changed =
                    bench.wait(bench.gate().change_password(&known[at].token, passwords[owner], new, &home()));
                let changed = changed.unwrap();
                passwords[owner] = new;
                known.iter_mut().filter(|one| one.owner == owner).for_each(|one| one.ended = true);
                remember(&mut known, owner, changed, 0);
            }
            (6, Some(at)) => {
                let elevated = bench.wait(bench.gate().elevate(&known[at].token, passwords[owner], &home())).unwrap();
                known[at].ended = true;
                let age = known[at].age;
                remember(&mut known, owner, elevated, age);
            }
            (7, Some(at)) => {
                bench.wait(bench.gate().end_session(&known[at].token, None)).unwrap();
                let kept = known[at].id;
                known.iter_mut().filter(|one| one.owner == owner && one.id != kept).for_each(|one| one.ended = true);
            }
            (8, _) => {
                let (id, disable) = (ids[owner], !disabled[owner]);
                bench
                    .run(move |work| if disable { work.accounts().disable(id) } else { work.accounts().enable(id) })
                    .unwrap();
                disabled[owner] = disable;
                known.iter_mut().filter(|one| one.owner == owner).for_each(|one| one.ended = true);
            }
            (9, _) => {
                let id = ids[owner];
                bench.run(move |work| work.accounts().end_sessions(id, None)).unwrap();
                known.iter_mut().filter(|one| one.owner == owner).for_each(|one| one.ended = true);
            }
            _ => {
                let minutes = [1, 10, 59, 60, 400][usize::try_from(dice(5)).unwrap()];
                bench.minutes(minutes);
                for one in &mut known {
                    one.age += minutes;
                    one.unused += minutes;
                    one.ended |= one.age >= 24 * 60 || one.unused >= 60;
                }
            }
        }
        let ended = known.iter().filter(|one| one.ended).count();
        let mut too_many = ended.saturating_sub(20);
        known.retain(|one| {
            let forgotten = one.ended && too_many > 0;
            too_many -= usize::from(forgotten);
            !forgotten
        });
        for one in &mut known {
            tried += 1;
            let opened = bench.authenticate(&one.token);
            assert_eq!(opened.is_ok(), !one.ended, "step {step} of {seed}: {opened:?}");
            if opened.is_ok() {
                one.unused = 0;
            }
        }
    }
    tried
}

/// While a password is changed, others use its sessions: none is let in once the change was answered.
pub fn end_sessions_with_the_password(factory: Factory<'_>) {
    let bench = open(factory);
    bench.member(1, "ada@example.org");
    for round in 0..5 {
        let (old, new) = if round % 2 == 0 { (PASSWORD, ANOTHER) } else { (ANOTHER, PASSWORD) };
        let sessions: Vec<SignedIn> = (0..4).map(|_| bench.sign_in("ada@example.org", old, &home()).unwrap()).collect();
        let changer = bench.sign_in("ada@example.org", old, &home()).unwrap();
        let ended = race(5, 1, |turn| -> Result<()> {
            match sessions.get(turn.worker) {
                Some(session) => bench.authenticate(&session.token).map(|_| ()),
                None => bench.wait(bench.gate().change_password(&changer.token, old, new, &home())).map(|_| ()),
            }
        });
        // Whether those were in time is chance; that they come too late now is not.
        assert!(!ended[0].won.is_empty(), "the password was changed");
        for session in sessions.iter().chain([&changer]) {
            assert_eq!(rule(bench.authenticate(&session.token)), "session.refused");
        }
        // Two changes at once: one wins.
        let one = bench.sign_in("ada@example.org", new, &home()).unwrap();
        let rounds = race(2, 1, |turn| {
            let next = format!("{new} and {} {round}", turn.worker);
            bench.wait(bench.gate().change_password(&one.token, new, &next, &home())).map(|signed_in| (next, signed_in))
        });
        assert_eq!(rounds[0].won.len(), 1, "{:?}", rounds[0].lost);
        let (present, session) = &rounds[0].won[0];
        bench.wait(bench.gate().change_password(&session.token, present, new, &home())).unwrap();
    }
}

/// API tokens: for some permissions, until they end or are revoked, and never longer than their owner.
pub fn have_api_tokens(factory: Factory<'_>) {
    let bench = open(factory);
    let id = bench.member(1, "ada@example.org");
    bench.member(2, "bob@example.org");
    let gate = bench.gate();
    let session = bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    let create =
        |token: &Token, scopes: &[&str], end| bench.wait(gate.create_api_token(token, "the till", scopes, end));
    assert_eq!(rule(create(&session.token, &["customers.read"], None)), "session.not_elevated");
    let elevated = bench.wait(gate.elevate(&session.token, PASSWORD, &home())).unwrap();
    assert!(bench.authenticate(&elevated.token).unwrap().elevated);
    assert_eq!(rule(bench.authenticate(&session.token)), "session.refused", "rotated");
    let now = || bench.crm.shared().clock.now();
    assert_eq!(rule(create(&elevated.token, &[], None)), "token.scopes");
    assert_eq!(rule(create(&elevated.token, &["customers.raed"], None)), "token.scopes");
    assert_eq!(rule(create(&elevated.token, &["customers.read"], Some(now()))), "token.expires_at");
    let end = now().checked_add(Duration::from_secs(86_400)).unwrap();
    let (short, _) = create(&elevated.token, &["customers.read"], Some(end)).unwrap();
    let (long, stored) = create(&elevated.token, &["customers.read", "catalog.read", "catalog.read"], None).unwrap();
    assert!(long.expose().starts_with(&stored.shown) && long.expose().len() > 40 + stored.shown.len() - 12);
    let seen = bench.authenticate(&long).unwrap();
    assert_eq!((seen.principal, seen.credential, seen.elevated), (user(1), id, false));
    let By::ApiToken(_, scopes) = seen.by else { panic!("{:?}", seen.by) };
    assert_eq!(scopes.into_iter().collect::<Vec<_>>(), ["catalog.read", "customers.read"]);
    // What a person can do for themselves, a program cannot.
    assert_eq!(rule(bench.wait(gate.sessions(&long))), "session.refused");
    assert_eq!(bench.wait(gate.api_tokens(&elevated.token)).unwrap().len(), 2);
    bench.minutes(15);
    assert_eq!(rule(create(&elevated.token, &["customers.read"], None)), "session.not_elevated", "not for long");
    // It outlives a change of the password, and not a disabled or compromised credential.
    bench.wait(gate.change_password(&elevated.token, PASSWORD, ANOTHER, &home())).unwrap();
    assert!(bench.authenticate(&long).is_ok());
    bench.run(move |work| work.accounts().disable(id)).unwrap();
    assert_eq!(rule(bench.authenticate(&long)), "session.refused");
    bench.run(move |work| work.accounts().enable(id)).unwrap();
    assert!(bench.authenticate(&long).is_ok() && bench.authenticate(&short).is_ok());
    bench.clock.set(end);
    assert_eq!(rule(bench.authenticate(&short)), "session.refused");
    let session = bench.sign_in("ada@example.org", ANOTHER, &home()).unwrap();
    let bob = bench.sign_in("bob@example.org", PASSWORD, &home()).unwrap();
    let revoke = |token: &Token| bench.wait(gate.revoke_api_token(token, stored.id));
    assert_eq!(revoke(&bob.token).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        bench.wait(gate.end_session(&bob.token, Some(session.session))).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    bench.run(move |work| work.accounts().compromised(id)).unwrap();
    assert_eq!(rule(bench.authenticate(&long)), "session.refused");
    let limited = bench.sign_in("ada@example.org", ANOTHER, &home()).unwrap();
    let session = bench.wait(gate.replace_password(&limited.token, PASSWORD)).unwrap();
    assert!(bench.authenticate(&long).is_ok());
    revoke(&session.token).unwrap();
    assert_eq!(rule(bench.authenticate(&long)), "session.refused");
    for made_up in ["", "crm_api_", &format!("crm_api_{}", "A".repeat(43)), &"A".repeat(43), &"A".repeat(1 << 20)] {
        assert_eq!(rule(bench.authenticate(&Token::from_request(made_up))), "session.refused");
    }
}

/// An administrator reaches the credentials of those they reach, and no others; a deleted credential leaves nothing.
pub fn are_administered(factory: Factory<'_>) {
    let bench = open(factory);
    let (here, there) = (bench.branch("here").id, bench.branch("there").id);
    let customer = |branch, name: &str| {
        let new = NewCustomer { branch: Some(branch), stage: Stage::Customer, ..NewCustomer::person(name) };
        bench.customer(new).id
    };
    let near = bench.credential(Principal::Customer(customer(here, "Near")), "near@example.org");
    let far = bench.credential(Principal::Customer(customer(there, "Far")), "far@example.org");
    let staff = bench.member(1, "ada@example.org");
    let operator = Actor::new(user(7))
        .granted(accounts::MANAGE, Region::branches([here]))
        .granted(accounts::READ, Region::branches([here]));
    for (id, within) in [(near, true), (far, false), (staff, false), (uuid::Uuid::from_u128(1).into(), false)] {
        let results = [
            bench.run_as(&operator, move |work| work.accounts().get(id).map(|_| ())),
            bench.run_as(&operator, move |work| work.accounts().sessions(id).map(|_| ())),
            bench.run_as(&operator, move |work| work.accounts().invite(id).map(|_| ())),
            bench.run_as(&operator, move |work| work.accounts().disable(id)),
            bench.run_as(&operator, move |work| work.accounts().enable(id)),
            bench.run_as(&operator, move |work| work.accounts().set_valid_until(id, None)),
            bench.run_as(&operator, move |work| work.accounts().compromised(id)),
            bench.run_as(&operator, move |work| work.accounts().end_sessions(id, None)),
            bench.run_as(&operator, move |work| work.accounts().drop_factor(id)),
            bench.run_as(&operator, move |work| work.accounts().set_identifier(id, &identifier("near2@example.org"))),
            bench.wait(bench.gate().set_temporary_password(&operator, id, "a word for the first day")),
            bench.run_as(&operator, move |work| work.accounts().delete(id)),
        ];
        for result in results {
            match result {
                Ok(()) => assert!(within),
                Err(error) => {
                    assert!(!within, "{error}");
                    assert_eq!(error.to_string(), format!("credential {id} not found"), "as if it were not there");
                }
            }
        }
    }
    let nobody = bench.run_as(&Actor::new(user(7)), move |work| work.accounts().disable(staff));
    assert_eq!(nobody.unwrap_err().kind(), ErrorKind::Denied);
    let own = Actor::new(user(7)).granted(accounts::MANAGE, Reach::all());
    let module = bench.run_as(&own, |work| work.accounts().create(&Principal::System, &identifier("root.system")));
    assert_eq!(rule(module), "credential.principal");
    let taken = bench.run(|work| work.accounts().create(&user(8), &identifier("FAR@example.org")));
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let taken = bench.run(move |work| work.accounts().set_identifier(staff, &identifier("far@example.org")));
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::AlreadyExists);
    // A credential with everything on it is deleted.
    let session = bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    let elevated = bench.wait(bench.gate().elevate(&session.token, PASSWORD, &home())).unwrap();
    let made = bench.wait(bench.gate().create_api_token(&elevated.token, "x", &["customers.read"], None)).unwrap();
    bench.wait(bench.gate().forgot_password(&identifier("ada@example.org"), &home())).unwrap();
    bench.run(move |work| work.accounts().delete(staff)).unwrap();
    for token in [&elevated.token, &made.0] {
        assert_eq!(rule(bench.authenticate(token)), "session.refused");
    }
    assert_eq!(rule(bench.sign_in("ada@example.org", PASSWORD, &home())), "sign_in.refused");
    let left = bench.read(move |work| {
        let rows = work.count(Filter::<Session>::all())? + work.count(Filter::<ApiToken>::all())?;
        Ok((rows, work.select(Filter::<Code>::all()).all()?, work.count(Filter::<Credential>::all())?))
    });
    let (rows, codes, credentials) = left.unwrap();
    assert!(rows == 0 && codes.iter().all(|code| code.credential_id != staff) && credentials == 1);
}

/// Once a second factor is on, the password alone opens nothing; each one-time password and recovery code is taken once.
pub fn ask_for_a_second_factor(factory: Factory<'_>) {
    use crate::accounts::{SessionKind, Source};

    let bench = open(factory);
    let id = bench.member(1, "ada@example.org");
    let gate = bench.gate();
    let session = bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    assert_eq!(rule(bench.wait(gate.begin_factor(&session.token, "Shop"))), "session.not_elevated");
    let elevated = bench.wait(gate.elevate(&session.token, PASSWORD, &home())).unwrap();
    let setup = bench.wait(gate.begin_factor(&elevated.token, "Shop")).unwrap();
    assert!(setup.link.starts_with("otpauth://totp/Shop:ada@example.org?secret="));
    assert!(!format!("{setup:?}").contains(&setup.secret));
    let app = |secret: &str| accounts::one_time_password(secret, bench.crm.shared().clock.now()).unwrap();
    assert_eq!(rule(bench.wait(gate.confirm_factor(&elevated.token, "000000"))), "factor.refused");
    let codes = bench.wait(gate.confirm_factor(&elevated.token, &app(&setup.secret))).unwrap();
    assert_eq!(codes.len(), 10);
    assert_eq!(rule(bench.wait(gate.begin_factor(&elevated.token, "Shop"))), "factor.is_on");

    let half = bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    assert_eq!(half.kind, SessionKind::SecondFactor);
    assert_eq!(rule(bench.authenticate(&half.token)), "session.second_factor");
    let give = |half: &SignedIn, given: &str| bench.wait(gate.second_factor(&half.token, given, &home()));
    assert_eq!(rule(give(&half, &app(&setup.secret))), "sign_in.refused", "it was used to switch it on");
    bench.minutes(1);
    let given = app(&setup.secret);
    let full = give(&half, &given).unwrap();
    assert!(bench.authenticate(&full.token).is_ok());
    assert_eq!(rule(give(&half, &given)), "session.refused", "that session has gone over into the other");
    let half = bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    assert_eq!(rule(give(&half, &given)), "sign_in.refused", "taken once");
    let recovered = give(&half, &format!(" {} ", codes[3].to_uppercase())).unwrap();
    let half = bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    assert_eq!(rule(give(&half, &codes[3])), "sign_in.refused", "taken once");
    // Guesses are counted, and an administrator helps whoever has lost everything.
    let stranger = Source::new("203.0.113.9");
    for _ in 0..10 {
        let _ = bench.wait(gate.second_factor(&half.token, "123456", &stranger));
    }
    assert_eq!(rule(bench.wait(gate.second_factor(&half.token, &codes[4], &stranger))), "sign_in.refused");
    bench.run(move |work| work.accounts().drop_factor(id)).unwrap();
    assert_eq!(rule(bench.authenticate(&recovered.token)), "session.refused");
    assert_eq!(bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap().kind, SessionKind::Full);
}
