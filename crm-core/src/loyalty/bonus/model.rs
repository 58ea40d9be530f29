//! How much may be given by hand, and what waits for a second person.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::Asset;
use super::super::ledger::{AccountId, LotId};
use super::super::programme::Validity;
use crate::access::RoleId;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::work::{Json, Version};

crate::id! {
    /// Names a bonus that somebody wants to give.
    pub struct BonusRequestId;
}

/// How much may be given by hand (C74). A part of the programme. Nothing, unless somebody says otherwise.
///
/// ```
/// use crm_core::loyalty::{Asset, bonus::BonusTerms};
/// let terms: BonusTerms = serde_json::from_value(serde_json::json!({
///     "standard": { "points": { "each": 100, "per_day": 500 } }, "second_above": { "points": 50 },
/// })).unwrap();
/// assert_eq!(terms.limit(&[].into(), Asset::Points).map(|limit| limit.each), Some(100));
/// assert!(terms.needs_second(Asset::Points, 51) && !terms.needs_second(Asset::Points, 50));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BonusTerms {
    /// By whoever may give something and holds no role with a limit of its own.
    pub standard: BTreeMap<Asset, BonusLimit>,
    /// By holders of these roles; of several, the highest limit counts (S-26).
    pub roles: BTreeMap<RoleId, BTreeMap<Asset, BonusLimit>>,
    /// A bonus of more than this is given when a second person has agreed; without a figure, no second one is needed.
    pub second_above: BTreeMap<Asset, i64>,
    /// The same of a grant to a group, by all it may cost.
    pub grants_second_above: BTreeMap<Asset, i64>,
}

/// How much one person may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BonusLimit {
    /// At once.
    pub each: i64,
    /// In one business day, of the branch where it is given; as much as they like, if left out.
    #[serde(default)]
    pub per_day: Option<i64>,
}

crate::text_enum! {
    /// Where a bonus stands.
    pub enum BonusState {
        /// A second person has to agree.
        Waiting = "waiting",
        /// It was given.
        Given = "given",
        /// The second person did not agree.
        Refused = "refused",
        /// Whoever asked took it back.
        Withdrawn = "withdrawn",
    }
}

crate::entity! {
    /// A bonus that somebody has given, or wants to give.
    pub struct BonusRequest {
        kind: "loyalty_bonus", table: "crm_loyalty_bonuses", key: (id: BonusRequestId), columns: bonus_request,
        version: version, scoped: { branch: branch_id, customer: customer_id },
    } {
        /// Its id.
        id: BonusRequestId,
        /// The optimistic lock: whoever agrees, agrees to one version.
        version: Version,
        /// To which account.
        account_id: AccountId,
        /// The member.
        customer_id: Option<CustomerId>,
        /// Where.
        branch_id: BranchId,
        /// The business day there on whose limit it counts.
        business_date: CivilDate,
        /// Of what.
        asset: Asset,
        /// How much.
        amount: i64,
        /// How long it is good for, from the day it is given.
        validity: Json<Validity>,
        /// Why, 1 to 200 characters.
        reason: String,
        /// Where it stands.
        state: BonusState,
        /// Who asked.
        asked_by: String,
        /// When.
        asked_at: Timestamp,
        /// Who agreed or refused; nobody, if no second one was needed.
        decided_by: Option<String>,
        /// When it was given, refused or taken back.
        decided_at: Option<Timestamp>,
        /// What was given.
        lot_id: Option<LotId>,
    }
}

crate::entity! {
    /// What somebody has given by hand on one business day: counted below zero, so that the limit is the floor of the
    /// counter.
    pub struct BonusDay {
        kind: "loyalty_bonus_day", table: "crm_loyalty_bonus_days",
        key: (giver: String, asset: Asset, business_date: CivilDate), columns: bonus_day, counters: [balance],
    } {
        /// Who.
        giver: String,
        /// Of what.
        asset: Asset,
        /// The business day.
        business_date: CivilDate,
        /// How much, below zero.
        balance: i64,
    }
}
