//! Whether what is kept of an account agrees with its entries (T-1 to T-3). Pure.

use std::collections::BTreeMap;

use super::model::{Account, Balance, DayUse, Entry, EntryId, Hold, HoldState, Lot, LotId, Posting, PostingAccount};
use super::rules::{self, Amounts};
use crate::Result;
use crate::kernel::time::CivilDate;
use crate::loyalty::Asset;

/// Everything that is stored of one account.
#[derive(Debug, Default)]
pub struct Stored {
    /// Its row.
    pub account: Option<Account>,
    /// Its balances.
    pub balances: Vec<Balance>,
    /// Its lots, open or not.
    pub lots: Vec<Lot>,
    /// Its holds, open or not.
    pub holds: Vec<Hold>,
    /// What was used on which day.
    pub days: Vec<DayUse>,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// What the postings of a lot come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LotSums {
    /// What was put into it by the entry that made it.
    pub amount: i64,
    /// What is left and can be redeemed later.
    pub pending: i64,
    /// What is left and can be redeemed.
    pub available: i64,
    /// What is set aside.
    pub held: i64,
    /// What has expired.
    pub expired: i64,
}

impl LotSums {
    fn book(&mut self, posting: &Posting) {
        let figure = match posting.account {
            PostingAccount::Pending => &mut self.pending,
            PostingAccount::Available => &mut self.available,
            PostingAccount::Held => &mut self.held,
            PostingAccount::Breakage => &mut self.expired,
            _ => return,
        };
        *figure = figure.saturating_add(posting.amount);
    }
}

/// What entries come to, lot by lot: the first posting of a lot makes it.
pub fn fold_lots(entries: &[Entry]) -> BTreeMap<LotId, (EntryId, LotSums)> {
    let mut lots: BTreeMap<LotId, (EntryId, LotSums)> = BTreeMap::new();
    for entry in entries {
        for posting in &entry.postings.0 {
            let Some(lot) = posting.lot else { continue };
            let (_, sums) =
                lots.entry(lot).or_insert_with(|| (entry.id, LotSums { amount: posting.amount, ..LotSums::default() }));
            sums.book(posting);
        }
    }
    lots
}

/// Everything that is wrong with an account: ids and figures only.
///
/// # Errors
/// `loyalty.overflow`
pub fn faults(stored: &Stored) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let Some(account) = &stored.account else {
        return Ok(vec!["rows of no account".to_owned()]);
    };
    for entry in &stored.entries {
        for (asset, sum) in rules::sums(&entry.postings.0).into_iter().filter(|(_, sum)| *sum != 0) {
            faults.push(format!("entry {}: postings of {asset} sum to {sum}", entry.id));
        }
    }
    faults.extend(balances(stored)?);
    faults.extend(lots(stored));
    faults.extend(holds(account, stored));
    let due = rules::next_due(&stored.lots, &stored.holds);
    if due < account.due_at {
        faults.push(format!("something is due at {due}, the account says {}", account.due_at));
    }
    Ok(faults)
}

fn balances(stored: &Stored) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut booked = rules::fold(stored.entries.iter().flat_map(|entry| &entry.postings.0))?;
    let mut in_lots: BTreeMap<Asset, Amounts> = BTreeMap::new();
    for lot in &stored.lots {
        let amounts = in_lots.entry(lot.asset).or_default();
        let free = if lot.matured { &mut amounts.available } else { &mut amounts.pending };
        *free = free.saturating_add(lot.remaining);
        amounts.held = amounts.held.saturating_add(lot.held);
    }
    for Balance { asset, available, pending, held, debt, .. } in stored.balances.iter().cloned() {
        let stored = Amounts { available, pending, held, debt };
        let booked = booked.remove(&asset).unwrap_or_default();
        if stored != booked {
            faults.push(format!("the balance of {asset} is {stored:?}, its entries come to {booked:?}"));
        }
        let lots = Amounts { debt, ..in_lots.remove(&asset).unwrap_or_default() };
        if stored != lots {
            faults.push(format!("the balance of {asset} is {stored:?}, its lots come to {lots:?}"));
        }
        if !stored.is_sound() {
            faults.push(format!("the balance of {asset} is below zero: {stored:?}"));
        }
    }
    let missing = booked.into_iter().chain(in_lots).filter(|(_, amounts)| !amounts.is_empty());
    faults.extend(missing.map(|(asset, amounts)| format!("there is no balance of {asset}: {amounts:?}")));
    Ok(faults)
}

fn lots(stored: &Stored) -> Vec<String> {
    let mut faults = Vec::new();
    let mut booked = fold_lots(&stored.entries);
    for lot in &stored.lots {
        let Some((origin, sums)) = booked.remove(&lot.id) else {
            faults.push(format!("lot {}: no entry has made it", lot.id));
            continue;
        };
        let (available, pending) = if lot.matured { (lot.remaining, 0) } else { (0, lot.remaining) };
        let kept = LotSums { amount: lot.amount, pending, available, held: lot.held, expired: lot.expired };
        if (kept, lot.origin_id) != (sums, origin) {
            faults.push(format!("lot {}: {kept:?}, its entries come to {sums:?}", lot.id));
        }
        let left = lot.remaining.saturating_add(lot.held);
        let sound = [lot.remaining, lot.held, lot.expired].iter().all(|figure| *figure >= 0)
            && left.saturating_add(lot.expired) <= lot.amount
            && lot.open == (left > 0);
        if !sound {
            faults.push(format!("lot {}: {kept:?} is out of bounds", lot.id));
        }
    }
    faults.extend(booked.into_keys().map(|lot| format!("lot {lot} is not there")));
    faults
}

fn holds(account: &Account, stored: &Stored) -> Vec<String> {
    let mut faults = Vec::new();
    let mut held: BTreeMap<LotId, i64> = BTreeMap::new();
    let mut used: BTreeMap<(Asset, CivilDate), i64> = BTreeMap::new();
    for hold in &stored.holds {
        let sum = |parts: &[(LotId, i64)]| parts.iter().map(|(_, part)| part).sum::<i64>();
        let open = hold.state == HoldState::Open;
        if open != account.open_holds.0.contains(&hold.id) {
            faults.push(format!("hold {}: the account does not know whether it is open", hold.id));
        }
        let back = |lot| hold.restored.0.iter().find(|(id, _)| *id == lot).map_or(0, |(_, part)| *part);
        if hold.lots.0.iter().any(|(lot, part)| back(*lot) > *part) || sum(&hold.lots.0) != hold.amount {
            faults.push(format!("hold {}: its parts do not sum to it", hold.id));
        }
        if open {
            for (lot, part) in &hold.lots.0 {
                *held.entry(*lot).or_default() += part;
            }
        }
        if open || hold.state == HoldState::Captured {
            *used.entry((hold.asset, hold.business_date)).or_default() += hold.amount - sum(&hold.restored.0);
        }
    }
    for lot in &stored.lots {
        let by_holds = held.remove(&lot.id).unwrap_or_default();
        if by_holds != lot.held {
            faults.push(format!("lot {}: {} is set aside, its holds come to {by_holds}", lot.id, lot.held));
        }
    }
    faults.extend(held.into_keys().map(|lot| format!("lot {lot} is set aside and not there")));
    for day in &stored.days {
        let by_holds = used.remove(&(day.asset, day.business_date)).unwrap_or_default();
        if by_holds != day.used {
            let (asset, date) = (day.asset, day.business_date);
            faults.push(format!("{} of {asset} used on {date}, its holds come to {by_holds}", day.used));
        }
    }
    let missing = used.into_iter().filter(|(_, used)| *used != 0);
    faults.extend(missing.map(|((asset, date), used)| format!("{used} of {asset} used on {date} is not counted")));
    faults
}
