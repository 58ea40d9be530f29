//! When a contract is valid: pure functions.

use super::model::Partner;
use crate::kernel::time::CivilDate;
use crate::{Error, Result};

/// The most groups of a partner.
pub const MAX_GROUPS: usize = 20;

impl Partner {
    /// Whether the contract is valid on a business day: from its first day through its last (S-05). A contract that is
    /// not gives no terms.
    pub fn is_valid_on(&self, date: CivilDate) -> bool {
        self.valid_from <= date && self.valid_through.is_none_or(|through| date <= through)
    }
}

/// Refuses a contract that ends before it begins, and more groups than anybody can oversee.
pub(super) fn check(partner: &Partner) -> Result<()> {
    if partner.valid_through.is_some_and(|through| through < partner.valid_from) {
        return Err(Error::invalid("valid_through", "partner.period"));
    }
    if partner.groups.0.len() > MAX_GROUPS {
        return Err(Error::invalid("groups", "partner.group_count"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::{Json, Version};

    #[test]
    fn a_contract_is_valid_through_its_last_day() {
        let date = |day: u8| CivilDate::new(2025, 3, day).unwrap();
        let mut partner = Partner {
            customer_id: uuid::Uuid::nil().into(),
            version: Version::FIRST,
            contract_no: "1".into(),
            valid_from: date(2),
            valid_through: Some(date(4)),
            groups: Json::default(),
        };
        assert_eq!([1, 2, 4, 5].map(|day| partner.is_valid_on(date(day))), [false, true, true, false]);
        assert!(check(&partner).is_ok());
        partner.valid_through = Some(date(1));
        assert!(check(&partner).is_err());
        partner.valid_through = None;
        assert!(partner.is_valid_on(CivilDate::MAX) && !partner.is_valid_on(date(1)));
    }
}
