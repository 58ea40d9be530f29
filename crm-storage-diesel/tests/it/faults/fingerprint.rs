//! What is stored.

use crm_core::access::Actor;
use crm_core::accounts::Guard;
use crm_core::branches::Branch;
use crm_core::catalog::{Category, Product, StockMovement};
use crm_core::customers::{Customer, Relation, SearchKey};
use crm_core::instalments::{Cheque, Instalment, InstalmentPayment, InstalmentPlan};
use crm_core::invoices::{Invoice, InvoiceCounter};
use crm_core::journal::JournalEntry;
use crm_core::loyalty::anniversaries::{Celebration, SpecialDay};
use crm_core::loyalty::bonus::BonusRequest;
use crm_core::loyalty::cards::Card;
use crm_core::loyalty::earning::{EarnCounter, PurchaseSheet};
use crm_core::loyalty::gift_cards::{GiftBatch, GiftCard, GiftSale, GiftTicket};
use crm_core::loyalty::grants::{GrantMember, GroupGrant};
use crm_core::loyalty::ledger::{Account, Balance, DayUse, Entry, Hold, Lot};
use crm_core::loyalty::merge::MemberMerge;
use crm_core::loyalty::programme::ProgrammeVersion;
use crm_core::loyalty::referral::{Fingerprint, Referral, ReferralReward, Referrer};
use crm_core::loyalty::statements::Reminded;
use crm_core::loyalty::tiers::{QualifyingDay, Standing, TierChange};
use crm_core::module::OutboxMessage;
use crm_core::offers::Offer;
use crm_core::pricing::LimitCounter;
use crm_core::purchases::{OpenPurchase, Purchase, PurchaseDiscounts, PurchaseLine, Tender};
use crm_core::returns::{Refund, ReturnLine};
use crm_core::shipping::PickLine;
use crm_core::work::{CommandRecord, Entity, Filter, Permit, Version};
use crm_core::{Crm, Error, Result};

/// What is stored, by number of rows, and by the versions of those that change.
pub fn fingerprint(crm: &Crm) -> Vec<u64> {
    fn count<E: Entity>(work: &mut Permit<'_, '_>) -> Result<u64> {
        work.count(Filter::<E>::all())
    }
    fn versions<E: Entity>(work: &mut Permit<'_, '_>) -> Result<u64> {
        let mut sum = 0;
        work.select(Filter::<E>::all()).for_each(|entity| {
            let mut version = Version::FIRST;
            while entity.version().is_some_and(|stored| stored > version) {
                version = version.next();
                sum += 1;
            }
            Ok(())
        })?;
        Ok(sum)
    }
    fn used(work: &mut Permit<'_, '_>) -> Result<u64> {
        let counters = work.select(Filter::<LimitCounter>::all()).all()?;
        Ok(counters.iter().map(|counter| counter.balance.unsigned_abs()).sum())
    }
    let read = crm.blocking().read(&Actor::system(), "fingerprint", |work| {
        let work = &mut work.unrestricted()?;
        Ok::<_, Error>(vec![
            count::<Branch>(work)?,
            versions::<Branch>(work)?,
            count::<Customer>(work)?,
            versions::<Customer>(work)?,
            count::<SearchKey>(work)?,
            count::<Relation>(work)?,
            count::<Category>(work)?,
            count::<Product>(work)?,
            versions::<Product>(work)?,
            count::<StockMovement>(work)?,
            count::<Purchase>(work)?,
            count::<PurchaseLine>(work)?,
            count::<Tender>(work)?,
            count::<PurchaseDiscounts>(work)?,
            used(work)?,
            versions::<Offer>(work)?,
            count::<OpenPurchase>(work)?,
            versions::<PickLine>(work)?,
            count::<ReturnLine>(work)?,
            count::<Refund>(work)?,
            count::<Invoice>(work)?,
            versions::<InvoiceCounter>(work)?,
            versions::<InstalmentPlan>(work)?,
            versions::<Instalment>(work)?,
            count::<InstalmentPayment>(work)?,
            versions::<Cheque>(work)?,
            versions::<Account>(work)?,
            versions::<Balance>(work)?,
            count::<Lot>(work)?,
            versions::<Lot>(work)?,
            count::<Hold>(work)?,
            versions::<Hold>(work)?,
            versions::<DayUse>(work)?,
            count::<Entry>(work)?,
            versions::<PurchaseSheet>(work)?,
            count::<EarnCounter>(work)?,
            count::<ProgrammeVersion>(work)?,
            count::<SpecialDay>(work)?,
            versions::<SpecialDay>(work)?,
            count::<Celebration>(work)?,
            versions::<Referral>(work)?,
            versions::<Referrer>(work)?,
            count::<ReferralReward>(work)?,
            count::<Fingerprint>(work)?,
            count::<BonusRequest>(work)?,
            versions::<BonusRequest>(work)?,
            versions::<GroupGrant>(work)?,
            versions::<GrantMember>(work)?,
            count::<Reminded>(work)?,
            versions::<QualifyingDay>(work)?,
            versions::<Standing>(work)?,
            count::<TierChange>(work)?,
            count::<Card>(work)?,
            versions::<Card>(work)?,
            versions::<GiftBatch>(work)?,
            versions::<GiftCard>(work)?,
            versions::<GiftSale>(work)?,
            count::<GiftTicket>(work)?,
            versions::<GiftTicket>(work)?,
            count::<MemberMerge>(work)?,
            count::<Guard>(work)?,
            versions::<Guard>(work)?,
            count::<JournalEntry>(work)?,
            count::<OutboxMessage>(work)?,
            versions::<OutboxMessage>(work)?,
            count::<CommandRecord>(work)?,
        ])
    });
    read.unwrap()
}
