//! SQLite by hand in groups: one transaction for 64 purchases, with a savepoint for each.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::Result;
use crate::feed::Feed;
use crate::rows::Till;
use crate::sqlite_plain::Statements;
use crate::sqlite_store::{SqliteStore, Tuning};
use crate::variant::{GROUP, Role, Variant};

/// One connection, one group at a time.
pub struct SqliteLimit {
    name: &'static str,
    role: Role,
    connection: Connection,
    till: Till,
}

impl SqliteLimit {
    /// On this database, with this set-up of the connection.
    ///
    /// # Errors
    /// What the database meets.
    pub fn new(store: &SqliteStore, feed: &Feed, tuning: Tuning) -> Result<Self> {
        let name = match tuning {
            Tuning::Default => "limit, groups of 64",
            Tuning::Large => "limit, groups of 64, large log and cache",
        };
        Ok(Self { name, role: Role::Limit, connection: store.connect(tuning)?, till: Till::of(feed)? })
    }

    /// The same with large log and cache, and foreign keys not enforced.
    ///
    /// # Errors
    /// What the database meets.
    pub fn without_foreign_keys(store: &SqliteStore, feed: &Feed) -> Result<Self> {
        let limit = Self::new(store, feed, Tuning::Large)?;
        limit.connection.pragma_update(None, "foreign_keys", false)?;
        Ok(Self { name: "the same without foreign keys", role: Role::Contender, ..limit })
    }
}

impl Variant for SqliteLimit {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn role(&self) -> Role {
        self.role
    }

    fn run(&mut self, feed: &Feed, until: Instant) -> Result<Vec<Duration>> {
        let mut statements = Statements::prepare(&self.connection, &self.till)?;
        let mut taken = Vec::new();
        while Instant::now() < until {
            let start = Instant::now();
            statements.begin.execute([])?;
            for _ in 0..GROUP {
                let draft = feed.next();
                statements.savepoint.execute([])?;
                statements.record(&self.till, &draft)?;
                statements.release.execute([])?;
            }
            statements.commit.execute([])?;
            taken.extend([start.elapsed(); GROUP]);
        }
        Ok(taken)
    }
}
