//! Shipping: what is still to be packed for whom, and what has left (C14, C15).

pub mod event;
mod invariants;
mod model;
mod service;

pub use invariants::pick_lines_agree;
pub use model::{PickLine, pick_line};
pub use service::{PickQuery, READ, SHIP, ShipLine, Shipping};
pub(crate) use service::{prepare, withdraw};
