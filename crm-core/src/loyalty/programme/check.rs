//! What is wrong with a programme: found when it is saved, reported in full.

use serde::Serialize;

use super::model::Programme;
use crate::kernel::input::required_text;
use crate::kernel::rate::Rate;
use crate::loyalty::{earning, redemption, tiers};
use crate::pricing::CategoryTree;
use crate::{Error, Result};

/// Something about a programme that whoever saves it should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where: the room, and what it calls the part: `earning.silver`.
    pub place: String,
    /// A stable code. Translate it for people.
    pub code: &'static str,
    /// The other part it has to do with.
    pub other: Option<String>,
    /// Whether the programme cannot be saved like this. Otherwise it can, but hardly means what it says.
    pub error: bool,
}

impl Finding {
    /// What forbids to save it.
    pub fn fault(place: impl Into<String>, code: &'static str) -> Self {
        Self { place: place.into(), code, other: None, error: true }
    }

    /// What is worth a second look.
    pub fn warning(place: impl Into<String>, code: &'static str, other: Option<String>) -> Self {
        Self { place: place.into(), code, other, error: false }
    }
}

/// Everything that is wrong with a programme.
pub fn check(programme: &Programme, tree: &CategoryTree) -> Vec<Finding> {
    let mut findings = settings(programme);
    findings.extend(earning::check(programme, tree));
    findings.extend(redemption::check(&programme.redemption, !programme.point_values.is_empty()));
    findings.extend(programme.referral.faults());
    findings.extend(programme.anniversaries.faults());
    findings.extend(programme.bonus.faults());
    findings.extend(programme.reminders.faults());
    findings.extend(tiers::check(programme));
    findings.extend(faults("cards", programme.cards.check()));
    findings.extend(faults("gift_cards", programme.gift_cards.check()));
    findings
}

/// A fault of a room that tells of the first only.
fn faults(room: &str, checked: Result<()>) -> Option<Finding> {
    match checked {
        Err(Error::Invalid { field, rule }) => Some(Finding::fault(format!("{room}.{field}"), rule)),
        _ => None,
    }
}

fn settings(programme: &Programme) -> Vec<Finding> {
    let values = &programme.point_values;
    let twice =
        (1..).zip(values).any(|(next, value)| values.iter().skip(next).any(|other| other.currency == value.currency));
    [
        ("name", "programme.text", required_text("name", &programme.name, 100).is_err()),
        ("point_values", "programme.currency_twice", twice),
        ("point_values", "programme.worth", values.iter().any(|value| value.worth <= Rate::ZERO)),
    ]
    .into_iter()
    .filter(|(_, _, wrong)| *wrong)
    .map(|(place, code, _)| Finding::fault(place, code))
    .collect()
}
