//! What an error of a database means for the caller. Its texts never carry values: of an error only the primary
//! message is kept, and the values stand in its details.

use crm_core::Error;
use crm_core::work::Schema;
#[cfg(feature = "postgres")]
use diesel::result::DatabaseErrorInformation;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

#[cfg(feature = "postgres")]
use crate::sql::table_of;

/// An error, and what it says of the connection.
#[derive(Debug)]
pub(crate) struct Classified {
    pub(crate) error: Error,
    pub(crate) state: State,
}

/// What is known after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The statement did nothing; the connection is sound.
    Known,
    /// There was no transaction to end.
    NoTransaction,
    /// The connection is lost.
    Lost,
    /// The reason is none we know.
    Unclear,
}

fn known(error: Error) -> Classified {
    Classified { error, state: State::Known }
}

/// Two writers met. With a kind that is its conflict; without one the database as a whole is busy.
fn met(schema: Option<&'static Schema>) -> Classified {
    known(match schema {
        Some(schema) => Error::Conflict { kind: schema.kind },
        None => Error::busy("another writer holds the database"),
    })
}

fn lost() -> Classified {
    Classified { error: Error::busy("the connection to the database was lost"), state: State::Lost }
}

/// An error that the caller cannot do anything about, with the database's words but without its details.
fn unclear(schema: Option<&'static Schema>, message: &str, state: State) -> Classified {
    let what = schema.map_or("the database", |schema| schema.kind);
    Classified { error: Error::backend(format!("{what}: the database refused"), message.to_owned()), state }
}

fn taken(schema: Option<&'static Schema>, unique: Option<&'static str>) -> Classified {
    known(match schema {
        Some(schema) => Error::AlreadyExists { kind: schema.kind, unique: unique.unwrap_or("key").into() },
        None => Error::AlreadyExists { kind: "record", unique: "key".into() },
    })
}

/// What is the same on every database.
fn common(error: &DieselError, schema: Option<&'static Schema>) -> Option<Classified> {
    let what = schema.map_or("the database", |schema| schema.kind);
    match error {
        DieselError::DatabaseError(kind, information) => match kind {
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => Some(lost()),
            DatabaseErrorKind::SerializationFailure => Some(met(schema)),
            DatabaseErrorKind::ReadOnlyTransaction => Some(known(Error::ReadOnly)),
            DatabaseErrorKind::ForeignKeyViolation
            | DatabaseErrorKind::RestrictViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::ExclusionViolation => {
                let message = information.message().to_owned();
                Some(known(Error::backend(format!("{what}: a constraint of the database is broken"), message)))
            }
            _ => None,
        },
        DieselError::BrokenTransactionManager => Some(lost()),
        #[cfg(feature = "postgres")]
        DieselError::SerializationError(cause) if cause.is::<crate::sql_types::postgres::NulInText>() => {
            Some(known(Error::invalid(what, "text.nul")))
        }
        DieselError::SerializationError(_) => Some(known(Error::backend(what, "a value does not fit its column"))),
        DieselError::DeserializationError(_) => {
            Some(known(Error::backend(what, "a stored value does not fit its column")))
        }
        _ => None,
    }
}

/// The classification of SQLite's errors. Diesel keeps the message and not the code; the messages are those of
/// `sqlite3ErrStr`, which are never translated, and SQLite is compiled in.
#[cfg(feature = "sqlite")]
pub(crate) fn sqlite(error: &DieselError, schema: Option<&'static Schema>) -> Classified {
    if let Some(classified) = common(error, schema) {
        return classified;
    }
    let DieselError::DatabaseError(kind, information) = error else {
        return unclear(schema, "an unexpected answer", State::Unclear);
    };
    let message = information.message();
    if *kind == DatabaseErrorKind::UniqueViolation {
        return taken(schema, schema.and_then(|schema| sqlite_unique(schema, message)));
    }
    match message {
        // SQLITE_BUSY, with SQLITE_BUSY_SNAPSHOT; SQLITE_LOCKED.
        "database is locked" => met(schema),
        message if message.starts_with("database table is locked") => met(schema),
        // SQLITE_READONLY: the file, not the transaction.
        message if message.starts_with("attempt to write a readonly database") => {
            known(Error::backend("the database file is read-only", message.to_owned()))
        }
        // SQLITE_FULL
        "database or disk is full" => known(Error::backend("the disk is full", message.to_owned())),
        message if message.contains("no transaction is active") => unclear(schema, message, State::NoTransaction),
        // SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CANTOPEN
        "disk I/O error"
        | "database disk image is malformed"
        | "file is not a database"
        | "unable to open database file" => unclear(schema, message, State::Lost),
        message => unclear(schema, message, State::Unclear),
    }
}

/// The unique key named by `UNIQUE constraint failed: table.column, table.column`.
#[cfg(feature = "sqlite")]
fn sqlite_unique(schema: &Schema, message: &str) -> Option<&'static str> {
    let (_, columns) = message.split_once(": ")?;
    let mut named: Vec<usize> = columns
        .split(", ")
        .map(|column| schema.position(column.rsplit_once('.').map_or(column, |(_, name)| name)))
        .collect::<Option<_>>()?;
    named.sort_unstable();
    schema.unique.iter().find_map(|unique| {
        let mut columns = unique.columns.to_vec();
        columns.sort_unstable();
        (columns == named).then_some(unique.name)
    })
}

/// The classification of PostgreSQL's errors. Diesel tells some SQLSTATEs apart and hands out none, so the others are
/// known by their primary message; a connection makes sure that the server speaks English.
#[cfg(feature = "postgres")]
pub(crate) fn postgres(error: &DieselError, schema: Option<&'static Schema>) -> Classified {
    if let Some(classified) = common(error, schema) {
        return classified;
    }
    let DieselError::DatabaseError(kind, information) = error else {
        return unclear(schema, "an unexpected answer", State::Unclear);
    };
    if *kind == DatabaseErrorKind::UniqueViolation {
        return taken(schema, schema.and_then(|schema| postgres_unique(schema, information.as_ref())));
    }
    match information.message() {
        // 40P01; 55P03, for a timeout and for NOWAIT
        "deadlock detected" | "canceling statement due to lock timeout" => met(schema),
        message if message.starts_with("could not obtain lock on") => met(schema),
        // 40001, should Diesel not tell it apart one day
        message if message.starts_with("could not serialize access") => met(schema),
        // A replica that had to cancel a query (40001 or 40P01).
        message if message.starts_with("canceling statement due to conflict with recovery") => met(schema),
        // 22P05: a NUL inside a JSON document
        message if message.starts_with("unsupported Unicode escape sequence") => {
            known(Error::invalid(schema.map_or("document", |schema| schema.kind), "text.nul"))
        }
        // 57014
        message if message.starts_with("canceling statement due to") => {
            known(Error::busy("the database cancelled the statement"))
        }
        // 57P01, 57P02, 57P03, 57P05, 08006 and what libpq says of a broken connection
        message if LOST.iter().any(|start| message.starts_with(start)) => lost(),
        // 53300, 53100, 53200
        message if message.starts_with("sorry, too many clients already") => {
            known(Error::busy("the database has too many connections"))
        }
        message => unclear(schema, message, State::Unclear),
    }
}

#[cfg(feature = "postgres")]
const LOST: &[&str] = &[
    "terminating connection",
    "the database system is",
    "server closed the connection",
    "could not receive data from server",
    "could not send data to server",
    "no connection to the server",
    "connection not open",
    "SSL connection has been closed",
    "SSL SYSCALL error",
];

/// The unique key behind a constraint's name, which is `<table>_<unique>`, on a distributed engine with a number behind.
#[cfg(feature = "postgres")]
fn postgres_unique(
    schema: &Schema,
    information: &(dyn DatabaseErrorInformation + Send + Sync),
) -> Option<&'static str> {
    let constraint = information.constraint_name().or_else(|| information.message().split('"').nth(1))?;
    let named = |constraint: &str| {
        let name = constraint.strip_prefix(table_of(schema))?.strip_prefix('_')?;
        schema.unique.iter().find(|unique| unique.name == name).map(|unique| unique.name)
    };
    let without_shard = || {
        let (name, number) = constraint.rsplit_once('_')?;
        number.bytes().all(|digit| digit.is_ascii_digit()).then(|| named(name)).flatten()
    };
    named(constraint).or_else(without_shard)
}

#[cfg(test)]
mod tests {
    use crm_core::ErrorKind;
    use diesel::result::DatabaseErrorInformation as Information;

    use super::*;
    use crate::suite::{PAIR, THING};

    struct Said {
        message: &'static str,
        constraint: Option<&'static str>,
    }

    impl Information for Said {
        fn message(&self) -> &str {
            self.message
        }

        fn details(&self) -> Option<&str> {
            Some("Key (phone)=(+48 22 000 00 00) already exists.")
        }

        fn hint(&self) -> Option<&str> {
            None
        }

        fn table_name(&self) -> Option<&str> {
            None
        }

        fn column_name(&self) -> Option<&str> {
            None
        }

        fn constraint_name(&self) -> Option<&str> {
            self.constraint
        }

        fn statement_position(&self) -> Option<i32> {
            None
        }
    }

    fn said(kind: DatabaseErrorKind, message: &'static str, constraint: Option<&'static str>) -> DieselError {
        DieselError::DatabaseError(kind, Box::new(Said { message, constraint }))
    }

    fn unique_of(classified: &Classified) -> &str {
        match &classified.error {
            Error::AlreadyExists { unique, .. } => unique,
            other => panic!("{other:?}"),
        }
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn the_words_of_sqlite() {
        let cases = [
            ("database is locked", ErrorKind::Conflict, State::Known),
            ("database table is locked: crm_stock", ErrorKind::Conflict, State::Known),
            ("database or disk is full", ErrorKind::Backend, State::Known),
            ("attempt to write a readonly database", ErrorKind::Backend, State::Known),
            ("disk I/O error", ErrorKind::Backend, State::Lost),
            ("cannot rollback - no transaction is active", ErrorKind::Backend, State::NoTransaction),
            ("something new", ErrorKind::Backend, State::Unclear),
        ];
        for (message, kind, state) in cases {
            let classified = sqlite(&said(DatabaseErrorKind::Unknown, message, None), Some(&THING));
            assert_eq!((classified.error.kind(), classified.state), (kind, state), "{message}");
        }
        let busy = sqlite(&said(DatabaseErrorKind::Unknown, "database is locked", None), None);
        assert_eq!(busy.error.kind(), ErrorKind::Busy);
        let uniques = [
            ("UNIQUE constraint failed: crm_test_things.label", "label"),
            ("UNIQUE constraint failed: crm_test_things.id", "key"),
            ("UNIQUE constraint failed: index 'x'", "key"),
        ];
        for (message, unique) in uniques {
            let classified = sqlite(&said(DatabaseErrorKind::UniqueViolation, message, None), Some(&THING));
            assert_eq!(unique_of(&classified), unique, "{message}");
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn the_words_of_postgresql() {
        use DatabaseErrorKind::{ClosedConnection, ReadOnlyTransaction, SerializationFailure, Unknown};
        let cases = [
            (SerializationFailure, "könnte nicht", ErrorKind::Conflict, State::Known),
            (Unknown, "deadlock detected", ErrorKind::Conflict, State::Known),
            (Unknown, "canceling statement due to lock timeout", ErrorKind::Conflict, State::Known),
            (Unknown, "canceling statement due to conflict with recovery", ErrorKind::Conflict, State::Known),
            (Unknown, "canceling statement due to statement timeout", ErrorKind::Busy, State::Known),
            (Unknown, "canceling statement due to user request", ErrorKind::Busy, State::Known),
            (ClosedConnection, "", ErrorKind::Busy, State::Lost),
            (Unknown, "terminating connection due to administrator command", ErrorKind::Busy, State::Lost),
            (Unknown, "the database system is shutting down", ErrorKind::Busy, State::Lost),
            (ReadOnlyTransaction, "", ErrorKind::ReadOnly, State::Known),
            (Unknown, "could not extend file", ErrorKind::Backend, State::Unclear),
        ];
        for (kind, message, error, state) in cases {
            let classified = postgres(&said(kind, message, None), Some(&PAIR));
            assert_eq!((classified.error.kind(), classified.state), (error, state), "{message}");
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_unique_key_is_found_by_its_constraint() {
        let unique = |constraint, message| {
            unique_of(&postgres(&said(DatabaseErrorKind::UniqueViolation, message, constraint), Some(&THING)))
                .to_owned()
        };
        assert_eq!(unique(Some("crm_test_things_label"), ""), "label");
        assert_eq!(unique(Some("crm_test_things_label_102008"), ""), "label");
        assert_eq!(unique(None, "duplicate key value violates unique constraint \"crm_test_things_label\""), "label");
        for other in
            ["crm_test_things_pk", "crm_test_things_pk_102008", "crm_other_label", "crm_test_things_label_x", ""]
        {
            assert_eq!(unique(Some(other), ""), "key", "{other}");
        }
    }

    #[test]
    fn details_stay_out_of_errors() {
        for kind in [DatabaseErrorKind::UniqueViolation, DatabaseErrorKind::CheckViolation, DatabaseErrorKind::Unknown]
        {
            let error = said(kind, "refused", None);
            let classified = [
                #[cfg(feature = "sqlite")]
                sqlite(&error, Some(&THING)),
                #[cfg(feature = "postgres")]
                postgres(&error, Some(&PAIR)),
            ];
            for Classified { error, .. } in classified {
                assert!(!format!("{error:?} {error}").contains("+48"));
            }
        }
    }
}
