//! PostgreSQL by hand in groups: 64 purchases in one transaction, read and written as arrays. 15 round trips for a group, and 15
//! more where there is a club.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, Utc};
use postgres::{Client, Statement, Transaction};
use url::Url;
use uuid::Uuid;

use crate::feed::{Draft, Feed};
use crate::postgres_club_group::{GroupStatements, Members};
use crate::rows::{
    ACTOR, BranchRead, COMMAND, JOURNAL_KIND, METHOD, PERMISSION, ProductRead, REFERENCE_KIND, Reads, Rows, TOPIC, Till,
};
use crate::variant::{GROUP, Role, Variant};
use crate::{Result, postgres_store};

/// One connection, one group at a time.
pub struct PostgresLimit {
    name: &'static str,
    role: Role,
    client: Client,
    statements: Statements,
    till: Till,
}

impl PostgresLimit {
    /// On this database.
    ///
    /// # Errors
    /// What the database meets.
    pub fn new(url: &Url, feed: &Feed) -> Result<Self> {
        let mut client = postgres_store::connect(url)?;
        let till = Till::of(feed)?;
        let statements = Statements::prepare(&mut client, &till)?;
        Ok(Self { name: "limit, groups of 64", role: Role::Limit, client, statements, till })
    }

    /// On a copy of the database that has no foreign keys.
    ///
    /// # Errors
    /// What the database meets.
    pub fn without_foreign_keys(copy: &Url, feed: &Feed) -> Result<Self> {
        Ok(Self { name: "the same without foreign keys", role: Role::Contender, ..Self::new(copy, feed)? })
    }

    fn record_group(&mut self, feed: &Feed) -> Result<()> {
        let group: Vec<(Uuid, Draft)> = (0..GROUP)
            .map(|_| {
                let draft = feed.next();
                (Till::command_key(&draft.key), draft)
            })
            .collect();
        let mut transaction = self.client.transaction()?;
        let mut known = self.statements.read(&mut transaction, &self.till, &group)?;
        let mut rows = Vec::with_capacity(GROUP);
        for (command, draft) in &group {
            let decided = self.till.decide(draft, *command, known.of(draft)?)?;
            if let (Some(members), Some(till), Some(club)) = (&mut known.members, &self.till.club, &decided.club) {
                members.decided(decided.customer, till.credit, club)?;
            }
            rows.push(decided);
        }
        self.statements.write(&mut transaction, &self.till, &known, &rows)?;
        Ok(transaction.commit()?)
    }
}

impl Variant for PostgresLimit {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn role(&self) -> Role {
        self.role
    }

    fn run(&mut self, feed: &Feed, until: Instant) -> Result<Vec<Duration>> {
        let mut taken = Vec::new();
        while Instant::now() < until {
            let start = Instant::now();
            self.record_group(feed)?;
            taken.extend([start.elapsed(); GROUP]);
        }
        Ok(taken)
    }
}

/// What was read for a whole group.
struct Known {
    branches: HashMap<Uuid, BranchRead>,
    stages: HashMap<Uuid, String>,
    products: HashMap<Uuid, ProductRead>,
    stock: HashMap<(Uuid, Uuid), i64>,
    members: Option<Members>,
}

impl Known {
    fn of(&self, draft: &Draft) -> Result<Reads> {
        let new = &draft.purchase;
        let customer = new.customer.map(Uuid::from).unwrap_or_default();
        let (mut products, mut on_hand) = (Vec::new(), Vec::new());
        for line in &new.lines {
            let product = line.product.into();
            products.push(self.products.get(&product).ok_or("no such product")?.clone());
            on_hand.push(*self.stock.get(&(product, new.branch.into())).ok_or("no such stock")?);
        }
        Ok(Reads {
            branch: self.branches.get(&new.branch.into()).ok_or("no such branch")?.clone(),
            stage: self.stages.get(&customer).ok_or("no such customer")?.clone(),
            products,
            on_hand,
            member: self.members.as_ref().map(|members| members.of(customer)).transpose()?,
        })
    }
}

/// Every statement of a group, prepared.
struct Statements {
    find_commands: Statement,
    find_branches: Statement,
    find_customers: Statement,
    find_products: Statement,
    find_stock: Statement,
    insert_purchases: Statement,
    insert_lines: Statement,
    insert_tenders: Statement,
    take_stock: Statement,
    insert_journal: Statement,
    insert_outbox: Statement,
    insert_commands: Statement,
    club: Option<GroupStatements>,
}

impl Statements {
    fn prepare(client: &mut Client, till: &Till) -> Result<Self> {
        let club = till.club.as_ref().map(|_| GroupStatements::prepare(client)).transpose()?;
        let mut prepare = |sql| client.prepare(sql);
        Ok(Self {
            find_commands: prepare("SELECT id, payload_hash, outcome::text FROM crm_commands WHERE id = ANY($1)")?,
            find_branches: prepare("SELECT id, currency, active FROM crm_branches WHERE id = ANY($1)")?,
            find_customers: prepare("SELECT id, stage FROM crm_customers WHERE id = ANY($1)")?,
            find_products: prepare(
                "SELECT id, category_id, price_minor, currency, active FROM crm_products WHERE id = ANY($1)",
            )?,
            find_stock: prepare(
                "SELECT s.product_id, s.branch_id, s.on_hand FROM UNNEST($1::uuid[], $2::uuid[]) AS k (product_id, branch_id) \
                 JOIN crm_stock s ON s.product_id = k.product_id AND s.branch_id = k.branch_id",
            )?,
            insert_purchases: prepare(
                "INSERT INTO crm_purchases (id, branch_id, receipt_no, customer_id, occurred_at, recorded_at, business_date, \
                 currency, total_minor, history_only) \
                 SELECT id, branch_id, receipt_no, customer_id, at, at, business_date, currency, total, false \
                 FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[], $6::date[], $7::text[], \
                 $8::bigint[]) AS r (id, branch_id, receipt_no, customer_id, at, business_date, currency, total)",
            )?,
            insert_lines: prepare(
                "INSERT INTO crm_purchase_lines (purchase_id, line_no, product_id, category_id, quantity, \
                 stocked, unit_price_minor, total_minor, discount_minor, order_discount_minor, tax_minor, tax_rate, tax_included, tender_shares) \
                 SELECT id, no, product_id, category_id, quantity, true, price, total, 0, 0, 0, '0/1', true, jsonb_build_array(total) \
                 FROM UNNEST($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[]) \
                 AS r (id, no, product_id, category_id, quantity, price, total)",
            )?,
            insert_tenders: prepare(
                "INSERT INTO crm_tenders (purchase_id, tender_no, method, amount_minor, paid_later) \
                 SELECT id, 1, $2, amount, false FROM UNNEST($1::uuid[], $3::bigint[]) AS r (id, amount)",
            )?,
            take_stock: prepare(
                "UPDATE crm_stock s SET on_hand = s.on_hand - r.quantity \
                 FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[]) AS r (product_id, branch_id, quantity) \
                 WHERE s.product_id = r.product_id AND s.branch_id = r.branch_id AND s.on_hand >= r.quantity",
            )?,
            insert_journal: prepare(
                "INSERT INTO crm_journal (occurred_at, id, recorded_at, kind, customer_id, branch_id, reference_kind, \
                 reference_id, actor, permission, command_id, payload) \
                 SELECT at, id, at, $3, customer_id, branch_id, $6, reference_id, $8, $9, command_id, event::jsonb \
                 FROM UNNEST($1::timestamptz[], $2::uuid[], $4::uuid[], $5::uuid[], $7::uuid[], $10::uuid[], $11::text[]) \
                 AS r (at, id, customer_id, branch_id, reference_id, command_id, event)",
            )?,
            insert_outbox: prepare(
                "INSERT INTO crm_outbox (id, version, topic, payload, due_at, attempts, last_error, dead) \
                 SELECT id, 1, $2, payload::jsonb, at, 0, NULL, false \
                 FROM UNNEST($1::uuid[], $3::text[], $4::timestamptz[]) AS r (id, payload, at)",
            )?,
            insert_commands: prepare(
                "INSERT INTO crm_commands (id, command, payload_hash, outcome, done_at) \
                 SELECT id, $2, hash, outcome::jsonb, at \
                 FROM UNNEST($1::uuid[], $3::text[], $4::text[], $5::timestamptz[]) AS r (id, hash, outcome, at)",
            )?,
            club,
        })
    }

    fn read(&self, transaction: &mut Transaction<'_>, till: &Till, group: &[(Uuid, Draft)]) -> Result<Known> {
        let commands: Vec<Uuid> = group.iter().map(|(command, _)| *command).collect();
        if !transaction.query(&self.find_commands, &[&commands])?.is_empty() {
            return Err("recorded twice".into());
        }
        let purchases = || group.iter().map(|(_, draft)| &draft.purchase);
        let branches = distinct(purchases().map(|new| Uuid::from(new.branch)));
        let customers = distinct(purchases().filter_map(|new| new.customer.map(Uuid::from)));
        let places = || {
            purchases().flat_map(|new| new.lines.iter().map(|line| (Uuid::from(line.product), Uuid::from(new.branch))))
        };
        let products = distinct(places().map(|(product, _)| product));
        let (stock_products, stock_branches): (Vec<Uuid>, Vec<Uuid>) = distinct(places()).into_iter().unzip();
        let redeem = group.iter().filter(|(_, draft)| draft.credit_minor > 0).map(|(_, draft)| &draft.purchase);
        let redeeming = distinct(redeem.filter_map(|new| new.customer.map(Uuid::from)));
        let members = match (&self.club, &till.club) {
            (Some(club), Some(till)) => Some(club.read(transaction, till.credit, &customers, &redeeming)?),
            _ => None,
        };
        Ok(Known {
            members,
            branches: transaction
                .query(&self.find_branches, &[&branches])?
                .iter()
                .map(|row| (row.get(0), BranchRead { currency: row.get(1), active: row.get(2) }))
                .collect(),
            stages: transaction
                .query(&self.find_customers, &[&customers])?
                .iter()
                .map(|row| (row.get(0), row.get(1)))
                .collect(),
            products: transaction
                .query(&self.find_products, &[&products])?
                .iter()
                .map(|row| {
                    let (category, price_minor) = (row.get(1), row.get(2));
                    (row.get(0), ProductRead { category, price_minor, currency: row.get(3), active: row.get(4) })
                })
                .collect(),
            stock: transaction
                .query(&self.find_stock, &[&stock_products, &stock_branches])?
                .iter()
                .map(|row| ((row.get(0), row.get(1)), row.get(2)))
                .collect(),
        })
    }

    fn write(&self, transaction: &mut Transaction<'_>, till: &Till, known: &Known, rows: &[Rows]) -> Result<()> {
        let ids = column(rows, |row| row.purchase);
        let branches = column(rows, |row| row.branch);
        let customers = column(rows, |row| row.customer);
        let totals = column(rows, |row| row.total_minor);
        let now = column(rows, |row| DateTime::<Utc>::from(row.now));
        transaction.execute(
            &self.insert_purchases,
            &[
                &ids,
                &branches,
                &column(rows, |row| &row.receipt_no),
                &customers,
                &now,
                &column(rows, |row| NaiveDate::from(row.business_date)),
                &column(rows, |row| &row.currency),
                &totals,
            ],
        )?;
        let lines: Vec<_> = rows.iter().flat_map(|row| row.lines.iter().map(move |line| (row, line))).collect();
        let written: Vec<_> = rows.iter().filter_map(|row| row.club.as_ref().map(|club| (row, club))).collect();
        if let (Some(club), Some(till), Some(members)) = (&self.club, &till.club, &known.members) {
            club.write_purchases(transaction, &written)?;
            club.write(transaction, till.credit, members, &written)?;
        } else {
            transaction.execute(
                &self.insert_lines,
                &[
                    &column(&lines, |(row, _)| row.purchase),
                    &column(&lines, |(_, line)| line.line_no),
                    &column(&lines, |(_, line)| line.product),
                    &column(&lines, |(_, line)| line.category),
                    &column(&lines, |(_, line)| line.quantity),
                    &column(&lines, |(_, line)| line.unit_price_minor),
                    &column(&lines, |(_, line)| line.total_minor),
                ],
            )?;
            transaction.execute(&self.insert_tenders, &[&ids, &METHOD, &totals])?;
        }

        // One update for each counter, in the order of their keys, whoever in the group takes from it.
        let mut taken = BTreeMap::<(Uuid, Uuid), i64>::new();
        for (row, line) in &lines {
            *taken.entry((line.product, row.branch)).or_default() += line.quantity;
        }
        let taken: Vec<_> = taken.into_iter().collect();
        let counters = transaction.execute(
            &self.take_stock,
            &[
                &column(&taken, |((product, _), _)| *product),
                &column(&taken, |((_, branch), _)| *branch),
                &column(&taken, |(_, quantity)| *quantity),
            ],
        )?;
        if counters != taken.len() as u64 {
            return Err("not enough on hand".into());
        }
        transaction.execute(
            &self.insert_journal,
            &[
                &now,
                &column(rows, |row| row.journal),
                &JOURNAL_KIND,
                &customers,
                &branches,
                &REFERENCE_KIND,
                &ids,
                &ACTOR,
                &PERMISSION,
                &column(rows, |row| row.command),
                &column(rows, |row| &row.event),
            ],
        )?;
        transaction.execute(
            &self.insert_outbox,
            &[&column(rows, |row| row.message), &TOPIC, &column(rows, |row| &row.message_payload), &now],
        )?;
        transaction.execute(
            &self.insert_commands,
            &[
                &column(rows, |row| row.command),
                &COMMAND,
                &column(rows, |row| &row.payload_hash),
                &column(rows, |row| &row.outcome),
                &now,
            ],
        )?;
        Ok(())
    }
}

pub(crate) fn column<'r, R, T>(rows: &'r [R], of: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}
