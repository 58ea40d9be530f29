//! What always holds of cards.

use crm_core::Result;
use crm_core::customers::{SearchField, SearchKey, search_key};
use crm_core::loyalty::cards::{Card, CardState};
use crm_core::module::Violation;
use crm_core::work::{Filter, Permit};

/// Each card is found by its number, belongs to whom its account belongs to, and has replaced a card that is replaced.
pub(crate) fn cards_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut report = |card: &Card, what: &str| {
        violations.push(Violation { invariant: "loyalty.cards", what: format!("{}: {what}", card.id) });
    };
    let mut cards = Vec::new();
    work.select(Filter::<Card>::all()).for_each(|card| {
        cards.push(card);
        Ok(())
    })?;
    for page in cards.chunks(500) {
        let keys: Vec<_> =
            page.iter().map(|card| (SearchField::MemberCard, card.number.clone(), card.customer_id)).collect();
        let keys = work.get_many::<SearchKey>(&keys)?;
        let accounts: Vec<_> = page.iter().map(|card| card.account_id).collect();
        let accounts = work.get_many::<crm_core::loyalty::ledger::Account>(&accounts)?;
        let replaced: Vec<_> = page.iter().filter_map(|card| card.replaces_id).collect();
        let replaced: Vec<Card> = work.get_many(&replaced)?.into_iter().flatten().collect();
        for ((card, key), account) in page.iter().zip(keys).zip(accounts) {
            if key.is_none() {
                report(card, "its number finds nobody");
            }
            if account.is_none_or(|account| account.customer_id != Some(card.customer_id)) {
                report(card, "its account is somebody else's");
            }
            let is_replaced = |old: &Card| Some(old.id) == card.replaces_id && old.state == CardState::Replaced;
            if card.replaces_id.is_some() && !replaced.iter().any(is_replaced) {
                report(card, "the card before it is not replaced");
            }
        }
    }
    let keys = work.count(search_key::field.eq(SearchField::MemberCard))?;
    if keys != cards.len() as u64 {
        violations.push(Violation { invariant: "loyalty.cards", what: "there are search keys of no card".to_owned() });
    }
    Ok(violations)
}
