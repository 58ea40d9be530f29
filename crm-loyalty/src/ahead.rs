//! Saying ahead what a purchase of a member will read, so that the rows of many purchases are read at once.

use crm_core::branches::{Branch, BranchId};
use crm_core::customers::CustomerId;
use crm_core::kernel::currency::Currency;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{AccountId, Balance};
use crm_core::loyalty::referral::Referral;
use crm_core::work::Permit;

use crate::programme;

/// What paying with credit, referral and earning read by keys that are known at once. The account is not among it: it is
/// read when it is locked, by whoever comes first.
pub(crate) fn of_purchase(work: &mut Permit<'_, '_>, customer: CustomerId, branch: BranchId, currency: Currency) {
    let account = AccountId::from(customer);
    programme::expect(work);
    work.expect::<Branch>(&[branch]);
    work.expect::<Referral>(&[customer]);
    work.expect::<Balance>(&[(account, Asset::Points), (account, Asset::Credit(currency))]);
}
