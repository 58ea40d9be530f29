//! What must hold of sheets and the ledger.

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::kernel::page::{Cursor, Limit};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::PurchaseSheet;
use crm_core::loyalty::ledger::{Account, Entry, EntryKind, PostingAccount, entry};
use crm_core::module::Violation;
use crm_core::purchases::PurchaseId;
use crm_core::work::{Filter, Permit};

const SHEETS: &str = "earning.sheets";

/// What a sheet says is posted was issued for its purchase, less what was taken back.
pub(crate) fn sheets_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let (mut violations, mut after) = (Vec::new(), None::<Cursor>);
    loop {
        let page = work.select::<Account>(Filter::all()).page(Limit::MAX, after.as_ref())?;
        for account in page.items {
            let mut issued = BTreeMap::<PurchaseId, BTreeMap<Asset, i64>>::new();
            let kinds = entry::kind.is_in([EntryKind::Earn, EntryKind::ClawBack]);
            work.select::<Entry>(entry::account_id.eq(account.id).and(kinds)).for_each(|entry| {
                let Some(purchase) = entry.purchase_id else { return Ok(()) };
                for posting in entry.postings.0.iter().filter(|one| one.account == PostingAccount::Issued) {
                    let sum = issued.entry(purchase).or_default().entry(posting.asset).or_default();
                    *sum = sum.saturating_sub(posting.amount);
                }
                Ok(())
            })?;
            let purchases: Vec<_> = issued.keys().copied().collect();
            let sheets = work.get_many::<PurchaseSheet>(&purchases)?.into_iter().flatten();
            for sheet in sheets.filter(|sheet| sheet.account_id == account.id) {
                let issued = issued.get(&sheet.purchase_id).into_iter().flatten();
                for (asset, amount) in issued {
                    let posted = sheet.document.0.posted(*asset);
                    if posted != *amount {
                        let what =
                            format!("purchase {}: {posted} {asset} on its sheet, {amount} issued", sheet.purchase_id);
                        violations.push(Violation { invariant: SHEETS, what });
                    }
                }
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(violations);
        }
    }
}
