//! What the programme says about paying with what it has given.

use serde::{Deserialize, Serialize};

use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::calendar::Span;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use crate::loyalty::Asset;
use crate::partners::{CustomerGroupId, PartnerGroupId};
use crate::pricing::{Audience, TierId};

/// How long something is set aside if the host does not say, in minutes (S-08).
const HOLD_MINUTES: u32 = 15;

/// The terms of redemption: part of the programme.
///
/// ```
/// use crm_core::loyalty::redemption::RedemptionTerms;
/// let terms: RedemptionTerms = serde_json::from_value(serde_json::json!({
///     "limits": [{ "asset": "credit:PLN", "per_day": 50000, "per_invoice_rate": "30%" }],
/// })).unwrap();
/// assert_eq!(terms.hold_minutes, 15);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedemptionTerms {
    /// Limits. Of what none is said here all can be used.
    pub limits: Vec<LimitsFor>,
    /// How long something is set aside if the host does not say, in minutes.
    pub hold_minutes: u32,
    /// What is given back by a return can be used at least so long, whatever its end was (S-29); no longer than before, if
    /// left out.
    pub grace: Option<Span>,
    /// Whether who owes something of an asset redeems nothing of it (S-30).
    pub debt_blocks: bool,
}

impl Default for RedemptionTerms {
    fn default() -> Self {
        Self { limits: Vec::new(), hold_minutes: HOLD_MINUTES, grace: None, debt_blocks: false }
    }
}

/// Limits of one asset, for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsFor {
    /// The asset.
    pub asset: Asset,
    /// For whom. Limits for somebody in particular go before those for everybody.
    #[serde(default)]
    pub audience: Audience,
    /// The limits.
    #[serde(flatten)]
    pub limits: Limits,
}

/// How much of an asset pays a purchase, and a day. Amounts are in units of the asset, points in points.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// At most so much of one purchase.
    pub per_invoice: Option<i64>,
    /// At most this part of what is due, rounded down.
    pub per_invoice_rate: Option<Rate>,
    /// At most so much on one business day, at all branches together.
    pub per_day: Option<i64>,
    /// At least so much, or nothing.
    pub minimum: Option<i64>,
    /// So much of a purchase is paid with money, by currency.
    pub cash_part: Vec<Money>,
}

impl Limits {
    /// What is paid with money of a purchase in this currency.
    pub fn cash_part(&self, currency: Currency) -> i64 {
        self.cash_part.iter().find(|part| part.currency() == currency).map_or(0, Money::minor)
    }

    /// The more generous of each (S-26).
    fn or(mut self, other: &Self) -> Self {
        fn larger<T: Ord + Copy>(a: Option<T>, b: Option<T>) -> Option<T> {
            a.zip(b).map(|(a, b)| a.max(b))
        }
        self.per_invoice = larger(self.per_invoice, other.per_invoice);
        self.per_invoice_rate = larger(self.per_invoice_rate, other.per_invoice_rate);
        self.per_day = larger(self.per_day, other.per_day);
        self.minimum = self.minimum.zip(other.minimum).map(|(a, b)| a.min(b));
        self.cash_part.retain_mut(|part| match other.cash_part.iter().find(|it| it.currency() == part.currency()) {
            Some(less) if less.minor() < part.minor() => {
                *part = *less;
                true
            }
            found => found.is_some(),
        });
        self
    }
}

/// Who redeems, where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemer {
    /// Who.
    pub customer: Option<CustomerId>,
    /// Where.
    pub branch: BranchId,
    /// In which groups of customers.
    pub customer_groups: Vec<CustomerGroupId>,
    /// In which groups of partners.
    pub partner_groups: Vec<PartnerGroupId>,
    /// In which tiers.
    pub tiers: Vec<TierId>,
}

impl Redeemer {
    /// Somebody who is in no group.
    pub fn at(branch: BranchId, customer: Option<CustomerId>) -> Self {
        let (customer_groups, partner_groups, tiers) = (Vec::new(), Vec::new(), Vec::new());
        Self { customer, branch, customer_groups, partner_groups, tiers }
    }

    fn is_in(&self, audience: &Audience) -> bool {
        fn meets<T: PartialEq>(wanted: &[T], is: &[T]) -> bool {
            wanted.is_empty() || wanted.iter().any(|one| is.contains(one))
        }
        meets(&audience.branches, &[self.branch])
            && meets(&audience.customers, self.customer.as_slice())
            && meets(&audience.customer_groups, &self.customer_groups)
            && meets(&audience.partner_groups, &self.partner_groups)
            && meets(&audience.tiers, &self.tiers)
    }
}

impl RedemptionTerms {
    /// The limits of an asset for somebody: their own before those of their groups and tiers, those before everybody's. Of
    /// several of one kind the more generous, limit by limit (S-26).
    pub fn limits_of(&self, asset: Asset, redeemer: &Redeemer) -> Limits {
        let theirs = |limits: &&LimitsFor| limits.asset == asset && redeemer.is_in(&limits.audience);
        let mut best: Option<(u8, Limits)> = None;
        for found in self.limits.iter().filter(theirs) {
            let rank = rank(&found.audience);
            best = match best {
                Some((before, limits)) if before == rank => Some((rank, limits.or(&found.limits))),
                Some(better) if better.0 > rank => Some(better),
                _ => Some((rank, found.limits.clone())),
            };
        }
        best.map(|(_, limits)| limits).unwrap_or_default()
    }
}

/// How personal an audience is.
fn rank(audience: &Audience) -> u8 {
    if !audience.customers.is_empty() {
        3
    } else if !(audience.customer_groups.is_empty() && audience.partner_groups.is_empty() && audience.tiers.is_empty())
    {
        2
    } else {
        u8::from(!audience.branches.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// S-26: own limits before the group's, the group's before everybody's; of two groups the more generous of each.
    #[test]
    fn the_more_personal_limits_apply() {
        let (asset, branch) = (Asset::Points, BranchId::from(Uuid::nil()));
        let groups = [1, 2].map(|n| CustomerGroupId::from(Uuid::from_u128(n)));
        let of_group = |n: usize, per_day, minimum| LimitsFor {
            asset,
            audience: Audience { customer_groups: vec![groups[n]], ..Audience::default() },
            limits: Limits { per_day, minimum, per_invoice: Some(7), ..Limits::default() },
        };
        let all = LimitsFor {
            asset,
            audience: Audience::default(),
            limits: Limits { per_day: Some(1_000), ..Limits::default() },
        };
        let terms = RedemptionTerms {
            limits: vec![of_group(0, Some(10), Some(3)), all, of_group(1, Some(20), Some(5))],
            ..RedemptionTerms::default()
        };
        let nobody = Redeemer::at(branch, None);
        assert_eq!(terms.limits_of(asset, &nobody).per_day, Some(1_000));
        let one = Redeemer { customer_groups: vec![groups[0]], ..nobody.clone() };
        assert_eq!(terms.limits_of(asset, &one).per_day, Some(10));
        let both = terms.limits_of(asset, &Redeemer { customer_groups: groups.to_vec(), ..nobody });
        assert_eq!((both.per_day, both.minimum, both.per_invoice), (Some(20), Some(3), Some(7)));
        assert_eq!(terms.limits_of(Asset::Credit(Currency::PLN), &one), Limits::default());
    }
}
