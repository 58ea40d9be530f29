//! The command line.

use std::path::PathBuf;

use crm_core::kernel::calendar::Calendar;
use crm_core::kernel::language::Language;
use crm_core::{Error, Result};

use crate::history::Stated;
use crate::history::amount::Mark;
use crate::history::date::Order;

pub(crate) const HELP: &str = "\
club: a shop's customer club, from its purchase history to a report

    club                                 the history that comes with it, into club.db
    club --history FILE.csv[.gz] --customer COL --date COL --amount COL [options]

It opens the store (and makes it), sets a shop and a club up, records the history as purchases and returns, plays some days
at the desk, prints a summary and writes a report. Run again on the same store it records nothing twice: if it was stopped,
by whatever, simply run it again.

The history
    --history FILE      a CSV file, packed or not; comma, semicolon, tab or | between fields. Without it: its own
    --customer COL      who bought
    --date COL          when: 2024-12-31, 2024/12/31, 20241231, with or without a time
    --amount COL        what the row cost; a negative amount is a return
    --price COL         or what one piece cost
    --quantity COL      pieces; negative pieces are a return of earlier ones
    --receipt COL       rows with the same receipt beside each other are one purchase; C123 cancels
    --sku COL  --product COL  --category COL (A > B > C)  --branch COL  --name COL
    --minor             amounts are in cents, grosze, rial (known by a name that ends in _cents or _minor)
    --decimal MARK      point or comma: what stands before decimals. Without it only what is unambiguous is read:
                        1,250.00 and 12,50 and 3.00E+05 and Persian digits, but not 1,250
    --date-order ORDER  dmy or mdy, for dates like 31/12/2024
    --calendar NAME     jalali: the dates of the file are Jalali (default: gregorian)
    --currency CODE     default EUR, or that of a file that is known
    --zone NAME         the time zone of the shop, default UTC
    Files that are known by their heading (CDNOW, UCI Online Retail) need no columns.
    The rows of a customer are expected in the order of time. A row that cannot be used is rejected and told by its
    number and a reason; none is left out silently.

The store
    --store URL         sqlite:FILE (default sqlite:club.db) or postgres://USER@HOST/DATABASE
                        The latter needs libpq: cargo run --release -p crm-examples --features postgres --bin club
    --callers N         how many sell at the same time, default 64

The report
    --report FILE       default club-report.html
    --locale LANGUAGE   en, pl, he or fa: words, digits, direction and calendar of the report
    --speed             put the speed into the report too; without it, every run on a history writes the same report
    --rejected FILE     every rejected row, by number and reason; default: beside the report, club-report.rejected.csv
    --quiet             no progress
";

/// What is asked for.
pub(crate) struct Options {
    pub(crate) history: Option<PathBuf>,
    pub(crate) stated: Stated,
    pub(crate) store: String,
    pub(crate) callers: usize,
    pub(crate) report: PathBuf,
    /// Beside the report if nothing is said.
    pub(crate) rejected: Option<PathBuf>,
    pub(crate) language: Language,
    pub(crate) speed: bool,
    pub(crate) quiet: bool,
}

impl Options {
    /// Reads the arguments; nothing when help is wanted.
    ///
    /// # Errors
    /// [`Error::Setup`] that says what is wrong.
    pub(crate) fn read(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>> {
        let mut options = Self {
            history: None,
            stated: Stated::default(),
            store: "sqlite:club.db".into(),
            callers: 64,
            report: "club-report.html".into(),
            rejected: None,
            language: Language::En,
            speed: false,
            quiet: false,
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, inline) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value = || {
                inline.clone().or_else(|| arguments.next()).ok_or_else(|| Error::Setup(format!("{name} needs a value")))
            };
            let stated = &mut options.stated;
            match name.as_str() {
                "-h" | "--help" => return Ok(None),
                "--history" => options.history = Some(value()?.into()),
                "--customer" => stated.customer = Some(value()?),
                "--date" => stated.date = Some(value()?),
                "--amount" => stated.amount = Some(value()?),
                "--price" => stated.price = Some(value()?),
                "--quantity" => stated.quantity = Some(value()?),
                "--receipt" => stated.receipt = Some(value()?),
                "--sku" => stated.sku = Some(value()?),
                "--product" => stated.product = Some(value()?),
                "--category" => stated.category = Some(value()?),
                "--branch" => stated.branch = Some(value()?),
                "--name" => stated.name = Some(value()?),
                "--minor" => stated.minor_units = true,
                "--decimal" => {
                    stated.mark = Some(one_of(&name, &value()?, &[("point", Mark::Point), ("comma", Mark::Comma)])?);
                }
                "--date-order" => {
                    let orders = [("dmy", Order::DayFirst), ("mdy", Order::MonthFirst)];
                    stated.order = Some(one_of(&name, &value()?, &orders)?);
                }
                "--calendar" => {
                    let known = Calendar::ALL.map(|calendar| (calendar.name(), calendar));
                    stated.calendar = Some(one_of(&name, &value()?, &known)?);
                }
                "--currency" => stated.currency = Some(value()?.parse()?),
                "--zone" => stated.zone = Some(value()?.parse()?),
                "--store" => options.store = value()?,
                "--callers" => {
                    let text = value()?;
                    let callers = text.parse().ok().filter(|callers| (1..=512).contains(callers));
                    options.callers =
                        callers.ok_or_else(|| Error::Setup("--callers is a number from 1 to 512".into()))?;
                }
                "--report" => options.report = value()?.into(),
                "--rejected" => options.rejected = Some(value()?.into()),
                "--locale" => {
                    let known = Language::ALL.map(|language| (language.tag(), language));
                    options.language = one_of(&name, &value()?, &known)?;
                }
                "--speed" => options.speed = true,
                "--quiet" => options.quiet = true,
                _ => return Err(Error::Setup(format!("{name} is not an option; --help tells which there are"))),
            }
        }
        Ok(Some(options))
    }
}

fn one_of<T: Copy>(option: &str, text: &str, known: &[(&str, T)]) -> Result<T> {
    let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
    found.ok_or_else(|| Error::Setup(format!("{option} is one of {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Option<Options>> {
        Options::read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_is_asked_for() {
        let options =
            read("--history a.csv --customer c --amount=x --calendar jalali --locale fa --callers 8").unwrap().unwrap();
        assert_eq!((options.stated.amount.as_deref(), options.callers, options.language), (Some("x"), 8, Language::Fa));
        assert_eq!(options.stated.calendar, Some(Calendar::Jalali));
        assert!(read("--help").unwrap().is_none());
        for wrong in ["--histroy a", "--callers 0", "--locale de", "--date-order ymd", "--history"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
