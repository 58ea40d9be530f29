//! How far a permission reaches: which records it covers, and what was taken out of it.

use serde::{Deserialize, Serialize};

use super::UserId;
use super::ids::Ids;
use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::work::{Col, Entity, Filter};

/// A record, as far as access is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Target {
    /// The place of business, if the record belongs to one.
    pub branch: Option<BranchId>,
    /// The customer, if the record belongs to one.
    pub customer: Option<CustomerId>,
    /// The user who is responsible for it, if anybody is.
    pub owner: Option<UserId>,
}

impl Target {
    /// Something that belongs to no branch, no customer and no user: only a reach without bounds covers it.
    pub const ANY: Self = Self { branch: None, customer: None, owner: None };

    /// A record of a branch.
    pub fn branch(branch: BranchId) -> Self {
        Self { branch: Some(branch), ..Self::ANY }
    }

    /// A record of a customer.
    pub fn customer(customer: CustomerId) -> Self {
        Self { customer: Some(customer), ..Self::ANY }
    }
}

/// A set of records: those of these branches, of these customers, of these users, or simply all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Region {
    /// Every record.
    pub all: bool,
    /// Records of these places of business.
    pub branches: Ids<BranchId>,
    /// Records of these customers: oneself, for a customer who serves themselves.
    pub customers: Ids<CustomerId>,
    /// Records these users are responsible for: oneself, or the members of a group.
    pub owners: Ids<UserId>,
}

impl Region {
    /// Every record.
    pub const fn all() -> Self {
        Self { all: true, branches: Ids::NONE, customers: Ids::NONE, owners: Ids::NONE }
    }

    /// No record at all.
    pub const fn none() -> Self {
        Self { all: false, branches: Ids::NONE, customers: Ids::NONE, owners: Ids::NONE }
    }

    /// The records of some branches.
    pub fn branches(branches: impl IntoIterator<Item = BranchId>) -> Self {
        Self { branches: branches.into_iter().collect(), ..Self::default() }
    }

    /// The records of one customer.
    pub fn customer(customer: CustomerId) -> Self {
        Self { customers: Ids::from_iter([customer]), ..Self::default() }
    }

    /// The records some users are responsible for.
    pub fn owners(owners: impl IntoIterator<Item = UserId>) -> Self {
        Self { owners: owners.into_iter().collect(), ..Self::default() }
    }

    /// Adds the records of another region.
    pub fn extend(&mut self, other: Self) {
        self.all |= other.all;
        self.branches.extend(other.branches);
        self.customers.extend(other.customers);
        self.owners.extend(other.owners);
    }

    /// Whether it holds no record at all.
    pub fn is_empty(&self) -> bool {
        !self.all && self.branches.is_empty() && self.customers.is_empty() && self.owners.is_empty()
    }

    /// Whether the record is in it.
    pub fn contains(&self, target: &Target) -> bool {
        self.all
            || target.branch.is_some_and(|branch| self.branches.contains(&branch))
            || target.customer.is_some_and(|customer| self.customers.contains(&customer))
            || target.owner.is_some_and(|owner| self.owners.contains(&owner))
    }
}

/// How far a permission reaches: what roles allow, less what they forbid. A forbid beats every permit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// What is allowed.
    pub allowed: Region,
    /// What is forbidden, whatever allows it.
    pub forbidden: Region,
}

impl Reach {
    /// Every record.
    pub const fn all() -> Self {
        Self { allowed: Region::all(), forbidden: Region::none() }
    }

    /// No record at all.
    pub const fn none() -> Self {
        Self { allowed: Region::none(), forbidden: Region::none() }
    }

    /// Whether the record is covered.
    pub fn covers(&self, target: &Target) -> bool {
        self.allowed.contains(target) && !self.forbidden.contains(target)
    }

    /// Whether no record at all can be covered.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() || self.forbidden.all
    }

    /// The records of one kind that are covered, as a condition for a query.
    pub fn filter<E: Scoped>(&self) -> Filter<E> {
        let allowed = region_filter(&self.allowed);
        if self.forbidden.is_empty() { allowed } else { allowed.and(region_filter(&self.forbidden).not()) }
    }
}

impl From<Region> for Reach {
    fn from(allowed: Region) -> Self {
        Self { allowed, forbidden: Region::default() }
    }
}

/// Which columns of an entity say to whom a record belongs. Declared with `scoped` in [`entity!`](crate::entity).
pub trait Scoped: Entity {
    /// The column of the place of business.
    const BRANCH: Option<Col<Self, Option<BranchId>>>;
    /// The column of the customer.
    const CUSTOMER: Option<Col<Self, Option<CustomerId>>>;
    /// The column of the responsible user.
    const OWNER: Option<Col<Self, Option<UserId>>>;

    /// To whom this record belongs.
    fn target(&self) -> Target;
}

fn region_filter<E: Scoped>(region: &Region) -> Filter<E> {
    if region.all {
        return Filter::all();
    }
    let mut filter = Filter::none();
    if let (Some(column), false) = (E::BRANCH, region.branches.is_empty()) {
        filter = filter.or(column.is_in(region.branches.iter().copied()));
    }
    if let (Some(column), false) = (E::CUSTOMER, region.customers.is_empty()) {
        filter = filter.or(column.is_in(region.customers.iter().copied()));
    }
    if let (Some(column), false) = (E::OWNER, region.owners.is_empty()) {
        filter = filter.or(column.is_in(region.owners.iter().copied()));
    }
    filter
}
