//! Every operation of the club that writes.

mod operations;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crm_core::access::{Actor, Principal, Reach, UserId};
use crm_core::accounts::Key;
use crm_core::branches::{Branch, NewBranch};
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::customers::{CustomerId, Identifiers, NewCustomer};
use crm_core::kernel::calendar::{Calendar, Span, Unit};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::Asset;
use crm_core::loyalty::anniversaries::{AnniversaryGift, AnniversaryTerms};
use crm_core::loyalty::bonus::{BonusLimit, BonusRequest, BonusTerms, bonus_request};
use crm_core::loyalty::cards::CardTerms;
use crm_core::loyalty::earning::{Earn, EarnLimit, EarnRule, EarningTerms, LimitCap};
use crm_core::loyalty::gift_cards::{GiftCard, GiftCardTerms, GiftTicket, GiftTicketId};
use crm_core::loyalty::grants::{GroupGrant, group_grant};
use crm_core::loyalty::programme::{PointValue, Programme, Validity};
use crm_core::loyalty::referral::{ReferralTerm, ReferralTerms};
use crm_core::loyalty::statements::ReminderTerms;
use crm_core::loyalty::tiers::{LadderId, Need, TierLadder, TierTerms, Window};
use crm_core::pricing::{Audience, LimitPer, TierId};
use crm_core::purchases::{NewLine, NewPurchase, NewTender, Purchase, PurchaseId, purchase};
use crm_core::reexport::Uuid;
use crm_core::returns::{NewReturn, NewReturnLine};
use crm_core::work::{Permit, Version};
use crm_core::{Crm, Error, Result};
use crm_loyalty::bonus::{self, NewBonus};
use crm_loyalty::gift_cards::{Activation, GIFT_CARD, GiftTender, NewBatch};
use crm_loyalty::grants::{self, NewGrant};
use crm_loyalty::programme::NewVersion;
use crm_loyalty::redemption::{credit, points};
use crm_loyalty::{Loyalty, WorkLoyalty};

use super::harness::{FAULTS, Harness, first};
use crate::databases;
use operations::operations;

type Work<'w, 't> = Permit<'w, 't>;

const CREDIT: Asset = Asset::Credit(Currency::PLN);
const GIFT_KEY: [u8; 32] = *b"a key for cards of faulty shops1";

fn zloty(grosz: i64) -> Money {
    Money::new(grosz, Currency::PLN)
}

fn ladder() -> LadderId {
    Uuid::from_u128(1).into()
}

fn tier() -> TierId {
    Uuid::from_u128(1).into()
}

fn sku(work: &mut Work<'_, '_>, sku: &str) -> Result<ProductId> {
    Ok(work.catalog().product_by_sku(sku)?.id)
}

fn person(work: &mut Work<'_, '_>, referrer: Option<CustomerId>) -> Result<CustomerId> {
    Ok(work.customers().create(NewCustomer { referrer, ..NewCustomer::person("Ala Kot") })?.id)
}

/// A new member, known by this card, with ten złoty of credit and as many points, whom somebody has brought.
fn member(work: &mut Work<'_, '_>, card: &str) -> Result<CustomerId> {
    let referrer = Some(person(work, None)?);
    let new = NewCustomer { referrer, ..NewCustomer::person("Ala Kot").with_card(card) };
    let member = work.customers().create(new)?.id;
    for asset in [CREDIT, Asset::Points] {
        work.loyalty().adjust(member.into(), asset, 1_000, "welcome", &format!("{card} {asset}"))?;
    }
    Ok(member)
}

/// The member with this card.
fn by_card(work: &mut Work<'_, '_>, card: &str) -> Result<CustomerId> {
    let identifiers = Identifiers { card: Some(card.into()), ..Identifiers::default() };
    Ok(work.customers().identify(&identifiers)?.id)
}

fn buy(
    work: &mut Work<'_, '_>,
    name: &str,
    (customer, article): (Option<CustomerId>, &str),
    tenders: Vec<NewTender>,
) -> Result<PurchaseId> {
    let (branch, article) = (first::<Branch>(work)?.id, sku(work, article)?);
    let tenders = tenders.into_iter().chain([NewTender::cash_rest()]).collect::<Vec<_>>();
    let new = NewPurchase::of(branch, name, [NewLine::of(article, 3)], tenders);
    Ok(work.purchases().record(&NewPurchase { customer, ..new }, name)?.purchase)
}

/// A member pays a part of thirty złoty with credit and with points, and earns with the rest.
fn club_sale(work: &mut Work<'_, '_>, name: &str) -> Result<()> {
    let member = by_card(work, name)?;
    buy(work, name, (Some(member), "tea"), vec![credit(zloty(700)), points(zloty(300))]).map(drop)
}

/// The purchase with this receipt number.
fn sold(work: &mut Work<'_, '_>, receipt: &str) -> Result<PurchaseId> {
    let found = work.select::<Purchase>(purchase::receipt_no.eq(receipt)).first()?;
    Ok(found.ok_or_else(|| Error::Setup("nothing was sold".into()))?.id)
}

fn back(work: &mut Work<'_, '_>, purchase: PurchaseId, pieces: i64, name: &str) -> Result<()> {
    work.returns().record(&NewReturn::of(purchase, [NewReturnLine::of(1, pieces)]), name).map(drop)
}

/// A gift card of thirty złoty, and a sale of three of them.
fn printed(work: &mut Work<'_, '_>, name: &str) -> Result<()> {
    buy(work, &format!("{name} gift"), (None, "gift"), Vec::new())?;
    let new = NewBatch { name: name.into(), branch: None, face: zloty(3_000), size: 1 };
    let batch = work.loyalty().make_gift_batch(&new)?.batch.id;
    work.loyalty().release_gift_batch(batch).map(drop)
}

/// The piece that was sold and the card.
fn activation(work: &mut Work<'_, '_>, name: &str) -> Result<Activation> {
    let purchase = sold(work, &format!("{name} gift"))?;
    Ok(Activation { serial: format!("{name}-0001"), purchase, line_no: 1, owner: None })
}

/// The card brought to life.
fn living(work: &mut Work<'_, '_>, name: &str) -> Result<()> {
    printed(work, name)?;
    let new = activation(work, name)?;
    work.loyalty().activate_gift_card(&new, name).map(drop)
}

fn gift_card(work: &mut Work<'_, '_>, name: &str) -> Result<GiftCard> {
    Ok(work.loyalty().gift_card(&format!("{name}-0001"))?.0)
}

/// A ticket for a gift card, as the desk gives it.
fn ticket(work: &mut Work<'_, '_>, name: &str, minutes: u64) -> Result<GiftTicketId> {
    let (card, now) = (gift_card(work, name)?, work.now());
    let ticket = GiftTicket {
        id: work.new_id(),
        version: Version::FIRST,
        card_id: card.id,
        account_id: card.account_id.unwrap(),
        branch_id: first::<Branch>(work)?.id,
        customer_id: None,
        shown_at: now,
        ends_at: now.checked_add(Duration::from_secs(60 * minutes))?,
        used: false,
        hold_id: None,
    };
    work.insert(&ticket)?;
    Ok(ticket.id)
}

/// Pays with a gift card, all that is on it.
fn spend(work: &mut Work<'_, '_>, name: &str) -> Result<()> {
    let ticket = ticket(work, name, 1)?;
    let tender = NewTender::of(GIFT_CARD, zloty(3_000)).with_details(&GiftTender { ticket })?;
    buy(work, name, (None, "tea"), vec![tender]).map(drop)
}

fn new_grant(name: &str, customers: Vec<CustomerId>, budget: Option<i64>) -> NewGrant {
    NewGrant {
        name: name.into(),
        audience: Audience { customers, ..Audience::default() },
        // With a budget it takes two.
        asset: if budget.is_some() { CREDIT } else { Asset::Points },
        amount: 5,
        validity: Validity::For(Span::Days(10)),
        budget,
        late_joiners_until: None,
        notify: true,
    }
}

/// A gift to two new members.
fn planned(work: &mut Work<'_, '_>, name: &str) -> Result<()> {
    let members = vec![person(work, None)?, person(work, None)?];
    work.loyalty().plan_grant(&new_grant(name, members, None), name).map(drop)
}

fn grant(work: &mut Work<'_, '_>, name: &str) -> Result<GroupGrant> {
    work.select(group_grant::name.eq(name)).first()?.ok_or_else(|| Error::Setup("no gift was planned".into()))
}

/// Carries a gift out, or what was begun with it.
fn carry_out(work: &mut Work<'_, '_>, name: &str) -> Result<()> {
    let grant = grant(work, name)?.id;
    while work.loyalty().run_grant(grant, Limit::new(1)?)?.more {}
    Ok(())
}

/// A gift that was given.
fn given(work: &mut Work<'_, '_>, name: &str) -> Result<()> {
    planned(work, name)?;
    let grant = grant(work, name)?.id;
    work.loyalty().begin_grant(grant)?;
    carry_out(work, name)
}

fn clerk() -> Actor {
    let clerk = Actor::new(Principal::User(UserId::from(Uuid::from_u128(1))));
    [bonus::GIVE, grants::PLAN].into_iter().fold(clerk, |actor, name| actor.granted(name, Reach::all()))
}

fn new_bonus(work: &mut Work<'_, '_>, name: &str, amount: i64, days: i32) -> Result<NewBonus> {
    let (customer, branch) = (person(work, None)?, first::<Branch>(work)?.id);
    let validity = Validity::For(Span::Days(days));
    Ok(NewBonus { customer, branch, asset: Asset::Points, amount, validity, reason: name.into() })
}

/// A clerk asks for a bonus that takes two.
fn ask(crm: &Crm, name: &str) -> Result<()> {
    let job = name.to_owned();
    let new = crm
        .blocking()
        .run(&Actor::system(), "member", move |work| new_bonus(&mut work.unrestricted()?, &job, 500, 30))?;
    let name = name.to_owned();
    crm.blocking().run(&clerk(), "ask", move |work| work.loyalty().give_bonus(&new, &name)).map(drop)
}

fn asked(work: &mut Work<'_, '_>, name: &str) -> Result<BonusRequest> {
    work.select(bonus_request::reason.eq(name)).first()?.ok_or_else(|| Error::Setup("no bonus waits".into()))
}

/// Somebody with something that ends in ten days, and in a tier that ends with the month.
fn passing(work: &mut Work<'_, '_>, name: &str) -> Result<()> {
    let member = member(work, name)?;
    let branch = first::<Branch>(work)?.id;
    let validity = Validity::For(Span::Days(10));
    let new = NewBonus { customer: member, branch, asset: CREDIT, amount: 5, validity, reason: name.into() };
    work.loyalty().give_bonus(&new, &format!("{name} passing"))?;
    buy(work, name, (Some(member), "tea"), Vec::new()).map(drop)
}

/// Something of everything a programme can say.
fn programme(gift: ProductId) -> Programme {
    let friends = ReferralTerm {
        name: "Friends".into(),
        audience: Audience::default(),
        asset: CREDIT,
        currency: Currency::PLN,
        registration: 30,
        first_purchase: 100,
        share: Rate::percent(1),
        min_base: 0,
        delay_days: 14,
        validity: Validity::Forever,
        purchases: None,
        months: None,
        per_referee: Some(10_000),
        per_period: None,
        total: Some(1_000_000),
    };
    let limit = EarnLimit { cap: LimitCap::Amount(1_000_000_000), per: LimitPer::Rule, every: None, soft: false };
    let tenth = EarnRule::new("tenth", CREDIT, Earn::Percent(Rate::percent(10)));
    let second = EarnRule::new("second", Asset::Points, Earn::Every { give: 5, nth: 2, per_day: None });
    let rules = vec![EarnRule { limits: vec![limit], ..tenth }, second];
    let month = Window::Period { unit: Unit::Month, calendar: Calendar::Gregorian };
    let tiers = [TierTerms::new(tier(), "Silver", Need::amount(1))];
    let wedding = AnniversaryGift {
        kind: "wedding".into(),
        audience: Audience::default(),
        asset: Asset::Points,
        amount: 5,
        validity: Validity::For(Span::Days(10)),
    };
    Programme {
        point_values: vec![PointValue { currency: Currency::PLN, worth: Rate::ONE }],
        earning: EarningTerms { rules, ..EarningTerms::default() },
        referral: ReferralTerms { terms: vec![friends] },
        bonus: BonusTerms {
            standard: [Asset::Points, CREDIT].map(|asset| (asset, BonusLimit { each: 1_000, per_day: None })).into(),
            second_above: [(Asset::Points, 100)].into(),
            grants_second_above: [(CREDIT, 100)].into(),
            ..BonusTerms::default()
        },
        anniversaries: AnniversaryTerms { gifts: vec![wedding], ..AnniversaryTerms::default() },
        reminders: ReminderTerms { days_before: [7].into() },
        tiers: vec![TierLadder::new(ladder(), "Club", month, tiers)],
        cards: CardTerms::default(),
        gift_cards: GiftCardTerms { products: vec![gift], reloadable: true, ..GiftCardTerms::default() },
        ..Programme::new("Club", Zone::UTC)
    }
}

/// A shop with the programme, and the code of a gift card with money on it.
fn set_up(work: &mut Work<'_, '_>) -> Result<String> {
    work.branches().create(NewBranch::named("Warszawa", "Europe/Warsaw", "PLN"))?;
    work.catalog().create_product(NewProduct::service("tea", "Herbata", zloty(1_000)))?;
    let gift = work.catalog().create_product(NewProduct::service("gift", "Karta", zloty(3_000)))?.id;
    work.loyalty().save_programme(NewVersion::now(programme(gift)))?;
    let made =
        work.loyalty().make_gift_batch(&NewBatch { name: "G".into(), branch: None, face: zloty(3_000), size: 1 })?;
    work.loyalty().release_gift_batch(made.batch.id)?;
    let sale = buy(work, "gift", (None, "gift"), Vec::new())?;
    let card = made.cards().next().unwrap();
    let new = Activation { serial: card.serial.to_owned(), purchase: sale, line_no: 1, owner: None };
    work.loyalty().activate_gift_card(&new, "gift")?;
    Ok(card.code.expose())
}

fn every_fault_of_the_club(url: &str) {
    let code = Arc::new(Mutex::new(String::new()));
    let told = code.clone();
    let club = Loyalty::new().gift_card_key(Key::new(GIFT_KEY).unwrap());
    let harness = Harness::open(url, club, move |work| {
        *told.lock().unwrap() = set_up(work)?;
        Ok(())
    });
    let code = code.lock().unwrap().clone();
    harness.every_fault_of(&operations(code), &FAULTS);
}

#[test]
fn sqlite_stores_all_or_nothing() {
    every_fault_of_the_club("sqlite::memory:");
}

#[test]
fn postgres_stores_all_or_nothing() {
    every_fault_of_the_club(databases::postgres().url());
}
