//! What must hold of sheets and the ledger.

use std::collections::{BTreeMap, BTreeSet};

use crm_core::Result;
use crm_core::kernel::page::{Cursor, Limit};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::PurchaseSheet;
use crm_core::loyalty::ledger::{AccountId, Entry, EntryKind, PostingAccount, entry};
use crm_core::loyalty::referral::ReferralReward;
use crm_core::module::Violation;
use crm_core::purchases::PurchaseId;
use crm_core::work::Permit;

const SHEETS: &str = "earning.sheets";

/// What was issued on an account for purchases, less what was taken back.
type Issued = BTreeMap<PurchaseId, BTreeMap<Asset, i64>>;

/// What a sheet says is posted was issued for its purchase, less what was taken back. Walks the entries account by account;
/// of purchases for which that does not tell, because their member was merged meanwhile, it adds up all accounts.
pub(crate) fn sheets_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let (mut doubtful, mut account, mut issued) = (BTreeSet::new(), None, Issued::new());
    let mut next = |work: &mut Permit<'_, '_>, entry: Option<&Entry>| {
        if entry.map(|entry| entry.account_id) != account {
            doubt(work, account, &std::mem::take(&mut issued), &mut doubtful)?;
            account = entry.map(|entry| entry.account_id);
        }
        if let Some(entry) = entry {
            add(&mut issued, entry);
        }
        Ok(())
    };
    each_entry(work, |work, entry| next(work, Some(entry)))?;
    next(work, None)?;
    if doubtful.is_empty() {
        return Ok(Vec::new());
    }
    let mut issued = Issued::new();
    each_entry(work, |_, entry| {
        if entry.purchase_id.is_some_and(|purchase| doubtful.contains(&purchase)) {
            add(&mut issued, entry);
        }
        Ok(())
    })?;
    let mut violations = Vec::new();
    for (purchase, issued) in issued {
        let sheet: PurchaseSheet = work.get(purchase)?;
        // Whoever brought the buyer got something for it too.
        let brought = work.find::<ReferralReward>(&(sheet.customer_id, purchase.into()))?;
        for (asset, amount) in issued {
            let of_referral = brought.iter().filter(|reward| reward.asset == asset).map(|reward| reward.posted);
            let posted = of_referral.fold(sheet.document.0.posted(asset), i64::saturating_add);
            if posted != amount {
                let what = format!("purchase {purchase}: {posted} {asset} on its sheet, {amount} issued");
                violations.push(Violation { invariant: SHEETS, what });
            }
        }
    }
    Ok(violations)
}

fn each_entry(
    work: &mut Permit<'_, '_>,
    mut each: impl FnMut(&mut Permit<'_, '_>, &Entry) -> Result<()>,
) -> Result<()> {
    let mut after = None::<Cursor>;
    loop {
        let kinds = entry::kind.is_in([EntryKind::Earn, EntryKind::ClawBack]);
        let page = work.select::<Entry>(kinds).page(Limit::MAX, after.as_ref())?;
        page.items.iter().try_for_each(|entry| each(work, entry))?;
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

fn add(issued: &mut Issued, entry: &Entry) {
    let Some(purchase) = entry.purchase_id else { return };
    for posting in entry.postings.0.iter().filter(|one| one.account == PostingAccount::Issued) {
        let sum = issued.entry(purchase).or_default().entry(posting.asset).or_default();
        *sum = sum.saturating_sub(posting.amount);
    }
}

/// Compares what was issued on an account with its sheets, and notes the purchases where it is not the same. Other accounts
/// may have got something for the same purchase.
fn doubt(
    work: &mut Permit<'_, '_>,
    account: Option<AccountId>,
    issued: &Issued,
    doubtful: &mut BTreeSet<PurchaseId>,
) -> Result<()> {
    let purchases: Vec<_> = issued.keys().copied().collect();
    let sheets = work.get_many::<PurchaseSheet>(&purchases)?.into_iter().flatten();
    for sheet in sheets.filter(|sheet| Some(sheet.account_id) == account) {
        let of_purchase = issued.get(&sheet.purchase_id).into_iter().flatten();
        if of_purchase.into_iter().any(|(asset, amount)| sheet.document.0.posted(*asset) != *amount) {
            doubtful.insert(sheet.purchase_id);
        }
    }
    Ok(())
}
