//! A till: a door to the store with a clock and ids of its own.
//!
//! Whoever sells at a till does one thing after the other, so its clock can show when each of them happened. Its ids follow
//! from what is done. So the same history gives the same rows, however many tills there are, and after a kill too.

use std::sync::{Arc, Mutex, PoisonError};

use crm_core::access::Actor;
use crm_core::kernel::id::{IdSource, SeededIds, SystemIds};
use crm_core::kernel::random::SeededRandomness;
use crm_core::kernel::time::{ManualClock, Timestamp};
use crm_core::work::{Storage, UnitOfWork};
use crm_core::{Crm, Result};
use uuid::Uuid;

use crate::programme;

/// One of those who use the store at the same time.
pub(crate) struct Till {
    pub(crate) crm: Crm,
    clock: Arc<ManualClock>,
    ids: Arc<JobIds>,
    pub(crate) actor: Actor,
}

impl Till {
    /// Opens a till on a store that others use too.
    ///
    /// # Errors
    /// What the store meets.
    pub(crate) async fn open(storage: &Arc<dyn Storage>) -> Result<Self> {
        let ids = Arc::new(JobIds(Mutex::new(SeededIds::new(0))));
        Self::with(storage, ids.clone(), Shared(ids)).await
    }

    /// Opens one for jobs, which do what is due and have no names: their ids are new ones each time.
    ///
    /// # Errors
    /// What the store meets.
    pub(crate) async fn for_jobs(storage: &Arc<dyn Storage>) -> Result<Self> {
        let unused = Arc::new(JobIds(Mutex::new(SeededIds::new(0))));
        Self::with(storage, unused, SystemIds::default()).await
    }

    async fn with(storage: &Arc<dyn Storage>, ids: Arc<JobIds>, source: impl IdSource) -> Result<Self> {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let crm = programme::install(Crm::builder_on(storage.clone()))
            .clock(clock.clone())
            .ids(source)
            .randomness(SeededRandomness::new(0))
            .build()
            .await?;
        Ok(Self { crm, clock, ids, actor: Actor::system() })
    }

    /// Sets its clock.
    pub(crate) fn set(&self, now: Timestamp) {
        self.clock.set(now);
    }

    /// Does something at an instant. Its ids follow from the name of what is done.
    ///
    /// # Errors
    /// As [`Crm::run`].
    pub(crate) async fn run<T, F>(&self, at: Timestamp, name: &str, job: F) -> Result<T>
    where
        F: Fn(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.clock.set(at);
        let (ids, seed) = (self.ids.clone(), seed(name));
        // A job may run more than once: each time it begins with the same ids.
        let job = move |work: &mut UnitOfWork<'_>| {
            ids.begin(seed);
            job(work)
        };
        self.crm.run(&self.actor, "club", job).await
    }

    /// Reads at the instant of what was done last.
    ///
    /// # Errors
    /// As [`Crm::read`].
    pub(crate) async fn read<T, F>(&self, job: F) -> Result<T>
    where
        F: Fn(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.crm.read(&self.actor, "club", job).await
    }
}

/// Ids of one job after the other.
struct JobIds(Mutex<SeededIds>);

impl JobIds {
    fn begin(&self, seed: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = SeededIds::new(seed);
    }
}

struct Shared(Arc<JobIds>);

impl IdSource for Shared {
    fn next(&self, now: Timestamp) -> Uuid {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).next(now)
    }
}

/// A number that follows from a name (FNV-1a, 64 bits).
pub(crate) fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
