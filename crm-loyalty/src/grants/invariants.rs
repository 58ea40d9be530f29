//! What holds of gifts to groups at all times.

use std::collections::BTreeMap;

use crm_core::Result;
use crm_core::loyalty::grants::{GrantId, GrantMember, GroupGrant, MemberState};
use crm_core::module::Violation;
use crm_core::work::{Filter, Permit};

/// What a gift says of how many got it, and how much was taken back, is what its list says (S-37).
pub(crate) fn lists_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut sums = BTreeMap::<GrantId, [i64; 3]>::new();
    work.select(Filter::<GrantMember>::all()).for_each(|member| {
        let [listed, given, revoked] = sums.entry(member.grant_id).or_default();
        *listed += 1;
        *given += i64::from(matches!(member.state, MemberState::Given | MemberState::Revoked));
        *revoked = revoked.saturating_add(member.revoked);
        Ok(())
    })?;
    let mut violations = Vec::new();
    work.select(Filter::<GroupGrant>::all()).for_each(|grant| {
        let found = sums.remove(&grant.id).unwrap_or_default();
        let units = grant.given.saturating_mul(grant.amount);
        if found != [grant.listed, grant.given, grant.revoked_units] || units != grant.given_units {
            let what = format!("{}: given {} in all, found {found:?}", grant.id, grant.given_units);
            violations.push(Violation { invariant: "loyalty.grants", what });
        }
        Ok(())
    })?;
    Ok(violations)
}
