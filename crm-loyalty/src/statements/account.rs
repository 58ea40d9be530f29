//! The statement of an account over a period.

use std::collections::BTreeMap;

use crm_core::branches::BranchId;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::{self, Amounts, Step};
use crm_core::loyalty::ledger::{Account, AccountId, Entry, EntryId, EntryKind, Hold, HoldId, Lot, LotId, entry, lot};
use crm_core::purchases::PurchaseId;
use crm_core::work::Permit;
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::READ;
use crate::Club;

/// An account over a period: `opening` and the changes of all lines are `closing`, asset by asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatement {
    /// The account.
    pub account: AccountId,
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// What it held before.
    pub opening: BTreeMap<Asset, Amounts>,
    /// What happened, in the order in which it did.
    pub lines: Vec<StatementLine>,
    /// What it held after.
    pub closing: BTreeMap<Asset, Amounts>,
}

/// Something that happened on an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLine {
    /// When.
    pub occurred_at: Timestamp,
    /// The entry; none for what is due and not yet written down (S-06, S-10).
    pub entry: Option<EntryId>,
    /// Why.
    pub kind: EntryKind,
    /// Where.
    pub branch: Option<BranchId>,
    /// The purchase it belongs to.
    pub purchase: Option<PurchaseId>,
    /// The rule, campaign or reason.
    pub reason: Option<String>,
    /// What changed, by asset.
    pub changes: BTreeMap<Asset, Amounts>,
}

impl Club<'_, '_> {
    /// What happened on an account from an instant on and before another, with what it held before and after. What was due
    /// in that time is in it, whether or not anybody has written it down.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// use std::time::Duration;
    /// work.loyalty().adjust(ala.into(), Asset::Points, 300, "bought before there was a club", "1")?;
    /// let (day, now) = (Duration::from_secs(24 * 3600), work.now());
    /// let (from, until) = (now.checked_sub(day)?, now.checked_add(day)?);
    /// let statement = work.loyalty().account_statement(ala.into(), from, until)?;
    /// assert!(statement.opening.is_empty());
    /// assert_eq!(statement.lines[0].changes, statement.closing, "one line leads to what there is");
    /// assert_eq!(statement.closing[&Asset::Points].available, 300);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// `statement.period` when it ends before it begins; [`Error::NotFound`] for an account out of reach.
    pub fn account_statement(
        &mut self,
        account: AccountId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<AccountStatement> {
        let (mut work, account) = self.0.permit_on::<Account>(READ, account)?;
        if until < from {
            return Err(Error::invalid("until", "statement.period"));
        }
        let mut opening = BTreeMap::new();
        let mut lines: Vec<(Timestamp, u8, StatementLine)> = Vec::new();
        let entries = work.select::<Entry>(entry::account_id.eq(account.id).and(entry::occurred_at.lt(until)));
        entries.for_each(|entry| {
            if entry.occurred_at < from {
                return add(&mut opening, &entry.postings.0);
            }
            lines.push((entry.occurred_at, 0, line(entry)?));
            Ok(())
        })?;
        for step in due(&mut work, &account)? {
            if step.at < from {
                add(&mut opening, &step.postings)?;
            } else if step.at < until {
                lines.push((step.at, 1, line_of(&step)?));
            }
        }
        lines.sort_by_key(|(at, due, _)| (*at, *due));
        let lines: Vec<StatementLine> = lines.into_iter().map(|(.., line)| line).collect();
        let mut closing = opening.clone();
        for line in &lines {
            for (asset, change) in &line.changes {
                let sum: &mut Amounts = closing.entry(*asset).or_default();
                *sum = plus(*sum, *change)?;
            }
        }
        for sums in [&mut opening, &mut closing] {
            sums.retain(|_, amounts| !amounts.is_empty());
        }
        Ok(AccountStatement { account: account.id, from, until, opening, lines, closing })
    }
}

/// What is due on an account by now, and not written down.
fn due(work: &mut Permit<'_, '_>, account: &Account) -> Result<Vec<Step>> {
    let now = work.now();
    if account.due_at > now {
        return Ok(Vec::new());
    }
    let open = work.select::<Lot>(lot::account_id.eq(account.id).and(lot::open.eq(true))).all()?;
    let mut lots: BTreeMap<LotId, Lot> = open.into_iter().map(|lot| (lot.id, lot)).collect();
    let keys: Vec<_> = account.open_holds.0.iter().map(|hold| (account.id, *hold)).collect();
    let held = work.get_many::<Hold>(&keys)?.into_iter().flatten();
    let mut holds: BTreeMap<HoldId, Hold> = held.map(|hold| (hold.id, hold)).collect();
    rules::settle(&mut lots, &mut holds, now)
}

fn line(entry: Entry) -> Result<StatementLine> {
    Ok(StatementLine {
        occurred_at: entry.occurred_at,
        entry: Some(entry.id),
        kind: entry.kind,
        branch: entry.branch_id,
        purchase: entry.purchase_id,
        reason: entry.reason,
        changes: rules::fold(&entry.postings.0)?,
    })
}

fn line_of(step: &Step) -> Result<StatementLine> {
    let changes = rules::fold(&step.postings)?;
    let (occurred_at, kind) = (step.at, step.kind);
    Ok(StatementLine { occurred_at, entry: None, kind, branch: None, purchase: None, reason: None, changes })
}

fn add(sums: &mut BTreeMap<Asset, Amounts>, postings: &[crm_core::loyalty::ledger::Posting]) -> Result<()> {
    for posting in postings {
        sums.entry(posting.asset).or_default().book(posting)?;
    }
    Ok(())
}

fn plus(a: Amounts, b: Amounts) -> Result<Amounts> {
    let sum = |a: i64, b: i64| a.checked_add(b).ok_or_else(|| Error::invalid("amount", "loyalty.overflow"));
    Ok(Amounts {
        available: sum(a.available, b.available)?,
        pending: sum(a.pending, b.pending)?,
        held: sum(a.held, b.held)?,
        debt: sum(a.debt, b.debt)?,
    })
}
