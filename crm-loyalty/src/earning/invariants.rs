//! What must hold of sheets and the ledger.

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::kernel::page::{Cursor, Limit};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::PurchaseSheet;
use crm_core::loyalty::ledger::{AccountId, Entry, EntryKind, PostingAccount, entry};
use crm_core::module::Violation;
use crm_core::purchases::PurchaseId;
use crm_core::work::Permit;

const SHEETS: &str = "earning.sheets";

/// What was issued on an account for purchases, less what was taken back.
type Issued = BTreeMap<PurchaseId, BTreeMap<Asset, i64>>;

/// What a sheet says is posted was issued for its purchase, less what was taken back. Walks the entries account by account.
pub(crate) fn sheets_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let (mut violations, mut after) = (Vec::new(), None::<Cursor>);
    let (mut account, mut issued) = (None, Issued::new());
    loop {
        let kinds = entry::kind.is_in([EntryKind::Earn, EntryKind::ClawBack]);
        let page = work.select::<Entry>(kinds).page(Limit::MAX, after.as_ref())?;
        for entry in page.items {
            if account != Some(entry.account_id) {
                compare(work, account, &std::mem::take(&mut issued), &mut violations)?;
                account = Some(entry.account_id);
            }
            let Some(purchase) = entry.purchase_id else { continue };
            for posting in entry.postings.0.iter().filter(|one| one.account == PostingAccount::Issued) {
                let sum = issued.entry(purchase).or_default().entry(posting.asset).or_default();
                *sum = sum.saturating_sub(posting.amount);
            }
        }
        after = page.next;
        if after.is_none() {
            compare(work, account, &issued, &mut violations)?;
            return Ok(violations);
        }
    }
}

/// Compares what was issued on an account with its sheets. Other accounts may have got something for the same purchase.
fn compare(
    work: &mut Permit<'_, '_>,
    account: Option<AccountId>,
    issued: &Issued,
    violations: &mut Vec<Violation>,
) -> Result<()> {
    let purchases: Vec<_> = issued.keys().copied().collect();
    let sheets = work.get_many::<PurchaseSheet>(&purchases)?.into_iter().flatten();
    for sheet in sheets.filter(|sheet| Some(sheet.account_id) == account) {
        for (asset, amount) in issued.get(&sheet.purchase_id).into_iter().flatten() {
            let posted = sheet.document.0.posted(*asset);
            if posted != *amount {
                let what = format!("purchase {}: {posted} {asset} on its sheet, {amount} issued", sheet.purchase_id);
                violations.push(Violation { invariant: SHEETS, what });
            }
        }
    }
    Ok(())
}
