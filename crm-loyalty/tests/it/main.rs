//! The club's own suite on the memory backend, and its rules by themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod access;
mod dates;
mod dual_control;
mod stored_value;
mod tier_rules;

use std::sync::Arc;

use crm_core::MemoryStorage;
use crm_core::work::Storage;

crm_loyalty::loyalty_conformance_tests!(|| Arc::new(MemoryStorage::new()) as Arc<dyn Storage>);
