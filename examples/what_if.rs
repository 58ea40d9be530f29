//! What another programme would have given for what was bought: a year of purchases replayed without writing (N-4).

use crm_core::access::Actor;
use crm_core::branches::NewBranch;
use crm_core::catalog::NewProduct;
use crm_core::customers::NewCustomer;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{Earn, EarnRule, EarningTerms};
use crm_core::loyalty::programme::Programme;
use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use crm_core::{Crm, Error, Result};
use crm_loyalty::earning::WhatIf;
use crm_loyalty::programme::NewVersion;
use crm_loyalty::{Loyalty, WorkLoyalty as _};
use crm_storage_diesel::DieselStorage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let storage = DieselStorage::open("sqlite::memory:")?;
    let crm = Crm::builder(storage).module(Loyalty::new()).build().await?;
    let (same, other) = crm
        .run(&Actor::system(), "what if", |work| {
            let branch = work.branches().create(NewBranch::named("Kraków", "Europe/Warsaw", "PLN"))?;
            let zloty = |minor| Money::new(minor, branch.currency);
            let asset = Asset::Credit(branch.currency);
            let giving = |percent, at_most| Programme {
                earning: EarningTerms {
                    rules: vec![EarnRule {
                        at_most,
                        ..EarnRule::new("credit", asset, Earn::Percent(Rate::percent(percent)))
                    }],
                    ..EarningTerms::default()
                },
                ..Programme::new("Club", branch.zone.clone())
            };
            let now = giving(5, None);
            work.loyalty().save_programme(NewVersion::now(now.clone()))?;
            let tea = work.catalog().create_product(NewProduct::service("TEA", "Herbata", zloty(2_500)))?;
            for (name, pieces) in [("Ewa", 1), ("Jan", 4), ("Ola", 40)] {
                let member = work.customers().create(NewCustomer::person(name))?;
                let line = [NewLine::of(tea.id, pieces)];
                let sale = NewPurchase::of(branch.id, name, line, [NewTender::cash_rest()]).by(member.id);
                work.purchases().record(&sale, name)?;
            }
            let mut ask = |programme| {
                let asked = WhatIf { programme, from: None, until: None };
                work.loyalty().what_if(&asked, |member| {
                    for (asset, difference) in &member.assets {
                        println!("{}: {:+} {asset}", member.customer, difference.more());
                    }
                    Ok(())
                })
            };
            println!("the same programme:");
            let same = ask(now)?;
            println!("8 %, but at most 40 zloty for a purchase:");
            let other = ask(giving(8, Some(4_000)))?;
            let credit = other.assets.get(&asset).copied().unwrap_or_default();
            println!("given: {}, would have been: {}", credit.recorded, credit.replayed);
            Ok::<_, Error>((same, other))
        })
        .await?;
    // Nothing changed, nothing differs; with the cap the large purchase gets less and the small ones more.
    if same.changed != 0 || other.changed != 3 {
        return Err(Error::Setup(format!("{} and {} members differ", same.changed, other.changed)));
    }
    crm.close().await
}
