//! The steps that the operations of the gate are made of, inside a transaction.

use serde_json::json;
use uuid::Uuid;

use super::refused;
use crate::access::{Actor, LOGIN, Policy, Principal};
use crate::accounts::event::{Change, CredentialChanged, Guessing};
use crate::accounts::lifetime::LIMITED;
use crate::accounts::lockout::{Admission, Guarded, LockoutPolicy, Source};
use crate::accounts::model::{
    Code, Credential, Guard, IdentifierKind, Session, SessionKind, account_code, credential, session,
};
use crate::accounts::policy::{AccountsPolicy, AccountsSettings};
use crate::accounts::token::Token;
use crate::branches::{self, Branch};
use crate::customers::{Customer, CustomerId, LANGUAGE, language_of};
use crate::kernel::language::Language;
use crate::kernel::time::Timestamp;
use crate::partners::Partner;
use crate::settings::Subject;
use crate::work::{Permit, Version};
use crate::{Error, Result};

/// The outbox topic of messages that tell the owner of a credential that it was changed: `what`, `channel`, `to`
/// and `language`.
pub const NOTICE_TOPIC: &str = "accounts.notice";

/// The policy that is set, or the default one.
pub(in crate::accounts) fn settings(work: &mut Permit<'_, '_>) -> Result<AccountsPolicy> {
    let stored: Option<AccountsSettings> = work.find(&AccountsSettings::only())?;
    Ok(stored.map(|stored| stored.policy.0).unwrap_or_default())
}

/// The credential with this canonical identifier.
pub(super) fn by_identifier(work: &mut Permit<'_, '_>, canonical: &str) -> Result<Option<Credential>> {
    work.select(credential::canonical.eq(canonical)).first()
}

/// Whether an attempt is heard.
pub(super) struct Knock {
    pub(super) heard: bool,
    /// The wrong guesses from this source before this one.
    pub(super) failures: u32,
}

/// Counts an attempt before it is judged, so that no two guesses are one: it counts as wrong until [`forgive`]n. Writes the
/// same rows whether the attempt is heard or not.
pub(super) fn knock(
    work: &mut Permit<'_, '_>,
    policy: &LockoutPolicy,
    guarded: &Guarded,
    about: Option<&Credential>,
) -> Result<Knock> {
    let now = work.now();
    let ids = guarded.ids();
    let stored = work.get_many::<Guard>(&ids)?;
    // A source that was right before is not one of the many strangers, whose guesses are counted together.
    let is_known = stored.iter().flatten().any(|guard| guard.id == guarded.pair && guard.proven_at.is_some());
    let judged: Vec<(Guard, Admission, bool)> = ids
        .into_iter()
        .zip(stored)
        .map(|(id, stored)| {
            let is_new = stored.is_none();
            let guard = stored.unwrap_or_else(|| Guard::new(id, now));
            let admission = guard.tally().admit(policy, guarded.free(id, policy), now);
            (guard, admission, is_new)
        })
        .collect();
    let counting = judged.into_iter().filter(|(guard, ..)| !(is_known && guard.id == guarded.account));
    let counting: Vec<_> = counting.collect();
    let heard = counting.iter().all(|(_, admission, _)| matches!(admission, Admission::Heard(_)));
    let mut failures = 0;
    let mut begins = false;
    for (mut guard, admission, is_new) in counting {
        if guard.id == guarded.pair {
            failures = guard.failures;
        }
        match admission {
            Admission::Heard(tally) if heard => {
                guard.keep(tally);
                guard.turned_away = 0;
            }
            Admission::Heard(_) => guard.turned_away = guard.turned_away.saturating_add(1),
            Admission::Wait(tally) => {
                begins |= guard.turned_away == 0;
                guard.keep(tally);
                guard.turned_away = guard.turned_away.saturating_add(1);
            }
        }
        if !is_new {
            work.update(&mut guard)?;
        } else if heard {
            // Who is not heard leaves no new row, so that made-up names do not fill the store.
            work.insert(&guard)?;
        }
    }
    if begins {
        work.emit(&Guessing { credential: about.map(|credential| credential.id) })?;
    }
    Ok(Knock { heard, failures })
}

/// The attempt was right: it no longer counts as wrong, and its source is known to the account.
pub(super) fn forgive(work: &mut Permit<'_, '_>, guarded: &Guarded) -> Result<()> {
    let now = work.now();
    let guards: Vec<Guard> = work.get_many::<Guard>(&guarded.ids())?.into_iter().flatten().collect();
    let was_known = guards.iter().any(|guard| guard.id == guarded.pair && guard.proven_at.is_some());
    for mut guard in guards {
        if guard.id == guarded.pair {
            guard.failures = 0;
            guard.proven_at = Some(now);
        } else if guard.id == guarded.account && was_known {
            // It was not counted among the strangers.
            continue;
        } else {
            guard.failures = guard.failures.saturating_sub(1);
        }
        work.update(&mut guard)?;
    }
    Ok(())
}

/// The source has proven itself by other means than a password.
pub(super) fn prove_source(work: &mut Permit<'_, '_>, canonical: &str, source: &Source) -> Result<()> {
    let guarded = Guarded::of(super::sign_in::WHAT, canonical, source);
    if work.find::<Guard>(&guarded.pair)?.is_none() {
        let guard = Guard::new(guarded.pair, work.now());
        work.insert(&guard)?;
    }
    let mut guard: Guard = work.get(guarded.pair)?;
    (guard.failures, guard.proven_at) = (0, Some(work.now()));
    work.update(&mut guard)
}

/// What somebody may do, if to log in is part of it (C40, S-64): the right is one of its own, granted by a role. Customers
/// are of a stage that has logins besides, and partners have a contract that is valid on the business day of the branch
/// that looks after them (S-05). Everybody costs the same looks at a customer, a contract, a branch and the rights, nobody
/// too.
fn admitted(
    work: &mut Permit<'_, '_>,
    policy: &AccountsPolicy,
    rights: &Policy,
    who: &Principal,
) -> Result<Option<Actor>> {
    let id = customer_of(who).unwrap_or_else(|| Uuid::nil().into());
    let customer: Option<Customer> = work.find(&id)?;
    let contract: Option<Partner> = work.find(&id)?;
    let home = customer.as_ref().and_then(|customer| customer.branch_id);
    let branch: Option<Branch> = work.find(&home.unwrap_or_else(|| Uuid::nil().into()))?;
    let today = branches::business_day(branch.as_ref()).date_of(work.now());
    // Nobody is let in by a record that leads to another: the one it leads to has logins of its own.
    let of_a_stage = customer
        .is_some_and(|customer| customer.merged_into_id.is_none() && policy.stages.contains_key(&customer.stage));
    let has_logins = match who {
        Principal::User(_) => true,
        Principal::Customer(_) => of_a_stage,
        Principal::Partner(_) => of_a_stage && contract.is_some_and(|contract| contract.is_valid_on(today)),
        _ => false,
    };
    // A user who is disabled is denied an actor.
    let actor = rights.actor(who).ok();
    Ok(actor.filter(|actor| has_logins && actor.may(LOGIN, &who.target())))
}

/// The same by the rights of this moment, in a read-only unit of work.
pub(super) fn admitted_now(
    work: &mut Permit<'_, '_>,
    policy: &AccountsPolicy,
    who: &Principal,
) -> Result<Option<Actor>> {
    let rights = work.shared.policy.current(work)?;
    admitted(work, policy, &rights, who)
}

/// Whether somebody may log in, in a writing unit of work.
pub(super) fn may_log_in(work: &mut Permit<'_, '_>, policy: &AccountsPolicy, who: &Principal) -> Result<bool> {
    let rights = work.shared.policy.seen(work)?;
    admitted(work, policy, &rights, who).map(|admitted| admitted.is_some())
}

/// Whether somebody may sign in with a code alone: customers, of a stage for which that is switched on (C41). Staff never.
pub(super) fn takes_code_alone(work: &mut Permit<'_, '_>, policy: &AccountsPolicy, who: &Principal) -> Result<bool> {
    let customer: Option<Customer> = work.find(&customer_of(who).unwrap_or_else(|| Uuid::nil().into()))?;
    Ok(customer.is_some_and(|customer| policy.takes_codes_alone(customer.stage)))
}

/// A new session of this kind, with its token, for somebody who may log in.
pub(super) fn begin_session(
    work: &mut Permit<'_, '_>,
    policy: &AccountsPolicy,
    credential: &Credential,
    kind: SessionKind,
    ends_at: Timestamp,
) -> Result<(Token, Session)> {
    if !may_log_in(work, policy, &credential.principal)? {
        return Err(refused());
    }
    let now = work.now();
    let token = Token::session(work.shared.randomness.as_ref())?;
    let digest = token.digest().ok_or_else(refused)?;
    let limited = now.checked_add(LIMITED)?;
    let session = Session {
        id: digest.id().into(),
        version: Version::FIRST,
        token_hash: digest.text(),
        credential_id: credential.id,
        generation: credential.generation,
        kind,
        created_at: now,
        seen_at: now,
        expires_at: if kind == SessionKind::Full { ends_at } else { ends_at.min(limited) },
        elevated_until: None,
    };
    work.insert(&session)?;
    Ok((token, session))
}

/// When a session of this credential that begins now ends.
pub(super) fn session_end(work: &Permit<'_, '_>, policy: &AccountsPolicy, who: &Principal) -> Result<Timestamp> {
    let minutes = policy.limits(who).absolute_minutes;
    work.now().checked_add(std::time::Duration::from_secs(60 * u64::from(minutes)))
}

/// Ends every session of a credential, and every code on its way.
pub(in crate::accounts) fn end_sessions(work: &mut Permit<'_, '_>, credential: &Credential) -> Result<()> {
    for session in work.select::<Session>(session::credential_id.eq(credential.id)).all()? {
        work.delete(&session)?;
    }
    for code in work.select::<Code>(account_code::credential_id.eq(credential.id)).all()? {
        work.delete(&code)?;
    }
    Ok(())
}

/// Nothing that began with this credential goes on: its generation moves on, so that what is read elsewhere at this moment
/// is dead too.
pub(in crate::accounts) fn credential_ended(work: &mut Permit<'_, '_>, credential: &mut Credential) -> Result<()> {
    credential.generation = credential.generation.saturating_add(1);
    end_sessions(work, credential)
}

/// Puts a new hash in place of the password, which ends what began with the old one.
pub(super) fn put_password(
    work: &mut Permit<'_, '_>,
    policy: &AccountsPolicy,
    credential: &mut Credential,
    hash: &str,
) -> Result<()> {
    if let Some(former) = credential.password_hash.replace(hash.to_owned()) {
        credential.history.0.insert(0, former);
    }
    credential.history.0.truncate(policy.password.remembered());
    credential.changed_at = work.now();
    credential.must_change = None;
    credential.valid_until = None;
    credential_ended(work, credential)
}

/// Tells the journal, and the owner at the address of before, that a credential was changed.
pub(in crate::accounts) fn changed(work: &mut Permit<'_, '_>, credential: &Credential, change: Change) -> Result<()> {
    let event = CredentialChanged { credential: credential.id, principal: credential.principal.clone(), change };
    work.emit(&event).map(|_| ())
}

/// A message to the owner of a credential, where there is somewhere to send it.
pub(super) fn notify(work: &mut Permit<'_, '_>, credential: &Credential, what: Change) -> Result<()> {
    if credential.identifier_kind != IdentifierKind::Name {
        let channel = channel_of(credential.identifier_kind);
        let language = language_to(work, &credential.principal)?;
        let to = &credential.identifier;
        work.send(NOTICE_TOPIC, json!({ "what": what, "channel": channel, "to": to, "language": language }))?;
    }
    Ok(())
}

/// In which language somebody is written to (S-66): staff as it is set for everybody.
pub(super) fn language_to(work: &mut Permit<'_, '_>, who: &Principal) -> Result<Language> {
    let customer = customer_of(who).map(|customer| work.find::<Customer>(&customer)).transpose()?.flatten();
    let resolved = match customer {
        Some(customer) => language_of(work, &customer, None)?,
        None => LANGUAGE.resolve(work, &Subject::default())?,
    };
    Ok(resolved.value)
}

/// How somebody with such an identifier is reached.
pub(super) fn channel_of(kind: IdentifierKind) -> Option<&'static str> {
    match kind {
        IdentifierKind::Email => Some("email"),
        IdentifierKind::Phone => Some("sms"),
        IdentifierKind::Name => None,
    }
}

/// What everybody knows about the owner of a credential, which no password may be made of.
pub(super) fn context(work: &mut Permit<'_, '_>, credential: &Credential) -> Result<Vec<String>> {
    let mut words = vec![credential.canonical.clone()];
    words.extend(credential.canonical.split_once('@').map(|(local, _)| local.to_owned()));
    if let Some(customer) = customer_of(&credential.principal)
        && let Some(customer) = work.find::<Customer>(&customer)?
    {
        words.extend(customer.name.split_whitespace().map(str::to_owned));
        words.push(customer.name);
    }
    Ok(words)
}

pub(super) fn customer_of(who: &Principal) -> Option<CustomerId> {
    match who {
        Principal::Customer(customer) | Principal::Partner(customer) => Some(*customer),
        _ => None,
    }
}

/// The stored credential, if it is still as it was when its secrets were judged.
pub(super) fn unchanged(work: &mut Permit<'_, '_>, judged: &Credential) -> Result<Credential> {
    let now: Credential = work.lock(judged.id)?;
    let is_same = now.generation == judged.generation && now.disabled == judged.disabled;
    // A hash that was only made stronger meanwhile moves the version, not the generation.
    if is_same { Ok(now) } else { Err(Error::Conflict { kind: "credential" }) }
}
