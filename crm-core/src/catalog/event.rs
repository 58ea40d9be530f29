//! What happens to the catalogue.

use serde::{Deserialize, Serialize};

use super::model::{Category, CategoryId, Movement, Product, ProductId};
use crate::branches::BranchId;
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`CategoryCreated`].
pub const CATEGORY_CREATED: &str = "catalog.category.created";
/// The kind of [`ProductCreated`].
pub const PRODUCT_CREATED: &str = "catalog.product.created";
/// The kind of [`ProductChanged`].
pub const PRODUCT_CHANGED: &str = "catalog.product.changed";
/// The kind of [`CategoryMoved`].
pub const CATEGORY_MOVED: &str = "catalog.category.moved";
/// The kind of [`CategoryTaxed`].
pub const CATEGORY_TAXED: &str = "catalog.category.taxed";
/// The kind of [`StockMoved`].
pub const STOCK_MOVED: &str = "catalog.stock.moved";

/// A category was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CategoryCreated {
    /// The category.
    pub category: CategoryId,
}

/// A category got another tax class.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CategoryTaxed {
    /// The category.
    pub category: CategoryId,
    /// The class, if it has one now.
    pub tax_class: Option<String>,
}

impl Event for CategoryTaxed {
    const KIND: &'static str = CATEGORY_TAXED;

    fn about(&self) -> About {
        about_category(self.category)
    }
}

/// A product was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProductCreated {
    /// The product.
    pub product: ProductId,
}

/// Data of a product were changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProductChanged {
    /// The product.
    pub product: ProductId,
    /// The columns that changed.
    pub columns: Vec<String>,
}

/// A category went to another place in the tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CategoryMoved {
    /// The category.
    pub category: CategoryId,
    /// Where it was.
    pub old_path: String,
    /// Where it is now.
    pub new_path: String,
}

fn about_category(category: CategoryId) -> About {
    About { reference: Some(Reference { kind: Category::SCHEMA.kind, id: category.into() }), ..About::default() }
}

fn about_product(product: ProductId) -> About {
    About { reference: Some(Reference { kind: Product::SCHEMA.kind, id: product.into() }), ..About::default() }
}

impl Event for CategoryCreated {
    const KIND: &'static str = CATEGORY_CREATED;

    fn about(&self) -> About {
        about_category(self.category)
    }
}

impl Event for ProductCreated {
    const KIND: &'static str = PRODUCT_CREATED;

    fn about(&self) -> About {
        about_product(self.product)
    }
}

impl Event for ProductChanged {
    const KIND: &'static str = PRODUCT_CHANGED;

    fn about(&self) -> About {
        about_product(self.product)
    }
}

impl Event for CategoryMoved {
    const KIND: &'static str = CATEGORY_MOVED;

    fn about(&self) -> About {
        about_category(self.category)
    }
}

/// Stock was received or corrected. Sales tell of themselves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StockMoved {
    /// The product.
    pub product: ProductId,
    /// The branch.
    pub branch: BranchId,
    /// Pieces, negative when they went.
    pub quantity: i64,
    /// Why.
    pub movement: Movement,
}

impl Event for StockMoved {
    const KIND: &'static str = STOCK_MOVED;

    fn about(&self) -> About {
        About { branch: Some(self.branch), ..about_product(self.product) }
    }
}
