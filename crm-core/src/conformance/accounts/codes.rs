//! Codes: who gets one, and what it is good for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{ANOTHER, PASSWORD, home, identifier, open, rule, user};
use crate::access::{Extent, Grant, Holder, NewRole, Principal, Target};
use crate::accounts::{
    AccountsPolicy, Bundle, CodeId, Issued, NOTICE_TOPIC, PasswordExpiry, PasswordPolicy, SessionKind, SignedIn,
    Source, StagePolicy,
};
use crate::conformance::bench::{Bench, Factory};
use crate::conformance::race;
use crate::customers::{NewCustomer, Stage};
use crate::module::{OutboxMessage, outbox_message};
use crate::{ErrorKind, Result};

fn set(bench: &Bench, id: CodeId, code: &str, password: &str) -> Result<()> {
    bench.wait(bench.gate().set_password(id, code, password, &home()))
}

/// A code opens once, however many use it at the same moment; for its own purpose, in its time, in few attempts.
pub fn send_codes_that_work_once(factory: Factory<'_>) {
    let bench = open(factory);
    let id = bench.credential(user(1), "ada@example.org");
    let invite = || {
        bench.run(move |work| work.accounts().invite(id)).unwrap();
        bench.codes().remove(0)
    };
    let (to, channel, code_id, code) = invite();
    assert_eq!((to.as_str(), channel.as_str()), ("ada@example.org", "email"));
    assert_eq!(rule(set(&bench, code_id, "wrong", PASSWORD)), "code.refused");
    assert_eq!(rule(set(&bench, code_id, &code, "short")), "password.too_short", "which does not use it up");
    let rounds = race(6, 1, |turn| set(&bench, code_id, &code, &format!("{PASSWORD} {}", turn.worker)));
    assert_eq!(rounds[0].won.len(), 1, "{:?}", rounds[0].lost);
    assert_eq!(rule(set(&bench, code_id, &code, ANOTHER)), "code.refused");
    let right = (0..6).filter(|n| bench.sign_in("ada@example.org", &format!("{PASSWORD} {n}"), &home()).is_ok());
    assert_eq!(right.count(), 1);
    // In its time, to the microsecond.
    let (_, _, code_id, code) = invite();
    bench.clock.advance(Duration::from_secs(3600));
    assert_eq!(rule(set(&bench, code_id, &code, ANOTHER)), "code.refused");
    let (_, _, code_id, code) = invite();
    bench.clock.advance(Duration::from_micros(3_599_999_999));
    set(&bench, code_id, &code, ANOTHER).unwrap();
    // In few attempts.
    let (_, _, code_id, code) = invite();
    for n in 0..5 {
        assert_eq!(rule(set(&bench, code_id, &format!("wrong {n}"), PASSWORD)), "code.refused");
    }
    assert_eq!(rule(set(&bench, code_id, &code, PASSWORD)), "code.refused");
    // Not beside its id, and not after the password was set by another.
    let (one, two) = (invite(), invite());
    assert_eq!(rule(set(&bench, one.2, &two.3, PASSWORD)), "code.refused");
    set(&bench, two.2, &two.3, PASSWORD).unwrap();
    assert_eq!(rule(set(&bench, one.2, &one.3, ANOTHER)), "code.refused");
    // By text message: digits, and ten minutes.
    let id = bench.credential(user(2), "+48 601 234 567");
    bench.run(move |work| work.accounts().invite(id)).unwrap();
    let (to, channel, code_id, code) = bench.codes().remove(0);
    assert_eq!((to.as_str(), channel.as_str(), code.len()), ("+48601234567", "sms", 8));
    let persian: String = code.chars().map(|c| char::from_u32(0x06f0 + c.to_digit(10).unwrap()).unwrap()).collect();
    set(&bench, code_id, &format!(" {persian} "), PASSWORD).unwrap();
    bench.run(move |work| work.accounts().invite(id)).unwrap();
    let (_, _, code_id, code) = bench.codes().remove(0);
    bench.minutes(10);
    assert_eq!(rule(set(&bench, code_id, &code, ANOTHER)), "code.refused");
    let id = bench.credential(user(3), "ada.l");
    assert_eq!(rule(bench.run(move |work| work.accounts().invite(id))), "code.no_address");
}

/// Whoever asks learns nothing; only the owner gets a code, at the address that is stored, and not too many.
pub fn reset_forgotten_passwords(factory: Factory<'_>) {
    let bench = open(factory);
    let id = bench.member(1, "mike@example.org");
    let disabled = bench.member(2, "gone@example.org");
    bench.run(move |work| work.accounts().disable(disabled)).unwrap();
    bench.member(3, "mike.name");
    let forgot =
        |name: &str, source: &Source| bench.wait(bench.gate().forgot_password(&identifier(name), source)).unwrap();
    for nobody in ["nobody@example.org", "gone@example.org", "mike.name", "mıke@example.org", "mike@example.com"] {
        let id = forgot(nobody, &home());
        assert_eq!(bench.codes().len(), 0, "{nobody}");
        assert_eq!(rule(set(&bench, id, "anything", ANOTHER)), "code.refused");
    }
    let session = bench.sign_in("mike@example.org", PASSWORD, &home()).unwrap();
    let asked = forgot("MIKE@example.org", &home());
    let (to, _, code_id, code) = bench.codes().remove(0);
    assert_eq!((to.as_str(), code_id), ("mike@example.org", asked), "to the address as it is stored");
    assert!(bench.authenticate(&session.token).is_ok(), "asking changes nothing");
    assert!(bench.sign_in("mike@example.org", PASSWORD, &home()).is_ok());
    set(&bench, code_id, &code, ANOTHER).unwrap();
    assert_eq!(rule(bench.authenticate(&session.token)), "session.refused");
    assert!(bench.sign_in("mike@example.org", ANOTHER, &home()).is_ok());
    assert_eq!(rule(bench.sign_in("mike@example.org", PASSWORD, &home())), "sign_in.refused");
    // A disabled credential is not revived by a code that is on its way.
    forgot("mike@example.org", &home());
    let (_, _, code_id, code) = bench.codes().remove(0);
    bench.run(move |work| work.accounts().disable(id)).unwrap();
    assert_eq!(rule(set(&bench, code_id, &code, PASSWORD)), "code.refused");
    bench.run(move |work| work.accounts().enable(id)).unwrap();
    // One who asks again and again gets ten, and then must wait.
    let pest = Source::new("203.0.113.66");
    for _ in 0..30 {
        forgot("mike@example.org", &pest);
    }
    assert_eq!(bench.codes().len(), 10);
}

/// Another identifier is proven before it is taken on; the address of before is told.
pub fn change_identifiers(factory: Factory<'_>) {
    let bench = open(factory);
    bench.member(1, "ada@example.org");
    bench.member(2, "bob@example.org");
    let gate = bench.gate();
    let session = bench.sign_in("ada@example.org", PASSWORD, &home()).unwrap();
    let request =
        |session: &SignedIn, name: &str| bench.wait(gate.request_identifier(&session.token, &identifier(name)));
    assert_eq!(rule(request(&session, "new@example.org")), "session.not_elevated");
    let session = bench.wait(gate.elevate(&session.token, PASSWORD, &home())).unwrap();
    let bob = bench.sign_in("bob@example.org", PASSWORD, &home()).unwrap();
    assert_eq!(rule(request(&session, "ada.l")), "code.no_address");
    request(&session, "bob@example.org").unwrap();
    assert_eq!(bench.codes().len(), 0, "somebody has it, and nobody is told");
    request(&session, "New@example.org").unwrap();
    let (to, _, code_id, code) = bench.codes().remove(0);
    assert_eq!(to, "New@example.org");
    let confirm = |token, code: &str| bench.wait(gate.confirm_identifier(token, code_id, code, &home()));
    assert_eq!(rule(confirm(&session.token, "wrong")), "code.refused");
    assert_eq!(rule(confirm(&bob.token, &code)), "code.refused", "another's");
    assert_eq!(rule(set(&bench, code_id, &code, ANOTHER)), "code.refused", "not for passwords");
    bench
        .run(|work| {
            for notice in work.select::<OutboxMessage>(outbox_message::topic.eq(NOTICE_TOPIC)).all()? {
                work.delete(&notice)?;
            }
            Ok(())
        })
        .unwrap();
    confirm(&session.token, &code).unwrap();
    assert_eq!(rule(bench.authenticate(&session.token)), "session.refused");
    assert_eq!(rule(bench.sign_in("ada@example.org", PASSWORD, &home())), "sign_in.refused");
    assert_eq!(bench.sign_in("new@example.org", PASSWORD, &home()).unwrap().kind, SessionKind::Full);
    let notices =
        bench.read(|work| work.select::<OutboxMessage>(outbox_message::topic.eq(NOTICE_TOPIC)).all()).unwrap();
    let told: Vec<_> = notices.iter().map(|notice| (&notice.payload.0["to"], &notice.payload.0["what"])).collect();
    assert_eq!(told, [(&"ada@example.org".into(), &"identifier".into())]);
}

/// Who gets a login, and what a payment buys, is data: by the stage of the customer, by the nature of the payment.
pub fn are_issued_by_stage(factory: Factory<'_>) {
    let bench = open(factory);
    let day = Duration::from_secs(86_400);
    let bundle = Bundle { roles: vec!["gold".to_owned()], valid_days: Some(30) };
    let policy = AccountsPolicy {
        stages: BTreeMap::from([(Stage::Customer, StagePolicy { valid_days: Some(90), code_alone: false })]),
        bundles: BTreeMap::from([("membership".to_owned(), bundle)]),
        ..AccountsPolicy::default()
    };
    bench.run(move |work| work.accounts().set_policy(policy.clone())).unwrap();
    let lead = bench.customer(NewCustomer::person("Lead")).id;
    let customer = bench.customer(NewCustomer { stage: Stage::Customer, ..NewCustomer::person("Customer") }).id;
    let issue = |to, nature: Option<&'static str>| -> Result<Issued> {
        bench.run(move |work| work.accounts().issue(to, &identifier("+48601234567"), nature))
    };
    assert_eq!(rule(issue(lead, None)), "credential.stage");
    assert_eq!(rule(issue(customer, Some("bribe"))), "bundle.unknown");
    let now = bench.crm.shared().clock.now();
    let issued = issue(customer, Some("membership")).unwrap();
    assert_eq!((issued.roles.as_slice(), issued.until), (&["gold".to_owned()][..], now.checked_add(day * 30).ok()));
    let id = issued.credential;
    let credential = bench.read(move |work| work.accounts().get(id)).unwrap();
    assert_eq!(credential.valid_until, now.checked_add(day * 90).ok());
    let again = issue(customer, Some("membership")).unwrap();
    assert_eq!((again.credential, again.code), (id, None));
    let codes = bench.codes();
    assert_eq!((codes.len(), Some(codes[0].2)), (1, issued.code));
    set(&bench, codes[0].2, &codes[0].3, PASSWORD).unwrap();
    let session = bench.sign_in("+48601234567", PASSWORD, &home()).unwrap();
    assert_eq!(session.principal, Principal::Customer(customer));
    let other = bench.customer(NewCustomer { stage: Stage::Customer, ..NewCustomer::person("Other") }).id;
    assert_eq!(issue(other, None).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(
        rule(bench.run(|work| {
            let mut policy = AccountsPolicy::default();
            policy.codes.digits = 4;
            work.accounts().set_policy(policy)
        })),
        "code.policy"
    );
}

/// C41: where the policy says so, a customer signs in with a code alone, and needs no password. Staff never do; a code for
/// one thing is none for another; the answer is the same for everybody who asks.
pub fn sign_in_where_the_policy_says_so(factory: Factory<'_>) {
    let bench = open(factory);
    let stages = |code_alone| {
        let stage = StagePolicy { valid_days: None, code_alone };
        let expiry = Some(PasswordExpiry { max_age_days: 30, grace_days: 0, since: None });
        let password = PasswordPolicy { expiry, ..PasswordPolicy::default() };
        let policy = AccountsPolicy {
            stages: BTreeMap::from([(Stage::Customer, stage)]),
            password,
            ..AccountsPolicy::default()
        };
        bench.run(move |work| work.accounts().set_policy(policy.clone())).unwrap();
    };
    stages(true);
    let gate = bench.gate();
    let (name, staff) = ("ala@example.org", "ada@example.org");
    bench.member(1, staff);
    let customer = bench.customer(NewCustomer { stage: Stage::Customer, ..NewCustomer::person("Ala") }).id;
    let issued = bench.run(move |work| work.accounts().issue(customer, &identifier(name), None)).unwrap();
    let enter = |id: CodeId, code: &str| bench.wait(gate.sign_in_with_code(id, code, &home()));
    let ask = |name: &str| bench.wait(gate.ask_for_code(&identifier(name), &home())).unwrap();

    // The code that activates lets in, once.
    let (_, _, id, code) = bench.codes().remove(0);
    assert_eq!(Some(id), issued.code);
    assert_eq!(rule(enter(id, "wrong")), "code.refused");
    let session = enter(id, &code).unwrap();
    assert_eq!((session.kind, session.password_expires_at), (SessionKind::Full, None));
    assert_eq!(bench.authenticate(&session.token).unwrap().principal, Principal::Customer(customer));
    assert_eq!(rule(enter(id, &code)), "code.refused");
    assert_eq!(
        rule(bench.wait(gate.request_identifier(&session.token, &identifier("new@example.org")))),
        "session.not_elevated"
    );

    // Another, months later: what has no password does not expire by age.
    bench.minutes(60 * 24 * 60);
    let asked = ask(name);
    let (to, _, id, code) = bench.codes().remove(0);
    assert_eq!((to.as_str(), id), (name, asked));
    assert_eq!(rule(set(&bench, id, &code, PASSWORD)), "code.refused", "not to set a password");
    let rounds = race(6, 1, |_| enter(id, &code));
    assert_eq!(rounds[0].won.len(), 1, "{:?}", rounds[0].lost);
    assert_eq!(rounds[0].won[0].kind, SessionKind::Full);
    for nobody in [staff, "nobody@example.org"] {
        let id = ask(nobody);
        assert_eq!(bench.codes().len(), 0, "{nobody}");
        assert_eq!(rule(enter(id, "anything")), "code.refused");
    }
    // A code to reset a password lets nobody in, nor does a member of staff's to activate.
    bench.wait(gate.forgot_password(&identifier(name), &home())).unwrap();
    let (_, _, id, code) = bench.codes().remove(0);
    assert_eq!(rule(enter(id, &code)), "code.refused");
    let invited = bench.credential(user(2), "new@example.org");
    bench.run(move |work| work.accounts().invite(invited)).unwrap();
    let (_, _, id, code) = bench.codes().remove(0);
    assert_eq!(rule(enter(id, &code)), "code.refused");
    set(&bench, id, &code, PASSWORD).unwrap();

    // With a password: one that is too old is changed first; so is one that somebody else knows.
    bench.wait(gate.forgot_password(&identifier(name), &Source::new("203.0.113.9"))).unwrap();
    let (_, _, id, code) = bench.codes().remove(0);
    set(&bench, id, &code, PASSWORD).unwrap();
    let enter_again = || {
        ask(name);
        let (_, _, id, code) = bench.codes().remove(0);
        enter(id, &code)
    };
    assert_eq!(enter_again().unwrap().kind, SessionKind::Full);
    bench.minutes(60 * 24 * 30);
    let half = enter_again().unwrap();
    assert_eq!((half.kind, rule(bench.authenticate(&half.token))), (SessionKind::MustChange, "session.must_change"));
    let whole = bench.wait(gate.replace_password(&half.token, ANOTHER)).unwrap();
    assert!(bench.authenticate(&whole.token).is_ok());

    // The policy of the moment counts, for codes on their way too; and a disabled credential has none.
    ask(name);
    let (_, _, id, code) = bench.codes().remove(0);
    stages(false);
    assert_eq!(rule(enter(id, &code)), "code.refused");
    ask(name);
    assert_eq!(bench.codes().len(), 0);
    stages(true);
    let credential = issued.credential;
    ask(name);
    let (_, _, id, code) = bench.codes().remove(0);
    bench.run(move |work| work.accounts().disable(credential)).unwrap();
    assert_eq!(rule(enter(id, &code)), "code.refused");
    ask(name);
    assert_eq!(bench.codes().len(), 0);
}

/// C57: a partner has a login of their own, with what partners may; it works while the contract does, to the business day.
pub fn let_partners_in_while_their_contract_is_valid(factory: Factory<'_>) {
    let bench = open(factory);
    let (name, own) = ("trade@example.org", "ala@example.org");
    // Business days in Warsaw: the clock shows ten in the morning of the 21st.
    let home_branch = bench.branch("Warszawa").id;
    let new = NewCustomer { branch: Some(home_branch), stage: Stage::Customer, ..NewCustomer::organisation("Hurt") };
    let customer = bench.customer(new).id;
    let partner = Principal::Partner(customer);
    let sign = |through| {
        let contract = crate::conformance::partners::contract(10, Some(through), &[]);
        bench.run(move |work| work.partners().sign(customer, &contract)).unwrap();
    };
    bench
        .run(|work| {
            let role =
                work.access().create_role(NewRole::named("trade", [Grant::permit("pricing.read", Extent::Own)]))?;
            work.access().assign(role.id, Holder::EveryPartner, []).map(drop)
        })
        .unwrap();
    let id = bench.credential(partner.clone(), name);
    bench.credential(Principal::Customer(customer), own);
    let mine = partner.clone();
    assert_eq!(bench.read(move |work| work.accounts().of(&mine)).unwrap()[0].id, id);
    // Without a contract nobody is a partner: nothing is sent.
    let invite = |id| {
        bench.run(move |work| work.accounts().invite(id)).unwrap();
        bench.codes().remove(0)
    };
    let (_, _, code_id, code) = invite(id);
    assert_eq!(rule(set(&bench, code_id, &code, PASSWORD)), "code.refused");
    sign(21);
    let (_, _, code_id, code) = invite(id);
    set(&bench, code_id, &code, PASSWORD).unwrap();
    let session = bench.sign_in(name, PASSWORD, &home()).unwrap();
    let seen = bench.authenticate(&session.token).unwrap();
    assert_eq!(seen.principal, partner);
    assert!(seen.actor.may("pricing.read", &Target::customer(customer)), "what partners may");
    assert!(seen.actor.may("customers.read", &Target::customer(customer)), "what customers may");
    assert!(!seen.actor.may("pricing.read", &Target::ANY));
    // It stays a customer's session in how long it lasts.
    let limits = AccountsPolicy::default();
    assert_eq!(limits.limits(&partner), limits.customers);

    // The last instant of the 21st in Warsaw is 22:59:59.999999 UTC.
    bench.clock.set(crate::conformance::bench::at("2025-03-21T22:59:59.999999Z"));
    assert!(bench.authenticate(&session.token).is_ok());
    bench.clock.set(crate::conformance::bench::at("2025-03-21T23:00:00Z"));
    assert_eq!(rule(bench.authenticate(&session.token)), "session.refused", "the contract has ended");
    assert_eq!(rule(bench.sign_in(name, PASSWORD, &home())), "sign_in.refused");
    bench.wait(bench.gate().forgot_password(&identifier(name), &home())).unwrap();
    assert_eq!(bench.codes().len(), 0);
    // As a customer they still have what customers have, and a new contract lets the partner in again.
    bench.wait(bench.gate().forgot_password(&identifier(own), &home())).unwrap();
    let (_, _, code_id, code) = bench.codes().remove(0);
    set(&bench, code_id, &code, ANOTHER).unwrap();
    let plain = bench.sign_in(own, ANOTHER, &home()).unwrap();
    let seen = bench.authenticate(&plain.token).unwrap();
    assert!(!seen.actor.may("pricing.read", &Target::customer(customer)));
    sign(31);
    assert_eq!(rule(bench.authenticate(&session.token)), "session.refused", "what has ended is not revived");
    assert!(bench.sign_in(name, PASSWORD, &home()).is_ok());
}
