//! What a return gives back: pure functions of what was stored with the purchase.

use crate::kernel::allocate::cumulative_floor;
use crate::{Error, Result};

/// A line as it was sold, as far as a return is concerned. Everything in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sold<'l> {
    /// Pieces.
    pub quantity: i64,
    /// What was paid for all of them: the sum of the shares.
    pub total_minor: i64,
    /// The tax that is in the total.
    pub tax_minor: i64,
    /// How much of the total each tender paid, by number of the tender.
    pub tender_shares: &'l [i64],
}

/// What belongs to some pieces of a line, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The money: the sum of the refunds.
    pub total_minor: i64,
    /// The tax that is in the money.
    pub tax_minor: i64,
    /// What each tender gives back, by number of the tender.
    pub refunds: Vec<i64>,
}

/// What belongs to the first `returned` pieces of a line (S-29): of each tender the floor of its share, and everything
/// once all pieces are back. The tax is that of the money given back, so it never exceeds it.
///
/// Each number only grows with `returned`, so the differences of successive returns are never negative, and they sum to
/// the same whatever the steps.
///
/// # Errors
/// `allocate.returned` unless 0 ≤ `returned` ≤ the quantity.
///
/// ```
/// use crm_core::returns::{Sold, taken_back};
/// let sold = Sold { quantity: 3, total_minor: 100, tax_minor: 19, tender_shares: &[70, 30] };
/// let two = taken_back(&sold, 2)?;
/// assert_eq!((two.refunds.as_slice(), two.total_minor, two.tax_minor), (&[46, 20][..], 66, 12));
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn taken_back(sold: &Sold<'_>, returned: i64) -> Result<TakenBack> {
    let refund = |share: &i64| cumulative_floor(*share, returned, sold.quantity);
    let refunds: Vec<i64> = sold.tender_shares.iter().map(refund).collect::<Result<_>>()?;
    // No more than the total, which fits.
    let total_minor = refunds.iter().fold(0_i64, |sum, refund| sum.saturating_add(*refund));
    let tax_minor = match sold.total_minor {
        0 => 0,
        total => cumulative_floor(sold.tax_minor, total_minor, total)?,
    };
    Ok(TakenBack { total_minor, tax_minor, refunds })
}

/// What so many more pieces give back, after `before` of them came back earlier: the difference of two
/// [`taken_back`].
///
/// # Errors
/// `return.quantity_not_positive`; `return.more_than_sold` when there are not so many left.
///
/// ```
/// use crm_core::returns::{Sold, take_back};
/// let sold = Sold { quantity: 3, total_minor: 100, tax_minor: 0, tender_shares: &[100] };
/// let steps = [0, 1, 2].map(|before| take_back(&sold, before, 1).map(|back| back.total_minor));
/// assert_eq!(steps.into_iter().collect::<crm_core::Result<Vec<_>>>()?, [33, 33, 34]);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn take_back(sold: &Sold<'_>, before: i64, quantity: i64) -> Result<TakenBack> {
    if quantity <= 0 {
        return Err(Error::invalid("quantity", "return.quantity_not_positive"));
    }
    let after = before.checked_add(quantity).filter(|after| *after <= sold.quantity);
    let after = after.ok_or_else(|| Error::invalid("quantity", "return.more_than_sold"))?;
    let (was, is) = (taken_back(sold, before)?, taken_back(sold, after)?);
    Ok(TakenBack {
        total_minor: is.total_minor - was.total_minor,
        tax_minor: is.tax_minor - was.tax_minor,
        refunds: is.refunds.iter().zip(&was.refunds).map(|(is, was)| is - was).collect(),
    })
}
