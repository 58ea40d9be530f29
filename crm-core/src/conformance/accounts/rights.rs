//! The right to log in: who has it, and what its end ends.

use super::{ANOTHER, PASSWORD, home, identifier, open, rule, shipped, user};
use crate::access::{Extent, Grant, Holder, LOGIN, NewRole, Principal, Target, User, UserId};
use crate::accounts::{Credential, Token};
use crate::conformance::bench::{Bench, Factory};
use crate::customers::{NewCustomer, Stage};
use crate::{Crm, Result};

/// Takes the right away, or gives it back.
type Change = fn(&Bench, bool);

/// Changes that take the right from [`user`] 1, each with the one that gives it back.
const CHANGES: [(&str, Change); 3] = [
    ("the role", |bench, back| {
        bench
            .run(move |work| {
                let holder = Holder::User(UserId::from(uuid::Uuid::from_u128(1)));
                if back {
                    let employee = shipped(work, "employee")?;
                    return work.access().assign(employee, holder, []).map(|_| ());
                }
                let held = work.access().assignments_of(holder)?;
                held.iter().try_for_each(|held| work.access().withdraw(held))
            })
            .unwrap();
    }),
    ("the user", |bench, back| {
        bench
            .run(move |work| {
                let mut user: User = work.get(uuid::Uuid::from_u128(1).into())?;
                user.active = back;
                work.access().update_user(&mut user)
            })
            .unwrap();
    }),
    ("a forbid", |bench, back| {
        bench
            .run(move |work| {
                let holder = Holder::User(UserId::from(uuid::Uuid::from_u128(1)));
                if !back {
                    let role = NewRole::named("suspended", [Grant::forbid(LOGIN, Extent::All)]);
                    let role = work.access().create_role(role)?;
                    return work.access().assign(role.id, holder, []).map(|_| ());
                }
                let suspended = shipped(work, "suspended")?;
                let held = work.access().assignments_of(holder)?;
                held.iter().filter(|held| held.role_id == suspended).try_for_each(|held| work.access().withdraw(held))
            })
            .unwrap();
    }),
];

/// Nobody logs in without the right to, in whichever way they come; when it is withdrawn, sessions end, for good, and API
/// tokens are dead for as long. Another process knows at once.
pub fn ask_for_the_right_to_log_in(factory: Factory<'_>) {
    let bench = open(factory);
    let name = "ada@example.org";
    let id = bench.member(1, name);
    let gate = bench.gate();
    let other = Crm::builder_on(bench.storage.clone()).clock(bench.clock.clone()).passwords(bench.passwords.clone());
    let other = other.module(crate::conformance::Sample).module(crate::conformance::Listener).build_blocking().unwrap();
    let elsewhere = |token: &Token| bench.wait(other.accounts().authenticate(token));
    for (what, change) in CHANGES {
        let session = bench.sign_in(name, PASSWORD, &home()).unwrap();
        let elevated = bench.sign_in(name, PASSWORD, &home()).unwrap();
        let elevated = bench.wait(gate.elevate(&elevated.token, PASSWORD, &home())).unwrap();
        let (api, _) = bench.wait(gate.create_api_token(&elevated.token, "till", &["catalog.read"], None)).unwrap();
        bench.wait(gate.forgot_password(&identifier(name), &home())).unwrap();
        let (_, _, code_id, code) = bench.codes().remove(0);
        let seen = elsewhere(&session.token).unwrap();
        assert!(seen.actor.may("catalog.read", &Target::ANY) && seen.actor.may(LOGIN, &user(1).target()));
        let limited = elsewhere(&api).unwrap().actor;
        assert!(limited.may("catalog.read", &Target::ANY), "what its owner may");
        assert!(!limited.may(LOGIN, &user(1).target()), "and no more than it is limited to");

        change(&bench, false);
        assert_eq!(rule(elsewhere(&api)), "session.refused", "{what}");
        assert_eq!(rule(elsewhere(&session.token)), "session.refused", "{what}");
        for refused in [
            rule(bench.authenticate(&elevated.token)),
            rule(bench.wait(gate.elevate(&elevated.token, PASSWORD, &home()))),
            rule(bench.wait(gate.change_password(&elevated.token, PASSWORD, ANOTHER, &home()))),
            rule(bench.wait(gate.create_api_token(&elevated.token, "x", &["catalog.read"], None))),
        ] {
            assert_eq!(refused, "session.refused", "{what}");
        }
        assert_eq!(rule(bench.sign_in(name, PASSWORD, &home())), "sign_in.refused", "{what}");
        bench.wait(gate.forgot_password(&identifier(name), &home())).unwrap();
        assert_eq!(bench.codes().len(), 0, "{what}");
        let set = bench.wait(gate.set_password(code_id, &code, ANOTHER, &home()));
        assert_eq!(rule(set), "code.refused", "{what}");
        let hash = bench.read(move |work| work.get::<Credential>(id)).unwrap().password_hash;

        change(&bench, true);
        assert_eq!(rule(bench.authenticate(&session.token)), "session.refused", "{what}: it has ended");
        assert!(bench.authenticate(&api).is_ok(), "{what}");
        assert!(bench.sign_in(name, PASSWORD, &home()).is_ok(), "{what}");
        assert_eq!(bench.read(move |work| work.get::<Credential>(id)).unwrap().password_hash, hash, "{what}");
    }
    customers_need_a_role_and_a_stage(&bench);
}

fn customers_need_a_role_and_a_stage(bench: &Bench) {
    let (name, first) = ("w@example.org", "a word for the first day");
    let new = NewCustomer { stage: Stage::Customer, ..NewCustomer::person("Wilhelmina") };
    let customer = bench.customer(new).id;
    let id = bench.credential(Principal::Customer(customer), name);
    let system = crate::access::Actor::system();
    bench.wait(bench.gate().set_temporary_password(&system, id, first)).unwrap();
    let half = bench.sign_in(name, first, &home()).unwrap();
    let sign_in = || bench.sign_in(name, PASSWORD, &home());
    bench.wait(bench.gate().replace_password(&half.token, PASSWORD)).unwrap();
    let stage = |stage: Stage| -> Result<()> {
        bench.run(move |work| {
            let mut customer = work.customers().get(customer)?;
            customer.stage = stage;
            work.customers().update(&mut customer)
        })
    };
    let session = sign_in().unwrap();
    let own = bench.authenticate(&session.token).unwrap().actor;
    assert!(own.may("customers.read", &Target::customer(customer)) && !own.may("customers.read", &Target::ANY));
    stage(Stage::Lead).unwrap();
    assert_eq!(rule(bench.authenticate(&session.token)), "session.refused", "the stage has no logins");
    stage(Stage::Customer).unwrap();
    let session = sign_in().unwrap();
    bench
        .run(|work| {
            let held = work.access().assignments_of(Holder::EveryCustomer)?;
            held.iter().try_for_each(|held| work.access().withdraw(held))
        })
        .unwrap();
    assert_eq!(rule(bench.authenticate(&session.token)), "session.refused", "no role lets customers in");
    assert_eq!(rule(sign_in()), "sign_in.refused");
}
