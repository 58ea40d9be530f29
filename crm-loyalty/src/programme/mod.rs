//! Saving versions of the programme, and finding the one in force.

pub mod event;
mod service;

pub use crm_core::loyalty::programme::Compiled;
pub use service::{NewVersion, READ, WRITE};
pub(crate) use service::{Versions, always_had, current, current_or_last, expect, numbered, other_ladders, tree};
