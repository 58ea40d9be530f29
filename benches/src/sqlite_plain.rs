//! SQLite by hand: prepared statements, one commit for each purchase.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, Statement, params};
use uuid::Uuid;

use crate::Result;
use crate::feed::{Draft, Feed};
use crate::rows::{
    ACTOR, BranchRead, COMMAND, JOURNAL_KIND, METHOD, PERMISSION, ProductRead, REFERENCE_KIND, Reads, Rows, TOPIC, Till,
};
use crate::sqlite_club::ClubStatements;
use crate::sqlite_store::{SqliteStore, Tuning};
use crate::variant::{Role, Variant};

/// One connection, one purchase at a time.
pub struct SqlitePlain {
    connection: Connection,
    till: Till,
}

impl SqlitePlain {
    /// On this database, as SQLite comes.
    ///
    /// # Errors
    /// What the database meets.
    pub fn new(store: &SqliteStore, feed: &Feed) -> Result<Self> {
        Ok(Self { connection: store.connect(Tuning::Default)?, till: Till::of(feed)? })
    }
}

impl Variant for SqlitePlain {
    fn name(&self) -> String {
        "plain".to_owned()
    }

    fn role(&self) -> Role {
        Role::Plain
    }

    fn run(&mut self, feed: &Feed, until: Instant) -> Result<Vec<Duration>> {
        let mut statements = Statements::prepare(&self.connection, &self.till)?;
        let mut taken = Vec::new();
        while Instant::now() < until {
            let start = Instant::now();
            let draft = feed.next();
            statements.begin.execute([])?;
            statements.record(&self.till, &draft)?;
            statements.commit.execute([])?;
            taken.push(start.elapsed());
        }
        Ok(taken)
    }
}

/// Every statement of a purchase, prepared.
pub(crate) struct Statements<'c> {
    pub(crate) begin: Statement<'c>,
    pub(crate) commit: Statement<'c>,
    pub(crate) savepoint: Statement<'c>,
    pub(crate) release: Statement<'c>,
    find_command: Statement<'c>,
    find_branch: Statement<'c>,
    find_customer: Statement<'c>,
    find_product: Statement<'c>,
    find_stock: Statement<'c>,
    insert_purchase: Statement<'c>,
    insert_line: Statement<'c>,
    insert_tender: Statement<'c>,
    take_stock: Statement<'c>,
    insert_journal: Statement<'c>,
    insert_outbox: Statement<'c>,
    insert_command: Statement<'c>,
    club: Option<ClubStatements<'c>>,
}

impl<'c> Statements<'c> {
    pub(crate) fn prepare(connection: &'c Connection, till: &Till) -> Result<Self> {
        let prepare = |sql| connection.prepare(sql);
        Ok(Self {
            begin: prepare("BEGIN IMMEDIATE")?,
            commit: prepare("COMMIT")?,
            savepoint: prepare("SAVEPOINT purchase")?,
            release: prepare("RELEASE purchase")?,
            find_command: prepare("SELECT payload_hash, outcome FROM crm_commands WHERE id = ?1")?,
            find_branch: prepare("SELECT currency, active FROM crm_branches WHERE id = ?1")?,
            find_customer: prepare("SELECT stage FROM crm_customers WHERE id = ?1")?,
            find_product: prepare("SELECT category_id, price_minor, currency, active FROM crm_products WHERE id = ?1")?,
            find_stock: prepare("SELECT on_hand FROM crm_stock WHERE product_id = ?1 AND branch_id = ?2")?,
            insert_purchase: prepare(
                "INSERT INTO crm_purchases (id, branch_id, receipt_no, customer_id, occurred_at, recorded_at, business_date, \
                 currency, total_minor, history_only) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7, ?8, 0)",
            )?,
            insert_line: prepare(
                "INSERT INTO crm_purchase_lines (purchase_id, line_no, product_id, category_id, quantity, \
                 stocked, unit_price_minor, total_minor, discount_minor, order_discount_minor, tax_minor, tax_rate, tax_included, \
                 tender_shares) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, 0, 0, 0, '0/1', 1, json_array(?7))",
            )?,
            insert_tender: prepare(
                "INSERT INTO crm_tenders (purchase_id, tender_no, method, amount_minor, paid_later) VALUES (?1, 1, ?2, ?3, 0)",
            )?,
            take_stock: prepare(
                "UPDATE crm_stock SET on_hand = on_hand - ?3 WHERE product_id = ?1 AND branch_id = ?2 AND on_hand >= ?3",
            )?,
            insert_journal: prepare(
                "INSERT INTO crm_journal (occurred_at, id, recorded_at, kind, customer_id, branch_id, reference_kind, \
                 reference_id, actor, permission, command_id, payload) VALUES (?1, ?2, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?,
            insert_outbox: prepare(
                "INSERT INTO crm_outbox (id, version, topic, payload, due_at, attempts, last_error, dead) \
                 VALUES (?1, 1, ?2, ?3, ?4, 0, NULL, 0)",
            )?,
            insert_command: prepare(
                "INSERT INTO crm_commands (id, command, payload_hash, outcome, done_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            club: till.club.as_ref().map(|_| ClubStatements::prepare(connection)).transpose()?,
        })
    }

    /// Reads, decides and writes one purchase, inside a transaction.
    pub(crate) fn record(&mut self, till: &Till, draft: &Draft) -> Result<()> {
        let command = Till::command_key(&draft.key);
        let done: Option<String> = self.find_command.query_row([command], |row| row.get(0)).optional()?;
        if done.is_some() {
            return Err("recorded twice".into());
        }
        let mut reads = self.read(draft)?;
        let Some(club) = &till.club else {
            let rows = till.decide(draft, command, reads)?;
            self.write_purchase(&rows)?;
            self.write_tender_and_lines(&rows)?;
            return self.write_rest(&rows);
        };
        let (Some(statements), Some(customer)) = (&mut self.club, draft.purchase.customer) else {
            return Err("no club, or no member".into());
        };
        reads.member = Some(statements.read(customer.into(), club.credit, draft.credit_minor > 0)?);
        let rows = till.decide(draft, command, reads)?;
        self.write_purchase(&rows)?;
        if let (Some(statements), Some(written)) = (&mut self.club, &rows.club) {
            statements.write_purchase(&rows, written)?;
            statements.write(club.credit, &rows, written)?;
        }
        self.write_rest(&rows)
    }

    fn read(&mut self, draft: &Draft) -> Result<Reads> {
        let new = &draft.purchase;
        let branch_id: Uuid = new.branch.into();
        let customer: Option<Uuid> = new.customer.map(Uuid::from);
        let branch = self
            .find_branch
            .query_row([branch_id], |row| Ok(BranchRead { currency: row.get(0)?, active: row.get(1)? }))?;
        let stage = self.find_customer.query_row([customer], |row| row.get(0))?;
        let mut products = Vec::with_capacity(new.lines.len());
        for line in &new.lines {
            products.push(self.find_product.query_row([Uuid::from(line.product)], |row| {
                Ok(ProductRead {
                    category: row.get(0)?,
                    price_minor: row.get(1)?,
                    currency: row.get(2)?,
                    active: row.get(3)?,
                })
            })?);
        }
        let mut on_hand = Vec::with_capacity(new.lines.len());
        for line in &new.lines {
            on_hand.push(self.find_stock.query_row([line.product.into(), branch_id], |row| row.get(0))?);
        }
        Ok(Reads { branch, stage, products, on_hand, member: None })
    }

    fn write_purchase(&mut self, rows: &Rows) -> Result<()> {
        self.insert_purchase.execute(params![
            rows.purchase,
            rows.branch,
            rows.receipt_no,
            rows.customer,
            rows.now.as_micros(),
            rows.business_date.days(),
            rows.currency,
            rows.total_minor
        ])?;
        Ok(())
    }

    fn write_tender_and_lines(&mut self, rows: &Rows) -> Result<()> {
        for line in &rows.lines {
            self.insert_line.execute(params![
                rows.purchase,
                line.line_no,
                line.product,
                line.category,
                line.quantity,
                line.unit_price_minor,
                line.total_minor
            ])?;
        }
        self.insert_tender.execute(params![rows.purchase, METHOD, rows.total_minor])?;
        Ok(())
    }

    fn write_rest(&mut self, rows: &Rows) -> Result<()> {
        let now = rows.now.as_micros();
        for line in &rows.lines {
            if self.take_stock.execute(params![line.product, rows.branch, line.quantity])? != 1 {
                return Err("not enough on hand".into());
            }
        }
        self.insert_journal.execute(params![
            now,
            rows.journal,
            JOURNAL_KIND,
            rows.customer,
            rows.branch,
            REFERENCE_KIND,
            rows.purchase,
            ACTOR,
            PERMISSION,
            rows.command,
            rows.event
        ])?;
        self.insert_outbox.execute(params![rows.message, TOPIC, rows.message_payload, now])?;
        self.insert_command.execute(params![rows.command, COMMAND, rows.payload_hash, rows.outcome, now])?;
        Ok(())
    }
}
