//! What Redis says, in the words of the ports.

use protean_core::port;
use redis::RedisError;

/// What Redis answers while it cannot do what it is asked, but will again: it loads its data, is
/// busy with a script, has no master, or no memory left.
const PASSING: [&str; 7] = [
    "LOADING",
    "BUSY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "READONLY",
    "OOM",
];

/// The error of the port for something that Redis refused while doing `what`.
pub(crate) fn failed(what: &str, error: &RedisError) -> port::Error {
    let passing = error.code().is_some_and(|code| PASSING.contains(&code));
    let (what, why) = (what.to_owned(), error.to_string());
    match is_broken(error) || passing {
        true => port::Error::Unavailable { what, why },
        false => port::Error::Failed { what, why },
    }
}

/// Whether the connection is of no use any more.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_connection_refusal()
        || error.is_unrecoverable_error()
}

/// Whether the group or its stream is gone: Redis was flushed, or came back without its data.
pub(crate) fn is_no_group(error: &RedisError) -> bool {
    error.code() == Some("NOGROUP")
}
