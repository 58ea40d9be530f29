//! What a customer is found by, and how complete a record is: pure functions.

use super::model::{Customer, CustomerId, MergedField, SearchField, SearchKey};
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

/// Two records made one: what the survivor becomes, with the loser's values where they were chosen or its own are missing,
/// and what is left of the loser, which leads to it. What only one record can have is moved (S-44).
///
/// Who has brought themselves has brought nobody.
pub fn joined(survivor: &Customer, loser: &Customer, take: &[MergedField]) -> (Customer, Customer) {
    let mut one = survivor.clone();
    let mut other = Customer { merged_into_id: Some(survivor.id), ..loser.clone() };
    let taken = |field| take.contains(&field);
    macro_rules! keep_one {
        ($($field:ident: $what:ident),+) => {$(
            if loser.$field.is_some() && (taken(MergedField::$what) || one.$field.is_none()) {
                one.$field.clone_from(&loser.$field);
            }
        )+};
    }
    keep_one!(phone: Phone, email: Email, card_no: CardNo, national_id: NationalId, birth_date: BirthDate);
    keep_one!(branch_id: Branch, owner_id: Owner, referrer_id: Referrer, locale: Locale);
    if taken(MergedField::Name) {
        one.name.clone_from(&loser.name);
        one.folded_name.clone_from(&loser.folded_name);
    }
    let is_themselves = |id: Option<CustomerId>| id == Some(survivor.id) || id == Some(loser.id);
    if is_themselves(one.referrer_id) {
        let own = [survivor.referrer_id, loser.referrer_id];
        one.referrer_id = own.into_iter().find(|id| id.is_some() && !is_themselves(*id)).flatten();
    }
    one.stage = one.stage.max(loser.stage);
    other.card_no = other.card_no.filter(|_| one.card_no != loser.card_no);
    other.national_id = other.national_id.filter(|_| one.national_id != loser.national_id);
    (one, other)
}

/// The survivor when the merge is taken back: what the merge has changed is as before, unless somebody has changed it since.
pub fn taken_back(now: &Customer, before: &Customer, joined: &Customer) -> Customer {
    let mut back = now.clone();
    macro_rules! as_before {
        ($($field:ident),+) => {$(
            if now.$field == joined.$field {
                back.$field.clone_from(&before.$field);
            }
        )+};
    }
    as_before!(name, folded_name, phone, email, card_no, national_id, birth_date, branch_id, owner_id, referrer_id);
    as_before!(locale, stage);
    back
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::model::{CustomerKind, Stage};
    use super::*;
    use crate::kernel::text::fold;
    use crate::kernel::time::Timestamp;
    use crate::work::Version;

    fn records() -> impl Strategy<Value = [Customer; 2]> {
        let one = |id: u128| {
            let text = || prop::option::of("[A-Z][0-9]{3}");
            let people = prop::option::of((1_u128..5).prop_map(|id| Uuid::from_u128(id).into()));
            let stage = prop::sample::select(Stage::ALL.to_vec());
            ("[A-Z][a-z]{2,5}", text(), text(), people, stage).prop_map(
                move |(name, card, national_id, referrer, stage)| {
                    Customer {
                        id: Uuid::from_u128(id).into(),
                        version: Version::FIRST,
                        kind: CustomerKind::Person,
                        stage,
                        folded_name: fold(&name),
                        name,
                        phone: None,
                        email: None,
                        // What only one can have, only one has.
                        card_no: card.map(|card| format!("{id}{card}")),
                        national_id: national_id.map(|national_id| format!("{id}{national_id}")),
                        birth_date: None,
                        branch_id: None,
                        owner_id: None,
                        referrer_id: referrer,
                        locale: None,
                        created_at: Timestamp::UNIX_EPOCH,
                        merged_into_id: None,
                    }
                },
            )
        };
        (one(1), one(2)).prop_map(|(one, other)| [one, other])
    }

    proptest! {
        /// T-13 of the record: merged and taken back is as before; what only one can have is never at both; no value is
        /// lost that the survivor lacked; nobody brings themselves.
        #[test]
        fn merged_and_taken_back_is_as_before(
            [survivor, loser] in records(),
            take in prop::sample::subsequence(MergedField::ALL.to_vec(), 0..=10),
        ) {
            let (one, other) = joined(&survivor, &loser, &take);
            prop_assert_eq!(taken_back(&one, &survivor, &one), survivor.clone());
            prop_assert!(one.card_no.is_none() || one.card_no != other.card_no);
            prop_assert!(one.national_id.is_none() || one.national_id != other.national_id);
            prop_assert_eq!(one.card_no.is_some(), survivor.card_no.is_some() || loser.card_no.is_some());
            prop_assert!(one.referrer_id != Some(one.id) && one.referrer_id != Some(other.id));
            prop_assert_eq!(one.stage, survivor.stage.max(loser.stage));
            prop_assert_eq!((one.id, other.merged_into_id), (survivor.id, Some(survivor.id)));
            if take.contains(&MergedField::Name) {
                prop_assert_eq!(&one.name, &loser.name);
            }
        }

        /// What somebody has written since the merge stays.
        #[test]
        fn what_was_written_since_stays([survivor, loser] in records(), name in "[A-Z]{7}") {
            let (one, _) = joined(&survivor, &loser, &[]);
            let edited = Customer { name: name.clone(), ..one.clone() };
            prop_assert_eq!(taken_back(&edited, &survivor, &one).name, name);
        }
    }
}
