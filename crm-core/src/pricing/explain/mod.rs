//! A quote in words, in four languages.

mod en;
mod fa;
mod he;
mod pl;
mod texts;

use super::model::{Adjustment, Least, Per, PriceRuleId, Stage};
use super::quote::{Bound, By, Lost, Quote, QuotedLine, Taken, Why};
use super::tax::TaxMode;
use crate::Result;
use crate::catalog::ProductId;
use crate::kernel::currency::{Currencies, Currency};
use crate::kernel::language::{Language, fill, isolated};
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use texts::Texts;

/// Where an explanation takes names from: what it is given, and what it finds.
pub struct Names<'n> {
    /// The name of a product.
    pub product: &'n dyn Fn(ProductId) -> Option<String>,
    /// The name of a rule.
    pub rule: &'n dyn Fn(PriceRuleId) -> Option<String>,
}

/// Says a quote in words: a line of text for each line of the order, for each amount taken off it and for each rule that
/// lost, then the sums. Amounts are in the display unit of their currency, with the digits and marks of the language.
///
/// Names, and in languages written from right to left numbers too, stand in isolates (Unicode's U+2066 to U+2069), so
/// that a Hebrew name in an English sentence leaves its surroundings in order.
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound) for a currency that is not known.
pub fn explain(quote: &Quote, language: Language, currencies: &Currencies, names: &Names<'_>) -> Result<String> {
    let texts = match language {
        Language::En => &en::TEXTS,
        Language::Pl => &pl::TEXTS,
        Language::He => &he::TEXTS,
        Language::Fa => &fa::TEXTS,
    };
    let speaker = Speaker { language, texts, currencies, currency: quote.currency, names };
    let mut text = Vec::new();
    for (number, line) in (1_i64..).zip(&quote.lines) {
        speaker.line(number, line, &mut text)?;
    }
    text.push(fill(texts.list, &[("list", speaker.money(quote.list_minor)?)]));
    if quote.discount_minor > 0 {
        text.push(fill(texts.discount, &[("discount", speaker.money(quote.discount_minor)?)]));
    }
    if !quote.taxes.is_empty() {
        text.push(fill(texts.tax, &[("tax", speaker.money(quote.tax_minor)?)]));
    }
    text.push(fill(texts.total, &[("total", speaker.money(quote.total_minor)?)]));
    Ok(text.join("\n"))
}

struct Speaker<'s> {
    language: Language,
    texts: &'static Texts,
    currencies: &'s Currencies,
    currency: Currency,
    names: &'s Names<'s>,
}

impl Speaker<'_> {
    fn line(&self, number: i64, line: &QuotedLine, text: &mut Vec<String>) -> Result<()> {
        let product = isolated(&(self.names.product)(line.product).unwrap_or_else(|| self.texts.unnamed.to_owned()));
        text.push(fill(
            self.texts.line,
            &[
                ("number", self.language.number(&number.to_string())),
                ("product", product),
                ("quantity", self.number(&line.quantity.to_string())),
                ("unit", self.money(line.unit_minor)?),
                ("list", self.money(line.list_minor)?),
            ],
        ));
        for taken in &line.taken {
            text.push(format!("   {}", self.taken(taken)?));
        }
        for lost in &line.lost {
            text.push(format!("   {}", self.lost(lost)?));
        }
        if !line.taken.is_empty() {
            text.push(format!("   {}", fill(self.texts.net, &[("net", self.money(line.net_minor)?)])));
        }
        if let Some(tax) = &line.tax {
            let sentence = match tax.mode {
                TaxMode::Included => self.texts.tax_included,
                TaxMode::OnTop => self.texts.tax_on_top,
            };
            let said = fill(sentence, &[("rate", self.percent(tax.rate)), ("tax", self.money(tax.tax_minor)?)]);
            text.push(format!("   {said}"));
        }
        Ok(())
    }

    fn taken(&self, taken: &Taken) -> Result<String> {
        let by = match &taken.by {
            By::Rule { id, .. } => self.rule(*id),
            By::Hand(reason) => fill(self.texts.by_hand, &[("reason", isolated(reason))]),
        };
        let (sentence, amount) = match taken.how {
            Adjustment::Percent(rate) => (self.texts.percent, ("rate", self.percent(rate))),
            Adjustment::Amount { off, per } => {
                let sentence = match per {
                    Per::Piece => self.texts.per_piece,
                    Per::Line => self.texts.per_line,
                    Per::Order => self.texts.per_order,
                };
                (sentence, ("amount", self.amount(off)?))
            }
            Adjustment::FixedPrice(price) => (self.texts.fixed, ("amount", self.amount(price)?)),
        };
        let how = fill(sentence, &[amount, ("of", self.money(taken.of_minor)?)]);
        let bound = taken.bound.map(|bound| match bound {
            Bound::Floor => self.texts.floor,
            Bound::Nothing => self.texts.nothing,
            Bound::Budget => self.texts.budget,
        });
        let how = bound.map_or_else(|| how.clone(), |bound| format!("{how} ({bound})"));
        let off = ("off", self.money(taken.off_minor)?);
        Ok(fill(self.texts.taken, &[("stage", self.stage(taken.stage)), ("by", by), ("how", how), off]))
    }

    fn lost(&self, lost: &Lost) -> Result<String> {
        let why = &self.texts.why;
        let over = |sentence: &str, by: PriceRuleId| fill(sentence, &[("rule", self.rule(by))]);
        let why = match lost.why {
            Why::MoreSpecific(by) => over(why.more_specific, by),
            Why::MorePersonal(by) => over(why.more_personal, by),
            Why::GroupBefore(by) => over(why.group_before, by),
            Why::Priority(by) => over(why.priority, by),
            Why::Smaller(by) => over(why.smaller, by),
            Why::Equal(by) => over(why.equal, by),
            Why::Exclusive(by) => over(why.exclusive, by),
            Why::Final(by) => over(why.last, by),
            Why::AtLeast(Least::Pieces(pieces)) => {
                fill(why.at_least_pieces, &[("least", self.number(&pieces.to_string()))])
            }
            Why::AtLeast(Least::Amount(amount)) => fill(why.at_least_amount, &[("least", self.amount(amount)?)]),
            Why::Day => why.day.to_owned(),
            Why::UsedUp => why.used_up.to_owned(),
            Why::CustomerUnknown => why.customer_unknown.to_owned(),
            Why::Currency => why.currency.to_owned(),
        };
        let (stage, rule) = (self.stage(lost.stage), self.rule(lost.rule));
        Ok(fill(self.texts.lost, &[("stage", stage), ("rule", rule), ("why", why)]))
    }

    fn stage(&self, stage: Stage) -> String {
        let at = (stage as usize).checked_sub(1);
        at.and_then(|at| self.texts.stages.get(at)).copied().unwrap_or_default().to_owned()
    }

    fn rule(&self, id: PriceRuleId) -> String {
        isolated(&(self.names.rule)(id).unwrap_or_else(|| self.texts.unnamed.to_owned()))
    }

    fn money(&self, minor: i64) -> Result<String> {
        self.amount(Money::new(minor, self.currency))
    }

    fn amount(&self, amount: Money) -> Result<String> {
        self.language.money(amount, self.currencies)
    }

    fn percent(&self, rate: Rate) -> String {
        self.language.kept_together(&self.language.percent(rate))
    }

    fn number(&self, text: &str) -> String {
        self.language.isolated_number(text)
    }
}

#[cfg(test)]
mod tests;
