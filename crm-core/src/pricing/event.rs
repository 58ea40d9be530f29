//! What happens to price rules.

use serde::{Deserialize, Serialize};

use super::by_hand::DiscountLimits;
use super::model::{PolicySettings, PriceRule, PriceRuleId};
use super::tax::{TaxRate, TaxRateId};
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`RuleSaved`].
pub const RULE_SAVED: &str = "pricing.rule.saved";
/// The kind of [`SettingsChanged`].
pub const SETTINGS_CHANGED: &str = "pricing.settings.changed";
/// The kind of [`TaxRateAdded`].
pub const TAX_RATE_ADDED: &str = "pricing.tax_rate.added";

/// The kind of [`DiscountLimitsSet`].
pub const DISCOUNT_LIMITS_SET: &str = "pricing.discount_limits.set";

/// Another version of a price rule was saved, or the rule was retired.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleSaved {
    /// The rule.
    pub rule: PriceRuleId,
    /// The version.
    pub number: u32,
    /// Whether this version retires it.
    pub retired: bool,
}

impl Event for RuleSaved {
    const KIND: &'static str = RULE_SAVED;

    fn about(&self) -> About {
        About { reference: Some(Reference { kind: PriceRule::SCHEMA.kind, id: self.rule.into() }), ..About::default() }
    }
}

/// What holds for all price rules was set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// To this.
    pub settings: PolicySettings,
}

impl Event for SettingsChanged {
    const KIND: &'static str = SETTINGS_CHANGED;

    fn about(&self) -> About {
        About::default()
    }
}

/// A tax rate was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaxRateAdded {
    /// The rate.
    pub rate: TaxRateId,
}

impl Event for TaxRateAdded {
    const KIND: &'static str = TAX_RATE_ADDED;

    fn about(&self) -> About {
        About { reference: Some(Reference { kind: TaxRate::SCHEMA.kind, id: self.rate.into() }), ..About::default() }
    }
}

/// How much may be taken off by hand was set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DiscountLimitsSet {
    /// To this.
    pub limits: DiscountLimits,
}

impl Event for DiscountLimitsSet {
    const KIND: &'static str = DISCOUNT_LIMITS_SET;

    fn about(&self) -> About {
        About::default()
    }
}
