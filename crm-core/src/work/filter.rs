//! Filters: typed conditions whose meaning is [`Criteria::matches`], and whose SQL is its translation.

use std::marker::PhantomData;

use super::entity::Entity;
use super::schema::Schema;
use super::value::{ColumnType, Field, Value};
use crate::{Error, Result};

/// How a column is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Not the same. A null is not "not the same": it matches no comparison.
    NotEqual,
    /// Smaller.
    Less,
    /// Smaller or the same.
    LessOrEqual,
    /// Larger.
    Greater,
    /// Larger or the same.
    GreaterOrEqual,
}

/// A condition on rows of one kind, untyped: what crosses the storage port. Two-valued: a null matches no comparison,
/// and `Not` turns a mismatch into a match.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Criteria {
    /// All of these; of none: every row.
    All(Vec<Criteria>),
    /// Any of these; of none: no row.
    Any(Vec<Criteria>),
    /// The opposite.
    Not(Box<Criteria>),
    /// A column compared with a value.
    Compare(usize, Comparison, Value),
    /// A column with one of these values.
    In(usize, Vec<Value>),
    /// A column without a value.
    IsNull(usize),
    /// A text column that begins so, byte for byte.
    StartsWith(usize, String),
}

impl Criteria {
    /// Every row.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// Whether a row meets the condition. This is the definition; a backend translates it.
    pub fn matches(&self, row: &[Value]) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(row)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(row)),
            Self::Not(part) => !part.matches(row),
            Self::Compare(column, comparison, value) => row.get(*column).is_some_and(|cell| {
                if cell.is_null() || value.is_null() {
                    return false;
                }
                match comparison {
                    Comparison::Equal => cell == value,
                    Comparison::NotEqual => cell != value,
                    Comparison::Less => cell < value,
                    Comparison::LessOrEqual => cell <= value,
                    Comparison::Greater => cell > value,
                    Comparison::GreaterOrEqual => cell >= value,
                }
            }),
            Self::In(column, values) => row.get(*column).is_some_and(|cell| !cell.is_null() && values.contains(cell)),
            Self::IsNull(column) => row.get(*column).is_none_or(Value::is_null),
            Self::StartsWith(column, prefix) => {
                row.get(*column).and_then(Value::as_text).is_some_and(|text| text.starts_with(prefix.as_str()))
            }
        }
    }

    /// Whether no row with this key can meet the condition, whatever else is in it: a key does not change. Only the plain
    /// cases are seen, as `account_id = …` with other conditions beside it.
    pub(super) fn rules_out(&self, schema: &Schema, key: &[Value]) -> bool {
        let part_of_key = |column: usize| schema.key.iter().position(|at| *at == column).and_then(|at| key.get(at));
        match self {
            Self::All(parts) => parts.iter().any(|part| part.rules_out(schema, key)),
            Self::Any(parts) => parts.iter().all(|part| part.rules_out(schema, key)),
            Self::Compare(column, Comparison::Equal, value) => part_of_key(*column).is_some_and(|part| part != value),
            Self::In(column, values) => part_of_key(*column).is_some_and(|part| !values.contains(part)),
            _ => false,
        }
    }

    /// Whether the condition asks for a column.
    pub fn mentions(&self, column: usize) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.mentions(column)),
            Self::Not(part) => part.mentions(column),
            Self::Compare(at, ..) | Self::In(at, _) | Self::IsNull(at) | Self::StartsWith(at, _) => *at == column,
        }
    }

    /// Refuses what no backend should be asked: unknown columns, conditions on documents, values of another type.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the column's name.
    pub fn check(&self, schema: &Schema) -> Result<()> {
        let column = |at: &usize| {
            let column = schema.columns.get(*at).ok_or_else(|| Error::invalid(schema.kind, "filter.column"))?;
            if column.column_type == ColumnType::Json {
                Err(Error::invalid(column.name, "filter.json"))
            } else {
                Ok(column)
            }
        };
        let fits = |at: &usize, value: &Value| {
            let column = column(at)?;
            let fits = match value {
                Value::Null => true,
                Value::Bool(_) => column.column_type == ColumnType::Bool,
                Value::Int(_) => column.column_type == ColumnType::Int,
                Value::Text(_) => column.column_type == ColumnType::Text,
                Value::Uuid(_) => column.column_type == ColumnType::Uuid,
                Value::Time(_) => column.column_type == ColumnType::Time,
                Value::Date(_) => column.column_type == ColumnType::Date,
                Value::Json(_) => false,
            };
            if fits { Ok(()) } else { Err(Error::invalid(column.name, "filter.type")) }
        };
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().try_for_each(|part| part.check(schema)),
            Self::Not(part) => part.check(schema),
            Self::Compare(at, _, value) => fits(at, value),
            Self::In(at, values) => {
                column(at)?;
                values.iter().try_for_each(|value| fits(at, value))
            }
            Self::IsNull(at) => column(at).map(|_| ()),
            Self::StartsWith(at, _) => {
                let column = column(at)?;
                if column.column_type == ColumnType::Text {
                    Ok(())
                } else {
                    Err(Error::invalid(column.name, "filter.type"))
                }
            }
        }
    }
}

/// A condition on entities of type `E`. Built from the columns that [`entity!`](crate::entity) declares.
///
/// ```
/// use crm_core::branches::{Branch, branch};
/// use crm_core::work::Filter;
/// let filter: Filter<Branch> = branch::name.starts_with("War").and(branch::active.eq(true));
/// ```
#[derive(Debug)]
pub struct Filter<E> {
    criteria: Criteria,
    entity: PhantomData<fn(E)>,
}

impl<E> Clone for Filter<E> {
    fn clone(&self) -> Self {
        self.criteria.clone().into()
    }
}

impl<E> From<Criteria> for Filter<E> {
    fn from(criteria: Criteria) -> Self {
        Self { criteria, entity: PhantomData }
    }
}

impl<E> From<Filter<E>> for Criteria {
    fn from(filter: Filter<E>) -> Self {
        filter.criteria
    }
}

impl<E: Entity> Filter<E> {
    /// Every entity.
    pub fn all() -> Self {
        Criteria::everything().into()
    }

    /// No entity.
    pub fn none() -> Self {
        Criteria::Any(Vec::new()).into()
    }

    /// Both conditions.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match self.criteria {
            Criteria::All(mut parts) => {
                parts.push(other.criteria);
                Criteria::All(parts).into()
            }
            first => Criteria::All(vec![first, other.criteria]).into(),
        }
    }

    /// Either condition.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match self.criteria {
            Criteria::Any(mut parts) => {
                parts.push(other.criteria);
                Criteria::Any(parts).into()
            }
            first => Criteria::Any(vec![first, other.criteria]).into(),
        }
    }

    /// The opposite.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "reads as part of the filter language: a.and(b).not()")]
    pub fn not(self) -> Self {
        Criteria::Not(Box::new(self.criteria)).into()
    }

    /// Whether an entity meets the condition.
    pub fn matches(&self, entity: &E) -> bool {
        self.criteria.matches(&entity.to_row())
    }
}

/// A typed column of an entity.
#[derive(Debug)]
pub struct Col<E, T> {
    at: usize,
    types: PhantomData<fn(E) -> T>,
}

impl<E, T> Clone for Col<E, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, T> Copy for Col<E, T> {}

impl<E, T> Col<E, T> {
    /// The column at this position of the schema. [`entity!`](crate::entity) calls it.
    #[doc(hidden)]
    pub const fn at(at: usize) -> Self {
        Self { at, types: PhantomData }
    }

    /// The position in the schema.
    pub const fn position(self) -> usize {
        self.at
    }
}

impl<E: Entity, T: Field> Col<E, T> {
    fn compare(self, comparison: Comparison, value: impl Into<T>) -> Filter<E> {
        Criteria::Compare(self.at, comparison, value.into().to_value()).into()
    }

    /// Has this value. `None` means: has no value.
    pub fn eq(self, value: impl Into<T>) -> Filter<E> {
        match value.into().to_value() {
            Value::Null => Criteria::IsNull(self.at).into(),
            value => Criteria::Compare(self.at, Comparison::Equal, value).into(),
        }
    }

    /// Has another value. A row without a value does not match.
    pub fn ne(self, value: impl Into<T>) -> Filter<E> {
        self.compare(Comparison::NotEqual, value)
    }

    /// Is smaller.
    pub fn lt(self, value: impl Into<T>) -> Filter<E> {
        self.compare(Comparison::Less, value)
    }

    /// Is smaller or the same.
    pub fn le(self, value: impl Into<T>) -> Filter<E> {
        self.compare(Comparison::LessOrEqual, value)
    }

    /// Is larger.
    pub fn gt(self, value: impl Into<T>) -> Filter<E> {
        self.compare(Comparison::Greater, value)
    }

    /// Is larger or the same.
    pub fn ge(self, value: impl Into<T>) -> Filter<E> {
        self.compare(Comparison::GreaterOrEqual, value)
    }

    /// Has one of these values.
    pub fn is_in(self, values: impl IntoIterator<Item = impl Into<T>>) -> Filter<E> {
        Criteria::In(self.at, values.into_iter().map(|value| value.into().to_value()).collect()).into()
    }

    /// Has no value.
    pub fn is_null(self) -> Filter<E> {
        Criteria::IsNull(self.at).into()
    }

    /// Begins so. Text columns only; others are refused when the filter is used.
    pub fn starts_with(self, prefix: impl Into<String>) -> Filter<E> {
        Criteria::StartsWith(self.at, prefix.into()).into()
    }
}

/// Has one of these values. Of one value it is the plain comparison, which an index answers in its own order.
pub(crate) fn one_of<E: Entity, T: Field + Clone>(column: Col<E, Option<T>>, values: &[T]) -> Filter<E> {
    match values {
        [value] => column.eq(Some(value.clone())),
        values => column.is_in(values.iter().cloned().map(Some)),
    }
}
