//! Our library, driven through its public face only.
//!
//! [`connect`] is the one place that knows which storage it runs on.

use std::time::{Duration, Instant};

use crm_core::access::{Actor, Target};
use crm_core::customers::CustomerId;
use crm_core::journal::JournalQuery;
use crm_core::kernel::page::{Cursor, CursorValue, Limit};
use crm_core::module::{Manifest, Module, Permission, Registry};
use crm_core::purchases::event::PurchaseRecorded;
use crm_core::work::UnitOfWork;
use crm_core::{Crm, Error};
use crm_loyalty::Loyalty;
use crm_storage_diesel::DieselStorage;
use futures_util::stream::{FuturesUnordered, TryStreamExt as _};

use crate::Result;
use crate::feed::{Draft, Feed};
use crate::reads::{FOUND, JournalPage, PAGE, Reads};
use crate::rows::{TOPIC, thank_you};
use crate::variant::{Role, Variant, call_until};

/// Permission to thank customers.
const THANK: Permission = Permission { name: "bench.thank", about: "thank customers" };

/// Sends a message for every purchase, as an application's own module would.
struct ThankYou;

impl Module for ThankYou {
    fn manifest(&self) -> Manifest {
        Manifest { name: "bench", requires: &["core"], permissions: &[THANK], ..Manifest::default() }
    }

    fn install(&self, registry: &mut Registry) -> crm_core::Result<()> {
        registry.on("thank the customer", |work, event: &PurchaseRecorded| {
            work.permit(THANK.name, &Target::branch(event.branch))?.send(TOPIC, thank_you(event)).map(|_| ())
        });
        Ok(())
    }
}

/// Opens our library at an address, and makes its tables if they are not there.
///
/// # Errors
/// What the storage meets.
pub fn connect(url: &str) -> Result<Crm> {
    Ok(Crm::builder(DieselStorage::open(url)?).module(ThankYou).build_blocking()?)
}

/// The same with the customer club.
///
/// # Errors
/// What the storage meets.
pub fn connect_club(url: &str) -> Result<Crm> {
    Ok(Crm::builder(DieselStorage::open(url)?).module(Loyalty::new()).module(ThankYou).build_blocking()?)
}

/// Makes our tables in an empty database.
///
/// # Errors
/// What the storage meets.
pub fn migrate(url: &str) -> Result<()> {
    Ok(connect(url)?.blocking().close()?)
}

/// Callers of our library, each with one purchase at a time.
pub struct Ours {
    crm: Crm,
    callers: usize,
    threads: bool,
}

impl Ours {
    /// So many callers, as the tasks of one thread: as in a server.
    pub fn new(crm: &Crm, callers: usize) -> Self {
        Self { crm: crm.clone(), callers, threads: false }
    }

    /// So many callers, each a thread that blocks.
    pub fn threads(crm: &Crm, callers: usize) -> Self {
        Self { threads: true, ..Self::new(crm, callers) }
    }

    fn run_threads(&self, feed: &Feed, until: Instant) -> Result<Vec<Duration>> {
        let actor = Actor::system();
        let (crm, actor) = (&self.crm, &actor);
        let callers = (0..self.callers).map(|_| {
            move |draft: Draft| {
                crm.blocking().run(actor, "purchase", move |work| record(work, &draft))?;
                Ok(())
            }
        });
        call_until(callers, feed, until)
    }
}

fn record(work: &mut UnitOfWork<'_>, draft: &Draft) -> crm_core::Result<()> {
    work.purchases().record(&draft.purchase, &draft.key).map(|_| ())
}

/// Records one purchase after the other until then.
async fn call(crm: &Crm, feed: &Feed, until: Instant) -> Result<Vec<Duration>> {
    let actor = Actor::system();
    let mut taken = Vec::new();
    loop {
        let start = Instant::now();
        if start >= until {
            return Ok(taken);
        }
        let draft = feed.next();
        crm.run(&actor, "purchase", move |work| record(work, &draft)).await?;
        taken.push(start.elapsed());
    }
}

impl Variant for Ours {
    fn name(&self) -> String {
        format!("ours, {} {}", self.callers, if self.threads { "threads" } else { "callers" })
    }

    fn role(&self) -> Role {
        Role::Contender
    }

    fn run(&mut self, feed: &Feed, until: Instant) -> Result<Vec<Duration>> {
        if self.threads {
            return self.run_threads(feed, until);
        }
        let callers: FuturesUnordered<_> = (0..self.callers).map(|_| call(&self.crm, feed, until)).collect();
        self.crm.blocking().wait(callers.try_concat())
    }
}

/// Reads through our library.
pub struct OurReads {
    crm: Crm,
    actor: Actor,
}

impl OurReads {
    /// A reader of its own.
    pub fn new(crm: &Crm) -> Self {
        Self { crm: crm.clone(), actor: Actor::system() }
    }
}

impl Reads for OurReads {
    fn customer(&mut self, id: CustomerId) -> Result<()> {
        Ok(self.crm.blocking().read(&self.actor, "customer", move |work| work.customers().get(id).map(|_| ()))?)
    }

    fn search(&mut self, typed: &str) -> Result<usize> {
        let (typed, limit) = (typed.to_owned(), Limit::new(FOUND as u32)?);
        let found = self.crm.blocking().read(&self.actor, "search", move |work| work.customers().search(&typed, limit));
        Ok(found.map(|found: Vec<_>| found.len()).map_err(|error: Error| error)?)
    }

    fn journal(&mut self, page: &JournalPage) -> Result<usize> {
        let query = JournalQuery {
            customer: page.customer,
            kinds: page.kind.map(str::to_owned).into_iter().collect(),
            ..JournalQuery::default()
        };
        let after = page.after.map(|(at, id)| {
            Cursor::new(vec![CursorValue::Int(at.as_micros()), CursorValue::Bytes(id.as_bytes().to_vec())])
        });
        let (after, limit) = (after.transpose()?, Limit::new(PAGE as u32)?);
        let page = self
            .crm
            .blocking()
            .read(&self.actor, "journal", move |work| work.journal().page(&query, limit, after.as_ref()));
        Ok(page.map(|page| page.items.len()).map_err(|error: Error| error)?)
    }
}

/// Checks every invariant of the library over what all variants wrote.
///
/// # Errors
/// When one is broken.
pub fn verify(crm: &Crm) -> Result<()> {
    let violations = crm.blocking().verify()?;
    match violations.first() {
        None => Ok(()),
        Some(first) => {
            Err(format!("{} violations, the first: {}: {}", violations.len(), first.invariant, first.what).into())
        }
    }
}
