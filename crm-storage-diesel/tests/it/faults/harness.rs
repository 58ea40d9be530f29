//! The loop over all faults, and what is stored before and after each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crm_core::access::Actor;
use crm_core::conformance::{Fault, FaultyStorage};
use crm_core::kernel::time::{Clock, ManualClock, SystemClock};
use crm_core::work::{Entity, Filter, Permit, Storage};
use crm_core::{Crm, Error, Result};
use crm_loyalty::Loyalty;
use crm_storage_diesel::DieselStorage;

use super::fingerprint::fingerprint;

/// What goes wrong.
pub const FAULTS: [Fault; 3] = [Fault::ErrorBefore, Fault::ErrorAfter, Fault::Crash];
/// What only takes longer.
pub const DELAY: Fault = Fault::Delay(Duration::from_millis(1));

/// The only one of its kind, or the first that there is.
pub fn first<E: Entity>(work: &mut Permit<'_, '_>) -> Result<E> {
    work.select(Filter::<E>::all()).first()?.ok_or_else(|| Error::Setup("the set-up is missing".into()))
}

type Run = Box<dyn Fn(&Crm, &str) -> Result<()>>;

/// An operation that writes something new for a new name.
pub struct Operation {
    name: &'static str,
    /// What is done before, without a fault.
    prepare: Option<Run>,
    /// How many days pass between the two.
    days: u32,
    run: Run,
}

/// Does something as the system.
pub fn run(
    crm: &Crm,
    name: &str,
    job: impl Fn(&mut Permit<'_, '_>, &str) -> Result<()> + Send + 'static,
) -> Result<()> {
    let name = name.to_owned();
    crm.blocking().run(&Actor::system(), "fault", move |work| job(&mut work.unrestricted()?, &name))
}

impl Operation {
    pub fn new(name: &'static str, job: fn(&mut Permit<'_, '_>, &str) -> Result<()>) -> Self {
        Self::of(name, move |crm, name| run(crm, name, job))
    }

    /// One that is not a unit of work of the system.
    pub fn of(name: &'static str, job: impl Fn(&Crm, &str) -> Result<()> + 'static) -> Self {
        Self { name, prepare: None, days: 0, run: Box::new(job) }
    }

    /// With something that is done before.
    pub fn after(self, prepare: impl Fn(&Crm, &str) -> Result<()> + 'static) -> Self {
        Self { prepare: Some(Box::new(prepare)), ..self }
    }

    /// So many days later.
    pub fn later(self, days: u32) -> Self {
        Self { days, ..self }
    }
}

/// Injected crashes are expected by the hundred: they print nothing.
fn hush_injected_crashes() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref::<&str>() != Some(&"an injected crash") {
                report(panic);
            }
        }));
    });
}

/// A store whose calls can fail.
pub struct Harness {
    faulty: Arc<FaultyStorage>,
    clock: Arc<ManualClock>,
    pub crm: Crm,
}

impl Harness {
    pub fn open(url: &str, club: Loyalty, set_up: impl Fn(&mut Permit<'_, '_>) -> Result<()> + Send + 'static) -> Self {
        hush_injected_crashes();
        let faulty = FaultyStorage::new(Arc::new(DieselStorage::open(url).unwrap()));
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let builder = Crm::builder_on(faulty.clone() as Arc<dyn Storage>).clock(clock.clone());
        let crm = builder.module(club).build_blocking().unwrap();
        run(&crm, "set up", move |work, _| set_up(work)).unwrap();
        Self { faulty, clock, crm }
    }

    /// Each operation, with each fault at its n-th call of the storage, for every n.
    pub fn every_fault_of(&self, operations: &[Operation], kinds: &[Fault]) {
        let mut faults = 0;
        for operation in operations {
            faults += kinds.iter().map(|fault| self.every(*fault, operation)).sum::<usize>();
            assert_eq!(self.crm.blocking().verify().unwrap(), [], "{}", operation.name);
        }
        println!("{} operations, {faults} faults, 0 partial effects", operations.len());
    }

    /// One fault at its first, second, and so on to its last call, and how many those are.
    fn every(&self, fault: Fault, operation: &Operation) -> usize {
        static NAMES: AtomicUsize = AtomicUsize::new(0);
        let (label, crm) = (operation.name, &self.crm);
        // What has failed has left nothing, so the next try meets what was prepared for it.
        let mut ready: Option<(String, Vec<u64>)> = None;
        for n in 1..200 {
            let (name, before) = ready.take().unwrap_or_else(|| {
                let name = format!("N{}", NAMES.fetch_add(1, Ordering::Relaxed));
                if let Some(prepare) = &operation.prepare {
                    prepare(crm, &name).unwrap_or_else(|error| panic!("before {label}: {error:?}"));
                }
                self.clock.advance(Duration::from_secs(86_400) * operation.days);
                (name, fingerprint(crm))
            });
            self.faulty.fail_at(n, fault);
            let done = (operation.run)(crm, &name);
            let calls = self.faulty.count_calls();
            self.faulty.heal();
            let after = fingerprint(crm);
            match done {
                Err(error) if calls < n => panic!("{label} fails without a fault: {error:?}"),
                Err(_) => {
                    assert_eq!(after, before, "{label}, {fault:?} at call {n}: something is left");
                    ready = Some((name, before));
                }
                Ok(()) => assert_ne!(after, before, "{label}: nothing was written"),
            }
            if calls < n {
                println!("{label}, {fault:?}: {} calls", n - 1);
                return n - 1;
            }
        }
        panic!("{label} never succeeds");
    }
}
