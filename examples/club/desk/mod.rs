//! Some days at the desk, after the history ends. Each step is done once and remembers what it told, so that the play goes on
//! where it was stopped, and tells the same when it is told again.

mod club;
mod sales;

use crm_core::access::Target;
use crm_core::customers::CustomerId;
use crm_core::kernel::time::{CivilDate, Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{AccountId, PostingAccount, entry};
use crm_core::purchases::{self, PurchaseId};
use crm_core::work::UnitOfWork;
use crm_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::report::summary::Scene;
use crate::shop::Shop;
use crate::till::Till;

const HOUR: i64 = 3600 * 1_000_000;
const DAY: i64 = 24 * HOUR;

/// Somebody who plays along.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Player {
    pub(crate) id: CustomerId,
    pub(crate) name: String,
    pub(crate) card: String,
}

impl Player {
    fn account(&self) -> AccountId {
        self.id.into()
    }
}

/// The desk of the main branch.
struct Desk<'d> {
    till: &'d Till,
    shop: Shop,
    zone: Zone,
    /// Nine in the morning of the first day.
    opens: Timestamp,
}

/// Plays the desk, and tells what happened.
///
/// # Errors
/// What the store meets.
pub(crate) async fn play(
    till: &Till,
    shop: &Shop,
    zone: &Zone,
    opens: Timestamp,
    best: Vec<Player>,
) -> Result<Vec<Scene>> {
    let desk = Desk { till, shop: shop.clone(), zone: zone.clone(), opens };
    // Who plays is decided once: what they buy here must not decide it anew.
    let cast: Vec<Player> = desk.step("cast", 0, move |_| Ok(best.clone())).await?;
    let player = |index: usize| cast.get(index % cast.len().max(1)).ok_or_else(|| Error::not_found("customer", "cast"));
    let mut scenes = vec![desk.partner(player(3)?).await?];
    let (credit, purchase) = desk.credit(player(0)?).await?;
    scenes.push(credit);
    scenes.push(desk.take_back(player(0)?, purchase).await?);
    scenes.push(desk.lost_card(player(1)?).await?);
    scenes.extend(desk.tier(&cast).await?);
    scenes.push(desk.referral(player(0)?).await?);
    let (gift, until) = desk.gift(&cast).await?;
    scenes.push(gift);
    scenes.push(desk.cheque(player(2)?).await?);
    scenes.push(desk.reminder(player(0)?, until).await?);
    scenes.sort_by_key(|scene| scene.on);
    Ok(scenes)
}

impl Desk<'_> {
    /// A step, so long after the desk has opened first.
    async fn step<T, F>(&self, name: &'static str, after: i64, job: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
    {
        let (at, main) = (self.at(after)?, self.shop.main);
        self.till
            .run(at, &format!("desk {name}"), move |work| {
                let mut permit = work.permit(purchases::RECORD, &Target::branch(main))?;
                permit.once("club.desk", name, &(), |work| job(work))
            })
            .await
    }

    fn at(&self, after: i64) -> Result<Timestamp> {
        self.opens.checked_add_micros(after)
    }

    fn date(&self, after: i64) -> Result<CivilDate> {
        Ok(self.zone.date_of(self.at(after)?))
    }
}

/// What a purchase has given of an asset, less what was taken back.
fn given(work: &mut UnitOfWork<'_>, player: &Player, purchase: PurchaseId, asset: Asset) -> Result<i64> {
    let of_purchase = entry::account_id.eq(player.account()).and(entry::purchase_id.eq(Some(purchase)));
    let entries = work.unrestricted()?.select(of_purchase).all()?;
    let issued = entries.iter().flat_map(|entry| &entry.postings.0);
    let issued = issued.filter(|posting| posting.asset == asset && posting.account == PostingAccount::Issued);
    Ok(-issued.map(|posting| posting.amount).sum::<i64>())
}
