//! What the club gives: the one place that knows the module of the club.

use crm_core::CrmBuilder;

/// Adds the club to a store.
pub(crate) fn install(builder: CrmBuilder) -> CrmBuilder {
    builder
}
