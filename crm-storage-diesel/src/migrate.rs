//! temp
use crm_core::work::Schemas;
use crm_core::{Error, Result};
use diesel::connection::SimpleConnection;
/// temp
#[derive(Clone)]
pub struct ModuleMigrations;
pub(crate) fn sqlite(connection: &mut diesel::SqliteConnection, _: &Schemas, _: &[ModuleMigrations]) -> Result<()> {
    use diesel::prelude::*;
    if diesel::sql_query("SELECT 1 FROM crm_branches LIMIT 1").execute(connection).is_ok() {
        return Ok(());
    }
    connection
        .batch_execute(include_str!("../migrations/sqlite/0001_foundation.sql"))
        .map_err(|e| Error::backend("x", e))
}
