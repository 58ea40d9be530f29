//! What happens to the catalogue.

use serde::{Deserialize, Serialize};

use super::model::{Category, CategoryId, Movement, Product, ProductId};
use crate::branches::BranchId;
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`CategoryMoved`].
pub const CATEGORY_MOVED: &str = "catalog.category.moved";
/// The kind of [`StockMoved`].
pub const STOCK_MOVED: &str = "catalog.stock.moved";

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

impl Event for CategoryMoved {
    const KIND: &'static str = CATEGORY_MOVED;

    fn about(&self) -> About {
        About {
            reference: Some(Reference { kind: Category::SCHEMA.kind, id: self.category.into() }),
            ..About::default()
        }
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
        About {
            branch: Some(self.branch),
            reference: Some(Reference { kind: Product::SCHEMA.kind, id: self.product.into() }),
            ..About::default()
        }
    }
}
