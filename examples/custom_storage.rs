//! A storage of an outsider's own, and the proof that it keeps every promise of the port: `cargo test -p crm-examples`
//! runs the public conformance suite on it.
//!
//! This one keeps its rows in memory and counts what it is asked for. A real one would talk to a database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use crm_core::access::Actor;
use crm_core::branches::NewBranch;
use crm_core::kernel::page::Limit;
use crm_core::work::{Health, Job, Mode, Ran, Schemas, Storage};
use crm_core::{Crm, MemoryStorage, Result};

/// Counts jobs on their way to the storage inside.
#[derive(Default)]
struct Counting {
    inside: MemoryStorage,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

#[async_trait]
impl Storage for Counting {
    async fn prepare(&self, schemas: Arc<Schemas>) -> Result<()> {
        self.inside.prepare(schemas).await
    }

    async fn run(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
        let counter = if mode == Mode::Read { &self.reads } else { &self.writes };
        counter.fetch_add(1, Ordering::Relaxed);
        self.inside.run(mode, job).await
    }

    async fn health(&self) -> Result<Health> {
        let (reads, writes) = (self.reads.load(Ordering::Relaxed), self.writes.load(Ordering::Relaxed));
        Ok(Health { backend: format!("memory, after {writes} writes and {reads} reads"), queued: 0 })
    }

    async fn close(&self) -> Result<()> {
        self.inside.close().await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let crm = Crm::builder(Counting::default()).build().await?;
    for name in ["Łódź", "חיפה", "شیراز"] {
        crm.run(&Actor::system(), "open", move |work| work.branches().create(NewBranch::named(name, "Etc/UTC", "EUR")))
            .await?;
    }
    let page = crm.read(&Actor::system(), "list", |work| work.branches().page(Limit::default(), None)).await?;
    for branch in page.items {
        println!("{}", branch.name);
    }
    println!("{}", crm.health().await?.backend);
    crm.close().await
}

#[cfg(test)]
mod conformance {
    use super::*;

    crm_core::conformance_tests!(|| Arc::new(Counting::default()) as Arc<dyn Storage>);
}
