//! Offers.

use super::rules::OfferState;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::kernel::money::Money;
use crate::kernel::time::Timestamp;
use crate::pricing::{LimitUse, Quote};
use crate::purchases::PurchaseId;
use crate::work::{Json, Version};

crate::id! {
    /// Names an offer.
    pub struct OfferId;
}

crate::entity! {
    /// An offer: what somebody asked for, at a price that holds until an instant.
    pub struct Offer {
        kind: "offer", table: "crm_offers", key: (id: OfferId), columns: offer, version: version, personal: [inquiry, reason],
        scoped: { branch: branch_id, customer: customer_id },
    } {
        /// Its id.
        id: OfferId,
        /// The optimistic lock.
        version: Version,
        /// Where.
        branch_id: BranchId,
        /// To whom, if known.
        customer_id: Option<CustomerId>,
        /// Where it stands.
        state: OfferState,
        /// What was asked for, in the customer's words.
        inquiry: Option<String>,
        /// The price, as it was when the offer was priced; nothing before that.
        quote: Option<Json<Quote>>,
        /// What it holds of limits of rules while it is sent (S-40).
        uses: Json<Vec<LimitUse>>,
        /// When it was made.
        made_at: Timestamp,
        /// The first instant at which it does not hold any more.
        expires_at: Timestamp,
        /// Why it was declined or withdrawn.
        reason: Option<String>,
        /// What it has become.
        purchase_id: Option<PurchaseId>,
    }
}

impl Offer {
    /// What is to be paid, once it has a price.
    pub fn total(&self) -> Option<Money> {
        self.quote.as_ref().map(|quote| quote.0.total())
    }
}
