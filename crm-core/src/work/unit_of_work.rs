//! The unit of work: what every operation is a function on.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::Duration;

use uuid::Uuid;

use super::entity::{Entity, EntityKey};
use super::filter::{Criteria, Filter};
use super::idempotency::CommandKey;
use super::permit::Permit;
use super::storage::{Lock, Tx};
use super::value::Value;
use super::within::Within;
use crate::access::{Actor, Principal, Scoped, Target};
use crate::crm::Shared;
use crate::journal::JournalEntryId;
use crate::kernel::currency::Currencies;
use crate::kernel::id::time_of;
use crate::kernel::random::Randomness;
use crate::kernel::time::Timestamp;
use crate::{Error, Result};

/// The name of the decision that [`UnitOfWork::unrestricted`] is. No permission: nobody can be granted it.
const UNRESTRICTED: &str = "unrestricted";

/// One transaction as operations see it: an actor, a clock, and the way to the rows by a decision.
///
/// Operations of all nouns and modules hang on it as small views (`work.customers()`, `work.purchases()`), and compose
/// into one transaction. It has no rows of its own to give: an operation asks for a [`Permit`] or is [`Within`] what
/// the actor may see. It lives only inside the closure of [`Crm::run`](crate::Crm::run) and its relatives, which
/// commits; there is no commit to forget.
pub struct UnitOfWork<'t> {
    pub(super) tx: &'t mut dyn Tx,
    pub(crate) shared: &'t Shared,
    actor: Cow<'t, Actor>,
    now: OnceCell<Timestamp>,
    /// Events that are being handled, innermost last: a handler that emits its own cause again is a cycle.
    pub(crate) handling: Vec<(&'static str, JournalEntryId)>,
    /// The command that is being done once, for the journal.
    pub(crate) command: Option<CommandKey>,
    /// An operation failed after it had written something: nothing may be committed, whatever the job makes of the error.
    half_done: bool,
}

impl<'t> UnitOfWork<'t> {
    pub(crate) fn new(tx: &'t mut dyn Tx, shared: &'t Shared, actor: &'t Actor) -> Self {
        Self {
            tx,
            shared,
            actor: Cow::Borrowed(actor),
            now: OnceCell::new(),
            handling: Vec::new(),
            command: None,
            half_done: false,
        }
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The instant of this unit of work, the same for everything in it: that in which it is asked for first, so that it is not
    /// before that of another job which held the rows that this one locked before it asked.
    pub fn now(&self) -> Timestamp {
        *self.now.get_or_init(|| self.shared.clock.now())
    }

    /// The currencies that are known.
    pub fn currencies(&self) -> &'t Currencies {
        &self.shared.currencies
    }

    /// What a module has [provided](crate::module::Registry::provide) for its operations.
    ///
    /// # Errors
    /// [`Error::Setup`] when no installed module has: the operation belongs to a module that is not there.
    pub fn provided<T: Any + Send + Sync>(&self) -> Result<&'t T> {
        let provided = self.shared.installed.provided.get(&TypeId::of::<T>());
        let missing = || Error::Setup(format!("no module provides {}", std::any::type_name::<T>()));
        provided.and_then(|value| value.downcast_ref()).ok_or_else(missing)
    }

    /// The randomness that secrets are made of.
    pub fn randomness(&self) -> &'t dyn Randomness {
        self.shared.randomness.as_ref()
    }

    /// A new id that stands after another, of what is built on that: also if the other was made by a machine whose clock is
    /// ahead, by up to a day.
    pub fn new_id_after<I: From<Uuid>>(&self, other: impl Into<Uuid>) -> I {
        const DAY: Duration = Duration::from_secs(86_400);
        let other = other.into();
        let id = self.shared.ids.next(self.now());
        if id > other {
            return id.into();
        }
        // The next millisecond of the other.
        let next = time_of(other).and_then(|time| time.checked_add(Duration::from_millis(1)).ok());
        let near = next.filter(|next| self.now().checked_add(DAY).is_ok_and(|latest| *next <= latest));
        near.map_or(id, |next| self.shared.ids.next(next)).into()
    }

    /// A new id, ordered by time.
    pub fn new_id<I: From<Uuid>>(&self) -> I {
        self.shared.ids.next(self.now()).into()
    }

    /// The way to the rows for one operation: every operation begins with it. See [`Permit`].
    ///
    /// # Errors
    /// [`Error::Denied`] unless the actor may do this to the target.
    pub fn permit(&mut self, permission: &'static str, target: &Target) -> Result<Permit<'_, 't>> {
        self.actor.require(permission, target)?;
        Ok(Permit::new(self, permission))
    }

    /// The same for one record, which is loaded. Out of reach is the same as absent: the refusal tells nobody what is
    /// there.
    ///
    /// # Errors
    /// [`Error::Denied`] without any grant; [`Error::NotFound`] when the record is absent or out of reach.
    #[expect(clippy::needless_pass_by_value, reason = "ids are small, and a reference at every call is noise")]
    pub fn permit_on<E: Scoped>(&mut self, permission: &'static str, id: E::Id) -> Result<(Permit<'_, 't>, E)> {
        self.within(permission)?;
        // What an operation works on is whole, also where the actor does not see all of it.
        let found = self.fetch::<E>(std::slice::from_ref(&id), Lock::None)?.into_iter().next().flatten();
        let record =
            found.filter(|record| self.actor.may(permission, &record.target())).ok_or_else(|| missing::<E>(&id))?;
        Ok((Permit::new(self, permission), record))
    }

    /// The way to lists: queries that are narrowed to what the actor's grant reaches. See [`Within`].
    ///
    /// # Errors
    /// [`Error::Denied`] without any grant.
    pub fn within(&mut self, permission: &'static str) -> Result<Within<'_, 't>> {
        self.actor.reach(permission)?;
        Ok(Within::new(self, permission))
    }

    /// The way to all rows for the host's own maintenance: for [`Actor::system`] alone.
    ///
    /// # Errors
    /// [`Error::Denied`] for anybody else, whatever they are granted.
    pub fn unrestricted(&mut self) -> Result<Permit<'_, 't>> {
        if self.actor.is_system() {
            Ok(Permit::new(self, UNRESTRICTED))
        } else {
            Err(Error::Denied { permission: UNRESTRICTED.into() })
        }
    }

    /// Runs a part of the work as another actor: a module's handler acts as the module, with the module's grants.
    pub(crate) fn acting_as<T>(&mut self, actor: &Actor, part: impl FnOnce(&mut Self) -> T) -> T {
        let actor = actor.clone().where_acts(&self.actor);
        let before = std::mem::replace(&mut self.actor, Cow::Owned(actor));
        let done = part(self);
        self.actor = before;
        done
    }

    /// What has been written is there, though its operation failed: nothing of this unit of work may be committed.
    pub(super) fn spoil(&mut self) {
        self.half_done = true;
    }

    /// What becomes of a job that ends like this.
    pub(crate) fn settle<T, Er: From<Error>>(&self, done: Result<T, Er>) -> Result<T, Er> {
        if self.half_done { done.and(Err(Error::Poisoned.into())) } else { done }
    }

    /// The principal, as journal and audit name it.
    pub(crate) fn principal(&self) -> &Principal {
        self.actor.principal()
    }

    /// Tries a part of the work: if it fails, nothing of it is kept and the rest can go on.
    ///
    /// Its errors show inside, also those a store finds only when it writes.
    pub fn attempt<T, Er: From<Error>>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, Er>) -> Result<T, Er> {
        let attempt = self.begin_attempt()?;
        let tried = part(self);
        self.end_attempt(attempt, tried)
    }

    pub(super) fn begin_attempt(&mut self) -> Result<Attempt> {
        self.tx.savepoint()?;
        Ok(Attempt { half_done: self.half_done })
    }

    #[expect(clippy::needless_pass_by_value, reason = "an attempt ends once")]
    pub(super) fn end_attempt<T, Er: From<Error>>(&mut self, attempt: Attempt, tried: Result<T, Er>) -> Result<T, Er> {
        match tried.and_then(|value| self.tx.flush().map(|()| value).map_err(Er::from)) {
            Ok(value) => {
                self.tx.release()?;
                Ok(value)
            }
            Err(error) => {
                self.tx.roll_back()?;
                self.half_done = attempt.half_done;
                Err(error)
            }
        }
    }

    /// The rows with these keys, as entities. Decides nothing.
    pub(super) fn fetch<E: Entity>(&mut self, ids: &[E::Id], lock: Lock) -> Result<Vec<Option<E>>> {
        let keys: Vec<_> = ids.iter().map(EntityKey::to_key).collect();
        let rows = self.tx.fetch(E::SCHEMA, &keys, lock)?;
        rows.into_iter().map(|row| row.map(|row| E::from_row(&row)).transpose()).collect()
    }

    /// How many rows meet the condition. Decides nothing.
    pub(super) fn tally<E: Entity>(&mut self, filter: Filter<E>) -> Result<u64> {
        let criteria: Criteria = filter.into();
        criteria.check(E::SCHEMA)?;
        self.tx.count(E::SCHEMA, &criteria)
    }
}

/// What was before an attempt.
pub(super) struct Attempt {
    half_done: bool,
}

pub(super) fn missing<E: Entity>(id: &E::Id) -> Error {
    let key: Vec<String> = id
        .to_key()
        .iter()
        .map(|value| match value {
            Value::Uuid(id) => id.to_string(),
            Value::Int(number) => number.to_string(),
            // Other keys may be personal: a phone, a card.
            _ => "…".to_owned(),
        })
        .collect();
    Error::not_found(E::SCHEMA.kind, key.join("/"))
}
