//! Batches of gift cards, the cards, and the sales that brought them to life.

use serde::{Deserialize, Serialize};

use super::super::ledger::{AccountId, HoldId, LotId};
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::purchases::PurchaseId;
use crate::work::{Json, Version};

crate::id! {
    /// Names a batch of gift cards.
    pub struct GiftBatchId;
    /// Names a gift card: half of the keyed digest of its code, so it tells nothing of the code.
    pub struct GiftCardId;
    /// Names a ticket.
    pub struct GiftTicketId;
}

crate::entity! {
    /// Gift cards that were made together, of one value.
    pub struct GiftBatch {
        kind: "gift_batch", table: "crm_gift_batches", key: (id: GiftBatchId), columns: gift_batch, version: version,
        unique: { name: [name] }, scoped: { branch: branch_id },
    } {
        /// Its id.
        id: GiftBatchId,
        /// The optimistic lock.
        version: Version,
        /// Its name: 1 to 20 capital letters and digits, with which the serial numbers of its cards begin.
        name: String,
        /// The branch whose cards they are, if not everybody's.
        branch_id: Option<BranchId>,
        /// The currency.
        currency: Currency,
        /// What each card is worth when it comes to life, in minor units.
        face_minor: i64,
        /// How many cards.
        size: u32,
        /// When it was made.
        made_at: Timestamp,
        /// When its cards were handed out to be sold.
        released_at: Option<Timestamp>,
    }
}

crate::text_enum! {
    /// What can be done with a gift card (S-35). That it has expired is told by its dates.
    pub enum GiftCardState {
        /// It is made, and not yet handed out.
        Draft = "draft",
        /// It can be sold, and is worth nothing yet.
        Issued = "issued",
        /// It can be spent.
        Active = "active",
        /// Nothing is left on it.
        Exhausted = "exhausted",
        /// It can not be spent for the time being.
        Blocked = "blocked",
        /// What was on it was paid back, or its sale was undone.
        Refunded = "refunded",
    }
}

crate::entity! {
    /// A gift card. Its code is stored nowhere: the id is half of a keyed digest of it, `code_hash` all of it.
    pub struct GiftCard {
        kind: "gift_card", table: "crm_gift_cards", key: (id: GiftCardId), columns: gift_card, version: version,
        unique: { serial: [serial] }, scoped: { branch: branch_id, customer: owner_id },
    } {
        /// Its id.
        id: GiftCardId,
        /// The optimistic lock.
        version: Version,
        /// The keyed digest of the code, in hexadecimal.
        code_hash: String,
        /// The last four symbols of the code.
        last_four: String,
        /// What is printed on its outside: the name of the batch, a dash, a number. No secret.
        serial: String,
        /// The batch.
        batch_id: GiftBatchId,
        /// The branch whose card it is, if not everybody's.
        branch_id: Option<BranchId>,
        /// The currency.
        currency: Currency,
        /// What it is worth when it comes to life, in minor units.
        face_minor: i64,
        /// What can be done with it.
        state: GiftCardState,
        /// Who alone can spend it.
        owner_id: Option<CustomerId>,
        /// The account its money is on, once it has come to life.
        account_id: Option<AccountId>,
        /// When it was made.
        issued_at: Timestamp,
        /// When it came to life.
        activated_at: Option<Timestamp>,
        /// The first instant at which it can no longer be spent; [`NEVER`](super::super::ledger::NEVER) without an end.
        expires_at: Timestamp,
        /// The purchase in which it was sold.
        purchase_id: Option<PurchaseId>,
    }
}

impl GiftCard {
    /// What it is worth when it comes to life.
    pub fn face(&self) -> Money {
        Money::new(self.face_minor, self.currency)
    }

    /// Whether it can be spent at this instant, by this customer.
    pub fn is_good(&self, customer: Option<CustomerId>, now: Timestamp) -> bool {
        let is_theirs = self.owner_id.is_none_or(|owner| customer == Some(owner));
        self.state == GiftCardState::Active && now < self.expires_at && is_theirs
    }
}

/// What one piece of a line has put on a card: a lot of the card's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoldGift {
    /// The card.
    pub card: GiftCardId,
    /// The lot.
    pub lot: LotId,
    /// How much, in minor units.
    pub amount: i64,
}

crate::entity! {
    /// What a line of a purchase has put on gift cards: it shares the fate of the line.
    pub struct GiftSale {
        kind: "gift_sale", table: "crm_gift_sales", key: (purchase_id: PurchaseId, line_no: u16), columns: gift_sale,
        version: version,
    } {
        /// The purchase.
        purchase_id: PurchaseId,
        /// The line.
        line_no: u16,
        /// The optimistic lock.
        version: Version,
        /// Piece by piece, in the order in which they were activated; those that came back are no longer among them.
        sold: Json<Vec<SoldGift>>,
    }
}

crate::entity! {
    /// That somebody has shown the code of a card, at a branch: they can pay with it there for some minutes, once. When they
    /// have, it is the record of the payment.
    pub struct GiftTicket {
        kind: "gift_ticket", table: "crm_gift_tickets", key: (id: GiftTicketId), columns: gift_ticket, version: version,
    } {
        /// Its id: random, for it is a secret as long as it is good.
        id: GiftTicketId,
        /// The optimistic lock.
        version: Version,
        /// The card.
        card_id: GiftCardId,
        /// The account its money is on.
        account_id: AccountId,
        /// Where it was shown.
        branch_id: BranchId,
        /// By which customer, if known.
        customer_id: Option<CustomerId>,
        /// When.
        shown_at: Timestamp,
        /// The first instant at which it is no longer good.
        ends_at: Timestamp,
        /// Whether it has paid.
        used: bool,
        /// What was paid, as a hold that was captured.
        hold_id: Option<HoldId>,
    }
}
