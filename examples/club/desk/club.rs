//! Scenes of the club: cards, tiers, gifts, friends and reminders.

use crm_core::Result;
use crm_core::customers::NewCustomer;
use crm_core::kernel::calendar::Span;
use crm_core::kernel::page::Limit;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::CivilDate;
use crm_core::loyalty::Asset;
use crm_core::loyalty::cards::BlockReason;
use crm_core::loyalty::grants::GrantId;
use crm_core::loyalty::ledger::{AccountId, PostingAccount, entry};
use crm_core::loyalty::programme::Validity;
use crm_core::pricing::Audience;
use crm_core::purchases::{NewLine, NewPurchase, NewTender};
use crm_loyalty::WorkLoyalty as _;
use crm_loyalty::cards::{NewCard, Shown};
use crm_loyalty::grants::NewGrant;

use super::{DAY, Desk, HOUR, Player};
use crate::programme::{CALENDAR, REMINDED, TIERS, ladder, tier};
use crate::report::summary::{Fact, Scene, Sentence, Title};

/// So many of those who bought most get the gift.
const GIFTED: usize = 10;

impl Desk<'_> {
    /// A card is lost, blocked and replaced; whoever has found it is refused.
    pub(super) async fn lost_card(&self, player: &Player) -> Result<Scene> {
        let at = DAY + HOUR / 2;
        let (shop, who) = (self.shop.clone(), player.clone());
        let (old, new, credit, refused): (String, String, i64, bool) = self
            .step("lost card", at, move |work| {
                // Printed before: the old number and the new one follow from the member's number.
                let number = |last: &str| format!("8{}{last}", who.card);
                let card = NewCard { customer: who.id, number: Some(number("41")), active: true };
                let old = work.loyalty().issue_card(&card, "desk card")?;
                work.loyalty().block_card(old.id, BlockReason::Lost, None)?;
                let new = work.loyalty().replace_card(old.id, Some(&number("72")), "desk replace")?;
                let shown = work.loyalty().show_card(&old.number, shop.main)?;
                let balances = work.loyalty().balances(who.account())?;
                let credit = balances.get(&Asset::Credit(shop.currency)).map_or(0, |amounts| amounts.available);
                Ok((end(&old.number), end(&new.number), credit, matches!(shown, Shown::Refused(_))))
            })
            .await?;
        let scene = Scene::new(Title::LostCard, self.date(at)?)
            .tell(Sentence::LosesCard, [("who", Fact::text(&player.name)), ("old", Fact::Card(old.clone()))])
            .tell(Sentence::GetsCard, [("new", Fact::Card(new)), ("credit", Fact::Money(credit))]);
        Ok(if refused { scene.tell(Sentence::OldCardRefused, [("old", Fact::Card(old))]) } else { scene })
    }

    /// Of those who play, the first who is not on the highest tier buys what is missing.
    pub(super) async fn tier(&self, cast: &[Player]) -> Result<Option<Scene>> {
        let at = 2 * DAY + HOUR;
        let (shop, cast) = (self.shop.clone(), cast.to_vec());
        let told: Option<(String, i64, i64, usize)> = self
            .step("tier", at, move |work| {
                for who in &cast {
                    let views = work.loyalty().tiers(who.account())?;
                    let Some(view) = views.iter().find(|view| view.ladder == ladder()) else { continue };
                    let missing = view.progress.next.and_then(|next| next.amount);
                    let Some(missing) = missing.filter(|missing| *missing > 0) else { continue };
                    let price = 20 * shop.unit;
                    let pieces = missing / price + i64::from(missing % price != 0);
                    let lines = [NewLine::of(shop.goods.cup, pieces)];
                    let sale = NewPurchase::of(shop.main, "DESK-TIER", lines, [NewTender::cash_rest()]).by(who.id);
                    let total = work.purchases().record(&sale, "desk tier")?.total.minor();
                    let reached = work.loyalty().tiers(who.account())?.into_iter().find_map(|view| view.tier);
                    let step = (0..TIERS.len()).find(|step| reached == Some(tier(*step)));
                    return Ok(step.map(|step| (who.name.clone(), missing, total, step)));
                }
                Ok(None)
            })
            .await?;
        let Some((name, missing, total, step)) = told else { return Ok(None) };
        let (tier, percent) = TIERS.get(step).copied().unwrap_or(("", 0));
        let scene = Scene::new(Title::Tier, self.date(at)?)
            .tell(
                Sentence::NearTier,
                [("who", Fact::text(name)), ("missing", Fact::Money(missing)), ("tier", Fact::Tier(tier.into()))],
            )
            .tell(
                Sentence::ReachesTier,
                [
                    ("total", Fact::Money(total)),
                    ("tier", Fact::Tier(tier.into())),
                    ("rate", Fact::Rate(Rate::percent(percent))),
                ],
            );
        Ok(Some(scene))
    }

    /// Somebody comes who was brought along, and what they buy gives credit to the one who has brought them.
    pub(super) async fn referral(&self, player: &Player) -> Result<Scene> {
        let at = 2 * DAY + 3 * HOUR;
        let name = "یاسمن راد";
        let (shop, who) = (self.shop.clone(), player.clone());
        let (total, share): (i64, i64) = self
            .step("referral", at, move |work| {
                let new = NewCustomer { referrer: Some(who.id), branch: Some(shop.main), ..NewCustomer::person(name) };
                let friend = work.customers().create(new)?.id;
                let lines = [NewLine::of(shop.goods.tea, 3), NewLine::of(shop.goods.cup, 4)];
                let sale = NewPurchase::of(shop.main, "DESK-FRIEND", lines, [NewTender::cash_rest()]).by(friend);
                let receipt = work.purchases().record(&sale, "desk friend")?;
                let of_friend =
                    entry::account_id.eq(AccountId::from(who.id)).and(entry::purchase_id.eq(Some(receipt.purchase)));
                let entries = work.unrestricted()?.select(of_friend).all()?;
                let issued = entries.iter().flat_map(|entry| &entry.postings.0);
                let issued = issued.filter(|posting| posting.account == PostingAccount::Issued);
                Ok((receipt.total.minor(), -issued.map(|posting| posting.amount).sum::<i64>()))
            })
            .await?;
        Ok(Scene::new(Title::Referral, self.date(at)?)
            .tell(Sentence::IsBrought, [("who", Fact::text(name)), ("by", Fact::text(&player.name))])
            .tell(
                Sentence::ReferrerEarns,
                [("total", Fact::Money(total)), ("share", Fact::Money(share)), ("by", Fact::text(&player.name))],
            ))
    }

    /// Those who bought most get a gift that ends with the second month of the calendar of the club.
    pub(super) async fn gift(&self, cast: &[Player]) -> Result<(Scene, CivilDate)> {
        let at = 3 * DAY;
        let until = CALENDAR.add(self.date(at)?, Span::Months(1))?;
        let asset = Asset::Credit(self.shop.currency);
        let amount = 10 * self.shop.unit;
        let customers: Vec<_> = cast.iter().take(GIFTED).map(|player| player.id).collect();
        let grant: GrantId = self
            .step("gift", at, move |work| {
                let new = NewGrant {
                    name: "A gift".into(),
                    audience: Audience { customers: customers.clone(), ..Audience::default() },
                    asset,
                    amount,
                    validity: Validity::Through(until),
                    budget: None,
                    late_joiners_until: None,
                    notify: true,
                };
                let grant = work.loyalty().plan_grant(&new, "desk gift")?.id;
                work.loyalty().begin_grant(grant)?;
                Ok(grant)
            })
            .await?;
        // Carried out chunk by chunk, each a transaction of its own, as a job would.
        let mut more = true;
        let mut given = 0;
        while more {
            let progress = self
                .till
                .run(self.at(at)?, "desk gift chunk", move |work| work.loyalty().run_grant(grant, Limit::new(100)?))
                .await?;
            (more, given) = (progress.more, progress.grant.given);
        }
        let scene = Scene::new(Title::Gift, self.date(at)?).tell(
            Sentence::GiftToBest,
            [("count", Fact::Count(given)), ("amount", Fact::Money(amount)), ("until", Fact::Day(until))],
        );
        Ok((scene, until))
    }

    /// The reminder of the gift is due so many days before.
    pub(super) async fn reminder(&self, player: &Player, until: CivilDate) -> Result<Scene> {
        let on = until.add_days(-i32::from(REMINDED))?;
        let at = i64::from(on.days_since(self.date(0)?)) * DAY;
        let mut after: Option<String> = None;
        let mut page = 0_u32;
        loop {
            let (from, name) = (after.clone(), format!("desk remind {page}"));
            let progress = self
                .till
                .run(self.at(at)?, &name, move |work| work.loyalty().remind(Limit::new(200)?, from.as_deref()))
                .await?;
            page += 1;
            after = progress.next;
            if after.is_none() {
                break;
            }
        }
        let (who, zone, asset) = (player.clone(), self.zone.clone(), Asset::Credit(self.shop.currency));
        let credit: i64 = self
            .step("reminder", at, move |work| {
                let end = zone.start_of_day(until.add_days(1)?);
                let expiring = work.loyalty().upcoming_expiry(who.account(), end)?;
                Ok(expiring
                    .iter()
                    .filter(|one| one.asset == asset && one.last_day == until)
                    .map(|one| one.amount)
                    .sum())
            })
            .await?;
        Ok(Scene::new(Title::Reminder, on)
            .tell(
                Sentence::WillExpire,
                [
                    ("who", Fact::text(&player.name)),
                    ("credit", Fact::Money(credit)),
                    ("until", Fact::Day(until)),
                    ("jalali", Fact::Jalali(until)),
                ],
            )
            .tell(Sentence::IsReminded, [("count", Fact::Count(i64::from(REMINDED)))]))
    }
}

/// The last four of a number.
fn end(number: &str) -> String {
    let chars = number.chars().count();
    number.chars().skip(chars.saturating_sub(4)).collect()
}
