//! What the contests are about.

use crm_core::access::{Actor, Principal, Reach, UserId};
use crm_core::accounts::{Key, Source};
use crm_core::branches::{BranchId, NewBranch};
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::Asset;
use crm_core::loyalty::bonus::{BonusLimit, BonusRequest, BonusTerms};
use crm_core::loyalty::earning::{Earn, EarnLimit, EarnRule, EarningTerms, LimitCap};
use crm_core::loyalty::gift_cards::{GiftCardTerms, GiftTicketId};
use crm_core::loyalty::grants::GrantId;
use crm_core::loyalty::ledger::HoldId;
use crm_core::loyalty::programme::{PointValue, Programme, Validity};
use crm_core::loyalty::redemption::{Limits, LimitsFor, RedemptionTerms};
use crm_core::loyalty::referral::{ReferralTerm, ReferralTerms};
use crm_core::pricing::{Adjustment, Assortment, Audience, Cap, LimitPer, NewRule, RuleTerms, Stage, UsageLimit};
use crm_core::purchases::{NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::reexport::Uuid;
use crm_core::work::{Permit, UnitOfWork};
use crm_core::{Crm, Error, Result};
use crm_loyalty::bonus::{self, NewBonus};
use crm_loyalty::gift_cards::{Activation, CrmGiftDesk, NewBatch, ShowGift};
use crm_loyalty::grants::NewGrant;
use crm_loyalty::programme::NewVersion;
use crm_loyalty::redemption::NewHolding;
use crm_loyalty::{Loyalty, WorkLoyalty};
use crm_storage_diesel::DieselStorage;
use serde::{Deserialize, Serialize};

use super::ALL;
use super::contests::{ENOUGH, PAIRS};

pub const CREDIT: Asset = Asset::Credit(Currency::PLN);
const GIFT_KEY: [u8; 32] = *b"a key for cards that many want 1";

pub fn zloty(grosz: i64) -> Money {
    Money::new(grosz, Currency::PLN)
}

/// What a child has to know.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ids {
    pub branch: BranchId,
    pub tea: ProductId,
    /// What a price rule takes something off, as often as there is enough.
    pub limited: ProductId,
    /// Somebody with just enough credit, with just enough points, and with more credit than a day allows.
    pub credit: CustomerId,
    pub points: CustomerId,
    pub capped: CustomerId,
    /// Some who share the budget of a campaign.
    pub budget: [CustomerId; 3],
    /// Of whose purchases every third gives something.
    pub third: CustomerId,
    /// A friend, and who has brought them.
    pub referee: CustomerId,
    pub referrer: CustomerId,
    /// Many friends, and who has brought all of them.
    pub friends: Vec<CustomerId>,
    pub champion: CustomerId,
    /// Tickets for one gift card.
    pub tickets: Vec<GiftTicketId>,
    pub serial: String,
    /// One piece that was paid for, and many gift cards it could be.
    pub piece: PurchaseId,
    pub serials: Vec<String>,
    /// Something that waits for a second person.
    pub bonus: Option<BonusRequest>,
    pub grant: GrantId,
    /// Purchases of one gift card each, which come back. The last serial numbers are for them.
    pub brought_back: Vec<PurchaseId>,
    /// Accounts with nothing on them.
    pub closing: Vec<CustomerId>,
    /// Somebody, and what they have set aside: all they have.
    pub saver: CustomerId,
    pub held: Vec<HoldId>,
}

impl Ids {
    /// As a word for a child.
    pub fn to_word(&self) -> String {
        serde_json::to_string(self).unwrap()
    }
}

pub struct World {
    pub crm: Crm,
    pub ids: Ids,
}

fn open(url: &str) -> Crm {
    let club = Loyalty::new().gift_card_key(Key::new(GIFT_KEY).unwrap());
    Crm::builder(DieselStorage::open(url).unwrap()).module(club).build_blocking().unwrap()
}

/// Some member of staff.
pub fn clerk(number: u128, permission: &'static str) -> Actor {
    Actor::new(Principal::User(UserId::from(Uuid::from_u128(number)))).granted(permission, Reach::all())
}

impl World {
    /// The same, in a child.
    pub fn join(url: &str, ids: &str) -> Self {
        Self { crm: open(url), ids: serde_json::from_str(ids).unwrap() }
    }

    pub fn new(url: &str) -> Self {
        let crm = open(url);
        let (mut ids, code) =
            crm.blocking().run(&Actor::system(), "set up", |work| set_up(&mut work.unrestricted()?)).unwrap();
        let (customer, branch) = (ids.credit, ids.branch);
        let reason = "a bonus".to_owned();
        let new = NewBonus { customer, branch, asset: Asset::Points, amount: 500, validity: Validity::Forever, reason };
        let asked =
            crm.blocking().run(&clerk(1, bonus::GIVE), "bonus", move |work| work.loyalty().give_bonus(&new, "a"));
        ids.bonus = Some(asked.unwrap());
        let show = ShowGift { code, branch, customer: None, source: Source::new("till") };
        let shown = || crm.blocking().wait(crm.gift_desk().show(&Actor::system(), &show)).unwrap().ticket;
        ids.tickets = (0..ALL).map(|_| shown()).collect();
        Self { crm, ids }
    }

    /// Looks something up.
    pub fn read<T: Send + 'static>(&self, look: impl Fn(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static) -> T {
        self.crm.blocking().read(&Actor::system(), "check", look).unwrap()
    }

    /// What somebody has, and has to come.
    pub fn has(&self, customer: CustomerId, asset: Asset) -> (i64, i64) {
        self.read(move |work| {
            let found = work.loyalty().balances(customer.into())?.get(&asset).copied().unwrap_or_default();
            Ok((found.available, found.pending))
        })
    }
}

/// The shop, and the code of the gift card that many will show.
fn set_up(work: &mut Permit<'_, '_>) -> Result<(Ids, String)> {
    let enough = i64::try_from(ENOUGH).unwrap();
    let branch = work.branches().create(NewBranch::named("Warszawa", "Europe/Warsaw", "PLN"))?.id;
    let service = |work: &mut Permit<'_, '_>, sku: &str, price| {
        Ok::<_, Error>(work.catalog().create_product(NewProduct::service(sku, sku, zloty(price)))?.id)
    };
    let (tea, limited, gift) =
        (service(work, "tea", 1_000)?, service(work, "limited", 1_000)?, service(work, "gift", 100 * enough)?);
    let person = |work: &mut Permit<'_, '_>, referrer| {
        Ok::<_, Error>(work.customers().create(NewCustomer { referrer, ..NewCustomer::person("Ala Kot") })?.id)
    };
    let mut some = || person(work, None);
    let [credit, points, capped, third, referrer, champion] = [some()?, some()?, some()?, some()?, some()?, some()?];
    let saver = some()?;
    let budget = [some()?, some()?, some()?];
    work.loyalty().save_programme(NewVersion::now(programme(gift, capped, &budget, third)))?;
    let referee = person(work, Some(referrer))?;
    let friends = (0..ALL).map(|_| person(work, Some(champion))).collect::<Result<Vec<_>>>()?;
    let closing = (0..PAIRS).map(|_| person(work, None)).collect::<Result<Vec<_>>>()?;
    for (customer, asset, amount) in
        [(credit, CREDIT, 100 * enough), (points, Asset::Points, 100 * enough), (capped, CREDIT, 1_000_000)]
    {
        work.loyalty().adjust(customer.into(), asset, amount, "welcome", &customer.to_string())?;
    }
    let held = (0..PAIRS).map(|n| {
        let (account, amount, key) = (saver.into(), zloty(300), format!("saver {n}"));
        work.loyalty().adjust(account, CREDIT, 300, "welcome", &key)?;
        let due = zloty(1_000);
        let new = NewHolding { account, asset: CREDIT, branch, due, amount, minutes: Some(600), card: None };
        Ok::<_, Error>(work.loyalty().hold(&new, &key)?.hold)
    });
    let held = held.collect::<Result<Vec<_>>>()?;
    let off = RuleTerms::new(
        "limited",
        Stage::Campaign,
        Assortment::Product(limited),
        Adjustment::Percent(Rate::percent(10)),
    );
    let limit = UsageLimit { cap: Cap::Uses(enough), per: LimitPer::Rule, every: None, soft: false };
    work.pricing().save_rule(NewRule::now(RuleTerms { limits: vec![limit], ..off }))?;
    // A gift card with just enough, one piece that was paid for, and cards for all who want it.
    let sold = NewPurchase::of(branch, "gifts", [NewLine::of(gift, 2)], [NewTender::cash_rest()]);
    let piece = work.purchases().record(&sold, "gifts")?.purchase;
    let size = u32::try_from(1 + ALL + 2 * PAIRS).unwrap();
    let brought_back = (0..PAIRS).map(|n| {
        let receipt = format!("gift {n}");
        let sold = NewPurchase::of(branch, &receipt, [NewLine::of(gift, 1)], [NewTender::cash_rest()]);
        Ok::<_, Error>(work.purchases().record(&sold, &receipt)?.purchase)
    });
    let brought_back = brought_back.collect::<Result<Vec<_>>>()?;
    let made = work.loyalty().make_gift_batch(&NewBatch {
        name: "G".into(),
        branch: None,
        face: zloty(100 * enough),
        size,
    })?;
    work.loyalty().release_gift_batch(made.batch.id)?;
    let mut cards = made.cards();
    let first = cards.next().unwrap();
    let serial = first.serial.to_owned();
    let new = Activation { serial: serial.clone(), purchase: piece, line_no: 1, owner: None };
    work.loyalty().activate_gift_card(&new, &serial)?;
    let (code, serials) = (first.code.expose(), cards.map(|card| card.serial.to_owned()).collect());
    let grant = NewGrant {
        name: "For friends".into(),
        audience: Audience { customers: friends.clone(), ..Audience::default() },
        asset: Asset::Points,
        amount: 7,
        validity: Validity::Forever,
        budget: Some(7 * enough + 6),
        late_joiners_until: None,
        notify: true,
    };
    let grant = work.loyalty().plan_grant(&grant, "grant")?.id;
    work.loyalty().begin_grant(grant)?;
    // All of them are listed at once; they are given by those who race.
    work.loyalty().run_grant(grant, Limit::MAX)?;
    let (tickets, bonus) = (Vec::new(), None);
    let ids = Ids {
        branch,
        tea,
        limited,
        credit,
        points,
        capped,
        budget,
        third,
        referee,
        referrer,
        friends,
        champion,
        tickets,
        serial,
        piece,
        serials,
        bonus,
        grant,
        brought_back,
        closing,
        saver,
        held,
    };
    Ok((ids, code))
}

/// A programme in which there is enough of everything for so many, and not for more.
fn programme(gift: ProductId, capped: CustomerId, budget: &[CustomerId], third: CustomerId) -> Programme {
    let enough = i64::try_from(ENOUGH).unwrap();
    let of = |customers: &[CustomerId]| Audience { customers: customers.to_vec(), ..Audience::default() };
    let limit = EarnLimit { cap: LimitCap::Amount(100 * enough), per: LimitPer::Rule, every: None, soft: false };
    let campaign = EarnRule::new("campaign", CREDIT, Earn::Percent(Rate::percent(10)));
    let every_third = EarnRule::new("third", Asset::Points, Earn::Every { give: 50, nth: 3, per_day: None });
    let rules = vec![
        EarnRule { audience: of(budget), limits: vec![limit], ..campaign },
        EarnRule { audience: of(&[third]), ..every_third },
    ];
    let day = Limits { per_day: Some(100 * enough), ..Limits::default() };
    let day = LimitsFor { asset: CREDIT, audience: of(&[capped]), limits: day };
    let friends = ReferralTerm {
        name: "Friends".into(),
        audience: Audience::default(),
        asset: CREDIT,
        currency: Currency::PLN,
        registration: 0,
        first_purchase: 1_000,
        share: Rate::ZERO,
        min_base: 100,
        delay_days: 14,
        validity: Validity::Forever,
        purchases: None,
        months: None,
        per_referee: None,
        per_period: None,
        total: Some(1_000 * enough),
    };
    Programme {
        point_values: vec![PointValue { currency: Currency::PLN, worth: Rate::ONE }],
        earning: EarningTerms { rules, ..EarningTerms::default() },
        redemption: RedemptionTerms { limits: vec![day], ..RedemptionTerms::default() },
        referral: ReferralTerms { terms: vec![friends] },
        bonus: BonusTerms {
            standard: [(Asset::Points, BonusLimit { each: 1_000, per_day: None })].into(),
            second_above: [(Asset::Points, 100)].into(),
            ..BonusTerms::default()
        },
        gift_cards: GiftCardTerms { products: vec![gift], ..GiftCardTerms::default() },
        ..Programme::new("Club", Zone::new("Europe/Warsaw").unwrap())
    }
}
