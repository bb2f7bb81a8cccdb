//! The servers: which processes run an engine at this moment, and what they say of themselves.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::BoxFuture;

use super::Error;

/// How often a server tells how it fares.
pub const TELL_INTERVAL: Duration = Duration::from_secs(1);

/// How long a server may say nothing before it counts as gone: several times [`TELL_INTERVAL`],
/// since a machine may be busy, and few enough seconds that nobody looks twice.
pub const SILENCE_MAX: Duration = Duration::from_secs(5);

/// A process that runs an engine, as it tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its number, which no other run of an engine has.
    pub id: Uuid,
    /// The name of its machine.
    pub host: String,
    /// The number of its process there.
    pub pid: u32,
    /// Which worker of its supervisor it is, from 1.
    pub worker: u32,
    /// When it was started, by its own clock.
    pub started: Timestamp,
    /// Whether it starts nothing any more, and only ends what it has begun.
    pub draining: bool,
    /// The subscriptions that it takes part in.
    pub parts: Vec<Served>,
}

/// A part that a server takes in a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The name of the subscription.
    pub name: Arc<str>,
    /// The stream that it reads.
    pub stream: Arc<str>,
    /// Set while this server leaves it alone, since its handler fails for everything.
    pub left_alone: Option<LeftAlone>,
}

/// For how long a server leaves a subscription alone, by its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftAlone {
    /// Since when.
    pub since: Timestamp,
    /// When one message is tried again; `None` while one is.
    pub probe: Option<Timestamp>,
}

/// A server that is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// What it told last.
    pub server: Server,
    /// How long ago that was, by the clock of the store.
    pub seen: Duration,
}

/// The servers of a domain.
pub trait Servers: Send + Sync + 'static {
    /// Tells that a server is alive, and how it fares; called every [`TELL_INTERVAL`]. One process
    /// tells of one server.
    ///
    /// # Errors
    /// When the store cannot be reached.
    ///
    /// # Cancel safety
    /// Dropping the future does not undo anything: it may have been told or not.
    fn tell<'a>(&'a self, server: &'a Server) -> BoxFuture<'a, Result<(), Error>>;

    /// Says goodbye for a server, so that nobody has to find out by its silence.
    ///
    /// # Errors
    /// When the store cannot be reached; it is found out, then.
    ///
    /// # Cancel safety
    /// Dropping the future does not undo anything: it may have been said or not.
    fn leave(&self, id: Uuid) -> BoxFuture<'_, Result<(), Error>>;

    /// The servers that are alive, those that were started first first. One that died, by whatever
    /// death, is not among them after [`SILENCE_MAX`] at most.
    ///
    /// # Errors
    /// When the store cannot answer.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is changed.
    fn alive(&self) -> BoxFuture<'_, Result<Vec<Alive>, Error>>;
}

/// What a server tells, as it is kept.
#[must_use]
pub fn to_text(server: &Server) -> String {
    // Everything in it has a JSON form.
    serde_json::to_string(server).unwrap_or_default()
}

/// What was kept, and how long ago it was told; `None` when it cannot be read, as what a newer
/// version tells may not be.
#[must_use]
pub fn from_text(text: &str, seen: Duration) -> Option<Alive> {
    let server = serde_json::from_str(text).ok()?;
    Some(Alive { server, seen })
}
