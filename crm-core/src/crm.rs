//! The one door: a [`Crm`] runs units of work on a storage.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::access::{Actor, PolicyCache, Principal};
use crate::accounts::Passwords;
use crate::kernel::currency::Currencies;
use crate::kernel::id::{IdSource, SystemIds};
use crate::kernel::random::{Randomness, SystemRandomness};
use crate::kernel::time::{Clock, SystemClock};
use crate::module::{Installed, Module, Violation};
use crate::work::{Health, Job, Mode, Schemas, Storage, Tx, UnitOfWork, Verdict};
use crate::{Error, Result};

/// Customer management inside this process. Cheap to clone; one for each storage.
///
/// ```
/// use crm_core::access::Actor;
/// use crm_core::branches::NewBranch;
/// use crm_core::{Crm, Error, MemoryStorage};
///
/// # fn main() -> crm_core::Result<()> {
/// let crm = Crm::builder(MemoryStorage::new()).build_blocking()?;
/// let branch = crm.blocking().run(&Actor::system(), "open a branch", |work| {
///     work.branches().create(NewBranch::named("Warszawa", "Europe/Warsaw", "PLN"))
/// })?;
/// assert_eq!(branch.name, "Warszawa");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Crm {
    storage: Arc<dyn Storage>,
    shared: Arc<Shared>,
}

/// What every unit of work of a `Crm` shares.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) randomness: Arc<dyn Randomness>,
    pub(crate) passwords: Passwords,
    pub(crate) currencies: Currencies,
    pub(crate) installed: Installed,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) policy: PolicyCache,
    pub(crate) prices: crate::pricing::Compiled,
    pub(crate) back_dating_days: u16,
}

/// Puts a [`Crm`] together.
pub struct CrmBuilder {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    randomness: Arc<dyn Randomness>,
    passwords: Passwords,
    currencies: Currencies,
    modules: Vec<Box<dyn Module>>,
    back_dating_days: u16,
}

impl CrmBuilder {
    /// Takes the time from this clock instead of the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Takes ids from this source instead of the system's randomness.
    #[must_use]
    pub fn ids(mut self, ids: impl IdSource) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Makes secrets from this randomness instead of the system's.
    #[must_use]
    pub fn randomness(mut self, randomness: impl Randomness) -> Self {
        self.randomness = Arc::new(randomness);
        self
    }

    /// Hashes and judges passwords so, instead of with the defaults of [`Hasher`](crate::accounts::Hasher) and without a
    /// key.
    #[must_use]
    pub fn passwords(mut self, passwords: Passwords) -> Self {
        self.passwords = passwords;
        self
    }

    /// Knows these currencies instead of those of ISO 4217.
    #[must_use]
    pub fn currencies(mut self, currencies: Currencies) -> Self {
        self.currencies = currencies;
        self
    }

    /// Takes purchases that happened at most so many business days ago, from those who may date them back (S-31); 31
    /// unless it is set. What is imported for the record only may be of any age.
    #[must_use]
    pub fn back_dating_days(mut self, days: u16) -> Self {
        self.back_dating_days = days;
        self
    }

    /// Adds a module.
    #[must_use]
    pub fn module(mut self, module: impl Module) -> Self {
        self.modules.push(Box::new(module));
        self
    }

    /// Checks everything, makes the storage ready, and opens the door.
    ///
    /// # Errors
    /// [`Error::Setup`] for a duplicate name, an unknown requirement, a circle, or a storage that does not fit;
    /// whatever the storage meets while it migrates.
    pub async fn build(self) -> Result<Crm> {
        let (storage, shared) = self.check()?;
        storage.prepare(shared.schemas.clone()).await?;
        Ok(Crm { storage, shared })
    }

    /// The same without an async runtime.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_blocking(self) -> Result<Crm> {
        pollster::block_on(self.build())
    }

    fn check(self) -> Result<(Arc<dyn Storage>, Arc<Shared>)> {
        let mut modules: Vec<Box<dyn Module>> = vec![Box::new(crate::nouns::Core)];
        modules.extend(self.modules);
        let installed = Installed::build(modules)?;
        let schemas =
            installed.manifests.iter().flat_map(|manifest| manifest.entities.iter().copied()).collect::<Vec<_>>();
        let shared = Shared {
            clock: self.clock,
            ids: self.ids,
            randomness: self.randomness,
            passwords: self.passwords,
            currencies: self.currencies,
            installed,
            schemas: Arc::new(Schemas::new(schemas)),
            policy: PolicyCache::default(),
            prices: crate::pricing::Compiled::default(),
            back_dating_days: self.back_dating_days,
        };
        Ok((self.storage, Arc::new(shared)))
    }
}

impl Crm {
    /// Begins to put a `Crm` together on this storage.
    pub fn builder(storage: impl Storage) -> CrmBuilder {
        Self::builder_on(Arc::new(storage))
    }

    /// The same on a storage that is shared with others.
    pub fn builder_on(storage: Arc<dyn Storage>) -> CrmBuilder {
        CrmBuilder {
            storage,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds::default()),
            randomness: Arc::new(SystemRandomness),
            passwords: Passwords::default(),
            currencies: Currencies::iso4217(),
            modules: Vec::new(),
            back_dating_days: 31,
        }
    }

    /// Runs a job in one transaction, as this actor, and returns when it is durable.
    ///
    /// The job may be called several times, until the database reports no conflict: it has no side effects of its own,
    /// and nothing slow in it. It may return the application's own error type. If it fails, nothing of it is stored; to
    /// go on after an operation has failed, [`attempt`](UnitOfWork::attempt) it.
    ///
    /// # Errors
    /// What the job returns; [`Error::Conflict`] and [`Error::Busy`] when the storage gave up; [`Error::Panicked`].
    pub async fn run<T, E, F>(&self, actor: &Actor, label: &'static str, job: F) -> Result<T, E>
    where
        F: Fn(&mut UnitOfWork<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(Mode::Write, actor, label, job).await
    }

    /// Runs a job on a read-only snapshot. May be served by a replica, so it may not see the very latest.
    ///
    /// # Errors
    /// What the job returns; [`Error::ReadOnly`] if it writes.
    pub async fn read<T, E, F>(&self, actor: &Actor, label: &'static str, job: F) -> Result<T, E>
    where
        F: Fn(&mut UnitOfWork<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.submit(Mode::Read, actor, label, job).await
    }

    /// Who a principal is now, with everything their roles grant: to be asked for each request, and given to
    /// [`run`](Self::run) and [`read`](Self::read). One row is read; the policy only when it was changed since. Who shows
    /// a token gets it from [`Gate::authenticate`](crate::accounts::Gate::authenticate).
    ///
    /// The decision is taken on the policy as of this call: what was revoked before it, in whichever process, is gone; an
    /// actor that is at hand already keeps what it had. A storage that serves [`read`](Self::read) from a replica serves
    /// this from it too, and then a change holds as soon as it has arrived there.
    ///
    /// A host with another authority builds its actors itself with [`Actor::with_grants`], and has no use for this.
    ///
    /// # Errors
    /// [`Error::Denied`] for a user who is disabled or not known; for the system and for modules, which no login makes.
    pub async fn actor(&self, principal: &Principal) -> Result<Actor> {
        let shared = self.shared.clone();
        let policy = self
            .read(&Actor::system(), "access policy", move |work| shared.policy.current(&mut work.unrestricted()?))
            .await?;
        policy.actor(principal)
    }

    /// The same door for programs without an async runtime.
    pub fn blocking(&self) -> Blocking<'_> {
        Blocking(self)
    }

    /// Runs a job on a transaction of the host's own. Nothing is committed here: the host does, or does not.
    ///
    /// Storage crates wrap this for their connections; see `crm_storage_diesel` for Diesel's.
    ///
    /// # Errors
    /// What the job returns; the host must roll back to where it was before, as nothing was undone here.
    pub fn run_on<T, E: From<Error>>(
        &self,
        tx: &mut dyn Tx,
        actor: &Actor,
        job: impl FnOnce(&mut UnitOfWork<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut work = UnitOfWork::new(tx, &self.shared, actor);
        let done = job(&mut work);
        let done = work.settle(done)?;
        tx.flush()?;
        Ok(done)
    }

    /// All kinds of entities that are stored, in the order they are written.
    pub fn schemas(&self) -> Arc<Schemas> {
        self.shared.schemas.clone()
    }

    /// Checks every invariant of every module over the stored data. Empty is good.
    ///
    /// # Errors
    /// What the storage meets while reading.
    pub async fn verify(&self) -> Result<Vec<Violation>> {
        let shared = self.shared.clone();
        self.read(&Actor::system(), "verify", move |work| {
            let mut permit = work.unrestricted()?;
            let mut found = Vec::new();
            for invariant in &shared.installed.invariants {
                found.extend((invariant.check)(&mut permit)?);
            }
            Ok(found)
        })
        .await
    }

    /// What is installed, and which handler runs when.
    pub fn describe(&self) -> Description {
        let installed = &self.shared.installed;
        let modules = installed.manifests.iter().map(|manifest| DescribedModule {
            name: manifest.name,
            requires: manifest.requires.to_vec(),
            permissions: manifest.permissions.iter().map(|permission| (permission.name, permission.about)).collect(),
            entities: manifest.entities.iter().map(|schema| schema.kind).collect(),
            events: manifest.events.to_vec(),
        });
        let handlers = installed.handlers.iter().map(|(event, handlers)| {
            (*event, handlers.iter().map(|handler| format!("{}: {}", handler.module, handler.name)).collect())
        });
        Description {
            modules: modules.collect(),
            handlers: handlers.collect(),
            invariants: installed.invariants.iter().map(|invariant| invariant.name).collect(),
        }
    }

    /// Whether the storage answers.
    ///
    /// # Errors
    /// What the storage meets.
    pub async fn health(&self) -> Result<Health> {
        self.storage.health().await
    }

    /// Finishes what is queued and lets go of the storage. Every clone of this `Crm` is closed.
    ///
    /// # Errors
    /// What the storage meets.
    pub async fn close(&self) -> Result<()> {
        self.storage.close().await
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    async fn submit<T, E, F>(&self, mode: Mode, actor: &Actor, label: &'static str, work: F) -> Result<T, E>
    where
        F: Fn(&mut UnitOfWork<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (job, answer) = self.job(actor, label, work);
        self.storage.run(mode, job).await?;
        answered(label, &answer)
    }

    /// The same on a thread that may be blocked.
    fn submit_blocking<T, E, F>(&self, mode: Mode, actor: &Actor, label: &'static str, work: F) -> Result<T, E>
    where
        F: Fn(&mut UnitOfWork<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (job, answer) = self.job(actor, label, work);
        self.storage.run_blocking(mode, job)?;
        answered(label, &answer)
    }

    fn job<T, E, F>(&self, actor: &Actor, label: &'static str, work: F) -> (Box<dyn Job>, Answer<T, E>)
    where
        F: Fn(&mut UnitOfWork<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let answer = Answer::default();
        let job = TypedJob { label, work, actor: actor.clone(), shared: self.shared.clone(), answer: answer.clone() };
        (Box::new(job), answer)
    }
}

/// Where a job leaves what it returned.
type Answer<T, E> = Arc<Mutex<Option<Result<T, E>>>>;

/// What a job returned that the storage says it has run.
fn answered<T, E: From<Error>>(label: &'static str, answer: &Answer<T, E>) -> Result<T, E> {
    let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
    answer.unwrap_or_else(|| Err(Error::backend("the storage answered without running the job", label).into()))
}

/// The door for programs without an async runtime. Must not be used on a thread that drives one. A storage may run the job on
/// the thread that calls.
pub struct Blocking<'c>(&'c Crm);

impl Blocking<'_> {
    /// Waits for any of the library's futures, such as those of the [`Gate`](crate::accounts::Gate).
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        pollster::block_on(future)
    }

    /// As [`Crm::run`].
    ///
    /// # Errors
    /// As [`Crm::run`].
    pub fn run<T, E, F>(&self, actor: &Actor, label: &'static str, job: F) -> Result<T, E>
    where
        F: Fn(&mut UnitOfWork<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.0.submit_blocking(Mode::Write, actor, label, job)
    }

    /// As [`Crm::read`].
    ///
    /// # Errors
    /// As [`Crm::read`].
    pub fn read<T, E, F>(&self, actor: &Actor, label: &'static str, job: F) -> Result<T, E>
    where
        F: Fn(&mut UnitOfWork<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.0.submit_blocking(Mode::Read, actor, label, job)
    }

    /// As [`Crm::actor`].
    ///
    /// # Errors
    /// As [`Crm::actor`].
    pub fn actor(&self, principal: &Principal) -> Result<Actor> {
        pollster::block_on(self.0.actor(principal))
    }

    /// As [`Crm::verify`].
    ///
    /// # Errors
    /// As [`Crm::verify`].
    pub fn verify(&self) -> Result<Vec<Violation>> {
        pollster::block_on(self.0.verify())
    }

    /// As [`Crm::health`].
    ///
    /// # Errors
    /// As [`Crm::health`].
    pub fn health(&self) -> Result<Health> {
        pollster::block_on(self.0.health())
    }

    /// As [`Crm::close`].
    ///
    /// # Errors
    /// As [`Crm::close`].
    pub fn close(&self) -> Result<()> {
        pollster::block_on(self.0.close())
    }
}

struct TypedJob<T, E, F> {
    label: &'static str,
    work: F,
    actor: Actor,
    shared: Arc<Shared>,
    answer: Answer<T, E>,
}

impl<T, E, F> Job for TypedJob<T, E, F>
where
    F: Fn(&mut UnitOfWork<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut dyn Tx) -> Verdict {
        let run = || {
            let mut work = UnitOfWork::new(tx, &self.shared, &self.actor);
            let done = (self.work)(&mut work);
            work.settle(done)
        };
        let done = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(Error::Panicked.into()));
        let verdict = if done.is_ok() { Verdict::Commit } else { Verdict::RollBack };
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        verdict
    }

    fn label(&self) -> &str {
        self.label
    }
}

/// What a [`Crm`] consists of, as data. Its `Display` is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The modules, in the order they were installed.
    pub modules: Vec<DescribedModule>,
    /// The handlers of each event, in the order they run.
    pub handlers: Vec<(&'static str, Vec<String>)>,
    /// The invariants that `verify` checks.
    pub invariants: Vec<&'static str>,
}

/// A module, as [`Crm::describe`] tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DescribedModule {
    /// Its name.
    pub name: &'static str,
    /// The modules it requires.
    pub requires: Vec<&'static str>,
    /// The permissions it defines, with what they allow.
    pub permissions: Vec<(&'static str, &'static str)>,
    /// The kinds of entities it stores.
    pub entities: Vec<&'static str>,
    /// The events it emits.
    pub events: Vec<&'static str>,
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for module in &self.modules {
            writeln!(f, "module {}", module.name)?;
            if !module.requires.is_empty() {
                writeln!(f, "  requires {}", module.requires.join(", "))?;
            }
            for (name, about) in &module.permissions {
                writeln!(f, "  permission {name}: {about}")?;
            }
            for kind in &module.entities {
                writeln!(f, "  stores {kind}")?;
            }
            for event in &module.events {
                writeln!(f, "  emits {event}")?;
            }
        }
        for (event, handlers) in &self.handlers {
            writeln!(f, "on {event}")?;
            for handler in handlers {
                writeln!(f, "  {handler}")?;
            }
        }
        for invariant in &self.invariants {
            writeln!(f, "verifies {invariant}")?;
        }
        Ok(())
    }
}
