//! An account that is open for writing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use crm_core::branches::BranchId;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::{self, Amounts, Step};
use crm_core::loyalty::ledger::{
    Account, AccountId, AccountState, Balance, DayUse, Entry, EntryId, EntryKind, Hold, HoldId, HoldState, Lot, LotId,
    LotSource, Posting, PostingAccount, balance, lot,
};
use crm_core::purchases::PurchaseId;
use crm_core::work::{Entity, Json, Permit, Version};
use crm_core::{Error, Result};
use uuid::Uuid;

use super::event::LedgerPosted;

/// An account that is locked, on which everything has happened that was due (S-06, S-10, S-33). What is done is kept here
/// and written by [`close`](Self::close), each row once; a book that is not closed has done nothing.
///
/// A purchase that only earns reads rows by their keys: lots are looked for when something is taken or due.
#[must_use = "what is done is written by close()"]
pub(crate) struct Book {
    account: Account,
    /// The account as it is stored.
    stored: Account,
    balances: BTreeMap<Asset, Kept<Balance>>,
    pub(super) lots: BTreeMap<LotId, Kept<Lot>>,
    /// Whether all open lots are here.
    complete: bool,
    pub(super) holds: BTreeMap<HoldId, Kept<Hold>>,
    pub(super) days: BTreeMap<(AccountId, Asset, CivilDate), Kept<DayUse>>,
    entries: Vec<Entry>,
}

/// A row that is kept back.
pub(super) struct Kept<E> {
    pub(super) row: E,
    /// Whether the store has it.
    pub(super) stored: bool,
    pub(super) changed: bool,
}

impl<E> Kept<E> {
    pub(super) fn stored(row: E) -> Self {
        Self { row, stored: true, changed: false }
    }

    pub(super) fn new(row: E) -> Self {
        Self { row, stored: false, changed: true }
    }

    /// A new row that is written only if it changes.
    pub(super) fn unchanged(row: E) -> Self {
        Self { row, stored: false, changed: false }
    }

    pub(super) fn change(&mut self) -> &mut E {
        self.changed = true;
        &mut self.row
    }
}

impl<E: Entity> Kept<E> {
    fn write(mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        match (self.changed, self.stored) {
            (false, _) => Ok(()),
            (true, true) => work.update(&mut self.row),
            (true, false) => work.insert(&self.row),
        }
    }
}

/// What is common to all entries of one doing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause {
    /// The purchase it belongs to.
    pub(crate) purchase: Option<PurchaseId>,
    /// Where.
    pub(crate) branch: Option<BranchId>,
    /// The entry that is undone.
    pub(crate) reverses: Option<EntryId>,
    /// The rule, campaign or reason.
    pub(crate) reason: Option<String>,
}

/// Something to be given.
#[derive(Debug, Clone)]
pub(crate) struct Give {
    /// The asset.
    pub(crate) asset: Asset,
    /// How much; more than nothing.
    pub(crate) amount: i64,
    /// Why: [`EntryKind::Earn`], [`EntryKind::Give`], [`EntryKind::Transfer`] or [`EntryKind::Adjust`].
    pub(crate) kind: EntryKind,
    /// What for.
    pub(crate) source: LotSource,
    /// When it was earned.
    pub(crate) occurred_at: Timestamp,
    /// From when on it can be redeemed, but not before it is written down (S-31).
    pub(crate) available_at: Timestamp,
    /// The first instant at which it no longer can, or [`NEVER`](crm_core::loyalty::ledger::NEVER).
    pub(crate) expires_at: Timestamp,
    /// The purchase that earned it.
    pub(crate) purchase: Option<PurchaseId>,
    /// Where.
    pub(crate) branch: Option<BranchId>,
    /// The campaign, grant or batch.
    pub(crate) campaign: Option<Uuid>,
    /// The rule or reason.
    pub(crate) reason: Option<String>,
    /// Whether a debt is repaid first: earnings do, gifts do not (S-30).
    pub(crate) repays_debt: bool,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Given {
    /// The entry.
    pub(crate) entry: EntryId,
    /// The lot, unless all of it has repaid a debt.
    pub(crate) lot: Option<LotId>,
    /// What has repaid a debt.
    pub(crate) repaid: i64,
}

/// Something to be taken.
#[derive(Debug, Clone)]
pub(crate) struct Take {
    /// The asset.
    pub(crate) asset: Asset,
    /// How much; more than nothing.
    pub(crate) amount: i64,
    /// Why.
    pub(crate) kind: EntryKind,
    /// Where it goes.
    pub(crate) to: PostingAccount,
    /// When.
    pub(crate) occurred_at: Timestamp,
    /// The purchase that is paid.
    pub(crate) purchase: Option<PurchaseId>,
    /// Where.
    pub(crate) branch: Option<BranchId>,
    /// The reason.
    pub(crate) reason: Option<String>,
    /// Nothing that this purchase has earned (S-23).
    pub(crate) not_of: Option<PurchaseId>,
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    /// The entry.
    pub(crate) entry: EntryId,
    /// How much of each lot, in the order of use.
    pub(crate) lots: Vec<(LotId, i64)>,
}

impl Book {
    /// Locks an account, or the one it was merged into, and does what is due on it. Open several in the order of their
    /// ids (S-33).
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such account.
    pub(crate) fn open(work: &mut Permit<'_, '_>, account: AccountId) -> Result<Self> {
        let mut account: Account = work.lock(account)?;
        while let Some(survivor) = account.merged_into {
            account = work.lock(survivor)?;
        }
        let mut book = Self {
            stored: account.clone(),
            account,
            balances: BTreeMap::new(),
            lots: BTreeMap::new(),
            complete: false,
            holds: BTreeMap::new(),
            days: BTreeMap::new(),
            entries: Vec::new(),
        };
        book.settle(work)?;
        Ok(book)
    }

    /// The account.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Puts the account into another state; what follows from that is the caller's.
    pub(crate) fn set_state(&mut self, state: AccountState) {
        self.account.state = state;
    }

    /// Says into which account this one goes (S-44).
    pub(crate) fn set_merged_into(&mut self, survivor: Option<AccountId>) {
        self.account.merged_into = survivor;
    }

    /// What the account holds of an asset.
    pub(crate) fn amounts(&mut self, work: &mut Permit<'_, '_>, asset: Asset) -> Result<Amounts> {
        let balance = &self.balance(work, asset)?.row;
        let Balance { available, pending, held, debt, .. } = *balance;
        Ok(Amounts { available, pending, held, debt })
    }

    /// What can be redeemed of an asset.
    pub(crate) fn available(&mut self, work: &mut Permit<'_, '_>, asset: Asset) -> Result<i64> {
        Ok(self.amounts(work, asset)?.available)
    }

    /// Whether nothing is on the account, and nothing is owed.
    pub(crate) fn is_empty(&mut self, work: &mut Permit<'_, '_>) -> Result<bool> {
        for Balance { asset, .. } in work.select(balance::account_id.eq(self.account.id)).all()? {
            self.balance(work, asset)?;
        }
        let mut rows = self.balances.values().map(|balance| &balance.row);
        Ok(rows.all(|row| (row.available, row.pending, row.held, row.debt) == (0, 0, 0, 0)))
    }

    /// The open lots.
    pub(crate) fn open_lots(&mut self, work: &mut Permit<'_, '_>) -> Result<impl Iterator<Item = &Lot>> {
        self.load_open(work)?;
        Ok(self.lots.values().map(|lot| &lot.row).filter(|lot| lot.open))
    }

    /// Gives something: a lot of its own, less what repays a debt. What would be over before it could be used is given and
    /// expires in one entry (S-31).
    ///
    /// # Errors
    /// `loyalty.amount` unless it is more than nothing, `loyalty.closed` when the account is closed.
    pub(crate) fn give(&mut self, work: &mut Permit<'_, '_>, give: &Give) -> Result<Given> {
        check_amount(give.amount)?;
        if self.account.state == AccountState::Closed {
            return Err(Error::invalid("account", "loyalty.closed"));
        }
        let (asset, now) = (give.asset, work.now());
        let owed = if give.repays_debt { self.amounts(work, asset)?.debt } else { 0 };
        let repaid = owed.min(give.amount);
        let rest = give.amount - repaid;
        let mut postings = vec![posting(asset, origin(give.kind), None, -give.amount)];
        if repaid > 0 {
            postings.push(posting(asset, PostingAccount::Debt, None, repaid));
        }
        let mut new = None;
        if rest > 0 {
            let matured = give.available_at <= now;
            let over = give.expires_at <= give.available_at.max(now);
            let id: LotId = work.new_id();
            let mut lot = Lot {
                account_id: self.account.id,
                id,
                version: Version::FIRST,
                asset,
                amount: rest,
                remaining: rest,
                held: 0,
                expired: 0,
                earned_at: give.occurred_at,
                available_at: give.available_at,
                expires_at: give.expires_at,
                matured: matured || over,
                open: true,
                source: give.source,
                origin_id: EntryId::from(Uuid::nil()),
                purchase_id: give.purchase,
                branch_id: give.branch,
                campaign_id: give.campaign,
            };
            postings.push(posting(asset, rules::free_side(&lot), Some(id), rest));
            if over {
                postings.extend(rules::expire(&mut lot, now).into_iter().flat_map(|step| step.postings));
            }
            self.due_by(rules::due_of(&lot));
            new = Some(lot);
        }
        let cause = Cause { purchase: give.purchase, branch: give.branch, reverses: None, reason: give.reason.clone() };
        let entry = self.post(work, give.kind, give.occurred_at, &cause, postings)?;
        let lot = new.map(|mut lot| {
            lot.origin_id = entry;
            let id = lot.id;
            self.lots.insert(id, Kept::new(lot));
            id
        });
        Ok(Given { entry, lot, repaid })
    }

    /// Takes something, from the lots that end soonest first (S-04).
    ///
    /// # Errors
    /// `loyalty.amount` unless it is more than nothing, `loyalty.not_enough` when less can be redeemed.
    pub(crate) fn take(&mut self, work: &mut Permit<'_, '_>, take: &Take) -> Result<Taken> {
        check_amount(take.amount)?;
        let lots = self.choose(work, take.asset, take.amount, take.not_of)?;
        let mut postings = Vec::with_capacity(lots.len() + 1);
        for (id, part) in &lots {
            postings.push(rules::withdraw(self.lot(*id)?, *part));
        }
        postings.push(posting(take.asset, take.to, None, take.amount));
        let cause = Cause { purchase: take.purchase, branch: take.branch, reverses: None, reason: take.reason.clone() };
        let entry = self.post(work, take.kind, take.occurred_at, &cause, postings)?;
        Ok(Taken { entry, lots })
    }

    /// Writes what was done, each row once, and tells it.
    pub(crate) fn close(mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        if self.complete {
            // Everything that is open is here, so it is known when something is due next.
            let lots = self.lots.values().map(|lot| &lot.row);
            self.account.due_at = rules::next_due(lots, self.holds.values().map(|hold| &hold.row));
        }
        self.lots.into_values().try_for_each(|lot| lot.write(work))?;
        self.balances.into_values().try_for_each(|balance| balance.write(work))?;
        self.holds.into_values().try_for_each(|hold| hold.write(work))?;
        self.days.into_values().try_for_each(|day| day.write(work))?;
        work.insert_all(&self.entries)?;
        if self.account != self.stored {
            work.update(&mut self.account)?;
        }
        for entry in &self.entries {
            let changes = rules::fold(&entry.postings.0)?.into_iter().filter(|(_, amounts)| !amounts.is_empty());
            work.emit(&LedgerPosted {
                account: self.account.id,
                customer: self.account.customer_id,
                branch: entry.branch_id.or(self.account.branch_id),
                entry: entry.id,
                kind: entry.kind,
                purchase: entry.purchase_id,
                occurred_at: entry.occurred_at,
                reason: entry.reason.clone(),
                changes: changes.collect(),
            })?;
        }
        Ok(())
    }

    /// Does what is due.
    fn settle(&mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        let now = work.now();
        if self.account.due_at > now {
            return Ok(());
        }
        self.load_open(work)?;
        self.load_holds(work)?;
        let mut lots: BTreeMap<LotId, Lot> = self.lots.iter().map(|(id, lot)| (*id, lot.row.clone())).collect();
        let mut holds: BTreeMap<HoldId, Hold> = self.holds.iter().map(|(id, hold)| (*id, hold.row.clone())).collect();
        let steps = rules::settle(&mut lots, &mut holds, now)?;
        for (id, lot) in lots {
            if let Some(held) = self.lots.get_mut(&id)
                && held.row != lot
            {
                *held.change() = lot;
            }
        }
        for (_, hold) in holds.into_iter().filter(|(_, hold)| hold.state != HoldState::Open) {
            self.count_use(work, (hold.account_id, hold.asset, hold.business_date), -hold.amount)?;
            self.end_hold(hold);
        }
        self.post_steps(work, steps, &Cause::default())
    }

    /// Writes steps down as entries.
    pub(super) fn post_steps(&mut self, work: &mut Permit<'_, '_>, steps: Vec<Step>, cause: &Cause) -> Result<()> {
        for step in steps {
            self.post(work, step.kind, step.at, cause, step.postings)?;
        }
        Ok(())
    }

    /// Books postings on the balances, and makes an entry of them. What has the same cause at the same instant as the entry
    /// before is in one entry with it.
    pub(super) fn post(
        &mut self,
        work: &mut Permit<'_, '_>,
        kind: EntryKind,
        occurred_at: Timestamp,
        cause: &Cause,
        postings: Vec<Posting>,
    ) -> Result<EntryId> {
        for posting in &postings {
            self.balance(work, posting.asset)?;
            if let Some(balance) = self.balances.get_mut(&posting.asset) {
                book(balance.change(), posting)?;
            }
        }
        if let Some(last) = self.entries.last_mut()
            && (last.kind, last.occurred_at) == (kind, occurred_at)
            && (last.purchase_id, last.branch_id) == (cause.purchase, cause.branch)
            && (last.reverses_id, &last.reason) == (cause.reverses, &cause.reason)
        {
            last.postings.0.extend(postings);
            return Ok(last.id);
        }
        let id: EntryId = work.new_id();
        self.entries.push(Entry {
            account_id: self.account.id,
            id,
            kind,
            occurred_at,
            recorded_at: work.now(),
            branch_id: cause.branch,
            purchase_id: cause.purchase,
            reverses_id: cause.reverses,
            actor: work.actor().principal().to_string(),
            reason: cause.reason.clone(),
            postings: Json(postings),
        });
        Ok(id)
    }

    /// Something is due then at the latest.
    pub(super) fn due_by(&mut self, due: Timestamp) {
        self.account.due_at = self.account.due_at.min(due);
    }

    /// A lot that is here, to be changed.
    pub(super) fn lot(&mut self, id: LotId) -> Result<&mut Lot> {
        self.lots.get_mut(&id).map(Kept::change).ok_or_else(|| Error::not_found("loyalty_lot", id))
    }

    /// Which lots so much is taken from.
    pub(super) fn choose(
        &mut self,
        work: &mut Permit<'_, '_>,
        asset: Asset,
        amount: i64,
        not_of: Option<PurchaseId>,
    ) -> Result<Vec<(LotId, i64)>> {
        let now = work.now();
        self.load_open(work)?;
        let lots = self.lots.values().map(|lot| &lot.row);
        let chosen = rules::pick(lots.filter(|lot| rules::is_usable(lot, asset, now, not_of)), amount);
        let sum: i64 = chosen.iter().map(|(_, part)| part).sum();
        if sum < amount { Err(Error::invalid("amount", "loyalty.not_enough")) } else { Ok(chosen) }
    }

    /// Reads the open lots, once. Those that are here already are as they are here.
    pub(super) fn load_open(&mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        if !self.complete {
            let open = lot::account_id.eq(self.account.id).and(lot::open.eq(true));
            for row in work.select(open).all()? {
                self.lots.entry(row.id).or_insert_with(|| Kept::stored(row));
            }
            self.load_holds(work)?;
            self.complete = true;
        }
        Ok(())
    }

    /// Reads lots by their ids, open or not.
    pub(super) fn load(&mut self, work: &mut Permit<'_, '_>, ids: &[LotId]) -> Result<()> {
        let account = self.account.id;
        let missing: Vec<_> = ids.iter().filter(|id| !self.lots.contains_key(id)).map(|id| (account, *id)).collect();
        for row in work.get_many::<Lot>(&missing)?.into_iter().flatten() {
            self.lots.insert(row.id, Kept::stored(row));
        }
        Ok(())
    }

    /// Reads the holds that are open.
    pub(super) fn load_holds(&mut self, work: &mut Permit<'_, '_>) -> Result<()> {
        let ids = self.account.open_holds.0.clone();
        let missing: Vec<_> =
            ids.into_iter().filter(|id| !self.holds.contains_key(id)).map(|id| (self.account.id, id)).collect();
        for row in work.get_many::<Hold>(&missing)?.into_iter().flatten() {
            self.holds.insert(row.id, Kept::stored(row));
        }
        Ok(())
    }

    /// Something is set aside from now on.
    pub(super) fn begin_hold(&mut self, id: HoldId, lapses_at: Timestamp) {
        self.account.open_holds.0.push(id);
        self.due_by(lapses_at);
    }

    /// Keeps a hold that is no longer open.
    pub(super) fn end_hold(&mut self, hold: Hold) {
        self.account.open_holds.0.retain(|open| *open != hold.id);
        if let Some(kept) = self.holds.get_mut(&hold.id) {
            *kept.change() = hold;
        }
    }

    fn balance(&mut self, work: &mut Permit<'_, '_>, asset: Asset) -> Result<&Kept<Balance>> {
        let account_id = self.account.id;
        match self.balances.entry(asset) {
            Slot::Occupied(here) => Ok(here.into_mut()),
            Slot::Vacant(slot) => {
                let new =
                    Balance { account_id, asset, version: Version::FIRST, available: 0, pending: 0, held: 0, debt: 0 };
                let stored = work.find::<Balance>(&(account_id, asset))?;
                Ok(slot.insert(stored.map_or_else(|| Kept::unchanged(new), Kept::stored)))
            }
        }
    }
}

pub(super) fn posting(asset: Asset, account: PostingAccount, lot: Option<LotId>, amount: i64) -> Posting {
    Posting { asset, account, lot, amount }
}

pub(super) fn check_amount(amount: i64) -> Result<()> {
    if amount > 0 { Ok(()) } else { Err(Error::invalid("amount", "loyalty.amount")) }
}

/// Where what is given comes from.
fn origin(kind: EntryKind) -> PostingAccount {
    match kind {
        EntryKind::Transfer => PostingAccount::Transferred,
        EntryKind::Adjust => PostingAccount::Adjustment,
        _ => PostingAccount::Issued,
    }
}

fn book(balance: &mut Balance, posting: &Posting) -> Result<()> {
    let Balance { available, pending, held, debt, .. } = *balance;
    let mut amounts = Amounts { available, pending, held, debt };
    amounts.book(posting)?;
    let Amounts { available, pending, held, debt } = amounts;
    (balance.available, balance.pending, balance.held, balance.debt) = (available, pending, held, debt);
    Ok(())
}
