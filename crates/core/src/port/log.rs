//! The log of all messages, as people read it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::message::Message;
use crate::{BoxFuture, Lane};

use super::Error;
use super::broker::{Listener, Subscription};
use super::store::Position;
use super::trace::Fate;

/// A message in the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its position.
    pub position: Position,
    /// The lane it was published on; `None` when it was handled inline, without a delivery.
    pub lane: Option<Lane>,
    /// The message.
    pub message: Arc<Message>,
}

/// Which messages are looked for; an absent condition means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Those of this stream: `bookshelf::book`.
    pub stream: Option<String>,
    /// Those of this lane.
    pub lane: Option<Lane>,
    /// Those of this type: `Bookshelf.AddBook.v1`.
    pub type_name: Option<String>,
    /// Those that this request caused.
    pub correlation_id: Option<String>,
    /// Those about the aggregate with this identity.
    pub key: Option<String>,
    /// Those made then or later.
    pub since: Option<Timestamp>,
    /// Those made before then.
    pub until: Option<Timestamp>,
}

impl Search {
    /// The most messages that are looked at when neither a correlation id nor an identity leads to
    /// those that are meant: a second's work.
    pub const LOOKED_AT_MAX: u64 = 1_000_000;

    /// How far the clocks and the order of writing may differ from the times of messages.
    const SLACK: SignedDuration = SignedDuration::from_mins(2);

    /// The times between which a message with this id is to be looked for: first nearby, where
    /// nearly every message is, then as far as it may be. `None` when the id does not tell when it
    /// was made.
    #[must_use]
    pub fn times_of(id: Uuid) -> Option<[(Timestamp, Timestamp); 2]> {
        let (seconds, nanos) = id.get_timestamp()?.to_unix();
        let nanos = i32::try_from(nanos).ok()?;
        let made = Timestamp::new(i64::try_from(seconds).ok()?, nanos).ok()?;
        Some([SignedDuration::from_secs(2), Self::SLACK].map(|slack| around((made, made), slack)))
    }

    /// The times between which the messages are to be looked for.
    #[must_use]
    pub fn times(&self) -> (Timestamp, Timestamp) {
        let since = self.since.unwrap_or(Timestamp::MIN);
        let until = self.until.unwrap_or(Timestamp::MAX);
        around((since, until), Self::SLACK)
    }

    /// Whether an index leads to the messages.
    #[must_use]
    pub const fn is_narrow(&self) -> bool {
        self.correlation_id.is_some() || self.key.is_some()
    }
}

/// What one lane of a stream has taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The stream.
    pub stream: String,
    /// The lane; `None` for what was handled inline, without a delivery.
    pub lane: Option<Lane>,
    /// Messages published since the tables were made.
    pub published: u64,
    /// When the oldest that is still there was made.
    pub oldest: Option<Timestamp>,
    /// When the newest was made.
    pub newest: Option<Timestamp>,
}

fn around((since, until): (Timestamp, Timestamp), slack: SignedDuration) -> (Timestamp, Timestamp) {
    let since = since.checked_sub(slack).unwrap_or(Timestamp::MIN);
    let until = until.checked_add(slack).unwrap_or(Timestamp::MAX);
    (since, until)
}

impl Stat {
    /// Those of one lane of one stream, which follow each other, as one.
    #[must_use]
    pub fn joined(all: Vec<Self>) -> Vec<Self> {
        let mut joined: Vec<Self> = Vec::with_capacity(all.len());
        for one in all {
            match joined.last_mut() {
                Some(last) if last.stream == one.stream && last.lane == one.lane => {
                    last.published += one.published;
                    last.oldest = last.oldest.into_iter().chain(one.oldest).min();
                    last.newest = last.newest.into_iter().chain(one.newest).max();
                }
                _ => joined.push(one),
            }
        }
        joined
    }
}

/// The log of all messages.
pub trait Log: Send + Sync + 'static {
    /// The messages of a stream (`bookshelf::book`) or of one aggregate's stream
    /// (`bookshelf::book-0190…`) from a position on, in order, at most `count_max`; of one lane, or
    /// of all, and those that were handled inline.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn read<'a>(
        &'a self,
        stream: &'a str,
        lane: Option<Lane>,
        from: Position,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Error>>;

    /// Starts to listen for what is written to the log from now on, by any process. What is handled
    /// inline rings no bell.
    ///
    /// # Errors
    /// When the store cannot be reached.
    fn listen(&self) -> BoxFuture<'_, Result<Box<dyn Listener>, Error>>;

    /// Everything that one outside request caused, in order, at most `count_max`.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn trace<'a>(
        &'a self,
        correlation_id: &'a str,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Error>>;

    /// The message with this id, which has to be a UUIDv7, as every id is that this framework
    /// makes: it tells where in the log the message is.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn find(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Entry>, Error>>;

    /// The newest messages that a search means, oldest first, at most `count_max`. Of a search that
    /// is not [narrow](Search::is_narrow), those among the newest [`Search::LOOKED_AT_MAX`] of its
    /// time.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn search<'a>(
        &'a self,
        search: &'a Search,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Error>>;

    /// What each lane of each stream has taken in, by stream and lane. A few lookups for each,
    /// however many messages there are.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn stats(&self) -> BoxFuture<'_, Result<Vec<Stat>, Error>>;

    /// What became of each of these messages in each of these subscriptions that reads its stream,
    /// by position and then in the order of the subscriptions. What was handled inline is no
    /// subscription's.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn fates<'a>(
        &'a self,
        positions: &'a [Position],
        subscriptions: &'a [Subscription],
    ) -> BoxFuture<'a, Result<Vec<Fate>, Error>>;
}
