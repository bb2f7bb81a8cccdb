//! Messages: the commands and events that flow through streams.

pub mod envelope;

use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::lane::Band;
use crate::{Priority, traceparent};

/// The type of a message that stands for one that could not be read. No handler takes it, so it is
/// given up, and an operator sees what it was (L10).
pub const UNDECODABLE: &str = "Protean.Undecodable.v1";

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A request, handled by exactly one handler.
    Command,
    /// A fact, handled by every subscription of its stream.
    Event,
}

impl Kind {
    /// The word in the envelope.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Command => "COMMAND",
            Self::Event => "EVENT",
        }
    }
}

/// A message as it is stored, before or after its journey.
///
/// The payload stays the JSON text it was written as; it is decoded once, by the handler that
/// takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Unique per message, a UUIDv7.
    pub id: Uuid,
    /// Command or event.
    pub kind: Kind,
    /// `Bookshelf.AddBook.v1`.
    pub type_name: Arc<str>,
    /// The stream it is published on: `bookshelf::book:command`.
    pub stream: Arc<str>,
    /// The identity of the aggregate it is about. Messages with one key are handled in order (L8);
    /// a message without a key is in nobody's way.
    pub key: Option<String>,
    /// Its own priority, always.
    pub priority: Priority,
    /// When it was made.
    pub time: Timestamp,
    /// The same for everything that one outside request caused.
    pub correlation_id: Arc<str>,
    /// The id of the message that caused this one.
    pub causation_id: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<Arc<str>>,
    /// The caller's key against repetition, on commands.
    pub idempotency_key: Option<String>,
    /// The aggregate's version and the event's number in it: `3.1`.
    pub sequence_id: Option<String>,
    /// The payload: a JSON object with sorted keys and no white space.
    pub data: String,
    /// What else the envelope said that this version has no field for; survives a round trip.
    pub rest: Option<Box<envelope::Rest>>,
}

impl Message {
    /// The rank inside its lane (L7).
    #[must_use]
    pub fn band(&self) -> Band {
        Band::of(self.priority)
    }

    /// The stream of the message's own aggregate: `bookshelf::book-0190…`.
    #[must_use]
    pub fn entity_stream(&self) -> String {
        match &self.key {
            Some(key) => format!("{}-{key}", self.stream),
            None => self.stream.to_string(),
        }
    }

    /// About how many bytes it holds, for bounds on buffers.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        const FIXED_BYTES: usize = 256;
        FIXED_BYTES + self.data.len() + self.key.as_ref().map_or(0, String::len)
    }
}

/// What stands for an idempotency key: keys are as long as their makers like, and belong to one
/// type of command.
#[must_use]
pub fn idempotency_digest(type_name: &str, key: &str) -> [u8; 16] {
    let mut hasher = Sha256::new();
    hasher.update(type_name.as_bytes());
    hasher.update([0]);
    hasher.update(key.as_bytes());
    let full: [u8; 32] = hasher.finalize().into();
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}

/// What everything that a message causes inherits from it.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The priority for what follows.
    pub priority: Priority,
    /// The correlation id for what follows.
    pub correlation_id: Arc<str>,
    /// The message that is being handled, if the work was not asked for from outside.
    pub message_id: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<Arc<str>>,
}

impl Cause {
    /// The cause of a request from outside.
    #[must_use]
    pub fn outside(priority: Priority, correlation_id: Option<Arc<str>>) -> Self {
        let correlation_id =
            correlation_id.unwrap_or_else(|| Uuid::now_v7().simple().to_string().into());
        Self {
            priority,
            correlation_id,
            message_id: None,
            traceparent: None,
        }
    }

    /// The cause that handling `message` is.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self {
            priority: message.priority,
            correlation_id: message.correlation_id.clone(),
            message_id: Some(message.id),
            traceparent: message.traceparent.clone(),
        }
    }
}

tokio::task_local! {
    static HANDLING: Cause;
}

/// Runs a handler so that commands it processes through a handle of the application inherit from
/// the message it handles.
///
/// # Cancel safety
/// As cancel safe as `work`.
pub async fn while_handling<F: Future>(cause: Cause, work: F) -> F::Output {
    let traceparent = cause.traceparent.clone();
    HANDLING
        .scope(cause, traceparent::inherit(traceparent, work))
        .await
}

/// The cause that the message being handled in this task is, if there is one.
#[must_use]
pub fn handling() -> Option<Cause> {
    HANDLING.try_with(Clone::clone).ok()
}
