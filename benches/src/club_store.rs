//! A store of the club, on either database.

use std::path::Path;
use std::time::Instant;

use crm_core::Crm;
use crm_core::access::Actor;
use crm_core::loyalty::programme::Programme;
use crm_loyalty::WorkLoyalty as _;
use crm_loyalty::programme::NewVersion;
use url::Url;

use crate::club::{self, Opening};
use crate::data::{Loader, Shop};
use crate::postgres_store::{self, PostgresLoader};
use crate::sqlite_store::{SqliteStore, Tuning};
use crate::{Result, ours, shapes};

/// Where a club is kept.
#[derive(Debug, Clone)]
pub enum ClubStore {
    /// In a file.
    Sqlite(SqliteStore),
    /// In a database of a server.
    Postgres(Url),
}

impl ClubStore {
    /// A new file.
    ///
    /// # Errors
    /// What the database meets.
    pub fn sqlite(path: &Path) -> Result<Self> {
        Ok(Self::Sqlite(SqliteStore::create(path)?))
    }

    /// The address for our library.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(store) => store.url(),
            Self::Postgres(url) => url.to_string(),
        }
    }

    /// Its database, with the version.
    ///
    /// # Errors
    /// What the database meets.
    pub fn describe(&self) -> Result<String> {
        Ok(match self {
            Self::Sqlite(_) => format!("sqlite {} (WAL, synchronous=FULL)", rusqlite::version()),
            Self::Postgres(url) => format!("postgres {} (default durability)", postgres_store::version(url)?),
        })
    }

    /// Makes the tables, loads the shop and its members, each with a lot of each of these, and begins the programme.
    /// What is not to be measured need not `settle` first.
    ///
    /// # Errors
    /// What the database meets.
    pub fn open(&self, shop: &Shop, openings: &[Opening], programme: &Programme, settle: bool) -> Result<Crm> {
        let start = Instant::now();
        let crm = ours::connect_club(&self.url())?;
        let mut loader: Box<dyn Loader> = match self {
            Self::Sqlite(store) => Box::new(store.loader()?),
            Self::Postgres(url) => Box::new(PostgresLoader::new(url)?),
        };
        shop.load(loader.as_mut())?;
        shop.load_customers(loader.as_mut(), 0..shop.customers.len())?;
        club::load_members(shop, loader.as_mut(), openings, &programme.tiers)?;
        if settle {
            loader.settle()?;
        }
        drop(loader);
        let programme = programme.clone();
        crm.blocking().run(&Actor::system(), "programme", move |work| {
            work.loyalty().save_programme(NewVersion::now(programme.clone())).map(|_| ())
        })?;
        eprintln!("loaded in {:.1} s", start.elapsed().as_secs_f64());
        Ok(crm)
    }

    /// How many lots are open.
    ///
    /// # Errors
    /// What the database meets.
    pub fn open_lots(&self) -> Result<i64> {
        Ok(match self {
            Self::Sqlite(store) => store.connect(Tuning::Default)?.query_row(
                "SELECT count(*) FROM crm_loyalty_lots WHERE open = 1",
                [],
                |row| row.get(0),
            )?,
            Self::Postgres(url) => {
                postgres_store::connect(url)?.query_one("SELECT count(*) FROM crm_loyalty_lots WHERE open", &[])?.get(0)
            }
        })
    }

    /// The kinds of purchases there are by what was written of them, see [`shapes`].
    ///
    /// # Errors
    /// What the database meets.
    pub fn shapes(&self) -> Result<Vec<(i64, String)>> {
        match self {
            Self::Sqlite(store) => {
                let connection = store.connect(Tuning::Default)?;
                let mut statement = connection.prepare(&shapes::query("json_each"))?;
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            }
            Self::Postgres(url) => {
                let rows = postgres_store::connect(url)?.query(&shapes::query("jsonb_each"), &[])?;
                Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
            }
        }
    }
}
