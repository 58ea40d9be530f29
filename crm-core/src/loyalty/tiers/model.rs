//! What was counted, who stands where, and since when.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::ledger::AccountId;
use super::terms::{LadderId, Sums};
use super::window::{Anchors, Days};
use crate::kernel::time::{CivilDate, Timestamp};
use crate::pricing::TierId;
use crate::work::{Json, Version};

crate::id! {
    /// Names a change of tier.
    pub struct TierChangeId;
}

crate::entity! {
    /// What qualifies on one account and business day, for all ladders (S-17). A return takes away from the day of its
    /// purchase, so a sum is never below nothing.
    pub struct QualifyingDay {
        kind: "loyalty_qualifying_day", table: "crm_loyalty_qualifying_days",
        key: (account_id: AccountId, business_date: CivilDate), columns: qualifying_day,
        counters: [amount_minor, purchases, points],
    } {
        /// The account.
        account_id: AccountId,
        /// The business day of the purchases.
        business_date: CivilDate,
        /// Money, in minor units of the programme's currency.
        amount_minor: i64,
        /// Purchases.
        purchases: i64,
        /// Points.
        points: i64,
    }
}

impl QualifyingDay {
    /// What was counted on it.
    pub const fn sums(&self) -> Sums {
        Sums { amount: self.amount_minor, count: self.purchases, points: self.points }
    }
}

crate::entity! {
    /// Where a member stands on a ladder, with what is counted in the windows that matter now, so that a purchase reads and
    /// writes by key alone. All of it can be rebuilt of the qualifying days and the changes of tier, but for the pin.
    pub struct Standing {
        kind: "loyalty_standing", table: "crm_loyalty_standings", key: (account_id: AccountId, ladder_id: LadderId),
        columns: standing, version: version,
    } {
        /// The account.
        account_id: AccountId,
        /// The ladder.
        ladder_id: LadderId,
        /// The optimistic lock.
        version: Version,
        /// The tier they have, pins counted; none before the first is reached.
        tier_id: Option<TierId>,
        /// Since when.
        since: Timestamp,
        /// The tier they have earned, whatever is pinned.
        earned_tier_id: Option<TierId>,
        /// The day they joined.
        joined_on: CivilDate,
        /// The day from which counting began for the tier they have earned.
        counts_from: CivilDate,
        /// The last day on which the tier they have earned is valid, before grace; the last day there is without an end.
        valid_through: CivilDate,
        /// Through when it is kept whatever is counted: one step down lasts a window, and so does a tier that begins anew.
        held_through: CivilDate,
        /// The next instant at which there is something to do here: a review, a notice, the end of a pin.
        due_at: Timestamp,
        /// Whether the member was told that the tier ends.
        noticed: bool,
        /// The tier that was set by hand, while it is.
        pin: Option<Json<Pin>>,
        /// How they came to the tier they have earned, as long as a return may take it back at once.
        promotion: Option<Json<Promotion>>,
        /// The latest business day on which anything was counted.
        last_on: CivilDate,
        /// Money that was ever counted.
        amount_minor: i64,
        /// Purchases that were ever counted.
        purchases: i64,
        /// What is counted in windows that were asked for last.
        windows: Json<Vec<Counted>>,
    }
}

impl Standing {
    /// What the member's own windows run from.
    pub const fn anchors(&self) -> Anchors {
        Anchors { joined_on: self.joined_on, counts_from: self.counts_from }
    }
}

/// What was counted in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// The window.
    pub days: Days,
    /// What was counted in it.
    pub sums: Sums,
}

/// A tier that was set by hand (S-19).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The tier; none at all without one.
    pub tier: Option<TierId>,
    /// Whether a higher one may be earned meanwhile.
    pub kind: PinKind,
    /// The first instant it no longer holds; no end without one.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Why, 1 to 200 characters.
    pub reason: String,
}

crate::text_enum! {
    /// How a pin holds.
    pub enum PinKind {
        /// Exactly this tier, whatever is earned.
        Exactly = "exactly",
        /// This tier at least: a higher one that is earned counts.
        AtLeast = "at_least",
    }
}

/// How somebody was promoted, so that it can be taken back (S-19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// The day.
    pub on: CivilDate,
    /// The window in which it was earned.
    pub earned_in: Days,
    /// The tier before.
    pub from: Option<TierId>,
    /// Through when that was valid.
    pub from_valid_through: CivilDate,
    /// Through when that was kept whatever is counted.
    pub from_held_through: CivilDate,
    /// From when counting ran for it.
    pub from_counts_from: CivilDate,
}

crate::text_enum! {
    /// Why a tier has changed (S-51).
    pub enum Cause {
        /// What a purchase has counted.
        Purchase = "purchase",
        /// What a return has taken away, within the days in which it may.
        Return = "return",
        /// The end of the time for which a tier was valid, or other terms of the ladder.
        Review = "review",
        /// Set by hand.
        Pin = "pin",
        /// What was set by hand is over.
        Unpin = "unpin",
        /// Two members were made one, or two again (S-44).
        Merge = "merge",
    }
}

crate::entity! {
    /// A change of tier: the tier from then on, to the change after it (S-51). Never changed itself.
    pub struct TierChange {
        kind: "loyalty_tier_change", table: "crm_loyalty_tier_changes",
        key: (account_id: AccountId, ladder_id: LadderId, from_at: Timestamp, id: TierChangeId), columns: tier_change,
    } {
        /// The account.
        account_id: AccountId,
        /// The ladder.
        ladder_id: LadderId,
        /// From when on.
        from_at: Timestamp,
        /// Its id: in the order of recording.
        id: TierChangeId,
        /// The tier from then on; none at all without one.
        tier_id: Option<TierId>,
        /// Why.
        cause: Cause,
        /// The purchase, return or entry that has brought it about.
        cause_ref: Option<Uuid>,
        /// Why, for people: of a pin.
        reason: Option<String>,
        /// When it was written down (S-48): a review may be done late.
        recorded_at: Timestamp,
    }
}
