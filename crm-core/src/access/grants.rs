//! What somebody holds, in a form in which a decision touches little memory.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::reach::Reach;

/// Permissions by name, and how far each reaches. What reaches nothing is not held.
///
/// Many actors of one policy share the table of names, and each different reach is kept once, beside the permissions that
/// reach so far: so an actor who is asked for the first time costs few lines of memory, however many actors there are
/// (ADR 8).
///
/// ```
/// use crm_core::access::{Grants, Reach};
/// let grants: Grants = [("catalog.read", Reach::all()), ("customers.read", Reach::none())].into_iter().collect();
/// assert_eq!(grants.get("catalog.read"), Some(&Reach::all()));
/// assert_eq!((grants.get("customers.read"), grants.len()), (None, 1));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Grants {
    names: Arc<Names>,
    reaches: Vec<(Numbers, Reach)>,
}

/// Numbers of names. Those of a table that is not large lie in one word.
#[derive(Debug, Clone, Default)]
struct Numbers {
    low: u128,
    high: BTreeSet<usize>,
}

impl Numbers {
    /// The place of a number in the word, if it is there.
    fn bit(number: usize) -> Option<u128> {
        1_u128.checked_shl(u32::try_from(number).ok()?)
    }

    fn contains(&self, number: usize) -> bool {
        Self::bit(number).map_or_else(|| self.high.contains(&number), |bit| self.low & bit != 0)
    }

    fn insert(&mut self, number: usize) {
        match Self::bit(number) {
            Some(bit) => self.low |= bit,
            None => drop(self.high.insert(number)),
        }
    }

    fn remove(&mut self, number: usize) {
        match Self::bit(number) {
            Some(bit) => self.low &= !bit,
            None => drop(self.high.remove(&number)),
        }
    }

    fn len(&self) -> usize {
        self.low.count_ones() as usize + self.high.len()
    }
}

/// Names of permissions, each with a number.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(HashMap<Cow<'static, str>, usize, BuildHasherDefault<Quick>>);

impl Names {
    pub(super) fn new(permissions: &[&'static str]) -> Self {
        let mut names = Self::default();
        for permission in permissions {
            names.number(Cow::Borrowed(permission));
        }
        names
    }

    /// The number of a name, a new one if it has none.
    fn number(&mut self, name: Cow<'static, str>) -> usize {
        let next = self.0.len();
        *self.0.entry(name).or_insert(next)
    }
}

impl Grants {
    /// None yet, of these permissions and perhaps more.
    pub(super) fn of(names: Arc<Names>) -> Self {
        Self { names, ..Self::default() }
    }

    /// Gives a permission this reach, in place of what it had.
    pub fn insert(&mut self, permission: impl Into<Cow<'static, str>>, reach: Reach) {
        let permission = permission.into();
        let number = match self.names.0.get(&permission) {
            Some(number) => *number,
            None => Arc::make_mut(&mut self.names).number(permission),
        };
        self.remove(number);
        if reach.is_empty() {
            return;
        }
        if let Some((numbers, _)) = self.reaches.iter_mut().find(|(_, known)| *known == reach) {
            return numbers.insert(number);
        }
        let mut numbers = Numbers::default();
        numbers.insert(number);
        // Most have one or two.
        self.reaches.reserve_exact(1);
        self.reaches.push((numbers, reach));
    }

    fn remove(&mut self, number: usize) {
        self.reaches.iter_mut().for_each(|(numbers, _)| numbers.remove(number));
        self.reaches.retain(|(numbers, _)| numbers.len() > 0);
    }

    /// How far a permission reaches, if it is held.
    pub fn get(&self, permission: &str) -> Option<&Reach> {
        let number = *self.names.0.get(permission)?;
        self.reaches.iter().find(|(numbers, _)| numbers.contains(number)).map(|(_, reach)| reach)
    }

    /// Everything that is held, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Reach)> {
        self.names.0.keys().filter_map(|name| Some((name.as_ref(), self.get(name)?)))
    }

    /// How many permissions are held.
    pub fn len(&self) -> usize {
        self.reaches.iter().map(|(numbers, _)| numbers.len()).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same without the permissions that are not to be kept.
    pub(super) fn kept(&self, keep: impl Fn(&str) -> bool) -> Self {
        let mut kept = self.clone();
        for (_, number) in self.names.0.iter().filter(|(name, _)| !keep(name)) {
            kept.remove(*number);
        }
        kept
    }
}

impl PartialEq for Grants {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, reach)| other.get(name) == Some(reach))
    }
}

impl<P: Into<Cow<'static, str>>> FromIterator<(P, Reach)> for Grants {
    fn from_iter<I: IntoIterator<Item = (P, Reach)>>(all: I) -> Self {
        let mut grants = Self::default();
        for (permission, reach) in all {
            grants.insert(permission, reach);
        }
        grants
    }
}

/// Hashes names eight letters at a time. For names that modules and hosts choose: strangers could make theirs collide.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for letters in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(letters).for_each(|(place, letter)| *place = *letter);
            // The odd number next to 2^64 divided by the golden ratio.
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn write_u8(&mut self, _: u8) {
        // The end of a text. A key is one text, so nothing can run into another.
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::access::Region;
    use crate::branches::BranchId;

    /// A few reaches, the empty one among them.
    fn reach(n: u8) -> Reach {
        let branch = |n: u8| BranchId::from(Uuid::from_u128(n.into()));
        match n {
            0 => Reach::none(),
            1 => Reach::all(),
            n => Region::branches([branch(n)]).into(),
        }
    }

    proptest! {
        /// Numbers are a set, those in the word and those beyond it.
        #[test]
        fn numbers_are_a_set(changes in prop::collection::vec((any::<bool>(), 0..300_usize), 0..60)) {
            let (mut numbers, mut set) = (Numbers::default(), BTreeSet::new());
            for (add, number) in changes {
                if add {
                    numbers.insert(number);
                    set.insert(number);
                } else {
                    numbers.remove(number);
                    set.remove(&number);
                }
            }
            prop_assert_eq!(numbers.len(), set.len());
            prop_assert!((0..400).all(|number| numbers.contains(number) == set.contains(&number)));
        }

        /// The compact form holds what a map of the same insertions holds, whichever names it began with.
        #[test]
        fn grants_are_a_map(
            inserted in prop::collection::vec((0..6_usize, 0..5_u8), 0..30),
            shared in 0..6_usize,
            keep in prop::collection::vec(any::<bool>(), 6),
        ) {
            const NAMES: [&str; 6] = ["a.read", "a.write", "catalog.products.read", "b", "", "catalog.products.reap"];
            let names = Arc::new(Names::new(NAMES.get(..shared).unwrap_or_default()));
            let (mut grants, mut map) = (Grants::of(names), BTreeMap::new());
            for (name, n) in &inserted {
                grants.insert(NAMES[*name], reach(*n));
                map.insert(NAMES[*name], reach(*n));
            }
            map.retain(|_, reach| !reach.is_empty());
            prop_assert_eq!(grants.iter().map(|(name, reach)| (name, reach.clone())).collect::<BTreeMap<_, _>>(), map.clone());
            prop_assert_eq!((grants.len(), grants.is_empty()), (map.len(), map.is_empty()));
            for name in NAMES {
                prop_assert_eq!(grants.get(name), map.get(name));
            }
            prop_assert_eq!(&map.clone().into_iter().collect::<Grants>(), &grants);
            let kept = grants.kept(|name| NAMES.iter().position(|one| *one == name).is_some_and(|at| keep[at]));
            map.retain(|name, _| NAMES.iter().position(|one| one == name).is_some_and(|at| keep[at]));
            prop_assert_eq!(&map.into_iter().collect::<Grants>(), &kept);
        }
    }
}
