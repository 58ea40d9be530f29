//! Some days at the desk, after the history ends. Each step is done once, so that the play goes on where it was stopped.

use crm_core::Result;
use crm_core::kernel::time::Timestamp;

use crate::report::summary::Scene;
use crate::shop::Shop;
use crate::till::Till;

/// Plays the desk, and tells what happened.
///
/// # Errors
/// What the store meets.
pub(crate) async fn play(_till: &Till, _shop: &Shop, _from: Timestamp) -> Result<Vec<Scene>> {
    Ok(Vec::new())
}
