//! Changing passwords, and their dates.

use std::time::Duration;

use super::{ANOTHER, PASSWORD, home, identifier, open, rule, user};
use crate::access::{Actor, Principal};
use crate::accounts::{
    AccountsPolicy, Credential, HashCost, Hasher, MustChange, PasswordExpiry, PasswordPolicy, Passwords, SessionKind,
};
use crate::conformance::bench::Factory;
use crate::customers::{NewCustomer, Stage};
use crate::{Crm, Result};

/// The present password is asked for, the new one judged, and everything of before is dead.
pub fn change_passwords(factory: Factory<'_>) {
    let bench = open(factory);
    bench.member(1, "ada.lovelace@example.org");
    let name = "ada.lovelace@example.org";
    let session = bench.sign_in(name, PASSWORD, &home()).unwrap();
    let change =
        |present: &str, new: &str| bench.wait(bench.gate().change_password(&session.token, present, new, &home()));
    assert_eq!(rule(change(ANOTHER, "a good enough password")), "sign_in.refused");
    for (new, refused) in [
        ("fourteen chars", "password.too_short"),
        ("passwordpassword", "password.repeats"),
        ("ada.lovelace@example.org", "password.context"),
        ("known to the wrong people", "password.breached"),
        (PASSWORD, "password.reused"),
    ] {
        assert_eq!(rule(change(PASSWORD, new)), refused);
    }
    let next = change(PASSWORD, ANOTHER).unwrap();
    assert_eq!(rule(bench.authenticate(&session.token)), "session.refused");
    assert!(bench.authenticate(&next.token).is_ok());
    assert_eq!(rule(bench.sign_in(name, PASSWORD, &home())), "sign_in.refused");
    bench.sign_in(name, ANOTHER, &home()).unwrap();
    // Of a customer the name is known too, and they may have a login as the stage says.
    let new = NewCustomer { stage: Stage::Customer, ..NewCustomer::person("Wilhelmina Kowalska") };
    let customer = bench.customer(new).id;
    let id = bench.credential(Principal::Customer(customer), "w@example.org");
    let set = |password: &str| bench.wait(bench.gate().set_temporary_password(&Actor::system(), id, password));
    assert_eq!(rule(set("WilhelminaKowalska1")), "password.context");
    set("a word for the first day").unwrap();
    bench
        .run(move |work| {
            let mut customer = work.customers().get(customer)?;
            customer.stage = Stage::Lead;
            work.customers().update(&mut customer)
        })
        .unwrap();
    assert_eq!(rule(bench.sign_in("w@example.org", "a word for the first day", &home())), "sign_in.refused");
}

/// By default nothing expires. With a date or an age it does, to the microsecond, for sessions and tokens too, and a
/// clock that is set back revives nothing.
pub fn expire_passwords(factory: Factory<'_>) {
    let bench = open(factory);
    let id = bench.member(1, "ada@example.org");
    let day = Duration::from_secs(86_400);
    let now = || bench.crm.shared().clock.now();
    bench.clock.advance(day * 3650);
    let session = bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    assert_eq!((session.kind, session.password_expires_at), (SessionKind::Full, None));

    // A date: the open session is limited from that instant on.
    let until = now().checked_add(Duration::from_secs(60)).unwrap();
    bench.run(move |work| work.accounts().set_valid_until(id, Some(until))).unwrap();
    bench.clock.set(until.checked_add_micros(-1).unwrap());
    assert!(bench.authenticate(&session.token).is_ok());
    assert_eq!(bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap().password_expires_at, Some(until));
    bench.clock.set(until);
    assert_eq!(rule(bench.authenticate(&session.token)), "session.must_change");
    bench.clock.set(until.checked_sub(day).unwrap());
    assert_eq!(rule(bench.authenticate(&session.token)), "session.must_change", "the clock was set back");
    let limited = bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    assert_eq!(limited.kind, SessionKind::MustChange);
    // Such a session can change the password, and nothing else of what the gate offers.
    let (token, gate) = (&limited.token, bench.gate());
    for refused in [
        rule(bench.authenticate(token)),
        rule(bench.wait(gate.elevate(token, PASSWORD, &home()))),
        rule(bench.wait(gate.sessions(token))),
        rule(bench.wait(gate.end_session(token, None))),
        rule(bench.wait(gate.change_password(token, PASSWORD, ANOTHER, &home()))),
        rule(bench.wait(gate.request_identifier(token, &identifier("b@example.org")))),
        rule(bench.wait(gate.create_api_token(token, "x", &["customers.read"], None))),
        rule(bench.wait(gate.api_tokens(token))),
        rule(bench.wait(gate.revoke_api_token(token, uuid::Uuid::nil().into()))),
    ] {
        assert_eq!(refused, "session.must_change");
    }
    // The session from before, which has not just shown the password, is asked for it.
    assert_eq!(rule(bench.wait(gate.replace_password(&session.token, ANOTHER))), "session.must_change");
    assert_eq!(rule(bench.wait(gate.replace_password(token, PASSWORD))), "password.reused");
    let changed = bench.wait(gate.replace_password(token, ANOTHER)).unwrap();
    assert_eq!((changed.kind, changed.password_expires_at), (SessionKind::Full, None));

    // An age: switched on, everybody has the days of grace.
    let set_expiry = |grace_days| {
        bench
            .run(move |work| {
                let expiry = Some(PasswordExpiry { max_age_days: 30, grace_days, since: None });
                let password = PasswordPolicy { expiry, ..PasswordPolicy::default() };
                work.accounts().set_policy(AccountsPolicy { password, ..AccountsPolicy::default() })
            })
            .unwrap();
    };
    bench.clock.advance(day * 100);
    let switched_on = now();
    set_expiry(14);
    bench.clock.advance(day * 13);
    // Set again, it does not begin again.
    set_expiry(14);
    let open = bench.sign_in("ada@example.org", ANOTHER, &home()).unwrap();
    assert_eq!(open.password_expires_at, Some(switched_on.checked_add(day * 14).unwrap()), "a warning in time");
    bench.clock.advance(day);
    assert_eq!(bench.sign_in("ada@example.org", ANOTHER, &home()).unwrap().kind, SessionKind::MustChange);
    let limited = bench.sign_in("ada@example.org", ANOTHER, &home()).unwrap();
    let changed = bench.wait(gate.replace_password(&limited.token, "the third of her passwords")).unwrap();
    assert_eq!(changed.password_expires_at, Some(now().checked_add(day * 30).unwrap()));
    // While passwords expire, the last ones are remembered.
    let back = bench.wait(gate.change_password(&changed.token, "the third of her passwords", ANOTHER, &home()));
    assert_eq!(rule(back), "password.reused");
    // A reason needs no date.
    bench.run(move |work| work.accounts().compromised(id)).unwrap();
    assert_eq!(rule(bench.authenticate(&changed.token)), "session.refused");
    let limited = bench.sign_in("ada@example.org", "the third of her passwords", &home()).unwrap();
    assert_eq!(limited.kind, SessionKind::MustChange);
    let why = bench.read(move |work| work.accounts().get(id)).unwrap().must_change;
    assert_eq!(why, Some(MustChange::Compromised));
}

/// A process that hashes at a higher cost makes old hashes anew as their owners sign in, and nobody is thrown out by it.
pub fn hash_anew_when_the_cost_grows(factory: Factory<'_>) {
    let bench = open(factory);
    let id = bench.credential(user(1), "ada@example.org");
    let open = |memory_kib| -> Result<Crm> {
        let hasher = Hasher::new(HashCost { memory_kib, passes: 1, lanes: 1 }, 2, 100)?;
        let crm = Crm::builder_on(bench.storage.clone()).clock(bench.clock.clone()).passwords(Passwords::new(hasher));
        crm.module(crate::conformance::Sample).module(crate::conformance::Listener).build_blocking()
    };
    let (weak, strong) = (open(16).unwrap(), open(64).unwrap());
    let wait = bench.crm.blocking();
    wait.wait(weak.accounts().set_temporary_password(&Actor::system(), id, "a word for the first day")).unwrap();
    let name = identifier("ada@example.org");
    let first = wait.wait(weak.accounts().sign_in(&name, "a word for the first day", &home())).unwrap();
    let session = wait.wait(weak.accounts().replace_password(&first.token, PASSWORD)).unwrap();
    let hash = || bench.read(move |work| work.get::<Credential>(id)).unwrap().password_hash.unwrap();
    assert!(hash().contains("m=16,"));
    wait.wait(strong.accounts().sign_in(&name, PASSWORD, &home())).unwrap();
    assert!(hash().contains("m=64,"), "made anew");
    assert!(wait.wait(strong.accounts().authenticate(&session.token)).is_ok(), "the password is the same");
    wait.wait(strong.accounts().sign_in(&name, PASSWORD, &home())).unwrap();
}
