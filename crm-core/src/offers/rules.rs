//! The states of an offer: a pure table.

use crate::{Error, Result};

crate::text_enum! {
    /// Where an offer stands.
    pub enum OfferState {
        /// It is being written, and nothing is promised.
        Draft = "draft",
        /// The customer has it: its price holds, and so do the uses of limited rules in it.
        Sent = "sent",
        /// The customer has taken it: it is a purchase.
        Accepted = "accepted",
        /// The customer does not want it.
        Declined = "declined",
        /// Nobody answered in time.
        Expired = "expired",
        /// Whoever wrote it took it back.
        Withdrawn = "withdrawn",
    }
}

crate::text_enum! {
    /// What happens to an offer.
    pub enum OfferAction {
        /// It goes to the customer.
        Send = "send",
        /// The customer takes it.
        Accept = "accept",
        /// The customer does not want it.
        Decline = "decline",
        /// Its time is over.
        Expire = "expire",
        /// It is taken back.
        Withdraw = "withdraw",
    }
}

use OfferAction::{Accept, Decline, Expire, Send, Withdraw};
use OfferState::{Accepted, Declined, Draft, Expired, Sent, Withdrawn};

const STEPS: &[(OfferState, OfferAction, OfferState)] = &[
    (Draft, Send, Sent),
    (Draft, Expire, Expired),
    (Draft, Withdraw, Withdrawn),
    (Sent, Accept, Accepted),
    (Sent, Decline, Declined),
    (Sent, Expire, Expired),
    (Sent, Withdraw, Withdrawn),
];

impl OfferState {
    /// Where an offer stands after this.
    ///
    /// # Errors
    /// `offer.step` when that cannot happen to it now.
    ///
    /// ```
    /// use crm_core::offers::{OfferAction, OfferState};
    /// assert_eq!(OfferState::Sent.after(OfferAction::Accept)?, OfferState::Accepted);
    /// assert!(OfferState::Accepted.after(OfferAction::Accept).is_err(), "once");
    /// assert!(OfferState::Draft.after(OfferAction::Accept).is_err(), "nothing was promised");
    /// # Ok::<(), crm_core::Error>(())
    /// ```
    pub fn after(self, action: OfferAction) -> Result<Self> {
        let step = STEPS.iter().find(|(from, by, _)| (*from, *by) == (self, action));
        step.map(|(.., to)| *to).ok_or_else(|| Error::invalid("action", "offer.step"))
    }
}
