//! Retention: what is old and done with is removed, a little at a time, so that a store does not
//! grow for ever.
//!
//! Events are the facts of the domain, and the log is their store: they are of no kind here, and
//! nothing removes them. Of commands only those go that everybody has handled.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::BoxFuture;

use super::Error;
use super::broker::Subscription;
use super::imports::Hold;

/// What is removed when it is old enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Commands that every subscription of their stream has settled; none that is set aside, given
    /// up, or not published yet.
    Commands,
    /// What is known of messages that came before, so that each counts once: the idempotency keys
    /// of callers, and what was taken in from a broker. None of a command that is not settled.
    Markers,
    /// What was done with messages, as `events trace` tells it; none of the failures of a message
    /// that is set aside or given up.
    Traces,
    /// Imports that have ended and left nothing set aside or given up.
    Imports,
    /// What processes that are gone told of themselves.
    Gauges,
}

impl Kind {
    /// Every kind, in the order in which they are cleaned.
    pub const ALL: [Self; 5] = [
        Self::Commands,
        Self::Markers,
        Self::Traces,
        Self::Imports,
        Self::Gauges,
    ];

    /// Its word in the configuration and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Markers => "markers",
            Self::Traces => "traces",
            Self::Imports => "imports",
            Self::Gauges => "gauges",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a sweep through a kind is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The kind.
    pub kind: Kind,
    /// Only what is from before this moment goes.
    pub before: Timestamp,
    /// The subscriptions of the domain. Those that have left a trace in the store count beside
    /// them; one that has never run has handled nothing.
    pub subscriptions: Vec<Subscription>,
}

/// A row of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A command, by its place in the log.
    Command {
        /// The queue.
        queue: u64,
        /// Its number there.
        sequence: u64,
    },
    /// An idempotency key, and the position of its command.
    Key {
        /// Its digest.
        key: Vec<u8>,
        /// The position.
        position: u64,
    },
    /// A message that was taken in.
    Arrival {
        /// Its stream.
        stream: String,
        /// Its id.
        id: Uuid,
    },
    /// A record of a run, by its number.
    Trace(u64),
    /// An import, by its name.
    Import(String),
    /// A process, by its name.
    Process(String),
}

/// What a look has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The rows that may go, at most [`LOOK_MAX`].
    pub rows: Vec<Row>,
    /// The last row that was looked at; `None` when that was the end.
    pub next: Option<Row>,
}

/// What became of some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many of them were come to, from the first on: time may have been over before the last.
    pub passed: usize,
    /// How many of those were removed; the others are gone, or may not go any more.
    pub removed: u64,
}

/// The most rows that one look is about: a bound on its time, and on what is held of it.
pub const LOOK_MAX: usize = 256;

/// Removing what is old. Looking and removing are apart, so that nothing is locked while it is
/// looked for; what is removed is judged again.
///
/// Any crash in between is harmless, and several processes may do it at once; the turn is there to
/// spare them that.
pub trait Retention: Send + Sync + 'static {
    /// The right to clean, which ends when it is dropped, and with the process; `None` while
    /// somebody else has it.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn turn(&self) -> BoxFuture<'_, Result<Option<Hold>, Error>>;

    /// Looks at the next rows of a kind, after one that a look before was about.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn due<'a>(
        &'a self,
        sweep: &'a Sweep,
        after: Option<&'a Row>,
    ) -> BoxFuture<'a, Result<Due, Error>>;

    /// Removes rows that were found due, all of one kind, as work of the backfill lane, and no
    /// longer than primary work may be held up (L2). At least one is come to.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn remove<'a>(
        &'a self,
        sweep: &'a Sweep,
        rows: &'a [Row],
    ) -> BoxFuture<'a, Result<Removed, Error>>;
}

/// What the names of streams of commands end with.
pub const COMMAND_SUFFIX: &str = ":command";

/// When a message was made, if its id tells.
#[must_use]
pub fn made(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    let nanos = i32::try_from(nanos).ok()?;
    Timestamp::new(i64::try_from(seconds).ok()?, nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_its_message_was_made() {
        let before = Timestamp::now();
        let made = made(Uuid::now_v7()).unwrap();
        assert!(before.duration_since(made).as_millis_f64() < 2.0);
        assert_eq!(super::made(Uuid::from_u128(7)), None);
    }

    #[test]
    fn streams_of_commands_are_known_by_their_names() {
        let stream = crate::naming::command_stream("shop", "book");
        assert!(stream.ends_with(COMMAND_SUFFIX));
    }
}
