//! Members' cards (S-36, C76).

use crm_core::conformance::{Bench, Factory, race};
use crm_core::customers::{CustomerId, Identifiers, NewCustomer, SearchField};
use crm_core::journal::JournalQuery;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::cards::{BlockReason, Card, CardId, CardState, CardTerms, is_card_number};
use crm_core::loyalty::ledger::{AccountId, Entry, entry};
use crm_core::loyalty::programme::Programme;
use crm_core::{Error, Result};

use super::{Now as _, give, open, save};
use crate::WorkLoyalty as _;
use crate::cards::event::CARD_REFUSED;
use crate::cards::{NewCard, Shown};

fn issue(shop: &Bench, new: NewCard, key: &str) -> Result<Card> {
    let key = key.to_owned();
    shop.run(move |work| work.loyalty().issue_card(&new, &key))
}

fn replace(shop: &Bench, card: CardId, key: &str) -> Result<Card> {
    let key = key.to_owned();
    shop.run(move |work| work.loyalty().replace_card(card, None, &key))
}

fn found(shop: &Bench, number: &str) -> Vec<(CustomerId, SearchField)> {
    let number = number.to_owned();
    let found = shop.read(move |work| work.customers().search(&number, Limit::default())).unwrap();
    found.into_iter().map(|found| (found.customer.id, found.field)).collect()
}

fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

/// C76, N-9: a lost card takes nothing with it. Another on the same account, nothing copied, the ledger untouched; the old
/// number finds the member and pays nothing, and nothing brings it back.
pub fn a_lost_card_takes_nothing_with_it(factory: Factory<'_>) {
    let shop = open(factory);
    let branch = shop.branch("cards").id;
    let ala = shop.customer(NewCustomer::person("Ala Kot")).id;
    give(&shop, ala, 100);
    let entries =
        || shop.read(move |work| work.select::<Entry>(entry::account_id.eq(AccountId::from(ala))).all()).unwrap();
    let before = entries();
    let old = issue(&shop, NewCard::active(ala), "1").unwrap();
    assert_eq!(issue(&shop, NewCard::active(ala), "1").unwrap(), old, "done once");
    assert!(is_card_number(&old.number) && old.number.len() == 16);
    assert_eq!(rule(issue(&shop, NewCard::active(ala), "2")), "card.another");
    let id = old.id;
    let lost_at = shop.clock_now();
    let blocked = shop.run(move |work| work.loyalty().block_card(id, BlockReason::Stolen, Some(lost_at))).unwrap();
    assert_eq!((blocked.card.state, blocked.to_review.len()), (CardState::Blocked, 0));
    assert_eq!(rule(shop.run(move |work| work.loyalty().unblock_card(id))), "card.stolen");
    let new = replace(&shop, old.id, "3").unwrap();
    assert_eq!((new.account_id, new.replaces_id, new.state), (old.account_id, Some(old.id), CardState::Active));
    assert_ne!(new.number, old.number);
    assert_eq!(entries(), before, "nothing is copied, nothing is posted");
    assert_eq!(rule(replace(&shop, old.id, "4")), "card.replaced");
    assert_eq!(rule(shop.run(move |work| work.loyalty().activate_card(id))), "card.replaced");
    assert_eq!(rule(shop.run(move |work| work.loyalty().unblock_card(id))), "card.replaced");

    for number in [old.number.clone(), new.number.clone()] {
        assert_eq!(found(&shop, &number), [(ala, SearchField::MemberCard)]);
        let by_card = Identifiers { card: Some(number.clone()), ..Identifiers::default() };
        assert_eq!(shop.read(move |work| work.customers().identify(&by_card)).unwrap().id, ala);
        assert_eq!(shop.read(move |work| work.loyalty().card_by_number(&number)).unwrap().customer_id, ala);
    }
    let show = |number: &str| {
        let number = format!("{} {}", &number[..8], &number[8..]);
        shop.run(move |work| work.loyalty().show_card(&number, branch)).unwrap()
    };
    assert!(matches!(show(&new.number), Shown::Good(card) if card.id == new.id));
    assert!(matches!(show(&old.number), Shown::Refused(card) if card.id == old.id));
    let query = JournalQuery { kinds: vec![CARD_REFUSED.into()], ..JournalQuery::default() };
    let logged = shop.read(move |work| work.journal().page(&query, Limit::default(), None)).unwrap().items;
    assert_eq!(logged.iter().map(|entry| entry.branch_id).collect::<Vec<_>>(), [Some(branch)], "refused and logged");
    assert_eq!(shop.read(move |work| work.loyalty().cards_of(ala)).unwrap().len(), 2);
    shop.verify();
}

/// A number has one home: what stands in a customer's record is taken over, and never stands in both places.
pub fn a_number_has_one_home(factory: Factory<'_>) {
    let shop = open(factory);
    let ala = shop.customer(NewCustomer::person("Ala Kot").with_card("OLD 77")).id;
    let ola = shop.customer(NewCustomer::person("Ola Pies")).id;
    let printed = |customer, number: &str| NewCard { customer, number: Some(number.into()), active: false };
    assert_eq!(rule(issue(&shop, printed(ola, "old-77"), "1")), "card.taken");
    let card = shop.run(move |work| work.loyalty().adopt_card(ala)).unwrap();
    assert_eq!((card.number.as_str(), card.state), ("OLD77", CardState::Active));
    assert_eq!(rule(shop.run(move |work| work.loyalty().adopt_card(ala))), "card.none");
    assert_eq!(found(&shop, "old77"), [(ala, SearchField::MemberCard)]);
    assert_eq!(shop.read(move |work| work.customers().get(ala)).unwrap().card_no, None);
    let mut record = shop.read(move |work| work.customers().get(ola)).unwrap();
    record.card_no = Some("OLD77".into());
    assert_eq!(rule(shop.run(move |work| work.customers().update(&mut record.clone()))), "card.taken");
    let again = NewCustomer::person("Ula").with_card("OLD77");
    assert_eq!(rule(shop.run(move |work| work.customers().create(again.clone()))), "card.taken");
    // A card of Ola's own, put into use later.
    let issued = issue(&shop, printed(ola, "P-1"), "2").unwrap();
    assert_eq!(issued.state, CardState::Issued);
    let active = shop.run(move |work| work.loyalty().activate_card(issued.id)).unwrap();
    assert_eq!((active.state, active.activated_at.is_some()), (CardState::Active, true));
    shop.verify();
}

/// Families have several cards where the programme says so, and cards end where it says so.
pub fn families_have_several(factory: Factory<'_>) {
    let shop = open(factory);
    let ala = shop.customer(NewCustomer::person("Ala Kot")).id;
    let span = crm_core::kernel::calendar::Span::Days(1);
    let cards = CardTerms { prefix: "29".into(), digits: 13, valid_for: Some(span), family: true };
    save(&shop, Programme { cards, ..Programme::new("Club", Zone::UTC) });
    let one = issue(&shop, NewCard::active(ala), "1").unwrap();
    let two = issue(&shop, NewCard::active(ala), "2").unwrap();
    assert!(one.number.starts_with("29") && one.number.len() == 13 && is_card_number(&one.number));
    assert!(one.is_good(shop.clock_now()) && two.is_good(shop.clock_now()));
    shop.clock.advance(std::time::Duration::from_secs(2 * 86_400));
    assert!(!one.is_good(shop.clock_now()));
    assert_eq!(rule(shop.run(move |work| work.loyalty().activate_card(one.id))), "card.expired");
    shop.verify();
}

/// Of many who replace one card, or issue another, one wins: an account has one active card.
pub fn race_for_one_card(factory: Factory<'_>) {
    let shop = open(factory);
    let ala = shop.customer(NewCustomer::person("Ala Kot")).id;
    let first = issue(&shop, NewCard { active: false, ..NewCard::active(ala) }, "first").unwrap().id;
    let rounds = race(8, 3, |turn| match turn.round {
        0 if turn.worker % 2 == 0 => shop.run(move |work| work.loyalty().activate_card(first)),
        0 => issue(&shop, NewCard::active(ala), &turn.worker.to_string()),
        1 if turn.worker % 2 == 0 => replace(&shop, first, &format!("r{}", turn.worker)),
        1 => {
            shop.run(move |work| work.loyalty().block_card(first, BlockReason::Lost, None)).map(|blocked| blocked.card)
        }
        _ => issue(&shop, NewCard::active(ala), &format!("again {}", turn.worker)),
    });
    assert_eq!(rounds[0].won.len(), 1, "{rounds:?}");
    let told =
        |error: &Error| matches!(error, Error::Invalid { rule: "card.another" | "card.step" | "card.replaced", .. });
    assert!(rounds.iter().flat_map(|round| &round.lost).all(told), "{rounds:?}");
    let cards = shop.read(move |work| work.loyalty().cards_of(ala)).unwrap();
    assert_eq!(cards.iter().filter(|card| card.is_good(shop.clock_now())).count(), 1, "{cards:?}");
    shop.verify();
}
