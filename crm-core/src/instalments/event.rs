//! What happens to instalments and cheques.

use serde::{Deserialize, Serialize};

use super::model::{Cheque, ChequeId, InstalmentPlan};
use super::rules::ChequeState;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::money::Money;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::module::{About, Event, Reference};
use crate::purchases::{Purchase, PurchaseId};
use crate::work::Entity;

/// The kind of [`InstalmentsCleared`].
pub const INSTALMENTS_CLEARED: &str = "instalments.cleared";
/// The kind of [`ChequeMoved`].
pub const CHEQUE_MOVED: &str = "instalments.cheque_moved";

crate::text_enum! {
    /// Why the cleared money of a purchase changed.
    pub enum Cause {
        /// A payment.
        Payment = "payment",
        /// A cheque was cleared.
        ChequeCleared = "cheque_cleared",
        /// A cheque that was cleared has bounced.
        ChequeBounced = "cheque_bounced",
        /// Something of the purchase was returned.
        Return = "return",
    }
}

/// The cleared money of a purchase that is paid later has changed. What is earned by paying is now
/// `floor(earned × cleared / due)` in all, so the difference to what was given before is to be given, or taken (S-12).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstalmentsCleared {
    /// The purchase.
    pub purchase: PurchaseId,
    /// Where.
    pub branch: BranchId,
    /// Who owes, if known.
    pub customer: Option<CustomerId>,
    /// Why.
    pub cause: Cause,
    /// What the customer pays for the purchase in all, after returns: n.
    pub due: Money,
    /// What of that is cleared now, with what was paid at once: p.
    pub cleared: Money,
    /// What was cleared before, of what was due before.
    pub cleared_before: Money,
    /// What was due before.
    pub due_before: Money,
    /// When it happened.
    pub occurred_at: Timestamp,
}

impl InstalmentsCleared {
    /// What happened between two states of a plan.
    pub(super) fn between(
        before: &InstalmentPlan,
        after: &InstalmentPlan,
        cause: Cause,
        occurred_at: Timestamp,
    ) -> Self {
        Self {
            purchase: after.purchase_id,
            branch: after.branch_id,
            customer: after.customer_id,
            cause,
            due: after.due(),
            cleared: after.cleared(),
            cleared_before: before.cleared(),
            due_before: before.due(),
            occurred_at,
        }
    }
}

impl Event for InstalmentsCleared {
    const KIND: &'static str = INSTALMENTS_CLEARED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: Some(self.branch),
            reference: Some(Reference { kind: Purchase::SCHEMA.kind, id: self.purchase.into() }),
            occurred_at: Some(self.occurred_at),
        }
    }
}

/// A cheque came, or went from one state to another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChequeMoved {
    /// The cheque.
    pub cheque: ChequeId,
    /// The purchase whose instalments it pays.
    pub purchase: PurchaseId,
    /// Where it was taken.
    pub branch: BranchId,
    /// Who gave it, if known.
    pub customer: Option<CustomerId>,
    /// Where it was; nothing when it has just come.
    pub from: Option<ChequeState>,
    /// Where it is.
    pub to: ChequeState,
    /// How much.
    pub amount: Money,
    /// The day on which it can be cashed.
    pub due_on: CivilDate,
}

impl ChequeMoved {
    pub(super) fn of(cheque: &Cheque, from: Option<ChequeState>) -> Self {
        Self {
            cheque: cheque.id,
            purchase: cheque.purchase_id,
            branch: cheque.branch_id,
            customer: cheque.customer_id,
            from,
            to: cheque.state,
            amount: cheque.amount(),
            due_on: cheque.due_on,
        }
    }
}

impl Event for ChequeMoved {
    const KIND: &'static str = CHEQUE_MOVED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: Some(self.branch),
            reference: Some(Reference { kind: Cheque::SCHEMA.kind, id: self.cheque.into() }),
            ..About::default()
        }
    }
}
