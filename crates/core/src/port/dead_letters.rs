//! The messages that subscriptions gave up, as operators see and mend them.

use std::sync::Arc;

use jiff::Timestamp;

use crate::message::Message;
use crate::{BoxFuture, Lane};

use super::Error;
use super::broker::Subscription;
use super::store::Position;

/// A message that a subscription gave up.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its number in the dead-letter queues of this store.
    pub id: u64,
    /// The subscription that gave it up.
    pub subscription: Subscription,
    /// The lane it came on, and goes back to when it is replayed.
    pub lane: Lane,
    /// Its position in the log.
    pub position: Position,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed first.
    pub failed_first: Timestamp,
    /// When it failed last.
    pub failed_last: Timestamp,
    /// What the last failure said.
    pub error: String,
    /// The message.
    pub message: Arc<Message>,
}

/// Which dead letters are meant; an absent condition means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of this handler.
    pub subscription: Option<String>,
    /// Those of this lane.
    pub lane: Option<Lane>,
    /// Only this one.
    pub id: Option<u64>,
    /// Those whose last failure said this, in capital or small letters.
    pub error: Option<String>,
    /// Those that were given up then or later.
    pub since: Option<Timestamp>,
    /// Those that were given up before then.
    pub until: Option<Timestamp>,
    /// Those whose correlation id begins with this.
    pub correlation_prefix: Option<String>,
}

/// The messages that subscriptions gave up.
pub trait DeadLetters: Send + Sync + 'static {
    /// The dead letters that match, oldest first, at most `count_max`.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn list<'a>(
        &'a self,
        filter: &'a Filter,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<DeadLetter>, Error>>;

    /// How many dead letters match.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn count<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, Error>>;

    /// Hands the dead letters that match back to the subscription that gave them up, and to no
    /// other; says how many. Each takes effect once (L9).
    ///
    /// # Errors
    /// When the store cannot answer.
    fn replay<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, Error>>;

    /// Forgets the dead letters that match; says how many.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn purge<'a>(&'a self, filter: &'a Filter) -> BoxFuture<'a, Result<u64, Error>>;
}
