//! The roles that are shipped, as data: a start, made for the permissions that are installed.
//!
//! Only an admin defines operators and employees; an operator defines customers, records purchases and answers requests.

use super::model::{Extent, Grant};

/// A role that is shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The name of the role.
    pub name: &'static str,
    /// What it allows.
    pub grants: Vec<Grant>,
}

/// The name of the role that may do everything.
pub const ADMIN_ROLE: &str = "admin";

type Line = (&'static str, Extent);

const OPERATOR: &[Line] = &[
    ("access.login", Extent::Own),
    ("branches.read", Extent::Branch),
    ("catalog.read", Extent::All),
    ("catalog.stock", Extent::Branch),
    ("customers.read", Extent::Branch),
    ("customers.write", Extent::Branch),
    ("journal.read", Extent::Branch),
    ("offers.*", Extent::Branch),
    ("preferences.*", Extent::Branch),
    ("pricing.read", Extent::Branch),
    ("purchases.read", Extent::Branch),
    ("purchases.record", Extent::Branch),
    ("requests.*", Extent::Branch),
];

const EMPLOYEE: &[Line] = &[
    ("access.login", Extent::Own),
    ("branches.read", Extent::Branch),
    ("catalog.read", Extent::All),
    ("customers.read", Extent::Branch),
    ("preferences.read", Extent::Branch),
    ("purchases.read", Extent::Branch),
    ("requests.*", Extent::Group),
];

const CUSTOMER: &[Line] = &[
    ("access.login", Extent::Own),
    ("catalog.read", Extent::All),
    ("customers.read", Extent::Own),
    ("offers.answer", Extent::Own),
    ("offers.read", Extent::Own),
    ("preferences.read", Extent::Own),
    ("purchases.read", Extent::Own),
];

const PARTNER: &[Line] = &[
    ("access.login", Extent::Own),
    ("catalog.read", Extent::All),
    ("customers.read", Extent::Own),
    ("journal.read", Extent::Own),
    ("offers.answer", Extent::Own),
    ("offers.read", Extent::Own),
    ("preferences.read", Extent::Own),
    ("purchases.read", Extent::Own),
];

const TEMPLATES: &[(&str, &[Line])] = &[
    (ADMIN_ROLE, &[("*", Extent::All)]),
    ("operator", OPERATOR),
    ("employee", EMPLOYEE),
    ("customer", CUSTOMER),
    ("partner", PARTNER),
];

/// The shipped roles for these permissions. Lines about others are left out.
///
/// ```
/// let roles = crm_core::access::templates(&["customers.read", "customers.write"]);
/// let names: Vec<_> = roles.iter().map(|role| role.name).collect();
/// assert_eq!(names, ["admin", "operator", "employee", "customer", "partner"]);
/// assert!(roles[3].grants.iter().all(|grant| !grant.names("customers.write")));
/// ```
pub fn templates(permissions: &[&'static str]) -> Vec<Template> {
    let known = |grant: &Grant| permissions.iter().any(|permission| grant.names(permission));
    let template = |(name, lines): &(&'static str, &[Line])| Template {
        name,
        grants: lines.iter().map(|(permission, extent)| Grant::permit(*permission, *extent)).filter(known).collect(),
    };
    TEMPLATES.iter().map(template).collect()
}
