//! The store: rows, and the commits that join rows, messages and acknowledgements.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::message::Message;
use crate::schema::{Row, Schema, Value};
use crate::{BoxFuture, Lane};

use super::Error;
use super::along::{Along, Since};
use super::broker::{Published, Settlement, Subscription};

/// A row as it is stored, with the version that guards it against lost updates.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The values.
    pub row: Row,
    /// How often it was changed; 0 when it is new.
    pub version: i64,
}

/// One change to one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The table.
    pub schema: &'static Schema,
    /// The change.
    pub change: Change,
}

/// What happens to the row.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A new row, with version 0; refused when its identity exists.
    Insert(Row),
    /// New values for a row that still has this version; the version grows by one.
    Update {
        /// The new values.
        row: Row,
        /// The version that was read.
        expected: i64,
    },
    /// New values, whether the row exists or not; the version grows by one.
    Put(Row),
    /// The row goes, if it still has this version.
    Delete {
        /// The row's identity.
        id: Value,
        /// The version that was read.
        expected: i64,
    },
}

/// Everything that one message, or one call, wants written: all of it or nothing (L9).
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The changes to rows.
    pub writes: Vec<Write>,
    /// The messages to publish, each with its lane.
    pub messages: Vec<(Lane, Message)>,
    /// Messages handled in this very commit: recorded, but not delivered to anybody.
    pub recorded: Vec<Message>,
    /// What becomes of the messages that were handled: of one, or of several that were handled
    /// together. When one of them was settled before, none of this happens.
    pub settlements: Vec<Settlement>,
    /// What subscriptions that are up to date do with its messages at once: with the commit all of
    /// it or none of it.
    pub along: Vec<Along>,
    /// Whether it was computed from what an earlier commit of the same batch writes, so that it
    /// must not happen if one of those did not.
    pub dependent: bool,
}

impl Commit {
    /// What is new once it is durable, when nothing goes along: one for each message.
    pub fn published(&self) -> impl Iterator<Item = Published> {
        let messages = self.messages.iter();
        messages.map(|(lane, message)| Published::new(message.stream.clone(), *lane))
    }

    /// The same when [`Commit::along`] happens with it, once for each lane of a stream: a subscription
    /// that does its work on every message there then has nothing to fetch.
    #[must_use]
    pub fn published_along(&self) -> HashSet<Published> {
        let done = self.along.iter();
        let done = done.map(|it| (it.message, &it.subscription.name));
        let done: BTreeSet<(usize, &Arc<str>)> = done.collect();
        let names: BTreeSet<&Arc<str>> = done.iter().map(|(_, name)| *name).collect();
        let all: HashSet<Published> = self.published().collect();
        let spare = |one: Published| {
            let mut settled = names.clone();
            for (nth, (lane, message)) in self.messages.iter().enumerate() {
                if *lane == one.lane && message.stream == one.stream {
                    settled.retain(|name| done.contains(&(nth, *name)));
                }
            }
            let settled_in = settled.into_iter().cloned().collect();
            Published { settled_in, ..one }
        };
        all.into_iter().map(spare).collect()
    }
}

/// Where a message went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is durable.
    Done {
        /// The position of its first message, if it had one.
        position: Option<Position>,
        /// Whether [`Commit::along`] happened with it.
        along: bool,
    },
    /// Its command was accepted before, under the same idempotency key; nothing was written.
    Duplicate {
        /// The id of the command that was accepted.
        id: uuid::Uuid,
        /// Its position.
        position: Position,
    },
}

/// Why a commit was refused. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The row has another version than the one that was read.
    #[error("[PE0113] row {id} of {table} was changed by another writer")]
    Conflict {
        /// The table.
        table: &'static str,
        /// The row's identity.
        id: String,
    },
    /// A row with this identity, or with this value in a unique column, exists.
    #[error("[PE0112] {table} already holds a row with {what}")]
    Exists {
        /// The table.
        table: &'static str,
        /// What clashes.
        what: String,
    },
    /// A message was settled before, by whoever held its subscription earlier (L9).
    #[error("[PE0206] the message was handled before")]
    Settled,
    /// It depends on an earlier commit of its batch, which was refused.
    #[error("[PE0207] an earlier commit of the batch was refused")]
    Dependent,
    /// The store said no for another reason.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Which rows of a table, and in which order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Columns and the value each must have.
    pub equals: Vec<(String, Value)>,
    /// Columns to order by, first one first. Rows that are equal in all are ordered by identity.
    pub order_by: Vec<(String, Direction)>,
    /// At most this many rows; never more than [`Query::LIMIT_MAX`].
    pub limit: Option<u32>,
    /// Rows to pass over first.
    pub offset: u64,
}

impl Query {
    /// The rows returned when no limit is given.
    pub const LIMIT_DEFAULT: u32 = 100;
    /// The most rows one query returns: more belongs in pages.
    pub const LIMIT_MAX: u32 = 10_000;
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}

/// One page of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Stored>,
    /// How many rows there are in all pages.
    pub total: u64,
}

/// The connections that one lane of this process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// The lane.
    pub lane: Lane,
    /// Those that are in use.
    pub used: u64,
    /// The most there may be.
    pub max: u64,
    /// Pieces of work that wait for one.
    pub awaited: u64,
}

/// Rows, and the commits that join rows, messages and acknowledgements.
///
/// Reads see what is committed. `lane` says on whose behalf the store is asked: work for the
/// primary lane never waits for more than one quantum of work for the backfill lane (L2).
pub trait Store: Send + Sync + 'static {
    /// The row with this identity.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn load<'a>(
        &'a self,
        lane: Lane,
        schema: &'static Schema,
        id: &'a Value,
    ) -> BoxFuture<'a, Result<Option<Stored>, Error>>;

    /// The rows that a query asks for.
    ///
    /// # Errors
    /// When the query names an unknown column, or the store cannot answer.
    fn select<'a>(
        &'a self,
        lane: Lane,
        schema: &'static Schema,
        query: &'a Query,
    ) -> BoxFuture<'a, Result<Page, Error>>;

    /// Makes each commit of a batch durable, in order, or refuses it; a refused commit costs only
    /// itself and those that are [`Commit::dependent`]. The results are in the batch's order.
    ///
    /// # Cancel safety
    /// Dropping the future does not undo anything: commits that were on their way still happen.
    fn commit(
        &self,
        lane: Lane,
        batch: Vec<Commit>,
    ) -> BoxFuture<'_, Vec<Result<Committed, Refused>>>;

    /// Up to where a subscription is known to have handled the queue that a message on a lane goes
    /// to; none if that is not known here, or the store takes nothing along. Nothing is looked up.
    /// To be asked before the work begins that is to go along with the message ([`Commit::along`]).
    fn since(
        &self,
        _subscription: &Subscription,
        _lane: Lane,
        _message: &Message,
    ) -> Option<Since> {
        None
    }

    /// The connections of this process to a database server, by lane; none where there is no
    /// server.
    fn connections(&self) -> Vec<Connections> {
        Vec::new()
    }
}
