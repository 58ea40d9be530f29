//! The permit: the decision that an operation may go on, and the way to the rows.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::entity::{Entity, EntityKey};
use super::filter::{Col, Filter};
use super::select::Select;
use super::storage::{Addition, Lock, Replacement};
use super::unit_of_work::{UnitOfWork, missing};
use super::value::{Field, Value};
use crate::{Error, Result};

/// A decision that the actor may do something, and with it the typed entities, the journal and the outbox.
///
/// Only [`UnitOfWork::permit`] and its relatives make one, after they have asked the actor. An operation that forgets to
/// ask does not compile, for a unit of work alone has no rows. What an operation is built of takes `&mut Permit`, so
/// that its type says that somebody decided. A permit is a unit of work too: `permit.customers()` asks anew.
///
/// ```
/// use crm_core::access::{Actor, Target};
/// use crm_core::branches::{Branch, READ, branch};
/// use crm_core::{Crm, Error, MemoryStorage};
/// # fn main() -> crm_core::Result<()> {
/// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// let open = crm.blocking().read(&Actor::system(), "open branches", |work| {
///     let mut permit = work.permit(READ, &Target::ANY)?;
///     permit.count::<Branch>(branch::active.eq(true))
/// })?;
/// assert_eq!(open, 0);
/// # Ok(())
/// # }
/// ```
///
/// No rows without a decision:
///
/// ```compile_fail,E0599
/// use crm_core::branches::Branch;
/// use crm_core::work::{Filter, UnitOfWork};
/// fn list(work: &mut UnitOfWork<'_>) -> crm_core::Result<Vec<Branch>> {
///     work.select(Filter::<Branch>::all()).all()
/// }
/// ```
///
/// ```compile_fail,E0599
/// use crm_core::branches::Branch;
/// use crm_core::work::UnitOfWork;
/// fn plant(work: &mut UnitOfWork<'_>, branch: &Branch) -> crm_core::Result<()> {
///     work.insert(branch)
/// }
/// ```
///
/// Nor by a permit of one's own making, nor a journal entry:
///
/// ```compile_fail,E0451
/// use crm_core::work::{Permit, UnitOfWork};
/// fn forge<'w, 't>(work: &'w mut UnitOfWork<'t>) -> Permit<'w, 't> {
///     Permit { work, permission: "branches.read" }
/// }
/// ```
///
/// ```compile_fail,E0624
/// use crm_core::work::{Permit, UnitOfWork};
/// fn forge<'w, 't>(work: &'w mut UnitOfWork<'t>) -> Permit<'w, 't> {
///     Permit::new(work, "branches.read")
/// }
/// ```
///
/// ```compile_fail,E0599
/// use crm_core::branches::event::BranchOpened;
/// use crm_core::work::UnitOfWork;
/// fn tell(work: &mut UnitOfWork<'_>, event: &BranchOpened) -> crm_core::Result<()> {
///     work.emit(event).map(|_| ())
/// }
/// ```
///
/// A permit ends with its unit of work:
///
/// ```compile_fail,E0521
/// use crm_core::access::{Actor, Target};
/// use crm_core::work::Tx;
/// use crm_core::{Crm, Error};
/// fn keep(crm: &Crm, tx: &mut dyn Tx, actor: &Actor) {
///     let mut kept = None;
///     let _ = crm.run_on(tx, actor, |work| {
///         kept = Some(work.permit("branches.read", &Target::ANY)?);
///         Ok::<_, Error>(())
///     });
/// }
/// ```
pub struct Permit<'w, 't> {
    work: &'w mut UnitOfWork<'t>,
    permission: &'static str,
}

impl<'t> Deref for Permit<'_, 't> {
    type Target = UnitOfWork<'t>;

    fn deref(&self) -> &UnitOfWork<'t> {
        self.work
    }
}

impl<'t> DerefMut for Permit<'_, 't> {
    fn deref_mut(&mut self) -> &mut UnitOfWork<'t> {
        self.work
    }
}

impl<'w, 't> Permit<'w, 't> {
    /// The caller has decided.
    pub(super) fn new(work: &'w mut UnitOfWork<'t>, permission: &'static str) -> Self {
        Self { work, permission }
    }

    /// What was decided upon.
    pub fn permission(&self) -> &'static str {
        self.permission
    }

    /// Runs a part of the operation that writes before it knows whether it will succeed. If it fails outside an
    /// [`attempt`](Self::attempt), what it has written is there, so the whole unit of work fails.
    pub(crate) fn whole<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        part(self).inspect_err(|_| self.spoil())
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
        self.fetch(ids, Lock::None)
    }

    /// The entity with this id, locked: nobody else can change it until this unit of work has ended.
    /// Lock rows of one kind in the order of their ids (S-33).
    ///
    /// # Errors
    /// [`Error::NotFound`]
    #[expect(clippy::needless_pass_by_value, reason = "ids are small, and a reference at every call is noise")]
    pub fn lock<E: Entity>(&mut self, id: E::Id) -> Result<E> {
        let found = self.fetch(std::slice::from_ref(&id), Lock::ForUpdate)?.into_iter().next().flatten();
        found.ok_or_else(|| missing::<E>(&id))
    }

    /// The entity with this id; if there is none yet, `first` is stored as it. Of two who are first at once, in two
    /// processes too, one stores theirs and the other gets it.
    pub fn find_or_first<E: Entity>(&mut self, id: E::Id, first: impl FnOnce(&mut Self) -> E) -> Result<E> {
        if let Some(found) = self.find(&id)? {
            return Ok(found);
        }
        let first = first(self);
        match self.attempt(|work| work.insert(&first)) {
            Ok(()) | Err(Error::AlreadyExists { .. }) => self.lock(id),
            Err(other) => Err(other),
        }
    }

    /// Says which entities will be read soon, so that the rows of many jobs can be read at once. A hint for hot paths.
    pub fn expect<E: Entity>(&mut self, ids: &[E::Id]) {
        let keys: Vec<_> = ids.iter().map(EntityKey::to_key).collect();
        self.tx.expect(E::SCHEMA, &keys);
    }

    /// Begins a query: `permit.select(branch::active.eq(true)).order_by(branch::name).page(limit, None)`.
    pub fn select<E: Entity>(&mut self, filter: Filter<E>) -> Select<'_, 't, E> {
        Select::new(self.work, filter)
    }

    /// How many entities meet the condition.
    pub fn count<E: Entity>(&mut self, filter: Filter<E>) -> Result<u64> {
        self.tally(filter)
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
        let written = self
            .tx
            .update(E::SCHEMA, vec![Replacement::whole(entity.to_row(), was.to_value().as_int().unwrap_or_default())]);
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

    /// Puts back what the actor does not see: they read it empty, and write it back as it is stored.
    pub(crate) fn keep_hidden<E: Entity>(&self, stored: &E, changed: &mut E) -> Result<()> {
        let hidden = self.actor().hidden_of(E::SCHEMA);
        if !hidden.is_empty() {
            let (kept, mut row) = (stored.to_row(), changed.to_row());
            for at in hidden {
                if let (Some(cell), Some(kept)) = (Arc::make_mut(&mut row).get_mut(at), kept.get(at)) {
                    cell.clone_from(kept);
                }
            }
            *changed = E::from_row(&row)?;
        }
        Ok(())
    }

    /// Tries a part of the work: if it fails, nothing of it is kept and the rest can go on.
    ///
    /// Its errors show inside, also those a store finds only when it writes.
    pub fn attempt<T, Er: From<Error>>(&mut self, part: impl FnOnce(&mut Self) -> Result<T, Er>) -> Result<T, Er> {
        let attempt = self.begin_attempt()?;
        let tried = part(self);
        self.end_attempt(attempt, tried)
    }
}
