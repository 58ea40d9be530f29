//! What the operations of the club act upon.

use crm_core::access::{Actor, Reach, Target, UserId};
use crm_core::branches::BranchId;
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::conformance::Bench;
use crm_core::conformance::matrix::{self, granted};
use crm_core::customers::{Customer, CustomerId, NewCustomer};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::Zone;
use crm_core::loyalty::Asset;
use crm_core::loyalty::bonus::{BonusLimit, BonusRequest, BonusTerms};
use crm_core::loyalty::cards::{BlockReason, Card, CardId, CardTerms};
use crm_core::loyalty::earning::{Earn, EarnRule, EarningTerms};
use crm_core::loyalty::gift_cards::{GiftBatchId, GiftCard, GiftCardTerms};
use crm_core::loyalty::grants::{GrantId, GroupGrant};
use crm_core::loyalty::ledger::HoldId;
use crm_core::loyalty::programme::{PointValue, Programme, Validity};
use crm_core::loyalty::referral::{ReferralTerm, ReferralTerms};
use crm_core::loyalty::tiers::{LadderId, Need, Pin, PinKind, TierLadder, TierTerms, Window};
use crm_core::pricing::{Audience, TierId};
use crm_core::purchases::{NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::reexport::Uuid;
use crm_core::returns::{NewReturn, NewReturnLine};

use super::floor::{clerk, limit};
use crate::WorkLoyalty as _;
use crate::bonus::{self, NewBonus};
use crate::cards::NewCard;
use crate::gift_cards::{Activation, NewBatch};
use crate::grants::NewGrant;
use crate::programme::NewVersion;
use crate::redemption::NewHolding;

pub(super) const CREDIT: Asset = Asset::Credit(Currency::PLN);

pub(super) fn zloty(grosz: i64) -> Money {
    Money::new(grosz, Currency::PLN)
}

/// A member at a branch with an owner, another member elsewhere, and one of everything the club has, the first member's
/// or the branch's.
#[derive(Clone)]
pub struct World {
    pub(super) branch: BranchId,
    pub(super) elsewhere: BranchId,
    pub(super) owner: UserId,
    pub(super) customer: Customer,
    pub(super) other: CustomerId,
    /// Whom the customer has brought.
    pub(super) friend: CustomerId,
    /// What brings gift cards to life.
    pub(super) gift: ProductId,
    /// What has earned.
    pub(super) purchase: PurchaseId,
    pub(super) hold: HoldId,
    /// Bonuses that wait: of the actor, and of somebody else.
    pub(super) own_bonus: BonusRequest,
    pub(super) bonus: BonusRequest,
    pub(super) waiting: GroupGrant,
    pub(super) ready: GrantId,
    pub(super) begun: GrantId,
    pub(super) given: GrantId,
    pub(super) card: Card,
    pub(super) issued: CardId,
    pub(super) blocked: CardId,
    pub(super) batch: GiftBatchId,
    /// Of which two pieces have no gift card yet.
    pub(super) sale: PurchaseId,
    pub(super) unsold: String,
    pub(super) gift_card: GiftCard,
    pub(super) blocked_gift_card: GiftCard,
}

impl matrix::World for World {
    fn absent(&self) -> Self {
        // The branch stays: where it is named and out of reach, nothing is loaded.
        let mut absent = self.clone();
        let nobody = Uuid::max();
        (absent.purchase, absent.sale) = (nobody.into(), nobody.into());
        (absent.customer.id, absent.friend, absent.hold) = (nobody.into(), nobody.into(), nobody.into());
        (absent.bonus.id, absent.own_bonus.id) = (nobody.into(), nobody.into());
        (absent.card.id, absent.issued, absent.blocked) = (nobody.into(), nobody.into(), nobody.into());
        (absent.gift_card.id, absent.blocked_gift_card.id, absent.batch) =
            (nobody.into(), nobody.into(), nobody.into());
        absent.card.number = "NOBODYS".into();
        absent.gift_card.serial = "NOBODYS-0001".into();
        absent
    }

    fn names(&self) -> Vec<String> {
        let cards = [self.card.id, self.issued, self.blocked].map(|id| id.to_string());
        let gifts = [self.gift_card.id, self.blocked_gift_card.id].map(|id| id.to_string());
        let sales = [self.purchase, self.sale].map(|id| id.to_string());
        let customers = [self.customer.id, self.friend].map(|id| id.to_string());
        let bonuses = [self.bonus.id, self.own_bonus.id].map(|id| id.to_string());
        let others = [self.hold.to_string(), self.batch.to_string()];
        let named = cards.into_iter().chain(gifts).chain(sales).chain(customers).chain(bonuses);
        named.chain(others).collect()
    }
}

impl World {
    pub(super) fn new(bench: &Bench) -> Self {
        let (branch, elsewhere) = (bench.branch("here").id, bench.branch("elsewhere").id);
        let owner = UserId::from(Uuid::from_u128(7));
        let [tea, gift] = [("tea", 1_000), ("gift", 5_000)].map(|(sku, price)| {
            let new = NewProduct::service(sku, sku, zloty(price));
            bench.run(move |work| work.catalog().create_product(new.clone())).unwrap().id
        });
        bench.run(move |work| work.loyalty().save_programme(NewVersion::now(programme(gift))).map(drop)).unwrap();
        let person = |name: &str, branch, owner, referrer| {
            let new = NewCustomer { branch: Some(branch), owner, referrer, ..NewCustomer::person(name) };
            bench.customer(if owner.is_some() { new.with_card("A1") } else { new }).id
        };
        let customer = person("Ala", branch, Some(owner), None);
        let other = person("Ola", elsewhere, None, None);
        let friend = person("Ela", elsewhere, None, Some(customer));
        let asks = |actor: &Actor| {
            let (amount, reason) = (200, "a bonus".to_owned());
            let new = NewBonus { customer, branch, asset: CREDIT, amount, validity: Validity::Forever, reason };
            bench.run_as(actor, move |work| work.loyalty().give_bonus(&new, "bonus")).unwrap()
        };
        let own_bonus = asks(&granted([bonus::GIVE], &Reach::all()));
        let bonus = asks(&clerk(2, &[bonus::GIVE]));
        let shop = Shop { bench, branch, customer };
        let [card, issued, blocked] = shop.cards();
        let [waiting, ready, begun, given] = shop.grants();
        let (batch, sale, [gift_card, blocked_gift_card, unsold]) = shop.gift_cards(gift);
        let purchase = shop.buy("earns", tea, 3);
        shop.owe(tea);
        Self {
            branch,
            elsewhere,
            owner,
            customer: bench.read(move |work| work.customers().get(customer)).unwrap(),
            other,
            friend,
            gift,
            purchase,
            hold: shop.set_aside(),
            own_bonus,
            bonus,
            waiting,
            ready: ready.id,
            begun: begun.id,
            given: given.id,
            card,
            issued: issued.id,
            blocked: blocked.id,
            batch,
            sale,
            unsold: unsold.serial,
            gift_card,
            blocked_gift_card,
        }
    }

    /// To whom belongs what is on the account of the member.
    pub(super) fn account(&self) -> Target {
        Target { customer: Some(self.customer.id), ..Target::branch(self.branch) }
    }
}

/// Where the member is a customer.
struct Shop<'b> {
    bench: &'b Bench,
    branch: BranchId,
    customer: CustomerId,
}

impl Shop<'_> {
    fn buy(&self, receipt: &'static str, product: ProductId, pieces: i64) -> PurchaseId {
        let lines = [NewLine::of(product, pieces)];
        let new = NewPurchase::of(self.branch, receipt, lines, [NewTender::cash_rest()]).by(self.customer);
        self.bench.run(move |work| work.purchases().record(&new, receipt)).unwrap().purchase
    }

    /// One in use, one that is not yet, and one that was lost.
    fn cards(&self) -> [Card; 3] {
        let customer = self.customer;
        let issue = |key: &'static str, active| {
            let new = NewCard { active, ..NewCard::active(customer) };
            self.bench.run(move |work| work.loyalty().issue_card(&new, key)).unwrap()
        };
        let cards = [issue("good", true), issue("issued", false), issue("lost", true)];
        let lost = cards[2].id;
        self.bench.run(move |work| work.loyalty().block_card(lost, BlockReason::Lost, None).map(drop)).unwrap();
        cards
    }

    /// Gifts that wait for a second person, that can begin, that have begun, and that were given.
    fn grants(&self) -> [GroupGrant; 4] {
        let plan = |name: &'static str, asset, budget| {
            let (audience, validity) = (Audience::default(), Validity::Forever);
            let (amount, late_joiners_until, notify) = (10, None, false);
            let name = name.to_owned();
            let new = NewGrant { name, audience, asset, amount, validity, budget, late_joiners_until, notify };
            self.bench.run(move |work| work.loyalty().plan_grant(&new, &new.name)).unwrap()
        };
        let grants = [
            plan("waits", Asset::Points, Some(10_000)),
            plan("ready", CREDIT, None),
            plan("begun", CREDIT, None),
            plan("given", CREDIT, None),
        ];
        for grant in [grants[2].id, grants[3].id] {
            self.bench.run(move |work| work.loyalty().begin_grant(grant).map(drop)).unwrap();
        }
        let given = grants[3].id;
        while self.bench.run(move |work| work.loyalty().run_grant(given, limit(100))).unwrap().more {}
        grants
    }

    /// A batch, a sale of four of its cards, and three of them: in use, blocked, and not sold yet.
    fn gift_cards(&self, gift: ProductId) -> (GiftBatchId, PurchaseId, [GiftCard; 3]) {
        let new = NewBatch { name: "G".into(), branch: Some(self.branch), face: zloty(5_000), size: 3 };
        let sale = self.buy("gift cards", gift, 4);
        let made = self.bench.run(move |work| {
            let made = work.loyalty().make_gift_batch(&new)?;
            work.loyalty().release_gift_batch(made.batch.id)?;
            let sold = made.cards().take(2).map(|card| card.serial.to_owned());
            for serial in sold {
                let new = Activation { serial: serial.clone(), purchase: sale, line_no: 1, owner: None };
                let card = work.loyalty().activate_gift_card(&new, &serial)?;
                if serial.ends_with('2') {
                    work.loyalty().block_gift_card(card.id, "lost in the post")?;
                }
            }
            let cards = work.loyalty().gift_cards_of(made.batch.id, limit(3), None)?.items;
            Ok((made.batch.id, sale, cards))
        });
        let (batch, sale, cards) = made.unwrap();
        (batch, sale, cards.try_into().unwrap())
    }

    /// The member has spent what came back, and owes it; then they get more.
    fn owe(&self, tea: ProductId) {
        let bought = self.buy("comes back", tea, 2);
        let account = self.customer.into();
        let done = self.bench.run(move |work| {
            let earned = work.loyalty().balances(account)?.get(&CREDIT).map_or(0, |amounts| amounts.available);
            work.loyalty().adjust(account, CREDIT, -earned, "spent", "spent")?;
            work.returns().record(&NewReturn::of(bought, [NewReturnLine::of(1, 2)]), "back")?;
            work.loyalty().adjust(account, CREDIT, 10_000, "welcome", "welcome").map(drop)?;
            let pin = Pin { tier: Some(tier(2)), kind: PinKind::AtLeast, until: None, reason: "a friend".into() };
            work.loyalty().pin_tier(account, ladder(2), pin, "pinned")
        });
        done.unwrap();
    }

    fn set_aside(&self) -> HoldId {
        let (account, branch) = (self.customer.into(), self.branch);
        let (due, amount) = (zloty(1_000), zloty(100));
        let new = NewHolding { account, asset: CREDIT, branch, due, amount, minutes: None, card: None };
        self.bench.run(move |work| work.loyalty().hold(&new, "hold")).unwrap().hold
    }
}

pub(super) fn ladder(number: u128) -> LadderId {
    Uuid::from_u128(number).into()
}

/// The tier of a ladder.
pub(super) fn tier(ladder: u128) -> TierId {
    Uuid::from_u128(ladder).into()
}

/// Something of everything a programme can say.
pub(super) fn programme(gift: ProductId) -> Programme {
    let ladders = [1, 2].map(|number| {
        let tiers = [TierTerms::new(tier(number), "Silver", Need::amount(1))];
        TierLadder::new(ladder(number), format!("Ladder {number}"), Window::Lifetime, tiers)
    });
    let bonus = BonusTerms {
        standard: [(CREDIT, BonusLimit { each: 1_000, per_day: None })].into(),
        second_above: [(CREDIT, 100)].into(),
        grants_second_above: [(Asset::Points, 100)].into(),
        ..BonusTerms::default()
    };
    let friends = ReferralTerm {
        name: "Friends".into(),
        audience: Audience::default(),
        asset: CREDIT,
        currency: Currency::PLN,
        registration: 30,
        first_purchase: 0,
        share: Rate::ZERO,
        min_base: 0,
        delay_days: 0,
        validity: Validity::Forever,
        purchases: None,
        months: None,
        per_referee: None,
        per_period: None,
        total: None,
    };
    let tenth = EarnRule::new("tenth", CREDIT, Earn::Percent(Rate::percent(10)));
    Programme {
        point_values: vec![PointValue { currency: Currency::PLN, worth: Rate::ONE }],
        tiers: ladders.into(),
        bonus,
        referral: ReferralTerms { terms: vec![friends] },
        earning: EarningTerms { rules: vec![tenth], ..EarningTerms::default() },
        cards: CardTerms { family: true, ..CardTerms::default() },
        gift_cards: GiftCardTerms { products: vec![gift], reloadable: true, ..GiftCardTerms::default() },
        ..Programme::new("Club", Zone::UTC)
    }
}
