//! Peers beside the library, on one machine in one run: what each of them does of a purchase with points and credit.
//!
//! See the README for what is compared, and for what is not equal.

mod cala;
#[path = "../../src/machine.rs"]
#[allow(dead_code, reason = "the benches of the library use more of it")]
mod machine;
#[path = "../../src/postgres_server.rs"]
#[allow(dead_code, reason = "the benches of the library use more of it")]
mod postgres_server;
#[path = "../../src/report.rs"]
#[allow(dead_code, reason = "the benches of the library use more of it")]
mod report;
mod stateset;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use lexopt::{Arg, ValueExt as _};

use postgres_server::PostgresServer;
use report::Table;

/// Whatever goes wrong ends the run.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--seconds N`: how long each turn lasts.
    pub cell: Duration,
    /// `--members N`
    pub members: usize,
    /// `--products N`
    pub products: usize,
    /// `--callers N`: callers at once, beside one alone.
    pub callers: usize,
    /// `--ours PATH`: the executable of the bench `loyalty`, to run beside.
    ours: Option<PathBuf>,
    /// `--dir PATH`
    dir: PathBuf,
}

impl Options {
    fn from_args() -> Result<Self> {
        let mut options = Self {
            cell: Duration::from_secs(5),
            members: 1_000,
            products: 300,
            callers: 64,
            ours: None,
            dir: std::env::temp_dir(),
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("seconds") => options.cell = Duration::try_from_secs_f64(parser.value()?.parse()?)?,
                Arg::Long("members") => options.members = parser.value()?.parse()?,
                Arg::Long("products") => options.products = parser.value()?.parse::<usize>()?.max(3),
                Arg::Long("callers") => options.callers = parser.value()?.parse()?,
                Arg::Long("ours") => options.ours = Some(parser.value()?.into()),
                Arg::Long("dir") => options.dir = parser.value()?.into(),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }
}

fn main() -> Result<()> {
    let options = Options::from_args()?;
    let dir = tempfile::Builder::new().prefix("crm-peers-").tempdir_in(&options.dir)?;
    println!("{}", machine::describe(dir.path())?);
    println!("run: members={} products={} seconds={}", options.members, options.products, options.cell.as_secs_f64());
    let mut table = Table::new(&["peer", "purchases/s", "p50_ms", "p99_ms"]);
    stateset::run(&dir.path().join("stateset.sqlite"), &options, &mut table)?;
    let mut server = PostgresServer::start(&options.dir)?.ok_or("no PostgreSQL here")?;
    let copy = server.new_database("cala")?;
    cala::run(copy.as_str(), &options, &mut table)?;
    table.print();
    if let Some(ours) = &options.ours {
        let mut maintenance = server.url().clone();
        maintenance.set_path("postgres");
        let status = Command::new(ours)
            .args(["--bench", "--only", "purchases", "--rounds", "1", "--backend", "all"])
            .args(["--seconds", &options.cell.as_secs_f64().to_string()])
            .args(["--callers", &format!("1,{}", options.callers)])
            .args(["--sizes", &options.members.to_string(), "--products", &options.products.to_string()])
            .env(postgres_server::ENVIRONMENT, maintenance.as_str())
            .status()?;
        if !status.success() {
            return Err("the library's own bench failed".into());
        }
    }
    Ok(())
}

/// A row of the table.
pub fn row(name: String, mut taken: Vec<Duration>, start: Instant) -> Vec<String> {
    let rate = taken.len() as f64 / start.elapsed().as_secs_f64();
    let p50 = report::millis(report::quantile(&mut taken, 0.5));
    vec![name, format!("{rate:.0}"), p50, report::millis(report::quantile(&mut taken, 0.99))]
}
