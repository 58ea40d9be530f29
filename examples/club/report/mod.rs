//! The report: one page of HTML with its charts, in one of four languages. Nothing is loaded from elsewhere, nothing runs.

mod charts;
mod page;
mod story;
pub(crate) mod summary;
mod svg;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use crm_core::kernel::currency::Currencies;
use crm_core::kernel::language::{Language, fill};

use page::Escaped;
pub(crate) use page::Page;
pub(crate) use summary::Summary;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(crate) fn to_html(summary: &Summary, language: Language, currencies: &Currencies) -> String {
    let mut page = Page::new(summary, language, currencies);
    page.head();
    page.tiles();
    page.put(format_args!("<main>"));
    page.over_time();
    page.by_tier();
    page.by_expiry();
    page.accounts();
    page.branches();
    page.top_members();
    page.desk();
    page.outbox();
    page.history();
    page.speed();
    page.put(format_args!("</main>"));
    page.foot();
    page.html
}

impl Page<'_> {
    fn head(&mut self) {
        let language = self.language;
        let direction = if language.is_right_to_left() { "rtl" } else { "ltr" };
        let title = fill(self.words.report, &[("club", Self::name(&self.summary.shop))]);
        self.put(format_args!(
            "<!DOCTYPE html>\n<html lang=\"{}\" dir=\"{direction}\"><head><meta charset=\"utf-8\">",
            language.tag()
        ));
        self.put(format_args!("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"));
        self.put(format_args!("<meta name=\"color-scheme\" content=\"light dark\"><title>{}</title>", Escaped(&title)));
        self.put(format_args!("<style>{STYLE}</style></head>\n<body><header><div><h1>{}</h1><p>", Escaped(&title)));
        if let Some((from, to)) = self.summary.period {
            let days = [("from", self.date(from)), ("to", self.date(to))];
            self.put(format_args!("{}", Escaped(&fill(self.words.period, &days))));
            self.put(format_args!("<span class=\"dot\"> · </span>"));
        }
        let as_of = fill(self.words.as_of, &[("day", self.date(self.summary.as_of))]);
        self.put(format_args!("{}</p></div></header>\n", Escaped(&as_of)));
    }

    fn tiles(&mut self) {
        let (summary, words) = (self.summary, self.words);
        self.put(format_args!("<section class=\"tiles\">"));
        let (sales, credit) = (&summary.sales, &summary.credit);
        self.tile(words.members, &self.count(summary.members), None);
        self.tile(words.purchases, &self.count(sales.purchases), None);
        let returned = fill(words.after_returns, &[("returned", self.money(sales.returned_minor))]);
        let note = (sales.returned_minor > 0).then_some(returned);
        self.tile(words.net_sales, &self.money(sales.sold_minor - sales.returned_minor), note);
        let pending = fill(words.and_pending, &[("pending", self.money(credit.pending))]);
        let note = (credit.pending > 0).then_some(pending);
        self.tile(words.credit_outstanding, &self.money(credit.available + credit.held), note);
        let points = &summary.points;
        let pending = fill(words.and_pending, &[("pending", self.points(points.pending))]);
        let note = (points.pending > 0).then_some(pending);
        self.tile(words.points_outstanding, &self.count(points.available + points.held), note);
        if credit.debt > 0 {
            self.tile(words.debt, &self.money(credit.debt), None);
        }
        self.put(format_args!("</section>\n"));
    }

    fn tile(&mut self, name: &str, value: &str, note: Option<String>) {
        // The unit may go to the next line, the number stays whole.
        let (number, unit) = value.rsplit_once('\u{a0}').filter(|(_, unit)| !unit.is_empty()).unwrap_or((value, ""));
        let (number, unit) = if unit.contains(|c: char| c.is_numeric()) { (value, "") } else { (number, unit) };
        self.put(format_args!("<div class=\"tile\"><h2>{}</h2><p><span>{}</span>", Escaped(name), Escaped(number)));
        self.put(format_args!(" <small>{}</small></p>", Escaped(unit)));
        if let Some(note) = note {
            self.put(format_args!("<small>{}</small>", Escaped(&note)));
        }
        self.put(format_args!("</div>"));
    }

    /// Begins a card; `</section>` ends it.
    fn card(&mut self, class: &str, title: &str, lead: Option<&str>) {
        self.put(format_args!("<section class=\"card {class}\"><h2>{}</h2>", Escaped(title)));
        if let Some(lead) = lead {
            self.put(format_args!("<p class=\"lead\">{}</p>", Escaped(lead)));
        }
    }

    fn end(&mut self) {
        self.put(format_args!("</section>\n"));
    }

    fn foot(&mut self) {
        let (checked, broken) = self.summary.checked;
        let (count, bad) = (
            ("checked", self.count(i64::try_from(checked).unwrap_or(0))),
            ("broken", self.count(i64::try_from(broken).unwrap_or(0))),
        );
        let (class, said) = match broken {
            0 => ("ok", fill(self.words.all_hold, &[count])),
            _ => ("bad", fill(self.words.broken, &[count, bad])),
        };
        self.put(format_args!(
            "<footer><p class=\"{class}\">{}</p><p><bdi>{}</bdi></p></footer></body></html>\n",
            Escaped(&said),
            Escaped(&self.summary.source)
        ));
    }
}
