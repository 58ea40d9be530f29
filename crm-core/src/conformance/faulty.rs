//! A storage that fails where it is told to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::work::{
    Addition, Criteria, Health, Job, Key, Lock, Mode, Query, Ran, Replacement, Row, Schema, Schemas, Storage, Tx,
    Verdict,
};
use crate::{Error, Result};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails without having done anything.
    ErrorBefore,
    /// The call does its work, and fails then.
    ErrorAfter,
    /// The call is late.
    Delay(Duration),
    /// The job panics in the call.
    Crash,
}

/// Any storage, with a fault at the n-th call of the port.
///
/// Every call of a [`Tx`] method counts, `expect` excepted. A test lets n grow until the operation succeeds, and looks each
/// time that all or nothing of it is stored:
///
/// ```
/// use std::sync::Arc;
/// use crm_core::access::Actor;
/// use crm_core::branches::NewBranch;
/// use crm_core::conformance::{Fault, FaultyStorage};
/// use crm_core::{Crm, MemoryStorage};
/// let faulty = FaultyStorage::new(Arc::new(MemoryStorage::new()));
/// let crm = Crm::builder_on(faulty.clone()).build_blocking()?;
/// for n in 1.. {
///     faulty.fail_at(n, Fault::ErrorBefore);
///     let opened = crm.blocking().run(&Actor::system(), "open", |work| {
///         work.branches().create(NewBranch::named("Gdynia", "Europe/Warsaw", "PLN"))
///     });
///     faulty.heal();
///     let stored = crm.blocking().read(&Actor::system(), "look", |work| work.branches().page(Default::default(), None))?;
///     assert_eq!(stored.items.len(), usize::from(opened.is_ok()));
///     if opened.is_ok() {
///         break;
///     }
/// }
/// # Ok::<(), crm_core::Error>(())
/// ```
pub struct FaultyStorage {
    storage: Arc<dyn Storage>,
    plan: Arc<Plan>,
}

#[derive(Default)]
struct Plan {
    calls: AtomicUsize,
    fault: Mutex<Option<(usize, Fault)>>,
}

impl FaultyStorage {
    /// A storage that behaves like the one inside, until it is told otherwise.
    pub fn new(storage: Arc<dyn Storage>) -> Arc<Self> {
        Arc::new(Self { storage, plan: Arc::default() })
    }

    /// Counts calls from one again, and lets the n-th of them go wrong.
    pub fn fail_at(&self, n: usize, fault: Fault) {
        self.plan.set(Some((n, fault)));
    }

    /// Counts calls from one again, and lets nothing go wrong any more.
    pub fn heal(&self) {
        self.plan.set(None);
    }

    /// How many calls there were since [`fail_at`](Self::fail_at) or [`heal`](Self::heal).
    pub fn count_calls(&self) -> usize {
        self.plan.calls.load(Ordering::SeqCst)
    }
}

impl Plan {
    fn set(&self, fault: Option<(usize, Fault)>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        self.calls.store(0, Ordering::SeqCst);
    }

    /// What goes wrong with this call.
    fn next(&self) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.filter(|(n, _)| *n == call).map(|(_, fault)| fault)
    }
}

fn injected() -> Error {
    Error::backend("an injected fault", "the conformance suite")
}

#[async_trait::async_trait]
impl Storage for FaultyStorage {
    async fn prepare(&self, schemas: Arc<Schemas>) -> Result<()> {
        self.storage.prepare(schemas).await
    }

    async fn run(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
        let refused = Arc::new(AtomicBool::new(false));
        let job = FaultyJob { job, plan: self.plan.clone(), refused: refused.clone() };
        let ran = self.storage.run(mode, Box::new(job)).await;
        if refused.load(Ordering::SeqCst) && ran.is_ok() { Err(Error::Poisoned) } else { ran }
    }

    async fn health(&self) -> Result<Health> {
        self.storage.health().await
    }

    async fn close(&self) -> Result<()> {
        self.storage.close().await
    }
}

struct FaultyJob {
    job: Box<dyn Job>,
    plan: Arc<Plan>,
    /// The job wanted to commit in spite of a fault.
    refused: Arc<AtomicBool>,
}

impl Job for FaultyJob {
    fn run(&mut self, tx: &mut dyn Tx) -> Verdict {
        let mut faulty = FaultyTx { tx, plan: &self.plan, depth: 0, failed_at: None };
        let verdict = self.job.run(&mut faulty);
        // The storage does not know of the fault, so what follows from it is seen to here.
        let refuse = verdict == Verdict::Commit && faulty.failed_at.is_some();
        self.refused.store(refuse, Ordering::SeqCst);
        if refuse { Verdict::RollBack } else { verdict }
    }

    fn label(&self) -> &str {
        self.job.label()
    }
}

struct FaultyTx<'t> {
    tx: &'t mut dyn Tx,
    plan: &'t Plan,
    depth: usize,
    failed_at: Option<usize>,
}

impl FaultyTx<'_> {
    /// Makes a call, or lets it go wrong. A fault is healed by rolling back the savepoint it happened in.
    fn call<T>(&mut self, call: impl FnOnce(&mut dyn Tx) -> Result<T>) -> Result<T> {
        let at = self.depth;
        self.call_at(at, call)
    }

    fn call_at<T>(&mut self, at: usize, call: impl FnOnce(&mut dyn Tx) -> Result<T>) -> Result<T> {
        let fault = self.plan.next();
        let done = match fault {
            None => return call(self.tx),
            Some(Fault::Delay(pause)) => {
                std::thread::sleep(pause);
                return call(self.tx);
            }
            #[expect(clippy::panic, reason = "asked for")]
            Some(Fault::Crash) => panic!("an injected crash"),
            Some(Fault::ErrorBefore) => Err(injected()),
            Some(Fault::ErrorAfter) => call(self.tx).and(Err(injected())),
        };
        self.failed_at.get_or_insert(at);
        done
    }
}

impl Tx for FaultyTx<'_> {
    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], lock: Lock) -> Result<Vec<Option<Row>>> {
        self.call(|tx| tx.fetch(schema, keys, lock))
    }

    fn select(&mut self, query: &Query) -> Result<Vec<Row>> {
        self.call(|tx| tx.select(query))
    }

    fn select_each(&mut self, queries: &[Query]) -> Result<Vec<Vec<Row>>> {
        self.call(|tx| tx.select_each(queries))
    }

    fn count(&mut self, schema: &'static Schema, criteria: &Criteria) -> Result<u64> {
        self.call(|tx| tx.count(schema, criteria))
    }

    fn insert(&mut self, schema: &'static Schema, rows: Vec<Row>) -> Result<()> {
        self.call(|tx| tx.insert(schema, rows))
    }

    fn update(&mut self, schema: &'static Schema, rows: Vec<Replacement>) -> Result<()> {
        self.call(|tx| tx.update(schema, rows))
    }

    fn delete(&mut self, schema: &'static Schema, keys: Vec<(Key, Option<i64>)>) -> Result<()> {
        self.call(|tx| tx.delete(schema, keys))
    }

    fn add(&mut self, schema: &'static Schema, additions: Vec<Addition>) -> Result<()> {
        self.call(|tx| tx.add(schema, additions))
    }

    // A savepoint that cannot be opened or closed leaves a transaction of which nothing is known: no healing.

    fn savepoint(&mut self) -> Result<()> {
        self.call_at(0, |tx| tx.savepoint())?;
        self.depth += 1;
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        self.call_at(0, |tx| tx.release())?;
        self.depth = self.depth.saturating_sub(1);
        self.failed_at = self.failed_at.map(|at| at.min(self.depth));
        Ok(())
    }

    fn roll_back(&mut self) -> Result<()> {
        self.call_at(0, |tx| tx.roll_back())?;
        self.depth = self.depth.saturating_sub(1);
        self.failed_at = self.failed_at.filter(|at| *at <= self.depth);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.call(|tx| tx.flush())
    }

    fn expect(&mut self, schema: &'static Schema, keys: &[Key]) {
        self.tx.expect(schema, keys);
    }
}
