//! Accounts, balances, lots, entries and holds.
//!
//! The row of the account is the lock: whoever changes anything of an account locks it first, so balances, lots and holds of
//! one account never change at the same time (S-33).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::Asset;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::rate::Rate;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::purchases::PurchaseId;
use crate::work::{Json, Version};

crate::id! {
    /// Names an account. A member's has the id of the customer.
    pub struct AccountId;
    /// Names a lot.
    pub struct LotId;
    /// Names an entry.
    pub struct EntryId;
    /// Names a hold.
    pub struct HoldId;
}

/// The instant that never comes: of a lot that does not expire, of an account on which nothing is due.
pub const NEVER: Timestamp = Timestamp::MAX;

impl From<CustomerId> for AccountId {
    fn from(customer: CustomerId) -> Self {
        Uuid::from(customer).into()
    }
}

crate::text_enum! {
    /// Whose account it is.
    pub enum AccountKind {
        /// A member of the club.
        Member = "member",
        /// A gift card.
        GiftCard = "gift_card",
    }
}

crate::text_enum! {
    /// What can be done with an account (S-49).
    pub enum AccountState {
        /// Everything.
        Active = "active",
        /// It earns; nothing is redeemed.
        Frozen = "frozen",
        /// Nothing.
        Closed = "closed",
    }
}

crate::entity! {
    /// An account.
    pub struct Account {
        kind: "loyalty_account", table: "crm_loyalty_accounts", key: (id: AccountId), columns: account, version: version,
        scoped: { branch: branch_id, customer: customer_id },
    } {
        /// Its id.
        id: AccountId,
        /// The optimistic lock.
        version: Version,
        /// Whose it is.
        kind: AccountKind,
        /// The member, or to whom a gift card is bound.
        customer_id: Option<CustomerId>,
        /// The branch that looks after it.
        branch_id: Option<BranchId>,
        /// What can be done with it.
        state: AccountState,
        /// When it was opened.
        opened_at: Timestamp,
        /// The next instant at which a lot of it matures or expires, or a hold lapses; [`NEVER`] if none does. The sweep
        /// looks only at this.
        due_at: Timestamp,
        /// What is set aside on it now: few, so that they are found without a search (S-08).
        open_holds: Json<Vec<HoldId>>,
        /// The account it was merged into (S-44).
        merged_into: Option<AccountId>,
    }
}

crate::entity! {
    /// What an account holds of one asset, as of its last entry: a cache that can be rebuilt of the entries (S-02). What is
    /// due since then is not in it yet, so the balance of an instant is asked of the ledger, not read here (S-06, S-10).
    pub struct Balance {
        kind: "loyalty_balance", table: "crm_loyalty_balances", key: (account_id: AccountId, asset: Asset), columns: balance,
        version: version,
    } {
        /// The account.
        account_id: AccountId,
        /// The asset.
        asset: Asset,
        /// The optimistic lock.
        version: Version,
        /// What can be redeemed.
        available: i64,
        /// What is earned and can be redeemed later (S-10).
        pending: i64,
        /// What is set aside for holds (S-08).
        held: i64,
        /// What the account owes (S-30): never negative, never part of what is available.
        debt: i64,
    }
}

crate::text_enum! {
    /// What a lot was given for.
    pub enum LotSource {
        /// Earned by a purchase.
        Purchase = "purchase",
        /// Given to a group, or on a day (S-37, S-39).
        Grant = "grant",
        /// Given by hand.
        Bonus = "bonus",
        /// Earned by bringing somebody (S-34).
        Referral = "referral",
        /// Paid for: the money of a gift card.
        Sold = "sold",
        /// Brought along from another system.
        Opening = "opening",
        /// Came from another account (S-44).
        Transfer = "transfer",
        /// Given back with a later end than the lot it came from (S-29).
        Restored = "restored",
        /// Set right by hand.
        Adjusted = "adjusted",
    }
}

crate::entity! {
    /// What was given at one time, with dates of its own (S-03). `amount` is what was given; `remaining` and `held` are what
    /// is left of it, free and set aside.
    pub struct Lot {
        kind: "loyalty_lot", table: "crm_loyalty_lots", key: (account_id: AccountId, id: LotId), columns: lot, version: version,
    } {
        /// The account.
        account_id: AccountId,
        /// Its id.
        id: LotId,
        /// The optimistic lock.
        version: Version,
        /// The asset.
        asset: Asset,
        /// What was given.
        amount: i64,
        /// What is left and free, available or pending.
        remaining: i64,
        /// What is left and set aside for holds.
        held: i64,
        /// What of it has expired (S-07): taken back together with what is left when its purchase is returned.
        expired: i64,
        /// When it was earned (S-48).
        earned_at: Timestamp,
        /// From when on it can be redeemed (S-10).
        available_at: Timestamp,
        /// The first instant at which it no longer can (S-05); [`NEVER`] without an end.
        expires_at: Timestamp,
        /// Whether its postings are on the available side: they are moved there when it is due (S-10).
        matured: bool,
        /// Whether something of it is left, free or held.
        open: bool,
        /// What it was given for.
        source: LotSource,
        /// The entry that gave it.
        origin_id: EntryId,
        /// The purchase that earned it, which it can never pay (S-23).
        purchase_id: Option<PurchaseId>,
        /// Where it was given: settled between branches where it is spent elsewhere.
        branch_id: Option<BranchId>,
        /// The campaign, grant, gift card batch or lot that it belongs to.
        campaign_id: Option<Uuid>,
    }
}

crate::text_enum! {
    /// Why an entry was made.
    pub enum EntryKind {
        /// A purchase has earned.
        Earn = "earn",
        /// A lot was given: a grant, a bonus, an opening balance, a gift card that was sold.
        Give = "give",
        /// Something was paid with it, at once.
        Redeem = "redeem",
        /// Something was set aside (S-08).
        Hold = "hold",
        /// What was set aside was paid with.
        Capture = "capture",
        /// What was set aside is free again.
        Void = "void",
        /// A lot has become available (S-10).
        Mature = "mature",
        /// A lot has expired (S-07).
        Expire = "expire",
        /// What a purchase had earned was taken back (S-28).
        ClawBack = "claw_back",
        /// What a purchase was paid with was given back (S-29).
        Restore = "restore",
        /// What was given was taken back, as far as it was left (S-37).
        Revoke = "revoke",
        /// A debt was forgiven (S-30).
        WriteOff = "write_off",
        /// Lots went to or came from another account (S-44).
        Transfer = "transfer",
        /// Something was set right by hand.
        Adjust = "adjust",
    }
}

crate::text_enum! {
    /// Where a posting goes. The first four are of the account, the others of the programme.
    pub enum PostingAccount {
        /// What can be redeemed.
        Available = "available",
        /// What can be redeemed later.
        Pending = "pending",
        /// What is set aside.
        Held = "held",
        /// What the account owes: a posting of −5 makes the debt larger by 5, so that the sum of all is nothing.
        Debt = "debt",
        /// What was given out: negative.
        Issued = "issued",
        /// What was paid with.
        Redeemed = "redeemed",
        /// What has expired.
        Breakage = "breakage",
        /// What was set right, forgiven, or not taken back.
        Adjustment = "adjustment",
        /// What went to other accounts.
        Transferred = "transferred",
    }
}

/// One side of an entry. The postings of an entry sum to nothing for each asset (S-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posting {
    /// The asset.
    pub asset: Asset,
    /// Where.
    pub account: PostingAccount,
    /// The lot, for all that moves what is in lots, and for what of it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<LotId>,
    /// How much, with its sign.
    pub amount: i64,
}

crate::entity! {
    /// What happened on an account: postings that sum to nothing (S-02). Never changed; what was wrong is set right by
    /// another entry.
    pub struct Entry {
        kind: "loyalty_entry", table: "crm_loyalty_entries", key: (account_id: AccountId, id: EntryId), columns: entry,
    } {
        /// The account.
        account_id: AccountId,
        /// Its id: in the order of recording.
        id: EntryId,
        /// Why.
        kind: EntryKind,
        /// When it happened (S-48).
        occurred_at: Timestamp,
        /// When it was written down (S-48).
        recorded_at: Timestamp,
        /// Where.
        branch_id: Option<BranchId>,
        /// The purchase it belongs to.
        purchase_id: Option<PurchaseId>,
        /// The entry that it undoes, wholly or in part.
        reverses_id: Option<EntryId>,
        /// Who did it (S-52).
        actor: String,
        /// The rule, campaign or reason, for people (S-52).
        reason: Option<String>,
        /// The postings.
        postings: Json<Vec<Posting>>,
    }
}

crate::text_enum! {
    /// Where a hold stands (S-08).
    pub enum HoldState {
        /// Set aside.
        Open = "open",
        /// Paid with.
        Captured = "captured",
        /// Free again, by hand.
        Voided = "voided",
        /// Free again, for its time was over.
        Lapsed = "lapsed",
    }
}

crate::entity! {
    /// Something set aside to pay with (S-08): the lots are fixed when it is made.
    pub struct Hold {
        kind: "loyalty_hold", table: "crm_loyalty_holds", key: (account_id: AccountId, id: HoldId), columns: hold,
        version: version,
    } {
        /// The account.
        account_id: AccountId,
        /// Its id.
        id: HoldId,
        /// The optimistic lock.
        version: Version,
        /// The asset.
        asset: Asset,
        /// How much of the asset is set aside, or was paid: what is left of a hold when it is captured is free again.
        amount: i64,
        /// What it pays, in minor units of money: the amount itself, or what the points are worth (S-20).
        worth_minor: i64,
        /// Minor units for one point, as it was when the hold was made (S-20).
        point_value: Option<Rate>,
        /// Where it stands.
        state: HoldState,
        /// Where it was made.
        branch_id: BranchId,
        /// The business day on whose cap it counts (S-22).
        business_date: CivilDate,
        /// When it was made.
        made_at: Timestamp,
        /// When it lapses.
        lapses_at: Timestamp,
        /// The purchase it has paid.
        purchase_id: Option<PurchaseId>,
        /// The entry by which it has.
        entry_id: Option<EntryId>,
        /// The card it was made with (S-36).
        card_id: Option<Uuid>,
        /// How much of each lot, in the order they are used.
        lots: Json<Vec<(LotId, i64)>>,
        /// How much has been given back of each, by returns (S-29).
        restored: Json<Vec<(LotId, i64)>>,
        /// What has been given back of what it paid, in minor units.
        refunded_minor: i64,
    }
}

crate::entity! {
    /// How much of an asset was redeemed or set aside on one business day, wherever: what the daily cap is measured with
    /// (S-22). What lapses, is voided or given back no longer counts.
    pub struct DayUse {
        kind: "loyalty_day_use", table: "crm_loyalty_day_uses",
        key: (account_id: AccountId, asset: Asset, business_date: CivilDate), columns: day_use, version: version,
    } {
        /// The account.
        account_id: AccountId,
        /// The asset.
        asset: Asset,
        /// The business day of the holds.
        business_date: CivilDate,
        /// The optimistic lock.
        version: Version,
        /// How much.
        used: i64,
    }
}
