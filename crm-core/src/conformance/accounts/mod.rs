//! Signing in, sessions, codes and tokens: what comes out on every backend.

mod codes;
mod passwords;
mod rights;
mod secrets;
mod sessions;
mod sign_in;

use std::time::Duration;

pub use codes::{
    are_issued_by_stage, change_identifiers, let_partners_in_while_their_contract_is_valid, reset_forgotten_passwords,
    send_codes_that_work_once, sign_in_where_the_policy_says_so,
};
pub use passwords::{change_passwords, expire_passwords, hash_anew_when_the_cost_grows};
pub use rights::ask_for_the_right_to_log_in;
pub use secrets::keep_secrets;
pub use sessions::ask_for_a_second_factor;
pub use sessions::{
    are_administered, end_sessions_with_the_password, have_api_tokens, keep_sessions_as_an_oracle_does,
};
pub use sign_in::{count_guesses_exactly, let_in_who_knows_the_password, lock_nobody_out, refuse_everybody_alike};

use super::bench::{Bench, Factory};
use crate::access::{Actor, Holder, Principal, RoleId, User, UserId};
use crate::accounts::{Authenticated, CODE_TOPIC, CodeId, CredentialId, Gate, Identifier, SignedIn, Source, Token};
use crate::module::{OutboxMessage, outbox_message};
use crate::work::{Permit, Version};
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

/// A fresh store, prepared as a host prepares it: with the shipped roles, and a login for every customer whose stage has
/// one.
fn open(factory: Factory<'_>) -> Bench {
    let bench = Bench::open(factory);
    bench
        .run(|work| {
            work.access().install_templates()?;
            let customer = shipped(work, "customer")?;
            work.access().assign(customer, Holder::EveryCustomer, []).map(|_| ())
        })
        .unwrap();
    bench
}

fn shipped(work: &mut Permit<'_, '_>, name: &str) -> Result<RoleId> {
    let roles = work.access().roles()?;
    roles.iter().find(|role| role.name == name).map(|role| role.id).ok_or_else(|| Error::not_found("role", name))
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

    /// A credential without a password, of somebody who may log in.
    fn credential(&self, who: Principal, name: &str) -> CredentialId {
        if let Principal::User(id) = who {
            self.employ(id);
        }
        let name = identifier(name);
        self.run(move |work| work.accounts().create(&who, &name)).unwrap().id
    }

    /// Makes a user an employee.
    fn employ(&self, id: UserId) {
        self.run(move |work| {
            if work.find::<User>(&id)?.is_none() {
                work.insert(&User { id, version: Version::FIRST, name: "Somebody".into(), active: true })?;
            }
            let employee = shipped(work, "employee")?;
            work.access().assign(employee, Holder::User(id), []).map(|_| ())
        })
        .unwrap();
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
