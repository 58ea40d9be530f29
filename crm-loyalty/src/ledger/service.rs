//! Opening accounts, and reading what is on them.

use crm_core::Result;
use crm_core::access::Target;
use crm_core::branches::BranchId;
use crm_core::customers::{Customer, CustomerId};
use crm_core::loyalty::ledger::{Account, AccountId, AccountKind, AccountState, NEVER};
use crm_core::work::{Json, Permit, UnitOfWork, Version};

use super::event::AccountOpened;
use crate::Club;

/// Permission to make somebody a member of the club.
pub const ENROL: &str = "loyalty.enrol";
/// Permission to see accounts and what is on them.
pub const READ: &str = "loyalty.read";

/// An account to be opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewAccount {
    /// Its id: a member's has that of the customer.
    pub(crate) id: AccountId,
    /// Whose it is.
    pub(crate) kind: AccountKind,
    /// The member, or to whom a gift card is bound.
    pub(crate) customer: Option<CustomerId>,
    /// The branch that looks after it.
    pub(crate) branch: Option<BranchId>,
}

/// Opens an account, and tells it.
pub(crate) fn open_account(work: &mut Permit<'_, '_>, new: NewAccount) -> Result<Account> {
    let account = Account {
        id: new.id,
        version: Version::FIRST,
        kind: new.kind,
        customer_id: new.customer,
        branch_id: new.branch,
        state: AccountState::Active,
        opened_at: work.now(),
        due_at: NEVER,
        open_holds: Json(Vec::new()),
        merged_into: None,
    };
    work.insert(&account)?;
    work.emit(&AccountOpened { account: new.id, customer: new.customer, branch: new.branch })?;
    Ok(account)
}

/// The account of a customer, who is a member if they have one; made if not.
pub(crate) fn enrol(work: &mut Permit<'_, '_>, customer: CustomerId) -> Result<Account> {
    let id = AccountId::from(customer);
    if let Some(account) = work.find::<Account>(&id)? {
        return Ok(account);
    }
    let customer: Customer = work.get(customer)?;
    let (kind, branch) = (AccountKind::Member, customer.branch_id);
    open_account(work, NewAccount { id, kind, customer: Some(customer.id), branch })
}

impl Club<'_, '_> {
    /// Makes a customer a member of the club; who is one already has the account they have. Customers who are created
    /// while the club is there are members from then on.
    ///
    /// # Errors
    /// [`crm_core::Error::NotFound`] when there is no such customer within reach.
    pub fn enrol(&mut self, customer: CustomerId) -> Result<Account> {
        let (mut work, customer) = self.0.permit_on::<Customer>(ENROL, customer)?;
        enrol(&mut work, customer.id)
    }
}

/// A customer who is created is a member.
pub(crate) fn on_customer(work: &mut UnitOfWork<'_>, customer: CustomerId) -> Result<()> {
    let mut work = work.permit(ENROL, &Target::customer(customer))?;
    enrol(&mut work, customer).map(|_| ())
}
