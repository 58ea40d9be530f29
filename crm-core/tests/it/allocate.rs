//! T-10 and T-6: nothing is lost when an amount is split, and refunds never go back.

use crate::support::rule;
use crm_core::kernel::allocate::{allocate, allocate_bounded, allocate_tenders, cumulative_floor};
use proptest::prelude::*;

fn sum(numbers: &[i64]) -> i128 {
    numbers.iter().copied().map(i128::from).sum()
}

#[test]
fn splits_by_the_table() {
    for (total, weights, shares) in [
        (100, vec![1, 1, 1], vec![34, 33, 33]),
        (1, vec![1, 1, 1], vec![1, 0, 0]),
        (2, vec![1, 1, 1], vec![1, 1, 0]),
        (-2, vec![1, 1, 1], vec![-1, -1, 0]),
        (1, vec![1, 2], vec![0, 1]),
        (10, vec![0, 3, 0], vec![0, 10, 0]),
        (1377, vec![3000, 1000], vec![1033, 344]),
        (0, vec![0, 0], vec![0, 0]),
        (0, vec![], vec![]),
        (7, vec![i64::MAX, i64::MAX], vec![4, 3]),
        (i64::MIN, vec![1], vec![i64::MIN]),
        (i64::MAX, vec![i64::MAX, 0, i64::MAX], vec![i64::MAX / 2 + 1, 0, i64::MAX / 2]),
    ] {
        assert_eq!(allocate(total, &weights).unwrap(), shares, "{total} over {weights:?}");
    }
    assert_eq!(rule(allocate(1, &[])), "allocate.no_weight");
    assert_eq!(rule(allocate(-1, &[0, 0])), "allocate.no_weight");
    assert_eq!(rule(allocate(0, &[1, -1])), "allocate.negative");
}

#[test]
fn full_lines_pass_the_rest_on() {
    for (total, weights, capacity, shares) in [
        (90, vec![1, 1, 1], vec![10, 100, 100], vec![10, 40, 40]),
        (-90, vec![1, 1, 1], vec![10, 100, 100], vec![-10, -40, -40]),
        // Filling the first line fills the second one too, although it had room at first.
        (100, vec![10, 5, 1], vec![10, 32, 100], vec![10, 32, 58]),
        (100, vec![1, 1], vec![50, 50], vec![50, 50]),
        (5, vec![1, 0], vec![5, 100], vec![5, 0]),
        (0, vec![0], vec![0], vec![0]),
        (0, vec![], vec![], vec![]),
    ] {
        assert_eq!(allocate_bounded(total, &weights, &capacity).unwrap(), shares, "{total} over {weights:?}");
    }
    assert_eq!(rule(allocate_bounded(101, &[1, 1], &[50, 50])), "allocate.capacity");
    assert_eq!(rule(allocate_bounded(6, &[1, 0], &[5, 100])), "allocate.capacity");
    assert_eq!(rule(allocate_bounded(1, &[1], &[])), "allocate.length");
    assert_eq!(rule(allocate_bounded(1, &[1], &[-1])), "allocate.negative");
    assert_eq!(rule(allocate_bounded(1, &[-1], &[1])), "allocate.negative");
}

#[test]
fn tenders_pay_lines() {
    assert_eq!(allocate_tenders(&[1, 1, 1], &[2, 1]).unwrap(), [[1, 0], [1, 0], [0, 1]]);
    assert_eq!(allocate_tenders(&[0, 3], &[0, 3]).unwrap(), [[0, 0], [0, 3]]);
    assert_eq!(allocate_tenders(&[], &[]).unwrap(), Vec::<Vec<i64>>::new());
    assert_eq!(allocate_tenders(&[], &[0]).unwrap(), Vec::<Vec<i64>>::new());
    assert_eq!(rule(allocate_tenders(&[1], &[2])), "allocate.sum");
    assert_eq!(rule(allocate_tenders(&[], &[1])), "allocate.sum");
    assert_eq!(rule(allocate_tenders(&[2, -1], &[1])), "allocate.negative");
    assert_eq!(rule(allocate_tenders(&[1], &[2, -1])), "allocate.negative");
}

#[test]
fn returns_by_the_table() {
    let steps: Vec<i64> = (0..=4).map(|returned| cumulative_floor(10, returned, 4).unwrap()).collect();
    assert_eq!(steps, [0, 2, 5, 7, 10]);
    assert_eq!(cumulative_floor(i64::MAX, i64::MAX, i64::MAX).unwrap(), i64::MAX);
    assert_eq!(rule(cumulative_floor(1, 0, 0)), "allocate.returned");
    assert_eq!(rule(cumulative_floor(1, 2, 1)), "allocate.returned");
    assert_eq!(rule(cumulative_floor(-1, 0, 1)), "allocate.negative");
    assert_eq!(rule(cumulative_floor(1, -1, 1)), "allocate.negative");
}

/// The order discount of a peer (Saleor) over goods and shipping, in cents; read when the cases are present.
#[test]
fn agrees_with_a_peer_on_order_discounts() {
    let cents = |value: &serde_json::Value| {
        let text = value.as_str().unwrap();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        format!("{whole}{fraction:0<2}").parse::<i64>().unwrap()
    };
    let folder = std::env::var("CRM_CASES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases").to_owned());
    let Ok(text) = std::fs::read_to_string(format!("{folder}/loyalty/peer_cases.json")) else { return };
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut seen = 0;
    for case in cases["cases"].as_array().unwrap() {
        if case["kind"] != "allocation" || case["setup"]["discount"]["type"] != "fixed" {
            continue;
        }
        let lines = [cents(&case["input"]["subtotal"]), cents(&case["input"]["shipping"])];
        let discount = cents(&case["setup"]["discount"]["value"]).min(lines.iter().sum());
        let expected = [cents(&case["expected"]["subtotal_portion"]), cents(&case["expected"]["shipping_portion"])];
        assert_eq!(allocate_bounded(discount, &lines, &lines).unwrap(), expected, "{}", case["id"]);
        seen += 1;
    }
    assert!(seen > 0, "the file is there but holds no such case");
}

/// Small numbers find ties, wide ones find overflow.
fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![0_i64..10, 0_i64..10_000, 0..=i64::MAX]
}

fn signed() -> impl Strategy<Value = i64> {
    prop_oneof![-10_i64..10, -10_000_i64..10_000, any::<i64>(), Just(i64::MIN)]
}

fn amounts() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(amount(), 0..12)
}

proptest! {
    #[test]
    fn shares_add_up_and_stay_near(total in signed(), weights in amounts()) {
        prop_assume!(sum(&weights) > 0);
        let shares = allocate(total, &weights).unwrap();
        prop_assert_eq!(sum(&shares), i128::from(total));
        for (share, weight) in shares.iter().zip(&weights) {
            // |share − total × weight / Σ| < 1: share and its neighbour toward and away from zero enclose the exact one.
            let exact = i128::from(total).abs() * i128::from(*weight);
            let (low, off) = (exact / sum(&weights), exact % sum(&weights));
            let magnitude = i128::from(*share).abs();
            prop_assert!(magnitude == low || (off > 0 && magnitude == low + 1));
            prop_assert!(*share == 0 || (*share < 0) == (total < 0));
        }
    }

    #[test]
    fn the_extra_units_go_to_the_largest_fractions(total in amount(), weights in amounts()) {
        prop_assume!(sum(&weights) > 0);
        let shares = allocate(total, &weights).unwrap();
        let exact = |weight: i64| i128::from(total) * i128::from(weight);
        let ranked: Vec<(bool, i128)> = shares
            .iter()
            .zip(&weights)
            .map(|(share, weight)| {
                let (low, fraction) = (exact(*weight) / sum(&weights), exact(*weight) % sum(&weights));
                (i128::from(*share) > low, fraction)
            })
            .collect();
        for (first, (up, fraction)) in ranked.iter().enumerate() {
            for (other_up, other_fraction) in ranked.iter().skip(first + 1) {
                prop_assert!(fraction >= other_fraction || !up || *other_up);
                prop_assert!(fraction < other_fraction || *up || !other_up, "ties: lower index first");
            }
        }
    }

    #[test]
    fn negative_totals_mirror(total in 0..=i64::MAX, weights in amounts()) {
        if let Ok(shares) = allocate(total, &weights) {
            let mirrored: Vec<i64> = shares.iter().map(|share| -share).collect();
            prop_assert_eq!(allocate(-total, &weights).unwrap(), mirrored);
        }
    }

    #[test]
    fn bounded_shares_stay_within_capacity(
        total in signed(),
        lines in prop::collection::vec((amount(), amount()), 0..12),
    ) {
        let (weights, capacity): (Vec<i64>, Vec<i64>) = lines.iter().copied().unzip();
        let room: i128 = lines.iter().filter(|(weight, _)| *weight > 0).map(|(_, room)| i128::from(*room)).sum();
        match allocate_bounded(total, &weights, &capacity) {
            Ok(shares) => {
                prop_assert_eq!(sum(&shares), i128::from(total));
                for (share, (weight, room)) in shares.iter().zip(&lines) {
                    prop_assert!(share.unsigned_abs() <= room.unsigned_abs());
                    prop_assert!(*share == 0 || *weight > 0);
                    prop_assert!(*share == 0 || (*share < 0) == (total < 0));
                }
            }
            Err(_) => prop_assert!(room < i128::from(total).abs()),
        }
    }

    /// Makes sure the law above is met by splits that work, not only by refusals.
    #[test]
    fn bounded_split_works_whenever_there_is_room(
        lines in prop::collection::vec((1_i64..20, 0_i64..50), 1..10),
        part in 0_i64..=100,
    ) {
        let (weights, capacity): (Vec<i64>, Vec<i64>) = lines.iter().copied().unzip();
        let total = capacity.iter().sum::<i64>() * part / 100;
        let shares = allocate_bounded(total, &weights, &capacity).unwrap();
        prop_assert_eq!(sum(&shares), i128::from(total));
        prop_assert!(shares.iter().zip(&capacity).all(|(share, room)| (0..=*room).contains(share)));
        // Fair: a line with room left has at least the share per weight of every other line, within one unit.
        for (share, (weight, room)) in shares.iter().zip(&lines) {
            for (other, (other_weight, _)) in shares.iter().zip(&lines) {
                prop_assert!(share == room || (share + 1) * other_weight >= (other - 1) * weight);
            }
        }
    }

    #[test]
    fn capacity_that_does_not_bind_changes_nothing(total in amount(), weights in amounts()) {
        prop_assume!(sum(&weights) > 0);
        let plain = allocate(total, &weights).unwrap();
        let room = vec![i64::MAX; weights.len()];
        prop_assert_eq!(&allocate_bounded(total, &weights, &room).unwrap(), &plain);
        if i128::from(total) <= sum(&weights) {
            prop_assert_eq!(allocate_bounded(total, &weights, &weights).unwrap(), plain);
        }
    }

    #[test]
    fn rows_and_columns_are_exact(lines in amounts(), cuts in prop::collection::vec(0_u8..=100, 0..5)) {
        // Cut the bill into tenders that fit an i64 and add up to it.
        let mut tenders = Vec::new();
        let mut left = sum(&lines);
        for cut in cuts {
            let tender = i64::try_from(left * i128::from(cut) / 100).unwrap_or(i64::MAX);
            tenders.push(tender);
            left -= i128::from(tender);
        }
        while left > 0 {
            let tender = i64::try_from(left).unwrap_or(i64::MAX);
            tenders.push(tender);
            left -= i128::from(tender);
        }
        let matrix = allocate_tenders(&tenders, &lines).unwrap();
        prop_assert_eq!(matrix.len(), tenders.len());
        let mut paid = vec![0_i64; lines.len()];
        for (row, tender) in matrix.iter().zip(&tenders) {
            prop_assert_eq!(sum(row), i128::from(*tender));
            prop_assert!(row.iter().all(|share| *share >= 0));
            for (sum, share) in paid.iter_mut().zip(row) {
                *sum += share;
            }
        }
        if !tenders.is_empty() {
            prop_assert_eq!(paid, lines);
        }
    }

    #[test]
    fn cumulative_floors_never_fall(share in amount(), quantity in 1_i64..200) {
        let mut before = 0;
        for returned in 0..=quantity {
            let now = cumulative_floor(share, returned, quantity).unwrap();
            prop_assert!(now >= before);
            before = now;
        }
        prop_assert_eq!(before, share);
    }

    #[test]
    fn cumulative_floor_is_below_exact_by_less_than_one(
        share in amount(),
        (returned, quantity) in (1..=i64::MAX).prop_flat_map(|quantity| (0..=quantity, Just(quantity))),
    ) {
        let exact = i128::from(share) * i128::from(returned);
        let below = exact - i128::from(cumulative_floor(share, returned, quantity).unwrap()) * i128::from(quantity);
        prop_assert!((0..i128::from(quantity)).contains(&below));
    }

    #[test]
    fn extremes_never_panic(
        numbers in prop::collection::vec(prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), Just(1), Just(-1)], 8),
    ) {
        let total = numbers[0];
        let _ = allocate(total, &numbers[1..]);
        let _ = allocate_bounded(total, &numbers[1..4], &numbers[4..7]);
        let _ = allocate_tenders(&numbers[..4], &numbers[4..]);
        let _ = cumulative_floor(total, numbers[1], numbers[2]);
    }
}
