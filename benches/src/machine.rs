//! One line about the machine: without it a figure means nothing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;
use crate::report::quantile;

/// Cores, processor, kernel, load, and how long the disk takes to make 4 KiB durable.
///
/// # Errors
/// When the directory cannot be written.
pub fn describe(dir: &Path) -> Result<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(" unknown processor");
    let cpu = cpu.trim_start_matches(['\t', ' ', ':']).trim();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    let sync = quantile(&mut sync_times(dir)?, 0.5);
    Ok(format!(
        "machine: cores={cores} cpu=\"{cpu}\" kernel={} load={load} fdatasync_p50_us={} sqlite={}",
        kernel.trim(),
        sync.as_micros(),
        rusqlite::version(),
    ))
}

fn sync_times(dir: &Path) -> Result<Vec<Duration>> {
    let path = dir.join("sync");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(path)?;
    Ok(times)
}

/// The most memory this process has had at once so far, in KiB, as Linux tells it. Elsewhere nothing.
pub fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}
