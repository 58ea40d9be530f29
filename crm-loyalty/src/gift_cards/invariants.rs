//! What always holds of gift cards.

use crm_core::Result;
use crm_core::loyalty::gift_cards::{GiftCard, GiftCardState, GiftSale};
use crm_core::loyalty::ledger::{Account, AccountKind, Balance};
use crm_core::module::Violation;
use crm_core::work::{Filter, Permit};

use super::asset;

/// A card that came to life has an account of its own; one that has not, is empty, or was paid out, has nothing on it.
pub(crate) fn gift_cards_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut report = |card: &GiftCard, what: &str| {
        violations.push(Violation { invariant: "loyalty.gift_cards", what: format!("{}: {what}", card.serial) });
    };
    let mut cards = Vec::new();
    work.select(Filter::<GiftCard>::all()).for_each(|card| {
        cards.push(card);
        Ok(())
    })?;
    for card in &cards {
        if card.account_id.is_some() != card.activated_at.is_some() {
            report(card, "it lives without an account, or has one without living");
        }
        let Some(account) = card.account_id else { continue };
        let is_its_own = |account: &Account| account.kind == AccountKind::GiftCard;
        if !work.find::<Account>(&account)?.is_some_and(|account| is_its_own(&account)) {
            report(card, "its account is none of a gift card");
        }
        let balance = work.find::<Balance>(&(account, asset(card)))?;
        let left = balance.map_or(0, |balance| balance.available + balance.held);
        if matches!(card.state, GiftCardState::Exhausted | GiftCardState::Refunded) && left > 0 {
            report(card, "something is on it, and it cannot be spent");
        }
    }
    for sale in work.select(Filter::<GiftSale>::all()).all()? {
        let known = sale.sold.0.iter().all(|sold| cards.iter().any(|card| card.id == sold.card));
        if !known {
            violations.push(Violation {
                invariant: "loyalty.gift_cards",
                what: format!("purchase {} has sold a card that is not there", sale.purchase_id),
            });
        }
    }
    Ok(violations)
}
