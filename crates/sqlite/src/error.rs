//! What SQLite says, in the words of the ports.

use protean_core::port;
use rusqlite::{Error, ErrorCode};

/// The error of the port for something that SQLite refused while doing `what`.
pub(crate) fn failed(what: &str, error: &Error) -> port::Error {
    let what = what.to_owned();
    let why = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => {
            port::Error::Unavailable { what, why }
        }
        Some(ErrorCode::Unknown) if why.contains("no such table") => port::Error::Tables { why },
        _ if why.contains("no such table") || why.contains("no such column") => {
            port::Error::Tables { why }
        }
        _ => port::Error::Failed { what, why },
    }
}

/// The error for an answer that did not come.
pub(crate) fn unanswered(what: &str, why: &str) -> port::Error {
    port::Error::Unavailable {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}

/// The error for a file that cannot be used.
pub(crate) fn file(what: &str, error: &std::io::Error) -> port::Error {
    port::Error::Unavailable {
        what: what.to_owned(),
        why: error.to_string(),
    }
}
