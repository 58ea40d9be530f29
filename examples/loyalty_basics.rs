//! A club in a page: 5 % credit for six Jalali months, a silver tier with more, a purchase paid partly with credit, a return
//! that takes back what was earned, and what is left, by lot.

use std::time::Duration;

use crm_core::access::Actor;
use crm_core::branches::NewBranch;
use crm_core::catalog::NewProduct;
use crm_core::customers::NewCustomer;
use crm_core::kernel::calendar::{Calendar, Span};
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{ManualClock, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::earning::{Earn, EarnRule, EarningTerms};
use crm_core::loyalty::programme::{Programme, Validity};
use crm_core::loyalty::redemption::{Limits, LimitsFor, RedemptionTerms};
use crm_core::loyalty::tiers::{Need, TierLadder, TierTerms, Window};
use crm_core::pricing::{Audience, TierId};
use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::{Crm, Error, Result};
use crm_loyalty::programme::NewVersion;
use crm_loyalty::redemption::credit;
use crm_loyalty::{Loyalty, WorkLoyalty as _};
use crm_storage_diesel::DieselStorage;
use uuid::Uuid;

/// The programme: a document, here written in Rust.
fn programme(silver: TierId, zone: Zone) -> Programme {
    let toman = |tomans: i64| Money::new(tomans * 10, crm_core::kernel::currency::Currency::IRR);
    let asset = Asset::Credit(toman(0).currency());
    let earns = |key: &str, percent, audience| EarnRule {
        audience,
        valid: Validity::For(Span::Months(6)),
        ..EarnRule::new(key, asset, Earn::Percent(Rate::percent(percent)))
    };
    let silver_only = Audience { tiers: vec![silver], ..Audience::default() };
    let half = Limits { per_invoice_rate: Some(Rate::percent(50)), ..Limits::default() };
    let tier = TierTerms::new(silver, "silver", Need::amount(toman(1_000_000).minor()));
    let ladder = TierLadder::new(Uuid::from_u128(1).into(), "club", Window::Lifetime, [tier]);
    Programme {
        calendar: Calendar::Jalali,
        earning: EarningTerms {
            rules: vec![earns("everybody", 5, Audience::default()), earns("silver-more", 3, silver_only)],
            ..EarningTerms::default()
        },
        redemption: RedemptionTerms {
            limits: vec![LimitsFor { asset, audience: Audience::default(), limits: half }],
            ..RedemptionTerms::default()
        },
        tiers: vec![ladder],
        ..Programme::new("Club", zone)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let clock = std::sync::Arc::new(ManualClock::new("2025-03-21T09:00:00Z".parse()?));
    let storage = DieselStorage::open("sqlite::memory:")?;
    let crm = Crm::builder(storage).clock(clock.clone()).module(Loyalty::new()).build().await?;
    let silver: TierId = Uuid::from_u128(2).into();

    let system = Actor::system();
    let (branch, tea, member) = crm
        .run(&system, "set-up", move |work| {
            let branch = work.branches().create(NewBranch::named("تهران", "Asia/Tehran", "IRR"))?;
            let price = Money::new(12_000_000, branch.currency);
            let tea = work.catalog().create_product(NewProduct::service("TEA", "چای", price))?;
            work.loyalty().save_programme(NewVersion::now(programme(silver, branch.zone.clone())))?;
            let member = work.customers().create(NewCustomer::person("سارا کریمی"))?;
            Ok::<_, Error>((branch, tea.id, member.id))
        })
        .await?;
    let asset = Asset::Credit(branch.currency);
    let buy = |receipt: &'static str, pieces, tenders: Vec<NewTender>| {
        let sale = NewPurchase::of(branch.id, receipt, [NewLine::of(tea, pieces)], tenders).by(member);
        crm.run(&system, "sale", move |work| work.purchases().record(&sale, receipt))
    };
    let left = || {
        crm.read(&system, "balance", move |work| {
            let club = work.loyalty().balances(member.into())?;
            Ok::<_, Error>(club.get(&asset).map_or(0, |amounts| amounts.available))
        })
    };

    // 1.2 million tomans: 5 % credit, and the silver tier from now on.
    let first = buy("R-1", 1, vec![NewTender::cash_rest()]).await?;
    println!("after the first purchase: {} rials of credit", left().await?);
    assert_eq!(left().await?, 600_000);

    // The second is paid partly with it, and earns 8 % of what is paid with money.
    clock.advance(Duration::from_secs(24 * 3600));
    buy("R-2", 1, vec![credit(Money::new(600_000, branch.currency)), NewTender::cash_rest()]).await?;
    println!("after the second: {} rials of credit", left().await?);
    assert_eq!(left().await?, 912_000);

    // The first comes back: what it has earned was spent, so other lots give it.
    let back = NewReturn::of(first.purchase, [NewReturnLine::of(1, 1)]);
    crm.run(&system, "return", move |work| work.returns().record(&back, "back-1").map(|_| ())).await?;
    println!("after the return: {} rials of credit", left().await?);
    assert_eq!(left().await?, 312_000);

    let (tiers, lots) = crm
        .read(&system, "member", move |work| {
            Ok::<_, Error>((work.loyalty().tiers(member.into())?, work.loyalty().lots(member.into())?))
        })
        .await?;
    for lot in &lots {
        let until = Calendar::Jalali.of(branch.zone.date_of(lot.expires_at));
        println!("a lot of {} rials, {} left, until {until}", lot.amount, lot.remaining);
    }
    println!("tiers: {}", tiers.len());
    let violations = crm.verify().await?;
    if !violations.is_empty() {
        return Err(Error::Setup(format!("the books do not agree: {violations:?}")));
    }
    crm.close().await
}
