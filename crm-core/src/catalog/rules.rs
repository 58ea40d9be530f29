//! The tree of categories: paths, as pure functions.

use super::model::{Category, CategoryId, Product};
use crate::kernel::input::required_text;
use crate::{Error, Result};

/// How deep the tree may be.
pub const MAX_DEPTH: usize = 32;

/// The path of a category under a parent: ids from the top down, each closed by a slash.
pub(super) fn path_under(parent: Option<&Category>, id: CategoryId) -> Result<String> {
    let above = parent.map_or("", |parent| parent.path.as_str());
    if above.matches('/').count() >= MAX_DEPTH {
        return Err(Error::invalid("parent", "category.too_deep"));
    }
    Ok(format!("{above}{id}/"))
}

/// The path of a node when the subtree it is in moves from one place to another.
pub(super) fn moved_path(path: &str, from: &str, to: &str) -> Result<String> {
    let rest = path.strip_prefix(from).ok_or_else(|| Error::invalid("path", "category.not_below"))?;
    let moved = format!("{to}{rest}");
    if moved.matches('/').count() > MAX_DEPTH {
        return Err(Error::invalid("parent", "category.too_deep"));
    }
    Ok(moved)
}

/// Refuses to put a category under itself or its own subtree.
pub(super) fn check_move(category: &Category, parent: Option<&Category>) -> Result<()> {
    match parent {
        Some(parent) if parent.path.starts_with(&category.path) => {
            Err(Error::invalid("parent", "category.below_itself"))
        }
        _ => Ok(()),
    }
}

/// The most attributes of a product.
const MAX_ATTRIBUTES: usize = 50;

/// A tax class, as people write it: 1 to 32 characters.
pub(crate) fn tax_class(class: &str) -> Result<String> {
    required_text("tax_class", class, 32)
}

/// Puts the texts of a product in order and refuses a price, a floor or attributes that make no sense.
pub(super) fn check_product(product: &mut Product) -> Result<()> {
    if product.price_minor < 0 {
        return Err(Error::invalid("price", "product.price_negative"));
    }
    if product.floor_minor.is_some_and(|floor| !(0..=product.price_minor).contains(&floor)) {
        return Err(Error::invalid("floor", "product.floor_range"));
    }
    product.sku = required_text("sku", &product.sku, 64)?;
    product.name = required_text("name", &product.name, 300)?;
    product.tax_class = product.tax_class.as_deref().map(tax_class).transpose()?;
    if product.attributes.0.len() > MAX_ATTRIBUTES {
        return Err(Error::invalid("attributes", "product.attribute_count"));
    }
    for (name, value) in &product.attributes.0 {
        // Rules look for them by equality, so they are refused rather than trimmed.
        if required_text("attributes", name, 64)? != *name || required_text("attributes", value, 200)? != *value {
            return Err(Error::invalid("attributes", "product.attribute_spaces"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Version;
    use uuid::Uuid;

    fn category(n: u128, parent: Option<&Category>) -> Category {
        let id = CategoryId::from(Uuid::from_u128(n));
        let path = path_under(parent, id).unwrap();
        let parent = parent.map_or(Uuid::nil().into(), |parent| parent.id);
        Category {
            id,
            version: Version::FIRST,
            parent,
            path,
            name: "x".into(),
            folded_name: "x".into(),
            tax_class: None,
        }
    }

    #[test]
    fn a_subtree_begins_with_its_path() {
        let top = category(1, None);
        let below = category(2, Some(&top));
        assert!(below.path.starts_with(&top.path));
        assert!(check_move(&top, Some(&below)).is_err());
        assert!(check_move(&top, Some(&top)).is_err());
        assert!(check_move(&below, None).is_ok());
    }

    #[test]
    fn a_move_takes_the_subtree_along() {
        let (a, b) = (category(1, None), category(2, None));
        let child = category(3, Some(&a));
        let grandchild = category(4, Some(&child));
        let to = path_under(Some(&b), child.id).unwrap();
        let moved = moved_path(&grandchild.path, &child.path, &to).unwrap();
        assert_eq!(moved, format!("{}{}/{}/", b.path, child.id, grandchild.id));
        assert!(moved_path(&b.path, &a.path, "").is_err());
    }

    #[test]
    fn the_tree_has_a_bottom() {
        let mut node = category(1, None);
        for n in 2..=MAX_DEPTH as u128 {
            node = category(n, Some(&node));
        }
        assert!(path_under(Some(&node), node.id).is_err());
    }
}
