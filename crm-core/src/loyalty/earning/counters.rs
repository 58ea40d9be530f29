//! What is counted over several purchases: uses of limits (S-40), purchases and amounts towards the next step (S-38).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::model::{EarnLimit, LimitCap};
use crate::kernel::time::CivilDate;
use crate::loyalty::ledger::AccountId;
use crate::pricing::LimitPer;
use crate::{Error, Result};

crate::entity! {
    /// What was counted for one rule or asset in one period, of one member or of everybody.
    pub struct EarnCounter {
        kind: "loyalty_earn_counter", table: "crm_loyalty_earn_counters",
        key: (account_id: AccountId, counts: String, period: CivilDate), columns: earn_counter, counters: [balance],
    } {
        /// Whose; nil for everybody's.
        account_id: AccountId,
        /// What is counted, and in which periods.
        counts: String,
        /// The first day of the period; the first day there is for what has no periods.
        period: CivilDate,
        /// How much.
        balance: i64,
    }
}

/// Names a counter, whoever it is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CounterKey {
    /// Whether it is the member's own; otherwise it is everybody's.
    #[serde(default, skip_serializing_if = "is_false")]
    pub own: bool,
    /// What is counted.
    pub counts: String,
    /// The first day of the period.
    pub period: CivilDate,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks for it")]
fn is_false(own: &bool) -> bool {
    !*own
}

impl CounterKey {
    /// A counter of a member that has no periods.
    pub(super) fn own(counts: String, period: CivilDate) -> Self {
        Self { own: true, counts, period }
    }

    /// The counter that a limit of a rule or asset moves on a business day.
    ///
    /// # Errors
    /// None that a valid limit can cause.
    pub(super) fn of(owner: &str, limit: &EarnLimit, date: CivilDate) -> Result<Self> {
        let what = match limit.cap {
            LimitCap::Uses(_) => "uses",
            LimitCap::Amount(_) => "amount",
        };
        let (counts, period) = match &limit.every {
            None => (format!("{owner} {what}"), CivilDate::MIN),
            Some(every) => {
                let periods = serde_json::to_string(every).map_err(|error| Error::backend("a period", error))?;
                (format!("{owner} {what} {periods}"), every.calendar.start_of(date, every.unit))
            }
        };
        Ok(Self { own: limit.per == LimitPer::Customer, counts, period })
    }
}

/// How far counters are. Those that are not here are at nothing.
pub type Counters = BTreeMap<CounterKey, i64>;

/// What a purchase has used of a limit. Stored with it, so that a return gives it back whatever the rule says by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitUse {
    /// The counter.
    pub counter: CounterKey,
    /// Of which rule; of the whole asset, if of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The asset.
    pub asset: crate::loyalty::Asset,
    /// Whether it counts purchases; otherwise amounts of the asset.
    pub uses: bool,
    /// What is used of it now, after returns.
    pub used: i64,
    /// Whether this has passed a soft limit.
    #[serde(default, skip_serializing_if = "is_false")]
    pub passed: bool,
}
