//! The club's own suite on the memory backend.

use std::sync::Arc;

use crm_core::MemoryStorage;
use crm_core::work::Storage;

crm_loyalty::loyalty_conformance_tests!(|| Arc::new(MemoryStorage::new()) as Arc<dyn Storage>);
