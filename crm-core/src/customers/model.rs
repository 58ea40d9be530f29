//! Customers and what they are found by.

use crate::access::UserId;
use crate::branches::BranchId;
use crate::kernel::email::Email;
use crate::kernel::phone::Phone;
use crate::kernel::time::{CivilDate, Timestamp};
use crate::partners::CustomerGroupId;
use crate::preferences::PreferenceSource;
use crate::work::{Json, Version};

crate::id! {
    /// Names a customer.
    pub struct CustomerId;
}

crate::text_enum! {
    /// What a customer is.
    pub enum CustomerKind {
        /// A human being.
        Person = "person",
        /// A company, a school, an authority.
        Organisation = "organisation",
    }
}

crate::text_enum! {
    /// How far the acquaintance has come. The record stays the same; nothing is copied (C01).
    pub enum Stage {
        /// Somebody left a trace.
        Lead = "lead",
        /// Interest is confirmed.
        Prospect = "prospect",
        /// Has bought.
        Customer = "customer",
    }
}

crate::entity! {
    /// A person or organisation.
    pub struct Customer {
        kind: "customer", table: "crm_customers", key: (id: CustomerId), columns: customer, version: version,
        unique: { card: [card_no], national_id: [national_id] },
        personal: [name, folded_name, phone, email, card_no, national_id, birth_date],
        scoped: { branch: branch_id, customer: id, owner: owner_id },
    } {
        /// Its id.
        id: CustomerId,
        /// The optimistic lock.
        version: Version,
        /// Person or organisation.
        kind: CustomerKind,
        /// How far the acquaintance has come.
        stage: Stage,
        /// The name, as written.
        name: String,
        /// The name, folded.
        folded_name: String,
        /// A phone, best a mobile. Several customers may share one.
        phone: Option<Phone>,
        /// An e-mail address. Several customers may share one.
        email: Option<Email>,
        /// The number of the customer's card: letters and digits, folded.
        card_no: Option<String>,
        /// A national id, digits only.
        national_id: Option<String>,
        /// The date of birth, or of foundation.
        birth_date: Option<CivilDate>,
        /// The branch that looks after this customer.
        branch_id: Option<BranchId>,
        /// The user who is responsible for this customer.
        owner_id: Option<UserId>,
        /// Who brought this customer.
        referrer_id: Option<CustomerId>,
        /// The language to write in, a BCP 47 tag.
        locale: Option<String>,
        /// When the record was made.
        created_at: Timestamp,
        /// The record of the same customer that goes on, if two were found to be one (S-44): this one leads there.
        merged_into_id: Option<CustomerId>,
    }
}

crate::text_enum! {
    /// By what a customer is found.
    pub enum SearchField {
        /// A card number.
        Card = "card",
        /// An e-mail address.
        Email = "email",
        /// The number of a card of the club, good or not. The module that issues them keeps these keys.
        MemberCard = "member_card",
        /// Words of the name.
        Name = "name",
        /// A national id.
        NationalId = "national_id",
        /// The end of a phone number.
        Phone = "phone",
        /// The receipt number of a purchase. Not kept as a key: purchases are asked.
        Receipt = "receipt",
    }
}

impl SearchField {
    /// The column of the customer that it looks at; a receipt is of a purchase.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Card | Self::MemberCard => "card_no",
            Self::Email => "email",
            Self::Name => "name",
            Self::NationalId => "national_id",
            Self::Phone => "phone",
            Self::Receipt => "",
        }
    }
}

crate::entity! {
    /// Something a customer is found by. Derived from the customer, and kept with it.
    pub struct SearchKey {
        kind: "search_key", table: "crm_search_keys",
        key: (field: SearchField, token: String, customer_id: CustomerId), columns: search_key,
        personal: [token],
    } {
        /// What it is.
        field: SearchField,
        /// The folded text; a phone backwards, so that its end is a beginning.
        token: String,
        /// Who is found.
        customer_id: CustomerId,
    }
}

crate::entity! {
    /// Two customers have to do with each other: `from` is `role` of `to`.
    pub struct Relation {
        kind: "relation", table: "crm_relations",
        key: (from_id: CustomerId, role: String, to_id: CustomerId), columns: relation,
    } {
        /// The one.
        from_id: CustomerId,
        /// What the one is of the other: `employee`, `spouse`, `parent company`.
        role: String,
        /// The other.
        to_id: CustomerId,
        /// Since when it is known.
        created_at: Timestamp,
    }
}

crate::text_enum! {
    /// A field of which a merge keeps one of two values (S-44).
    pub enum MergedField {
        /// The name.
        Name = "name",
        /// The phone.
        Phone = "phone",
        /// The e-mail address.
        Email = "email",
        /// The number of a card.
        CardNo = "card_no",
        /// The national id.
        NationalId = "national_id",
        /// The date of birth.
        BirthDate = "birth_date",
        /// The branch that looks after the customer.
        Branch = "branch_id",
        /// The user who is responsible.
        Owner = "owner_id",
        /// Who brought the customer.
        Referrer = "referrer_id",
        /// The language to write in.
        Locale = "locale",
    }
}

crate::entity! {
    /// That two records are of one customer, and what it takes to take that back. There is one as long as it holds.
    pub struct CustomerMerge {
        kind: "customer_merge", table: "crm_customer_merges", key: (loser_id: CustomerId), columns: customer_merge,
        personal: [originals],
    } {
        /// The record that leads to the other now.
        loser_id: CustomerId,
        /// The record that goes on.
        survivor_id: CustomerId,
        /// When.
        merged_at: Timestamp,
        /// Both records as they were, the survivor first, and the survivor as it was then made.
        originals: Json<[Customer; 3]>,
        /// Groups that the survivor came into by it.
        groups: Json<Vec<CustomerGroupId>>,
        /// Relations that were copied to the survivor: from, role, to.
        relations: Json<Vec<(CustomerId, String, CustomerId)>>,
        /// Preferences that were copied to the survivor, by key and source; none for a merge from before there were any.
        preferences: Option<Json<Vec<(String, PreferenceSource)>>>,
    }
}
