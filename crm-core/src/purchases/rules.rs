//! What a purchase costs and how tenders cover it: pure functions.

use crate::catalog::Product;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::{Error, Result};

/// A line with its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricedLine {
    /// Pieces.
    pub quantity: i64,
    /// The price of one.
    pub unit_price: Money,
    /// The price of all.
    pub total: Money,
}

/// Prices lines of product, quantity and, where the seller has set one, unit price. Returns them with their sum.
///
/// # Errors
/// [`Error::Invalid`] for a quantity that is not positive, a negative price, another currency than the branch's, a
/// product that is not sold, or a sum that does not fit.
pub fn price_lines<'p>(
    currency: Currency,
    lines: impl IntoIterator<Item = (&'p Product, i64, Option<Money>)>,
) -> Result<(Vec<PricedLine>, Money)> {
    let mut priced = Vec::new();
    for (product, quantity, set_price) in lines {
        if quantity <= 0 {
            return Err(Error::invalid("quantity", "line.quantity_not_positive"));
        }
        if !product.active {
            return Err(Error::invalid("product", "line.product_inactive"));
        }
        let unit_price = set_price.unwrap_or(product.price());
        if unit_price.currency() != currency {
            return Err(Error::invalid("unit_price", "line.currency"));
        }
        if unit_price.minor() < 0 {
            return Err(Error::invalid("unit_price", "line.price_negative"));
        }
        priced.push(PricedLine { quantity, unit_price, total: unit_price.checked_mul(quantity)? });
    }
    let total = Money::sum(currency, priced.iter().map(|line| line.total))?;
    Ok((priced, total))
}

/// The amounts of tenders, the one without an amount taking the rest. They sum to the total, to the last unit.
///
/// # Errors
/// [`Error::Invalid`] when they do not sum to the total, an amount is not positive, or two have no amount.
pub fn split_tenders(total: Money, amounts: &[Option<Money>]) -> Result<Vec<Money>> {
    if amounts.iter().filter(|amount| amount.is_none()).count() > 1 {
        return Err(Error::invalid("tenders", "tender.two_rests"));
    }
    let given = Money::sum(total.currency(), amounts.iter().copied().flatten())?;
    let rest = total.checked_sub(given)?;
    let split: Vec<Money> = amounts.iter().map(|amount| amount.unwrap_or(rest)).collect();
    if split.iter().any(|amount| amount.minor() < 0) || amounts.iter().flatten().any(|amount| amount.minor() == 0) {
        return Err(Error::invalid("tenders", "tender.not_positive"));
    }
    if Money::sum(total.currency(), split.iter().copied())? != total {
        return Err(Error::invalid("tenders", "tender.sum"));
    }
    Ok(split)
}
