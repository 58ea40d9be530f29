//! What every part of the page is written with: escaped text, and numbers, money and dates of its language.

use std::fmt::{self, Write as _};

use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::currency::Currencies;
use crm_core::kernel::language::{Language, fill, isolated};
use crm_core::kernel::money::Money;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::CivilDate;

use super::summary::{Fact, Summary, Told};
use super::words::Words;

/// A page that is being written.
pub(crate) struct Page<'s> {
    pub(crate) summary: &'s Summary,
    pub(crate) language: Language,
    pub(crate) words: &'static Words,
    currencies: &'s Currencies,
    pub(crate) html: String,
}

impl<'s> Page<'s> {
    pub(crate) fn new(summary: &'s Summary, language: Language, currencies: &'s Currencies) -> Self {
        Self { summary, language, words: Words::of(language), currencies, html: String::with_capacity(64 * 1024) }
    }

    pub(crate) fn put(&mut self, text: fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = self.html.write_fmt(text);
    }

    /// An amount with its unit.
    pub(crate) fn money(&self, minor: i64) -> String {
        let money = Money::new(minor, self.summary.currency);
        self.language.money(money, self.currencies).unwrap_or_else(|_| self.count(minor))
    }

    /// An amount in whole units, for an axis.
    pub(crate) fn whole_money(&self, minor: i64) -> String {
        let money = Money::new(minor, self.summary.currency);
        let text = money.format_display(self.currencies).unwrap_or_default();
        self.language.number(text.strip_suffix(".00").unwrap_or(&text))
    }

    pub(crate) fn unit(&self) -> String {
        let zero = self.language.money(Money::zero(self.summary.currency), self.currencies).unwrap_or_default();
        zero.rsplit('\u{a0}').next().unwrap_or_default().to_owned()
    }

    pub(crate) fn count(&self, number: impl TryInto<i64>) -> String {
        let number: i64 = number.try_into().unwrap_or(i64::MAX);
        self.language.isolated_number(&number.to_string())
    }

    pub(crate) fn points(&self, points: i64) -> String {
        format!("{}\u{a0}{}", self.count(points), self.words.points_unit)
    }

    pub(crate) fn rate(&self, rate: Rate) -> String {
        self.language.kept_together(&self.language.percent(rate))
    }

    /// A date in the calendar of the language, in words.
    pub(crate) fn date(&self, date: CivilDate) -> String {
        self.date_in(self.words.calendar, &self.words.months, date)
    }

    fn date_in(&self, calendar: Calendar, months: &[&str; 12], date: CivilDate) -> String {
        let date = calendar.of(date);
        let month = months.get(usize::from(date.month()).saturating_sub(1)).copied().unwrap_or_default();
        self.language.digits(&format!("{}\u{a0}{month}\u{a0}{}", date.day(), date.year()))
    }

    /// A name, which keeps its own direction.
    pub(crate) fn name(name: &str) -> String {
        isolated(name)
    }

    /// A sentence with what goes into it, as plain text.
    pub(crate) fn told(&self, told: &Told) -> String {
        let facts: Vec<(&str, String)> = told.facts.iter().map(|(name, fact)| (*name, self.fact(fact))).collect();
        fill((self.words.sentence)(told.sentence), &facts)
    }

    fn fact(&self, fact: &Fact) -> String {
        match fact {
            Fact::Text(text) => isolated(text),
            Fact::Card(digits) => self.language.kept_together(&self.language.digits(digits)),
            Fact::Tier(name) => isolated(self.words.tier_name(name)),
            Fact::Money(minor) => self.money(*minor),
            Fact::Points(points) => self.points(*points),
            Fact::Count(count) => self.count(*count),
            Fact::Day(date) => self.date(*date),
            Fact::Jalali(date) => self.date_in(Calendar::Jalali, &self.words.jalali_months, *date),
            Fact::Rate(rate) => self.rate(*rate),
            Fact::Bound(bound) => (self.words.bound)(*bound).to_owned(),
        }
    }
}

/// A text in which nothing is mark-up.
pub(crate) struct Escaped<'t>(pub(crate) &'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // No page has these, and SVG takes them ill.
                c if c.is_control() && c != '\n' => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
