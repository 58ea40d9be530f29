//! One box that finds customers by name, phone or its end, e-mail, card, national id or receipt number, and says why (C05, N-17).

use super::merge::current_within;
use super::model::{Customer, SearchField, SearchKey, search_key};
use super::rules::search_keys;
use super::service::{Customers, READ};
use crate::kernel::email::Email;
use crate::kernel::page::Limit;
use crate::kernel::phone::Phone;
use crate::kernel::text::{fold, fold_digits, words};
use crate::module::Violation;
use crate::purchases::{Purchase, purchase};
use crate::work::{Entity, Filter, Permit, Within};
use crate::{Error, Result};

/// Keys looked at for one field of one search, whatever is typed: the bound on its cost.
const MAX_KEYS: usize = 500;

/// The fewest digits that find the end of a phone number.
const MIN_PHONE_DIGITS: usize = 4;

/// A customer that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Who.
    pub customer: Customer,
    /// By what.
    pub field: SearchField,
}

/// What a person at the till may know of a customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// A card number.
    pub card: Option<String>,
    /// A phone in international form.
    pub phone: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
    /// A national id.
    pub national_id: Option<String>,
}

impl Customers<'_, '_> {
    /// Finds customers by whatever was typed, the best reason first: an exact card, also one of a club, good or not, national id, receipt or e-mail, then
    /// the end of a phone number (four digits at least), then the name (the beginning of any word, or of any two).
    ///
    /// The answer is the same on every backend. At most 500 candidates are looked at for each reason.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`]; [`Error::Invalid`] for an empty term or one of more than 200 bytes.
    pub fn search(&mut self, term: &str, limit: Limit) -> Result<Vec<Match>> {
        let mut visible = self.0.within(READ)?;
        if term.trim().is_empty() || term.len() > 200 {
            return Err(Error::invalid("term", "search.length"));
        }
        let mut hunt = Hunt { visible: &mut visible, term, limit, found: Vec::new() };
        let code = code(term);
        if !code.is_empty() {
            hunt.through(SearchField::Card, &exactly(SearchField::Card, &code))?;
            hunt.through(SearchField::MemberCard, &exactly(SearchField::MemberCard, &code))?;
            hunt.through(SearchField::NationalId, &exactly(SearchField::NationalId, &code))?;
        }
        let receipt = purchase::receipt_no.eq(fold_digits(term.trim()));
        let buyers = hunt.visible.led_to(receipt, limit, None, |purchase: Purchase| purchase.customer_id)?;
        hunt.take(SearchField::Receipt, buyers.items)?;
        if let Ok(email) = Email::parse(term.trim()) {
            hunt.through(SearchField::Email, &exactly(SearchField::Email, &email.canonical()))?;
        }
        if let Some(end) = phone_end(term) {
            hunt.through(SearchField::Phone, &beginning(SearchField::Phone, &end))?;
        }
        let folded = fold(term);
        let mut parts = words(&folded);
        match (parts.next(), parts.next()) {
            (Some(first), None) => hunt.through(SearchField::Name, &beginning(SearchField::Name, first))?,
            (Some(first), Some(second)) => {
                let before = hunt.found.len();
                hunt.through(SearchField::Name, &beginning(SearchField::Name, &format!("{first} {second}")))?;
                if hunt.found.len() == before {
                    // Both words may be only begun: look at the first few who have the one.
                    hunt.through(SearchField::Name, &beginning(SearchField::Name, first))?;
                }
            }
            (None, _) => {}
        }
        Ok(hunt.found)
    }

    /// The one customer whom all of these identifiers mean.
    ///
    /// # Errors
    /// [`Error::Denied`] without [`READ`]; [`Error::NotFound`] when nobody has one of them; [`Error::Invalid`] with rule `identifiers.ambiguous` when a
    /// phone or e-mail address is shared and nothing else decides, `identifiers.contradict` when two of them mean
    /// different customers (C02).
    pub fn identify(&mut self, identifiers: &Identifiers) -> Result<Customer> {
        let mut visible = self.0.within(READ)?;
        let mut exact = Vec::new();
        if let Some(card) = &identifiers.card {
            exact.push((SearchField::Card, code(card)));
        }
        if let Some(national_id) = &identifiers.national_id {
            exact.push((SearchField::NationalId, code(national_id)));
        }
        if let Some(phone) = &identifiers.phone {
            let phone = Phone::parse(phone, None)?;
            exact.push((SearchField::Phone, phone.digits().chars().rev().collect()));
        }
        if let Some(email) = &identifiers.email {
            exact.push((SearchField::Email, Email::parse(email)?.canonical()));
        }
        let mut meant: Option<Vec<Customer>> = None;
        for (field, token) in exact {
            if visible.hides::<Customer>(field.column()) {
                return Err(Error::not_found("customer", format!("with this {field}")));
            }
            // Whom the actor may not see is not there, or the kind of refusal would tell.
            let mut keys = exactly(field, &token);
            if field == SearchField::Card {
                keys = keys.or(exactly(SearchField::MemberCard, &token));
            }
            let led = visible.led_to(keys, many(), None, |key| Some(key.customer_id))?;
            let mut having: Vec<Customer> = Vec::with_capacity(led.items.len());
            for found in led.items {
                let current = current_within(&mut visible, found)?;
                having.extend(current.filter(|current| having.iter().all(|known| known.id != current.id)));
            }
            if having.is_empty() {
                return Err(Error::not_found("customer", format!("with this {field}")));
            }
            meant = Some(match meant {
                None => having,
                Some(before) => {
                    before.into_iter().filter(|known| having.iter().any(|one| one.id == known.id)).collect()
                }
            });
        }
        let mut meant = meant.ok_or_else(|| Error::invalid("identifiers", "identifiers.none"))?;
        match (meant.pop(), meant.is_empty()) {
            (None, _) => Err(Error::invalid("identifiers", "identifiers.contradict")),
            (Some(one), true) => Ok(one),
            (Some(_), false) => Err(Error::invalid("identifiers", "identifiers.ambiguous")),
        }
    }

    /// The customer with this phone number.
    ///
    /// # Errors
    /// As [`identify`](Self::identify).
    pub fn by_phone(&mut self, phone: &str) -> Result<Customer> {
        self.identify(&Identifiers { phone: Some(phone.to_owned()), ..Identifiers::default() })
    }
}

/// A search on its way.
struct Hunt<'h, 'w, 't> {
    visible: &'h mut Within<'w, 't>,
    term: &'h str,
    limit: Limit,
    found: Vec<Match>,
}

impl Hunt<'_, '_, '_> {
    /// Adds those who have these keys, a page of keys at a time, until enough are found.
    fn through(&mut self, field: SearchField, keys: &Filter<SearchKey>) -> Result<()> {
        if self.visible.hides::<Customer>(field.column()) {
            return Ok(());
        }
        let mut after = None;
        let mut looked_at = 0;
        while self.found.len() < self.limit.get() && looked_at < MAX_KEYS {
            let found = &self.found;
            let lead = |key: SearchKey| {
                let known = found.iter().any(|known| known.customer.id == key.customer_id);
                (!known).then_some(key.customer_id)
            };
            let page = self.visible.led_to(keys.clone(), self.limit, after.as_ref(), lead)?;
            self.take(field, page.items)?;
            looked_at += self.limit.get();
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Adds those of these customers whom the term means.
    ///
    /// A record that leads to another has found that one: the term is tried on the record that it was found by.
    fn take(&mut self, field: SearchField, customers: Vec<Customer>) -> Result<()> {
        for customer in customers {
            let meant = field != SearchField::Name || has_all_words(&customer, self.term);
            let Some(customer) = current_within(self.visible, customer)? else { continue };
            let known = self.found.iter().any(|known| known.customer.id == customer.id);
            if self.found.len() < self.limit.get() && meant && !known {
                self.found.push(Match { customer, field });
            }
        }
        Ok(())
    }
}

fn exactly(field: SearchField, token: &str) -> Filter<SearchKey> {
    search_key::field.eq(field).and(search_key::token.eq(token))
}

fn beginning(field: SearchField, token: &str) -> Filter<SearchKey> {
    search_key::field.eq(field).and(search_key::token.starts_with(token))
}

fn many() -> Limit {
    u32::try_from(MAX_KEYS).ok().and_then(|rows| Limit::new(rows).ok()).unwrap_or_default()
}

/// Letters and digits of a code, folded as [`fold_code`](crate::kernel::input::fold_code) stores them; empty if it is none.
fn code(text: &str) -> String {
    crate::kernel::input::fold_code("term", text, 64).unwrap_or_default()
}

/// The end of a phone number, backwards, if that is what was typed: national and international prefixes are left out,
/// for the end of the stored number is the same with and without them.
fn phone_end(term: &str) -> Option<String> {
    let folded = fold_digits(term.trim());
    let digits: String = folded.chars().filter(char::is_ascii_digit).collect();
    let only_phone_signs = folded.chars().all(|c| c.is_ascii_digit() || " +-()./\u{a0}".contains(c));
    let end = digits.trim_start_matches('0');
    (only_phone_signs && end.len() >= MIN_PHONE_DIGITS).then(|| end.chars().rev().collect())
}

/// Whether every word that was typed begins a word of the name.
fn has_all_words(customer: &Customer, term: &str) -> bool {
    let folded = fold(term);
    words(&folded).all(|typed| words(&customer.folded_name).any(|word| word.starts_with(typed)))
}

/// Every customer is found by exactly what its record says.
pub fn search_keys_agree(work: &mut Permit<'_, '_>) -> Result<Vec<Violation>> {
    let report = |what: String| Violation { invariant: "customers.search_keys", what };
    let mut violations = Vec::new();
    let mut expected = 0_u64;
    let mut after = None;
    loop {
        let page = work.select(Filter::<Customer>::all()).page(many(), after.as_ref())?;
        for customer in page.items {
            let keys: Vec<_> = search_keys(&customer).iter().map(Entity::id).collect();
            expected += keys.len() as u64;
            if work.get_many::<SearchKey>(&keys)?.iter().any(Option::is_none) {
                violations.push(report(format!("{}: a search key is missing", customer.id)));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    // Those of a club's cards are the club's to check.
    if work.count(search_key::field.ne(SearchField::MemberCard))? != expected {
        violations.push(report("there are keys of nobody".to_owned()));
    }
    Ok(violations)
}
