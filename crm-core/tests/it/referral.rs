//! What a member gets for those they have brought: caps, shares and what returns leave of it (S-34, S-28, S-12).

use crm_core::kernel::calendar::{Calendar, Span};
use crm_core::kernel::currency::Currency;
use crm_core::kernel::rate::{Rate, Rounding};
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::NEVER;
use crm_core::loyalty::programme::Validity;
use crm_core::loyalty::referral::{Bought, PeriodCap, Referral, ReferralReward, ReferralTerm, Referrer};
use crm_core::work::{Json, Version};
use proptest::prelude::*;
use uuid::Uuid;

fn term() -> ReferralTerm {
    serde_json::from_value(serde_json::json!({
        "name": "Friends", "asset": "credit:PLN", "currency": "PLN", "first_purchase": 1000, "share": "5%",
        "min_base": 2000, "delay_days": 14,
    }))
    .unwrap()
}

fn reward(term: &ReferralTerm, lines: &[Bought], first: bool, room: i64) -> ReferralReward {
    let entitled = term.for_purchase(lines, first, room).unwrap();
    ReferralReward {
        referee_id: Uuid::from_u128(1).into(),
        purchase_id: Uuid::from_u128(2),
        version: Version::FIRST,
        referrer_id: Uuid::from_u128(3).into(),
        asset: term.asset,
        term: term.name.clone(),
        branch_id: None,
        occurred_at: Timestamp::UNIX_EPOCH,
        available_at: Timestamp::UNIX_EPOCH,
        expires_at: NEVER,
        validity: None,
        lines: Json(entitled.lines),
        fixed: entitled.fixed,
        min_base: term.min_base,
        qualified: entitled.qualified,
        cleared: 1,
        payable: 1,
        counted: 0,
        period: CivilDate::MIN,
        posted: 0,
        owed: 0,
        void: false,
        lots: Json::default(),
    }
}

fn bought() -> impl Strategy<Value = Vec<Bought>> {
    prop::collection::vec((0_i64..50_000, 1_i64..9), 1..6).prop_map(|lines| {
        let line = |(line_no, (base, quantity))| Bought { line_no, base, quantity };
        (1_u16..).zip(lines).map(line).collect()
    })
}

#[test]
fn the_least_cap_is_the_room() {
    let mut term = term();
    let referral = Referral {
        referee_id: Uuid::from_u128(1).into(),
        version: Version::FIRST,
        referrer_id: Uuid::from_u128(3).into(),
        since: Timestamp::UNIX_EPOCH,
        barred: None,
        purchases: 0,
        first_purchase_id: None,
        earned: Json([(term.asset, 400), (Asset::Points, 999_999)].into()),
    };
    let march = Calendar::Gregorian.date(2025, 3, 1).unwrap();
    let referrer = Referrer {
        customer_id: referral.referrer_id,
        asset: term.asset,
        version: Version::FIRST,
        total: 5_000,
        period: march,
        in_period: 900,
    };
    let room = |term: &ReferralTerm, period| term.room(&referral, Some(&referrer), period);
    assert_eq!(room(&term, march), i64::MAX);
    term.total = Some(6_000);
    assert_eq!(room(&term, march), 1_000);
    term.per_referee = Some(1_200);
    assert_eq!(room(&term, march), 800);
    term.per_period =
        Some(PeriodCap { most: 1_000, unit: crm_core::kernel::calendar::Unit::Month, calendar: Calendar::Gregorian });
    assert_eq!(room(&term, march), 100);
    assert_eq!(room(&term, Calendar::Gregorian.date(2025, 4, 1).unwrap()), 800, "another period");
    term.total = Some(4_000);
    assert_eq!(room(&term, march), 0, "a cap that was lowered takes nothing back");
    assert_eq!(term.period(Calendar::Gregorian.date(2025, 3, 21).unwrap()), march);
}

#[test]
fn the_first_purchases_and_months_count() {
    let term = ReferralTerm { purchases: Some(3), months: Some(6), ..term() };
    let since = Calendar::Jalali.date(1404, 6, 31).unwrap();
    let on = |month, day| Calendar::Jalali.date(1404, month, day).unwrap();
    assert!(term.in_time(since, 2, on(12, 29), Calendar::Jalali).unwrap());
    assert!(!term.in_time(since, 3, on(12, 29), Calendar::Jalali).unwrap(), "the fourth");
    let nowruz = Calendar::Jalali.date(1405, 1, 1).unwrap();
    assert!(!term.in_time(since, 0, nowruz, Calendar::Jalali).unwrap(), "after six Jalali months");
}

proptest! {
    /// S-13 and caps: the share of the whole base is rounded down once, caps come last, and nothing exceeds the room.
    #[test]
    fn no_more_than_the_room_comes_out(lines in bought(), first: bool, room in 0_i64..5_000) {
        let term = term();
        let entitled = term.for_purchase(&lines, first, room).unwrap();
        let base: i64 = lines.iter().map(|line| line.base).sum();
        let given = entitled.fixed + entitled.lines.iter().map(|line| line.share).sum::<i64>();
        let full = Rate::percent(5).apply(base, Rounding::Floor).unwrap() + if first { 1_000 } else { 0 };
        let expected = if base > 0 && base >= term.min_base { full.min(room) } else { 0 };
        prop_assert_eq!(given, expected);
    }

    /// T-4, T-5: what is left depends on what came back in all; nothing is left when all came back, and it never grows on
    /// the way.
    #[test]
    fn returns_take_back_their_part_and_in_the_end_all(lines in bought(), order in prop::collection::vec(0_usize..6, 0..60)) {
        let mut reward = reward(&term(), &lines, true, i64::MAX);
        let mut before = reward.kept().unwrap().units;
        for at in order.into_iter().chain((0..lines.len()).flat_map(|at| [at; 9])) {
            if let Some(line) = reward.lines.0.get_mut(at) {
                line.returned = (line.returned + 1).min(line.quantity);
            }
            let kept = reward.kept().unwrap();
            prop_assert!(kept.units <= before && kept.units >= 0);
            prop_assert!(reward.still_qualifies(&kept) || kept.units <= before);
            before = kept.units;
        }
        prop_assert_eq!(before, 0);
    }

    /// S-12: as much is due as is paid, the fixed part when everything is, and all of it in the end.
    #[test]
    fn what_is_due_follows_what_is_paid(lines in bought(), payable in 1_i64..100_000, parts in prop::collection::vec(0_i64..100_000, 0..5)) {
        let mut reward = reward(&term(), &lines, true, i64::MAX);
        let whole = reward.kept().unwrap();
        reward.payable = payable;
        let (mut paid, mut before) = (0, 0);
        for part in parts.into_iter().chain([payable]) {
            paid = (paid + part).min(payable);
            reward.cleared = paid;
            let due = reward.kept().unwrap().due;
            prop_assert!(due >= before);
            let shares: i64 = reward.lines.0.iter().map(|line| line.share).sum();
            let exact = i128::from(shares) * i128::from(paid) / i128::from(payable);
            let fixed = if paid == payable { reward.fixed } else { 0 };
            prop_assert_eq!(i128::from(due), exact + i128::from(fixed));
            before = due;
        }
        prop_assert_eq!(before, whole.units);
        // A cheque that bounces takes it back.
        reward.cleared = 0;
        prop_assert_eq!(reward.kept().unwrap().due, 0);
    }
}

/// The fixed part is for a purchase that is kept: it goes as soon as too little is.
#[test]
fn the_fixed_part_goes_with_a_purchase_that_no_longer_qualifies() {
    let lines = [Bought { line_no: 1, base: 3_000, quantity: 3 }];
    let mut reward = reward(&term(), &lines, true, i64::MAX);
    assert_eq!(reward.kept().unwrap().units, 1_150);
    reward.lines.0[0].returned = 1;
    assert_eq!(reward.kept().unwrap().units, 1_100, "2,000 is enough");
    reward.lines.0[0].returned = 2;
    assert_eq!(reward.kept().unwrap().units, 50);
    assert_eq!(term().faults(), []);
    let wrong = ReferralTerm { currency: Currency::EUR, ..term() };
    assert_eq!(wrong.faults()[0].code, "referral.currency", "euros earn no zloty");
    let wrong = ReferralTerm { validity: Validity::For(Span::Days(-1)), ..term() };
    assert_eq!(wrong.faults()[0].code, "referral.backwards");
}
