//! PostgreSQL by hand: searching and paging.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use crm_core::customers::CustomerId;
use postgres::types::ToSql;
use postgres::{Client, Statement};
use url::Url;
use uuid::Uuid;

use crate::reads::{FOUND, JournalPage, QueryPlan, Reads, SearchSql, Term, after_all, journal_sql};
use crate::{Result, postgres_store};

const CUSTOMERS: &str = "SELECT id, version, kind, stage, name, folded_name, phone, email, card_no, national_id, \
     birth_date, branch_id, owner_id, referrer_id, locale, created_at FROM crm_customers WHERE id = ANY($1)";

/// A connection that reads.
pub struct PostgresReads {
    client: Client,
    search: SearchSql,
    prepared: HashMap<String, Statement>,
}

impl PostgresReads {
    /// On this database.
    ///
    /// # Errors
    /// What the database meets.
    pub fn new(url: &Url) -> Result<Self> {
        let client = postgres_store::connect(url)?;
        Ok(Self { client, search: SearchSql::new(placeholder), prepared: HashMap::new() })
    }

    fn query(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<postgres::Row>> {
        let statement = match self.prepared.get(sql) {
            Some(statement) => statement.clone(),
            None => self.prepared.entry(sql.to_owned()).or_insert(self.client.prepare(sql)?).clone(),
        };
        Ok(self.client.query(&statement, parameters)?)
    }

    fn ids(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)], found: &mut Vec<Uuid>) -> Result<()> {
        for row in self.query(sql, parameters)? {
            if let Some(id) = row.get::<_, Option<Uuid>>(0).filter(|id| !found.contains(id)) {
                found.push(id);
            }
        }
        Ok(())
    }
}

impl Reads for PostgresReads {
    fn customer(&mut self, id: CustomerId) -> Result<()> {
        let ids = vec![Uuid::from(id)];
        if self.query(CUSTOMERS, &[&ids])?.is_empty() { Err("no such customer".into()) } else { Ok(()) }
    }

    fn search(&mut self, typed: &str) -> Result<usize> {
        let term = Term::new(typed);
        let sql = self.search.clone();
        let mut found = Vec::new();
        self.ids(&sql.exactly, &[&"card", &term.code], &mut found)?;
        self.ids(&sql.exactly, &[&"national_id", &term.code], &mut found)?;
        self.ids(&sql.receipt, &[&term.receipt], &mut found)?;
        for (field, token) in [("phone", &term.phone), ("name", &term.name)] {
            if let Some(token) = token {
                self.ids(&sql.beginning, &[&field, token, &after_all(token)], &mut found)?;
            }
        }
        found.truncate(FOUND);
        Ok(self.query(CUSTOMERS, &[&found])?.len())
    }

    fn journal(&mut self, page: &JournalPage) -> Result<usize> {
        let customer = page.customer.map(Uuid::from);
        let after = page.after.map(|(at, id)| (DateTime::<Utc>::from(at), id));
        let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::new();
        if let Some(customer) = &customer {
            parameters.push(customer);
        }
        if let Some(kind) = &page.kind {
            parameters.push(kind);
        }
        if let Some((at, id)) = &after {
            parameters.extend([at as &(dyn ToSql + Sync), id]);
        }
        Ok(self.query(&journal_sql(page, placeholder), &parameters)?.len())
    }

    fn plans(&mut self, pages: &[(&'static str, JournalPage)]) -> Result<Vec<QueryPlan>> {
        let quoted = |text: &str| format!("'{text}'");
        let search = &self.search;
        let mut queries = vec![
            ("search, exact key", search.exactly.clone(), vec![quoted("name"), quoted("anna")]),
            (
                "search, beginning of a key",
                search.beginning.clone(),
                vec![quoted("name"), quoted("anna"), quoted("annb")],
            ),
            ("search, receipt", search.receipt.clone(), vec![quoted("r000000001")]),
        ];
        for (about, page) in pages {
            let mut values = Vec::new();
            values.extend(page.customer.map(|customer| format!("'{customer}'")));
            values.extend(page.kind.map(quoted));
            values.extend(page.after.iter().flat_map(|(at, id)| [format!("'{at}'"), format!("'{id}'")]));
            queries.push((*about, journal_sql(page, placeholder), values));
        }
        // A statement that stays prepared gets a plan for any values, and it is that one which must be good.
        self.client.batch_execute("SET plan_cache_mode = force_generic_plan")?;
        let plan = |(about, sql, values): (&'static str, String, Vec<String>)| {
            self.client.batch_execute(&format!("PREPARE planned AS {sql}"))?;
            let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
            let rows = self.client.query(&format!("EXPLAIN (COSTS OFF) EXECUTE planned{values}"), &[])?;
            self.client.batch_execute("DEALLOCATE planned")?;
            let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            Ok(QueryPlan { about, plan: lines.join("\n") })
        };
        queries.into_iter().map(plan).collect()
    }
}

fn placeholder(number: usize) -> String {
    format!("${number}")
}
