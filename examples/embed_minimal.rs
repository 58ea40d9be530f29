//! A customer and a purchase, in an application that has nothing else: no server, no set-up, one file.

use crm_core::access::Actor;
use crm_core::branches::NewBranch;
use crm_core::catalog::NewProduct;
use crm_core::customers::NewCustomer;
use crm_core::kernel::money::Money;
use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use crm_core::{Crm, Result};
use crm_storage_diesel::DieselStorage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let crm = Crm::builder(DieselStorage::open("sqlite::memory:")?).build().await?;
    let (name, receipt) = crm
        .run(&Actor::system(), "first sale", |work| {
            let branch = work.branches().create(NewBranch::named("Warszawa", "Europe/Warsaw", "PLN"))?;
            let price = Money::parse("12.50", branch.currency, work.currencies())?;
            let tea = work.catalog().create_product(NewProduct::service("TEA", "Herbata", price))?;
            let new = NewCustomer::person("Łucja Żółć").with_phone("+48 512 345 678");
            let customer = work.customers().create(new)?;
            let sale = NewPurchase::of(branch.id, "R-1", [NewLine::of(tea.id, 2)], [NewTender::cash_rest()]);
            let receipt = work.purchases().record(&sale.by(customer.id), "till-7/R-1")?;
            Ok::<_, crm_core::Error>((work.customers().by_phone("+48512345678")?.name, receipt))
        })
        .await?;
    println!("{name} bought for {} {}", receipt.total.minor(), receipt.total.currency());
    crm.close().await
}
