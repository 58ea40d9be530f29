//! Splitting whole units without losing one: largest remainder, and floors where a split must never go back.
//!
//! Largest remainder (Hamilton's method): everybody gets the floor of the exact share, then the units left over go one
//! each to the largest fractions. Every share is less than one unit away from exact, and the shares add up.

use super::error::{Error, Result};
use std::cmp::Reverse;

/// Splits `total` in proportion to `weights` (S-13, S-27). The result has one share per weight and adds up to `total`.
///
/// Equal fractions: the lower index first. A negative total is split as its mirror image. A weight of zero gets nothing.
///
/// # Errors
/// `allocate.negative` for a negative weight; `allocate.no_weight` when `total` is not zero but all weights are.
///
/// ```
/// use crm_core::kernel::allocate::allocate;
/// assert_eq!(allocate(100, &[1, 1, 1])?, [34, 33, 33]);
/// assert_eq!(allocate(-100, &[1, 1, 1])?, [-34, -33, -33]);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn allocate(total: i64, weights: &[i64]) -> Result<Vec<i64>> {
    let weight_sum = sum_of_non_negative(weights, "weights")?;
    if total == 0 {
        return Ok(vec![0; weights.len()]);
    }
    if weight_sum == 0 {
        return Err(Error::invalid("weights", "allocate.no_weight"));
    }
    let amount = i128::from(total).abs();
    let mut shares: Vec<i128> = weights.iter().map(|weight| amount * i128::from(*weight) / weight_sum).collect();
    let left_over = amount - shares.iter().sum::<i128>();
    if left_over > 0 {
        let mut by_fraction: Vec<(&mut i128, i128)> = shares
            .iter_mut()
            .zip(weights)
            .map(|(share, weight)| {
                let rest = amount * i128::from(*weight) - *share * weight_sum;
                (share, rest)
            })
            .collect();
        by_fraction.sort_by_key(|(_, rest)| Reverse(*rest)); // stable: ties stay in index order
        for ((share, _), _) in by_fraction.into_iter().zip(0..left_over) {
            *share += 1;
        }
    }
    let sign = i128::from(total.signum());
    shares.into_iter().map(|share| i64::try_from(share * sign).map_err(|_| overflow())).collect()
}

/// Like [`allocate`], but no share is larger than its `capacity` (S-27): what a full line cannot take goes to the others
/// in proportion to their weights.
///
/// Capacities are magnitudes, also for a negative total. A weight of zero gets nothing, whatever its capacity, so a line
/// left out of a discount stays out. When no capacity binds the result is that of [`allocate`].
///
/// # Errors
/// `allocate.negative` for a negative weight or capacity, `allocate.length` for slices of different length,
/// `allocate.capacity` when the lines with a weight cannot take the total.
///
/// ```
/// use crm_core::kernel::allocate::allocate_bounded;
/// assert_eq!(allocate_bounded(90, &[1, 1, 1], &[10, 100, 100])?, [10, 40, 40]);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn allocate_bounded(total: i64, weights: &[i64], capacity: &[i64]) -> Result<Vec<i64>> {
    if weights.len() != capacity.len() {
        return Err(Error::invalid("capacity", "allocate.length"));
    }
    let mut weight_left = sum_of_non_negative(weights, "weights")?;
    sum_of_non_negative(capacity, "capacity")?;
    let mut amount = i128::from(total).abs();
    let has_room = |(weight, capacity): (&i64, &i64)| {
        *weight == 0 || amount * i128::from(*weight) / weight_left < i128::from(*capacity)
    };
    if weight_left > 0 && weights.iter().zip(capacity).all(has_room) {
        return allocate(total, weights);
    }
    let mut lines: Vec<Line> = weights
        .iter()
        .zip(capacity)
        .enumerate()
        .filter(|(_, (weight, _))| **weight > 0)
        .map(|(index, (&weight, &capacity))| Line { index, weight: weight.into(), capacity: capacity.into() })
        .collect();
    if lines.iter().map(|line| line.capacity).sum::<i128>() < amount {
        return Err(Error::invalid("total", "allocate.capacity"));
    }

    // The lines with the least room per weight fill up first. Once one has room for its exact share, all later ones do,
    // and a plain split of the rest stays within their capacity: a capacity is whole, so rounding up cannot pass it.
    lines.sort_by(|a, b| (a.capacity * b.weight).cmp(&(b.capacity * a.weight)));
    let full = lines
        .iter()
        .take_while(|line| {
            let is_full = amount * line.weight / weight_left >= line.capacity;
            if is_full {
                amount -= line.capacity;
                weight_left -= line.weight;
            }
            is_full
        })
        .count();

    let mut shares: Vec<i64> = vec![0; weights.len()];
    let mut open_weights = weights.to_vec();
    for line in lines.iter().take(full) {
        if let (Some(share), Some(weight)) = (shares.get_mut(line.index), open_weights.get_mut(line.index)) {
            *share = i64::try_from(line.capacity * i128::from(total.signum())).map_err(|_| overflow())?;
            *weight = 0;
        }
    }
    let rest = i64::try_from(amount * i128::from(total.signum())).map_err(|_| overflow())?;
    let open_shares = allocate(rest, &open_weights)?;
    Ok(shares.iter().zip(open_shares).map(|(full, open)| full + open).collect())
}

struct Line {
    index: usize,
    weight: i128,
    capacity: i128,
}

/// Says which tender pays how much of which line (S-27): one row per tender, one column per line.
///
/// Each tender in turn is split over what is still unpaid of the lines, so the last one takes the rest. Rows add up to
/// the tenders and columns to the lines, exactly. Store the result; S-29 refunds from it.
///
/// # Errors
/// `allocate.negative` for a negative amount, `allocate.sum` when the tenders do not add up to the lines.
///
/// ```
/// use crm_core::kernel::allocate::allocate_tenders;
/// assert_eq!(allocate_tenders(&[50, 100], &[75, 75])?, [[25, 25], [50, 50]]);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn allocate_tenders(tenders: &[i64], lines: &[i64]) -> Result<Vec<Vec<i64>>> {
    if sum_of_non_negative(tenders, "tenders")? != sum_of_non_negative(lines, "lines")? {
        return Err(Error::invalid("tenders", "allocate.sum"));
    }
    let mut unpaid = lines.to_vec();
    tenders
        .iter()
        .map(|tender| {
            // Weight and capacity are the same number here, so a plain split can not exceed it.
            let row = allocate(*tender, &unpaid)?;
            for (left, paid) in unpaid.iter_mut().zip(&row) {
                *left -= paid;
            }
            Ok(row)
        })
        .collect()
}

/// What belongs to the first `returned` of `quantity` units: `floor(share × returned / quantity)` (S-28, S-29).
///
/// It never falls as `returned` grows and is exactly `share` at the end, so successive returns post the difference to
/// what they posted before and never take anything back. Largest remainder has no such promise.
///
/// # Errors
/// `allocate.negative` for a negative number, `allocate.returned` for more returned than there is, or no quantity.
///
/// ```
/// use crm_core::kernel::allocate::cumulative_floor;
/// assert_eq!(cumulative_floor(100, 1, 3)?, 33);
/// assert_eq!(cumulative_floor(100, 3, 3)?, 100);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn cumulative_floor(share: i64, returned: i64, quantity: i64) -> Result<i64> {
    if share < 0 || returned < 0 {
        return Err(Error::invalid(if share < 0 { "share" } else { "returned" }, "allocate.negative"));
    }
    if quantity <= 0 || returned > quantity {
        return Err(Error::invalid("returned", "allocate.returned"));
    }
    i64::try_from(i128::from(share) * i128::from(returned) / i128::from(quantity)).map_err(|_| overflow())
}

fn sum_of_non_negative(numbers: &[i64], field: &'static str) -> Result<i128> {
    if numbers.iter().any(|number| *number < 0) {
        return Err(Error::invalid(field, "allocate.negative"));
    }
    Ok(numbers.iter().map(|number| i128::from(*number)).sum())
}

/// No share is larger than the total, so this is never seen; it is here because the compiler can not know that.
fn overflow() -> Error {
    Error::invalid("total", "allocate.overflow")
}
