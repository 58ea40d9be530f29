//! What a purchase costs and how tenders cover it: pure functions.

use serde::{Deserialize, Serialize};

use super::new::NewLine;
use crate::catalog::Product;
use crate::kernel::allocate::allocate_tenders;
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use crate::{Error, Result};

/// The discounts and the tax of a line, as they were agreed: what a quote gives, or a host that prices itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The discounts on the line itself.
    pub discount: Money,
    /// Its share of the discounts on the whole order.
    pub order_discount: Money,
    /// The tax.
    pub tax: Money,
    /// The rate of the tax.
    pub tax_rate: Rate,
    /// Whether the price contains the tax; otherwise it comes on top.
    pub tax_included: bool,
}

impl Figures {
    /// No discount, no tax.
    pub const fn none(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self { discount: zero, order_discount: zero, tax: zero, tax_rate: Rate::ZERO, tax_included: true }
    }
}

/// A line with its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricedLine {
    /// Pieces.
    pub quantity: i64,
    /// The price of one, before discounts.
    pub unit_price: Money,
    /// Discounts and tax.
    pub figures: Figures,
    /// What is paid for all, with tax.
    pub total: Money,
}

/// Prices lines: so many pieces at the list price or the one the seller has set, less discounts, with tax. Returns them
/// with their sum.
///
/// # Errors
/// [`Error::Invalid`] for a quantity that is not positive, a negative price, discount or tax, discounts above the price, a
/// tax above the price that contains it, another currency than the branch's, a product that is not sold, or a sum that
/// does not fit.
pub fn price_lines<'p>(
    currency: Currency,
    lines: impl IntoIterator<Item = (&'p Product, &'p NewLine)>,
) -> Result<(Vec<PricedLine>, Money)> {
    let mut priced = Vec::new();
    for (product, line) in lines {
        priced.push(price_line(currency, product, line)?);
    }
    let total = Money::sum(currency, priced.iter().map(|line| line.total))?;
    Ok((priced, total))
}

fn price_line(currency: Currency, product: &Product, line: &NewLine) -> Result<PricedLine> {
    if line.quantity <= 0 {
        return Err(Error::invalid("quantity", "line.quantity_not_positive"));
    }
    if !product.active {
        return Err(Error::invalid("product", "line.product_inactive"));
    }
    let unit_price = line.unit_price.unwrap_or(product.price());
    if unit_price.currency() != currency {
        return Err(Error::invalid("unit_price", "line.currency"));
    }
    if unit_price.minor() < 0 {
        return Err(Error::invalid("unit_price", "line.price_negative"));
    }
    let figures = line.figures.unwrap_or(Figures::none(currency));
    for (name, amount) in
        [("discount", figures.discount), ("order_discount", figures.order_discount), ("tax", figures.tax)]
    {
        if amount.currency() != currency {
            return Err(Error::invalid(name, "line.currency"));
        }
        if amount.minor() < 0 {
            return Err(Error::invalid(name, "line.figure_negative"));
        }
    }
    if figures.tax_rate < Rate::ZERO {
        return Err(Error::invalid("tax_rate", "line.figure_negative"));
    }
    let discounted = unit_price.checked_mul(line.quantity)?.checked_sub(figures.discount)?;
    let price = discounted.checked_sub(figures.order_discount)?;
    if price.minor() < 0 {
        return Err(Error::invalid("discount", "line.discount_above_price"));
    }
    let total = if figures.tax_included { price } else { price.checked_add(figures.tax)? };
    if figures.tax.minor() > total.minor() {
        return Err(Error::invalid("tax", "line.tax_above_price"));
    }
    Ok(PricedLine { quantity: line.quantity, unit_price, figures, total })
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

/// What each tender pays of each line, in minor units: a list of tenders for every line (S-27). Tender by tender on what
/// is left of the lines, so that every tender and every line comes out exactly.
///
/// # Errors
/// `allocate.sum` unless the tenders sum to the lines.
///
/// ```
/// use crm_core::purchases::share_tenders;
/// assert_eq!(share_tenders(&[50, 100], &[75, 75])?, [[25, 50], [25, 50]]);
/// # Ok::<(), crm_core::Error>(())
/// ```
pub fn share_tenders(tenders: &[i64], lines: &[i64]) -> Result<Vec<Vec<i64>>> {
    let mut shares = vec![Vec::with_capacity(tenders.len()); lines.len()];
    for of_tender in allocate_tenders(tenders, lines)? {
        for (of_line, share) in shares.iter_mut().zip(of_tender) {
            of_line.push(share);
        }
    }
    Ok(shares)
}
