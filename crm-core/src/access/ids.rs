//! Small sets of ids.

/// A set of ids, in order. One id, which most reaches have, needs no memory of its own: a decision then looks at no other
/// place (ADR 8).
///
/// ```
/// use crm_core::access::Ids;
/// let ids: Ids<u32> = [3, 1, 3].into_iter().collect();
/// assert_eq!((ids.as_slice(), ids.contains(&1), ids.contains(&2)), (&[1, 3][..], true, false));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids<T>(Place<T>);

/// Each set has one form.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place<T> {
    None,
    One(T),
    Many(Box<[T]>),
}

impl<T> Ids<T> {
    /// The empty set.
    pub const NONE: Self = Self(Place::None);

    /// The ids, in order.
    pub fn as_slice(&self) -> &[T] {
        match &self.0 {
            Place::None => &[],
            Place::One(id) => std::slice::from_ref(id),
            Place::Many(ids) => ids,
        }
    }

    /// The ids, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Place::None)
    }
}

impl<T: Ord + Copy> Ids<T> {
    /// Whether this id is in it.
    pub fn contains(&self, id: &T) -> bool {
        match &self.0 {
            Place::None => false,
            Place::One(one) => one == id,
            Place::Many(ids) => ids.binary_search(id).is_ok(),
        }
    }

    /// The ids that are not in the other set.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.iter().copied().filter(|id| !other.contains(id)).collect()
    }
}

impl<T> Default for Ids<T> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<T: Ord + Copy> FromIterator<T> for Ids<T> {
    fn from_iter<I: IntoIterator<Item = T>>(ids: I) -> Self {
        let mut ids: Vec<T> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self(match ids.as_slice() {
            [] => Place::None,
            [one] => Place::One(*one),
            _ => Place::Many(ids.into()),
        })
    }
}

impl<T: Ord + Copy> Extend<T> for Ids<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, ids: I) {
        let mut more = ids.into_iter().peekable();
        if more.peek().is_some() {
            *self = self.iter().copied().chain(more).collect();
        }
    }
}

impl<T> IntoIterator for Ids<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        let ids = match self.0 {
            Place::None => Vec::new(),
            Place::One(id) => vec![id],
            Place::Many(ids) => ids.into_vec(),
        };
        ids.into_iter()
    }
}

impl<'i, T> IntoIterator for &'i Ids<T> {
    type Item = &'i T;
    type IntoIter = std::slice::Iter<'i, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It is the set of the same ids, with one form for each.
        #[test]
        fn ids_are_a_set(a in prop::collection::vec(0..6_u8, 0..6), b in prop::collection::vec(0..6_u8, 0..6)) {
            let set = |ids: &[u8]| ids.iter().copied().collect::<BTreeSet<_>>();
            let ids: Ids<u8> = a.iter().copied().collect();
            let other: Ids<u8> = b.iter().copied().collect();
            prop_assert_eq!((ids.len(), ids.is_empty()), (set(&a).len(), a.is_empty()));
            prop_assert!(ids.iter().eq(&set(&a)) && (0..7).all(|id| ids.contains(&id) == a.contains(&id)));
            prop_assert!(ids.without(&other).iter().eq(set(&a).difference(&set(&b))));
            let mut both = ids.clone();
            both.extend(b.iter().copied());
            prop_assert!(both.iter().eq(set(&a).union(&set(&b))));
            prop_assert_eq!(ids == other, set(&a) == set(&b));
        }
    }
}
