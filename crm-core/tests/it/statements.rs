//! What expires soon, what the club owes, what is revenue (S-41, S-42, T-20).

use std::collections::{BTreeMap, BTreeSet};

use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::{BusinessDay, CivilDate, TimeOfDay, Timestamp, Zone};
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::{Lot, LotId, LotSource, NEVER};
use crm_core::loyalty::statements::{Breakage, Buckets, Liability, PointsSale, ReminderTerms, reminders, upcoming};
use crm_core::work::Version;
use proptest::prelude::*;
use uuid::Uuid;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn date(text: &str) -> CivilDate {
    text.parse().unwrap()
}

fn tehran() -> BusinessDay {
    BusinessDay::new(Zone::new("Asia/Tehran").unwrap(), TimeOfDay::new(4, 0).unwrap())
}

/// T-20, the figures of IFRS 15, illustrative example 52: exactly.
#[test]
fn points_are_revenue_as_they_are_redeemed() {
    let sale = PointsSale { price: 100_000, goods: 100_000, points_worth: Rate::ONE, expected: 9_500 };
    assert_eq!(sale.deferred().unwrap(), 8_676);
    assert_eq!(sale.price - sale.deferred().unwrap(), 91_324);
    let first = sale.recognised(4_500, 9_500).unwrap();
    assert_eq!((first.revenue, first.liability), (4_110, 4_566));
    let second = sale.recognised(8_500, 9_700).unwrap();
    assert_eq!((second.revenue - first.revenue, second.liability), (3_493, 1_073));
}

proptest! {
    /// The parts sum to the price, the liability is never below nothing, and all is revenue in the end.
    #[test]
    fn revenue_and_liability_are_the_deferred_price(
        price in 0_i64..1_000_000_000, goods in 0_i64..1_000_000_000, worth in 1_i64..1_000, expected in 1_i64..1_000_000,
        redeemed in 0_i64..1_000_000,
    ) {
        let sale = PointsSale { price, goods, points_worth: Rate::new(worth, 100).unwrap(), expected };
        let deferred = sale.deferred().unwrap();
        prop_assert!((0..=price).contains(&deferred));
        let part = sale.recognised(redeemed.min(expected), expected).unwrap();
        prop_assert_eq!(part.revenue + part.liability, deferred);
        prop_assert!(part.liability >= 0);
        prop_assert_eq!(sale.recognised(expected, expected).unwrap().liability, 0);
    }
}

fn lot(number: u128, asset: Asset, remaining: i64, available: &str, expires_at: Timestamp) -> Lot {
    // Another engineer's columns are at rest here: a lot as it was given.
    let text = serde_json::json!({
        "account_id": Uuid::from_u128(9), "id": Uuid::from_u128(number), "version": Version::FIRST, "asset": asset,
        "amount": remaining, "remaining": remaining, "held": 0, "expired": 0, "earned_at": at(available),
        "available_at": at(available), "expires_at": expires_at, "matured": true, "open": true,
        "source": LotSource::Grant, "origin_id": Uuid::nil(), "purchase_id": null, "branch_id": null,
        "campaign_id": null,
    });
    serde_json::from_value(text).unwrap()
}

fn ends(through: &str) -> Timestamp {
    tehran().end(date(through))
}

/// A list of dates and amounts; what has expired or never does is not in it.
#[test]
fn what_expires_soon_is_a_list() {
    let lots = [
        lot(1, Asset::Points, 10, "2025-01-01T00:00:00Z", ends("2025-03-31")),
        lot(2, Asset::Points, 5, "2025-01-01T00:00:00Z", ends("2025-03-31")),
        lot(3, Asset::Points, 7, "2025-01-01T00:00:00Z", ends("2025-04-30")),
        lot(4, Asset::Points, 9, "2025-01-01T00:00:00Z", ends("2025-01-31")),
        lot(5, Asset::Points, 9, "2025-01-01T00:00:00Z", NEVER),
        lot(6, Asset::Points, 9, "2025-01-01T00:00:00Z", ends("2026-01-31")),
    ];
    let list = upcoming(&lots, &tehran(), at("2025-03-01T00:00:00Z"), at("2025-06-01T00:00:00Z"));
    let figures: Vec<_> = list.iter().map(|expiring| (expiring.last_day, expiring.amount)).collect();
    assert_eq!(figures, [(date("2025-03-31"), 15), (date("2025-04-30"), 7)]);
    let last =
        upcoming(&lots, &tehran(), ends("2025-03-31").checked_add_micros(-1).unwrap(), at("2025-04-01T12:00:00Z"));
    assert_eq!(last.len(), 1, "good until the last instant");
    assert_eq!(upcoming(&lots, &tehran(), ends("2025-03-31"), at("2025-04-01T12:00:00Z")), []);
}

/// S-41: one message for all lots of one day, once for each lot and threshold, late if need be, and the tightest only.
#[test]
fn a_member_is_reminded_once_for_each_day_and_threshold() {
    let terms = ReminderTerms { days_before: [30, 7].into() };
    let lots = [
        lot(1, Asset::Points, 10, "2025-01-01T00:00:00Z", ends("2025-03-31")),
        lot(2, Asset::Points, 5, "2025-01-01T00:00:00Z", ends("2025-03-31")),
        lot(3, Asset::Points, 4, "2025-03-20T12:00:00Z", ends("2025-03-31")),
    ];
    let mut told = BTreeSet::<(LotId, u16)>::new();
    let mut run = |now: &str| {
        let messages = reminders(&lots, &terms, &told, &tehran(), at(now));
        told.extend(messages.iter().flat_map(|message| message.done.iter().copied()));
        messages.into_iter().map(|message| (message.days_before, message.amounts[&Asset::Points])).collect::<Vec<_>>()
    };
    assert_eq!(run("2025-02-28T12:00:00Z"), [], "31 days before");
    assert_eq!(run("2025-03-01T12:00:00Z"), [(30, 15)]);
    assert_eq!(run("2025-03-01T12:00:00Z"), [], "twice");
    assert_eq!(run("2025-03-21T12:00:00Z"), [], "what is good for eleven days is not announced a month before");
    assert_eq!(run("2025-03-26T12:00:00Z"), [(7, 19)], "two days late, all three");
    assert_eq!(run("2025-03-31T12:00:00Z"), []);
    let silent = reminders(&lots, &terms, &BTreeSet::new(), &tehran(), at("2025-03-26T12:00:00Z"));
    assert_eq!(silent.len(), 1, "after a silence the tightest threshold alone");
    assert_eq!(silent[0].days_before, 7);
}

/// What the club owes sums to what is outstanding, whatever the limits are, and the estimate takes its part off.
#[test]
fn liability_is_what_is_outstanding() {
    let lots: BTreeMap<LotId, Lot> = [
        lot(1, Asset::Points, 10, "2025-01-01T00:00:00Z", ends("2025-03-31")),
        lot(2, Asset::Points, 5, "2025-01-01T00:00:00Z", ends("2025-06-30")),
        lot(3, Asset::Points, 85, "2025-01-01T00:00:00Z", NEVER),
    ]
    .map(|lot| (lot.id, lot))
    .into();
    let outstanding: BTreeMap<LotId, i64> = lots.values().map(|lot| (lot.id, lot.remaining)).collect();
    for limits in [vec![], vec![ends("2025-03-31")], vec![ends("2025-04-30"), ends("2025-12-31")]] {
        let mut liability = Liability::default();
        liability.add(&outstanding, &lots, None, &Buckets::new(limits)).unwrap();
        assert_eq!(liability.total(Asset::Points), 100);
        let estimate = Breakage { rates: [(Asset::Points, Rate::percent(20))].into() };
        assert_eq!(liability.expected(Asset::Points, &estimate).unwrap(), 80);
    }
}
