//! The parts of the report that are drawn.

use std::collections::BTreeMap;

use crm_core::kernel::language::fill;
use crm_core::kernel::rate::Rate;
use crm_core::kernel::time::CivilDate;

use super::page::{Escaped, Page};
use super::summary::{Account, Day};
use super::svg::{self, Column, Part};

/// No more columns than this for months; then they are years.
const MAX_MONTHS: usize = 48;

/// A month or a year of the calendar of the page: year, and month or zero.
type Period = (i32, u8);

impl Page<'_> {
    pub(super) fn over_time(&mut self) {
        let (words, days) = (self.words, &self.summary.sales.days);
        self.card("wide", words.over_time, None);
        let by_month = self.months(days.keys().copied());
        let mut periods: BTreeMap<Period, Day> = self.every_period(by_month, days.keys().copied());
        for (date, day) in days {
            let sums = periods.entry(self.period(*date, by_month)).or_default();
            sums.purchases += day.purchases;
            sums.sold_minor += day.sold_minor;
            sums.returned_minor += day.returned_minor;
        }
        let columns: Vec<Column> = self
            .labelled(12, periods.keys().copied())
            .into_iter()
            .zip(&periods)
            .map(|(label, (period, day))| {
                let returned = day.returned_minor.min(day.sold_minor);
                let title = |what: &str, minor| {
                    let (name, money) = (self.period_name(*period), self.money(minor));
                    format!("{name} · {what}: {money} · {}: {}", words.purchases, self.count(day.purchases))
                };
                let kept = day.sold_minor - returned;
                Column {
                    label,
                    parts: vec![
                        Part { class: "c-main", value: kept, title: title(words.kept, kept) },
                        Part { class: "c-soft", value: returned, title: title(words.returned, day.returned_minor) },
                    ],
                }
            })
            .collect();
        if self.summary.sales.returned_minor > 0 {
            self.legend(&[("c-main", words.kept.to_owned(), None), ("c-soft", words.returned.to_owned(), None)]);
        }
        self.chart(svg::WIDE, words.over_time, &columns);
        self.end();
    }

    pub(super) fn by_tier(&mut self) {
        let (summary, words) = (self.summary, self.words);
        self.card("", words.by_tier, None);
        let in_tiers: u64 = summary.tiers.iter().map(|tier| tier.members).sum();
        let mut rows = vec![("t-none", words.no_tier.to_owned(), None, summary.members.saturating_sub(in_tiers))];
        for (index, tier) in summary.tiers.iter().enumerate() {
            let class = ["t-0", "t-1", "t-2", "t-3"].get(index).copied().unwrap_or("t-3");
            let earns = fill(words.earns, &[("rate", self.rate(tier.rate))]);
            rows.push((class, words.tier_name(&tier.name).to_owned(), Some(earns), tier.members));
        }
        let parts: Vec<Part> = rows
            .iter()
            .map(|(class, name, _, members)| Part {
                class,
                value: i64::try_from(*members).unwrap_or(i64::MAX),
                title: format!("{name}: {}", self.count(*members)),
            })
            .collect();
        let ring = svg::ring(words.by_tier, &parts, &self.count(summary.members));
        self.put(format_args!("<div class=\"ring\">{ring}<ul class=\"legend list\">"));
        for (class, name, earns, members) in rows.iter().rev().filter(|row| row.3 > 0 || row.0 != "t-none") {
            let all = i128::from(summary.members.max(1));
            // To the nearest tenth of a percent.
            let permille = (i128::from(*members) * 1000 + all / 2) / all;
            let share = Rate::new(i64::try_from(permille).unwrap_or(0), 1000).map(|share| self.rate(share));
            let share = share.unwrap_or_default();
            self.put(format_args!("<li><i class=\"{class}\"></i><span>{}", Escaped(name)));
            if let Some(earns) = earns {
                self.put(format_args!("<small>{}</small>", Escaped(earns)));
            }
            let members = self.count(*members);
            self.put(format_args!("</span><b>{}<small>{}</small></b></li>", Escaped(&members), Escaped(&share)));
        }
        self.put(format_args!("</ul></div>"));
        self.end();
    }

    pub(super) fn by_expiry(&mut self) {
        let (words, expiry) = (self.words, &self.summary.expiry);
        self.card("", words.by_expiry, None);
        let dated = || expiry.iter().filter_map(|(date, minor)| date.map(|date| (date, *minor)));
        let by_month = self.months(dated().map(|(date, _)| date));
        let mut periods: BTreeMap<Period, i64> = self.every_period(by_month, dated().map(|(date, _)| date));
        for (date, minor) in dated() {
            *periods.entry(self.period(date, by_month)).or_default() += minor;
        }
        let labels = self.labelled(6, periods.keys().copied());
        let mut columns: Vec<Column> = labels
            .into_iter()
            .zip(&periods)
            .map(|(label, (period, minor))| {
                let title = format!("{}: {}", self.period_name(*period), self.money(*minor));
                Column { label, parts: vec![Part { class: "c-warm", value: *minor, title }] }
            })
            .collect();
        if let Some(minor) = expiry.get(&None) {
            let title = format!("{}: {}", words.no_expiry, self.money(*minor));
            let label = [Some(words.no_expiry.to_owned()), None];
            columns.push(Column { label, parts: vec![Part { class: "c-soft", value: *minor, title }] });
        }
        if columns.is_empty() {
            self.put(format_args!("<p class=\"lead\">{}</p>", Escaped(words.nothing_there)));
        } else {
            self.chart(svg::HALF, words.by_expiry, &columns);
        }
        self.end();
    }

    pub(super) fn accounts(&mut self) {
        let (summary, words) = (self.summary, self.words);
        self.account(words.where_credit_went, &summary.credit, Page::money);
        self.account(words.where_points_went, &summary.points, Page::count);
    }

    fn account(&mut self, title: &str, account: &Account, say: impl Fn(&Self, i64) -> String) {
        let words = self.words;
        self.card("", title, None);
        let parts = [
            ("c-main", words.available, account.available),
            ("c-cool", words.pending, account.pending),
            ("c-held", words.held, account.held),
            ("c-warm", words.redeemed, account.redeemed),
            ("c-soft", words.expired, account.expired),
        ];
        let total: i128 = parts.iter().map(|(.., value)| i128::from((*value).max(0))).sum();
        self.put(format_args!(
            "<p class=\"big\">{}<small>{}</small></p><div class=\"strip\">",
            Escaped(&say(self, account.issued)),
            Escaped(words.issued)
        ));
        for (class, name, value) in parts.iter().filter(|(.., value)| *value > 0) {
            let share = i128::from(*value) * 10_000 / total.max(1);
            let title = format!("{name}: {}", say(self, *value));
            self.put(format_args!(
                "<i class=\"{class}\" style=\"flex-grow:{share}\" title=\"{}\"></i>",
                Escaped(&title)
            ));
        }
        self.put(format_args!("</div>"));
        let shown: Vec<_> = parts
            .iter()
            .filter(|(.., value)| *value > 0)
            .map(|(class, name, value)| (*class, (*name).to_owned(), Some(say(self, *value))))
            .collect();
        self.legend(&shown);
        self.end();
    }

    pub(super) fn branches(&mut self) {
        let (words, branches) = (self.words, &self.summary.sales.branches);
        if branches.len() < 2 {
            return;
        }
        self.card("wide", words.by_branch, None);
        let most = branches.iter().map(|(_, minor)| *minor).max().unwrap_or(0).max(1);
        self.put(format_args!("<ul class=\"bars\">"));
        for (name, minor) in branches {
            let percent = i128::from((*minor).max(0)) * 1000 / i128::from(most);
            self.put(format_args!(
                "<li><span><bdi>{}</bdi></span><div><i class=\"c-main\" style=\"width:{}.{}%\"></i></div><b>{}</b></li>",
                Escaped(name),
                percent / 10,
                percent % 10,
                Escaped(&self.money(*minor))
            ));
        }
        self.put(format_args!("</ul>"));
        self.end();
    }

    pub(super) fn speed(&mut self) {
        let (summary, words) = (self.summary, self.words);
        let Some(speed) = &summary.speed else { return };
        let rate = speed.recorded.saturating_mul(1000) / speed.millis.max(1);
        let seconds = format!("{}.{}", speed.millis / 1000, speed.millis % 1000 / 100);
        let facts = [
            ("recorded", self.count(speed.recorded)),
            ("seconds", self.language.isolated_number(&seconds)),
            ("rate", self.count(rate)),
            ("callers", self.count(i64::try_from(speed.callers).unwrap_or(0))),
        ];
        let lead = format!("{} {}", fill(words.speed_lead, &facts), Self::name(&speed.backend));
        self.card("wide", words.speed, Some(&lead));
        let values: Vec<i64> = speed.seconds.iter().map(|count| i64::try_from(*count).unwrap_or(0)).collect();
        let rtl = self.language.is_right_to_left();
        let curve = svg::curve(words.speed, &values, &|value| self.language.number(&value.to_string()), rtl);
        self.put(format_args!("<div class=\"chart\">{curve}</div>"));
        self.end();
    }

    fn chart(&mut self, width: i64, about: &str, columns: &[Column]) {
        let rtl = self.language.is_right_to_left();
        let svg = svg::columns(width, about, columns, &|minor| self.whole_money(minor), rtl);
        let unit = self.unit();
        self.put(format_args!("<div class=\"chart\"><span class=\"unit\">{}</span>{svg}</div>", Escaped(&unit)));
    }

    fn legend(&mut self, entries: &[(&str, String, Option<String>)]) {
        self.put(format_args!("<ul class=\"legend\">"));
        for (class, name, value) in entries {
            self.put(format_args!("<li><i class=\"{class}\"></i>{}", Escaped(name)));
            if let Some(value) = value {
                self.put(format_args!(" <b>{}</b>", Escaped(value)));
            }
            self.put(format_args!("</li>"));
        }
        self.put(format_args!("</ul>"));
    }

    /// Whether there are few enough months for a column each.
    fn months(&self, dates: impl Iterator<Item = CivilDate>) -> bool {
        let months: std::collections::BTreeSet<Period> = dates.map(|date| self.period(date, true)).collect();
        let (Some(first), Some(last)) = (months.first(), months.last()) else { return true };
        let index = |(year, month): &Period| i64::from(*year) * 12 + i64::from(*month);
        usize::try_from(index(last) - index(first)).is_ok_and(|months| months < MAX_MONTHS)
    }

    fn period(&self, date: CivilDate, by_month: bool) -> Period {
        let date = self.words.calendar.of(date);
        (date.year(), if by_month { date.month() } else { 0 })
    }

    /// All periods from the first date to the last, also those in which nothing happened.
    fn every_period<T: Default>(
        &self,
        by_month: bool,
        dates: impl Iterator<Item = CivilDate> + Clone,
    ) -> BTreeMap<Period, T> {
        let (Some(first), Some(last)) = (dates.clone().min(), dates.max()) else { return BTreeMap::new() };
        let ((mut year, mut month), last) = (self.period(first, by_month), self.period(last, by_month));
        let mut periods = BTreeMap::new();
        while (year, month) <= last {
            periods.insert((year, month), T::default());
            (year, month) = if by_month && month < 12 { (year, month + 1) } else { (year + 1, u8::from(by_month)) };
        }
        periods
    }

    fn period_name(&self, (year, month): Period) -> String {
        let month = month.checked_sub(1).and_then(|month| self.words.short_months.get(usize::from(month)));
        let year = self.language.digits(&year.to_string());
        month.map_or_else(|| year.clone(), |month| format!("{month} {year}"))
    }

    /// What is written under the columns: every month or every few, with the year where it begins.
    fn labelled(&self, most: usize, periods: impl ExactSizeIterator<Item = Period>) -> Vec<[Option<String>; 2]> {
        let every = periods.len().div_ceil(most).max(1);
        let year_of = |year: i32| self.language.digits(&year.to_string());
        let mut before = None;
        periods
            .enumerate()
            .map(|(index, (year, month))| {
                let Some(month) = month.checked_sub(1) else { return [Some(year_of(year)), None] };
                let name = self.words.short_months.get(usize::from(month)).map(ToString::to_string);
                let shown = index.is_multiple_of(every);
                let new_year = shown && before != Some(year);
                if shown {
                    before = Some(year);
                }
                [name.filter(|_| shown), new_year.then(|| year_of(year))]
            })
            .collect()
    }
}
