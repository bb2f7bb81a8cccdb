//! The broker: the streams, as subscriptions read them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::config::CrossLaneOrder;
use crate::governor::Reading;
use crate::message::Message;
use crate::{BoxFuture, Lane};

pub use super::ahead::Ahead;

use super::Error;
use super::store::Position;
use super::trace::Handling;

/// One handler on one stream: a consumer group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subscription {
    /// The handler's name: `BookCatalogProjector`.
    pub name: Arc<str>,
    /// The stream it reads: `bookshelf::book`.
    pub stream: Arc<str>,
}

impl Subscription {
    /// The subscription of this handler on this stream.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, stream: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            stream: stream.into(),
        }
    }
}

/// Where a delivered message stands in its subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In the flow of its lane.
    Queue {
        /// The queue it is in, of those that make up the lane; the broker's own number for it.
        queue: u64,
        /// Its number in the queue, counted from 1 without gaps.
        sequence: u64,
    },
    /// Set aside, to be tried again later.
    Parked,
}

/// A message handed to a subscription, not yet acknowledged.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The lane it came on.
    pub lane: Lane,
    /// Its place there.
    pub place: Place,
    /// Its position in the log.
    pub position: Position,
    /// How often it has failed.
    pub failures: u32,
    /// When it failed first.
    pub failed_first: Option<Timestamp>,
    /// The message.
    pub message: Arc<Message>,
}

/// What becomes of a delivered message; written in the same commit as the handler's work (L9).
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The subscription.
    pub subscription: Subscription,
    /// The lane it came on.
    pub lane: Lane,
    /// Its place there.
    pub place: Place,
    /// Its position in the log.
    pub position: Position,
    /// The decision.
    pub verdict: Verdict,
    /// How it was handled, if that is to be recorded.
    pub handling: Option<Handling>,
}

/// The decision about a delivered message.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It was handled.
    Done,
    /// It is set aside until `due`, out of everybody's way (L10).
    Park(Parking),
    /// It was given up, and goes to the dead-letter queue of its lane (L10).
    Dead(Death),
    /// It was taken back before anybody had handled it; its idempotency key is free again.
    Withdrawn,
}

/// Why and until when a message is set aside.
#[derive(Clone, Debug)]
pub struct Parking {
    /// When to try again; `None` while it waits behind an earlier message with its key (L8).
    pub due: Option<Timestamp>,
    /// How often it has failed.
    pub failures: u32,
    /// When it failed first.
    pub failed_first: Option<Timestamp>,
    /// What the last failure said.
    pub error: String,
}

/// Why a message was given up.
#[derive(Clone, Debug)]
pub struct Death {
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed first.
    pub failed_first: Timestamp,
    /// When it failed last.
    pub failed_last: Timestamp,
    /// What the last failure said, with everything that caused it.
    pub error: String,
}

/// A message that is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its position in the log.
    pub position: Position,
    /// The lane it came on.
    pub lane: Lane,
    /// Its key, which later messages wait behind (L8).
    pub key: Option<String>,
    /// When to try again; `None` while it waits behind an earlier message with its key.
    pub due: Option<Timestamp>,
}

/// How much one lane of a subscription has before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backlog {
    /// Messages not handled yet, those handed out and set aside among them.
    pub lag: u64,
    /// Messages handed out or set aside, not handled yet.
    pub pending: u64,
    /// Messages given up.
    pub dead: u64,
    /// The age of the oldest message not handled yet.
    pub oldest: Option<Duration>,
    /// Messages handled per second lately; 0 when no server runs.
    pub rate_per_second: f64,
}

/// What the engine knows of one lane of a subscription and no table shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// The subscription.
    pub subscription: Subscription,
    /// The lane.
    pub lane: Lane,
    /// Messages handed out, not handled yet.
    pub in_flight: u64,
    /// Messages handled per second lately.
    pub rate_per_second: f64,
}

/// What is committed and has not reached the broker yet, on one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Messages that wait.
    pub depth: u64,
    /// The age of the oldest of them.
    pub oldest: Option<Duration>,
}

/// A stream on which something new was published.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Published {
    /// The stream.
    pub stream: Arc<str>,
    /// The lane.
    pub lane: Lane,
    /// The subscriptions, by their names, in which all of it is settled: they have nothing to fetch.
    pub settled_in: Vec<Arc<str>>,
}

impl Published {
    /// Something new on a lane of a stream, for every subscription to it.
    #[must_use]
    pub const fn new(stream: Arc<str>, lane: Lane) -> Self {
        Self {
            stream,
            lane,
            settled_in: Vec::new(),
        }
    }

    /// Whether a subscription to the stream has something to fetch.
    #[must_use]
    pub fn concerns(&self, subscription: &Subscription) -> bool {
        !self.settled_in.contains(&subscription.name)
    }
}

/// Backfill messages that a primary message in another process waits for (L8).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Awaited {
    /// The subscription.
    pub subscription: Subscription,
    /// Their key.
    pub key: String,
    /// The position behind them.
    pub before: Position,
}

/// What woke a listener up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// These streams have something new.
    Published(Vec<Published>),
    /// Whoever has these in hand is to promote them.
    Awaited(Vec<Awaited>),
    /// Any stream may have something new: ask all.
    Anything,
}

/// A subscription that this process takes part in: the feeds of its primary and of its backfill
/// lane. Dropping both gives back what was handed out and not settled.
pub type Claim = [Box<dyn Feed>; 2];

/// The streams, as subscriptions read them.
pub trait Broker: Send + Sync + 'static {
    /// Takes part in a subscription. What is handed out to one process is handed out to no other
    /// while that one lives; losing the process, by whatever death, frees it within seconds. A
    /// broker that has no way to share a subscription answers `None` while somebody else has it.
    /// Whoever takes part in it has to ask for the same `order`: only with
    /// [`CrossLaneOrder::PerKey`] do processes leave each other what was promoted.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    fn claim<'a>(
        &'a self,
        subscription: &'a Subscription,
        order: CrossLaneOrder,
    ) -> BoxFuture<'a, Result<Option<Claim>, Error>>;

    /// Waits until everybody may have what this process has given back by dropping its claims: an
    /// engine that ends does not end before, so that nobody has to find out by its silence.
    ///
    /// # Errors
    /// When the broker cannot be reached; it is found out, then.
    ///
    /// # Cancel safety
    /// Cancel safe: what is given back is on its way.
    fn release(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// What has to be done for a lane while a server runs: moving messages to where subscriptions
    /// read them, freeing what the dead held. Goes on until it is dropped; waits out every trouble.
    ///
    /// # Cancel safety
    /// Cancel safe: whoever attends next goes on where this one was.
    fn attend(&self, _lane: Lane) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    /// What is committed and has not reached the broker yet: primary, then backfill. `None` where
    /// a commit is all it takes.
    ///
    /// # Errors
    /// When the store or the broker cannot be reached.
    fn outbox(&self) -> BoxFuture<'_, Result<Option<[Outbox; 2]>, Error>> {
        Box::pin(async { Ok(None) })
    }

    /// Starts to listen for what is published from now on, by any process, on the streams of the
    /// subscriptions that this one takes part in.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, Error>>;

    /// Whether the broker can be reached at this moment, and the store that it builds on.
    ///
    /// # Errors
    /// When it cannot.
    fn reach(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Tells everybody what only this engine knows; called about once a second.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    fn report(&self, gauges: Vec<Gauge>) -> BoxFuture<'_, Result<(), Error>>;

    /// A primary message was given to a handler this long after it was made: the governor is to
    /// know (L4).
    fn sojourn(&self, _waited: Duration) {}

    /// What the governor of this process says of itself (L4).
    fn governor(&self) -> Reading {
        Reading::default()
    }

    /// How many backfill runs may overlap now, of at most so many (L4).
    fn overlap(&self, overlap_max: usize) -> usize {
        overlap_max
    }

    /// How long backfill rests after its handlers used a processor for so long (L4).
    fn rest_after_handlers(&self, _used: Duration) -> Duration {
        Duration::ZERO
    }

    /// How much each lane of each subscription has before it, in the order asked: primary, then
    /// backfill. A subscription that has never run counts everything in its stream. The cost does
    /// not depend on how much there is.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    fn backlogs<'a>(
        &'a self,
        subscriptions: &'a [Subscription],
    ) -> BoxFuture<'a, Result<Vec<[Backlog; 2]>, Error>>;
}

/// One lane of a claimed subscription.
pub trait Feed: Send + 'static {
    /// The next messages, most urgent band first, in order inside a band; empty when there are
    /// none. Never returns a message twice in the life of this feed, and none whose predecessor
    /// with the same key is in other hands (L8).
    ///
    /// # Errors
    /// When the broker cannot be reached; asking again is safe.
    ///
    /// # Cancel safety
    /// Not cancel safe: messages may be lost to this feed, until the next claim.
    fn fetch(&mut self, count_max: usize) -> BoxFuture<'_, Result<Vec<Delivery>, Error>>;

    /// What goes before `messages`, which are primary ones that this feed handed out (L8). Asked of
    /// the primary feed, in [`CrossLaneOrder::PerKey`]. What the backfill feed has handed out is
    /// told again; what is told here may be handed out by the backfill feed once more.
    ///
    /// # Errors
    /// When the broker cannot be reached; asking again is safe.
    ///
    /// # Cancel safety
    /// Cancel safe: what was taken is told again.
    fn ahead<'a>(&'a mut self, messages: &'a [Delivery]) -> BoxFuture<'a, Result<Ahead, Error>>;

    /// Messages of this lane that are set aside and this process's to try again, by position after
    /// `after`, at most `count_max`.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    fn parked(
        &mut self,
        after: Option<Position>,
        count_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Parked>, Error>>;

    /// The messages set aside at these positions, in the order asked; those that are not set aside
    /// any more are left out.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    fn fetch_parked<'a>(
        &'a mut self,
        positions: &'a [Position],
    ) -> BoxFuture<'a, Result<Vec<Delivery>, Error>>;

    /// Tells the feed that the deliveries of its lane in these places are settled in the store, so
    /// that it need not keep them for this process any longer, nor hand them out if they were
    /// promoted.
    ///
    /// # Errors
    /// When the broker cannot be reached; telling again is safe.
    fn settled<'a>(&'a mut self, _places: &'a [Place]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}

/// Waits for publications.
pub trait Listener: Send + 'static {
    /// The next publications, all that happened since the last call at once.
    ///
    /// # Cancel safety
    /// Cancel safe: what is not returned stays for the next call.
    fn wake(&mut self) -> BoxFuture<'_, Wake>;
}
