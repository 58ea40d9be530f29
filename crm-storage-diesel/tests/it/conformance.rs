//! The public conformance suite on every database.

/// SQLite in memory: one connection.
mod sqlite_memory {
    use std::sync::Arc;

    use crm_core::work::Storage;
    use crm_storage_diesel::DieselStorage;

    crm_core::conformance_tests!(|| Arc::new(DieselStorage::open("sqlite::memory:").unwrap()) as Arc<dyn Storage>);
    crm_loyalty::loyalty_conformance_tests!(
        || Arc::new(DieselStorage::open("sqlite::memory:").unwrap()) as Arc<dyn Storage>
    );
}

/// SQLite in a file: a writer, readers and a housekeeper.
mod sqlite_file {
    use crate::conformance::on;
    use crate::databases;

    crm_core::conformance_tests!(|| on(databases::sqlite_file()));
    crm_loyalty::loyalty_conformance_tests!(|| on(databases::sqlite_file()));
}

/// PostgreSQL.
mod postgres {
    use crate::conformance::on;
    use crate::databases;

    crm_core::conformance_tests!(|| on(databases::postgres()));
    crm_loyalty::loyalty_conformance_tests!(|| on(databases::postgres()));
}

use std::sync::Arc;

use crm_core::Result;
use crm_core::work::{Health, Job, Mode, Ran, Schemas, Storage};
use crm_storage_diesel::DieselStorage;

use crate::databases::Database;

/// A storage that takes its database with it when it goes.
struct WithDatabase {
    storage: DieselStorage,
    _database: Database,
}

fn on(database: Database) -> Arc<dyn Storage> {
    Arc::new(WithDatabase { storage: DieselStorage::open(database.url()).unwrap(), _database: database })
}

#[async_trait::async_trait]
impl Storage for WithDatabase {
    async fn prepare(&self, schemas: Arc<Schemas>) -> Result<()> {
        self.storage.prepare(schemas).await
    }

    async fn run(&self, mode: Mode, job: Box<dyn Job>) -> Result<Ran> {
        self.storage.run(mode, job).await
    }

    async fn health(&self) -> Result<Health> {
        self.storage.health().await
    }

    async fn close(&self) -> Result<()> {
        self.storage.close().await
    }
}
