//! Which level wins: pure functions.

use serde::{Deserialize, Serialize};

use super::model::Level;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::partners::Groups;

/// What a setting is for somebody, and why (S-66).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved<T> {
    /// What it is.
    pub value: T,
    /// The level it is set at; none where nobody has set it.
    pub level: Option<Level>,
    /// What it is set to at other levels that lost, the nearest first.
    pub passed_over: Vec<(Level, T)>,
}

/// The levels that count for somebody, the nearest first: the customer, the groups of partners and then those of customers,
/// each by priority, the branch, everybody (S-66).
///
/// ```
/// use crm_core::{partners::Groups, settings::{Level, ladder}};
/// let branch = uuid::Uuid::from_u128(1).into();
/// assert_eq!(ladder(None, &Groups::default(), Some(branch)), [Level::Branch(branch), Level::Everybody]);
/// ```
pub fn ladder(customer: Option<CustomerId>, groups: &Groups, branch: Option<BranchId>) -> Vec<Level> {
    let customer = customer.map(Level::Customer).into_iter();
    let partner = groups.partner.iter().copied().map(Level::PartnerGroup);
    let of_customers = groups.customer.iter().copied().map(Level::CustomerGroup);
    let branch = branch.map(Level::Branch).into_iter();
    customer.chain(partner).chain(of_customers).chain(branch).chain([Level::Everybody]).collect()
}

/// What is found first on the way up wins; without anything, it is what it is by default (S-66).
///
/// ```
/// use crm_core::settings::{Level, resolve};
/// let shop = Level::Branch(uuid::Uuid::from_u128(1).into());
/// let days = resolve([(shop, Some(5)), (Level::Everybody, Some(3))], 1);
/// assert_eq!((days.value, days.level, days.passed_over), (5, Some(shop), vec![(Level::Everybody, 3)]));
/// assert_eq!(resolve([(shop, None)], 1).value, 1);
/// ```
pub fn resolve<T>(found: impl IntoIterator<Item = (Level, Option<T>)>, default: T) -> Resolved<T> {
    let mut set = found.into_iter().filter_map(|(level, value)| Some((level, value?)));
    match set.next() {
        Some((level, value)) => Resolved { value, level: Some(level), passed_over: set.collect() },
        None => Resolved { value: default, level: None, passed_over: Vec::new() },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id<I: From<Uuid>>(n: u128) -> I {
        Uuid::from_u128(n).into()
    }

    proptest! {
        /// S-66: the nearest level that is set wins, every other one that is set is told in order, and what is not on the
        /// way to this customer never counts.
        #[test]
        fn the_nearest_level_wins(
            customer in any::<bool>(), partner in 0..4_u128, segments in 0..4_u128, branch in any::<bool>(),
            set in prop::collection::vec(prop::option::of(any::<u8>()), 10),
        ) {
            let groups = Groups {
                partner: (0..partner).map(|n| id(10 + n)).collect(),
                customer: (0..segments).map(|n| id(20 + n)).collect(),
            };
            let way = ladder(customer.then(|| id(1)), &groups, branch.then(|| id(2)));
            let distance = |level: &Level| match level {
                Level::Customer(_) => 0,
                Level::PartnerGroup(_) => 1,
                Level::CustomerGroup(_) => 2,
                Level::Branch(_) => 3,
                Level::Everybody => 4,
            };
            prop_assert!(way.is_sorted_by_key(distance));
            prop_assert_eq!(way.last(), Some(&Level::Everybody));
            let found: Vec<_> = way.iter().copied().zip(set).collect();
            let resolved = resolve(found.clone(), 0);
            let mut told: Vec<_> = resolved.level.map(|level| (level, resolved.value)).into_iter().collect();
            if told.is_empty() {
                prop_assert_eq!(resolved.value, 0);
            }
            told.extend(resolved.passed_over);
            let all: Vec<_> = found.into_iter().filter_map(|(level, value)| Some((level, value?))).collect();
            prop_assert_eq!(told, all);
        }
    }
}
