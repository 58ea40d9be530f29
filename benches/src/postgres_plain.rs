//! PostgreSQL by hand: statement by statement, one commit for each purchase.

use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use postgres::{Client, Statement, Transaction};
use url::Url;
use uuid::Uuid;

use crate::feed::{Draft, Feed};
use crate::postgres_club::ClubStatements;
use crate::rows::{
    ACTOR, BranchRead, COMMAND, JOURNAL_KIND, METHOD, PERMISSION, ProductRead, REFERENCE_KIND, Reads, Rows, TOPIC, Till,
};
use crate::variant::{Role, Variant, call_until};
use crate::{Result, postgres_store};

/// Connections, each with one purchase at a time.
pub struct PostgresPlain {
    connections: Vec<Connection>,
    till: Till,
}

struct Connection {
    client: Client,
    statements: Statements,
}

impl PostgresPlain {
    /// So many connections to this database.
    ///
    /// # Errors
    /// What the database meets.
    pub fn new(url: &Url, feed: &Feed, connections: usize) -> Result<Self> {
        let till = Till::of(feed)?;
        let connect = |_| {
            let mut client = postgres_store::connect(url)?;
            let statements = Statements::prepare(&mut client, &till)?;
            Ok(Connection { client, statements })
        };
        let connections = (0..connections).map(connect).collect::<Result<_>>()?;
        Ok(Self { connections, till })
    }
}

impl Variant for PostgresPlain {
    fn name(&self) -> String {
        match self.connections.len() {
            1 => "plain, 1 connection".to_owned(),
            many => format!("plain, {many} connections"),
        }
    }

    fn role(&self) -> Role {
        if self.connections.len() == 1 { Role::Plain } else { Role::Contender }
    }

    fn run(&mut self, feed: &Feed, until: Instant) -> Result<Vec<Duration>> {
        let till = &self.till;
        let callers = self.connections.iter_mut().map(|connection| {
            move |draft: Draft| {
                let mut transaction = connection.client.transaction()?;
                connection.statements.record(&mut transaction, till, &draft)?;
                Ok(transaction.commit()?)
            }
        });
        call_until(callers, feed, until)
    }
}

/// Every statement of a purchase, prepared.
struct Statements {
    find_command: Statement,
    find_branch: Statement,
    find_customer: Statement,
    find_product: Statement,
    find_stock: Statement,
    insert_purchase: Statement,
    insert_line: Statement,
    insert_tender: Statement,
    take_stock: Statement,
    insert_journal: Statement,
    insert_outbox: Statement,
    insert_command: Statement,
    club: Option<ClubStatements>,
}

impl Statements {
    fn prepare(client: &mut Client, till: &Till) -> Result<Self> {
        let club = till.club.as_ref().map(|_| ClubStatements::prepare(client)).transpose()?;
        let mut prepare = |sql| client.prepare(sql);
        Ok(Self {
            find_command: prepare("SELECT payload_hash, outcome::text FROM crm_commands WHERE id = $1")?,
            find_branch: prepare("SELECT currency, active FROM crm_branches WHERE id = $1")?,
            find_customer: prepare("SELECT stage FROM crm_customers WHERE id = $1")?,
            find_product: prepare("SELECT category_id, price_minor, currency, active FROM crm_products WHERE id = $1")?,
            find_stock: prepare("SELECT on_hand FROM crm_stock WHERE product_id = $1 AND branch_id = $2")?,
            insert_purchase: prepare(
                "INSERT INTO crm_purchases (id, branch_id, receipt_no, customer_id, occurred_at, recorded_at, business_date, \
                 currency, total_minor, history_only) VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, false)",
            )?,
            insert_line: prepare(
                "INSERT INTO crm_purchase_lines (purchase_id, line_no, product_id, category_id, quantity, \
                 stocked, unit_price_minor, total_minor, discount_minor, order_discount_minor, tax_minor, tax_rate, tax_included, \
                 tender_shares) VALUES ($1, $2, $3, $4, $5, true, $6, $7::bigint, 0, 0, 0, '0/1', true, \
                 jsonb_build_array($7::bigint))",
            )?,
            insert_tender: prepare(
                "INSERT INTO crm_tenders (purchase_id, tender_no, method, amount_minor, paid_later) VALUES ($1, 1, $2, $3, false)",
            )?,
            take_stock: prepare(
                "UPDATE crm_stock SET on_hand = on_hand - $3 WHERE product_id = $1 AND branch_id = $2 AND on_hand >= $3",
            )?,
            insert_journal: prepare(
                "INSERT INTO crm_journal (occurred_at, id, recorded_at, kind, customer_id, branch_id, reference_kind, \
                 reference_id, actor, permission, command_id, payload) \
                 VALUES ($1, $2, $1, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb)",
            )?,
            insert_outbox: prepare(
                "INSERT INTO crm_outbox (id, version, topic, payload, due_at, attempts, last_error, dead) \
                 VALUES ($1, 1, $2, $3::text::jsonb, $4, 0, NULL, false)",
            )?,
            insert_command: prepare(
                "INSERT INTO crm_commands (id, command, payload_hash, outcome, done_at) \
                 VALUES ($1, $2, $3, $4::text::jsonb, $5)",
            )?,
            club,
        })
    }

    fn record(&self, transaction: &mut Transaction<'_>, till: &Till, draft: &Draft) -> Result<()> {
        let command = Till::command_key(&draft.key);
        if transaction.query_opt(&self.find_command, &[&command])?.is_some() {
            return Err("recorded twice".into());
        }
        let mut reads = self.read(transaction, draft)?;
        let (Some(club), Some(statements)) = (&till.club, &self.club) else {
            let rows = till.decide(draft, command, reads)?;
            self.write_purchase(transaction, &rows)?;
            self.write_lines_and_tender(transaction, &rows)?;
            return self.write_rest(transaction, &rows);
        };
        let customer = draft.purchase.customer.ok_or("no member")?;
        reads.member = Some(statements.read(transaction, customer.into(), club.credit, draft.credit_minor > 0)?);
        let rows = till.decide(draft, command, reads)?;
        self.write_purchase(transaction, &rows)?;
        if let Some(written) = &rows.club {
            statements.write_purchase(transaction, &rows, written)?;
            statements.write(transaction, club.credit, &rows, written)?;
        }
        self.write_rest(transaction, &rows)
    }

    fn read(&self, transaction: &mut Transaction<'_>, draft: &Draft) -> Result<Reads> {
        let new = &draft.purchase;
        let branch_id: Uuid = new.branch.into();
        let customer: Option<Uuid> = new.customer.map(Uuid::from);
        let row = transaction.query_one(&self.find_branch, &[&branch_id])?;
        let branch = BranchRead { currency: row.get(0), active: row.get(1) };
        let stage = transaction.query_one(&self.find_customer, &[&customer])?.get(0);
        let mut products = Vec::with_capacity(new.lines.len());
        for line in &new.lines {
            let row = transaction.query_one(&self.find_product, &[&Uuid::from(line.product)])?;
            products.push(ProductRead {
                category: row.get(0),
                price_minor: row.get(1),
                currency: row.get(2),
                active: row.get(3),
            });
        }
        let mut on_hand = Vec::with_capacity(new.lines.len());
        for line in &new.lines {
            on_hand.push(transaction.query_one(&self.find_stock, &[&Uuid::from(line.product), &branch_id])?.get(0));
        }
        Ok(Reads { branch, stage, products, on_hand, member: None })
    }

    fn write_purchase(&self, transaction: &mut Transaction<'_>, rows: &Rows) -> Result<()> {
        let now = DateTime::<Utc>::from(rows.now);
        transaction.execute(
            &self.insert_purchase,
            &[
                &rows.purchase,
                &rows.branch,
                &rows.receipt_no,
                &rows.customer,
                &now,
                &NaiveDate::from(rows.business_date),
                &rows.currency,
                &rows.total_minor,
            ],
        )?;
        Ok(())
    }

    fn write_lines_and_tender(&self, transaction: &mut Transaction<'_>, rows: &Rows) -> Result<()> {
        let purchase = &rows.purchase;
        for line in &rows.lines {
            transaction.execute(
                &self.insert_line,
                &[
                    purchase,
                    &line.line_no,
                    &line.product,
                    &line.category,
                    &line.quantity,
                    &line.unit_price_minor,
                    &line.total_minor,
                ],
            )?;
        }
        transaction.execute(&self.insert_tender, &[purchase, &METHOD, &rows.total_minor])?;
        Ok(())
    }

    fn write_rest(&self, transaction: &mut Transaction<'_>, rows: &Rows) -> Result<()> {
        let now = DateTime::<Utc>::from(rows.now);
        for line in &rows.lines {
            if transaction.execute(&self.take_stock, &[&line.product, &rows.branch, &line.quantity])? != 1 {
                return Err("not enough on hand".into());
            }
        }
        transaction.execute(
            &self.insert_journal,
            &[
                &now,
                &rows.journal,
                &JOURNAL_KIND,
                &rows.customer,
                &rows.branch,
                &REFERENCE_KIND,
                &rows.purchase,
                &ACTOR,
                &PERMISSION,
                &rows.command,
                &rows.event,
            ],
        )?;
        transaction.execute(&self.insert_outbox, &[&rows.message, &TOPIC, &rows.message_payload, &now])?;
        transaction
            .execute(&self.insert_command, &[&rows.command, &COMMAND, &rows.payload_hash, &rows.outcome, &now])?;
        Ok(())
    }
}
