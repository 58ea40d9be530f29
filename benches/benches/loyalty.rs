//! The customer club on both databases, in one run: a purchase by hand one by one, by hand in groups, and through our
//! library; tills that redeem at once; and a sweep over lots that expire.
//!
//! A purchase is that of `write_path` by a member. It earns 2 % as credit that ends in six months and points that do not
//! end, counts on one ladder without a window, and every second one pays 0.50 with credit, from the lot that ends soonest.
//! By hand that is the same rows: the account, its balances and open lots read, an entry with its word in the journal for
//! each asset, the lots, the balances, the counts of the day and of the ladder, the sheet of what was earned and why, and
//! of a redemption the hold, its lots and what was used that day. Each row is written once there; what is due on accounts
//! is only checked, for nothing is, and the terms are constants. Nobody reaches a tier in a run.

#![allow(clippy::cast_precision_loss, reason = "figures for people: counts far below 2^52")]

use std::process::Command;
use std::time::Instant;

use crm_benches::club::{self, Opening, PART};
use crm_benches::club_store::ClubStore;
use crm_benches::data::Shop;
use crm_benches::feed::Feed;
use crm_benches::options::{Backend, Bench, Options};
use crm_benches::ours::{self, Ours};
use crm_benches::postgres_limit::PostgresLimit;
use crm_benches::postgres_plain::PostgresPlain;
use crm_benches::postgres_server::PostgresServer;
use crm_benches::report::Table;
use crm_benches::sqlite_limit::SqliteLimit;
use crm_benches::sqlite_plain::SqlitePlain;
use crm_benches::sqlite_store::Tuning;
use crm_benches::tills::Tills;
use crm_benches::variant::{Plan, Variant, compete};
use crm_benches::{Result, machine};
use crm_core::Crm;
use crm_core::access::Actor;
use crm_core::loyalty::Asset;
use crm_core::loyalty::ledger::NEVER;
use crm_loyalty::jobs::{RunDue, run_due_blocking};

/// Lots of each member in the sweep: credit and points, with different ends.
const LOTS_EACH: usize = 2;
/// Tills that redeem at once.
const TILLS: usize = 64;
/// What each of them tries.
const ATTEMPTS: usize = 60;
/// Openings of a store, each with a writer of its own, among which tills are spread.
const OPENINGS: usize = 4;

/// Two threads that hand rows to each other wait for each other in the C library's allocator, at about 8 % of the speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let options = Options::from_args(Bench::Loyalty)?;
    if let Some(url) = &options.sweep {
        return sweep_alone(url, options.lots);
    }
    let dir = tempfile::Builder::new().prefix("crm-loyalty-").tempdir_in(&options.dir)?;
    println!("{}", machine::describe(dir.path())?);
    if options.backend != Backend::Postgres {
        let path = dir.path();
        // Each part in a file of its own.
        parts(&options, None, |name| ClubStore::sqlite(&path.join(name).with_extension("sqlite")))?;
    }
    if options.backend != Backend::Sqlite {
        match PostgresServer::start(&options.dir)? {
            Some(mut server) => {
                let pid = server.pid();
                parts(&options, pid, |name| Ok(ClubStore::Postgres(server.new_database(name)?)))?;
            }
            None if options.backend == Backend::All => eprintln!("no PostgreSQL here: left out"),
            None => return Err("no PostgreSQL here".into()),
        }
    }
    Ok(())
}

fn parts(options: &Options, server: Option<u32>, mut store: impl FnMut(&str) -> Result<ClubStore>) -> Result<()> {
    if options.wants("sweep") {
        sweep(options, &store("sweep")?)?;
    }
    if options.wants("purchases") {
        write_path(options, &store("purchases")?, server)?;
    }
    if options.wants("tills") {
        tills(options, store)?;
    }
    Ok(())
}

/// Everything expires that every member has.
fn sweep(options: &Options, store: &ClubStore) -> Result<()> {
    let members = options.lots.div_ceil(LOTS_EACH).max(1);
    let shop = Shop::new(members, 3)?;
    let opening =
        |asset, amount, end: &str| Ok::<_, crm_core::Error>(Opening { asset, amount, expires_at: end.parse()? });
    let openings = [
        opening(Asset::Credit(shop.currency), 500, "2025-07-02T02:00:00Z")?,
        opening(Asset::Points, 10, "2026-01-02T02:00:00Z")?,
    ];
    let crm = store.open(&shop, &openings, &club::programme(&shop)?, !options.smoke)?;
    // The loader takes more memory than the sweep does, so that has a process of its own.
    crm.blocking().close()?;
    println!("sweep {}: lots that expire, {LOTS_EACH} of each member", store.describe()?);
    let lots = (members * LOTS_EACH).to_string();
    let status = Command::new(std::env::current_exe()?).args(["--sweep", &store.url(), "--lots", &lots]).status()?;
    let left = store.open_lots()?;
    if left != 0 || !status.success() {
        return Err(format!("{left} lots are left").into());
    }
    finish(&ours::connect_club(&store.url())?, options)
}

fn sweep_alone(url: &str, lots: usize) -> Result<()> {
    let crm = ours::connect_club(url)?;
    let how = RunDue { only: ["accounts".to_owned()].into(), ..RunDue::default() };
    let before = machine::peak_kib();
    let start = Instant::now();
    let report = run_due_blocking(&crm, &Actor::system(), &how, |_| std::ops::ControlFlow::Continue(()))?;
    let took = start.elapsed().as_secs_f64();
    let after = machine::peak_kib();
    if report.stopped || !report.failures.is_empty() {
        return Err(format!("{} failures", report.failures.len()).into());
    }
    let members: u64 = report.jobs.iter().map(|job| job.done).sum();
    let mib = |kib: Option<u64>| kib.map_or_else(|| "?".to_owned(), |kib| format!("{:.1}", kib as f64 / 1024.0));
    let mut table =
        Table::new(&["lots", "members", "in a unit", "seconds", "lots/s", "peak before, MiB", "peak after, MiB"]);
    table.row(vec![
        lots.to_string(),
        members.to_string(),
        how.chunk.get().to_string(),
        format!("{took:.2}"),
        format!("{:.0}", lots as f64 / took),
        mib(before),
        mib(after),
    ]);
    table.print();
    Ok(crm.blocking().close()?)
}

fn write_path(options: &Options, store: &ClubStore, server: Option<u32>) -> Result<()> {
    let shop = Shop::new(options.sizes[0], options.products)?;
    let crm = store.open(&shop, &club::openings(&shop), &club::programme(&shop)?, !options.smoke)?;
    let feed = Feed::of_members(shop);
    options.announce("members");
    println!("loyalty {}", store.describe()?);
    let mut variants: Vec<Box<dyn Variant>> = match store {
        ClubStore::Sqlite(store) => vec![
            Box::new(SqlitePlain::new(store, &feed)?),
            Box::new(SqliteLimit::new(store, &feed, Tuning::Default)?),
            Box::new(SqliteLimit::new(store, &feed, Tuning::Large)?),
        ],
        ClubStore::Postgres(url) => vec![
            Box::new(PostgresPlain::new(url, &feed, 1)?),
            Box::new(PostgresPlain::new(url, &feed, 8)?),
            Box::new(PostgresLimit::new(url, &feed)?),
        ],
    };
    variants.extend(options.callers.iter().map(|&callers| Box::new(Ours::new(&crm, callers)) as _));
    variants.extend(options.threads.iter().map(|&threads| Box::new(Ours::threads(&crm, threads)) as _));
    let plan = Plan { rounds: options.rounds, cell: options.cell, server, own_cpu: true };
    compete(&mut variants, &feed, &plan)?;
    if options.smoke {
        same_rows(store)?;
    }
    finish(&crm, options)
}

/// Everybody has written the same of a purchase: those that redeem are of one shape, the others of another.
fn same_rows(store: &ClubStore) -> Result<()> {
    let shapes = store.shapes()?;
    if shapes.len() == 2 { Ok(()) } else { Err(format!("not everybody writes the same: {shapes:#?}").into()) }
}

/// Tills redeem from one account until its day is used up, and from many until their credit is.
fn tills(options: &Options, mut store: impl FnMut(&str) -> Result<ClubStore>) -> Result<()> {
    let (tills, attempts) = if options.smoke { (8, 6) } else { (TILLS, ATTEMPTS) };
    let mut table =
        Table::new(&["accounts, stores", "purchases/s", "p50_ms", "p99_ms", "recorded", "refused", "gave up"]);
    let (mut busy, mut about) = (0, String::new());
    let ways = [(1, 1), (1, OPENINGS), (2 * TILLS, 1), (2 * TILLS, OPENINGS)];
    for (accounts, stores) in ways.into_iter().filter(|(_, stores)| !options.smoke || *stores > 1) {
        let store = store(&format!("tills_{accounts}_{stores}"))?;
        let shop = Shop::new(accounts, options.products)?;
        // About three quarters of what is tried: of what each account can have, the rest is refused.
        let most = i64::try_from((tills * attempts * 3).div_ceil(accounts * 4))? * PART;
        let (credit_minor, per_day_minor) = if accounts == 1 { (2 * most, most) } else { (most, 2 * most) };
        let opening = Opening { asset: Asset::Credit(shop.currency), amount: credit_minor, expires_at: NEVER };
        let mut crms =
            vec![store.open(&shop, &[opening], &club::redeeming_programme(&shop, per_day_minor)?, !options.smoke)?];
        for _ in 1..stores {
            crms.push(ours::connect_club(&store.url())?);
        }
        let feed = Feed::of_redeemers(shop);
        let mut met = Tills { tills, attempts, credit_minor, per_day_minor }.run(&crms, &feed)?;
        busy += met.busy;
        about = store.describe()?;
        table.row([vec![format!("{accounts}, {stores}")], met.cells()].concat());
        for (place, crm) in crms.iter().enumerate() {
            // Always: that nothing was overspent is what this is for.
            if place == 0 {
                ours::verify(crm)?;
            }
            crm.blocking().close()?;
        }
    }
    println!("tills {about}: {tills} at once, {attempts} purchases tried by each, until nothing more can be redeemed");
    table.print();
    if busy > 0 {
        return Err(format!("{busy} purchases gave up").into());
    }
    Ok(())
}

/// In a smoke run, the library checks what everybody wrote.
fn finish(crm: &Crm, options: &Options) -> Result<()> {
    if options.smoke {
        ours::verify(crm)?;
    }
    Ok(crm.blocking().close()?)
}
