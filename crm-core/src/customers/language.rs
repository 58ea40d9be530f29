//! In which language to write to a customer.

use super::model::{Customer, CustomerId};
use super::service::{Customers, READ, WRITE};
use crate::Result;
use crate::branches::BranchId;
use crate::kernel::language::Language;
use crate::settings::{Level, Resolved, Setting, Subject, resolve};
use crate::work::Permit;

/// The language to write to customers in. What a customer's own record says ([`Customer::locale`]) goes before it.
pub const LANGUAGE: Setting<Language> = Setting::new("customers.language", READ, WRITE, Language::default);

impl Customers<'_, '_> {
    /// In which language to write to a customer: that of their record if there are texts in it, then what is set for them,
    /// their groups, the branch (their own, if none is given), everybody (S-66).
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) for a customer who is absent or out of reach, and for a branch that is
    /// not there.
    pub fn language(&mut self, id: CustomerId, branch: Option<BranchId>) -> Result<Resolved<Language>> {
        // As the actor sees the record: a language that is hidden from them does not count.
        let seen: Customer = self.0.within(READ)?.get(id)?;
        let (mut work, _) = self.0.permit_on::<Customer>(READ, id)?;
        language_of(&mut work, &seen, branch)
    }
}

/// The same for an operation that has the record.
pub(crate) fn language_of(
    work: &mut Permit<'_, '_>,
    customer: &Customer,
    branch: Option<BranchId>,
) -> Result<Resolved<Language>> {
    let subject = Subject::now(work, Some(customer.id), branch.or(customer.branch_id))?;
    let own = customer.locale.as_deref().and_then(spoken);
    let set = LANGUAGE.found(work, &subject)?;
    Ok(resolve([(Level::Customer(customer.id), own)].into_iter().chain(set), LANGUAGE.default_value()))
}

/// The language of a BCP 47 tag, wherever it is spoken, if there are texts in it.
fn spoken(tag: &str) -> Option<Language> {
    tag.split('-').next().and_then(|language| language.to_ascii_lowercase().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_a_language() {
        let known =
            [("pl", Language::Pl), ("he-IL", Language::He), ("FA-Arab-IR", Language::Fa), ("en-GB", Language::En)];
        for (tag, language) in known {
            assert_eq!(spoken(tag), Some(language));
        }
        assert!(["de", "", "-pl", "polish"].map(spoken).iter().all(Option::is_none));
    }
}
