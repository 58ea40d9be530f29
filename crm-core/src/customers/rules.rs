//! What a customer is found by, and how complete a record is: pure functions.

use super::model::{Customer, SearchField, SearchKey};
use crate::kernel::text::words;

/// Words of a name that take part in the search.
const MAX_WORDS: usize = 5;

/// Every key by which this customer is found.
///
/// A name of one word is a key itself; of several, each ordered pair of words is, so that any word finds it by its
/// beginning, and so do any two words in any order, with one look-up of an index and no join.
pub fn search_keys(customer: &Customer) -> Vec<SearchKey> {
    let mut keys = Vec::new();
    let mut key = |field, token: String| keys.push(SearchKey { field, token, customer_id: customer.id });
    let name: Vec<&str> = words(&customer.folded_name).take(MAX_WORDS).collect();
    if let [word] = name.as_slice() {
        key(SearchField::Name, (*word).to_owned());
    }
    for (i, first) in name.iter().enumerate() {
        for (j, second) in name.iter().enumerate() {
            if i != j {
                key(SearchField::Name, format!("{first} {second}"));
            }
        }
    }
    if let Some(phone) = &customer.phone {
        key(SearchField::Phone, phone.digits().chars().rev().collect());
    }
    if let Some(email) = &customer.email {
        key(SearchField::Email, email.canonical());
    }
    if let Some(card) = &customer.card_no {
        key(SearchField::Card, card.clone());
    }
    if let Some(national_id) = &customer.national_id {
        key(SearchField::NationalId, national_id.clone());
    }
    keys.sort_by(|a, b| (a.field, &a.token).cmp(&(b.field, &b.token)));
    keys.dedup();
    keys
}

/// How complete a record is, in percent: how many of the fields that make a customer reachable and known are filled.
pub fn completeness(customer: &Customer) -> u8 {
    let known = [
        !customer.name.is_empty(),
        customer.phone.is_some(),
        customer.email.is_some(),
        customer.birth_date.is_some(),
        customer.national_id.is_some() || customer.card_no.is_some(),
        customer.branch_id.is_some(),
        customer.locale.is_some(),
    ];
    let filled = known.iter().filter(|known| **known).count();
    u8::try_from(filled * 100 / known.len()).unwrap_or(100)
}
