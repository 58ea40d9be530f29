//! The vocabulary, the rules and the ports of an embeddable customer management library.

// The exported macros name this crate from outside; this lets them do so from inside too.
extern crate self as crm_core;

pub mod access;
pub mod accounts;
pub mod branches;
pub mod catalog;
#[cfg(feature = "conformance")]
pub mod conformance;
mod crm;
pub mod customers;
pub mod instalments;
pub mod invoices;
pub mod journal;
pub mod kernel;
pub mod loyalty;
mod memory;
pub mod module;
mod nouns;
pub mod offers;
pub mod partners;
pub mod preferences;
pub mod pricing;
pub mod purchases;
pub mod quotas;
pub mod returns;
pub mod settings;
pub mod shipping;
pub mod work;

pub use crm::{Blocking, Crm, CrmBuilder, DescribedModule, Description};
pub use kernel::error::{Error, ErrorKind, Result};
pub use memory::MemoryStorage;

/// What the exported macros need of other crates.
#[doc(hidden)]
pub mod reexport {
    pub use serde;
    pub use uuid::Uuid;
}
