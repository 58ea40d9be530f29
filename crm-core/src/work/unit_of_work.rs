//! The unit of work: what every operation is a function on.

use std::borrow::Cow;

use uuid::Uuid;

use super::entity::{Entity, EntityKey};
use super::filter::{Col, Filter};
use super::select::Select;
use super::storage::{Addition, Lock, Tx};
use super::value::{Field, Value};
use crate::access::{Actor, Principal, Scope, Target};
use crate::crm::Shared;
use crate::kernel::currency::Currencies;
use crate::kernel::time::Timestamp;
use crate::{Error, Result};

/// One transaction as operations see it: typed entities, an actor, a clock, and the journal.
///
/// Operations of all nouns and modules hang on it as small views (`work.customers()`, `work.purchases()`), and compose
/// into one transaction. It lives only inside the closure of [`Crm::run`](crate::Crm::run) and its relatives, which
/// commits; there is no commit to forget.
pub struct UnitOfWork<'t> {
    pub(crate) tx: &'t mut dyn Tx,
    pub(crate) shared: &'t Shared,
    actor: Cow<'t, Actor>,
    now: Timestamp,
    /// Events that are being handled, innermost last: a handler that emits its own cause again is a cycle.
    pub(crate) handling: Vec<&'static str>,
    /// An operation failed after it had written something: nothing may be committed, whatever the job makes of the error.
    half_done: bool,
}

impl<'t> UnitOfWork<'t> {
    pub(crate) fn new(tx: &'t mut dyn Tx, shared: &'t Shared, actor: &'t Actor) -> Self {
        Self {
            tx,
            shared,
            actor: Cow::Borrowed(actor),
            now: shared.clock.now(),
            handling: Vec::new(),
            half_done: false,
        }
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The instant of this unit of work, the same for everything in it.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The currencies that are known.
    pub fn currencies(&self) -> &'t Currencies {
        &self.shared.currencies
    }

    /// A new id, ordered by time.
    pub fn new_id<I: From<Uuid>>(&self) -> I {
        self.shared.ids.next(self.now).into()
    }

    /// Refuses unless the actor may do this to the target. Every operation begins with it.
    ///
    /// # Errors
    /// [`Error::Denied`]
    pub fn require(&self, permission: &'static str, target: &Target) -> Result<()> {
        self.actor.require(permission, target)
    }

    /// How far the actor's grant reaches: goes into the condition of every list.
    ///
    /// # Errors
    /// [`Error::Denied`] without a grant.
    pub fn scope(&self, permission: &'static str) -> Result<&Scope> {
        self.actor.scope(permission)
    }

    /// Runs a part of the work as another actor: a module's handler acts as the module, with the module's grants.
    pub(crate) fn acting_as<T>(&mut self, actor: &Actor, part: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.actor, Cow::Owned(actor.clone()));
        let done = part(self);
        self.actor = before;
        done
    }

    /// Runs a part of an operation that writes before it knows whether it will succeed. If it fails outside an
    /// [`attempt`](Self::attempt), what it has written is there, so the whole unit of work fails.
    pub(crate) fn whole<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        part(self).inspect_err(|_| self.half_done = true)
    }

    /// What becomes of a job that ends like this.
    pub(crate) fn settle<T, Er: From<Error>>(&self, done: Result<T, Er>) -> Result<T, Er> {
        if self.half_done { done.and(Err(Error::Poisoned.into())) } else { done }
    }

    /// The principal, as journal and audit name it.
    pub(crate) fn principal(&self) -> &Principal {
        self.actor.principal()
    }

    /// The entity with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`]
    #[expect(clippy::needless_pass_by_value, reason = "ids are small, and a reference at every call is noise")]
    pub fn get<E: Entity>(&mut self, id: E::Id) -> Result<E> {
        self.find(&id)?.ok_or_else(|| missing::<E>(&id))
    }

    /// The entity with this id, if there is one.
    pub fn find<E: Entity>(&mut self, id: &E::Id) -> Result<Option<E>> {
        Ok(self.get_many(std::slice::from_ref(id))?.into_iter().next().flatten())
    }

    /// The entities with these ids, in their order, `None` for each that does not exist.
    pub fn get_many<E: Entity>(&mut self, ids: &[E::Id]) -> Result<Vec<Option<E>>> {
        let keys: Vec<_> = ids.iter().map(EntityKey::to_key).collect();
        let rows = self.tx.fetch(E::SCHEMA, &keys, Lock::None)?;
        rows.into_iter().map(|row| row.map(E::from_row).transpose()).collect()
    }

    /// The entity with this id, locked: nobody else can change it until this unit of work has ended.
    /// Lock rows of one kind in the order of their ids (S-33).
    ///
    /// # Errors
    /// [`Error::NotFound`]
    #[expect(clippy::needless_pass_by_value, reason = "ids are small, and a reference at every call is noise")]
    pub fn lock<E: Entity>(&mut self, id: E::Id) -> Result<E> {
        let row = self.tx.fetch(E::SCHEMA, &[id.to_key()], Lock::ForUpdate)?.into_iter().next().flatten();
        row.map(E::from_row).transpose()?.ok_or_else(|| missing::<E>(&id))
    }

    /// Says which entities will be read soon, so that the rows of many jobs can be read at once. A hint for hot paths.
    pub fn expect<E: Entity>(&mut self, ids: &[E::Id]) {
        let keys: Vec<_> = ids.iter().map(EntityKey::to_key).collect();
        self.tx.expect(E::SCHEMA, &keys);
    }

    /// Begins a query: `work.select(branch::active.eq(true)).order_by(branch::name).page(limit, None)`.
    pub fn select<E: Entity>(&mut self, filter: Filter<E>) -> Select<'_, 't, E> {
        Select::new(self, filter)
    }

    /// How many entities meet the condition.
    pub fn count<E: Entity>(&mut self, filter: Filter<E>) -> Result<u64> {
        let criteria = filter.into();
        super::filter::Criteria::check(&criteria, E::SCHEMA)?;
        self.tx.count(E::SCHEMA, &criteria)
    }

    /// Stores a new entity.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], possibly only when the unit of work commits.
    pub fn insert<E: Entity>(&mut self, entity: &E) -> Result<()> {
        self.insert_all(std::slice::from_ref(entity))
    }

    /// Stores new entities in one batch.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], possibly only when the unit of work commits.
    pub fn insert_all<E: Entity>(&mut self, entities: &[E]) -> Result<()> {
        if entities.is_empty() {
            return Ok(());
        }
        self.tx.insert(E::SCHEMA, entities.iter().map(Entity::to_row).collect())
    }

    /// Stores the changes of an entity, and moves its version on. Counters are not written: see [`add`](Self::add).
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone, [`Error::Conflict`] when somebody changed it since it was read.
    pub fn update<E: Entity>(&mut self, entity: &mut E) -> Result<()> {
        let was = entity.version().ok_or_else(|| Error::invalid(E::SCHEMA.kind, "entity.unversioned"))?;
        let id = entity.id();
        let stored: E = self.get(id)?;
        if stored.version() != Some(was) {
            return Err(Error::Conflict { kind: E::SCHEMA.kind });
        }
        entity.set_version(was.next());
        let written = self.tx.update(E::SCHEMA, vec![(entity.to_row(), was.to_value().as_int().unwrap_or_default())]);
        written.inspect_err(|_| entity.set_version(was))
    }

    /// Removes an entity.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is gone already, [`Error::Conflict`] when somebody changed it since it was read.
    pub fn delete<E: Entity>(&mut self, entity: &E) -> Result<()> {
        let stored: E = self.get(entity.id())?;
        if stored.version() != entity.version() {
            return Err(Error::Conflict { kind: E::SCHEMA.kind });
        }
        let version = entity.version().and_then(|version| version.to_value().as_int());
        self.tx.delete(E::SCHEMA, vec![(entity.id().to_key(), version)])
    }

    /// Adds to a counter, without losing what others add at the same time.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such entity; [`Error::Invalid`] with rule `counter.floor` when the result
    /// would be below `floor`, `counter.overflow` when it would not fit.
    pub fn add<E: Entity>(&mut self, id: &E::Id, counter: Col<E, i64>, amount: i64, floor: Option<i64>) -> Result<()> {
        let key = id.to_key();
        let column = counter.position();
        let row = self.tx.fetch(E::SCHEMA, std::slice::from_ref(&key), Lock::None)?.into_iter().next().flatten();
        let row = row.ok_or_else(|| missing::<E>(id))?;
        let name = E::SCHEMA.columns.get(column).map_or("counter", |column| column.name);
        let now = row.get(column).and_then(Value::as_int).unwrap_or_default();
        let sum = now.checked_add(amount).ok_or_else(|| Error::invalid(name, "counter.overflow"))?;
        if floor.is_some_and(|floor| sum < floor) {
            return Err(Error::invalid(name, "counter.floor"));
        }
        self.tx.add(E::SCHEMA, vec![Addition { key, column, amount, floor }])
    }

    /// Tries a part of the work: if it fails, nothing of it is kept and the rest can go on.
    ///
    /// Its errors show inside, also those a store finds only when it writes.
    pub fn attempt<T, Er: From<Error>>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, Er>) -> Result<T, Er> {
        self.tx.savepoint()?;
        let half_done = self.half_done;
        let tried = part(self).and_then(|value| self.tx.flush().map(|()| value).map_err(Er::from));
        match tried {
            Ok(value) => {
                self.tx.release()?;
                Ok(value)
            }
            Err(error) => {
                self.tx.roll_back()?;
                self.half_done = half_done;
                Err(error)
            }
        }
    }
}

fn missing<E: Entity>(id: &E::Id) -> Error {
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
