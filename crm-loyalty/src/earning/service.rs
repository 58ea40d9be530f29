//! Reading what a purchase has earned.

use crm_core::Result;
use crm_core::loyalty::earning::PurchaseSheet;
use crm_core::purchases::PurchaseId;

use crate::Club;

/// Permission to let purchases earn: the module's own.
pub const EARN: &str = "loyalty.earn";
/// Permission to see what purchases have earned.
pub const READ: &str = "loyalty.earnings.read";

impl Club<'_, '_> {
    /// What a purchase has earned, by rule and by line, and which rules gave nothing and why (C79). Nothing for a purchase
    /// of nobody, of somebody who was no member, or of a time without a programme.
    ///
    /// ```
    /// # use crm_core::access::Actor;
    /// # use crm_core::branches::NewBranch;
    /// # use crm_core::catalog::NewProduct;
    /// # use crm_core::customers::NewCustomer;
    /// # use crm_core::kernel::money::Money;
    /// # use crm_core::kernel::rate::Rate;
    /// # use crm_core::kernel::time::Zone;
    /// # use crm_core::loyalty::Asset;
    /// # use crm_core::loyalty::earning::{Earn, EarnRule};
    /// # use crm_core::loyalty::programme::Programme;
    /// # use crm_core::purchases::{NewLine, NewPurchase, NewTender};
    /// # use crm_core::{Crm, MemoryStorage, Result};
    /// # use crm_loyalty::programme::NewVersion;
    /// # use crm_loyalty::{Loyalty, WorkLoyalty as _};
    /// # fn main() -> Result<()> {
    /// # let crm = Crm::builder(MemoryStorage::new()).module(Loyalty::new()).build_blocking()?;
    /// # crm.blocking().run(&Actor::system(), "shop", |work| {
    /// # let branch = work.branches().create(NewBranch::named("Rynek", "Europe/Warsaw", "PLN"))?;
    /// # let zloty = |zloty: i64| Money::new(zloty * 100, branch.currency);
    /// # let credit = Asset::Credit(branch.currency);
    /// # let tea = work.catalog().create_product(NewProduct::service("tea", "Tea", zloty(10)))?.id;
    /// # let ala = work.customers().create(NewCustomer::person("Ala"))?.id;
    /// # let mut programme = Programme::new("Club", Zone::new("Europe/Warsaw")?);
    /// # programme.earning.rules = vec![EarnRule::new("five", credit, Earn::Percent(Rate::percent(5)))];
    /// # work.loyalty().save_programme(NewVersion::now(programme.clone()))?;
    /// # let sale = |receipt: &str, pieces, tender| NewPurchase::of(branch.id, receipt, [NewLine::of(tea, pieces)], [tender]).by(ala);
    /// let receipt = work.purchases().record(&sale("1", 4, NewTender::cash_rest()), "1")?;
    /// let sheet = work.loyalty().points_of(receipt.purchase)?.expect("a member has bought").document.0;
    /// let given: Vec<_> = sheet.contributions.iter().map(|one| (one.rule.as_str(), one.amount)).collect();
    /// assert_eq!(given, [("five", 200)]);
    /// # Ok::<_, crm_core::Error>(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`crm_core::Error::Denied`] without [`READ`].
    pub fn points_of(&mut self, purchase: PurchaseId) -> Result<Option<PurchaseSheet>> {
        self.0.within(READ)?.find(&purchase)
    }
}
