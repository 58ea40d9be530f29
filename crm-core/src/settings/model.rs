//! What can be set, at which levels, and how it is stored.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::branches::BranchId;
use crate::customers::CustomerId;
use crate::partners::{CustomerGroupId, PartnerGroupId};
use crate::work::{ColumnType, Field, Value, Version, misfit};
use crate::{Error, Result};

/// For whom something is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For one customer.
    Customer(CustomerId),
    /// For the partners of a group.
    PartnerGroup(PartnerGroupId),
    /// For the customers of a group.
    CustomerGroup(CustomerGroupId),
    /// At one branch.
    Branch(BranchId),
    /// For everybody, everywhere.
    Everybody,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(id) => write!(f, "customer:{id}"),
            Self::PartnerGroup(id) => write!(f, "partner_group:{id}"),
            Self::CustomerGroup(id) => write!(f, "customer_group:{id}"),
            Self::Branch(id) => write!(f, "branch:{id}"),
            Self::Everybody => f.write_str("everybody"),
        }
    }
}

impl FromStr for Level {
    type Err = Error;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self> {
        let id = |text: &str| text.parse::<Uuid>().map_err(|_| misfit("Level"));
        match text.split_once(':') {
            None if text == "everybody" => Ok(Self::Everybody),
            Some(("customer", customer)) => Ok(Self::Customer(id(customer)?.into())),
            Some(("partner_group", group)) => Ok(Self::PartnerGroup(id(group)?.into())),
            Some(("customer_group", group)) => Ok(Self::CustomerGroup(id(group)?.into())),
            Some(("branch", branch)) => Ok(Self::Branch(id(branch)?.into())),
            _ => Err(misfit("Level")),
        }
    }
}

impl Field for Level {
    const TYPE: ColumnType = ColumnType::Text;

    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }

    fn from_value(value: &Value) -> Result<Self> {
        value.as_text().ok_or_else(|| misfit("Level"))?.parse()
    }
}

/// Something that can be set: its name, who may see and set it, what it is where nobody has set it. Declared once, as a
/// constant, by the noun or module it belongs to.
///
/// ```
/// use crm_core::{Error, settings::Setting};
/// /// For how many days goods can be kept back for a customer.
/// const KEEP_DAYS: Setting<u16> = Setting::new("example.keep_days", "customers.read", "customers.write", || 3)
///     .checked(|days| if *days <= 30 { Ok(()) } else { Err(Error::invalid("keep_days", "example.keep_days")) });
/// assert_eq!(KEEP_DAYS.default_value(), 3);
/// ```
pub struct Setting<T: 'static> {
    pub(super) name: &'static str,
    pub(super) read: &'static str,
    pub(super) write: &'static str,
    pub(super) default: fn() -> T,
    pub(super) check: fn(&T) -> Result<()>,
}

impl<T> Setting<T> {
    /// A setting with a name of its own (`noun.what`, at most 60 characters), the permissions to see and to set it, and
    /// what it is where nobody has set it.
    pub const fn new(name: &'static str, read: &'static str, write: &'static str, default: fn() -> T) -> Self {
        Self { name, read, write, default, check: |_| Ok(()) }
    }

    /// The same, refusing what the check refuses.
    #[must_use]
    pub const fn checked(self, check: fn(&T) -> Result<()>) -> Self {
        Self { check, ..self }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it is where nobody has set it.
    pub fn default_value(&self) -> T {
        (self.default)()
    }
}

crate::entity! {
    /// What was set at one level.
    pub struct StoredSetting {
        kind: "setting", table: "crm_settings", key: (name: String, level: Level), columns: setting, version: version,
        personal: [value],
    } {
        /// The name of the setting.
        name: String,
        /// For whom.
        level: Level,
        /// The optimistic lock.
        version: Version,
        /// The value, as JSON.
        value: String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_back_from_their_text() {
        let id = Uuid::from_u128(7);
        let levels = [
            Level::Customer(id.into()),
            Level::PartnerGroup(id.into()),
            Level::CustomerGroup(id.into()),
            Level::Branch(id.into()),
            Level::Everybody,
        ];
        for level in levels {
            assert_eq!(Level::from_value(&level.to_value()).unwrap(), level);
        }
        for bad in ["", "everybody:", "customer", "customer:7", "group:00000000-0000-0000-0000-000000000007"] {
            assert!(bad.parse::<Level>().is_err(), "{bad}");
        }
    }
}
