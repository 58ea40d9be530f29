//! Queries as SQL. The meaning is [`Criteria::matches`]; this is its translation.

use std::borrow::Cow;
use std::fmt::Write as _;

use crm_core::work::{Column, ColumnType, Comparison, Criteria, Direction, Query, Schema, Value};
use crm_core::{Error, Result};

use super::statement::{Bind, Cell, Statement};
use super::text::{Dialect, columns, name, quoted, table_of};

/// Conditions with more leaves than this are not kept prepared: their texts would be too many.
const MAX_KEPT_LEAVES: usize = 8;

/// Longer lists than this are not kept prepared.
const MAX_KEPT_LIST: usize = 256;

/// The longest list SQLite takes (it allows 32,766 values in a statement).
const MAX_LIST: usize = 16_384;

/// Rows of more values than this are not merged: each is a part of the statement.
const MAX_MERGED: usize = 8;

/// The deepest nesting of a condition.
const MAX_DEPTH: usize = 64;

/// The statement for a query.
pub(crate) fn select(dialect: Dialect, query: &Query) -> Result<Statement<'_>> {
    let schema = query.schema;
    let direction = if query.direction == Direction::Ascending { "" } else { " DESC" };
    let order: Vec<String> = query.order.iter().map(|&at| format!("{}{direction}", name(schema, at))).collect();
    let (merged, rest) = merged(query);
    let mut where_ = Where::new(dialect, schema);
    let mut distinct = None;
    if merged.is_empty() {
        where_.push_select(query, None, &rest)?;
    } else {
        // PostgreSQL merges what is read in order by itself, and drops a row that comes again; SQLite merges too, and
        // stops when nobody asks for more.
        if dialect == Dialect::Postgres {
            let of: Vec<String> = query.order.iter().map(|&at| name(schema, at)).collect();
            where_.write(format_args!("SELECT DISTINCT ON ({}) {} FROM (", of.join(", "), columns(schema)));
        } else {
            distinct = Some(query.limit);
        }
        for (number, one) in merged.iter().enumerate() {
            if number > 0 {
                where_.text.push_str(" UNION ALL ");
            }
            // Each asks the same.
            where_.leaves = 0;
            where_.push_select(query, Some(*one), &rest)?;
        }
        if dialect == Dialect::Postgres {
            where_.text.push_str(") AS k");
        }
    }
    let Where { mut text, binds, leaves, kept, .. } = where_;
    text.push_str(" ORDER BY ");
    text.push_str(&order.join(", "));
    if query.limit > 0 {
        // A literal: SQLite plans a statement anew whenever a bound limit changes.
        text.push_str(" LIMIT ");
        text.push_str(&distinct.map_or(query.limit, |limit| limit.saturating_mul(merged.len())).to_string());
    }
    let kept = kept && leaves <= MAX_KEPT_LEAVES && is_usual(query.limit);
    Ok(Statement { text: text.as_str().into(), binds, kept, distinct })
}

/// The statement for several queries at once, whose rows end with the number of their query; none unless their texts are the
/// same.
pub(crate) fn each(queries: &[Query]) -> Result<Option<Statement<'_>>> {
    let mut statements = queries.iter().map(|query| select(Dialect::Postgres, query)).collect::<Result<Vec<_>>>()?;
    let Some(first) = statements.first().map(|first| first.text.clone()) else { return Ok(None) };
    if statements.iter().any(|statement| statement.text != first) {
        return Ok(None);
    }
    let part = |number| format!("SELECT q.*, {number}::bigint FROM ({first}) AS q");
    let parts: Vec<String> = (0..statements.len()).map(part).collect();
    let kept = statements.iter().all(|statement| statement.kept);
    let binds = statements.iter_mut().flat_map(|statement| std::mem::take(&mut statement.binds)).collect();
    Ok(Some(Statement { text: parts.join(" UNION ALL ").as_str().into(), binds, kept, distinct: None }))
}

/// A value of a column.
type Pair<'q> = (usize, &'q Value);

/// What is read in order, value by value, and merged: the values of one of which a row must be, when these are several
/// and of columns that say to whom a row belongs. Then no index has all of it in order, but one has each. Beside it, the
/// other conditions. Nothing but these where that does not help.
fn merged(query: &Query) -> (Vec<Pair<'_>>, Vec<&Criteria>) {
    let parts = match &query.criteria {
        Criteria::All(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    // Rows are told apart by what they are ordered by.
    let apart = query.schema.key.iter().all(|at| query.order.contains(at));
    if query.limit > 0 && apart && parts.len() <= MAX_KEPT_LEAVES {
        for (place, part) in parts.iter().enumerate() {
            let mut found = Vec::new();
            if alternatives(part, query.schema.scoped, &mut found) && (2..=MAX_MERGED).contains(&found.len()) {
                let rest = parts.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, part)| part);
                return (found, rest.collect());
            }
        }
    }
    let all = if parts.is_empty() { Vec::new() } else { vec![&query.criteria] };
    (Vec::new(), all)
}

/// Whether every row that meets a condition has this value in this column, as far as the plain cases show it.
fn fixes(criteria: &Criteria, column: usize, value: &Value) -> bool {
    match criteria {
        Criteria::All(parts) => parts.iter().any(|part| fixes(part, column, value)),
        Criteria::Compare(at, Comparison::Equal, wanted) => *at == column && wanted == value && !wanted.is_null(),
        _ => false,
    }
}

/// Whether a condition asks for nothing but values of these columns, one of many; which ones are added to `found`.
fn alternatives<'q>(criteria: &'q Criteria, columns: &[usize], found: &mut Vec<Pair<'q>>) -> bool {
    match criteria {
        Criteria::Any(parts) => parts.iter().all(|part| alternatives(part, columns, found)),
        Criteria::In(at, values) if columns.contains(at) => {
            found.extend(values.iter().filter(|value| !value.is_null()).map(|value| (*at, value)));
            true
        }
        Criteria::Compare(at, Comparison::Equal, value) if columns.contains(at) && !value.is_null() => {
            found.push((*at, value));
            true
        }
        _ => false,
    }
}

/// The statement that counts.
pub(crate) fn count<'q>(dialect: Dialect, schema: &'static Schema, criteria: &'q Criteria) -> Result<Statement<'q>> {
    let mut where_ = Where::new(dialect, schema);
    where_.text = format!("SELECT count(*) FROM {} WHERE ", quoted(table_of(schema)));
    where_.push(criteria, false, 0)?;
    let kept = where_.kept && where_.leaves <= MAX_KEPT_LEAVES;
    Ok(Statement { text: where_.text.as_str().into(), binds: where_.binds, kept, distinct: None })
}

/// Page sizes whose statements are kept prepared, so that callers who choose any number do not fill the cache. A page
/// reads one row more than it shows.
fn is_usual(limit: usize) -> bool {
    limit <= 16 || limit <= 1001 && (limit.is_multiple_of(10) || limit % 10 == 1) || limit.is_power_of_two()
}

struct Where<'q> {
    dialect: Dialect,
    schema: &'static Schema,
    text: String,
    binds: Vec<Bind<'q>>,
    leaves: usize,
    kept: bool,
}

impl<'q> Where<'q> {
    fn new(dialect: Dialect, schema: &'static Schema) -> Self {
        Self { dialect, schema, text: String::new(), binds: Vec::new(), leaves: 0, kept: true }
    }

    fn column(&self, at: usize) -> Result<&'static Column> {
        self.schema.columns.get(at).ok_or_else(|| Error::invalid(self.schema.kind, "filter.column"))
    }

    /// The rows of a query without its order, of this value only, if one is given.
    fn push_select(&mut self, query: &'q Query, of: Option<Pair<'q>>, parts: &[&'q Criteria]) -> Result<()> {
        self.write(format_args!("SELECT {} FROM {} WHERE ", columns(query.schema), quoted(table_of(query.schema))));
        let mut any = false;
        let mut and = |this: &mut Self| {
            if std::mem::replace(&mut any, true) {
                this.text.push_str(" AND ");
            }
        };
        if let Some((at, value)) = of {
            and(self);
            self.push_leaf(at, false, |this, column, name| {
                this.write(format_args!("{name} = ?"));
                this.bind(column.column_type, Cow::Borrowed(value));
            })?;
        }
        for part in parts {
            and(self);
            self.push(part, false, 0)?;
        }
        if let Some(after) = &query.after {
            and(self);
            self.push_after(query, of, after)?;
        }
        if !any {
            self.push_group(&[], " AND ", "1 = 1", false, 0)?;
        }
        Ok(())
    }

    /// A condition. Inside `Not`, where an unknown would not turn into a match, comparisons of nullable columns are
    /// made two-valued; elsewhere an unknown keeps a row out like a mismatch does.
    fn push(&mut self, criteria: &'q Criteria, negated: bool, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::invalid(self.schema.kind, "filter.depth"));
        }
        match criteria {
            Criteria::All(parts) => return self.push_group(parts, " AND ", "1 = 1", negated, depth),
            Criteria::Any(parts) => return self.push_group(parts, " OR ", "1 = 0", negated, depth),
            Criteria::Not(part) => {
                self.leaves += 1;
                self.text.push_str("NOT (");
                self.push(part, true, depth + 1)?;
                self.text.push(')');
            }
            Criteria::Compare(at, comparison, value) => {
                let sign = match comparison {
                    Comparison::Equal => "=",
                    Comparison::NotEqual => "<>",
                    Comparison::Less => "<",
                    Comparison::LessOrEqual => "<=",
                    Comparison::Greater => ">",
                    Comparison::GreaterOrEqual => ">=",
                };
                if value.is_null() {
                    self.push_never();
                } else if let (Value::Bool(flag), Comparison::Equal) = (value, comparison) {
                    // A literal, so that an index of only those rows is seen to fit.
                    let literal = match (self.dialect, flag) {
                        (Dialect::Sqlite, false) => "0",
                        (Dialect::Sqlite, true) => "1",
                        (Dialect::Postgres, false) => "FALSE",
                        (Dialect::Postgres, true) => "TRUE",
                    };
                    self.push_leaf(*at, negated, |this, _, name| this.write(format_args!("{name} = {literal}")))?;
                } else {
                    self.push_leaf(*at, negated, |this, column, name| {
                        this.write(format_args!("{name} {sign} ?"));
                        this.bind(column.column_type, Cow::Borrowed(value));
                    })?;
                }
            }
            Criteria::In(at, values) => self.push_in(*at, values, negated)?,
            Criteria::IsNull(at) => {
                self.leaves += 1;
                self.column(*at)?;
                // SQLite, where it knows nothing of a store, takes rows without a value for few, and reads all of them from
                // an index in the wrong order. The sign keeps it from that.
                let sign = if self.dialect == Dialect::Sqlite { "+" } else { "" };
                self.write(format_args!("{sign}{} IS NULL", name(self.schema, *at)));
            }
            Criteria::StartsWith(at, prefix) => self.push_leaf(*at, negated, |this, _, name| {
                // A range, so that an index is used.
                this.write(format_args!("({name} >= ?"));
                this.bind(ColumnType::Text, Cow::Owned(Value::Text(prefix.clone())));
                if let Some(end) = successor(prefix) {
                    this.write(format_args!(" AND {name} < ?"));
                    this.bind(ColumnType::Text, Cow::Owned(Value::Text(end)));
                }
                this.text.push(')');
            })?,
        }
        Ok(())
    }

    /// Parts joined by AND or OR, in halves, because SQLite takes no deep expressions.
    fn push_group(
        &mut self,
        parts: &'q [Criteria],
        operator: &str,
        empty: &str,
        negated: bool,
        depth: usize,
    ) -> Result<()> {
        match parts {
            [] => {
                self.leaves += 1;
                self.text.push_str(empty);
            }
            [part] => self.push(part, negated, depth + 1)?,
            _ => {
                let halves = if parts.len() > 64 { parts.len() / 2 } else { 1 };
                self.text.push('(');
                for (at, half) in parts.chunks(halves.max(1)).enumerate() {
                    if at > 0 {
                        self.text.push_str(operator);
                    }
                    self.push_group(half, operator, empty, negated, depth)?;
                }
                self.text.push(')');
            }
        }
        Ok(())
    }

    fn push_leaf(
        &mut self,
        at: usize,
        negated: bool,
        leaf: impl FnOnce(&mut Self, &'static Column, &str),
    ) -> Result<()> {
        self.leaves += 1;
        let column = self.column(at)?;
        let name = name(self.schema, at);
        let guarded = negated && column.nullable;
        if guarded {
            self.write(format_args!("({name} IS NOT NULL AND "));
        }
        leaf(self, column, &name);
        if guarded {
            self.text.push(')');
        }
        Ok(())
    }

    fn push_in(&mut self, at: usize, values: &'q [Value], negated: bool) -> Result<()> {
        let mut cells: Vec<Cell<'q>> = values.iter().filter(|value| !value.is_null()).map(Cow::Borrowed).collect();
        let Some(last) = cells.last().cloned() else {
            self.column(at)?;
            self.push_never();
            return Ok(());
        };
        if cells.len() == 1 {
            // An index that begins with the column then gives the rows in the order of its others.
            return self.push_leaf(at, negated, |this, column, name| {
                this.write(format_args!("{name} = ?"));
                this.bind(column.column_type, last);
            });
        }
        if self.dialect == Dialect::Sqlite {
            if cells.len() > MAX_LIST {
                return Err(Error::invalid(self.column(at)?.name, "filter.list_too_long"));
            }
            cells.resize(cells.len().next_power_of_two(), last);
            self.kept &= cells.len() <= MAX_KEPT_LIST;
        }
        self.push_leaf(at, negated, |this, column, name| match this.dialect {
            Dialect::Postgres => {
                this.write(format_args!("{name} = ANY(?)"));
                this.binds.push(Bind::Many(column.column_type, cells));
            }
            Dialect::Sqlite => {
                this.write(format_args!("{name} IN ("));
                for (at, cell) in cells.into_iter().enumerate() {
                    this.text.push_str(if at == 0 { "?" } else { ", ?" });
                    this.bind(column.column_type, cell);
                }
                this.text.push(')');
            }
        })
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(text);
    }

    fn push_never(&mut self) {
        self.leaves += 1;
        self.text.push_str("1 = 0");
    }

    /// The rows after a place, as one comparison of row values, which an index on the order answers. Columns in which all rows
    /// are as the place is are left out: SQLite seeks by the comparison only where none of its columns is fixed beside it, and
    /// else walks to the page from the first one.
    fn push_after(&mut self, query: &'q Query, of: Option<Pair<'q>>, after: &'q [Value]) -> Result<()> {
        if after.len() != query.order.len() || after.iter().any(Value::is_null) {
            return Err(Error::invalid(self.schema.kind, "page.after"));
        }
        let sign = if query.direction == Direction::Ascending { ">" } else { "<" };
        let is_fixed = |at: usize, value: &Value| of == Some((at, value)) || fixes(&query.criteria, at, value);
        let open = query.order.iter().copied().zip(after).filter(|(at, value)| !is_fixed(*at, value));
        let open: Vec<Pair<'q>> = open.collect();
        if open.is_empty() {
            // All of the key is given: nothing comes after the one row.
            self.push_never();
            return Ok(());
        }
        let names: Vec<String> = open.iter().map(|(at, _)| name(self.schema, *at)).collect();
        let marks = vec!["?"; open.len()].join(", ");
        self.write(format_args!("({}) {sign} ({marks})", names.join(", ")));
        for (at, value) in open {
            let column_type = self.column(at)?.column_type;
            self.bind(column_type, Cow::Borrowed(value));
        }
        Ok(())
    }

    fn bind(&mut self, column_type: ColumnType, cell: Cell<'q>) {
        self.binds.push(Bind::One(column_type, cell));
    }
}

/// The smallest text above every text that begins with `prefix`; `None` when there is none. The order of UTF-8 bytes
/// is the order of code points.
fn successor(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The step over the surrogates is the range's.
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_a_prefix() {
        assert_eq!(successor("ab").as_deref(), Some("ac"));
        assert_eq!(successor("").as_deref(), None);
        assert_eq!(successor("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(successor("\u{10FFFF}").as_deref(), None);
        assert_eq!(successor("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(successor("z\u{7F}").as_deref(), Some("z\u{80}"));
    }

    #[test]
    fn usual_page_sizes() {
        assert!([0, 1, 11, 50, 51, 100, 1000, 1001].into_iter().all(is_usual));
        assert!((0..100_000).filter(|&limit| is_usual(limit)).count() < 250);
    }
}
