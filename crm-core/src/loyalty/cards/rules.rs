//! What may become of a card, and the terms of cards: pure rules.

use serde::{Deserialize, Serialize};

use super::model::{BlockReason, Card, CardState};
use super::number::MAX_DIGITS;
use crate::kernel::calendar::Span;
use crate::kernel::time::Timestamp;
use crate::{Error, Result};

/// Something that happens to a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It comes into use.
    Activate,
    /// It is reported lost, stolen or damaged.
    Block(BlockReason),
    /// It was found again, or nothing was wrong with it.
    Unblock,
    /// Another comes in its place.
    Replace,
}

/// The state after a step (S-36).
///
/// # Errors
/// [`Error::Invalid`] with rule `card.replaced` for one that another has replaced, which nothing brings back;
/// `card.expired` for one whose time is over, but to block or replace it; `card.step` for what does not happen to a card of
/// this state. A stolen card does not come back: `card.stolen`.
pub fn step(card: &Card, step: Step, now: Timestamp) -> Result<CardState> {
    let refused = |rule| Err(Error::invalid("card", rule));
    let is_over = now >= card.expires_at;
    match (card.state, step) {
        (CardState::Replaced, _) => refused("card.replaced"),
        (_, Step::Activate | Step::Unblock) if is_over => refused("card.expired"),
        (CardState::Issued, Step::Activate) => Ok(CardState::Active),
        (CardState::Issued | CardState::Active | CardState::Blocked, Step::Block(_)) => Ok(CardState::Blocked),
        (CardState::Blocked, Step::Unblock) if card.blocked_for == Some(BlockReason::Stolen) => refused("card.stolen"),
        (CardState::Blocked, Step::Unblock) if card.activated_at.is_some() => Ok(CardState::Active),
        (CardState::Blocked, Step::Unblock) => Ok(CardState::Issued),
        (CardState::Issued | CardState::Active | CardState::Blocked, Step::Replace) => Ok(CardState::Replaced),
        (CardState::Active | CardState::Blocked, Step::Activate) | (_, Step::Unblock) => refused("card.step"),
    }
}

/// The terms of members' cards, a part of the programme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CardTerms {
    /// The digits that every number begins with. None.
    pub prefix: String,
    /// The digits of a number, with prefix and check digit, at most 32. 16.
    pub digits: u8,
    /// How long a card is good, counted in the programme's calendar from the day it is issued. No end.
    pub valid_for: Option<Span>,
    /// Whether an account may have several active cards: those of a family. No.
    pub family: bool,
}

impl Default for CardTerms {
    fn default() -> Self {
        Self { prefix: String::new(), digits: 16, valid_for: None, family: false }
    }
}

impl CardTerms {
    /// Refuses terms by which no card could be issued.
    ///
    /// # Errors
    /// [`Error::Invalid`] with rule `cards.prefix` for anything but digits, `cards.digits` when fewer than eight digits are
    /// left to chance, `cards.valid_for` for no time at all.
    pub fn check(&self) -> Result<()> {
        if !self.prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::invalid("prefix", "cards.prefix"));
        }
        if self.digits > MAX_DIGITS || usize::from(self.digits) < self.prefix.len().saturating_add(9) {
            return Err(Error::invalid("digits", "cards.digits"));
        }
        if self.valid_for.is_some_and(|span| !is_time(span)) {
            return Err(Error::invalid("valid_for", "cards.valid_for"));
        }
        Ok(())
    }
}

/// Whether a span leads into the future.
pub(in crate::loyalty) fn is_time(span: Span) -> bool {
    let (Span::Days(n) | Span::Weeks(n) | Span::Months(n) | Span::Quarters(n) | Span::Years(n)) = span;
    n > 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::loyalty::ledger::NEVER;
    use crate::work::Version;

    fn a_card(state: CardState, expires_at: Timestamp) -> Card {
        Card {
            id: Uuid::nil().into(),
            version: Version::FIRST,
            number: "79927398713".into(),
            customer_id: Uuid::nil().into(),
            account_id: Uuid::nil().into(),
            branch_id: None,
            state,
            blocked_for: None,
            lost_at: None,
            issued_at: Timestamp::UNIX_EPOCH,
            activated_at: None,
            expires_at,
            replaces_id: None,
        }
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Activate),
            prop::sample::select(BlockReason::ALL.to_vec()).prop_map(Step::Block),
            Just(Step::Unblock),
            Just(Step::Replace),
        ]
    }

    proptest! {
        /// S-36: a card that was replaced is never good again, a stolen one only by being replaced, and none is after its
        /// end, whatever is tried with it.
        #[test]
        fn what_is_gone_stays_gone(tried in prop::collection::vec((steps(), any::<bool>()), 1..30)) {
            let end = Timestamp::from_micros(1_000_000).unwrap();
            let mut card = a_card(CardState::Issued, end);
            let (mut replaced, mut stolen) = (false, false);
            for (wanted, late) in tried {
                let now = if late { end } else { Timestamp::UNIX_EPOCH };
                if let Ok(state) = step(&card, wanted, now) {
                    prop_assert!(!replaced, "{wanted:?} of a replaced card");
                    card.state = state;
                    match wanted {
                        Step::Activate => card.activated_at = Some(now),
                        Step::Block(reason) => card.blocked_for = Some(reason),
                        Step::Unblock => card.blocked_for = None,
                        Step::Replace => {}
                    }
                }
                replaced |= card.state == CardState::Replaced;
                stolen |= card.blocked_for == Some(BlockReason::Stolen);
                prop_assert!(!(card.is_good(now) && (replaced || late)));
                prop_assert!(!(stolen && card.blocked_for == Some(BlockReason::Stolen) && card.is_good(now)));
                prop_assert!(!card.is_good(now) || card.activated_at.is_some());
            }
        }
    }

    #[test]
    fn a_card_goes_the_usual_way() {
        let now = Timestamp::UNIX_EPOCH;
        let mut card = a_card(CardState::Issued, NEVER);
        assert!(!card.is_good(now));
        card.state = step(&card, Step::Activate, now).unwrap();
        assert!(card.is_good(now) && !card.is_good(NEVER));
        assert!(step(&card, Step::Activate, now).is_err());
        card.state = step(&card, Step::Block(BlockReason::Lost), now).unwrap();
        assert!(!card.is_good(now));
        assert_eq!(step(&card, Step::Replace, now).unwrap(), CardState::Replaced);
    }

    #[test]
    fn terms_without_cards_are_refused() {
        let good = CardTerms::default();
        assert!(good.check().is_ok());
        for bad in [
            CardTerms { prefix: "29A".into(), ..good.clone() },
            CardTerms { digits: 8, ..good.clone() },
            CardTerms { prefix: "12345678".into(), ..good.clone() },
            CardTerms { digits: 33, ..good.clone() },
            CardTerms { valid_for: Some(Span::Years(0)), ..good },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
