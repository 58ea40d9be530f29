//! What a language brings: its sentences.

/// The sentences of a language. Names in braces are replaced: each sentence names all it is given.
pub(super) struct Texts {
    /// `{name}`, `{zone}`, `{cutoff}`, `{calendar}`.
    pub(super) heading: &'static str,
    /// Names of the calendars: Gregorian, Jalali, Umm al-Qura, tabular Hijri.
    pub(super) calendars: [&'static str; 4],
    pub(super) automatic: &'static str,
    pub(super) explicit: &'static str,
    /// `{points}`, `{money}`.
    pub(super) worth: &'static str,
    pub(super) base_net: &'static str,
    pub(super) base_gross: &'static str,
    pub(super) excluded: &'static str,
    pub(super) piece_only: &'static str,
    pub(super) piece_and_general: &'static str,
    pub(super) as_it_leaves: &'static str,
    pub(super) split: &'static str,
    /// `{rule}`, `{what}`.
    pub(super) rule: &'static str,
    /// `{rate}`.
    pub(super) percent: &'static str,
    /// `{give}`, `{per}`; then `{step}`.
    pub(super) rate: &'static str,
    pub(super) step: &'static str,
    pub(super) carried: &'static str,
    /// `{give}`, `{nth}`; then `{most}`.
    pub(super) every: &'static str,
    pub(super) per_day: &'static str,
    /// `{give}`.
    pub(super) piece: &'static str,
    pub(super) fixed: &'static str,
    /// `{rate}`.
    pub(super) more: &'static str,
    pub(super) less: &'static str,
    /// `{goods}`.
    pub(super) on: &'static str,
    /// `{whom}`.
    pub(super) whom: &'static str,
    /// `{branches}`.
    pub(super) at: &'static str,
    /// `{from}`, `{through}`.
    pub(super) from: &'static str,
    pub(super) through: &'static str,
    /// `{days}`; the days from Monday.
    pub(super) on_days: &'static str,
    pub(super) weekdays: [&'static str; 7],
    /// `{from}`, `{until}`.
    pub(super) hours: &'static str,
    /// `{least}`; pieces.
    pub(super) at_least: &'static str,
    pub(super) pieces: Unit,
    /// `{most}`.
    pub(super) at_most: &'static str,
    /// `{most}`, `{period}`, each for a member and for all; purchases.
    pub(super) limit_own: &'static str,
    pub(super) limit_all: &'static str,
    pub(super) purchases: Unit,
    pub(super) soft: &'static str,
    /// Ever, a day, a week, a month, a quarter, a year.
    pub(super) periods: [&'static str; 6],
    pub(super) at_once: &'static str,
    pub(super) next_day: &'static str,
    /// `{span}`.
    pub(super) after: &'static str,
    pub(super) forever: &'static str,
    pub(super) valid_for: &'static str,
    /// To the end of the day, week, month, quarter, year.
    pub(super) ends: [&'static str; 5],
    /// `{date}`.
    pub(super) valid_through: &'static str,
    /// Days, weeks, months, quarters, years.
    pub(super) spans: [Unit; 5],
    pub(super) again: &'static str,
    /// `{group}`.
    pub(super) exclusive: &'static str,
    /// `{most}`.
    pub(super) cap: &'static str,
    pub(super) points: Unit,
    /// Between names.
    pub(super) and: &'static str,
    pub(super) unnamed: &'static str,
}

/// A noun behind a number.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    /// The same behind every number.
    Same(&'static str),
    /// Behind 1, behind 2 to 4, behind 5 and more: the last two differ in Polish alone.
    Counted([&'static str; 3]),
}
