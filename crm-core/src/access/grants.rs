//! What somebody holds, in a form in which a decision touches little memory.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::reach::Reach;

/// Permissions by name, and how far each reaches. What reaches nothing is not held.
///
/// Many actors of one policy share the table of names, and permissions that reach the same share the reach: so an actor who
/// is asked for the first time costs few lines of memory, however many actors there are (ADR 8).
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
    /// By the number of a name: one more than the place of its reach, or zero.
    slots: Vec<u16>,
    reaches: Vec<Reach>,
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
        // More different reaches than a slot can tell are not held: less than was meant, and never more.
        let slot = if reach.is_empty() { 0 } else { u16::try_from(self.place_of(reach) + 1).unwrap_or(0) };
        if number >= self.slots.len() {
            self.slots.resize(number + 1, 0);
        }
        if let Some(place) = self.slots.get_mut(number) {
            *place = slot;
        }
    }

    fn place_of(&mut self, reach: Reach) -> usize {
        self.reaches.iter().position(|known| *known == reach).unwrap_or_else(|| {
            self.reaches.push(reach);
            self.reaches.len() - 1
        })
    }

    /// How far a permission reaches, if it is held.
    pub fn get(&self, permission: &str) -> Option<&Reach> {
        let slot = *self.slots.get(*self.names.0.get(permission)?)?;
        self.reaches.get(usize::from(slot.checked_sub(1)?))
    }

    /// Everything that is held, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Reach)> {
        self.names.0.keys().filter_map(|name| Some((name.as_ref(), self.get(name)?)))
    }

    /// How many permissions are held.
    pub fn len(&self) -> usize {
        self.slots.iter().filter(|slot| **slot != 0).count()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same without the permissions that are not to be kept.
    pub(super) fn kept(&self, keep: impl Fn(&str) -> bool) -> Self {
        let mut kept = self.clone();
        for (name, number) in &self.names.0 {
            if let Some(slot) = kept.slots.get_mut(*number).filter(|_| !keep(name)) {
                *slot = 0;
            }
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
