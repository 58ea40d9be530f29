//! The tree of categories as prices see it: paths, depths and the nearest tax class.

use std::collections::HashMap;

use crate::catalog::{Category, CategoryId};
use crate::{Error, Result};
use uuid::Uuid;

/// A snapshot of the tree of categories.
#[derive(Debug, Default)]
pub struct CategoryTree {
    nodes: Vec<Node>,
    by_id: HashMap<CategoryId, usize>,
}

#[derive(Debug)]
struct Node {
    parent: Option<usize>,
    depth: u16,
    tax_class: Option<String>,
}

impl CategoryTree {
    /// The tree of these categories, in any order.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `category.no_parent`, `category.cycle`, or `category.twice`.
    pub fn new(categories: &[Category]) -> Result<Self> {
        let mut by_id = HashMap::with_capacity(categories.len());
        for (at, category) in categories.iter().enumerate() {
            if by_id.insert(category.id, at).is_some() {
                return Err(Error::invalid("category", "category.twice"));
            }
        }
        let nodes = categories.iter().map(|category| {
            let top = Uuid::from(category.parent).is_nil();
            let parent = (!top).then(|| by_id.get(&category.parent).copied());
            let parent = parent.map(|parent| parent.ok_or_else(|| Error::invalid("parent", "category.no_parent")));
            Ok(Node { parent: parent.transpose()?, depth: 0, tax_class: category.tax_class.clone() })
        });
        let mut tree = Self { nodes: nodes.collect::<Result<_>>()?, by_id };
        tree.measure()?;
        Ok(tree)
    }

    /// Gives every node its depth, 1 at the top.
    fn measure(&mut self) -> Result<()> {
        let mut path = Vec::new();
        for start in 0..self.nodes.len() {
            let (mut at, mut above) = (Some(start), 0);
            while let Some((index, node)) = at.and_then(|index| Some((index, self.nodes.get(index)?))) {
                if node.depth > 0 {
                    above = node.depth;
                    break;
                }
                if path.len() > self.nodes.len() {
                    return Err(Error::invalid("parent", "category.cycle"));
                }
                path.push(index);
                at = node.parent;
            }
            while let Some(node) = path.pop().and_then(|index| self.nodes.get_mut(index)) {
                above = above.checked_add(1).ok_or_else(|| Error::invalid("parent", "category.too_deep"))?;
                node.depth = above;
            }
        }
        Ok(())
    }

    /// How many categories there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How deep a category lies, 1 at the top; nothing when it is not in the tree.
    pub fn depth(&self, category: CategoryId) -> Option<u16> {
        Some(self.nodes.get(self.position(category)?)?.depth)
    }

    /// Whether a category is another one, or lies below it.
    pub fn is_within(&self, category: CategoryId, above: CategoryId) -> bool {
        let above = self.position(above);
        above.is_some() && self.up(self.position(category)).any(|node| Some(node) == above)
    }

    /// The tax class of the nearest category that has one, from this node up.
    pub(super) fn tax_class(&self, node: Option<usize>) -> Option<&str> {
        self.up(node).find_map(|node| self.nodes.get(node)?.tax_class.as_deref())
    }

    pub(super) fn position(&self, category: CategoryId) -> Option<usize> {
        self.by_id.get(&category).copied()
    }

    pub(super) fn parent(&self, node: usize) -> Option<usize> {
        self.nodes.get(node)?.parent
    }

    /// A node and all above it.
    fn up(&self, from: Option<usize>) -> impl Iterator<Item = usize> {
        std::iter::successors(from, |node| self.parent(*node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Version;

    fn category(id: u128, parent: u128, tax_class: Option<&str>) -> Category {
        Category {
            id: Uuid::from_u128(id).into(),
            version: Version::FIRST,
            parent: Uuid::from_u128(parent).into(),
            path: String::new(),
            name: String::new(),
            folded_name: String::new(),
            tax_class: tax_class.map(str::to_owned),
        }
    }

    fn id(id: u128) -> CategoryId {
        Uuid::from_u128(id).into()
    }

    #[test]
    fn depths_and_paths_do_not_depend_on_the_order() {
        let mut categories = [category(1, 0, Some("a")), category(2, 1, None), category(3, 2, Some("b"))];
        for _ in 0..3 {
            categories.rotate_left(1);
            let tree = CategoryTree::new(&categories).unwrap();
            assert_eq!([1, 2, 3, 4].map(|node| tree.depth(id(node))), [Some(1), Some(2), Some(3), None]);
            assert!(tree.is_within(id(3), id(1)) && tree.is_within(id(2), id(2)) && !tree.is_within(id(1), id(3)));
            assert!(!tree.is_within(id(4), id(4)));
            assert_eq!(
                [1, 2, 3].map(|node| tree.tax_class(tree.position(id(node)))),
                [Some("a"), Some("a"), Some("b")]
            );
        }
    }

    #[test]
    fn circles_orphans_and_twins_are_refused() {
        for categories in [
            vec![category(1, 2, None), category(2, 1, None)],
            vec![category(1, 1, None)],
            vec![category(1, 2, None)],
            vec![category(1, 0, None), category(1, 0, None)],
        ] {
            assert!(CategoryTree::new(&categories).is_err());
        }
    }
}
