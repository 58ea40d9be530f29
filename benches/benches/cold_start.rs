//! Opening an existing SQLite store: migrations and tables checked, the first question answered. And what an idle store
//! keeps in memory.

use std::time::Instant;

use crm_benches::report::{micros, quantile};
use crm_benches::{Result, machine};
use crm_core::Crm;
use crm_core::access::Actor;
use crm_core::kernel::page::Limit;
use crm_storage_diesel::DieselStorage;

const OPENINGS: usize = 50;

fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    println!("{}", machine::describe(dir.path())?);
    let url = format!("sqlite:{}", dir.path().join("store.db").display());
    let before = resident_kib();
    let open = || -> Result<Crm> {
        let crm = Crm::builder(DieselStorage::open(&url)?).build_blocking()?;
        crm.blocking().read(&Actor::system(), "first question", |work| work.branches().page(Limit::default(), None))?;
        Ok(crm)
    };
    let start = Instant::now();
    open()?.blocking().close()?;
    println!("created and migrated in {:.1} ms", start.elapsed().as_secs_f64() * 1_000.0);
    let mut took = Vec::with_capacity(OPENINGS);
    for _ in 0..OPENINGS {
        let start = Instant::now();
        let crm = open()?;
        took.push(start.elapsed());
        crm.blocking().close()?;
    }
    println!("opened in p50 {} us, p99 {} us", micros(quantile(&mut took, 0.5)), micros(quantile(&mut took, 0.99)));
    let idle = open()?;
    if let (Some(before), Some(now)) = (before, resident_kib()) {
        println!(
            "idle, resident: {} KiB more than before the first opening ({now} KiB in all)",
            now.saturating_sub(before)
        );
    }
    idle.blocking().close()?;
    Ok(())
}

/// Memory of this process that is in RAM, where the system tells.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}
