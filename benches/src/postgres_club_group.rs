//! The rows of the club by hand on PostgreSQL for a whole group of purchases, read and written as arrays.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::EntryKind;
use postgres::{Client, Statement, Transaction};
use uuid::Uuid;

use crate::Result;
use crate::club::LADDER;
use crate::club_rows::{ClubRows, Counted, Held, Member, OpenLot, PROGRAMME};
use crate::postgres_club::{CLUB, JOURNAL_KIND, POINTS, micros, time};
use crate::postgres_limit::column;
use crate::rows::Rows;

/// The members of a group: as they were read, and as the purchases decided so far leave them.
#[derive(Debug, Default)]
pub(crate) struct Members {
    read: HashMap<Uuid, Member>,
    now: HashMap<Uuid, Member>,
}

impl Members {
    /// The member, as the purchases decided so far leave it.
    pub(crate) fn of(&self, account: Uuid) -> Result<Member> {
        Ok(self.now.get(&account).ok_or("no such member")?.clone())
    }

    /// Takes in what a purchase has decided, for the next of the same member in the group.
    pub(crate) fn decided(&mut self, account: Uuid, credit: Asset, club: &ClubRows) -> Result<()> {
        let member = self.now.get_mut(&account).ok_or("no such member")?;
        member.version += i64::from(club.due_at != member.due_at);
        member.due_at = club.due_at;
        for (held, left) in [(&mut member.credit, club.credit), (&mut member.points, club.points)] {
            held.version += 1;
            held.available = left;
        }
        member.standing = Counted { version: member.standing.version + 1, ..club.counted };
        for taken in club.hold.iter().flat_map(|hold| &hold.taken) {
            for lot in member.lots.iter_mut().filter(|lot| lot.id == taken.id) {
                *lot = OpenLot { version: taken.version + 1, ..*taken };
            }
        }
        member.lots.retain(|lot| lot.remaining > 0);
        for lot in club.lots.iter().filter(|lot| lot.asset == credit) {
            member.lots.push(OpenLot { id: lot.id, version: 1, remaining: lot.amount, expires_at: lot.expires_at });
        }
        // Stable: of those that end at once, the one that came first is used first.
        member.lots.sort_by_key(|lot| lot.expires_at);
        Ok(())
    }
}

/// Every statement of the club, for a group.
pub(crate) struct GroupStatements {
    find_accounts: Statement,
    find_balances: Statement,
    find_standings: Statement,
    find_lots: Statement,
    insert_lines: Statement,
    insert_tenders: Statement,
    update_accounts: Statement,
    update_balances: Statement,
    update_lots: Statement,
    insert_lots: Statement,
    insert_entries: Statement,
    insert_holds: Statement,
    count_uses: Statement,
    count_days: Statement,
    update_standings: Statement,
    insert_sheets: Statement,
    insert_journal: Statement,
}

impl GroupStatements {
    pub(crate) fn prepare(client: &mut Client) -> Result<Self> {
        let mut prepare = |sql| client.prepare(sql);
        Ok(Self {
            find_accounts: prepare("SELECT id, state, version, due_at FROM crm_loyalty_accounts WHERE id = ANY($1)")?,
            find_balances: prepare(
                "SELECT account_id, asset, version, available, debt FROM crm_loyalty_balances \
                 WHERE account_id = ANY($1) AND asset IN ($2, $3)",
            )?,
            find_standings: prepare(
                "SELECT account_id, version, amount_minor, purchases, coalesce((windows #>> '{0,sums,points}')::bigint, 0) \
                 FROM crm_loyalty_standings WHERE account_id = ANY($1) AND ladder_id = $2",
            )?,
            find_lots: prepare(
                "SELECT account_id, id, version, remaining, expires_at FROM crm_loyalty_lots \
                 WHERE account_id = ANY($1) AND open AND asset = $2 AND matured ORDER BY expires_at, earned_at, id",
            )?,
            insert_lines: prepare(
                "INSERT INTO crm_purchase_lines (purchase_id, line_no, product_id, category_id, quantity, \
                 stocked, unit_price_minor, total_minor, discount_minor, order_discount_minor, tax_minor, tax_rate, tax_included, \
                 tender_shares) SELECT id, no, product, category, quantity, true, price, total, 0, 0, 0, '0/1', true, shares::jsonb \
                 FROM UNNEST($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], \
                 $8::text[]) AS r (id, no, product, category, quantity, price, total, shares)",
            )?,
            insert_tenders: prepare(
                "INSERT INTO crm_tenders (purchase_id, tender_no, method, amount_minor, paid_later, reference) \
                 SELECT id, no, method, amount, false, reference \
                 FROM UNNEST($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::uuid[]) \
                 AS r (id, no, method, amount, reference)",
            )?,
            update_accounts: prepare(
                "UPDATE crm_loyalty_accounts a SET version = r.next, due_at = r.due_at \
                 FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[]) AS r (id, version, next, due_at) \
                 WHERE a.id = r.id AND a.version = r.version",
            )?,
            update_balances: prepare(
                "UPDATE crm_loyalty_balances b SET version = r.next, available = r.available \
                 FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) \
                 AS r (account_id, asset, version, next, available) \
                 WHERE b.account_id = r.account_id AND b.asset = r.asset AND b.version = r.version",
            )?,
            update_lots: prepare(
                "UPDATE crm_loyalty_lots l SET version = r.next, remaining = r.remaining, open = (r.remaining > 0) \
                 FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) \
                 AS r (account_id, id, version, next, remaining) \
                 WHERE l.account_id = r.account_id AND l.id = r.id AND l.version = r.version",
            )?,
            insert_lots: prepare(
                "INSERT INTO crm_loyalty_lots (account_id, id, version, asset, amount, remaining, held, expired, earned_at, \
                 available_at, expires_at, matured, open, source, origin_id, purchase_id, branch_id) \
                 SELECT account_id, id, 1, asset, amount, amount, 0, 0, at, at, expires_at, true, true, 'purchase', origin, \
                 purchase, branch FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[], \
                 $6::timestamptz[], $7::uuid[], $8::uuid[], $9::uuid[]) \
                 AS r (account_id, id, asset, amount, at, expires_at, origin, purchase, branch)",
            )?,
            insert_entries: prepare(
                "INSERT INTO crm_loyalty_entries (account_id, id, kind, occurred_at, recorded_at, branch_id, purchase_id, \
                 actor, reason, postings) SELECT account_id, id, kind, at, at, branch, purchase, $7, reason, postings::jsonb \
                 FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::uuid[], $6::uuid[], $8::text[], \
                 $9::text[]) AS r (account_id, id, kind, at, branch, purchase, reason, postings)",
            )?,
            insert_holds: prepare(
                "INSERT INTO crm_loyalty_holds (account_id, id, version, asset, amount, worth_minor, state, branch_id, \
                 business_date, made_at, lapses_at, purchase_id, entry_id, lots, restored, refunded_minor) \
                 SELECT account_id, id, 1, $3, amount, amount, 'captured', branch, date, at, lapses_at, purchase, entry, \
                 lots::jsonb, '[]', 0 FROM UNNEST($1::uuid[], $2::uuid[], $4::bigint[], $5::uuid[], $6::date[], \
                 $7::timestamptz[], $8::timestamptz[], $9::uuid[], $10::uuid[], $11::text[]) \
                 AS r (account_id, id, amount, branch, date, at, lapses_at, purchase, entry, lots)",
            )?,
            count_uses: prepare(
                "INSERT INTO crm_loyalty_day_uses AS u (account_id, asset, business_date, version, used) \
                 SELECT account_id, $2, date, times, used \
                 FROM UNNEST($1::uuid[], $3::date[], $4::bigint[], $5::bigint[]) AS r (account_id, date, times, used) \
                 ON CONFLICT (account_id, asset, business_date) \
                 DO UPDATE SET version = u.version + excluded.version, used = u.used + excluded.used",
            )?,
            count_days: prepare(
                "INSERT INTO crm_loyalty_qualifying_days AS d (account_id, business_date, amount_minor, purchases, points) \
                 SELECT * FROM UNNEST($1::uuid[], $2::date[], $3::bigint[], $4::bigint[], $5::bigint[]) \
                 ON CONFLICT (account_id, business_date) DO UPDATE SET amount_minor = d.amount_minor + excluded.amount_minor, \
                 purchases = d.purchases + excluded.purchases, points = d.points + excluded.points",
            )?,
            update_standings: prepare(
                "UPDATE crm_loyalty_standings s SET version = r.next, last_on = greatest(s.last_on, r.date), \
                 amount_minor = r.amount, purchases = r.purchases, windows = r.windows::jsonb \
                 FROM UNNEST($1::uuid[], $3::bigint[], $4::bigint[], $5::date[], $6::bigint[], $7::bigint[], $8::text[]) \
                 AS r (account_id, version, next, date, amount, purchases, windows) \
                 WHERE s.account_id = r.account_id AND s.ladder_id = $2 AND s.version = r.version",
            )?,
            insert_sheets: prepare(
                "INSERT INTO crm_loyalty_sheets (purchase_id, version, account_id, customer_id, branch_id, programme, document) \
                 SELECT id, 1, account_id, account_id, branch, $4, document::jsonb \
                 FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $5::text[]) AS r (id, account_id, branch, document)",
            )?,
            insert_journal: prepare(
                "INSERT INTO crm_journal (occurred_at, id, recorded_at, kind, customer_id, branch_id, reference_kind, \
                 reference_id, actor, permission, command_id, cause_id, rule, payload) \
                 SELECT at, id, at, $3, customer, branch, 'loyalty_entry', entry, $7, permission, command, cause, rule, \
                 event::jsonb FROM UNNEST($1::timestamptz[], $2::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $8::text[], \
                 $9::uuid[], $10::uuid[], $11::text[], $12::text[]) \
                 AS r (at, id, customer, branch, entry, permission, command, cause, rule, event)",
            )?,
        })
    }

    /// Reads these members, with the open lots of those who redeem.
    pub(crate) fn read(
        &self,
        transaction: &mut Transaction<'_>,
        credit: Asset,
        accounts: &[Uuid],
        redeeming: &[Uuid],
    ) -> Result<Members> {
        let mut read = HashMap::with_capacity(accounts.len());
        for row in transaction.query(&self.find_accounts, &[&accounts])? {
            let member = Member {
                state: row.get(1),
                version: row.get(2),
                due_at: micros(row.get(3)),
                credit: Held::default(),
                points: Held::default(),
                standing: Counted::default(),
                lots: Vec::new(),
            };
            read.insert(row.get(0), member);
        }
        let credit = credit.to_string();
        for row in transaction.query(&self.find_balances, &[&accounts, &credit, &POINTS])? {
            let member: &mut Member = read.get_mut(&row.get::<_, Uuid>(0)).ok_or("no such member")?;
            let held = Held { version: row.get(2), available: row.get(3), debt: row.get(4) };
            if row.get::<_, &str>(1) == credit {
                member.credit = held;
            } else {
                member.points = held;
            }
        }
        for row in transaction.query(&self.find_standings, &[&accounts, &LADDER])? {
            let member: &mut Member = read.get_mut(&row.get::<_, Uuid>(0)).ok_or("no such member")?;
            member.standing =
                Counted { version: row.get(1), amount: row.get(2), purchases: row.get(3), points: row.get(4) };
        }
        for row in transaction.query(&self.find_lots, &[&redeeming, &credit])? {
            let member: &mut Member = read.get_mut(&row.get::<_, Uuid>(0)).ok_or("no such member")?;
            let expires_at = micros(row.get(4));
            member.lots.push(OpenLot { id: row.get(1), version: row.get(2), remaining: row.get(3), expires_at });
        }
        Ok(Members { now: read.clone(), read })
    }

    /// Writes the lines and tenders of the purchases.
    pub(crate) fn write_purchases(
        &self,
        transaction: &mut Transaction<'_>,
        group: &[(&Rows, &ClubRows)],
    ) -> Result<()> {
        let lines: Vec<_> = group
            .iter()
            .flat_map(|(rows, club)| rows.lines.iter().zip(&club.shares).map(|(line, shares)| (*rows, line, shares)))
            .collect();
        transaction.execute(
            &self.insert_lines,
            &[
                &column(&lines, |(rows, ..)| rows.purchase),
                &column(&lines, |(_, line, _)| line.line_no),
                &column(&lines, |(_, line, _)| line.product),
                &column(&lines, |(_, line, _)| line.category),
                &column(&lines, |(_, line, _)| line.quantity),
                &column(&lines, |(_, line, _)| line.unit_price_minor),
                &column(&lines, |(_, line, _)| line.total_minor),
                &column(&lines, |(.., shares)| *shares),
            ],
        )?;
        let tenders: Vec<_> = group
            .iter()
            .flat_map(|(rows, club)| (1_i64..).zip(&club.tenders).map(|(no, tender)| (rows.purchase, no, tender)))
            .collect();
        transaction.execute(
            &self.insert_tenders,
            &[
                &column(&tenders, |(purchase, ..)| *purchase),
                &column(&tenders, |(_, no, _)| *no),
                &column(&tenders, |(.., tender)| tender.0),
                &column(&tenders, |(.., tender)| tender.1),
                &column(&tenders, |(.., tender)| tender.2),
            ],
        )?;
        Ok(())
    }

    /// Writes what happens on the accounts: each row once, however many purchases of the group touch it.
    pub(crate) fn write(
        &self,
        transaction: &mut Transaction<'_>,
        credit: Asset,
        members: &Members,
        group: &[(&Rows, &ClubRows)],
    ) -> Result<()> {
        let credit = credit.to_string();
        self.write_members(transaction, &credit, members, group)?;
        let lots: Vec<_> =
            group.iter().flat_map(|(rows, club)| club.lots.iter().map(move |lot| (*rows, lot))).collect();
        let ends = lots.iter().map(|(_, lot)| time(lot.expires_at)).collect::<Result<Vec<_>>>()?;
        transaction.execute(
            &self.insert_lots,
            &[
                &column(&lots, |(rows, _)| rows.customer),
                &column(&lots, |(_, lot)| lot.id),
                &column(&lots, |(_, lot)| lot.asset.to_string()),
                &column(&lots, |(_, lot)| lot.amount),
                &column(&lots, |(rows, _)| DateTime::<Utc>::from(rows.now)),
                &ends,
                &column(&lots, |(_, lot)| lot.origin),
                &column(&lots, |(rows, _)| rows.purchase),
                &column(&lots, |(rows, _)| rows.branch),
            ],
        )?;
        // After the new lots: they may be used in the same group.
        self.write_holds(transaction, &credit, group)?;
        self.write_entries(transaction, group)?;
        transaction.execute(
            &self.insert_sheets,
            &[
                &column(group, |(rows, _)| rows.purchase),
                &column(group, |(rows, _)| rows.customer),
                &column(group, |(rows, _)| rows.branch),
                &PROGRAMME,
                &column(group, |(_, club)| &club.sheet),
            ],
        )?;
        Ok(())
    }

    fn write_members(
        &self,
        transaction: &mut Transaction<'_>,
        credit: &str,
        members: &Members,
        group: &[(&Rows, &ClubRows)],
    ) -> Result<()> {
        // The last of each account says what its windows are; in the order of their keys, as whoever locks rows does.
        let last: BTreeMap<Uuid, &(&Rows, &ClubRows)> = group.iter().map(|row| (row.0.customer, row)).collect();
        let mut changed = Vec::with_capacity(last.len());
        for (account, (rows, club)) in last {
            let (Some(read), Some(now)) = (members.read.get(&account), members.now.get(&account)) else {
                return Err("no such member".into());
            };
            changed.push((account, read, now, *rows, *club));
        }
        let due: Vec<_> = changed.iter().filter(|(_, read, now, ..)| read.version != now.version).collect();
        let due_at = due.iter().map(|(_, _, now, ..)| time(now.due_at)).collect::<Result<Vec<_>>>()?;
        all(
            transaction.execute(
                &self.update_accounts,
                &[
                    &column(&due, |(account, ..)| *account),
                    &column(&due, |(_, read, ..)| read.version),
                    &column(&due, |(_, _, now, ..)| now.version),
                    &due_at,
                ],
            )?,
            due.len(),
        )?;
        let balances: Vec<_> = changed
            .iter()
            .flat_map(|(account, read, now, ..)| {
                [(*account, credit, read.credit, now.credit), (*account, POINTS, read.points, now.points)]
            })
            .collect();
        all(
            transaction.execute(
                &self.update_balances,
                &[
                    &column(&balances, |(account, ..)| *account),
                    &column(&balances, |(_, asset, ..)| *asset),
                    &column(&balances, |(_, _, read, _)| read.version),
                    &column(&balances, |(.., now)| now.version),
                    &column(&balances, |(.., now)| now.available),
                ],
            )?,
            balances.len(),
        )?;
        all(
            transaction.execute(
                &self.update_standings,
                &[
                    &column(&changed, |(account, ..)| *account),
                    &LADDER,
                    &column(&changed, |(_, read, ..)| read.standing.version),
                    &column(&changed, |(_, _, now, ..)| now.standing.version),
                    &column(&changed, |(_, _, _, rows, _)| NaiveDate::from(rows.business_date)),
                    &column(&changed, |(_, _, now, ..)| now.standing.amount),
                    &column(&changed, |(_, _, now, ..)| now.standing.purchases),
                    &column(&changed, |(.., club)| &club.windows),
                ],
            )?,
            changed.len(),
        )?;
        let mut days = BTreeMap::<(Uuid, NaiveDate), (i64, i64, i64)>::new();
        for (rows, club) in group {
            let (amount, purchases, points) = days.entry((rows.customer, rows.business_date.into())).or_default();
            (*amount, *purchases, *points) = (*amount + club.base_minor, *purchases + 1, *points + club.earned_points);
        }
        let days: Vec<_> = days.into_iter().collect();
        transaction.execute(
            &self.count_days,
            &[
                &column(&days, |((account, _), _)| *account),
                &column(&days, |((_, date), _)| *date),
                &column(&days, |(_, (amount, ..))| *amount),
                &column(&days, |(_, (_, purchases, _))| *purchases),
                &column(&days, |(_, (.., points))| *points),
            ],
        )?;
        Ok(())
    }

    fn write_holds(&self, transaction: &mut Transaction<'_>, credit: &str, group: &[(&Rows, &ClubRows)]) -> Result<()> {
        let holds: Vec<_> =
            group.iter().filter_map(|(rows, club)| club.hold.as_ref().map(|hold| (*rows, hold))).collect();
        let mut taken = BTreeMap::<(Uuid, Uuid), (i64, i64, i64)>::new();
        let mut uses = BTreeMap::<(Uuid, NaiveDate), (i64, i64)>::new();
        for (rows, hold) in &holds {
            for lot in &hold.taken {
                let row = taken.entry((rows.customer, lot.id)).or_insert((lot.version, 0, 0));
                (row.1, row.2) = (lot.version + 1, lot.remaining);
            }
            let (times, used) = uses.entry((rows.customer, rows.business_date.into())).or_default();
            (*times, *used) = (*times + 1, *used + hold.amount);
        }
        let (taken, uses): (Vec<_>, Vec<_>) = (taken.into_iter().collect(), uses.into_iter().collect());
        all(
            transaction.execute(
                &self.update_lots,
                &[
                    &column(&taken, |((account, _), _)| *account),
                    &column(&taken, |((_, lot), _)| *lot),
                    &column(&taken, |(_, (version, ..))| *version),
                    &column(&taken, |(_, (_, next, _))| *next),
                    &column(&taken, |(_, (.., remaining))| *remaining),
                ],
            )?,
            taken.len(),
        )?;
        let lapses = holds.iter().map(|(_, hold)| time(hold.lapses_at)).collect::<Result<Vec<_>>>()?;
        transaction.execute(
            &self.insert_holds,
            &[
                &column(&holds, |(rows, _)| rows.customer),
                &column(&holds, |(_, hold)| hold.id),
                &credit,
                &column(&holds, |(_, hold)| hold.amount),
                &column(&holds, |(rows, _)| rows.branch),
                &column(&holds, |(rows, _)| NaiveDate::from(rows.business_date)),
                &column(&holds, |(rows, _)| DateTime::<Utc>::from(rows.now)),
                &lapses,
                &column(&holds, |(rows, _)| rows.purchase),
                &column(&holds, |(_, hold)| hold.entry),
                &column(&holds, |(_, hold)| &hold.lots),
            ],
        )?;
        transaction.execute(
            &self.count_uses,
            &[
                &column(&uses, |((account, _), _)| *account),
                &credit,
                &column(&uses, |((_, date), _)| *date),
                &column(&uses, |(_, (times, _))| *times),
                &column(&uses, |(_, (_, used))| *used),
            ],
        )?;
        Ok(())
    }

    fn write_entries(&self, transaction: &mut Transaction<'_>, group: &[(&Rows, &ClubRows)]) -> Result<()> {
        let entries: Vec<_> =
            group.iter().flat_map(|(rows, club)| club.entries.iter().map(move |entry| (*rows, entry))).collect();
        let accounts = column(&entries, |(rows, _)| rows.customer);
        let branches = column(&entries, |(rows, _)| rows.branch);
        let now = column(&entries, |(rows, _)| DateTime::<Utc>::from(rows.now));
        let ids = column(&entries, |(_, entry)| entry.id);
        let reasons = column(&entries, |(_, entry)| &entry.reason);
        transaction.execute(
            &self.insert_entries,
            &[
                &accounts,
                &ids,
                &column(&entries, |(_, entry)| entry.kind.as_str()),
                &now,
                &branches,
                &column(&entries, |(rows, _)| rows.purchase),
                &CLUB,
                &reasons,
                &column(&entries, |(_, entry)| &entry.postings),
            ],
        )?;
        transaction.execute(
            &self.insert_journal,
            &[
                &now,
                &column(&entries, |(_, entry)| entry.journal),
                &JOURNAL_KIND,
                &accounts,
                &branches,
                &ids,
                &CLUB,
                &column(&entries, |(_, entry)| entry.permission),
                &column(&entries, |(rows, _)| rows.command),
                // What is redeemed is not caused by the purchase: it pays it.
                &column(&entries, |(rows, entry)| (entry.kind == EntryKind::Earn).then_some(rows.journal)),
                &reasons,
                &column(&entries, |(_, entry)| &entry.event),
            ],
        )?;
        Ok(())
    }
}

fn all(rows: u64, expected: usize) -> Result<()> {
    if rows == expected as u64 { Ok(()) } else { Err("somebody else has changed it".into()) }
}
