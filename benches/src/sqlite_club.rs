//! The rows of the club by hand on SQLite: prepared statements.

use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::EntryKind;
use rusqlite::{Connection, Statement, params};
use uuid::Uuid;

use crate::Result;
use crate::club::LADDER;
use crate::club_rows::{ClubRows, Counted, Held, HoldRow, Member, OpenLot, PROGRAMME};
use crate::rows::Rows;

/// The kind of the journal entries.
const JOURNAL_KIND: &str = crm_loyalty::ledger::event::LEDGER_POSTED;

/// Who writes for the club.
const CLUB: &str = "module:loyalty";

/// Every statement of the club.
pub(crate) struct ClubStatements<'c> {
    find_account: Statement<'c>,
    find_balances: Statement<'c>,
    find_standing: Statement<'c>,
    find_lots: Statement<'c>,
    insert_line: Statement<'c>,
    insert_tender: Statement<'c>,
    update_account: Statement<'c>,
    update_balance: Statement<'c>,
    update_lot: Statement<'c>,
    insert_lot: Statement<'c>,
    insert_entry: Statement<'c>,
    insert_hold: Statement<'c>,
    count_use: Statement<'c>,
    count_day: Statement<'c>,
    update_standing: Statement<'c>,
    insert_sheet: Statement<'c>,
    insert_journal: Statement<'c>,
}

impl<'c> ClubStatements<'c> {
    pub(crate) fn prepare(connection: &'c Connection) -> Result<Self> {
        let prepare = |sql| connection.prepare(sql);
        Ok(Self {
            find_account: prepare("SELECT state, version, due_at FROM crm_loyalty_accounts WHERE id = ?1")?,
            find_balances: prepare(
                "SELECT asset, version, available, debt FROM crm_loyalty_balances WHERE account_id = ?1 AND asset IN (?2, ?3)",
            )?,
            find_standing: prepare(
                "SELECT version, amount_minor, purchases, coalesce(windows ->> '$[0].sums.points', 0) \
                 FROM crm_loyalty_standings WHERE account_id = ?1 AND ladder_id = ?2",
            )?,
            find_lots: prepare(
                "SELECT id, version, remaining, expires_at FROM crm_loyalty_lots \
                 WHERE account_id = ?1 AND open = 1 AND asset = ?2 AND matured = 1 ORDER BY expires_at, earned_at, id",
            )?,
            insert_line: prepare(
                "INSERT INTO crm_purchase_lines (purchase_id, line_no, product_id, category_id, quantity, \
                 stocked, unit_price_minor, total_minor, discount_minor, order_discount_minor, tax_minor, tax_rate, tax_included, \
                 tender_shares) VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, 0, 0, 0, '0/1', 1, ?8)",
            )?,
            insert_tender: prepare(
                "INSERT INTO crm_tenders (purchase_id, tender_no, method, amount_minor, paid_later, reference) \
                 VALUES (?1, ?2, ?3, ?4, 0, ?5)",
            )?,
            update_account: prepare(
                "UPDATE crm_loyalty_accounts SET version = version + 1, due_at = ?3 WHERE id = ?1 AND version = ?2",
            )?,
            update_balance: prepare(
                "UPDATE crm_loyalty_balances SET version = version + 1, available = ?4 \
                 WHERE account_id = ?1 AND asset = ?2 AND version = ?3",
            )?,
            update_lot: prepare(
                "UPDATE crm_loyalty_lots SET version = version + 1, remaining = ?4, open = (?4 > 0) \
                 WHERE account_id = ?1 AND id = ?2 AND version = ?3",
            )?,
            insert_lot: prepare(
                "INSERT INTO crm_loyalty_lots (account_id, id, version, asset, amount, remaining, held, expired, earned_at, \
                 available_at, expires_at, matured, open, source, origin_id, purchase_id, branch_id) \
                 VALUES (?1, ?2, 1, ?3, ?4, ?4, 0, 0, ?5, ?5, ?6, 1, 1, 'purchase', ?7, ?8, ?9)",
            )?,
            insert_entry: prepare(
                "INSERT INTO crm_loyalty_entries (account_id, id, kind, occurred_at, recorded_at, branch_id, purchase_id, \
                 actor, reason, postings) VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?,
            insert_hold: prepare(
                "INSERT INTO crm_loyalty_holds (account_id, id, version, asset, amount, worth_minor, state, branch_id, \
                 business_date, made_at, lapses_at, purchase_id, entry_id, lots, restored, refunded_minor) \
                 VALUES (?1, ?2, 1, ?3, ?4, ?4, 'captured', ?5, ?6, ?7, ?8, ?9, ?10, ?11, '[]', 0)",
            )?,
            count_use: prepare(
                "INSERT INTO crm_loyalty_day_uses (account_id, asset, business_date, version, used) VALUES (?1, ?2, ?3, 1, ?4) \
                 ON CONFLICT (account_id, asset, business_date) DO UPDATE SET version = version + 1, used = used + excluded.used",
            )?,
            count_day: prepare(
                "INSERT INTO crm_loyalty_qualifying_days (account_id, business_date, amount_minor, purchases, points) \
                 VALUES (?1, ?2, ?3, 1, ?4) ON CONFLICT (account_id, business_date) DO UPDATE SET \
                 amount_minor = amount_minor + excluded.amount_minor, purchases = purchases + 1, points = points + excluded.points",
            )?,
            update_standing: prepare(
                "UPDATE crm_loyalty_standings SET version = version + 1, last_on = max(last_on, ?4), amount_minor = ?5, \
                 purchases = ?6, windows = ?7 \
                 WHERE account_id = ?1 AND ladder_id = ?2 AND version = ?3",
            )?,
            insert_sheet: prepare(
                "INSERT INTO crm_loyalty_sheets (purchase_id, version, account_id, customer_id, branch_id, programme, document) \
                 VALUES (?1, 1, ?2, ?2, ?3, ?4, ?5)",
            )?,
            insert_journal: prepare(
                "INSERT INTO crm_journal (occurred_at, id, recorded_at, kind, customer_id, branch_id, reference_kind, \
                 reference_id, actor, permission, command_id, cause_id, rule, payload) \
                 VALUES (?1, ?2, ?1, ?3, ?4, ?5, 'loyalty_entry', ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?,
        })
    }

    /// Reads a member; open lots only if some credit is to be redeemed.
    pub(crate) fn read(&mut self, account: Uuid, credit: Asset, redeems: bool) -> Result<Member> {
        let mut member = self.find_account.query_row([account], |row| {
            Ok(Member {
                state: row.get(0)?,
                version: row.get(1)?,
                due_at: row.get(2)?,
                credit: Held::default(),
                points: Held::default(),
                standing: Counted::default(),
                lots: Vec::new(),
            })
        })?;
        let credit = credit.to_string();
        let mut balances = self.find_balances.query(params![account, credit, "points"])?;
        while let Some(row) = balances.next()? {
            let held = Held { version: row.get(1)?, available: row.get(2)?, debt: row.get(3)? };
            if row.get_ref(0)?.as_str()? == credit {
                member.credit = held;
            } else {
                member.points = held;
            }
        }
        drop(balances);
        member.standing = self.find_standing.query_row([account, LADDER], |row| {
            Ok(Counted { version: row.get(0)?, amount: row.get(1)?, purchases: row.get(2)?, points: row.get(3)? })
        })?;
        if redeems {
            let lots = self.find_lots.query_map(params![account, credit], |row| {
                Ok(OpenLot { id: row.get(0)?, version: row.get(1)?, remaining: row.get(2)?, expires_at: row.get(3)? })
            })?;
            member.lots = lots.collect::<rusqlite::Result<_>>()?;
        }
        Ok(member)
    }

    /// Writes the lines and tenders of a purchase.
    pub(crate) fn write_purchase(&mut self, rows: &Rows, club: &ClubRows) -> Result<()> {
        for (line, shares) in rows.lines.iter().zip(&club.shares) {
            self.insert_line.execute(params![
                rows.purchase,
                line.line_no,
                line.product,
                line.category,
                line.quantity,
                line.unit_price_minor,
                line.total_minor,
                shares
            ])?;
        }
        for (tender_no, (method, amount, reference)) in (1_i64..).zip(&club.tenders) {
            self.insert_tender.execute(params![rows.purchase, tender_no, method, amount, reference])?;
        }
        Ok(())
    }

    /// Writes what happens on the account.
    pub(crate) fn write(&mut self, credit: Asset, rows: &Rows, club: &ClubRows) -> Result<()> {
        let (account, now, member) = (rows.customer, rows.now.as_micros(), &club.member);
        let credit = credit.to_string();
        if club.due_at != member.due_at {
            one(self.update_account.execute(params![account, member.version, club.due_at])?)?;
        }
        one(self.update_balance.execute(params![account, credit, member.credit.version, club.credit])?)?;
        one(self.update_balance.execute(params![account, "points", member.points.version, club.points])?)?;
        if let Some(hold) = &club.hold {
            self.write_hold(&credit, rows, hold)?;
        }
        for lot in &club.lots {
            self.insert_lot.execute(params![
                account,
                lot.id,
                lot.asset.to_string(),
                lot.amount,
                now,
                lot.expires_at,
                lot.origin,
                rows.purchase,
                rows.branch
            ])?;
        }
        for entry in &club.entries {
            self.insert_entry.execute(params![
                account,
                entry.id,
                entry.kind.as_str(),
                now,
                rows.branch,
                rows.purchase,
                CLUB,
                entry.reason,
                entry.postings
            ])?;
            self.insert_journal.execute(params![
                now,
                entry.journal,
                JOURNAL_KIND,
                account,
                rows.branch,
                entry.id,
                CLUB,
                entry.permission,
                rows.command,
                // What is redeemed is not caused by the purchase: it pays it.
                (entry.kind == EntryKind::Earn).then_some(rows.journal),
                entry.reason,
                entry.event
            ])?;
        }
        let date = rows.business_date.days();
        self.count_day.execute(params![account, date, club.base_minor, club.earned_points])?;
        one(self.update_standing.execute(params![
            account,
            LADDER,
            member.standing.version,
            date,
            club.counted.amount,
            club.counted.purchases,
            club.windows
        ])?)?;
        self.insert_sheet.execute(params![rows.purchase, account, rows.branch, PROGRAMME, club.sheet])?;
        Ok(())
    }

    fn write_hold(&mut self, credit: &str, rows: &Rows, hold: &HoldRow) -> Result<()> {
        let (account, date) = (rows.customer, rows.business_date.days());
        for lot in &hold.taken {
            one(self.update_lot.execute(params![account, lot.id, lot.version, lot.remaining])?)?;
        }
        self.insert_hold.execute(params![
            account,
            hold.id,
            credit,
            hold.amount,
            rows.branch,
            date,
            rows.now.as_micros(),
            hold.lapses_at,
            rows.purchase,
            hold.entry,
            hold.lots
        ])?;
        self.count_use.execute(params![account, credit, date, hold.amount])?;
        Ok(())
    }
}

fn one(rows: usize) -> Result<()> {
    if rows == 1 { Ok(()) } else { Err("somebody else has changed it".into()) }
}
