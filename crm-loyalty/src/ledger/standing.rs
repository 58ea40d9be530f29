//! What is on an account, read without writing: what is due has happened, whether or not it is written down (S-06, S-10).

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules::{self, Amounts, Step};
use crm_core::loyalty::ledger::{
    Account, AccountId, Balance, Entry, Hold, HoldId, HoldState, Lot, LotId, balance, entry, lot,
};
use crm_core::work::Permit;

/// An account as it is now.
pub(crate) struct Standing {
    amounts: BTreeMap<Asset, Amounts>,
    /// What is due and not written down.
    pub(crate) due: Vec<Step>,
    /// The holds that were open when something was written last.
    holds: BTreeMap<HoldId, Hold>,
}

/// What was open on an account when something was written last, with what is due since.
#[derive(Default)]
pub(crate) struct Settled {
    /// The lots, as they are now.
    pub(crate) lots: BTreeMap<LotId, Lot>,
    holds: BTreeMap<HoldId, Hold>,
    /// What is due and not written down.
    pub(crate) due: Vec<Step>,
}

impl Standing {
    /// What there is of an asset.
    pub(crate) fn amounts(&self, asset: Asset) -> Amounts {
        self.amounts.get(&asset).copied().unwrap_or_default()
    }

    /// What there is of each asset that ever was on the account.
    pub(crate) fn all(&self) -> &BTreeMap<Asset, Amounts> {
        &self.amounts
    }

    /// What was set aside on a day and has lapsed since, unnoticed.
    pub(crate) fn lapsed_of(&self, asset: Asset, date: CivilDate) -> i64 {
        let lapsed = self.holds.values().filter(|hold| hold.state == HoldState::Lapsed);
        lapsed.filter(|hold| (hold.asset, hold.business_date) == (asset, date)).map(|hold| hold.amount).sum()
    }
}

/// The account now.
pub(crate) fn standing(work: &mut Permit<'_, '_>, account: &Account) -> Result<Standing> {
    let mut amounts = BTreeMap::new();
    for Balance { asset, available, pending, held, debt, .. } in
        work.select(balance::account_id.eq(account.id)).all()?
    {
        amounts.insert(asset, Amounts { available, pending, held, debt });
    }
    let mut standing = Standing { amounts, due: Vec::new(), holds: BTreeMap::new() };
    if account.due_at <= work.now() {
        let Settled { holds, due, .. } = settled(work, account)?;
        for posting in due.iter().flat_map(|step| &step.postings) {
            standing.amounts.entry(posting.asset).or_default().book(posting)?;
        }
        (standing.holds, standing.due) = (holds, due);
    }
    Ok(standing)
}

/// The open lots now.
pub(crate) fn open_lots(work: &mut Permit<'_, '_>, account: &Account) -> Result<Vec<Lot>> {
    let mut lots: Vec<_> = settled(work, account)?.lots.into_values().filter(|lot| lot.open).collect();
    lots.sort_by_key(rules::place);
    Ok(lots)
}

/// What is open on these accounts now, of those on which something that was set aside has lapsed or may have, and what is
/// due on them and not written down. Nothing of the others: what is due there, lots say themselves by their dates.
pub(crate) fn lapsing(work: &mut Permit<'_, '_>, accounts: &[Account]) -> Result<BTreeMap<AccountId, Settled>> {
    let now = work.now();
    let due = accounts.iter().filter(|account| account.due_at <= now && !account.open_holds.0.is_empty());
    let due: Vec<&Account> = due.collect();
    if due.is_empty() { Ok(BTreeMap::new()) } else { settled_each(work, &due) }
}

/// What the account held at an instant, by what was known at another (S-48).
pub(crate) fn held_at(
    work: &mut Permit<'_, '_>,
    account: &Account,
    at: Timestamp,
    known: Timestamp,
) -> Result<BTreeMap<Asset, Amounts>> {
    let due = settled(work, account)?.due;
    let entries: Vec<Entry> = work.select(entry::account_id.eq(account.id)).all()?;
    rules::held_at(&entries, &due, at, known)
}

fn settled(work: &mut Permit<'_, '_>, account: &Account) -> Result<Settled> {
    Ok(settled_each(work, &[account])?.remove(&account.id).unwrap_or_default())
}

/// The same of several accounts, with as many queries; nothing of those on which nothing is open.
fn settled_each(work: &mut Permit<'_, '_>, accounts: &[&Account]) -> Result<BTreeMap<AccountId, Settled>> {
    let mut settled = BTreeMap::<AccountId, Settled>::new();
    let open = lot::account_id.is_in(accounts.iter().map(|account| account.id)).and(lot::open.eq(true));
    for lot in work.select::<Lot>(open).all()? {
        settled.entry(lot.account_id).or_default().lots.insert(lot.id, lot);
    }
    let keys = accounts.iter().flat_map(|account| account.open_holds.0.iter().map(|hold| (account.id, *hold)));
    for hold in work.get_many::<Hold>(&keys.collect::<Vec<_>>())?.into_iter().flatten() {
        settled.entry(hold.account_id).or_default().holds.insert(hold.id, hold);
    }
    let now = work.now();
    for account in settled.values_mut() {
        account.due = rules::settle(&mut account.lots, &mut account.holds, now)?;
    }
    Ok(settled)
}
