//! A statement as data, run through Diesel: its cache of prepared statements, its binds, its instrumentation.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crm_core::work::{ColumnType, Value};
use diesel::connection::LoadConnection;
use diesel::expression::QueryMetadata;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::row::{Field as _, Row as _};
use diesel::sql_types::Untyped;

use crate::sql_types::Database;

/// One value to bind, borrowed where possible.
pub(crate) type Cell<'a> = Cow<'a, Value>;

/// What stands for one `?` of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Bind<'a> {
    /// A value.
    One(ColumnType, Cell<'a>),
    /// An array of values (PostgreSQL).
    Many(ColumnType, Vec<Cell<'a>>),
}

/// SQL text with a `?` for each bind, kept as the pieces between them: taken apart once, not for each execution.
/// Nothing but a placeholder may contain a question mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text(Arc<[Box<str>]>);

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.split('?').map(Into::into).collect())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("?"))
    }
}

/// A text and its values. Prepared once per connection and text.
#[derive(Debug, Clone)]
pub(crate) struct Statement<'a> {
    /// The text.
    pub(crate) text: Text,
    /// The values, in the order of the placeholders.
    pub(crate) binds: Vec<Bind<'a>>,
    /// Whether the text comes from a bounded set, so that the prepared statement may be kept.
    pub(crate) kept: bool,
    /// Where the same row may come several times, one after the other: how many different ones are read.
    pub(crate) distinct: Option<usize>,
}

impl<'a> Statement<'a> {
    /// A statement that is kept prepared.
    pub(crate) fn kept(text: Text, binds: Vec<Bind<'a>>) -> Self {
        Self { text, binds, kept: true, distinct: None }
    }

    /// A statement that is run rarely.
    pub(crate) fn once(text: &str) -> Self {
        Self { text: text.into(), binds: Vec::new(), kept: false, distinct: None }
    }
}

impl<DB: Database> QueryFragment<DB> for Statement<'_> {
    // Diesel walks three times for each execution: for the text, under which it keeps what is prepared, for whether to
    // keep it, and for the values.
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.kept {
            out.unsafe_to_cache_prepared();
        }
        let Some((last, pieces)) = self.text.0.split_last() else { return Ok(()) };
        if pieces.len() > self.binds.len() {
            return Err(Error::QueryBuilderError("a statement with too few values".into()));
        }
        for (piece, bind) in pieces.iter().zip(&self.binds) {
            out.push_sql(piece);
            match bind {
                Bind::One(column_type, cell) => DB::push_cell(&mut out, *column_type, cell)?,
                Bind::Many(column_type, cells) => DB::push_array(&mut out, *column_type, cells)?,
            }
        }
        out.push_sql(last);
        Ok(())
    }
}

impl QueryId for Statement<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}

/// Runs a statement and reads its rows, whose columns have these types.
pub(crate) fn load<C>(
    connection: &mut C,
    statement: Statement<'_>,
    types: &[ColumnType],
) -> QueryResult<Vec<Vec<Value>>>
where
    C: LoadConnection,
    C::Backend: Database + QueryMetadata<Untyped>,
{
    let mut rows = Vec::new();
    let distinct = statement.distinct;
    for row in connection.load(statement)? {
        let row = row?;
        let mut cells = Vec::with_capacity(types.len());
        for (at, column_type) in types.iter().enumerate() {
            let field = row.get(at).ok_or_else(|| Error::DeserializationError("a column is missing".into()))?;
            cells.push(C::Backend::read(*column_type, field.value()).map_err(Error::DeserializationError)?);
        }
        if distinct.is_some() && rows.last() == Some(&cells) {
            continue;
        }
        rows.push(cells);
        if distinct == Some(rows.len()) {
            break;
        }
    }
    Ok(rows)
}
