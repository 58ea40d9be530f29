//! Money: whole minor units of one currency (S-01, S-21). Every operation is checked; nothing is a float.

use super::currency::{Currencies, Currency};
use super::decimal;
use super::error::{Error, Result};
use super::rate::{Rate, Rounding};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// An amount in the minor unit of its currency: grosze, agorot, cents, whole rials.
///
/// Amounts of different currencies never mix (`money.currency`), and no result wraps (`money.overflow`). There is no
/// order across currencies, hence [`Money::try_cmp`] instead of `<`. Points are another type: see
/// [`Points`](super::points::Points).
///
/// ```
/// use crm_core::kernel::currency::{Currencies, Currency};
/// use crm_core::kernel::money::Money;
/// use crm_core::kernel::rate::{Rate, Rounding};
///
/// let currencies = Currencies::iso4217();
/// let price = Money::parse("12.50", Currency::PLN, &currencies)?;
/// let discount = price.times(&Rate::percent(5), Rounding::Floor)?;
/// assert_eq!(price.checked_sub(discount)?.format_major(&currencies)?, "11.88");
///
/// let rials = Money::new(1_250_000, Currency::IRR);
/// assert_eq!(rials.format_display(&currencies)?, "125000"); // toman
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// So many minor units.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in this currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The amount in minor units.
    pub const fn minor(&self) -> i64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Whether there is no money.
    pub const fn is_zero(&self) -> bool {
        self.minor == 0
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(&self) -> bool {
        self.minor < 0
    }

    /// The sum, or `money.currency`, `money.overflow`.
    pub fn checked_add(self, other: Self) -> Result<Self> {
        self.same_currency(other)?;
        self.with(self.minor.checked_add(other.minor))
    }

    /// The difference, or `money.currency`, `money.overflow`.
    pub fn checked_sub(self, other: Self) -> Result<Self> {
        self.same_currency(other)?;
        self.with(self.minor.checked_sub(other.minor))
    }

    /// The amount with the other sign, or `money.overflow`.
    pub fn checked_neg(self) -> Result<Self> {
        self.with(self.minor.checked_neg())
    }

    /// So many times the amount, or `money.overflow`.
    pub fn checked_mul(self, count: i64) -> Result<Self> {
        self.with(self.minor.checked_mul(count))
    }

    /// This part of the amount, computed exactly and rounded once, or `money.overflow`.
    pub fn times(self, rate: &Rate, rounding: Rounding) -> Result<Self> {
        self.with(rate.apply(self.minor, rounding).ok())
    }

    /// The sum of all amounts in one currency; of none, zero. Only the result must fit, not the sums on the way.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self> {
        let zero = Self::zero(currency);
        let mut total = 0_i128;
        for amount in amounts {
            zero.same_currency(amount)?;
            total = total.checked_add(amount.minor.into()).ok_or_else(overflow)?;
        }
        zero.with(i64::try_from(total).ok())
    }

    /// Which amount is larger, or `money.currency`.
    pub fn try_cmp(&self, other: &Self) -> Result<Ordering> {
        self.same_currency(*other)?;
        Ok(self.minor.cmp(&other.minor))
    }

    /// Reads an amount of major units, for example `12.50`, exactly.
    ///
    /// Takes ASCII, Persian and Arabic-Indic digits, the decimal marks `.` and `٫`, and thousands grouped by `٬` or
    /// no-break spaces.
    ///
    /// # Errors
    /// `money.decimals` for more decimals than the currency has (even zeros: they may be a group), `number.ambiguous`
    /// for a comma or an apostrophe, `number.format` or `number.too_long` for other text, `money.overflow`;
    /// [`Error::NotFound`] for an unknown currency.
    pub fn parse(text: &str, currency: Currency, currencies: &Currencies) -> Result<Self> {
        let exponent = currencies.get(currency)?.exponent;
        Self::read(text, currency, exponent.into())
    }

    /// Reads an amount of the currency's display unit (toman); otherwise like [`Money::parse`].
    pub fn parse_display(text: &str, currency: Currency, currencies: &Currencies) -> Result<Self> {
        Self::read(text, currency, currencies.get(currency)?.display_scale())
    }

    /// The amount in major units with all its decimals, ASCII digits and no grouping: `12.50`. What
    /// [`Money::parse`] reads.
    pub fn format_major(&self, currencies: &Currencies) -> Result<String> {
        let exponent = currencies.get(self.currency)?.exponent;
        Ok(decimal::write(self.minor, exponent.into()))
    }

    /// The amount in the currency's display unit, without trailing zeros after the mark (`12500.5`), or as
    /// [`Money::format_major`] when there is none. What [`Money::parse_display`] reads.
    ///
    /// Only the number: show [`CurrencyInfo::unit_name`](super::currency::CurrencyInfo::unit_name), translated, with it.
    pub fn format_display(&self, currencies: &Currencies) -> Result<String> {
        let info = currencies.get(self.currency)?;
        let text = decimal::write(self.minor, info.display_scale());
        match info.display {
            Some(_) if text.contains('.') => Ok(text.trim_end_matches('0').trim_end_matches('.').to_owned()),
            _ => Ok(text),
        }
    }

    fn read(text: &str, currency: Currency, scale: u32) -> Result<Self> {
        let number = decimal::read(text, "amount")?;
        let missing = scale.checked_sub(number.scale).ok_or_else(|| Error::invalid("amount", "money.decimals"))?;
        let minor = 10_i128.checked_pow(missing).and_then(|power| number.mantissa.checked_mul(power));
        Self::zero(currency).with(minor.and_then(|minor| i64::try_from(minor).ok()))
    }

    fn with(self, minor: Option<i64>) -> Result<Self> {
        minor.map(|minor| Self { minor, ..self }).ok_or_else(overflow)
    }

    fn same_currency(self, other: Self) -> Result<()> {
        if self.currency == other.currency { Ok(()) } else { Err(Error::invalid("currency", "money.currency")) }
    }
}

fn overflow() -> Error {
    Error::invalid("amount", "money.overflow")
}
