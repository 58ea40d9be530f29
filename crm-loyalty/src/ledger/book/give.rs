//! Giving and taking.

use crm_core::branches::BranchId;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::rules;
use crm_core::loyalty::ledger::{AccountState, EntryId, EntryKind, Lot, LotId, LotSource, PostingAccount};
use crm_core::purchases::PurchaseId;
use crm_core::work::{Permit, Version};
use crm_core::{Error, Result};
use uuid::Uuid;

use super::post::{check_amount, posting};
use super::rows::Kept;
use super::{Book, Cause};

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
}

/// Where what is given comes from.
fn origin(kind: EntryKind) -> PostingAccount {
    match kind {
        EntryKind::Transfer => PostingAccount::Transferred,
        EntryKind::Adjust => PostingAccount::Adjustment,
        _ => PostingAccount::Issued,
    }
}
