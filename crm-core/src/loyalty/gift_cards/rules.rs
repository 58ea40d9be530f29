//! What may become of a gift card, and the terms of gift cards: pure rules.

use serde::{Deserialize, Serialize};

use super::AttemptLimits;
use super::model::{GiftCard, GiftCardState};
use crate::catalog::ProductId;
use crate::kernel::calendar::Span;
use crate::kernel::time::Timestamp;
use crate::loyalty::cards::is_time;
use crate::{Error, Result};

/// Something that happens to a gift card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GiftStep {
    /// It is handed out to be sold.
    Release,
    /// It was paid for.
    Activate,
    /// Something of it was spent or set aside; whether nothing is left.
    Spend {
        /// Nothing is left, neither free nor set aside.
        empty: bool,
    },
    /// Money was given back to it, or more was put on it.
    Refill,
    /// It is blocked.
    Block,
    /// It is no longer; whether nothing is left.
    Unblock {
        /// Nothing is left.
        empty: bool,
    },
    /// What is left is paid back, or its sale is undone.
    Refund,
}

/// The state after a step (S-35).
///
/// # Errors
/// [`Error::Invalid`] with rule `gift_card.step` for what does not happen to a card of this state; `gift_card.expired` for
/// what does not happen to one whose time is over.
pub fn gift_step(card: &GiftCard, step: GiftStep, now: Timestamp) -> Result<GiftCardState> {
    use GiftCardState::{Active, Blocked, Draft, Exhausted, Issued, Refunded};
    let left = |empty| if empty { Exhausted } else { Active };
    if now >= card.expires_at && matches!(step, GiftStep::Spend { .. } | GiftStep::Activate) {
        return Err(Error::invalid("gift_card", "gift_card.expired"));
    }
    match (card.state, step) {
        // Money that comes back to a card that was paid out is new money; to one that is blocked, it stays where it is.
        (Issued, GiftStep::Activate) | (Active | Exhausted | Refunded, GiftStep::Refill) => Ok(Active),
        (Active, GiftStep::Spend { empty }) => Ok(left(empty)),
        (Draft | Issued | Active | Exhausted, GiftStep::Block) | (Blocked, GiftStep::Refill) => Ok(Blocked),
        (Blocked, GiftStep::Unblock { empty }) if card.activated_at.is_some() => Ok(left(empty)),
        (Draft, GiftStep::Release) | (Blocked, GiftStep::Unblock { .. }) => Ok(Issued),
        (Active | Exhausted | Blocked, GiftStep::Refund) if card.activated_at.is_some() => Ok(Refunded),
        _ => Err(Error::invalid("gift_card", "gift_card.step")),
    }
}

/// What becomes of money on a gift card that has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ExpiredGifts {
    /// It is not paid back.
    #[default]
    Forfeit,
    /// It is paid back to whoever asks in time.
    Refund {
        /// How many days after the end.
        within_days: u16,
    },
}

impl ExpiredGifts {
    /// Whether what was left on a card that ended at `expired_at` can be paid back now.
    pub fn allows(self, expired_at: Timestamp, now: Timestamp) -> bool {
        match self {
            Self::Forfeit => false,
            Self::Refund { within_days } => {
                let days = std::time::Duration::from_secs(86_400 * u64::from(within_days));
                now.saturating_since(expired_at) < days
            }
        }
    }
}

/// The terms of gift cards, a part of the programme.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GiftCardTerms {
    /// The products whose sale brings gift cards to life. Such a line earns nothing, and is money owed (S-11, S-42).
    pub products: Vec<ProductId>,
    /// How long a card is good, counted in the programme's calendar from the day it comes to life. No end.
    pub valid_for: Option<Span>,
    /// Whether more can be put on a card (each time a lot of its own). No.
    pub reloadable: bool,
    /// The most that may be on a card, in minor units of its currency. No bound.
    pub most_minor: Option<i64>,
    /// Whether a card pays once only: what is left after that is gone. No.
    pub single_use: bool,
    /// What becomes of money on a card that has expired.
    pub expired: ExpiredGifts,
    /// How many codes may be tried in vain.
    pub limits: AttemptLimits,
}

impl GiftCardTerms {
    /// Refuses terms that contradict themselves.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `gift_cards.valid_for` for no time at all, `gift_cards.most` for nothing,
    /// `gift_cards.single_use` for a card that pays once and can be filled again; as [`AttemptLimits::check`].
    pub fn check(&self) -> Result<()> {
        if self.valid_for.is_some_and(|span| !is_time(span)) {
            return Err(Error::invalid("valid_for", "gift_cards.valid_for"));
        }
        if self.most_minor.is_some_and(|most| most <= 0) {
            return Err(Error::invalid("most_minor", "gift_cards.most"));
        }
        if self.single_use && self.reloadable {
            return Err(Error::invalid("single_use", "gift_cards.single_use"));
        }
        self.limits.check()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::kernel::currency::Currency;
    use crate::work::Version;

    fn a_card(state: GiftCardState, expires_at: Timestamp) -> GiftCard {
        GiftCard {
            id: Uuid::nil().into(),
            version: Version::FIRST,
            code_hash: String::new(),
            last_four: String::new(),
            serial: "A-1".into(),
            batch_id: Uuid::nil().into(),
            branch_id: None,
            currency: Currency::PLN,
            face_minor: 5_000,
            state,
            owner_id: None,
            account_id: None,
            issued_at: Timestamp::UNIX_EPOCH,
            activated_at: None,
            expires_at,
            purchase_id: None,
        }
    }

    fn steps() -> impl Strategy<Value = GiftStep> {
        prop_oneof![
            Just(GiftStep::Release),
            Just(GiftStep::Activate),
            any::<bool>().prop_map(|empty| GiftStep::Spend { empty }),
            Just(GiftStep::Refill),
            Just(GiftStep::Block),
            any::<bool>().prop_map(|empty| GiftStep::Unblock { empty }),
            Just(GiftStep::Refund),
        ]
    }

    proptest! {
        /// S-35: nothing is spent before it was paid for, after the end, while blocked, or once refunded; a card comes to
        /// life once.
        #[test]
        fn only_living_cards_pay(tried in prop::collection::vec((steps(), any::<bool>()), 1..40)) {
            let end = Timestamp::from_micros(1_000_000).unwrap();
            let mut card = a_card(GiftCardState::Draft, end);
            let mut refunded = false;
            for (wanted, late) in tried {
                let now = if late { end } else { Timestamp::UNIX_EPOCH };
                let before = card.clone();
                let Ok(state) = gift_step(&card, wanted, now) else { continue };
                prop_assert!(!refunded || wanted == GiftStep::Refill, "{wanted:?} of a refunded card");
                card.state = state;
                match wanted {
                    GiftStep::Activate => {
                        prop_assert!(before.activated_at.is_none() && !late);
                        card.activated_at = Some(now);
                    }
                    GiftStep::Spend { .. } => prop_assert!(before.is_good(None, now)),
                    GiftStep::Refund => refunded = true,
                    GiftStep::Refill => refunded = false,
                    _ => {}
                }
                prop_assert!(!card.is_good(None, now) || card.activated_at.is_some());
            }
        }
    }

    #[test]
    fn an_owner_alone_spends_what_is_theirs() {
        let [ada, bob] = [1, 2].map(|n| Uuid::from_u128(n).into());
        let card = GiftCard { owner_id: Some(ada), ..a_card(GiftCardState::Active, Timestamp::MAX) };
        let now = Timestamp::UNIX_EPOCH;
        assert!(card.is_good(Some(ada), now) && !card.is_good(Some(bob), now) && !card.is_good(None, now));
    }

    #[test]
    fn what_has_expired_is_paid_back_in_time_or_not_at_all() {
        let at = |secs: i64| Timestamp::from_micros(secs * 1_000_000).unwrap();
        let policy = ExpiredGifts::Refund { within_days: 2 };
        assert!(policy.allows(at(0), at(2 * 86_400 - 1)) && !policy.allows(at(0), at(2 * 86_400)));
        assert!(!ExpiredGifts::Forfeit.allows(at(0), at(0)));
    }

    #[test]
    fn terms_that_contradict_themselves_are_refused() {
        let good = GiftCardTerms::default();
        assert!(good.check().is_ok());
        for bad in [
            GiftCardTerms { valid_for: Some(Span::Days(-1)), ..good.clone() },
            GiftCardTerms { most_minor: Some(0), ..good.clone() },
            GiftCardTerms { single_use: true, reloadable: true, ..good.clone() },
            GiftCardTerms { limits: AttemptLimits { for_all: 0, ..AttemptLimits::default() }, ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
