//! Exact rates: percents, multipliers and conversions as a pair of integers (S-01). No floats.

use super::decimal;
use super::error::{Error, Result};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// How a result between two whole units becomes a whole unit. Always an argument, never a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the lower neighbour: −2.5 becomes −3.
    Floor,
    /// To the higher neighbour: −2.5 becomes −2.
    Ceil,
    /// Toward zero: −2.5 becomes −2, 2.5 becomes 2.
    Trunc,
    /// To the nearest; a half goes away from zero: −2.5 becomes −3.
    HalfUp,
    /// To the nearest; a half goes to the even neighbour: 2.5 becomes 2, 3.5 becomes 4.
    HalfEven,
}

impl Rounding {
    /// `num / den` as a whole number; `den` is positive and less than half of `i128::MAX`, so nothing here can overflow.
    pub(crate) fn divide(self, num: i128, den: i128) -> i128 {
        let (low, rest) = (num.div_euclid(den), num.rem_euclid(den));
        let negative = num < 0;
        let up = match self {
            Self::Floor => false,
            Self::Ceil => rest > 0,
            Self::Trunc => negative && rest > 0,
            Self::HalfUp | Self::HalfEven => match (rest * 2).cmp(&den) {
                Ordering::Less => false,
                Ordering::Greater => true,
                Ordering::Equal if self == Self::HalfUp => !negative,
                Ordering::Equal => low % 2 != 0,
            },
        };
        low + i128::from(up)
    }
}

/// An exact rational number in lowest terms with a positive denominator, for example `3/40` for 7.5 %.
///
/// Written and serialised as `num/den`, which is exact for every rate. Reading also takes what people type:
/// `7.5%` and `0.075`.
///
/// ```
/// use crm_core::kernel::rate::{Rate, Rounding};
/// let rate: Rate = "7.5%".parse()?;
/// assert_eq!(rate, Rate::new(3, 40)?);
/// assert_eq!(rate.to_string(), "3/40");
/// assert_eq!(rate.apply(1_999, Rounding::Floor)?, 149);
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    num: i64,
    den: i64,
}

impl Rate {
    /// Nothing of anything.
    pub const ZERO: Self = Self { num: 0, den: 1 };
    /// The whole, unchanged.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// `num/den` in lowest terms. A zero `den` breaks `rate.zero_denominator`; a pair that does not fit two `i64` when
    /// its sign is moved up breaks `rate.overflow`.
    pub fn new(num: i64, den: i64) -> Result<Self> {
        Self::reduced(num.into(), den.into())
    }

    /// Whole percents.
    ///
    /// ```
    /// # use crm_core::kernel::rate::Rate;
    /// assert_eq!(Rate::percent(5).to_string(), "1/20");
    /// ```
    pub const fn percent(percent: i64) -> Self {
        Self::over(percent, 100)
    }

    /// Hundredths of a percent.
    pub const fn basis_points(points: i64) -> Self {
        Self::over(points, 10_000)
    }

    /// The numerator; it carries the sign.
    pub const fn num(&self) -> i64 {
        self.num
    }

    /// The denominator, always positive.
    pub const fn den(&self) -> i64 {
        self.den
    }

    /// This part of `amount`, computed exactly and rounded once. Breaks `rate.overflow` when it does not fit.
    pub fn apply(&self, amount: i64, rounding: Rounding) -> Result<i64> {
        let exact = i128::from(amount) * i128::from(self.num);
        i64::try_from(rounding.divide(exact, self.den.into())).map_err(|_| overflow())
    }

    /// The sum, or `rate.overflow`.
    pub fn checked_add(&self, other: &Self) -> Result<Self> {
        let [a, b, c, d] = [self.num, self.den, other.num, other.den].map(i128::from);
        Self::reduced(a * d + c * b, b * d)
    }

    /// The product, or `rate.overflow`.
    pub fn checked_mul(&self, other: &Self) -> Result<Self> {
        let [a, b, c, d] = [self.num, self.den, other.num, other.den].map(i128::from);
        Self::reduced(a * c, b * d)
    }

    /// The way back: points per unit of money from money per point. Zero has none (`rate.zero_denominator`).
    pub fn inverse(&self) -> Result<Self> {
        Self::new(self.den, self.num)
    }

    /// The same number as a decimal. A third has none: `rate.not_decimal`.
    pub fn to_decimal(&self) -> Result<Decimal> {
        let not_decimal = || Error::invalid("rate", "rate.not_decimal");
        let den = i128::from(self.den);
        let (scale, power) = (0..=Decimal::MAX_SCALE)
            .map(|scale| (scale, 10_i128.saturating_pow(scale)))
            .find(|(_, power)| power % den == 0)
            .ok_or_else(not_decimal)?;
        let mantissa = i128::from(self.num).checked_mul(power / den).ok_or_else(not_decimal)?;
        Decimal::try_from_i128_with_scale(mantissa, scale).map_err(|_| not_decimal())
    }

    /// How many percent it is, as a decimal: 5 for 1/20. Errors: as [`to_decimal`](Self::to_decimal), and `rate.overflow`.
    pub fn to_percent(&self) -> Result<Decimal> {
        self.checked_mul(&Self::percent(10_000))?.to_decimal()
    }

    /// `num / den` for the fixed denominators of this file.
    const fn over(num: i64, den: i64) -> Self {
        let (mut a, mut b) = (den, (num % den).abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self { num: num / a, den: den / a }
    }

    fn reduced(num: i128, den: i128) -> Result<Self> {
        if den == 0 {
            return Err(Error::invalid("rate", "rate.zero_denominator"));
        }
        let (mut a, mut b) = (num.unsigned_abs(), den.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let divisor = i128::try_from(a).map_err(|_| overflow())?;
        let (num, den) = (num / divisor * den.signum(), den / divisor * den.signum());
        match (i64::try_from(num), i64::try_from(den)) {
            (Ok(num), Ok(den)) => Ok(Self { num, den }),
            _ => Err(overflow()),
        }
    }

    fn from_scaled(number: decimal::Scaled, zeros: u32) -> Result<Self> {
        let den = 10_i128.checked_pow(number.scale.saturating_add(zeros)).ok_or_else(overflow)?;
        Self::reduced(number.mantissa, den)
    }
}

fn overflow() -> Error {
    Error::invalid("rate", "rate.overflow")
}

impl Ord for Rate {
    fn cmp(&self, other: &Self) -> Ordering {
        let [a, b, c, d] = [self.num, self.den, other.num, other.den].map(i128::from);
        (a * d).cmp(&(c * b))
    }
}

impl PartialOrd for Rate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<Decimal> for Rate {
    type Error = Error;

    /// Exact, or `rate.overflow` when it does not fit two `i64`.
    fn try_from(decimal: Decimal) -> Result<Self> {
        Self::from_scaled(decimal::Scaled { mantissa: decimal.mantissa(), scale: decimal.scale() }, 0)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl FromStr for Rate {
    type Err = Error;

    /// Reads `3/40`, `7.5%` (also `۷٫۵٪`) and `0.075`; anything else breaks a `number.*` or `rate.*` rule.
    fn from_str(text: &str) -> Result<Self> {
        if let Some((num, den)) = text.split_once('/') {
            let part = |text: &str| text.trim().parse().map_err(|_| Error::invalid("rate", "rate.format"));
            return Self::new(part(num)?, part(den)?);
        }
        match text.trim().strip_suffix(['%', '٪']) {
            Some(percent) => Self::from_scaled(decimal::read(percent, "rate")?, 2),
            None => Self::from_scaled(decimal::read(text, "rate")?, 0),
        }
    }
}

impl TryFrom<String> for Rate {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}
