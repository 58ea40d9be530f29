//! Who may give how much, and when a second person has to agree: pure functions (C74).

use std::collections::BTreeSet;

use super::model::{BonusLimit, BonusRequest, BonusState, BonusTerms};
use crate::access::RoleId;
use crate::loyalty::Asset;
use crate::loyalty::programme::Finding;
use crate::{Error, Result};

impl BonusTerms {
    /// How much somebody with these roles may give: the highest limit of them, or the standard one where none has a limit
    /// (S-26). Nothing without one.
    pub fn limit(&self, roles: &BTreeSet<RoleId>, asset: Asset) -> Option<BonusLimit> {
        let mut best: Option<BonusLimit> = None;
        for limit in roles.iter().filter_map(|role| self.roles.get(role)?.get(&asset)) {
            best = Some(match best {
                None => *limit,
                Some(best) => BonusLimit {
                    each: best.each.max(limit.each),
                    per_day: best.per_day.zip(limit.per_day).map(|(a, b)| a.max(b)),
                },
            });
        }
        best.or_else(|| self.standard.get(&asset).copied())
    }

    /// Whether a second person has to agree to a bonus of so much.
    pub fn needs_second(&self, asset: Asset, amount: i64) -> bool {
        self.second_above.get(&asset).is_some_and(|most| amount > *most)
    }

    /// Whether a second person has to agree to a grant that may cost so much.
    pub fn grant_needs_second(&self, asset: Asset, all: i64) -> bool {
        self.grants_second_above.get(&asset).is_some_and(|most| all > *most)
    }

    /// What is wrong with these terms.
    pub fn faults(&self) -> Vec<Finding> {
        let limits = self.roles.values().chain([&self.standard]).flat_map(|limits| limits.values());
        let amounts = limits.flat_map(|limit| [Some(limit.each), limit.per_day]).flatten();
        let thresholds = self.second_above.values().chain(self.grants_second_above.values()).copied();
        let negative = amounts.chain(thresholds).any(|amount| amount < 0);
        if negative { vec![Finding::fault("bonus", "bonus.limit")] } else { Vec::new() }
    }
}

impl BonusRequest {
    /// Whether this person may agree to what they have seen, or refuse it: it still waits, it has not changed since, and
    /// they are not the one who asked.
    ///
    /// # Errors
    /// `bonus.decided` for what no longer waits; [`Error::Conflict`] for what has changed, be it by one unit;
    /// `bonus.own` for one's own.
    pub fn may_be_decided(&self, seen: &Self, by: &str) -> Result<()> {
        if self.state != BonusState::Waiting {
            return Err(Error::invalid("bonus", "bonus.decided"));
        }
        if self != seen {
            return Err(Error::Conflict { kind: <Self as crate::work::Entity>::SCHEMA.kind });
        }
        if self.asked_by == by {
            return Err(Error::invalid("bonus", "bonus.own"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_limit_of_the_roles_counts() {
        let role = |n| RoleId::from(uuid::Uuid::from_u128(n));
        let limit = |each, per_day| BonusLimit { each, per_day };
        let mut terms = BonusTerms::default();
        assert_eq!(terms.limit(&[role(1)].into(), Asset::Points), None, "nothing, unless somebody says otherwise");
        terms.standard.insert(Asset::Points, limit(10, Some(20)));
        terms.roles.insert(role(1), [(Asset::Points, limit(5, Some(50)))].into());
        terms.roles.insert(role(2), [(Asset::Points, limit(50, Some(5)))].into());
        terms.roles.insert(role(3), [(Asset::Points, limit(1, None))].into());
        assert_eq!(terms.limit(&[].into(), Asset::Points), Some(limit(10, Some(20))));
        assert_eq!(terms.limit(&[role(1)].into(), Asset::Points), Some(limit(5, Some(50))), "a role may have less");
        assert_eq!(terms.limit(&[role(1), role(2)].into(), Asset::Points), Some(limit(50, Some(50))));
        assert_eq!(terms.limit(&[role(1), role(3)].into(), Asset::Points), Some(limit(5, None)));
    }
}
