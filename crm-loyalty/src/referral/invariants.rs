//! What holds of referrals at all times.

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::customers::{CustomerId, customer};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{Account, AccountState};
use crm_core::loyalty::referral::{ReferralReward, Referrer};
use crm_core::module::Violation;
use crm_core::work::{Filter, Permit};

/// What counts towards a member's caps is what their rewards come to, with those of whoever has become one with them (S-44),
/// and each was given as far as it is due (S-34), unless the account was closed since (S-49).
pub(crate) fn rewards_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut report = |what: String| violations.push(Violation { invariant: "loyalty.referrals", what });
    let mut counted = BTreeMap::<(CustomerId, Asset), i64>::new();
    let mut leads_to = BTreeMap::new();
    for merged in work.select(customer::merged_into_id.is_null().not()).all()? {
        leads_to.extend(merged.merged_into_id.map(|survivor| (merged.id, survivor)));
    }
    let mut differ = Vec::new();
    work.select(Filter::<ReferralReward>::all()).for_each(|reward| {
        let mut next = Some(reward.referrer_id);
        while let Some(member) = next {
            let sum = counted.entry((member, reward.asset)).or_default();
            *sum = sum.saturating_add(reward.counted);
            next = leads_to.get(&member).copied();
        }
        let kept = reward.kept()?;
        if (kept.units, kept.due) != (reward.counted, reward.posted) {
            differ.push((reward, kept));
        }
        Ok(())
    })?;
    for (reward, kept) in differ {
        let (mut next, mut closed) = (Some(reward.referrer_id), false);
        while let Some(member) = next {
            let account = work.find::<Account>(&member.into())?;
            closed |= account.is_some_and(|account| account.state == AccountState::Closed);
            next = leads_to.get(&member).copied();
        }
        if !closed || kept.units != reward.counted {
            let ReferralReward { purchase_id, referee_id, posted, .. } = reward;
            report(format!("{purchase_id} for {referee_id}: given {posted}, due {}", kept.due));
        }
    }
    work.select(Filter::<Referrer>::all()).for_each(|row| {
        let sum = counted.remove(&(row.customer_id, row.asset)).unwrap_or(0);
        if row.total != sum || row.in_period > row.total {
            report(format!("{} {}: counted {}, rewards {sum}", row.customer_id, row.asset, row.total));
        }
        Ok(())
    })?;
    for ((referrer, asset), sum) in counted.into_iter().filter(|(_, sum)| *sum != 0) {
        report(format!("{referrer} {asset}: nothing counted, rewards {sum}"));
    }
    Ok(violations)
}
