//! What goes into the scheduler and what comes out.

use std::time::Duration;

use protean_core::Lane;
use protean_core::lane::Band;

/// A message, as far as the scheduler cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<T> {
    /// The hash of its key; messages with one key run one after another (L8).
    pub key: Option<u64>,
    /// The lane it came on; promoted, it runs on the other one.
    pub lane: Lane,
    /// Its position in the log.
    pub position: u64,
    /// Its rank inside the lane (L7).
    pub band: Band,
    /// The engine's message.
    pub body: T,
}

/// What became of a message that was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is settled: handled, or given up.
    Done,
    /// It is set aside, to be tried again.
    Parked {
        /// Its position in the log.
        position: u64,
        /// When to try again.
        due: Duration,
    },
    /// It was not run, or its commit did not happen: it is as it was before.
    Unrun,
}

/// What the engine is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<T> {
    /// Ask for messages of a lane, and tell with [`Scheduler::fetched`](super::Scheduler::fetched).
    Fetch {
        /// The subscription.
        subscription: usize,
        /// The lane.
        lane: Lane,
        /// At most this many.
        count_max: usize,
    },
    /// Ask for a message that was set aside, and tell with
    /// [`Scheduler::fetched_parked`](super::Scheduler::fetched_parked).
    FetchParked {
        /// The subscription.
        subscription: usize,
        /// The lane it came on.
        lane: Lane,
        /// Its position in the log.
        position: u64,
        /// The hash of its key.
        key: Option<u64>,
    },
    /// Run messages, and tell with [`Scheduler::finished`](super::Scheduler::finished).
    Run(Run<T>),
}

/// Messages to be run by one worker, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<T> {
    /// The subscription.
    pub subscription: usize,
    /// The lane they run on.
    pub lane: Lane,
    /// The messages.
    pub items: Vec<Item<T>>,
    /// So many of them are to be run although primary messages wait: they are what `min_share` owes
    /// (L6).
    pub owed: usize,
    /// Whether it is to find out if a handler that failed for everything works again. A failure
    /// that says nothing about the message is none of its tries, then.
    pub probe: bool,
}
