//! Searching customers and paging through the journal: by hand and through our library, while everything grows.

use std::path::Path;
use std::time::{Duration, Instant};

use crm_benches::data::{Loader, Shop};
use crm_benches::history::History;
use crm_benches::options::{Backend, Bench, Options};
use crm_benches::ours::{self, OurReads};
use crm_benches::postgres_reads::PostgresReads;
use crm_benches::postgres_server::PostgresServer;
use crm_benches::postgres_store::{self, PostgresLoader};
use crm_benches::reads::Reads;
use crm_benches::report::{Table, micros, quantile};
use crm_benches::sqlite_reads::SqliteReads;
use crm_benches::sqlite_store::SqliteStore;
use crm_benches::{Result, machine};

/// How often each query is asked, with other parameters each time.
const REPEATS: usize = 500;

fn main() -> Result<()> {
    let options = Options::from_args(Bench::ReadPath)?;
    let dir = tempfile::Builder::new().prefix("crm-read-path-").tempdir_in(&options.dir)?;
    println!("{}", machine::describe(dir.path())?);
    println!("growth: p50 at the largest size as a multiple of p50 at the smallest. Pages of 50, searches of 20.\n");
    if options.backend != Backend::Postgres {
        sqlite(&options, dir.path())?;
    }
    if options.backend != Backend::Sqlite {
        match PostgresServer::start(&options.dir)? {
            Some(server) => postgres(&options, &server)?,
            None if options.backend == Backend::All => eprintln!("no PostgreSQL here: left out"),
            None => return Err("no PostgreSQL here".into()),
        }
    }
    Ok(())
}

fn sqlite(options: &Options, dir: &Path) -> Result<()> {
    let store = SqliteStore::create(&dir.join("bench.sqlite"))?;
    println!("read_path sqlite {}", rusqlite::version());
    let crm = ours::connect(&store.url())?;
    grow(options, &mut store.loader()?, || {
        let mut readers: Readers = vec![("by hand", Box::new(SqliteReads::new(&store)?))];
        readers.push(("ours", Box::new(OurReads::new(&crm))));
        Ok(readers)
    })
}

fn postgres(options: &Options, server: &PostgresServer) -> Result<()> {
    postgres_store::create(server.url())?;
    println!("read_path postgres {}", postgres_store::version(server.url())?);
    let crm = ours::connect(server.url().as_str())?;
    grow(options, &mut PostgresLoader::new(server.url())?, || {
        let mut readers: Readers = vec![("by hand", Box::new(PostgresReads::new(server.url())?))];
        readers.push(("ours", Box::new(OurReads::new(&crm))));
        Ok(readers)
    })
}

type Readers = Vec<(&'static str, Box<dyn Reads>)>;

/// A query of one reader, with p50 and p99 at each size.
struct Line {
    name: String,
    times: Vec<(Duration, Duration)>,
}

fn grow(options: &Options, loader: &mut dyn Loader, readers: impl Fn() -> Result<Readers>) -> Result<()> {
    let shop = Shop::new(options.sizes.iter().copied().max().unwrap_or(0), options.products)?;
    shop.load(loader)?;
    let mut history = History::new(&shop)?;
    let mut lines: Vec<Line> = Vec::new();
    let mut headings = vec!["query".to_owned()];
    let mut loaded = 0;
    for (&customers, &entries) in options.sizes.iter().zip(&options.journal) {
        let start = Instant::now();
        shop.load_customers(loader, loaded..customers)?;
        shop.load_receipts(loader, loaded..customers)?;
        loaded = loaded.max(customers);
        history.load_up_to(loader, entries)?;
        loader.settle()?;
        eprintln!("{customers} customers, {entries} entries: loaded in {:.1} s", start.elapsed().as_secs_f64());
        headings.extend([format!("{customers}/{entries} p50_us"), "p99_us".to_owned()]);
        let mut at = 0;
        for (who, mut reader) in readers()? {
            for (name, mut ask) in questions(&shop, customers, &history) {
                let mut times = Vec::with_capacity(REPEATS);
                let mut answered = 0;
                for number in 0..REPEATS + REPEATS / 10 {
                    let start = Instant::now();
                    answered += ask(reader.as_mut(), number)?;
                    times.push(start.elapsed());
                }
                // The first ones warm caches and statements up.
                let mut times = times.split_off(REPEATS / 10);
                if answered == 0 {
                    return Err(format!("{name}: {who} found nothing").into());
                }
                let times = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
                if lines.len() == at {
                    lines.push(Line { name: format!("{name}, {who}"), times: Vec::new() });
                }
                lines[at].times.push(times);
                at += 1;
            }
        }
    }
    headings.push("growth".to_owned());
    print(&headings, &lines);
    for (_, mut reader) in readers()? {
        for plan in reader.plans(&history.pages())? {
            println!("plan: {}\n  {}", plan.about, plan.plan.replace('\n', "\n  "));
        }
    }
    println!();
    Ok(())
}

fn print(headings: &[String], lines: &[Line]) {
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    for line in lines {
        let mut cells = vec![line.name.clone()];
        cells.extend(line.times.iter().flat_map(|(p50, p99)| [micros(*p50), micros(*p99)]));
        let p50 = |times: Option<&(Duration, Duration)>| times.map_or(0.0, |(p50, _)| p50.as_secs_f64());
        cells.push(format!("{:.1}", p50(line.times.last()) / p50(line.times.first())));
        table.row(cells);
    }
    table.print();
}

type Ask<'a> = Box<dyn FnMut(&mut dyn Reads, usize) -> Result<usize> + 'a>;

/// What is asked, by name; the number picks the customer whose data are typed.
fn questions<'a>(shop: &'a Shop, customers: usize, history: &History<'_>) -> Vec<(&'static str, Ask<'a>)> {
    let any = move |number: usize| shop.customer(fastrand::Rng::with_seed(number as u64).usize(..customers));
    let prefix = |text: &str, letters: usize| text.chars().take(letters).collect::<String>();
    let mut questions: Vec<(&'static str, Ask<'a>)> = vec![
        (
            "search, 3 letters",
            Box::new(move |reader, number| {
                let last = any(number)?.folded_name.split(' ').next_back().unwrap_or_default().to_owned();
                reader.search(&prefix(&last, 3))
            }),
        ),
        (
            "search, two words",
            Box::new(move |reader, number| {
                let name = any(number)?.folded_name;
                let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
                reader.search(&format!("{first} {}", prefix(last, 4)))
            }),
        ),
        (
            "search, last 6 digits",
            Box::new(move |reader, number| {
                let phone = any(number)?.phone.ok_or("no phone")?;
                reader.search(phone.digits().get(5..).unwrap_or_default())
            }),
        ),
        ("search, card", Box::new(move |reader, number| reader.search(&format!("c{:09}", number * 2 % customers)))),
        ("search, receipt", Box::new(move |reader, number| reader.search(&format!("r{:09}", number % customers)))),
    ];
    for (name, page) in history.pages() {
        questions.push((name, Box::new(move |reader, _| reader.journal(&page))));
    }
    questions
}
