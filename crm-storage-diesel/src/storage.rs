//! `DieselStorage`: the storage port on a database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crm_core::work::{Health, Job, Mode, Ran, Schemas, Storage};
use crm_core::{Error, Result};

use crate::address::Address;
use crate::engine::{Connect, Engine, Settings};
use crate::group::Limits;
use crate::migrate::ModuleMigrations;
use crate::session::Session;

/// A storage on SQLite or PostgreSQL, chosen by its address. Cheap to clone; the clones share their connections.
///
/// Jobs are committed in groups: what is waiting when the writer is free goes into one transaction, is written with a
/// few multi-row statements, and is answered once the commit is durable. A job that fails harms no other.
///
/// ```
/// use crm_core::Crm;
/// use crm_storage_diesel::DieselStorage;
///
/// # fn main() -> crm_core::Result<()> {
/// let crm = Crm::builder(DieselStorage::open("sqlite::memory:")?).build_blocking()?;
/// assert!(crm.blocking().health()?.backend.starts_with("SQLite"));
/// crm.blocking().close()
/// # }
/// ```
#[derive(Clone)]
pub struct DieselStorage {
    inner: Arc<Inner>,
}

struct Inner {
    address: Address,
    options: StorageOptions,
    engine: Engine,
    is_tenant: bool,
    tenants: Mutex<HashMap<String, Weak<Inner>>>,
}

/// How a [`DieselStorage`] works. The defaults suit most.
#[derive(Clone)]
pub struct StorageOptions {
    pub(crate) writers: usize,
    readers: usize,
    queue: usize,
    group: usize,
    gather: Duration,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "PostgreSQL only"))]
    pub(crate) lock_timeout: Duration,
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "SQLite only"))]
    pub(crate) sqlite_max_pages: Option<u32>,
    attempts: u32,
    patience: Duration,
    slow: Option<(Duration, crate::group::SlowJob)>,
    migrations: Vec<ModuleMigrations>,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            writers: 2,
            readers: 2,
            queue: 1024,
            group: 64,
            gather: Duration::from_millis(2),
            lock_timeout: Duration::from_millis(250),
            sqlite_max_pages: None,
            attempts: 12,
            patience: Duration::from_secs(5),
            slow: None,
            migrations: Vec::new(),
        }
    }
}

impl StorageOptions {
    /// Threads that write to PostgreSQL, 2 by default, each with a connection of its own: while the server is at the jobs of
    /// one, another runs those it took. One never meets another writer of the same process, which is better where all write
    /// to the same few rows. On SQLite, where one at a time has the file, a second runs the jobs of the next group meanwhile, and
    /// writes them while the first waits for the disk; more are of no use.
    #[must_use]
    pub fn writers(self, writers: usize) -> Self {
        Self { writers: writers.max(1), ..self }
    }

    /// Connections that read, 2 by default, each with a thread for those who do not wait on their own. Without one, the writer
    /// reads too.
    #[must_use]
    pub fn readers(self, readers: usize) -> Self {
        Self { readers, ..self }
    }

    /// Jobs that may wait, 1024 by default. One more is refused with [`Error::Busy`].
    #[must_use]
    pub fn queue(self, queue: usize) -> Self {
        Self { queue: queue.max(1), ..self }
    }

    /// The most jobs that are committed together, 64 by default.
    #[must_use]
    pub fn group(self, group: usize) -> Self {
        Self { group: group.max(1), ..self }
    }

    /// How long the writer waits at most for the callers of the last group to come back together: 2 ms by default, and
    /// never more than an eighth of what that group took.
    #[must_use]
    pub fn gather(self, gather: Duration) -> Self {
        Self { gather, ..self }
    }

    /// How long a statement waits for a row that another process holds, 250 ms by default, 1 ms at least.
    #[must_use]
    pub fn lock_timeout(self, lock_timeout: Duration) -> Self {
        // For the server, zero would mean for ever.
        Self { lock_timeout: lock_timeout.max(Duration::from_millis(1)), ..self }
    }

    /// The most pages (4 KiB each) a SQLite file may have; no bound by default. What does not fit fails, and nothing of it
    /// is stored.
    #[must_use]
    pub fn sqlite_max_pages(self, pages: u32) -> Self {
        Self { sqlite_max_pages: Some(pages), ..self }
    }

    /// How often, and for how long, a job is tried that meets other writers: 12 times and 5 s by default.
    #[must_use]
    pub fn retries(self, attempts: u32, patience: Duration) -> Self {
        Self { attempts: attempts.max(1), patience, ..self }
    }

    /// Calls `report` with the label of a job that held the writer for longer than `limit`: something slow is in it.
    #[must_use]
    pub fn on_slow_job(self, limit: Duration, report: impl Fn(&str, Duration) + Send + Sync + 'static) -> Self {
        Self { slow: Some((limit, Arc::new(report))), ..self }
    }

    /// Adds the migrations of a third party's module, whose entities have tables of their own.
    #[must_use]
    pub fn migrations(mut self, migrations: ModuleMigrations) -> Self {
        self.migrations.push(migrations);
        self
    }
}

impl DieselStorage {
    /// A storage at this address: `sqlite:shop.db`, `sqlite::memory:`, `postgres://user@host/database`.
    /// Nothing is connected yet; building the [`Crm`](crm_core::Crm) does that and reports what is wrong.
    ///
    /// # Errors
    /// [`Error::Setup`] for an address that no compiled-in backend understands.
    pub fn open(url: &str) -> Result<Self> {
        Self::open_with(url, StorageOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(url: &str, options: StorageOptions) -> Result<Self> {
        Self::start(Address::parse(url)?, options, false)
    }

    fn start(address: Address, options: StorageOptions, is_tenant: bool) -> Result<Self> {
        let writers = match &address {
            address if address.is_private_to_one_connection() => 1,
            address if address.statements_are_round_trips() => options.writers,
            // One has the file, and one runs ahead.
            _ => options.writers.min(2),
        };
        let settings = Settings {
            writers,
            runs_ahead: writers > 1 && !address.statements_are_round_trips(),
            readers: if address.is_private_to_one_connection() { 0 } else { options.readers },
            queue: options.queue,
            group: options.group,
            gather: options.gather,
            housekeeping: address.housekeeping(),
            limits: Limits {
                batch_reads: address.statements_are_round_trips(),
                attempts: options.attempts,
                patience: options.patience,
                slow: options.slow.clone(),
            },
        };
        let connect: Connect = {
            let (address, options) = (address.clone(), options.clone());
            Arc::new(move |role| address.connect(role, &options))
        };
        let engine = Engine::start(&connect, &settings)?;
        Ok(Self { inner: Arc::new(Inner { address, options, engine, is_tenant, tenants: Mutex::default() }) })
    }

    /// The storage of a tenant: a file of its own beside this one on SQLite, a schema of its own on PostgreSQL. No
    /// query of one tenant can see another. Build a [`Crm`](crm_core::Crm) on it, which creates it if it is new.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless the name is 1 to 40 of `a`–`z`, `0`–`9` and `_`, and begins with a letter;
    /// [`Error::Setup`] when this is the storage of a tenant itself.
    pub fn tenant(&self, name: &str) -> Result<Self> {
        let fits = name.len() <= 40
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !fits {
            return Err(Error::invalid("tenant", "tenant.name"));
        }
        if self.inner.is_tenant {
            // Its name alone would not say whose tenant it is.
            return Err(Error::Setup("a tenant has no tenants".into()));
        }
        let mut tenants = self.inner.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        // Not those that were closed or dropped.
        tenants.retain(|_, inner| inner.upgrade().is_some_and(|inner| !inner.engine.is_closed()));
        if let Some(inner) = tenants.get(name).and_then(Weak::upgrade) {
            return Ok(Self { inner });
        }
        let tenant = Self::start(self.inner.address.tenant(name), self.inner.options.clone(), true)?;
        tenants.insert(name.to_owned(), Arc::downgrade(&tenant.inner));
        Ok(tenant)
    }
}

#[async_trait::async_trait]
impl Storage for DieselStorage {
    async fn prepare(&self, schemas: Arc<Schemas>) -> Result<()> {
        let (known, migrations) = (schemas.clone(), self.inner.options.migrations.clone());
        self.inner.engine.control(move |session| session.prepare(&schemas, &migrations)).await?;
        self.inner.engine.know(known);
        Ok(())
    }

    async fn run(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
        self.inner.engine.run(mode, job).await
    }

    fn run_blocking(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
        self.inner.engine.run_here(mode, job)
    }

    async fn health(&self) -> Result<Health> {
        let engine = &self.inner.engine;
        let ask = |session: &mut dyn Session| {
            let version = session.version();
            Ok((version, session.is_lost()))
        };
        let (mut version, mut lost) = engine.control(ask).await?;
        // A connection that was lost while nobody used it tells nothing of the database: each writer may have one.
        for _ in 0..self.inner.options.writers {
            if !lost {
                break;
            }
            (version, lost) = engine.control(ask).await?;
        }
        Ok(Health { backend: version?, queued: engine.queued() })
    }

    async fn close(&self) -> Result<()> {
        self.inner.engine.close().await;
        Ok(())
    }
}
