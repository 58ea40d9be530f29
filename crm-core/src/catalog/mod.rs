//! What is sold: categories (product branches) as a tree, products, and their stock (C18).

pub mod event;
mod model;
mod rules;
mod service;
mod stock;

pub use model::{
    Category, CategoryId, CategoryMove, CategoryMoveId, CategoryTreeState, Movement, Product, ProductId, Stock,
    StockMovement, StockMovementId, category, category_move, category_tree_state, product, stock_level, stock_movement,
};
pub use rules::MAX_DEPTH;
pub(crate) use rules::tax_class;
pub(crate) use service::tree_stamp;
pub use service::{Catalog, NewProduct, READ, WRITE};
pub use stock::{STOCK, stock_matches_movements};
