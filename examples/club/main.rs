//! The main job: a shop's customer club, from its purchase history to a report. `club --help` says what it does.

mod desk;
mod gather;
mod history;
mod import;
mod options;
mod programme;
mod report;
#[cfg(test)]
mod sample;
mod shop;
mod source;
mod take_back;
mod terminal;
mod till;

use std::process::ExitCode;
use std::time::Instant;

use crm_core::kernel::currency::Currencies;
use crm_core::kernel::time::{CivilDate, Timestamp};
use crm_core::{Error, Result};

use desk::Player;
use options::{HELP, Options};
use report::Summary;
use report::summary::{Rows, Speed};
use source::Source;
use terminal::Progress;
use till::Till;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return failed(&error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let done =
        runtime.map_err(|error| Error::backend("starting", error)).and_then(|runtime| runtime.block_on(run(options)));
    done.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &Error) -> ExitCode {
    eprintln!("club: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        eprintln!("  because: {inner}");
        cause = inner.source();
    }
    ExitCode::FAILURE
}

async fn run(options: Options) -> Result<()> {
    let source = Source::survey(options.history, options.stated)?;
    let Some((first, last)) = source.period else {
        return Err(Error::Setup("there is no purchase in the history".into()));
    };
    let storage = shop::open(&options.store)?;
    let front = Till::open(&storage).await?;
    let backend = front.crm.health().await?.backend;
    println!("{}: {} rows, into {backend}", source.name(), source.rows);

    // The shop opens the day before the history begins.
    let opened = first.checked_add_micros(-24 * 3600 * 1_000_000)?;
    let (zone, currency) = (source.zone.clone(), source.currency);
    let (name, place) = (source.first_branch.clone().unwrap_or_else(|| "Main".into()), zone.clone());
    let unit = programme::round_unit(source.average_minor);
    let shop = front.run(opened, "set up", move |work| shop::set_up(work, &name, &place, currency, unit)).await?;

    let began = Instant::now();
    let progress = Progress::new(source.rows, options.quiet);
    let tally = import::import(&storage, &source, &shop, options.callers, progress).await?;
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);

    let desk_opens = gather::opening(last, &zone)?;
    let jobs = Till::for_jobs(&storage).await?;
    if !options.quiet {
        eprintln!("all rows are read; now what fell due since: expiries, tiers, reminders");
    }
    programme::run_due(&jobs, desk_opens).await?;
    let best = front.read(gather::sold).await?.top.into_iter();
    let best = best.map(|(id, member)| Player { id, name: member.name, card: member.card }).collect();
    let desk = desk::play(&front, &shop, &zone, desk_opens, best).await?;

    let violations = front.crm.verify().await?;
    for violation in &violations {
        eprintln!("{violation:?}");
    }
    let checked = (front.crm.describe().invariants.len(), violations.len());
    let mut sold = front.read(gather::sold).await?;
    let (top, place): (Vec<_>, _) = (sold.top.iter().map(|(id, _)| *id).collect(), zone.clone());
    let books = front.read(move |work| programme::books(work, &top, currency, &place)).await?;
    for (id, member) in &mut sold.top {
        (member.credit_minor, member.points) = books.balances.get(id).copied().unwrap_or_default();
        member.tier = books.standings.get(id).cloned();
    }
    let recorded = tally.purchases + tally.returns;
    let date = |at: Timestamp| -> CivilDate { zone.date_of(at) };
    let mut summary = Summary {
        shop: source.shop(),
        source: source.name(),
        currency,
        period: Some((date(first), date(last))),
        as_of: desk.last().map_or_else(|| date(desk_opens), |scene| scene.on),
        rows: Rows {
            read: tally.rows,
            examples: tally.examples(),
            rejected: tally.rejected(),
            other_price: tally.other_price,
        },
        sales: sold.sales,
        members: sold.members,
        tiers: books.tiers,
        credit: books.credit,
        points: books.points,
        expiry: books.expiry,
        top: sold.top.into_iter().map(|(_, member)| member).collect(),
        outbox: sold.outbox,
        desk,
        checked,
        speed: None,
    };
    let currencies = Currencies::iso4217();
    println!("{}", terminal::summary(&summary, &currencies));
    println!(
        "Speed\n  {recorded} purchases and returns in {}.{:03} s: {} a second, {} at a time",
        millis / 1000,
        millis % 1000,
        recorded.saturating_mul(1000) / millis.max(1),
        options.callers
    );
    if options.speed {
        summary.speed =
            Some(Speed { recorded, millis, seconds: tally.seconds.clone(), callers: options.callers, backend });
    }
    let page = report::to_html(&summary, options.language, &currencies);
    std::fs::write(&options.report, page)
        .map_err(|error| Error::Setup(format!("{}: {error}", options.report.display())))?;
    println!("Report\n  {}", options.report.display());
    // Also when there is none: what an earlier run left there would mislead.
    let rejected = options.rejected.unwrap_or_else(|| options.report.with_extension("rejected.csv"));
    history::reject::write(&rejected, &tally.every_rejected())?;
    if summary.rows.rejected() > 0 {
        println!("Rejected rows\n  {}", rejected.display());
    }
    front.crm.close().await
}
