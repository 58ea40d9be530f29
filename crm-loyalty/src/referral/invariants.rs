//! What holds of referrals at all times.

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::customers::CustomerId;
use crm_core::loyalty::Asset;
use crm_core::loyalty::referral::{ReferralReward, Referrer};
use crm_core::module::Violation;
use crm_core::work::{Filter, Permit};

/// What counts towards a member's caps is what their rewards come to, and each was given as far as it is due (S-34).
pub(crate) fn rewards_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut report = |what: String| violations.push(Violation { invariant: "loyalty.referrals", what });
    let mut counted = BTreeMap::<(CustomerId, Asset), i64>::new();
    work.select(Filter::<ReferralReward>::all()).for_each(|reward| {
        let sum = counted.entry((reward.referrer_id, reward.asset)).or_default();
        *sum = sum.saturating_add(reward.counted);
        let kept = reward.kept()?;
        if (kept.units, kept.due) != (reward.counted, reward.posted) {
            report(format!(
                "{} for {}: given {}, due {}",
                reward.purchase_id, reward.referee_id, reward.posted, kept.due
            ));
        }
        Ok(())
    })?;
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
