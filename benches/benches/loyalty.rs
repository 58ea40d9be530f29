//! The write path with the customer club, on SQLite: by hand one by one, by hand in groups, and through our library, in one
//! run; and a sweep over lots that expire. PostgreSQL is not measured here: nobody has written these rows for it by hand.
//!
//! A purchase is that of `write_path` by a member. It earns 2 % as credit that ends in six months and points that do not
//! end, counts on one ladder without a window, and every second one pays 0.50 with credit, from the lot that ends soonest.
//! By hand that is the same rows: the account, its balances and open lots read, an entry with its word in the journal for
//! each asset, the lots, the balances, the counts of the day and of the ladder, the sheet of what was earned and why, and
//! of a redemption the hold, its lots and what was used that day. Each row is written once there; what is due on accounts
//! is only checked, for nothing is, and the terms are constants. Nobody reaches a tier in a run.

#![allow(clippy::cast_precision_loss, reason = "figures for people: counts far below 2^52")]

use std::path::Path;
use std::time::Instant;

use crm_benches::club::{self, Opening};
use crm_benches::data::{Loader, Shop};
use crm_benches::feed::Feed;
use crm_benches::options::{Backend, Bench, Options};
use crm_benches::ours::{self, Ours};
use crm_benches::report::Table;
use crm_benches::sqlite_limit::SqliteLimit;
use crm_benches::sqlite_plain::SqlitePlain;
use crm_benches::sqlite_store::{SqliteStore, Tuning};
use crm_benches::variant::{Plan, Variant, compete};
use crm_benches::{Result, machine};
use crm_core::Crm;
use crm_core::access::Actor;
use crm_core::loyalty::Asset;
use crm_loyalty::WorkLoyalty as _;
use crm_loyalty::jobs::{RunDue, run_due_blocking};
use crm_loyalty::programme::NewVersion;

/// Lots of each member in the sweep: credit and points, with different ends.
const LOTS_EACH: usize = 2;

fn main() -> Result<()> {
    let options = Options::from_args(Bench::Loyalty)?;
    if options.backend == Backend::Postgres {
        return Err("this bench runs on SQLite only".into());
    }
    let dir = tempfile::Builder::new().prefix("crm-loyalty-").tempdir_in(&options.dir)?;
    println!("{}", machine::describe(dir.path())?);
    // First, so that nothing before it counts in the memory it takes at most.
    sweep(&options, &dir.path().join("sweep.sqlite"))?;
    println!(
        "run: members={} products={} rounds={} seconds={} lines_per_purchase=3 durable=yes",
        options.sizes[0],
        options.products,
        options.rounds,
        options.cell.as_secs_f64()
    );
    write_path(&options, &dir.path().join("bench.sqlite"))
}

fn open(path: &Path, shop: &Shop, openings: &[Opening]) -> Result<(SqliteStore, Crm)> {
    let start = Instant::now();
    let store = SqliteStore::create(path)?;
    let crm = ours::connect_club(&store.url())?;
    let mut loader = store.loader()?;
    shop.load(&mut loader)?;
    shop.load_customers(&mut loader, 0..shop.customers.len())?;
    club::load_members(shop, &mut loader, openings)?;
    loader.settle()?;
    let programme = club::programme(shop)?;
    crm.blocking().run(&Actor::system(), "programme", move |work| {
        work.loyalty().save_programme(NewVersion::now(programme.clone())).map(|_| ())
    })?;
    eprintln!("loaded in {:.1} s", start.elapsed().as_secs_f64());
    Ok((store, crm))
}

/// Everything expires that every member has.
fn sweep(options: &Options, path: &Path) -> Result<()> {
    let members = options.lots.div_ceil(LOTS_EACH).max(1);
    let shop = Shop::new(members, 3)?;
    let opening =
        |asset, amount, end: &str| Ok::<_, crm_core::Error>(Opening { asset, amount, expires_at: end.parse()? });
    let openings = [
        opening(Asset::Credit(shop.currency), 500, "2025-07-02T02:00:00Z")?,
        opening(Asset::Points, 10, "2026-01-02T02:00:00Z")?,
    ];
    let (store, crm) = open(path, &shop, &openings)?;
    let how = RunDue { only: ["accounts".to_owned()].into(), ..RunDue::default() };
    let before = machine::peak_kib();
    let start = Instant::now();
    let report = run_due_blocking(&crm, &Actor::system(), &how, |_| std::ops::ControlFlow::Continue(()))?;
    let took = start.elapsed().as_secs_f64();
    let after = machine::peak_kib();
    let left: i64 = store.connect(Tuning::Default)?.query_row(
        "SELECT count(*) FROM crm_loyalty_lots WHERE open = 1",
        [],
        |row| row.get(0),
    )?;
    if left != 0 || report.stopped || !report.failures.is_empty() {
        return Err(format!("{left} lots are left, {} failures", report.failures.len()).into());
    }
    finish(&crm, options)?;
    let lots = members * LOTS_EACH;
    let mib = |kib: Option<u64>| kib.map_or_else(|| "?".to_owned(), |kib| format!("{:.1}", kib as f64 / 1024.0));
    println!(
        "sweep sqlite: lots that expire, {LOTS_EACH} of each member, {} members in a unit of work",
        how.chunk.get()
    );
    let mut table = Table::new(&["lots", "members", "seconds", "lots/s", "peak before, MiB", "peak after, MiB"]);
    table.row(vec![
        lots.to_string(),
        members.to_string(),
        format!("{took:.2}"),
        format!("{:.0}", lots as f64 / took),
        mib(before),
        mib(after),
    ]);
    table.print();
    Ok(())
}

fn write_path(options: &Options, path: &Path) -> Result<()> {
    let shop = Shop::new(options.sizes[0], options.products)?;
    let (store, crm) = open(path, &shop, &club::openings(&shop))?;
    let feed = Feed::of_members(shop);
    println!(
        "/plain and /limit: throughput as a multiple of the hand-written variant of that name, the faster if two.\n"
    );
    println!("loyalty sqlite {} (WAL, synchronous=FULL)", rusqlite::version());
    let mut variants: Vec<Box<dyn Variant>> = vec![
        Box::new(SqlitePlain::new(&store, &feed)?),
        Box::new(SqliteLimit::new(&store, &feed, Tuning::Default)?),
        Box::new(SqliteLimit::new(&store, &feed, Tuning::Large)?),
    ];
    variants.extend(options.callers.iter().map(|&callers| Box::new(Ours::new(&crm, callers)) as _));
    variants.extend(options.threads.iter().map(|&threads| Box::new(Ours::threads(&crm, threads)) as _));
    let plan = Plan { rounds: options.rounds, cell: options.cell, server: None, own_cpu: true };
    compete(&mut variants, &feed, &plan)?;
    finish(&crm, options)
}

/// In a smoke run, the library checks what everybody wrote.
fn finish(crm: &Crm, options: &Options) -> Result<()> {
    if options.smoke {
        ours::verify(crm)?;
    }
    Ok(crm.blocking().close()?)
}
