//! The rows of the club by hand on PostgreSQL: prepared statements, one after the other.

use chrono::{DateTime, NaiveDate, Utc};
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::EntryKind;
use postgres::{Client, Statement, Transaction};
use uuid::Uuid;

use crate::Result;
use crate::club::LADDER;
use crate::club_rows::{ClubRows, Counted, Held, HoldRow, Member, OpenLot, PROGRAMME};
use crate::rows::Rows;

/// The kind of the journal entries.
pub(crate) const JOURNAL_KIND: &str = crm_loyalty::ledger::event::LEDGER_POSTED;

/// Who writes for the club.
pub(crate) const CLUB: &str = "module:loyalty";

/// The other asset beside credit.
pub(crate) const POINTS: &str = "points";

/// Every statement of the club.
pub(crate) struct ClubStatements {
    find_account: Statement,
    find_balances: Statement,
    find_standing: Statement,
    find_lots: Statement,
    insert_line: Statement,
    insert_tender: Statement,
    update_account: Statement,
    update_balance: Statement,
    update_lot: Statement,
    insert_lot: Statement,
    insert_entry: Statement,
    insert_hold: Statement,
    count_use: Statement,
    count_day: Statement,
    update_standing: Statement,
    insert_sheet: Statement,
    insert_journal: Statement,
}

impl ClubStatements {
    pub(crate) fn prepare(client: &mut Client) -> Result<Self> {
        let mut prepare = |sql| client.prepare(sql);
        Ok(Self {
            // Locked, since others may write to the same account.
            find_account: prepare("SELECT state, version, due_at FROM crm_loyalty_accounts WHERE id = $1 FOR UPDATE")?,
            find_balances: prepare(
                "SELECT asset, version, available, debt FROM crm_loyalty_balances WHERE account_id = $1 AND asset IN ($2, $3)",
            )?,
            find_standing: prepare(
                "SELECT version, amount_minor, purchases, coalesce((windows #>> '{0,sums,points}')::bigint, 0) \
                 FROM crm_loyalty_standings WHERE account_id = $1 AND ladder_id = $2",
            )?,
            find_lots: prepare(
                "SELECT id, version, remaining, expires_at FROM crm_loyalty_lots \
                 WHERE account_id = $1 AND open AND asset = $2 AND matured ORDER BY expires_at, earned_at, id",
            )?,
            insert_line: prepare(
                "INSERT INTO crm_purchase_lines (purchase_id, line_no, product_id, category_id, quantity, \
                 stocked, unit_price_minor, total_minor, discount_minor, order_discount_minor, tax_minor, tax_rate, tax_included, \
                 tender_shares) VALUES ($1, $2, $3, $4, $5, true, $6, $7, 0, 0, 0, '0/1', true, $8::text::jsonb)",
            )?,
            insert_tender: prepare(
                "INSERT INTO crm_tenders (purchase_id, tender_no, method, amount_minor, paid_later, reference) \
                 VALUES ($1, $2, $3, $4, false, $5)",
            )?,
            update_account: prepare(
                "UPDATE crm_loyalty_accounts SET version = version + 1, due_at = $3 WHERE id = $1 AND version = $2",
            )?,
            update_balance: prepare(
                "UPDATE crm_loyalty_balances SET version = version + 1, available = $4 \
                 WHERE account_id = $1 AND asset = $2 AND version = $3",
            )?,
            update_lot: prepare(
                "UPDATE crm_loyalty_lots SET version = version + 1, remaining = $4::bigint, open = ($4::bigint > 0) \
                 WHERE account_id = $1 AND id = $2 AND version = $3",
            )?,
            insert_lot: prepare(
                "INSERT INTO crm_loyalty_lots (account_id, id, version, asset, amount, remaining, held, expired, earned_at, \
                 available_at, expires_at, matured, open, source, origin_id, purchase_id, branch_id) \
                 VALUES ($1, $2, 1, $3, $4, $4, 0, 0, $5, $5, $6, true, true, 'purchase', $7, $8, $9)",
            )?,
            insert_entry: prepare(
                "INSERT INTO crm_loyalty_entries (account_id, id, kind, occurred_at, recorded_at, branch_id, purchase_id, \
                 actor, reason, postings) VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9::text::jsonb)",
            )?,
            insert_hold: prepare(
                "INSERT INTO crm_loyalty_holds (account_id, id, version, asset, amount, worth_minor, state, branch_id, \
                 business_date, made_at, lapses_at, purchase_id, entry_id, lots, restored, refunded_minor) \
                 VALUES ($1, $2, 1, $3, $4, $4, 'captured', $5, $6, $7, $8, $9, $10, $11::text::jsonb, '[]', 0)",
            )?,
            count_use: prepare(
                "INSERT INTO crm_loyalty_day_uses AS u (account_id, asset, business_date, version, used) VALUES ($1, $2, $3, 1, $4) \
                 ON CONFLICT (account_id, asset, business_date) DO UPDATE SET version = u.version + 1, used = u.used + excluded.used",
            )?,
            count_day: prepare(
                "INSERT INTO crm_loyalty_qualifying_days AS d (account_id, business_date, amount_minor, purchases, points) \
                 VALUES ($1, $2, $3, 1, $4) ON CONFLICT (account_id, business_date) DO UPDATE SET \
                 amount_minor = d.amount_minor + excluded.amount_minor, purchases = d.purchases + 1, \
                 points = d.points + excluded.points",
            )?,
            update_standing: prepare(
                "UPDATE crm_loyalty_standings SET version = version + 1, last_on = greatest(last_on, $4), amount_minor = $5, \
                 purchases = $6, windows = $7::text::jsonb WHERE account_id = $1 AND ladder_id = $2 AND version = $3",
            )?,
            insert_sheet: prepare(
                "INSERT INTO crm_loyalty_sheets (purchase_id, version, account_id, customer_id, branch_id, programme, document) \
                 VALUES ($1, 1, $2, $2, $3, $4, $5::text::jsonb)",
            )?,
            insert_journal: prepare(
                "INSERT INTO crm_journal (occurred_at, id, recorded_at, kind, customer_id, branch_id, reference_kind, \
                 reference_id, actor, permission, command_id, cause_id, rule, payload) \
                 VALUES ($1, $2, $1, $3, $4, $5, 'loyalty_entry', $6, $7, $8, $9, $10, $11, $12::text::jsonb)",
            )?,
        })
    }

    /// Reads a member; open lots only if some credit is to be redeemed.
    pub(crate) fn read(
        &self,
        transaction: &mut Transaction<'_>,
        account: Uuid,
        credit: Asset,
        redeems: bool,
    ) -> Result<Member> {
        let row = transaction.query_one(&self.find_account, &[&account])?;
        let mut member = Member {
            state: row.get(0),
            version: row.get(1),
            due_at: micros(row.get(2)),
            credit: Held::default(),
            points: Held::default(),
            standing: Counted::default(),
            lots: Vec::new(),
        };
        let credit = credit.to_string();
        for row in transaction.query(&self.find_balances, &[&account, &credit, &POINTS])? {
            let held = Held { version: row.get(1), available: row.get(2), debt: row.get(3) };
            if row.get::<_, &str>(0) == credit {
                member.credit = held;
            } else {
                member.points = held;
            }
        }
        let row = transaction.query_one(&self.find_standing, &[&account, &LADDER])?;
        member.standing =
            Counted { version: row.get(0), amount: row.get(1), purchases: row.get(2), points: row.get(3) };
        if redeems {
            let lots = transaction.query(&self.find_lots, &[&account, &credit])?;
            let lot = |row: &postgres::Row| {
                let expires_at = micros(row.get(3));
                OpenLot { id: row.get(0), version: row.get(1), remaining: row.get(2), expires_at }
            };
            member.lots = lots.iter().map(lot).collect();
        }
        Ok(member)
    }

    /// Writes the lines and tenders of a purchase.
    pub(crate) fn write_purchase(&self, transaction: &mut Transaction<'_>, rows: &Rows, club: &ClubRows) -> Result<()> {
        for (line, shares) in rows.lines.iter().zip(&club.shares) {
            transaction.execute(
                &self.insert_line,
                &[
                    &rows.purchase,
                    &line.line_no,
                    &line.product,
                    &line.category,
                    &line.quantity,
                    &line.unit_price_minor,
                    &line.total_minor,
                    shares,
                ],
            )?;
        }
        for (tender_no, (method, amount, reference)) in (1_i64..).zip(&club.tenders) {
            transaction.execute(&self.insert_tender, &[&rows.purchase, &tender_no, method, amount, reference])?;
        }
        Ok(())
    }

    /// Writes what happens on the account.
    pub(crate) fn write(
        &self,
        transaction: &mut Transaction<'_>,
        credit: Asset,
        rows: &Rows,
        club: &ClubRows,
    ) -> Result<()> {
        let (account, now, member) = (rows.customer, DateTime::<Utc>::from(rows.now), &club.member);
        let credit = credit.to_string();
        if club.due_at != member.due_at {
            let due_at = time(club.due_at)?;
            one(transaction.execute(&self.update_account, &[&account, &member.version, &due_at])?)?;
        }
        for (asset, held, left) in [(credit.as_str(), member.credit, club.credit), (POINTS, member.points, club.points)]
        {
            one(transaction.execute(&self.update_balance, &[&account, &asset, &held.version, &left])?)?;
        }
        if let Some(hold) = &club.hold {
            self.write_hold(transaction, &credit, rows, hold)?;
        }
        for lot in &club.lots {
            let (asset, expires_at) = (lot.asset.to_string(), time(lot.expires_at)?);
            transaction.execute(
                &self.insert_lot,
                &[&account, &lot.id, &asset, &lot.amount, &now, &expires_at, &lot.origin, &rows.purchase, &rows.branch],
            )?;
        }
        for entry in &club.entries {
            transaction.execute(
                &self.insert_entry,
                &[
                    &account,
                    &entry.id,
                    &entry.kind.as_str(),
                    &now,
                    &rows.branch,
                    &rows.purchase,
                    &CLUB,
                    &entry.reason,
                    &entry.postings,
                ],
            )?;
            // What is redeemed is not caused by the purchase: it pays it.
            let cause = (entry.kind == EntryKind::Earn).then_some(rows.journal);
            transaction.execute(
                &self.insert_journal,
                &[
                    &now,
                    &entry.journal,
                    &JOURNAL_KIND,
                    &account,
                    &rows.branch,
                    &entry.id,
                    &CLUB,
                    &entry.permission,
                    &rows.command,
                    &cause,
                    &entry.reason,
                    &entry.event,
                ],
            )?;
        }
        let date = NaiveDate::from(rows.business_date);
        transaction.execute(&self.count_day, &[&account, &date, &club.base_minor, &club.earned_points])?;
        let counted = &club.counted;
        one(transaction.execute(
            &self.update_standing,
            &[&account, &LADDER, &member.standing.version, &date, &counted.amount, &counted.purchases, &club.windows],
        )?)?;
        transaction.execute(&self.insert_sheet, &[&rows.purchase, &account, &rows.branch, &PROGRAMME, &club.sheet])?;
        Ok(())
    }

    fn write_hold(&self, transaction: &mut Transaction<'_>, credit: &str, rows: &Rows, hold: &HoldRow) -> Result<()> {
        let (account, date) = (rows.customer, NaiveDate::from(rows.business_date));
        for lot in &hold.taken {
            one(transaction.execute(&self.update_lot, &[&account, &lot.id, &lot.version, &lot.remaining])?)?;
        }
        transaction.execute(
            &self.insert_hold,
            &[
                &account,
                &hold.id,
                &credit,
                &hold.amount,
                &rows.branch,
                &date,
                &DateTime::<Utc>::from(rows.now),
                &time(hold.lapses_at)?,
                &rows.purchase,
                &hold.entry,
                &hold.lots,
            ],
        )?;
        transaction.execute(&self.count_use, &[&account, &credit, &date, &hold.amount])?;
        Ok(())
    }
}

fn one(rows: u64) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err("somebody else has changed it".into()) }
}

/// A time as PostgreSQL takes it.
pub(crate) fn time(micros: i64) -> Result<DateTime<Utc>> {
    Ok(Timestamp::from_micros(micros)?.into())
}

/// A time as the club counts it.
pub(crate) fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}
