//! A programme in words, in four languages.

mod en;
mod fa;
mod he;
mod pl;
mod texts;

use super::dates::Validity;
use super::model::{Enrolment, Programme};
use crate::Result;
use crate::branches::BranchId;
use crate::catalog::{CategoryId, ProductId};
use crate::customers::CustomerId;
use crate::kernel::calendar::{Calendar, Span, Unit as Period};
use crate::kernel::currency::Currencies;
use crate::kernel::language::{Counted, Language, fill, isolated};
use crate::kernel::money::Money;
use crate::kernel::rate::Rate;
use crate::kernel::time::{CivilDate, TimeOfDay};
use crate::loyalty::Asset;
use crate::loyalty::earning::{AtThreshold, Available, Earn, EarnLimit, EarnRule, EarnWhen, Goods, LimitCap, OnReturn};
use crate::partners::{CustomerGroupId, PartnerGroupId};
use crate::pricing::{Least, LimitPer, TierId};
use texts::{Texts, Unit};

/// Something that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A category.
    Category(CategoryId),
    /// A product.
    Product(ProductId),
    /// A tier.
    Tier(TierId),
    /// A group of customers.
    CustomerGroup(CustomerGroupId),
    /// A group of partners.
    PartnerGroup(PartnerGroupId),
    /// A customer.
    Customer(CustomerId),
    /// A branch.
    Branch(BranchId),
}

/// Says a programme in words: what holds for all of it, then a line for each rule of earning.
///
/// Names and, in languages written from right to left, numbers stand in isolates, as in
/// [quotes](crate::pricing::explain::explain).
///
/// # Errors
/// [`Error::NotFound`](crate::Error::NotFound) for a currency that is not known.
pub fn explain(
    programme: &Programme,
    language: Language,
    currencies: &Currencies,
    names: &dyn Fn(Named) -> Option<String>,
) -> Result<String> {
    let texts = match language {
        Language::En => &en::TEXTS,
        Language::Pl => &pl::TEXTS,
        Language::He => &he::TEXTS,
        Language::Fa => &fa::TEXTS,
    };
    let speaker = Speaker { language, currencies, texts, names, calendar: programme.calendar };
    let mut text = speaker.whole(programme)?;
    for rule in &programme.earning.rules {
        let what = speaker.rule(rule)?;
        text.push(fill(texts.rule, &[("rule", isolated(&rule.name)), ("what", what)]));
    }
    Ok(text.join("\n"))
}

struct Speaker<'s> {
    language: Language,
    currencies: &'s Currencies,
    texts: &'static Texts,
    names: &'s dyn Fn(Named) -> Option<String>,
    calendar: Calendar,
}

impl Speaker<'_> {
    /// What holds for all rules.
    fn whole(&self, programme: &Programme) -> Result<Vec<String>> {
        let texts = self.texts;
        let calendar = texts.calendars.get(programme.calendar as usize).copied().unwrap_or_default();
        let heading = [
            ("name", isolated(&programme.name)),
            ("zone", isolated(programme.zone.name())),
            ("cutoff", self.time(programme.cutoff)),
            ("calendar", calendar.to_owned()),
        ];
        let mut text = vec![fill(texts.heading, &heading)];
        text.push(match programme.enrolment {
            Enrolment::Automatic => texts.automatic.to_owned(),
            Enrolment::Explicit => texts.explicit.to_owned(),
        });
        for value in &programme.point_values {
            let money = self.money(Money::new(value.worth.num(), value.currency))?;
            text.push(fill(texts.worth, &[("points", self.points(value.worth.den())), ("money", money)]));
        }
        let earning = &programme.earning;
        text.push(if earning.base.excludes_tax { texts.base_net } else { texts.base_gross }.to_owned());
        let categories = earning.base.excluded_categories.iter().copied().map(Named::Category);
        let out = categories.chain(earning.base.excluded_products.iter().copied().map(Named::Product));
        if let Some(goods) = self.list(out) {
            text.push(fill(texts.excluded, &[("goods", goods)]));
        }
        if earning.rules.iter().any(|rule| rule.asset == Asset::Points && matches!(rule.earn, Earn::Piece(_))) {
            let both = earning.piece_points_and_general;
            text.push(if both { texts.piece_and_general } else { texts.piece_only }.to_owned());
        }
        text.extend((earning.when == EarnWhen::Fulfilled).then(|| texts.as_it_leaves.to_owned()));
        text.extend((earning.at_threshold == AtThreshold::Split).then(|| texts.split.to_owned()));
        for group in &earning.exclusive {
            text.push(fill(texts.exclusive, &[("group", isolated(group))]));
        }
        for cap in &earning.caps {
            if let Some(most) = cap.at_most {
                text.push(fill(texts.cap, &[("most", self.asset(cap.asset, most)?)]));
            }
            for limit in &cap.limits {
                text.push(format!("{}.", self.limit(limit, cap.asset)?));
            }
        }
        Ok(text)
    }

    fn rule(&self, rule: &EarnRule) -> Result<String> {
        let texts = self.texts;
        let mut parts = self.earn(rule)?;
        let goods = match &rule.on {
            Goods::Everything => None,
            Goods::Categories(list) => self.list(list.iter().copied().map(Named::Category)),
            Goods::Products(list) => self.list(list.iter().copied().map(Named::Product)),
        };
        parts.extend(goods.map(|goods| fill(texts.on, &[("goods", goods)])));
        let audience = &rule.audience;
        let whom = [
            self.list(audience.tiers.iter().copied().map(Named::Tier)),
            self.list(audience.customer_groups.iter().copied().map(Named::CustomerGroup)),
            self.list(audience.partner_groups.iter().copied().map(Named::PartnerGroup)),
            self.list(audience.customers.iter().copied().map(Named::Customer)),
        ];
        // Each list must be met: each is said by itself.
        parts.extend(whom.into_iter().flatten().map(|whom| fill(texts.whom, &[("whom", whom)])));
        let branches = self.list(audience.branches.iter().copied().map(Named::Branch));
        parts.extend(branches.map(|branches| fill(texts.at, &[("branches", branches)])));
        self.when(rule, &mut parts);
        for least in &rule.at_least {
            let least = match least {
                Least::Pieces(pieces) => self.counted(*pieces, texts.pieces),
                Least::Amount(amount) => self.money(*amount)?,
            };
            parts.push(fill(texts.at_least, &[("least", least)]));
        }
        if let Some(most) = rule.at_most {
            parts.push(fill(texts.at_most, &[("most", self.asset(rule.asset, most)?)]));
        }
        for limit in &rule.limits {
            parts.push(self.limit(limit, rule.asset)?);
        }
        if !matches!(rule.earn, Earn::Boost(_)) {
            self.dates(rule, &mut parts);
        }
        Ok(parts.join("; "))
    }

    fn earn(&self, rule: &EarnRule) -> Result<Vec<String>> {
        let texts = self.texts;
        let give = |give| self.asset(rule.asset, give).map(|give| ("give", give));
        Ok(match rule.earn {
            Earn::Percent(rate) => vec![fill(texts.percent, &[("rate", self.percent(rate))])],
            Earn::Rate { give: so_much, per } => {
                vec![fill(texts.rate, &[give(so_much)?, ("per", self.money(per)?)])]
            }
            Earn::Step { give: so_much, step, carry } => {
                let mut parts = vec![fill(texts.step, &[give(so_much)?, ("step", self.money(step)?)])];
                parts.extend(carry.then(|| texts.carried.to_owned()));
                parts
            }
            Earn::Every { give: so_much, nth, per_day } => {
                let mut parts = vec![fill(
                    texts.every,
                    &[give(so_much)?, ("nth", self.language.isolated_number(&nth.to_string()))],
                )];
                parts
                    .extend(per_day.map(|most| {
                        fill(texts.per_day, &[("most", self.language.isolated_number(&most.to_string()))])
                    }));
                parts
            }
            Earn::Piece(so_much) => vec![fill(texts.piece, &[give(so_much)?])],
            Earn::Fixed(so_much) => vec![fill(texts.fixed, &[give(so_much)?])],
            Earn::Boost(by) if by < Rate::ZERO => {
                let by = Rate::new(by.num().saturating_neg(), by.den())?;
                vec![fill(texts.less, &[("rate", self.percent(by))])]
            }
            Earn::Boost(by) => vec![fill(texts.more, &[("rate", self.percent(by))])],
        })
    }

    fn when(&self, rule: &EarnRule, parts: &mut Vec<String>) {
        let texts = self.texts;
        if let Some(days) = &rule.days {
            let date = |date| self.date(date, self.calendar);
            parts.extend(days.from.map(|from| fill(texts.from, &[("from", date(from))])));
            parts.extend(days.through.map(|through| fill(texts.through, &[("through", date(through))])));
            let weekdays = days.weekdays.iter().filter_map(|day| texts.weekdays.get(*day as usize));
            let named = days.named.iter().map(|day| isolated(&day.name));
            let all: Vec<_> = weekdays.map(|day| (*day).to_owned()).chain(named).collect();
            if !all.is_empty() {
                parts.push(fill(texts.on_days, &[("days", all.join(texts.and))]));
            }
        }
        if let Some(hours) = rule.hours {
            parts.push(fill(texts.hours, &[("from", self.time(hours.from)), ("until", self.time(hours.until))]));
        }
    }

    fn dates(&self, rule: &EarnRule, parts: &mut Vec<String>) {
        let texts = self.texts;
        parts.push(match rule.available {
            Available::AtOnce => texts.at_once.to_owned(),
            Available::NextBusinessDay => texts.next_day.to_owned(),
            Available::After(span) => fill(texts.after, &[("span", self.span(span))]),
        });
        parts.push(match rule.valid {
            Validity::Forever => texts.forever.to_owned(),
            Validity::For(span) => fill(texts.valid_for, &[("span", self.span(span))]),
            Validity::ToEndOf(period) => texts.ends.get(place(period)).copied().unwrap_or_default().to_owned(),
            Validity::Through(date) => fill(texts.valid_through, &[("date", self.date(date, self.calendar))]),
        });
        parts.extend((rule.on_return == OnReturn::ReEvaluate).then(|| texts.again.to_owned()));
    }

    fn limit(&self, limit: &EarnLimit, asset: Asset) -> Result<String> {
        let texts = self.texts;
        let most = match limit.cap {
            LimitCap::Uses(uses) => self.counted(uses, texts.purchases),
            LimitCap::Amount(amount) => self.asset(asset, amount)?,
        };
        let period = limit.every.map_or(0, |every| place(every.unit) + 1);
        let period = texts.periods.get(period).copied().unwrap_or_default().to_owned();
        let sentence = match limit.per {
            LimitPer::Customer => texts.limit_own,
            LimitPer::Rule => texts.limit_all,
        };
        let said = fill(sentence, &[("most", most), ("period", period)]);
        Ok(if limit.soft { format!("{said} ({})", texts.soft) } else { said })
    }

    fn money(&self, amount: Money) -> Result<String> {
        self.language.money(amount, self.currencies)
    }

    fn percent(&self, rate: Rate) -> String {
        self.language.kept_together(&self.language.percent(rate))
    }

    fn points(&self, points: i64) -> String {
        self.counted(points, self.texts.points)
    }

    fn date(&self, date: CivilDate, calendar: Calendar) -> String {
        self.language.kept_together(&self.language.digits(&calendar.of(date).to_string()))
    }

    /// So many of something.
    fn counted(&self, number: i64, unit: Unit) -> String {
        let text = number.to_string();
        let unit = match unit {
            Unit::Same(unit) => unit,
            Unit::Counted([one, few, many]) => match Counted::of(&text) {
                Counted::One => one,
                Counted::Few => few,
                Counted::Many | Counted::Fraction => many,
            },
        };
        format!("{}\u{a0}{unit}", self.language.isolated_number(&text))
    }

    /// So much of an asset.
    fn asset(&self, asset: Asset, amount: i64) -> Result<String> {
        match asset.currency() {
            None => Ok(self.points(amount)),
            Some(currency) => self.money(Money::new(amount, currency)),
        }
    }

    fn span(&self, span: Span) -> String {
        let (number, unit) = match span {
            Span::Days(number) => (number, 0),
            Span::Weeks(number) => (number, 1),
            Span::Months(number) => (number, 2),
            Span::Quarters(number) => (number, 3),
            Span::Years(number) => (number, 4),
        };
        self.texts.spans.get(unit).map_or_else(String::new, |unit| self.counted(number.into(), *unit))
    }

    fn time(&self, time: TimeOfDay) -> String {
        self.language.kept_together(&self.language.digits(&time.to_string()))
    }

    /// Names, if there are any.
    fn list(&self, names: impl Iterator<Item = Named>) -> Option<String> {
        let name = |named| isolated(&(self.names)(named).unwrap_or_else(|| self.texts.unnamed.to_owned()));
        let names: Vec<_> = names.map(name).collect();
        (!names.is_empty()).then(|| names.join(self.texts.and))
    }
}

fn place(period: Period) -> usize {
    match period {
        Period::Day => 0,
        Period::Week(_) => 1,
        Period::Month => 2,
        Period::Quarter => 3,
        Period::Year => 4,
    }
}

#[cfg(test)]
mod tests;
