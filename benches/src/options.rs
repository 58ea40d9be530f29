//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::Result;

/// What to run, and for how long.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--backend sqlite|postgres|all`
    pub backend: Backend,
    /// `--seconds N`: how long each variant writes in each round.
    pub cell: Duration,
    /// `--rounds N`: how often every variant has its turn; medians are reported.
    pub rounds: usize,
    /// `--callers 1,8,64,256`: concurrent callers of our library, as tasks of one thread.
    pub callers: Vec<usize>,
    /// `--threads 64`: concurrent callers, each a thread that blocks; none unless told.
    pub threads: Vec<usize>,
    /// `--readers N`: also measure writers with so many readers beside them.
    pub readers: usize,
    /// `--delay-us N`: put so much delay on each way between the client and PostgreSQL.
    pub delay: Duration,
    /// `--without-foreign-keys`: also measure the limit on a copy without foreign keys.
    pub without_foreign_keys: bool,
    /// `--sizes 1000,100000,1000000`: customers; the write path takes the first.
    pub sizes: Vec<usize>,
    /// `--journal 100000,1000000,5000000`: journal entries at each of the sizes.
    pub journal: Vec<usize>,
    /// `--products N`
    pub products: usize,
    /// `--lots N`: lots that expire in the sweep of the club.
    pub lots: usize,
    /// `--only sweep,purchases,tills`: only these parts of the bench of the club; all of them if it is empty.
    pub only: Vec<String>,
    /// `--sweep URL`: nothing but the sweep, over the store at this address, which has so many lots. The bench runs itself so:
    /// then the memory of a process of its own is that of the sweep.
    pub sweep: Option<String>,
    /// `--dir PATH`: where data files are kept; the system's temporary directory unless told otherwise.
    pub dir: PathBuf,
    /// `--smoke`: see that it works, measure nothing.
    pub smoke: bool,
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite only.
    Sqlite,
    /// PostgreSQL only.
    Postgres,
    /// Both; PostgreSQL only where it is installed.
    All,
}

/// The benches of recording and reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bench {
    /// Recording purchases.
    WritePath,
    /// Searching customers and paging through the journal.
    ReadPath,
    /// Recording purchases of members of the club, and what becomes due on their accounts.
    Loyalty,
}

impl Options {
    /// Says what is run, on how many of whom, and what the ratios of the table mean.
    pub fn announce(&self, whom: &str) {
        println!(
            "run: {whom}={} products={} rounds={} seconds={} lines_per_purchase=3 durable=yes",
            self.sizes[0],
            self.products,
            self.rounds,
            self.cell.as_secs_f64()
        );
        println!(
            "/plain and /limit: throughput as a multiple of the hand-written variant of that name, the faster if two.\n"
        );
    }

    /// Reads the command line.
    ///
    /// # Errors
    /// For an option that is not known, or a value that does not fit.
    pub fn from_args(bench: Bench) -> Result<Self> {
        let mut options = Self {
            backend: Backend::All,
            cell: Duration::from_secs(2),
            rounds: 3,
            callers: if bench == Bench::Loyalty { vec![1, 64] } else { vec![1, 8, 64, 256] },
            threads: Vec::new(),
            readers: 0,
            delay: Duration::ZERO,
            without_foreign_keys: false,
            sizes: if bench == Bench::ReadPath { vec![1_000, 100_000, 1_000_000] } else { vec![100_000] },
            journal: vec![100_000, 1_000_000, 5_000_000],
            products: 10_000,
            lots: 20_000,
            only: Vec::new(),
            sweep: None,
            dir: std::env::temp_dir(),
            smoke: true,
        };
        let mut smoke_wanted = false;
        let mut parser = Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("bench") => options.smoke = false,
                Arg::Long("smoke") => smoke_wanted = true,
                Arg::Long("backend") => {
                    options.backend = match parser.value()?.string()?.as_str() {
                        "sqlite" => Backend::Sqlite,
                        "postgres" => Backend::Postgres,
                        "all" => Backend::All,
                        other => return Err(format!("no backend {other}").into()),
                    }
                }
                Arg::Long("seconds") => options.cell = Duration::try_from_secs_f64(parser.value()?.parse()?)?,
                Arg::Long("rounds") => options.rounds = parser.value()?.parse::<usize>()?.max(1),
                Arg::Long("callers") => options.callers = numbers(&parser.value()?.string()?)?,
                Arg::Long("threads") => options.threads = numbers(&parser.value()?.string()?)?,
                Arg::Long("readers") => options.readers = parser.value()?.parse()?,
                Arg::Long("delay-us") => options.delay = Duration::from_micros(parser.value()?.parse()?),
                Arg::Long("without-foreign-keys") => options.without_foreign_keys = true,
                Arg::Long("sizes") => options.sizes = numbers(&parser.value()?.string()?)?,
                Arg::Long("journal") => options.journal = numbers(&parser.value()?.string()?)?,
                Arg::Long("products") => options.products = parser.value()?.parse()?,
                Arg::Long("lots") => options.lots = parser.value()?.parse()?,
                Arg::Long("only") => options.only = parser.value()?.string()?.split(',').map(str::to_owned).collect(),
                Arg::Long("sweep") => options.sweep = Some(parser.value()?.string()?),
                Arg::Long("dir") => options.dir = parser.value()?.into(),
                // The test harness's own options (`cargo test -- --nocapture`) mean nothing here.
                Arg::Value(_) | Arg::Long("nocapture" | "test-threads") if options.smoke => {}
                other => return Err(other.unexpected().into()),
            }
        }
        options.smoke |= smoke_wanted;
        if options.smoke {
            options.cell = Duration::from_millis(40);
            options.rounds = 1;
            options.callers = vec![1, 8];
            options.threads = vec![2];
            options.sizes = vec![1_000];
            options.journal = vec![2_000];
            options.products = 100;
            options.lots = if options.sweep.is_some() { options.lots } else { 400 };
        }
        if options.sizes.is_empty()
            || options.products < 3
            || options.callers.contains(&0)
            || options.threads.contains(&0)
        {
            return Err("at least one size, three products and one caller are needed".into());
        }
        Ok(options)
    }
}

impl Options {
    /// Whether this part of the bench of the club is wanted.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

fn numbers(text: &str) -> Result<Vec<usize>> {
    text.split(',').map(|number| Ok(number.trim().parse()?)).collect()
}
