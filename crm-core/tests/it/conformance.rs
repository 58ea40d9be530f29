//! The conformance suite on the backend that is in this crate, plain and behind the write buffer.

mod memory {
    use crm_core::MemoryStorage;
    use crm_core::work::Storage;
    use std::sync::Arc;

    crm_core::conformance_tests!(|| Arc::new(MemoryStorage::new()) as Arc<dyn Storage>);
}

mod grouped {
    use crm_core::conformance::GroupedMemory;
    use crm_core::work::Storage;
    use std::sync::Arc;

    crm_core::conformance_tests!(|| Arc::new(GroupedMemory::new()) as Arc<dyn Storage>);
}
