//! Operations of the library inside a transaction of the host's own, next to the host's own tables: both or nothing.

use crm_core::access::Actor;
use crm_core::branches::NewBranch;
use crm_core::{Crm, Error};
use crm_storage_diesel::{DieselStorage, HostTransaction};
use diesel::prelude::*;

diesel::table! {
    /// What the host keeps.
    shop_settings (name) {
        /// What is set.
        name -> Text,
        /// To what.
        value -> Text,
    }
}

/// The host's own error, made of what can go wrong on both sides.
#[derive(Debug)]
enum ShopError {
    Crm(Error),
    Database(diesel::result::Error),
}

impl std::error::Error for ShopError {}

impl std::fmt::Display for ShopError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Crm(error) => error.fmt(f),
            Self::Database(error) => error.fmt(f),
        }
    }
}

impl From<Error> for ShopError {
    fn from(error: Error) -> Self {
        Self::Crm(error)
    }
}

impl From<diesel::result::Error> for ShopError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

fn open_shop(crm: &Crm, connection: &mut SqliteConnection, zone: &str) -> Result<(), ShopError> {
    connection.immediate_transaction(|connection| {
        diesel::insert_into(shop_settings::table)
            .values((shop_settings::name.eq("zone"), shop_settings::value.eq(zone)))
            .execute(connection)?;
        connection.run_crm(crm, &Actor::system(), |work| {
            work.branches().create(NewBranch::named("تهران", zone, "IRR"))?;
            Ok::<_, ShopError>(())
        })
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("crm-host-{}.db", std::process::id()));
    let path = file.display().to_string();
    let crm = Crm::builder(DieselStorage::open(&format!("sqlite:{path}"))?).build_blocking()?;
    let mut connection = SqliteConnection::establish(&path)?;
    diesel::sql_query("CREATE TABLE shop_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        .execute(&mut connection)?;

    if let Err(failed) = open_shop(&crm, &mut connection, "Asia/Nowhere") {
        println!("an unknown zone: {failed}");
    }
    let settings: i64 = shop_settings::table.count().get_result(&mut connection)?;
    println!("settings after the failure: {settings}");

    open_shop(&crm, &mut connection, "Asia/Tehran")?;
    let settings: i64 = shop_settings::table.count().get_result(&mut connection)?;
    let branches = crm.blocking().read(&Actor::system(), "branches", |work| {
        work.branches().page(crm_core::kernel::page::Limit::default(), None)
    })?;
    println!("after the success: {settings} setting, {} branch", branches.items.len());

    crm.blocking().close()?;
    drop(connection);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{path}{suffix}"));
    }
    Ok(())
}
