//! What a check works on.

use std::sync::Arc;
use std::sync::mpsc;

use super::sample::{Listener, Sample};
use crate::access::Actor;
use crate::accounts::{HashCost, Hasher, Key, Passwords};
use crate::branches::{Branch, NewBranch};
use crate::catalog::{NewProduct, Product};
use crate::customers::{Customer, NewCustomer};
use crate::kernel::currency::Currency;
use crate::kernel::money::Money;
use crate::kernel::time::{ManualClock, Timestamp};
use crate::work::{Job, Mode, Permit, Ran, Storage, Tx, UnitOfWork, Verdict};
use crate::{Crm, CrmBuilder, Result};

/// Gives a fresh, empty store each time it is called.
pub type Factory<'f> = &'f dyn Fn() -> Arc<dyn Storage>;

/// A [`Crm`] on a fresh store, with the suite's own modules and a clock that stands still until it is moved.
pub struct Bench {
    /// The door.
    pub crm: Crm,
    /// The store behind it.
    pub storage: Arc<dyn Storage>,
    /// The clock; shows 2025-03-21T09:00:00Z at first.
    pub clock: Arc<ManualClock>,
    /// How passwords are hashed: as cheaply as can be, for what is checked is not how long it takes.
    pub passwords: Passwords,
}

impl Bench {
    /// Opens a store and prepares it.
    pub fn open(factory: Factory<'_>) -> Self {
        Self::open_with(factory, |builder| builder)
    }

    /// The same with modules of one's own.
    pub fn open_with(factory: Factory<'_>, modules: impl FnOnce(CrmBuilder) -> CrmBuilder) -> Self {
        let storage = factory();
        let clock = Arc::new(ManualClock::new(at("2025-03-21T09:00:00Z")));
        let cheap = HashCost { memory_kib: 8, passes: 1, lanes: 1 };
        let key = Key::new(*b"a key of the conformance suite's").expect("a key");
        let hasher = Hasher::new(cheap, 8, 1_000).expect("a hasher").peppered(&key);
        let passwords = Passwords::new(hasher).key(key).breached(|password| password == "known to the wrong people");
        let builder = Crm::builder_on(storage.clone())
            .clock(clock.clone())
            .passwords(passwords.clone())
            .module(Sample)
            .module(Listener);
        let crm = modules(builder).build_blocking().expect("the store can be prepared");
        Self { crm, storage, clock, passwords }
    }

    /// Runs a job as the system, which may have any row.
    pub fn run<T: Send + 'static>(&self, job: impl Fn(&mut Permit<'_, '_>) -> Result<T> + Send + 'static) -> Result<T> {
        self.run_as(&Actor::system(), move |work| job(&mut work.unrestricted()?))
    }

    /// Runs a job as somebody.
    pub fn run_as<T: Send + 'static>(
        &self,
        actor: &Actor,
        job: impl Fn(&mut UnitOfWork<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.crm.blocking().run(actor, "conformance", job)
    }

    /// Reads as the system.
    pub fn read<T: Send + 'static>(
        &self,
        job: impl Fn(&mut Permit<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.crm.blocking().read(&Actor::system(), "conformance", move |work| job(&mut work.unrestricted()?))
    }

    /// Runs a job on the port itself, and returns what it returned last beside how it ended.
    pub fn raw<T: Send + 'static>(
        &self,
        mode: Mode,
        job: impl FnMut(&mut dyn Tx) -> (Verdict, T) + Send + 'static,
    ) -> (Result<Ran>, Option<T>) {
        let (job, answers) = RawJob::new(job);
        let ran = pollster::block_on(self.storage.run(mode, Box::new(job)));
        (ran, answers.try_iter().last())
    }

    /// A new branch in Warsaw.
    pub fn branch(&self, name: &'static str) -> Branch {
        self.run(move |work| work.branches().create(NewBranch::named(name, "Europe/Warsaw", "PLN"))).unwrap()
    }

    /// A new customer.
    pub fn customer(&self, new: NewCustomer) -> Customer {
        self.run(move |work| work.customers().create(new.clone())).unwrap()
    }

    /// New goods with this article number, at this price in grosz.
    pub fn goods(&self, sku: &'static str, price: i64) -> Product {
        self.run(move |work| work.catalog().create_product(NewProduct::goods(sku, sku, zloty(price)))).unwrap()
    }

    /// Fails unless every invariant holds.
    pub fn verify(&self) {
        assert_eq!(self.crm.blocking().verify().unwrap(), []);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.crm.blocking().close();
    }
}

/// A job on the port itself.
pub struct RawJob<F, T> {
    run: F,
    answers: mpsc::Sender<T>,
}

impl<F: FnMut(&mut dyn Tx) -> (Verdict, T), T> RawJob<F, T> {
    /// A job, and where its answers come out: one each time it has run.
    pub fn new(run: F) -> (Self, mpsc::Receiver<T>) {
        let (answers, receiver) = mpsc::channel();
        (Self { run, answers }, receiver)
    }
}

impl<F: FnMut(&mut dyn Tx) -> (Verdict, T) + Send, T: Send> Job for RawJob<F, T> {
    fn run(&mut self, tx: &mut dyn Tx) -> Verdict {
        let (verdict, answer) = (self.run)(tx);
        // Nobody may be listening any more.
        let _ = self.answers.send(answer);
        verdict
    }

    fn label(&self) -> &'static str {
        "conformance"
    }
}

pub(super) fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

pub(super) fn zloty(grosz: i64) -> Money {
    Money::new(grosz, Currency::new("PLN").unwrap())
}
