//! Child processes of a test: the test binary itself, told by the environment to be a child.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ROLE: &str = "CRM_TEST_CHILD";

/// What the parent wants this process to do, if it is a child: the words given to [`spawn`].
pub fn role(test: &str) -> Option<Vec<String>> {
    let words = std::env::var(ROLE).ok()?;
    let mut words = words.split('\u{1f}').map(str::to_owned);
    (words.next().as_deref() == Some(test)).then(|| words.collect())
}

/// A child that runs `test` of this binary. Dropped, it is killed: no test leaves a process behind.
pub struct Running {
    child: Child,
    input: ChildStdin,
    output: Option<BufReader<ChildStdout>>,
}

/// Starts this binary as a child that runs `test` with these words.
pub fn spawn(test: &str, words: &[&str]) -> Running {
    let mut role = vec![test];
    role.extend(words);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(ROLE, role.join("\u{1f}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().map(BufReader::new));
    Running { child, input, output }
}

impl Running {
    /// Tells the child to go on.
    pub fn go(&mut self) {
        writeln!(self.input, "go").unwrap();
    }

    /// The lines the child says with [`say`], until it ends.
    pub fn lines(&mut self) -> impl Iterator<Item = String> + Send + use<> {
        let output = self.output.take().unwrap();
        output
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| line.split_once('\u{1e}').map(|(_, said)| said.to_owned()))
    }

    /// Kills the child at once, with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the child to end by itself, well.
    pub fn finish(mut self) {
        assert!(self.child.wait().unwrap().success(), "a child failed");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In a child: says a line to the parent. The mark keeps it apart from what the test runner prints.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\u{1e}{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// In a child: waits for the parent's [`Running::go`].
pub fn wait_for_go() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}
