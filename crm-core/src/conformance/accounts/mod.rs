//! Signing in, sessions, codes and tokens: what comes out on every backend.

mod codes;
mod passwords;
mod secrets;
mod sessions;
mod sign_in;

use std::time::Duration;

pub use codes::{are_issued_by_stage, change_identifiers, reset_forgotten_passwords, send_codes_that_work_once};
pub use passwords::{change_passwords, expire_passwords, hash_anew_when_the_cost_grows};
pub use secrets::keep_secrets;
pub use sessions::ask_for_a_second_factor;
pub use sessions::{
    are_administered, end_sessions_with_the_password, have_api_tokens, keep_sessions_as_an_oracle_does,
};
pub use sign_in::{count_guesses_exactly, let_in_who_knows_the_password, lock_nobody_out, refuse_everybody_alike};

use super::bench::Bench;
use crate::access::{Actor, Principal};
use crate::accounts::{Authenticated, CODE_TOPIC, CodeId, CredentialId, Gate, Identifier, SignedIn, Source, Token};
use crate::module::{OutboxMessage, outbox_message};
use crate::{Error, Result};

/// A password nobody has thought of.
const PASSWORD: &str = "a heron stands in the reeds";
const ANOTHER: &str = "the reeds bend and the heron goes";

fn identifier(text: &str) -> Identifier {
    Identifier::parse(text, None).unwrap()
}

fn home() -> Source {
    Source::new("198.51.100.7")
}

fn user(n: u128) -> Principal {
    Principal::User(uuid::Uuid::from_u128(n).into())
}

/// The rule that was broken.
fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

impl Bench {
    fn gate(&self) -> Gate<'_> {
        self.crm.accounts()
    }

    fn wait<F: Future>(&self, future: F) -> F::Output {
        self.crm.blocking().wait(future)
    }

    fn sign_in(&self, name: &str, password: &str, source: &Source) -> Result<SignedIn> {
        self.wait(self.gate().sign_in(&identifier(name), password, source))
    }

    fn authenticate(&self, token: &Token) -> Result<Authenticated> {
        self.wait(self.gate().authenticate(token))
    }

    fn minutes(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    /// A credential without a password.
    fn credential(&self, who: Principal, name: &str) -> CredentialId {
        let name = identifier(name);
        self.run(move |work| work.accounts().create(&who, &name)).unwrap().id
    }

    /// A user who can sign in with [`PASSWORD`].
    fn member(&self, n: u128, name: &str) -> CredentialId {
        let id = self.credential(user(n), name);
        let temporary = "a word for the first day";
        self.wait(self.gate().set_temporary_password(&Actor::system(), id, temporary)).unwrap();
        let first = self.sign_in(name, temporary, &Source::new("the desk of an administrator")).unwrap();
        let session = self.wait(self.gate().replace_password(&first.token, PASSWORD)).unwrap();
        self.wait(self.gate().sign_out(&session.token)).unwrap();
        id
    }

    /// The codes on their way, the oldest first, taken off: to whom, by which channel, the id and the code.
    fn codes(&self) -> Vec<(String, String, CodeId, String)> {
        self.run(|work| {
            let due = work.select::<OutboxMessage>(outbox_message::topic.eq(CODE_TOPIC)).all()?;
            let mut codes = Vec::new();
            for message in due {
                let text = |name: &str| message.payload.0[name].as_str().unwrap().to_owned();
                codes.push((text("to"), text("channel"), text("code_id").parse()?, text("code")));
                work.delete(&message)?;
            }
            Ok(codes)
        })
        .unwrap()
    }
}
