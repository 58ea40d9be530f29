//! Customers: persons and organisations, from the first lead on, found again by whatever is known of them (C01, C02, C05).

pub mod event;
mod language;
mod merge;
mod model;
mod rules;
mod search;
mod service;

pub use language::LANGUAGE;
pub(crate) use language::language_of;
pub use merge::{MERGE, Merge, current, merges_agree};
pub(crate) use merge::{ids_of, permit_on_current};
pub use model::{
    Customer, CustomerId, CustomerKind, CustomerMerge, MergedField, Relation, SearchField, SearchKey, Stage, customer,
    customer_merge, relation, search_key,
};
pub use rules::{completeness, joined, search_keys, taken_back};
pub use search::{Identifiers, Match, search_keys_agree};
pub use service::{Customers, NewCustomer, READ, WRITE};
