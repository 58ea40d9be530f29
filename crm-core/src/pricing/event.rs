//! What happens to price rules.

use serde::{Deserialize, Serialize};

use super::model::{PriceRule, PriceRuleId};
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`RuleSaved`].
pub const RULE_SAVED: &str = "pricing.rule.saved";

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
