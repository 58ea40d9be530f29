//! Gift cards: made in batches, brought to life by a sale, shown at the desk, spent by a tender (S-35, C77).

mod batches;
mod care;
mod desk;
pub mod event;
mod invariants;
mod sale;
mod tender;

pub use batches::{ISSUE, MadeBatch, NewBatch, PrintedCard};
pub use care::{CARE, READ};
pub use desk::{CrmGiftDesk, GiftDesk, GiftShown, SHOW, ShowGift};
pub(crate) use invariants::gift_cards_agree;
pub use sale::{Activation, SELL};
pub(crate) use sale::{on_return, sold_on};
pub(crate) use tender::GiftCards;
pub use tender::{GIFT_CARD, GiftTender};

use std::sync::Arc;

use crm_core::accounts::Key;
use crm_core::loyalty::Asset;
use crm_core::loyalty::gift_cards::{GiftCard, GiftCardTerms};
use crm_core::loyalty::programme::Compiled;
use crm_core::work::{Permit, UnitOfWork};
use crm_core::{Error, Result};

use crate::programme;

/// The key of the host's that codes are hidden by; there is none unless it was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct GiftKey(pub(crate) Option<Key>);

impl GiftKey {
    /// The key.
    ///
    /// # Errors
    /// [`Error::Setup`] without one: nothing is made or looked up by a default that everybody knows.
    pub(crate) fn of<'t>(work: &UnitOfWork<'t>) -> Result<&'t Key> {
        let missing = || Error::Setup("gift cards need a key: Loyalty::new().gift_card_key(key)".to_owned());
        work.provided::<Self>()?.0.as_ref().ok_or_else(missing)
    }
}

/// The terms in force, and the programme they stand in, if there is one.
fn terms(work: &mut Permit<'_, '_>) -> Result<(GiftCardTerms, Option<Arc<Compiled>>)> {
    let now = work.now();
    let current = programme::current(work, now)?;
    Ok((current.as_ref().map(|current| current.programme.gift_cards.clone()).unwrap_or_default(), current))
}

fn asset(card: &GiftCard) -> Asset {
    Asset::Gift(card.currency)
}
