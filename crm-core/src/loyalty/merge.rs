//! Two members made one: what went from one account to the other (S-44).

use serde::{Deserialize, Serialize};

use super::Asset;
use super::cards::CardId;
use super::earning::CounterKey;
use super::gift_cards::GiftCardId;
use super::ledger::{AccountId, Lot, LotId};
use crate::kernel::time::Timestamp;
use crate::work::Json;
use crate::{Error, Result};

/// What was left of a lot when it went to the other account, where it has the same dates and, but for a rare case, the same
/// id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovedLot {
    /// The lot.
    pub lot: LotId,
    /// Its id on the other account.
    pub there: LotId,
    /// How much.
    pub amount: i64,
}

/// What was counted for a rule or a limit of the loser's, and is counted for the survivor too since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinedCount {
    /// The counter.
    pub counter: CounterKey,
    /// How much.
    pub amount: i64,
}

crate::entity! {
    /// That an account went into another, and what it takes to take that back. There is one as long as it holds.
    pub struct MemberMerge {
        kind: "loyalty_merge", table: "crm_member_merges", key: (loser_id: AccountId), columns: member_merge,
    } {
        /// The account that leads to the other now.
        loser_id: AccountId,
        /// The account that goes on.
        survivor_id: AccountId,
        /// When.
        merged_at: Timestamp,
        /// Lot by lot.
        lots: Json<Vec<MovedLot>>,
        /// What was owed, by asset.
        debts: Json<Vec<(Asset, i64)>>,
        /// The cards.
        cards: Json<Vec<CardId>>,
        /// The gift cards that were the loser's alone to spend.
        gifts: Json<Vec<GiftCardId>>,
        /// What was counted for tiers, as their room keeps it; null without a programme.
        tiers: Json<serde_json::Value>,
        /// What was counted for rules and limits of earning.
        counters: Json<Vec<JoinedCount>>,
    }
}

/// How much of a moved lot goes back when a merge is taken back: all of it, or nothing when it has expired since, as it
/// would have there too.
///
/// # Errors
/// [`Error::Invalid`] with rule `merge.lots_used` when something else has happened to it (S-44).
pub fn goes_back(moved: &MovedLot, now: &Lot) -> Result<i64> {
    match (now.held, now.remaining) {
        (0, left) if left == moved.amount => Ok(left),
        (0, 0) if now.expired >= moved.amount => Ok(0),
        _ => Err(Error::invalid("loser", "merge.lots_used")),
    }
}
