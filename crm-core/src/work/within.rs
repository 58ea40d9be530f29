//! Within reach: queries that find only what the actor may see.

use std::sync::Arc;

use super::entity::Entity;
use super::filter::{Criteria, Filter};
use super::schema::Schema;
use super::select::Select;
use super::storage::Lock;
use super::unit_of_work::{UnitOfWork, missing};
use super::value::{Row, Value};
use crate::access::{Reach, Scoped};
use crate::kernel::page::{Cursor, Limit, Page};
use crate::{Error, Result};

static NOTHING: Reach = Reach::none();

/// Queries for as far as the actor's grant of a permission reaches. What is out of reach is not there: the condition is
/// part of the query, not a step after it. Columns that the actor's roles hide are empty, and nothing can be asked of
/// them: a condition or an order by a hidden column is refused with rule `field.hidden`.
///
/// What belongs to a record that was found, and has no branch, customer or owner of its own, is asked for by a
/// [permit](UnitOfWork::permit_on) on that record.
///
/// ```
/// use crm_core::access::{Actor, Principal, Region, UserId};
/// use crm_core::branches::{Branch, BranchId, NewBranch, READ};
/// use crm_core::work::Filter;
/// use crm_core::{Crm, MemoryStorage};
/// # fn main() -> crm_core::Result<()> {
/// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// let here = crm.blocking().run(&Actor::system(), "two branches", |work| {
///     work.branches().create(NewBranch::named("there", "UTC", "EUR"))?;
///     work.branches().create(NewBranch::named("here", "UTC", "EUR"))
/// })?;
/// let user = Principal::User(UserId::from(uuid::Uuid::from_u128(7)));
/// let clerk = Actor::new(user).granted(READ, Region::branches([here.id]));
/// let seen = crm.blocking().read(&clerk, "branches", |work| work.within(READ)?.select(Filter::<Branch>::all()).all())?;
/// assert_eq!(seen, [here]);
/// # Ok(())
/// # }
/// ```
///
/// A kind that does not say to whom its records belong cannot be narrowed:
///
/// ```compile_fail,E0277
/// use crm_core::catalog::{Product, READ};
/// use crm_core::work::{Filter, UnitOfWork};
/// fn list(work: &mut UnitOfWork<'_>) -> crm_core::Result<Vec<Product>> {
///     work.within(READ)?.select(Filter::<Product>::all()).all()
/// }
/// ```
///
/// And there is nothing to write with:
///
/// ```compile_fail,E0599
/// use crm_core::branches::{Branch, WRITE};
/// use crm_core::work::UnitOfWork;
/// fn plant(work: &mut UnitOfWork<'_>, branch: &Branch) -> crm_core::Result<()> {
///     work.within(WRITE)?.insert(branch)
/// }
/// ```
pub struct Within<'w, 't> {
    work: &'w mut UnitOfWork<'t>,
    permission: &'static str,
}

impl<'w, 't> Within<'w, 't> {
    /// The caller has made sure that there is a grant.
    pub(super) fn new(work: &'w mut UnitOfWork<'t>, permission: &'static str) -> Self {
        Self { work, permission }
    }

    /// The entity with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when it is absent or out of reach.
    #[expect(clippy::needless_pass_by_value, reason = "ids are small, and a reference at every call is noise")]
    pub fn get<E: Scoped>(&mut self, id: E::Id) -> Result<E> {
        self.find(&id)?.ok_or_else(|| missing::<E>(&id))
    }

    /// The entity with this id, if it is there and within reach.
    pub fn find<E: Scoped>(&mut self, id: &E::Id) -> Result<Option<E>> {
        Ok(self.get_many(std::slice::from_ref(id))?.into_iter().next().flatten())
    }

    /// The entities with these ids, in their order, `None` for each that is absent or out of reach.
    pub fn get_many<E: Scoped>(&mut self, ids: &[E::Id]) -> Result<Vec<Option<E>>> {
        let found = self.work.fetch::<E>(ids, Lock::None)?;
        let (reach, hidden) = (self.reach(), self.work.actor().hidden_of(E::SCHEMA));
        let visible = |entity: &E| reach.covers(&entity.target());
        found
            .into_iter()
            .map(|place| place.filter(visible).map(|entity| emptied(entity, &hidden)).transpose())
            .collect()
    }

    /// Begins a query over what is within reach.
    pub fn select<E: Scoped>(&mut self, filter: Filter<E>) -> Select<'_, 't, E> {
        let hidden = self.work.actor().hidden_of(E::SCHEMA);
        let reach = self.reach().filter();
        Select::within(self.work, reach, filter, hidden)
    }

    /// How many entities within reach meet the condition.
    pub fn count<E: Scoped>(&mut self, filter: Filter<E>) -> Result<u64> {
        refuse_hidden(E::SCHEMA, &filter.clone().into(), &self.work.actor().hidden_of(E::SCHEMA))?;
        let filter = self.reach().filter().and(filter);
        self.work.tally(filter)
    }

    /// The entities within reach that one page of an index leads to, each once, in the order of the index. The rows of
    /// the index are for `lead` alone, which says where each leads to.
    pub fn led_to<I: Entity, E: Scoped>(
        &mut self,
        index: Filter<I>,
        limit: Limit,
        after: Option<&Cursor>,
        lead: impl Fn(I) -> Option<E::Id>,
    ) -> Result<Page<E>>
    where
        E::Id: PartialEq,
    {
        let page = Select::new(self.work, index).page(limit, after)?;
        let mut ids: Vec<E::Id> = Vec::with_capacity(page.items.len());
        for id in page.items.into_iter().filter_map(lead) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(Page { items: self.get_many(&ids)?.into_iter().flatten().collect(), next: page.next })
    }

    /// Whether the actor does not see a column, and may not find by it.
    pub fn hides<E: Entity>(&self, column: &str) -> bool {
        let at = E::SCHEMA.position(column);
        at.is_some_and(|at| self.work.actor().hidden_of(E::SCHEMA).contains(&at))
    }

    /// The grant was there when this was made; if not, nothing is within reach.
    fn reach(&self) -> &Reach {
        self.work.actor().reach(self.permission).unwrap_or(&NOTHING)
    }
}

/// The record without what is hidden. Only columns that may be empty are.
pub(super) fn emptied<E: Entity>(entity: E, hidden: &[usize]) -> Result<E> {
    if hidden.is_empty() {
        return Ok(entity);
    }
    let mut row = entity.to_row();
    empty(E::SCHEMA, &mut row, hidden);
    E::from_row(&row)
}

/// The row without what is hidden.
pub(super) fn empty(schema: &Schema, row: &mut Row, hidden: &[usize]) {
    if hidden.is_empty() {
        return;
    }
    let row = Arc::make_mut(row);
    for &at in hidden {
        if let (Some(cell), Some(true)) = (row.get_mut(at), schema.columns.get(at).map(|column| column.nullable)) {
            *cell = Value::Null;
        }
    }
}

/// Refuses a condition on a hidden column: whoever may guess, and is told whether it was right, has seen it.
pub(super) fn refuse_hidden(schema: &Schema, criteria: &Criteria, hidden: &[usize]) -> Result<()> {
    match hidden.iter().find(|&&at| criteria.mentions(at)) {
        Some(&at) => Err(Error::invalid(schema.columns.get(at).map_or("filter", |column| column.name), "field.hidden")),
        None => Ok(()),
    }
}
