//! The main job as a program: the same history gives the same report, also when it is killed on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed test is the report")]

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
