//! The main job as a program: the same history gives the same report, also when it is killed on the way.
#![allow(clippy::unwrap_used, reason = "what fails in a helper of a test fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A folder of its own for each test, gone when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("club-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn club(folder: &Path, store: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_club"));
    command.current_dir(folder).args(["--quiet", "--report", &format!("{store}.html")]);
    command.args(["--store", &format!("sqlite:{store}.db")]).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// T-9, T-14: whatever a run was killed in, the next one comes to what a run without a kill comes to, and another run
/// changes nothing.
#[test]
fn a_run_that_was_killed_is_simply_run_again() {
    let folder = Folder::new("killed");
    assert!(club(&folder.0, "whole").status().unwrap().success());
    for (store, millis) in [("early", 150), ("middle", 700), ("late", 1_800)] {
        let mut run = club(&folder.0, store).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(millis));
        run.kill().unwrap();
        run.wait().unwrap();
        for _ in 0..2 {
            assert!(club(&folder.0, store).status().unwrap().success(), "{store}");
            let report = |name: &str| std::fs::read_to_string(folder.0.join(format!("{name}.html"))).unwrap();
            assert!(report(store) == report("whole"), "{store}");
        }
    }
}

/// What one till records one after the other is what many record at once.
#[test]
fn many_tills_come_to_what_one_comes_to() {
    let folder = Folder::new("tills");
    assert!(club(&folder.0, "many").status().unwrap().success());
    assert!(club(&folder.0, "one").args(["--callers", "1"]).status().unwrap().success());
    let report = |name: &str| std::fs::read_to_string(folder.0.join(format!("{name}.html"))).unwrap();
    assert!(report("many") == report("one"));
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_is_made() {
    let folder = Folder::new("wrong");
    std::fs::write(folder.0.join("h.csv"), "who,when\n1,2024-01-01\n").unwrap();
    let run = club(&folder.0, "x").args(["--history", "h.csv"]).stderr(Stdio::piped()).output().unwrap();
    assert!(!run.status.success());
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.contains("--amount") && said.contains("who, when"), "{said}");
    assert!(!folder.0.join("x.db").exists() && !folder.0.join("x.html").exists());
}

/// A server that is gone when the test is: it is told to stop by the end of its input.
#[cfg(feature = "postgres")]
struct Server(std::process::Child, String);

#[cfg(feature = "postgres")]
impl Server {
    fn start() -> Self {
        use std::io::BufRead as _;
        const SCRIPT: &str = r#"
            for bin in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin; do [ -x "$bin/initdb" ] && break; done
            dir=$(mktemp -d) && cd "$dir" || exit 1
            as=""
            if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; as="setpriv --reuid=postgres --regid=postgres --clear-groups"; fi
            trap '$as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; cd /; rm -rf "$dir"' EXIT
            trap 'exit 1' HUP INT TERM
            $as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 >/dev/null 2>&1 &&
            $as "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/data/log" -o "-k $dir -c listen_addresses=" start >/dev/null 2>&1 ||
            exit 1
            echo "$dir"
            read -r _
        "#;
        let mut shell = Command::new("sh");
        let mut shell = shell.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut dir = String::new();
        std::io::BufReader::new(shell.stdout.as_mut().unwrap()).read_line(&mut dir).unwrap();
        assert!(!dir.is_empty(), "no PostgreSQL could be started");
        Self(shell, format!("postgresql:///postgres?host={}&user=postgres", dir.trim()))
    }
}

#[cfg(feature = "postgres")]
impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The same history comes to the same on both databases, to the last byte of the report.
#[cfg(feature = "postgres")]
#[test]
fn both_databases_come_to_the_same() {
    let (folder, server) = (Folder::new("both"), Server::start());
    assert!(club(&folder.0, "sqlite").status().unwrap().success());
    // Of an option that is given twice the last counts.
    assert!(club(&folder.0, "postgres").args(["--store", &server.1]).status().unwrap().success());
    let report = |name: &str| std::fs::read_to_string(folder.0.join(format!("{name}.html"))).unwrap();
    assert!(report("sqlite") == report("postgres"));
}
