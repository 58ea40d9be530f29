//! SQLite by hand: searching and paging.

use crm_core::customers::CustomerId;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};
use uuid::Uuid;

use crate::Result;
use crate::reads::{FOUND, JournalPage, QueryPlan, Reads, SearchSql, Term, after_all, journal_sql};
use crate::sqlite_store::{SqliteStore, Tuning};

const CUSTOMER: &str = "SELECT id, version, kind, stage, name, folded_name, phone, email, card_no, national_id, \
     birth_date, branch_id, owner_id, referrer_id, locale, created_at FROM crm_customers WHERE id = ?1";

/// A connection that reads.
pub struct SqliteReads {
    connection: Connection,
    search: SearchSql,
}

impl SqliteReads {
    /// On this database.
    ///
    /// # Errors
    /// What the database meets.
    pub fn new(store: &SqliteStore) -> Result<Self> {
        Ok(Self { connection: store.connect(Tuning::Large)?, search: SearchSql::new(placeholder) })
    }

    fn ids(&self, sql: &str, parameters: &[&str], found: &mut Vec<Uuid>) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(parameters))?;
        while let Some(row) = rows.next()? {
            if let Some(id) = row.get::<_, Option<Uuid>>(0)?.filter(|id| !found.contains(id)) {
                found.push(id);
            }
        }
        Ok(())
    }
}

impl Reads for SqliteReads {
    fn customer(&mut self, id: CustomerId) -> Result<()> {
        let mut statement = self.connection.prepare_cached(CUSTOMER)?;
        let found = statement.query_row([Uuid::from(id)], read_all).optional()?;
        found.map(|_| ()).ok_or_else(|| "no such customer".into())
    }

    fn search(&mut self, typed: &str) -> Result<usize> {
        let term = Term::new(typed);
        let transaction = self.connection.unchecked_transaction()?;
        let mut found = Vec::new();
        self.ids(&self.search.exactly, &["card", &term.code], &mut found)?;
        self.ids(&self.search.exactly, &["national_id", &term.code], &mut found)?;
        self.ids(&self.search.receipt, &[&term.receipt], &mut found)?;
        for (field, token) in [("phone", &term.phone), ("name", &term.name)] {
            if let Some(token) = token {
                self.ids(&self.search.beginning, &[field, token, &after_all(token)], &mut found)?;
            }
        }
        found.truncate(FOUND);
        let mut statement = self.connection.prepare_cached(CUSTOMER)?;
        for id in &found {
            statement.query_row([id], read_all)?;
        }
        drop(statement);
        transaction.commit()?;
        Ok(found.len())
    }

    fn journal(&mut self, page: &JournalPage) -> Result<usize> {
        let mut parameters: Vec<Value> = Vec::new();
        parameters.extend(page.customer.map(|id| blob(id.into())));
        parameters.extend(page.kind.map(|kind| Value::from(kind.to_owned())));
        if let Some((at, id)) = page.after {
            parameters.extend([Value::from(at.as_micros()), blob(id)]);
        }
        let mut statement = self.connection.prepare_cached(&journal_sql(page, placeholder))?;
        let mut rows = statement.query(params_from_iter(parameters))?;
        let mut read = 0;
        while let Some(row) = rows.next()? {
            read_all(row)?;
            read += 1;
        }
        Ok(read)
    }

    fn plans(&mut self, pages: &[(&'static str, JournalPage)]) -> Result<Vec<QueryPlan>> {
        let sql = &self.search;
        let mut queries = vec![
            ("search, exact key", sql.exactly.clone()),
            ("search, beginning of a key", sql.beginning.clone()),
            ("search, receipt", sql.receipt.clone()),
        ];
        queries.extend(pages.iter().map(|(about, page)| (*about, journal_sql(page, placeholder))));
        let plan = |(about, sql): (&'static str, String)| {
            let mut statement = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let lines =
                statement.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(QueryPlan { about, plan: lines.join("\n") })
        };
        queries.into_iter().map(plan).collect()
    }
}

fn placeholder(number: usize) -> String {
    format!("?{number}")
}

fn blob(id: Uuid) -> Value {
    Value::Blob(id.as_bytes().to_vec())
}

/// Takes every value out, as an application would.
fn read_all(row: &Row<'_>) -> rusqlite::Result<Vec<Value>> {
    (0..row.as_ref().column_count()).map(|column| row.get(column)).collect()
}
