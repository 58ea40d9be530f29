//! A PostgreSQL server for the tests of one binary, and a tenant of its own for each test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a data directory, starts a server that listens on a socket in it, says where, and cleans up when this process
/// is gone: its end of the pipe closes then, however it ends.
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
trap 'cd /; $as "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; rm -rf "$dir"' EXIT
# Another default order than that of bytes, so that a column that forgets its collation shows.
if ! $as "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
    --locale-provider=icu --icu-locale=en-US >"$dir/log" 2>&1; then tail -n 5 "$dir/log"; exit 1; fi
if ! $as "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/data/log" -o "-k $dir -c listen_addresses= -c fsync=on" start \
    >"$dir/log" 2>&1; then tail -n 5 "$dir/data/log"; exit 1; fi
echo "ready $dir"
read -r _ || true
"#;

struct Server {
    url: String,
    /// Keeps the pipe open.
    _child: Option<Child>,
}

fn server() -> &'static Server {
    static SERVER_OF_THIS_BINARY: OnceLock<Server> = OnceLock::new();
    SERVER_OF_THIS_BINARY.get_or_init(|| {
        if let Ok(url) = std::env::var("CRM_TEST_POSTGRES") {
            return Server { url, _child: None };
        }
        start()
    })
}

fn start() -> Server {
    let mut child = Command::new("sh")
        .args(["-c", SERVER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell to start PostgreSQL with");
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("its output"));
    output.read_line(&mut line).expect("its first line");
    match line.trim().strip_prefix("ready ") {
        Some(dir) => Server { url: format!("postgresql:///postgres?host={dir}&user=postgres"), _child: Some(child) },
        None => panic!(
            "no PostgreSQL for the tests: {}\nInstall it, or name a server in CRM_TEST_POSTGRES \
             (for example: postgresql://postgres@localhost/test)",
            line.trim()
        ),
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
