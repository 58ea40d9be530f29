//! What several test files need.

use crm_core::{Error, Result};
use std::fmt::Debug;

/// The code of the rule that was broken.
pub(crate) fn rule<T: Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("expected a broken rule, got {other:?}"),
    }
}
