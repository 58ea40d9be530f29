//! What is decided about lots: which is used first, what is due, and what entries come to. Pure.

use std::collections::BTreeMap;

use super::model::{Entry, EntryKind, Hold, HoldId, HoldState, Lot, LotId, NEVER, Posting, PostingAccount};
use crate::kernel::time::Timestamp;
use crate::loyalty::Asset;
use crate::purchases::PurchaseId;
use crate::{Error, Result};

/// Where a lot stands in the order of use (S-04): the one that ends soonest first, then the one earned first.
pub fn place(lot: &Lot) -> (Timestamp, Timestamp, LotId) {
    (lot.expires_at, lot.earned_at, lot.id)
}

/// Whether something of a lot can be redeemed at this instant: it is available, has not expired (S-05), and was not given
/// by what it is to pay (S-23).
pub fn is_usable(lot: &Lot, asset: Asset, now: Timestamp, not_of: Option<PurchaseId>) -> bool {
    lot.asset == asset
        && lot.remaining > 0
        && lot.matured
        && lot.available_at <= now
        && now < lot.expires_at
        && (not_of.is_none() || lot.purchase_id != not_of)
}

/// So much of these lots, in the order of use (S-04): how much of each. Less than `amount` in all when there is not more.
pub fn pick<'l>(lots: impl IntoIterator<Item = &'l Lot>, amount: i64) -> Vec<(LotId, i64)> {
    let mut ordered: Vec<&Lot> = lots.into_iter().collect();
    ordered.sort_by_key(|lot| place(lot));
    let mut left = amount;
    let mut picked = Vec::new();
    for lot in ordered {
        let part = lot.remaining.min(left);
        if part > 0 {
            picked.push((lot.id, part));
            left -= part;
        }
    }
    picked
}

/// What became due, to be written as an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What: [`EntryKind::Mature`], [`EntryKind::Expire`] or [`EntryKind::Void`].
    pub kind: EntryKind,
    /// The postings.
    pub postings: Vec<Posting>,
}

/// The instant at which something of this lot is due next; [`NEVER`] if nothing is.
pub fn due_of(lot: &Lot) -> Timestamp {
    match lot {
        Lot { open: false, .. } => NEVER,
        Lot { matured: false, available_at, .. } => *available_at,
        // What is held is due with its hold.
        Lot { remaining: 0, .. } => NEVER,
        Lot { expires_at, .. } => *expires_at,
    }
}

/// The instant at which something is due next.
pub fn next_due<'l>(lots: impl IntoIterator<Item = &'l Lot>, holds: impl IntoIterator<Item = &'l Hold>) -> Timestamp {
    let holds = holds.into_iter().filter(|hold| hold.state == HoldState::Open).map(|hold| hold.lapses_at);
    lots.into_iter().map(due_of).chain(holds).min().unwrap_or(NEVER)
}

/// Does what is due up to `now`, in the order in which it fell due: lots become available (S-10), holds lapse (S-08), lots
/// expire (S-06), at one instant in this order. The lots are those that are open. What comes of it does not depend on how
/// often, or how late, this is done.
pub fn settle(
    lots: &mut BTreeMap<LotId, Lot>,
    holds: &mut BTreeMap<HoldId, Hold>,
    now: Timestamp,
) -> Result<Vec<Step>> {
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Due {
        Mature(LotId),
        Lapse(HoldId),
        Expire(LotId),
    }
    let mut due: Vec<(Timestamp, Due)> = Vec::new();
    for lot in lots.values().filter(|lot| lot.open) {
        if !lot.matured {
            due.push((lot.available_at, Due::Mature(lot.id)));
        }
        due.push((lot.expires_at, Due::Expire(lot.id)));
    }
    let open = holds.values().filter(|hold| hold.state == HoldState::Open);
    due.extend(open.map(|hold| (hold.lapses_at, Due::Lapse(hold.id))));
    due.retain(|(at, _)| *at <= now);
    due.sort_unstable();
    let mut steps = Vec::with_capacity(due.len());
    for (at, due) in due {
        match due {
            Due::Mature(id) => steps.extend(lots.get_mut(&id).map(|lot| mature(lot, at))),
            Due::Expire(id) => steps.extend(lots.get_mut(&id).and_then(|lot| expire(lot, at))),
            Due::Lapse(id) => {
                if let Some(hold) = holds.get_mut(&id) {
                    steps.extend(release(hold, lots, at)?);
                    hold.state = HoldState::Lapsed;
                }
            }
        }
    }
    Ok(steps)
}

fn mature(lot: &mut Lot, at: Timestamp) -> Step {
    lot.matured = true;
    let (asset, amount) = (lot.asset, lot.remaining);
    let posting = |account, amount| Posting { asset, account, lot: Some(lot.id), amount };
    let postings = vec![posting(PostingAccount::Pending, -amount), posting(PostingAccount::Available, amount)];
    Step { at, kind: EntryKind::Mature, postings }
}

/// What is free of a lot that is over expires (S-07); what is held stays until its hold ends (S-09).
pub fn expire(lot: &mut Lot, at: Timestamp) -> Option<Step> {
    let amount = lot.remaining;
    (amount > 0).then(|| Step { at, kind: EntryKind::Expire, postings: expire_part(lot, amount).into() })
}

/// Lets a part of what is free of a lot expire, which has at least so much.
pub fn expire_part(lot: &mut Lot, amount: i64) -> [Posting; 2] {
    let taken = withdraw(lot, amount);
    lot.expired = lot.expired.saturating_add(amount);
    [taken, Posting { asset: lot.asset, account: PostingAccount::Breakage, lot: Some(lot.id), amount }]
}

/// How much of each lot a hold gives back next, in the order in which they were used (S-29).
///
/// # Errors
/// `loyalty.restored` when that is more than was paid and not given back yet.
pub fn restorable(hold: &Hold, amount: i64) -> Result<Vec<(LotId, i64)>> {
    let mut left = amount;
    let mut parts = Vec::new();
    for (id, used) in &hold.lots.0 {
        let back: i64 = hold.restored.0.iter().filter(|(lot, _)| lot == id).map(|(_, part)| part).sum();
        let part = (used - back).min(left);
        if part > 0 {
            parts.push((*id, part));
            left -= part;
        }
    }
    if left > 0 { Err(Error::invalid("amount", "loyalty.restored")) } else { Ok(parts) }
}

/// Frees what is held, lot by lot (S-08). What has expired meanwhile expires at once (S-09). The state of the hold is left
/// to the caller.
pub fn release(hold: &Hold, lots: &mut BTreeMap<LotId, Lot>, at: Timestamp) -> Result<Vec<Step>> {
    let mut void = Step { at, kind: EntryKind::Void, postings: Vec::new() };
    let mut expired = Vec::new();
    for (id, part) in &hold.lots.0 {
        let lot = lots.get_mut(id).filter(|lot| lot.held >= *part).ok_or_else(broken)?;
        lot.held -= part;
        lot.remaining += part;
        let posting = |account, amount| Posting { asset: hold.asset, account, lot: Some(*id), amount };
        void.postings.extend([posting(PostingAccount::Held, -part), posting(PostingAccount::Available, *part)]);
        if lot.expires_at <= at {
            expired.extend(expire(lot, at));
        }
    }
    let mut steps = vec![void];
    steps.extend(expired);
    Ok(steps)
}

/// Takes something of the free part of a lot, which has at least so much.
pub fn withdraw(lot: &mut Lot, amount: i64) -> Posting {
    lot.remaining -= amount;
    lot.open = lot.remaining + lot.held > 0;
    Posting { asset: lot.asset, account: free_side(lot), lot: Some(lot.id), amount: -amount }
}

/// Where the free part of a lot is booked.
pub fn free_side(lot: &Lot) -> PostingAccount {
    if lot.matured { PostingAccount::Available } else { PostingAccount::Pending }
}

/// What an account holds of an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Amounts {
    /// What can be redeemed.
    pub available: i64,
    /// What can be redeemed later.
    pub pending: i64,
    /// What is set aside.
    pub held: i64,
    /// What is owed.
    pub debt: i64,
}

impl Amounts {
    /// Books a posting; one of the programme changes nothing here.
    ///
    /// # Errors
    /// `loyalty.overflow` when a sum does not fit.
    pub fn book(&mut self, posting: &Posting) -> Result<()> {
        let (figure, amount) = match posting.account {
            PostingAccount::Available => (&mut self.available, posting.amount),
            PostingAccount::Pending => (&mut self.pending, posting.amount),
            PostingAccount::Held => (&mut self.held, posting.amount),
            PostingAccount::Debt => (&mut self.debt, posting.amount.checked_neg().ok_or_else(overflow)?),
            PostingAccount::Issued
            | PostingAccount::Redeemed
            | PostingAccount::Breakage
            | PostingAccount::Adjustment
            | PostingAccount::Transferred => return Ok(()),
        };
        *figure = figure.checked_add(amount).ok_or_else(overflow)?;
        Ok(())
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether no figure is below zero (T-3).
    pub fn is_sound(&self) -> bool {
        [self.available, self.pending, self.held, self.debt].iter().all(|figure| *figure >= 0)
    }
}

/// What postings come to, by asset (T-2).
///
/// # Errors
/// `loyalty.overflow`
pub fn fold<'p>(postings: impl IntoIterator<Item = &'p Posting>) -> Result<BTreeMap<Asset, Amounts>> {
    let mut sums: BTreeMap<Asset, Amounts> = BTreeMap::new();
    for posting in postings {
        sums.entry(posting.asset).or_default().book(posting)?;
    }
    Ok(sums)
}

/// What happens by itself when its time comes.
pub const FALLS_DUE: [EntryKind; 3] = [EntryKind::Mature, EntryKind::Expire, EntryKind::Void];

/// When an entry was known (S-48): what falls due is known at its instant, whenever it is written down.
pub fn known_at(entry: &Entry) -> Timestamp {
    if FALLS_DUE.contains(&entry.kind) { entry.occurred_at } else { entry.recorded_at }
}

/// What an account held at an instant, by what was known at another (S-48): of its entries, and of what is due but not
/// written down yet.
///
/// # Errors
/// `loyalty.overflow`
pub fn held_at<'e>(
    entries: impl IntoIterator<Item = &'e Entry>,
    due: &[Step],
    at: Timestamp,
    known: Timestamp,
) -> Result<BTreeMap<Asset, Amounts>> {
    let entries = entries.into_iter().filter(|entry| entry.occurred_at <= at);
    let entries = entries.filter(|entry| known_at(entry) <= known);
    let due = due.iter().filter(|step| step.at <= at && step.at <= known);
    fold(entries.flat_map(|entry| &entry.postings.0).chain(due.flat_map(|step| &step.postings)))
}

/// The sum of each asset, which is nothing in every entry (S-02).
pub fn sums(postings: &[Posting]) -> BTreeMap<Asset, i128> {
    let mut sums = BTreeMap::new();
    for posting in postings {
        *sums.entry(posting.asset).or_default() += i128::from(posting.amount);
    }
    sums
}

fn overflow() -> Error {
    Error::invalid("amount", "loyalty.overflow")
}

/// What is stored contradicts itself: `verify` says where.
fn broken() -> Error {
    Error::invalid("lot", "loyalty.broken")
}
