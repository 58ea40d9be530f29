//! A PostgreSQL of our own, with the durability it comes with; or the one `CRM_TEST_POSTGRES` names.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use tempfile::TempDir;
use url::Url;

use crate::Result;

/// The address of a server to use instead of starting one, with a role that may create databases.
pub const ENVIRONMENT: &str = "CRM_TEST_POSTGRES";

/// A server with a database of our own in it. What was started is stopped, and what was created removed, when dropped.
#[derive(Debug)]
pub struct PostgresServer {
    url: Url,
    maintenance: Url,
    databases: Vec<String>,
    // Dropped after the databases: see `Drop`.
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    data: TempDir,
    bin: PathBuf,
    owner: Option<Owner>,
}

/// Whom to run as: PostgreSQL refuses root.
#[derive(Debug, Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl PostgresServer {
    /// Starts a server below this directory, or uses the one that is named. `None` where there is no PostgreSQL.
    ///
    /// # Errors
    /// When a server is there but does not start.
    pub fn start(dir: &Path) -> Result<Option<Self>> {
        let (maintenance, process) = if let Ok(url) = std::env::var(ENVIRONMENT) {
            (Url::parse(&url)?, None)
        } else {
            let Some(bin) = binaries() else { return Ok(None) };
            let (url, process) = Process::start(dir, bin)?;
            (url, Some(process))
        };
        let mut server = Self { url: maintenance.clone(), maintenance, databases: Vec::new(), process };
        server.url = server.create_database("bench", None)?;
        Ok(Some(server))
    }

    /// The address of the database.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The process of the server, if it was started here.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Copies the database, to try something on the copy. Nobody may be connected to it.
    ///
    /// # Errors
    /// What the server meets.
    pub fn copy_database(&mut self, name: &str) -> Result<Url> {
        let source = self.databases.first().cloned();
        self.create_database(name, source.as_deref())
    }

    /// One more database, with nothing in it.
    ///
    /// # Errors
    /// What the server meets.
    pub fn new_database(&mut self, name: &str) -> Result<Url> {
        self.create_database(name, None)
    }

    fn create_database(&mut self, name: &str, template: Option<&str>) -> Result<Url> {
        let name = format!("crm_{name}_{}", std::process::id());
        let mut client = self.maintain()?;
        let from = template.map_or_else(String::new, |template| format!(" TEMPLATE {template}"));
        client.batch_execute(&format!("CREATE DATABASE {name}{from}"))?;
        let mut url = self.maintenance.clone();
        url.set_path(&name);
        self.databases.push(name);
        Ok(url)
    }

    fn maintain(&self) -> Result<Client> {
        Ok(Client::connect(self.maintenance.as_str(), NoTls)?)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.process.is_none() {
            let Ok(mut client) = self.maintain() else { return };
            for name in &self.databases {
                if let Err(error) = client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")) {
                    eprintln!("database {name} is left behind: {error}");
                }
            }
        }
    }
}

impl Process {
    fn start(dir: &Path, bin: PathBuf) -> Result<(Url, Self)> {
        let data = tempfile::Builder::new().prefix("crm-postgres-").tempdir_in(dir)?;
        let owner = owner(data.path())?;
        if let Some(owner) = owner {
            chown(data.path(), Some(owner.uid), Some(owner.gid))?;
        }
        let cluster = data.path().join("cluster");
        let made = as_owner(&bin.join("initdb"), owner)
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"])
            .arg(&cluster)
            .stdout(Stdio::null())
            .status()?;
        if !made.success() {
            return Err("initdb failed".into());
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = as_owner(&bin.join("postgres"), owner)
            .arg("-D")
            .arg(&cluster)
            .arg("-k")
            .arg(data.path())
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(fs::File::create(data.path().join("log"))?)
            .spawn()?;
        let url = Url::parse(&format!("postgres://postgres@127.0.0.1:{port}/postgres"))?;
        let process = Self { child, data, bin, owner };
        let patience = Instant::now() + Duration::from_secs(30);
        while let Err(error) = Client::connect(url.as_str(), NoTls) {
            if Instant::now() > patience {
                let log = fs::read_to_string(process.data.path().join("log")).unwrap_or_default();
                return Err(format!("PostgreSQL does not answer: {error}\n{log}").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok((url, process))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let stopped = as_owner(&self.bin.join("pg_ctl"), self.owner)
            .args(["stop", "--mode=immediate", "--silent", "--pgdata"])
            .arg(self.data.path().join("cluster"))
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn as_owner(program: &Path, owner: Option<Owner>) -> Command {
    let mut command = Command::new(program);
    // The server opens relative paths, and its user may not see where we are.
    command.current_dir("/").env("LC_ALL", "C");
    if let Some(owner) = owner {
        command.uid(owner.uid).gid(owner.gid);
    }
    command
}

/// The user `postgres` when we are root, who owns what was just created; nobody else otherwise.
fn owner(just_created: &Path) -> Result<Option<Owner>> {
    if fs::metadata(just_created)?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut ids = line.ok_or("as root, a user named postgres is needed")?.split(':').skip(2);
    let mut next = || -> Result<u32> { Ok(ids.next().ok_or("a broken line in /etc/passwd")?.parse()?) };
    Ok(Some(Owner { uid: next()?, gid: next()? }))
}

/// Where `initdb` and `postgres` are.
fn binaries() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let named = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    named.join("initdb").exists().then_some(named)
}
