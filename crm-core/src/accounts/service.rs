//! What administrators do with credentials.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::{Change, PolicySet};
use super::gate::{changed, credential_ended, end_sessions, send_code, settings};
use super::identifier::Identifier;
use super::model::{
    ApiToken, CodeId, Credential, CredentialId, MustChange, Purpose, Session, SessionId, account_code, api_token,
    credential, login_guard, session,
};
use super::policy::{AccountsPolicy, AccountsSettings};
use crate::access::{Actor, Principal, Reach, Target};
use crate::customers::{Customer, CustomerId};
use crate::kernel::page::Limit;
use crate::kernel::time::Timestamp;
use crate::work::{Col, Entity, Filter, Json, Permit, UnitOfWork, Version};
use crate::{Error, Result};

/// Permission to make, change and end credentials.
pub const MANAGE: &str = "accounts.manage";
/// Permission to see credentials and their sessions.
pub const READ: &str = "accounts.read";
/// Permission to set the accounts policy, and to clear away what is over.
pub const POLICY: &str = "accounts.policy";
/// The name of the decisions of the gate. No module declares it, so no role can grant it.
pub(super) const GATE: &str = "accounts.gate";

/// For how long a source is remembered from which an account was signed in to.
const REMEMBERED: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A credential that was issued, what was sent, and what its owner has bought with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    /// The credential.
    pub credential: CredentialId,
    /// The code that was sent, unless the credential was there already.
    pub code: Option<CodeId>,
    /// The roles the payment buys: to be assigned by who may.
    pub roles: Vec<String>,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// Accounts, seen from a unit of work: `work.accounts()`.
///
/// An actor reaches the credentials of those they reach: of the customers of their branch, or of the users they are set
/// over. Out of reach is the same as absent.
pub struct Accounts<'w, 't>(&'w mut UnitOfWork<'t>);

impl<'t> UnitOfWork<'t> {
    /// Credentials, and what hangs on them.
    pub fn accounts(&mut self) -> Accounts<'_, 't> {
        Accounts(self)
    }
}

impl Accounts<'_, '_> {
    /// Makes a credential without a password: nobody can sign in with it before one was set, by a code
    /// ([`invite`](Self::invite)) or by [`set_temporary_password`](super::Gate::set_temporary_password), but for customers
    /// of a stage that [takes codes alone](super::StagePolicy::code_alone).
    ///
    /// A partner who has a login as a customer too has two credentials, with an identifier each. That of a partner
    /// works while the contract is valid.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the identifier is taken; [`Error::Invalid`] with rule `credential.principal` for
    /// whoever is no user, customer or partner; [`Error::NotFound`] for a customer who is absent or out of reach.
    pub fn create(&mut self, owner: &Principal, identifier: &Identifier) -> Result<Credential> {
        create(&mut permit_over(self.0, MANAGE, owner)?, owner, identifier)
    }

    /// Sends a code to set the first password with, to the credential's own identifier.
    ///
    /// # Errors
    /// [`Error::NotFound`]; `code.no_address` for a credential with a name.
    pub fn invite(&mut self, id: CredentialId) -> Result<CodeId> {
        let (mut work, credential) = permit_on(self.0, MANAGE, id)?;
        let policy = settings(&mut work)?;
        changed(&mut work, &credential, Change::Invited)?;
        send_code(&mut work, &policy, &credential, Purpose::Activate, None)
    }

    /// Gives a customer a login, as the policy says for their stage, and sends the code to activate it. With the nature of
    /// a payment, says what that buys. Done again, it sends nothing anew and only says what was bought (C41).
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `credential.stage` for a stage that has no logins, and `bundle.unknown` for a nature
    /// the policy does not know; otherwise as [`create`](Self::create).
    pub fn issue(&mut self, customer: CustomerId, identifier: &Identifier, nature: Option<&str>) -> Result<Issued> {
        let owner = Principal::Customer(customer);
        let mut work = permit_over(self.0, MANAGE, &owner)?;
        let policy = settings(&mut work)?;
        let stage = work.get::<Customer>(customer)?.stage;
        let allowed = policy.stages.get(&stage).ok_or_else(|| Error::invalid("customer", "credential.stage"))?;
        let days = |days: u16| work.now().checked_add(Duration::from_secs(86_400 * u64::from(days)));
        let valid_until = allowed.valid_days.map(days).transpose()?;
        let bundle = nature
            .map(|nature| policy.bundles.get(nature))
            .map(|bundle| bundle.ok_or_else(|| Error::invalid("nature", "bundle.unknown")));
        let bundle = bundle.transpose()?;
        let until = bundle.and_then(|bundle| bundle.valid_days).map(days).transpose()?;
        let roles = bundle.map(|bundle| bundle.roles.clone()).unwrap_or_default();
        let own = credential::principal.eq(owner.clone()).and(credential::canonical.eq(identifier.canonical()));
        if let Some(there) = work.select(own).first()? {
            return Ok(Issued { credential: there.id, code: None, roles, until });
        }
        let mut credential = create(&mut work, &owner, identifier)?;
        if valid_until.is_some() {
            credential.valid_until = valid_until;
            work.update(&mut credential)?;
        }
        let code = send_code(&mut work, &policy, &credential, Purpose::Activate, None)?;
        Ok(Issued { credential: credential.id, code: Some(code), roles, until })
    }

    /// A credential.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn get(&mut self, id: CredentialId) -> Result<Credential> {
        permit_on(self.0, READ, id).map(|(_, credential)| credential)
    }

    /// The credentials of a principal.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a customer who is absent or out of reach.
    pub fn of(&mut self, owner: &Principal) -> Result<Vec<Credential>> {
        permit_over(self.0, READ, owner)?.select(credential::principal.eq(owner.clone())).all()
    }

    /// The sessions of a credential.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn sessions(&mut self, id: CredentialId) -> Result<Vec<Session>> {
        let (mut work, _) = permit_on(self.0, READ, id)?;
        work.select(session::credential_id.eq(id)).all()
    }

    /// Ends one session of a credential, or all, and the codes on their way.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn end_sessions(&mut self, id: CredentialId, which: Option<SessionId>) -> Result<()> {
        let (mut work, mut credential) = permit_on(self.0, MANAGE, id)?;
        if let Some(which) = which {
            let session = work.find::<Session>(&which)?.filter(|session| session.credential_id == id);
            work.delete(&session.ok_or_else(|| Error::not_found("session", which))?)?;
        } else {
            credential_ended(&mut work, &mut credential)?;
            work.update(&mut credential)?;
        }
        changed(&mut work, &credential, Change::SessionsEnded)
    }

    /// Nobody can sign in with it any more; what is open ends, API tokens are dead for as long.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn disable(&mut self, id: CredentialId) -> Result<()> {
        self.change(id, Change::Disabled, |credential| credential.disabled = true)
    }

    /// It works again.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn enable(&mut self, id: CredentialId) -> Result<()> {
        self.change(id, Change::Enabled, |credential| credential.disabled = false)
    }

    /// From this instant on the password must be changed (C38); `None`: whenever its owner likes.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn set_valid_until(&mut self, id: CredentialId, until: Option<Timestamp>) -> Result<()> {
        let (mut work, mut credential) = permit_on(self.0, MANAGE, id)?;
        credential.valid_until = until;
        work.update(&mut credential)?;
        changed(&mut work, &credential, Change::ValidUntil)
    }

    /// The password is known, or thought, to be in the wrong hands: it must be changed, and all sessions end.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn compromised(&mut self, id: CredentialId) -> Result<()> {
        self.change(id, Change::MustChange, |credential| {
            // A password that has worked its one time does not work again for it.
            if credential.must_change != Some(MustChange::Used) {
                credential.must_change = Some(MustChange::Compromised);
            }
        })
    }

    /// Sets another identifier, for one that cannot prove itself: a name, or the number of a lost phone. All sessions
    /// end.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::AlreadyExists`] when the identifier is taken.
    pub fn set_identifier(&mut self, id: CredentialId, identifier: &Identifier) -> Result<()> {
        self.change(id, Change::Identifier, |credential| {
            credential.identifier_kind = identifier.kind();
            identifier.as_given().clone_into(&mut credential.identifier);
            identifier.canonical().clone_into(&mut credential.canonical);
        })
    }

    /// Takes the second factor off somebody who has lost it, and their recovery codes. All sessions end.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn drop_factor(&mut self, id: CredentialId) -> Result<()> {
        self.change(id, Change::FactorOff, Credential::drop_factor)
    }

    /// Deletes a credential with its sessions, codes and API tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    pub fn delete(&mut self, id: CredentialId) -> Result<()> {
        let (mut work, credential) = permit_on(self.0, MANAGE, id)?;
        end_sessions(&mut work, &credential)?;
        for token in work.select::<ApiToken>(api_token::credential_id.eq(id)).all()? {
            work.delete(&token)?;
        }
        work.delete(&credential)?;
        changed(&mut work, &credential, Change::Deleted)
    }

    /// The policy that is set, or the default one.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`POLICY`].
    pub fn policy(&mut self) -> Result<AccountsPolicy> {
        settings(&mut self.0.permit(POLICY, &Target::ANY)?)
    }

    /// Sets the policy, for all processes at once. An expiry by age that was off before begins now: nothing expires
    /// before its days of grace are over.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`POLICY`]; those of [`AccountsPolicy::check`].
    pub fn set_policy(&mut self, mut policy: AccountsPolicy) -> Result<()> {
        let mut work = self.0.permit(POLICY, &Target::ANY)?;
        policy.check()?;
        let stored: Option<AccountsSettings> = work.find(&AccountsSettings::only())?;
        if let Some(expiry) = &mut policy.password.expiry {
            let before = stored.as_ref().and_then(|stored| stored.policy.0.password.expiry);
            expiry.since = before.and_then(|before| before.since).or(Some(work.now()));
        }
        work.emit(&PolicySet { policy: policy.clone() })?;
        let (id, first) = (AccountsSettings::only(), Json(policy.clone()));
        let first = AccountsSettings { id, version: Version::FIRST, policy: first };
        let mut stored = work.find_or_first(id, |_| first)?;
        stored.policy = Json(policy);
        work.update(&mut stored)
    }

    /// Clears away at most `limit` of each of what is over: sessions, codes, and guards of whom nobody has guessed of
    /// late. Returns how many rows are gone; call it now and then, until that is none.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`POLICY`].
    pub fn prune(&mut self, limit: Limit) -> Result<u64> {
        let mut work = self.0.permit(POLICY, &Target::ANY)?;
        let now = work.now();
        let forget = Duration::from_secs(settings(&mut work)?.lockout.forget_after_secs.into());
        let sessions = delete_page(&mut work, session::expires_at.le(now), session::expires_at, limit)?;
        let codes = delete_page(&mut work, account_code::expires_at.le(now), account_code::expires_at, limit)?;
        let forgotten = login_guard::last_at.le(now.checked_sub(forget)?);
        let unknown = login_guard::proven_at.is_null().or(login_guard::last_at.le(now.checked_sub(REMEMBERED)?));
        let guards = delete_page(&mut work, forgotten.and(unknown), login_guard::last_at, limit)?;
        Ok(sessions + codes + guards)
    }

    /// Changes a credential so that nothing of before goes on.
    fn change(&mut self, id: CredentialId, change: Change, make: impl FnOnce(&mut Credential)) -> Result<()> {
        let (mut work, mut credential) = permit_on(self.0, MANAGE, id)?;
        make(&mut credential);
        credential_ended(&mut work, &mut credential)?;
        work.update(&mut credential)?;
        changed(&mut work, &credential, change)
    }
}

impl Credential {
    pub(super) fn drop_factor(&mut self) {
        self.factor_on = false;
        self.factor_seed = None;
        self.recovery = Json(Vec::new());
    }
}

fn delete_page<E: Entity>(
    work: &mut Permit<'_, '_>,
    over: Filter<E>,
    oldest_first: Col<E, Timestamp>,
    limit: Limit,
) -> Result<u64> {
    let page = work.select(over).order_by(oldest_first).page(limit, None)?;
    let mut gone = 0;
    for row in page.items {
        work.delete(&row)?;
        gone += 1;
    }
    Ok(gone)
}

fn create(work: &mut Permit<'_, '_>, owner: &Principal, identifier: &Identifier) -> Result<Credential> {
    if work.select::<Credential>(credential::canonical.eq(identifier.canonical())).first()?.is_some() {
        return Err(Error::AlreadyExists { kind: "credential", unique: "identifier".into() });
    }
    let now = work.now();
    let credential = Credential {
        id: work.new_id(),
        version: Version::FIRST,
        principal: owner.clone(),
        identifier_kind: identifier.kind(),
        identifier: identifier.as_given().to_owned(),
        canonical: identifier.canonical().to_owned(),
        password_hash: None,
        history: Json(Vec::new()),
        generation: 1,
        changed_at: now,
        valid_until: None,
        must_change: None,
        disabled: false,
        factor_seed: None,
        factor_on: false,
        factor_step: 0,
        recovery: Json(Vec::new()),
        created_at: now,
    };
    work.insert(&credential)?;
    changed(work, &credential, Change::Created)?;
    Ok(credential)
}

/// A permit for what belongs to a principal, if the actor's grant reaches them: customers as customers are reached, users
/// as theirs.
fn permit_over<'w, 't>(
    work: &'w mut UnitOfWork<'t>,
    permission: &'static str,
    owner: &Principal,
) -> Result<Permit<'w, 't>> {
    match owner {
        Principal::Customer(customer) | Principal::Partner(customer) => {
            Ok(work.permit_on::<Customer>(permission, *customer)?.0)
        }
        Principal::User(user) => work.permit(permission, &Target { owner: Some(*user), ..Target::ANY }),
        _ => {
            work.actor().reach(permission)?;
            Err(Error::invalid("principal", "credential.principal"))
        }
    }
}

/// A permit for a credential that is loaded, if the actor's grant reaches its owner.
pub(super) fn permit_on<'w, 't>(
    work: &'w mut UnitOfWork<'t>,
    permission: &'static str,
    id: CredentialId,
) -> Result<(Permit<'w, 't>, Credential)> {
    // Who has no grant learns nothing, not even who is there.
    work.actor().reach(permission)?;
    let gate = Actor::new(Principal::Module("accounts".into())).granted(GATE, Reach::all());
    let found = work.acting_as(&gate, |work| work.permit(GATE, &Target::ANY)?.find::<Credential>(&id))?;
    let credential = found.ok_or_else(|| Error::not_found("credential", id))?;
    let permit = permit_over(work, permission, &credential.principal).map_err(|error| match error {
        Error::Denied { .. } | Error::NotFound { .. } => Error::not_found("credential", id),
        other => other,
    })?;
    Ok((permit, credential))
}
