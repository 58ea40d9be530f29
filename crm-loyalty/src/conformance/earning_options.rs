//! What a programme may choose of earning: as goods leave, split at a tier; and what counts for tiers though it earns nothing.

use crm_core::conformance::Factory;
use crm_core::instalments::{ChequeAction, ChequeTerms, NewPayment};
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::Timestamp;
use crm_core::loyalty::earning::{AtThreshold, Earn, EarnRule, EarnWhen};
use crm_core::loyalty::programme::Programme;
use crm_core::loyalty::tiers::{Cause, LadderId, Need, TierLadder, TierTerms, Window};
use crm_core::pricing::{Audience, TierId};
use crm_core::purchases::{CASH, NewPurchase, NewTender, PurchaseId};
use crm_core::reexport::Uuid;
use crm_core::shipping::ShipLine;

use super::earning::{CREDIT, POINTS, Shop, percent, pln, programme, shop};
use crate::WorkLoyalty;
use crate::earning::WhatIf;
use crate::tiers::Interval;

const SILVER: u128 = 1;
const GOLD: u128 = 2;

fn ladder() -> LadderId {
    Uuid::from_u128(9).into()
}

fn tier(n: u128) -> TierId {
    Uuid::from_u128(n).into()
}

/// One per cent for everybody, ten from 25.00 on.
fn with_tiers() -> Programme {
    let of =
        |n, rule: EarnRule| EarnRule { audience: Audience { tiers: vec![tier(n)], ..Audience::default() }, ..rule };
    let silver = TierTerms::new(tier(SILVER), "silver", Need::nothing());
    let gold = TierTerms::new(tier(GOLD), "gold", Need::amount(2_500));
    Programme {
        tiers: vec![TierLadder::new(ladder(), "club", Window::Lifetime, [silver, gold])],
        ..programme([of(SILVER, percent("silver", 1)), of(GOLD, percent("gold", 10))])
    }
}

impl Shop {
    fn ship(&self, purchase: PurchaseId, lines: &[(u16, i64)], key: &str) {
        let (lines, key) = (ship_lines(lines), key.to_owned());
        self.bench.run(move |work| work.shipping().ship(purchase, &lines, &key)).unwrap();
    }

    fn history(&self) -> Vec<Interval> {
        let ala = self.ala.into();
        self.bench.read(move |work| work.loyalty().tier_history(ala, ladder(), Limit::MAX, None)).unwrap().items
    }

    fn tier(&self) -> (Option<TierId>, i64) {
        let ala = self.ala.into();
        let view = self.bench.read(move |work| work.loyalty().tiers(ala)).unwrap().remove(0);
        (view.tier, view.progress.sums.amount)
    }

    /// T-21: the programme in force, asked again, gives what it gave.
    fn replays_alike(&self, programme: &Programme) {
        let asked = WhatIf { programme: programme.clone(), from: None, until: None };
        let report = self.bench.read(move |work| work.loyalty().what_if(&asked, |_| Ok(()))).unwrap();
        assert!(report.assets.values().all(|one| one.more() == 0), "{report:?}");
    }
}

fn ship_lines(lines: &[(u16, i64)]) -> Vec<ShipLine> {
    lines.iter().map(|(line_no, quantity)| ShipLine { line_no: *line_no, quantity: *quantity }).collect()
}

/// S-12 fulfilled: what is shipped is earned as it leaves and as far as it is paid, and no longer when it has not left after
/// all; what comes back before it leaves takes nothing away. At the till it is earned at once.
pub fn what_is_shipped_is_earned_as_it_leaves(factory: Factory<'_>) {
    let shop = shop(factory);
    let second = EarnRule::new("second", POINTS, Earn::Every { give: 5, nth: 2, per_day: None });
    let mut terms = programme([percent("ten", 10), second]);
    terms.earning.when = EarnWhen::Fulfilled;
    shop.save(&terms);
    shop.buy("till", &[(shop.tea, 1)]);
    assert_eq!(shop.has(shop.ala, CREDIT), (100, 0, 0));
    let sold = shop.record(&NewPurchase { to_ship: true, ..shop.sale("1", &[(shop.tea, 3), (shop.cup, 1)]) });
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((100, 0, 0), (0, 0, 0)));
    // 300 for the tea, 33 for the cup.
    shop.ship(sold, &[(1, 1)], "a");
    assert_eq!(shop.has(shop.ala, CREDIT), (200, 0, 0));
    shop.bring_back(sold, &[(1, 1)], "back");
    assert_eq!(shop.has(shop.ala, CREDIT), (200, 0, 0), "it had not left");
    shop.ship(sold, &[(1, 1), (2, 1)], "b");
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((333, 0, 0), (5, 0, 0)));
    shop.replays_alike(&terms);
    let not_left = ship_lines(&[(2, 1)]);
    shop.bench.run(move |work| work.shipping().unship(sold, &not_left, "broken", "c")).unwrap();
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((300, 0, 0), (0, 0, 0)));
    shop.ship(sold, &[(2, 1)], "d");
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((333, 0, 0), (5, 0, 0)));
    shop.bring_back(sold, &[(1, 2), (2, 1)], "all");
    assert_eq!((shop.has(shop.ala, CREDIT), shop.has(shop.ala, POINTS)), ((100, 0, 0), (0, 0, 0)));

    // It leaves before it is paid.
    let cheque = ChequeTerms { number: "7".into(), due_on: "2025-04-01".parse().unwrap(), bank: None, sayad_id: None };
    let tenders = vec![NewTender::cheque(pln(500), &cheque).unwrap(), NewTender::cash_rest()];
    let half = shop.record(&NewPurchase { to_ship: true, tenders, ..shop.sale("2", &[(shop.tea, 1)]) });
    shop.ship(half, &[(1, 1)], "e");
    assert_eq!(shop.has(shop.ala, CREDIT), (150, 0, 0));
    let cheque = shop.bench.read(move |work| work.purchases().get(half)).unwrap().2[0].reference.unwrap();
    for (action, key) in [(ChequeAction::Deposit, "1"), (ChequeAction::Clear, "2")] {
        shop.bench.run(move |work| work.instalments().move_cheque(cheque.into(), action, key)).unwrap();
    }
    assert_eq!(shop.has(shop.ala, CREDIT), (200, 0, 0));
    shop.replays_alike(&terms);

    // A programme that says nothing of it earns as it is paid.
    shop.save(&programme([percent("ten", 10)]));
    let paid = shop.record(&NewPurchase { to_ship: true, ..shop.sale("3", &[(shop.tea, 1)]) });
    assert_eq!(shop.has(shop.ala, CREDIT), (300, 0, 0));
    shop.ship(paid, &[(1, 1)], "f");
    assert_eq!(shop.has(shop.ala, CREDIT), (300, 0, 0));
    shop.bench.verify();
}

/// S-16 split: what was still missing to a tier earns as before it, the rest as in it; otherwise all of it as before.
pub fn a_purchase_is_split_at_a_tier(factory: Factory<'_>) {
    let shop = shop(factory);
    let mut terms = with_tiers();
    terms.earning.at_threshold = AtThreshold::Split;
    shop.save(&terms);
    let sold = shop.buy("1", &[(shop.tea, 3)]);
    // One per cent of 25.00 and ten of 5.00.
    assert_eq!(shop.has(shop.ala, CREDIT), (25 + 50, 0, 0));
    let sheet = shop.sheet(sold).document.0;
    assert_eq!(sheet.snapshot.raised.iter().map(|step| step.after).collect::<Vec<_>>(), [2_500]);
    assert_eq!(shop.tier(), (Some(tier(GOLD)), 3_000));
    shop.buy("2", &[(shop.tea, 1)]);
    assert_eq!(shop.has(shop.ala, CREDIT), (175, 0, 0));
    shop.replays_alike(&terms);
    shop.bring_back(sold, &[(1, 1)], "a");
    assert_eq!(shop.has(shop.ala, CREDIT), (150, 0, 0));
    shop.bring_back(sold, &[(1, 2)], "b");
    assert_eq!(shop.has(shop.ala, CREDIT), (100, 0, 0));
    shop.bench.verify();

    let findings = |programme: &Programme| {
        let programme = programme.clone();
        let found = shop.bench.read(move |work| work.loyalty().check_programme(&programme)).unwrap();
        found.into_iter().map(|finding| (finding.code, finding.error)).collect::<Vec<_>>()
    };
    assert_eq!(findings(&terms), []);
    // Of an exclusive group one rule is for all of a purchase.
    let mut exclusive = terms.clone();
    exclusive.earning.exclusive = vec!["tiers".into()];
    exclusive.earning.rules.iter_mut().for_each(|rule| rule.stack = "tiers".into());
    assert!(findings(&exclusive).contains(&("earn.split_exclusive", true)));
    terms.tiers.clear();
    assert!(findings(&terms).contains(&("earn.split_unused", false)));
}

/// S-16: as long as a programme does not say so, what promotes earns all of it as before.
pub fn a_purchase_is_whole_otherwise(factory: Factory<'_>) {
    let shop = shop(factory);
    shop.save(&with_tiers());
    shop.buy("1", &[(shop.tea, 3)]);
    assert_eq!((shop.has(shop.ala, CREDIT), shop.tier().0), ((30, 0, 0), Some(tier(GOLD))));
    shop.bench.verify();
}

/// S-17, S-18, S-31: what is imported for the record only earns nothing and counts for tiers, of whatever age it is; its
/// return takes that away.
pub fn history_counts_for_tiers(factory: Factory<'_>) {
    let shop = shop(factory);
    let terms = with_tiers();
    shop.save(&terms);
    let before: Timestamp = "2019-05-05T10:00:00+02:00".parse().unwrap();
    let history = NewPurchase { history_only: true, occurred_at: Some(before), ..shop.sale("old", &[(shop.tea, 3)]) };
    let old = shop.record(&history);
    assert_eq!((shop.has(shop.ala, CREDIT), shop.entries(shop.ala).len()), ((0, 0, 0), 0));
    assert_eq!(shop.tier(), (Some(tier(GOLD)), 3_000));
    let since = shop.history();
    assert_eq!((since[0].tier, since[0].cause), (Some(tier(GOLD)), Cause::Purchase));
    assert!(since[0].from > before, "it holds from when it was recorded");
    shop.buy("1", &[(shop.tea, 1)]);
    assert_eq!(shop.has(shop.ala, CREDIT), (100, 0, 0));
    shop.replays_alike(&terms);
    shop.bring_back(old, &[(1, 3)], "back");
    assert_eq!((shop.has(shop.ala, CREDIT), shop.tier().1), ((100, 0, 0), 1_000));
    shop.bench.verify();
}

/// S-12, S-17: what is bought counts for tiers when it is bought, whether it is paid or not: payments, a cheque that clears
/// or bounces and goods that leave change no tier, and are no cause in its history.
pub fn payments_move_no_tier(factory: Factory<'_>) {
    let shop = shop(factory);
    let mut terms = with_tiers();
    terms.earning.when = EarnWhen::Fulfilled;
    shop.save(&terms);
    let cheque = ChequeTerms { number: "7".into(), due_on: "2025-04-01".parse().unwrap(), bank: None, sayad_id: None };
    let tenders = vec![NewTender::cheque(pln(3_000), &cheque).unwrap()];
    let sold = shop.record(&NewPurchase { to_ship: true, tenders, ..shop.sale("1", &[(shop.tea, 3)]) });
    let (reached, since) = (shop.tier(), shop.history());
    assert_eq!(reached, (Some(tier(GOLD)), 3_000));
    shop.ship(sold, &[(1, 3)], "a");
    assert_eq!(shop.has(shop.ala, CREDIT), (0, 0, 0));
    let cheque = shop.bench.read(move |work| work.purchases().get(sold)).unwrap().2[0].reference.unwrap();
    for (action, key, credit) in
        [(ChequeAction::Deposit, "1", 0), (ChequeAction::Clear, "2", 30), (ChequeAction::Bounce, "3", 0)]
    {
        shop.bench.run(move |work| work.instalments().move_cheque(cheque.into(), action, key)).unwrap();
        assert_eq!(shop.has(shop.ala, CREDIT), (credit, 0, 0));
    }
    let new = NewPayment { purchase: sold, amount: pln(1_000), method: CASH.to_owned(), occurred_at: None };
    shop.bench.run(move |work| work.instalments().pay(&new, "cash")).unwrap();
    assert_eq!(shop.has(shop.ala, CREDIT), (10, 0, 0));
    assert_eq!((shop.tier(), shop.history()), (reached, since));
    shop.bench.verify();
}

/// N-4: what differs is told by the tiers that members had and by their groups, those too for which nobody asked then; and
/// what is not replayed is named.
pub fn what_if_tells_by_tier_and_group(factory: Factory<'_>) {
    let shop = shop(factory);
    let mut terms = with_tiers();
    shop.save(&terms);
    let ala = shop.ala;
    let (teachers, others) = shop
        .bench
        .run(move |work| {
            let teachers = work.partners().create_customer_group("Teachers", 0)?.id;
            work.partners().join(ala, teachers)?;
            Ok((teachers, work.partners().create_customer_group("Others", 0)?.id))
        })
        .unwrap();
    // As silver one per cent of 30.00, as gold ten of 20.00.
    shop.buy("1", &[(shop.tea, 3)]);
    shop.buy("2", &[(shop.tea, 2)]);
    let ask = |programme: &Programme| {
        let asked = WhatIf { programme: programme.clone(), from: None, until: None };
        shop.bench.read(move |work| work.loyalty().what_if(&asked, |_| Ok(()))).unwrap()
    };
    let same = ask(&terms);
    assert!(same.not_replayed.is_empty() && same.groups.is_empty(), "nobody asked for groups");
    assert_eq!((same.tiers[&(tier(SILVER), CREDIT)].more(), same.tiers[&(tier(GOLD), CREDIT)].more()), (0, 0));

    let of = |group, rule: EarnRule| EarnRule {
        audience: Audience { customer_groups: vec![group], ..Audience::default() },
        ..rule
    };
    terms.earning.rules.extend([of(teachers, percent("teachers", 2)), of(others, percent("others", 50))]);
    terms.tiers[0].grace_days = 3;
    let more = ask(&terms);
    assert_eq!(more.not_replayed, ["tiers"]);
    assert_eq!((more.tiers[&(tier(SILVER), CREDIT)].more(), more.tiers[&(tier(GOLD), CREDIT)].more()), (60, 40));
    let groups: Vec<_> = more.groups.iter().map(|(of, one)| (*of, one.recorded, one.more())).collect();
    assert_eq!(groups, [((teachers, CREDIT), 30 + 200, 100)]);
    shop.bench.verify();
}
