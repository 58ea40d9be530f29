//! Customers: persons and organisations, from the first lead on, found again by whatever is known of them (C01, C02, C05).

pub mod event;
mod language;
mod model;
mod rules;
mod search;
mod service;

pub use language::LANGUAGE;
pub(crate) use language::language_of;
pub use model::{
    Customer, CustomerId, CustomerKind, Relation, SearchField, SearchKey, Stage, customer, relation, search_key,
};
pub use rules::{completeness, search_keys};
pub use search::{Identifiers, Match, search_keys_agree};
pub use service::{Customers, NewCustomer, READ, WRITE};
