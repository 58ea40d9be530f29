//! What must not be found anywhere.

use std::fmt::Debug;

use super::{ANOTHER, PASSWORD, identifier, open, rule};
use crate::accounts::{Source, Token};
use crate::conformance::bench::Factory;
use crate::work::{Criteria, Direction, Mode, Query, Value, Verdict};

/// Passwords, tokens, codes and sources are nowhere in the store once the messages are delivered, and in no `Debug` and
/// no error ever.
pub fn keep_secrets(factory: Factory<'_>) {
    let bench = open(factory);
    let source = Source::new("canary-source-203.0.113.77");
    let gate = bench.gate();
    let mut shown = Vec::new();
    let mut show = |what: &dyn Debug| shown.push(format!("{what:?} {what:#?}"));
    let id = bench.member(1, "canary@example.org");
    let session = bench.sign_in("canary@example.org", PASSWORD, &source).unwrap();
    show(&session);
    let wrong = "canary of a wrong password";
    let error = bench.sign_in("canary@example.org", wrong, &source).unwrap_err();
    show(&error);
    show(&error.to_string());
    let elevated = bench.wait(gate.elevate(&session.token, PASSWORD, &source)).unwrap();
    show(&bench.authenticate(&elevated.token).unwrap());
    let (api, stored) = bench.wait(gate.create_api_token(&elevated.token, "till", &["customers.read"], None)).unwrap();
    show(&(&api, &stored));
    show(&bench.authenticate(&api).unwrap());
    show(&bench.wait(gate.sessions(&elevated.token)).unwrap());
    bench.wait(gate.forgot_password(&identifier("canary@example.org"), &source)).unwrap();
    let (_, _, code_id, code) = bench.codes().remove(0);
    let refused = bench.wait(gate.set_password(code_id, "canary of a wrong code", ANOTHER, &source));
    show(&refused);
    assert_eq!(rule(refused), "code.refused");
    bench.wait(gate.set_password(code_id, &code, ANOTHER, &source)).unwrap();
    bench.wait(gate.forgot_password(&identifier("canary@example.org"), &source)).unwrap();
    let (_, _, _, waiting) = bench.codes().remove(0);
    show(&bench.read(move |work| work.accounts().get(id)).unwrap());
    show(&bench.authenticate(&Token::from_request("canary of a made-up token")));
    show(&(&bench.passwords, &source, identifier("canary@example.org")));
    let secrets: Vec<&str> = vec![
        PASSWORD,
        ANOTHER,
        wrong,
        "a word for the first day",
        session.token.expose(),
        elevated.token.expose(),
        api.expose(),
        &code,
        &waiting,
        "canary-source",
        "canary of",
        "conformance suite's",
    ];
    for secret in &secrets {
        assert!(shown.iter().all(|text| !text.contains(secret)), "{secret} is shown");
    }
    assert!(shown.iter().all(|text| !text.contains("$argon2") && !text.contains("canary@")));
    // Every cell of every kind.
    let schemas = bench.crm.schemas();
    let all: Vec<_> = schemas.iter().collect();
    let (_, rows) = bench.raw(Mode::Read, move |tx| {
        let rows = all.iter().map(|schema| {
            let query = Query {
                schema,
                criteria: Criteria::everything(),
                order: schema.key.to_vec(),
                direction: Direction::Ascending,
                after: None,
                limit: 0,
            };
            tx.select(&query).unwrap()
        });
        (Verdict::Commit, rows.collect::<Vec<_>>())
    });
    let texts: Vec<String> = rows
        .unwrap()
        .into_iter()
        .flatten()
        .flat_map(|row| row.to_vec())
        .filter_map(|value| match value {
            Value::Text(text) | Value::Json(text) => Some(text),
            _ => None,
        })
        .collect();
    assert!(texts.iter().any(|text| text.starts_with("$argon2id$")), "the cells are looked at");
    for secret in secrets {
        assert!(texts.iter().all(|text| !text.contains(secret)), "{secret} is stored");
    }
}
