//! The gate: where a password, a code or a token is turned into a principal.

mod api_token;
mod change;
mod code;
#[cfg(feature = "totp")]
mod factor;
mod passage;
mod sign_in;
mod using;

use std::sync::Arc;

pub use code::CODE_TOPIC;
pub(super) use code::send_code;
#[cfg(feature = "totp")]
pub use factor::{FactorSetup, one_time_password};
pub use passage::NOTICE_TOPIC;
pub(super) use passage::{changed, credential_ended, end_sessions, settings};
pub use sign_in::SignedIn;
pub use using::{Authenticated, By};

use super::lockout::Source;
use super::service::GATE;
use crate::access::{Actor, Principal, Reach, Target};
use crate::crm::Shared;
use crate::kernel::random::Randomness;
use crate::work::Permit;
use crate::{Crm, Error, Result};

/// The gate of a store: `crm.accounts()`. Its operations are for people and programs who are not known yet, so they ask
/// for no permission: they ask for a secret.
///
/// Each is a short transaction, then at most a few password hashes, then a short transaction. The hashes are made on the
/// thread that polls, tens of milliseconds each: in an async program, call them from a thread for blocking work; without
/// a runtime, with [`Blocking::wait`](crate::Blocking::wait).
///
/// To log in is a right of its own, [`LOGIN`](crate::access::LOGIN), and nobody has it by default: **a store without roles lets
/// nobody in**, and answers like to a wrong password. The host installs the shipped roles, puts its first user in charge,
/// and lets every customer hold the role `customer` if they are to serve themselves. Who cannot get in, and why, says
/// [`explain`](crate::access::AccessControl::explain) with that permission and [`Principal::target`].
///
/// ```
/// use crm_core::access::{Actor, Decision, Holder, LOGIN, Principal};
/// use crm_core::accounts::{Identifier, Source};
/// use crm_core::{Crm, MemoryStorage};
/// # use crm_core::accounts::{HashCost, Hasher, Passwords};
/// # fn main() -> crm_core::Result<()> {
/// # let cheap = Passwords::new(Hasher::new(HashCost { memory_kib: 32, passes: 1, lanes: 1 }, 1, 8)?);
/// # let crm = Crm::builder(MemoryStorage::new()).passwords(cheap).build_blocking()?;
/// # if false {
/// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// # }
/// let blocking = crm.blocking();
/// let identifier = Identifier::parse("ada@example.org", None)?;
/// let name = identifier.clone();
/// let (ada, credential) = blocking.run(&Actor::system(), "set up", move |work| {
///     let roles = work.access().install_templates()?;
///     let customer = roles.iter().find(|role| role.name == "customer").map(|role| role.id);
///     if let Some(customer) = customer {
///         work.access().assign(customer, Holder::EveryCustomer, [])?;
///     }
///     let ada = work.access().create_user("Ada")?.id;
///     work.access().recover_admin(ada)?;
///     work.accounts().create(&Principal::User(ada), &name).map(|credential| (ada, credential))
/// })?;
/// let ada = Principal::User(ada);
///
/// // An administrator sets a password that works once.
/// blocking.wait(crm.accounts().set_temporary_password(&Actor::system(), credential.id, "a first word for Ada"))?;
/// let here = Source::new("198.51.100.7");
/// let first = blocking.wait(crm.accounts().sign_in(&identifier, "a first word for Ada", &here))?;
/// assert!(blocking.wait(crm.accounts().authenticate(&first.token)).is_err(), "only to change the password");
///
/// let session = blocking.wait(crm.accounts().replace_password(&first.token, "the analytical engine"))?;
/// let seen = blocking.wait(crm.accounts().authenticate(&session.token))?;
/// assert_eq!(seen.principal, ada);
///
/// // The actor of this request, and why she was let in.
/// let why = blocking.read(&seen.actor, "why", move |work| work.access().explain(&ada, LOGIN, &ada.target()))?;
/// assert_eq!(why.decision, Decision::Allowed);
/// # Ok(())
/// # }
/// ```
pub struct Gate<'c>(&'c Crm);

impl Crm {
    /// Signing in, and what people do with their own credentials. See [`Gate`].
    pub fn accounts(&self) -> Gate<'_> {
        Gate(self)
    }
}

/// The one answer to whoever is not let in: an unknown identifier, a wrong password, a credential that is disabled, has no
/// password or must wait, an owner who may not log in (S-74).
pub(super) fn refused() -> Error {
    Error::invalid("credentials", "sign_in.refused")
}

/// The answer to a token that opens nothing: it never did, or no longer does.
pub(super) fn ended() -> Error {
    Error::invalid("session", "session.refused")
}

impl Gate<'_> {
    fn shared(&self) -> &Arc<Shared> {
        self.0.shared()
    }

    fn randomness(&self) -> &dyn Randomness {
        self.shared().randomness.as_ref()
    }

    /// Writes as the gate itself: nobody is known yet.
    async fn write<T, F>(&self, label: &'static str, job: F) -> Result<T>
    where
        F: Fn(&mut Permit<'_, '_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.write_as(Principal::Module("accounts".into()), label, job).await
    }

    /// Writes as whoever has proven who they are, so that the journal names them (S-52).
    async fn write_as<T, F>(&self, who: Principal, label: &'static str, job: F) -> Result<T>
    where
        F: Fn(&mut Permit<'_, '_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let actor = Actor::new(who).granted(GATE, Reach::all());
        self.0.run(&actor, label, move |work| job(&mut work.permit(GATE, &Target::ANY)?)).await
    }

    async fn read<T, F>(&self, label: &'static str, job: F) -> Result<T>
    where
        F: Fn(&mut Permit<'_, '_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let actor = Actor::new(Principal::Module("accounts".into())).granted(GATE, Reach::all());
        self.0.read(&actor, label, move |work| job(&mut work.permit(GATE, &Target::ANY)?)).await
    }
}
