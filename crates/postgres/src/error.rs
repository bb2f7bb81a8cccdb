//! What PostgreSQL says, in the words of the ports.

use std::error::Error as _;

use deadpool_postgres::PoolError;
use protean_core::port;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What kind of trouble an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The connection or the server is gone; another try on another connection may do.
    Away,
    /// Two transactions were in each other's way; another try may do.
    Clash,
    /// The statement was made for tables that have changed since; another connection will do.
    Stale,
    /// A value is not to be had: it breaks a constraint, or has no place in its column.
    Value,
    /// A table or column is missing.
    Tables,
    /// Anything else.
    Other,
}

/// The kind of trouble.
pub(crate) fn trouble(error: &Error) -> Trouble {
    let Some(state) = error.code() else {
        return match error.is_closed() || is_io(error) {
            true => Trouble::Away,
            false => Trouble::Other,
        };
    };
    if *state == SqlState::T_R_SERIALIZATION_FAILURE || *state == SqlState::T_R_DEADLOCK_DETECTED {
        return Trouble::Clash;
    }
    if *state == SqlState::FEATURE_NOT_SUPPORTED || *state == SqlState::INVALID_SQL_STATEMENT_NAME {
        return Trouble::Stale;
    }
    if *state == SqlState::UNDEFINED_TABLE || *state == SqlState::UNDEFINED_COLUMN {
        return Trouble::Tables;
    }
    match &state.code()[..2] {
        // Connection, shutdown, and out of connections or memory.
        "08" | "57" | "53" => Trouble::Away,
        "22" | "23" | "21" => Trouble::Value,
        _ => Trouble::Other,
    }
}

fn is_io(error: &Error) -> bool {
    error
        .source()
        .is_some_and(|source| source.downcast_ref::<std::io::Error>().is_some())
}

/// The error of the port for something that PostgreSQL refused while doing `what`.
pub(crate) fn failed(what: &str, error: &Error) -> port::Error {
    let what = what.to_owned();
    let why = text(error);
    match trouble(error) {
        Trouble::Away | Trouble::Clash | Trouble::Stale => port::Error::Unavailable { what, why },
        Trouble::Tables => port::Error::Tables { why },
        Trouble::Value | Trouble::Other => port::Error::Failed { what, why },
    }
}

/// The error of the port when no connection was to be had.
pub(crate) fn no_connection(error: &PoolError) -> port::Error {
    let why = match error {
        PoolError::Backend(error) => text(error),
        other => other.to_string(),
    };
    unavailable("PostgreSQL", why)
}

/// The error of the port for an answer that did not come.
pub(crate) fn unavailable(what: &str, why: impl Into<String>) -> port::Error {
    port::Error::Unavailable {
        what: what.to_owned(),
        why: why.into(),
    }
}

/// The error of the port for a row that cannot be read.
pub(crate) fn corrupt(table: &str, why: impl Into<String>) -> port::Error {
    port::Error::Corrupt {
        table: table.to_owned(),
        why: why.into(),
    }
}

/// What the server said, which the error itself leaves out.
pub(crate) fn text(error: &Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(told), _) => match told.detail() {
            Some(detail) => format!("{} ({detail})", told.message()),
            None => told.message().to_owned(),
        },
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
