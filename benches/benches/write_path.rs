//! Recording purchases: by hand one by one, by hand in groups, and through our library, in one run.

use std::net::ToSocketAddrs as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crm_benches::data::{Loader, Shop};
use crm_benches::feed::Feed;
use crm_benches::options::{Backend, Bench, Options};
use crm_benches::ours::{self, OurReads, Ours};
use crm_benches::postgres_limit::PostgresLimit;
use crm_benches::postgres_plain::PostgresPlain;
use crm_benches::postgres_reads::PostgresReads;
use crm_benches::postgres_server::PostgresServer;
use crm_benches::postgres_store::{self, PostgresLoader};
use crm_benches::reads::Reads;
use crm_benches::report::{micros, quantile};
use crm_benches::sqlite_limit::SqliteLimit;
use crm_benches::sqlite_plain::SqlitePlain;
use crm_benches::sqlite_reads::SqliteReads;
use crm_benches::sqlite_store::{SqliteStore, Tuning};
use crm_benches::variant::{Plan, Variant, compete, with_readers};
use crm_benches::{Result, machine, proxy};
use crm_core::Crm;
use url::Url;

/// Callers beside whom readers read.
const CALLERS_BESIDE_READERS: usize = 64;

/// Two threads that hand rows to each other wait for each other in the C library's allocator, at about 8 % of the speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let options = Options::from_args(Bench::WritePath)?;
    let dir = tempfile::Builder::new().prefix("crm-write-path-").tempdir_in(&options.dir)?;
    println!("{}", machine::describe(dir.path())?);
    options.announce("customers");
    if options.backend != Backend::Postgres {
        sqlite(&options, dir.path())?;
    }
    if options.backend != Backend::Sqlite {
        match PostgresServer::start(&options.dir)? {
            Some(server) => postgres(&options, server)?,
            None if options.backend == Backend::All => eprintln!("no PostgreSQL here: left out"),
            None => return Err("no PostgreSQL here".into()),
        }
    }
    Ok(())
}

fn shop(options: &Options, loader: &mut dyn Loader) -> Result<Feed> {
    let start = Instant::now();
    let shop = Shop::new(options.sizes[0], options.products)?;
    shop.load(loader)?;
    shop.load_customers(loader, 0..options.sizes[0])?;
    loader.settle()?;
    eprintln!("loaded in {:.1} s", start.elapsed().as_secs_f64());
    Ok(Feed::new(shop))
}

fn sqlite(options: &Options, dir: &Path) -> Result<()> {
    let store = SqliteStore::create(&dir.join("bench.sqlite"))?;
    let feed = shop(options, &mut store.loader()?)?;
    println!("write_path sqlite {} (WAL, synchronous=FULL)", rusqlite::version());
    let crm = ours::connect(&store.url())?;
    let mut variants: Vec<Box<dyn Variant>> = vec![
        Box::new(SqlitePlain::new(&store, &feed)?),
        Box::new(SqliteLimit::new(&store, &feed, Tuning::Default)?),
        Box::new(SqliteLimit::new(&store, &feed, Tuning::Large)?),
    ];
    if options.without_foreign_keys {
        variants.push(Box::new(SqliteLimit::without_foreign_keys(&store, &feed)?));
    }
    add_ours(&mut variants, &crm, options);
    let plan = Plan { rounds: options.rounds, cell: options.cell, server: None, own_cpu: true };
    compete(&mut variants, &feed, &plan)?;
    let mut by_hand = SqliteLimit::new(&store, &feed, Tuning::Large)?;
    beside_readers(&mut by_hand, || Ok(Box::new(SqliteReads::new(&store)?)), &crm, options, &feed, &plan)?;
    finish(&crm, options)
}

fn postgres(options: &Options, mut server: PostgresServer) -> Result<()> {
    let direct = server.url().clone();
    postgres_store::create(&direct)?;
    let feed = shop(options, &mut PostgresLoader::new(&direct)?)?;
    let copy = options.without_foreign_keys.then(|| server.copy_database("copy")).transpose()?;
    if let Some(copy) = &copy {
        postgres_store::drop_foreign_keys(copy)?;
    }
    let url = if options.delay.is_zero() { direct.clone() } else { through_proxy(&direct, options.delay)? };
    println!(
        "write_path postgres {} (default durability, added delay {} us each way, round trip {} us)",
        postgres_store::version(&direct)?,
        options.delay.as_micros(),
        micros(round_trip(&url)?)
    );
    let crm = ours::connect(url.as_str())?;
    let mut variants: Vec<Box<dyn Variant>> = vec![
        Box::new(PostgresPlain::new(&url, &feed, 1)?),
        Box::new(PostgresPlain::new(&url, &feed, 8)?),
        Box::new(PostgresLimit::new(&url, &feed)?),
    ];
    if let Some(copy) = &copy {
        let copy = if options.delay.is_zero() { copy.clone() } else { through_proxy(copy, options.delay)? };
        variants.push(Box::new(PostgresLimit::without_foreign_keys(&copy, &feed)?));
    }
    add_ours(&mut variants, &crm, options);
    // The proxy runs in this process, so its CPU time would be counted too.
    let own_cpu = options.delay.is_zero();
    let plan = Plan { rounds: options.rounds, cell: options.cell, server: server.pid(), own_cpu };
    compete(&mut variants, &feed, &plan)?;
    let mut by_hand = PostgresLimit::new(&url, &feed)?;
    beside_readers(&mut by_hand, || Ok(Box::new(PostgresReads::new(&url)?)), &crm, options, &feed, &plan)?;
    finish(&crm, options)
}

fn add_ours(variants: &mut Vec<Box<dyn Variant>>, crm: &Crm, options: &Options) {
    variants.extend(options.callers.iter().map(|&callers| Box::new(Ours::new(crm, callers)) as _));
    variants.extend(options.threads.iter().map(|&threads| Box::new(Ours::threads(crm, threads)) as _));
}

fn beside_readers(
    by_hand: &mut dyn Variant,
    reader: impl Fn() -> Result<Box<dyn Reads + Send>>,
    crm: &Crm,
    options: &Options,
    feed: &Feed,
    plan: &Plan,
) -> Result<()> {
    if options.readers == 0 {
        return Ok(());
    }
    let readers = (0..options.readers).map(|_| reader()).collect::<Result<_>>()?;
    with_readers(by_hand, readers, feed, plan)?;
    let readers = (0..options.readers).map(|_| Box::new(OurReads::new(crm)) as _).collect();
    with_readers(&mut Ours::new(crm, CALLERS_BESIDE_READERS), readers, feed, plan)
}

/// In a smoke run, the library checks what everybody wrote: so the variants by hand are held to write the same.
fn finish(crm: &Crm, options: &Options) -> Result<()> {
    if options.smoke {
        ours::verify(crm)?;
    }
    Ok(crm.blocking().close()?)
}

fn through_proxy(url: &Url, delay: Duration) -> Result<Url> {
    let (host, port) = (url.host_str().ok_or("no host in the address")?, url.port().unwrap_or(5432));
    let target = (host, port).to_socket_addrs()?.next().ok_or("no such host")?;
    let proxy = proxy::start(target, delay)?;
    let mut through = url.clone();
    through.set_host(Some("127.0.0.1"))?;
    through.set_port(Some(proxy.port())).map_err(|()| "no port can be set")?;
    Ok(through)
}

fn round_trip(url: &Url) -> Result<Duration> {
    let mut client = postgres_store::connect(url)?;
    let mut taken = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        client.batch_execute("")?;
        taken.push(start.elapsed());
    }
    Ok(quantile(&mut taken, 0.5))
}
