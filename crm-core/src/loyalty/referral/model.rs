//! Who brought whom, what is given for it, and what was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::Asset;
use super::super::ledger::LotId;
use super::super::programme::Validity;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::calendar::{Calendar, Unit};
use crate::kernel::currency::Currency;
use crate::kernel::rate::Rate;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::pricing::Audience;
use crate::purchases::PurchaseId;
use crate::work::{Json, Version};

/// What the programme gives to members who bring others (S-34). A part of the programme.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReferralTerms {
    /// By the group of the one who brings: of several for which a member qualifies, the first.
    pub terms: Vec<ReferralTerm>,
}

/// What members of some groups get for those they bring.
///
/// ```
/// use crm_core::loyalty::referral::ReferralTerm;
/// let term: ReferralTerm = serde_json::from_value(serde_json::json!({
///     "name": "Friends", "asset": "credit:PLN", "currency": "PLN",
///     "first_purchase": 1000, "share": "2%", "min_base": 5000, "delay_days": 14, "purchases": 3, "per_referee": 5000,
/// })).unwrap();
/// assert!(term.faults().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferralTerm {
    /// Its name, 1 to 100 characters: entries say it.
    pub name: String,
    /// Whose terms these are, by the one who brings; everybody's, if left out.
    #[serde(default)]
    pub audience: Audience,
    /// Of what is given.
    pub asset: Asset,
    /// The currency in which purchases count; of credit, its own.
    pub currency: Currency,
    /// How much for a registration alone. Nothing, unless somebody says otherwise: it is what farms of accounts live on.
    #[serde(default)]
    pub registration: i64,
    /// How much for the first purchase that qualifies, once it is paid.
    #[serde(default)]
    pub first_purchase: i64,
    /// What part of the base of every purchase (S-11): units of the asset for each minor unit of money.
    #[serde(default = "nothing")]
    pub share: Rate,
    /// The smallest base with which a purchase qualifies, in minor units.
    #[serde(default)]
    pub min_base: i64,
    /// How many days after the purchase, or the registration, it becomes available: no less than goods may be returned.
    #[serde(default)]
    pub delay_days: u16,
    /// How long it is good for from then on.
    #[serde(default)]
    pub validity: Validity,
    /// For how many purchases that qualify; for all, if left out.
    #[serde(default)]
    pub purchases: Option<u32>,
    /// For how many months of the programme's calendar after the registration; without an end, if left out.
    #[serde(default)]
    pub months: Option<u16>,
    /// The most for one who was brought.
    #[serde(default)]
    pub per_referee: Option<i64>,
    /// The most in one period.
    #[serde(default)]
    pub per_period: Option<PeriodCap>,
    /// The most in all.
    #[serde(default)]
    pub total: Option<i64>,
}

fn nothing() -> Rate {
    Rate::ZERO
}

/// The most in each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodCap {
    /// How much.
    pub most: i64,
    /// How long a period is.
    pub unit: Unit,
    /// In which calendar.
    #[serde(default)]
    pub calendar: Calendar,
}

crate::text_enum! {
    /// Why nothing is given for somebody: they and the one who brought them are the same, or another who was brought is.
    pub enum Barred {
        /// The same record.
        Id = "id",
        /// The same phone.
        Phone = "phone",
        /// The same mailbox.
        Email = "email",
        /// The same national id.
        NationalId = "national_id",
        /// The same card.
        Card = "card",
        /// They pay with the same card or account, as the host has said.
        Payment = "payment",
        /// The same as another whom this member has brought.
        Again = "again",
        /// Somebody with the right to do so said so.
        ByHand = "by_hand",
    }
}

crate::entity! {
    /// Somebody was brought by a member: one level, one referrer.
    pub struct Referral {
        kind: "loyalty_referral", table: "crm_loyalty_referrals", key: (referee_id: CustomerId), columns: referral,
        version: version, scoped: { customer: referrer_id },
    } {
        /// Who was brought.
        referee_id: CustomerId,
        /// The optimistic lock.
        version: Version,
        /// By whom.
        referrer_id: CustomerId,
        /// Since when: the registration, or the change of the referrer.
        since: Timestamp,
        /// Why nothing is given, if so.
        barred: Option<Barred>,
        /// How many purchases that qualify there were, without those that came back.
        purchases: i64,
        /// The purchase that counts as the first. Nil if there was one before the referral.
        first_purchase_id: Option<Uuid>,
        /// What this has earned the referrer, by asset.
        earned: Json<BTreeMap<Asset, i64>>,
    }
}

crate::entity! {
    /// What a member has earned of one asset by bringing others: what caps are measured by. Changed under the lock of the
    /// member's account alone, so that a cap is exact however many come at once.
    pub struct Referrer {
        kind: "loyalty_referrer", table: "crm_loyalty_referrers", key: (customer_id: CustomerId, asset: Asset),
        columns: referrer, version: version, scoped: { customer: customer_id },
    } {
        /// Who.
        customer_id: CustomerId,
        /// Of what.
        asset: Asset,
        /// The optimistic lock.
        version: Version,
        /// How much in all, less what was taken back.
        total: i64,
        /// The first day of the last period in which something was earned.
        period: CivilDate,
        /// How much in that period, less what was taken back of it.
        in_period: i64,
    }
}

crate::entity! {
    /// What a member gets for one purchase of somebody they have brought, or for the registration: what is stored for it is
    /// never computed again (S-46).
    pub struct ReferralReward {
        kind: "loyalty_referral_reward", table: "crm_loyalty_referral_rewards",
        key: (referee_id: CustomerId, purchase_id: Uuid), columns: referral_reward, version: version,
        scoped: { customer: referrer_id },
    } {
        /// Who was brought.
        referee_id: CustomerId,
        /// The purchase; nil for the registration.
        purchase_id: Uuid,
        /// The optimistic lock.
        version: Version,
        /// Who gets it.
        referrer_id: CustomerId,
        /// Of what.
        asset: Asset,
        /// The name of the terms.
        term: String,
        /// Where.
        branch_id: Option<BranchId>,
        /// When it happened.
        occurred_at: Timestamp,
        /// From when on it can be redeemed.
        available_at: Timestamp,
        /// Until when it can, if it is paid for by then.
        expires_at: Timestamp,
        /// How long it is good for from when it is available: what is paid for later is given with an end of its own. Not
        /// known of what was stored before this was kept.
        validity: Option<Json<Validity>>,
        /// The lines of the purchase with their shares.
        lines: Json<Vec<ReferredLine>>,
        /// What is given for a first purchase, as long as enough of it is kept, or for the registration.
        fixed: i64,
        /// The base that has to be kept for it.
        min_base: i64,
        /// Whether this purchase counts among those that qualify.
        qualified: bool,
        /// How much of the purchase is paid, in minor units (S-12).
        cleared: i64,
        /// Out of how much.
        payable: i64,
        /// What of it counts towards caps.
        counted: i64,
        /// The first day of the period it counts in.
        period: CivilDate,
        /// What was given of it, less what was taken back.
        posted: i64,
        /// What was to be taken back and was not there: owed, or let go (S-28).
        owed: i64,
        /// Whether nothing is given for it after all: whoever was brought turned out to be barred.
        void: bool,
        /// The lots it was given in.
        lots: Json<Vec<LotId>>,
    }
}

/// A line of a purchase, as far as a referral is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferredLine {
    /// Its number.
    pub line_no: u16,
    /// Its base (S-11), in minor units.
    pub base: i64,
    /// What it earns the one who brought.
    pub share: i64,
    /// Pieces sold.
    pub quantity: i64,
    /// Pieces that have come back.
    pub returned: i64,
}

crate::entity! {
    /// By what somebody pays, as a digest that the host has given: two customers who pay with one card are one.
    pub struct Fingerprint {
        kind: "loyalty_fingerprint", table: "crm_loyalty_fingerprints", key: (digest: String, customer_id: CustomerId),
        columns: fingerprint, personal: [digest], scoped: { customer: customer_id },
    } {
        /// SHA-256 of what the host has given, in hexadecimal.
        digest: String,
        /// Who pays so.
        customer_id: CustomerId,
        /// Since when it is known.
        noted_at: Timestamp,
    }
}

impl ReferralReward {
    /// The purchase, unless it is for the registration.
    pub fn purchase(&self) -> Option<PurchaseId> {
        Some(self.purchase_id).filter(|id| !id.is_nil()).map(PurchaseId::from)
    }
}
