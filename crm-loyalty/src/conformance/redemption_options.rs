//! What a programme may choose of redemption, and what no hold gets past: caps at the till, debts, groups, lost cards.

use crm_core::conformance::Factory;
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::kernel::calendar::Span;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::cards::{BlockReason, CardId};
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::ledger::{HoldId, HoldState, NEVER};
use crm_core::loyalty::programme::Programme;
use crm_core::loyalty::redemption::{Bound, Limits, LimitsFor, RedemptionTerms};
use crm_core::loyalty::tiers::{LadderId, Need, Pin, PinKind, TierLadder, TierTerms, Window};
use crm_core::partners::Contract;
use crm_core::pricing::{Audience, TierId};
use crm_core::purchases::{NewTender, PurchaseId};
use crm_core::reexport::Uuid;
use crm_core::{Error, Result};

use super::redemption::{CREDIT, Shop, limits, rule, zloty};
use super::{Now as _, give_until, open, save};
use crate::WorkLoyalty as _;
use crate::cards::NewCard;
use crate::ledger::{Book, NewHold};
use crate::redemption::{Holding, NewHolding, Query, credit, with_hold};

fn club(redemption: RedemptionTerms) -> Programme {
    Programme { redemption, ..Programme::new("Club", Zone::new("Europe/Warsaw").unwrap()) }
}

impl Shop<'_> {
    fn customer(&self) -> CustomerId {
        Uuid::from(self.account).into()
    }

    /// The same shop, and somebody else.
    fn member(&self, name: &str) -> Self {
        Self { account: self.bench.customer(NewCustomer::person(name)).id.into(), ..*self }
    }

    fn give_until(&self, amount: i64, expires_at: Timestamp) {
        let account = self.account;
        self.bench.run(move |work| give_until(work, account, (CREDIT, amount), expires_at)).unwrap();
    }

    fn issue_card(&self) -> CardId {
        let customer = self.customer();
        let issued =
            self.bench.run(move |work| work.loyalty().issue_card(&NewCard::active(customer), &customer.to_string()));
        issued.unwrap().id
    }

    fn hold_by_card(&self, card: CardId, key: &'static str) -> Result<Holding> {
        let (account, branch, due, amount) = (self.account, self.branch, zloty(10_000), zloty(100));
        let card = Some(card.into());
        let new = NewHolding { account, asset: CREDIT, branch, due, amount, minutes: None, card };
        self.bench.run(move |work| work.loyalty().hold(&new, key))
    }

    fn state(&self, hold: HoldId) -> HoldState {
        let account = self.account;
        self.bench.read(move |work| work.loyalty().held(account, hold)).unwrap().state
    }

    /// Whether a purchase could pay with so much at once.
    fn could_pay(&self, purchase: PurchaseId, amount: i64) -> Result<()> {
        let (account, branch) = (self.account, self.branch);
        self.bench.run(move |work| {
            let now = work.now();
            let mut book = Book::open(work, account)?;
            let new = NewHold {
                asset: CREDIT,
                amount,
                worth_minor: amount,
                point_value: None,
                branch,
                business_date: Zone::UTC.date_of(now),
                lapses_at: now,
                card: None,
                pays: Some(purchase),
                reason: None,
            };
            // The book is not closed: nothing is written.
            book.hold(work, &new).map(drop)
        })
    }
}

fn by_card(tender: NewTender, card: CardId) -> NewTender {
    let details = serde_json::json!({ "card": card });
    NewTender { details: Some(details), ..tender }
}

/// S-08, S-22: what was set aside for a larger purchase does not get past the caps of the one that is paid: a part of what
/// is due, so much of one purchase with whatever else pays it, and its part in money. The rest is free.
pub fn caps_bind_when_a_hold_is_captured(factory: Factory<'_>) {
    let bench = open(factory);
    let terms = Limits {
        per_invoice: Some(6_000),
        per_invoice_rate: Some(Rate::percent(50)),
        cash_part: vec![zloty(4_500)],
        ..Limits::default()
    };
    let shop = Shop::of(&bench, limits(CREDIT, terms.clone()), false);
    shop.give(CREDIT, 30_000);
    let with = |hold: &Holding, minor| with_hold(credit(zloty(minor)), hold.hold);

    // Of two pieces half is more than the cap; of one it is less.
    let hold = shop.hold(CREDIT, 20_000, 6_000, "a").unwrap();
    for minor in [6_000, 5_001] {
        assert_eq!(rule(shop.buy("1", 1, vec![with(&hold, minor)])), "redeem.invoice_cap");
    }
    assert_eq!(shop.state(hold.hold), HoldState::Open, "a refusal leaves it");
    shop.buy("1", 1, vec![with(&hold, 5_000)]).unwrap();
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 25_000, ..Amounts::default() });

    // The absolute cap is for all tenders of a purchase, in whatever order.
    let [one, two] = ["b", "c"].map(|key| shop.hold(CREDIT, 20_000, 3_001, key).unwrap());
    assert_eq!(rule(shop.buy("2", 2, vec![with(&one, 3_001), with(&two, 3_000)])), "redeem.invoice_cap");
    assert_eq!(rule(shop.buy("2", 2, vec![with(&one, 3_001), credit(zloty(3_000))])), "redeem.invoice_cap");
    assert_eq!(rule(shop.buy("2", 2, vec![credit(zloty(3_000)), with(&one, 3_001)])), "redeem.invoice_cap");
    shop.buy("2", 2, vec![with(&one, 3_000), with(&two, 3_000)]).unwrap();
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 19_000, ..Amounts::default() });

    // Less may be paid by the time it is: the terms of the purchase count.
    let late = shop.hold(CREDIT, 20_000, 5_000, "d").unwrap();
    let lower = Limits { per_invoice: Some(4_000), ..terms };
    save(&bench, club(limits(CREDIT, lower)));
    assert_eq!(rule(shop.buy("3", 2, vec![with(&late, 4_001)])), "redeem.invoice_cap");
    shop.buy("3", 2, vec![with(&late, 4_000)]).unwrap();
    let cash = Limits { cash_part: vec![zloty(6_000)], ..Limits::default() };
    save(&bench, club(limits(CREDIT, cash)));
    let rest = shop.hold(CREDIT, 20_000, 5_000, "e").unwrap();
    assert_eq!(rule(shop.buy("4", 1, vec![with(&rest, 4_001)])), "redeem.cash_part");
    shop.buy("4", 1, vec![with(&rest, 4_000)]).unwrap();
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 11_000, ..Amounts::default() });
    bench.verify();
}

/// S-30: where the programme says so, who owes redeems nothing, whatever there is beside; when nothing is owed they do again.
pub fn who_owes_redeems_nothing(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), true);
    let sold = shop.buy("1", 1, vec![]).unwrap();
    shop.give(CREDIT, -1_000);
    shop.take_back(sold, 1, "back");
    shop.give(CREDIT, 500);
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 500, debt: 1_000, ..Amounts::default() });
    shop.buy("2", 1, vec![credit(zloty(100))]).unwrap();

    save(&bench, club(RedemptionTerms { debt_blocks: true, ..RedemptionTerms::default() }));
    let owed = shop.amounts(CREDIT).debt;
    assert_eq!(owed, 10, "the second purchase has repaid 990");
    let account = shop.account;
    let ask = Query { account, asset: CREDIT, branch: shop.branch, due: zloty(10_000), requested: None };
    assert_eq!(rule(bench.read(move |work| work.loyalty().usable(&ask))), "redeem.debt");
    assert_eq!(rule(shop.hold(CREDIT, 10_000, 1, "h")), "redeem.debt");
    assert_eq!(rule(shop.buy("3", 1, vec![credit(zloty(1))])), "redeem.debt");
    let forgive = |amount, key: &'static str| {
        bench.run(move |work| work.loyalty().write_off(account, CREDIT, amount, "forgiven", key)).unwrap();
    };
    forgive(owed - 1, "a");
    assert_eq!(rule(shop.buy("3", 1, vec![credit(zloty(1))])), "redeem.debt");
    forgive(1, "b");
    shop.buy("3", 1, vec![credit(zloty(400))]).unwrap();
    assert_eq!(shop.amounts(CREDIT), Amounts::default());
    bench.verify();
}

/// S-09, S-29: what a return gives back after its end is over at once; where the programme grants grace it lives so much
/// longer, counted from the return, and what would have ended later does not end earlier.
pub fn what_comes_back_lives_a_while(factory: Factory<'_>) {
    for grace in [None, Some(Span::Days(3))] {
        let bench = open(factory);
        let shop = Shop::of(&bench, RedemptionTerms { grace, ..RedemptionTerms::default() }, false);
        shop.give_until(1_000, "2025-03-23T00:00:00+01:00".parse().unwrap());
        shop.give_until(1_000, NEVER);
        let sold = shop.buy("1", 2, vec![credit(zloty(1_200))]).unwrap();
        // Summer time has begun meanwhile.
        bench.clock.set("2025-04-01T12:00:00+02:00".parse().unwrap());
        shop.take_back(sold, 1, "a");
        let of_first = if grace.is_some() { 600 } else { 0 };
        assert_eq!(shop.amounts(CREDIT), Amounts { available: 800 + of_first, ..Amounts::default() });
        bench.clock.set("2025-04-02T12:00:00+02:00".parse().unwrap());
        shop.take_back(sold, 1, "b");

        let end: Timestamp = "2025-04-05T00:00:00+02:00".parse().unwrap();
        let day = std::time::Duration::from_secs(86_400);
        let account = shop.account;
        let lots = bench.read(move |work| work.loyalty().lots(account)).unwrap();
        let lots: Vec<_> = lots.iter().map(|lot| (lot.remaining, lot.expires_at)).collect();
        if grace.is_some() {
            assert_eq!(lots, [(600, end), (400, end.checked_add(day).unwrap()), (1_000, NEVER)]);
        } else {
            assert_eq!(lots, [(1_000, NEVER)]);
        }
        bench.verify();
        bench.clock.set(end.checked_add_micros(-1).unwrap());
        assert_eq!(shop.amounts(CREDIT).available, if grace.is_some() { 2_000 } else { 1_000 });
        bench.clock.set(end);
        assert_eq!(shop.amounts(CREDIT).available, if grace.is_some() { 1_400 } else { 1_000 });
        bench.clock.set(end.checked_add(day).unwrap());
        assert_eq!(shop.amounts(CREDIT).available, 1_000);
        bench.run(move |work| work.loyalty().settle(account)).unwrap();
        bench.verify();
    }
}

/// S-22, S-26: limits of a group of customers, of a tier and of a group of partners, as they are when it is redeemed: before
/// those of everybody, after those of one's own, and of several the more generous.
pub fn limits_follow_groups_and_tiers(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), false);
    let group = bench.run(|work| work.partners().create_customer_group("Teachers", 1)).unwrap().id;
    let partners = bench.run(|work| work.partners().create_partner_group("Schools", 1)).unwrap().id;
    let (ladder, gold) = (LadderId::from(Uuid::from_u128(1)), TierId::from(Uuid::from_u128(2)));
    let [nobody, teacher, golden, both, school, special] =
        ["Ala", "Ola", "Ela", "Ula", "Iza", "Ewa"].map(|name| shop.member(name));
    let most = |per_invoice, audience| {
        let limits = Limits { per_invoice: Some(per_invoice), ..Limits::default() };
        LimitsFor { asset: CREDIT, audience, limits }
    };
    let any = Audience::default();
    let limits = vec![
        most(100, any.clone()),
        most(200, Audience { customer_groups: vec![group], ..any.clone() }),
        most(300, Audience { tiers: vec![gold], ..any.clone() }),
        most(400, Audience { partner_groups: vec![partners], ..any.clone() }),
        most(50, Audience { customers: vec![special.customer()], ..any }),
    ];
    let tiers = [TierTerms::new(gold, "gold", Need::amount(i64::MAX))];
    let ladders = vec![TierLadder::new(ladder, "club", Window::Lifetime, tiers)];
    save(&bench, Programme { tiers: ladders, ..club(RedemptionTerms { limits, ..RedemptionTerms::default() }) });
    for who in [&teacher, &both, &special].map(Shop::customer) {
        bench.run(move |work| work.partners().join(who, group)).unwrap();
    }
    for member in [&golden, &both] {
        let account = member.account;
        let pinned = bench.run(move |work| {
            let pin = Pin { tier: Some(gold), kind: PinKind::AtLeast, until: None, reason: "a friend".into() };
            work.loyalty().pin_tier(account, ladder, pin, &account.to_string()).map(drop)
        });
        pinned.unwrap();
    }
    let today = Some("2025-03-21".parse().unwrap());
    let contract = Contract {
        contract_no: "C-1".into(),
        valid_from: "2025-03-01".parse().unwrap(),
        valid_through: today,
        groups: vec![partners],
    };
    let who = school.customer();
    bench.run(move |work| work.partners().sign(who, &contract)).unwrap();

    let receipts = std::cell::Cell::new(0);
    let may_use = |member: &Shop<'_>, most: i64| {
        member.give(CREDIT, 1_000);
        receipts.set(receipts.get() + 1);
        let receipt = receipts.get().to_string();
        let usable = member.usable(CREDIT, 10_000, None);
        assert_eq!((usable.bound, usable.worth), (Bound::PerInvoice, zloty(most)));
        assert_eq!(rule(member.buy(&receipt, 1, vec![credit(zloty(most + 1))])), "redeem.invoice_cap");
        assert_eq!(rule(member.hold(CREDIT, 10_000, most + 1, &receipt)), "redeem.invoice_cap");
        member.buy(&receipt, 1, vec![credit(zloty(most))]).unwrap();
    };
    for (member, most) in
        [(&nobody, 100), (&teacher, 200), (&golden, 300), (&both, 300), (&school, 400), (&special, 50)]
    {
        may_use(member, most);
    }
    // Another day: the contract has ended. And one of them teaches no more.
    bench.clock.advance(std::time::Duration::from_secs(86_400));
    let who = teacher.customer();
    bench.run(move |work| work.partners().leave(who, group)).unwrap();
    for member in [&school, &teacher] {
        may_use(member, 100);
    }
    bench.verify();
}

/// S-36: what was set aside with a card since it was lost is listed, and nothing more is paid with it; the member pays without it
/// all the same.
pub fn a_lost_card_pays_nothing(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), false);
    shop.give(CREDIT, 1_000);
    let other = shop.member("Ola");
    other.give(CREDIT, 1_000);
    let (card, strange) = (shop.issue_card(), shop.member("Ela").issue_card());
    let minute = std::time::Duration::from_secs(60);
    let before = shop.hold_by_card(card, "before").unwrap();
    bench.clock.advance(minute);
    let lost_at = bench.clock_now();
    let mut since = vec![shop.hold_by_card(card, "at that moment").unwrap().hold];
    bench.clock.advance(minute);
    since.push(shop.hold_by_card(card, "later").unwrap().hold);
    shop.hold(CREDIT, 10_000, 100, "without").unwrap();
    shop.buy("good", 1, vec![by_card(credit(zloty(100)), card)]).unwrap();
    let blocked = bench.run(move |work| work.loyalty().block_card(card, BlockReason::Lost, Some(lost_at))).unwrap();
    let mut review: Vec<_> = blocked.to_review.iter().map(|hold| (hold.made_at, hold.state, hold.id)).collect();
    review.sort_unstable_by_key(|(made_at, ..)| *made_at);
    assert_eq!(review.len(), 3, "what was paid at once with it too");
    let open = review.iter().filter(|(_, state, _)| *state == HoldState::Open).map(|(.., id)| *id);
    assert_eq!(open.collect::<Vec<_>>(), since);
    assert_eq!(review[0].0, lost_at);

    assert_eq!(rule(shop.buy("1", 1, vec![by_card(credit(zloty(1)), card)])), "card.refused");
    assert_eq!(rule(shop.hold_by_card(card, "again")), "card.refused");
    assert_eq!(rule(other.buy("1", 1, vec![by_card(credit(zloty(1)), strange)])), "card.refused", "it is another's");
    shop.buy("1", 1, vec![credit(zloty(100))]).unwrap();
    for hold in since {
        shop.void(hold).unwrap();
    }
    shop.buy("2", 1, vec![with_hold(credit(zloty(100)), before.hold)]).unwrap();
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 600, held: 100, ..Amounts::default() });
    bench.verify();
}

/// S-36: a card that was lost is refused where it is named beside something that was set aside with it, too.
pub fn a_hold_makes_no_card_good(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), false);
    shop.give(CREDIT, 1_000);
    let card = shop.issue_card();
    let held = shop.hold_by_card(card, "before").unwrap();
    let both = |card: CardId| NewTender {
        details: Some(serde_json::json!({ "hold": held.hold, "card": card })),
        ..credit(zloty(50))
    };
    bench.run(move |work| work.loyalty().block_card(card, BlockReason::Stolen, None).map(drop)).unwrap();
    assert_eq!(rule(shop.buy("1", 1, vec![both(card)])), "card.refused");
    assert_eq!(shop.state(held.hold), HoldState::Open);
    let another = bench.run(move |work| work.loyalty().replace_card(card, None, "another")).unwrap();
    shop.buy("2", 1, vec![both(another.id)]).unwrap();
    assert_eq!(shop.amounts(CREDIT), Amounts { available: 950, ..Amounts::default() });
    bench.verify();
}

/// S-23: a purchase is not paid with what it earns, nor with what it has earned; any other is.
pub fn a_purchase_never_pays_for_itself(factory: Factory<'_>) {
    let bench = open(factory);
    let shop = Shop::of(&bench, RedemptionTerms::default(), true);
    // It would earn 9.99.
    assert_eq!(rule(shop.buy("1", 1, vec![credit(zloty(1))])), "redeem.not_enough");
    let sold = shop.buy("1", 1, vec![]).unwrap();
    assert_eq!(shop.amounts(CREDIT).available, 1_000);
    let not_enough = |paid: Result<()>| matches!(paid, Err(Error::Invalid { rule: "loyalty.not_enough", .. }));
    assert!(not_enough(shop.could_pay(sold, 1)));
    shop.give(CREDIT, 50);
    assert!(not_enough(shop.could_pay(sold, 51)));
    shop.could_pay(sold, 50).unwrap();
    shop.buy("2", 1, vec![credit(zloty(1_050))]).unwrap();
    assert_eq!(shop.amounts(CREDIT).available, 895, "of 89.50 that were paid with money");
    assert_eq!(shop.amounts(Asset::Points), Amounts::default());
    bench.verify();
}
