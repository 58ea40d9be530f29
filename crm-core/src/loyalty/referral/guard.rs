//! Who is the same as somebody else, and who has brought whom: pure functions (S-34).

use super::model::Barred;
use crate::Result;
use crate::customers::{Customer, CustomerId};

/// What a person is known by.
#[derive(Clone, Copy)]
pub struct Person<'c> {
    customer: &'c Customer,
}

impl<'c> Person<'c> {
    /// As the record says.
    pub const fn of(customer: &'c Customer) -> Self {
        Self { customer }
    }

    /// By what two are the same, if they are. A family that shares a phone is: what it earns by bringing each other is
    /// what a farm of accounts would.
    pub fn same_as(self, other: Person<'_>) -> Option<Barred> {
        let (a, b) = (self.customer, other.customer);
        let mailbox = |customer: &Customer| customer.email.as_ref().map(|email| mailbox(email.as_str()));
        if a.id == b.id {
            Some(Barred::Id)
        } else if a.national_id.is_some() && a.national_id == b.national_id {
            Some(Barred::NationalId)
        } else if a.card_no.is_some() && a.card_no == b.card_no {
            Some(Barred::Card)
        } else if a.phone.is_some() && a.phone == b.phone {
            Some(Barred::Phone)
        } else if a.email.is_some() && mailbox(a) == mailbox(b) {
            Some(Barred::Email)
        } else {
            None
        }
    }
}

/// The mailbox behind an address: what stands after a plus is a label, and some providers pass over dots. Only for
/// guards, which may be wrong to nobody's harm; never to find a person by (S-72).
fn mailbox(address: &str) -> String {
    let address = address.to_lowercase();
    let Some((local, domain)) = address.rsplit_once('@') else { return address };
    let local = local.split_once('+').map_or(local, |(name, _)| name);
    match domain {
        "gmail.com" | "googlemail.com" => format!("{}@gmail.com", local.replace('.', "")),
        _ => format!("{local}@{domain}"),
    }
}

/// The longest chain of referrers that is followed.
pub const MAX_CHAIN: usize = 1_000;

/// Whether `referee` would, through these referrers, have brought themselves. A chain longer than [`MAX_CHAIN`] counts as
/// a circle: there is none that nobody has made on purpose.
///
/// ```
/// use crm_core::customers::CustomerId;
/// use crm_core::loyalty::referral::closes_a_circle;
/// let [a, b, c] = [1, 2, 3].map(|id| CustomerId::from(uuid::Uuid::from_u128(id)));
/// let brought_by = |id| Ok(if id == b { Some(a) } else { None });
/// assert!(closes_a_circle(a, b, brought_by)?, "a brought b");
/// assert!(!closes_a_circle(c, b, brought_by)?);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn closes_a_circle(
    referee: CustomerId,
    referrer: CustomerId,
    mut brought_by: impl FnMut(CustomerId) -> Result<Option<CustomerId>>,
) -> Result<bool> {
    let mut above = Some(referrer);
    for _ in 0..MAX_CHAIN {
        match above {
            None => return Ok(false),
            Some(id) if id == referee => return Ok(true),
            Some(id) => above = brought_by(id)?,
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_dots_lead_to_the_same_mailbox() {
        assert_eq!(mailbox("Ala+club@Example.org"), mailbox("ala@example.org"));
        assert_eq!(mailbox("a.la@gmail.com"), mailbox("ala+1@googlemail.com"));
        assert_ne!(mailbox("a.la@example.org"), mailbox("ala@example.org"));
    }

    #[test]
    fn an_endless_chain_is_a_circle() {
        let id = |n| CustomerId::from(uuid::Uuid::from_u128(n));
        let mut n = 1;
        let endless = |_| {
            n += 1;
            Ok(Some(id(n)))
        };
        assert!(closes_a_circle(id(0), id(1), endless).unwrap());
    }
}
