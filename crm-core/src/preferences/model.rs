//! What is kept of a preference.

use crate::customers::CustomerId;
use crate::kernel::time::Timestamp;
use crate::work::Version;

crate::text_enum! {
    /// Who says so. What comes first here counts more.
    pub enum PreferenceSource {
        /// The customer has said it.
        Stated = "stated",
        /// It came with data from elsewhere.
        Imported = "imported",
        /// It was derived from what the customer does.
        Derived = "derived",
    }
}

crate::entity! {
    /// What a customer likes or is interested in, as one source has it: `diet` is `vegan`.
    pub struct Preference {
        kind: "preference", table: "crm_preferences",
        key: (customer_id: CustomerId, key: String, source: PreferenceSource), columns: preference, version: version,
        personal: [value],
    } {
        /// Whose.
        customer_id: CustomerId,
        /// What it is about: 1 to 64 small letters, digits, `.`, `_` and `-`.
        key: String,
        /// Who says so.
        source: PreferenceSource,
        /// The optimistic lock.
        version: Version,
        /// What they like of it, 1 to 200 characters.
        value: String,
        /// When it was said or derived.
        at: Timestamp,
    }
}
