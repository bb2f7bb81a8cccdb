//! The tracer: spans of what is sent and handled, which whoever follows a request across processes
//! puts together by the `traceparent` that messages carry.
//!
//! Unlike the other ports this one is no part of a [`Tier`](super::Tier): nothing depends on it, and
//! most applications have none.

use std::sync::Arc;
use std::time::Duration;

use super::broker::Subscription;
use crate::Lane;
use crate::message::Message;

/// Somebody who collects spans. Nothing it does may fail what it is told of, or wait.
pub trait Tracer: Send + Sync + 'static {
    /// Commands are being written.
    fn sends(&self, sending: &Sending<'_>) -> Box<dyn Span>;

    /// A handler is being run.
    fn runs(&self, running: &Running<'_>) -> Box<dyn Span>;

    /// Hands over what has ended so far, and waits for that at most so long. Blocks.
    fn flush(&self, within: Duration);
}

/// Something that has begun. Dropped without an end, nothing of it was kept: a try that is made
/// again soon, or one that was interrupted.
pub trait Span: Send + Sync {
    /// What is to be the `traceparent` of all that it causes.
    fn traceparent(&self) -> Option<Arc<str>>;

    /// It ends now.
    fn end(self: Box<Self>, ending: Ending<'_>);
}

/// Commands that are written at once.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// The first of them, which has the `traceparent` of what asked for it.
    pub message: &'a Message,
    /// The lane it goes to.
    pub lane: Lane,
    /// How many they are.
    pub count: usize,
}

/// One try of one handler at one message.
#[derive(Clone, Copy, Debug)]
pub struct Running<'a> {
    /// The subscription.
    pub subscription: &'a Subscription,
    /// The lane that the message came on.
    pub lane: Lane,
    /// Which try it is, from 1.
    pub attempt: u32,
    /// The message, which has the `traceparent` of what caused it.
    pub message: &'a Message,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending<'a> {
    /// What came of it.
    pub outcome: Outcome,
    /// What went wrong, without anything of the payload that cannot be read.
    pub error: Option<&'a str>,
}

/// What came of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Commands were accepted.
    Accepted,
    /// The same command was accepted before.
    Duplicate,
    /// Commands, or one of several, were not accepted.
    Refused,
    /// The message was handled.
    Done,
    /// It failed, and is tried again later.
    SetAside,
    /// It failed, and went to the dead-letter queue.
    DeadLettered,
    /// It failed, and was let go.
    Dropped,
    /// Somebody else had settled it.
    SettledElsewhere,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
            Self::Done => "done",
            Self::SetAside => "set_aside",
            Self::DeadLettered => "dead_lettered",
            Self::Dropped => "dropped",
            Self::SettledElsewhere => "settled_elsewhere",
        }
    }
}
