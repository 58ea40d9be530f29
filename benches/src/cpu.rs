//! CPU time, as Linux tells it in `/proc`. Elsewhere there is none, and the columns stay empty.

use std::fs;
use std::time::Duration;

/// Linux reports in hundredths of a second to programs, whatever the kernel uses inside.
const TICK: Duration = Duration::from_millis(10);

/// What this process has used, in user and kernel mode, all threads together.
pub fn of_this_process() -> Option<Duration> {
    let stat = Stat::of("self")?;
    Some(TICK * (stat.own).try_into().ok()?)
}

/// What a process and its children have used: a PostgreSQL server with all its backends.
pub fn of_server(pid: u32) -> Option<Duration> {
    let mut ticks = Stat::of(&pid.to_string())?.with_waited();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) else { continue };
        if let Some(stat) = Stat::of(name).filter(|stat| stat.parent == u64::from(pid)) {
            ticks += stat.with_waited();
        }
    }
    Some(TICK * ticks.try_into().ok()?)
}

/// A line of `/proc/PID/stat`.
struct Stat {
    parent: u64,
    own: u64,
    waited: u64,
}

impl Stat {
    fn of(pid: &str) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; numbers follow the last one. See proc(5).
        let (_, numbers) = line.rsplit_once(')')?;
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        let number = |at: usize| numbers.get(at)?.parse::<u64>().ok();
        Some(Self { parent: number(1)?, own: number(11)? + number(12)?, waited: number(13)? + number(14)? })
    }

    fn with_waited(&self) -> u64 {
        self.own + self.waited
    }
}
