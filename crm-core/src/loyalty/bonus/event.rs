//! What happens to bonuses. What was given is an entry of the ledger, which says so itself.

use serde::{Deserialize, Serialize};

use super::model::{BonusRequest, BonusRequestId, BonusState};
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::loyalty::Asset;
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`BonusChanged`].
pub const BONUS_CHANGED: &str = "loyalty.bonus_changed";

/// A bonus was asked for, changed, given, refused or taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BonusChanged {
    /// Which.
    pub bonus: BonusRequestId,
    /// Whose.
    pub customer: Option<CustomerId>,
    /// Where.
    pub branch: BranchId,
    /// Of what.
    pub asset: Asset,
    /// How much.
    pub amount: i64,
    /// Where it stands now.
    pub state: BonusState,
}

impl From<&BonusRequest> for BonusChanged {
    fn from(bonus: &BonusRequest) -> Self {
        Self {
            bonus: bonus.id,
            customer: bonus.customer_id,
            branch: bonus.branch_id,
            asset: bonus.asset,
            amount: bonus.amount,
            state: bonus.state,
        }
    }
}

impl Event for BonusChanged {
    const KIND: &'static str = BONUS_CHANGED;

    fn about(&self) -> About {
        About {
            customer: self.customer,
            branch: Some(self.branch),
            reference: Some(Reference { kind: BonusRequest::SCHEMA.kind, id: self.bonus.into() }),
            ..About::default()
        }
    }
}
