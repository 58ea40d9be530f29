//! A version ready for use.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::model::{Programme, ProgrammeVersion};
use crate::kernel::time::Timestamp;
use crate::partners::CustomerGroupId;
use crate::pricing::CategoryTree;

/// A version of the programme with what its rules are looked up in: never changed, shared by all.
#[derive(Debug)]
pub struct Compiled {
    /// The number of the version.
    pub number: u32,
    /// The first instant it is in force.
    pub from: Timestamp,
    /// The first instant it is no longer in force.
    pub until: Option<Timestamp>,
    /// What it says.
    pub programme: Programme,
    /// The tree of categories.
    pub tree: Arc<CategoryTree>,
    /// The customer groups that its rules name: of the others nobody needs to know who is in them.
    pub groups: Vec<CustomerGroupId>,
    /// Whether a rule names groups of partners.
    pub partners: bool,
}

impl Compiled {
    /// Compiles a version.
    pub fn new(version: ProgrammeVersion, tree: Arc<CategoryTree>) -> Self {
        let programme = version.terms.0;
        let audiences = || {
            let limits = programme.redemption.limits.iter().map(|limits| &limits.audience);
            programme.earning.rules.iter().map(|rule| &rule.audience).chain(limits)
        };
        let groups: BTreeSet<_> = audiences().flat_map(|audience| audience.customer_groups.iter().copied()).collect();
        let partners = audiences().any(|audience| !audience.partner_groups.is_empty());
        Self {
            number: version.number,
            from: version.effective_from,
            until: version.effective_until,
            programme,
            tree,
            groups: groups.into_iter().collect(),
            partners,
        }
    }
}
