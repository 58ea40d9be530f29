//! Reading what a purchase has earned.

use crm_core::Result;
use crm_core::loyalty::earning::PurchaseSheet;
use crm_core::purchases::PurchaseId;

use crate::Club;

/// Permission to let purchases earn: the module's own.
pub const EARN: &str = "loyalty.earn";
/// Permission to see what purchases have earned.
pub const READ: &str = "loyalty.earnings.read";

impl Club<'_, '_> {
    /// What a purchase has earned, by rule and by line, and which rules gave nothing and why (C79). Nothing for a purchase
    /// of nobody, of somebody who was no member, or of a time without a programme.
    ///
    /// # Errors
    /// [`crm_core::Error::Denied`] without [`READ`].
    pub fn points_of(&mut self, purchase: PurchaseId) -> Result<Option<PurchaseSheet>> {
        self.0.within(READ)?.find(&purchase)
    }
}
