//! Queries, as operations build them.

use super::entity::Entity;
use super::filter::{Col, Criteria, Filter};
use super::storage::{Direction, Query};
use super::unit_of_work::UnitOfWork;
use super::value::{Field, Row, Value};
use super::within::{empty, refuse_hidden};
use crate::kernel::page::{Cursor, CursorValue, Limit, Page};
use crate::kernel::time::{CivilDate, Timestamp};
use crate::work::ColumnType;
use crate::{Error, Result};

/// A query over one kind of entity, on its way to be run. Ordered by the key unless told otherwise.
pub struct Select<'w, 't, E> {
    work: &'w mut UnitOfWork<'t>,
    filter: Filter<E>,
    /// What the actor's grant covers, for a list that is narrowed to it.
    reach: Option<Filter<E>>,
    /// The columns that the actor does not see.
    hidden: Vec<usize>,
    order: Vec<usize>,
    direction: Direction,
}

impl<'w, 't, E: Entity> Select<'w, 't, E> {
    pub(super) fn new(work: &'w mut UnitOfWork<'t>, filter: Filter<E>) -> Self {
        Self { work, filter, reach: None, hidden: Vec::new(), order: Vec::new(), direction: Direction::Ascending }
    }

    /// The same for as far as a grant reaches, without what is hidden.
    pub(super) fn within(
        work: &'w mut UnitOfWork<'t>,
        reach: Filter<E>,
        filter: Filter<E>,
        hidden: Vec<usize>,
    ) -> Self {
        Self { reach: Some(reach), hidden, ..Self::new(work, filter) }
    }

    /// Orders by this column; called again, by the next one among equals. The key comes last of itself.
    #[must_use]
    pub fn order_by<T: Field>(mut self, column: Col<E, T>) -> Self {
        self.order.push(column.position());
        self
    }

    /// Turns the whole order round.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.direction = Direction::Descending;
        self
    }

    /// One page, after the cursor of the page before. The cost does not depend on how far the page is from the first.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the cursor is not of this query, or the filter or order asks for what cannot be had.
    pub fn page(self, limit: Limit, after: Option<&Cursor>) -> Result<Page<E>> {
        let wanted = limit.get();
        let (work, mut query, hidden) = self.query()?;
        query.after = after.map(|cursor| place_of(cursor, &query)).transpose()?;
        query.limit = wanted + 1;
        let mut rows = work.tx.select(&query)?;
        let more = rows.len() > wanted;
        rows.truncate(wanted);
        let next = if more { rows.last().map(|row| cursor_of(&query.place_of(row))).transpose()? } else { None };
        Ok(Page { items: rows.into_iter().map(|row| shown(row, &hidden)).collect::<Result<_>>()?, next })
    }

    /// The first of the order, if any.
    pub fn first(self) -> Result<Option<E>> {
        let (work, mut query, hidden) = self.query()?;
        query.limit = 1;
        work.tx.select(&query)?.into_iter().next().map(|row| shown(row, &hidden)).transpose()
    }

    /// Calls `each` with every entity, page by page, so that memory stays bounded.
    ///
    /// # Errors
    /// The first error of `each` ends the walk.
    pub fn for_each(self, mut each: impl FnMut(E) -> Result<()>) -> Result<()> {
        let (work, mut query, hidden) = self.query()?;
        query.limit = 500;
        loop {
            let rows = work.tx.select(&query)?;
            let full = rows.len() == query.limit;
            query.after = rows.last().map(|row| query.place_of(row));
            for row in rows {
                each(shown(row, &hidden)?)?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Everything. Only where the number is known to be small.
    pub fn all(self) -> Result<Vec<E>> {
        let (work, query, hidden) = self.query()?;
        work.tx.select(&query)?.into_iter().map(|row| shown(row, &hidden)).collect()
    }

    fn query(self) -> Result<(&'w mut UnitOfWork<'t>, Query, Vec<usize>)> {
        let schema = E::SCHEMA;
        let mut order = self.order;
        for &column in schema.key {
            if !order.contains(&column) {
                order.push(column);
            }
        }
        for column in order.iter().filter_map(|&at| schema.columns.get(at)) {
            if column.nullable || column.column_type == ColumnType::Json {
                return Err(Error::invalid(column.name, "order.column"));
            }
        }
        if !self.hidden.is_empty() {
            refuse_hidden(schema, &self.filter.clone().into(), &self.hidden)?;
        }
        let criteria: Criteria = match self.reach {
            Some(reach) => reach.and(self.filter),
            None => self.filter,
        }
        .into();
        criteria.check(schema)?;
        let query = Query { schema, criteria, order, direction: self.direction, after: None, limit: 0 };
        Ok((self.work, query, self.hidden))
    }
}

/// The entity of a row, without what is hidden.
fn shown<E: Entity>(mut row: Row, hidden: &[usize]) -> Result<E> {
    empty(E::SCHEMA, &mut row, hidden);
    E::from_row(&row)
}

fn cursor_of(place: &[Value]) -> Result<Cursor> {
    let values = place.iter().map(|value| match value {
        Value::Null | Value::Json(_) => CursorValue::Null,
        Value::Bool(flag) => CursorValue::Int(i64::from(*flag)),
        Value::Int(number) => CursorValue::Int(*number),
        Value::Text(text) => CursorValue::Text(text.clone()),
        Value::Uuid(id) => CursorValue::Bytes(id.as_bytes().to_vec()),
        Value::Time(time) => CursorValue::Int(time.as_micros()),
        Value::Date(date) => CursorValue::Int(i64::from(date.days())),
    });
    Cursor::new(values.collect())
}

fn place_of(cursor: &Cursor, query: &Query) -> Result<Vec<Value>> {
    let alien = || Error::invalid("cursor", "page.cursor");
    let values = cursor.values();
    if values.len() != query.order.len() {
        return Err(alien());
    }
    values
        .iter()
        .zip(&query.order)
        .map(|(value, &at)| {
            let column = query.schema.columns.get(at).ok_or_else(alien)?;
            match (value, column.column_type) {
                (CursorValue::Int(flag @ (0 | 1)), ColumnType::Bool) => Ok(Value::Bool(*flag == 1)),
                (CursorValue::Int(number), ColumnType::Int) => Ok(Value::Int(*number)),
                (CursorValue::Text(text), ColumnType::Text) => Ok(Value::Text(text.clone())),
                (CursorValue::Bytes(bytes), ColumnType::Uuid) => {
                    uuid::Uuid::from_slice(bytes).map(Value::Uuid).map_err(|_| alien())
                }
                (CursorValue::Int(micros), ColumnType::Time) => {
                    Timestamp::from_micros(*micros).map(Value::Time).map_err(|_| alien())
                }
                (CursorValue::Int(days), ColumnType::Date) => {
                    let days = i32::try_from(*days).map_err(|_| alien())?;
                    CivilDate::from_days(days).map(Value::Date).map_err(|_| alien())
                }
                _ => Err(alien()),
            }
        })
        .collect()
}
