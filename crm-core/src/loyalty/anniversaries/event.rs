//! What happens to days that come back.

use serde::{Deserialize, Serialize};

use super::model::SpecialDay;
use crate::customers::CustomerId;
use crate::kernel::calendar::Calendar;
use crate::module::{About, Event, Reference};
use crate::work::Entity;

/// The kind of [`DayTold`].
pub const DAY_TOLD: &str = "loyalty.day_told";
/// The kind of [`DayCelebrated`].
pub const DAY_CELEBRATED: &str = "loyalty.day_celebrated";

/// A day of a customer was told, changed or taken away. The date itself stays in its record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DayTold {
    /// Whose.
    pub customer: CustomerId,
    /// Of what.
    pub kind: String,
    /// Whether another date was known before: what is given rests for a while then.
    pub changed: bool,
}

/// An anniversary was celebrated. What was given is an entry of the ledger, which says so itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DayCelebrated {
    /// Whose.
    pub customer: CustomerId,
    /// Of what.
    pub kind: String,
    /// The calendar of the date.
    pub calendar: Calendar,
    /// The year in it.
    pub year: i32,
    /// Whether something was given.
    pub given: bool,
}

fn about(customer: CustomerId) -> About {
    About {
        customer: Some(customer),
        reference: Some(Reference { kind: SpecialDay::SCHEMA.kind, id: customer.into() }),
        ..About::default()
    }
}

impl Event for DayTold {
    const KIND: &'static str = DAY_TOLD;

    fn about(&self) -> About {
        about(self.customer)
    }
}

impl Event for DayCelebrated {
    const KIND: &'static str = DAY_CELEBRATED;

    fn about(&self) -> About {
        about(self.customer)
    }
}
