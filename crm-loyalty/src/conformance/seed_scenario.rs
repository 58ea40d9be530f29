//! The shop the product was begun for, from the first purchase on: rials, Jalali days, a club (T-22).

use std::time::Duration;

use crm_core::branches::{BranchId, NewBranch};
use crm_core::catalog::{NewProduct, ProductId};
use crm_core::conformance::{Bench, Factory};
use crm_core::customers::{CustomerId, NewCustomer};
use crm_core::instalments::{ChequeAction, ChequeTerms};
use crm_core::journal::JournalQuery;
use crm_core::kernel::calendar::{Calendar, Span};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::money::Money;
use crm_core::kernel::page::Limit;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{CivilDate, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::cards::BlockReason;
use crm_core::loyalty::earning::{Available, Earn, EarnRule, EarningTerms};
use crm_core::loyalty::ledger::rules::Amounts;
use crm_core::loyalty::programme::{Programme, Validity};
use crm_core::loyalty::redemption::{Bound, Limits, LimitsFor, RedemptionTerms};
use crm_core::loyalty::referral::ReferralTerm;
use crm_core::loyalty::tiers::{Need, TierLadder, TierTerms, Window};
use crm_core::partners::Contract;
use crm_core::pricing::{Adjustment, Assortment, Audience, Cart, NewRule, QuoteRequest, RuleTerms, Stage, TierId};
use crm_core::purchases::event::PURCHASE_RECORDED;
use crm_core::purchases::{NewLine, NewPurchase, NewTender, PurchaseId};
use crm_core::reexport::Uuid;
use crm_core::{Error, Result};

use super::{open, save};
use crate::WorkLoyalty as _;
use crate::bonus::NewBonus;
use crate::cards::NewCard;
use crate::redemption::{Query, credit};

const RIALS: Asset = Asset::Credit(Currency::IRR);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn toman(tomans: i64) -> Money {
    Money::new(tomans * 10, Currency::IRR)
}

fn gold() -> TierId {
    Uuid::from_u128(2).into()
}

/// Silver 5 %, gold 8 %, for the next visit and six months; gold from ten million tomans; half of a bill, and 300,000 tomans
/// of a day; two per cent for who brought somebody.
fn programme() -> Programme {
    let silver: TierId = Uuid::from_u128(1).into();
    let of = |tier, key: &str, percent| EarnRule {
        audience: Audience { tiers: vec![tier], ..Audience::default() },
        available: Available::NextBusinessDay,
        valid: Validity::For(Span::Months(6)),
        ..EarnRule::new(key, RIALS, Earn::Percent(Rate::percent(percent)))
    };
    let tiers = [
        TierTerms::new(silver, "نقره‌ای", Need::nothing()),
        TierTerms::new(gold(), "طلایی", Need::amount(toman(10_000_000).minor())),
    ];
    let limits = Limits {
        per_invoice_rate: Some(Rate::percent(50)),
        per_day: Some(toman(300_000).minor()),
        ..Limits::default()
    };
    let brought = ReferralTerm {
        name: "دوستان".into(),
        audience: Audience::default(),
        asset: RIALS,
        currency: Currency::IRR,
        registration: 0,
        first_purchase: 0,
        share: Rate::percent(2),
        min_base: 0,
        delay_days: 0,
        validity: Validity::Forever,
        purchases: None,
        months: None,
        per_referee: None,
        per_period: None,
        total: None,
    };
    let mut programme = Programme {
        calendar: Calendar::Jalali,
        currency: Some(Currency::IRR),
        earning: EarningTerms {
            rules: vec![of(silver, "silver", 5), of(gold(), "gold", 8)],
            ..EarningTerms::default()
        },
        redemption: RedemptionTerms {
            limits: vec![LimitsFor { asset: RIALS, audience: Audience::default(), limits }],
            ..RedemptionTerms::default()
        },
        tiers: vec![TierLadder::new(Uuid::from_u128(9).into(), "باشگاه", Window::Lifetime, tiers)],
        ..Programme::new("باشگاه مشتریان", Zone::new("Asia/Tehran").unwrap())
    };
    programme.referral.terms = vec![brought];
    programme
}

struct Shop {
    bench: Bench,
    tehran: BranchId,
    tea: ProductId,
    sara: CustomerId,
    ali: CustomerId,
}

impl Shop {
    fn buy(&self, receipt: &str, pieces: i64, tenders: Vec<NewTender>) -> Result<PurchaseId> {
        let new = NewPurchase::of(self.tehran, receipt, [NewLine::of(self.tea, pieces)], tenders).by(self.sara);
        let receipt = receipt.to_owned();
        Ok(self.bench.run(move |work| work.purchases().record(&new, &receipt))?.purchase)
    }

    fn cash(&self, receipt: &str, pieces: i64) -> PurchaseId {
        self.buy(receipt, pieces, vec![NewTender::cash_rest()]).unwrap()
    }

    /// Available and pending, in tomans.
    fn has(&self, member: CustomerId) -> (i64, i64) {
        let balances = self.bench.read(move |work| work.loyalty().balances(member.into())).unwrap();
        let Amounts { available, pending, .. } = balances.get(&RIALS).copied().unwrap_or_default();
        (available / 10, pending / 10)
    }

    fn usable(&self, due: Money) -> (Bound, Money) {
        let query = Query { account: self.sara.into(), asset: RIALS, branch: self.tehran, due, requested: None };
        let usable = self.bench.read(move |work| work.loyalty().usable(&query)).unwrap();
        (usable.bound, usable.worth)
    }

    fn tier(&self) -> Option<TierId> {
        let account = self.sara.into();
        self.bench.read(move |work| work.loyalty().tiers(account)).unwrap()[0].tier
    }
}

fn rule<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Err(Error::Invalid { rule, .. }) => rule,
        other => panic!("{other:?}"),
    }
}

/// T-22: each thing that was asked for first, in one history; what comes of it was reckoned by hand.
pub fn is_lived_through(factory: Factory<'_>) {
    let bench = open(factory);
    // Nowruz of 1404, half past noon in Tehran.
    bench.clock.set("2025-03-21T09:00:00Z".parse().unwrap());
    let (tehran, tea, drinks) = bench
        .run(|work| {
            let new = NewBranch { calendar: Calendar::Jalali, ..NewBranch::named("تهران", "Asia/Tehran", "IRR") };
            let tehran = work.branches().create(new)?.id;
            let drinks = work.catalog().create_category(None, "نوشیدنی")?.id;
            let tea = NewProduct { category: Some(drinks), ..NewProduct::service("TEA", "چای", toman(200_000)) };
            Ok((tehran, work.catalog().create_product(tea)?.id, drinks))
        })
        .unwrap();
    save(&bench, programme());
    let ali = bench.customer(NewCustomer::person("علی")).id;
    let sara = bench.customer(NewCustomer { referrer: Some(ali), ..NewCustomer::person("سارا کریمی") }).id;
    let shop = Shop { bench, tehran, tea, sara, ali };

    // Five per cent, for the next visit: today it pays nothing.
    shop.cash("1", 1);
    assert_eq!((shop.has(sara), shop.has(ali)), ((0, 10_000), (4_000, 0)));
    assert_eq!(rule(shop.buy("2", 1, vec![credit(toman(10_000)), NewTender::cash_rest()])), "redeem.not_enough");
    shop.bench.clock.advance(DAY);
    assert_eq!(shop.has(sara), (10_000, 0));

    // Of 9,600,000 tomans 10,000 are paid with credit, which earns nothing: 9,790,000 are counted, and 210,000 are missing.
    shop.buy("3", 48, vec![credit(toman(10_000)), NewTender::cash_rest()]).unwrap();
    assert_eq!((shop.has(sara), shop.has(shop.ali)), ((0, 479_500), (4_000 + 191_800, 0)));
    assert_ne!(shop.tier(), Some(gold()));
    shop.cash("4", 2);
    assert_eq!((shop.has(sara), shop.tier()), ((0, 499_500), Some(gold())), "what promotes still earns five per cent");
    shop.cash("5", 1);
    assert_eq!(shop.has(sara), (0, 515_500), "and the next eight");

    // Half of a bill; 300,000 tomans of a day, whatever it was for.
    shop.bench.clock.advance(DAY);
    assert_eq!(shop.usable(toman(400_000)), (Bound::PerInvoiceRate, toman(200_000)));
    assert_eq!(shop.usable(toman(4_000_000)), (Bound::PerDay, toman(300_000)));
    shop.buy("6", 2, vec![credit(toman(200_000)), NewTender::cash_rest()]).unwrap();
    assert_eq!(shop.usable(toman(4_000_000)), (Bound::PerDay, toman(100_000)));
    let more = vec![credit(toman(100_001)), NewTender::cash_rest()];
    assert_eq!(rule(shop.buy("7", 20, more)), "redeem.daily_cap");
    assert_eq!(shop.has(sara), (315_500, 16_000));

    // A gift that is good through 10 Farvardin, and on the day after it is not.
    let ends: CivilDate = Calendar::Jalali.date(1404, 1, 10).unwrap();
    let gift = NewBonus {
        customer: sara,
        branch: tehran,
        asset: RIALS,
        amount: toman(50_000).minor(),
        validity: Validity::Through(ends),
        reason: "عیدی".into(),
    };
    shop.bench.run(move |work| work.loyalty().give_bonus(&gift, "eidi")).unwrap();
    assert_eq!(shop.has(sara), (365_500, 16_000));
    shop.bench.clock.set("2025-03-30T20:29:59Z".parse().unwrap());
    assert_eq!(shop.has(sara), (381_500, 0), "10 Farvardin, a second before midnight");
    shop.bench.clock.advance(Duration::from_secs(1));
    assert_eq!(shop.has(sara), (331_500, 0));

    // A lost card takes nothing with it.
    let (old, new) = shop
        .bench
        .run(move |work| {
            let old = work.loyalty().issue_card(&NewCard::active(sara), "card")?;
            work.loyalty().block_card(old.id, BlockReason::Lost, None)?;
            Ok((old.id, work.loyalty().replace_card(old.id, None, "another")?))
        })
        .unwrap();
    assert_eq!((new.replaces_id, new.account_id, shop.has(sara)), (Some(old), sara.into(), (331_500, 0)));

    // A cheque earns when it is cleared, and no longer when it bounces after all.
    let due_on = Calendar::Jalali.date(1404, 2, 1).unwrap();
    let cheque = ChequeTerms { number: "110".into(), due_on, bank: Some("ملی".into()), sayad_id: None };
    let by_cheque = vec![NewTender::cheque(toman(2_000_000), &cheque).unwrap()];
    let sold = shop.buy("8", 10, by_cheque).unwrap();
    let cheque = shop.bench.read(move |work| work.purchases().get(sold)).unwrap().2[0].reference.unwrap();
    let steps = [(ChequeAction::Deposit, "a", 0), (ChequeAction::Clear, "b", 160_000), (ChequeAction::Bounce, "c", 0)];
    for (action, key, pending) in steps {
        shop.bench.run(move |work| work.instalments().move_cheque(cheque.into(), action, key)).unwrap();
        assert_eq!(shop.has(sara), (331_500, pending));
    }

    // A wholesaler has a tenth off on drinks, and nobody else.
    let quotes = shop
        .bench
        .run(move |work| {
            let group = work.partners().create_partner_group("عمده‌فروشان", 0)?.id;
            let valid_from = Calendar::Jalali.date(1404, 1, 1)?;
            let contract = Contract { contract_no: "7".into(), valid_from, valid_through: None, groups: vec![group] };
            work.partners().sign(ali, &contract)?;
            let audience = Audience { partner_groups: vec![group], ..Audience::default() };
            let tenth = Adjustment::Percent(Rate::percent(10));
            let rule = RuleTerms::new("عمده", Stage::Terms, Assortment::Category(drinks), tenth).for_whom(audience);
            work.pricing().save_rule(NewRule::now(rule))?;
            [ali, sara]
                .map(|customer| {
                    let asked =
                        QuoteRequest { branch: tehran, customer: Some(customer), at: None, cart: Cart::of([(tea, 1)]) };
                    Ok(work.pricing().quote(&asked)?.total_minor / 10)
                })
                .into_iter()
                .collect::<Result<Vec<_>>>()
        })
        .unwrap();
    assert_eq!(quotes, [180_000, 200_000]);

    // The journal, by kind and Jalali month.
    let month = |month| {
        let day = |month| shop.bench.read(move |_| Calendar::Jalali.date(1404, month, 1)).unwrap();
        let zone = Zone::new("Asia/Tehran").unwrap();
        let query = JournalQuery {
            customer: Some(sara),
            kinds: vec![PURCHASE_RECORDED.to_owned()],
            from: Some(zone.start_of_day(day(month))),
            until: Some(zone.start_of_day(day(month + 1))),
            known_at: None,
        };
        shop.bench.read(move |work| work.journal().page(&query, Limit::MAX, None)).unwrap().items.len()
    };
    assert_eq!((month(1), month(2)), (6, 0));
    shop.bench.verify();
}
