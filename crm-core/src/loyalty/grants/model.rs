//! A gift to a group, and what has become of it for each member.

use super::super::Asset;
use super::super::ledger::{AccountId, LotId};
use super::super::programme::Validity;
use crate::kernel::time::Timestamp;
use crate::pricing::Audience;
use crate::work::{Json, Version};

crate::id! {
    /// Names a gift to a group.
    pub struct GrantId;
}

crate::text_enum! {
    /// Where a gift to a group stands.
    pub enum GrantState {
        /// It is planned; a second person has to agree.
        Waiting = "waiting",
        /// It is planned and may begin.
        Ready = "ready",
        /// Its members are being listed.
        Listing = "listing",
        /// It is being given.
        Giving = "giving",
        /// It was given.
        Given = "given",
        /// What is unspent is being taken back.
        Revoking = "revoking",
        /// What was unspent was taken back.
        Revoked = "revoked",
        /// It was called off before it began.
        CalledOff = "called_off",
    }
}

crate::entity! {
    /// A gift to a group (S-37). What it says is never changed once it is planned: whoever wants something else calls it
    /// off and plans another.
    pub struct GroupGrant {
        kind: "loyalty_grant", table: "crm_loyalty_grants", key: (id: GrantId), columns: group_grant, version: version,
    } {
        /// Its id.
        id: GrantId,
        /// The optimistic lock. Whoever works on it locks this row first.
        version: Version,
        /// Its name, 1 to 100 characters: entries say it.
        name: String,
        /// To whom.
        audience: Json<Audience>,
        /// Who belongs to a group since then or before; set when it begins.
        as_of: Timestamp,
        /// Who joins until then gets it too.
        late_joiners_until: Option<Timestamp>,
        /// Of what.
        asset: Asset,
        /// How much for each.
        amount: i64,
        /// How long it is good for, from the day it is given.
        validity: Json<Validity>,
        /// The most in all; for whom nothing is left, nothing is given.
        budget: Option<i64>,
        /// Whether each member is told.
        notify: bool,
        /// Where it stands.
        state: GrantState,
        /// Who planned it.
        planned_by: String,
        /// When.
        planned_at: Timestamp,
        /// Who agreed, if a second person had to.
        approved_by: Option<String>,
        /// How far the list has come: the last place of its order.
        listed_to: Option<String>,
        /// How many members are listed.
        listed: i64,
        /// To how many it was given.
        given: i64,
        /// How much was given in all.
        given_units: i64,
        /// How much of that was taken back.
        revoked_units: i64,
    }
}

crate::text_enum! {
    /// What has become of a gift for one member.
    pub enum MemberState {
        /// To be given.
        Listed = "listed",
        /// Given.
        Given = "given",
        /// Not given: the account is closed.
        Closed = "closed",
        /// Not given: the budget was used up.
        OverBudget = "over_budget",
        /// Not given: it was revoked before.
        Dropped = "dropped",
        /// Taken back, as far as it was left.
        Revoked = "revoked",
    }
}

crate::entity! {
    /// A member on the list of a gift: once (S-37).
    pub struct GrantMember {
        kind: "loyalty_grant_member", table: "crm_loyalty_grant_members", key: (grant_id: GrantId, account_id: AccountId),
        columns: grant_member, version: version,
    } {
        /// The gift.
        grant_id: GrantId,
        /// The account of the member.
        account_id: AccountId,
        /// The optimistic lock.
        version: Version,
        /// What has become of it.
        state: MemberState,
        /// What was given.
        lot_id: Option<LotId>,
        /// How much of it was taken back.
        revoked: i64,
    }
}
