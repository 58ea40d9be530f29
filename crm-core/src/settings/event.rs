//! What happens to settings.

use serde::{Deserialize, Serialize};

use super::model::Level;
use crate::module::{About, Event};

/// The kind of [`SettingChanged`].
pub const SETTING_CHANGED: &str = "settings.changed";

/// Something was set at a level, or is no longer. The value stays in the record, where erasure finds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SettingChanged {
    /// The name of the setting.
    pub name: String,
    /// For whom.
    pub level: Level,
    /// Whether it is set now.
    pub set: bool,
}

impl Event for SettingChanged {
    const KIND: &'static str = SETTING_CHANGED;

    fn about(&self) -> About {
        About {
            customer: if let Level::Customer(customer) = self.level { Some(customer) } else { None },
            branch: if let Level::Branch(branch) = self.level { Some(branch) } else { None },
            ..About::default()
        }
    }
}
