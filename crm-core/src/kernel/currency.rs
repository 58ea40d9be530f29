//! Currencies: a small code that goes with every amount, and the registry that says what the code means.

use super::error::{Error, Result};
use super::iso4217;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::str::FromStr;

/// A currency code of three to eight upper case ASCII letters, for example `PLN`.
///
/// The code alone says nothing about decimals or names; [`Currencies`] does. Serialised as its text.
///
/// ```
/// use crm_core::kernel::currency::Currency;
/// assert_eq!(Currency::new("PLN")?, Currency::PLN);
/// assert_eq!(Currency::PLN.as_str(), "PLN");
/// assert!(Currency::new("zł").is_err());
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 8]);

impl Currency {
    /// Iranian rial.
    pub const IRR: Self = Self::from_iso(*b"IRR");
    /// Polish złoty.
    pub const PLN: Self = Self::from_iso(*b"PLN");
    /// Israeli new shekel.
    pub const ILS: Self = Self::from_iso(*b"ILS");
    /// United States dollar.
    pub const USD: Self = Self::from_iso(*b"USD");
    /// Euro.
    pub const EUR: Self = Self::from_iso(*b"EUR");

    /// The currency with this code. Anything but three to eight letters `A`–`Z` breaks `currency.code`.
    pub fn new(code: &str) -> Result<Self> {
        let letters = code.as_bytes();
        let mut inline = [0; 8];
        let room = inline.get_mut(..letters.len()).filter(|room| room.len() >= 3);
        match room {
            Some(room) if letters.iter().all(u8::is_ascii_uppercase) => room.copy_from_slice(letters),
            _ => return Err(Error::invalid("currency", "currency.code")),
        }
        Ok(Self(inline))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        let letters = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        str::from_utf8(letters).unwrap_or_default()
    }

    /// For the constants and the table of ISO 4217 only: the letters are not checked.
    const fn from_iso([a, b, c]: [u8; 3]) -> Self {
        Self([a, b, c, 0, 0, 0, 0, 0])
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

impl FromStr for Currency {
    type Err = Error;

    fn from_str(code: &str) -> Result<Self> {
        Self::new(code)
    }
}

impl TryFrom<String> for Currency {
    type Error = Error;

    fn try_from(code: String) -> Result<Self> {
        Self::new(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// A unit people count in although no law names it: the toman is ten rials (S-21).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisplayUnit {
    /// What people call it.
    pub name: Cow<'static, str>,
    /// How many major units it is worth: a power of ten, so that every amount has an exact decimal form in it.
    pub factor: i64,
}

/// What a currency code means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrencyInfo {
    /// The code.
    pub currency: Currency,
    /// How many decimals the major unit has: one major unit is `10^exponent` minor units.
    pub exponent: u8,
    /// The English name.
    pub name: Cow<'static, str>,
    /// The unit people count in, when it is not the major unit.
    pub display: Option<DisplayUnit>,
}

impl CurrencyInfo {
    /// The name of the unit amounts are shown in: the display unit's, else the code.
    pub fn unit_name(&self) -> &str {
        self.display.as_ref().map_or(self.currency.as_str(), |unit| unit.name.as_ref())
    }

    /// How many decimals an amount has in its display unit.
    pub(crate) fn display_scale(&self) -> u32 {
        u32::from(self.exponent) + self.display.as_ref().map_or(0, |unit| zeros(unit.factor).unwrap_or(0))
    }

    /// An amount of one shown unit must fit an `i64` of minor units, so there are at most 18 decimals in all.
    fn check(&self) -> Result<()> {
        let factor_is_power_of_ten = self.display.as_ref().is_none_or(|unit| zeros(unit.factor).is_some());
        if !factor_is_power_of_ten {
            return Err(Error::invalid("display.factor", "currency.factor_not_power_of_ten"));
        }
        if self.display_scale() > 18 {
            return Err(Error::invalid("exponent", "currency.exponent_too_large"));
        }
        Ok(())
    }
}

/// The number of zeros of a power of ten.
fn zeros(factor: i64) -> Option<u32> {
    let zeros = factor.checked_ilog10()?;
    (10_i64.checked_pow(zeros) == Some(factor)).then_some(zeros)
}

/// The currencies a host knows: a plain value, no global state. The default is empty.
///
/// ```
/// use crm_core::kernel::currency::{Currencies, Currency};
/// let currencies = Currencies::iso4217();
/// assert_eq!(currencies.get(Currency::PLN)?.exponent, 2);
/// assert_eq!(currencies.get(Currency::IRR)?.unit_name(), "toman");
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Currencies {
    by_code: BTreeMap<Currency, CurrencyInfo>,
}

impl Currencies {
    /// Every active currency of ISO 4217 that has a minor unit, with one change for the Iranian rial.
    ///
    /// ISO lists two decimals (dinars) for `IRR`, which nobody has used in living memory. Amounts are stored in whole
    /// rials (S-21), so its exponent here is 0 and its display unit is the toman of ten rials. Iran is redenominating:
    /// use [`Currencies::replace`] when the law a host lives under has changed.
    pub fn iso4217() -> Self {
        let mut by_code: BTreeMap<_, _> = iso4217::ACTIVE
            .iter()
            .map(|&(code, exponent, name)| {
                let currency = Currency::from_iso(code);
                (currency, CurrencyInfo { currency, exponent, name: name.into(), display: None })
            })
            .collect();
        if let Some(rial) = by_code.get_mut(&Currency::IRR) {
            rial.exponent = 0;
            rial.display = Some(DisplayUnit { name: "toman".into(), factor: 10 });
        }
        Self { by_code }
    }

    /// Adds a currency. Adding the same entry again changes nothing.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when the code is taken by a different entry; [`Error::Invalid`] when the factor of the
    /// display unit is not a power of ten, or there would be more than 18 decimals.
    pub fn register(&mut self, info: CurrencyInfo) -> Result<()> {
        info.check()?;
        match self.by_code.entry(info.currency) {
            Entry::Vacant(free) => {
                free.insert(info);
                Ok(())
            }
            Entry::Occupied(taken) if *taken.get() == info => Ok(()),
            Entry::Occupied(_) => Err(Error::AlreadyExists { kind: "currency", unique: "code".into() }),
        }
    }

    /// Puts a new entry in the place of a known one, and returns the old one.
    ///
    /// Stored amounts are not touched. With another exponent the same integers mean other sums, so that is only right
    /// together with a conversion of what is stored.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the code is unknown; [`Error::Invalid`] as for [`Currencies::register`].
    pub fn replace(&mut self, info: CurrencyInfo) -> Result<CurrencyInfo> {
        info.check()?;
        let known = self.by_code.get_mut(&info.currency).ok_or_else(|| unknown(info.currency))?;
        Ok(std::mem::replace(known, info))
    }

    /// What this code means, or [`Error::NotFound`].
    pub fn get(&self, currency: Currency) -> Result<&CurrencyInfo> {
        self.by_code.get(&currency).ok_or_else(|| unknown(currency))
    }

    /// All known currencies, by code.
    pub fn iter(&self) -> impl Iterator<Item = &CurrencyInfo> {
        self.by_code.values()
    }
}

fn unknown(currency: Currency) -> Error {
    Error::not_found("currency", currency)
}
