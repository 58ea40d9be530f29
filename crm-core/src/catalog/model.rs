//! Categories, products and stock.

use crate::branches::BranchId;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::work::{Json, Version};
use std::collections::BTreeMap;
use uuid::Uuid;

crate::id! {
    /// Names a category.
    pub struct CategoryId;
    /// Names a move of a category.
    pub struct CategoryMoveId;
    /// Names a product.
    pub struct ProductId;
    /// Names a stock movement.
    pub struct StockMovementId;
}

crate::entity! {
    /// A product branch: a node of the tree of goods and services.
    pub struct Category {
        kind: "category", table: "crm_categories", key: (id: CategoryId), columns: category, version: version,
        unique: { name: [parent, folded_name] },
    } {
        /// Its id.
        id: CategoryId,
        /// The optimistic lock.
        version: Version,
        /// The category above; the nil id at the top, so that names there are unique too.
        parent: CategoryId,
        /// Its place in the tree: the ids from the top down to itself. A subtree is what begins with it.
        path: String,
        /// Its name.
        name: String,
        /// Its name, folded.
        folded_name: String,
        /// The tax class of everything in its subtree that has none nearer.
        tax_class: Option<String>,
    }
}

crate::entity! {
    /// The state of the tree as a whole: a stamp that is another one whenever a category is added, moved or taxed anew,
    /// by which a snapshot of the tree knows that it is old.
    pub struct CategoryTreeState {
        kind: "category_tree", records: [], key: (id: CategoryId), columns: category_tree_state, version: version,
    } {
        /// The nil id: there is one tree.
        id: CategoryId,
        /// The optimistic lock.
        version: Version,
        /// Changes with the tree.
        stamp: Uuid,
    }
}

crate::entity! {
    /// A category was moved in the tree: its history.
    pub struct CategoryMove {
        kind: "category_move", table: "crm_category_moves", key: (category_id: CategoryId, id: CategoryMoveId), columns: category_move,
    } {
        /// The category.
        category_id: CategoryId,
        /// Its id.
        id: CategoryMoveId,
        /// Where it was.
        old_path: String,
        /// Where it went.
        new_path: String,
        /// When.
        moved_at: Timestamp,
    }
}

crate::entity! {
    /// Something that is sold: goods or a service.
    pub struct Product {
        kind: "product", table: "crm_products", key: (id: ProductId), columns: product, version: version,
        unique: { sku: [sku] },
    } {
        /// Its id.
        id: ProductId,
        /// The optimistic lock.
        version: Version,
        /// Its article number.
        sku: String,
        /// Its name.
        name: String,
        /// The category it belongs to.
        category_id: Option<CategoryId>,
        /// Its list price, in minor units of its currency.
        price_minor: i64,
        /// The currency of its price.
        currency: Currency,
        /// Whether its stock is counted. Services have none.
        stocked: bool,
        /// Whether its stock may fall below zero.
        oversell: bool,
        /// Whether it is sold.
        active: bool,
        /// No discount takes the price of one below this, in minor units.
        floor_minor: Option<i64>,
        /// Its tax class; without one, that of the nearest category above.
        tax_class: Option<String>,
        /// What else is known of it, by which price rules may choose: `brand` = `Lavazza`.
        attributes: Json<BTreeMap<String, String>>,
    }
}

impl Product {
    /// Its list price.
    pub fn price(&self) -> Money {
        Money::new(self.price_minor, self.currency)
    }
}

crate::entity! {
    /// How much of a product is at a branch: what was booked, less what was sold.
    pub struct Stock {
        kind: "stock", table: "crm_stock", key: (product_id: ProductId, branch_id: BranchId), columns: stock_level,
        counters: [on_hand], scoped: { branch: branch_id },
    } {
        /// The product.
        product_id: ProductId,
        /// The branch.
        branch_id: BranchId,
        /// Pieces on hand.
        on_hand: i64,
    }
}

crate::text_enum! {
    /// Why stock was booked. What is sold is not booked: the line of the purchase is the movement.
    pub enum Movement {
        /// Goods came in.
        Receipt = "receipt",
        /// Counted, and found different.
        Correction = "correction",
    }
}

crate::entity! {
    /// Stock came or went other than by a sale. Never changed.
    pub struct StockMovement {
        kind: "stock_movement", table: "crm_stock_movements",
        key: (product_id: ProductId, branch_id: BranchId, id: StockMovementId), columns: stock_movement,
        scoped: { branch: branch_id },
    } {
        /// The product.
        product_id: ProductId,
        /// The branch.
        branch_id: BranchId,
        /// Its id.
        id: StockMovementId,
        /// Pieces, negative when they went.
        quantity: i64,
        /// Why.
        movement: Movement,
        /// The record that caused it, if any.
        cause: Option<Uuid>,
        /// When it was recorded.
        recorded_at: Timestamp,
    }
}
