//! Cards.

use super::super::ledger::AccountId;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::time::Timestamp;
use crate::work::Version;

crate::id! {
    /// Names a card.
    pub struct CardId;
}

crate::text_enum! {
    /// What can be done with a card (S-36).
    pub enum CardState {
        /// It is made, and not yet in use.
        Issued = "issued",
        /// Everything.
        Active = "active",
        /// Nothing; another may come in its place.
        Blocked = "blocked",
        /// Nothing, for ever: another is in its place.
        Replaced = "replaced",
    }
}

crate::text_enum! {
    /// Why a card is blocked, or was when it was replaced.
    pub enum BlockReason {
        /// Nobody knows where it is.
        Lost = "lost",
        /// Somebody else has it.
        Stolen = "stolen",
        /// It can no longer be read.
        Damaged = "damaged",
    }
}

crate::entity! {
    /// A card of a member. Its number stands here and nowhere else, also when the card is no longer good: whoever finds it is
    /// led to the member.
    pub struct Card {
        kind: "loyalty_card", table: "crm_loyalty_cards", key: (id: CardId), columns: card, version: version,
        unique: { number: [number] }, personal: [number], scoped: { branch: branch_id, customer: customer_id },
    } {
        /// Its id.
        id: CardId,
        /// The optimistic lock.
        version: Version,
        /// What is on it, folded: digits that we have made end with a check digit.
        number: String,
        /// The member.
        customer_id: CustomerId,
        /// The account that is paid from.
        account_id: AccountId,
        /// The branch that looks after the member.
        branch_id: Option<BranchId>,
        /// What can be done with it. That it has expired is told by `expires_at`.
        state: CardState,
        /// Why it was blocked.
        blocked_for: Option<BlockReason>,
        /// Since when it was out of its owner's hands, as was reported: what was set aside with it since then is to be
        /// looked at.
        lost_at: Option<Timestamp>,
        /// When it was made.
        issued_at: Timestamp,
        /// When it came into use.
        activated_at: Option<Timestamp>,
        /// The first instant at which it is no longer good; [`NEVER`](super::super::ledger::NEVER) without an end.
        expires_at: Timestamp,
        /// The card in whose place it came.
        replaces_id: Option<CardId>,
    }
}

impl Card {
    /// Whether it can be used at this instant.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.state == CardState::Active && now < self.expires_at
    }
}
