//! What an account holds (S-01, S-21).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::work::{ColumnType, Field, Value, misfit};
use crate::{Error, Result};

/// What is counted on an account, in whole smallest units (S-01). Different assets never net (S-21).
///
/// As text, and in serde, it is `points`, `credit:PLN` or `gift:PLN`.
///
/// ```
/// use crm_core::kernel::currency::Currency;
/// use crm_core::loyalty::Asset;
/// let credit = Asset::Credit(Currency::PLN);
/// assert_eq!(credit.to_string(), "credit:PLN");
/// assert_eq!("credit:PLN".parse::<Asset>()?, credit);
/// # Ok::<(), crm_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Asset {
    /// Points: a versioned rate says what they are worth (S-20).
    Points,
    /// Money-like credit of the club, in minor units of the currency.
    Credit(Currency),
    /// Money on a gift card, in minor units of the currency.
    Gift(Currency),
}

impl Asset {
    /// The currency, unless it is points.
    pub const fn currency(self) -> Option<Currency> {
        match self {
            Self::Points => None,
            Self::Credit(currency) | Self::Gift(currency) => Some(currency),
        }
    }

    /// So much of it as money.
    ///
    /// # Errors
    /// [`Error::Invalid`] with `asset.no_money` for points: a rate says what they are worth.
    pub fn money(self, minor: i64) -> Result<Money> {
        let currency = self.currency().ok_or_else(|| Error::invalid("asset", "asset.no_money"))?;
        Ok(Money::new(minor, currency))
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Points => f.write_str("points"),
            Self::Credit(currency) => write!(f, "credit:{currency}"),
            Self::Gift(currency) => write!(f, "gift:{currency}"),
        }
    }
}

/// Reads what `Display` writes. Error: `asset.unknown`.
impl FromStr for Asset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = |_| Error::invalid("asset", "asset.unknown");
        match text.split_once(':') {
            None if text == "points" => Ok(Self::Points),
            Some(("credit", currency)) => Currency::new(currency).map(Self::Credit).map_err(unknown),
            Some(("gift", currency)) => Currency::new(currency).map(Self::Gift).map_err(unknown),
            _ => Err(Error::invalid("asset", "asset.unknown")),
        }
    }
}

impl From<Asset> for String {
    fn from(asset: Asset) -> Self {
        asset.to_string()
    }
}

impl TryFrom<String> for Asset {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl Field for Asset {
    const TYPE: ColumnType = ColumnType::Text;

    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: &Value) -> Result<Self> {
        value.as_text().unwrap_or_default().parse().map_err(|_| misfit("Asset"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_back_and_others_refused() {
        for asset in [Asset::Points, Asset::Credit(Currency::IRR), Asset::Gift(Currency::ILS)] {
            assert_eq!(asset.to_string().parse::<Asset>().unwrap(), asset);
        }
        for text in ["", "Points", "points:PLN", "credit", "credit:", "credit:zloty", "money:PLN"] {
            assert!(text.parse::<Asset>().is_err(), "{text}");
        }
    }
}
