//! Messages.

use std::time::Duration;

use protean_core::Lane;
use protean_core::lane::Band;
use protean_core::order::Keyed;
use protean_core::port::broker::Place;

/// A message's number in the log, which is its position.
pub(crate) type MessageId = usize;

/// Keys of messages.
pub(crate) const KEYS: [&str; 12] = [
    "ada", "ben", "cleo", "dan", "eve", "finn", "gil", "hana", "ida", "jon", "kim", "leo",
];

/// How a message goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// Its handlers fail this often.
    Fails(u32),
    /// Its handlers fail whenever they are tried.
    Poison,
    /// Nobody can read it.
    Undecodable,
}

/// A message to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft {
    pub(crate) stream: usize,
    pub(crate) lane: Lane,
    pub(crate) band: Band,
    pub(crate) key: Option<&'static str>,
    pub(crate) trouble: Trouble,
    /// Whether handling it writes another message.
    pub(crate) leads_on: bool,
    /// The subscription and the message whose handling wrote it.
    pub(crate) cause: Option<(usize, MessageId)>,
}

/// A message in the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    pub(crate) id: MessageId,
    pub(crate) draft: Draft,
    pub(crate) queue: u64,
    pub(crate) sequence: u64,
    pub(crate) previous: Option<u64>,
    /// When it was written.
    pub(crate) time: Duration,
}

impl Keyed for Logged {
    fn queue(&self) -> u64 {
        self.queue
    }

    fn sequence(&self) -> u64 {
        self.sequence
    }

    fn previous(&self) -> Option<u64> {
        self.previous
    }

    fn key(&self) -> Option<&str> {
        self.draft.key
    }
}

/// A message handed to a subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    pub(crate) logged: Logged,
    pub(crate) place: Place,
    pub(crate) failures: u32,
}

impl Delivery {
    /// One out of its queue.
    pub(crate) const fn queued(logged: Logged) -> Self {
        Self {
            place: Place::Queue {
                queue: logged.queue,
                sequence: logged.sequence,
            },
            logged,
            failures: 0,
        }
    }
}
