//! What members are told: messages in the outbox, written by the transaction in which it happened (S-37, S-41).

use std::collections::BTreeMap;

use crm_core::customers::CustomerId;
use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::Asset;
use crm_core::loyalty::grants::GrantId;
use crm_core::loyalty::ledger::AccountId;
use crm_core::work::Permit;
use crm_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The topic of the outbox under which members are told what the club has for them.
pub const NOTICES: &str = "loyalty.notice";

/// Something that a member is told: whoever delivers it makes words of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// They got a gift.
    Granted {
        /// Who.
        customer: CustomerId,
        /// Which gift.
        grant: GrantId,
        /// Of what.
        asset: Asset,
        /// How much.
        amount: i64,
        /// The first instant at which it is no longer good.
        expires_at: Timestamp,
    },
    /// A day of theirs is celebrated.
    Celebrated {
        /// Who.
        customer: CustomerId,
        /// What: a birthday, a wedding.
        kind: String,
        /// The calendar of the date.
        calendar: Calendar,
        /// The year in it.
        year: i32,
        /// What they get, if anything.
        gift: Option<(Asset, i64)>,
    },
    /// Something of theirs expires.
    Expiring {
        /// Whose.
        account: AccountId,
        /// The member, if it is one's.
        customer: Option<CustomerId>,
        /// The last day on which it is good.
        last_day: CivilDate,
        /// How much, by asset: what is left and not set aside.
        amounts: BTreeMap<Asset, i64>,
    },
}

/// Puts a notice into the outbox.
pub(crate) fn notify(work: &mut Permit<'_, '_>, notice: &Notice) -> Result<()> {
    let payload = serde_json::to_value(notice).map_err(|error| Error::backend("serialising a notice", error))?;
    work.send(NOTICES, payload).map(drop)
}
