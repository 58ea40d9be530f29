//! What holds whatever the rules and the purchases are.

use super::*;
use crm_core::kernel::time::Weekday;
use crm_core::loyalty::earning::{
    AssetCap, AtThreshold, BaseTerms, Basis, EarnLimit, Goods, Hours, LimitCap, OnReturn, Raised, Sheet, Why,
    base_lines,
};
use crm_core::pricing::{Audience, Days, Least, LimitPer};
use crm_core::purchases::{PurchaseLine, Tender, share_tenders};
use proptest::prelude::*;

fn bases() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(0..100_000_i64, 1..6)
}

fn lines(bases: &[i64]) -> Vec<BaseLine> {
    (1..).zip(bases).map(|(number, base)| line(number, *base, i64::from(number))).collect()
}

proptest! {
    /// S-11: paid, less tax, less the stored shares of credit and points; a gift card earns, an excluded product does not.
    #[test]
    fn the_base_is_what_is_paid_with_money(
        paid in prop::collection::vec((0..10_000_i64, 0..100_i64), 1..5),
        parts in prop::collection::vec(0..100_i64, 4),
        excludes_tax: bool,
        excluded in 1..9_u128,
        gift in 1..9_u128,
    ) {
        let totals: Vec<i64> = paid.iter().map(|(total, _)| *total).collect();
        let total: i64 = totals.iter().sum();
        let mut amounts: Vec<i64> = parts.iter().map(|part| total * part / 400).collect();
        amounts.push(total - amounts.iter().sum::<i64>());
        let shares = share_tenders(&amounts, &totals).unwrap();
        let methods = ["credit", "gift_card", "points", "card", "cash"];
        let tenders: Vec<Tender> = (1..).zip(methods.iter().zip(&amounts)).map(|(tender_no, (method, amount))| Tender {
            purchase_id: id(1), tender_no, method: (*method).into(), amount_minor: *amount, paid_later: false,
            reference: None,
        }).collect();
        let lines: Vec<PurchaseLine> = (1..).zip(paid.iter().zip(&shares)).map(|(line_no, ((total, tax), shares))| {
            PurchaseLine {
                purchase_id: id(1), line_no, product_id: id(line_no.into()), category_id: None, quantity: 1,
                stocked: false, unit_price_minor: *total, discount_minor: 0, order_discount_minor: 0,
                tax_minor: total * tax / 100, tax_rate: Rate::ZERO, tax_included: true, total_minor: *total,
                tender_shares: Json(shares.clone()),
            }
        }).collect();
        let base = BaseTerms { excludes_tax, excluded_products: vec![id(excluded)], ..BaseTerms::default() };
        let mut programme = Programme::new("Club", Zone::UTC);
        programme.earning.base = base;
        programme.gift_cards.products = vec![id(gift)];
        for (line, base) in lines.iter().zip(base_lines(&lines, &tenders, &programme, &CategoryTree::default())) {
            let tax = if excludes_tax { line.tax_minor } else { 0 };
            let with_credit = line.tender_shares.0[0] + line.tender_shares.0[2];
            let expected = (line.total_minor - tax - with_credit).max(0);
            let out = [excluded, gift].contains(&line.line_no.into());
            prop_assert_eq!((base.earns, base.base_minor), (!out, if out { 0 } else { expected }));
        }
    }

    /// S-13: rounded once for the whole purchase, and spread so that each line is within one unit of its part.
    #[test]
    fn rounded_once_and_spread(bases in bases(), num in 1..1000_i64, den in 1..1000_i64) {
        let rate = Rate::new(num, den).unwrap();
        let earned = earn(&terms([EarnRule::new("a", CREDIT, Earn::Percent(rate))]), &lines(&bases));
        let all: i128 = bases.iter().copied().map(i128::from).sum();
        let total = all * i128::from(num) / i128::from(den);
        prop_assert_eq!(i128::from(earned.of(CREDIT)), total);
        for one in &earned.contributions {
            prop_assert_eq!(one.shares.iter().sum::<i64>(), one.amount);
            for (share, base) in one.shares.iter().zip(&bases) {
                prop_assert!((i128::from(*share) * all - total * i128::from(*base)).abs() < all);
            }
        }
    }

    /// S-14: base × rate × (1 + Σ boosts) in a group, rounded once; of an exclusive group the largest alone; fixed
    /// bonuses after; the cap last, off what came last. Rules of another group are not touched.
    #[test]
    fn groups_boosts_and_caps(
        bases in bases(),
        rates in prop::collection::vec(1..20_i64, 2),
        boosts in prop::collection::vec((-50..300_i64, 1..4_u16), 0..4),
        fixed in 1..100_i64,
        cap in 1..20_000_i64,
        exclusive: bool,
    ) {
        let on = |product: u16| Goods::Products(vec![id(product.into())]);
        let mut rules: Vec<_> = ["a", "b"].iter().zip(&rates).map(|(key, rate)| percent(key, *rate)).collect();
        rules.extend(boosts.iter().enumerate().map(|(at, (by, product))| {
            EarnRule { on: on(*product), ..boost(&format!("boost{at}"), *by) }
        }));
        rules.push(EarnRule { stack: "other".into(), ..EarnRule::new("fixed", CREDIT, Earn::Fixed(fixed)) });
        let exclusive_groups = if exclusive { vec![String::new()] } else { Vec::new() };
        let caps = vec![AssetCap { asset: CREDIT, at_most: Some(cap), limits: Vec::new() }];
        let terms = EarningTerms { exclusive: exclusive_groups, caps, ..terms(rules) };
        let earned = earn(&terms, &lines(&bases));

        let of_rate = |rate: i64| -> i64 {
            let line = |(number, base): (u16, &i64)| {
                let matching = boosts.iter().filter(|(_, product)| *product == number).map(|(by, _)| *by);
                let by = if exclusive { matching.max().unwrap_or(0) } else { matching.sum() };
                base * rate * (100 + by).max(0)
            };
            (1..).zip(&bases).map(line).sum::<i64>() / 10_000
        };
        let of_rates = rates.iter().map(|rate| of_rate(*rate));
        let of_group = if exclusive { of_rates.max().unwrap() } else { of_rates.sum() };
        prop_assert_eq!(earned.of(CREDIT), (of_group + fixed).min(cap));
        if of_group >= cap {
            prop_assert!(earned.contributions.iter().all(|one| one.rule != "fixed"), "what came last is cut first");
        }
        for one in &earned.contributions {
            prop_assert_eq!(one.shares.iter().sum::<i64>(), one.amount);
        }
        if exclusive && of_group > 0 {
            let lost = earned.lost.iter().filter(|lost| matches!(lost.why, Why::Smaller(_))).count();
            prop_assert_eq!(lost, 1);
        }
    }

    /// S-38: at every time floor(eligible / n) are granted, and floor(what is kept / step), whatever is bought, returned,
    /// paid and not; at most so many of a day count.
    #[test]
    fn counted_over_purchases(
        commands in prop::collection::vec((0..3_u8, 0..8_usize, 1..5_000_i64, 0..2_i32), 1..40),
        nth in 1..4_u32,
        step in 1..4_000_i64,
    ) {
        let every = EarnRule::new("every", POINTS, Earn::Every { give: 10, nth, per_day: Some(2) });
        let steps = EarnRule::new("steps", CREDIT, Earn::Step { give: 7, step: pln(step), carry: true });
        let least = EarnRule { at_least: vec![Least::Amount(pln(100))], ..every };
        let compiled = compiled(terms([least, steps]));
        let (mut counters, mut sheets) = (Counters::new(), Vec::<(CivilDate, Sheet)>::new());
        let (mut points, mut credit) = (0, 0);
        for (what, which, base, day) in commands {
            let mut moves = std::collections::BTreeMap::new();
            if what == 0 || sheets.is_empty() {
                let snapshot = Snapshot { date: snapshot().date.add_days(day).unwrap(), ..snapshot() };
                let lines = [line(1, base, 3)];
                let occasion =
                    Occasion { branch: id(1), customer: id(1), currency: Currency::PLN, snapshot: &snapshot, lines: &lines };
                let paid = Paid { cleared: base / 2 * i64::from(which % 2 == 0) + base / 2 + base % 2, due: base };
                let mut earned = Plan::new(&compiled, occasion).earn(&counters, paid).unwrap();
                moves.extend(std::mem::take(&mut earned.moves));
                (points, credit) = (points + earned.of(POINTS), credit + earned.of(CREDIT));
                let date = snapshot.date;
                sheets.push((date, Sheet::new(snapshot, &lines, earned, &compiled.programme.earning, paid)));
            } else {
                let place = which % sheets.len();
                let sheet = &mut sheets[place].1;
                if what == 1 {
                    let returned = (sheet.lines[0].returned + 1).min(3);
                    sheet.came_back([(1, returned)]);
                } else {
                    sheet.paid = Paid { cleared: sheet.paid.due, ..sheet.paid };
                }
                let (lines, paid) = (sheet.lines.clone(), sheet.paid);
                for counted in &mut sheet.counted {
                    let target = counted.target(&lines, paid).unwrap();
                    if target == counted.counts {
                        continue;
                    }
                    let granted = counted.settle(target, &counters, &mut moves) * counted.give;
                    if counted.asset == POINTS { points += granted } else { credit += granted }
                }
            }
            for (key, amount) in moves {
                *counters.entry(key).or_default() += amount;
            }
            let eligible = |date: CivilDate| {
                sheets.iter().filter(|(day, sheet)| {
                    let line = sheet.lines[0];
                    *day == date && line.kept_base().unwrap() >= 100 && line.returned < 3 && sheet.paid.is_full()
                }).count().min(2)
            };
            let days = [0, 1].map(|day| eligible(snapshot().date.add_days(day).unwrap()));
            prop_assert_eq!(points, i64::try_from(days.iter().sum::<usize>()).unwrap() / i64::from(nth) * 10);
            let kept: i64 = sheets.iter().map(|(_, sheet)| sheet.paid.of(sheet.lines[0].kept_base().unwrap())).sum();
            prop_assert_eq!(credit, kept / step * 7);
        }
    }

    /// S-40: a strict budget is used to its last unit and never passed; a soft one is passed and says so.
    #[test]
    fn budgets(wanted in prop::collection::vec(1..2_000_i64, 1..20), cap in 1..8_000_i64, soft: bool) {
        let limits = vec![EarnLimit { cap: LimitCap::Amount(cap), per: LimitPer::Rule, every: None, soft }];
        let terms = terms([EarnRule { limits, ..percent("a", 100) }]);
        let (mut counters, mut given) = (Counters::new(), 0);
        for base in &wanted {
            let earned = earn_as(&snapshot(), &terms, &[line(1, *base, 1)], &counters);
            given += earned.of(CREDIT);
            prop_assert_eq!(earned.uses.iter().any(|used| used.passed), soft && given > cap);
            for (key, amount) in earned.moves {
                prop_assert!(!key.own);
                *counters.entry(key).or_default() += amount;
            }
        }
        let all: i64 = wanted.iter().sum();
        prop_assert_eq!(given, if soft { all } else { all.min(cap) });
    }

    /// S-12, S-28: what belongs on the account depends on what is kept and paid alone; it never rises with a return or
    /// falls with a payment, is all of it when all is kept and paid, and nothing when all came back (T-4, T-5).
    #[test]
    fn a_sheet_says_what_belongs_to_it(
        bases in bases(),
        returned in prop::collection::vec(0..7_i64, 6),
        cleared in 0..100_i64,
    ) {
        let lines = lines(&bases);
        let again = EarnRule {
            on_return: OnReturn::ReEvaluate,
            available: crm_core::loyalty::earning::Available::NextBusinessDay,
            ..EarnRule::new("b", CREDIT, Earn::Step { give: 11, step: pln(500), carry: false })
        };
        let terms = terms([percent("a", 7), again, EarnRule::new("c", POINTS, Earn::Piece(3))]);
        let earned = earn(&terms, &lines);
        let (credit, points) = (earned.of(CREDIT), earned.of(POINTS));
        let whole = Paid { cleared: 100, due: 100 };
        let mut sheet = Sheet::new(snapshot(), &lines, earned, &terms, whole);
        let sum = |sheet: &Sheet, asset| -> i64 {
            let targets = sheet.targets().unwrap();
            sheet.portions.iter().zip(targets).filter(|(one, _)| one.asset == asset).map(|(_, target)| target).sum()
        };
        prop_assert_eq!((sum(&sheet, CREDIT), sum(&sheet, POINTS)), (credit, points));
        sheet.paid = Paid { cleared, due: 100 };
        prop_assert_eq!((sum(&sheet, CREDIT), sum(&sheet, POINTS)), (credit * cleared / 100, points * cleared / 100));
        let mut before = sum(&sheet, CREDIT);
        for (line, back) in lines.iter().zip(&returned) {
            for returned in 0..=(*back).min(line.quantity) {
                sheet.came_back([(line.line_no, returned)]);
                let now = sum(&sheet, CREDIT);
                prop_assert!(now <= before);
                before = now;
            }
        }
        sheet.paid = whole;
        prop_assert!(sum(&sheet, CREDIT) >= before);
        sheet.came_back(lines.iter().map(|line| (line.line_no, line.quantity)));
        prop_assert!(sheet.targets().unwrap().iter().all(|target| *target == 0));
    }
}

proptest! {
    /// S-16 split: every unit of the base is earned with in the tier that was reached before it, lines in their order; each
    /// rule is rounded once for the purchase. Pieces and steps are earned with as before.
    #[test]
    fn split_at_thresholds_unit_by_unit(
        bases in prop::collection::vec(0..500_i64, 1..6),
        steps in prop::collection::btree_map(1..1_500_i64, 0..4_u128, 0..4),
        rates in prop::array::uniform4((1..40_i64, 1..30_i64)),
        split: bool,
    ) {
        let lines: Vec<_> = lines(&bases);
        let of_tier = |tier: u128, rule: EarnRule| EarnRule {
            audience: Audience { tiers: vec![id(tier)], ..Audience::default() },
            ..rule
        };
        let mut rules: Vec<EarnRule> = (0..4_u128).zip(rates).map(|(tier, (num, den))| {
            of_tier(tier, EarnRule::new(format!("t{tier}"), CREDIT, Earn::Percent(Rate::new(num, den * 10).unwrap())))
        }).collect();
        rules.push(percent("all", 3));
        rules.push(of_tier(0, EarnRule::new("pieces", POINTS, Earn::Piece(2))));
        rules.push(of_tier(1, EarnRule::new("later", POINTS, Earn::Fixed(7))));
        let at_threshold = if split { AtThreshold::Split } else { AtThreshold::Before };
        let terms = EarningTerms { at_threshold, ..terms(rules) };
        let raised: Vec<Raised> = steps.iter().map(|(after, tier)| Raised { after: *after, tiers: vec![id(*tier)] }).collect();
        let snapshot = Snapshot { tiers: vec![id(0)], raised, ..snapshot() };
        let earned = earn_as(&snapshot, &terms, &lines, &Counters::new());

        // The plain model: unit by unit.
        let mut units = [0_i64; 4];
        let mut paid = 0;
        for line in &lines {
            for _ in 0..line.base_minor {
                let tier = steps.iter().rev().find(|(after, _)| split && **after <= paid).map_or(0, |(_, tier)| *tier);
                units[usize::try_from(tier).unwrap()] += 1;
                paid += 1;
            }
        }
        for (tier, (num, den)) in rates.into_iter().enumerate() {
            let key = format!("t{tier}");
            let one = earned.contributions.iter().find(|one| one.rule == key);
            prop_assert_eq!(one.map_or(0, |one| one.amount), units[tier] * num / (den * 10));
        }
        let pieces: i64 = lines.iter().map(|line| line.quantity).sum();
        prop_assert_eq!(earned.of(POINTS), pieces * 2);
        let total: i64 = bases.iter().sum();
        let all = earned.contributions.iter().find(|one| one.rule == "all");
        prop_assert_eq!(all.map_or(0, |one| one.amount), total * 3 / 100);
        for one in &earned.contributions {
            prop_assert_eq!(one.shares.iter().sum::<i64>(), one.amount);
            prop_assert_eq!(one.shares.len(), lines.len());
        }
    }

    /// S-12 fulfilled: nothing before goods leave, all of it when they have; more with each piece that leaves, and never
    /// more with a return; a return of what has not left takes back nothing.
    #[test]
    fn earned_as_goods_leave(bases in bases(), moves in prop::collection::vec((0..6_usize, any::<bool>(), 1..4_i64), 0..20)) {
        let lines = lines(&bases);
        let terms = terms([percent("a", 7), EarnRule::new("c", POINTS, Earn::Piece(3))]);
        let earned = earn(&terms, &lines);
        let whole = (earned.of(CREDIT), earned.of(POINTS));
        let at_till = Sheet::new(snapshot(), &lines, earned, &terms, Paid::FULLY);
        let sum = |sheet: &Sheet, asset| -> i64 {
            let targets = sheet.targets().unwrap();
            sheet.portions.iter().zip(targets).filter(|(one, _)| one.asset == asset).map(|(_, target)| target).sum()
        };
        let mut sheet = at_till.clone().to_ship();
        prop_assert_eq!((sum(&sheet, CREDIT), sum(&sheet, POINTS)), (0, 0));
        for (at, leaves, pieces) in moves {
            let Some(line) = lines.get(at % lines.len().max(1)) else { continue };
            let now = sheet.lines[usize::from(line.line_no) - 1];
            let (shipped, open) = (now.shipped.unwrap(), line.quantity - now.shipped.unwrap() - now.returned);
            let before = (sum(&sheet, CREDIT), sum(&sheet, POINTS));
            if leaves {
                sheet.left([(line.line_no, pieces.min(open.max(0)))]);
                prop_assert!((sum(&sheet, CREDIT), sum(&sheet, POINTS)) >= before);
            } else {
                let back = pieces.min(line.quantity - now.returned);
                sheet.came_back([(line.line_no, now.returned + back)]);
                let after = (sum(&sheet, CREDIT), sum(&sheet, POINTS));
                prop_assert!(after.0 <= before.0 && after.1 <= before.1);
                prop_assert!(back > open || after == before);
            }
            prop_assert!(shipped <= line.quantity);
        }
        // Everything that is kept leaves: as if it had been handed over at the till.
        let mut till = at_till;
        till.came_back(sheet.lines.iter().map(|line| (line.line_no, line.returned)));
        let rest: Vec<_> = sheet.lines.iter().map(|line| (line.line_no, line.quantity - line.shipped.unwrap())).collect();
        sheet.left(rest);
        prop_assert_eq!(sheet.targets().unwrap(), till.targets().unwrap());
        prop_assert!(sum(&sheet, CREDIT) <= whole.0);
    }
}

/// S-15, S-16, C75: days of the branch, its hours, and the tier that was there before.
#[test]
fn conditions() {
    let friday = Days { weekdays: vec![Weekday::Friday], ..Days::default() };
    let night = Hours { from: TimeOfDay::new(22, 0).unwrap(), until: TimeOfDay::new(2, 0).unwrap() };
    let silver = Audience { tiers: vec![id(5)], ..Audience::default() };
    let rules = [
        percent("all", 1),
        EarnRule { days: Some(friday), ..boost("friday", 100) },
        EarnRule { hours: Some(night), ..boost("night", 50) },
        EarnRule { audience: silver, ..percent("silver", 5) },
    ];
    let terms = terms(rules);
    let earned = |date: &str, time: &str, tier: u128| {
        let snapshot =
            Snapshot { date: date.parse().unwrap(), time: time.parse().unwrap(), tiers: vec![id(tier)], ..snapshot() };
        earn_as(&snapshot, &terms, &[line(1, 10_000, 1)], &Counters::new()).of(CREDIT)
    };
    // 21 March 2025 is a Friday.
    assert_eq!(earned("2025-03-21", "12:00", 1), 200);
    assert_eq!(earned("2025-03-20", "12:00", 1), 100);
    assert_eq!(earned("2025-03-20", "22:00", 1), 150);
    assert_eq!(earned("2025-03-20", "01:59", 1), 150);
    assert_eq!(earned("2025-03-20", "02:00", 1), 100);
    assert_eq!(earned("2025-03-20", "12:00", 5), 600);
}

/// C66: goods that earn points by the piece earn none by amount, unless that is switched on.
#[test]
fn points_by_the_piece_and_by_amount() {
    let by_piece = EarnRule { on: Goods::Products(vec![id(1)]), ..EarnRule::new("piece", POINTS, Earn::Piece(5)) };
    let by_amount = EarnRule::new("amount", POINTS, Earn::Rate { give: 1, per: pln(100) });
    let mut terms = terms([by_amount, by_piece]);
    let lines = [line(1, 1_000, 2), line(2, 550, 1)];
    let earned = earn(&terms, &lines);
    assert_eq!(earned.contributions.iter().map(|one| one.amount).collect::<Vec<_>>(), [5, 10]);
    assert_eq!(earned.contributions[0].shares, [0, 5]);
    terms.piece_points_and_general = true;
    assert_eq!(earn(&terms, &lines).of(POINTS), 25);
    terms.piece_points_and_general = false;
    let only = earn(&terms, &lines[..1]);
    assert_eq!((only.of(POINTS), &only.lost[0].why), (10, &Why::PiecePoints));
}

/// What each boost has added is told, and sums with the rest to what was earned (C79).
#[test]
fn boosts_say_what_they_added() {
    let earned = earn(&terms([percent("a", 10), boost("b", 100), boost("c", 50)]), &[line(1, 999, 1)]);
    let one = &earned.contributions[0];
    assert_eq!((one.amount, one.basis.clone()), (249, Basis::Share));
    assert_eq!(one.boosts, [("b".into(), 100), ("c".into(), 50)]);
}
