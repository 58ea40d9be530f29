//! A PostgreSQL server for the tests of one binary, and a tenant of its own for each test.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a data directory, starts a server that listens on a socket in it, says where, and cleans up when this process
/// is gone: its end of the pipe closes then, however it ends. Until then it does what it is told.
const SERVER: &str = r#"
set -e
for bin in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin /usr/local/bin /usr/bin; do
    if [ -x "$bin/initdb" ]; then break; fi
done
if [ ! -x "$bin/initdb" ]; then echo "no initdb found"; exit 1; fi
dir=$(mktemp -d)
# PostgreSQL refuses to run as root.
as=""
if [ "$(id -u)" = 0 ]; then
    chown postgres "$dir"
    as="setpriv --reuid=postgres --regid=postgres --clear-groups"
fi
cd "$dir"
trap 'exit 1' HUP INT TERM
trap 'cd /; $as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; rm -rf "$dir"' EXIT
# Another default order than that of bytes, so that a column that forgets its collation shows.
if ! $as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
    --locale-provider=icu --icu-locale=en-US >"$dir/log" 2>&1; then tail -n 5 "$dir/log"; exit 1; fi
start() {
    if ! $as "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/data/log" -o "-k $dir -c listen_addresses= -c fsync=on" start \
        >"$dir/log" 2>&1; then tail -n 5 "$dir/data/log"; exit 1; fi
}
start
echo "ready $dir"
while read -r order; do
    case $order in
    crash) $as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 ;;
    start) start ;;
    esac
    echo "done"
done
"#;

/// A server of this process.
pub(crate) struct Server {
    pub(crate) url: String,
    /// The folder with its socket, and the pipes it is told things by; none for a server that was here before.
    own: Option<Own>,
}

struct Own {
    dir: String,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

fn server() -> &'static Server {
    static SERVER_OF_THIS_BINARY: OnceLock<Server> = OnceLock::new();
    SERVER_OF_THIS_BINARY.get_or_init(|| {
        if let Ok(url) = std::env::var("CRM_TEST_POSTGRES") {
            return Server { url, own: None };
        }
        start().unwrap_or_else(|why| panic!("{}", refusal(&why)))
    })
}

fn refusal(why: &str) -> String {
    format!(
        "no PostgreSQL for the tests: {why}\nInstall it, or name a server in CRM_TEST_POSTGRES \
         (for example: postgresql://postgres@localhost/test)"
    )
}

/// Starts a server, which is gone when it is dropped.
#[allow(clippy::zombie_processes, reason = "the shell cleans up when the pipe closes, which may be after this process")]
fn start() -> Result<Server, String> {
    let mut child = Command::new("sh")
        .args(["-c", SERVER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell to start PostgreSQL with");
    let mut line = String::new();
    let orders = child.stdin.take().expect("its input");
    let mut answers = BufReader::new(child.stdout.take().expect("its output"));
    answers.read_line(&mut line).expect("its first line");
    match line.trim().strip_prefix("ready ") {
        Some(dir) => Ok(Server {
            url: format!("postgresql:///postgres?host={dir}&user=postgres"),
            own: Some(Own { dir: dir.to_owned(), orders, answers }),
        }),
        None => Err(line.trim().to_owned()),
    }
}

#[allow(dead_code, reason = "the unit tests harm no server")]
impl Server {
    /// A server of a test's own, which it may harm. `None` where there is only the one of `CRM_TEST_POSTGRES`.
    pub(crate) fn own() -> Option<Self> {
        match start() {
            Ok(server) => Some(server),
            Err(why) if std::env::var("CRM_TEST_POSTGRES").is_ok() => {
                println!("NOT RUN, for it harms its server, and none can be started: {why}");
                None
            }
            Err(why) => panic!("{}", refusal(&why)),
        }
    }

    /// The folder its socket is in.
    pub(crate) fn socket_dir(&self) -> &str {
        &self.own.as_ref().expect("a server of our own").dir
    }

    /// Stops at once, as a loss of power would.
    pub(crate) fn crash(&mut self) {
        self.order("crash");
    }

    /// Starts again, recovers, and takes connections.
    pub(crate) fn start_again(&mut self) {
        self.order("start");
    }

    fn order(&mut self, order: &str) {
        let own = self.own.as_mut().expect("a server of our own");
        writeln!(own.orders, "{order}").expect("the server's shell");
        let mut answer = String::new();
        own.answers.read_line(&mut answer).expect("the server's shell");
        assert_eq!(answer.trim(), "done", "{order}");
    }
}

/// Where the server is.
pub(crate) fn url() -> String {
    server().url.clone()
}

/// A name for a tenant that no other test uses.
pub(crate) fn tenant() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
