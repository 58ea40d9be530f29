//! What is seen on a terminal: progress, and a summary. Without a terminal, plain lines.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crm_core::kernel::currency::Currencies;
use crm_core::kernel::language::Language;
use indicatif::{ProgressBar, ProgressStyle};

use crate::report::{Page, Summary};

/// How far the history is.
pub(crate) enum Progress {
    /// Nobody looks.
    None,
    Bar(ProgressBar),
    /// A line now and then.
    Lines {
        rows: u64,
        began: Instant,
        told: Mutex<Instant>,
    },
}

impl Progress {
    pub(crate) fn new(rows: u64, quiet: bool) -> Self {
        if quiet {
            return Self::None;
        }
        if !std::io::stderr().is_terminal() {
            let now = Instant::now();
            return Self::Lines { rows, began: now, told: Mutex::new(now) };
        }
        let bar = ProgressBar::new(rows);
        let look = "{bar:32.cyan/dim} {percent:>3} %  {human_pos} of {human_len} rows, {per_sec:.0}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(look) {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self::Bar(bar)
    }

    /// So many rows are read.
    pub(crate) fn at(&self, row: u64) {
        match self {
            Self::None => {}
            Self::Bar(bar) => bar.set_position(row),
            Self::Lines { rows, began, told } => {
                let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if told.elapsed() >= Duration::from_secs(2) {
                    *told = Instant::now();
                    eprintln!("{row} of {rows} rows after {} s", began.elapsed().as_secs());
                }
            }
        }
    }

    pub(crate) fn done(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// The summary in English, as text.
pub(crate) fn summary(summary: &Summary, currencies: &Currencies) -> String {
    let page = Page::new(summary, Language::En, currencies);
    let mut text = String::new();
    let mut line = |args: std::fmt::Arguments<'_>| {
        // A string takes everything.
        let _ = writeln!(text, "{args}");
    };
    let (sales, rows, credit, points) = (&summary.sales, &summary.rows, &summary.credit, &summary.points);
    line(format_args!("{}  ({})", summary.shop, summary.source));
    if let Some((from, to)) = summary.period {
        line(format_args!("  {from} to {to}, as of {}", summary.as_of));
    }
    line(format_args!(
        "  {} members, {} purchases for {}, {} returns for {}",
        summary.members,
        sales.purchases,
        page.money(sales.sold_minor),
        sales.returns,
        page.money(sales.returned_minor)
    ));
    line(format_args!(
        "\nRows\n  {} read, {} used, {} rejected",
        rows.read,
        rows.read - rows.rejected(),
        rows.rejected()
    ));
    for (reason, count) in &rows.rejected {
        let mut named: Vec<String> =
            rows.examples.iter().filter(|row| row.reason == *reason).map(|row| row.row.to_string()).collect();
        if u64::try_from(named.len()).is_ok_and(|shown| shown < *count) {
            named.push("…".into());
        }
        line(format_args!("  {count:>7}  {} ({}): row {}", reason.about(), reason.code(), named.join(", ")));
    }
    if rows.other_price.0 > 0 {
        let (count, difference) = (rows.other_price.0, page.money(rows.other_price.1));
        line(format_args!(
            "  {count:>7}  returned at another price than was paid; what was paid is given back, {difference} apart"
        ));
    }
    if !summary.tiers.is_empty() {
        line(format_args!("\nMembers by tier"));
        let most = summary.tiers.iter().map(|tier| tier.members).max().unwrap_or(0).max(1);
        for tier in summary.tiers.iter().rev() {
            let bar = usize::try_from(tier.members.saturating_mul(30) / most).unwrap_or(0);
            line(format_args!("  {:<10} {:>7}  {}", tier.name, tier.members, "█".repeat(bar)));
        }
        let none = summary.members.saturating_sub(summary.tiers.iter().map(|tier| tier.members).sum());
        line(format_args!("  {:<10} {none:>7}", "none yet"));
    }
    if credit.issued > 0 || points.issued > 0 {
        line(format_args!("\nCredit and points"));
        line(format_args!(
            "  credit: {} given, {} used, {} expired, {} available, {} not due yet, {} owed",
            page.money(credit.issued),
            page.money(credit.redeemed),
            page.money(credit.expired),
            page.money(credit.available),
            page.money(credit.pending),
            page.money(credit.debt)
        ));
        line(format_args!(
            "  points: {} given, {} used, {} expired, {} available, {} not due yet",
            points.issued, points.redeemed, points.expired, points.available, points.pending
        ));
        line(format_args!("\nCredit outstanding by expiry"));
        for (month, minor) in by_month(summary) {
            line(format_args!("  {month:<10} {:>16}", page.money(minor)));
        }
    }
    if !summary.top.is_empty() {
        line(format_args!("\nTop members"));
        for member in &summary.top {
            let tier = member.tier.as_deref().unwrap_or("-");
            let (spent, credit) = (page.money(member.spent_minor), page.money(member.credit_minor));
            line(format_args!("  {:<12} {tier:<7} {spent:>18} {credit:>14}  {}", member.card, member.name));
        }
    }
    if !summary.desk.is_empty() {
        line(format_args!("\nAt the desk"));
        for scene in &summary.desk {
            line(format_args!("  {} {}", scene.on, (page.words.title)(scene.title)));
            for told in &scene.told {
                // Isolates are for pages; a terminal shows them as boxes.
                let plain = page.told(told).replace(['\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'], "");
                line(format_args!("             {plain}"));
            }
        }
    }
    if !summary.outbox.is_empty() {
        line(format_args!("\nOutbox"));
        for topic in &summary.outbox {
            line(format_args!("  {:>7}  {}", topic.messages, topic.name));
        }
    }
    let (checked, broken) = summary.checked;
    line(format_args!("\nBooks\n  {checked} invariants checked, {broken} found broken"));
    text
}

fn by_month(summary: &Summary) -> Vec<(String, i64)> {
    let mut months = std::collections::BTreeMap::<String, i64>::new();
    for (date, minor) in &summary.expiry {
        let month = date.map_or_else(|| "no end".to_owned(), |date| format!("{:04}-{:02}", date.year(), date.month()));
        *months.entry(month).or_default() += minor;
    }
    months.into_iter().collect()
}
