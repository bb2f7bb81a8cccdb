//! The log of all messages, as people read it.

use std::sync::Arc;

use crate::message::Message;
use crate::{BoxFuture, Lane};

use super::Error;
use super::store::Position;

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

/// The log of all messages.
pub trait Log: Send + Sync + 'static {
    /// The messages of a stream (`bookshelf::book`) or of one aggregate's stream
    /// (`bookshelf::book-0190…`) from a position on, in order, at most `count_max`.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn read<'a>(
        &'a self,
        stream: &'a str,
        from: Position,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Error>>;

    /// Everything that one outside request caused, in order, at most `count_max`.
    ///
    /// # Errors
    /// When the store cannot answer.
    fn trace<'a>(
        &'a self,
        correlation_id: &'a str,
        count_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Entry>, Error>>;
}
